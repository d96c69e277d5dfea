"""What sites may be: families of log densities of one real, with their slopes.

Numbers of a family are what was seen and what is known before inference, one line a row.

    logit     (k, n)          k of n happened, each with probability 1 / (1 + exp(-z))
    probit    (k, n)          likewise with probability Phi(z)
    poisson   (k)             k events, where exp(z) are expected
    student   (y, df, scale)  y = z + scale * t
    laplace   (y, scale)      likewise of a Laplace distribution
    logistic  (y, scale)      likewise of a logistic distribution
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64

Log = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From values [... rows] and numbers [rows k] to logs [... rows]."""
Pair = tuple[np.ndarray, np.ndarray]
Slopes = Callable[[np.ndarray, np.ndarray], Pair]
"""From values and numbers to the first and the second derivative of the log."""

_BLOCK = 512
"""So many factors between 1 and 2 have a product that is a float."""
_LOG_ROOT_2PI = 0.5 * float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A family of sites.

    Attributes:
        log_density: with all constants, nats.
        slopes: its derivatives; at a kink those of either side.
        start: from numbers to tau and nu of a Gaussian exp(-tau z**2 / 2 + nu z) that is near.
        is_concave: whether the log density is.
        is_smooth: whether it has no kink.
        log_sums: from values [settings rows], weights and numbers to sums over rows, where that is
            faster than one by one.
    """

    log_density: Log
    slopes: Slopes
    start: Callable[[np.ndarray], Pair]
    is_concave: bool = True
    is_smooth: bool = True
    log_sums: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """The family of the rows of a block, and their numbers."""

    family: str
    numbers: Float64[np.ndarray, "rows numbers"]

    def some(self, rows: Int64[np.ndarray, " some"]) -> "Site":
        """Return the sites of some of the rows."""
        return Site(self.family, self.numbers[rows])

    def log_density(self, values: Float64[np.ndarray, "*more rows"]) -> np.ndarray:
        """Return the log density of each row at its value."""
        return FAMILIES[self.family].log_density(values, self.numbers)

    def log_sums(
        self, values: Float64[np.ndarray, "settings rows"], weights: Float64[np.ndarray, "#n #rows"]
    ) -> Float64[np.ndarray, " settings"]:
        """Return the weighted sum of the log densities of all rows, at each setting."""
        family = FAMILIES[self.family]
        if family.log_sums is not None and len(weights) == 1:
            return family.log_sums(values, weights[0], self.numbers)
        logs = family.log_density(values, self.numbers)
        return np.where(weights != 0.0, weights * logs, 0.0).sum(axis=1)


def _log_choose(numbers: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    k, n = numbers.T
    if (n <= 1.0).all():
        return np.zeros(len(n))
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


# --- Logit -------------------------------------------------------------------------------


def _logit(z: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    k, n = numbers.T
    return _log_choose(numbers) + k * z - n * np.logaddexp(0.0, z)


def _logit_slopes(z: np.ndarray, numbers: np.ndarray) -> Pair:
    from scipy.special import expit

    k, n = numbers.T
    yes, no = expit(z), expit(-z)
    # k - n p would be 0 where the slope is small.
    return k * no - (n - k) * yes, -n * yes * no


def _logit_sums(z: np.ndarray, weights: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Sum logs as logs of products, of which there are far fewer: 1 + e^-|z| is at most 2."""
    k, n = numbers.T
    times = weights * n
    total = z @ (weights * k - 0.5 * times) + float(np.sum(weights * _log_choose(numbers)))
    away = np.abs(z)
    # max(z, 0) is half of z + |z|.
    total -= 0.5 * (away @ times)
    ones = times == 1.0
    if ones.all():
        powers = np.exp(np.negative(away, out=away), out=away)
    else:
        powers = np.exp(-np.abs(z[:, ones]))
        total -= np.log1p(np.exp(-np.abs(z[:, ~ones]))) @ times[~ones]
    powers += 1.0
    starts = np.arange(0, powers.shape[1], _BLOCK)
    if len(starts):
        total -= np.log(np.multiply.reduceat(powers, starts, axis=1)).sum(axis=1)
    return total


