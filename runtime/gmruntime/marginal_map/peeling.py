"""Bounds on marginal MAP that take no table larger than the factors themselves.

A summed variable that one factor alone mentions leaves at most that factor's largest sum over it;
a factor is at most its largest entry. In a program of mechanisms nearly every variable is drawn
given others, so that its factor sums to 1 and goes for nothing, from the last to the first: what is
left is that no plan reaches its goal with a probability beyond 1.
"""

import heapq
from collections.abc import Sequence
from itertools import count

import numpy as np

from gmruntime.answer import MarginalMap
from gmruntime.budget import Budget, within
from gmruntime.factors.kinds import Table
from gmruntime.graph import num_states as num_states_of
from gmruntime.simplify.network import Factor, whole
from gmruntime.task import Task

_ROUNDING = 1e-12
"""Of each sum, a relative error is far smaller."""

_GAIN = 1e-9
"""A sum so near to 1 is taken for one that costs nothing; it is added all the same."""


def peel_bound(
    factors: Sequence[Factor], summed: Sequence[int], num_states: np.ndarray, budget: Budget
) -> tuple[float, float]:
    """Return an upper bound on the best sum, and its part that is rounding, nats.

    Args:
        factors: whose product is summed and maximised.
        summed: the variables that are summed; all others are maximised.
        num_states: of every variable.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    left = dict(enumerate(factors))
    near: dict[int, set[int]] = {v: set() for v in summed}
    for k, factor in left.items():
        for v in factor.scope:
            if v in near:
                near[v].add(k)
    smallest = [(factor.table.size, k) for k, factor in left.items()]
    heapq.heapify(smallest)
    waiting = [v for v, own in near.items() if len(own) == 1]
    log_bound, size = 0.0, 0.0

    def drop(k: int) -> None:
        for u in left.pop(k).scope:
            if u in near:
                near[u].discard(k)
                if len(near[u]) == 1:
                    waiting.append(u)

    for _ in within(count(), budget):
        if waiting:
            v = waiting.pop()
            if v not in near or len(near[v]) != 1:
                continue
            (k,) = near[v]
            log_most = _log_largest_sum(left[k], v)
            if log_most > _GAIN:
                continue
            del near[v]
        else:
            while smallest and smallest[0][1] not in left:
                heapq.heappop(smallest)
            if not smallest:
                break
            k = heapq.heappop(smallest)[1]
            log_most = float(left[k].table.max())
            lone = [v for v in left[k].scope if v in near and len(near[v]) == 1]
            if lone:
                # Summing one of them out is never more than counting it afterwards.
                log_most, v = min((_log_largest_sum(left[k], v), v) for v in lone)
                del near[v]
        log_bound += log_most
        size += abs(log_most) if log_most > -np.inf else 0.0
        drop(k)
    # Those that nothing speaks of any more count all their states.
    log_bound += sum(float(np.log(num_states[v])) for v in near)
    spare = _ROUNDING * (1.0 + size + len(num_states))
    return log_bound + spare, spare


def peel_bound_of(task: Task[MarginalMap], budget: Budget) -> tuple[float, float] | None:
    """Return the same of a graph before anything was observed: its mechanisms are whole there.

    What is observed is summed over as well, which is no less. None where a factor has no table.

    Raises:
        TimeoutError: when the budget ended first.
    """
    part = whole(task.graph, task.query, budget)
    if part is None:
        return None
    factors: list[Factor] = []
    log_constant, sizes = 0.0, num_states_of(part.tables)
    for block in part.tables.factors:
        assert isinstance(block.kind, Table)
        tables = block.kind.log_potentials
        for f, scope in enumerate(within(block.scopes.tolist(), budget)):
            table = tables[0 if len(tables) == 1 else f]
            if scope:
                factors.append(Factor(tuple(scope), table))
            else:
                log_constant += float(table)
    asked = set(task.query.variables.tolist())
    summed = [v for v in range(len(sizes)) if v not in asked]
    log_bound, spare = peel_bound(factors, summed, sizes, budget)
    return log_bound + log_constant, spare + _ROUNDING * abs(log_constant)


def _log_largest_sum(factor: Factor, v: int) -> float:
    table = factor.table
    largest = float(table.max())
    if largest == -np.inf:
        return -np.inf
    sums = np.exp(table - largest).sum(axis=factor.scope.index(v))
    return largest + float(np.log(sums.max()))
