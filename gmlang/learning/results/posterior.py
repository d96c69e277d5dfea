"""What is known of params that were learned as distributions."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from gmruntime.arrays import Float64


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is known of params that were learned as distributions: a Dirichlet for each.

    Attributes:
        cases: seen, expected and imaginary ones of each number, and of one minus it.
        totals: those of its whole distribution.
        bound: nats; the log evidence, of all cases under the prior, is not below it.
        is_exact: nothing is latent: the bound is the log evidence, the posterior the true one.
    """

    cases: Float64[np.ndarray, "2 numbers"]
    totals: Float64[np.ndarray, " numbers"]
    bound: float
    is_exact: bool

    def errors(self) -> Float64[np.ndarray, " numbers"]:
        """Return the standard deviations."""
        mean = self.cases[0] / self.totals
        return np.sqrt(mean * (1.0 - mean) / (self.totals + 1.0))

    def quantile(self, part: slice, below: float) -> Float64[np.ndarray, " some"]:
        """Return the numbers that so much of each one's distribution lies below."""
        on = self.cases[0, part]
        off = self.totals[part] - on
        # Of a single state that is always 1.
        found = betaincinv(on, np.where(off > 0, off, 1.0), below)
        return np.where(off > 0, found, 1.0)
