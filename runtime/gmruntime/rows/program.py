"""Writes the program of a likeness: one elimination order, one contraction for each variable.

Forwards the program gives Z; run backwards, every step hands each operand the derivative of log Z
by its entries, and an entry times its derivative is the probability that it is used.

Source: Darwiche (2003), "A differential approach to inference in Bayesian networks"; Kask, Dechter,
Larrosa and Dechter (2005) for the tree of buckets.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import row_starts, strides_of
from gmruntime.budget import Budget
from gmruntime.elimination.orders.best import best_order
from gmruntime.graph import GraphError
from gmruntime.rows.cutting.components import Likeness
from gmruntime.rows.kernels.records import Steps
from gmruntime.simplify.network import Factor, Network

_OPERANDS_MAX = 8
"""More are multiplied in several steps, each rescaled, so that products stay in float64."""

_AHEAD_SHARE = 4
"""Operands of one scope are multiplied ahead where the step has so many times their entries."""

_BITS_MAX = 60.0
"""No memory holds as much."""

_STEPS_MAX = 1e7
"""Of the search for an order: a quarter of a second."""


class TooWideError(GraphError):
    """Rows of evidence would take more memory than is allowed."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A table that a step reads: one that is given, or the result of an earlier step.

    Attributes:
        scope: its variables.
        given: its number among the tables of the likeness, -1 for none.
        step: that made it, -1 for none. With neither it is a table of ones, to watch a variable by.
    """

    scope: tuple[int, ...]
    given: int = -1
    step: int = -1


@dataclass(frozen=True, slots=True)
class Step:
    """Multiply the operands and sum one variable out.

    Attributes:
        scope: of the result.
        inner: the variable that is summed out, -1 for none.
        operands: at most `_OPERANDS_MAX`.
    """

    scope: tuple[int, ...]
    inner: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """The steps of a likeness.

    Attributes:
        steps: the last one's result is a scalar, Z.
        entries: how many products one row without evidence takes.
        message_entries: of all results together.
        bits: log2 of `entries`.
    """

    steps: tuple[Step, ...]
    entries: float
    message_entries: float

    @property
    def bits(self) -> float:
        """Return log2 of the products that a row takes."""
        return math.log2(max(1.0, self.entries))


@dataclass(slots=True, eq=False)
class _Sheet:
    """Steps while they are being written."""

    likeness: Likeness
    place: dict[int, int]
    steps: list[Step] = field(default_factory=list[Step])

    def entries(self, scope: Iterable[int]) -> float:
        """Count the entries of a table."""
        return math.prod(float(self.likeness.num_states[v]) for v in scope)

    def ordered(self, scope: Iterable[int]) -> tuple[int, ...]:
        """Sort variables by when they are eliminated."""
        return tuple(sorted(scope, key=self.place.__getitem__))

    def add(self, scope: tuple[int, ...], inner: int, operands: Sequence[Operand]) -> Operand:
        """Add a step, and return its result."""
        self.steps.append(Step(scope, inner, tuple(operands)))
        return Operand(scope, step=len(self.steps) - 1)


def write(likeness: Likeness, rng: np.random.Generator, budget: Budget) -> Program:
    """Find an order of elimination and write its steps.

    A variable that is asked about gets a table of ones: the derivatives of that are its beliefs.

    Args:
        likeness: connected.
        rng: of the search for an order.
        budget: of the search as well.

    Raises:
        TimeoutError: when the budget ended before there was an order.
        TooWideError: when no order is anywhere near to be run.
    """
    order = best_order(
        _network(likeness), rng, bits_max=_BITS_MAX, steps_max=_STEPS_MAX, budget=budget
    )
    if order is None:
        raise TooWideError(
            f"every order of elimination found takes more than 2^{_BITS_MAX:g} entries"
        )
    sheet = _Sheet(likeness, {v: k for k, v in enumerate(order.variables)})
    waiting: list[list[Operand]] = [[] for _ in order.variables]
    for given, scope in enumerate(likeness.scopes):
        waiting[min(sheet.place[v] for v in scope)].append(Operand(scope, given=given))
    for v in likeness.asked:
        waiting[sheet.place[v]].append(Operand((v,)))
    for k, v in enumerate(order.variables):
        separator = sheet.ordered(order.cliques[k])
        operands = _multiplied(sheet, waiting[k], (v, *separator))
        result = sheet.add(separator, v, operands)
        if separator:
            waiting[sheet.place[separator[0]]].append(result)
    sizes = [sheet.entries(step.scope) for step in sheet.steps]
    entries = sum(
        size * (1 if step.inner < 0 else float(likeness.num_states[step.inner]))
        for size, step in zip(sizes, sheet.steps, strict=True)
    )
    return Program(tuple(sheet.steps), entries, sum(sizes))


def _network(likeness: Likeness) -> Network:
    """Return the network whose order is looked for: only sizes and scopes matter."""
    nothing = np.zeros(())
    scopes = {tuple(sorted(scope)) for scope in likeness.scopes}
    factors = [
        Factor(scope, np.broadcast_to(nothing, [int(likeness.num_states[v]) for v in scope]))
        for scope in sorted(scopes)
    ]
    return Network(tuple(range(len(likeness.num_states))), likeness.num_states, factors, 0.0)


def _multiplied(sheet: _Sheet, operands: list[Operand], clique: tuple[int, ...]) -> list[Operand]:
    """Multiply operands ahead where that saves work, and until there are few enough."""
    groups: dict[frozenset[int], list[Operand]] = {}
    for operand in operands:
        groups.setdefault(frozenset(operand.scope), []).append(operand)
    kept: list[Operand] = []
    for scope, group in groups.items():
        if len(group) > 1 and sheet.entries(clique) >= _AHEAD_SHARE * sheet.entries(scope):
            group = _few(sheet, group, 1)
        kept.extend(group)
    return _few(sheet, kept, _OPERANDS_MAX)


def _few(sheet: _Sheet, operands: list[Operand], count_max: int) -> list[Operand]:
    """Multiply the smallest operands with each other until there are at most `count_max`."""
    while len(operands) > count_max:
        operands = sorted(operands, key=lambda o: sheet.entries(o.scope))
        together = operands[: min(_OPERANDS_MAX, len(operands) - count_max + 1)]
        scope = sheet.ordered({v for operand in together for v in operand.scope})
        operands = [*operands[len(together) :], sheet.add(scope, -1, together)]
    return operands


def watched(program: Program) -> tuple[int, ...]:
    """List the variables that have a table of ones, in the order of those tables."""
    operands = (operand for step in program.steps for operand in step.operands)
    return tuple(o.scope[0] for o in operands if o.given < 0 and o.step < 0)


def flattened(likeness: Likeness, program: Program) -> Steps:
    """Write a program as the arrays that compiled loops read."""
    sizes = likeness.num_states
    shapes = [tuple(int(sizes[v]) for v in step.scope) for step in program.steps]
    starts = row_starts([math.prod(shape) for shape in shapes])
    ones_tables = [o for step in program.steps for o in step.operands if o.given < 0 and o.step < 0]
    ones = starts[-1] + row_starts([int(sizes[v]) for v in watched(program)])
    ones_of = {id(o): int(start) for o, start in zip(ones_tables, ones, strict=False)}

    def strides(operand: Operand) -> dict[int, int]:
        if operand.given >= 0:
            return dict(zip(operand.scope, likeness.strides[operand.given], strict=True))
        shape = tuple(int(sizes[v]) for v in operand.scope)
        return dict(zip(operand.scope, strides_of(shape).tolist(), strict=True))

    axes: list[list[int]] = []
    all_strides: list[list[int]] = []
    operands: list[Operand] = []
    for number, step in enumerate(program.steps):
        own = [*step.scope, *([step.inner] if step.inner >= 0 else [])]
        tables = [strides(Operand(step.scope, step=number)), *map(strides, step.operands)]
        axes.append(own)
        all_strides.append([table.get(v, 0) for v in own for table in tables])
        operands.extend(step.operands)
    return Steps(
        sizes,
        row_starts([len(own) for own in axes]),
        _flat(axes),
        np.array([step.inner for step in program.steps], np.int64),
        row_starts([len(step.operands) for step in program.steps]),
        np.array([o.given for o in operands], np.int64),
        np.array([o.step for o in operands], np.int64),
        np.array([starts[o.step] if o.step >= 0 else ones_of.get(id(o), 0) for o in operands]),
        row_starts([len(own) for own in all_strides]),
        _flat(all_strides),
        np.ascontiguousarray(starts[:-1]),
        int(starts[-1]),
        int(ones[-1]),
    )


def _flat(lists: list[list[int]]) -> np.ndarray:
    return np.array([number for numbers in lists for number in numbers], np.int64)
