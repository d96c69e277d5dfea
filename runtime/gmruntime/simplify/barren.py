"""Drops what a sum does not depend on: variables that nobody asked and that sum to a constant.

Source: Shachter (1986); here found by the numbers, so that any factor that is normalised over an
unasked variable goes, whether or not it came from a directed model.
"""

from dataclasses import replace
from itertools import count

import numpy as np

from gmruntime.arrays import corner
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.simplify.network import Network

# Sums of a conditional table differ by rounding only; anything more is left to the elimination.
_TOLERANCE = 1e-12

LOOKED_AT_MAX = 1 << 12
"""So many sums of a table are looked at first: where they differ, all need not be added up."""


def drop_barren(network: Network, asked: frozenset[int], budget: Budget = UNLIMITED) -> Network:
    """Remove unasked variables whose only factor, summed over them, is constant; and so on.

    For questions that sum over everything that is not in `asked`. The variables dropped are no
    longer free: nothing is known of them afterwards.

    Raises:
        TimeoutError: when the budget ended first.
    """
    touching: dict[int, set[int]] = {v: set() for v in network.free}
    for k, factor in enumerate(network.factors):
        for v in factor.scope:
            touching[v].add(k)
    dropped_factors: set[int] = set()
    dropped: set[int] = set()
    log_constant = network.log_constant
    waiting = [v for v in network.free if v not in asked]
    for _ in within(count(), budget):
        if not waiting:
            break
        v = waiting.pop()
        if v in dropped or len(touching[v]) != 1:
            continue
        (k,) = touching[v]
        factor = network.factors[k]
        if factor.table.size > LOOKED_AT_MAX:
            budget.check()
        total = constant_sum(factor.table, factor.scope.index(v))
        if total is None:
            continue
        log_constant += total
        dropped.add(v)
        dropped_factors.add(k)
        for u in factor.scope:
            touching[u].discard(k)
            if u not in asked:
                waiting.append(u)
    if not dropped:
        return network
    factors = [f for k, f in enumerate(network.factors) if k not in dropped_factors]
    free = tuple(v for v in network.free if v not in dropped)
    return replace(network, free=free, factors=factors, log_constant=log_constant)


def constant_sum(table: np.ndarray, axis: int) -> float | None:
    """Return log of a log table's sum over an axis where all sums are the same, else None."""
    few = corner(table, (axis,), LOOKED_AT_MAX)
    if few.size < table.size and _constant_sum(few, axis) is None:
        return None
    return _constant_sum(table, axis)


def _constant_sum(table: np.ndarray, axis: int) -> float | None:
    largest = float(table.max())
    if largest == -np.inf:
        return None
    sums = np.exp(table - largest).sum(axis=axis)
    low, high = float(sums.min()), float(sums.max())
    if low <= 0.0 or high - low > _TOLERANCE * high:
        return None
    return largest + float(np.log(sums.mean()))
