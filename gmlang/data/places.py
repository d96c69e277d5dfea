"""Places that data holds: a row and a column along the last axis, or written as a pair."""

from dataclasses import replace

import numpy as np

from gmlang.core.ast import Constant, Enum, Integer
from gmlang.core.places.grids import shown_place
from gmlang.core.program import DataSymbol
from gmlang.data.fitting import Selection
from gmlang.data.names import shown
from gmlang.diagnostics import GmError
from gmlang.errors import data as data_errors
from gmlang.errors import grounding as errors


def as_pairs(symbol: DataSymbol) -> DataSymbol:
    """Return data of places as data of whole numbers, with an axis of two more.

    Any other data is returned as it is.
    """
    if not isinstance(symbol.type, Enum) or symbol.type.grid is None:
        return symbol
    return replace(
        symbol, shape=(*symbol.shape, Constant(symbol.span, 2, Integer())), type=Integer()
    )


def pairs_of(symbol: DataSymbol, values: np.ndarray) -> np.ndarray:
    """Return the rows and columns of values of a grid, along one axis more; NaN where missing."""
    assert isinstance(symbol.type, Enum)
    grid = symbol.type.grid
    assert grid is not None
    down, aside = np.divmod(values, grid.columns)
    return np.stack([down + grid.row, aside + grid.column], axis=-1)


def as_values(
    symbol: DataSymbol, pairs: np.ndarray, written: Selection | None = None
) -> np.ndarray:
    """Return the values of a grid that pairs are; NaN where a row or a column is missing.

    Args:
        symbol: the data, of places.
        pairs: rows and columns along the last axis.
        written: where in a file they stand.

    Raises:
        GmError: naming the first place outside the grid.
    """
    assert isinstance(symbol.type, Enum)
    grid = symbol.type.grid
    assert grid is not None
    down, aside = pairs[..., 0] - grid.row, pairs[..., 1] - grid.column
    missing = np.isnan(down) | np.isnan(aside)
    outside = (down < 0) | (down >= grid.rows) | (aside < 0) | (aside >= grid.columns)
    bad = outside & ~missing
    if bad.any():
        place = tuple(int(k) for k in np.argwhere(bad)[0])
        what = data_errors.entry(shown(symbol), place)
        row, column = (int(part) for part in pairs[bad][0])
        span, notes = symbol.span, ()
        if written is not None:
            span = written.place(2 * int(np.flatnonzero(bad)[0]))
            notes = data_errors.declared_here(symbol.span)
        domain = f"{grid.shown()}, {grid.extent()}"
        told = shown_place(row, column)
        raise GmError([errors.value_outside_domain(span, what, told, domain, notes, "")])
    values = down * grid.columns + aside
    return np.where(missing, np.nan, values) if missing.any() else values.astype(np.int64)
