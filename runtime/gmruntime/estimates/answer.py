"""Answers where no exact one fits: an estimate that says how far off it may be, or that none knows.

Messages come first. Samples check them where the graph has mechanisms to draw from; for log Z the
weighted mini-buckets bound them. Only constraint propagation, or a search that is complete, proves
evidence impossible.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
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
    Solutions,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.constraints.feasible import Feasible, has_hard_constraints, satisfy
from gmruntime.driver.answer import answer as search
from gmruntime.driver.board import answer_of
from gmruntime.elimination.solutions import counted_by_sum
from gmruntime.estimates.quick import NUM_FACTORS_QUICK
from gmruntime.factors.support import support
from gmruntime.graph import Assignment, FactorGraph, num_states
from gmruntime.messages.answer import answer as propagate
from gmruntime.messages.answer import refute_by_pruning
from gmruntime.messages.beliefs import least_log_score
from gmruntime.messages.finishing import finishing
from gmruntime.messages.options import options_from
from gmruntime.task import Effort, Task

if TYPE_CHECKING:
    from gmruntime.elimination.plan import Plan

_MESSAGES_SHARE = 0.2
"""Of the budget, for a first estimate of log Z where no exact answer fits."""

_DRAWS_SHARE = 0.5
"""Of the budget, for drawing the samples that check messages."""

_BUCKETS_SHARE = 0.7
"""Of what is left when mechanisms cannot be drawn from, for draws from mini-buckets."""

LATE_S = 0.1
"""For samples, when nothing is left: messages that have hardly begun say less."""

_PROOF_SHARE = 0.1
"""Of the budget, for trying whether hard constraints settle a question."""


def estimate(task: Task[Query], planned: "Plan", effort: Effort) -> Answer:
    """Answer a question about sums where no exact answer fits.

    Args:
        task: neither `Map` nor `Best`.
        planned: why no exact answer fits.
        effort: of which the device is for messages.
    """
    match task.query:
        case LogPartition():
            return _bounded(task.asking(LogPartition()), planned, effort)
        case Solutions():
            # What was planned are tables of zeros and ones, whose sum is the number.
            return counted_by_sum(_bounded(_of_support(task), planned, effort))
        case Marginals() | Joint() as query:
            return _checked(task.asking(query), planned, effort)
        case _:
            return by_messages(task, effort, {})


def _of_support(task: Task[Query]) -> Task[LogPartition]:
    """Ask for the sum of zeros and ones that a number of solutions is."""
    return Task(support(task.graph), LogPartition(), task.evidence)


def by_messages(
    task: Task[Query], effort: Effort, options: Mapping[str, bool | int | float]
) -> Answer:
    """Answer by messages alone, as `using bp` asks for; what they cannot prove others do."""

    def refute(_: FactorGraph, seen: Assignment) -> bool:
        return refuted(task.about(task.graph, seen), effort)

    budget = effort.budget
    if isinstance(task.query, Solutions):
        found = by_messages(_of_support(task), effort, options)
        assert isinstance(found, LogPartitionAnswer)
        return counted_by_sum(found)
    how = options_from(options, effort.device)
    part = effort.share(1.0 - 2.0 * _PROOF_SHARE)
    found = propagate(task, part, options=how, refute=refute)
    if found.quality.status is not Status.ESTIMATE:
        return found
    match found:
        case LogPartitionAnswer():
            if found.log_lower == -np.inf:
                known = _look(task, effort)
                if known is not None and known.assignment is None:
                    return LogPartitionAnswer(_impossible(budget), -np.inf, -np.inf, -np.inf)
                found = found if known is None else _at_least(found, known.log_score)
            return _between(found)
        case MarginalMapAnswer():
            assert isinstance(task.query, MarginalMap)
            return _feasible(task.asking(task.query), found, effort)
        case _:
            return found


def _impossible(budget: Budget) -> Quality:
    return Quality(Status.IMPOSSIBLE, "constraint propagation", budget.spent_s())


def refuted(task: Task[Query], effort: Effort) -> bool:
    """Prove that no assignment agrees with the evidence; False when that is not proved in time."""
    known = _look(task, effort)
    if known is not None:
        return known.assignment is None
    is_small = task.graph.num_factors <= NUM_FACTORS_QUICK
    if not is_small:
        return False
    return refute_by_pruning(task.graph, task.evidence, finishing(effort.budget))


def _look(task: Task[Query], effort: Effort) -> Feasible | None:
    """Look for an assignment above zero, or a proof that there is none."""
    return satisfy(task.graph, task.evidence, effort.budget.share(_PROOF_SHARE), effort.rng)


# --- log Z -------------------------------------------------------------------------------


def _at_least(found: LogPartitionAnswer, log_lower: float) -> LogPartitionAnswer:
    """Raise the lower bound of an estimate, and the estimate where it was below."""
    lower = max(found.log_lower, log_lower)
    value = min(max(found.log_value, lower), found.log_upper)
    return replace(found, log_value=value, log_lower=lower)


def _between(found: LogPartitionAnswer) -> LogPartitionAnswer:
    """Call an estimate bounded that lies between two numbers that are proved."""
    if not np.isfinite([found.log_lower, found.log_upper]).all():
        return found
    return replace(found, quality=replace(found.quality, status=Status.BOUNDED))


def _bounded(task: Task[LogPartition], planned: "Plan", effort: Effort) -> LogPartitionAnswer:
    """Bound log Z; messages give a first estimate, and the answer where tables are too many."""
    from gmruntime.elimination.bounding import bound_log_partition

    # The look comes first, while there is most time: what it proves needs no estimate.
    known, budget = _look(task, effort), effort.budget
    if known is not None and known.assignment is None:
        return LogPartitionAnswer(_impossible(budget), -np.inf, -np.inf, -np.inf)
    first = by_messages(task, effort.share(_MESSAGES_SHARE), {})
    assert isinstance(first, LogPartitionAnswer)
    if first.quality.status not in (Status.ESTIMATE, Status.BOUNDED):
        return first
    if known is not None:
        first = _between(_at_least(first, known.log_score))
    if planned.network is None:
        return first
    found = bound_log_partition(
        planned.network, planned.order, first.log_lower, first.log_value, budget, effort.rng
    )
    if found is None:
        return first
    upper = min(found.log_upper, first.log_upper)
    value = max(found.log_value, found.log_lower, least_log_score(task.graph))
    value = min(value, upper)
    return replace(found, log_value=value, log_upper=upper)


# --- Marginals and marginal MAP ----------------------------------------------------------


def _checked(task: Task[Marginals | Joint], planned: "Plan", effort: Effort) -> Answer:
    """Draw first, for how long messages take nobody knows; then set both beside each other."""
    from gmruntime.elimination.bounding import METHOD as BUCKETS
    from gmruntime.estimates.buckets import weigh_by_buckets
    from gmruntime.estimates.checking import METHOD, check_joint, check_marginals, weigh

    graph, query, evidence = task.graph, task.query, task.evidence
    budget, rng = effort.budget, effort.rng
    match query:
        case Marginals():
            is_asked = evidence < 0
            if query.variables is not None:
                is_asked &= np.isin(np.arange(graph.num_variables), query.variables)
            asked = np.flatnonzero(is_asked).astype(np.int64)
        case Joint():
            asked = query.variables.astype(np.int64)
    is_joint = isinstance(query, Joint)
    part = budget.share(_DRAWS_SHARE)
    if part.left_s() < LATE_S:
        part = replace(budget, start_s=budget.clock(), seconds=LATE_S)
    tally = weigh(task, asked, effort.within(part), is_joint=is_joint) if len(asked) else None
    drawn_by = METHOD
    if tally is None and len(asked) and planned.network is not None:
        part, drawn_by = budget.share(_BUCKETS_SHARE), BUCKETS
        sizes = num_states(graph)[asked].astype(np.int64)
        tally = weigh_by_buckets(
            planned.network, planned.order, evidence, asked, sizes, part, rng, is_joint=is_joint
        )
    found = by_messages(task, effort, {})
    if tally is None or found.quality.status is not Status.ESTIMATE:
        return found
    match found:
        case MarginalsAnswer():
            return check_marginals(graph, asked, found, tally, budget, drawn_by)
        case JointAnswer():
            return check_joint(found, tally, budget, drawn_by)
        case _:
            raise AssertionError(type(found).__name__)


def _feasible(
    task: Task[MarginalMap], found: MarginalMapAnswer, effort: Effort
) -> MarginalMapAnswer:
    """Return states that some assignment above zero has, or none and say so.

    States that are probable one by one may contradict each other or the evidence.
    """
    graph, evidence, asked = task.graph, task.evidence, task.query.variables

    def best_known(states: np.ndarray | None) -> AssignmentsAnswer:
        clamped = evidence.copy()
        if states is not None:
            clamped[asked] = states
        best = Task(graph, Map(), clamped)
        known, part = _look(best, effort), effort.share(2 * _PROOF_SHARE)
        if known is None:
            return search(best, part)
        return answer_of(graph, known.improvement(part.budget), part.budget)

    if len(found.states) and not has_hard_constraints(graph):
        return found
    known = best_known(found.states) if len(found.states) else None
    if known is not None and len(known.assignments):
        lower = max(found.log_lower, float(known.log_scores[0]))
        return replace(found, log_value=max(found.log_value, lower), log_lower=lower)
    other = best_known(None)
    nothing = np.zeros(0, np.int32)
    if other.quality.status is Status.IMPOSSIBLE:
        return MarginalMapAnswer(other.quality, nothing, -np.inf, -np.inf, -np.inf)
    if len(other.assignments):
        score = float(other.log_scores[0])
        note = "the states of the best assignment found; its score is a lower bound"
        quality = replace(found.quality, method=other.quality.method, note=note)
        states = other.assignments[0, asked].astype(np.int32)
        return MarginalMapAnswer(quality, states, score, score)
    note = "no states were found that the hard constraints are known to allow"
    return MarginalMapAnswer(replace(found.quality, note=note), nothing, -np.inf)
