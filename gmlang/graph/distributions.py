"""The probabilities that a distribution gives to each state of a variable.

Results have the axes of `gmlang.graph.evaluate`; the slot of the variable is one of them.
"""

import numpy as np

from gmlang.core.ast import Apply, Cases, DataRef, Distribution, Expression, Whole
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.evaluate import (
    Env,
    check_coverage,
    check_index,
    evaluate,
    inside,
    integers,
    item_frames,
)
from gmlang.graph.states import States
from gmlang.graph.world import where_text

SUM_TOLERANCE = 1e-6
"""How far from 1 written probabilities may sum; they are then divided by their sum."""


def probabilities(expression: Expression, env: Env, axis: int) -> np.ndarray:
    """Evaluate a distribution for the variable in slot `axis`.

    Raises:
        GmError: when something that should be a probability is not, naming where.
    """
    match expression:
        case Distribution():
            return _family(expression, env, axis)
        case Apply() if expression.operator == "if":
            condition, then, otherwise = expression.arguments
            return np.where(
                evaluate(condition, env),
                probabilities(then, env, axis),
                probabilities(otherwise, env, axis),
            )
        case Cases():
            conditions = [np.asarray(evaluate(c, env), np.bool_) for c in expression.conditions]
            check_coverage(expression, conditions, env)
            values = [probabilities(value, env, axis) for value in expression.values]
            result = values[-1]
            for condition, value in zip(conditions[-2::-1], values[-2::-1], strict=True):
                result = np.where(condition, value, result)
            return result
        case _:
            raise AssertionError("not a distribution")


def _family(expression: Distribution, env: Env, axis: int) -> np.ndarray:
    states = env.slots.items[axis].states
    values = states.values().reshape(env.shape(axis, states.count))
    match expression.family:
        case "Bernoulli":
            p = _probability(expression.arguments[0], env)
            return np.where(values > 0, p, 1.0 - p)
        case "Uniform":
            return np.full(env.shape(axis, states.count), 1.0 / states.count)
        case "Point":
            return _point(expression.arguments[0], env, states, values)
        case "Categorical":
            return _categorical(expression.arguments[0], env, axis, states)
        case "Weights":
            return _weights(expression, env, axis, states)
        case "NoisyOr":
            return np.where(
                values > 0, 1.0 - _log_none(expression, env), _log_none(expression, env)
            )
        case "Around":
            centre, width = (evaluate(part, env) for part in expression.arguments)
            with np.errstate(all="ignore"):
                return _normalised(np.exp(-0.5 * ((values - centre) / width) ** 2), axis)
        case "Binomial" | "Poisson" | "Geometric":
            return _counts(expression, env, values, axis)
        case _:
            raise AssertionError(expression.family)


def _probability(expression: Expression, env: Env) -> np.ndarray:
    p = np.asarray(evaluate(expression, env), np.float64)
    _check_probability(expression.span, p, env)
    return p


def _check_probability(span: Span, p: np.ndarray, env: Env) -> None:
    bad = ~((p >= 0.0) & (p <= 1.0 + 1e-12))
    if not bad.any():
        return
    place = np.argwhere(bad)[0]
    row = int(place[0]) if p.ndim and p.shape[0] == env.frame.count else 0
    where = where_text(env.frame, row, env.names)
    raise GmError([errors.bad_probability(span, span.text, float(p[bad].flat[0]), where)])


def _point(expression: Expression, env: Env, states: States, values: np.ndarray) -> np.ndarray:
    value = np.asarray(evaluate(expression, env), np.float64)
    check_inside(expression, value, states, env)
    return np.asarray(values == value, np.float64)


def check_inside(expression: Expression, value: np.ndarray, states: States, env: Env) -> None:
    """Check that every value lies in a variable's domain.

    Raises:
        GmError: naming a value that does not.
    """
    bad = ~((value >= states.first) & (value < states.first + states.count))
    bad |= value != np.round(value)
    if not bad.any():
        return
    place = np.argwhere(bad)[0]
    row = int(place[0]) if value.ndim and value.shape[0] == env.frame.count else 0
    where = where_text(env.frame, row, env.names)
    found = f"{float(value[bad].flat[0]):g}"
    raise GmError(
        [
            errors.outside_target(
                expression.span, expression.span.text, found, states.describe(), where
            )
        ]
    )


