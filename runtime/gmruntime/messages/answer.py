"""Estimates by belief propagation, each with its residual."""

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
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states
from gmruntime.messages.options import BpOptions
from gmruntime.messages.propagation import Beliefs, propagate

METHOD = "belief propagation"
JOINT_RUNS_MAX = 256
"""A joint is estimated by clamping one variable after another, at most this many times."""


def answer(
    graph: FactorGraph,
    query: Query,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    *,
    options: BpOptions,
) -> Answer:
    """Estimate an answer; what messages cannot answer is said in the note."""
    del rng
    match query:
        case Marginals():
            found = propagate(graph, evidence, budget, options)
            return _marginals(graph, query, found, budget)
        case LogPartition():
            found = propagate(graph, evidence, budget, options)
            return LogPartitionAnswer(_quality(found, budget), found.bethe)
        case Joint():
            return _joint(graph, query, evidence, budget, options)
        case Map() | Best():
            return _decoded(graph, evidence, budget, options)
        case MarginalMap():
            return _marginal_map(graph, query, evidence, budget, options)
        case Samples():
            empty = np.zeros((0, graph.num_variables), np.int32)
            note = "exact samples do not fit the budget"
            return AssignmentsAnswer(_unanswered(budget, note), empty, np.zeros(0))
        case Solutions():
            note = "an exact count does not fit the budget"
            return SolutionsAnswer(_unanswered(budget, note), float("nan"), None)


def _unanswered(budget: Budget, note: str) -> Quality:
    return Quality(Status.ESTIMATE, "none", budget.spent_s(), float("nan"), "unknown", note)


def _quality(found: Beliefs, budget: Budget) -> Quality:
    note = "" if found.converged else f"not converged after {found.num_sweeps} sweeps"
    return Quality(Status.ESTIMATE, METHOD, budget.spent_s(), found.residual, "residual", note)


def _marginals(
    graph: FactorGraph, query: Marginals, found: Beliefs, budget: Budget
) -> MarginalsAnswer:
    probabilities = np.exp(found.log_beliefs)
    if query.variables is not None:
        asked = np.zeros(len(probabilities), np.bool_)
        asked[query.variables] = True
        probabilities[~asked] = np.nan
    blocks: list[np.ndarray] = []
    start = 0
    for block in graph.variables:
        rows = probabilities[start : start + block.size, : block.num_states]
        blocks.append(rows.reshape(*block.shape, block.num_states))
        start += block.size
    return MarginalsAnswer(_quality(found, budget), tuple(blocks), log_partition=found.bethe)


def _joint(
    graph: FactorGraph, query: Joint, evidence: Assignment, budget: Budget, options: BpOptions
) -> JointAnswer:
    """P(a, b) = P(a) P(b | a), each by its own run."""
    states = num_states(graph)
    sizes = [int(states[v]) for v in query.variables]
    table = np.zeros(sizes)
    worst: list[Beliefs] = []
    runs = [0]

    def fill(place: tuple[int, ...], weight: float, seen: Assignment) -> None:
        depth = len(place)
        if depth == len(sizes):
            table[place] += weight
            return
        variable = int(query.variables[depth])
        if runs[0] >= JOINT_RUNS_MAX and worst:
            row = np.exp(worst[0].log_beliefs[variable, : sizes[depth]])
        else:
            runs[0] += 1
            found = propagate(graph, seen, budget, options)
            worst.append(found)
            row = np.exp(found.log_beliefs[variable, : sizes[depth]])
        for state in range(sizes[depth]):
            if row[state] <= 0:
                continue
            clamped = seen.copy()
            clamped[variable] = state
            fill((*place, state), weight * float(row[state]), clamped)

    fill((), 1.0, evidence)
    last = max(worst, key=lambda found: found.residual)
    return JointAnswer(_quality(last, budget), table / table.sum())


def _decoded(
    graph: FactorGraph, evidence: Assignment, budget: Budget, options: BpOptions
) -> AssignmentsAnswer:
    found = propagate(graph, evidence, budget, options, temperature=0.0)
    states = found.log_beliefs.argmax(axis=1)[: graph.num_variables].astype(np.int32)
    score = float(log_score(graph, states))
    return AssignmentsAnswer(_quality(found, budget), states[None], np.array([score]))


def _marginal_map(
    graph: FactorGraph,
    query: MarginalMap,
    evidence: Assignment,
    budget: Budget,
    options: BpOptions,
) -> MarginalMapAnswer:
    """Take each variable's most probable state; the value is a Bethe estimate."""
    found = propagate(graph, evidence, budget, options)
    states = found.log_beliefs[query.variables].argmax(axis=1).astype(np.int32)
    clamped = evidence.copy()
    clamped[query.variables] = states
    value = propagate(graph, clamped, budget, options)
    return MarginalMapAnswer(_quality(value, budget), states, value.bethe)
