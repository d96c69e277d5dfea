"""Lines of text within a screen: widths, columns, and what is cut in the middle."""

from collections.abc import Iterable, Sequence
from unicodedata import east_asian_width

from gmruntime.printable import printable_line

LINES_MAX = 40
"""Longer answers are cut for the screen; `to_dict` has them whole."""

WIDTH_MAX = 100
"""No line of a value is wider, in columns of a terminal."""

LABEL_MAX = 44
"""Longer names are cut."""

LINE_WIDTH = 80
"""What fits this is written on one line."""

GAP = "   "
"""Between columns."""


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    >>> width_of("tea"), width_of("茶")
    (3, 2)
    """
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def cut(text: str, width: int = LABEL_MAX) -> str:
    """Write a name on one line, with at most so many columns.

    >>> cut("a long name", 6)
    'a lon…'
    """
    # A name of a million signs is not read whole.
    text = printable_line(text[: 4 * width])
    if width_of(text) <= width:
        return text
    while width_of(text) > width - 1:
        text = text[:-1]
    return text + "…"


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text with blanks to a width, on its left where it stands on the right."""
    blanks = " " * max(0, width - width_of(text))
    return blanks + text if right else text + blanks


def aligned(rows: Sequence[Sequence[str]], gap: str = GAP, right: Iterable[int] = ()) -> list[str]:
    """Write rows of cells with their columns below each other.

    >>> aligned([["a", "1"], ["bcd", "10"]], right=[1])
    ['a      1', 'bcd   10']
    """
    if not rows:
        return []
    widths = [max(width_of(row[k]) for row in rows) for k in range(len(rows[0]))]
    on_right = set(right)
    return [
        gap.join(
            padded(cell, width, right=k in on_right)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def total_width(rows: Sequence[Sequence[str]], gap: str = GAP) -> int:
    """Return how wide rows of cells are when they are aligned."""
    if not rows:
        return 0
    widths = [max(width_of(row[k]) for row in rows) for k in range(len(rows[0]))]
    return sum(widths) + len(gap) * (len(widths) - 1)


def kept(count: int, room: int) -> tuple[int, int]:
    """Return how many of a long list are kept at its beginning and at its end.

    One place of the room is for what says how many are left out.

    >>> kept(5, 5), kept(100, 7)
    ((5, 0), (3, 3))
    """
    if count <= room:
        return count, 0
    shown = max(1, room - 1)
    return shown - shown // 2, shown // 2


def places(count: int, room: int) -> list[int | None]:
    """List the places that are shown of a long list; None stands for those left out between.

    >>> places(9, 5)
    [0, 1, None, 7, 8]
    """
    first, last = kept(count, room)
    shown: list[int | None] = list(range(first))
    if first + last < count:
        shown.append(None)
    return [*shown, *range(count - last, count)]


def bounded(lines: list[str], room: int = LINES_MAX) -> list[str]:
    """Cut lines to what a screen has room for, in number and in width."""
    if len(lines) > room:
        left_out = len(lines) - room + 1
        lines = [*lines[: room - 1], f"… {left_out} more lines"]
    return [_narrow(line) for line in lines]


def _narrow(line: str) -> str:
    if width_of(line) <= WIDTH_MAX:
        return line
    while width_of(line) > WIDTH_MAX - 1:
        line = line[: len(line) - max(1, (width_of(line) - WIDTH_MAX + 1) // 2)]
    return line + "…"
