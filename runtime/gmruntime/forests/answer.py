"""Exact answers on forests, in time that grows with the number of factors alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Quality,
    Query,
    Samples,
    Status,
)
from gmruntime.arrays import Float64, cuts, row_starts
from gmruntime.budget import Budget, within
from gmruntime.elimination.passes.loading import may_load
from gmruntime.forests.forest import Forest
from gmruntime.forests.rooted import forest_of, may_be_forest
from gmruntime.graph import log_score
from gmruntime.questions.assignments import none_possible
from gmruntime.task import Effort, Task

METHOD = "elimination along a forest"

_WORK_AT_ONCE = 1 << 21
"""Entries of tables gone through between two looks at the clock, some hundredths of a second."""

_NUM_DRAWN_AT_ONCE = 1 << 20
"""States drawn before they are scored, some hundredths of a second."""

_S_PER_ENTRY = 5e-10
"""What an entry takes at best: a pass that cannot end in time is not begun."""

_BYTES_PER_END, _BYTES_PER_STATE = 100, 24
"""Of memory, for each place of a scope and for each state."""


def is_answered(task: Task[Query], budget: Budget) -> bool:
    """Say whether the question is one that is answered here, should the graph be a forest."""
    if not isinstance(task.query, LogPartition | Marginals | Map | Samples):
        return False
    graph = task.graph
    num_ends = sum(block.scopes.size for block in graph.factors)
    num_states = sum(block.size * block.num_states for block in graph.variables)
    num_bytes = _BYTES_PER_END * num_ends + _BYTES_PER_STATE * num_states
    return num_bytes <= budget.memory_bytes and may_be_forest(graph, task.evidence)


def answer(task: Task[Query], effort: Effort) -> Answer | None:
    """Answer exactly; None where the graph is no forest, or the budget too small."""
    budget = effort.budget
    if not (may_load(budget) and is_answered(task, budget)):
        return None
    try:
        forest = forest_of(task, budget)
        if forest is None or _S_PER_ENTRY * float(_work(forest).sum()) > budget.left_s():
            return None
        match task.query:
            case Map():
                return _maximum(task.asking(task.query), forest, budget)
            case Samples():
                return _draws(task.asking(task.query), forest, effort)
            case LogPartition():
                total = _inwards(forest, budget).log_total
                status = Status.EXACT if total > -np.inf else Status.IMPOSSIBLE
                return LogPartitionAnswer(_quality(status, budget), total, total, total)
            case Marginals():
                return _marginals(task.asking(task.query), forest, budget)
            case _:
                return None
    except TimeoutError:
        return None


def _quality(status: Status, budget: Budget, note: str = "") -> Quality:
    return Quality(status, METHOD, budget.spent_s(), note=note)


def _work(forest: Forest) -> np.ndarray:
    """Count the entries of the table between each variable, in order, and its parent."""
    parent = forest.parent[forest.order]
    above = np.where(parent < 0, 1, forest.num_states[parent])
    return forest.num_states[forest.order] * above.astype(np.int64)


def _parts(forest: Forest) -> list[tuple[int, int]]:
    """Cut the order where the clock is looked at."""
    return cuts(_work(forest), _WORK_AT_ONCE)


@dataclass(frozen=True, slots=True, eq=False)
class _Inwards:
    """What the pass to the roots found.

    Attributes:
        scores: of the states of each variable, with what those behind it say.
        log_total: log Z; -inf when impossible.
    """

    scores: Float64[np.ndarray, " states"]
    log_total: float


def _inwards(forest: Forest, budget: Budget) -> _Inwards:
    from gmruntime.forests.compiled import sum_inwards

    scores, (weights, message) = forest.local, _room(forest, 2)
    total = np.zeros(2)
    if not np.isfinite(forest.log_constant):
        return _Inwards(scores, -np.inf)
    for first, last in within(reversed(_parts(forest)), budget, every=1):
        if not sum_inwards(forest, scores, weights, message, total, first, last):
            return _Inwards(scores, -np.inf)
    return _Inwards(scores, float(total.sum()) + forest.log_constant)


def _room(forest: Forest, count: int) -> np.ndarray:
    return np.empty((count, int(forest.num_states.max(initial=1))))


def _marginals(task: Task[Marginals], forest: Forest, budget: Budget) -> MarginalsAnswer:
    from gmruntime.forests.compiled import beliefs_outwards

    found = _inwards(forest, budget)
    is_possible = found.log_total > -np.inf
    if is_possible:
        own, weights, row = _room(forest, 3)
        for first, last in within(_parts(forest), budget, every=1):
            beliefs_outwards(forest, found.scores, own, weights, row, first, last)
    blocks = tuple(_blocks(task, forest, found.scores if is_possible else None))
    quality = _quality(Status.EXACT if is_possible else Status.IMPOSSIBLE, budget)
    return MarginalsAnswer(quality, blocks, log_partition=found.log_total)


def _blocks(
    task: Task[Marginals], forest: Forest, beliefs: Float64[np.ndarray, " states"] | None
) -> Iterator[Float64[np.ndarray, "*shape states"]]:
    """Yield the probabilities of each block of variables; NaN where none is known or asked for."""
    asked = task.query.variables
    is_asked = np.full(task.graph.num_variables, asked is None)
    is_asked[[] if asked is None else asked] = True
    start = 0
    for block in task.graph.variables:
        stop = start + block.size
        shape, wanted = (*block.shape, block.num_states), is_asked[start:stop]
        first, last = np.searchsorted(forest.free, [start, stop])
        free, states = forest.free[first:last] - start, slice(*forest.state_start[[first, last]])
        if beliefs is None or not wanted.any():
            # One number stands for all: nobody reads them.
            yield np.broadcast_to(np.nan, shape)
        elif len(free) == block.size and wanted.all():
            yield beliefs[states].reshape(shape)
        else:
            rows = np.zeros((block.size, block.num_states))
            held = np.maximum(task.evidence[start:stop], 0)
            rows[np.arange(block.size), held] = 1.0
            rows[free] = beliefs[states].reshape(len(free), block.num_states)
            rows[~wanted] = np.nan
            yield rows.reshape(shape)
        start = stop


def _nothing(task: Task[Query], budget: Budget) -> AssignmentsAnswer:
    return none_possible(_quality(Status.IMPOSSIBLE, budget), task.graph.num_variables, -np.inf)


def _maximum(task: Task[Map], forest: Forest, budget: Budget) -> AssignmentsAnswer:
    from gmruntime.forests.compiled import max_inwards, trace_outwards

    scores, (message,) = forest.local, _room(forest, 1)
    above = np.where(forest.parent >= 0, forest.num_states[forest.parent], 0)
    message_start = row_starts(above)
    best = np.empty(int(message_start[-1]), np.int32)
    if not np.isfinite(forest.log_constant):
        return _nothing(task, budget)
    for first, last in within(reversed(_parts(forest)), budget, every=1):
        if not max_inwards(forest, scores, best, message_start, message, first, last):
            return _nothing(task, budget)
    own = np.empty(len(forest.free), np.int32)
    trace_outwards(forest, scores, best, message_start, own)
    states = np.maximum(task.evidence, 0).astype(np.int32)
    states[forest.free] = own
    score = float(log_score(task.graph, states))
    return AssignmentsAnswer(_quality(Status.EXACT, budget), states[None], np.array([score]), score)


def _draws(task: Task[Samples], forest: Forest, effort: Effort) -> AssignmentsAnswer:
    from gmruntime.forests.compiled import draw_outwards

    budget, graph, count = effort.budget, task.graph, task.query.count
    found, (row,) = _inwards(forest, budget), _room(forest, 1)
    own = np.empty(len(forest.free), np.int32)
    if found.log_total == -np.inf:
        return _nothing(task, budget)
    drawn, scores = np.empty((count, graph.num_variables), np.int32), np.empty(count)
    num_drawn, parts = 0, _parts(forest)
    step = max(1, _NUM_DRAWN_AT_ONCE // graph.num_variables)
    try:
        while num_drawn < count:
            rows = drawn[num_drawn : num_drawn + step]
            rows[:] = np.maximum(task.evidence, 0)
            for states in rows:
                for first, last in within(parts, budget, every=1):
                    uniform = effort.rng.random(last - first)
                    draw_outwards(forest, found.scores, uniform, own, row, first, last)
                states[forest.free] = own
            scores[num_drawn : num_drawn + step] = log_score(graph, rows)
            num_drawn += len(rows)
    except TimeoutError:
        if not num_drawn:
            raise
    note = "" if num_drawn == count else f"the budget ended after {num_drawn}"
    good = _quality(Status.EXACT, budget, note)
    return AssignmentsAnswer(good, drawn[:num_drawn], scores[:num_drawn])
