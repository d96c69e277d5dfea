"""The hard constraints of a graph alone, solved or refuted: a first look at what is asked of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import Improvement
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states, shape_of

if TYPE_CHECKING:
    from gmruntime.constraints.solve import Problem

VARIABLES_MAX = 20_000
FACTORS_MAX = 100_000
STATES_MAX = 1 << 22
SHARE = 0.4
"""Of the budget, when preferences are to be searched as well."""

METHOD = "constraint propagation and search"


@dataclass(frozen=True, slots=True, eq=False)
class Feasible:
    """What the hard constraints alone tell.

    Attributes:
        assignment: one that keeps them all, or None.
        log_score: of it; -inf without one.
        is_final: nothing better exists: all that keep the constraints score the same, or none does.
    """

    assignment: Assignment | None
    log_score: float
    is_final: bool

    def improvement(self, budget: Budget) -> Improvement:
        """Return this as the step of a search."""
        bound = self.log_score if self.is_final else float("inf")
        nothing = np.zeros(0, np.int32)
        assignment = nothing if self.assignment is None else self.assignment
        return Improvement(budget.spent_s(), assignment, self.log_score, bound, METHOD)


def satisfy(
    graph: FactorGraph, evidence: Assignment, budget: Budget, rng: np.random.Generator
) -> Feasible | None:
    """Solve the hard constraints of a graph; None when it has none, or too many."""
    problem = _posed(graph, evidence, budget)
    if problem is None:
        return None
    from gmruntime.constraints.solve import solve

    if not problem.rules and all(problem.domains):
        return None
    part = budget if problem.is_pure else budget.share(SHARE)
    found = solve(problem, part, rng)
    if found.is_impossible:
        return Feasible(None, float("-inf"), is_final=True)
    if found.assignment is None:
        return None
    score = float(log_score(graph, found.assignment))
    if score == float("-inf"):
        return None
    is_final = problem.is_pure and problem.is_complete
    return Feasible(found.assignment, score, is_final=is_final)


def is_possible(
    graph: FactorGraph, evidence: Assignment, budget: Budget, rng: np.random.Generator
) -> bool | None:
    """Say whether some assignment agrees with the evidence; None when that is not found out."""
    # Where little is forbidden the first states will do, and no search has to be begun.
    if log_score(graph, np.where(evidence < 0, 0, evidence)) > float("-inf"):
        return True
    problem = _posed(graph, evidence, budget)
    if problem is None:
        return None
    from gmruntime.constraints.solve import solve

    found = solve(problem, budget, rng)
    if found.is_impossible:
        return False
    # The rules need not say everything that is forbidden.
    is_proved = found.assignment is not None and log_score(graph, found.assignment) > float("-inf")
    return True if is_proved else None


def _posed(graph: FactorGraph, evidence: Assignment, budget: Budget) -> "Problem | None":
    """Read the hard constraints off a graph; None when it has none, or too many for the time."""
    if graph.num_variables > VARIABLES_MAX or graph.num_factors > FACTORS_MAX:
        return None
    if int(num_states(graph).sum(dtype=np.int64)) > STATES_MAX:
        return None
    if not has_hard_constraints(graph):
        return None
    from gmruntime.constraints.solve import pose

    try:
        return pose(graph, evidence, budget)
    except TimeoutError:
        return None


def has_hard_constraints(graph: FactorGraph) -> bool:
    """Say whether some factor may rule an assignment out."""
    states = num_states(graph)
    blocks = [block for block in graph.factors if len(block.scopes)]
    return any(block.kind.forbids(shape_of(block, states)) for block in blocks)
