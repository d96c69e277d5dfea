"""Many greedy orders, compiled: randomised restarts in proportion to what they may save.

Source: Kask, Gelfand, Otten and Dechter (2011), "Pushing the power of stochastic greedy ordering
schemes for inference in graphical models".
"""

import math
from collections.abc import Mapping

import numpy as np

from gmruntime.budget import UNLIMITED, Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.simplify.network import Network

SHARE = 0.1
"""Steps of the search for each clique entry; a step costs as much as several entries."""

_STEPS_MIN = 2_000_000
# What calling the kernel takes beside its steps.
_STEPS_EACH = 4000
_STEPS_PER_SECOND = 2e8
"""Of a greedy order by weight, somewhat fewer than measured."""

_NOISE = 0.3
_KEPT_RATIO = 2.0
_ATTEMPTS_IN_VAIN = 12

# With fewer clique entries, looking at more than one order takes longer than eliminating.
_CHOICE_MIN = 1 << 24
_BITS_SLACK = 3.0


def search_order(
    network: Network,
    rng: np.random.Generator,
    *,
    stages: Mapping[int, int] | None = None,
    bits_max: float = 60.0,
    steps_max: float = 1e9,
    num_kept: int = 1,
    share: float = SHARE,
    budget: Budget = UNLIMITED,
) -> list[Order]:
    """Return the cheapest orders found, the cheapest first; none when all exceed `bits_max`.

    `stages` says of variables what is eliminated before them, as in `staged`.
    """
    from gmruntime.elimination.orders.compiled import Limits, eliminate_greedily

    free = np.array(network.free, np.int64)
    if not len(free):
        return [Order((), (), 0.0, 0.0)]
    rows = adjacency(network, free)
    bits = np.log2(np.maximum(network.num_states[free], 2).astype(np.float64))
    numbers = np.array([(stages or {}).get(int(v), 0) for v in free], np.int16)
    kept: list[tuple[float, float, np.ndarray, np.ndarray]] = []
    best_bits = bits_max
    order = np.zeros(len(free), np.int64)
    spent, attempt = 0, 0
    while (kept or attempt < _ATTEMPTS_IN_VAIN) and (
        attempt < 1 or spent < _worth(kept[0][0] if kept else math.inf, share, steps_max)
    ):
        if budget.is_spent():
            break
        work = rows.copy()
        by_fill = attempt == 0 or attempt % 4 > 1 or len(free) < 64
        by_fill = by_fill if attempt != 1 else False
        noise = 0.0 if attempt < 2 else _NOISE * float(rng.random())
        seed = int(rng.integers(1, 1 << 62))
        limit = min(bits_max, best_bits + _BITS_SLACK)
        total_max = _KEPT_RATIO * kept[0][0] if kept else math.inf
        if len(kept) == num_kept:
            total_max = min(total_max, kept[-1][0])
        limits = Limits(limit, total_max, steps_max)
        total, largest, steps = eliminate_greedily(
            work, bits, numbers, by_fill, noise, np.uint64(seed), limits, order
        )
        spent += int(steps) + _STEPS_EACH
        attempt += 1
        if total < total_max:
            kept.append((float(total), float(largest), order.copy(), work))
            kept.sort(key=lambda k: k[0])
            del kept[num_kept:]
            best_bits = kept[0][1]
    if kept and kept[0][0] < _CHOICE_MIN:
        del kept[1:]
    return [_order(free, rows, found, total, largest) for total, largest, rows, found in kept]


def order_by_weight(
    network: Network, rng: np.random.Generator, budget: Budget = UNLIMITED
) -> Order:
    """Eliminate the variable with the smallest clique next, however large that is.

    Raises:
        TimeoutError: when that takes more steps than there is time for.
    """
    from gmruntime.elimination.orders.compiled import Limits, eliminate_greedily

    free = np.array(network.free, np.int64)
    rows = adjacency(network, free)
    bits = np.log2(np.maximum(network.num_states[free], 2).astype(np.float64))
    order = np.zeros(len(free), np.int64)
    stages = np.zeros(len(free), np.int16)
    seed = np.uint64(rng.integers(1, 1 << 62))
    limits = Limits(math.inf, math.inf, _STEPS_PER_SECOND * budget.left_s())
    total, largest, steps = eliminate_greedily(rows, bits, stages, False, 0.0, seed, limits, order)
    if steps > limits.steps:
        raise TimeoutError
    return _order(free, order, rows, float(total), float(largest))


def _worth(total: float, share: float, steps_max: float) -> float:
    if total == math.inf:
        return min(50 * _STEPS_MIN, steps_max)
    if total < 1 << 16:
        return 0
    return min(max(share * total, _STEPS_MIN), steps_max)


def adjacency(network: Network, free: np.ndarray) -> np.ndarray:
    """Return a bit row for each free variable: which others it shares a factor with."""
    size = len(free)
    index = {int(v): k for k, v in enumerate(free)}
    words = (size + 63) // 64
    near = np.zeros((size, words * 64), np.bool_)
    for factor in network.factors:
        members = np.array([index[v] for v in factor.scope])
        near[members[:, None], members] = True
    near[np.arange(size), np.arange(size)] = False
    return np.packbits(near, axis=1, bitorder="little").view(np.uint64)


def _order(
    free: np.ndarray, order: np.ndarray, rows: np.ndarray, total: float, clique_bits: float
) -> Order:
    cliques = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
    place = np.zeros(len(free), np.int64)
    place[order] = np.arange(len(free))
    found: list[tuple[int, ...]] = []
    for v in order:
        members = np.flatnonzero(cliques[v])
        found.append(tuple(free[members[np.argsort(place[members])]].tolist()))
    variables = tuple(int(v) for v in free[order])
    return Order(variables, tuple(found), math.log2(max(total, 1.0)), clique_bits)
