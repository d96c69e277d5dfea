"""Draws of a graph with nothing observed, by its mechanisms: for who need not know how good."""

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.estimates.mechanisms import order_mechanisms
from gmruntime.estimates.weighting import draw_rows, num_rows, plan_weighting
from gmruntime.graph import FactorGraph, no_evidence

_EFFECTIVE_MIN = 0.02
"""Of the draws that weights leave in effect: with fewer there is no use for them."""


def drawn_by_mechanisms(
    graph: FactorGraph, count: int, rng: np.random.Generator, budget: Budget
) -> Int32[np.ndarray, "rows variables"] | None:
    """Draw assignments; where some factors are no mechanisms, draw again by what those say.

    Exact and independent draws where all are. None where a graph is not drawn from so, or hardly.

    Raises:
        TimeoutError: when the budget ended before.
    """

    def is_over() -> bool:
        return budget.is_spent()

    evidence = no_evidence(graph)
    owned = order_mechanisms(graph, evidence, is_over)
    if owned is None:
        return None
    everything = np.arange(graph.num_variables)
    plan = plan_weighting(graph, evidence, owned, everything, is_over)
    rows, weights = [np.zeros((graph.num_variables, 0), np.int32)], [np.zeros(0)]
    left, step = count, max(1, num_rows(plan, budget.memory_bytes))
    while left:
        own, log_weights = draw_rows(plan, min(step, left), rng, is_over)
        rows.append(own)
        weights.append(log_weights)
        left -= own.shape[1]
    log_weights, states = np.concatenate(weights), np.concatenate(rows, axis=1).T
    if np.isneginf(log_weights).all():
        return None
    share = np.exp(log_weights - log_weights.max())
    share /= share.sum()
    if np.ptp(share) < 1e-9 / count:
        return np.ascontiguousarray(states)
    if 1.0 / float((share**2).sum()) < _EFFECTIVE_MIN * count:
        return None
    return np.ascontiguousarray(states[rng.choice(count, count, p=share)])
