"""Answers of every kind of question by belief propagation; estimates, except on forests."""

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
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph, log_score
from gmruntime.messages.beliefs import bethe_log_partition, by_block, decode, joint, marginals
from gmruntime.messages.bp import Messages, propagate
from gmruntime.messages.layout import Layout, build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions, temperature_for
from gmruntime.messages.reweighted import log_partition_upper_bound
from gmruntime.messages.sampling import draw

METHOD = "belief propagation"

# What is left to change, in nats, when messages on a forest count as final.
_RESIDUAL_EXACT_MAX = 1e-9


def answer(
    graph: FactorGraph,
    query: Query,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    *,
    options: BpOptions | None = None,
) -> Answer:
    """Answer by message passing.

    Args:
        graph: a valid graph.
        query: what is asked.
        evidence: a state for each observed variable, -1 for the others.
        budget: its deadline ends the run.
        rng: used by `Samples` only.
        options: None takes the defaults.
    """
    options = options or BpOptions()
    match query:
        case Marginals() | LogPartition() | Joint():
            return _by_sums(graph, query, evidence, budget, options)
        case Map() | Best():
            return _map(graph, evidence, budget, options)
        case MarginalMap():
            return _marginal_map(graph, query, evidence, budget, options)
        case Samples():
            return _samples(graph, query, evidence, budget, rng, options)
        case Solutions():
            return _solutions(graph, evidence, budget, options)


def _run(
    graph: FactorGraph, evidence: Assignment, budget: Budget, options: BpOptions, temperature: float
) -> tuple[Layout, np.ndarray, Messages]:
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, evidence[None, :])
    return layout, unary, propagate(layout, unary, budget, options)


def quality(layout: Layout, messages: Messages, budget: Budget, *, is_exact: bool) -> Quality:
    """Say how good an answer from these messages is.

    Args:
        layout: of the graph.
        messages: of one row of evidence.
        budget: that was spent.
        is_exact: whether converged messages on a forest make this kind of answer exact.
    """
    seconds = budget.spent_s()
    if is_exact and layout.is_exact and messages.residual <= _RESIDUAL_EXACT_MAX:
        return Quality(Status.EXACT, METHOD, seconds, note="the graph is a forest")
    note = "" if messages.converged else f"not converged after {messages.num_sweeps} sweeps"
    return Quality(Status.ESTIMATE, METHOD, seconds, messages.residual, "residual", note)


def impossible(budget: Budget) -> Quality:
    """Return the quality of an answer to evidence that messages prove impossible."""
    return Quality(Status.IMPOSSIBLE, METHOD, budget.spent_s())


def _by_sums(
    graph: FactorGraph,
    query: Marginals | LogPartition | Joint,
    evidence: Assignment,
    budget: Budget,
    options: BpOptions,
) -> Answer:
    temperature = temperature_for(options, query)
    layout, unary, messages = _run(graph, evidence, budget, options, temperature)
    found = marginals(layout, unary, messages)
    log_partition = float(bethe_log_partition(layout, unary, messages)[0])
    is_impossible = bool(found.impossible[0]) or np.isneginf(log_partition)
    # Other temperatures answer about p^(1/T), which is not what was asked.
    exact = temperature == 1.0
    found_quality = (
        impossible(budget) if is_impossible else quality(layout, messages, budget, is_exact=exact)
    )
    match query:
        case LogPartition():
            value = -np.inf if is_impossible else log_partition
            if found_quality.status is Status.ESTIMATE:
                upper = log_partition_upper_bound(graph, evidence, budget.share(0.3))
                return LogPartitionAnswer(found_quality, value, log_upper=upper)
            return LogPartitionAnswer(found_quality, value, value, value)
        case Joint():
            return _joint(graph, query, evidence, layout, unary, messages, found_quality)
        case Marginals():
            row = np.full(unary.shape[1], np.nan) if is_impossible else found.probabilities[0]
            if query.variables is not None:
                asked = np.zeros(len(layout.num_states), np.bool_)
                asked[query.variables] = True
                row = np.where(np.repeat(asked, layout.num_states), row, np.nan)
            blocks = by_block(graph, row)
            value = -np.inf if is_impossible else log_partition
            return MarginalsAnswer(found_quality, blocks, log_partition=value)


