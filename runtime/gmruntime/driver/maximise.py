"""Maximisation as a whole: what settles it at once, then the anytime search."""

from collections.abc import Iterator

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map, Status
from gmruntime.budget import Budget
from gmruntime.constraints.feasible import satisfy
from gmruntime.driver.anytime import search as improve
from gmruntime.driver.best import best_answer
from gmruntime.driver.board import Exchange, answer_of
from gmruntime.driver.team import gather, searched_together
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, Or, Xor
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.layered.search import has_wide_sums
from gmruntime.workers.workers import Workers

QUICK_SHARE = 0.1
"""Of the budget, for trying whether hard constraints or elimination settle a maximisation."""

SMALL_VARIABLES = 30
"""A search first tries elimination on graphs up to this size, where nothing need be compiled."""

CONSTRAINTS = (AllDifferent, LinearSum, Xor, Or, Count)
"""Kinds that make such a try worth while."""


def improvements(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    workers: Workers | None = None,
    seed: int = 0,
) -> Iterator[Improvement]:
    """Yield ever better assignments of a graph that is checked; a small one is settled at once.

    Args:
        graph: of any factor kinds.
        query: what is asked.
        evidence: a state for each observed variable, -1 for the others.
        budget: ends the search.
        rng: of everything random here.
        workers: who help; None searches alone.
        seed: of everything random there.
    """
    small = _by_elimination(graph, evidence, budget, rng)
    if small is not None:
        return iter([small])
    return _begun(graph, query, evidence, budget, rng, workers, seed)


def _begun(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    workers: Workers | None,
    seed: int,
) -> Iterator[Improvement]:
    """Search alone, or for one best answer with the help of workers."""
    if workers is None or isinstance(query, Best):
        return _alone(graph, query, evidence, budget, rng, None)
    budget = budget.on_cores(workers.cores_here())
    team = gather(workers, graph, evidence, budget, seed)
    return searched_together(
        team, lambda exchange: _alone(graph, query, evidence, budget, rng, exchange)
    )


def _alone(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    exchange: Exchange | None,
) -> Iterator[Improvement]:
    """Search in this process, once it is known what the hard constraints leave."""
    if has_wide_sums(graph):
        # Their passes answer at once, and the hard constraints are worked on later.
        return improve(graph, query, evidence, budget, rng, exchange=exchange)
    feasible = satisfy(graph, evidence, budget, rng)
    if feasible is not None and feasible.is_final:
        return iter([feasible.improvement(budget)])
    start = None if feasible is None else feasible.assignment
    return improve(graph, query, evidence, budget, rng, start=start, exchange=exchange)


def _by_elimination(
    graph: FactorGraph, evidence: Assignment, budget: Budget, rng: np.random.Generator
) -> Improvement | None:
    """Answer a small maximisation exactly at once, before anything has to be compiled."""
    from gmruntime.elimination.answer import answer as eliminate
    from gmruntime.elimination.plan import plan as predict

    if graph.num_variables > SMALL_VARIABLES:
        return None
    part = budget.share(QUICK_SHARE)
    predicted = predict(graph, Map(), evidence, part, rng)
    if not predicted.fits or predicted.compiled:
        return None
    found = eliminate(graph, Map(), evidence, part, rng)
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


def searched(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    workers: Workers | None = None,
    seed: int = 0,
) -> AssignmentsAnswer:
    """Search until the budget ends or the best is proved; hard constraints are looked at first.

    The arguments are those of `improvements`; several best answers are searched for alone.
    """
    if isinstance(query, Best):
        return best_answer(graph, query, evidence, budget, rng)
    steps = _begun(graph, query, evidence, budget, rng, workers, seed)
    last: Improvement | None = None
    for last in steps:  # noqa: B007
        pass
    return answer_of(graph, last, budget)


def by_constraints(
    graph: FactorGraph, evidence: Assignment, budget: Budget, rng: np.random.Generator
) -> AssignmentsAnswer | None:
    """Answer a maximisation whose hard constraints decide everything, if that is quick."""
    if not any(isinstance(block.kind, CONSTRAINTS) for block in graph.factors):
        return None
    feasible = satisfy(graph, evidence, budget.share(QUICK_SHARE), rng)
    if feasible is None or not feasible.is_final:
        return None
    return answer_of(graph, feasible.improvement(budget), budget)
