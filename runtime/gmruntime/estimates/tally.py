"""Sums of weighted draws: probabilities with their standard errors.

    P(x)  =  sum of the weights of the draws with x / sum of all weights
    error^2  =  sum w^2 (1[x] - P(x))^2 / (sum w)^2

Source: Owen (2013), "Monte Carlo theory, methods and examples", section 9.2.
"""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64


@dataclass(slots=True, eq=False)
class Tally:
    """Sums of weights, in units of e^log_scale.

    Attributes:
        starts: where the states of each variable asked begin, and their number last.
        sums: of the weights of the draws in each state.
        squares: of their squares.
        num_draws: in all.
        total: of all weights.
        total_squares: of their squares.
        largest: weight.
        log_ceiling: no draw can weigh more than e to this.
    """

    starts: Int64[np.ndarray, " asked_and_end"]
    sums: Float64[np.ndarray, " states"]
    squares: Float64[np.ndarray, " states"]
    log_scale: float = -math.inf
    num_draws: int = 0
    total: float = 0.0
    total_squares: float = 0.0
    largest: float = 0.0
    log_ceiling: float = math.inf

    def add(
        self, states: Int64[np.ndarray, "asked rows"], log_weights: Float64[np.ndarray, " rows"]
    ) -> None:
        """Take draws in: the states of what is asked, and the weight of each row."""
        self.num_draws += len(log_weights)
        high = float(log_weights.max(initial=-np.inf))
        if high == -np.inf:
            return
        if high > self.log_scale:
            shrunk = math.exp(self.log_scale - high)
            self.log_scale = high
            self.sums, self.total = self.sums * shrunk, self.total * shrunk
            self.squares = self.squares * shrunk**2
            self.total_squares *= shrunk**2
            self.largest *= shrunk
        weights = np.exp(log_weights - self.log_scale)
        places = (self.starts[:-1, None] + states).reshape(-1)
        repeated = np.broadcast_to(weights, states.shape).reshape(-1)
        size = len(self.sums)
        self.sums += np.bincount(places, repeated, minlength=size)
        self.squares += np.bincount(places, repeated * repeated, minlength=size)
        self.total += float(weights.sum())
        self.total_squares += float((weights * weights).sum())
        self.largest = max(self.largest, float(weights.max()))

    def effective(self) -> float:
        """Return the effective sample size."""
        return self.total**2 / self.total_squares if self.total_squares else 0.0

    def probabilities(self) -> Float64[np.ndarray, " states"]:
        """Return the share of each state."""
        return self.sums / self.total

    def errors(self) -> Float64[np.ndarray, " states"]:
        """Return the standard error of each share.

        A state that was drawn never or always may still be rare or lacking, and what was never
        drawn may weigh much: no error is below what leaves room for that.
        """
        p = self.probabilities()
        variance = self.squares * (1.0 - 2.0 * p) + p * p * self.total_squares
        return np.maximum(np.sqrt(np.maximum(variance, 0.0)) / self.total, self.unseen())

    def unseen(self) -> float:
        """Return half the share of Z that what was never drawn may have, at 95 % confidence.

        Something of probability q is missed by n draws with odds e^-nq, which 3/n makes 5 %.
        """
        if not self.total:
            return math.inf
        return 1.5 * math.exp(min(self.log_ceiling - self.log_scale, 700.0)) / self.total

    def log_mean(self) -> float:
        """Return the log of the mean weight."""
        if not self.total:
            return -math.inf
        return self.log_scale + math.log(self.total) - math.log(self.num_draws)

    def log_mean_error(self) -> float:
        """Return the standard error of the log of the mean weight."""
        n = self.num_draws
        relative = self.total_squares / self.total**2 - 1.0 / n if self.total else math.inf
        return math.sqrt(max(relative, 0.0))
