"""The families over integers, in logs and relative to their mode, so that far tails keep digits.

A domain is a range of neighbouring integers, and every family here is log-concave: the log weight
of a state is a sum of steps from the mode, each known to full precision. Nothing is subtracted
that is large, so no tail, centre, width or number of trials is too extreme.
"""

import numpy as np

from gmlang.core.ast import Distribution
from gmlang.diagnostics import Diagnostic
from gmlang.errors import probabilities as errors
from gmlang.graph.values.chances import probability, undefined_where
from gmlang.graph.values.environment import Env, Place, no_value, value_at
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.states import States


def log_around(expression: Distribution, env: Env, axis: int, states: States) -> np.ndarray:
    """Return the logs of a Gaussian on the integers of a domain, which sum to one there.

        log w(x) - log w(m) = -(x - m) (x + m - 2 centre) / (2 width^2)

    where m is the state nearest to the centre.
    """
    centre, width = (np.asarray(evaluate(e, env), np.float64) for e in expression.arguments)
    _parameter(expression, 0, centre, np.isfinite(centre), "a number", env)
    positive = (width > 0) & (width < np.inf)
    _parameter(expression, 1, width, positive, "above 0", env)
    values = states.values().astype(np.float64).reshape(env.shape(axis, states.count))
    nearest = np.clip(np.rint(centre), states.first, states.first + states.count - 1)
    left, right = values - nearest, (values - centre) + (nearest - centre)
    log_weights = -0.5 * (left / width) * (right / width)
    # At the nearest states, an overflow of the other factor must not make 0 times inf of it.
    log_weights = np.where((left == 0) | (right == 0), 0.0, log_weights)
    return log_normalised(np.where(env.needed(), log_weights, 0.0), axis)


def log_counts(expression: Distribution, env: Env, axis: int, states: States) -> np.ndarray:
    """Return the logs of a Binomial, Poisson or Geometric, which sum to one on the domain.

    The logs of neighbouring probabilities differ by

        Poisson    log(mean / k)
        Geometric  log(1 - p)
        Binomial   log((n - k + 1) / k) + log(p / (1 - p))

    from k - 1 to k. Parameters at their limits, a mean of 0 or a p of 0 or 1, give the limit.
    """
    values = states.values().astype(np.float64).reshape(env.shape(axis, states.count))
    last: np.ndarray = np.full(1, np.inf)
    match expression.family:
        case "Poisson":
            mean = np.asarray(evaluate(expression.arguments[0], env), np.float64)
            possible = (mean >= 0) & (mean < np.inf)
            _parameter(expression, 0, mean, possible, "a number of at least 0", env)
            steps = np.log(mean) - np.log(values)
        case "Geometric":
            p = probability(expression.arguments[0], env)
            _parameter(expression, 0, p, p > 0, "above 0", env)
            steps = np.log1p(-p) + np.zeros_like(values)
        case _:
            last = np.asarray(evaluate(expression.arguments[0], env), np.float64)
            whole = (last >= 0) & (last < np.inf) & (last == np.rint(last))
            _parameter(expression, 0, last, whole, "a whole number of at least 0", env)
            p = probability(expression.arguments[1], env)
            # Below, k may be close to n: their difference is taken before anything is rounded.
            steps = np.log((last - values + 1.0) / values) + (np.log(p) - np.log1p(-p))
    empty = (states.first + states.count - 1 < 0) | (last < states.first)
    _note_empty(expression, env, np.asarray(empty), last, states)
    steps = np.where(values <= 0, np.inf, np.where(values > last, -np.inf, steps))
    return log_normalised(_from_mode(np.where(env.needed(), steps, 0.0), 1 + axis), axis)


def _from_mode(steps: np.ndarray, axis: int) -> np.ndarray:
    """Add up falling steps, each between a state and the one before it, outwards from the mode."""
    later = np.flip(np.cumsum(np.flip(np.maximum(steps, 0.0), axis), axis=axis), axis)
    # The step to a state counts for those before it; nothing comes before the first.
    left = np.roll(later, -1, axis)
    last: list[slice | int] = [slice(None)] * steps.ndim
    last[axis] = -1
    left[tuple(last)] = 0.0
    down = np.minimum(steps, 0.0)
    first = list(last)
    first[axis] = 0
    down[tuple(first)] = 0.0
    return np.cumsum(down, axis=axis) - left


def log_normalised(log_weights: np.ndarray, axis: int) -> np.ndarray:
    """Subtract the log of the sum along slot `axis`; some weight of every row is finite."""
    log_weights = log_weights - log_weights.max(axis=1 + axis, keepdims=True)
    return log_weights - np.log(np.exp(log_weights).sum(axis=1 + axis, keepdims=True))


_NAMES = {
    "Around": ("centre", "width"),
    "Binomial": ("n", "p"),
    "Poisson": ("mean",),
    "Geometric": ("p",),
}


def _parameter(
    expression: Distribution,
    number: int,
    values: np.ndarray,
    good: np.ndarray,
    needed_text: str,
    env: Env,
) -> None:
    """Note where a parameter is not good."""
    span, family = expression.arguments[number].span, expression.family
    name = _NAMES[family][number]
    undefined_where(
        ~good,
        values,
        env,
        lambda value, where: errors.bad_parameter(span, family, name, value, needed_text, where),
    )


def _note_empty(
    expression: Distribution, env: Env, empty: np.ndarray, last: np.ndarray, states: States
) -> None:
    def tell(place: Place, where: str) -> Diagnostic:
        parameters = ""
        if expression.family == "Binomial":
            parameters = f"n = {value_at(last, place):.10g}"
        family, domain = expression.family, states.describe()
        return errors.no_mass(expression.span, family, parameters, domain, where)

    no_value(env, empty, tell)
