"""Where the variables that a reference names are: indices into the factor graph."""

from itertools import product

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Constant,
    Distribution,
    Expression,
    Integer,
    Reference,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.records.members import family_of, is_held
from gmlang.core.walk import is_random, is_real_reference, parts, with_parts
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import grounding as errors
from gmlang.errors.declarations import none_need_hold
from gmlang.errors.later import condition_on_joint, observed_elsewhere
from gmlang.graph.values.environment import (
    Choice,
    Env,
    Hole,
    Place,
    Slot,
    Stray,
    add_slot,
    no_value,
    value_at,
)
from gmlang.graph.values.evaluate import inside, inside_axis, integers, item_frames, random_indices
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import ModelTable, World

_CHOICES_MAX = 24
"""An index inside an aggregate may pick one of this many variables: each doubles a table."""


def locate(reference: Reference, env: Env) -> Slot:
    """Find the variable that a reference without whole axes names in each instance."""
    variables, states = locate_array(reference, env)
    return Slot(variables, states)


def locate_array(reference: Reference, env: Env) -> tuple[np.ndarray, States]:
    """Find the variables a reference names: shape (instances, whole axes...), and their states.

    Raises:
        NoValue: when it names none in some instance.
    """
    return _located(reference, env.still())


def _located(reference: Reference, still: Env) -> tuple[np.ndarray, States]:
    world = still.world
    if isinstance(reference, VariableRef) and reference.name in world.hidden:
        hidden = world.hidden[reference.name]
        assert not isinstance(reference.indices[0], Whole)
        return hidden.variables[integers(reference.indices[0], still)], hidden.states
    variables, states = _named(reference, still)
    return (variables if world.redirect is None else world.redirect[variables]), states


def _named(reference: Reference, still: Env) -> tuple[np.ndarray, States]:
    world = still.world
    match reference:
        case VariableRef():
            array = world.variables[reference.name]
            offsets = _offsets(reference.name, reference.indices, array.shape, still)
            return (array.start + offsets if array.start else offsets), array.states
        case AttributeRef() if is_held(reference.attribute):
            return _holders(reference, still)
        case AttributeRef() if is_real_reference(reference):
            return _hidden_reals(reference, still)
        case AttributeRef():
            attribute = world.attributes[reference.thing.entity][reference.attribute]
            places = _of_things(reference, attribute.starts, attribute.shape, still)
            return places, attribute.states
        case Activation():
            table = world.models[reference.model]
            keys = instance_keys(table, argument_rows(reference, table, still))
            places = np.searchsorted(table.keys, keys)
            if still.holes:
                # Where no instance is meant, any will do.
                places = np.minimum(places, max(0, len(table.keys) - 1))
            else:
                assert places.size == 0 or (table.keys[places] == keys).all(), "unknown instance"
            return table.start + places, BOOL


def locate_reals(reference: AttributeRef, env: Env) -> np.ndarray:
    """Find the values of a real attribute: shape (instances, whole axes...).

    Raises:
        NoValue: when it names none in some instance.
    """
    still = env.still()
    array = still.world.reals[reference.thing.entity][reference.attribute]
    return _of_things(reference, array.starts, array.shape, still)


def _hidden_reals(reference: AttributeRef, still: Env) -> tuple[np.ndarray, States]:
    """Find the variables of reals that are not observed.

    Raises:
        GmError: where one is observed.
    """
    places = locate_reals(reference, still)
    key = reference.thing.entity, reference.attribute
    if key in still.world.joint_reals or key in still.world.outer_reals:
        raise GmError([condition_on_joint(reference.span, reference.span.text)])
    found = still.world.hidden_reals.get(key)
    if found is None or (found.variables[places] < 0).any():
        raise GmError([observed_elsewhere(reference.span, reference.span.text)])
    return found.variables[places], found.states


def _of_things(
    reference: AttributeRef, starts: np.ndarray, shape: tuple[int, ...], still: Env
) -> np.ndarray:
    offsets = _offsets(reference.attribute, reference.indices, shape, still)
    starts = starts[thing_numbers(reference.thing, still)]
    # The axes of the things come first, then those of the attribute.
    starts = starts.reshape(*starts.shape, *([1] * (offsets.ndim - 1)))
    wholes = [1] * (starts.ndim - offsets.ndim)
    return starts + offsets.reshape(len(offsets), *wholes, *offsets.shape[1:])


