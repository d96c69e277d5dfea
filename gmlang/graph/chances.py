"""Probabilities: numbers from 0 to 1, wherever one is taken."""

from collections.abc import Callable

import numpy as np

from gmlang.core.ast import Expression
from gmlang.core.tolerances import PROBABILITY_ROUNDING
from gmlang.diagnostics import Diagnostic, GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.evaluate import Env, evaluate
from gmlang.graph.offending import offending

Needed = np.ndarray | np.bool_
"""Where a value is needed, with the axes of `gmlang.graph.evaluate`: no guard excludes it there."""

EVERYWHERE = np.True_
"""What is needed in every instance and state."""


def probability(expression: Expression, env: Env, needed: Needed = EVERYWHERE) -> np.ndarray:
    """Evaluate a probability; what rounding put just outside 0..1 is put back.

    Raises:
        GmError: when it is not one where it is needed.
    """
    return checked(expression.span, np.asarray(evaluate(expression, env), np.float64), env, needed)


def checked(
    span: Span,
    values: np.ndarray,
    env: Env,
    needed: Needed = EVERYWHERE,
    *,
    above: float = PROBABILITY_ROUNDING,
    skip: int | None = None,
) -> np.ndarray:
    """Check that values are probabilities, and clip what rounding did to them.

    Args:
        span: of what they are the value of.
        values: with the axes of `gmlang.graph.evaluate`.
        env: where they were evaluated.
        needed: elsewhere anything may stand, and is replaced by some probability.
        above: how far above 1 is forgiven; rows that are divided by their sums may lie further.
        skip: a slot whose state is not named.

    Raises:
        GmError: naming the value, the instance and the state.
    """
    if not values.size or (values.min() >= 0.0 and values.max() <= 1.0):
        return values
    refuse_where(
        ~((values >= -PROBABILITY_ROUNDING) & (values <= 1.0 + above)),
        values,
        env,
        needed,
        lambda value, where: errors.bad_probability(span, span.text, value, where),
        skip,
    )
    return np.clip(np.nan_to_num(values), 0.0, max(1.0, 1.0 + above - PROBABILITY_ROUNDING))


def refuse_where(
    bad: np.ndarray,
    values: np.ndarray,
    env: Env,
    needed: Needed,
    diagnose: Callable[[float, str], Diagnostic],
    skip: int | None = None,
) -> None:
    """Refuse values that are bad where they are needed.

    Raises:
        GmError: with the diagnostic for the first of them and for where it is.
    """
    if not bad.any():
        return
    bad = bad & needed
    if not bad.any():
        return
    value = float(np.broadcast_to(values, bad.shape)[bad][0])
    raise GmError([diagnose(value, offending(bad, env, skip))])
