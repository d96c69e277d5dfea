"""What a layered search answers, in the words of the other engines."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map, Quality, Status
from gmruntime.budget import Budget
from gmruntime.constraints.feasible import satisfy
from gmruntime.layered.moves import improved_by_moves
from gmruntime.layered.search import METHOD, Found, layered_search
from gmruntime.layered.worth import has_wide_sums, is_layered
from gmruntime.primal.climbing import climb
from gmruntime.quality import is_proved, tolerance
from gmruntime.task import Effort, Task

# Of the budget, what wide sums may take before engines on tables begin; and how many passes where
# turns are counted instead.
SUMS_SHARE, NUM_PASSES_MAX = 0.5, 2

# Of the time left where engines on tables cannot help: for rules alone, and for further passes.
_RULES_SHARE, _PASSES_SHARE = 0.3, 0.4


def layered_answer(task: Task[Map | Best], effort: Effort) -> AssignmentsAnswer | None:
    """Answer exactly where what must be remembered is little; None where it is not.

    The marks that tell answers apart are drawn.
    """
    last = last_found(task, effort, is_quick=True)
    if last is None or not last.is_final:
        return None
    return answer_of_found(last, task.query, effort.budget)


def last_found(task: Task[Map | Best], effort: Effort, *, is_quick: bool) -> Found | None:
    """Return what the last pass of a search knew; None where there was none, or no time for one.

    With `is_quick` give up where not everything can be remembered; then several best answers are
    sought without wide sums too, since one pass finds them all.
    """
    last: Found | None = None
    if effort.budget.is_spent():
        return None
    if is_layered(task, is_quick=is_quick):
        for last in layered_search(task, effort, is_quick=is_quick):  # noqa: B007
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
    task: Task[Map],
    effort: Effort,
    first: Improvement,
    num_steps_max: int | None,
    share: float = SUMS_SHARE,
) -> Iterator[Improvement]:
    """Yield the best of each pass where it is better than what is known; nothing without wide sums.

    Args:
        task: about a graph of any factor kinds.
        effort: of the whole search.
        first: what is known.
        num_steps_max: when given, passes are counted, and the clock is not asked.
        share: of the time left, what this may take.
    """
    if not has_wide_sums(task.graph):
        return
    budget = effort.budget
    part = budget.share(share)
    if num_steps_max is not None:
        part = replace(budget, start_s=0.0, clock=lambda: 0.0)
    start = first.assignment if np.isfinite(first.log_score) else None
    # A generator of its own: where there are no sums, nothing is drawn.
    passes = layered_search(task, effort.within(part).drawing(effort.rng.spawn(1)[0]), start=start)
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
    task: Task[Map],
    effort: Effort,
    first: Improvement,
    num_steps_max: int | None,
) -> Iterator[Improvement]:
    """Search where some factor has no tables: keep its rules, pass again, and move.

    Args:
        task: about a graph of any factor kinds.
        effort: of the whole search.
        first: what is known.
        num_steps_max: caps the variables visited while climbing.
    """
    if num_steps_max is None:
        if not np.isfinite(first.log_score):
            part = effort.budget.share(_RULES_SHARE)
            feasible = satisfy(task.graph, task.evidence, part, effort.rng)
            if feasible is not None and feasible.log_score > first.log_score:
                first = feasible.improvement(effort.budget)
                yield first
        passes = improved_by_sums(task, effort, first, None, _PASSES_SHARE)
        for first in passes:
            yield first
        if first.log_bound <= first.log_score:
            return
        if has_wide_sums(task.graph):
            yield from improved_by_moves(task, effort, first)
            return
    for found in climb(task, effort, num_steps_max, first.log_score):
        yield replace(found, log_bound=first.log_bound)
