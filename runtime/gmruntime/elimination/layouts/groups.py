"""How the tables of an elimination are laid out: one axis for each group of variables.

Only where zeros make it worth while; otherwise every variable is an axis of its own.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.elimination.layouts.order import Layout, Order
from gmruntime.elimination.layouts.supports import (
    Group,
    Sizes,
    group_of,
    keys,
    partition,
    product_size,
    project,
)
from gmruntime.simplify.network import Network, zero_counts

LAYOUT_S = 1e-4
"""What finding a layout takes for each variable."""

_ENTRY_S = 1.5e-7
"""What finding the states of a table takes for each of its entries."""

ENTRIES_PER_SECOND = 3e8
"""Clique entries that the compiled loops combine and sum out a second, as measured."""

WORTH_SHARE = 0.06
"""Of the time that takes, so much may be spent on layouts."""

SAVED_BITS_MIN = 0.7
"""An entry read through lists takes up to twice as long."""

_LISTED_BITS_MIN = 0.7
"""A table with more joint states than any list may have is listed only where that saves so much:
nothing it is joined with can be listed either."""

_COUNTS_MAX = (64, 256, 1024)
"""Longer lists catch more zeros, but one that cannot be joined to its neighbours catches none."""


@dataclass(slots=True, eq=False)
class Axes:
    """The axes of a layout while it is being made; a group that is met again keeps its number."""

    num_states: Sizes
    groups: list[Group]
    numbers: dict[tuple[tuple[int, ...], bytes], int]

    def number(self, group: Group) -> tuple[int, ...]:
        """Return the axis of a group; those of its variables when it allows everything."""
        if len(group.states) == product_size(group, self.num_states):
            return group.variables
        key = (group.variables, group.states.tobytes())
        if key not in self.numbers:
            self.numbers[key] = len(self.num_states) + len(self.groups)
            self.groups.append(group)
        return (self.numbers[key],)

    def size(self, axis: int) -> int:
        """Return the length of an axis."""
        if axis < len(self.num_states):
            return int(self.num_states[axis])
        return len(self.groups[axis - len(self.num_states)].states)

    def of(self, axis: int) -> Group:
        """Return an axis as a group, one variable with all its states included."""
        if axis >= len(self.num_states):
            return self.groups[axis - len(self.num_states)]
        return whole(axis, self.num_states)

    def variables(self, axis: int) -> tuple[int, ...]:
        """Return the variables of an axis."""
        if axis >= len(self.num_states):
            return self.groups[axis - len(self.num_states)].variables
        return (axis,)

    def projection(self, axis: int, inner: int) -> np.ndarray:
        """Return, for each place on an axis, the place on another that lies within it."""
        part = self.of(inner)
        of_axis = keys(self.of(axis), part.variables, self.num_states)
        of_part = keys(part, part.variables, self.num_states)
        order = np.argsort(of_part)
        places = order[np.minimum(np.searchsorted(of_part[order], of_axis), len(order) - 1)]
        assert (of_part[places] == of_axis).all(), "an axis must lie within the other"
        return places

    def restrict(self, axes: Iterable[int], kept: frozenset[int]) -> tuple[int, ...]:
        """Forget all variables but `kept`."""
        found: list[int] = []
        for axis in axes:
            if axis < len(self.num_states):
                found.extend([axis] if axis in kept else [])
                continue
            piece = project(self.of(axis), kept, self.num_states)
            if piece is not None:
                found.extend(self.number(piece))
        return tuple(found)


def new_axes(num_states: Sizes, layout: Layout | None = None) -> Axes:
    """Return a register of axes that knows those of a layout."""
    sizes = num_states.astype(np.int64)
    groups = [] if layout is None else list(layout.groups)
    numbers = {(g.variables, g.states.tobytes()): len(sizes) + k for k, g in enumerate(groups)}
    return Axes(sizes, groups, numbers)


def spread(log_table: np.ndarray, scope: tuple[int, ...], parts: Sequence[Group]) -> np.ndarray:
    """Rewrite a dense table with one axis for each of `parts`, which cover its scope."""
    strides = np.ones(len(scope), np.int64)
    strides[:-1] = np.cumprod(log_table.shape[:0:-1], dtype=np.int64)[::-1]
    places = np.zeros((1,) * len(parts), np.int64)
    for k, part in enumerate(parts):
        shape = [1] * len(parts)
        shape[k] = len(part.states)
        step = strides[[scope.index(v) for v in part.variables]]
        places = places + (part.states @ step).reshape(shape)
    return np.ascontiguousarray(log_table).reshape(-1)[places]


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A log table whose axes are groups; joint states that are not listed have -inf.

    Attributes:
        table: one axis for each group.
        lookups: for each group, where each of its joint states is listed.
        groups: of the axes.
    """

    table: np.ndarray
    groups: tuple[Group, ...]
    lookups: tuple[dict[tuple[int, ...], int], ...]

    def at(self, assignment: np.ndarray) -> float:
        """Return the entry for an assignment of all variables."""
        index: list[int] = []
        for group, lookup in zip(self.groups, self.lookups, strict=True):
            k = lookup.get(tuple(int(assignment[v]) for v in group.variables), -1)
            if k < 0:
                return -math.inf
            index.append(k)
        return float(self.table[tuple(index)])

    def at_rows(self, assignments: np.ndarray) -> np.ndarray:
        """Return the entries for rows of assignments."""
        index: list[np.ndarray] = []
        known = np.ones(len(assignments), np.bool_)
        for group in self.groups:
            rows = assignments[:, list(group.variables)]
            spans = 1 + np.maximum(rows.max(axis=0, initial=0), group.states.max(axis=0))
            strides = np.append(np.cumprod(spans[:0:-1])[::-1], 1)
            keys_known = group.states @ strides
            order = np.argsort(keys_known)
            wanted = rows @ strides
            at = order[np.minimum(np.searchsorted(keys_known[order], wanted), len(order) - 1)]
            known &= keys_known[at] == wanted
            index.append(at)
        return np.where(known, self.table[tuple(index)], -np.inf)


