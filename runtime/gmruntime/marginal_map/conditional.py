"""What one choice of states after another sums to, by one program: only tables that changed run.

With what is asked observed, a component's sums are an elimination whose cliques are the same
whatever the states. The program is written once; for other states the tables that mention a changed
variable are filled anew, and the steps below them, towards the roots, are run again.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.budget import Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.passes.cores import FLOOR, allocate, program_of
from gmruntime.elimination.passes.losses import NOTHING_LOST, losses_of
from gmruntime.elimination.passes.program import Cliques, write_upward
from gmruntime.elimination.passes.program_kernel import Program
from gmruntime.elimination.passes.steps import Losses, run_chosen
from gmruntime.marginal_map.components import Component
from gmruntime.marginal_map.ordering import SumOrder
from gmruntime.simplify.network import Factor, Network

_ROUNDING = 8.0 * float(np.finfo(np.float64).eps)
"""Of each product and sum, relative: what a value may be off by grows with their number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """A factor as seen from its slot.

    Attributes:
        asked: places, among those asked, of the variables that it is read at.
        table: log; first an axis for each of these, then those of the slot, which may be of size 1.
    """

    asked: tuple[int, ...]
    table: np.ndarray


@dataclass(slots=True, eq=False)
class _Slot:
    """A table that a program is given, and the factors that it is the product of.

    Attributes:
        clique: that has it.
        table: its number on the sheet.
        shape: of it.
        members: at least one.
        log_largest: of what it is filled with.
    """

    clique: int
    table: int
    shape: tuple[int, ...]
    members: list[_Member]
    log_largest: float = -math.inf


@dataclass(slots=True, eq=False)
class Conditional:
    """A program for the sums of a component, and what it holds now.

    Attributes:
        slots: the given tables.
        alone: factors of nothing that is summed.
        touched: of each variable asked, the slots and the lone factors that mention it.
        parents: of each clique, -1 for a root.
        steps_of: the steps of each clique.
        program: of all steps.
        values: of all tables.
        losses: what they may lack.
        taken: by each step, out of its result, nats.
        log_alone: what the lone factors are worth.
        stale: cliques whose steps are to be run.
        held: the states that the tables are filled for; empty before the first.
    """

    slots: list[_Slot]
    alone: list[_Member]
    touched: list[tuple[list[int], list[int]]]
    parents: tuple[int, ...]
    steps_of: list[list[int]]
    program: Program
    values: np.ndarray
    losses: Losses
    taken: np.ndarray
    log_alone: np.ndarray
    stale: set[int]
    held: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def log_value(self, states: np.ndarray) -> float:
        """Return log of what states of all that is asked sum to; NaN where digits were lost."""
        self._fill(states)
        total = float(self.log_alone.sum())
        largest = [slot.log_largest for slot in self.slots]
        total += sum(largest)
        if total == -math.inf:
            return total
        failed = self._run()
        if failed < 0:
            return total + float(self.taken.sum())
        # A product is 0 for certain only where none of them can have been too small for floats.
        is_zero = self.losses is NOTHING_LOST and not self._result(failed).any()
        return -math.inf if is_zero else math.nan

    def margin(self) -> float:
        """Return by how much rounding may have raised the last value."""
        sizes = np.abs(self.log_alone).sum() + np.abs(self.taken).sum()
        sizes += sum(abs(slot.log_largest) for slot in self.slots)
        return _ROUNDING * (float(sizes) + 4.0 * len(self.taken) + len(self.slots))

    def _fill(self, states: np.ndarray) -> None:
        """Fill the tables that mention a variable whose state has changed."""
        if len(self.held):
            changed = np.flatnonzero(self.held != states).tolist()
            slots = {s for place in changed for s in self.touched[place][0]}
            alone = {f for place in changed for f in self.touched[place][1]}
        else:
            slots, alone = set(range(len(self.slots))), set(range(len(self.alone)))
        self.held = states.copy()
        for f in alone:
            member = self.alone[f]
            self.log_alone[f] = float(member.table[tuple(states[list(member.asked)])])
        for s in slots:
            slot = self.slots[s]
            logs = np.zeros(slot.shape)
            for member in slot.members:
                logs += member.table[tuple(states[list(member.asked)])]
            slot.log_largest = float(logs.max())
            start = int(self.program.table_start[slot.table])
            shift = slot.log_largest if slot.log_largest > -math.inf else 0.0
            self.values[start : start + logs.size] = np.exp(logs - shift).reshape(-1)
            self.stale.add(slot.clique)

    def _run(self) -> int:
        """Run the steps of stale cliques and of all between them and the roots.

        Returns:
            -1; or the step whose result has vanished or lost its digits.
        """
        cliques: set[int] = set()
        for clique in self.stale:
            while clique >= 0 and clique not in cliques:
                cliques.add(clique)
                clique = self.parents[clique]
        chosen = np.array(sorted(k for c in cliques for k in self.steps_of[c]), np.int64)
        done = run_chosen(self.values, self.program, chosen, FLOOR, self.losses, self.taken)
        if done < len(chosen):
            return int(chosen[done])
        self.stale.clear()
        return -1

    def _result(self, step: int) -> np.ndarray:
        table = int(self.program.results[step])
        start = int(self.program.table_start[table])
        return self.values[start : start + int(self.program.table_size[table])]