def _categorical(expression: Expression, env: Env, axis: int, states: States) -> np.ndarray:
    assert isinstance(expression, DataRef), "a vector is data"
    array = env.world.data[expression.name]
    index: list[np.ndarray] = []
    for position, part in enumerate(expression.indices):
        if isinstance(part, Whole):
            size = array.shape[position]
            if size != states.count:
                found = f"{size} probabilities for {states.count} states"
                raise GmError(
                    [errors.wrong_shape(expression.span, expression.name, states.describe(), found)]
                )
            along: np.ndarray = np.arange(size, dtype=np.int64)
            index.append(along.reshape(env.shape(axis, size)))
            continue
        values = np.asarray(integers(part, env))
        check_index(part.span, expression.name, values, array.shape[position], env)
        index.append(values)
    p = np.asarray(array[tuple(index)], np.float64)
    p = p.reshape(*([1] * (1 + len(env.slots.items) - p.ndim)), *p.shape)
    _check_probability(expression.span, p, env)
    return _checked_sum(expression.span, p, env, axis)


def _weights(expression: Distribution, env: Env, axis: int, states: States) -> np.ndarray:
    p = likelihoods(expression, env, axis, states)
    _check_probability(expression.span, p, env)
    return _checked_sum(expression.span, p, env, axis)


def likelihoods(
    expression: Distribution, env: Env, axis: int, states: States, unnamed: float = 0.0
) -> np.ndarray:
    """Evaluate `{value: number, ...}` without asking that the numbers sum to one.

    Args:
        expression: of family Weights.
        env: where it is evaluated.
        axis: the slot of the variable it is about.
        states: of that variable.
        unnamed: what a value that is not named gets.
    """
    p = np.full(env.shape(axis, states.count), unnamed)
    named = np.zeros(env.shape(axis, states.count), np.bool_)
    values = states.values().reshape(env.shape(axis, states.count))
    has_rest = False
    for number, (position, frame) in enumerate(item_frames(env, expression)):
        item, item_env = expression.items[position], inside(env, frame, number)
        if item.key is None:
            has_rest = True
            continue
        key = np.asarray(evaluate(item.key, item_env), np.float64)
        check_inside(item.key, key, states, env)
        here = values == key
        named = named | here
        p = np.where(here, np.asarray(evaluate(item.value, item_env), np.float64), p)
    if has_rest:
        left = 1.0 - p.sum(axis=1 + axis, keepdims=True)
        num_left = (~named).sum(axis=1 + axis, keepdims=True)
        p = np.where(named, p, left / np.maximum(num_left, 1))
    return p


def _checked_sum(span: Span, p: np.ndarray, env: Env, axis: int) -> np.ndarray:
    total = p.sum(axis=1 + axis, keepdims=True)
    bad = np.abs(total - 1.0) > SUM_TOLERANCE
    if bad.any():
        row = int(np.argwhere(bad)[0][0]) if p.shape[0] == env.frame.count else 0
        where = where_text(env.frame, row, env.names)
        raise GmError([errors.bad_sum(span, float(total[bad].flat[0]), where)])
    return p / total


def _normalised(weights: np.ndarray, axis: int) -> np.ndarray:
    return weights / weights.sum(axis=1 + axis, keepdims=True)


def _log_none(expression: Distribution, env: Env) -> np.ndarray:
    none = 1.0 - (_probability(expression.arguments[0], env) if expression.arguments else 0.0)
    for number, (position, frame) in enumerate(item_frames(env, expression)):
        item, item_env = expression.items[position], inside(env, frame, number)
        assert item.key is not None
        active = evaluate(item.key, item_env)
        none = none * np.where(active, 1.0 - _probability(item.value, item_env), 1.0)
    return np.asarray(none)


def _counts(expression: Distribution, env: Env, values: np.ndarray, axis: int) -> np.ndarray:
    from scipy.special import gammaln, xlog1py, xlogy  # slow to import, and seldom needed

    arguments = [np.asarray(evaluate(part, env), np.float64) for part in expression.arguments]
    with np.errstate(all="ignore"):
        if expression.family == "Poisson":
            log_p = xlogy(values, arguments[0]) - arguments[0] - gammaln(values + 1)
        elif expression.family == "Geometric":
            log_p = xlog1py(values, -_probability(expression.arguments[0], env)) + np.log(
                arguments[0]
            )
        else:
            n, p = arguments[0], _probability(expression.arguments[1], env)
            ways = gammaln(n + 1) - gammaln(values + 1) - gammaln(n - values + 1)
            log_p = np.where(
                values <= n, ways + xlogy(values, p) + xlog1py(n - values, -p), -np.inf
            )
        log_p = np.where(values < 0, -np.inf, log_p)
        weights = np.exp(log_p)
    return _normalised(weights, axis)
