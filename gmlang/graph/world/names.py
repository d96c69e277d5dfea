"""From indices back to names: which variables of the graph the author knows, and as what."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.records.covering import shown_model
from gmlang.core.records.processes import STEP, is_of_process, process_of
from gmlang.core.records.reals import is_real_thing
from gmlang.graph.world.states import BOOL, States
from gmlang.graph.world.world import ModelTable, World


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """Variables under one name, such as `x`, `it.color` or `digit(img, 3)`."""

    name: str
    variables: np.ndarray
    states: States


def named_in(world: World) -> list[Named]:
    """List everything that has a name in a world, which may still grow."""
    found: list[Named] = []
    for array in world.variables.values():
        size = int(np.prod(array.shape, dtype=np.int64))
        variables = (array.start + np.arange(size)).reshape(array.shape)
        found.append(Named(array.name, variables, array.states))
    for thing in world.things.values():
        count = int(np.prod(thing.shape, dtype=np.int64))
        for attribute in world.attributes[thing.entity].values():
            if is_of_process(attribute.name) and not process_of(attribute.name):
                continue
            size = int(np.prod(attribute.shape, dtype=np.int64))
            starts = attribute.starts[thing.first : thing.first + count]
            places = starts[:, None] + np.arange(size)
            variables = places.reshape((*thing.shape, *attribute.shape))
            shown = f"{thing.name}.{attribute.name}"
            if model := process_of(attribute.name):
                shown = f"{STEP}({model}({thing.name}))"
            found.append(Named(shown, variables, attribute.states))
        for (entity, name), hidden in world.hidden_reals.items():
            if entity != thing.entity:
                continue
            array = world.reals[entity][name]
            size = int(np.prod(array.shape, dtype=np.int64))
            starts = array.starts[thing.first : thing.first + count]
            variables = hidden.variables[starts[:, None] + np.arange(size)]
            shaped = variables.reshape((*thing.shape, *array.shape))
            shown = name if is_real_thing(thing.name) else f"{thing.name}.{name}"
            found += _of_hidden(shown, shaped, hidden.states)
    for table in world.models.values():
        for row in range(len(table.keys)):
            variable = np.asarray(table.start + row)
            found.append(Named(instance_name(world, table, row), variable, BOOL))
    return found


def _of_hidden(name: str, variables: np.ndarray, states: States) -> list[Named]:
    """Name reals that are variables: an array of them as a whole, else each on its own."""
    if (variables >= 0).all():
        return [Named(name, variables, states)]
    return [
        Named(f"{name}[{', '.join(map(str, place))}]", np.asarray(variables[tuple(place)]), states)
        for place in np.argwhere(variables >= 0).tolist()
    ]


def instance_name(world: World, table: ModelTable, row: int) -> str:
    """Name a model's instance as the author would: `digit(img, 3)`, `three(img)` if so named."""
    name, parameters = table.symbol.name, table.symbol.parameters
    named = world.members.get(name, {})
    for num_values in range(1, len(parameters) + 1) if named else ():
        own = named.get(tuple(table.rows[row, -num_values:].tolist()))
        if own is not None:
            name, parameters = own, parameters[:-num_values]
            break
    parts: list[str] = []
    for position, parameter in enumerate(parameters):
        value = int(table.rows[row, position])
        if parameter.domain is None:
            parts.append(_thing_name(world, parameter.entity, value))
        else:
            labels = getattr(parameter.domain, "values", ())
            parts.append(labels[value] if labels else str(value))
    return f"{shown_model(name)}({', '.join(parts)})"


def _thing_name(world: World, entity: str, number: int) -> str:
    """Name a thing: `it`, `pixel[3, 7]`."""
    for thing in world.things.values():
        size = int(np.prod(thing.shape, dtype=np.int64))
        if thing.entity == entity and thing.first <= number < thing.first + size:
            if not thing.shape:
                return thing.name
            place = np.unravel_index(number - thing.first, thing.shape)
            return f"{thing.name}[{', '.join(str(int(k)) for k in place)}]"
    raise AssertionError(number)


def variable_name(world: World, variable: int) -> str:
    """Name one variable; an auxiliary one by a number."""
    for named in named_in(world):
        flat = named.variables.reshape(-1)
        places = np.flatnonzero(flat == variable)
        if places.size:
            if not named.variables.shape:
                return named.name
            place = np.unravel_index(places[0], named.variables.shape)
            return f"{named.name}[{', '.join(str(int(k)) for k in place)}]"
    return f"#{variable}"
