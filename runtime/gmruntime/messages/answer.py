"""Answers of every kind of question by belief propagation; estimates, except on forests.

How little messages still change says nothing of how far their beliefs are from the truth: an
estimate by messages alone states no error. Nor do messages prove evidence impossible. Compiled
ones lose what underflows, and those that have not settled contradict each other: what looks like
a contradiction is handed to `refute`, which proves it or does not.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Quality,
    Query,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.elimination.solutions import counted_by_sum
from gmruntime.graph import Assignment, FactorGraph, by_block, log_score
from gmruntime.messages.beliefs import (
    Beliefs,
    decode,
    joint,
    least_log_score,
    marginals,
    no_surer,
)
from gmruntime.messages.bp import Messages, beliefs
from gmruntime.messages.decoding import decoded_in_order
from gmruntime.messages.finishing import (
    LATE,
    by_variables,
    finishing,
    free_energy,
    independent,
)
from gmruntime.messages.layout import (
    Layout,
    build_layout,
    unary_with_evidence,
    without_messages,
)
from gmruntime.messages.options import BpOptions, temperature_for
from gmruntime.messages.propagate import propagate
from gmruntime.messages.reweighted import log_partition_upper_bound
from gmruntime.messages.sampling import draw
from gmruntime.quality import is_proved
from gmruntime.task import Effort, Task

METHOD = "belief propagation"

CONTRADICTION = "messages contradict each other, which proves nothing"
"""Said where beliefs rule every state out, and no proof of that was found."""

# What is left to change, in nats, when messages on a forest count as final.
_RESIDUAL_EXACT_MAX = 1e-9

_DRAWN_BYTES_MAX = 1 << 28
"""Messages and beliefs of so many bytes are held for the samples drawn together."""

Refute = Callable[[FactorGraph, Assignment], bool]
"""Prove that no assignment of a graph agrees with the evidence; False where that is not proved."""


def refute_by_pruning(graph: FactorGraph, evidence: Assignment, budget: Budget = UNLIMITED) -> bool:
    """Prove evidence impossible by the states that single factors rule out, and so on.

    False where that is not proved within the budget.
    """
    from gmruntime.simplify.network import reduce
    from gmruntime.simplify.states import prune_states

    try:
        network = reduce(Task(graph, Solutions(), evidence), budget)
        return network is not None and prune_states(network, budget).log_constant == -np.inf
    except TimeoutError:
        return False


def answer(
    task: Task[Query],
    effort: Effort,
    *,
    options: BpOptions | None = None,
    refute: Refute = refute_by_pruning,
) -> Answer:
    """Answer by message passing.

    Args:
        task: what is asked.
        effort: its deadline ends the run; draws are made for `Samples` only.
        options: None takes the defaults, which say where messages run.
        refute: asked where messages contradict each other.
    """
    options = options or BpOptions()
    match task.query:
        case Marginals() | LogPartition() | Joint() as query:
            return _by_sums(task.asking(query), effort, options, refute)
        case Map():
            return _map(task, effort, options, refute)
        case Best() as query:
            return _best(task.asking(query), effort, options, refute)
        case MarginalMap() as query:
            return _marginal_map(task.asking(query), effort, options, refute)
        case Samples() as query:
            return _samples(task.asking(query), effort, options, refute)
        case Solutions():
            return _solutions(task, effort, options, refute)


def layout_for(graph: FactorGraph, temperature: float, effort: Effort) -> Layout:
    """Lay a graph out for messages, once for all questions that share a workspace.

    Where there is no time for that, single variables alone.
    """
    try:
        found = effort.once_of(
            Layout, (graph, temperature), lambda own: build_layout(*own, effort.budget)
        )
    except TimeoutError:
        return without_messages(graph, temperature)
    assert found is not None
    return found


def _run(
    task: Task[Query], effort: Effort, options: BpOptions, temperature: float
) -> tuple[Layout, np.ndarray, Messages]:
    layout = layout_for(task.graph, temperature, effort)
    unary = unary_with_evidence(layout, task.evidence[None, :])
    return layout, unary, propagate(layout, unary, effort.budget, options)


def quality(layout: Layout, messages: Messages, budget: Budget, *, is_exact: bool) -> Quality:
    """Say how good an answer from these messages is.

    Args:
        layout: of the graph.
        messages: of one row of evidence.
        budget: that was spent.
        is_exact: whether converged messages on a forest make this kind of answer exact.
    """
    if is_exact and _is_final(layout, messages):
        return Quality(Status.EXACT, METHOD, budget.spent_s(), note="the graph is a forest")
    if messages.converged:
        note = f"converged after {messages.num_sweeps} sweeps; no error known"
    else:
        note = f"not converged after {messages.num_sweeps} sweeps; no error known: do not trust it"
    return _estimated(budget, note)


def _is_final(layout: Layout, messages: Messages) -> bool:
    """Say whether messages have come to rest where that makes them exact."""
    return layout.is_exact and messages.residual <= _RESIDUAL_EXACT_MAX


def _estimated(budget: Budget, note: str) -> Quality:
    """Return the quality of an estimate whose error nobody knows."""
    return Quality(Status.ESTIMATE, METHOD, budget.spent_s(), float("nan"), "", note)


def _refuted(budget: Budget) -> Quality:
    """Return the quality of an answer to evidence that has been proved impossible."""
    return Quality(Status.IMPOSSIBLE, "constraint propagation", budget.spent_s())


def _noted(found: Quality, note: str) -> Quality:
    return replace(found, note="; ".join(part for part in (found.note, note) if part))


# --- Sums --------------------------------------------------------------------------------


def _by_sums(
    task: Task[Marginals | LogPartition | Joint],
    effort: Effort,
    options: BpOptions,
    refute: Refute,
) -> Answer:
    graph, query, evidence, budget = task.graph, task.query, task.evidence, effort.budget
    temperature = temperature_for(options, query)
    layout, unary, messages = _run(task, effort, options, temperature)
    found = marginals(layout, unary, messages)
    # Whoever is late, and does not ask for log Z, goes without.
    is_told = isinstance(query, LogPartition) or not budget.is_spent()
    late = finishing(budget)
    value = free_energy(layout, unary, messages, late) if is_told else None
    # Other temperatures answer about p^(1/T), which is not what was asked.
    good = quality(layout, messages, budget, is_exact=temperature == 1.0)
    is_void = layout.log_constant == -np.inf or (value is not None and not np.isfinite(value))
    if is_void or found.contradictory[0]:
        value = independent(layout, unary, late)
        good = _estimated(budget, CONTRADICTION)
        if refute(graph, evidence):
            value, good = -np.inf, _refuted(budget)
    match query:
        case LogPartition():
            if value is None:
                value = by_variables(layout, unary)
                good = _estimated(budget, _noted(good, LATE).note)
            return _log_partition(task, decode(layout, found.logs), value, good, budget)
        case Joint():
            return _joint(task.asking(query), layout, unary, messages, found, good)
        case Marginals():
            row = no_surer(found.probabilities[0], messages, layout.num_states)
            asked = np.ones(len(layout.num_states), np.bool_)
            if good.status is Status.IMPOSSIBLE:
                asked[:] = False
            elif query.variables is not None:
                asked = np.isin(np.arange(len(asked)), query.variables)
            row = np.where(np.repeat(asked, layout.num_states), row, np.nan)
            told = np.nan if value is None else value
            return MarginalsAnswer(good, by_block(graph, row), log_partition=told)


def _log_partition(
    task: Task[Query],
    decoded: np.ndarray,
    value: float,
    found: Quality,
    budget: Budget,
) -> LogPartitionAnswer:
    """Put an estimate between what is proved: one assignment's score, and a sum of larger terms."""
    if found.status is not Status.ESTIMATE:
        return LogPartitionAnswer(found, value, value, value)
    upper = log_partition_upper_bound(task.graph, task.evidence, budget.share(0.3))
    lower = float(log_score(task.graph, decoded)[0])
    value = max(value, least_log_score(task.graph))
    return LogPartitionAnswer(found, min(max(value, lower), upper), lower, upper)


