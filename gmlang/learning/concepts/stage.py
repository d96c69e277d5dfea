"""The models that may be part of a learned one, about each of its examples, as a graph."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Apply,
    Bind,
    Clauses,
    Constant,
    Expression,
    Integer,
    Local,
    Thing,
    Whole,
)
from gmlang.core.composed import substituted
from gmlang.core.concepts import LearnModel
from gmlang.core.print import show
from gmlang.core.program import ModelSymbol, Program, ThingSymbol, Use
from gmlang.diagnostics import GmError
from gmlang.errors.learning import concepts as errors
from gmlang.graph.builder import Builder, evidence_of
from gmlang.graph.from_core import Grounding, begin_grounding
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.lowering.lower import lower
from gmlang.graph.society.activations import is_conjunction, used_parts
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import expand
from gmlang.graph.world.bindings import bind
from gmlang.graph.world.places import locate
from gmlang.graph.world.world import ONE_INSTANCE, World
from gmlang.learning.telling.reals import refuse_reals
from gmlang.queries.session import check_defined
from gmruntime.arrays import Int64

_ABOUT = "the learned model's own thing"
"""What stands for it where applications are compared; no thing can be called so."""

_Application = tuple[str, tuple[object, ...]]
"""A model and what it is about."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A model that may be part of a learned one.

    Attributes:
        text: as a program writes it: `purple`, `multiple(3)`.
        target: it, about the learned model's own parameter.
    """

    text: str
    target: Activation


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Things, and where they are in the graph.

    Attributes:
        name: of their array.
        shape: of it.
        things: their numbers within their entity.
        active: for each thing and part, the activation of the part about the thing.
        own: for each thing, the variables that are about it.
    """

    name: str
    shape: tuple[int, ...]
    things: Int64[np.ndarray, " things"]
    active: Int64[np.ndarray, "things parts"]
    own: tuple[Int64[np.ndarray, " _variables"], ...]

    def thing(self, number: int) -> str:
        """Name a thing: `ex[2]`."""
        place = np.unravel_index(number, self.shape) if self.shape else ()
        return f"{self.name}[{', '.join(str(int(k)) for k in place)}]" if self.shape else self.name


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """All that a `learn model` speaks of, grounded once.

    Attributes:
        brings: for each part, whether it makes each other part hold: as one of a composite, or
            because it is used.
        composed: for each part that holds exactly where others do, these; None for the others.
        reached: for each part, what holds where it does.
        world: of the program's data, before anything was grounded.
        evidence: the state of each variable that was observed; -1 for the others.
        is_seen: whether anything was observed of a variable, its likelihoods included.
        examples, others: what the model applies to, and what it does not.
    """

    what: LearnModel
    parts: tuple[Part, ...]
    brings: np.ndarray
    composed: tuple[frozenset[_Application] | None, ...]
    reached: tuple[frozenset[_Application], ...]
    world: World
    grounding: Grounding
    evidence: np.ndarray
    is_seen: np.ndarray
    examples: Cast
    others: Cast


def set_stage(program: Program, values: Mapping[str, object], what: LearnModel) -> Stage:
    """Ground a program with every model listed about every example.

    Raises:
        GmError: for whatever is wrong with the data, a list of models that is empty or has one
            twice, or examples of which nothing was seen.
    """
    world = bind(program, values)
    parts = _spelled_out(what, world)
    if not parts:
        raise GmError([errors.nothing_offered(what.span)])
    things = {symbol.name: symbol for symbol in program.things}
    names = [name for name in (what.examples, what.others) if name]
    extra = [
        (loops, about(part.target, what, thing))
        for loops, thing in (loops_over(things[name], what) for name in names)
        for part in parts
    ]
    grounding = begin_grounding(program, world, extra).finish()
    check_defined(grounding)
    if grounding.builder.folded:
        raise GmError([errors.too_wide_to_score(what.span)])
    evidence, clash = evidence_of(grounding.builder)
    if clash:
        raise GmError([errors.observed_twice(what.span)])
    examples = cast_of(grounding, what, parts, things[what.examples])
    others = cast_of(grounding, what, parts, things[what.others] if what.others else None)
    refuse_reals(grounding.world, what.span, np.concatenate([[], *examples.own, *others.own]))
    symbols = {symbol.name: symbol for symbol in program.models}
    reached = tuple(_reached(symbols, part.target, what.key) for part in parts)
    own = [_application(part.target, {what.key: _ABOUT}) for part in parts]
    for number, application in enumerate(own):
        if application in own[:number]:
            raise GmError([errors.offered_twice(parts[number].target.span, parts[number].text)])
    brings = np.array([[one in reach for one in own] for reach in reached], np.bool_)
    np.fill_diagonal(brings, val=False)
    composed = tuple(_conjuncts(symbols, part.target, what.key) for part in parts)
    stage = Stage(
        *(what, parts, brings, composed, reached, world, grounding, evidence),
        *(_seen(grounding, evidence), examples, others),
    )
    if examples.things.size and not any(stage.is_seen[own].any() for own in examples.own):
        attribute = next(iter(grounding.world.attributes[what.entity]), "attribute")
        first = f"{examples.thing(0)}.{attribute}"
        raise GmError([errors.nothing_seen(what.span, what.examples, first)])
    return stage


