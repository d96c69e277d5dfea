"""What each activation's factors add to its log-odds, at most and at least, as arrays.

    term(a, f) = log f(a = 1, x) - log f(a = 0, x)

over all states x of the other variables of a factor f that agree with what is fixed. A block is
gone through once for each position and each pattern of what is fixed, by array arithmetic.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64, alike
from gmruntime.factors.kinds import Gated, Table
from gmruntime.graph import Assignment, FactorBlock, num_states, shape_of, table_indices
from gmruntime.graph import FactorGraph as Graph

_ENTRIES_MAX = 1 << 16
"""Blocks of other kinds with more entries than this are not written out: nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """One row for each factor of an activation that is not fixed.

    Attributes:
        owner: which activation, as a number among those asked about.
        highest: the largest term, nats; inf where the factor may forbid that it is off.
        lowest: the least term; -inf where the factor may forbid that it is on.
        source: another variable of the factor, which the term is due to; -1 for a prior.
    """

    owner: Int64[np.ndarray, " terms"]
    highest: Float64[np.ndarray, " terms"]
    lowest: Float64[np.ndarray, " terms"]
    source: Int64[np.ndarray, " terms"]


@dataclass(frozen=True, slots=True, eq=False)
class Depending:
    """Terms that depend on the state of one variable that is not fixed.

    Attributes:
        owner: as in `Terms`.
        variable: what each depends on.
        tables: the term in each of its states; -inf where the activation is then off, or where
            nothing is possible.
    """

    owner: Int64[np.ndarray, " terms"]
    variable: Int64[np.ndarray, " terms"]
    tables: Float64[np.ndarray, "terms states"]


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Which activations others make certain: `use`.

    Attributes:
        user: an activation, as a number among those asked about.
        used: another, which is on whenever that one is.
    """

    user: Int64[np.ndarray, " links"]
    used: Int64[np.ndarray, " links"]


def terms_of(
    graph: Graph,
    fixed: Assignment,
    activations: Int64[np.ndarray, " activations"],
    left_out: list[Bool[np.ndarray, " factors"]],
) -> tuple[Terms, list[Depending], Links]:
    """Find the terms of activations.

    Args:
        graph: validated.
        fixed: a state for each variable that is fixed, -1 for the others.
        activations: variables with two states.
        left_out: of each block, factors that do not count.
    """
    number = np.full(graph.num_variables, -1, np.int64)
    number[activations] = np.arange(len(activations))
    number[fixed >= 0] = -1
    states = num_states(graph)
    parts: list[Terms] = []
    depending: list[Depending] = []
    links: list[Links] = []
    for block, out in zip(graph.factors, left_out, strict=True):
        if not len(block.scopes) or not block.scopes.shape[1]:
            continue
        owners = number[block.scopes]
        for position in np.flatnonzero((owners >= 0).any(axis=0)).tolist():
            rows = np.flatnonzero((owners[:, position] >= 0) & ~out)
            for part in _of_position(block, position, rows, fixed, states):
                owner = owners[part.rows, position]
                others = np.delete(block.scopes[part.rows], position, axis=1)
                source = others[:, 0] if others.shape[1] else np.full(len(owner), -1)
                parts.append(Terms(owner, part.highest, part.lowest, source.astype(np.int64)))
                if part.tables is None or part.other is None:
                    continue
                variable = block.scopes[part.rows, part.other].astype(np.int64)
                if isinstance(block.kind, Gated) and position == 0:
                    links.append(_links(owner, number[variable], part.tables))
                shown = np.where(np.isnan(part.tables), -np.inf, part.tables)
                depending.append(Depending(owner, variable, shown))
    return _joined(parts), depending, _joined_links(links)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Terms of some rows of a block; `other` is the one position that tables depend on.

    In tables what is impossible, whether the activation is on or off, is NaN.
    """

    rows: np.ndarray
    highest: np.ndarray
    lowest: np.ndarray
    tables: np.ndarray | None = None
    other: int | None = None


def _of_position(
    block: FactorBlock, position: int, rows: np.ndarray, fixed: Assignment, states: np.ndarray
) -> Iterator[_Part]:
    """Give the terms of some factors of a block to the variable at a position."""
    arity = block.scopes.shape[1]
    held = fixed[block.scopes[rows]]
    is_free = held >= 0
    np.logical_not(is_free, out=is_free)
    is_free[:, position] = False
    patterns = is_free @ (1 << np.arange(min(arity, 62), dtype=np.int64)) if arity <= 62 else None
    if patterns is None:
        yield _unknown(block, rows, held, is_free, position)
        return
    for key, chosen in alike(patterns[:, None]) if is_free.any() else [([0], np.arange(len(rows)))]:
        pattern = key[0]
        free = [k for k in range(arity) if pattern >> k & 1]
        some, seen = rows[chosen], held[chosen]
        if not free:
            differences = _at(block, some, seen, position)
            yield _Part(some, differences, differences)
            continue
        tables = _tables(block, position, some, seen, free, states)
        if tables is None:
            yield _unknown(block, some, seen, is_free[chosen], position)
            continue
        flat = tables.reshape(len(tables), -1)
        impossible = np.isnan(flat)
        highest = np.where(impossible, -np.inf, flat).max(axis=1)
        lowest = np.where(impossible, np.inf, flat).min(axis=1)
        if len(free) == 1:
            yield _Part(some, highest, lowest, flat, free[0])
        else:
            yield _Part(some, highest, lowest)


