"""Newton's steps to maxima and the curvature there, in coordinates that the curvature has rounded.

Differences step half a standard deviation along each axis and each pair of axes, so that neither
rounding nor the errors of an inner engine matter much; the axes are turned and stretched until the
curvature along them is that of a standard normal density.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.evaluating import Evaluator

_ROUNDS_MAX = 20
_STEP = 0.5
_WALL = 50.0
"""Nats below the middle: where no density is, differences see a wall of this height."""
_LEAST, _MOST = 1e-6, 1e6
"""What a curvature is taken to be in one round: axes grow or shrink a thousand times at most."""
_BOWL = 3.0
"""Standard deviations: how near a climb must have come to be known to end in a maximum."""
_MULTIPLES = np.array([2.0, 1.0, 0.5, 0.2, 0.05])


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Maxima of a log density over free numbers.

    Attributes:
        free: where they are.
        values: their log densities.
        roots: of each a matrix S; S S' is the covariance that the curvature says.
    """

    free: Float64[np.ndarray, "modes d"]
    values: Float64[np.ndarray, " modes"]
    roots: Float64[np.ndarray, "modes d d"]

    def some(self, which: np.ndarray) -> "Modes":
        """Return those of a mask, or by their numbers."""
        return Modes(self.free[which], self.values[which], self.roots[which])

    def hold(
        self, free: Float64[np.ndarray, "n d"], values: Float64[np.ndarray, " n"]
    ) -> Bool[np.ndarray, " n"]:
        """Say which points lie in the bowl of one: near, and as high as its curvature says."""
        found = np.zeros(len(free), bool)
        for k in range(len(self.values)):
            white = np.linalg.solve(self.roots[k], (free - self.free[k]).T)
            far = (white**2).sum(axis=0)
            found |= (far < _BOWL**2) & (values > self.values[k] - 0.5 * far - 1.0)
        return found

    def log_masses(self) -> Float64[np.ndarray, " modes"]:
        """Return the log integral around each, as of a normal density."""
        size = self.free.shape[1]
        return self.values + np.linalg.slogdet(self.roots)[1] + 0.5 * size * np.log(2 * np.pi)


def polish(
    evaluator: Evaluator, rough: Modes, widest: Float64[np.ndarray, " d"], budget: Budget
) -> Modes:
    """Return the maxima near rough ones; the rough ones themselves where the budget ends first.

    Args:
        evaluator: of the log density.
        rough: where to begin, with axes of about the right length.
        widest: how long axes may grow along each coordinate: what is flat is so beyond that.
        budget: for all together.
    """
    polished = Modes(rough.free.copy(), rough.values.copy(), rough.roots.copy())
    with np.errstate(over="ignore", invalid="ignore"):
        _polish_on(evaluator, polished, widest, budget)
    return polished


def _polish_on(
    evaluator: Evaluator, modes: Modes, widest: Float64[np.ndarray, " d"], budget: Budget
) -> None:
    x, f, root = modes.free, modes.values, modes.roots
    active = np.arange(len(x))
    for _ in range(_ROUNDS_MAX):
        if not len(active):
            break
        found = _curvature(evaluator, Modes(x, f, root).some(active), budget)
        if found is None:
            break
        gradient, curvature = found
        eigenvalues, vectors = np.linalg.eigh(-curvature)
        shrink = 1.0 / np.sqrt(np.clip(np.abs(eigenvalues), _LEAST, _MOST))
        new = root[active] @ (vectors * shrink[:, None, :])
        excess = (np.abs(new) / widest[:, None]).max(axis=1, keepdims=True)
        new = new / np.maximum(1.0, excess)
        slope = shrink * np.einsum("mji,mj->mi", vectors, gradient)
        far = np.sqrt((slope**2).sum(axis=1, keepdims=True))
        slope = slope * np.minimum(1.0, 5.0 / np.maximum(far, 1e-300))
        towards = np.einsum("mij,mj->mi", new, slope)
        tried = x[active, None] + _MULTIPLES[:, None] * towards[:, None]
        known = evaluator.evaluate(tried.reshape(-1, x.shape[1]), budget)
        root[active] = new
        if len(known) < tried.shape[0] * tried.shape[1]:
            break
        known = known.reshape(tried.shape[:2])
        best, rows = known.argmax(axis=1), np.arange(len(active))
        gain = known[rows, best] - f[active]
        is_better = gain > 0
        x[active] = np.where(is_better[:, None], tried[rows, best], x[active])
        f[active] = np.where(is_better, known[rows, best], f[active])
        is_round = (np.abs(np.log(np.abs(eigenvalues) + 1e-300)) < 0.3).all(axis=1)
        active = active[~(is_round & (gain < 1e-3))]


def _curvature(
    evaluator: Evaluator, modes: Modes, budget: Budget
) -> tuple[Float64[np.ndarray, "modes d"], Float64[np.ndarray, "modes d d"]] | None:
    """Return gradient and second derivatives along the columns of the roots."""
    size = modes.free.shape[1]
    first, second = np.triu_indices(size, 1)
    axes = np.eye(size)
    offsets = np.concatenate([axes, axes[first] + axes[second]])
    offsets = _STEP * np.concatenate([offsets, -offsets])
    points = modes.free[:, None] + np.einsum("mij,oj->moi", modes.roots, offsets)
    values = evaluator.evaluate(points.reshape(-1, size), budget)
    if len(values) < points.shape[0] * points.shape[1]:
        return None
    values = values.reshape(points.shape[:2]) - modes.values[:, None]
    up, down = np.split(np.maximum(values, -_WALL), 2, axis=1)
    gradient = (up[:, :size] - down[:, :size]) / (2 * _STEP)
    curvature = np.zeros_like(modes.roots)
    both = up + down
    diagonal = np.arange(size)
    curvature[:, diagonal, diagonal] = both[:, :size] / _STEP**2
    mixed = (both[:, size:] - both[:, first] - both[:, second]) / (2 * _STEP**2)
    curvature[:, first, second] = curvature[:, second, first] = mixed
    return gradient, curvature