def _seen(grounding: Grounding, evidence: np.ndarray) -> np.ndarray:
    """Say of each variable whether a state, an event or likelihoods of it were observed."""
    builder = grounding.builder
    found = evidence >= 0
    for block, origin in zip(builder.factors, builder.origins, strict=True):
        if origin.kind == "observe":
            found[block.scopes] = True
    # A wide event is cut by auxiliary variables, behind which it may be about anything.
    hidden = [array.variables for array in grounding.world.hidden.values()]
    if any((found[variables] & (evidence[variables] < 0)).any() for variables in hidden):
        found[:] = True
    return found


def _spelled_out(what: LearnModel, world: World) -> tuple[Part, ...]:
    """List the models that loops stand for, one by one."""
    found: list[Part] = []
    for offered in what.offered:
        frame, _ = expand(Env(world, ONE_INSTANCE, Slots(), (), {}), offered.context)
        for row in range(frame.count):
            constants = {
                key: Constant(offered.span, int(values[row]), Integer())
                for key, values in frame.locals.items()
            }
            target = substituted(offered.target, constants)
            found.append(Part(_text(target), target))
    return tuple(found)


def _text(target: Activation) -> str:
    name = target.span.text.partition("(")[0].strip()
    # A name for a member has its values elsewhere.
    given = [
        show(a)
        for a in target.arguments[1:]
        if not isinstance(a, Thing) and target.span.contains(a.span)
    ]
    return f"{name}({', '.join(given)})" if given else name


# --- Where the parts are -----------------------------------------------------------------


def loops_over(thing: ThingSymbol, what: LearnModel) -> tuple[Clauses, Thing]:
    """Return loops over an array of things, and the thing that they come to."""
    span = what.span
    indices: list[Expression | Whole] = []
    loops: list[Bind] = []
    for axis, size in enumerate(thing.shape):
        key = f"{what.key} of {thing.name}, axis {axis}"
        last = Apply(span, "-", (size, Constant(span, 1, Integer())), Integer())
        loops.append(Bind(span, key, f"axis {axis}", Constant(span, 0, Integer()), last))
        indices.append(Local(span, key, Integer()))
    return tuple(loops), Thing(span, thing.entity, thing.name, "", tuple(indices))


def about(target: Activation, what: LearnModel, thing: Thing) -> Activation:
    """Return a part about some thing."""
    arguments = tuple(
        thing if isinstance(a, Thing) and a.key == what.key else a for a in target.arguments
    )
    return replace(target, arguments=arguments)


def _grounder(grounding: Grounding) -> Grounder:
    return Grounder(grounding.world, Builder(), lower, dict(grounding.names))


def cast_of(
    grounding: Grounding, what: LearnModel, parts: tuple[Part, ...], symbol: ThingSymbol | None
) -> Cast:
    """Find the things of an array, or of none, and whether parts apply to them."""
    if symbol is None:
        return Cast("", (0,), np.zeros(0, np.int64), np.zeros((0, len(parts)), np.int64), ())
    grounder, array = _grounder(grounding), grounding.world.things[symbol.name]
    loops, thing = loops_over(symbol, what)
    frame, _ = expand(environment(grounder, ONE_INSTANCE), loops)
    columns = [
        locate(about(part.target, what, thing), environment(grounder, frame)).variables
        for part in parts
    ]
    count = int(np.prod(array.shape, dtype=np.int64))
    things = array.first + np.arange(count)
    own = _own_variables(grounding.world, symbol.entity, things)
    active = np.stack([np.broadcast_to(c, (count,)) for c in columns], axis=1)
    return Cast(symbol.name, array.shape, things, active.astype(np.int64), own)


