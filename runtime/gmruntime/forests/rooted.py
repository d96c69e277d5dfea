"""Graphs whose factors join pairs of variables without a loop, as arrays for compiled passes.

Evidence is sliced out first: what counts is what is left free. Factors between the same two
variables are one edge.
"""

import math
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from gmruntime.answer import Query
from gmruntime.arrays import Bool, Float64, Int32, Int64, row_starts, rows_by, strides_of
from gmruntime.budget import Budget
from gmruntime.factors.decompose import to_tables
from gmruntime.factors.kinds import Table
from gmruntime.forests.forest import Forest
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states
from gmruntime.task import Task

NUM_EDGES_MIN = 1000
"""Smaller forests are eliminated like any other graph, in no time."""

_LOG_POTENTIAL_MAX = 100.0
"""The exponentials of larger logs, either way, are not kept: passes stay in logs."""

_ROWS_AT_ONCE = 1 << 16
"""Factors that are looked at together."""


def may_be_forest(graph: FactorGraph, evidence: Assignment) -> bool:
    """Say whether so many factors join pairs, none more, that a loop is not certain."""
    if graph.num_factors < NUM_EDGES_MIN:
        return False
    free = (evidence < 0) & (num_states(graph) > 1)
    num_edges = 0
    for block in graph.factors:
        if block.scopes.shape[1] < 2:
            continue
        num_free = sum(free[column].astype(np.int8) for column in block.scopes.T)
        assert isinstance(num_free, np.ndarray)
        if num_free.max(initial=0) > 2:
            return False
        num_edges += int((num_free == 2).sum())
    return num_edges >= NUM_EDGES_MIN


def forest_of(task: Task[Query], budget: Budget) -> Forest | None:
    """Lay out a graph as a forest; None where it is none, or has few edges.

    Raises:
        TimeoutError: when the budget ended first.
    """
    graph, evidence = task.graph, task.evidence
    if not may_be_forest(graph, evidence):
        return None
    tables = to_tables(graph, budget=budget)
    if tables is None or tables.num_variables != graph.num_variables:
        return None
    states = num_states(graph)
    settled = np.where(states == 1, np.int32(0), evidence)
    free = np.flatnonzero(settled < 0).astype(np.int32)
    number = np.full(len(settled), -1, np.int32)
    number[free] = np.arange(len(free), dtype=np.int32)
    own = states[free]
    del states
    sliced = _Sliced(number, row_starts(own), np.zeros(int(own.sum(dtype=np.int64))))
    for block in tables.factors:
        budget.check()
        sliced.add(block, settled)
    del settled
    return _rooted(sliced, free, own, budget)


@dataclass(slots=True, eq=False)
class _Sliced:
    """What is left of factors once their observed variables are fixed; grows block by block.

    Attributes:
        number: of each variable of the graph among the free ones; -1 of others.
        state_start: where each free variable's states begin in `local`.
        local: the scores of single states.
        below, above: of each link, the two free variables that it joins, as its table has them.
        entry: of each, where its table's part begins.
        form: of each, which of `strides` says how far apart two states of the two are there.
        strides: the forms of links.
        tables: all tables, one after another.
        num_entries: of them.
        log_constant: of the factors of which nothing is free.
    """

    number: Int32[np.ndarray, " variables"]
    state_start: Int64[np.ndarray, " free_and_end"]
    local: Float64[np.ndarray, " states"]
    below: list[np.ndarray] = field(default_factory=list[np.ndarray])
    above: list[np.ndarray] = field(default_factory=list[np.ndarray])
    entry: list[np.ndarray] = field(default_factory=list[np.ndarray])
    form: list[np.ndarray] = field(default_factory=list[np.ndarray])
    strides: list[np.ndarray] = field(default_factory=list[np.ndarray])
    tables: list[np.ndarray] = field(default_factory=list[np.ndarray])
    num_entries: int = 0
    log_constant: float = 0.0

    def add(self, block: FactorBlock, settled: Assignment) -> None:
        """Slice the tables of a block, of which at most two variables each are free."""
        assert isinstance(block.kind, Table)
        table = block.kind.log_potentials
        flat, strides = table.reshape(-1), strides_of(table.shape[1:])
        step = math.prod(table.shape[1:]) if len(table) > 1 else 0
        num_links = sum(map(len, self.entry))
        for first in range(0, len(block.scopes), _ROWS_AT_ONCE):
            scopes = block.scopes[first : first + _ROWS_AT_ONCE]
            base = step * np.arange(first, first + len(scopes), dtype=np.int64)
            held = settled[scopes]
            base += np.maximum(held, 0) @ strides
            self._add_some(scopes, base, held < 0, table.shape[1:], flat)
        if sum(map(len, self.entry)) > num_links:
            self.tables.append(flat)
            self.num_entries += len(flat)

    def _add_some(
        self,
        scopes: Int32[np.ndarray, "some arity"],
        base: Int64[np.ndarray, " some"],
        is_free: Bool[np.ndarray, "some arity"],
        shape: tuple[int, ...],
        flat: Float64[np.ndarray, " entries"],
    ) -> None:
        """Slice some tables, of which the part that counts begins at `base`."""
        number, strides = is_free.sum(axis=1), strides_of(shape)
        if (none := number == 0).any():
            self.log_constant += float(flat[base[none]].sum())
        for k in range(len(shape)):
            rows = np.flatnonzero((number == 1) & is_free[:, k])
            if len(rows):
                states = np.arange(shape[k])
                places = self.state_start[self.number[scopes[rows, k]]][:, None] + states
                np.add.at(self.local, places, flat[base[rows][:, None] + strides[k] * states])
        for pair in combinations(range(len(shape)), 2):
            rows = np.flatnonzero((number == 2) & is_free[:, pair].all(axis=1))
            if len(rows):
                self.below.append(self.number[scopes[rows, pair[0]]])
                self.above.append(self.number[scopes[rows, pair[1]]])
                self.entry.append(self.num_entries + base[rows])
                self.form.append(np.full(len(rows), len(self.strides), np.int32))
                self.strides.append(strides[list(pair)])