def _holders(reference: AttributeRef, env: Env) -> tuple[np.ndarray, States]:
    """Find the variables that say which member of a family holds of things.

    Raises:
        GmError: for a thing of which none need hold, or several may.
    """
    model = family_of(reference.attribute)
    table, found = env.world.models[model], env.world.holders[model]
    things = thing_numbers(reference.thing, env)
    place = [things]
    for index, position in zip(reference.indices, found.fixed, strict=True):
        assert not isinstance(index, Whole)
        values = np.broadcast_to(np.asarray(integers(index, env)).reshape(-1), env.frame.count)
        values = _inside_parameter(index, table, position, values, env) - table.firsts[position]
        place.append(values.reshape(-1, *([1] * (things.ndim - 1))))
    variables = found.variables[tuple(place)]
    if (variables < 0).any():
        where = tuple(np.broadcast_arrays(*place))
        bad = tuple(axis[variables < 0][0] for axis in where)
        value = next(p.name for p in table.symbol.parameters if p.domain is not None)
        considered, said = int(found.num_members[bad]), int(found.said[bad])
        span, text = reference.span, " ".join(reference.span.text.split())
        raise GmError([none_need_hold(span, text, value, considered, said)])
    return variables, found.states


def _locate_where_possible(reference: Reference, env: Env) -> tuple[Slot | None, Stray | None]:
    """Find the variables a reference names, and the instances in which it names none."""
    still = env.still().gathering()
    variables, states = _located(reference, still)
    if not still.holes:
        return Slot(variables, states), None
    stray = _stray(still.holes, env.frame.count)
    return (None if stray.rows.all() else Slot(variables, states)), stray


def _stray(holes: list[Hole], count: int) -> Stray:
    rows = np.zeros(count, np.bool_)
    for hole in holes:
        rows |= hole.mask

    def tell(place: Place, where: str) -> Diagnostic:
        row = place[:1]
        found = next(hole for hole in holes if value_at(hole.mask, row))
        return found.tell(row, where)

    return Stray(rows, tell)


def _offsets(
    what: str, indices: tuple[Expression | Whole, ...], shape: tuple[int, ...], env: Env
) -> np.ndarray:
    num_whole = sum(isinstance(index, Whole) for index in indices)
    count = env.frame.count
    total: np.ndarray | None = None
    mine = False
    whole = 0
    for axis, index in enumerate(indices):
        stride = int(np.prod(shape[axis + 1 :], dtype=np.int64))
        if isinstance(index, Whole):
            whole += 1
            along = [1] * (1 + num_whole)
            along[whole] = shape[axis]
            places = stride * np.arange(shape[axis], dtype=np.int64).reshape(along)
            total = places if total is None else total + places
            continue
        if is_random(index):
            raise GmError([errors.random_target(index.span, index.span.text)])
        values = np.asarray(integers(index, env)).reshape(-1)
        values = inside_axis(index.span, what, values, shape[axis], env)
        values = values.reshape(-1, *([1] * num_whole))
        if total is not None and mine and total.shape == values.shape and stride == 1:
            # Large arrays cost most where they are first written: no further one is needed.
            total += values
            continue
        mine = stride != 1 or total is not None
        values = values if stride == 1 else values * stride
        total = values if total is None else total + values
    if total is None:
        return np.zeros((count, *([1] * num_whole)), np.int64)
    return total if total.shape[0] == count else np.broadcast_to(total, (count, *total.shape[1:]))


def thing_numbers(thing: Thing, env: Env) -> np.ndarray:
    """Return each instance's things, as numbers within their entity: (instances, whole axes...)."""
    if thing.key:
        return env.frame.locals[thing.key]
    array = env.world.things[thing.name]
    return array.first + _offsets(thing.name, thing.indices, array.shape, env)


def argument_rows(activation: Activation, table: ModelTable, env: Env) -> np.ndarray:
    """Evaluate an activation's arguments: one row for each instance of the frame.

    Raises:
        GmError: when an argument is outside its parameter's domain.
    """
    columns: list[np.ndarray] = []
    for position, argument in enumerate(activation.arguments):
        if isinstance(argument, Thing):
            columns.append(np.broadcast_to(thing_numbers(argument, env), (env.frame.count,)))
            continue
        if is_random(argument):
            raise GmError([errors.random_target(argument.span, argument.span.text)])
        values = np.broadcast_to(np.asarray(integers(argument, env)).reshape(-1), env.frame.count)
        columns.append(_inside_parameter(argument, table, position, values, env))
    if not columns:
        return np.zeros((env.frame.count, 0), np.int64)
    return np.stack(columns, axis=1)


def _inside_parameter(
    argument: Expression, table: ModelTable, position: int, values: np.ndarray, env: Env
) -> np.ndarray:
    """Return arguments that lie in their parameter's domain, noting those that do not."""
    low, size = table.firsts[position], table.sizes[position]
    what = f"{table.symbol.name}({table.symbol.parameters[position].name})"

    def tell(place: Place, where: str) -> Diagnostic:
        value = int(value_at(values, place))
        shown = f"{low}..{low + size - 1}"
        return errors.argument_outside(argument.span, what, value, shown, where)

    bad = (values < low) | (values >= low + size)
    if not bad.any():
        return values
    no_value(env, bad, tell)
    return np.clip(values, low, low + max(0, size - 1))


