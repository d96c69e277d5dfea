"""The Gaussian of a patch in one state of its border, where Gaussians stand for its sites.

A site of the value z = a . x - offset is stood for by exp(-tau z**2 / 2 + nu z), in natural
parameters, so that a site that says nothing is 0 and not a division by it.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.continuous.dense import Solution, loaded
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.sites.families import FAMILIES, Site
from gmruntime.continuous.sites.projections import Projections, projections_of
from gmruntime.continuous.system import System

_LOST = 1e-13
"""A pivot, of a matrix with ones on its diagonal, that is smaller is lost in rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """All sites of a patch: what they are, and how often each counts.

    Attributes:
        parts: runs of sites of one family, one after another.
        weights: of each.
    """

    parts: tuple[tuple[slice, Site], ...]
    weights: Float64[np.ndarray, " sites"]

    @property
    def is_concave(self) -> bool:
        """Whether all log densities are concave."""
        return all(FAMILIES[site.family].is_concave for _, site in self.parts)

    @property
    def is_smooth(self) -> bool:
        """Whether none has a kink."""
        return all(FAMILIES[site.family].is_smooth for _, site in self.parts)

    def log_density(self, z: Float64[np.ndarray, " sites"]) -> Float64[np.ndarray, " sites"]:
        """Return the log density of each, weighted."""
        found = np.empty(len(z))
        for part, site in self.parts:
            found[part] = site.log_density(z[part])
        return np.where(self.weights > 0.0, self.weights * found, 0.0)

    def slopes(
        self, z: Float64[np.ndarray, " sites"]
    ) -> tuple[Float64[np.ndarray, " sites"], Float64[np.ndarray, " sites"]]:
        """Return the first and second derivatives of these."""
        first, second = np.empty(len(z)), np.empty(len(z))
        for part, site in self.parts:
            first[part], second[part] = FAMILIES[site.family].slopes(z[part], site.numbers)
        return self.weights * first, self.weights * second

    def start(self) -> tuple[Float64[np.ndarray, " sites"], Float64[np.ndarray, " sites"]]:
        """Return tau and nu of Gaussians that are near."""
        tau, nu = np.empty(len(self.weights)), np.empty(len(self.weights))
        for part, site in self.parts:
            tau[part], nu[part] = FAMILIES[site.family].start(site.numbers)
        return self.weights * tau, self.weights * nu


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What holds where Gaussians stand for sites.

    Attributes:
        mean: of the reals.
        z, variances: means and variances of what the sites are of.
        log_value: of the integral, nats, without the constants of rows.
        log_half: half the log determinant of the precision.
    """

    mean: Float64[np.ndarray, " reals"]
    z: Float64[np.ndarray, " sites"]
    variances: Float64[np.ndarray, " sites"]
    log_value: float
    log_half: float


class Field(Protocol):
    """Rows of which some are sites."""

    seen: Seen
    log_scale: float

    def project(self, x: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " sites"]:
        """Return the value of which each site is."""
        ...

    def told(self, x: Float64[np.ndarray, " reals"]) -> float:
        """Return what the rows that are Gaussian say of values, nats, without their constants."""
        ...

    def bend(self, step: Float64[np.ndarray, " reals"]) -> float:
        """Return minus the second derivative of that along a step."""
        ...

    def at(
        self,
        tau: Float64[np.ndarray, " sites"],
        nu: Float64[np.ndarray, " sites"],
        *,
        has_variances: bool,
    ) -> Moments:
        """Solve with these Gaussians; without variances they are 0.

        Raises:
            NotProperError: there is no integral.
        """
        ...


def site_rows(system: System) -> np.ndarray:
    """Say which rows are sites."""
    found = np.zeros(len(system.row_start) - 1, np.bool_)
    for first, site in system.sites:
        found[first : first + len(site.numbers)] = True
    return found


def seen_of(system: System, weights: Float64[np.ndarray, " rows"]) -> Seen:
    """Return the sites of a patch, in the order of its rows."""
    parts: list[tuple[slice, Site]] = []
    start = 0
    for _, site in system.sites:
        parts.append((slice(start, start + len(site.numbers)), site))
        start += len(site.numbers)
    return Seen(tuple(parts), weights[site_rows(system)])


@dataclass(slots=True, eq=False)
class DenseField:
    """A patch in one state of its border, by dense matrices."""

    seen: Seen
    log_scale: float
    _state: int
    _rows: Projections
    _row_weights: np.ndarray
    _row_offsets: np.ndarray
    _sites: Projections
    _offsets: np.ndarray
    _precision: np.ndarray
    _solution: Solution | None = None

    def project(self, x: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " sites"]:
        """Do as `Field` says."""
        return self._sites.of(x) - self._offsets

    def told(self, x: Float64[np.ndarray, " reals"]) -> float:
        """Do as `Field` says."""
        return -0.5 * float(self._row_weights @ (self._rows.of(x) - self._row_offsets) ** 2)

    def bend(self, step: Float64[np.ndarray, " reals"]) -> float:
        """Do as `Field` says."""
        return float(self._row_weights @ self._rows.of(step) ** 2)

    def at(
        self,
        tau: Float64[np.ndarray, " sites"],
        nu: Float64[np.ndarray, " sites"],
        *,
        has_variances: bool,
    ) -> Moments:
        """Do as `Field` says."""
        precision = self._precision + self._sites.gram(tau)
        half, log_half = self._half(precision)
        mean = np.zeros(len(precision))
        for _ in range(2):
            left = self._row_weights * (self._row_offsets - self._rows.of(mean))
            pull = self._rows.adjoint(left) + self._sites.adjoint(nu - tau * self.project(mean))
            mean = mean + half.T @ (half @ pull)
        z = self.project(mean)
        log_value = self.told(mean) + float(np.sum(z * (nu - 0.5 * tau * z)))
        log_value += 0.5 * len(mean) * float(np.log(2.0 * np.pi)) - log_half
        self._solution = Solution(log_value, mean, half)
        variances = self._sites.variances(half.T @ half) if has_variances else np.zeros(len(z))
        return Moments(mean, z, variances, log_value, log_half)

    def _half(self, precision: np.ndarray) -> tuple[np.ndarray, float]:
        """Return a root of the covariance, and half the log determinant of the precision."""
        diagonal = np.diagonal(precision)
        if not (diagonal > 0.0).all() or not np.isfinite(precision).all():
            raise NotProperError(self._state, int(np.argmin(diagonal)))
        scale = diagonal**-0.5
        try:
            lower = np.linalg.cholesky(precision * scale[:, None] * scale)
        except np.linalg.LinAlgError:
            raise NotProperError(self._state, _weakest(precision, scale)) from None
        pivots = np.diagonal(lower)
        if pivots.min() ** 2 < _LOST:
            raise NotProperError(self._state, int(np.argmin(pivots)))
        half = np.linalg.solve(lower, np.eye(len(lower))) * scale
        return half, float(np.log(pivots).sum() - np.log(scale).sum())

    def solution(self, log_value: float) -> Solution:
        """Return the Gaussian that was solved for last, with another integral."""
        assert self._solution is not None
        return Solution(log_value, self._solution.mean, self._solution.half)


def _weakest(precision: np.ndarray, scale: np.ndarray) -> int:
    """Return the real that moves most along the direction that nothing holds."""
    _, vectors = np.linalg.eigh(precision * scale[:, None] * scale)
    return int(np.abs(vectors[:, 0]).argmax())


def dense_field(system: System, state: int) -> DenseField | None:
    """Lay a patch out in one state of its border; None where rows forbid it."""
    numbers, log_scale = loaded(system, state)
    if log_scale == -np.inf:
        return None
    is_site = site_rows(system)

    def some(which: np.ndarray) -> Projections:
        return projections_of(
            system.row_start,
            system.columns,
            numbers.coefficients,
            system.num_reals,
            np.flatnonzero(which),
        )

    rows, sites = some(~is_site), some(is_site)
    return DenseField(
        seen_of(system, numbers.weights),
        log_scale,
        state,
        rows,
        numbers.weights[~is_site],
        numbers.offsets[~is_site],
        sites,
        numbers.offsets[is_site],
        rows.gram(numbers.weights[~is_site]),
    )
