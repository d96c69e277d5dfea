"""Many climbs side by side to maxima of a log density of which only values are known.

BFGS: central differences along each coordinate give the gradient and, at no further cost, the
curvature along it, which scales the first step; steps of several lengths are tried at once, along
the direction of BFGS and along the gradient so scaled, and the best is taken.

Source: Nocedal and Wright (2006), "Numerical optimization", chapter 6 and section 8.1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.evaluating import Evaluator

_ROUNDS_MAX = 80
_GAIN_MIN = 1e-2
"""Nats: who expects to gain less, or gained less twice, has arrived; modes are then polished."""
_GAIN_NOTED = 1e-6
"""Nats: less may be rounding, and would lead along what is flat for ever."""
WIDEST = 1e6
"""Times the first guess: how far differences may come to step."""
_DROP = 0.02
"""Nats: what a step of the differences is meant to cost. A seventh of a standard deviation."""
_ALONG_BFGS = np.array([4.0, 1.0, 0.3, 0.05, 1e-3])
_ALONG_GRADIENT = np.array([30.0, 5.0, 1.0, 0.1, 1e-3, 1e-6])


@dataclass(slots=True, eq=False)
class Climbs:
    """Where climbs have come.

    Attributes:
        free: the points.
        values: their log densities.
        roots: of each the axes of its frame, as long as the curvature along each says.
        has_arrived: whether a climb came to its end.
    """

    free: Float64[np.ndarray, "climbs d"]
    values: Float64[np.ndarray, " climbs"]
    roots: Float64[np.ndarray, "climbs d d"]
    has_arrived: Bool[np.ndarray, " climbs"]


@dataclass(frozen=True, slots=True, eq=False)
class _Framed:
    """A log density along the axes of a frame."""

    evaluator: Evaluator
    frame: Float64[np.ndarray, "d d"]

    def evaluate(
        self, along: Float64[np.ndarray, "n d"], budget: Budget
    ) -> Float64[np.ndarray, " known"]:
        return self.evaluator.evaluate(along @ self.frame.T, budget)


def climb(
    evaluator: Evaluator,
    starts: Float64[np.ndarray, "climbs d"],
    frame: Float64[np.ndarray, "d d"],
    budget: Budget,
    is_known: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Climbs:
    """Climb from each start where the density is above zero; the budget may end it anywhere.

    Args:
        evaluator: of the log density.
        starts: free numbers.
        frame: its columns are the axes of all steps; each a first guess of how far to step.
        budget: for all climbs together.
        is_known: says of points and their log densities whether the climb need not go on.
    """
    values = evaluator.evaluate(starts, budget)
    is_above = np.isfinite(values)
    free, values = starts[: len(values)][is_above], values[is_above]
    along = np.linalg.solve(frame, free.T).T
    size = len(frame)
    done = _Done(along, values, np.ones_like(along), np.zeros(len(along), bool))
    with np.errstate(over="ignore", invalid="ignore"):
        _climb_on(_Framed(evaluator, frame), done, budget, is_known)
    roots = np.broadcast_to(frame, (len(along), size, size)) * done.scales[:, None, :]
    return Climbs(done.along @ frame.T, done.values, roots, done.has_arrived)


@dataclass(slots=True, eq=False)
class _Done:
    """Where climbs have come along the axes of their frame, and what scale each axis has there."""

    along: Float64[np.ndarray, "climbs d"]
    values: Float64[np.ndarray, " climbs"]
    scales: Float64[np.ndarray, "climbs d"]
    has_arrived: Bool[np.ndarray, " climbs"]


def _climb_on(
    evaluator: _Framed,
    done: _Done,
    budget: Budget,
    is_known: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    x, f, h = done.along.copy(), done.values.copy(), done.scales.copy()
    size = x.shape[1]
    active, slow = np.arange(len(x)), np.zeros(len(x), np.int64)
    inverse = np.zeros((len(x), size, size))
    moved, gradient = np.zeros_like(x), np.full_like(x, np.nan)
    for _ in range(_ROUNDS_MAX):
        if not len(active):
            break
        found = _differences(evaluator, x, f, h, budget)
        if found is None:
            break
        new_gradient, curvature = found
        scale = _scale_of(curvature, new_gradient, h)
        inverse = _updated(inverse, moved, gradient - new_gradient, scale)
        gradient = new_gradient
        done.scales[active] = scale
        towards = np.einsum("aij,aj->ai", inverse, gradient)
        hoped = 0.5 * np.maximum((towards * gradient).sum(1), (scale**2 * gradient**2).sum(1))
        tried = np.concatenate(
            [
                x[:, None] + _ALONG_BFGS[:, None] * towards[:, None],
                x[:, None] + _ALONG_GRADIENT[:, None] * (scale**2 * gradient)[:, None],
            ],
            axis=1,
        )
        known = evaluator.evaluate(tried.reshape(-1, size), budget)
        if len(known) < tried.shape[0] * tried.shape[1]:
            break
        known = known.reshape(tried.shape[:2])
        best = known.argmax(axis=1)
        rows = np.arange(len(x))
        is_better = known[rows, best] > f + _GAIN_NOTED
        chosen = np.where(is_better[:, None], tried[rows, best], x)
        gain = np.where(is_better, known[rows, best] - f, 0.0)
        f = np.where(is_better, known[rows, best], f)
        moved, x = chosen - x, chosen
        done.along[active], done.values[active] = x, f
        slow = np.where(gain < _GAIN_MIN, slow + 1, 0)
        # A step that led nowhere may be the differences' fault: nearer ones are tried once.
        wide = np.sqrt(_DROP) * scale
        h = np.clip(np.where(is_better[:, None], wide, 0.1 * h), h / 100, h * 100)
        h = np.clip(h, 1e-9 * np.abs(x) + 1e-300, WIDEST)
        is_at_end = (slow >= 2) | ((hoped < _GAIN_MIN) & (slow > 0))
        done.has_arrived[active] = is_at_end
        stays = ~is_at_end & ~is_known(x @ evaluator.frame.T, f)
        active, x, f, h, slow = active[stays], x[stays], f[stays], h[stays], slow[stays]
        inverse, moved, gradient = inverse[stays], moved[stays], gradient[stays]


def _differences(
    evaluator: _Framed,
    x: Float64[np.ndarray, "climbs d"],
    f: Float64[np.ndarray, " climbs"],
    h: Float64[np.ndarray, "climbs d"],
    budget: Budget,
) -> tuple[Float64[np.ndarray, "climbs d"], Float64[np.ndarray, "climbs d"]] | None:
    """Return the gradient and the second derivatives along each coordinate."""
    size = x.shape[1]
    step = h[:, :, None] * np.eye(size)
    around = np.concatenate([x[:, None] + step, x[:, None] - step], axis=1)
    values = evaluator.evaluate(around.reshape(-1, size), budget)
    if len(values) < around.shape[0] * around.shape[1]:
        return None
    values = values.reshape(len(x), 2, size)
    up, down, here = values[:, 0], values[:, 1], f[:, None]
    has_up, has_down = np.isfinite(up), np.isfinite(down)
    rise = np.where(has_up, np.where(has_up, up, 0.0) - here, 0.0)
    fall = np.where(has_down, here - np.where(has_down, down, 0.0), 0.0)
    sides = np.maximum(1, has_up.astype(np.int64) + has_down)
    gradient = (rise + fall) / (sides * h)
    curvature = np.where(has_up & has_down, (rise - fall) / h**2, np.nan)
    return gradient, curvature


def _scale_of(
    curvature: Float64[np.ndarray, "climbs d"],
    gradient: Float64[np.ndarray, "climbs d"],
    h: Float64[np.ndarray, "climbs d"],
) -> Float64[np.ndarray, "climbs d"]:
    """Return standard deviations by the curvature; where it says none, wide ones.

    Where the density bends upwards its slope says more: a step that gains a few nats.
    """
    bend = np.where(np.isnan(curvature), 1.0 / h**2, np.abs(curvature))
    widest = 100.0 * h / np.sqrt(_DROP)
    scale = np.minimum(1.0 / np.sqrt(np.maximum(bend, 1e-300)), widest)
    steep = np.abs(gradient) * scale
    is_steep = (curvature > 0) & (steep > 3.0)
    return np.where(is_steep, scale * np.sqrt(3.0 / np.where(is_steep, steep, 3.0)), scale)


def _updated(
    inverse: Float64[np.ndarray, "climbs d d"],
    moved: Float64[np.ndarray, "climbs d"],
    turned: Float64[np.ndarray, "climbs d"],
    scale: Float64[np.ndarray, "climbs d"],
) -> Float64[np.ndarray, "climbs d d"]:
    """Return the inverse curvatures after a step, begun anew where the step says nothing of it."""
    size = moved.shape[1]
    along = (moved * turned).sum(axis=1)
    needed = 1e-8 * np.sqrt((moved**2).sum(1) * (turned**2).sum(1))
    is_useful: Bool[np.ndarray, " climbs"] = np.isfinite(along) & (along > needed) & (along > 0)
    is_begun = np.asarray(inverse.any(axis=(1, 2)))
    fresh = scale[:, :, None] ** 2 * np.eye(size)
    rho = np.where(is_useful, 1.0 / np.where(is_useful, along, 1.0), 0.0)
    left = np.eye(size) - rho[:, None, None] * moved[:, :, None] * np.nan_to_num(turned)[:, None, :]
    base = np.where(is_begun[:, None, None], inverse, fresh)
    new = left @ base @ left.transpose(0, 2, 1)
    new = new + rho[:, None, None] * moved[:, :, None] * moved[:, None, :]
    return np.where((is_useful & is_begun)[:, None, None], new, fresh)
