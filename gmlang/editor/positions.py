"""Places in a text as editors count them: lines, and units of an encoding within a line."""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line for the protocol, and nothing else: Python's `splitlines` knows more."""

_UNITS: Mapping[str, Callable[[str], int]] = {
    "utf-8": lambda text: len(text.encode("utf-8", "surrogatepass")),
    "utf-16": lambda text: len(text) + sum(character > "\uffff" for character in text),
    "utf-32": len,
}


class Lines:
    """The lines of a text.

    Attributes:
        text: all of it.
        encoding: what the columns count: "utf-8", "utf-16" or "utf-32".
    """

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        """Find the lines."""
        self.text, self.encoding = text, encoding
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
        self._ends = [*(match.start() for match in _LINE_END.finditer(text)), len(text)]
        self._is_plain = text.isascii()

    def offset(self, line: int, column: int) -> int:
        """Return the character at a position; one beyond a line or the text is its end.

        >>> Lines('"\U0001f600" x').offset(0, 5)
        4
        """
        if line < 0:
            return 0
        if line >= len(self._starts):
            return len(self.text)
        start, end = self._starts[line], self._ends[line]
        if self._is_plain or self.encoding == "utf-32":
            return min(start + max(column, 0), end)
        units, used = _UNITS[self.encoding], 0
        for at in range(start, end):
            if used >= column:
                return at
            used += units(self.text[at])
        return end

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of a character, both from 0.

        >>> Lines('"\U0001f600" x').position(4)
        (0, 5)
        """
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._starts, offset) - 1
        start = self._starts[line]
        if self._is_plain:
            return line, offset - start
        return line, _UNITS[self.encoding](self.text[start:offset])


def moved(old: str, new: str, offset: int) -> int | None:
    """Return where a character of a text is in an earlier text, None where it was not there.

    Args:
        old: the earlier text.
        new: the text now.
        offset: of the character in the new text.
    """
    return Change.between(old, new).before(offset)


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two texts: one part, behind what both begin with.

    Attributes:
        start: of the part, in both.
        old_end: of the part in the earlier text.
        new_end: of the part in the text now.
    """

    start: int
    old_end: int
    new_end: int

    @classmethod
    def between(cls, old: str, new: str) -> "Change":
        """Find it."""
        if old == new:
            return cls(len(old), len(old), len(old))
        shorter = min(len(old), len(new))
        first = _common(old, new, shorter)
        last = _common(old[::-1], new[::-1], shorter - first)
        return cls(first, len(old) - last, len(new) - last)

    def before(self, offset: int) -> int | None:
        """Return where a character now is in the earlier text, None where it was not there."""
        if offset < self.start or self.old_end == self.new_end == self.start:
            return offset
        return offset - self.new_end + self.old_end if offset > self.new_end else None

    def after(self, start: int, end: int) -> tuple[int, int] | None:
        """Return where a span of the earlier text is now, None where its beginning is gone.

        >>> Change.between("a bc d", "a bxc d").after(2, 4), Change.between("ab", "b").after(0, 1)
        ((2, 5), None)
        """
        if self.start <= start < self.old_end:
            return None
        grown = self.new_end - self.old_end
        now = start if start < self.start else start + grown
        if end <= self.start:
            return now, end
        return now, max(end, self.old_end) + grown


def _common(one: str, other: str, most: int) -> int:
    """Return how many characters two texts begin with alike."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