def _joint(
    task: Task[Joint],
    layout: Layout,
    unary: np.ndarray,
    messages: Messages,
    heard: Beliefs,
    found: Quality,
) -> JointAnswer:
    query, evidence = task.query, task.evidence
    shape = tuple(int(layout.num_states[v]) for v in query.variables)
    if found.status is Status.IMPOSSIBLE:
        return JointAnswer(found, np.full(shape, np.nan))
    rows = heard.probabilities[0]
    free = np.array(sorted({int(v) for v in query.variables if evidence[v] < 0}), np.int32)
    inner = joint(layout, unary, messages, free) if len(free) > 1 else None
    if inner is None:
        inner = np.ones(())
        for v in free:
            row = rows[layout.variable_start[v] : layout.variable_start[v + 1]]
            inner = np.multiply.outer(inner, row)
        if len(free) > 1:
            found = replace(_noted(found, "taken as independent"), status=Status.ESTIMATE)
    result = np.zeros(shape)
    states = {
        v: np.arange(size).reshape([size if k == axis else 1 for k in range(inner.ndim)])
        for axis, (v, size) in enumerate(zip(free.tolist(), inner.shape, strict=True))
    }
    index = [states.get(int(v), np.array(evidence[v])) for v in query.variables]
    np.add.at(result, tuple(np.broadcast_to(one, inner.shape) for one in index), inner)
    flat = no_surer(result.reshape(-1), messages, np.array([result.size], np.int32))
    return JointAnswer(found, flat.reshape(shape))


# --- Assignments -------------------------------------------------------------------------


