"""What a layered search answers, in the words of the other engines."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map, Quality, Status
from gmruntime.budget import Budget
from gmruntime.constraints.feasible import satisfy
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.layered.moves import improved_by_moves
from gmruntime.layered.search import METHOD, Found, has_wide_sums, layered_search
from gmruntime.primal.climbing import climb
from gmruntime.quality import is_proved, tolerance

# Of the budget, what wide sums may take before engines on tables begin; and how many passes where
# turns are counted instead.
SUMS_SHARE, NUM_PASSES_MAX = 0.5, 2

# Of the time left where engines on tables cannot help: for rules alone, and for further passes.
RULES_SHARE, PASSES_SHARE = 0.3, 0.4


def layered_answer(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
) -> AssignmentsAnswer | None:
    """Answer exactly where what must be remembered is little; None where it is not.

    Args:
        graph: of any factor kinds.
        query: what is asked.
        evidence: a state for each observed variable, -1 for the others.
        budget: ends the search.
        rng: of the marks that tell answers apart.
    """
    last = last_found(graph, query, evidence, budget, rng, is_quick=True)
    return None if last is None or not last.is_final else answer_of_found(last, query, budget)


def last_found(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    *,
    is_quick: bool,
) -> Found | None:
    """Return what the last pass of a search knew; None where there was none, or no time for one.

    With `is_quick` give up where not everything can be remembered; then several best answers are
    sought without wide sums too, since one pass finds them all.
    """
    count, asked = (query.count, query.variables) if isinstance(query, Best) else (1, None)
    last: Found | None = None
    if budget.is_spent():
        return None
    if has_wide_sums(graph) or (is_quick and count > 1):
        for last in layered_search(  # noqa: B007
            graph, evidence, budget, rng, count=count, asked=asked, is_quick=is_quick
        ):
            pass
    return last


def answer_of_found(found: Found, query: Map | Best, budget: Budget) -> AssignmentsAnswer:
    """Say what a final finding amounts to."""
    assert found.is_final
    status = Status.EXACT if len(found.log_scores) else Status.IMPOSSIBLE
    num_found = len(found.log_scores)
    wanting = isinstance(query, Best) and 0 < num_found < query.count
    note = f"there are {num_found}" if wanting else ""
    quality = Quality(status, METHOD, budget.spent_s(), note=note)
    return AssignmentsAnswer(quality, found.assignments, found.log_scores, found.log_bound)


def improved_by_sums(
    graph: FactorGraph,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    first: Improvement,
    num_steps_max: int | None,
    share: float = SUMS_SHARE,
) -> Iterator[Improvement]:
    """Yield the best of each pass where it is better than what is known; nothing without wide sums.

    Args:
        graph: of any factor kinds.
        evidence: a state for each observed variable, -1 for the others.
        budget: of the whole search.
        rng: of the search.
        first: what is known.
        num_steps_max: when given, passes are counted, and the clock is not asked.
        share: of the time left, what this may take.
    """
    if not has_wide_sums(graph):
        return
    part = budget.share(share)
    if num_steps_max is not None:
        part = replace(budget, start_s=0.0, clock=lambda: 0.0)
    start = first.assignment if np.isfinite(first.log_score) else None
    # A generator of its own: where there are no sums, nothing is drawn.
    passes = layered_search(graph, evidence, part, rng.spawn(1)[0], start=start)
    for num_passes, found in enumerate(passes):
        better = _better(first, found, budget)
        if better is not None:
            first = better
            yield first
        if num_steps_max is not None and num_passes >= NUM_PASSES_MAX:
            return


def _better(last: Improvement, found: Found, budget: Budget) -> Improvement | None:
    """Join what is known to what was found; None where that is no better."""
    bound = min(last.log_bound, found.log_bound)
    assignment, score = last.assignment, last.log_score
    if len(found.log_scores) and found.log_scores[0] > score:
        assignment, score = found.assignments[0], float(found.log_scores[0])
    bound = score if is_proved(score, bound) else bound
    if score == last.log_score and bound >= last.log_bound - tolerance(last.log_score):
        return None
    return Improvement(budget.spent_s(), assignment, score, bound, METHOD)


def without_tables(
    graph: FactorGraph,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    first: Improvement,
    num_steps_max: int | None,
) -> Iterator[Improvement]:
    """Search where some factor has no tables: keep its rules, pass again, and move.

    Args:
        graph: of any factor kinds.
        evidence: a state for each observed variable, -1 for the others.
        budget: of the whole search.
        rng: of the search.
        first: what is known.
        num_steps_max: caps the variables visited while climbing.
    """
    if num_steps_max is None:
        if not np.isfinite(first.log_score):
            feasible = satisfy(graph, evidence, budget.share(RULES_SHARE), rng)
            if feasible is not None and feasible.log_score > first.log_score:
                first = feasible.improvement(budget)
                yield first
        passes = improved_by_sums(graph, evidence, budget, rng, first, None, PASSES_SHARE)
        for first in passes:
            yield first
        if first.log_bound <= first.log_score:
            return
        if has_wide_sums(graph):
            yield from improved_by_moves(graph, evidence, budget, rng, first)
            return
    for found in climb(graph, evidence, budget, rng, num_steps_max, first.log_score):
        yield replace(found, log_bound=first.log_bound)
