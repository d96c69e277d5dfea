"""What is believed of a real: a mixture of normal distributions."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64


@dataclass(frozen=True, slots=True, eq=False)
class GaussianMixture:
    """A mixture of normal distributions; one of sd 0 is a point.

    Attributes:
        weights: of the parts, above 0; they sum to one.
        means, sds: of the parts.
    """

    weights: Float64[np.ndarray, " parts"]
    means: Float64[np.ndarray, " parts"]
    sds: Float64[np.ndarray, " parts"]

    @property
    def mean(self) -> float:
        """The mean."""
        return float(self.weights @ self.means)

    @property
    def sd(self) -> float:
        """The standard deviation."""
        spread = self.sds**2 + (self.means - self.mean) ** 2
        return float(np.sqrt(self.weights @ spread))

    def cdf(self, value: float) -> float:
        """Return the probability of being at most so much.

        >>> GaussianMixture(np.ones(1), np.ones(1), np.ones(1)).cdf(1.0)
        0.5
        """
        from scipy.special import ndtr

        return float(self.weights @ ndtr(self._standard(value)))

    def _standard(self, value: float) -> Float64[np.ndarray, " parts"]:
        """Return how many sds above its mean a value is in each part; a point is at or below."""
        above = value - self.means
        points = np.where(above >= 0.0, np.inf, -np.inf)
        return np.divide(above, self.sds, out=points, where=self.sds > 0.0)

    def density(self, value: float) -> float:
        """Return the density; inf at a point.

        >>> round(GaussianMixture(np.ones(1), np.zeros(1), np.ones(1)).density(0.0), 4)
        0.3989
        """
        is_point = self.sds == 0.0
        if (is_point & (self.means == value)).any():
            return float("inf")
        parts = ~is_point
        sds = self.sds[parts]
        powers = np.exp(-0.5 * ((value - self.means[parts]) / sds) ** 2)
        return float(self.weights[parts] @ (powers / sds)) / float(np.sqrt(2.0 * np.pi))

    def quantile(self, share: float) -> float:
        """Return the least value that so much probability lies at or below.

        Args:
            share: above 0 and below 1.

        Raises:
            ValueError: for another share.
        """
        from scipy.special import ndtri

        if not 0.0 < share < 1.0:
            raise ValueError(f"a share lies between 0 and 1, and this is {share}")
        ends = self.means + self.sds * ndtri(share)
        low, high = float(ends.min()), float(ends.max())
        if low == high or self.cdf(low) >= share:
            return low
        while low < (middle := 0.5 * low + 0.5 * high) < high:
            if self.cdf(middle) < share:
                low = middle
            else:
                high = middle
        return high

    def sample(self, rng: np.random.Generator, count: int) -> Float64[np.ndarray, " count"]:
        """Draw independent values."""
        part = rng.choice(len(self.weights), count, p=self.weights / self.weights.sum())
        return self.means[part] + self.sds[part] * rng.standard_normal(count)


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """What is believed of each of some reals, one by one.

    Attributes:
        weights: of the parts, which are the same for all; they sum to one.
        means, sds: of each part and real.
    """

    weights: Float64[np.ndarray, " parts"]
    means: Float64[np.ndarray, "parts reals"]
    sds: Float64[np.ndarray, "parts reals"]

    def mean(self) -> Float64[np.ndarray, " reals"]:
        """Return the mean of each."""
        return self.weights @ self.means

    def sd(self) -> Float64[np.ndarray, " reals"]:
        """Return the standard deviation of each."""
        spread = self.sds**2 + (self.means - self.mean()) ** 2
        return np.sqrt(self.weights @ spread)

    def of(self, position: int) -> GaussianMixture:
        """Return what is believed of the real at a position."""
        return GaussianMixture(self.weights, self.means[:, position], self.sds[:, position])
