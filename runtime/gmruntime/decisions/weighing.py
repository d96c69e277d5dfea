"""How probable what is observed is, which no decision may change."""

import numpy as np

from gmruntime.budget import Budget
from gmruntime.decisions.alternating import Choice, alternate, fits, planned
from gmruntime.decisions.problem import Problem
from gmruntime.decisions.stages import remembering
from gmruntime.graph import GraphError
from gmruntime.questions.expected_utility import DEPENDS
from gmruntime.simplify.barren import drop_barren

_TOLERANCE = 1e-9
"""Relative to the largest entry, weights that are closer differ by rounding."""


def log_weight(problem: Problem, rng: np.random.Generator, budget: Budget) -> float | None:
    """Return log of the sum of all scores under any policy; None where that takes too much.

    Raises:
        GraphError: when it depends on the policy.
        TimeoutError: when the budget ended first.
    """
    decisions = frozenset(problem.decisions)
    network = drop_barren(problem.network, decisions, budget)
    is_touched = any(decisions.intersection(factor.scope) for factor in network.factors)
    if is_touched:
        # Policies may then tell what is known by what they do.
        network = drop_barren(problem.network, decisions.union(*problem.known), budget)
    if network.log_constant == -np.inf:
        return -np.inf
    stages = remembering(problem) if is_touched else {}
    found = planned(network, {v: stages.get(v, 0) for v in network.free}, rng, budget)
    if found is None or not fits(found, budget):
        return None
    passed = alternate(found, decisions, budget, lambda _: False)
    if is_touched and not all(_is_same(choice) for choice in passed.choices.values()):
        raise GraphError(DEPENDS)
    return passed.log_value


def _is_same(choice: Choice) -> bool:
    """Say whether all actions leave the same weight, whatever is known."""
    weights = np.exp(choice.table - max(float(choice.table.max()), -1e300))
    return float((weights.max(axis=0) - weights.min(axis=0)).max(initial=0.0)) <= _TOLERANCE
