"""What each table of the graph is for any values of the params, and what its counts say of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Cases, DataRef, Expression
from gmlang.graph.from_core import Grounding
from gmlang.graph.lowering.grounder import Learned, LearnedBlock
from gmlang.graph.values import terms
from gmlang.graph.values.environment import Env
from gmlang.learning.dependence.direct import codes_of
from gmlang.learning.dependence.occurrences import Deriver, Occurrence, of_term
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.numbers.inside import inner_numbers, other_numbers
from gmruntime.arrays import Float64, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph

_MISMATCH_MAX = 1e-9
"""So far may a direct entry be off where it is checked, nats."""


@dataclass(frozen=True, slots=True, eq=False)
class Direct:
    """A block whose entries are learned numbers, or one minus them, times constants.

    Attributes:
        constants: logs, -inf where a state is impossible; shaped like the block's tables.
        places: which log each entry adds: 0 none, k + 1 that of number k, n + k + 1 that of one
            minus it.
    """

    constants: Float64[np.ndarray, "tables *states"]
    places: Int64[np.ndarray, "tables *states"]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A block whose log values are a constant and a sum of learned numbers times slopes."""

    constants: Float64[np.ndarray, "tables *states"]
    occurrences: tuple[Occurrence, ...]


@dataclass(frozen=True, slots=True, eq=False)
class General:
    """A block that is evaluated, and derived, anew for other numbers.

    Attributes:
        numbers: which of those learned it depends on.
    """

    made: LearnedBlock
    numbers: Int64[np.ndarray, " some"]


