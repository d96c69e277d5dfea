"""Functions of one real number. Where one has no value it gives "not a number"."""

from collections.abc import Callable

import numpy as np


def _logistic(values: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return np.asarray(expit(values))


def _erf(values: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return np.asarray(erf(values))


def _normal_cdf(values: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return np.asarray(ndtr(values))


_NEAR_POLE = 1e-17


def _lgamma(values: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    is_pole = (values <= 0) & (values == np.floor(values)) & np.isfinite(values)
    # Next to its pole at 0 the gamma function is 1 / x, also where that is beyond floats.
    is_near = (np.abs(values) < _NEAR_POLE) & ~is_pole
    found = np.where(is_pole, np.nan, gammaln(values))
    return np.where(is_near, -np.log(np.abs(values)), found)


REAL_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "logistic": _logistic,
    "erf": _erf,
    "normal_cdf": _normal_cdf,
    "lgamma": _lgamma,
}
"""What each computes, in float64, entry by entry; SciPy is loaded when a program needs it."""

ROUNDING_FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.round,
}
"""Those whose result is an integer; `round` takes a half to the even neighbour."""
