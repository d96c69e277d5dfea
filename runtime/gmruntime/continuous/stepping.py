"""Reals through time, one step after another: a Gaussian belief, and the rows of a step.

A belief is kept as a triangle, factor (x - centre) = left, each line of which is a row of weight 1.
With the rows of a step below it, an orthogonal transformation makes a triangle again; the lines of
what is gone say by how much log Z grows, the others are the next belief. Nothing is squared, so
that digits last twice as long as in covariances, and a belief need not be proper.

Source: Bierman (1977), "Factorization Methods for Discrete Sequential Estimation": the square root
information filter.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64

_LOG_TWO_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, slots=True, eq=False)
class GaussianBelief:
    """What is believed of some reals after a step.

        log f(x) = log_scale - 1/2 |factor (x - centre) - left|**2

    Attributes:
        factor: an upper triangle; a 0 on its diagonal says that the belief is not proper.
        left: what is left of each line at the centre.
        centre: where numbers are small.
        log_scale: nats.
    """

    factor: Float64[np.ndarray, "reals reals"]
    left: Float64[np.ndarray, " reals"]
    centre: Float64[np.ndarray, " reals"]
    log_scale: float

    @property
    def log_z(self) -> float:
        """The log of the integral, nats: of all rows so far; inf where it is not proper."""
        diagonal = np.abs(np.diagonal(self.factor))
        if not (diagonal > 0.0).all():
            return math.inf
        logs = 0.5 * len(diagonal) * _LOG_TWO_PI - float(np.log(diagonal).sum())
        return self.log_scale + logs

    def mean(self) -> Float64[np.ndarray, " reals"]:
        """Return the mean.

        Raises:
            LinAlgError: the belief is not proper.
        """
        return self.centre + np.linalg.solve(self.factor, self.left)

    def covariance(self) -> Float64[np.ndarray, "reals reals"]:
        """Return the covariance.

        Raises:
            LinAlgError: the belief is not proper.
        """
        inverse = np.linalg.inv(self.factor)
        return inverse @ inverse.T


NOTHING_BELIEVED = GaussianBelief(np.zeros((0, 0)), np.zeros(0), np.zeros(0), 0.0)
"""Of no reals: what the first step begins with."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianStep:
    """The rows of a step: log f = log_scale - weight / 2 * (coefficients . x - offset)**2.

    Its reals are those that were believed in before, as many as the belief has, and then new ones.
    The first `num_gone` are integrated out, the others stay. So a prediction has num_gone equal to
    the number before, a look at what is there has none that is gone, and may be taken alone.

    Attributes:
        coefficients: of all reals, finite.
        weights: at least 0, finite.
        log_scales: finite, nats.
        num_gone: how many reals are integrated out.
    """

    coefficients: Float64[np.ndarray, "rows reals"]
    weights: Float64[np.ndarray, " rows"]
    log_scales: Float64[np.ndarray, " rows"]
    num_gone: int
    _roots: Float64[np.ndarray, " rows"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the rows.

        Raises:
            ValueError: a weight is below 0, a number is not finite, or shapes do not fit.
        """
        count, num_reals = self.coefficients.shape
        if self.weights.shape != (count,) or self.log_scales.shape != (count,):
            raise ValueError(f"{count} rows need as many weights and log_scales")
        if not (self.weights >= 0.0).all():
            raise ValueError("a weight of a step is below 0")
        for array in (self.coefficients, self.weights, self.log_scales):
            if not np.isfinite(array).all():
                raise ValueError("a coefficient, weight or log_scale of a step is not finite")
        if not 0 <= self.num_gone <= num_reals:
            raise ValueError(f"of {num_reals} reals {self.num_gone} cannot be gone")
        object.__setattr__(self, "_roots", np.sqrt(self.weights))

    def after(
        self, belief: GaussianBelief, offsets: Float64[np.ndarray, " rows"]
    ) -> GaussianBelief:
        """Return what is believed after the step.

        Args:
            belief: of the reals before.
            offsets: of the rows, finite; a row whose offset is NaN was not seen, and says nothing.

        Raises:
            ValueError: nothing says where a real is that is integrated out, the belief is of more
                reals than the step, or offsets are infinite or not as many as the rows.
        """
        from gmruntime.continuous.sparse.steps import triangulate

        num_before, (num_rows, num_reals) = len(belief.left), self.coefficients.shape
        if num_before > num_reals:
            raise ValueError(f"a step of {num_reals} reals follows a belief of {num_before}")
        if offsets.shape != (num_rows,):
            raise ValueError(f"{num_rows} rows need as many offsets")
        work = np.empty((num_before + num_rows + 1, num_reals + 1))
        place = np.zeros(num_reals)
        place[:num_before] = belief.centre
        gained = triangulate(
            self.coefficients,
            self._roots,
            self.log_scales,
            offsets,
            (belief.factor, belief.left, place),
            self.num_gone,
            work,
        )
        if gained == math.inf:
            raise ValueError("an offset is infinite")
        if math.isnan(gained):
            raise ValueError("nothing says where a real of the step is that is integrated out")
        gone, num_left = self.num_gone, num_reals - self.num_gone
        factor = np.zeros((num_left, num_left))
        left = np.zeros(num_left)
        lines = work[gone : min(num_reals, len(work) - 1)]
        factor[: len(lines)], left[: len(lines)] = lines[:, gone:num_reals], lines[:, num_reals]
        return GaussianBelief(factor, left, place[gone:], belief.log_scale + gained)
