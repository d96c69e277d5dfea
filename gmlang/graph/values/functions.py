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


def _lgamma(values: np.ndarray) -> np.ndarray:
    from scipy.special import gammaln

    is_pole = (values <= 0) & (values == np.floor(values)) & np.isfinite(values)
    return np.where(is_pole, np.nan, gammaln(values))


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
