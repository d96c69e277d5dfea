"""Exact answers slice by slice, and proven ones when the budget ends before the last slice.

Slices are taken by promise. Those finished are a certified lower bound on Z, or an incumbent;
mini-buckets bound the rest from above. So an unfinished sum is still a proven interval.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Query,
    Solutions,
    Status,
)
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.elimination.layouts.groups import with_layout
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.maxima import blank
from gmruntime.elimination.passes.loading import may_load
from gmruntime.elimination.passes.reference import Upward, build_tree, pass_upward, traceback
from gmruntime.elimination.plan import Plan
from gmruntime.elimination.results import by_block, check_dense, observed_rows, quality
from gmruntime.elimination.slices import (
    Slicing,
    choose_cut,
    condition,
    reordered,
    resized,
    slice_bounds,
)
from gmruntime.graph import log_score, num_states
from gmruntime.simplify.network import Network
from gmruntime.simplify.states import label_states, prune_states, spread_row
from gmruntime.task import Effort, Task

if TYPE_CHECKING:
    from gmruntime.elimination.passes.cores import Arena

_WORTH_BYTES = 1 << 30
"""Tables that fit are cut all the same when they are larger, if that is quicker."""

# A sum that cannot be finished is still worth starting when a good part of it can.
_OVERDUE = 4.0

# A better order of what is left can hardly make up for more than this.
_HOPELESS = 4.0
_MARGIN = 1e-9


def quicker_in_slices(query: Query, found: Plan, budget: Budget) -> Slicing | None:
    """Return a slicing where large tables fit the memory but smaller ones would be quicker."""
    if not isinstance(query, LogPartition | Map) or found.memory_bytes < _WORTH_BYTES:
        return None
    slicing = choose_cut(query, found, budget)
    if slicing is None or slicing.seconds >= found.seconds:
        return None
    return slicing


def promising_cut(query: Query, found: Plan, budget: Budget) -> Slicing | None:
    """Return a slicing that may be worth starting; None for questions that are not sliced.

    One that is not `is_worth_starting` needs a better order of what the cut leaves.
    """
    if not isinstance(query, LogPartition | Map | Marginals | Solutions):
        return None
    if found.network is None or found.order is None or found.network.log_constant == -np.inf:
        return None
    slicing = choose_cut(query, found, budget)
    if slicing is None or slicing.seconds > _HOPELESS * _seconds_max(query, budget):
        return None
    return slicing


def is_worth_starting(query: Query, slicing: Slicing, budget: Budget) -> bool:
    """Say whether so many slices are begun as they are."""
    return slicing.seconds <= _seconds_max(query, budget)


def _seconds_max(query: Query, budget: Budget) -> float:
    return (1.0 if isinstance(query, Map) else _OVERDUE) * max(budget.left_s(), 1e-9)


def answer_in_slices(
    task: Task[Query],
    found: Plan,
    effort: Effort,
    slicing: Slicing | None = None,
    log_known: float = -math.inf,
) -> Answer | None:
    """Answer by slices; None when that is hopeless or not for this question.

    Slices that cannot hold anything above `log_known` are not looked for a best assignment; the
    answer is empty, with that bound, when there is none above it.
    """
    query, budget = task.query, effort.budget
    slicing = slicing or promising_cut(query, found, budget)
    if slicing is None or found.network is None or found.order is None or not may_load(budget):
        return None
    slicing = reordered(query, found, slicing, budget, effort.rng)
    if not is_worth_starting(query, slicing, budget):
        return None
    is_max = isinstance(query, Map)
    bounds = slice_bounds(found.network, found.order, slicing.cut, budget, is_max=is_max)
    match query:
        case Map():
            return _maximise(task, found.network, slicing, bounds, budget, log_known)
        case LogPartition():
            return _sum(found.network, slicing, bounds, budget)
        case Marginals():
            return _marginals(task.asking(query), found.network, slicing, bounds, budget)
        case _:
            return None


def _by_promise(
    bounds: Float64[np.ndarray, "*states"],
) -> Iterator[tuple[tuple[int, ...], float]]:
    flat = bounds.reshape(-1)
    order: Int64[np.ndarray, " slices"] = np.argsort(-flat, kind="stable")
    for k in order:
        if flat[k] == -np.inf:
            return
        yield tuple(int(s) for s in np.unravel_index(int(k), bounds.shape)), float(flat[k])


def _slice(network: Network, slicing: Slicing, states: tuple[int, ...]) -> tuple[Network, Order]:
    """Fix the cut, remove the states that it makes impossible, and lay the tables out anew."""
    part = prune_states(condition(network, slicing.cut, states))
    order = resized(part, slicing.order)
    if slicing.order.layout is not None and part.log_constant > -np.inf:
        order = with_layout(part, order, (slicing.order.layout.count_max,))
    return part, order


def _eliminate(
    network: Network, order: Order, budget: Budget, arena: "Arena", *, is_max: bool
) -> Upward | None:
    """Eliminate one slice; None when time ran out, or digits were lost and logs cost too much."""
    from gmruntime.elimination.passes.compiled import pass_upward_compiled

    flags = np.full(len(order.variables), is_max)
    if network.log_constant == -np.inf:
        return Upward([], -np.inf)
    done = pass_upward_compiled(network, order, flags, budget, in_logs=is_max, arena=arena)
    if done is not None or budget.left_s() <= 0:
        return done
    try:
        check_dense(order, budget)
    except TimeoutError:
        return None
    return pass_upward(build_tree(network, order), flags)


# --- Sums --------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Sum:
    """A sum over slices that is being taken.

    Attributes:
        bounds: of the slices that are not done, -inf for the others.
        log_lower: the log of what is done.
        num_done: how many slices that is.
    """

    bounds: Float64[np.ndarray, "*states"]
    log_lower: float = -math.inf
    num_done: int = 0

    def add(self, states: tuple[int, ...], log_z: float) -> None:
        """Take a finished slice in."""
        self.num_done += 1
        self.log_lower = float(np.logaddexp(self.log_lower, log_z))
        self.bounds[states] = -np.inf

    def log_rest(self) -> float:
        """Return a bound on the log of what is not done."""
        return float(np.logaddexp.reduce(self.bounds.reshape(-1)))


def _sum(
    network: Network, slicing: Slicing, bounds: Float64[np.ndarray, "*states"], budget: Budget
) -> LogPartitionAnswer:
    from gmruntime.elimination.passes.cores import Arena

    done, arena = Sum(bounds.copy()), Arena()
    for states, _ in _by_promise(bounds):
        part, order = _slice(network, slicing, states)
        upward = _eliminate(part, order, budget, arena, is_max=False)
        if upward is not None:
            done.add(states, upward.log_constant + part.log_constant)
        if budget.left_s() <= 0:
            break
    rest, log_lower = done.log_rest(), done.log_lower
    if rest == -np.inf:
        status = Status.EXACT if log_lower > -np.inf else Status.IMPOSSIBLE
        return LogPartitionAnswer(quality(status, budget), log_lower, log_lower, log_lower)
    margin = _MARGIN * (1.0 + abs(log_lower)) if log_lower > -np.inf else 0.0
    log_upper = float(np.logaddexp(log_lower, rest)) + _MARGIN
    value = log_lower if log_lower > -np.inf else log_upper
    found = quality(Status.BOUNDED, budget, _progress(done, slicing))
    return LogPartitionAnswer(found, value, log_lower - margin, log_upper + margin)


def _progress(done: Sum, slicing: Slicing) -> str:
    return f"{done.num_done} of {slicing.num_slices:.0f} slices are finished"


@dataclass(slots=True, eq=False)
class Rows:
    """Marginals of the slices that are done, each weighted with its share of Z.

    Attributes:
        rows: of each variable, times e^-log_scale.
        log_scale: that keeps them in range.
    """

    rows: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    log_scale: float = -math.inf

    def add(self, rows: dict[int, np.ndarray], log_z: float) -> None:
        """Take the rows of a slice in."""
        if log_z > self.log_scale:
            for v in self.rows:
                self.rows[v] = self.rows[v] * math.exp(self.log_scale - log_z)
            self.log_scale = log_z
        weight = math.exp(log_z - self.log_scale)
        for v, row in rows.items():
            self.rows[v] = self.rows[v] + weight * row if v in self.rows else weight * row


def _marginals(
    task: Task[Marginals],
    network: Network,
    slicing: Slicing,
    bounds: Float64[np.ndarray, "*states"],
    budget: Budget,
) -> MarginalsAnswer | None:
    from gmruntime.elimination.passes.compiled import marginals_compiled
    from gmruntime.elimination.passes.cores import Arena

    graph, query, evidence = task.graph, task.query, task.evidence
    listed = range(graph.num_variables) if query.variables is None else query.variables
    asked = {int(v) for v in listed if evidence[v] < 0}
    done, total, arena = Sum(bounds.copy()), Rows(), Arena()
    for states, _ in _by_promise(bounds):
        part, order = _slice(network, slicing, states)
        if part.log_constant == -np.inf:
            done.add(states, -np.inf)
            continue
        found = marginals_compiled(part, order, asked - set(slicing.cut), budget, arena)
        if found is None:
            # A sum that vanished may have lost its digits: this slice stays open.
            if budget.left_s() <= 0:
                break
            continue
        log_z = found[1] + part.log_constant
        rows = {
            v: spread_row(part, v, row, int(network.num_states[v])) for v, row in found[0].items()
        }
        for v, state in zip(slicing.cut, states, strict=True):
            if v in asked:
                rows[v] = (np.arange(int(network.num_states[v])) == state).astype(np.float64)
        total.add(rows, log_z)
        done.add(states, log_z)
    if done.log_lower == -np.inf:
        return None
    # In units of what is done: the weight of a row is its share of Z, the rest may be anywhere.
    rest = math.exp(min(done.log_rest() - done.log_lower, 700.0))
    shares = {v: row / row.sum() for v, row in total.rows.items()}
    sizes = num_states(graph)

    def arranged(rows: dict[int, np.ndarray]) -> tuple[np.ndarray, ...]:
        filled = {v: spread_row(network, v, row, int(sizes[v])) for v, row in rows.items()}
        return by_block(graph, filled | observed_rows(graph, listed, evidence))

    if rest == 0.0:
        exact = quality(Status.EXACT, budget)
        return MarginalsAnswer(exact, arranged(shares), log_partition=done.log_lower)
    lower = {v: np.maximum(row / (1 + rest) - _MARGIN, 0.0) for v, row in shares.items()}
    upper = {v: np.minimum((row + rest) / (1 + rest) + _MARGIN, 1.0) for v, row in shares.items()}
    found = quality(Status.BOUNDED, budget, _progress(done, slicing))
    return MarginalsAnswer(found, arranged(shares), arranged(lower), arranged(upper))


# --- Maxima ------------------------------------------------------------------------------


def _maximise(
    task: Task[Query],
    network: Network,
    slicing: Slicing,
    bounds: Float64[np.ndarray, "*states"],
    budget: Budget,
    log_known: float,
) -> AssignmentsAnswer | None:
    """Find the best slice; slices that cannot beat the incumbent are not opened."""
    from gmruntime.elimination.passes.cores import Arena

    graph = task.graph
    best: tuple[float, np.ndarray] | None = None
    log_upper = -math.inf
    arena = Arena()
    for states, bound in _by_promise(bounds):
        if bound <= max(log_known, -math.inf if best is None else best[0]):
            break
        part, order = _slice(network, slicing, states)
        upward = (
            None if budget.left_s() <= 0 else _eliminate(part, order, budget, arena, is_max=True)
        )
        if upward is None:
            log_upper = max(log_upper, bound)
            continue
        if not np.isfinite(upward.log_constant + part.log_constant):
            continue
        tree = build_tree(part, order)
        assignment = blank(task, tree)
        size = max([len(assignment), *(v + 1 for v in slicing.cut)])
        assignment = np.concatenate([assignment, np.zeros(size - len(assignment), np.int64)])
        assignment[list(slicing.cut)] = states
        flags = np.ones(len(tree.scopes), np.bool_)
        traceback(tree, upward, flags, assignment)
        row = assignment[: graph.num_variables].astype(np.int32)
        label_states(part, row)
        label_states(network, row)
        score = float(log_score(graph, row))
        if best is None or score > best[0]:
            best = score, row
    if best is None:
        if log_upper > -np.inf:
            return None
        empty = np.zeros((0, graph.num_variables), np.int32)
        status = Status.IMPOSSIBLE if log_known == -np.inf else Status.BOUNDED
        return AssignmentsAnswer(quality(status, budget), empty, np.zeros(0), log_known)
    score, row = best
    upper = max(score, log_upper, log_known)
    status = Status.EXACT if upper == score else Status.BOUNDED
    return AssignmentsAnswer(quality(status, budget), row[None], np.array([score]), upper)
