"""Probabilities: numbers from 0 to 1, wherever one is taken."""

from collections.abc import Callable

import numpy as np

from gmlang.core.ast import Expression
from gmlang.core.tolerances import PROBABILITY_ROUNDING
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import grounding as errors
from gmlang.graph.values.environment import Env, Place, no_value, value_at, whole
from gmlang.graph.values.evaluate import evaluate


def probability(expression: Expression, env: Env) -> np.ndarray:
    """Evaluate a probability; what rounding put just outside 0..1 is put back.

    Where it is none it has no value.
    """
    return checked(expression.span, np.asarray(evaluate(expression, env), np.float64), env)


def checked(
    span: Span,
    values: np.ndarray,
    env: Env,
    *,
    above: float = PROBABILITY_ROUNDING,
    skip: int | None = None,
) -> np.ndarray:
    """Note where values are no probabilities, and clip what rounding did to them.

    Args:
        span: of what they are the value of.
        values: with the axes of `gmlang.graph.values.evaluate`.
        env: where they were evaluated.
        above: how far above 1 is forgiven; rows that are divided by their sums may lie further.
        skip: the slot of the variable that they are the probabilities of: one that is none leaves
            the others without meaning.
    """
    if not values.size or (values.min() >= 0.0 and values.max() <= 1.0):
        return values
    undefined_where(
        ~((values >= -PROBABILITY_ROUNDING) & (values <= 1.0 + above)),
        values,
        env,
        lambda value, where: errors.bad_probability(span, span.text, value, where),
        skip,
    )
    return np.clip(np.nan_to_num(values), 0.0, max(1.0, 1.0 + above - PROBABILITY_ROUNDING))


def undefined_where(
    bad: np.ndarray,
    values: np.ndarray,
    env: Env,
    diagnose: Callable[[float, str], Diagnostic],
    skip: int | None = None,
) -> None:
    """Note that values are bad at some places, with the diagnostic for a value and its place."""
    if not bad.any():
        return
    bad, values = whole(bad, env), whole(values, env)
    if skip is None:
        worst = values
    else:
        # The first bad state of each row stands for the row.
        first = bad.argmax(axis=1 + skip, keepdims=True)
        worst = np.take_along_axis(np.broadcast_to(values, bad.shape), first, axis=1 + skip)
        bad = np.asarray(bad.any(axis=1 + skip, keepdims=True))

    def tell(place: Place, where: str) -> Diagnostic:
        return diagnose(float(value_at(worst, place)), where)

    no_value(env, bad, tell)
