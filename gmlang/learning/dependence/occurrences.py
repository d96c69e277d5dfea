"""How the values of an expression change with the params in it, in all instances and states.

An expression is derived as it is written: each place where a param stands gives the number that
it is there, and the slope of the whole by it. Kinks take the branch that is chosen. What a family
makes of its own numbers is derived by differences, which every family has.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Cases, DataRef, Distribution, Expression, Whole
from gmlang.core.check.learned.places import mentioned
from gmlang.core.walk import walk
from gmlang.families.family import Gives
from gmlang.graph.values import terms
from gmlang.graph.values.chances import probability
from gmlang.graph.values.distributions import Law, law_of, log_probabilities
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import (
    conditions,
    evaluate,
    inside,
    integers,
    item_frames,
    rows_of,
)
from gmlang.learning.numbers.coordinates import Layout
from gmruntime.budget import UNLIMITED, Budget

_LOG_10 = float(np.log(10.0))

_KINKED = frozenset(("abs", "min", "max"))
"""Operators of which an argument may count here and not there."""


class Occurrence(NamedTuple):
    """A place where a param stands.

    Attributes:
        numbers: which number of the vector it is there, in each instance and state.
        slopes: of the whole by it.
    """

    numbers: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Deriver:
    """What is derived by, and until when."""

    layout: Layout
    budget: Budget = UNLIMITED

    def concerns(self, expression: Expression) -> bool:
        """Say whether an expression mentions anything that is learned."""
        names = {array.name for array in self.layout.arrays}
        return next(mentioned(expression, names), None) is not None


def number_of(
    deriver: Deriver, reference: DataRef, env: Env, axis: int | None = None
) -> np.ndarray:
    """Return which number of the vector a param is in each instance and state.

    Args:
        deriver: with what is learned.
        reference: the param, indexed.
        env: where it stands.
        axis: the slot along whose states a whole last axis runs.
    """
    array = deriver.layout.array(reference.name)
    flat = np.zeros((), np.int64)
    for size, part in zip(array.shape, reference.indices, strict=True):
        if isinstance(part, Whole):
            assert axis is not None, "a whole axis where an element is needed"
            index = np.arange(size).reshape(env.shape(axis, size))
        else:
            index = np.clip(np.asarray(integers(part, env)), 0, max(0, size - 1))
        flat = flat * size + index
    return flat + array.start


def occurrences(deriver: Deriver, expression: Expression, env: Env) -> Iterator[Occurrence]:
    """Yield the places where params stand in the value of an expression."""
    if not deriver.concerns(expression):
        return
    match expression:
        case DataRef():
            yield Occurrence(number_of(deriver, expression, env), np.ones(()))
        case Apply():
            yield from _of_operation(deriver, expression, env)
        case Cases():
            for where, value, inner in _chosen_rows(expression, env):
                yield from scaled(occurrences(deriver, value, inner), where)
        case Aggregate():
            yield from _of_aggregate(deriver, expression, env)
        case _:
            raise AssertionError(f"{type(expression).__name__} has no derivative")


def scaled(found: Iterator[Occurrence], factor: np.ndarray) -> Iterator[Occurrence]:
    """Multiply slopes."""
    return (Occurrence(one.numbers, one.slopes * factor) for one in found)


def _values(expression: Expression, env: Env) -> np.ndarray:
    return np.asarray(evaluate(expression, env), np.float64)


def _of_operation(deriver: Deriver, expression: Apply, env: Env) -> Iterator[Occurrence]:
    if expression.operator == "if":
        condition = conditions(expression.arguments[0], env)
        for branch, wanted in zip(expression.arguments[1:], (True, False), strict=True):
            inner = env.guarded(condition, wanted)
            chosen = condition if wanted else ~condition
            yield from scaled(occurrences(deriver, branch, inner), chosen.astype(np.float64))
        return
    values = [_values(argument, env) for argument in expression.arguments]
    with np.errstate(all="ignore"):
        slopes = _slopes(expression.operator, values, _values(expression, env))
    for argument, slope in zip(expression.arguments, slopes, strict=True):
        yield from scaled(occurrences(deriver, argument, env), slope)


def _slopes(operator: str, x: list[np.ndarray], whole: np.ndarray) -> list[np.ndarray]:
    """Return the derivative of an operation by each of its arguments."""
    one = np.ones(())
    match operator:
        case "+":
            return [one] * len(x)
        case "-":
            return [one, -one]
        case "neg":
            return [-one]
        case "*":
            return [x[1], x[0]]
        case "/":
            return [1.0 / x[1], -x[0] / x[1] ** 2]
        case "**":
            by_base = np.where(x[1] == 0, 0.0, x[1] * x[0] ** (x[1] - 1.0))
            return [by_base, whole * np.log(np.where(x[0] > 0, x[0], 1.0))]
        case "exp":
            return [whole]
        case "log":
            return [1.0 / x[0]]
        case "log10":
            return [1.0 / (x[0] * _LOG_10)]
        case "sqrt":
            return [0.5 / whole]
        case "logistic":
            return [whole * (1.0 - whole)]
        case "abs":
            return [np.sign(x[0])]
        case "min" | "max":
            return _first_equal(x, whole)
        case _:
            raise AssertionError(f"{operator} has no derivative")


def _first_equal(x: Sequence[np.ndarray], whole: np.ndarray) -> list[np.ndarray]:
    """Give the whole slope to the first that the least or the largest is."""
    left = np.ones(np.shape(whole), np.bool_)
    found: list[np.ndarray] = []
    for value in x:
        here = left & (value == whole)
        found.append(here.astype(np.float64))
        left = left & ~here
    return found


def _chosen_rows(expression: Cases, env: Env) -> Iterator[tuple[np.ndarray, Expression, Env]]:
    left = np.ones(1, np.bool_)
    for holds, value, inner in rows_of(expression, env):
        yield (left & holds).astype(np.float64), value, inner
        left = left & ~holds


def _of_aggregate(deriver: Deriver, expression: Aggregate, env: Env) -> Iterator[Occurrence]:
    items = [
        (expression.items[position].value, inside(env, frame, number))
        for number, (position, frame) in enumerate(item_frames(env, expression))
    ]
    factors: Sequence[np.ndarray] = [np.ones(())] * len(items)
    if expression.operator in ("min", "max"):
        values = [_values(value, inner) for value, inner in items]
        factors = _first_equal(values, _values(expression, env))
    for (value, inner), factor in zip(items, factors, strict=True):
        yield from scaled(occurrences(deriver, value, inner), factor)


def has_kink(deriver: Deriver, term: terms.Term) -> bool:
    """Say whether what holds of a term at some numbers may not hold at others."""
    match term:
        case terms.Value(value=value):
            held = [value]
        case terms.Drawn(distribution=distribution, confidence=confidence):
            held = [one for one in (distribution, confidence) if one is not None]
        case _:
            raise AssertionError(f"{type(term).__name__} depends on nothing learned")
    return any(
        isinstance(part, Apply | Aggregate) and part.operator in _KINKED and deriver.concerns(part)
        for expression in held
        for part in walk(expression)
    )


# --- Distributions -----------------------------------------------------------------------


def of_term(deriver: Deriver, term: terms.Term, env: Env) -> Iterator[Occurrence]:
    """Yield the places where params stand in the log values of a term."""
    match term:
        case terms.Value(value=value):
            yield from occurrences(deriver, value, env)
        case terms.Drawn():
            yield from _of_drawn(deriver, term, env)
        case _:
            raise AssertionError(f"{type(term).__name__} has no derivative")


def _of_drawn(deriver: Deriver, term: terms.Drawn, env: Env) -> Iterator[Occurrence]:
    """Derive log P, or log(c P + (1 - c) base)."""
    axis = env.slots.of[(id(term.target), env.path)]
    assert axis is not None
    found = _of_distribution(deriver, term.distribution, env, axis)
    if term.confidence is None or term.log_base is None:
        yield from found
        return
    c = probability(term.confidence, env)
    states = env.slots.items[axis].states
    log_base = term.log_base.reshape(env.shape(axis, states.count))
    log_p = log_probabilities(term.distribution, env, axis)
    inner = occurrences(deriver, term.confidence, env)
    with np.errstate(all="ignore"):
        if terms.is_point(term.distribution):
            named = log_p > -np.inf
            others = np.where(named, 0.0, np.exp(log_base)).sum(axis=1 + axis, keepdims=True)
            slope = np.where(named, 1.0 / c, -1.0 / (1.0 - c))
            yield from scaled(inner, np.where(others > 0, slope, 0.0))
            return
        p, base = np.exp(log_p), np.exp(log_base)
        mixed = c * p + (1.0 - c) * base
        share = np.divide(c * p, mixed, out=np.zeros(np.shape(mixed)), where=mixed > 0)
        slope = np.divide(p - base, mixed, out=np.zeros(np.shape(mixed)), where=mixed > 0)
    yield from scaled(found, share)
    yield from scaled(inner, slope)


def _of_distribution(
    deriver: Deriver, expression: Expression, env: Env, axis: int
) -> Iterator[Occurrence]:
    """Yield the places where params stand in the logs of probabilities."""
    if not deriver.concerns(expression):
        return
    match expression:
        case Apply(operator="if"):
            condition = conditions(expression.arguments[0], env)
            for branch, wanted in zip(expression.arguments[1:], (True, False), strict=True):
                inner = env.guarded(condition, wanted)
                chosen = (condition if wanted else ~condition).astype(np.float64)
                yield from scaled(_of_distribution(deriver, branch, inner, axis), chosen)
        case Cases():
            for where, value, inner in _chosen_rows(expression, env):
                yield from scaled(_of_distribution(deriver, value, inner, axis), where)
        case Distribution():
            yield from _of_family(deriver, expression, env, axis)
        case _:
            raise AssertionError("not a distribution")


def _of_family(
    deriver: Deriver, expression: Distribution, env: Env, axis: int
) -> Iterator[Occurrence]:
    law = law_of(expression, env, axis)
    for position, argument in enumerate(expression.arguments):
        if not deriver.concerns(argument):
            continue
        deriver.budget.check()
        if isinstance(argument, DataRef) and any(isinstance(i, Whole) for i in argument.indices):
            # A row of probabilities: each state's own number, as long as they sum to one.
            with np.errstate(divide="ignore"):
                slopes = 1.0 / law.parameters[position]
            yield Occurrence(number_of(deriver, argument, env, axis), slopes)
            continue
        yield from scaled(occurrences(deriver, argument, env), _by_parameter(law, position))
    for position, (value, inner) in enumerate(law.numbers):
        if law.pairs[position][0] is not None and deriver.concerns(value):
            deriver.budget.check()
            slope = _by_pair(law, position)
            yield from scaled(_pair_occurrences(deriver, law, value, inner), slope)


def _pair_occurrences(
    deriver: Deriver, law: Law, value: Expression, env: Env
) -> Iterator[Occurrence]:
    """Derive a pair's number as the law takes it: logs of weights are taken as such."""
    if law.family.gives is not Gives.LOG_WEIGHTS:
        yield from occurrences(deriver, value, env)
        return
    with np.errstate(divide="ignore"):
        yield from scaled(occurrences(deriver, value, env), 1.0 / _values(value, env))


