"""`refit`: the confidences of a learned model's parts, fitted to the examples that it applies to.

    F(c) = sum over examples of [log Z(S active, the rest not, example; c) - log Z(S active; c)]
           + sum over confidences of the log of Beta(10 c0, 10 (1 - c0)) at c

S is the choice that was found, c0 the number that its author wrote: ten cases that agree with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gmlang.core.ast import Activation, Bool, Constant, Real, Thing
from gmlang.core.parameters import Learn, Parameter, ParameterKind, Prior
from gmlang.core.program import Consider, DataSymbol, ObserveValue, Program, Statement
from gmlang.learning.compiled import side_of
from gmlang.learning.concepts.own_numbers import OwnNumbers
from gmlang.learning.concepts.stage import Cast, Part, Stage, about, cast_of, held_open, loops_over
from gmlang.learning.methods.curvature import uncertainty
from gmlang.learning.methods.search import Plan, search
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.numbers.priors import Priors
from gmlang.learning.objective import Aim, Objective, Point
from gmlang.learning.problem import Problem, pose
from gmlang.learning.results.result import number_text
from gmlang.learning.rows import Rows
from gmruntime.budget import Budget
from gmruntime.graph import FactorBlock

CASES = 10.0
"""What an author's confidence counts for."""


@dataclass(frozen=True, slots=True)
class Refitted:
    """A confidence that was fitted.

    Attributes:
        part: the model that predicts so.
        statement: what it predicts, with the number that stands there.
        before, after: the number.
        error: its standard error; NaN where that is not known.
    """

    part: str
    statement: str
    before: float
    after: float
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The confidences of a learned model, fitted.

    Attributes:
        numbers: in the order of the model's.
        gain: what the examples' log-probability and the log prior have gained together, nats.
        is_converged: whether so little is left to gain that it does not matter.
    """

    numbers: tuple[Refitted, ...]
    gain: float
    is_converged: bool

    def lines(self) -> list[str]:
        """Write the numbers."""
        return [
            f"{one.part}: `{one.statement}` now @ {number_text(one.after, one.error)}"
            for one in self.numbers
        ]


def refit(
    program: Program,
    values: Mapping[str, object],
    stage: Stage,
    chosen: tuple[int, ...],
    own: OwnNumbers,
    budget: Budget,
    seed: int,
) -> Fit:
    """Fit the numbers of a learned model to its examples.

    Args:
        program: checked, with the learned model still open.
        values: data, by core name.
        stage: of the `learn model`.
        chosen: its parts.
        own: it with numbers of its own, at least one of them to be fitted.
        budget: that has begun.
        seed: of the search for orders.

    Raises:
        GmError: when counts are out of reach.
        TimeoutError: when the time was over before anything was known.
    """
    pins = _Pins.of(stage, chosen)
    own_program = _with_numbers(program, stage, pins, own)
    names = tuple(one.name for one in own.confidences)
    learn = Learn(stage.what.span, stage.what.text, names, "", (), 0)
    started = {**values, **{one.name: one.value for one in own.confidences}}
    rng = np.random.default_rng(seed)
    problem = pose(own_program, started, learn, None, rng, budget)
    problem, aim = _posed(problem, stage, pins, budget, seed)
    climbs = search(problem, aim, Plan("gradient", 1, seed), budget)
    before: float | None = None
    while True:
        try:
            progress = next(climbs)
        except StopIteration as end:
            best = end.value[0]
            break
        if before is None:
            before = progress.attempt.point.value
    errors_of = np.full(len(names), np.nan)
    if best.bent is not None:
        errors_of = uncertainty(problem.layout, best.point.numbers, best.bent).errors
    numbers = tuple(
        Refitted(one.part, one.statement, one.value, float(after), float(error))
        for one, after, error in zip(own.confidences, best.point.numbers, errors_of, strict=True)
    )
    gain = 0.0 if before is None else max(0.0, best.point.value - before)
    return Fit(numbers, gain, best.is_converged)


@dataclass(frozen=True, slots=True, eq=False)
class _Pins:
    """Which parts are said to apply to every example, or not to; the others are left open."""

    parts: tuple[Part, ...]
    is_said: np.ndarray
    is_active: np.ndarray

    @classmethod
    def of(cls, stage: Stage, chosen: tuple[int, ...]) -> "_Pins":
        """Say of the parts that are listed what a choice says of them, and that it applies."""
        what = stage.what
        mask = np.isin(np.arange(len(stage.parts)), chosen)
        own = Thing(what.span, what.entity, "", what.key, ())
        itself = Part(what.model, Activation(what.span, what.model, (own,)))
        is_said = np.append(~held_open(stage, mask[None])[0], True)
        return cls((*stage.parts, itself), is_said, np.append(mask, True))


def _with_numbers(program: Program, stage: Stage, pins: _Pins, own: OwnNumbers) -> Program:
    """Return a program whose learned model has numbers to be learned, about every example."""
    what, span = stage.what, stage.what.span

    def number(value: float) -> Constant:
        return Constant(span, value, Real())

    data = tuple(
        DataSymbol(
            *(span, one.name, (), Real(), None),
            is_param=True,
            outside=(one.name,),
            parameter=Parameter(
                ParameterKind.PROBABILITY,
                Prior(span, "Beta", (number(CASES * one.value), number(CASES * (1.0 - one.value)))),
            ),
        )
        for one in own.confidences
    )
    symbol = next(symbol for symbol in program.models if symbol.name == what.model)
    symbol = own.model(symbol)
    things = {symbol.name: symbol for symbol in program.things}
    loops, example = loops_over(things[what.examples], what)
    statements: list[Statement] = []
    if what.others:
        around, other = loops_over(things[what.others], what)
        statements += [Consider(span, around, about(p.target, what, other)) for p in stage.parts]
    for part, is_said, is_active in zip(pins.parts, pins.is_said, pins.is_active, strict=True):
        target = about(part.target, what, example)
        statements.append(Consider(span, loops, target))
        if is_said:
            state = Constant(span, bool(is_active), Bool())
            statements.append(ObserveValue(span, loops, target, state))
    others = tuple(old for old in program.models if old.name != what.model)
    return replace(
        program,
        data=(*program.data, *data),
        # Behind its parts, as the text has it.
        models=(*others, symbol),
        statements=(*program.statements, *statements),
        learns=(),
    )


# --- What is climbed ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Sum:
    """Objectives of rows whose graphs differ, added up; the prior counts once."""

    each: tuple[Objective, ...]

    @property
    def layout(self) -> Layout:
        """What is learned."""
        return self.each[0].layout

    @property
    def priors(self) -> Priors:
        """The priors of it."""
        return self.each[0].priors

    def at(self, numbers: np.ndarray, budget: Budget) -> Point:
        """Evaluate the sum; counts stay those of the first, and nobody asks for them."""
        points = [one.at(numbers, budget) for one in self.each]
        prior = self.priors.gradient(numbers)
        return replace(
            points[0],
            log_rows=np.concatenate([point.log_rows for point in points]),
            log_likelihood=sum(point.log_likelihood for point in points),
            gradient=prior + sum(point.gradient - prior for point in points),
        )


def _posed(
    problem: Problem, stage: Stage, pins: _Pins, budget: Budget, seed: int
) -> tuple[Problem, Aim]:
    """Return the problem with a row for each example, told on its own, and what is climbed."""
    what, grounding = stage.what, problem.grounding
    things = {symbol.name: symbol for symbol in grounding.program.things}
    examples = cast_of(grounding, what, pins.parts, things[what.examples])
    others = cast_of(grounding, what, stage.parts, things.get(what.others))
    factors = problem.tables.graph.factors
    whole = problem.rows.evidence[0]
    is_about = np.ones(problem.tables.graph.num_variables, np.bool_)
    is_about[: len(whole)] = False
    for own in (*examples.own, *others.own):
        is_about[own] = True
    for hidden in grounding.world.hidden.values():
        is_about[hidden.variables] |= whole[hidden.variables] < 0
    given = np.where(is_about[: len(whole)], -1, whole).astype(np.int32)
    given[examples.active[:, pins.is_said]] = pins.is_active[pins.is_said]
    given[problem.telling.is_dropped] = 0
    rows = np.tile(given, (len(examples.own), 1))
    for row, own in zip(rows, examples.own, strict=True):
        row[own] = np.where(whole[own] >= 0, whole[own], row[own])
    posed = replace(problem, rows=Rows(rows, np.ones(len(rows)), np.arange(len(rows))))
    plain = {b: block for b, block in enumerate(factors)}
    events = _events(problem, is_about)
    for b, is_event in events.items():
        plain = _with_some(plain, b, ~is_event)
    found: list[Objective] = []
    for told, members in _alike(problem, examples, is_about, given, events):
        seen = dict(plain)
        for b, is_told in told.items():
            seen = _with_some({**seen, b: factors[b]}, b, is_told | ~events[b])
        weights = np.ones(len(members))
        with_all = side_of(problem, seen, rows[members], weights, budget, seed)
        without = side_of(problem, plain, given[None], np.ones(1), budget, seed)
        without = replace(without, scale=float(len(members)))
        found.append(Objective(problem.tables, problem.priors, with_all, without, weights))
    return posed, found[0] if len(found) == 1 else _Sum(tuple(found))


def _with_some(
    factors: dict[int, FactorBlock], block: int, keep: np.ndarray
) -> dict[int, FactorBlock]:
    """Return factors with some of a block's, or without the block."""
    found = {b: one for b, one in factors.items() if b != block}
    if keep.any():
        found[block] = factors[block].some(keep)
    return found


