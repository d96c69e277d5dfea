"""What is believed of joint reals, as answers say it: mean, deviation, quantiles, density."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from scipy.special import ndtr, ndtri

from gmlang.process.collecting import nothing_collected
from gmlang.queries.reals.summaries import QUANTILES
from gmruntime.arrays import Float64
from gmruntime.continuous.beliefs import GaussianMixture

_HALVINGS = 80
"""An interval of 2^80 roundings is halved to one."""

_WORK_MAX = 1 << 27
"""Quantiles of mixtures are looked for while so many parts have to be added up, for all reals."""


@dataclass(frozen=True, slots=True, eq=False)
class Mixtures(Sequence["MixtureBelief"]):
    """Mixtures of normal distributions, one for each real of an answer.

    Attributes:
        groups: of reals whose parts have the same weights: their places in the answer, the
            weights, and the means and deviations, (parts, reals).
    """

    num_reals: int
    groups: tuple[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], ...]

    def __len__(self) -> int:
        return self.num_reals

    def __getitem__(self, place: int) -> "MixtureBelief":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return one of them."""
        if not -self.num_reals <= place < self.num_reals:
            raise IndexError(place)
        place %= self.num_reals
        for places, weights, means, sds in self.groups:
            found = np.flatnonzero(places == place)
            if len(found):
                column = int(found[0])
                return MixtureBelief(GaussianMixture(weights, means[:, column], sds[:, column]))
        raise IndexError(place)

    def __iter__(self) -> Iterator["MixtureBelief"]:
        return (self[k] for k in range(self.num_reals))

    def mean(self) -> Float64[np.ndarray, " reals"]:
        """Return the mean of each."""
        found = np.zeros(self.num_reals)
        for places, weights, means, _ in self.groups:
            found[places] = weights @ means
        return found

    def sd(self) -> Float64[np.ndarray, " reals"]:
        """Return the standard deviation of each."""
        found = np.zeros(self.num_reals)
        for places, weights, means, sds in self.groups:
            away = means - weights @ means
            found[places] = np.sqrt(weights @ (sds**2 + away**2))
        return found

    def quantiles(
        self, share: float | Float64[np.ndarray, " reals"]
    ) -> Float64[np.ndarray, " reals"] | None:
        """Return where the probability of at most that reaches a share; None where that is long."""
        found, shares = np.zeros(self.num_reals), np.broadcast_to(share, self.num_reals)
        for places, weights, means, sds in self.groups:
            high = (means + sds * ndtri(shares[places]))[0]
            if len(weights) > 1:
                if means.size * _HALVINGS > _WORK_MAX:
                    return None
                high = _where_reached(shares[places], weights, means, sds)
            found[places] = high
        return found

    def summaries(self) -> list[dict[str, object]]:
        """Return the numbers that an answer writes of each."""
        means, sds = self.mean().tolist(), self.sd().tolist()
        columns = [(f"{share:g}", self.quantiles(share)) for share in QUANTILES]
        known = {name: found.tolist() for name, found in columns if found is not None}
        rows = zip(*known.values(), strict=True) if known else repeat(())
        with nothing_collected():
            return [
                {"mean": mean, "sd": sd, "quantiles": dict(zip(known, row, strict=True))}
                for mean, sd, row in zip(means, sds, rows, strict=False)
            ]


def _where_reached(
    share: np.ndarray, weights: np.ndarray, means: np.ndarray, sds: np.ndarray
) -> np.ndarray:
    """Return where a probability is reached: by Newton's steps, in an interval that is halved.

    Every third step halves it, so that steps which lead nowhere, as beside points, do no harm.
    """
    ends = means + sds * ndtri(share)
    low, high = ends.min(axis=0), ends.max(axis=0)
    here, is_found = (low + high) / 2, np.zeros(low.shape, np.bool_)
    for turn in range(3 * _HALVINGS):
        missing = weights @ below(here, means, sds) - share
        is_below = missing < 0.0
        low, high = np.where(is_below, here, low), np.where(is_below, high, here)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = here - missing / (weights @ _densities(here, means, sds))
        is_found |= np.abs(newton - here) <= 2 * np.spacing(np.abs(here))
        if (is_found | (high - low <= 2 * np.spacing(np.abs(high)))).all():
            break
        is_step = (newton > low) & (newton < high) & (turn % 3 != 2)
        here = np.where(is_found, here, np.where(is_step, newton, (low + high) / 2))
    return np.where(is_found, here, high)


def _densities(value: np.ndarray, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """Return the density at a value in each part; points have none."""
    scaled = np.divide(value - means, sds, out=np.full(means.shape, np.inf), where=sds > 0.0)
    bells = np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
    return np.divide(bells, sds, out=np.zeros(means.shape), where=sds > 0.0)


def below(value: np.ndarray | float, means: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """Return the probability of at most a value in each part; a point is at or below."""
    above = value - means
    points = np.where(above >= 0.0, np.inf, -np.inf)
    return ndtr(np.divide(above, sds, out=points, where=sds > 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class MixtureBelief:
    """The distribution of one real."""

    mixture: GaussianMixture

    def mean(self) -> float:
        """Return the mean."""
        return self.mixture.mean

    def sd(self) -> float:
        """Return the standard deviation."""
        return self.mixture.sd

    def density(self, value: float) -> float:
        """Return the density at a value."""
        return self.mixture.density(value)

    def cdf(self, value: float) -> float:
        """Return the probability of at most a value."""
        return self.mixture.cdf(value)

    def quantile(self, share: float) -> float:
        """Return where the probability of at most that reaches a share."""
        return self.mixture.quantile(share)

    def summary(self) -> dict[str, object]:
        """Return the numbers that an answer writes."""
        return mixtures_of([self.mixture]).summaries()[0]


def mixtures_of(each: Sequence[GaussianMixture]) -> Mixtures:
    """Gather mixtures, each with weights of its own."""
    groups = tuple(
        (np.array([k]), one.weights, one.means[:, None], one.sds[:, None])
        for k, one in enumerate(each)
    )
    return Mixtures(len(each), groups)


def chances_between(
    means: Float64[np.ndarray, "*parts"],
    sds: Float64[np.ndarray, "*parts"],
    low: float,
    high: float,
) -> Float64[np.ndarray, "*parts"]:
    """Return the probability of what lies between two numbers in each part, far out as well.

    Without them, but where both are one. A part of sd 0 is a point.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - means) / sds, (high - means) / sds
    # On the side on which the tail is: the difference of two numbers near 1 would be lost.
    flipped = a > 0.0
    a, b = np.where(flipped, -b, a), np.where(flipped, -a, b)
    at = means == low if low == high else (means > low) & (means < high)
    return np.where(sds > 0.0, ndtr(b) - ndtr(a), at)


def nearly_lies_on(points: Float64[np.ndarray, " points"], ends: np.ndarray) -> bool:
    """Say whether a point would lie on an end but for rounding."""
    near = _ROUNDING * np.maximum(1.0, np.abs(ends))
    off = np.abs(points[:, None] - ends)
    return bool(((off > 0.0) & (off <= near)).any())


_ROUNDING = 1e-12
"""Of a sum of a few numbers in float64."""