def instance_keys(table: ModelTable, rows: np.ndarray) -> np.ndarray:
    """Encode rows of parameters as single numbers."""
    keys = np.zeros(len(rows), np.int64)
    for position, size in enumerate(table.sizes):
        keys = keys * size + (rows[:, position] - table.firsts[position])
    return keys


def index_ranges(world: World, reference: Reference) -> list[tuple[Expression, int, int]]:
    """List the indices of a reference, each with its first legal value and how many there are."""
    match reference:
        case VariableRef():
            if reference.name in world.hidden:
                return []
            return _ranges(reference.indices, world.variables[reference.name].shape)
        case AttributeRef() if is_held(reference.attribute):
            model = family_of(reference.attribute)
            table, fixed = world.models[model], world.holders[model].fixed
            pairs = zip(reference.indices, fixed, strict=True)
            inner = [
                (index, table.firsts[k], table.sizes[k])
                for index, k in pairs
                if not isinstance(index, Whole)
            ]
            return _thing_ranges(world, reference.thing) + inner
        case AttributeRef():
            is_real = is_real_reference(reference)
            arrays = world.reals if is_real else world.attributes
            attribute = arrays[reference.thing.entity][reference.attribute]
            return _thing_ranges(world, reference.thing) + _ranges(
                reference.indices, attribute.shape
            )
        case Activation():
            table = world.models[reference.model]
            found: list[tuple[Expression, int, int]] = []
            triples = zip(reference.arguments, table.firsts, table.sizes, strict=True)
            for argument, first, size in triples:
                if isinstance(argument, Thing):
                    found += _thing_ranges(world, argument)
                else:
                    found.append((argument, first, size))
            return found


def _thing_ranges(world: World, thing: Thing) -> list[tuple[Expression, int, int]]:
    return _ranges(thing.indices, world.things[thing.name].shape) if thing.name else []


def _ranges(
    indices: tuple[Expression | Whole, ...], shape: tuple[int, ...]
) -> list[tuple[Expression, int, int]]:
    pairs = zip(indices, shape, strict=True)
    return [(index, 0, size) for index, size in pairs if not isinstance(index, Whole)]


def collect(expression: Expression, env: Env) -> None:
    """Give every reference in an expression a slot; equal variables share one."""
    match expression:
        case VariableRef() | AttributeRef() | Activation():
            key = (id(expression), env.path)
            if key not in env.slots.of and key not in env.slots.choices:
                _collect_reference(expression, env)
        case Aggregate() | Distribution():
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                item, item_env = expression.items[position], inside(env, frame, number)
                collect(item.value, item_env)
                if item.key is not None:
                    collect(item.key, item_env)
            extra = expression.arguments if isinstance(expression, Distribution) else ()
            for part in extra:
                collect(part, env)
            if isinstance(expression, Aggregate) and expression.parameter is not None:
                collect(expression.parameter, env)
        case Apply(is_shared=True):
            env.once("slots", expression, lambda: _collect_parts(expression, env))
        case _:
            _collect_parts(expression, env)


def _collect_parts(expression: Expression, env: Env) -> None:
    for part in parts(expression):
        collect(part, env)


def _collect_reference(reference: Reference, env: Env) -> None:
    env.world.check_time()
    slots, key = env.slots, (id(reference), env.path)
    if random_indices(reference):
        slots.choices[key] = _choices(reference, env)
        for choice in slots.choices[key]:
            collect(choice.reference, env)
        return
    slot, stray = _locate_where_possible(reference, env)
    if stray is not None:
        slots.strays[key] = stray
    if slot is None:
        slots.of[key] = None
        return
    before = len(slots.items)
    slots.of[key] = number = add_slot(slots, slot)
    if stray is None:
        slots.unreal.pop(number, None)
    elif len(slots.items) > before:
        slots.unreal[number] = stray.rows
    elif number in slots.unreal:
        slots.unreal[number] = slots.unreal[number] & stray.rows


def _choices(reference: Reference, env: Env) -> list[Choice]:
    """List what a reference with random indices may stand for."""
    randoms = random_indices(reference)
    possible: list[list[int]] = []
    for index, first, size in index_ranges(env.world, reference):
        if not is_random(index):
            continue
        collect(index, env)
        values = np.unique(integers(index, env.gathering()))
        possible.append([int(v) for v in values if first <= v < first + size])
    if np.prod([float(len(values)) for values in possible]) > _CHOICES_MAX:
        text = reference.span.text
        raise GmError([errors.random_index(reference.span, text, _CHOICES_MAX)])
    found: list[Choice] = []
    for picked in product(*possible):
        constants = {
            id(part): Constant(part.span, value, Integer())
            for part, value in zip(randoms, picked, strict=True)
        }
        fixed = with_parts(reference, [constants.get(id(p), p) for p in parts(reference)])
        assert isinstance(fixed, Reference)
        found.append(Choice(fixed, picked))
    return found