def conditional_of(
    component: Component, order: SumOrder, bytes_max: float, budget: Budget
) -> Conditional | None:
    """Write the program; None where its tables take too much room.

    Args:
        component: whose sums are wanted.
        order: of all that is summed, with what is asked held.
        bytes_max: that its tables may take.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    place = {v: k for k, v in enumerate(order.variables)}
    cliques = tuple(tuple(sorted(c, key=place.__getitem__)) for c in order.cliques)
    gathered, alone = _gathered(component, place)
    empty: list[Factor] = []
    sizes = component.network.num_states
    for scopes in gathered:
        empty += [Factor(scope, np.zeros(sizes[list(scope)])) for scope, _ in scopes]
    bare = Network(order.variables, sizes, empty, 0.0)
    whole = Order(order.variables, cliques, order.total_bits, order.clique_bits)
    written = write_upward(bare, whole, budget)
    sheet = written.sheet
    entries = np.array([sheet.entries(scope) for scope in sheet.scopes], np.int64)
    if 8.0 * float(entries.sum()) > bytes_max:
        return None
    return _laid_out(component, written, gathered, alone, entries)


_Gathered = list[list[tuple[tuple[int, ...], list[_Member]]]]


def _gathered(component: Component, place: dict[int, int]) -> tuple[_Gathered, list[_Member]]:
    """Give each factor to the first clique of its sums, within a wider one where there is one.

    Returns:
        for each clique the scopes of its tables, the widest first, with their factors; and the
        factors of nothing that is summed.
    """
    asked = {v: k for k, v in enumerate(component.asked)}
    alone: list[_Member] = []
    parts: list[list[tuple[tuple[int, ...], Factor]]] = [[] for _ in place]
    for factor in component.network.factors:
        scope = tuple(sorted((v for v in factor.scope if v in place), key=place.__getitem__))
        if scope:
            parts[place[scope[0]]].append((scope, factor))
        else:
            alone.append(_member(factor, (), asked))
    found: _Gathered = []
    for own in parts:
        slots: list[tuple[tuple[int, ...], list[_Member]]] = []
        for scope, factor in sorted(own, key=lambda part: -len(part[0])):
            held = next((slot for slot in slots if set(scope) <= set(slot[0])), None)
            if held is None:
                held = scope, list[_Member]()
                slots.append(held)
            held[1].append(_member(factor, held[0], asked))
        found.append(slots)
    return found, alone


def _member(factor: Factor, within: tuple[int, ...], asked: dict[int, int]) -> _Member:
    read = [axis for axis, v in enumerate(factor.scope) if v in asked]
    rest = [factor.scope.index(v) for v in within if v in factor.scope]
    shape = [factor.table.shape[axis] for axis in read]
    shape += [factor.table.shape[factor.scope.index(v)] if v in factor.scope else 1 for v in within]
    table = factor.table.transpose([*read, *rest]).reshape(shape)
    return _Member(tuple(asked[factor.scope[axis]] for axis in read), table)


def _laid_out(
    component: Component,
    written: Cliques,
    gathered: _Gathered,
    alone: list[_Member],
    entries: np.ndarray,
) -> Conditional:
    sheet = written.sheet
    slots: list[_Slot] = []
    least = np.zeros(len(sheet.scopes))
    for clique, (own, tables) in enumerate(zip(gathered, written.own, strict=True)):
        # A clique has its tables as they were given to it: the widest first.
        for (scope, members), table in zip(own, tables, strict=True):
            assert sheet.scopes[table] == scope
            shape = tuple(sheet.axes.size(axis) for axis in scope)
            slots.append(_Slot(clique, table, shape, members))
            least[table] = -sum(_spread(member.table) for member in members)
    touched: list[tuple[list[int], list[int]]] = [([], []) for _ in component.asked]
    for s, slot in enumerate(slots):
        for place in {place for member in slot.members for place in member.asked}:
            touched[place][0].append(s)
    for f, member in enumerate(alone):
        for place in member.asked:
            touched[place][1].append(f)
    start, total = allocate(sheet, entries, reuse=False)
    num_steps = len(sheet.steps)
    steps_of: list[list[int]] = [[] for _ in written.parents]
    for k, step in enumerate(sheet.steps):
        steps_of[step.clique].append(k)
    never = np.zeros(num_steps, np.bool_)
    program = program_of(sheet, start, entries, never, never)
    return Conditional(
        slots,
        alone,
        touched,
        written.parents,
        steps_of,
        program,
        np.empty(total),
        losses_of(sheet, least),
        np.zeros(num_steps),
        np.zeros(len(alone)),
        set(range(len(written.parents))),
    )


def _spread(table: np.ndarray) -> float:
    """Return how far the finite entries of a table are apart."""
    low = float(table.min())
    if low == -np.inf:
        low = float(table.min(where=table > -np.inf, initial=0.0))
    high = float(table.max())
    return max(0.0, high - low) if high > -np.inf else 0.0
