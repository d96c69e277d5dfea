"""Arithmetic read from left to right: what each variable does to the number found so far.

Sums of real numbers are added up in float64 in the order they are written, here as in a table, so
that a comparison means the same however many terms there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Expression
from gmlang.core.walk import is_random
from gmlang.graph.lowering.forms.columns import values_of
from gmlang.graph.lowering.sums.linear import PartRows
from gmlang.graph.values.arithmetic import quotient
from gmlang.graph.values.environment import Env, Slot, Slots
from gmlang.graph.values.evaluate import RaggedItems, evaluate, expand
from gmlang.graph.world.places import collect

NUM_VALUES_MAX = 1 << 12
"""A part over several variables may take this many values, and is one variable then."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A part over several variables, which gets a variable of its own: one state for each value."""

    value: Expression
    env: Env
    distinct: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Move:
    """One step: the number so far, and a number that depends on one variable or on none.

    Attributes:
        operator: "start", "+", "-", "from" (the other less the number so far), "*" or "/".
        source: the variable, None for a number that is known.
        values: one row for each instance or for all, one column for each state.
    """

    operator: str
    source: Slot | PartRows | Pending | None
    values: np.ndarray


APPLY: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "start": lambda _, value: value,
    "+": np.add,
    "-": np.subtract,
    "from": lambda so_far, value: value - so_far,
    "*": np.multiply,
    "/": quotient,
}


def moves_of(expression: Expression, env: Env) -> list[Move] | None:
    """Read an expression as moves; None when it is none of sums, differences and multiples."""
    inner = _slots_of(expression, env)
    if len(inner.slots.items) <= 1:
        return [_single("start", expression, inner)]
    if isinstance(expression, Aggregate) and expression.operator in ("sum", "count"):
        return _of_sum(expression, env)
    if not isinstance(expression, Apply):
        return None
    if expression.operator == "neg":
        found = moves_of(expression.arguments[0], env)
        return None if found is None else [*found, Move("from", None, np.zeros((1, 1)))]
    if expression.operator in ("+", "-"):
        return _of_two(expression, env)
    if expression.operator in ("*", "/"):
        left, right = expression.arguments
        if expression.operator == "*" and not is_random(left):
            left, right = right, left
        if is_random(right):
            return None
        found = moves_of(left, env)
        factor = _single(expression.operator, right, _slots_of(right, env))
        return None if found is None else [*found, factor]
    return None


def one_move(operator: str, expression: Expression, env: Env) -> Move | None:
    """Read an expression as one number that depends on one variable, an auxiliary one if needed."""
    inner = _slots_of(expression, env)
    if len(inner.slots.items) <= 1:
        return _single(operator, expression, inner)
    distinct = values_of(expression, env)
    if distinct is None or len(distinct) > NUM_VALUES_MAX:
        return None
    return Move(operator, Pending(expression, env, distinct), distinct[None, :])


def _of_two(expression: Apply, env: Env) -> list[Move] | None:
    left, right = expression.arguments
    is_sum = expression.operator == "+"
    choices = [(left, right, expression.operator), (right, left, "+" if is_sum else "from")]
    # The side with more variables is read first; the other one becomes a single number.
    choices.sort(key=lambda choice: -len(_slots_of(choice[0], env).slots.items))
    for main, other, operator in choices:
        last = one_move(operator, other, env)
        found = None if last is None else moves_of(main, env)
        if last is not None and found is not None:
            return [*found, last]
    return None


def _of_sum(expression: Aggregate, env: Env) -> list[Move] | None:
    count = env.frame.count
    found: list[Move] = [Move("start", None, np.zeros((1, 1)))]
    for item in expression.items:
        frame, parents = expand(env, item.context) if item.context else (env.frame, None)
        each = frame.count // count
        if parents is not None and (np.bincount(parents, minlength=count) != each).any():
            raise RaggedItems
        if not each:
            continue
        move = one_move("+", item.value, replace(env, frame=frame, slots=Slots(), path=()))
        if move is None:
            return None
        found.extend(_rows_of(move, slice(k, None, each)) for k in range(each))
    return found


def _rows_of(move: Move, rows: slice) -> Move:
    values = move.values if len(move.values) == 1 else move.values[rows]
    source = move.source
    if isinstance(source, Slot):
        source = Slot(source.variables[rows], source.states)
    elif isinstance(source, Pending):
        frame = source.env.frame
        locals_ = {key: column[rows] for key, column in frame.locals.items()}
        count = len(range(frame.count)[rows])
        inner = replace(frame, count=count, locals=locals_)
        source = replace(source, env=replace(source.env, frame=inner))
    return Move(move.operator, source, values)


def _slots_of(expression: Expression, env: Env) -> Env:
    inner = replace(env, slots=Slots(), path=())
    collect(expression, inner)
    return inner


def _single(operator: str, expression: Expression, env: Env) -> Move:
    """Read an expression over the one slot of an environment, or over none."""
    slot = env.slots.items[0] if env.slots.items else None
    values = np.asarray(evaluate(expression, env))
    size = 1 if slot is None else slot.states.count
    values = values.reshape(*([1] * (2 - values.ndim)), *values.shape)
    values = values.reshape(-1, values.shape[-1]) if slot else values.reshape(-1, 1)
    if slot is not None:
        values = np.broadcast_to(values, (len(values), size))
        variables = np.broadcast_to(slot.variables, (env.frame.count,))
        slot = Slot(variables, slot.states)
    return Move(operator, slot, values.astype(np.float64))
