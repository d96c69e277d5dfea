"""A table of texts fitted to the data it is for: its header, its shape, its values."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.program import DataSymbol
from gmlang.data.names import own_name, shown
from gmlang.data.scalars import (
    Unreadable,
    expected,
    from_text,
    is_number,
    read_all,
    stored,
    unquoted,
)
from gmlang.data.tables import Table
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import data as errors
from gmlang.errors.shapes import table_shape

Sizes = tuple[int | None, ...]
"""For each declared axis its size, None where only the data says it."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The cells of a table that are values: all rows from `row`, `width` columns from `column`."""

    table: Table
    row: int
    column: int
    width: int

    @property
    def height(self) -> int:
        """How many rows have values."""
        return len(self.table.rows) - self.row

    @property
    def num_skipped(self) -> int:
        """Count the lines without values between the rows, which were left out."""
        lines = self.table.lines[self.row :]
        return lines[-1] - lines[0] + 1 - len(lines) if lines else 0

    def cells(self) -> list[str]:
        """List the texts, row by row."""
        first, last = self.column, self.column + self.width
        return [cell for row in self.table.rows[self.row :] for cell in row[first:last]]

    def place(self, index: int) -> Span:
        """Return where the value of that index, counted row by row, is written."""
        row, column = divmod(index, self.width)
        return self.table.place(self.row + row, self.column + column)


def from_table(
    symbol: DataSymbol, table: Table, declared: str, sizes: Sizes
) -> tuple[np.ndarray, Selection]:
    """Read a table as the values of data.

    Args:
        symbol: the data.
        table: what a file holds.
        declared: the shape as declared, for messages.
        sizes: what is known of it.

    Returns:
        The array, NaN where a value is missing, and where its values are written.

    Raises:
        GmError: naming the cell that is no value, or why the table does not fit.
    """
    chosen = _without_last_separators(symbol, _selected(symbol, table), sizes)
    shape = _shape(symbol, chosen, declared, sizes)
    values = read_all(symbol.type, chosen.cells())
    result = stored(symbol.type, values, shape) if isinstance(values, list) else values
    if isinstance(result, tuple):
        index, reason = result
        raise GmError([_bad_cell(symbol, chosen, index, reason)])
    return result, chosen


def _bad_cell(symbol: DataSymbol, chosen: Selection, index: int, reason: Unreadable) -> Diagnostic:
    place = chosen.place(index)
    row, column = divmod(index, chosen.width)
    line = chosen.table.lines[chosen.row + row]
    column = chosen.column + column + 1 if chosen.table.shape[1] > 1 else None
    what = errors.cell(shown(symbol), line, column)
    return errors.bad_cell(
        place, what, reason.shown, expected(symbol.type), reason.hint, symbol.span
    )


# --- Headers -----------------------------------------------------------------------------


def _selected(symbol: DataSymbol, table: Table) -> Selection:
    """Find the values: below a header that names the data, or everything."""
    width = table.shape[1]
    first = [unquoted(cell) for cell in table.rows[0]]
    names = {symbol.name, own_name(symbol), *symbol.outside}
    named = [column for column, text in enumerate(first) if text in names]
    unread = [isinstance(from_text(symbol.type, text), Unreadable) for text in first]
    is_line = len(table.rows) == 1 and width > 1
    if not named or (is_line and any(unread)):
        looks_named = all(text and not is_number(text) for text in first)
        if all(unread) and looks_named and len(table.rows) > 1:
            wanted = expected(symbol.type)
            raise GmError([errors.other_header(table.line(0), own_name(symbol), first, wanted)])
        return Selection(table, 0, 0, width)
    place = table.place(0, named[0])
    if not any(unread):
        text = errors.quoted(first[named[0]])
        raise GmError([errors.header_or_value(place, shown(symbol), text)])
    if len(named) > 1:
        raise GmError([errors.header_of_two(place, shown(symbol))])
    if len(table.rows) == 1:
        raise GmError([errors.header_alone(place, shown(symbol))])
    if any(is_number(text) for text in first):
        raise GmError([errors.header_with_number(place, shown(symbol))])
    return Selection(table, 1, named[0], 1)


# --- Shapes ------------------------------------------------------------------------------


def _without_last_separators(symbol: DataSymbol, chosen: Selection, sizes: Sizes) -> Selection:
    """Drop a last column of nothing, where it is known that it is none.

    Raises:
        GmError: where a value may be missing there.
    """
    table, width = chosen.table, chosen.width
    if chosen.row or width < 2 or any(row[-1].strip(" \t") for row in table.rows):
        return chosen
    shorter = Selection(table, chosen.row, chosen.column, width - 1)
    match len(symbol.shape):
        case 0:
            return shorter
        case 1 if chosen.height > 1:
            return shorter if width == 2 else chosen
        case 1 | 2:
            size = sizes[-1]
            # A table of one row may fill either axis.
            if size == 1 and chosen.height == 1:
                size = sizes[0]
        case _:
            return chosen
    if size is None:
        place = table.place(0, width - 1)
        raise GmError([errors.last_is_open(place, shown(symbol), table.separator_name)])
    return shorter if size == width - 1 else chosen


def _shape(symbol: DataSymbol, chosen: Selection, declared: str, sizes: Sizes) -> tuple[int, ...]:
    height, width = chosen.height, chosen.width
    match len(symbol.shape):
        case 0 if height == width == 1:
            return ()
        case 1 if height == 1 or width == 1:
            return (height * width,)
        case 2:
            # One line of values for a column, or the other way round.
            if sizes[1] == 1 and height == 1:
                return (width, 1)
            return (1, height) if sizes[0] == 1 and width == 1 else (height, width)
        case _:
            pass
    place, notes = chosen.table.line(chosen.row), errors.declared_here(symbol.span)
    found, skipped = (height, width), chosen.num_skipped
    raise GmError(
        [table_shape(place, shown(symbol), declared, found, len(symbol.shape), skipped, notes)]
    )
