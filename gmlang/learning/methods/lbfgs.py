"""Steps uphill by the gradient and what earlier steps said of the curvature: L-BFGS.

Source: Nocedal and Wright (2006), algorithms 7.4 and 7.5; the line search halves and doubles until
the weak Wolfe conditions hold (Lewis and Overton, 2013), so that F never falls. Written here, not
taken from SciPy, because whoever asks may stop between any two steps.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

MEMORY = 20
"""So many earlier steps are remembered."""

_SUFFICIENT = 1e-4
_CURVATURE = 0.9
_NUM_TRIES_MAX = 40


class Height(NamedTuple):
    """F at some coordinates, its gradient there, and whatever the caller knows of the place."""

    value: float
    gradient: np.ndarray
    place: object = None


class Stepped(NamedTuple):
    """Where a step led.

    Attributes:
        expected: half the gain that a full step from here promises, where F is quadratic what is
            left to gain.
        direction: of that step.
        is_last: whether no direction leads up any more.
    """

    coordinates: np.ndarray
    height: Height
    expected: float
    direction: np.ndarray
    is_last: bool


Steps = deque[tuple[np.ndarray, np.ndarray]]
"""Earlier steps, and by what the gradient fell on each: the latest last."""


def no_steps() -> Steps:
    """Return what is remembered before the first step."""
    return deque(maxlen=MEMORY)


def climb(
    height: Callable[[np.ndarray], Height], start: np.ndarray, steps: Steps | None = None
) -> Iterator[Stepped]:
    """Yield ever higher places, the start first; the caller ends it.

    Args:
        height: F and its gradient; -inf where F has no value.
        start: coordinates at which it has one.
        steps: what steps on a function much like F said of its curvature; it grows. None begins
            with none.
    """
    x, here = start, height(start)
    steps = no_steps() if steps is None else steps
    while True:
        direction = _direction(here.gradient, steps)
        slope = float(direction @ here.gradient)
        if slope <= 0.0 and steps:
            steps.clear()
            direction, slope = here.gradient, float(here.gradient @ here.gradient)
        yield Stepped(x, here, 0.5 * slope, direction, slope <= 0.0)
        if slope <= 0.0:
            return
        length = 1.0 if steps else min(1.0, 1.0 / float(np.linalg.norm(direction)))
        found = _searched(height, x, here, direction, length)
        if found is None:
            if not steps:
                yield Stepped(x, here, 0.5 * slope, direction, True)
                return
            steps.clear()
            continue
        moved, there = found
        step, change = moved - x, here.gradient - there.gradient
        if float(step @ change) > 1e-12 * float(change @ change):
            steps.append((step, change))
        x, here = moved, there


def _direction(gradient: np.ndarray, steps: Steps) -> np.ndarray:
    """Multiply the gradient with the inverse curvature that the steps tell: two loops."""
    found = gradient.copy()
    parts: list[float] = []
    for step, change in reversed(steps):
        part = float(step @ found) / float(step @ change)
        parts.append(part)
        found -= part * change
    if steps:
        step, change = steps[-1]
        found *= float(step @ change) / float(change @ change)
    for (step, change), part in zip(steps, reversed(parts), strict=True):
        found += (part - float(change @ found) / float(step @ change)) * step
    return found


def _searched(
    height: Callable[[np.ndarray], Height],
    x: np.ndarray,
    here: Height,
    direction: np.ndarray,
    length: float,
) -> tuple[np.ndarray, Height] | None:
    """Find a step that gains enough and leaves enough of the slope behind; None where none does."""
    slope = float(direction @ here.gradient)
    low, high = 0.0, np.inf
    best: tuple[np.ndarray, Height] | None = None
    for _ in range(_NUM_TRIES_MAX):
        moved = x + length * direction
        there = height(moved)
        if not there.value >= here.value + _SUFFICIENT * length * slope:
            high = length
        else:
            if best is None or there.value > best[1].value:
                best = moved, there
            if float(direction @ there.gradient) > _CURVATURE * slope:
                low = length
            else:
                return moved, there
        length = 0.5 * (low + high) if np.isfinite(high) else 2.0 * length
        if np.isfinite(high) and high - low < 1e-12 * max(1.0, high):
            break
    return best
