"""The maximum of rows and sites together, and the Gaussian that has its curvature there.

Source: Rasmussen and Williams (2006), "Gaussian Processes for Machine Learning", algorithm 3.1.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.sites.fields import Field, Moments

_STEPS_MAX = 1000
"""From far out exponentials are come down by one a step."""
_FEW = 60
"""Steps where there are kinks or several maxima: these need not be found to the last digit."""
_HALVINGS_MAX = 40
_NEAR = 1e-10
"""Twice the nats that a step may still gain at the maximum."""
_SHRINKS = 0.5
"""Steps shrink faster where there is a maximum; where data can be told apart they never do."""
_LEAST = 1e-12
"""Of the curvature of its neighbours: what one is taken to have where it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where rows and sites together are highest.

    Attributes:
        x: the reals there.
        tau, nu: of the Gaussians that have the curvature of the sites there.
        moments: where these stand for the sites.
        log_value: of the integral by the curvature, nats.
        is_found: whether the climb has arrived.
    """

    x: Float64[np.ndarray, " reals"]
    tau: Float64[np.ndarray, " sites"]
    nu: Float64[np.ndarray, " sites"]
    moments: Moments
    log_value: float
    is_found: bool


def climb(field: Field, state: int, budget: Budget) -> Maximum:
    """Go up by Newton's steps, halved where they lead down.

    Where all is concave and steps do not shrink there is no maximum, and so no integral: then data
    can be told apart by a straight line, and nothing else holds that line.

    Raises:
        NotProperError: there is no integral.
        TimeoutError: when there is no time left.
    """
    moments = field.at(*field.seen.start(), has_variances=False)
    x, step = moments.mean, moments.mean
    height = _height(field, x)
    while not np.isfinite(height) and np.abs(x).max(initial=0.0) > 1.0:
        # Beyond what floats hold there are no slopes either.
        x = 0.5 * x
        height = _height(field, x)
    size, tau, nu = np.inf, *field.seen.start()
    is_found = False
    has_proof = field.seen.is_concave and field.seen.is_smooth
    for _ in range(_STEPS_MAX if has_proof else _FEW):
        budget.check()
        tau, nu = _curved(field, x)
        moments = field.at(tau, nu, has_variances=False)
        step = moments.mean - x
        along = field.project(x + step) - field.project(x)
        gain = float(tau @ along**2) + field.bend(step)
        before, size = size, float(np.abs(along).max(initial=0.0))
        x, height, share = _moved(field, x, step, height)
        if share == 0.0 or (gain < _NEAR and size < _SHRINKS * before):
            is_found = gain < 1e-4
            break
    if not is_found and has_proof:
        raise NotProperError(state, int(np.abs(step).argmax()))
    tau, nu = _curved(field, x)
    moments = field.at(tau, nu, has_variances=False)
    log_value = _height(field, x) + 0.5 * len(x) * float(np.log(2.0 * np.pi)) - moments.log_half
    return Maximum(x, tau, nu, moments, log_value + field.log_scale, is_found)


def _height(field: Field, x: Float64[np.ndarray, " reals"]) -> float:
    return field.told(x) + float(field.seen.log_density(field.project(x)).sum())


def _curved(
    field: Field, x: Float64[np.ndarray, " reals"]
) -> tuple[Float64[np.ndarray, " sites"], Float64[np.ndarray, " sites"]]:
    """Return Gaussians with the slopes of the sites and their curvature, where that is down."""
    z = field.project(x)
    first, second = field.seen.slopes(z)
    tau = np.maximum(-second, 0.0)
    if not field.seen.is_concave:
        tau = np.maximum(tau, 0.05 * field.seen.start()[0])
    return tau, first + tau * z


def _moved(
    field: Field, x: np.ndarray, step: np.ndarray, height: float
) -> tuple[np.ndarray, float, float]:
    """Take the largest half of a half of a step that leads up; say how much of it that is."""
    share = 1.0
    for _ in range(_HALVINGS_MAX):
        new = _height(field, x + share * step)
        if np.isfinite(new) and new >= height - 1e-13 * abs(height):
            return x + share * step, new, share
        share *= 0.5
    return x, height, 0.0