def _rooted(
    sliced: _Sliced,
    free: Int32[np.ndarray, " free"],
    states: Int32[np.ndarray, " free"],
    budget: Budget,
) -> Forest | None:
    from gmruntime.forests.walking import gather_ends, walk

    count = len(free)
    first, second = _taken(sliced.below), _taken(sliced.above)
    low, high = np.minimum(first, second), np.maximum(first, second)
    del second
    keys = low.astype(np.int64) * count + high
    edge: np.ndarray | None = None
    if not bool((keys[1:] > keys[:-1]).all()):
        keys, edge = np.unique(keys, return_inverse=True)
        low, high = np.divmod(keys, count)
        low, high, edge = low.astype(np.int32), high.astype(np.int32), edge.astype(np.int32)
    num_edges = len(keys)
    del keys
    if num_edges >= count:
        return None
    budget.check()
    near_start, near = np.zeros(count + 1, np.int64), np.empty(2 * num_edges, np.int32)
    near_edge, order = np.empty(2 * num_edges, np.int32), np.empty(count, np.int32)
    parent, edge_up = np.full(count, -1, np.int32), np.full(count, -1, np.int32)
    gather_ends(low, high, near_start, near, near_edge)
    del low, high
    if not walk(near_start, near, near_edge, order, parent, edge_up):
        return None
    del near_start, near, near_edge
    budget.check()
    # Of each edge, the variable from which it leads to its parent.
    child_of = np.empty(num_edges, np.int32)
    inner = np.flatnonzero(edge_up >= 0)
    child_of[edge_up[inner]] = inner
    del inner, edge_up
    child = child_of if edge is None else child_of[edge]
    entry, form = _taken(sliced.entry), _taken(sliced.form)
    # Links whose child stands second have forms of their own.
    form += len(sliced.strides) * (first != child).astype(np.int32)
    del first
    if bool((child[1:] >= child[:-1]).all()):
        link_start = row_starts(np.bincount(child, minlength=count))
    else:
        link_start, by_child = rows_by(child, count)
        entry, form = entry[by_child], form[by_child]
    strides = np.array(sliced.strides, np.int64)
    log_potentials = sliced.tables[0] if len(sliced.tables) == 1 else np.concatenate(sliced.tables)
    return Forest(
        free,
        order,
        parent,
        link_start,
        entry,
        form,
        np.concatenate([strides, strides[:, ::-1]]),
        states,
        sliced.state_start,
        sliced.local,
        log_potentials,
        _exponentials(log_potentials),
        sliced.log_constant,
    )


def _taken(parts: list[np.ndarray]) -> np.ndarray:
    """Return parts as one array, and forget them."""
    whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
    parts.clear()
    return whole


def _exponentials(log_potentials: np.ndarray) -> np.ndarray:
    finite = log_potentials[np.isfinite(log_potentials)]
    if np.abs(finite).max(initial=0.0) > _LOG_POTENTIAL_MAX:
        return np.empty(0)
    return np.exp(log_potentials)