def _by_parameter(law: Law, position: int) -> np.ndarray:
    def at(number: np.ndarray) -> np.ndarray:
        parameters = list(law.parameters)
        parameters[position] = number
        return replace(law, parameters=tuple(parameters)).logs()

    return _difference(at, law.parameters[position])


def _by_pair(law: Law, position: int) -> np.ndarray:
    here, number = law.pairs[position]

    def at(changed: np.ndarray) -> np.ndarray:
        pairs = list(law.pairs)
        pairs[position] = here, changed
        return replace(law, pairs=tuple(pairs)).logs()

    return _difference(at, number)


def _difference(at: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Derive by central differences of two widths, extrapolated to none (Richardson).

    The error is of the fourth power of the width, 1e-12 of the size of the number.
    """
    x = np.asarray(x, np.float64)
    room = np.where((x > 0) & (x < 1), np.minimum(x, 1.0 - x), np.maximum(np.abs(x), 1e-3))
    width = 1e-3 * np.where(room > 0, room, 1.0)
    with np.errstate(all="ignore"):
        wide = (at(x + width) - at(x - width)) / (2.0 * width)
        half = 0.5 * width
        narrow = (at(x + half) - at(x - half)) / (2.0 * half)
        found = (4.0 * narrow - wide) / 3.0
    # Where a state is impossible whatever the number, both sides are -inf.
    return np.where(np.isfinite(found), found, 0.0)
