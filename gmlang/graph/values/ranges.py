"""Which integers an expression can be, without writing out all its states where they are many."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Bool,
    Constant,
    Expression,
    Integer,
    VariableRef,
)
from gmlang.core.walk import is_random, type_of
from gmlang.diagnostics import GmError
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate, expand, random_indices
from gmlang.graph.world.places import collect, locate
from gmlang.graph.world.states import BOOL, States

WRITTEN_OUT_MAX = 1 << 20
"""Up to how many entries an expression is evaluated in all its states to see which it takes."""

AXES_MAX = 32
"""A table has at most so many variables: NumPy's arrays have few axes, and some are taken."""

Interval = tuple[np.ndarray, np.ndarray]

EXACT_MAX = 2.0**53
"""Bounds are worked out in float64, where integers up to here are exact."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The integers first, first + step, ..., count of them.

    Attributes:
        num_entries: of a table that says which of them an expression is, in all its instances.
    """

    first: int
    step: int
    count: int
    is_bool: bool = False
    num_entries: float = 0.0

    def states(self) -> States:
        """Return the states of a variable that numbers these values."""
        if self.is_bool:
            return BOOL
        return States(0, self.count)

    def numbered(self, value: Expression) -> Expression:
        """Write the number of an expression's value among these."""
        if self.is_bool:
            return value
        span = value.span
        if self.first != 0:
            value = Apply(span, "-", (value, Constant(span, self.first, Integer())), Integer())
        if self.step != 1:
            value = Apply(span, "//", (value, Constant(span, self.step, Integer())), Integer())
        return value