def listed(table: np.ndarray, groups: Sequence[Group]) -> Listed:
    """Make a table whose entries can be looked up by assignment."""
    lookups = tuple({tuple(row): k for k, row in enumerate(g.states.tolist())} for g in groups)
    return Listed(table, tuple(groups), lookups)


def with_layout(
    network: Network,
    order: Order,
    counts_max: tuple[int, ...] = _COUNTS_MAX,
    budget: Budget = UNLIMITED,
) -> Order:
    """Add the cheapest layout found to an order, where it saves something.

    Only a network with zeros is worth asking about; a budget that ends leaves the order as it is.
    """
    best: Layout | None = None
    for count_max in counts_max:
        try:
            found = lay_out(network, order, count_max, budget)
        except TimeoutError:
            break
        if found is not None and (best is None or found.total_bits < best.total_bits):
            best = found
    if best is None or best.total_bits > order.total_bits - SAVED_BITS_MIN:
        return order
    return replace(order, layout=best)


def laid_out_bits(order: Order) -> float:
    """Return log2 of all clique entries, as they are laid out."""
    return order.total_bits if order.layout is None else order.layout.total_bits


def best_laid_out(
    network: Network, orders: Sequence[Order], passes: float = 1.0, budget: Budget = UNLIMITED
) -> Order:
    """Return the order that is cheapest once its tables are laid out.

    Args:
        network: of the factors.
        orders: the cheapest without a layout first.
        passes: how many times all cliques will be gone through.
        budget: ends the trials.
    """
    worth = _num_worth(network, may_be_listed(network), orders[0], passes)
    if worth < 1:
        return orders[0]
    if worth < 2 * len(_COUNTS_MAX):
        return with_layout(network, orders[0], (_COUNTS_MAX[1],), budget)
    orders = orders[: max(1, worth - len(_COUNTS_MAX))]
    tried = [with_layout(network, order, (_COUNTS_MAX[1],), budget) for order in orders]
    best = int(np.argmin([laid_out_bits(order) for order in tried]))
    again = with_layout(network, orders[best], (_COUNTS_MAX[0], _COUNTS_MAX[2]), budget)
    return min((tried[best], again), key=laid_out_bits)


