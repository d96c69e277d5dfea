"""Elimination as a program of contractions: every table in one array, for the compiled kernel.

The same cliques and messages as in `tree`, in linear space for sums and in logs for maxima. With
a layout, tables have an axis for each group of variables, without the states known to be zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gmruntime.budget import UNLIMITED, Budget
from gmruntime.budget import within as within_budget
from gmruntime.elimination.layouts.groups import Axes, new_axes, spread
from gmruntime.elimination.layouts.order import Layout, Order
from gmruntime.simplify.network import Network

_PAIRED_SHARE = 16
"""Two operands are multiplied ahead where that takes at most this part of their step."""

_PAIRED_ENTRIES_MIN = 1 << 12
"""Smaller products are not worth a step of their own."""

_CLIQUES_AT_ONCE = 4
"""Between two looks at the clock: one of many groups takes a while."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Multiply the operands and reduce to the axes of the result.

    `clique` is the one whose message towards the root this serves, -1 for none.
    """

    axes: tuple[int, ...]
    operands: tuple[int, ...]
    result: int
    clique: int = -1


@dataclass(slots=True, eq=False)
class Sheet:
    """The tables and steps of a program while it is being written.

    Attributes:
        place: of each variable in the order; axes are sorted by it.
        axes: variables, and groups of them.
        scopes: the axes of each table.
        given: the log tables that are there from the start, by table.
        steps: in order.
        budget: asked by whoever writes on it, group by group, and turns it into arrays.
    """

    place: dict[int, int]
    axes: Axes
    scopes: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    given: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    steps: list[Step] = field(default_factory=list[Step])
    budget: Budget = UNLIMITED

    def entries(self, scope: tuple[int, ...]) -> int:
        """Count the entries of a table."""
        count = 1
        for axis in scope:
            count *= self.axes.size(axis)
        return count

    def ordered(self, axes: Iterable[int]) -> tuple[int, ...]:
        """Sort axes by when their variables are eliminated, the latest last."""
        return tuple(sorted(axes, key=self.rank))

    def rank(self, axis: int) -> tuple[int, int]:
        """Return what axes are sorted by."""
        return max(self.place[v] for v in self.axes.variables(axis)), axis

    def variables(self, axes: Iterable[int]) -> frozenset[int]:
        """Return all variables of some axes."""
        return frozenset(v for axis in axes for v in self.axes.variables(axis))


def _new_table(sheet: Sheet, scope: tuple[int, ...], log_table: np.ndarray | None = None) -> int:
    """Add a table and return its number."""
    sheet.scopes.append(scope)
    if log_table is not None:
        sheet.given[len(sheet.scopes) - 1] = log_table
    return len(sheet.scopes) - 1


def contract(
    sheet: Sheet,
    operands: Sequence[int],
    scope: Iterable[int],
    within: tuple[int, ...],
    clique: int = -1,
) -> int:
    """Write the step that multiplies tables and reduces them to `scope`; return the result.

    Args:
        sheet: that is written on.
        operands: tables; each of their axes lies within one of `within`.
        scope: axes of the result, each within one of `within`.
        within: axes of a clique that holds everything.
        clique: whose message this serves, -1 for none.

    Raises:
        TimeoutError: when the sheet's budget ended first.
    """
    scope = _like(sheet, scope, within)
    touched = sheet.variables(scope).union(*(sheet.variables(sheet.scopes[t]) for t in operands))
    axes = _like(sheet, sheet.axes.restrict(within, touched), within)
    if len(operands) > 2:
        operands = _paired(sheet, list(operands), axes, clique)
    result = _new_table(sheet, scope)
    sheet.steps.append(Step(axes, tuple(operands), result, clique))
    return result


def _paired(sheet: Sheet, operands: list[int], within: tuple[int, ...], clique: int) -> list[int]:
    """Multiply small operands with each other first, so that fewer are read in the large step."""
    entries_max = sheet.entries(within) // _PAIRED_SHARE
    known: dict[tuple[int, int], int] = {}
    while len(operands) > 2 and entries_max >= _PAIRED_ENTRIES_MIN:
        best: tuple[int, int, int] | None = None
        for k, one in enumerate(operands):
            sheet.budget.check()
            for other in operands[:k]:
                if (one, other) not in known:
                    known[one, other] = sheet.entries(_joint(sheet, (one, other), within))
                entries = known[one, other]
                if entries <= entries_max and (best is None or entries < best[0]):
                    best = entries, other, one
        if best is None:
            break
        _, *pair = best
        made = contract(sheet, pair, _joint(sheet, pair, within), within, clique)
        operands = [t for t in operands if t not in pair] + [made]
    return operands


def _joint(sheet: Sheet, tables: Sequence[int], within: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of the product of some tables."""
    touched = frozenset[int]().union(*(sheet.variables(sheet.scopes[t]) for t in tables))
    return sheet.axes.restrict(within, touched)


