"""A program whose functions are still to be learned, grounded, and what they may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log, prod

import numpy as np

from gmlang.core.ast import Bool as BoolType
from gmlang.core.ast import Constant, Domain, Enum, Expression
from gmlang.core.check.learned.functions import uncalled
from gmlang.core.learned_defs import LearnDef, LearnDefs
from gmlang.core.print import show
from gmlang.core.program import Program
from gmlang.diagnostics import GmError, Span
from gmlang.errors.learning import functions as errors
from gmlang.graph.builder import NORMALISED, evidence_of
from gmlang.graph.declarations import known_states
from gmlang.graph.from_core import Grounding, begin_grounding
from gmlang.graph.lowering.grounder import Link, Unknown
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import integers
from gmlang.graph.world.bindings import bind
from gmlang.graph.world.states import States
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.learning.functions.rules import (
    NAMED,
    NUMBER,
    TRUTH,
    VALUE_MAX,
    Leaf,
    Rules,
    Wanted,
    every_rule,
)
from gmlang.queries.session import check_defined
from gmruntime.arrays import Float64, Int, Int64
from gmruntime.budget import Budget

_LISTING = 0.4
"""Of the time that is left, listing expressions takes at most this part."""

_CONSTANTS_MAX = 1000
"""An unknown function may mention so many constants."""


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """An unknown function, and all that it may be.

    Attributes:
        states: of its values.
        arguments: the states of each argument.
        rules: the expressions that its candidates are among.
        numbers: for each candidate, which of these it is; the shortest first.
        codes: the state that each gives for each combination of arguments.
        log_prior: of each, nats, up to a constant: -c size, c the log of the number of operators
            and operands.
        wanted: what its values are.
    """

    what: LearnDef
    states: States
    arguments: tuple[States, ...]
    rules: Rules
    numbers: Int64[np.ndarray, " candidates"]
    codes: Int[np.ndarray, "candidates cells"]
    log_prior: Float64[np.ndarray, " candidates"]
    wanted: Wanted

    @property
    def num_cells(self) -> int:
        """How many combinations of arguments there are."""
        return prod(states.count for states in self.arguments)

    def size(self, candidate: int) -> int:
        """Return of how many operators and operands a candidate is made."""
        return int(self.rules.sizes[self.numbers[candidate]])

    def cell_text(self, cell: int) -> str:
        """Write a combination of arguments as a call: `carry(9, 0, 1)`."""
        place = np.unravel_index(cell, [states.count for states in self.arguments])
        given = (s.label(int(k)) for s, k in zip(self.arguments, place, strict=True))
        return f"{self.what.shown}({', '.join(given)})"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """All that the `learn def`s of a program speak of, grounded once.

    Attributes:
        links: the calls of each function, those that the graph has.
        evidence: the state of each variable that was observed; -1 for the others.
        normaliser: a statement for which log Z without what was observed depends on the functions;
            "" where mechanisms are all there is, or nothing was observed.
    """

    whats: LearnDefs
    functions: tuple[Function, ...]
    grounding: Grounding
    links: tuple[tuple[Link, ...], ...]
    evidence: np.ndarray
    normaliser: str


def set_stage(
    program: Program, values: Mapping[str, object], whats: LearnDefs, budget: Budget
) -> Stage:
    """Ground a program with every call of an unknown function as a variable of its own.

    Raises:
        GmError: for whatever is wrong with the data or the calls, or functions that nothing can be.
        TimeoutError: when the budget ended before that was done.
    """
    if left := uncalled(program):
        raise GmError([errors.never_called(one.span, one.shown) for one in left])
    names = [one.name for one in whats.defs]
    world = bind(program, values, frozenset(names))
    env = Env(world, ONE_INSTANCE, Slots())
    unknown = Unknown({one.name: known_states(one.domain, env) for one in whats.defs})
    grounding = begin_grounding(program, world, (), unknown=unknown).finish(budget)
    check_defined(grounding)
    evidence, clash = evidence_of(grounding.builder)
    if clash:
        raise GmError([errors.observed_twice(whats.span)])
    blocks = {id(block) for block in grounding.builder.factors}
    links = [link for link in unknown.links if id(link.factors) in blocks]
    own = tuple(tuple(link for link in links if link.name == name) for name in names)
    normaliser = _normaliser(grounding, evidence)
    if normaliser and grounding.builder.folded:
        raise GmError([errors.too_wide(whats.span)])
    functions = _functions(whats, world, budget)
    return Stage(whats, functions, grounding, own, evidence, normaliser)


def _normaliser(grounding: Grounding, evidence: np.ndarray) -> str:
    builder = grounding.builder
    is_observed = bool((evidence >= 0).any()) or any(o.kind == "observe" for o in builder.origins)
    for origin in builder.origins if is_observed else ():
        if origin.kind not in NORMALISED:
            return " ".join(origin.span.text.split())
    return ""


# --- What functions may be -----------------------------------------------------------------


def _functions(whats: LearnDefs, world: World, budget: Budget) -> tuple[Function, ...]:
    """List what each function may be; those that are made of the same share their expressions."""
    env = Env(world, ONE_INSTANCE, Slots())
    alike: dict[tuple[object, ...], list[LearnDef]] = {}
    leaves: dict[tuple[object, ...], list[Leaf]] = {}
    for what in whats.defs:
        own = _leaves(what, env)
        listed = tuple((leaf.text, leaf.kind, leaf.values.tobytes()) for leaf in own)
        key = (listed, what.operators, what.size)
        alike.setdefault(key, []).append(what)
        leaves[key] = own
    found: dict[str, Function] = {}
    for number, (key, some) in enumerate(alike.items()):
        wanted = [_wanted(what, env) for what in some]
        share = budget.share(_LISTING / (len(alike) - number))
        expressions = _listed((*key, tuple(wanted)), leaves[key], some[0], wanted, share)
        for what, own in zip(some, wanted, strict=True):
            found[what.name] = _function(what, own, expressions, len(leaves[key]), env)
    return tuple(found[what.name] for what in whats.defs)


@dataclass(frozen=True, slots=True, eq=False)
class _Listed:
    """Expressions, and which of them a function may be, by what its values are."""

    rules: Rules
    chosen: dict[Wanted, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict[Wanted, tuple[np.ndarray, np.ndarray]]
    )


_LISTED: dict[tuple[object, ...], _Listed] = {}
"""The expressions that were listed last: who asks for examples learns of the same ones again."""

_LISTED_MAX = 2

_LISTED_BYTES_MAX = 1 << 28
"""Expressions whose values take more than this are not kept."""


def _listed(
    key: tuple[object, ...],
    leaves: list[Leaf],
    what: LearnDef,
    wanted: list[Wanted],
    budget: Budget,
) -> _Listed:
    found = _LISTED.pop(key, None)
    if found is None:
        found = _Listed(every_rule(leaves, what.operators, wanted, what.size, budget))
    if found.rules.is_whole and found.rules.values.nbytes <= _LISTED_BYTES_MAX:
        _LISTED[key] = found
        for old in list(_LISTED)[:-_LISTED_MAX]:
            _LISTED.pop(old, None)
    return found


def _chosen(listed: _Listed, wanted: Wanted) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the expressions that a function may be, and the states they give."""
    if wanted not in listed.chosen:
        rules = listed.rules
        numbers = np.flatnonzero(wanted.accepts(rules.kinds, rules.values))
        codes = (rules.values[numbers].astype(np.int32) - wanted.first).astype(np.int16)
        # A condition and a number with the same values are one rule.
        _, first = np.unique(codes, axis=0, return_index=True)
        kept = np.sort(first)
        listed.chosen[wanted] = numbers[kept], codes[kept]
    return listed.chosen[wanted]


