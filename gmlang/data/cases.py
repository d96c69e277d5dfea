"""Tables of cases: each column has the name of a variable, each row is one case.

They come as a table of texts, a data frame, a mapping of arrays, a structured array, or a list of
mappings. What a cell means is not known before the states of its variable are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Protocol, cast

import numpy as np

from gmlang.core.ast import Real
from gmlang.core.parameters import RowsSymbol
from gmlang.data.arrays import read_column
from gmlang.data.names import shown
from gmlang.data.scalars import is_number, unquoted
from gmlang.data.tables import Table
from gmlang.diagnostics import GmError, Span
from gmlang.errors.learning import cases as errors

_TOTAL_MAX = 1e12
"""Of more cases a hundredth of a nat is lost in the rounding of their sum."""


class Frame(Protocol):
    """A data frame, of any library."""

    @property
    def columns(self) -> Any:  # noqa: ANN401 - of any library
        """The names of the columns."""
        ...

    def __getitem__(self, name: Any, /) -> Any:  # noqa: ANN401 - of any library
        """Return a column."""
        ...


Given = Mapping[str, Any] | Sequence[Mapping[str, Any]] | np.ndarray | Frame | str | PathLike[str]
"""What a table of cases may be in Python: its columns, its rows, or the path of a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The cells of one column, as they came.

    Attributes:
        cells: an array, a column of a data frame, or a list; the first axis is the rows.
        number: of the column in a table of texts.
    """

    name: str
    cells: object
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """A table of cases.

    Attributes:
        name: of the data, as it is given.
        span: of its declaration.
        table: where its cells are written; None where it came from Python.
    """

    name: str
    span: Span
    columns: tuple[Column, ...]
    num_rows: int
    table: Table | None = None

    def first(self, limit: int | None) -> "Cases":
        """Return the first rows, so many; None for all."""
        if limit is None or limit >= self.num_rows:
            return self
        columns = tuple(replace(one, cells=_first(one.cells, limit)) for one in self.columns)
        return replace(self, columns=columns, num_rows=limit)

    def place(self, row: int, column: int) -> Span:
        """Return where a cell is written, or the declaration; row -1 is the header."""
        return self.span if self.table is None else self.table.place(row + 1, column)

    def row_text(self, row: int) -> str:
        """Name a row: counted from 1, and by its line in a file."""
        if self.table is None:
            return f"{row + 1}"
        return f"{row + 1} (line {self.table.lines[row + 1]})"


def _first(cells: Any, count: int) -> object:  # noqa: ANN401 - of any library
    return cells[:count]


def read_cases(symbol: RowsSymbol, value: object) -> Cases:
    """Copy a table of cases.

    Raises:
        GmError: when it is of no form that is known, has no header, or its columns differ.
    """
    if isinstance(value, Cases):
        return value
    name = shown(symbol)
    if isinstance(value, Table):
        return _of_table(symbol, value)
    found = _columns(value)
    if found is None:
        raise GmError([errors.no_table(symbol.span, name, type(value).__name__)])
    columns = [Column(str(key), _copied(cells)) for key, cells in found.items()]
    sizes = [_length(column.cells) for column in columns]
    if not columns:
        raise GmError([errors.no_columns(symbol.span, name)])
    for column, size in zip(columns, sizes, strict=True):
        if size is None:
            raise GmError([errors.no_cells(symbol.span, name, column.name)])
        if size != sizes[0]:
            first, other = (columns[0].name, sizes[0]), (column.name, size)
            raise GmError([errors.columns_differ(symbol.span, name, first, other)])
    return Cases(name, symbol.span, tuple(columns), sizes[0] or 0)


def _of_table(symbol: RowsSymbol, table: Table) -> Cases:
    header = [unquoted(cell) for cell in table.rows[0]]
    name = shown(symbol)
    known: set[str] = set()
    for number, text in enumerate(header):
        if not text or is_number(text):
            raise GmError([errors.no_header(table.place(0, number), name, text, number + 1)])
        if text in known:
            raise GmError([errors.column_twice(table.place(0, number), name, text)])
        known.add(text)
    cells = zip(*table.rows[1:], strict=True)
    columns = [Column(text, (), number) for number, text in enumerate(header)]
    if len(table.rows) > 1:
        pairs = zip(header, cells, strict=True)
        columns = [Column(text, list(own), k) for k, (text, own) in enumerate(pairs)]
    return Cases(name, symbol.span, tuple(columns), len(table.rows) - 1, table)


def _columns(value: Any) -> Mapping[object, object] | None:  # noqa: ANN401 - of any library
    """Return the columns of whatever a table may be; None where it is none."""
    if isinstance(value, Mapping):
        return cast("Mapping[object, object]", value)
    if hasattr(value, "columns") and hasattr(value, "__getitem__"):
        names = list(value.columns)
        return {name: value[name] for name in names} if len(set(names)) == len(names) else None
    fields = getattr(getattr(value, "dtype", None), "names", None)
    if fields is not None:
        return {name: value[name] for name in fields}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = cast("Sequence[object]", value)
        if items and all(isinstance(item, Mapping) for item in items):
            return _of_records(cast("Sequence[Mapping[object, object]]", items))
    return None


def _of_records(records: Sequence[Mapping[object, object]]) -> dict[object, object]:
    """Turn mappings into columns; what one does not have is missing in it."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [record.get(name) for record in records] for name in names}


def _copied(cells: Any) -> object:  # noqa: ANN401 - of any library
    if hasattr(cells, "copy") and hasattr(cells, "shape"):
        return cells.copy()
    if isinstance(cells, Iterable) and not isinstance(cells, str | bytes):
        return list(cast("Iterable[object]", cells))
    return cells


def _length(cells: Any) -> int | None:  # noqa: ANN401 - of any library
    shape = getattr(cells, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(cells) if isinstance(cells, list | tuple) else None


def weights_of(cases: Cases, column: Column) -> np.ndarray:
    """Read the weight of each row.

    Raises:
        GmError: naming the row whose weight is no number of at least 0, or when there is not one
            for each row, or they add up to too many cases.
    """
    found = read_column(Real(), column.name, cases.span, column.cells)
    if isinstance(found, tuple):
        row, cell = found
        where = cases.place(row, column.number)
        raise GmError([errors.no_weight(where, cases.name, cases.row_text(row), cell.shown)])
    place = cases.place(-1, column.number)
    if found.ndim != 1:
        shape = found.shape[1:]
        raise GmError([errors.weights_with_axes(place, cases.name, column.name, shape)])
    bad = ~((found >= 0) & np.isfinite(found))
    if bad.any():
        row = int(bad.argmax())
        where, weight = cases.place(row, column.number), float(found[row])
        text = cases.row_text(row)
        if np.isnan(weight):
            raise GmError([errors.weight_missing(where, cases.name, text)])
        raise GmError([errors.weight_outside(where, cases.name, text, weight)])
    with np.errstate(over="ignore"):
        total = float(found.sum())
    if total > _TOTAL_MAX:
        raise GmError([errors.weights_together(place, cases.name, total, _TOTAL_MAX)])
    return found.astype(np.float64)
