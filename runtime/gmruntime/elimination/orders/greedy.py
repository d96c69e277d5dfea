"""Elimination orders: greedy by weighted fill or weight, the cheaper of several kept.

Source: Kjaerulff (1990); the weights follow the number of states, not of variables.
"""

import heapq
import math
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.simplify.network import Network

if TYPE_CHECKING:
    from gmruntime.elimination.layout import Layout

SMALL = 300
"""Up to so many variables a plain greedy order is found faster than a compiler is loaded."""

SEARCHABLE = 8192
"""Beyond so many variables the compiled search's bit rows take too long to scan."""

SHARE = 0.1
"""Steps of the search for each clique entry; a step costs as much as several entries."""

EASY_BITS = 15.0
"""Cliques this small together are eliminated in milliseconds by NumPy."""


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """An order of elimination and its cost.

    Attributes:
        variables: in the order they are eliminated.
        cliques: for each, the others that its elimination joins, in this order too.
        total_bits: log2 of the number of entries of all cliques together.
        clique_bits: log2 of the largest clique's entries.
        layout: of tables without their known zeros, where that saves enough; see `layout`.
    """

    variables: tuple[int, ...]
    cliques: tuple[tuple[int, ...], ...]
    total_bits: float
    clique_bits: float
    layout: "Layout | None" = None


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
    first: frozenset[int] = frozenset(),
    bits_max: float = 60.0,
    budget: Budget = UNLIMITED,
) -> Order | None:
    """Eliminate the cheapest variable next, again and again.

    Args:
        network: what to eliminate.
        rng: of the noise.
        by_fill: by the weight of the edges it adds; otherwise by the size of its clique.
        noise: scores are multiplied by 1 + noise * u, u uniform in [0, 1].
        first: when not empty, these are eliminated before all others.
        bits_max: give up, and return None, when a clique has more bits.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    near = neighbours(network)
    bits = {v: math.log2(max(2, int(network.num_states[v]))) for v in network.free}
    score = _fill if by_fill else _weight
    scores = {v: score(near, bits, v) * (1 + noise * rng.random()) for v in near}
    left = set(near)
    waiting = len(set(first) & left)
    # The queue may hold a variable several times; only its present score counts.
    queue = [(v not in first, score_v, v) for v, score_v in scores.items()] if waiting else []
    queue = queue or [(False, score_v, v) for v, score_v in scores.items()]
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
                heapq.heappush(queue, (bool(waiting) and u not in first, scores[u], u))
    place = {v: k for k, v in enumerate(variables)}
    ordered = tuple(tuple(sorted(clique, key=place.__getitem__)) for clique in cliques)
    return Order(tuple(variables), ordered, math.log2(max(entries, 1.0)), largest)


def _weight(near: dict[int, set[int]], bits: dict[int, float], v: int) -> float:
    return bits[v] + sum(bits[u] for u in near[v])


def _fill(near: dict[int, set[int]], bits: dict[int, float], v: int) -> float:
    others = near[v]
    if len(others) > 60:
        return 1e6 * len(others)
    total = 0.0
    for u in others:
        for w in others - near[u]:
            if w > u:
                total += bits[u] * bits[w]
    return total + 0.01 * _weight(near, bits, v)


def best_order(
    network: Network,
    rng: np.random.Generator,
    *,
    first: frozenset[int] = frozenset(),
    bits_max: float = 60.0,
    steps_max: float = 1e9,
    budget: Budget = UNLIMITED,
) -> Order | None:
    """Return the cheapest order found, None when all exceed `bits_max`; see `best_orders`."""
    found = best_orders(
        network, rng, first=first, bits_max=bits_max, steps_max=steps_max, budget=budget
    )
    return found[0] if found else None


def best_orders(
    network: Network,
    rng: np.random.Generator,
    *,
    first: frozenset[int] = frozenset(),
    bits_max: float = 60.0,
    steps_max: float = 1e9,
    num_kept: int = 1,
    share: float = SHARE,
    budget: Budget = UNLIMITED,
) -> list[Order]:
    """Return the cheapest of several greedy orders, at most `num_kept`, the cheapest first.

    Small or easy networks are ordered here; the others by the compiled search, in at most
    `steps_max` of its steps, and `share` for each clique entry of the best order so far.

    Raises:
        TimeoutError: when the budget ended before there was any.
    """
    best: list[Order] = []
    num_free = len(network.free)
    if num_free <= SMALL or num_free > SEARCHABLE:
        for by_fill in (False, True) if num_free <= SMALL else (False,):
            limit = min(bits_max, best[0].clique_bits + 3) if best else bits_max
            order = greedy_order(
                network, rng, by_fill=by_fill, noise=0.0, first=first, bits_max=limit, budget=budget
            )
            if order is not None and (not best or order.total_bits < best[0].total_bits):
                best = [order]
            if best and best[0].total_bits <= EASY_BITS:
                return best
    if num_free > SEARCHABLE:
        return best
    from gmruntime.elimination.orders.restarts import search_order

    found = search_order(
        network,
        rng,
        first=first,
        bits_max=bits_max,
        steps_max=steps_max,
        num_kept=num_kept,
        share=share,
        budget=budget,
    )
    return sorted([*found, *best], key=lambda order: order.total_bits)[:num_kept]