def joined(steps: Sequence[Steps]) -> Steps:
    """Return the closest steps that have all the integers of others.

    >>> joined([Steps(0, 4, 3), Steps(2, 4, 1)])
    Steps(first=0, step=2, count=5, is_bool=False, num_entries=0.0)
    """
    if len(steps) == 1:
        return steps[0]
    first = min((one.first for one in steps), default=0)
    last = max((one.first + one.step * (one.count - 1) for one in steps), default=0)
    apart = [one.first - first for one in steps] + [one.step for one in steps if one.count > 1]
    step = max(1, math.gcd(*apart))
    num_entries = sum(one.num_entries for one in steps)
    return Steps(first, step, (last - first) // step + 1, num_entries=num_entries)


def num_entries(slots: Slots) -> float:
    """Count the entries of a table over some slots; infinite when it has too many axes."""
    if len(slots.items) > AXES_MAX:
        return math.inf
    return math.prod(float(slot.states.count) for slot in slots.items)


def integer_steps(
    expression: Expression, env: Env, *, num_entries_max: int = WRITTEN_OUT_MAX
) -> Steps | None:
    """Find integers among which an expression's values are; None when they are not known to be.

    Up to `num_entries_max` entries all values are looked at, beyond that bounds are found.

    What cannot be evaluated in some state is left to whoever adds its factors.
    """
    if isinstance(type_of(expression), Bool):
        return Steps(0, 1, 2, is_bool=True)
    try:
        found = _written_out(expression, env, num_entries_max)
        return _bounded(expression, env) if found is None else found
    except (GmError, OverflowError):
        return None


def _written_out(expression: Expression, env: Env, num_entries_max: int) -> Steps | None:
    inner = replace(env, slots=Slots(), path=()).gathering()
    collect(expression, inner)
    entries = num_entries(inner.slots) * env.frame.count
    if entries > num_entries_max:
        return None
    values = inner.defined(np.asarray(evaluate(expression, inner)))
    if values.dtype != np.int64 and not _are_integers(values):
        return None
    distinct = np.unique(values).astype(np.int64)
    if not distinct.size:
        return Steps(0, 1, 1)
    step = int(np.gcd.reduce(np.diff(distinct))) if distinct.size > 1 else 1
    count = int(distinct[-1] - distinct[0]) // step + 1
    return Steps(int(distinct[0]), step, count, num_entries=entries * count)


def _are_integers(values: np.ndarray) -> bool:
    """Say whether numbers are integers that float64 tells apart."""
    return bool(((values == np.round(values)) & (np.abs(values) <= EXACT_MAX)).all())


def _bounded(expression: Expression, env: Env) -> Steps | None:
    found = _interval(expression, env)
    if found is None:
        return None
    low, high = int(found[0].min()), int(found[1].max())
    return Steps(low, 1, high - low + 1)


def _interval(expression: Expression, env: Env) -> Interval | None:
    """Bound an expression of integers in each instance, by interval arithmetic."""
    found = _plain_interval(expression, env)
    if found is None or not all((np.abs(bound) <= EXACT_MAX).all() for bound in found):
        return None
    return found


def _plain_interval(expression: Expression, env: Env) -> Interval | None:
    if not is_random(expression):
        value = np.asarray(evaluate(expression, env))
        if value.dtype == np.float64 and not (value == np.round(value)).all():
            return None
        value = np.broadcast_to(value.astype(np.float64).reshape(-1), (env.frame.count,))
        return value, value
    if isinstance(type_of(expression), Bool):
        zero: np.ndarray = np.zeros(env.frame.count)
        return zero, zero + 1
    match expression:
        case VariableRef() | AttributeRef() | Activation() if not random_indices(expression):
            states = locate(expression, env).states
            first: np.ndarray = np.full(env.frame.count, float(states.first))
            return first, first + (states.count - 1)
        case Apply():
            return env.once("interval", expression, lambda: _of_apply(expression, env))
        case Aggregate() if expression.operator in ("sum", "count", "min", "max"):
            return _of_aggregate(expression, env)
        case _:
            return None


def _of_apply(expression: Apply, env: Env) -> Interval | None:
    arguments = expression.arguments[1:] if expression.operator == "if" else expression.arguments
    found = [_interval(argument, env) for argument in arguments]
    bounds = [bound for bound in found if bound is not None]
    if len(bounds) < len(found):
        return None
    lows, highs = (np.stack([bound[k] for bound in bounds]) for k in range(2))
    match expression.operator:
        case "+":
            return lows.sum(axis=0), highs.sum(axis=0)
        case "-":
            return lows[0] - highs[1], highs[0] - lows[1]
        case "neg":
            return -highs[0], -lows[0]
        case "*":
            ends = np.stack([a * b for a in (lows[0], highs[0]) for b in (lows[1], highs[1])])
            return ends.min(axis=0), ends.max(axis=0)
        case "%" if (lows[1] == highs[1]).all() and (lows[1] > 0).all():
            return np.zeros_like(lows[1]), lows[1] - 1
        case "//" if (lows[1] == highs[1]).all() and (lows[1] > 0).all():
            return lows[0] // lows[1], highs[0] // lows[1]
        case "abs":
            least = np.where(
                (lows[0] <= 0) & (highs[0] >= 0), 0, np.minimum(abs(lows), abs(highs))[0]
            )
            return least, np.maximum(abs(lows), abs(highs))[0]
        case "sign":
            return np.sign(lows[0]), np.sign(highs[0])
        case "min":
            return lows.min(axis=0), highs.min(axis=0)
        case "max":
            return lows.max(axis=0), highs.max(axis=0)
        case "if":
            return lows.min(axis=0), highs.max(axis=0)
        case _:
            return None


def _of_aggregate(expression: Aggregate, env: Env) -> Interval | None:
    count = env.frame.count
    lows: list[np.ndarray] = []
    highs: list[np.ndarray] = []
    reduce_ = {"min": np.minimum, "max": np.maximum}.get(expression.operator, np.add)
    for item in expression.items:
        frame, parents = expand(env, item.context)
        found = _interval(item.value, replace(env, frame=frame, slots=Slots(), path=()))
        if found is None:
            return None
        starts = np.searchsorted(parents, np.arange(count))
        if (np.bincount(parents, minlength=count) == 0).any():
            if reduce_ is not np.add:
                return None
            if not frame.count:
                continue
            lows.append(np.bincount(parents, found[0], count))
            highs.append(np.bincount(parents, found[1], count))
            continue
        lows.append(reduce_.reduceat(found[0], starts))
        highs.append(reduce_.reduceat(found[1], starts))
    if not lows:
        zero: np.ndarray = np.zeros(count)
        return (zero, zero) if reduce_ is np.add else None
    return reduce_.reduce(lows), reduce_.reduce(highs)
