"""What decisions are worth at most where alternating elimination is too wide: mini-buckets.

A bucket that is split bounds its sum by Hölder's inequality and its maximum by the product of
maxima, whatever is eliminated after it, so sums and maxima may take turns.

Source: Dechter (2000), "A new perspective on algorithms for optimizing policies under
uncertainty"; Liu and Ihler (2011) for the weights.
"""

import math

import numpy as np

from gmruntime.budget import Budget
from gmruntime.decisions.flags import Flagged
from gmruntime.elimination.orders.greedy import greedy_order
from gmruntime.elimination.weighted_mini_buckets import relax

_BITS = (6.0, 10.0, 14.0, 18.0, 20.0)
"""Of the widest table; the first is quick wherever there is an order at all."""

_GROWTH = 16.0
"""The next takes so many times as long, or less."""


def log_ceiling(
    made: Flagged, decisions: frozenset[int], rng: np.random.Generator, budget: Budget
) -> float:
    """Return an upper bound on log of the most that is gained; +inf where there is no time."""
    best = math.inf
    try:
        order = greedy_order(
            made.network,
            rng,
            by_fill=False,
            noise=0.0,
            stages=made.stages,
            bits_max=math.inf,
            budget=budget,
        )
        if order is None:
            return best
        took = 0.0
        for bits in _BITS:
            if _GROWTH * took > budget.left_s() or 2.0 ** (bits + 6) > budget.memory_bytes:
                break
            begun = budget.spent_s()
            found = relax(
                made.network,
                order.variables,
                bits,
                is_max=decisions.__contains__,
                is_over=budget.is_spent,
            )
            took = budget.spent_s() - begun
            best = min(best, found.log_constant)
    except TimeoutError:
        return best
    return best