@dataclass(frozen=True, slots=True, eq=False)
class Cliques:
    """An elimination tree on a sheet.

    Attributes:
        sheet: of its tables.
        scopes: the variables of each clique, sorted by place; its own is the first.
        axes: of each clique.
        separators: the axes of the messages between each clique and its parent.
        parents: the clique each sends to, -1 for a root.
        children: the cliques that send to each.
        own: the tables given to each clique.
        upward: the message each clique sends.
    """

    sheet: Sheet
    scopes: tuple[tuple[int, ...], ...]
    axes: tuple[tuple[int, ...], ...]
    separators: tuple[tuple[int, ...], ...]
    parents: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    own: list[list[int]]
    upward: list[int]


def write_upward(network: Network, order: Order, budget: Budget = UNLIMITED) -> Cliques:
    """Write the pass towards the roots: step k eliminates the k-th variable.

    Raises:
        TimeoutError: when the budget ended first.
    """
    place = {v: k for k, v in enumerate(order.variables)}
    layout = order.layout
    sheet = Sheet(place, new_axes(network.num_states, layout), budget=budget)
    scopes = tuple(
        (v, *sorted(c, key=place.__getitem__))
        for v, c in zip(order.variables, order.cliques, strict=True)
    )
    parents = tuple(place[scope[1]] if len(scope) > 1 else -1 for scope in scopes)
    children: list[list[int]] = [[] for _ in scopes]
    for k, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(k)
    if layout is None:
        axes, separators = scopes, tuple(scope[1:] for scope in scopes)
        own = _own_tables(network, sheet, scopes)
    else:
        axes, separators = _aligned(sheet, layout, parents)
        own = _own_listed(network, sheet, axes, layout)
    upward: list[int] = []
    for k in within_budget(range(len(scopes)), budget, every=_CLIQUES_AT_ONCE):
        operands = [*own[k], *(upward[c] for c in children[k])]
        if len(operands) > 2:
            operands = _paired(sheet, operands, axes[k], k)
        result = _new_table(sheet, separators[k])
        sheet.steps.append(Step(axes[k], tuple(operands), result, k))
        upward.append(result)
    return Cliques(
        sheet, scopes, axes, separators, parents, tuple(map(tuple, children)), own, upward
    )


def _own_tables(
    network: Network, sheet: Sheet, scopes: tuple[tuple[int, ...], ...]
) -> list[list[int]]:
    """Give every factor to the clique of its first eliminated variable."""
    gathered: list[list[tuple[tuple[int, ...], np.ndarray]]] = [[] for _ in scopes]
    for factor in within_budget(network.factors, sheet.budget):
        axes = sorted(range(len(factor.scope)), key=lambda k: sheet.place[factor.scope[k]])
        scope = tuple(factor.scope[k] for k in axes)
        gathered[sheet.place[scope[0]]].append((scope, factor.table.transpose(axes)))
    return [[_new_table(sheet, *part) for part in _merged(parts)] for parts in gathered]


