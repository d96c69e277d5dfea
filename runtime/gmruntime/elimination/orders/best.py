"""The cheapest of several elimination orders: greedy ones, or those of a compiled search."""

from collections.abc import Mapping

import numpy as np

from gmruntime.budget import UNLIMITED, Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.greedy import greedy_order
from gmruntime.elimination.orders.restarts import SHARE, order_by_weight, search_order
from gmruntime.elimination.orders.sweeping import swept_order
from gmruntime.elimination.passes.loading import may_load
from gmruntime.simplify.network import Network

_SMALL = 300
"""Up to so many variables a plain greedy order is found faster than a compiler is loaded."""


SEARCHABLE = 8192
"""Beyond so many variables the compiled search's bit rows take too long to scan."""


_SWEPT_MAX = 4000
"""Sweeps over so many variables take a quarter of a second."""


_SWEPT_BITS = 22.0
"""From so many clique entries on a sweep takes less time than it may save."""


EASY_BITS = 15.0
"""Cliques this small together are eliminated in milliseconds by NumPy."""


def best_order(
    network: Network,
    rng: np.random.Generator,
    *,
    stages: Mapping[int, int] | None = None,
    bits_max: float = 60.0,
    steps_max: float = 1e9,
    budget: Budget = UNLIMITED,
) -> Order | None:
    """Return the cheapest order found, None when all exceed `bits_max`; see `best_orders`."""
    found = best_orders(
        network, rng, stages=stages, bits_max=bits_max, steps_max=steps_max, budget=budget
    )
    return found[0] if found else None


def best_orders(
    network: Network,
    rng: np.random.Generator,
    *,
    stages: Mapping[int, int] | None = None,
    bits_max: float = 60.0,
    steps_max: float = 1e9,
    num_kept: int = 1,
    share: float = SHARE,
    budget: Budget = UNLIMITED,
    easy_bits: float = EASY_BITS,
) -> list[Order]:
    """Return the cheapest of several greedy orders, at most `num_kept`, the cheapest first.

    Small or easy networks are ordered here, and all where there is no time to load a compiler;
    the others by the compiled search, in at most `steps_max` of its steps, and `share` for each
    clique entry of the best order so far. With cliques of `easy_bits` in all no better order is
    looked for. `stages` numbers variables: all of a smaller number come before them; those that
    it does not number are of stage 0.

    Raises:
        TimeoutError: when the budget ended before there was any.
    """
    best: list[Order] = []
    num_free = len(network.free)
    is_searched = num_free <= SEARCHABLE and may_load(budget)
    if num_free <= _SMALL or not is_searched:
        for by_fill in (False, True) if num_free <= _SMALL else (False,):
            limit = min(bits_max, best[0].clique_bits + 3) if best else bits_max
            order = greedy_order(
                network,
                rng,
                by_fill=by_fill,
                noise=0.0,
                stages=stages,
                bits_max=limit,
                budget=budget,
            )
            if order is not None and (not best or order.total_bits < best[0].total_bits):
                best = [order]
            if best and best[0].total_bits <= easy_bits:
                return best
    if not is_searched:
        return best
    is_swept = not stages and num_free <= _SWEPT_MAX
    if is_swept and _may_be_swept(network, best, rng, budget):
        swept = swept_order(network, bits_max=bits_max, budget=budget)
        best = sorted([*best, *([] if swept is None else [swept])], key=_cost)
        # Where greedy orders end far above it the search stops early.
        bits_max = min(bits_max, best[0].total_bits) if best else bits_max
    found = search_order(
        network,
        rng,
        stages=stages,
        bits_max=bits_max,
        steps_max=steps_max,
        num_kept=num_kept,
        share=share,
        budget=budget,
    )
    return sorted([*found, *best], key=_cost)[:num_kept]


def _cost(order: Order) -> float:
    return order.total_bits


def _may_be_swept(
    network: Network, best: list[Order], rng: np.random.Generator, budget: Budget
) -> bool:
    """Say whether a sweep takes less time than it may save: not where one greedy order is cheap."""
    try:
        known = best[0] if best else order_by_weight(network, rng.spawn(1)[0], budget)
    except TimeoutError:
        return False
    return known.total_bits > _SWEPT_BITS