def _events(problem: Problem, is_about: np.ndarray) -> dict[int, np.ndarray]:
    """Say of the factors of each block which are something observed about examples."""
    origins, found = problem.grounding.builder.origins, dict[int, np.ndarray]()
    tables = problem.tables
    for b, (block, source) in enumerate(zip(tables.graph.factors, tables.sources, strict=True)):
        if origins[source].kind == "observe" and is_about[block.scopes].any():
            found[b] = np.asarray(is_about[block.scopes].any(axis=1))
    return found


def _alike(
    problem: Problem,
    examples: Cast,
    is_about: np.ndarray,
    given: np.ndarray,
    events: dict[int, np.ndarray],
) -> list[tuple[dict[int, np.ndarray], np.ndarray]]:
    """Group the examples by what was observed of them that is not the state of a variable.

    Returns:
        Such factors of each block, and the examples of which they say something.
    """
    count = len(examples.own)
    if not events:
        return [({}, np.arange(count))]
    labels = _components(problem, is_about, given)
    members: dict[bytes, list[int]] = {}
    told: dict[bytes, dict[int, np.ndarray]] = {}
    for number, own in enumerate(examples.own):
        mine = np.unique(labels[np.union1d(own, examples.active[number])])
        found = {
            b: is_event & np.isin(labels[problem.tables.graph.factors[b].scopes], mine).any(axis=1)
            for b, is_event in events.items()
        }
        found = {b: is_told for b, is_told in found.items() if is_told.any()}
        key = b"|".join(b"%d:%s" % (b, is_told.tobytes()) for b, is_told in found.items())
        members.setdefault(key, []).append(number)
        told[key] = found
    return [(told[key], np.array(numbers)) for key, numbers in members.items()]


def _components(problem: Problem, is_about: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Label the parts that the graph falls into at what was observed of anything but examples."""
    graph = problem.tables.graph
    is_cut = np.zeros(graph.num_variables, np.bool_)
    is_cut[: len(given)] = (given >= 0) & ~is_about[: len(given)]
    number, pairs = graph.num_variables, [np.zeros((2, 0), np.int64)]
    for block in graph.factors:
        factors = np.arange(number, number + len(block.scopes))
        number += len(block.scopes)
        ends = np.stack([block.scopes.reshape(-1), np.repeat(factors, block.scopes.shape[1])])
        pairs.append(ends[:, ~is_cut[ends[0]]])
    ends = np.concatenate(pairs, axis=1)
    links = coo_matrix((np.ones(ends.shape[1]), (ends[0], ends[1])), (number, number))
    return np.asarray(connected_components(links, directed=False)[1])
