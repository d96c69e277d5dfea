"""What hard constraints decide alone, before any search is begun."""

from gmruntime.answer import AssignmentsAnswer, Map
from gmruntime.budget import QUICK_SHARE
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, Or, Xor
from gmruntime.graph import FactorGraph
from gmruntime.task import Effort, Task

_CONSTRAINTS = (AllDifferent, LinearSum, Xor, Or, Count)
"""Kinds that make it worth while to try whether they decide everything."""


def is_constrained(graph: FactorGraph) -> bool:
    """Say whether hard constraints may decide a maximisation."""
    return any(isinstance(block.kind, _CONSTRAINTS) for block in graph.factors)


def by_constraints(task: Task[Map], effort: Effort) -> AssignmentsAnswer | None:
    """Answer a maximisation whose hard constraints decide everything, if that is quick."""
    graph, budget = task.graph, effort.budget
    if not is_constrained(graph):
        return None
    from gmruntime.constraints.feasible import satisfy
    from gmruntime.driver.board import answer_of

    feasible = satisfy(graph, task.evidence, budget.share(QUICK_SHARE), effort.rng)
    if feasible is None or not feasible.is_final:
        return None
    return answer_of(graph, feasible.improvement(budget), budget)
