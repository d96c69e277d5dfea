"""Elimination orders: greedy by weighted fill or weight, the cheaper of several kept.

Source: Kjaerulff (1990); the weights follow the number of states, not of variables.
"""

import heapq
import math
from collections.abc import Mapping
from itertools import count

import numpy as np

from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.elimination.layouts.order import Order
from gmruntime.simplify.network import Network

_WIDE = 60
"""Beside more variables one is chosen last, whatever they are."""


def neighbours(network: Network) -> dict[int, set[int]]:
    """Return for each free variable those it shares a factor with."""
    near: dict[int, set[int]] = {v: set() for v in network.free}
    for factor in network.factors:
        for v in factor.scope:
            near[v].update(factor.scope)
    for v, others in near.items():
        others.discard(v)
    return near


def greedy_order(
    network: Network,
    rng: np.random.Generator,
    *,
    by_fill: bool,
    noise: float,
    stages: Mapping[int, int] | None = None,
    bits_max: float = 60.0,
    budget: Budget = UNLIMITED,
) -> Order | None:
    """Eliminate the cheapest variable next, again and again.

    Args:
        network: what to eliminate.
        rng: of the noise.
        by_fill: by the weight of the edges it adds; otherwise by the size of its clique.
        noise: scores are multiplied by 1 + noise * u, u uniform in [0, 1].
        stages: of variables, 0 where it does not say: all of a smaller number come first.
        bits_max: give up, and return None, when a clique has more bits.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    near = neighbours(network)
    bits = {v: math.log2(max(2, int(network.num_states[v]))) for v in network.free}
    score = _fill if by_fill else _weight if bits_max > _WIDE else _weight_of_narrow
    scores = {v: score(near, bits, v) * (1 + noise * rng.random()) for v in near}
    left = set(near)
    # The queue may hold a variable several times; only its present score counts.
    staged = stages or {}
    queue = [(staged.get(v, 0), score_v, v) for v, score_v in scores.items()]
    heapq.heapify(queue)
    variables: list[int] = []
    cliques: list[tuple[int, ...]] = []
    entries, largest = 0.0, 0.0
    for _ in within(count(), budget):
        if not left:
            break
        _, queued, v = heapq.heappop(queue)
        if v not in left or queued != scores[v]:
            continue
        clique_bits = bits[v] + sum(bits[u] for u in near[v])
        if clique_bits > bits_max:
            return None
        largest = max(largest, clique_bits)
        entries += 2.0**clique_bits
        others = near.pop(v)
        variables.append(v)
        cliques.append(tuple(others))
        left.discard(v)
        touched = set(others)
        for u in others:
            near[u].discard(v)
            missing = others - near[u] - {u}
            if missing and by_fill:
                touched.update(near[u])
            near[u].update(missing)
        for u in touched:
            if u in near:
                scores[u] = score(near, bits, u) * (1 + noise * rng.random())
                heapq.heappush(queue, (staged.get(u, 0), scores[u], u))
    place = {v: k for k, v in enumerate(variables)}
    ordered = tuple(tuple(sorted(clique, key=place.__getitem__)) for clique in cliques)
    return Order(tuple(variables), ordered, math.log2(max(entries, 1.0)), largest)


def _weight(near: dict[int, set[int]], bits: dict[int, float], v: int) -> float:
    return bits[v] + sum(bits[u] for u in near[v])


def _weight_of_narrow(near: dict[int, set[int]], bits: dict[int, float], v: int) -> float:
    """Return the weight, or less for a hub, which is scored again after each of its leaves."""
    return bits[v] + len(near[v]) if len(near[v]) > _WIDE else _weight(near, bits, v)


def _fill(near: dict[int, set[int]], bits: dict[int, float], v: int) -> float:
    others = near[v]
    if len(others) > _WIDE:
        return 1e6 * len(others)
    total = 0.0
    for u in others:
        for w in others - near[u]:
            if w > u:
                total += bits[u] * bits[w]
    return total + 0.01 * _weight(near, bits, v)
