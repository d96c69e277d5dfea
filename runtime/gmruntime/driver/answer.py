"""The best assignments that a search finds in its budget, and how good they are."""

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map
from gmruntime.budget import Budget
from gmruntime.driver.anytime import search
from gmruntime.driver.best import best_answer
from gmruntime.driver.board import answer_of
from gmruntime.graph import Assignment, FactorGraph


def answer(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
) -> AssignmentsAnswer:
    """Search until the budget ends and say how good the result is."""
    if isinstance(query, Best):
        return best_answer(graph, query, evidence, budget, rng)
    last: Improvement | None = None
    for improvement in search(graph, query, evidence, budget, rng):
        last = improvement
    return answer_of(graph, last, budget)
