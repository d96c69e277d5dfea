"""Bounds on marginal MAP that take no table larger than the factors themselves.

A summed variable that one factor alone mentions leaves at most that factor's largest sum over it;
a factor is at most its largest entry. In a program of mechanisms nearly every variable is drawn
given others, so that its factor sums to 1 and goes for nothing, from the last to the first: what is
left is that no plan reaches its goal with a probability beyond 1.
"""

import heapq
from itertools import count

import numpy as np

from gmruntime.budget import Budget, within
from gmruntime.marginal_map.components import Component
from gmruntime.simplify.network import Factor

_ROUNDING = 1e-12
"""Of each sum, a relative error is far smaller."""

_GAIN = 1e-9
"""A sum so near to 1 is taken for one that costs nothing; it is added all the same."""


def peel_bound(component: Component, budget: Budget) -> tuple[float, float]:
    """Return an upper bound on the best sum, and its part that is rounding, nats.

    Raises:
        TimeoutError: when the budget ended first.
    """
    factors = dict(enumerate(component.network.factors))
    near: dict[int, set[int]] = {v: set() for v in component.summed}
    for k, factor in factors.items():
        for v in factor.scope:
            if v in near:
                near[v].add(k)
    smallest = [(factor.table.size, k) for k, factor in factors.items()]
    heapq.heapify(smallest)
    waiting = [v for v, own in near.items() if len(own) == 1]
    log_bound, size = 0.0, 0.0

    def drop(k: int) -> None:
        for u in factors.pop(k).scope:
            if u in near:
                near[u].discard(k)
                if len(near[u]) == 1:
                    waiting.append(u)

    for _ in within(count(), budget):
        if waiting:
            v = waiting.pop()
            own = near.get(v)
            if own is None or len(own) != 1:
                continue
            (k,) = own
            log_most = _log_largest_sum(factors[k], v)
            if log_most > _GAIN:
                continue
            del near[v]
        else:
            while smallest and smallest[0][1] not in factors:
                heapq.heappop(smallest)
            if not smallest:
                break
            _, k = heapq.heappop(smallest)
            log_most = float(factors[k].table.max())
        log_bound += log_most
        size += abs(log_most) if log_most > -np.inf else 0.0
        drop(k)
    # Those that nothing speaks of any more count all their states.
    log_bound += sum(float(np.log(component.network.num_states[v])) for v in near)
    spare = _ROUNDING * (1.0 + size + len(component.network.free))
    return log_bound + spare, spare


def _log_largest_sum(factor: Factor, v: int) -> float:
    table = factor.table
    largest = float(table.max())
    if largest == -np.inf:
        return -np.inf
    sums = np.exp(table - largest).sum(axis=factor.scope.index(v))
    return largest + float(np.log(sums.max()))
