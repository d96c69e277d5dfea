"""Factors that say nothing of the rest: those of a variable that no other factor mentions.

    sum over x of f(x, y) = the same for all y

Then what y is does not depend on the factor, unless x is observed: a composite that nobody
predicts, an event that is only asked about, an attribute that one model speaks of. Maxima need the
same of the largest entry.
"""

from math import prod

import numpy as np

from gmruntime.arrays import Bool
from gmruntime.factors.kind import Constraint
from gmruntime.factors.kinds import Gated, Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states, shape_of

_TOLERANCE = 1e-12
"""Sums of a conditional table differ by rounding only."""

_ENTRIES_MAX = 1 << 16
"""Blocks of other kinds with more entries than this are asked for their sums, not read."""


def leaves(
    graph: FactorGraph, fixed: Assignment, *, is_max: bool, kept: Bool[np.ndarray, " variables"]
) -> tuple[list[Bool[np.ndarray, " factors"]], Bool[np.ndarray, " variables"]]:
    """Say of each block which factors only tell what a variable is that nothing else depends on.

    Returns:
        them, and these variables.

    Args:
        graph: validated.
        fixed: a state for each variable that is fixed, -1 for the others.
        is_max: whether the rest is to be maximised instead of summed.
        kept: variables that are no such leaves, whatever mentions them.
    """
    count = graph.num_variables
    states = num_states(graph)
    out = [np.zeros(len(block.scopes), np.bool_) for block in graph.factors]
    degree = np.zeros(count, np.int64)
    for block in graph.factors:
        degree += np.bincount(block.scopes.reshape(-1), minlength=count)
    may_be = (fixed < 0) & ~kept
    found = np.zeros(count, np.bool_)
    tried = [np.zeros(block.scopes.shape, np.bool_) for block in graph.factors]
    is_growing = True
    while is_growing:
        is_growing = False
        for number, block in enumerate(graph.factors):
            arity = block.scopes.shape[1]
            if arity < 2 or not len(block.scopes):
                continue
            is_leaf = (degree == 1) & may_be
            for position in range(arity):
                fresh = is_leaf[block.scopes[:, position]] & ~out[number]
                some = np.flatnonzero(fresh & ~tried[number][:, position])
                if not len(some):
                    continue
                tried[number][some, position] = True
                gone = some[_is_constant(block, some, position, states, is_max=is_max)]
                out[number][gone] = True
                found[block.scopes[gone, position]] = True
                np.subtract.at(degree, block.scopes[gone].reshape(-1), 1)
                is_growing |= len(gone) > 0
    return out, found


def _is_constant(
    block: FactorBlock, rows: np.ndarray, position: int, states: np.ndarray, *, is_max: bool
) -> Bool[np.ndarray, " rows"]:
    """Say of factors whether they come to the same over a position, whatever the others are."""
    kind, shape = block.kind, shape_of(block, states)
    nothing = np.zeros(len(rows), np.bool_)
    if isinstance(kind, Gated) and position == 0:
        return nothing
    if isinstance(kind, Gated):
        index = rows if len(kind.log_potentials) > 1 else np.zeros(len(rows), np.int64)
        values = _over(kind.log_potentials[index], position, is_max=is_max)
        closed = 0.0 if is_max else np.log(shape[position])
        return np.asarray((np.abs(values - closed) <= _TOLERANCE).all(axis=1))
    if isinstance(kind, Table) or prod(shape) * kind.num_tables <= _ENTRIES_MAX:
        tables = kind.log_tables(shape)
        index = rows if len(tables) > 1 else np.zeros(len(rows), np.int64)
        values = _over(tables[index], 1 + position, is_max=is_max)
        first = values[:, :1]
        with np.errstate(invalid="ignore"):
            return np.isfinite(first[:, 0]) & (np.abs(values - first) <= _TOLERANCE).all(axis=1)
    sums = kind.log_sums(shape)
    if sums is None or (is_max and not isinstance(kind, Constraint)):
        return nothing
    found = np.broadcast_to(sums, (len(block.scopes), len(shape)))[rows, position]
    # Of what is 0 or 1 a sum of 1 says that the largest is 1 as well.
    return np.abs(found) <= _TOLERANCE if is_max else ~np.isnan(found)


def _over(tables: np.ndarray, axis: int, *, is_max: bool) -> np.ndarray:
    reduced = tables.max(axis=axis) if is_max else np.logaddexp.reduce(tables, axis=axis)
    return reduced.reshape(len(tables), -1)