Form = Direct | Linear | General


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The tables of a graph as functions of what is learned.

    Attributes:
        layout: what is learned.
        graph: all its factors, those of learned blocks split where instances have tables alike.
        forms: for each learned block its number in the graph and its form.
        sources: for each block of the graph, that of the grounded program.
    """

    layout: Layout
    graph: FactorGraph
    forms: tuple[tuple[int, Form], ...]
    sources: tuple[int, ...]

    def at(self, numbers: np.ndarray, budget: Budget = UNLIMITED) -> list[np.ndarray | None]:
        """Return the log tables for some numbers; None where nothing learned is in a block.

        Raises:
            GmError: when a statement has no value for these numbers.
            TimeoutError: when the budget ended before.
        """
        found: list[np.ndarray | None] = [None] * len(self.graph.factors)
        logs = _logs(numbers)
        for block, form in self.forms:
            budget.check()
            match form:
                case Direct(constants=constants, places=places):
                    found[block] = constants + logs[places]
                case Linear(constants=constants, occurrences=occurrences):
                    table = constants
                    for one in occurrences:
                        table = table + one.slopes * numbers[one.numbers]
                    found[block] = table
                case General(made=made):
                    found[block] = _evaluated(made, self.layout, numbers)
        return found

    def uses(self, counts: Mapping[int, np.ndarray]) -> Float64[np.ndarray, "2 numbers"]:
        """Return how often direct entries used each number, and how often one minus it.

        Args:
            counts: by block.
        """
        size = self.layout.size
        total = np.zeros(2 * size + 1)
        for block, form in self.forms:
            if isinstance(form, Direct):
                own = counts[block].reshape(-1)
                total += np.bincount(form.places.reshape(-1), own, 2 * size + 1)
        return total[1:].reshape(2, size)

    def slopes(
        self, counts: Mapping[int, np.ndarray], numbers: np.ndarray, budget: Budget = UNLIMITED
    ) -> Float64[np.ndarray, " numbers"]:
        """Return sum over entries of count times slope by each number, direct blocks left out.

        Raises:
            TimeoutError: when the budget ended before.
        """
        total = np.zeros(self.layout.size)
        for block, form in self.forms:
            if isinstance(form, Direct):
                continue
            own = counts[block]
            found = form.occurrences if isinstance(form, Linear) else None
            if found is None:
                assert isinstance(form, General)
                found = _derived(form.made, self.layout, numbers, budget)
            for one in found:
                budget.check()
                # What cannot be has no slope, and no count either.
                weighed = np.where(own != 0, own * one.slopes, 0.0)
                numbers_of = np.broadcast_to(one.numbers, weighed.shape)
                total += np.bincount(numbers_of.reshape(-1), weighed.reshape(-1), len(total))
        return total

    def direct_only(self) -> np.ndarray:
        """Say of each number whether direct blocks alone depend on it."""
        found = np.ones(self.layout.size, np.bool_)
        for _, form in self.forms:
            for name in _names(form, self.layout):
                found[self.layout.array(name).part] = False
        return found


def _logs(numbers: np.ndarray) -> np.ndarray:
    """Return 0, the logs of the numbers, and those of one minus them."""
    # Of numbers that are no probabilities nobody asks for the logs.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.concatenate([np.zeros(1), np.log(numbers), np.log1p(-numbers)])


def numbers_of(form: Form, layout: Layout) -> Int64[np.ndarray, " some"]:
    """Return which numbers a block depends on."""
    match form:
        case Direct(places=places):
            found = np.unique(places)
            found = found[found > 0] - 1
            return np.unique(np.where(found >= layout.size, found - layout.size, found))
        case Linear(occurrences=occurrences):
            parts = [np.unique(one.numbers[one.slopes != 0]) for one in occurrences]
            return np.unique(np.concatenate([np.zeros(0, np.int64), *parts]))
        case General(numbers=numbers):
            return numbers


def _names(form: Form, layout: Layout) -> list[str]:
    """Name the params that a block depends on otherwise than directly."""
    match form:
        case Direct():
            return []
        case Linear(occurrences=occurrences):
            numbers = {int(k) for one in occurrences for k in np.unique(one.numbers)}
            return [
                array.name
                for array in layout.arrays
                if any(array.start <= k < array.start + array.size for k in numbers)
            ]
        case General(made=made):
            learned = Learned(frozenset())
            names: list[str] = []
            for array in layout.arrays:
                learned.names = frozenset((array.name,))
                if learned.concerns(made.job.expressions()):
                    names.append(array.name)
            return names


# --- Blocks of the grounded program ------------------------------------------------------


def tables_of(
    grounding: Grounding,
    learned: Learned,
    layout: Layout,
    rng: np.random.Generator,
    budget: Budget,
) -> Tables:
    """Find out how each block of a grounded program depends on what is learned.

    Args:
        grounding: of the program, with any values.
        learned: what its grounding noted.
        layout: what is learned.
        rng: of the numbers at which what is found is checked.
        budget: that has begun.

    Raises:
        GmError: when a distribution is none for some numbers that its params may be.
        TimeoutError: when the budget ended before all was found.
    """
    made = {id(block.factors): block for block in learned.blocks}
    inside = inner_numbers(layout, rng)
    factors: list[FactorBlock] = []
    forms: list[tuple[int, Form]] = []
    sources: list[int] = []
    for source, block in enumerate(grounding.builder.factors):
        found = made.get(id(block))
        if found is None:
            factors.append(block)
            sources.append(source)
            continue
        for part, form in _split(block, _form(found, layout, inside, budget)):
            forms.append((len(factors), form))
            factors.append(part)
            sources.append(source)
    graph = FactorGraph(tuple(grounding.builder.variables), tuple(factors))
    return Tables(layout, graph, tuple(forms), tuple(sources))


def _form(made: LearnedBlock, layout: Layout, inside: np.ndarray, budget: Budget) -> Form:
    """Find the plainest form of a block; what is direct is checked at some numbers."""
    deriver = Deriver(layout)
    env = _environment(made, layout, inside)
    codes = codes_of(deriver, made.job.term, env)
    if codes is not None:
        places = made.chosen(np.where(made.holds, codes, 0))
        places = np.where(places < 0, layout.size - places, places)
        values = made.chosen(np.where(made.holds, terms.log_values(made.job.term, env), 0.0))
        logs = _logs(inside)
        places, values = _broadcast(places, values)
        direct = Direct(values - logs[places], places)
        other = 0.5 * (inside + other_numbers(layout, inside))
        expected = _evaluated(made, layout, other)
        found = direct.constants + _logs(other)[places]
        both = np.isfinite(found) & np.isfinite(expected)
        same = np.isfinite(found) == np.isfinite(expected)
        if same.all() and (np.abs(np.where(both, found - expected, 0.0)) < _MISMATCH_MAX).all():
            return direct
    found = _derived(made, layout, inside, budget)
    if isinstance(made.job.term, terms.Value) and _is_linear(deriver, made.job.term.value):
        constants = _evaluated(made, layout, np.zeros(layout.size))
        shape = np.broadcast_shapes(constants.shape, *(one.numbers.shape for one in found))
        return Linear(np.broadcast_to(constants, shape), found)
    parts = [np.unique(one.numbers) for one in found]
    return General(made, np.unique(np.concatenate([np.zeros(0, np.int64), *parts])))


def _broadcast(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.array(one) for one in np.broadcast_arrays(*arrays))


def _is_linear(deriver: Deriver, expression: Expression) -> bool:
    """Say whether a value is a constant and a sum of learned numbers times constants."""
    if not deriver.concerns(expression):
        return True
    match expression:
        case DataRef():
            return True
        case Apply(operator="+" | "-" | "neg" | "if", arguments=arguments):
            return all(_is_linear(deriver, argument) for argument in arguments)
        case Apply(operator="*", arguments=(left, right)):
            sides = [side for side in (left, right) if deriver.concerns(side)]
            return len(sides) == 1 and _is_linear(deriver, sides[0])
        case Apply(operator="/", arguments=(left, right)):
            return not deriver.concerns(right) and _is_linear(deriver, left)
        case Cases(values=values):
            return all(_is_linear(deriver, value) for value in values)
        case Aggregate(operator="sum", items=items):
            return all(_is_linear(deriver, item.value) for item in items)
        case _:
            return False


def _split(block: FactorBlock, form: Form) -> list[tuple[FactorBlock, Form]]:
    """Split a block into those whose instances have tables alike, where that makes few of many."""
    assert isinstance(block.kind, Table)
    shape = block.kind.log_potentials.shape
    if isinstance(form, General):
        return [(block, form)]
    form = _whole(form, shape[1:])
    constants = form.constants
    keys = [constants.reshape(len(constants), -1)]
    if isinstance(form, Direct):
        keys.append(form.places.reshape(len(constants), -1).astype(np.float64))
    else:
        for one in form.occurrences:
            keys += [a.reshape(len(constants), -1).astype(np.float64) for a in one]
    table = np.where(np.isneginf(np.hstack(keys)), -1e300, np.hstack(keys))
    count = len(block.scopes)
    if len(constants) == 1:
        return [_of(block, np.arange(count), form)]
    _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    if 2 * len(first) > count:
        return [_of(block, np.arange(count), form)]
    return [
        _of(block, np.flatnonzero(which == group), _taken(form, slice(k, k + 1)))
        for group, k in enumerate(first)
    ]


def _whole(form: Direct | Linear, states: tuple[int, ...]) -> Direct | Linear:
    """Return a form whose arrays all have the same axes."""
    match form:
        case Direct(constants=constants, places=places):
            arrays = np.broadcast_arrays(constants, places, np.zeros((1, *states)))
            return Direct(np.array(arrays[0]), np.array(arrays[1]))
        case Linear(constants=constants, occurrences=occurrences):
            flat = [a for one in occurrences for a in one]
            arrays = np.broadcast_arrays(constants, *flat, np.zeros((1, *states)))[:-1]
            pairs = [
                Occurrence(np.array(arrays[k]), np.array(arrays[k + 1]))
                for k in range(1, len(arrays), 2)
            ]
            return Linear(np.array(arrays[0]), tuple(pairs))


def _taken(form: Direct | Linear, rows: slice) -> Direct | Linear:
    match form:
        case Direct(constants=constants, places=places):
            return Direct(constants[rows], places[rows])
        case Linear(constants=constants, occurrences=occurrences):
            taken = tuple(Occurrence(one.numbers[rows], one.slopes[rows]) for one in occurrences)
            return Linear(constants[rows], taken)


def _of(
    block: FactorBlock, rows: np.ndarray, form: Direct | Linear
) -> tuple[FactorBlock, Direct | Linear]:
    kind = Table(np.zeros(form.constants.shape))
    return FactorBlock(kind, np.ascontiguousarray(block.scopes[rows]), block.label), form


# --- Evaluating and deriving -------------------------------------------------------------


def _environment(made: LearnedBlock, layout: Layout, numbers: np.ndarray) -> Env:
    """Return a block's surroundings with other values of what is learned."""
    env = made.env
    env.world.data.update(layout.values(np.array(numbers)))
    # A new one each time: what was found for other numbers is not kept.
    return Env(env.world, env.frame, env.slots, env.path, env.names, ((made.holds, True),))


def _evaluated(made: LearnedBlock, layout: Layout, numbers: np.ndarray) -> np.ndarray:
    env = _environment(made, layout, numbers)
    values = terms.log_values(made.job.term, env)
    return made.chosen(np.where(made.holds, values, 0.0))


def _derived(
    made: LearnedBlock, layout: Layout, numbers: np.ndarray, budget: Budget
) -> tuple[Occurrence, ...]:
    env = _environment(made, layout, numbers)
    found: list[Occurrence] = []
    for one in of_term(Deriver(layout, budget), made.job.term, env):
        budget.check()
        slopes = made.chosen(np.where(made.holds, one.slopes, 0.0))
        places = made.chosen(one.numbers)
        places, slopes = _broadcast(places, slopes)
        if slopes.any():
            found.append(Occurrence(places, slopes))
    return tuple(found)