def _map(
    task: Task[Query], effort: Effort, options: BpOptions, refute: Refute
) -> AssignmentsAnswer:
    graph, evidence, budget = task.graph, task.evidence, effort.budget
    temperature = temperature_for(options, Map())
    layout, unary, messages = _run(task, effort, options, temperature)
    nothing = np.zeros((0, graph.num_variables), np.int32)
    best = decode(layout, beliefs(layout, unary, messages.values))
    # Where messages rule out every state of an observed variable, beliefs no longer know it.
    best = np.where(evidence >= 0, evidence, best).astype(np.int32)
    score = log_score(graph, best)
    found = quality(layout, messages, budget, is_exact=False)
    if np.isneginf(score[0]):
        row = decoded_in_order(layout, unary[0], messages.values[0], finishing(budget))
        if row is not None:
            row = np.where(evidence >= 0, evidence, row).astype(np.int32)[None]
            if log_score(graph, row)[0] > -np.inf:
                best, score = row, log_score(graph, row)
    if np.isneginf(score[0]):
        if marginals(layout, unary, messages).contradictory[0] and refute(graph, evidence):
            return AssignmentsAnswer(_refuted(budget), nothing, np.zeros(0), -np.inf)
        note = "the states that are best one by one contradict each other"
        return AssignmentsAnswer(_noted(found, note), nothing, np.zeros(0))
    if layout.is_max and _is_final(layout, messages):
        # Ties may make states that are each best together bad; the value of the maximum tells.
        bound = free_energy(layout, unary, messages, finishing(budget))
        if bound is not None and is_proved(float(score[0]), bound):
            found = quality(layout, messages, budget, is_exact=True)
            return AssignmentsAnswer(found, best, score, float(score[0]))
    return AssignmentsAnswer(found, best, score)


def _best(
    task: Task[Best], effort: Effort, options: BpOptions, refute: Refute
) -> AssignmentsAnswer:
    """Answer with the best assignment alone, and say so where more were asked for."""
    found = _map(task, effort, options, refute)
    if task.query.count == 1 or found.quality.status is Status.IMPOSSIBLE:
        return found
    note = "messages find the best one only"
    return replace(found, quality=_estimated(effort.budget, _noted(found.quality, note).note))


def _marginal_map(
    task: Task[MarginalMap], effort: Effort, options: BpOptions, refute: Refute
) -> MarginalMapAnswer:
    graph, query, evidence, budget = task.graph, task.query, task.evidence, effort.budget
    layout, unary, messages = _run(task, effort, options, 1.0)
    nothing = np.zeros(0, np.int32)
    heard = marginals(layout, unary, messages)
    if heard.contradictory[0] and refute(graph, evidence):
        return MarginalMapAnswer(_refuted(budget), nothing, -np.inf, -np.inf, -np.inf)
    states = decode(layout, heard.logs)[0, query.variables]
    clamped = evidence.copy()
    clamped[query.variables] = states
    unary = unary_with_evidence(layout, clamped[None, :])
    rest = propagate(layout, unary, budget, options, messages.values)
    value = free_energy(layout, unary, rest, finishing(budget))
    value = by_variables(layout, unary) if value is None else value
    found = quality(layout, rest, budget, is_exact=False)
    if marginals(layout, unary, rest).contradictory[0] or not np.isfinite(value):
        note = "the states that are most probable one by one contradict each other"
        return MarginalMapAnswer(_noted(found, note), nothing, -np.inf)
    note = "each variable's most probable state; its value is an estimate"
    return MarginalMapAnswer(_noted(found, note), states, value)


def _samples(
    task: Task[Samples], effort: Effort, options: BpOptions, refute: Refute
) -> AssignmentsAnswer:
    graph, query, evidence, budget = task.graph, task.query, task.evidence, effort.budget
    layout = layout_for(graph, 1.0, effort)
    nothing = np.zeros((0, graph.num_variables), np.int32)
    num_entries = len(layout.entry) + int(layout.variable_start[-1])
    each = 8 * (4 * num_entries + graph.num_variables + 1)
    step = max(1, min(budget.memory_bytes // 4, _DRAWN_BYTES_MAX) // each)
    pieces: list[np.ndarray] = []
    num_drawn = 0
    while num_drawn < query.count and not (pieces and budget.is_spent()):
        count = min(step, query.count - num_drawn)
        piece = draw(layout, evidence, count, budget, effort.rng, options)
        if piece is None:
            break
        pieces.append(piece)
        num_drawn += count
    if not pieces:
        refuted = refute(graph, evidence)
        found = _refuted(budget) if refuted else _estimated(budget, CONTRADICTION)
        return AssignmentsAnswer(found, nothing, np.zeros(0))
    drawn = np.concatenate(pieces)
    scores = log_score(graph, drawn)
    note = "drawn from beliefs, a few variables at a time; not from the exact posterior"
    if num_drawn < query.count:
        note += f"; the budget ended after {num_drawn}"
    possible = scores > -np.inf
    if possible.sum() < query.count:
        note += f"; {possible.sum()} of {query.count}, since the others contradicted themselves"
    return AssignmentsAnswer(_estimated(budget, note), drawn[possible], scores[possible])


def _solutions(
    task: Task[Query], effort: Effort, options: BpOptions, refute: Refute
) -> SolutionsAnswer:
    from gmruntime.factors.support import support

    allowed = Task(support(task.graph), LogPartition(), task.evidence)
    found = _by_sums(allowed, effort, options, refute)
    assert isinstance(found, LogPartitionAnswer)
    return counted_by_sum(found)
