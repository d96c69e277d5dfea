"""In which order the variables that are summed are eliminated, those asked staying to the end."""

import heapq
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import numpy as np

from gmruntime.budget import Budget, within
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.orders.greedy import neighbours
from gmruntime.marginal_map.components import Component
from gmruntime.simplify.network import Factor, Network
from gmruntime.task import Effort

_BITS_MAX = 28.0
"""Wider cliques are split by whoever relaxes: what they would join is left apart."""

_EASY_BITS = 14.0
"""With cliques of so many entries in all, or fewer, no better order is looked for."""

_SEARCH_SHARE, _STEPS_PER_SECOND = 0.05, 2e8
"""Of the time that is left, for a better one; and what the search does a second."""


@dataclass(frozen=True, slots=True, eq=False)
class SumOrder:
    """An order of elimination, and its cost where no table is split.

    Attributes:
        variables: in the order they are eliminated.
        cliques: for each, the others that its elimination joins, in no order.
        clique_bits: log2 of the entries of the largest clique.
        total_bits: log2 of the entries of all cliques.
        is_whole: whether no clique was wider than allowed, so that the cost is known.
    """

    variables: tuple[int, ...]
    cliques: tuple[frozenset[int], ...]
    clique_bits: float
    total_bits: float
    is_whole: bool


def order_sums(
    network: Network, summed: Iterable[int], held: frozenset[int], budget: Budget
) -> SumOrder:
    """Eliminate the variable with the smallest clique next, again and again.

    Args:
        network: whose factors say what is joined.
        summed: the variables to eliminate.
        held: variables that count as observed: they are in no clique.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    near = {v: others - held for v, others in neighbours(network).items() if v not in held}
    bits = {v: math.log2(max(2, int(network.num_states[v]))) for v in near}

    def weight(v: int) -> float:
        return bits[v] + sum(bits[u] for u in near[v])

    keys = {v: weight(v) for v in summed}
    queue = [(key, v) for v, key in keys.items()]
    heapq.heapify(queue)
    left = set(keys)
    variables: list[int] = []
    cliques: list[frozenset[int]] = []
    widest, entries = 0.0, 0.0
    for _ in within(count(), budget):
        if not left:
            break
        key, v = heapq.heappop(queue)
        if v not in left or key != keys[v]:
            continue
        left.discard(v)
        others = near.pop(v)
        variables.append(v)
        cliques.append(frozenset(others))
        widest, entries = max(widest, key), entries + 2.0 ** min(key, 1000.0)
        for u in others:
            near[u].discard(v)
        if key <= _BITS_MAX:
            for u in others:
                near[u] |= others - {u}
        for u in others & left:
            keys[u] = weight(u)
            heapq.heappush(queue, (keys[u], u))
    total = math.log2(max(entries, 1.0))
    return SumOrder(tuple(variables), tuple(cliques), widest, total, widest <= _BITS_MAX)


def order_held(component: Component, effort: Effort) -> SumOrder:
    """Order what is summed where all that is asked is observed: a good one, since it is used often.

    Raises:
        TimeoutError: when the budget ended first.
    """
    network, held, budget = component.network, frozenset(component.asked), effort.budget
    greedy = order_sums(network, component.summed, held, budget)
    if greedy.total_bits <= _EASY_BITS or not component.summed:
        return greedy
    scopes = {tuple(v for v in factor.scope if v not in held) for factor in network.factors}
    sizes = network.num_states
    factors = [Factor(s, np.broadcast_to(0.0, sizes[list(s)])) for s in scopes if s]
    bare = Network(component.summed, sizes, factors, 0.0)
    steps_max = _SEARCH_SHARE * budget.left_s() * _STEPS_PER_SECOND
    rng = effort.rng.spawn(1)[0]
    found = None
    with suppress(TimeoutError):
        found = best_order(bare, rng, bits_max=_BITS_MAX, steps_max=steps_max, budget=budget)
    if found is None or found.total_bits >= greedy.total_bits:
        return greedy
    cliques = tuple(frozenset(clique) for clique in found.cliques)
    return SumOrder(found.variables, cliques, found.clique_bits, found.total_bits, is_whole=True)
