"""Expectation propagation: the Gaussians that give each site the mean and spread it has.

It begins at the Gaussians of the maximum: from nothing it may run away where reals are flat.

Sources: Minka (2001), "Expectation propagation for approximate Bayesian inference"; Rasmussen and
Williams (2006), algorithm 3.5, in natural parameters and all sites at once.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.sites.fields import Field, Moments
from gmruntime.continuous.sites.tilted import coded, rule, tilt_all

_SWEEPS_MAX = 60
_RESIDUAL = 1e-6
"""In standard deviations: means and logs of spreads that move by less stand still."""
_DAMPED, _DAMPING_MIN = 0.7, 0.05
_CAVITY_MIN = 1e-9
"""Of the precision: where less is left without a site, it is left as it is for a sweep."""


@dataclass(frozen=True, slots=True, eq=False)
class Propagated:
    """The Gaussian that stands for rows and sites.

    Attributes:
        moments: of it.
        tau, nu: of the sites.
        log_value: of the integral, nats.
        residual: what a further sweep would move, in standard deviations.
        num_sweeps: that were made.
    """

    moments: Moments
    tau: Float64[np.ndarray, " sites"]
    nu: Float64[np.ndarray, " sites"]
    log_value: float
    residual: float
    num_sweeps: int


def propagate(
    field: Field,
    tau: Float64[np.ndarray, " sites"],
    nu: Float64[np.ndarray, " sites"],
    budget: Budget,
) -> Propagated:
    """Sweep until nothing moves, or the budget is nearly spent.

    Args:
        field: rows and sites.
        tau: of the Gaussians to begin with, such that the whole has an integral.
        nu: of the same.
        budget: of time.

    Raises:
        NotProperError: there is no integral at the start.
        TimeoutError: when there is no time left for a single sweep.
    """
    seen, nodes = field.seen, rule()
    sites = coded(seen.parts, len(seen.weights))
    counts = seen.weights > 0.0
    tau, nu = np.where(counts, tau, 0.0), np.where(counts, nu, 0.0)
    before, residual, damping, sweep = (tau, nu), np.inf, 1.0, 0
    moments = field.at(tau, nu, has_variances=True)
    log_value = moments.log_value
    for sweep in range(1, _SWEEPS_MAX + 1):
        budget.check()
        spread = moments.variances
        left = np.where(counts, 1.0 / spread - tau, 1.0)
        is_open = counts & (left * spread > _CAVITY_MIN)
        variance = np.where(is_open, 1.0 / np.where(is_open, left, 1.0), 0.0)
        mean = variance * (moments.z / spread - nu)
        found = np.zeros((3, len(tau)))
        tilt_all(sites, nodes, mean, variance, found)
        log_value = moments.log_value + _corrections(found[0], mean, variance, tau, nu, is_open)
        new = np.where(is_open, found[2], spread)
        moved = np.abs(found[1] - moments.z) / np.sqrt(spread) + np.abs(np.log(new / spread))
        old, residual = residual, float(np.where(is_open, moved, 0.0).max(initial=0.0))
        if residual < _RESIDUAL or sweep == _SWEEPS_MAX:
            break
        if residual > old:
            damping = max(_DAMPED * damping, _DAMPING_MIN)
        before = tau, nu
        to_tau = np.where(is_open, 1.0 / new - left, tau)
        to_nu = np.where(is_open, found[1] / new - mean * left, nu)
        if seen.is_concave:
            to_tau = np.maximum(to_tau, 0.0)
        moments, tau, nu, damping = _moved(field, before, (to_tau, to_nu), damping)
    return Propagated(moments, tau, nu, log_value + field.log_scale, residual, sweep)


def _moved(
    field: Field,
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
    damping: float,
) -> tuple[Moments, np.ndarray, np.ndarray, float]:
    """Go part of the way, and less where the whole would have no integral."""
    while True:
        tau, nu = (
            (1.0 - damping) * old + damping * new for old, new in zip(before, after, strict=True)
        )
        try:
            moments = field.at(tau, nu, has_variances=True)
            if (moments.variances > 0.0).all():
                return moments, tau, nu, damping
        except NotProperError:
            pass
        damping *= 0.5
        if damping < 1e-6:
            return field.at(*before, has_variances=True), *before, _DAMPING_MIN


def _corrections(
    logs: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    tau: np.ndarray,
    nu: np.ndarray,
    is_open: np.ndarray,
) -> float:
    """Return what sites say beyond the Gaussians that stand for them, nats."""
    left = 1.0 / np.where(is_open, variance, 1.0)
    whole = left + tau
    own = -0.5 * np.log(whole / left)
    own += 0.5 * ((mean * left + nu) ** 2 / whole - mean**2 * left)
    return float(np.where(is_open, logs - own, 0.0).sum())
