"""How F bends at its maximum: how sure each number is, and whether it is a maximum at all.

The observed information is minus the second derivative of F, with all that was not seen summed out:
intervals that ignore what is missing are too short.
"""

from dataclasses import dataclass

import numpy as np

from gmlang.core.parameters import ParameterKind
from gmlang.learning.numbers.coordinates import Layout, basis, to_coordinates, to_numbers
from gmlang.learning.objective import Aim, Point
from gmruntime.arrays import Bool, Float64
from gmruntime.budget import Budget

FREE_MAX = 200
"""Of so many free numbers the curvature is worked out: two evaluations of F for each."""

_STEP = 1e-3
"""In coordinates: differences of gradients are then right to about 1e-6 of themselves."""

FLAT = 1e-6
"""A direction in which F bends less than this part of the most, or of one case, is flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """The second derivatives of F by free directions of the coordinates, taken apart.

    Attributes:
        values: ascending; of a maximum none is above 0.
        directions: in coordinates, as columns.
    """

    values: Float64[np.ndarray, " free"]
    directions: Float64[np.ndarray, "numbers free"]

    def upward(self) -> Float64[np.ndarray, " numbers"] | None:
        """Return a direction in which F bends upwards; None at a maximum."""
        if not len(self.values) or self.values[-1] <= self._least():
            return None
        return self.directions[:, -1]

    def newton(self, gradient: np.ndarray) -> tuple[Float64[np.ndarray, " numbers"], float]:
        """Return the step to the top of the parabola, and how many nats higher that is.

            -H^-1 g, and g' (-H)^-1 g / 2

        Args:
            gradient: by coordinates, where F bends so. Along what is flat no step is taken.
        """
        is_bent = self.values < -self._least()
        along = self.directions[:, is_bent].T @ gradient
        steps = along / -self.values[is_bent]
        return self.directions[:, is_bent] @ steps, 0.5 * float(along @ steps)

    def _least(self) -> float:
        return FLAT * max(1.0, float(np.abs(self.values).max(initial=0.0)))

    def spread(self) -> tuple[Float64[np.ndarray, "numbers numbers"], Bool[np.ndarray, " numbers"]]:
        """Return the covariance of the coordinates, and which of them F does not identify."""
        is_flat = self.values > -self._least()
        bent = self.directions[:, ~is_flat]
        covariance = bent / -self.values[~is_flat] @ bent.T
        loose = (np.abs(self.directions[:, is_flat]) > 1e-3).any(axis=1)
        return covariance, np.asarray(loose)


def curvature(objective: Aim, point: Point, budget: Budget) -> Curvature:
    """Work out the second derivatives by central differences of gradients.

    Raises:
        TimeoutError: when the budget ended before.
    """
    layout = objective.layout
    free = basis(layout)
    where = to_coordinates(layout, point.numbers)
    found = np.zeros((free.shape[1], free.shape[1]))
    for k in range(free.shape[1]):
        above = objective.at(to_numbers(layout, where + _STEP * free[:, k]), budget)
        below = objective.at(to_numbers(layout, where - _STEP * free[:, k]), budget)
        found[:, k] = free.T @ (above.gradient - below.gradient) / (2.0 * _STEP)
    values, vectors = np.linalg.eigh(0.5 * (found + found.T))
    return Curvature(values, free @ vectors)


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """How sure the numbers are; NaN where nothing that was seen says.

    Attributes:
        errors: standard errors of the numbers.
        link_errors: in coordinates in which intervals are symmetric: log-odds of probabilities,
            logs of positive numbers.
    """

    errors: Float64[np.ndarray, " numbers"]
    link_errors: Float64[np.ndarray, " numbers"]


def uncertainty(
    layout: Layout,
    numbers: np.ndarray,
    bent: Curvature,
    scatter: np.ndarray | None = None,
    noise: np.ndarray | None = None,
) -> Uncertainty:
    """Return standard errors by the delta method.

    Args:
        layout: what was learned.
        numbers: where.
        bent: how what was maximised bends there.
        scatter: the covariance of its gradient by coordinates, where that is not the curvature
            itself: the covariance of the numbers is then H^-1 scatter H^-1.
        noise: errors of the numbers that come besides.

    Source: Godambe (1960), "An optimum property of regular maximum likelihood estimation".
    """
    covariance, loose = bent.spread()
    if scatter is not None:
        covariance = covariance @ scatter @ covariance
    errors = np.zeros(layout.size)
    links = np.zeros(layout.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        for array in layout.arrays:
            part, x = array.part, numbers[array.part]
            match array.kind:
                case ParameterKind.SIMPLEX:
                    own, is_loose = _of_rows(layout, numbers, covariance, loose, array.name)
                    errors[part], loose[part] = own, is_loose
                    links[part] = own / (x * (1.0 - x))
                case ParameterKind.PROBABILITY:
                    links[part] = np.sqrt(np.diag(covariance)[part])
                    errors[part] = links[part] * x * (1.0 - x)
                case ParameterKind.POSITIVE:
                    links[part] = np.sqrt(np.diag(covariance)[part])
                    errors[part] = links[part] * x
                case ParameterKind.REAL:
                    links[part] = errors[part] = np.sqrt(np.diag(covariance)[part])
    if noise is not None:
        grown = np.hypot(errors, noise)
        links *= np.divide(grown, errors, out=np.ones_like(errors), where=errors > 0)
        errors = grown
    return Uncertainty(np.where(loose, np.nan, errors), np.where(loose, np.nan, links))


def _of_rows(
    layout: Layout, numbers: np.ndarray, covariance: np.ndarray, loose: np.ndarray, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the errors of a simplex's entries: of a row, dx = (diag(x) - x x') du."""
    array = layout.array(name)
    found, is_loose = np.zeros(array.size), np.zeros(array.size, np.bool_)
    k = max(1, array.row)
    for first in range(0, array.size, k):
        x = numbers[array.start + first : array.start + first + k]
        here = slice(array.start + first, array.start + first + k)
        slopes = np.diag(x) - np.outer(x, x)
        own = slopes @ covariance[here, here] @ slopes.T
        found[first : first + k] = np.sqrt(np.maximum(np.diag(own), 0.0))
        is_loose[first : first + k] = loose[here].any()
    return found, is_loose
