"""The member of a family that holds of a thing, as a variable: `template(it)`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Activation, Aggregate, Bool, Constant, Enum, Gate
from gmlang.core.program import Require, Statement
from gmlang.diagnostics import Span
from gmlang.graph.builder import Origin
from gmlang.graph.lowering.grounder import Grounder, check_memory, environment
from gmlang.graph.values.environment import NoValue
from gmlang.graph.values.evaluate import RaggedItems, expand, item_frames
from gmlang.graph.world.places import locate
from gmlang.graph.world.states import BOOL, States, enum_states
from gmlang.graph.world.world import (
    ONE_INSTANCE,
    Frame,
    HolderArray,
    ModelTable,
    World,
    select_rows,
)
from gmruntime.factors.kinds import Count, Table
from gmruntime.graph import FactorBlock


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """The instances of a family, gathered by all that they are about but the open value.

    Attributes:
        table: of the instances.
        shape: how many groups there are, by thing and by each fixed argument.
        fixed: the positions of those.
        group: of each instance, its number in C order.
        states: of the open value.
        own: for each instance, the state that it stands for.
    """

    table: ModelTable
    shape: tuple[int, ...]
    fixed: tuple[int, ...]
    group: np.ndarray
    states: States
    own: np.ndarray


def _family(world: World, model: str) -> _Family:
    table = world.models[model]
    parameters = table.symbol.parameters
    about = next(k for k, p in enumerate(parameters) if p.domain is None)
    value = next(k for k, p in enumerate(parameters) if p.domain is not None)
    fixed = tuple(k for k in range(len(parameters)) if k not in (about, value))
    things = world.num_things.get(parameters[about].entity, 0)
    shape = (things, *(table.sizes[k] for k in fixed))
    group = np.zeros(len(table.keys), np.int64)
    for k, size in zip((about, *fixed), shape, strict=True):
        group = group * size + table.rows[:, k] - table.firsts[k]
    own = table.rows[:, value] - table.firsts[value]
    return _Family(table, shape, fixed, group, _states(table, value), own)


def _states(table: ModelTable, value: int) -> States:
    match table.symbol.parameters[value].domain:
        case Bool():
            return BOOL
        case Enum() as domain:
            return enum_states(domain)
        case _:
            return States(table.firsts[value], table.sizes[value])


# --- Adding them -------------------------------------------------------------------------


def add_holders(
    grounder: Grounder, statements: Sequence[Statement], families: Iterable[tuple[str, Span]]
) -> None:
    """Give families a variable that says which member holds, for each thing of which one must.

    Such a thing has its members under a constraint `exactly_one` of their own, which always holds.
    For other things nothing is added; who mentions theirs is told why.

    Args:
        grounder: of a program whose instances exist; it grows.
        statements: of the program, those outside models.
        families: by name, with a place that mentions each.
    """
    for model, span in families:
        if model not in grounder.world.holders:
            _add_family(grounder, statements, model, span)


def _add_family(
    grounder: Grounder, statements: Sequence[Statement], model: str, span: Span
) -> None:
    world, family = grounder.world, _family(grounder.world, model)
    table = family.table
    num_members = np.bincount(family.group, minlength=int(np.prod(family.shape, dtype=np.int64)))
    said = np.zeros(len(num_members), np.int64)
    for row in _exactly_one(grounder, statements, table):
        if len(np.unique(row)) < len(row):
            # What is counted twice is never the one: of the members it says more, and less.
            continue
        inside = row[(row >= table.start) & (row < table.start + len(table.keys))]
        groups = np.unique(family.group[inside - table.start])
        if len(groups) != 1:
            continue
        # Where others may be the one, no member need be.
        alone = len(inside) == len(row)
        said[groups] = np.maximum(said[groups], len(inside)) if alone else said[groups] or -1
    held = np.flatnonzero((said == num_members) & (num_members > 0))
    variables = np.full(len(num_members), -1, np.int64)
    if len(held):
        start = grounder.builder.add_variables(f"{model}()", (len(held),), family.states)
        variables[held] = start + np.arange(len(held))
        _link(grounder, family, variables[family.group], span)
    world.holders[model] = HolderArray(
        variables.reshape(family.shape),
        family.states,
        family.fixed,
        num_members.reshape(family.shape),
        said.reshape(family.shape),
    )


def _link(grounder: Grounder, family: _Family, holders: np.ndarray, span: Span) -> None:
    """Say that a member is active exactly where the variable is in its state.

    Args:
        grounder: grows.
        family: with the members.
        holders: the variable of each instance's thing; -1 where it has none.
        span: of the mention.
    """
    kept = np.flatnonzero(holders >= 0)
    check_memory(grounder.world, span, len(kept), 2 * family.states.count)
    tables = np.zeros((len(kept), family.states.count, 2))
    tables[:, :, 1] = -np.inf
    each, own = np.arange(len(kept)), family.own[kept]
    tables[each, own, 0], tables[each, own, 1] = -np.inf, 0.0
    scopes = np.stack([holders[kept], family.table.start + kept], axis=1)
    grounder.builder.add_factors(Table(tables), scopes, Origin("auxiliary", span))


# --- What is said ------------------------------------------------------------------------


def _exactly_one(
    grounder: Grounder, statements: Sequence[Statement], table: ModelTable
) -> Iterator[np.ndarray]:
    """Yield the variables of which a constraint that always holds says that exactly one is true."""
    for statement in statements:
        if not isinstance(statement, Require) or any(
            isinstance(clause, Gate) for clause in statement.context
        ):
            continue
        condition = statement.condition
        if not isinstance(condition, Aggregate) or not _is_exactly_one(condition):
            continue
        if any(_is_of(item.value, table) for item in condition.items):
            frame, _ = expand(environment(grounder, ONE_INSTANCE), statement.context)
            yield from _rows(grounder, frame, condition)


def _is_exactly_one(condition: Aggregate) -> bool:
    match condition.parameter:
        case None:
            return condition.operator == "exactly_one"
        case Constant(value=value):
            return condition.operator in ("exactly", "exactly_one") and value == 1
        case _:
            return False


def _is_of(value: object, table: ModelTable) -> bool:
    return isinstance(value, Activation) and value.model == table.symbol.name


def _rows(grounder: Grounder, frame: Frame, condition: Aggregate) -> Iterator[np.ndarray]:
    """Yield the variables of the items in each instance; none where some are no activations."""
    columns: list[np.ndarray] = []
    try:
        for position, inner in item_frames(environment(grounder, frame), condition):
            value = condition.items[position].value
            if not isinstance(value, Activation):
                return
            columns.append(locate(value, environment(grounder, inner)).variables)
    except RaggedItems:
        for row in range(frame.count):
            yield from _rows(grounder, select_rows(frame, np.array([row])), condition)
        return
    except NoValue:
        # The statement itself is refused for that.
        return
    if columns:
        yield from np.stack(np.broadcast_arrays(*columns), axis=1)


# --- What is implied ---------------------------------------------------------------------


def leave_out_implied(grounder: Grounder) -> None:
    """Put what is left to say of holders in place of the constraints that they imply.

    That exactly one member is active follows from its links to its holder, where that is in the
    state of a member. Without the constraint, members that are otherwise apart hang on their holder
    like leaves, which exact elimination needs where there are hundreds.
    """
    builder = grounder.builder
    if not grounder.world.holders:
        return
    relaxed = {number for numbers, _ in builder.relaxed for number in numbers}
    families = [
        (_family(grounder.world, model), found) for model, found in grounder.world.holders.items()
    ]
    for number, block in enumerate(builder.factors):
        if number in relaxed:
            continue
        for family, found in families:
            holders = np.where(_says_one(block), _holders_of(family, found, block.scopes), -1)
            rest = holders < 0
            if rest.all():
                continue
            left = _own_states(family, found, block, holders[~rest])
            # Blocks are known by their numbers.
            builder.factors[number] = block.some(rest) if rest.any() else left
            if rest.any():
                builder.add_factors(left.kind, left.scopes, builder.origins[number])
            break


def _says_one(block: FactorBlock) -> np.ndarray:
    """Say of each factor of a block whether it is 0 where exactly one is true, else -inf."""
    match block.kind:
        case Count(log_potentials=logs, negated=negated):
            wanted = np.where(np.arange(logs.shape[1]) == 1, 0.0, -np.inf)
            found = (logs == wanted).all(axis=1) & ~negated.any(axis=1)
        case Table(log_potentials=logs) if set(logs.shape[1:]) == {2}:
            count = np.indices(logs.shape[1:]).sum(axis=0)
            wanted = np.where(count == 1, 0.0, -np.inf)
            found = (logs == wanted).reshape(len(logs), -1).all(axis=1)
        case _:
            found = np.zeros(1, np.bool_)
    return np.broadcast_to(found, (len(block.scopes),))


def _holders_of(family: _Family, found: HolderArray, scopes: np.ndarray) -> np.ndarray:
    """Return the holder whose members a scope is, of each scope; -1 where it is anything else."""
    if not (found.variables >= 0).any() or not scopes.shape[1]:
        return np.full(len(scopes), -1, np.int64)
    places = np.sort(scopes.astype(np.int64), axis=1) - family.table.start
    inside = np.asarray(((places >= 0) & (places < len(family.group))).all(axis=1))
    groups = family.group[np.where(inside[:, None], places, 0)]
    same = inside & np.asarray((groups == groups[:, :1]).all(axis=1))
    first = np.where(same, groups[:, 0], 0)
    whole: np.ndarray = found.num_members.reshape(-1)[first] == scopes.shape[1]
    return np.where(same & whole, found.variables.reshape(-1)[first], -1)


def _own_states(
    family: _Family, found: HolderArray, block: FactorBlock, holders: np.ndarray
) -> FactorBlock:
    """Say of some holders that they are in the state of a member."""
    members = found.variables.reshape(-1)[family.group]
    tables = np.full((len(holders), family.states.count), -np.inf)
    for row, holder in enumerate(holders.tolist()):
        tables[row, family.own[members == holder]] = 0.0
    return FactorBlock(Table(tables), holders[:, None].astype(np.int32), block.label)
