"""Maximisation as a whole: what settles it at once, then the anytime search."""

from collections.abc import Iterator

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map, Status
from gmruntime.budget import QUICK_SHARE
from gmruntime.constraints.feasible import METHOD, satisfy
from gmruntime.driver.anytime import search as improve
from gmruntime.driver.best import best_answer
from gmruntime.driver.board import Exchange, answer_of
from gmruntime.driver.team import gather, searched_together
from gmruntime.layered.worth import has_wide_sums
from gmruntime.primal.proposed import PROPOSED, better_start
from gmruntime.task import Effort, Task

_SMALL_VARIABLES = 30
"""A search first tries elimination on graphs up to this size, where nothing need be compiled."""


def improvements(task: Task[Map | Best], effort: Effort) -> Iterator[Improvement]:
    """Yield ever better assignments of a graph that is checked; a small one is settled at once."""
    small = _by_elimination(task, effort)
    if small is not None:
        return iter([small])
    return _begun(task, effort)


def _begun(task: Task[Map | Best], effort: Effort) -> Iterator[Improvement]:
    """Search alone, or for one best answer with the help of workers."""
    workers = effort.workers
    if workers is None or isinstance(task.query, Best):
        return _alone(task, effort, None)
    effort = effort.within(effort.budget.on_cores(workers.cores_here()))
    team = gather(workers, task, effort)
    return searched_together(team, lambda exchange: _alone(task, effort, exchange))


def _alone(
    task: Task[Map | Best], effort: Effort, exchange: Exchange | None
) -> Iterator[Improvement]:
    """Search in this process, once it is known what the hard constraints leave."""
    if has_wide_sums(task.graph):
        # Their passes answer at once, and the hard constraints are worked on later.
        start = better_start(task.graph, task.evidence, effort.start, None, effort.budget)
        return improve(task, effort, start=start, start_by=PROPOSED, exchange=exchange)
    feasible = satisfy(task.graph, task.evidence, effort.budget, effort.rng)
    if feasible is not None and feasible.is_final:
        return iter([feasible.improvement(effort.budget)])
    known = None if feasible is None else feasible.assignment
    start = better_start(task.graph, task.evidence, effort.start, known, effort.budget)
    start_by = METHOD if start is known else PROPOSED
    return improve(task, effort, start=start, start_by=start_by, exchange=exchange)


def _by_elimination(task: Task[Map | Best], effort: Effort) -> Improvement | None:
    """Answer a small maximisation exactly at once, before anything has to be compiled."""
    from gmruntime.elimination.answer import answer as eliminate
    from gmruntime.elimination.plan import plan as predict

    if task.graph.num_variables > _SMALL_VARIABLES:
        return None
    best, part, budget = task.asking(Map()), effort.share(QUICK_SHARE), effort.budget
    predicted = predict(best, part)
    if not predicted.fits or predicted.compiled:
        return None
    found = eliminate(best, part)
    if not isinstance(found, AssignmentsAnswer) or found.quality.status is Status.BOUNDED:
        return None
    if found.quality.status is Status.IMPOSSIBLE:
        nothing = np.zeros(0, np.int32)
        return Improvement(budget.spent_s(), nothing, -np.inf, -np.inf, found.quality.method)
    if found.quality.status is not Status.EXACT:
        return None
    score = float(found.log_scores[0])
    method = found.quality.method
    return Improvement(budget.spent_s(), found.assignments[0], score, score, method)


def searched(task: Task[Map | Best], effort: Effort) -> AssignmentsAnswer:
    """Search until the budget ends or the best is proved; hard constraints are looked at first.

    Several best answers are searched for alone.
    """
    if isinstance(task.query, Best):
        return best_answer(task.asking(task.query), effort)
    steps = _begun(task, effort)
    last: Improvement | None = None
    for last in steps:  # noqa: B007
        pass
    return answer_of(task.graph, last, effort.budget)