def _joint(
    graph: FactorGraph,
    query: Joint,
    evidence: Assignment,
    layout: Layout,
    unary: np.ndarray,
    messages: Messages,
    found: Quality,
) -> JointAnswer:
    shape = tuple(int(layout.num_states[v]) for v in query.variables)
    if found.status is Status.IMPOSSIBLE:
        return JointAnswer(found, np.full(shape, np.nan))
    rows = marginals(layout, unary, messages).probabilities[0]
    free = np.array(sorted({int(v) for v in query.variables if evidence[v] < 0}), np.int32)
    inner = joint(layout, unary, messages, free) if len(free) > 1 else None
    if inner is None:
        inner = np.ones(())
        for v in free:
            row = rows[layout.variable_start[v] : layout.variable_start[v + 1]]
            inner = np.multiply.outer(inner, row)
        if len(free) > 1:
            note = "taken as independent"
            if not messages.converged:
                note = f"{found.note}; {note}"
            found = replace(
                found,
                status=Status.ESTIMATE,
                error=float("nan"),
                error_kind="",
                note=note,
            )
    result = np.zeros(shape)
    for place in np.ndindex(*inner.shape):
        state = dict(zip(free.tolist(), place, strict=True))
        index = tuple(state.get(int(v), int(evidence[v])) for v in query.variables)
        result[index] += inner[place]
    return JointAnswer(found, result)


def _map(
    graph: FactorGraph, evidence: Assignment, budget: Budget, options: BpOptions
) -> AssignmentsAnswer:
    temperature = temperature_for(options, Map())
    layout, unary, messages = _run(graph, evidence, budget, options, temperature)
    nothing = np.zeros((0, graph.num_variables), np.int32)
    if marginals(layout, unary, messages).impossible[0]:
        return AssignmentsAnswer(impossible(budget), nothing, np.zeros(0), -np.inf)
    best = decode(layout, unary, messages)
    score = log_score(graph, best)
    found = quality(layout, messages, budget, is_exact=False)
    if layout.is_exact and messages.residual <= _RESIDUAL_EXACT_MAX and layout.is_max:
        # Ties may make states that are each best together bad; the value of the maximum tells.
        bound = float(bethe_log_partition(layout, unary, messages)[0])
        if np.isneginf(bound):
            return AssignmentsAnswer(impossible(budget), nothing, np.zeros(0), -np.inf)
        if score[0] >= bound - 1e-9 * max(1.0, abs(bound)):
            found = quality(layout, messages, budget, is_exact=True)
            return AssignmentsAnswer(found, best, score, float(score[0]))
    if np.isneginf(score[0]):
        note = "the states that are best one by one contradict each other"
        found = replace(found, note="; ".join(s for s in (found.note, note) if s))
        return AssignmentsAnswer(found, nothing, np.zeros(0))
    return AssignmentsAnswer(found, best, score)


def _marginal_map(
    graph: FactorGraph,
    query: MarginalMap,
    evidence: Assignment,
    budget: Budget,
    options: BpOptions,
) -> MarginalMapAnswer:
    layout, unary, messages = _run(graph, evidence, budget, options, 1.0)
    if marginals(layout, unary, messages).impossible[0]:
        return MarginalMapAnswer(impossible(budget), np.zeros(0, np.int32), -np.inf)
    states = decode(layout, unary, messages)[0, query.variables]
    clamped = evidence.copy()
    clamped[query.variables] = states
    unary = unary_with_evidence(layout, clamped[None, :])
    rest = propagate(layout, unary, budget, options, messages.values)
    value = float(bethe_log_partition(layout, unary, rest)[0])
    note = "each variable's most probable state; its value is an estimate"
    found = quality(layout, rest, budget, is_exact=False)
    found = replace(found, note="; ".join(s for s in (found.note, note) if s))
    return MarginalMapAnswer(found, states, value)


def _samples(
    graph: FactorGraph,
    query: Samples,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    options: BpOptions,
) -> AssignmentsAnswer:
    layout = build_layout(graph, 1.0)
    nothing = np.zeros((0, graph.num_variables), np.int32)
    drawn = draw(layout, evidence, query.count, budget, rng, options)
    if drawn is None:
        return AssignmentsAnswer(impossible(budget), nothing, np.zeros(0))
    scores = log_score(graph, drawn)
    note = "drawn from beliefs, a few variables at a time; not from the exact posterior"
    found = Quality(Status.ESTIMATE, METHOD, budget.spent_s(), float("nan"), "", note)
    possible = scores > -np.inf
    return AssignmentsAnswer(found, drawn[possible], scores[possible])


def _solutions(
    graph: FactorGraph, evidence: Assignment, budget: Budget, options: BpOptions
) -> SolutionsAnswer:
    from gmruntime.factors.decompose import to_support_tables

    support = to_support_tables(graph)
    if support is None:
        note = "a factor is too wide to be counted"
        unknown = Quality(Status.ESTIMATE, METHOD, budget.spent_s(), float("nan"), "", note)
        return SolutionsAnswer(unknown, float("nan"), None)
    extra = np.full(support.num_variables - graph.num_variables, -1, np.int32)
    observed = np.concatenate([evidence, extra]).astype(np.int32)
    layout, unary, messages = _run(support, observed, budget, options, 1.0)
    value = float(bethe_log_partition(layout, unary, messages)[0])
    if np.isneginf(value):
        return SolutionsAnswer(impossible(budget), -np.inf, 0)
    return SolutionsAnswer(quality(layout, messages, budget, is_exact=False), value, None)
