"""Two-dimensional arrays as lines: pictures of booleans, aligned grids of everything else."""

from collections.abc import Callable

import numpy as np

from gmlang.digits import Precision
from gmlang.graph.world.axes import Axis
from gmlang.views.layout import WIDTH_MAX, aligned, cut, places, total_width

OFF, ON = "·", "█"
"""False and true in a picture; a probability of exactly 0, and of exactly 1."""

SHADES = "░▒▓"
"""Probabilities in between: below a third, below two thirds, above."""

DIGITS = (6, 4, 3, 2)
"""Numbers in a grid get as many digits as there is room for."""

_HEADER_MAX = 12
"""Names of columns are cut to this."""

_COLUMNS_MIN = 3
"""A grid that is cut in its columns shows so many in any case."""


def picture(values: np.ndarray, rows: Axis, columns: Axis, room: int) -> list[str]:
    """Draw booleans, (rows, columns)."""
    signs = np.where(values, ON, OFF)
    return _signs(signs, rows, columns, room)


def chances(p: np.ndarray, rows: Axis, columns: Axis, precision: Precision, room: int) -> list[str]:
    """Write probabilities, (rows, columns): a picture where all are 0 or 1, in shades if wide."""
    if ((p == 0.0) | (p == 1.0)).all():
        return picture(p == 1.0, rows, columns, room)
    for digits in DIGITS:
        made = grid(
            p.shape, lambda i, j, d=digits: precision.cell(float(p[i, j]), d), rows, columns, room
        )
        if made is not None:
            return made
    steps = np.clip((3.0 * np.nan_to_num(p)).astype(np.int64), 0, 2)
    signs = np.where(p == 0.0, OFF, np.where(p == 1.0, ON, np.array(list(SHADES))[steps]))
    legend = f"{OFF} 0   {SHADES[0]} to 1/3   {SHADES[1]} to 2/3   {SHADES[2]} above   {ON} 1"
    return [*_signs(signs, rows, columns, room - 1), legend]


def _signs(signs: np.ndarray, rows: Axis, columns: Axis, room: int) -> list[str]:
    """Write one sign for each cell, without gaps where columns are only numbered."""
    count, width = signs.shape
    if columns.is_named():
        made = grid(signs.shape, lambda i, j: str(signs[i, j]), rows, columns, room)
        if made is not None:
            return made
    shown_columns = places(width, WIDTH_MAX - _label_width(rows) - 2)
    is_cut = None in shown_columns
    shown_rows = places(count, room - is_cut)
    labels: list[str] = []
    lines: list[str] = []
    for i in shown_rows:
        labels.append("" if i is None else _row_label(rows, i))
        if i is None:
            lines.append(_left_out(count, shown_rows, "rows"))
        else:
            lines.append("".join("…" if j is None else str(signs[i, j]) for j in shown_columns))
    if any(labels):
        lines = aligned([[label, line] for label, line in zip(labels, lines, strict=True)], " ")
    return [*lines, *([_left_out(width, shown_columns, "columns")] if is_cut else [])]


def grid(
    shape: tuple[int, ...],
    cell: Callable[[int, int], str],
    rows: Axis,
    columns: Axis,
    room: int,
    *,
    is_forced: bool = False,
) -> list[str] | None:
    """Write cells below each other; None where they are too wide, unless that is forced.

    Args:
        shape: rows and columns.
        cell: writes one.
        rows: how the rows are indexed; numbers are not written.
        columns: likewise; names stand above.
        room: lines at most.
        is_forced: whether the columns are cut in the middle until they fit.
    """
    count, width = shape
    room -= columns.is_named()
    # A cell and the gap beside it take two columns of a terminal at least.
    most = min(width, WIDTH_MAX // 2)
    while is_forced or most == width:
        shown_columns = places(width, most)
        is_cut = None in shown_columns
        shown_rows = places(count, room - is_cut)
        made = _cells(shown_rows, shown_columns, cell, rows, columns)
        wide = columns.is_named() or any(len(text) > 2 for row in made for text in row[1:])
        gap = "  " if wide else " "
        if total_width(made, gap) > WIDTH_MAX and most > _COLUMNS_MIN:
            most = most - 1 - most // 8 if is_forced else -1
            continue
        first = 1 if rows.is_named() else 0
        lines = aligned(
            [row[1 - first :] for row in made], gap, range(first, len(shown_columns) + first)
        )
        if None in shown_rows:
            place = shown_rows.index(None) + columns.is_named()
            lines.insert(place, _left_out(count, shown_rows, "rows"))
        return [*lines, *([_left_out(width, shown_columns, "columns")] if is_cut else [])]
    return None


def _cells(
    shown_rows: list[int | None],
    shown_columns: list[int | None],
    cell: Callable[[int, int], str],
    rows: Axis,
    columns: Axis,
) -> list[list[str]]:
    """Write the cells that are shown, with a column of labels and a row of names before them."""
    made: list[list[str]] = []
    if columns.is_named():
        names = ["…" if j is None else cut(columns.label(j), _HEADER_MAX) for j in shown_columns]
        made.append(["", *names])
    for i in shown_rows:
        if i is not None:
            cells = ["…" if j is None else cell(i, j) for j in shown_columns]
            made.append([_row_label(rows, i), *cells])
    return made


def _label_width(rows: Axis) -> int:
    return _HEADER_MAX if rows.is_named() else 0


def _row_label(rows: Axis, place: int) -> str:
    return cut(rows.label(place), _HEADER_MAX) if rows.is_named() else ""


def _left_out(count: int, shown: list[int | None], what: str) -> str:
    return f"… {count - len(shown) + 1} {what} left out"