def _at(block: FactorBlock, rows: np.ndarray, held: np.ndarray, position: int) -> np.ndarray:
    """Return the terms where everything else is fixed."""
    index = table_indices(block)[rows]
    on, off = held.copy(), held.copy()
    on[:, position], off[:, position] = 1, 0
    if isinstance(block.kind, Gated) and position == 0:
        return block.kind.log_values(index, on)
    return _difference(block.kind.log_values(index, on), block.kind.log_values(index, off))


def _difference(on: np.ndarray, off: np.ndarray) -> np.ndarray:
    """Subtract logs: NaN where both are impossible."""
    with np.errstate(invalid="ignore"):
        return on - off


def _tables(
    block: FactorBlock,
    position: int,
    rows: np.ndarray,
    held: np.ndarray,
    free: list[int],
    states: np.ndarray,
) -> np.ndarray | None:
    """Return the terms in all states of the positions that are free; None where those are many."""
    kind, shape = block.kind, shape_of(block, states)
    if isinstance(kind, Gated) and position > 0:
        return _behind_gate(kind, position, rows, held, free)
    if isinstance(kind, Gated):
        potentials, first = kind.log_potentials, 1
    elif isinstance(kind, Table) or prod(shape) * kind.num_tables <= _ENTRIES_MAX:
        potentials, first = kind.log_tables(shape), 0
    else:
        return None
    index = rows if len(potentials) > 1 else np.zeros(len(rows), np.int64)
    keys: list[np.ndarray | slice] = [
        slice(None) if k in free else held[:, k] for k in range(first, len(shape))
    ]
    if first:
        return _picked(potentials, index, keys)
    on, off = list(keys), list(keys)
    on[position], off[position] = np.ones_like(index), np.zeros_like(index)
    return _difference(_picked(potentials, index, on), _picked(potentials, index, off))


def _behind_gate(
    kind: Gated, position: int, rows: np.ndarray, held: np.ndarray, free: list[int]
) -> np.ndarray:
    """Return the terms to a variable behind a gate: none where the gate is off."""
    potentials, arity = kind.log_potentials, held.shape[1]
    index = rows if len(potentials) > 1 else np.zeros(len(rows), np.int64)
    keys: list[np.ndarray | slice] = [
        slice(None) if k in free else held[:, k] for k in range(1, arity)
    ]
    on, off = list(keys), list(keys)
    on[position - 1], off[position - 1] = np.ones_like(index), np.zeros_like(index)
    open_ = _difference(_picked(potentials, index, on), _picked(potentials, index, off))
    if 0 in free:
        return np.stack([np.zeros_like(open_), open_], axis=1)
    is_open = (held[:, 0] > 0).reshape(-1, *([1] * (open_.ndim - 1)))
    return np.where(is_open, open_, 0.0)


def _picked(
    potentials: np.ndarray, index: np.ndarray, keys: list[np.ndarray | slice]
) -> np.ndarray:
    """Index tables: rows first, then what is free, in its order."""
    # Where slices stand between arrays, NumPy puts the rows first of itself.
    return potentials[(index, *keys)]


def _unknown(
    block: FactorBlock, rows: np.ndarray, held: np.ndarray, is_free: np.ndarray, position: int
) -> _Part:
    """Return terms of which nothing is known, but for factors in which all else is fixed."""
    highest = np.full(len(rows), np.inf)
    lowest = np.full(len(rows), -np.inf)
    settled = ~is_free.any(axis=1)
    if settled.any():
        highest[settled] = lowest[settled] = _at(block, rows[settled], held[settled], position)
    return _Part(rows, highest, lowest)


def _links(owner: np.ndarray, other: np.ndarray, tables: np.ndarray) -> Links:
    """Find the terms that say that another activation must be on."""
    if tables.shape[1] != 2:
        nothing = np.zeros(0, np.int64)
        return Links(nothing, nothing)
    needs = (other >= 0) & np.isneginf(tables[:, 0]) & np.isfinite(tables[:, 1])
    return Links(owner[needs], other[needs])


def _joined(parts: list[Terms]) -> Terms:
    nothing = np.zeros(0, np.int64)
    return Terms(
        np.concatenate([nothing, *(p.owner for p in parts)]),
        np.concatenate([np.zeros(0), *(p.highest for p in parts)]),
        np.concatenate([np.zeros(0), *(p.lowest for p in parts)]),
        np.concatenate([nothing, *(p.source for p in parts)]),
    )


def _joined_links(parts: list[Links]) -> Links:
    nothing = np.zeros(0, np.int64)
    return Links(
        np.concatenate([nothing, *(p.user for p in parts)]),
        np.concatenate([nothing, *(p.used for p in parts)]),
    )