def _function(
    what: LearnDef, wanted: Wanted, listed: _Listed, num_leaves: int, env: Env
) -> Function:
    numbers, codes = _chosen(listed, wanted)
    if not len(numbers):
        raise GmError([errors.no_expressions(what.span, what.shown)])
    rules, states = listed.rules, known_states(what.domain, env)
    cost = log(max(2, num_leaves + len(what.operators)))
    arguments = tuple(known_states(one.domain, env) for one in what.arguments)
    log_prior = -cost * rules.sizes[numbers].astype(np.float64)
    return Function(what, states, arguments, rules, numbers, codes, log_prior, wanted)


def _wanted(what: LearnDef, env: Env) -> Wanted:
    states = known_states(what.domain, env)
    return Wanted(_kind(what, what.domain), states.first, states.first + states.count - 1)


def _kind(what: LearnDef, domain: Domain) -> int:
    """Return the kind of a domain's values: each domain with names has its own."""
    match domain:
        case BoolType():
            return TRUTH
        case Enum():
            named = [d for d in (*(one.domain for one in what.arguments), what.domain)]
            distinct = list(dict.fromkeys(d for d in named if isinstance(d, Enum)))
            return NAMED + (distinct.index(domain) if domain in distinct else len(distinct))
        case _:
            return NUMBER


def _leaves(what: LearnDef, env: Env) -> list[Leaf]:
    """List the arguments and constants."""
    states = [known_states(one.domain, env) for one in what.arguments]
    spans = [one.span for one in what.arguments]
    value = known_states(what.domain, env)
    for span, own in ((what.span, value), *zip(spans, states, strict=True)):
        _check_near(span, own.first, own.first + own.count - 1, VALUE_MAX)
    shape = [one.count for one in states]
    places = np.indices(shape).reshape(len(shape), -1)
    found = [
        Leaf(one.name, _kind(what, one.domain), (place + own.first).astype(np.int16))
        for one, own, place in zip(what.arguments, states, places, strict=True)
    ]
    same = np.ones(prod(shape), np.int16)
    for constant in what.constants:
        match constant:
            case Constant(value=value, type=type_):
                kind = _kind(what, type_) if isinstance(type_, Enum | BoolType) else NUMBER
                _check_near(constant.span, int(value), int(value), VALUE_MAX)
                found.append(Leaf(show(constant), kind, same * np.int16(value)))
            case _:
                first, last = _whole(constant.first, env), _whole(constant.last, env)
                _check_near(constant.span, first, last, _CONSTANTS_MAX)
                numbers = range(first, last + 1)
                found += [Leaf(str(k), NUMBER, same * np.int16(k)) for k in numbers]
    return found


def _check_near(span: Span, first: int, last: int, count: int) -> None:
    if max(abs(first), abs(last)) > VALUE_MAX or last - first >= count:
        raise GmError([errors.too_far(span, span.text, VALUE_MAX)])


def _whole(expression: Expression, env: Env) -> int:
    return int(np.asarray(integers(expression, env)).reshape(-1)[0])
