"""Graphs whose factors join pairs of variables without a loop, as arrays for compiled passes.

Evidence is sliced out first: what counts is what is left free. Factors between the same two
variables are one edge.
"""

import math
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from gmruntime.answer import Query
from gmruntime.arrays import Float64, Int32, Int64, row_starts, rows_by, strides_of
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
    settled = np.where(states == 1, 0, evidence).astype(np.int32)
    sliced = _Sliced(row_starts(states), np.zeros(int(states.sum())))
    for block in tables.factors:
        budget.check()
        sliced.add(block, settled)
    return _rooted(sliced, states, settled < 0, budget)


@dataclass(slots=True, eq=False)
class _Sliced:
    """What is left of factors once their observed variables are fixed; grows block by block.

    Attributes:
        state_start: where each variable's states begin in `local`.
        local: the scores of single states.
        ends: of each link, the two variables that it joins; with these its table's part, and how
            far apart two states of each are in it.
        entry: likewise.
        stride: likewise.
        tables: all tables, one after another.
        num_entries: of them.
        log_constant: of the factors of which nothing is free.
    """

    state_start: Int64[np.ndarray, " variables_and_end"]
    local: Float64[np.ndarray, " states"]
    ends: list[np.ndarray] = field(default_factory=list[np.ndarray])
    entry: list[np.ndarray] = field(default_factory=list[np.ndarray])
    stride: list[np.ndarray] = field(default_factory=list[np.ndarray])
    tables: list[np.ndarray] = field(default_factory=list[np.ndarray])
    num_entries: int = 0
    log_constant: float = 0.0

    def add(self, block: FactorBlock, settled: Assignment) -> None:
        """Slice the tables of a block, of which at most two variables each are free."""
        assert isinstance(block.kind, Table)
        table = block.kind.log_potentials
        count, arity = block.scopes.shape
        shape, flat = table.shape[1:], table.reshape(-1)
        step = math.prod(shape) if len(table) > 1 else 0
        base: np.ndarray = step * np.arange(count, dtype=np.int64)
        is_free = np.empty((count, arity), np.bool_)
        strides = strides_of(shape)
        for k in range(arity):
            held = settled[block.scopes[:, k]]
            is_free[:, k] = held < 0
            base += strides[k] * np.maximum(held, 0)
        number = is_free.sum(axis=1)
        if (none := number == 0).any():
            self.log_constant += float(flat[base[none]].sum())
        for k in range(arity):
            rows = np.flatnonzero((number == 1) & is_free[:, k])
            if len(rows):
                states = np.arange(shape[k])
                places = self.state_start[block.scopes[rows, k]][:, None] + states
                np.add.at(self.local, places, flat[base[rows][:, None] + strides[k] * states])
        for pair in combinations(range(arity), 2):
            rows = np.flatnonzero((number == 2) & is_free[:, pair].all(axis=1))
            if len(rows):
                self.ends.append(block.scopes[rows][:, list(pair)])
                self.entry.append(self.num_entries + base[rows])
                self.stride.append(np.broadcast_to(strides[list(pair)], (len(rows), 2)))
        if (number == 2).any():
            self.tables.append(flat)
            self.num_entries += len(flat)


def _rooted(
    sliced: _Sliced, states: Int32[np.ndarray, " variables"], is_free: np.ndarray, budget: Budget
) -> Forest | None:
    from gmruntime.forests.compiled import walk

    num_variables = len(states)
    ends, entry = np.concatenate(sliced.ends), np.concatenate(sliced.entry)
    stride = np.concatenate(sliced.stride)
    low, high = ends.min(axis=1).astype(np.int64), ends.max(axis=1).astype(np.int64)
    keys, edge = low * num_variables + high, np.arange(len(ends))
    if (np.diff(keys) <= 0).any():
        keys, edge = np.unique(keys, return_inverse=True)
    joined = np.stack([keys // num_variables, keys % num_variables], axis=1)
    if len(joined) >= is_free.sum():
        return None
    budget.check()
    near_start, by_owner = rows_by(joined.reshape(-1), num_variables)
    order = np.empty(int(is_free.sum()), np.int32)
    parent = np.full(num_variables, -1, np.int32)
    edge_up = np.full(num_variables, -1, np.int64)
    near = joined[:, ::-1].reshape(-1)[by_owner]
    if not walk(is_free, near_start, near, by_owner // 2, order, parent, edge_up):
        return None
    budget.check()
    # Of each edge, the variable from which it leads to its parent.
    child_of = np.empty(len(keys), np.int64)
    inner = np.flatnonzero(edge_up >= 0)
    child_of[edge_up[inner]] = inner
    link_start, by_child = rows_by(child_of[edge], num_variables)
    is_turned = ends[by_child, 0] != child_of[edge][by_child]
    stride = np.where(is_turned[:, None], stride[by_child, ::-1], stride[by_child])
    log_potentials = np.concatenate(sliced.tables)
    return Forest(
        order,
        parent,
        link_start,
        entry[by_child],
        np.ascontiguousarray(stride),
        states,
        sliced.state_start,
        row_starts(np.where(parent >= 0, states[parent], 0)),
        sliced.local,
        log_potentials,
        _exponentials(log_potentials),
        sliced.log_constant,
    )


def _exponentials(log_potentials: np.ndarray) -> np.ndarray:
    finite = log_potentials[np.isfinite(log_potentials)]
    if np.abs(finite).max(initial=0.0) > _LOG_POTENTIAL_MAX:
        return np.empty(0)
    return np.exp(log_potentials)
