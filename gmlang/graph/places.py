"""Where the variables that a reference names are: indices into the factor graph."""

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    AttributeRef,
    Distribution,
    Expression,
    Thing,
    VariableRef,
    Whole,
)
from gmlang.core.walk import is_random, parts
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.evaluate import Env, Slot, Slots, check_index, inside, integers, item_frames
from gmlang.graph.states import BOOL, States
from gmlang.graph.world import ModelTable, where_text

Reference = VariableRef | AttributeRef | Activation


def locate(reference: Reference, env: Env) -> Slot:
    """Find the variable that a reference without whole axes names in each instance."""
    variables, states = locate_array(reference, env)
    return Slot(variables, states)


def locate_array(reference: Reference, env: Env) -> tuple[np.ndarray, States]:
    """Find the variables a reference names: shape (instances, whole axes...), and their states."""
    still = Env(env.world, env.frame, Slots(), (), env.names)
    match reference:
        case VariableRef():
            if reference.name in env.world.hidden:
                hidden = env.world.hidden[reference.name]
                assert not isinstance(reference.indices[0], Whole)
                return hidden.variables[integers(reference.indices[0], still)], hidden.states
            array = env.world.variables[reference.name]
            offsets = _offsets(reference.name, reference.indices, array.shape, still)
            return (array.start + offsets if array.start else offsets), array.states
        case AttributeRef():
            attribute = env.world.attributes[reference.thing.entity][reference.attribute]
            offsets = _offsets(reference.attribute, reference.indices, attribute.shape, still)
            starts = attribute.starts[thing_numbers(reference.thing, still)]
            return starts.reshape(-1, *([1] * (offsets.ndim - 1))) + offsets, attribute.states
        case Activation():
            table = env.world.models[reference.model]
            keys = instance_keys(table, argument_rows(reference, table, still))
            places = np.searchsorted(table.keys, keys)
            assert places.size == 0 or (table.keys[places] == keys).all(), "unknown instance"
            return table.start + places, BOOL


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
            raise GmError([errors.random_index(index.span, index.span.text)])
        values = np.asarray(integers(index, env)).reshape(-1)
        check_index(index.span, what, values, shape[axis], env)
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
    """Return each instance's thing, as its number within its entity."""
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
            raise GmError([errors.random_index(argument.span, argument.span.text)])
        values = np.broadcast_to(np.asarray(integers(argument, env)).reshape(-1), env.frame.count)
        low, size = table.firsts[position], table.sizes[position]
        bad = np.flatnonzero((values < low) | (values >= low + size))
        if bad.size:
            name = table.symbol.parameters[position].name
            raise GmError(
                [
                    errors.argument_outside(
                        argument.span,
                        f"{activation.model}({name})",
                        int(values[bad[0]]),
                        f"{low}..{low + size - 1}",
                        where_text(env.frame, int(bad[0]), env.names),
                    )
                ]
            )
        columns.append(values)
    if not columns:
        return np.zeros((env.frame.count, 0), np.int64)
    return np.stack(columns, axis=1)


def instance_keys(table: ModelTable, rows: np.ndarray) -> np.ndarray:
    """Encode rows of parameters as single numbers."""
    keys = np.zeros(len(rows), np.int64)
    for position, size in enumerate(table.sizes):
        keys = keys * size + (rows[:, position] - table.firsts[position])
    return keys


def collect(expression: Expression, env: Env) -> None:
    """Give every reference in an expression a slot; equal variables share one."""
    match expression:
        case VariableRef() | AttributeRef() | Activation():
            key = (id(expression), env.path)
            if key not in env.slots.of:
                env.slots.of[key] = add_slot(env.slots, locate(expression, env))
        case Aggregate() | Distribution():
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                item, item_env = expression.items[position], inside(env, frame, number)
                collect(item.value, item_env)
                if item.key is not None and _is_cause(expression):
                    collect(item.key, item_env)
            extra = expression.arguments if isinstance(expression, Distribution) else ()
            for part in extra:
                collect(part, env)
            if isinstance(expression, Aggregate) and expression.parameter is not None:
                collect(expression.parameter, env)
        case _:
            for part in parts(expression):
                collect(part, env)


def _is_cause(expression: Aggregate | Distribution) -> bool:
    return isinstance(expression, Distribution) and expression.family == "NoisyOr"


def add_slot(slots: Slots, slot: Slot) -> int:
    """Return the number of the slot for these variables, a new one when none is the same."""
    variables = slot.variables.reshape(-1)
    ends = (int(variables[0]), int(variables[-1])) if variables.size else (-1, -1)
    alike = slots.known.setdefault((slot.variables.shape, *ends), [])
    for number in alike:
        if np.array_equal(slots.items[number].variables, slot.variables):
            return number
    alike.append(len(slots.items))
    slots.items.append(slot)
    return len(slots.items) - 1