def _num_worth(network: Network, hard: list[bool], order: Order, passes: float) -> int:
    """Say how many layouts may be tried in a part of the time that the elimination takes."""
    seconds = passes * 2.0**order.total_bits / ENTRIES_PER_SECOND
    entries = sum(f.table.size for f, at_all in zip(network.factors, hard, strict=True) if at_all)
    layout_s = LAYOUT_S * max(1, len(network.free)) + _ENTRY_S * entries
    return int(min(100.0, WORTH_SHARE * seconds / layout_s))


def may_be_listed(network: Network) -> list[bool]:
    """Say of each factor whether leaving out its zeros may save anything."""
    found: list[bool] = []
    for factor, num_zeros in zip(network.factors, zero_counts(network.factors), strict=True):
        size = factor.table.size
        is_long = size - num_zeros > max(_COUNTS_MAX)
        least = (1.0 - 2.0**-_LISTED_BITS_MIN) * size if is_long else 1
        found.append(num_zeros >= least)
    return found


def lay_out(
    network: Network, order: Order, count_max: int, budget: Budget = UNLIMITED
) -> Layout | None:
    """Find the groups of every clique, with lists of at most `count_max` joint states.

    None when some clique can have no state at all.

    Raises:
        TimeoutError: when the budget ended first.
    """
    sizes = network.num_states.astype(np.int64)
    axes = new_axes(sizes)
    place = {v: k for k, v in enumerate(order.variables)}
    held: list[list[tuple[int, list[Group]]]] = [[] for _ in order.variables]
    children: list[list[int]] = [[] for _ in order.variables]
    listed_ones = may_be_listed(network)
    for number, factor in enumerate(within(network.factors, budget)):
        groups = [whole(v, sizes) for v in factor.scope]
        if listed_ones[number]:
            groups = [group_of(factor.table, factor.scope)]
        held[min(place[v] for v in factor.scope)].append((number, groups))
    cliques: list[tuple[int, ...]] = []
    messages: list[tuple[int, ...]] = [() for _ in order.variables]
    given: list[tuple[int, ...]] = [() for _ in network.factors]
    sent: list[list[Group]] = []
    sizes_found: list[float] = []
    steps = zip(order.variables, order.cliques, strict=True)
    for k, (v, others) in enumerate(within(steps, budget, every=4)):
        scope = frozenset((v, *others))
        incoming = [group for _, groups in held[k] for group in groups]
        for child in children[k]:
            incoming.extend(sent[child])
        groups = partition(incoming, sizes, count_max)
        if any(not len(group.states) for group in groups):
            return None
        covered = {u for group in groups for u in group.variables}
        for number, own in held[k]:
            given[number] = _pieces(own, groups, axes)
        for child in children[k]:
            messages[child] = _pieces(sent[child], groups, axes)
        loose = tuple(u for u in sorted(scope) if u not in covered)
        numbered = loose + tuple(axis for group in groups for axis in axes.number(group))
        cliques.append(numbered)
        sizes_found.append(math.prod(float(axes.size(axis)) for axis in numbered))
        kept = scope - {v}
        left = [project(group, kept, sizes) for group in groups]
        left.extend(whole(u, sizes) for u in loose if u != v)
        sent.append([group for group in left if group is not None])
        if others:
            children[place[others[0]]].append(k)
    entries = tuple(math.prod(axes.size(axis) for axis in message) for message in messages)
    return Layout(
        tuple(axes.groups),
        tuple(cliques),
        tuple(messages),
        tuple(given),
        math.log2(max(sum(sizes_found), 1.0)),
        math.log2(max(sizes_found, default=1.0)),
        tuple(sizes_found),
        tuple(float(e) for e in entries),
        count_max,
    )


def whole(v: int, sizes: Sizes) -> Group:
    """Return a group of one variable with all its states."""
    return Group((v,), np.arange(int(sizes[v]), dtype=np.int64)[:, None])


def _pieces(groups: list[Group], cut: list[Group], axes: Axes) -> tuple[int, ...]:
    """Return the axes of a table over `groups` so that each lies within one group of `cut`."""
    found: list[int] = []
    for group in groups:
        for part in cut:
            piece = project(group, frozenset(part.variables), axes.num_states)
            if piece is not None:
                found.extend(axes.number(piece))
    return tuple(found)
