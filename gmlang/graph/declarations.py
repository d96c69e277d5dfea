"""Declared variables and things: their shapes and states, and where they begin in the graph."""

import math

import numpy as np

from gmlang.core.ast import (
    Bool,
    Distribution,
    Domain,
    Enum,
    Expression,
    IntRange,
)
from gmlang.core.program import (
    EntitySymbol,
    Program,
    VariableSymbol,
)
from gmlang.core.records.covering import index_data
from gmlang.diagnostics import GmError, Span
from gmlang.errors import declarations as declared
from gmlang.errors import grounding as errors
from gmlang.families import family_named
from gmlang.families.family import Pairs
from gmlang.families.logs import log_normalised
from gmlang.graph.lowering.grounder import Grounder, environment
from gmlang.graph.reals.densities import declared_real
from gmlang.graph.values.distributions import log_probabilities, log_weights
from gmlang.graph.values.environment import Env, Slot, Slots
from gmlang.graph.values.evaluate import integers
from gmlang.graph.world.instances import domain_range
from gmlang.graph.world.states import BOOL, States, enum_states
from gmlang.graph.world.world import (
    ONE_INSTANCE,
    AttributeArray,
    ThingArray,
    VariableArray,
)

VARIABLES_MAX = 1 << 25
"""A program may declare so many variables."""


STATES_MAX = 1 << 28
"""An array of variables may have so many states together."""


def declare(grounder: Grounder, program: Program) -> None:
    """Give every declared variable, thing and attribute its place in the graph."""
    world = grounder.world
    env = environment(grounder, ONE_INSTANCE)
    for symbol in program.variables:
        states = known_states(symbol.domain, env)
        shape = _shape(symbol.shape, env)
        _check_room(grounder, symbol.span, symbol.name, shape, states)
        start = grounder.builder.add_variables(symbol.name, shape, states)
        base = _log_base(symbol, states, env)
        world.variables[symbol.name] = VariableArray(
            symbol.name, start, shape, states, base, symbol.span
        )
    for thing in program.things:
        shape = _shape(thing.shape, env)
        first = world.num_things.get(thing.entity, 0)
        world.things[thing.name] = ThingArray(thing.name, thing.entity, first, shape)
        world.num_things[thing.entity] = first + int(np.prod(shape, dtype=np.int64))
        if thing.prior is not None and shape[0] < 1:
            raise GmError([declared.some_of_none(thing.shape[0].span, thing.name, shape[0])])
    _number_things(grounder, program)
    for entity in program.entities:
        _declare_entity(grounder, program, entity)


def _number_things(grounder: Grounder, program: Program) -> None:
    """Say of each thing where it stands in its array, and on which other one it depends."""
    world = grounder.world
    for entity, count in world.num_things.items():
        places, before = np.zeros(count, np.int64), np.full(count, -1)
        for thing in program.things:
            if thing.entity != entity:
                continue
            array = world.things[thing.name]
            own = np.arange(int(np.prod(array.shape, dtype=np.int64)))
            places[array.first + own] = own
            if thing.prior is not None:
                before[array.first + own] = array.first + np.maximum(own - 1, 0)
        world.data[index_data(entity)] = places
        if (before >= 0).any():
            world.before[entity] = before


def _declare_entity(grounder: Grounder, program: Program, entity: EntitySymbol) -> None:
    world = grounder.world
    env = environment(grounder, ONE_INSTANCE)
    things = [world.things[t.name] for t in program.things if t.entity == entity.name]
    attributes: dict[str, AttributeArray] = {}
    world.attributes[entity.name] = attributes
    world.reals[entity.name] = {
        real.name: declared_real(real, _shape(real.shape, env), world.num_things[entity.name], env)
        for real in (entity.reals if things else ())
    }
    for symbol in entity.attributes if things else ():
        states = known_states(symbol.domain, env)
        inner = _shape(symbol.shape, env)
        size = int(np.prod(inner, dtype=np.int64))
        starts: list[np.ndarray] = []
        for thing in things:
            name = f"{thing.name}.{symbol.name}"
            _check_room(grounder, symbol.span, name, (*thing.shape, *inner), states)
            start = grounder.builder.add_variables(name, (*thing.shape, *inner), states)
            count = int(np.prod(thing.shape, dtype=np.int64))
            starts.append(start + size * np.arange(count, dtype=np.int64))
        base = _log_base(symbol, states, env)
        attributes[symbol.name] = AttributeArray(
            symbol.name, np.concatenate(starts), inner, states, base, symbol.span
        )


def _check_room(
    grounder: Grounder, span: Span, name: str, shape: tuple[int, ...], states: States
) -> None:
    """Refuse more variables, or more states of them, than fit into memory."""
    count = math.prod(shape)
    if grounder.builder.num_variables + count > VARIABLES_MAX:
        raise GmError([errors.too_many_variables(span, name, count, "variables", VARIABLES_MAX)])
    number = count * states.count
    if number > STATES_MAX:
        raise GmError([errors.too_many_variables(span, name, number, "states", STATES_MAX)])


def known_states(domain: Domain, env: Env) -> States:
    """Return the states of a domain whose size is now known.

    Raises:
        GmError: when a range is empty.
    """
    match domain:
        case Bool():
            return BOOL
        case Enum():
            return enum_states(domain)
        case IntRange():
            first, count = domain_range(domain, env)
            if count < 1:
                span = domain.first.span
                raise GmError([errors.empty_domain(span)])
            return States(first, count, name=domain.name)


def _shape(shape: tuple[Expression, ...], env: Env) -> tuple[int, ...]:
    sizes: list[int] = []
    for part in shape:
        size = int(np.asarray(integers(part, env)).reshape(-1)[0])
        if size < 0:
            raise GmError([errors.negative_size(part.span, size)])
        sizes.append(size)
    return tuple(sizes)


def _log_base(symbol: VariableSymbol, states: States, env: Env) -> np.ndarray | None:
    if symbol.base is None:
        return None
    slots = Slots([Slot(np.zeros(1, np.int64), states)])
    inner = Env(env.world, ONE_INSTANCE, slots, (), env.names)
    if isinstance(symbol.base, Distribution) and _is_in_braces(symbol.base):
        # A base is written as weights, {a: 2, b: 1}, that need not sum to one.
        logs = log_weights(symbol.base, inner, 0, states)
    else:
        logs = log_probabilities(symbol.base, inner, 0)
    logs = np.broadcast_to(logs, (1, states.count))
    if not ((logs < np.inf).all() and logs.max() > -np.inf):
        raise GmError([errors.bad_base(symbol.base.span)])
    with np.errstate(divide="ignore"):
        return log_normalised(logs, 1)[0]


def _is_in_braces(base: Distribution) -> bool:
    return family_named(base.family).pairs is Pairs.VALUES
