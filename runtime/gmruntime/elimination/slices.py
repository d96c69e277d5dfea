"""Where to cut a network: fix a few variables, and what is left fits the memory in each slice.

Source: Pearl (1988), cutset conditioning; Dechter and Rish (2003) for the bounds.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import Query
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.elimination.layouts.groups import best_laid_out, with_layout
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders.best import best_orders
from gmruntime.elimination.plan import Plan, costed
from gmruntime.elimination.weighted_mini_buckets import ENTRIES_PER_SECOND, relax
from gmruntime.simplify.network import Factor, Network

_SLICES_BITS_MAX = 16.0
"""More slices than 2^16 are no longer worth starting."""

SLICE_S = 0.02
"""What preparing one slice takes, besides its tables."""

_ORDER_STEPS_MAX = 4e8
_ORDER_STEPS_PER_SECOND = 1e7
_NUM_ORDERS = 8
_LAYOUTS_PER_SECOND = 0.2
_CHOICE_SHARE = 0.1
_MINIBUCKET_SHARE = 0.1

# Cuts beyond the first that fits are looked at while they save something.
_MORE_CUTS_MAX = 4


@dataclass(frozen=True, slots=True, eq=False)
class Slicing:
    """How a network is cut.

    Attributes:
        cut: the variables that are fixed.
        order: of all the others.
        plan: of one slice.
        num_slices: the number of joint states of the cut.
        seconds: predicted for all slices.
    """

    cut: tuple[int, ...]
    order: Order
    plan: Plan
    num_slices: float
    seconds: float


def choose_cut(query: Query, found: Plan, budget: Budget) -> Slicing | None:
    """Cut until one slice fits the memory, and further while that saves time.

    None when that takes too many slices, or too long to find out.
    """
    assert found.network is not None
    assert found.order is not None
    network, order = found.network, found.order
    cut: list[int] = []
    bits = 0.0
    best: Slicing | None = None
    more = 0
    until = budget.spent_s() + _CHOICE_SHARE * budget.left_s()
    while more < _MORE_CUTS_MAX and order.variables and budget.spent_s() <= until:
        v = _heaviest(network, order)
        cut.append(v)
        bits += math.log2(max(2, int(network.num_states[v])))
        if bits > _SLICES_BITS_MAX:
            break
        network = _outline(network, v)
        order = _laid_out(network, _without(network, order, v), found.order, budget)
        one = costed(query, budget, network, order)
        seconds = one.fresh_s + 2.0**bits * (one.seconds - one.fresh_s + SLICE_S)
        if one.memory_bytes > budget.memory_bytes:
            continue
        more += 1
        if best is None or seconds < best.seconds:
            best = Slicing(tuple(cut), order, one, 2.0**bits, seconds)
    return best


def reordered(
    query: Query, found: Plan, slicing: Slicing, budget: Budget, rng: np.random.Generator
) -> Slicing:
    """Look for a better order of what the cut leaves."""
    assert found.network is not None
    assert found.order is not None
    network = found.network
    for v in slicing.cut:
        network = _outline(network, v)
    steps_max = min(_ORDER_STEPS_MAX, _ORDER_STEPS_PER_SECOND * budget.left_s())
    kept = max(1, int(min(_NUM_ORDERS, _LAYOUTS_PER_SECOND * budget.left_s())))
    # Steps and layouts are counted from the time that is left.
    orders = best_orders(network, rng, steps_max=steps_max, num_kept=kept, budget=budget)
    if not orders:
        return slicing
    fresh = orders[0]
    if found.order.layout is not None:
        fresh = best_laid_out(network, orders, budget=budget)
    one = costed(query, budget, network, fresh)
    seconds = one.fresh_s + slicing.num_slices * (one.seconds - one.fresh_s + SLICE_S)
    if one.memory_bytes > budget.memory_bytes or seconds >= slicing.seconds:
        return slicing
    return Slicing(slicing.cut, fresh, one, slicing.num_slices, seconds)


def _laid_out(network: Network, order: Order, model: Order, budget: Budget) -> Order:
    if model.layout is None:
        return order
    return with_layout(network, order, (model.layout.count_max,), budget)


def _heaviest(network: Network, order: Order) -> int:
    """Find the variable whose fixing saves most entries for each slice it costs."""
    saved: dict[int, float] = {}
    for k, (v, clique) in enumerate(zip(order.variables, order.cliques, strict=True)):
        members = [v, *clique]
        if order.layout is None:
            size = 2.0 ** float(np.log2(network.num_states[members]).sum())
        else:
            size = order.layout.clique_entries[k]
        for u in members:
            states = int(network.num_states[u])
            if states > 1:
                gain = size * (1 - 1 / states) / math.log2(states)
                saved[u] = saved.get(u, 0.0) + gain
    return max(saved, key=saved.__getitem__) if saved else order.variables[0]


def _outline(network: Network, v: int) -> Network:
    """Fix a variable to any of its states: what a slice could at most allow."""
    factors: list[Factor] = []
    for factor in network.factors:
        if v not in factor.scope:
            factors.append(factor)
        elif len(factor.scope) > 1:
            axis = factor.scope.index(v)
            scope = tuple(u for u in factor.scope if u != v)
            factors.append(Factor(scope, factor.table.max(axis=axis)))
    free = tuple(u for u in network.free if u != v)
    return replace(network, free=free, factors=factors)


def _without(network: Network, order: Order, v: int) -> Order:
    variables = tuple(u for u in order.variables if u != v)
    cliques = tuple(
        tuple(w for w in clique if w != v)
        for u, clique in zip(order.variables, order.cliques, strict=True)
        if u != v
    )
    return resized(network, Order(variables, cliques, 0.0, 0.0))


def resized(network: Network, order: Order) -> Order:
    """Cost an order anew, without a layout, for other numbers of states."""
    bits = [
        float(np.log2(network.num_states[[u, *clique]]).sum())
        for u, clique in zip(order.variables, order.cliques, strict=True)
    ]
    total = math.log2(max(1.0, sum(2.0**b for b in bits)))
    return Order(order.variables, order.cliques, total, max(bits, default=0.0))


def condition(network: Network, cut: tuple[int, ...], states: tuple[int, ...]) -> Network:
    """Fix the variables of the cut."""
    fixed = dict(zip(cut, states, strict=True))
    factors: list[Factor] = []
    log_constant = network.log_constant
    for factor in network.factors:
        if not any(v in fixed for v in factor.scope):
            factors.append(factor)
            continue
        table = factor.table[tuple(fixed.get(v, slice(None)) for v in factor.scope)]
        scope = tuple(v for v in factor.scope if v not in fixed)
        if scope:
            factors.append(Factor(scope, table))
        else:
            log_constant += float(table)
    free = tuple(v for v in network.free if v not in fixed)
    return Network(free, network.num_states, factors, log_constant)


def slice_bounds(
    network: Network, order: Order, cut: tuple[int, ...], budget: Budget, *, is_max: bool
) -> Float64[np.ndarray, "*states"]:
    """Bound log Z, or the best score, of every slice from above; one axis for each cut variable."""
    entries = _MINIBUCKET_SHARE * budget.left_s() * ENTRIES_PER_SECOND
    bits_max = math.log2(max(16.0, entries / max(1, len(order.variables))))
    kept, bits = frozenset(cut), min(20.0, bits_max)
    found = relax(
        network, order.variables, bits, is_max=lambda _: is_max, kept=kept, given_max=entries
    )
    place = {v: k for k, v in enumerate(cut)}
    bounds = np.full([int(network.num_states[v]) for v in cut], found.log_constant)
    for factor in found.factors:
        axes = sorted(range(len(factor.scope)), key=lambda k: place[factor.scope[k]])
        shape = [1] * len(cut)
        for v, size in zip(factor.scope, factor.table.shape, strict=True):
            shape[place[v]] = size
        bounds = bounds + factor.table.transpose(axes).reshape(shape)
    return bounds
