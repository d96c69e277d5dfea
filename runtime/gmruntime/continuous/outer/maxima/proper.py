"""Whether a density can be normalised, as far as looking along rays tells.

From a maximum rays go out along each parameter and along the axes of its curvature. The integral
over what lies about a ray is that of the density times how wide the ridge is there; it is proper
where that falls faster than 1 / distance.
"""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.domains import FREE_MAX
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.maxima.polishing import Modes, polish

_NEAR, _FARTHEST = 1e4, 1e8
"""In standard deviations by the curvature."""
_LONGEST = 3.0
"""What a standard deviation of a free number with bounds is taken to be at most: e^3 is a lot."""
_NEAREST = 30.0
"""In standard deviations: a ray that its bounds cut off before says nothing."""
_SLOWEST = 0.9
"""The power of the distance by which a density must fall."""
_DECADES = 140.0
_HALVINGS = 10
"""Widths are found between 10^-140 and 10^140, to a third of a decade."""


@dataclass(slots=True, eq=False)
class ImproperDensityError(Exception):
    """A density cannot be normalised.

    Attributes:
        parameter: that moves most along the direction in which the density does not fall.
    """

    parameter: int

    def __str__(self) -> str:
        return f"nothing bounds parameter {self.parameter}: the density does not fall along it"


def check_proper(evaluator: Evaluator, modes: Modes, budget: Budget) -> None:
    """Look along rays from the highest maxima, as long as the budget lasts.

    Raises:
        ImproperDensityError: when the density does not fall along one.
    """
    bounded = evaluator.domain.has_bounds()
    for k in range(min(2, len(modes.values))):
        scales = np.sqrt((modes.roots[k] ** 2).sum(axis=1))
        for axes in (np.diag(scales), modes.roots[k]):
            longest = np.abs(axes[bounded]).max(axis=0, initial=0.0)
            axes = axes * np.minimum(1.0, _LONGEST / np.maximum(longest, 1e-300))
            flat = _flat_axis(evaluator, modes.free[k], axes, budget)
            if flat is not None:
                raise ImproperDensityError(int(np.abs(axes[:, flat] / scales).argmax()))


def _flat_axis(
    evaluator: Evaluator,
    middle: Float64[np.ndarray, " d"],
    axes: Float64[np.ndarray, "d d"],
    budget: Budget,
) -> int | None:
    """Return the first axis along which the density does not fall, one way or the other."""
    bounded = evaluator.domain.has_bounds()
    steps = np.concatenate([axes.T, -axes.T])
    room = np.where(bounded, np.where(steps > 0, FREE_MAX - middle, FREE_MAX + middle), np.inf)
    radii = (np.maximum(room, 0.0) / np.maximum(np.abs(steps), 1e-300)).min(axis=1)
    radii = np.minimum(0.999 * radii, _FARTHEST)
    # A ridge widens at most as the distance does, along each of the other axes; e^u for bounds.
    has_bounds = (steps[:, bounded] != 0).any(axis=1)
    gains = np.where(has_bounds, 2 * FREE_MAX, np.log(np.maximum(radii, 1.0)))
    used = np.flatnonzero(radii >= _NEAREST)
    radii, steps, most = radii[used], steps[used], len(middle) * gains[used]
    near, far = np.minimum(radii, _NEAR)[:, None] * steps, radii[:, None] * steps
    values = evaluator.evaluate(middle + np.concatenate([0 * middle[None], near, far]), budget)
    if len(values) <= 2 * len(used):
        return None
    widths = dict[int, float | None]()
    top, values_near, values_far = values[0], *np.split(values[1:], 2)
    for row in np.flatnonzero(top - np.maximum(values_near, values_far) <= most).tolist():
        i, end, value = int(used[row]) % len(middle), middle + far[row], values_far[row]
        if top - value > most[row]:
            across = np.where(np.arange(len(middle)) == i, 0.0, axes)
            end, value = _followed(evaluator, middle, across, near[row], budget)
        others = np.delete(axes, i, axis=1)
        there = _log_widths(evaluator, end, others, budget)
        if i not in widths:
            widths[i] = _log_widths(evaluator, middle, others, budget)
        here = widths[i]
        if there is None or here is None:
            continue
        if top - value <= there - here + _SLOWEST * math.log(radii[row]):
            return i
    return None


def _followed(
    evaluator: Evaluator,
    middle: Float64[np.ndarray, " d"],
    across: Float64[np.ndarray, "d d"],
    near: Float64[np.ndarray, " d"],
    budget: Budget,
) -> tuple[Float64[np.ndarray, " d"], float]:
    """Return the far end of a ridge, and the density there, given a point on it.

    An axis that is off by a millionth part leaves the ridge on the way: twice it is found again.
    """
    point, best = middle + near, -math.inf
    for stretch in (1.0, _FARTHEST / _NEAR):
        point = middle + stretch * (point - middle)
        value = evaluator.evaluate(point[None], budget)
        if not np.isfinite(value).all() or not len(value):
            return point, -math.inf
        found = polish(
            evaluator, Modes(point[None], value, across[None]), np.full(len(near), np.inf), budget
        )
        point, best = found.free[0], float(found.values[0])
    return point, best


def _log_widths(
    evaluator: Evaluator,
    point: Float64[np.ndarray, " d"],
    axes: Float64[np.ndarray, "d others"],
    budget: Budget,
) -> float | None:
    """Return the log of how wide the density is about a point, along all these axes together.

    The width is where it has fallen by a nat, on the wider side. None where the budget ends, or
    where floats are too coarse to step within it.
    """
    count = axes.shape[1]
    top = evaluator.evaluate(point[None], budget)
    if not len(top):
        return None
    low = np.full((2, count), -_DECADES)
    high = np.full((2, count), _DECADES)
    for _ in range(_HALVINGS):
        reach = 0.5 * (low + high)
        steps = np.array([1.0, -1.0])[:, None] * 10.0**reach
        around = point + steps.reshape(-1, 1) * np.tile(axes.T, (2, 1))
        values = evaluator.evaluate(around, budget)
        if len(values) < len(around):
            return None
        is_near = (values >= top[0] - 1.0).reshape(2, count)
        low, high = np.where(is_near, reach, low), np.where(is_near, high, reach)
    width = 10.0 ** low.max(axis=0)
    coarse = np.spacing(np.abs(point)).max() / np.abs(axes).max(axis=0, initial=1e-300)
    if (width <= 8.0 * coarse).any():
        return None
    return float(np.log(width).sum())