# --- Probit ------------------------------------------------------------------------------


def _probit(z: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    from scipy.special import log_ndtr

    k, n = numbers.T
    # What did not happen counts 0 times, however improbable it is.
    yes = np.where(k > 0.0, k * log_ndtr(np.where(k > 0.0, z, 0.0)), 0.0)
    no = np.where(n > k, (n - k) * log_ndtr(np.where(n > k, -z, 0.0)), 0.0)
    return _log_choose(numbers) + yes + no


def _hazard(z: np.ndarray) -> np.ndarray:
    """Return the slope of log Phi: phi / Phi."""
    from scipy.special import log_ndtr

    return np.exp(-0.5 * z * z - _LOG_ROOT_2PI - log_ndtr(z))


def _probit_slopes(z: np.ndarray, numbers: np.ndarray) -> Pair:
    k, n = numbers.T
    yes, no = _hazard(z), _hazard(-z)
    second = -k * yes * (yes + z) - (n - k) * no * (no - z)
    return k * yes - (n - k) * no, second


# --- Counts ------------------------------------------------------------------------------


def _poisson(z: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    k = numbers[:, 0]
    with np.errstate(over="ignore"):
        return k * z - np.exp(z) - gammaln(k + 1.0)


def _poisson_slopes(z: np.ndarray, numbers: np.ndarray) -> Pair:
    with np.errstate(over="ignore"):
        rate = np.exp(z)
    return numbers[:, 0] - rate, -rate


def _poisson_start(numbers: np.ndarray) -> Pair:
    tau = numbers[:, 0] + 0.5
    return tau, tau * np.log(tau)


# --- Around a centre ---------------------------------------------------------------------


def _student(z: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    y, df, scale = numbers.T
    log_scale = gammaln((df + 1) / 2) - gammaln(df / 2) - 0.5 * np.log(df * np.pi) - np.log(scale)
    return log_scale - (df + 1) / 2 * np.log1p(((y - z) / scale) ** 2 / df)


def _student_slopes(z: np.ndarray, numbers: np.ndarray) -> Pair:
    y, df, scale = numbers.T
    away = (y - z) / scale
    below = df + away**2
    first = (df + 1) * away / (below * scale)
    return first, (df + 1) * (away**2 - df) / (below * scale) ** 2


def _laplace(z: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    y, scale = numbers.T
    return -np.abs(y - z) / scale - np.log(2.0 * scale)


def _laplace_slopes(z: np.ndarray, numbers: np.ndarray) -> Pair:
    """Return the slope, and the curvature that the kink has where it is rounded by its scale."""
    y, scale = numbers.T
    away = (y - z) / scale
    return np.sign(away) / scale, -1.0 / (scale**2 * np.maximum(np.abs(away), 1e-3))


def _logistic(z: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    y, scale = numbers.T
    away = np.abs(y - z) / scale
    return -away - 2.0 * np.log1p(np.exp(-away)) - np.log(scale)


def _logistic_slopes(z: np.ndarray, numbers: np.ndarray) -> Pair:
    y, scale = numbers.T
    bend = np.tanh(0.5 * (y - z) / scale)
    return bend / scale, -0.5 * (1.0 - bend**2) / scale**2


def _around(numbers: np.ndarray) -> Pair:
    tau = numbers[:, -1] ** -2.0
    return tau, tau * numbers[:, 0]


def _shares(tau: float) -> Callable[[np.ndarray], Pair]:
    def start(numbers: np.ndarray) -> Pair:
        k, n = numbers.T
        return tau * n, (k - 0.5 * n) * 2.0 * np.sqrt(tau)

    return start


FAMILIES: dict[str, Family] = {
    "logit": Family(_logit, _logit_slopes, _shares(0.25), log_sums=_logit_sums),
    "probit": Family(_probit, _probit_slopes, _shares(0.6)),
    "poisson": Family(_poisson, _poisson_slopes, _poisson_start),
    "student": Family(_student, _student_slopes, _around, is_concave=False),
    "laplace": Family(_laplace, _laplace_slopes, _around, is_smooth=False),
    "logistic": Family(_logistic, _logistic_slopes, _around),
}
