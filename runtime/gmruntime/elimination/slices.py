"""Exact answers beyond the memory cap: fix a few variables, and eliminate in each of the slices.

Slices are taken by promise. Those finished are a certified lower bound on Z, or an incumbent;
mini-buckets bound the rest from above. So an unfinished sum is still a proven interval.

Source: Pearl (1988), cutset conditioning; Dechter and Rish (2003) for the bounds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    Query,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.elimination.maxima import blank
from gmruntime.elimination.minibucket import relax
from gmruntime.elimination.orders import Order
from gmruntime.elimination.passes import quality
from gmruntime.elimination.plan import Plan, costed
from gmruntime.elimination.tree import Upward, build_tree, pass_upward, traceback
from gmruntime.graph import Assignment, FactorGraph, log_score
from gmruntime.simplify.network import Factor, Network
from gmruntime.simplify.states import label_states

SLICES_BITS_MAX = 16.0
"""More slices than 2^16 are no longer worth starting."""

_NUMPY_BITS_MAX = 22.0
"""What one slice may cost in logs when the linear pass has lost its digits."""

# A sum that cannot be finished is still worth starting when a good part of it can.
_OVERDUE = 4.0
_MINIBUCKET_SHARE = 0.1
_MINIBUCKET_ENTRIES_PER_SECOND = 3e7
_MARGIN = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Slicing:
    """How a network is cut.

    Attributes:
        cut: the variables that are fixed.
        order: of all the others.
        plan: of one slice.
        num_slices: the number of joint states of the cut.
    """

    cut: tuple[int, ...]
    order: Order
    plan: Plan
    num_slices: float


def choose_cut(query: Query, found: Plan, budget: Budget) -> Slicing | None:
    """Cut until one slice fits the memory; None when that takes too many."""
    assert found.network is not None
    assert found.order is not None
    network, order = found.network, found.order
    cut: list[int] = []
    bits = 0.0
    slice_plan = costed(query, budget, network, order)
    while slice_plan.memory_bytes > budget.memory_bytes:
        v = _heaviest(network, order)
        cut.append(v)
        bits += math.log2(max(2, int(network.num_states[v])))
        if bits > SLICES_BITS_MAX:
            return None
        order = _without(network, order, v)
        slice_plan = costed(query, budget, network, order)
    if not cut:
        return None
    return Slicing(tuple(cut), order, slice_plan, 2.0**bits)


def _heaviest(network: Network, order: Order) -> int:
    """Find the variable whose fixing saves most entries for each slice it costs."""
    saved: dict[int, float] = {}
    for v, clique in zip(order.variables, order.cliques, strict=True):
        members = [v, *clique]
        size = 2.0 ** float(np.log2(network.num_states[members]).sum())
        for u in members:
            states = int(network.num_states[u])
            if states > 1:
                gain = size * (1 - 1 / states) / math.log2(states)
                saved[u] = saved.get(u, 0.0) + gain
    return max(saved, key=saved.__getitem__)


def _without(network: Network, order: Order, v: int) -> Order:
    variables = tuple(u for u in order.variables if u != v)
    cliques = tuple(
        tuple(w for w in clique if w != v)
        for u, clique in zip(order.variables, order.cliques, strict=True)
        if u != v
    )
    bits = [
        float(np.log2(network.num_states[[u, *clique]]).sum())
        for u, clique in zip(variables, cliques, strict=True)
    ]
    total = math.log2(max(1.0, sum(2.0**b for b in bits)))
    return Order(variables, cliques, total, max(bits, default=0.0))


def condition(network: Network, cut: tuple[int, ...], states: tuple[int, ...]) -> Network:
    """Fix the variables of the cut."""
    fixed = dict(zip(cut, states, strict=True))
    factors: list[Factor] = []
    log_constant = network.log_constant
    for factor in network.factors:
        if not any(v in fixed for v in factor.scope):
            factors.append(factor)
            continue
        table = factor.table[tuple(fixed.get(v, slice(None)) for v in factor.scope)]
        scope = tuple(v for v in factor.scope if v not in fixed)
        if scope:
            factors.append(Factor(scope, table))
        else:
            log_constant += float(table)
    free = tuple(v for v in network.free if v not in fixed)
    return Network(free, network.num_states, factors, log_constant)


def slice_bounds(
    network: Network, order: Order, cut: tuple[int, ...], budget: Budget, *, is_max: bool
) -> Float64[np.ndarray, "*states"]:
    """Bound log Z, or the best score, of every slice from above; one axis for each cut variable."""
    entries = _MINIBUCKET_SHARE * budget.left_s() * _MINIBUCKET_ENTRIES_PER_SECOND
    bits_max = math.log2(max(16.0, entries / max(1, len(order.variables))))
    found = relax(network, order, min(20.0, bits_max), is_max=lambda _: is_max, kept=frozenset(cut))
    place = {v: k for k, v in enumerate(cut)}
    bounds = np.full([int(network.num_states[v]) for v in cut], found.log_constant)
    for factor in found.factors:
        axes = sorted(range(len(factor.scope)), key=lambda k: place[factor.scope[k]])
        shape = [1] * len(cut)
        for v, size in zip(factor.scope, factor.table.shape, strict=True):
            shape[place[v]] = size
        bounds = bounds + factor.table.transpose(axes).reshape(shape)
    return bounds


def answer_in_slices(
    graph: FactorGraph, query: Query, evidence: Assignment, found: Plan, budget: Budget
) -> Answer | None:
    """Answer by slices; None when that is hopeless or not for this question."""
    if not isinstance(query, LogPartition | Map) or found.network is None or found.order is None:
        return None
    if found.network.log_constant == -np.inf or isinstance(query, Marginals):
        return None
    slicing = choose_cut(query, found, budget)
    if slicing is None:
        return None
    overdue = slicing.num_slices * slicing.plan.seconds / max(budget.left_s(), 1e-9)
    if overdue > (_OVERDUE if isinstance(query, LogPartition) else 1.0):
        return None
    is_max = isinstance(query, Map)
    bounds = slice_bounds(found.network, found.order, slicing.cut, budget, is_max=is_max)
    if is_max:
        return _maximise(graph, evidence, found.network, slicing, bounds, budget)
    return _sum(found.network, slicing, bounds, budget)


def _by_promise(
    bounds: Float64[np.ndarray, "*states"],
) -> Iterator[tuple[tuple[int, ...], float]]:
    flat = bounds.reshape(-1)
    order: Int64[np.ndarray, " slices"] = np.argsort(-flat, kind="stable")
    for k in order:
        if flat[k] == -np.inf:
            return
        yield tuple(int(s) for s in np.unravel_index(int(k), bounds.shape)), float(flat[k])


def _eliminate(network: Network, order: Order, budget: Budget, *, is_max: bool) -> Upward | None:
    """Eliminate one slice; None when time ran out, or digits were lost and logs cost too much."""
    from gmruntime.elimination.compiled import pass_upward_compiled

    flags = np.full(len(order.variables), is_max)
    if network.log_constant == -np.inf:
        return Upward([], -np.inf)
    done = pass_upward_compiled(network, order, flags, budget, in_logs=is_max)
    if done is not None or budget.left_s() <= 0 or order.total_bits > _NUMPY_BITS_MAX:
        return done
    return pass_upward(build_tree(network, order), flags)


def _sum(
    network: Network, slicing: Slicing, bounds: Float64[np.ndarray, "*states"], budget: Budget
) -> LogPartitionAnswer:
    log_lower = -math.inf
    open_bounds = bounds.copy()
    num_done = 0
    for states, _ in _by_promise(bounds):
        part = condition(network, slicing.cut, states)
        upward = _eliminate(part, slicing.order, budget, is_max=False)
        if upward is not None:
            num_done += 1
            log_lower = float(np.logaddexp(log_lower, upward.log_constant + part.log_constant))
            open_bounds[states] = -np.inf
        if budget.left_s() <= 0:
            break
    rest = float(np.logaddexp.reduce(open_bounds.reshape(-1)))
    if rest == -np.inf:
        status = Status.EXACT if log_lower > -np.inf else Status.IMPOSSIBLE
        return LogPartitionAnswer(quality(status, budget), log_lower, log_lower, log_lower)
    margin = _MARGIN * (1.0 + abs(log_lower)) if log_lower > -np.inf else 0.0
    log_upper = float(np.logaddexp(log_lower, rest)) + _MARGIN
    note = f"{num_done} of {slicing.num_slices:.0f} slices are finished"
    value = log_lower if log_lower > -np.inf else log_upper
    found = quality(Status.BOUNDED, budget, note)
    return LogPartitionAnswer(found, value, log_lower - margin, log_upper + margin)


def _maximise(
    graph: FactorGraph,
    evidence: Assignment,
    network: Network,
    slicing: Slicing,
    bounds: Float64[np.ndarray, "*states"],
    budget: Budget,
) -> AssignmentsAnswer | None:
    """Find the best slice; slices that cannot beat the incumbent are not opened."""
    best: tuple[float, np.ndarray] | None = None
    log_upper = -math.inf
    for states, bound in _by_promise(bounds):
        if best is not None and bound <= best[0]:
            break
        part = condition(network, slicing.cut, states)
        upward = (
            None if budget.left_s() <= 0 else _eliminate(part, slicing.order, budget, is_max=True)
        )
        if upward is None:
            log_upper = max(log_upper, bound)
            continue
        if not np.isfinite(upward.log_constant + part.log_constant):
            continue
        tree = build_tree(part, slicing.order)
        assignment = blank(graph, tree, evidence)
        size = max([len(assignment), *(v + 1 for v in slicing.cut)])
        assignment = np.concatenate([assignment, np.zeros(size - len(assignment), np.int64)])
        assignment[list(slicing.cut)] = states
        flags = np.ones(len(tree.scopes), np.bool_)
        traceback(tree, upward, flags, assignment)
        row = assignment[: graph.num_variables].astype(np.int32)
        label_states(network, row)
        score = float(log_score(graph, row))
        if best is None or score > best[0]:
            best = score, row
    if best is None:
        if log_upper > -np.inf:
            return None
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(
            quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0), float("-inf")
        )
    score, row = best
    status = Status.EXACT if log_upper <= score else Status.BOUNDED
    upper = max(score, log_upper)
    return AssignmentsAnswer(quality(status, budget), row[None], np.array([score]), upper)
