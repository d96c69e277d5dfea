"""Means and variances of polynomials of degree two in jointly normal reals, and mixtures of them.

For x ~ N(m, S):    E(x'Ax + b'x + c) = m'Am + tr(AS) + b'm + c
                    Var = 2 tr(ASAS) + (b + 2Am)' S (b + 2Am)        with A symmetric

Source: Mathai and Provost (1992), Quadratic Forms in Random Variables, 3.2b.
"""

from dataclasses import dataclass

import numpy as np

from gmlang.queries.rows.asked import Polynomial
from gmlang.queries.rows.borders import Around, Given, given_border
from gmlang.queries.rows.integrating import Integrated
from gmruntime.continuous.beliefs import GaussianMixture


@dataclass(frozen=True, slots=True)
class Moments:
    """The mean and the variance of a number."""

    mean: float
    variance: float


def moments_of(mixture: GaussianMixture) -> Moments:
    """Return those of a mixture."""
    return Moments(mixture.mean, mixture.sd**2)


def of_polynomial(
    integrated: Integrated, polynomial: Polynomial, given_around: Around, p: np.ndarray
) -> Moments:
    """Return those of a polynomial, over the states of the border around its reals.

    Raises:
        TimeoutError: when there is no time left.
    """
    linear = given_border(integrated, polynomial.term, given_around)
    pairs = [
        (
            given_border(integrated, left, given_around),
            given_border(integrated, right, given_around),
        )
        for left, right in polynomial.products
    ]
    every = [linear, *(one for pair in pairs for one in pair)]
    reals = np.unique(np.concatenate([one.reals for one in every]))
    flat = p.reshape(-1)
    places = np.flatnonzero(flat > 0.0)
    weights = flat[places] / flat[places].sum()
    means, variances = np.zeros(len(places)), np.zeros(len(places))
    for k, place in enumerate(places.tolist()):
        state = tuple(int(s) for s in np.unravel_index(place, p.shape))
        b, c = _at(linear, state, reals)
        square = np.zeros((len(reals), len(reals)))
        for left, right in pairs:
            (u, e), (v, f) = _at(left, state, reals), _at(right, state, reals)
            square += (np.outer(u, v) + np.outer(v, u)) / 2
            b = b + e * v + f * u
            c = c + e * f
        m, s = np.zeros(len(reals)), np.zeros((len(reals), len(reals)))
        if given_around.patch is not None and len(reals):
            alone = np.zeros(p.shape)
            alone[state] = 1.0
            m, s = given_around.patch.moments(alone, reals)
        turned = square @ s
        slope = b + 2 * square @ m
        means[k] = m @ square @ m + np.trace(turned) + b @ m + c
        variances[k] = 2 * np.trace(turned @ turned) + slope @ s @ slope
    mean = float(weights @ means)
    return Moments(mean, float(weights @ (variances + (means - mean) ** 2)))


def _at(given: Given, state: tuple[int, ...], reals: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the coefficients of all reals, and the constant, in one state of the border."""
    pairs = zip(state, given.constant.shape, strict=True)
    constant = float(given.constant[tuple(s if n > 1 else 0 for s, n in pairs)])
    pairs = zip(state, given.coefficients.shape[:-1], strict=True)
    own = given.coefficients[tuple(s if n > 1 else 0 for s, n in pairs)]
    found = np.zeros(len(reals))
    np.add.at(found, np.searchsorted(reals, given.reals), own)
    return found, constant
