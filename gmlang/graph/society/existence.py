"""Which things exist: chains of activations, and the priors of what is said of them.

Of `some object[3] : Thing prior p` the first exists with probability p, and each further one with
probability p where the one before does, and never where it does not. A model about things that do
not exist is not active.
"""

import numpy as np

from gmlang.core.ast import Apply, Constant, Dist, Distribution, Expression, Real
from gmlang.core.program import ModelSymbol, Program
from gmlang.core.records.covering import existence_of, is_existence
from gmlang.families.bernoulli import BERNOULLI
from gmlang.graph.builder import Origin, add_tables
from gmlang.graph.lowering.grounder import Grounder, environment, hidden_reference, together
from gmlang.graph.values.chances import probability
from gmlang.graph.world.states import BOOL
from gmlang.graph.world.world import ONE_INSTANCE, Frame, ModelTable, World


def existing_keys(world: World, symbol: ModelSymbol, keys: np.ndarray) -> np.ndarray:
    """Add to the instances of a model those that say which things exist, asked or not."""
    if not is_existence(symbol.name):
        return keys
    found = world.before.get(symbol.parameters[0].entity, np.zeros(0, np.int64))
    return np.union1d(keys, np.flatnonzero(found >= 0))


def add_existences(grounder: Grounder, program: Program, table: ModelTable) -> None:
    """Add how probable it is that the things of an entity exist."""
    world, symbol = grounder.world, table.symbol
    entity = symbol.parameters[0].entity
    numbers = table.rows[:, 0]
    before = world.before.get(entity, np.full(int(numbers.max(initial=-1)) + 1, -1))
    chances = np.ones(len(before))
    for thing in program.things:
        if thing.entity == entity and thing.prior is not None:
            array = world.things[thing.name]
            p = probability(thing.prior, environment(grounder, ONE_INSTANCE)).reshape(-1)[0]
            chances[array.first : array.first + array.shape[0]] = p
    priors = np.ones(len(before))
    for number in np.flatnonzero(before >= 0):
        priors[number] = chances[number]
        if before[number] != number:
            priors[number] *= priors[before[number]]
    world.priors[symbol.name] = priors[numbers]
    variables = table.start + np.arange(len(numbers))
    with np.errstate(divide="ignore"):
        alone = np.stack([np.log1p(-chances), np.log(chances)], axis=1)[numbers]
    never = np.broadcast_to(np.array([0.0, -np.inf]), alone.shape)
    origin = Origin("prior", symbol.span, "exists")
    is_first = (before[numbers] < 0) | (before[numbers] == numbers)
    builder = grounder.builder
    add_tables(builder, alone[is_first], variables[is_first, None], origin, gated=False)
    earlier = table.start + np.searchsorted(numbers, before[numbers[~is_first]])
    tables = np.stack([never, alone], axis=1)[~is_first]
    scopes = np.stack([earlier, variables[~is_first]], axis=1)
    add_tables(builder, tables, scopes, origin, gated=False)


def existence_variables(world: World, table: ModelTable) -> np.ndarray:
    """Return, for each instance and parameter, the activation that says whether the thing exists.

    -1 where it always does, and for values.
    """
    found = np.full(table.rows.shape, -1, np.int64)
    for position, parameter in enumerate(table.symbol.parameters):
        if parameter.domain is None and not is_existence(table.symbol.name):
            found[:, position] = existence_of_things(
                world, parameter.entity, table.rows[:, position]
            )
    return found


def existence_of_things(world: World, entity: str, numbers: np.ndarray) -> np.ndarray:
    """Return the activations that say whether things exist; -1 of those that always do."""
    before = world.before.get(entity)
    if before is None:
        return np.full(numbers.shape, -1, np.int64)
    own = world.models[existence_of(entity)]
    variables = own.start + np.searchsorted(own.keys, numbers)
    return np.where(before[numbers] >= 0, variables, -1)


def existence_chances(world: World, table: ModelTable) -> np.ndarray:
    """Return, for each instance, how probable it is that all its things exist, known nothing."""
    existing = existence_variables(world, table)
    found = np.ones(len(existing))
    for array in world.things.values():
        if array.entity not in world.before:
            continue
        own = world.models[existence_of(array.entity)]
        # Of one array the last implies the others.
        last = np.ones(len(existing))
        for position, parameter in enumerate(table.symbol.parameters):
            if parameter.domain is not None or parameter.entity != array.entity:
                continue
            numbers = table.rows[:, position]
            size = int(np.prod(array.shape, dtype=np.int64))
            is_own = (existing[:, position] >= 0) & (numbers >= array.first)
            is_own &= numbers < array.first + size
            places = np.where(is_own, existing[:, position] - own.start, 0)
            chances = world.priors[own.symbol.name][places]
            last = np.where(is_own, np.minimum(last, chances), last)
        found = found * last
    return found


def groups_of(existing: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Group instances by which of their things may not exist.

    Returns:
        Rows, and for each the distinct activations that say so: (rows, activations).
    """
    found: list[tuple[np.ndarray, np.ndarray]] = []
    kept = [np.unique(row[row >= 0]) for row in existing]
    sizes = np.array([len(row) for row in kept], np.int64)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        chosen = np.array([kept[row] for row in rows], np.int64).reshape(len(rows), int(size))
        found.append((rows, chosen))
    return found


def while_all_exist(tables: np.ndarray, otherwise: np.ndarray, num_things: int) -> np.ndarray:
    """Return tables that hold where some things exist, with their activations' axes first.

    Args:
        tables: (tables, states).
        otherwise: what holds of the states where one of the things does not exist.
        num_things: how many there are.
    """
    shape = (len(tables), *(2,) * num_things, tables.shape[1])
    found = np.broadcast_to(otherwise, shape).copy()
    found[(slice(None), *(1,) * num_things)] = tables
    return found


def drawn_while_they_exist(
    grounder: Grounder, frame: Frame, activations: np.ndarray, drawn: Distribution
) -> tuple[Frame, Expression]:
    """Return a prior that holds where some things exist, as an expression."""
    span = drawn.span
    conditions: list[Expression] = []
    for column in activations.T:
        frame, exists = hidden_reference(grounder, frame, column, BOOL, span)
        conditions.append(exists)
    if not conditions:
        return frame, drawn
    both = together(tuple(conditions), span)
    never = Distribution(span, BERNOULLI.name, (Constant(span, 0.0, Real()),), (), Dist())
    return frame, Apply(span, "if", (both, drawn, never), Dist())
