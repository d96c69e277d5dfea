"""Tables that join one variable to many: what an index of patterns says of each position.

`prefer x[i] == pattern[m, i]` has a table over m and x[i] for each i. Together these are one
factor, which engines take apart with a product instead of going from table to table.
"""

import numpy as np

from gmlang.graph.builder import Builder, Origin
from gmlang.graph.lowering import table_sizes
from gmruntime.arrays import rows_by
from gmruntime.factors.kinds import Memory

_POSITIONS_MIN = 8
"""Of a pattern; shorter ones are a few tables."""

_DRAWN_ENTRIES = 1 << 20
"""What is drawn stays as it is up to here: much is made of its rows adding up to one."""

_SYMBOLS_MAX = 16
_PATTERNS_EACH = 4
"""Symbols are worth it where there are few, for so many patterns each."""


def add_memory(builder: Builder, tables: np.ndarray, scopes: np.ndarray, origin: Origin) -> bool:
    """Add tables over pairs as memories; False where they do not fan out from few variables.

    Args:
        builder: grows.
        tables: one for each factor, (factors, states, states).
        scopes: of the tables.
        origin: where they come from.
    """
    if origin.model or tables.ndim != 3 or len(tables) != len(scopes):
        return False
    if len(tables) < _POSITIONS_MIN or tables.size <= table_sizes.SMALL_ENTRIES:
        return False
    if origin.kind == "draw" and tables.size <= _DRAWN_ENTRIES:
        return False
    for axis in (0, 1):
        groups = _fans(scopes[:, axis], scopes[:, 1 - axis])
        if groups is not None:
            own = tables if axis == 0 else tables.swapaxes(1, 2)
            kind = _memory([own[rows] for rows in groups])
            index = scopes[groups[:, 0], axis]
            builder.add_factors(kind, np.column_stack([index, scopes[groups, 1 - axis]]), origin)
            return True
    return False


def _fans(index: np.ndarray, cells: np.ndarray) -> np.ndarray | None:
    """Return the rows of each index, where all have as many cells and none has one twice."""
    each, which = np.unique(index, return_inverse=True)
    width = len(index) // len(each)
    if width < _POSITIONS_MIN or (np.bincount(which) != width).any():
        return None
    _, order = rows_by(which.reshape(-1), len(each))
    groups = order.reshape(len(each), width)
    found = np.sort(np.column_stack([each, cells[groups]]), axis=1)
    return None if (found[:, 1:] == found[:, :-1]).any() else groups


def _memory(tables: list[np.ndarray]) -> Memory:
    """Return memories of tables (positions, patterns, states), one for all where these agree."""
    if all(np.array_equal(tables[0], own) for own in tables[1:]):
        tables = tables[:1]
    if len(tables) == 1:
        found = _symbols(tables[0])
        if found is not None:
            return Memory(found[0][None], found[1][None])
    patterns = np.stack([own.swapaxes(0, 1) for own in tables])
    return Memory(np.ascontiguousarray(patterns))


def _symbols(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Write patterns by what few things they say in each position; None where these are many.

    Args:
        tables: (positions, patterns, states).

    Returns:
        what each symbol says, (symbols, positions, states), and the symbols of each pattern.
    """
    count = tables.shape[1]
    most = min(_SYMBOLS_MAX, count // _PATTERNS_EACH)
    # Where a few patterns have many already, nobody goes through the others.
    few = tables[:, : 2 * most]
    if most == 0 or (count > 2 * most and _told(few, most) is None):
        return None
    return _told(tables, most)


def _told(tables: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray] | None:
    places = np.arange(len(tables))
    symbols = np.zeros(tables.shape[:2], np.uint8)
    is_open = np.ones(tables.shape[:2], np.bool_)
    said: list[np.ndarray] = []
    while is_open.any():
        if len(said) == most:
            return None
        own = tables[places, is_open.argmax(axis=1)]
        same = is_open & (tables == own[:, None]).all(axis=2)
        symbols[same] = len(said)
        is_open &= ~same
        said.append(own)
    return np.stack(said), np.ascontiguousarray(symbols.T)