def _aligned(
    sheet: Sheet, layout: Layout, parents: tuple[int, ...]
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Order the axes of all cliques and messages so that each is read and written in one sweep.

    A message is ordered like its parent, a clique like its message.
    """
    axes: list[tuple[int, ...]] = [() for _ in parents]
    separators: list[tuple[int, ...]] = [() for _ in parents]
    backwards = range(len(parents) - 1, -1, -1)
    for k in within_budget(backwards, sheet.budget, every=_CLIQUES_AT_ONCE):
        if parents[k] < 0:
            axes[k] = sheet.ordered(layout.cliques[k])
            continue
        separators[k] = _like(sheet, layout.messages[k], axes[parents[k]])
        axes[k] = _like(sheet, layout.cliques[k], separators[k])
    return tuple(axes), tuple(separators)


def _like(sheet: Sheet, axes: Iterable[int], model: tuple[int, ...]) -> tuple[int, ...]:
    """Order axes by where their variables are in `model`; those that are not come first."""
    places = {v: k for k, axis in enumerate(model) for v in sheet.axes.variables(axis)}

    def rank(axis: int) -> tuple[int, tuple[int, int]]:
        return max(places.get(v, -1) for v in sheet.axes.variables(axis)), sheet.rank(axis)

    return tuple(sorted(axes, key=rank))


def _own_listed(
    network: Network, sheet: Sheet, axes: tuple[tuple[int, ...], ...], layout: Layout
) -> list[list[int]]:
    """Give every factor to the clique of its first eliminated variable, without its zeros."""
    own: list[list[int]] = [[] for _ in axes]
    parted = zip(network.factors, layout.given, strict=True)
    for factor, given in within_budget(parted, sheet.budget, every=_CLIQUES_AT_ONCE):
        clique = min(sheet.place[v] for v in factor.scope)
        scope = _like(sheet, given, axes[clique])
        parts = [sheet.axes.of(axis) for axis in scope]
        own[clique].append(_new_table(sheet, scope, spread(factor.table, factor.scope, parts)))
    return own


def _merged(
    parts: list[tuple[tuple[int, ...], np.ndarray]],
) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Add tables into those whose scope contains theirs."""
    kept: list[tuple[tuple[int, ...], np.ndarray]] = []
    for scope, table in sorted(parts, key=lambda part: -len(part[0])):
        for k, (wide, sum_so_far) in enumerate(kept):
            if set(scope) <= set(wide):
                sizes = dict(zip(scope, table.shape, strict=True))
                kept[k] = wide, sum_so_far + table.reshape([sizes.get(v, 1) for v in wide])
                break
        else:
            kept.append((scope, table))
    return kept


def write_downward(cliques: Cliques, needed: set[int]) -> dict[int, int]:
    """Write the pass from the roots to the cliques in `needed`; return the message to each.

    `needed` must contain every parent of its members.

    Raises:
        TimeoutError: when the sheet's budget ended first.
    """
    downward: dict[int, int] = {}
    for k in range(len(cliques.scopes) - 1, -1, -1):
        targets = [c for c in cliques.children[k] if c in needed]
        if not targets:
            continue
        others = [c for c in cliques.children[k] if c not in needed]
        base = [*cliques.own[k], *(cliques.upward[c] for c in others)]
        if k in downward:
            base.append(downward[k])
        _leave_one_out(cliques, k, base, targets, downward)
    return downward


def _leave_one_out(
    cliques: Cliques,
    k: int,
    base: list[int],
    targets: list[int],
    downward: dict[int, int],
) -> None:
    """Write the message to each target: all but its own, each half sharing the other's product."""
    cliques.sheet.budget.check()
    if len(targets) == 1:
        scope = cliques.separators[targets[0]]
        downward[targets[0]] = contract(cliques.sheet, base, scope, cliques.axes[k])
        return
    half = len(targets) // 2
    for part, rest in ((targets[:half], targets[half:]), (targets[half:], targets[:half])):
        messages = [cliques.upward[c] for c in rest]
        if len(messages) > 2 and len(part) > 1:
            joint = _joint(cliques.sheet, messages, cliques.axes[k])
            messages = [contract(cliques.sheet, messages, joint, cliques.axes[k])]
        _leave_one_out(cliques, k, [*base, *messages], part, downward)