def _own_variables(
    world: World, entity: str, things: np.ndarray
) -> tuple[Int64[np.ndarray, " _variables"], ...]:
    """List for each thing its attributes and the activations of models about it."""
    found: list[list[np.ndarray]] = [[] for _ in things]
    for attribute in world.attributes[entity].values():
        size = int(np.prod(attribute.shape, dtype=np.int64))
        places = attribute.starts[things][:, None] + np.arange(size)
        for own, place in zip(found, places, strict=True):
            own.append(place)
    number = {int(thing): k for k, thing in enumerate(things)}
    for table in world.models.values():
        for position, parameter in enumerate(table.symbol.parameters):
            if parameter.entity != entity:
                continue
            for row in np.flatnonzero(np.isin(table.rows[:, position], things)).tolist():
                own = found[number[int(table.rows[row, position])]]
                own.append(np.array([table.start + row], np.int64))
    nothing = np.zeros(0, np.int64)
    return tuple(np.unique(np.concatenate([nothing, *own])).astype(np.int64) for own in found)


def leaves(stage: Stage, part: int, cast: Cast) -> list[tuple[str, np.ndarray]]:
    """List the models behind a part, those of composites taken apart, and their activations."""
    program = stage.grounding.program
    symbol = next(symbol for symbol in program.things if symbol.name == cast.name)
    grounder = _grounder(stage.grounding)
    loops, thing = loops_over(symbol, stage.what)
    frame, _ = expand(environment(grounder, ONE_INSTANCE), loops)
    return used_parts(grounder, about(stage.parts[part].target, stage.what, thing), frame)


# --- What parts bring along ----------------------------------------------------------------


def _application(target: Activation, names: Mapping[str, object]) -> _Application:
    """Write what a model is about so that it can be compared."""
    return target.model, tuple(_argument(a, names) for a in target.arguments)


def _argument(argument: Expression | Thing, names: Mapping[str, object]) -> object:
    match argument:
        case Thing(key=key) if key:
            return names.get(key, argument)
        case Local(key=key):
            return names.get(key, argument)
        case Constant(value=value):
            return value
        case _:
            # What is not known here is equal to nothing.
            return object()


def _inside(
    symbols: Mapping[str, ModelSymbol], application: _Application
) -> tuple[ModelSymbol, dict[str, object]]:
    symbol = symbols[application[0]]
    keys = (parameter.key for parameter in symbol.parameters)
    return symbol, dict(zip(keys, application[1], strict=True))


def _reached(
    symbols: Mapping[str, ModelSymbol], target: Activation, key: str
) -> frozenset[_Application]:
    """List what holds wherever a model does: parts of composites, and what is used."""
    waiting = [_application(target, {key: _ABOUT})]
    found: set[_Application] = set()
    while waiting:
        one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        symbol, names = _inside(symbols, one)
        used: Iterable[Activation] = (s.target for s in symbol.body if isinstance(s, Use))
        waiting += [_application(inner, names) for inner in (*symbol.parts, *used)]
    return frozenset(found)


def _conjuncts(
    symbols: Mapping[str, ModelSymbol], target: Activation, key: str
) -> frozenset[_Application] | None:
    """List what a composite is the conjunction of; None for any other model."""
    one = _application(target, {key: _ABOUT})
    if not is_conjunction(symbols[target.model]):
        return None
    waiting, found = [one], set[_Application]()
    while waiting:
        symbol, names = _inside(symbols, waiting[-1])
        application = waiting.pop()
        if is_conjunction(symbol):
            waiting += [_application(inner, names) for inner in symbol.parts]
        else:
            found.add(application)
    return frozenset(found)


def held_open(stage: Stage, chosen: np.ndarray) -> np.ndarray:
    """Say for some choices which parts they decide themselves, so that nobody need.

    Args:
        stage: with the parts.
        chosen: for each choice, which parts are active.
    """
    found = (chosen.astype(np.int64) @ stage.brings.astype(np.int64)) > 0
    for part, needed in enumerate(stage.composed):
        if needed is None:
            continue
        holds = [
            (chosen & np.array([one in reach for reach in stage.reached])).any(axis=1)
            for one in needed
        ]
        found[:, part] |= np.all(holds, axis=0)
    return found & ~chosen
