"""What each table of the graph is for any values of the params, and what its counts say of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from gmlang.core.ast import Aggregate, Apply, Cases, DataRef, Expression
from gmlang.graph.from_core import Grounding
from gmlang.graph.lowering.grounder import Learned, LearnedBlock
from gmlang.graph.values import terms
from gmlang.learning.dependence.direct import codes_of
from gmlang.learning.dependence.forms import (
    Direct,
    Form,
    General,
    Linear,
    broadcast,
    derived,
    environment_of,
    evaluated,
    logs_of,
    mentions,
    numbers_of,
    taken,
    whole,
)
from gmlang.learning.dependence.occurrences import Deriver, Occurrence
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.numbers.inside import inner_numbers, other_numbers
from gmruntime.arrays import Bool, Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph

_MISMATCH_MAX = 1e-9
"""So far may a direct entry be off where it is checked, nats."""


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
        logs = logs_of(numbers)
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
                    found[block] = evaluated(made, self.layout, numbers)
        return found

    def of_logs(self, logs: Float64[np.ndarray, " places"]) -> list[np.ndarray | None]:
        """Return the log tables of direct blocks where these stand in place of the numbers' logs.

        Args:
            logs: 0, one for each number, and one for one minus each.
        """
        found: list[np.ndarray | None] = [None] * len(self.graph.factors)
        for block, form in self.forms:
            assert isinstance(form, Direct)
            found[block] = form.constants + logs[form.places]
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
                found = derived(form.made, self.layout, numbers, budget)
            for one in found:
                budget.check()
                # What cannot be has no slope, and no count either.
                weighed = np.where(own != 0, own * one.slopes, 0.0)
                numbers_of = np.broadcast_to(one.numbers, weighed.shape)
                total += np.bincount(numbers_of.reshape(-1), weighed.reshape(-1), len(total))
        return total

    def jacobians(
        self, numbers: Float64[np.ndarray, " numbers"], budget: Budget = UNLIMITED
    ) -> dict[int, csr_matrix]:
        """Return by block how each entry of its log tables changes with each number.

        Raises:
            TimeoutError: when the budget ended before.
        """
        found: dict[int, csr_matrix] = {}
        size = self.layout.size
        for block, form in self.forms:
            budget.check()
            match form:
                case Direct(places=places):
                    on, off = places <= size, places > size
                    which = np.where(on, places, places - size) - 1
                    x = numbers[which]
                    with np.errstate(divide="ignore"):
                        slopes = np.where(on, 1.0 / x, np.where(off, -1.0 / (1.0 - x), 0.0))
                    parts = (Occurrence(which, np.where(places > 0, slopes, 0.0)),)
                case Linear(occurrences=occurrences):
                    parts = occurrences
                case General(made=made):
                    parts = derived(made, self.layout, numbers, budget)
            kind = self.graph.factors[block].kind
            assert isinstance(kind, Table)
            shape = kind.log_potentials.shape
            entries = np.arange(int(np.prod(shape)))
            matrix = csr_matrix((len(entries), size))
            for one in parts:
                slopes = np.broadcast_to(one.slopes, shape).reshape(-1)
                columns = np.broadcast_to(one.numbers, shape).reshape(-1)
                kept = slopes != 0
                where = (entries[kept], columns[kept])
                matrix = matrix + csr_matrix((slopes[kept], where), matrix.shape)
            found[block] = matrix
        return found

    def direct_only(self) -> np.ndarray:
        """Say of each number whether direct blocks alone depend on it."""
        found = np.ones(self.layout.size, np.bool_)
        for _, form in self.forms:
            if isinstance(form, Direct):
                continue
            is_mentioned = np.zeros(self.layout.size, np.bool_)
            is_mentioned[numbers_of(form, self.layout)] = True
            for array in self.layout.arrays:
                found[array.part] &= not is_mentioned[array.part].any()
        return found

    def bent(self) -> Bool[np.ndarray, " numbers"]:
        """Say of each number whether a block may depend on it here and not there: `min(p, q)`."""
        found = np.zeros(self.layout.size, np.bool_)
        for _, form in self.forms:
            if isinstance(form, General):
                found[numbers_of(form, self.layout)] = True
        return found

    def heard(
        self, counts: Mapping[int, np.ndarray], numbers: np.ndarray, least: float, budget: Budget
    ) -> Bool[np.ndarray, " numbers"]:
        """Say of each number whether an entry that mentions it was used.

        Args:
            counts: by block.
            numbers: at which they are.
            least: a smaller count is rounding.
            budget: that has begun.

        Raises:
            TimeoutError: when the budget ended before.
        """
        found = np.zeros(self.layout.size, np.bool_)
        for block, form in self.forms:
            is_used = np.abs(counts[block]) > least
            match form:
                case Direct(places=places):
                    used = np.unique(places[is_used])
                    found[(used[used > 0] - 1) % self.layout.size] = True
                case Linear(occurrences=occurrences):
                    for one in occurrences:
                        found[one.numbers[is_used & (one.slopes != 0)]] = True
                case General(made=made):
                    # A slope may be 0 here alone: `min(2 * p, 1)`.
                    for one in mentions(made, self.layout, numbers, budget):
                        found[np.broadcast_to(one.numbers, is_used.shape)[is_used]] = True
        return found


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
    env = environment_of(made, layout, inside)
    codes = codes_of(deriver, made.job.term, env)
    if codes is not None:
        places = made.chosen(np.where(made.holds, codes, 0))
        places = np.where(places < 0, layout.size - places, places)
        values = made.chosen(np.where(made.holds, terms.log_values(made.job.term, env), 0.0))
        logs = logs_of(inside)
        places, values = broadcast(places, values)
        direct = Direct(values - logs[places], places)
        other = 0.5 * (inside + other_numbers(layout, inside))
        expected = evaluated(made, layout, other)
        found = direct.constants + logs_of(other)[places]
        both = np.isfinite(found) & np.isfinite(expected)
        same = np.isfinite(found) == np.isfinite(expected)
        with np.errstate(invalid="ignore"):
            off = np.where(both, found - expected, 0.0)
        if same.all() and (np.abs(off) < _MISMATCH_MAX).all():
            return direct
    every = list(mentions(made, layout, inside, budget))
    found = tuple(one for one in every if one.slopes.any())
    if isinstance(made.job.term, terms.Value) and _is_linear(deriver, made.job.term.value):
        constants = evaluated(made, layout, np.zeros(layout.size))
        shape = np.broadcast_shapes(constants.shape, *(one.numbers.shape for one in found))
        return Linear(np.broadcast_to(constants, shape), found)
    parts = [np.unique(one.numbers) for one in every]
    return General(made, np.unique(np.concatenate([np.zeros(0, np.int64), *parts])))


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
    form = whole(form, shape[1:])
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
        _of(block, np.flatnonzero(which == group), taken(form, slice(k, k + 1)))
        for group, k in enumerate(first)
    ]


def _of(
    block: FactorBlock, rows: np.ndarray, form: Direct | Linear
) -> tuple[FactorBlock, Direct | Linear]:
    kind = Table(np.zeros(form.constants.shape))
    return FactorBlock(kind, np.ascontiguousarray(block.scopes[rows]), block.label), form
