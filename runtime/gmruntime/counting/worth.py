"""Whether a counting search is worth trying, and whether before elimination is planned.

This file loads no compiled loops of the search.
"""

import numpy as np

from gmruntime.budget import Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.best import SEARCHABLE
from gmruntime.elimination.orders.greedy import greedy_order
from gmruntime.elimination.passes.loading import may_load
from gmruntime.simplify.network import Network, zero_counts

_ZEROS_MIN = 1e-3
"""With fewer zeros among the entries of the tables nothing follows from a decision."""

_WIDE_BITS = 40.0
"""Cliques that no layout brings within reach of elimination, or hardly ever."""

_STEPS_SHARE = 5e6
"""Steps of the search for an order for each second of the budget: a twentieth of it."""

_SMALL = 300
"""Up to so many variables a greedy order is found faster than a compiler is loaded."""

_GROUPS_MAX = 4000
"""With more groups of states, the passes of an elimination take longer to write than to run."""


def has_zeros(network: Network) -> bool:
    """Say whether decisions have consequences: enough entries are zero."""
    num_entries = sum(factor.table.size for factor in network.factors)
    return sum(zero_counts(network.factors)) >= max(1.0, _ZEROS_MIN * num_entries)


def is_wide(network: Network, budget: Budget) -> bool:
    """Say whether greedy orders leave cliques that are out of reach.

    Raises:
        TimeoutError: when the budget ended first.
    """
    size = len(network.free)
    if size > SEARCHABLE or network.log_constant == -np.inf:
        return False
    free = np.array(network.free, np.int64)
    bits = np.log2(np.maximum(network.num_states[free], 2).astype(np.float64))
    if bits.sum() <= _WIDE_BITS:
        return False
    rng = np.random.default_rng(0)
    if size <= _SMALL or not may_load(budget):
        return size <= _SMALL and not any(
            greedy_order(
                network, rng, by_fill=by_fill, noise=0.0, bits_max=_WIDE_BITS, budget=budget
            )
            for by_fill in (False, True)
        )
    from gmruntime.elimination.orders.compiled import Limits, eliminate_greedily
    from gmruntime.elimination.orders.restarts import adjacency

    rows = adjacency(network, free)
    late, order = np.zeros(size, np.int16), np.zeros(size, np.int64)
    limits = Limits(_WIDE_BITS, np.inf, _STEPS_SHARE * budget.left_s())
    for by_fill in (False, True):
        total, _, _ = eliminate_greedily(
            rows.copy(), bits, late, by_fill, 0.0, np.uint64(1), limits, order
        )
        if total < np.inf:
            return False
    return True


def is_fragmented(order: Order | None) -> bool:
    """Say whether an elimination without zeros has too many groups to be as quick as planned."""
    return order is not None and order.layout is not None and len(order.layout.groups) > _GROUPS_MAX
