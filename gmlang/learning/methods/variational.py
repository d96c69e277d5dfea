"""Params learned as distributions: variational Bayes, with a bound on the evidence.

The posterior of params and of all that nobody has seen is taken for a product of the two. That of
the params is then a Dirichlet for each distribution, with the cases A = imaginary cases + expected
ones, and the expectation has tables of exp(digamma(A) - digamma(sum A)) in place of probabilities.
With log Z of rows under these tables

    bound = sum_r w_r log Z_r - KL(Dirichlet(A) || prior) <= log evidence,

whatever A is, because log Z_r is exact; and it is the log evidence where nothing is latent.

Source: Attias (1999), "Inferring parameters and structure of latent variable models by variational
Bayes"; Beal (2003), "Variational algorithms for approximate Bayesian inference", chapter 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, gammaln

from gmlang.core.parameters import ParameterKind
from gmlang.learning.methods.climbing import RisingMap, Round, rounding_of, strides
from gmlang.learning.numbers.coordinates import Layout
from gmlang.learning.numbers.priors import Priors
from gmlang.learning.objective import Objective, Point
from gmruntime.arrays import Float64
from gmruntime.budget import Budget

Cases = Float64[np.ndarray, "2 numbers"]
"""The parameters of Beta and Dirichlet distributions: of a number, and of one minus it. The second
means nothing of a simplex."""

_LEAST = 1e-300

_LARGE = 1e3
"""The log Gamma functions of larger numbers are so large that their difference is mere rounding."""


def prior_cases(priors: Priors) -> Cases:
    """Return the imaginary cases of all numbers."""
    found = np.stack([priors.seen, priors.unseen])
    for array in priors.layout.arrays:
        if array.kind is ParameterKind.SIMPLEX:
            found[1, array.part] = 1.0
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """The bound on the log evidence of a program of mechanisms, all of whose params are direct.

    Attributes:
        expected: what is summed over the rows; its own numbers are only where a climb begins.
        prior: imaginary cases, all above 0.
        is_evidence: whether nothing is latent: the highest bound is then the log evidence.
    """

    expected: Objective
    prior: Cases
    is_evidence: bool

    @property
    def layout(self) -> Layout:
        """What is learned."""
        return self.expected.layout

    @property
    def priors(self) -> Priors:
        """The priors of it."""
        return self.expected.priors

    def at(self, numbers: np.ndarray, budget: Budget) -> Point:
        """Evaluate the bound for the cases that are expected at some numbers.

        Raises:
            TimeoutError: when the budget ended before it was known.
        """
        told = self.expected.under(self.expected.tables.at(numbers, budget), budget)
        return self.of_cases(self.prior + np.maximum(told.uses, 0.0), budget)

    def of_cases(self, cases: Cases, budget: Budget) -> Point:
        """Evaluate the bound for a posterior.

        Raises:
            TimeoutError: when the budget ended before it was known.
        """
        layout = self.layout
        logs = _mean_logs(layout, cases)
        places = np.concatenate([np.zeros(1), logs.reshape(-1)])
        told = self.expected.under(self.expected.tables.of_logs(places), budget)
        divergence = _divergence(layout, cases, self.prior, logs)
        nothing = np.zeros(layout.size)
        return Point(
            *(means(layout, cases), told.log_rows, told.total, -divergence),
            *(told.counts, told.uses, told.seen, nothing, cases),
        )


def variational(bound: Bound, start: Point, budget: Budget, *, has_latent: bool) -> Iterator[Round]:
    """Yield rounds from a point on, until what is left to gain is too little.

    Raises:
        TimeoutError: when the budget ended within a round.
    """
    mapping = RisingMap(
        lambda point: bound.prior + np.maximum(point.uses, 0.0),
        lambda cases: bound.of_cases(cases, budget),
        lambda cases: np.log(np.maximum(cases, _LEAST)),
        lambda logs: np.exp(np.clip(logs, np.log(_LEAST), -np.log(_LEAST))),
        lambda point: _cases(point),
        rounding_of(bound.expected),
    )
    yield from strides(mapping, start, has_latent=has_latent)


def _cases(point: Point) -> Cases:
    assert point.cases is not None
    return point.cases


# --- Beta and Dirichlet distributions ----------------------------------------------------


def totals(layout: Layout, cases: Cases) -> Float64[np.ndarray, " numbers"]:
    """Return the cases of each number's whole distribution."""
    found = np.zeros(layout.size)
    for array in layout.arrays:
        if array.kind is ParameterKind.SIMPLEX:
            rows = array.rows(cases[0])
            own = np.broadcast_to(rows.sum(axis=1, keepdims=True), rows.shape).reshape(-1)
        else:
            own = cases[:, array.part].sum(axis=0)
        found[array.part] = own
    return found


def means(layout: Layout, cases: Cases) -> Float64[np.ndarray, " numbers"]:
    """Return the mean of each number."""
    return cases[0] / totals(layout, cases)


def _mean_logs(layout: Layout, cases: Cases) -> Cases:
    """Return the means of the log of each number, and of that of one minus it; 0 of a simplex."""
    found = digamma(cases) - digamma(totals(layout, cases))
    for array in layout.arrays:
        if array.kind is ParameterKind.SIMPLEX:
            found[1, array.part] = 0.0
    return found


def _divergence(layout: Layout, cases: Cases, prior: Cases, logs: Cases) -> float:
    """Return KL(Dirichlet(cases) || Dirichlet(prior)) of all distributions, nats.

    Args:
        layout: what is learned.
        cases: of one.
        prior: of the other.
        logs: the means of logs under the first.
    """
    more = cases - prior
    found = float((more * logs).sum())
    for array in layout.arrays:
        axis = 0
        own, its = prior[:, array.part], more[:, array.part]
        if array.kind is ParameterKind.SIMPLEX:
            axis, own, its = 1, array.rows(prior[0]), array.rows(more[0])
        found += float(_log_rising(own.sum(axis), its.sum(axis)).sum())
        found -= float(_log_rising(own, its).sum())
    return found


def _log_rising(x: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return log Gamma(x + more) - log Gamma(x), where both are large without taking them apart."""
    y = x + more
    is_large = (x > _LARGE) & (y > _LARGE)
    a, b = np.where(is_large, x, 1.0), np.where(is_large, y, 1.0)
    d = np.where(is_large, more, 0.0)
    # Stirling's series; the next term is below 1e-18.
    large = (a - 0.5) * np.log1p(d / a) + d * np.log(b) - d + (1.0 / b - 1.0 / a) / 12.0
    large = large - (b**-3.0 - a**-3.0) / 360.0
    return np.where(is_large, large, gammaln(y) - gammaln(x))
