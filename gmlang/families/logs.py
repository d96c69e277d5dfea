"""Arithmetic of distributions in logs, relative to the mode, so that far tails keep digits.

A domain is a range of neighbouring integers. The log weight of a state of a log-concave family is a
sum of steps from the mode, each known to full precision. Nothing is subtracted that is large, so no
tail, centre, width or number of trials is too extreme.
"""

import numpy as np

from gmlang.families.family import Draw


def from_steps(
    draw: Draw, steps: np.ndarray, first: float = 0.0, last: np.ndarray | float = np.inf
) -> np.ndarray:
    """Return the logs of a log-concave distribution on the integers first..last.

    Args:
        draw: what is asked.
        steps: the log of each probability less that of the integer before it; they fall.
        first: the least integer that has a probability.
        last: the largest.
    """
    steps = np.where(draw.values <= first, np.inf, np.where(draw.values > last, -np.inf, steps))
    return log_normalised(_from_mode(np.where(draw.needed, steps, 0.0), draw.axis), draw.axis)


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
    """Subtract the log of the sum along an axis; some weight of every row is finite."""
    log_weights = log_weights - log_weights.max(axis=axis, keepdims=True)
    return log_weights - np.log(np.exp(log_weights).sum(axis=axis, keepdims=True))


_NOTHING = 1e-15
"""Probabilities that sum to one leave the rest no more than this, by rounding."""


def named_probabilities(draw: Draw) -> np.ndarray:
    """Return the probabilities; the values not named share what is left of 1.

    Values that several pairs name have the sum of their probabilities: where keys are random, they
    may be equal in some states.
    """
    p, named = np.zeros(draw.values.shape), np.zeros(draw.values.shape, np.bool_)
    has_rest = False
    for here, probability in draw.pairs:
        if here is None:
            has_rest = True
            continue
        named = named | here
        p = p + np.where(here, probability, 0.0)
    if has_rest:
        num_left = (~named).sum(axis=draw.axis, keepdims=True)
        left = 1.0 - p.sum(axis=draw.axis, keepdims=True)
        # What rounding leaves is nothing: a value that cannot be must not become possible.
        left = np.where(np.abs(left) <= _NOTHING, 0.0, left)
        p = np.where(named, p, left / np.maximum(num_left, 1))
    return p
