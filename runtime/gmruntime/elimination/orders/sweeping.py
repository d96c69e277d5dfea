"""Elimination orders that sweep over a network from one end to the other behind one frontier.

Greedy orders begin everywhere at once. Where every part touches every other, as chains of partial
results over the same variables do, the many frontiers they leave meet in cliques far wider than
any single frontier is: twelve noisy-ors over forty causes need tables of 26 bits
greedily and of 15 so, hardly more than one for each noisy-or.

Source: Heckerman (1989), "A tractable inference algorithm for diagnosing multiple diseases", has a
sum of so many terms; as an order: Kinnersley (1992), "The vertex separation number of a graph
equals its path-width".
"""

import math

from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.greedy import neighbours
from gmruntime.simplify.network import Network

_FRONTIER_MAX = 64


def swept_order(network: Network, *, bits_max: float, budget: Budget = UNLIMITED) -> Order | None:
    """Return the cheapest of a few sweeping orders; None when all have a clique above `bits_max`.

    Args:
        network: what to eliminate.
        bits_max: log2 of the entries of the largest clique that is of use.
        budget: ends the search; what was found by then is returned.
    """
    near = neighbours(network)
    bits = {v: math.log2(max(2, int(network.num_states[v]))) for v in network.free}
    roots = set(network.free) - {max(f.scope) for f in network.factors if len(f.scope) > 1}
    best: Order | None = None
    try:
        for variables in (
            _forwards(near, roots),
            _backwards(near, roots),
            _along_frontier(near, bits, budget),
        ):
            order = eliminated(near, bits, variables, bits_max, budget)
            if order is not None and (best is None or order.total_bits < best.total_bits):
                best = order
    except TimeoutError:
        pass
    return best


def _forwards(near: dict[int, set[int]], roots: set[int]) -> list[int]:
    """Sweep over the roots; what follows from several variables goes with the last one.

    Written parts of a program, and the states of a factor's chain, come after what they are
    functions of: a partial result is passed as soon as the sweep reaches the next thing in it.
    """
    key: dict[int, int] = {}
    for v in sorted(near):
        lower = [] if v in roots else [key[u] for u in near[v] if u < v]
        key[v] = max(lower, default=v)
    return sorted(near, key=lambda v: (key[v], v in roots, v))


def _backwards(near: dict[int, set[int]], roots: set[int]) -> list[int]:
    """Sweep the other way; what follows from several variables goes with the first root of them."""
    key: dict[int, int] = {}
    for v in sorted(near):
        lower = [] if v in roots else [key[u] for u in near[v] if u < v and u in roots]
        key[v] = min(lower, default=v)
    return sorted(near, key=lambda v: (-key[v], v in roots, -v))


def _along_frontier(near: dict[int, set[int]], bits: dict[int, float], budget: Budget) -> list[int]:
    """Move on where what is open between the swept variables and the others grows least."""
    left = set(near)
    order: list[int] = []
    frontier: set[int] = set()
    waiting = sorted(near, reverse=True)

    def cost(v: int) -> tuple[float, float, int]:
        fresh = [u for u in near[v] if u in left and u not in frontier]
        # Between two that widen the frontier alike, the one that reaches less far ahead.
        return sum(bits[u] for u in fresh) - bits[v], min(fresh, default=-math.inf), v

    for _ in within(range(len(near)), budget, every=16):
        # Wider than any table could be: what is left may come in any order.
        if len(frontier) > _FRONTIER_MAX:
            return [*order, *sorted(left)]
        while not frontier:
            start = waiting.pop()
            if start in left:
                frontier.add(start)
        v = min(frontier, key=cost)
        frontier.discard(v)
        left.discard(v)
        order.append(v)
        frontier.update(near[v] & left)
    return order


def eliminated(
    near: dict[int, set[int]],
    bits: dict[int, float],
    variables: list[int],
    bits_max: float,
    budget: Budget = UNLIMITED,
) -> Order | None:
    """Return the cliques of an order that is given; None when one has more than `bits_max` bits.

    Raises:
        TimeoutError: when the budget ended first.
    """
    place = {v: k for k, v in enumerate(variables)}
    later = {v: {u for u in near[v] if place[u] > place[v]} for v in variables}
    cliques: list[tuple[int, ...]] = []
    entries, largest = 0.0, 0.0
    for v in within(variables, budget, every=16):
        clique = sorted(later.pop(v), key=place.__getitem__)
        clique_bits = bits[v] + sum(bits[u] for u in clique)
        if clique_bits > bits_max:
            return None
        largest = max(largest, clique_bits)
        entries += 2.0**clique_bits
        cliques.append(tuple(clique))
        if clique:
            later[clique[0]].update(clique[1:])
    return Order(tuple(variables), tuple(cliques), math.log2(max(entries, 1.0)), largest)
