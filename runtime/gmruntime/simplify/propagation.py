"""Which states can still occur: arc consistency on the forbidden entries of tables.

Source: Mackworth (1977), "Consistency in networks of relations"; generalised to any arity.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gmruntime.arrays import Bool, Float64, Int64, alike
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.flat import FlatGraph

# Entries of all tables with forbidden ones; beyond this a pass over them takes too long.
NUM_ENTRIES_MAX = 20_000_000

# Passes over all tables; deep chains need many, and each one is exact, so it may stop early.
NUM_PASSES_MAX = 500


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Factors whose variables have the same numbers of states, axis by axis."""

    scopes: Int64[np.ndarray, "factors arity"]
    allowed: Bool[np.ndarray, "factors *states"]


def possible_states(
    flat: FlatGraph, budget: Budget = UNLIMITED
) -> Bool[np.ndarray, "variables states"]:
    """Mark for each variable the states that no factor rules out; padded with False.

    A variable without any possible state proves that every assignment is forbidden.

    Raises:
        TimeoutError: when the budget ended first.
    """
    most = int(flat.num_states.max(initial=1))
    alive = np.arange(most)[None, :] < flat.num_states[:, None]
    groups = _groups(flat)
    for _ in range(NUM_PASSES_MAX):
        before = int(alive.sum())
        for group in groups:
            budget.check()
            _filter(group, alive)
        if int(alive.sum()) == before or not alive.any(axis=1).all():
            break
    return alive


def _tables(
    flat: FlatGraph,
) -> Iterator[tuple[Int64[np.ndarray, " factors"], Float64[np.ndarray, "factors *states"]]]:
    """Yield the factors of one shape at a time, and their tables."""
    arities = np.diff(flat.factor_start)
    for arity in np.unique(arities[arities > 0]).tolist():
        of_arity = np.flatnonzero(arities == arity)
        edges = flat.factor_start[of_arity][:, None] + np.arange(arity)
        shapes = flat.num_states[flat.edge_variable[edges]].astype(np.int64)
        for shape, items in alike(shapes):
            yield of_arity[items], _tables_of(flat, shape, of_arity[items], edges[items])


def _tables_of(
    flat: FlatGraph, shape: list[int], factors: np.ndarray, edges: np.ndarray
) -> Float64[np.ndarray, "factors *states"]:
    if len(factors) == 1:
        # A single one may have millions of entries, whose places would take more than they do.
        values = flat.log_potentials[flat.table_start[factors[0]] :]
        strides = values.itemsize * flat.strides[edges[0]]
        return as_strided(values, shape, strides.tolist(), writeable=False)[None]
    entries = flat.table_start[factors].reshape(-1, *([1] * len(shape)))
    for axis, count in enumerate(shape):
        steps = flat.strides[edges[:, axis]][:, None] * np.arange(count)
        along = [1] * (len(shape) + 1)
        along[0], along[axis + 1] = len(factors), count
        entries = entries + steps.reshape(along)
    return flat.log_potentials[entries]


def num_entries(flat: FlatGraph) -> int:
    """Count the entries of all factors, shared tables as often as they are used."""
    states = flat.num_states[flat.edge_variable].astype(np.float64)
    if not len(flat.table_start):
        return 0
    return int(np.multiply.reduceat(states, flat.factor_start[:-1]).sum())


def _groups(flat: FlatGraph) -> list[_Group]:
    if num_entries(flat) > NUM_ENTRIES_MAX or not np.isneginf(flat.log_potentials).any():
        return []
    groups: list[_Group] = []
    for factors, tables in _tables(flat):
        allowed = tables > -np.inf
        hard = ~allowed.reshape(len(factors), -1).all(axis=1)
        if hard.any():
            edges = flat.factor_start[factors][:, None] + np.arange(allowed.ndim - 1)
            scopes = flat.edge_variable[edges[hard]].astype(np.int64)
            groups.append(_Group(scopes, allowed[hard]))
    return groups


def compact(flat: FlatGraph) -> FlatGraph:
    """Give every factor a table of its own, in C order and without gaps.

    Slicing leaves tables that are scattered over larger ones; a proof that reads a table from its
    first entry to its last needs them gathered.
    """
    tables = np.zeros(num_entries(flat))
    starts = np.zeros(len(flat.table_start), np.int64)
    strides = np.zeros(len(flat.strides), np.int64)
    used = 0
    for factors, own in _tables(flat):
        size = own.size // len(factors)
        tables[used : used + own.size].reshape(own.shape)[...] = own
        starts[factors] = used + size * np.arange(len(factors))
        used += own.size
        shape = np.array((*own.shape[2:], 1), np.int64)
        edges = flat.factor_start[factors][:, None] + np.arange(own.ndim - 1)
        strides[edges] = np.cumprod(shape[::-1])[::-1]
    return replace(flat, table_start=starts, strides=strides, log_potentials=tables)


def _filter(group: _Group, alive: Bool[np.ndarray, "variables states"]) -> None:
    """Remove the states that lost their last support in some factor of the group."""
    shape = group.allowed.shape
    arity = len(shape) - 1
    supported = group.allowed.copy()
    for axis in range(arity):
        along = [1] * (arity + 1)
        along[0], along[axis + 1] = shape[0], shape[axis + 1]
        supported &= alive[group.scopes[:, axis], : shape[axis + 1]].reshape(along)
    for axis in range(arity):
        others = tuple(k + 1 for k in range(arity) if k != axis)
        remains = supported.any(axis=others) if others else supported
        states = np.arange(shape[axis + 1])[None, :]
        np.logical_and.at(alive, (group.scopes[:, axis, None], states), remains)
