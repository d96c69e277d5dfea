"""Variables that can be left out: those that sum to a constant, and many around the same few.

Source: Shachter (1986); here found by the numbers, so that any factor that is normalised over an
unasked variable goes, whether or not it came from a directed model.

Leaves around the same few variables are summed out at once:

    g(y) = product over leaves i of  sum over x_i of f_i(x_i, y)

A thousand models that predict the same three hidden attributes are a thousand cliques to an order,
and one array here. With more leaves than neighbours no order does with smaller tables: contracting
all but one of them makes the neighbours, and that one, a clique. Likewise with maxima, where the
best state of each leaf is kept for each joint state of its neighbours.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from gmruntime.arrays import corner
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.simplify.network import Factor, Leaves, Network

# Sums of a conditional table differ by rounding only; anything more is left to the elimination.
_TOLERANCE = 1e-12

LOOKED_AT_MAX = 1 << 12
"""So many sums of a table are looked at first: where they differ, all need not be added up."""

_NEIGHBOURS_MAX = 3
_ENTRIES_MAX = 1 << 12
"""Of the table that leaves say of their neighbours."""

_LEAVES_MIN = 8
"""Fewer are left to the order, which is as quick."""

_AT_ONCE = 1 << 20
"""Entries of the leaves of one group that are held together."""

Groups = dict[tuple[int, ...], list[int]]
"""Leaves by the variables that they are around."""


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


def sum_leaves(network: Network, asked: frozenset[int], budget: Budget = UNLIMITED) -> Network:
    """Sum out variables of which many have the same few neighbours.

    Args:
        network: its log Z, and sums over all but what is asked, stay what they are.
        asked: the variables that stay.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    return separate_leaves(network, asked, budget)[0]


def separate_leaves(
    network: Network, asked: frozenset[int], budget: Budget = UNLIMITED
) -> tuple[Network, Groups]:
    """Do what `sum_leaves` does, and return the leaves by what they are around; see `leaf_logs`."""
    touching = _touching(network)

    def summed(around: tuple[int, ...], leaves: list[int]) -> np.ndarray:
        total = np.zeros(tuple(int(network.num_states[v]) for v in around))
        for _, logs in _logs_of(network, touching, around, leaves, budget):
            total += np.logaddexp.reduce(logs, axis=1).sum(axis=0)
        return total

    return _without_leaves(network, touching, asked, summed, budget)


def maximise_leaves(network: Network, num_known: int, budget: Budget = UNLIMITED) -> Network:
    """Maximise variables out of which many have the same few neighbours.

    Args:
        network: its best score stays what it is; no state has been removed from it.
        num_known: variables from this one on are auxiliary, and stay with all around them.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    touching = _touching(network)
    found: list[Leaves] = []

    def maximised(around: tuple[int, ...], leaves: list[int]) -> np.ndarray:
        total = np.zeros(tuple(int(network.num_states[v]) for v in around))
        for some, logs in _logs_of(network, touching, around, leaves, budget):
            total += logs.max(axis=1).sum(axis=0)
            found.append(Leaves(np.array(some), around, logs.argmax(axis=1).astype(np.int32)))
        return total

    auxiliary = [v for v in network.free if v >= num_known]
    near = {w for v in auxiliary for number in touching[v] for w in network.factors[number].scope}
    left, _ = _without_leaves(
        network, touching, frozenset(near.union(auxiliary)), maximised, budget
    )
    return replace(left, leaves=tuple(found))


def _without_leaves(
    network: Network,
    touching: dict[int, list[int]],
    asked: frozenset[int],
    reduced: Callable[[tuple[int, ...], list[int]], np.ndarray],
    budget: Budget,
) -> tuple[Network, Groups]:
    """Take leaves out, of which `reduced` makes a table in logs of what they are around."""
    groups: Groups = defaultdict(list)
    for v in within(network.free, budget):
        if v not in asked and v in touching:
            around = {w for number in touching[v] for w in network.factors[number].scope} - {v}
            if len(around) <= _NEIGHBOURS_MAX:
                groups[tuple(sorted(around))].append(v)
    gone: set[int] = set()
    kept: set[int] = set()
    spoken: set[int] = set()
    said: dict[tuple[int, ...], np.ndarray] = {}
    found: Groups = {}
    # The most leaves first: what they are around stays.
    for around, leaves in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        sizes = tuple(int(network.num_states[v]) for v in around)
        own = [v for v in leaves if v not in kept]
        is_fit = len(own) >= max(_LEAVES_MIN, len(around) + 1)
        if not is_fit or math.prod(sizes) > _ENTRIES_MAX or not gone.isdisjoint(around):
            continue
        kept.update(around)
        found[around] = own
        said[around] = reduced(around, own)
        gone.update(own)
        spoken.update(number for v in own for number in touching[v])
    if not gone:
        return network, {}
    factors: list[Factor] = []
    for number, factor in enumerate(network.factors):
        if number not in spoken:
            more = said.pop(factor.scope, None)
            factors.append(factor if more is None else Factor(factor.scope, factor.table + more))
    log_constant = network.log_constant + float(said.pop((), np.zeros(())))
    factors += [Factor(scope, table) for scope, table in said.items()]
    free = tuple(v for v in network.free if v not in gone)
    left = replace(network, free=free, factors=factors, log_constant=log_constant)
    return left, found


def leaf_logs(
    network: Network, around: tuple[int, ...], leaves: list[int], budget: Budget
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Yield what some leaves at a time say, in logs, (leaves, states, *states around them).

    Args:
        network: that they are in.
        around: all that their factors also speak of, ascending.
        leaves: any number of variables.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    return _logs_of(network, _touching(network), around, leaves, budget)


def _touching(network: Network) -> dict[int, list[int]]:
    """Return the numbers of the factors of each variable."""
    touching: dict[int, list[int]] = defaultdict(list)
    for number, factor in enumerate(network.factors):
        for v in factor.scope:
            touching[v].append(number)
    return touching


def _logs_of(
    network: Network,
    touching: dict[int, list[int]],
    around: tuple[int, ...],
    leaves: list[int],
    budget: Budget,
) -> Iterator[tuple[list[int], np.ndarray]]:
    sizes = tuple(int(network.num_states[v]) for v in around)
    by_size: dict[int, list[int]] = defaultdict(list)
    for v in leaves:
        by_size[int(network.num_states[v])].append(v)
    for size, own in by_size.items():
        step = max(1, _AT_ONCE // (size * math.prod(sizes)))
        for first in range(0, len(own), step):
            budget.check()
            some = own[first : first + step]
            logs = np.zeros((len(some), size, *sizes))
            for k, v in enumerate(some):
                for number in touching[v]:
                    logs[k] += _turned(network.factors[number], v, around)
            yield some, logs


def _turned(factor: Factor, leaf: int, around: tuple[int, ...]) -> np.ndarray:
    """Return the table of a factor with an axis for a leaf first, then for each around it."""
    table, axis = factor.table, factor.scope.index(leaf)
    shape = [table.shape[axis], *(1,) * len(around)]
    for v, size in zip(factor.scope, table.shape, strict=True):
        if v != leaf:
            shape[1 + around.index(v)] = size
    if axis:
        table = table.transpose([axis, *(k for k in range(table.ndim) if k != axis)])
    return table.reshape(shape)
