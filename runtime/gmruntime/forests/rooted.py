"""Graphs whose factors join pairs of variables without a loop, as arrays for compiled passes.

Evidence is sliced out first: what counts is what is left free. Factors between the same two
variables are one edge.
"""

import numpy as np

from gmruntime.answer import Query
from gmruntime.arrays import row_starts
from gmruntime.budget import Budget
from gmruntime.factors.decompose import to_tables
from gmruntime.flat import FlatGraph, flatten, local_scores
from gmruntime.forests.forest import Forest
from gmruntime.graph import Assignment, FactorGraph, num_states
from gmruntime.simplify.working import condition
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
        num_free = free[block.scopes].sum(axis=1)
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
    tables = to_tables(graph)
    if tables is None or tables.num_variables != graph.num_variables:
        return None
    budget.check()
    settled = np.where(num_states(graph) == 1, 0, evidence).astype(np.int32)
    flat = condition(flatten(tables), settled)
    budget.check()
    return _rooted(flat, settled < 0, budget)


def _rooted(flat: FlatGraph, is_free: np.ndarray, budget: Budget) -> Forest | None:
    from gmruntime.forests.compiled import walk

    num_variables = len(flat.num_states)
    pairs = np.flatnonzero(np.diff(flat.factor_start) == 2)
    first = flat.factor_start[pairs]
    ends = np.stack([flat.edge_variable[first], flat.edge_variable[first + 1]], axis=1)
    low, high = ends.min(axis=1).astype(np.int64), ends.max(axis=1).astype(np.int64)
    keys, edge = np.unique(low * num_variables + high, return_inverse=True)
    joined = np.stack([keys // num_variables, keys % num_variables], axis=1)
    if len(joined) >= is_free.sum():
        return None
    budget.check()
    owners = joined.reshape(-1)
    by_owner = np.argsort(owners, kind="stable")
    near_start = row_starts(np.bincount(owners, minlength=num_variables))
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
    child = child_of[edge]
    by_child = np.argsort(child, kind="stable")
    pairs, child = pairs[by_child], child[by_child]
    first = flat.factor_start[pairs]
    is_turned = flat.edge_variable[first] != child
    stride = np.stack([flat.strides[first], flat.strides[first + 1]], axis=1)
    stride = np.where(is_turned[:, None], stride[:, ::-1], stride)
    states = flat.num_states.astype(np.int64)
    lengths = np.where(parent >= 0, states[parent], 0)
    state_start, local = local_scores(flat, np.flatnonzero(np.diff(flat.factor_start) == 1))
    return Forest(
        order,
        parent,
        row_starts(np.bincount(child, minlength=num_variables)),
        flat.table_start[pairs],
        np.ascontiguousarray(stride),
        flat.num_states,
        state_start,
        row_starts(lengths),
        local,
        flat.log_potentials,
        _exponentials(flat.log_potentials),
        flat.log_constant,
    )


def _exponentials(log_potentials: np.ndarray) -> np.ndarray:
    finite = log_potentials[np.isfinite(log_potentials)]
    if np.abs(finite).max(initial=0.0) > _LOG_POTENTIAL_MAX:
        return np.empty(0)
    return np.exp(log_potentials)
