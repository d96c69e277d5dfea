"""The working graph of a search: tables only, evidence sliced out, in connected pieces.

Everything the engines see is a `Piece`; only this file knows how its variables relate to those of
the graph that was asked.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, component_of, first_largest
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.flat import (
    FlatGraph,
    entries_at,
    flatten,
    linked,
    local_scores,
    sum_by_factor,
)
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.simplify.propagation import possible_states

# Pieces beyond this many are searched together: engines have a cost for each piece.
_NUM_PIECES_MAX = 64


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of the working graph that shares no factor with the rest.

    Attributes:
        flat: its factors; variables are numbered from 0.
        variables: the working graph's index of each of them.
    """

    flat: FlatGraph
    variables: Int32[np.ndarray, " variables"]


@dataclass(frozen=True, slots=True, eq=False)
class Working:
    """What there is to search.

    Attributes:
        num_variables: of the graph that was asked; the working graph's first ones are the same.
        settled: the state of each working variable that needs no search, -1 where it does.
        log_constant: the part of the score that `settled` decides; -inf when it is impossible.
        pieces: what is left to search.
        flat: the whole working graph, nothing sliced out.
    """

    num_variables: int
    settled: Int32[np.ndarray, " working_variables"]
    log_constant: float
    pieces: tuple[Piece, ...]
    flat: FlatGraph


def working_graph(
    graph: FactorGraph, evidence: Assignment, budget: Budget = UNLIMITED
) -> Working | None:
    """Write all factors as tables, slice out the evidence and split what is left into pieces.

    None when a factor is too large for that.

    Raises:
        TimeoutError: when the budget ended first.
    """
    from gmruntime.factors.decompose import to_tables

    tables = to_tables(graph, budget=budget)
    if tables is None:
        return None
    budget.check()
    flat = flatten(tables)
    budget.check()
    settled = np.where(flat.num_states == 1, 0, -1).astype(np.int32)
    observed = np.flatnonzero(evidence >= 0)
    settled[observed] = evidence[observed]
    sliced = condition(flat, settled)
    budget.check()
    alive = possible_states(sliced, budget)
    if not alive.any(axis=1).all():
        return Working(graph.num_variables, settled, float("-inf"), (), flat)
    forced = (settled < 0) & (alive.sum(axis=1) == 1)
    settled = np.where(forced, alive.argmax(axis=1), settled).astype(np.int32)
    sliced = condition(sliced, np.where(forced, settled, -1).astype(np.int32))
    settled, sliced = _settle_free_variables(sliced, settled)
    budget.check()
    pieces = _pieces(sliced, settled)
    return Working(graph.num_variables, settled, sliced.log_constant, pieces, flat)


def complete(working: Working, assignment: Assignment) -> Int32[np.ndarray, " all_variables"]:
    """Extend an assignment of the graph that was asked to the auxiliary variables.

    Each of them is a function of those before it.
    """
    flat, known = working.flat, working.num_variables
    whole = np.zeros(len(flat.num_states), np.int32)
    whole[:known] = assignment
    for variable in range(known, len(whole)):
        own = slice(flat.variable_start[variable], flat.variable_start[variable + 1])
        scores = np.zeros(flat.num_states[variable])
        for edge in flat.variable_edges[own]:
            factor = flat.edge_factor[edge]
            scope = slice(flat.factor_start[factor], flat.factor_start[factor + 1])
            others = flat.edge_variable[scope]
            if others.max() > variable:
                continue
            whole[variable] = 0
            entry = flat.table_start[factor] + flat.strides[scope] @ whole[others]
            states = np.arange(flat.num_states[variable])
            scores = scores + flat.log_potentials[entry + flat.strides[edge] * states]
        whole[variable] = np.argmax(scores)
    return whole


def flat_score(flat: FlatGraph, assignment: Assignment) -> float:
    """Sum the factors at an assignment, in float64; -inf where one forbids it."""
    return float(_factor_values(flat, assignment).sum()) + flat.log_constant


def _factor_values(flat: FlatGraph, assignment: Assignment) -> Float64[np.ndarray, " factors"]:
    """Look up every factor at an assignment."""
    return flat.log_potentials[entries_at(flat, assignment)]


def condition(flat: FlatGraph, settled: Assignment) -> FlatGraph:
    """Fix the variables that have a state in `settled`: their edges go, the tables stay.

    Which part of a table still counts is said by where it starts.
    """
    states = settled[flat.edge_variable]
    fixed = states >= 0
    if not fixed.any():
        return flat
    shift = sum_by_factor(flat, np.where(fixed, flat.strides * states, 0))
    start = flat.table_start + shift
    kept = np.flatnonzero(~fixed)
    arity = np.bincount(flat.edge_factor[kept], minlength=len(start))
    ended = arity == 0
    log_constant = flat.log_constant + float(flat.log_potentials[start[ended]].sum())
    renumbered = np.cumsum(~ended) - 1
    return linked(
        flat.num_states,
        flat.edge_variable[kept],
        renumbered[flat.edge_factor[kept]].astype(np.int32),
        flat.strides[kept],
        start[~ended],
        flat.log_potentials,
        log_constant,
    )


def restrict(flat: FlatGraph, variables: Int32[np.ndarray, " part"]) -> FlatGraph:
    """Keep the given variables, renumbered, and the factors between them.

    No factor may reach from the kept variables to the others.
    """
    new_index = np.full(len(flat.num_states), -1, np.int32)
    new_index[variables] = np.arange(len(variables), dtype=np.int32)
    edge_new = new_index[flat.edge_variable]
    kept = np.flatnonzero(edge_new >= 0)
    factors = np.zeros(len(flat.table_start), bool)
    factors[flat.edge_factor[kept]] = True
    renumbered = np.cumsum(factors) - 1
    return linked(
        flat.num_states[variables],
        edge_new[kept],
        renumbered[flat.edge_factor[kept]].astype(np.int32),
        flat.strides[kept],
        flat.table_start[factors],
        flat.log_potentials,
        0.0,
    )


def best_local_states(flat: FlatGraph) -> Int32[np.ndarray, " variables"]:
    """Choose for each variable the state its factors of arity one like best."""
    arity = np.diff(flat.factor_start)
    start, scores = local_scores(flat, np.flatnonzero(arity == 1))
    return first_largest(scores, start).astype(np.int32)


def _settle_free_variables(flat: FlatGraph, settled: Assignment) -> tuple[Assignment, FlatGraph]:
    """Decide the variables that share no factor with another one."""
    arity = np.diff(flat.factor_start)
    bound = np.zeros(len(settled), bool)
    bound[flat.edge_variable[np.repeat(arity, arity) > 1]] = True
    free = (settled < 0) & ~bound
    if not free.any():
        return settled, flat
    settled = np.where(free, best_local_states(flat), settled).astype(np.int32)
    return settled, condition(flat, np.where(free, settled, -1).astype(np.int32))


def _pieces(flat: FlatGraph, settled: Assignment) -> tuple[Piece, ...]:
    # Each edge joins its variable to the first of its factor.
    first = flat.edge_variable[flat.factor_start[:-1]][flat.edge_factor]
    joined = np.stack([first, flat.edge_variable], axis=1)
    labels = component_of(joined, len(flat.num_states))
    open_variables = np.flatnonzero(settled < 0)
    if not len(open_variables):
        return ()
    _, group, sizes = np.unique(labels[open_variables], return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    group = np.minimum(rank[group], _NUM_PIECES_MAX - 1)
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    parts = [part.astype(np.int32) for part in np.split(open_variables[order], cuts)]
    return tuple(Piece(restrict(flat, part), part) for part in parts)
