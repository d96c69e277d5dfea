"""Elimination as a program of contractions: every table in one array, for the compiled kernel.

The same cliques and messages as in `tree`, in linear space for sums and in logs for maxima. With
a layout, tables have an axis for each group of variables, without the states known to be zero.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gmruntime.elimination.layout import Axes, Layout, new_axes, spread
from gmruntime.elimination.orders import Order
from gmruntime.simplify.network import Network


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Multiply the operands and reduce to the axes of the result."""

    axes: tuple[int, ...]
    operands: tuple[int, ...]
    result: int


@dataclass(slots=True, eq=False)
class Sheet:
    """The tables and steps of a program while it is being written.

    Attributes:
        place: of each variable in the order; axes are sorted by it.
        axes: variables, and groups of them.
        scopes: the axes of each table.
        given: the log tables that are there from the start, by table.
        steps: in order.
    """

    place: dict[int, int]
    axes: Axes
    scopes: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    given: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    steps: list[Step] = field(default_factory=list[Step])

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


def new_table(sheet: Sheet, scope: tuple[int, ...], log_table: np.ndarray | None = None) -> int:
    """Add a table and return its number."""
    sheet.scopes.append(scope)
    if log_table is not None:
        sheet.given[len(sheet.scopes) - 1] = log_table
    return len(sheet.scopes) - 1


def contract(
    sheet: Sheet, operands: Sequence[int], scope: Iterable[int], within: tuple[int, ...]
) -> int:
    """Write the step that multiplies tables and reduces them to `scope`; return the result.

    Args:
        sheet: that is written on.
        operands: tables; each of their axes lies within one of `within`.
        scope: axes of the result, each within one of `within`.
        within: axes of a clique that holds everything.
    """
    scope = tuple(scope)
    touched = sheet.variables(scope).union(*(sheet.variables(sheet.scopes[t]) for t in operands))
    result = new_table(sheet, sheet.ordered(scope))
    axes = sheet.ordered(sheet.axes.restrict(within, touched))
    sheet.steps.append(Step(axes, tuple(operands), result))
    return result


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


def write_upward(network: Network, order: Order) -> Cliques:
    """Write the pass towards the roots: step k eliminates the k-th variable."""
    place = {v: k for k, v in enumerate(order.variables)}
    layout = order.layout
    sheet = Sheet(place, new_axes(network.num_states, layout))
    scopes = tuple(
        (v, *sorted(c, key=place.__getitem__))
        for v, c in zip(order.variables, order.cliques, strict=True)
    )
    if layout is None:
        axes, separators = scopes, tuple(scope[1:] for scope in scopes)
        own = _own_tables(network, sheet, scopes)
    else:
        axes = tuple(map(sheet.ordered, layout.cliques))
        separators = tuple(map(sheet.ordered, layout.messages))
        own = _own_listed(network, sheet, scopes, layout)
    parents = tuple(place[scope[1]] if len(scope) > 1 else -1 for scope in scopes)
    children: list[list[int]] = [[] for _ in scopes]
    for k, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(k)
    upward: list[int] = []
    for k in range(len(scopes)):
        operands = [*own[k], *(upward[c] for c in children[k])]
        result = new_table(sheet, separators[k])
        sheet.steps.append(Step(axes[k], tuple(operands), result))
        upward.append(result)
    return Cliques(
        sheet, scopes, axes, separators, parents, tuple(map(tuple, children)), own, upward
    )


def _own_tables(
    network: Network, sheet: Sheet, scopes: tuple[tuple[int, ...], ...]
) -> list[list[int]]:
    """Give every factor to the clique of its first eliminated variable."""
    gathered: list[list[tuple[tuple[int, ...], np.ndarray]]] = [[] for _ in scopes]
    for factor in network.factors:
        axes = sorted(range(len(factor.scope)), key=lambda k: sheet.place[factor.scope[k]])
        scope = tuple(factor.scope[k] for k in axes)
        gathered[sheet.place[scope[0]]].append((scope, factor.table.transpose(axes)))
    return [[new_table(sheet, *part) for part in _merged(parts)] for parts in gathered]


def _own_listed(
    network: Network, sheet: Sheet, scopes: tuple[tuple[int, ...], ...], layout: Layout
) -> list[list[int]]:
    """Give every factor to the clique of its first eliminated variable, without its zeros."""
    own: list[list[int]] = [[] for _ in scopes]
    for factor, given in zip(network.factors, layout.given, strict=True):
        axes = sheet.ordered(given)
        parts = [sheet.axes.of(axis) for axis in axes]
        table = new_table(sheet, axes, spread(factor.table, factor.scope, parts))
        own[min(sheet.place[v] for v in factor.scope)].append(table)
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
    cliques: Cliques, k: int, base: list[int], targets: list[int], downward: dict[int, int]
) -> None:
    """Write the message to each target: all but its own, each half sharing the other's product."""
    if len(targets) == 1:
        scope = cliques.separators[targets[0]]
        downward[targets[0]] = contract(cliques.sheet, base, scope, cliques.axes[k])
        return
    half = len(targets) // 2
    for part, rest in ((targets[:half], targets[half:]), (targets[half:], targets[:half])):
        messages = [cliques.upward[c] for c in rest]
        if len(messages) > 2 and len(part) > 1:
            messages = [_product(cliques.sheet, messages, cliques.axes[k])]
        _leave_one_out(cliques, k, [*base, *messages], part, downward)


def _product(sheet: Sheet, tables: list[int], within: tuple[int, ...]) -> int:
    touched = frozenset[int]().union(*(sheet.variables(sheet.scopes[t]) for t in tables))
    return contract(sheet, tables, sheet.axes.restrict(within, touched), within)
