"""Up to three parameters with one maximum: two lattices in coordinates that the curvature rounded.

Sums over a lattice are nearly exact for smooth densities that vanish at its edge: errors fall as
e^(-2 (pi / step)^2) for a normal one. The second lattice lies off by other parts of a step along
each axis, so that waves which the one takes for a constant the other does not; what they differ by,
and what the tails seem to hold beyond the edge, is the error.

Source: Trefethen and Weideman (2014), "The exponentially convergent trapezoidal rule".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.domains import constrain
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.maxima.modes import Found
from gmruntime.continuous.outer.points import (
    LATTICE_DIFFERENCE,
    LATTICE_TIMES,
    WeightedPoints,
    joined,
    worst_error,
)

DIMENSIONS_MAX = 3
_STEPS = (0.5, 0.6, 0.75)
"""In standard deviations, for one, two and three parameters: 40, 420 and 2300 points at first."""
_SHIFTS = (0.5, 0.25, 0.375)
"""Half a step along all axes would not show waves along diagonals: they come back to where they
were."""
_DEPTH_NATS = 12.0
_POINTS_MAX = 20_000
_ROUNDS = 4
_ROUND = 1.6
"""A standard deviation smaller by no more leaves the axes as they are."""
_ERROR_MAX = 0.01
"""In standard deviations of what is asked."""


@dataclass(frozen=True, slots=True, eq=False)
class _Swept:
    free: Float64[np.ndarray, "n d"]
    values: Float64[np.ndarray, " n"]
    is_whole: bool


def lattice_points(
    evaluator: Evaluator,
    found: Found,
    asked: Callable[[np.ndarray], np.ndarray] | None,
    budget: Budget,
) -> WeightedPoints | None:
    """Return the points of two lattices; None where these grow too large or the budget ends.

    Steps are shortened, or the edge moved out, while that is what the error comes from.
    """
    size, shift = evaluator.domain.size, np.array(_SHIFTS[: evaluator.domain.size])
    centre, root = found.modes.free[0], found.modes.roots[0] @ _turn(size)
    for _ in range(_ROUNDS):
        rough = _sweep(evaluator, centre, root, (1.0, 0.0 * shift), 8.0, _POINTS_MAX, budget)
        if not rough.is_whole:
            return None
        new = _rounder(rough, root)
        if new is None:
            break
        root = new
    step, depth, best = _STEPS[size - 1], _DEPTH_NATS, None
    for _ in range(_ROUNDS):
        swept = [
            _sweep(evaluator, centre, root, (step, part * shift), depth, _POINTS_MAX, budget)
            for part in (0.0, 1.0)
        ]
        if not all(part.is_whole for part in swept):
            break
        log_cell = size * math.log(step) + float(np.linalg.slogdet(root)[1])
        best = _weighted(evaluator, found, swept, log_cell, depth)
        try:
            beliefs = joined(best, asked)
        except TimeoutError:
            break
        if worst_error(beliefs) < _ERROR_MAX:
            break
        lacking = max(b.beyond(np.abs(b.values - b.mean().value)) / b.sd().value for b in beliefs)
        if lacking > _ERROR_MAX / 2:
            depth *= 1.6
        else:
            step *= 0.6
    return best


def _turn(size: int) -> Float64[np.ndarray, "d d"]:
    """Return a rotation along which no parameter is an axis: its values then hardly repeat."""
    if size == 1:
        return np.eye(1)
    return np.linalg.qr(np.sin(1.0 + np.arange(size * size).reshape(size, size) ** 1.5))[0]


def _sweep(
    evaluator: Evaluator,
    centre: Float64[np.ndarray, " d"],
    root: Float64[np.ndarray, "d d"],
    grid: tuple[float, Float64[np.ndarray, " d"]],
    depth: float,
    most: int,
    budget: Budget,
) -> _Swept:
    """Visit a lattice from its middle outwards, as far as `depth` nats below the top.

    Args:
        evaluator: of the log density.
        centre: of the lattice.
        root: its axes are the columns.
        grid: the step, and by how much of a step the lattice is shifted along each axis.
        depth: nats.
        most: points.
        budget: after which it is left as it is.
    """
    step, shift = grid
    size = len(centre)
    places = np.zeros((1, size), np.int64)
    seen = _codes(places)
    points, values, top = [centre[None][:0]], [np.zeros(0)], -np.inf
    count, is_whole = 0, True
    while len(places) and is_whole:
        some = centre + step * (places + shift) @ root.T
        known = evaluator.evaluate(some, budget)
        count += len(known)
        is_whole = len(known) == len(some) and count <= most
        points.append(some[: len(known)])
        values.append(known)
        top = max(top, float(known.max(initial=-np.inf)))
        inner = places[: len(known)][known > top - depth]
        # On a line an eighth more at a time, so that long tails take few batches.
        inner = inner[[inner.argmin(), inner.argmax()]] if size == 1 and len(inner) else inner
        strides = np.arange(1, 2 + (len(seen) // 8 if size == 1 else 0))
        axes = (strides[:, None, None] * np.eye(size, dtype=np.int64)).reshape(-1, size)
        around = (inner[:, None] + np.concatenate([axes, -axes])).reshape(-1, size)
        codes, firsts = np.unique(_codes(around), return_index=True)
        is_new = ~np.isin(codes, seen, assume_unique=True)
        places = around[firsts[is_new]]
        seen = np.concatenate([seen, codes[is_new]])
    return _Swept(np.concatenate(points), np.concatenate(values), is_whole)


def _codes(places: Int64[np.ndarray, "n d"]) -> Int64[np.ndarray, " n"]:
    return ((places + (1 << 19)) << (20 * np.arange(places.shape[1]))).sum(axis=1)


def _rounder(swept: _Swept, root: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d d"] | None:
    """Return axes by the covariance of the points where that is less; None where it is not.

    Axes are never stretched: what makes the covariance large may be far from where most is.
    """
    weights = np.exp(swept.values - swept.values.max())
    weights /= weights.sum()
    white = np.linalg.solve(root, (swept.free - weights @ swept.free).T)
    spreads, vectors = np.linalg.eigh((white * weights) @ white.T)
    spreads = np.sqrt(np.maximum(spreads, 1e-2))
    if (spreads > 1 / _ROUND).all():
        return None
    return root @ (vectors * np.minimum(spreads, 1.0)) @ _turn(len(root))


def _weighted(
    evaluator: Evaluator, found: Found, swept: list[_Swept], log_cell: float, depth: float
) -> WeightedPoints:
    parts = np.repeat(np.arange(len(swept)), [len(part.values) for part in swept])
    free = np.concatenate([part.free for part in swept])
    values = np.concatenate([part.values for part in swept])
    kept = values > values.max() - depth
    parts, free, values = parts[kept], free[kept], values[kept]
    top = float(values.max())
    sums = np.bincount(parts, np.exp(values - top), 2)
    log_sum = top + math.log(float(sums.sum()))
    points = WeightedPoints(
        points=constrain(evaluator.domain, free)[0],
        log_weights=values - log_sum,
        parts=parts,
        log_z=log_sum + log_cell - math.log(2.0),
        log_z_error=0.0,
        error_kind=LATTICE_DIFFERENCE,
        ess=float(1.0 / np.exp(2 * (values - log_sum)).sum()),
        khat=-math.inf,
        num_modes=len(found.modes.values),
        num_starts=found.num_starts,
        num_evaluations=evaluator.num_points,
        is_to_be_trusted=True,
    )
    lacking = points.belief(values).beyond(np.ones(len(values)))
    return replace(
        points, log_z_error=LATTICE_TIMES * abs(math.log(sums[0] / sums[1])) + math.log1p(lacking)
    )
