"""The items of an aggregate as variables with the same states: a column for each item."""

from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from gmlang.core.ast import Aggregate, Bool, Expression
from gmlang.core.walk import type_of
from gmlang.graph.builder import Origin, add_tables
from gmlang.graph.lowering.grounder import Grounder, auxiliary, environment
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import RaggedItems, evaluate, expand, random_indices
from gmlang.graph.values.ranges import WRITTEN_OUT_MAX, integer_steps, num_entries
from gmlang.graph.world.places import Reference, collect, locate
from gmlang.graph.world.states import States
from gmlang.graph.world.world import Frame

NUM_VALUES_MAX = 1 << 12
"""A column may have this many states; a table over two of them and a third has 2^36 at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Variables with common states.

    Attributes:
        variables: one row for each instance, one column for each item.
        values: the number that each state stands for.
    """

    variables: np.ndarray
    states: States
    values: np.ndarray


def columns_of(grounder: Grounder, frame: Frame, aggregate: Aggregate) -> Columns | None:
    """Give the items of an aggregate common states, with auxiliary variables where they have none.

    None when an item's values are too many, or not known.
    """
    groups = item_groups(environment(grounder, frame), aggregate)
    known = [values_of(value, env) for value, env in groups]
    values = [found for found in known if found is not None]
    if len(values) < len(known) or not values:
        return None
    distinct = np.unique(np.concatenate(values))
    whole = bool((distinct == np.round(distinct)).all())
    if whole and distinct[-1] - distinct[0] < NUM_VALUES_MAX:
        distinct = np.arange(distinct[0], distinct[-1] + 1)
    if len(distinct) > NUM_VALUES_MAX:
        return None
    states = States(int(distinct[0]) if whole else 0, len(distinct))
    same = {locate(v, env).states if is_plain(v) else None for v, env in groups}
    if len(same) == 1 and None not in same:
        states = next(s for s in same if s is not None)
    columns: list[np.ndarray] = []
    for value, env in groups:
        if is_plain(value) and locate(value, env).states == states:
            variables = np.broadcast_to(locate(value, env).variables, (env.frame.count,))
        elif whole:
            _, reference = auxiliary(grounder, env.frame, value, states)
            rows = grounder.world.hidden[reference.name].variables
            variables = rows
        else:
            variables = ranked(grounder, value, env, distinct)
        columns.append(variables.reshape(frame.count, -1))
    return Columns(np.concatenate(columns, axis=1), states, distinct)


def is_plain(expression: Expression) -> TypeGuard[Reference]:
    """Say whether an expression is a variable, the same one in every state."""
    return isinstance(expression, Reference) and not random_indices(expression)


def item_groups(env: Env, aggregate: Aggregate) -> list[tuple[Expression, Env]]:
    """List the arguments of an aggregate, each with the frame that all its items are rows of."""
    groups: list[tuple[Expression, Env]] = []
    count = env.frame.count
    for item in aggregate.items:
        frame, parents = expand(env, item.context) if item.context else (env.frame, None)
        if parents is not None:
            each = frame.count // count
            if (np.bincount(parents, minlength=count) != each).any():
                raise RaggedItems
        if frame.count:
            groups.append((item.value, replace(env, frame=frame, slots=Slots(), path=())))
    return groups


def values_of(expression: Expression, env: Env) -> np.ndarray | None:
    """List numbers among which an expression's values are, ascending; None when too many."""
    if is_plain(expression):
        return locate(expression, env).states.values()
    if isinstance(type_of(expression), Bool):
        return np.array([0.0, 1.0])
    inner = replace(env, slots=Slots(), path=())
    collect(expression, inner)
    if num_entries(inner.slots) * env.frame.count <= WRITTEN_OUT_MAX:
        return np.unique(np.asarray(evaluate(expression, inner), np.float64))
    steps = integer_steps(expression, env)
    if steps is None or steps.count > WRITTEN_OUT_MAX:
        return None
    return steps.first + steps.step * np.arange(steps.count, dtype=np.float64)


def ranked(grounder: Grounder, expression: Expression, env: Env, values: np.ndarray) -> np.ndarray:
    """Add a variable for each instance that says which of some numbers an expression is.

    Returns:
        The variables.
    """
    inner = replace(env, slots=Slots(), path=())
    collect(expression, inner)
    slots = inner.slots.items
    found = np.asarray(evaluate(expression, inner), np.float64)
    found = found.reshape(*([1] * (1 + len(slots) - found.ndim)), *found.shape)
    table = np.where(found[..., None] == values, 0.0, -np.inf)
    sizes = [slot.states.count for slot in slots]
    table = np.ascontiguousarray(np.broadcast_to(table, (table.shape[0], *sizes, len(values))))
    count = env.frame.count
    name = f"#{grounder.num_hidden + 1}"
    grounder.num_hidden += 1
    start = grounder.builder.add_variables(name, (count,), States(0, len(values)))
    own: np.ndarray = np.arange(start, start + count, dtype=np.int64)
    variables = [np.broadcast_to(slot.variables, (count,)) for slot in slots]
    origin = Origin("auxiliary", expression.span)
    add_tables(grounder.builder, table, np.stack([*variables, own], axis=1), origin, gated=False)
    return own
