"""Made-up posteriors whose means, spreads and integrals are known."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from gmruntime.continuous.outer import Domain

LAWS: Any = stats


class MadeUp(NamedTuple):
    """A posterior, and what is true of it."""

    log_density: Callable[[np.ndarray], np.ndarray]
    domain: Domain
    draw: Callable[[np.ndarray], np.ndarray] | None
    means: np.ndarray
    sds: np.ndarray
    log_z: float


class TwoNormals(NamedTuple):
    """Two normal densities side by side, in the form of SciPy's distributions."""

    half_distance: float
    share: float
    scale: float

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        left = np.log(self.share) + LAWS.norm.logpdf(x / self.scale, -self.half_distance)
        right = np.log1p(-self.share) + LAWS.norm.logpdf(x / self.scale, self.half_distance)
        return np.logaddexp(left, right) - np.log(self.scale)

    def mean(self) -> float:
        return self.scale * (1 - 2 * self.share) * self.half_distance

    def std(self) -> float:
        between = 4 * self.share * (1 - self.share) * self.half_distance**2
        return self.scale * np.sqrt(1 + between)


def made_up_posterior(rng: np.random.Generator) -> MadeUp:
    """Make up a posterior of one to eight parameters on scales from 1e-4 to 1e4.

    Independent marginals, normal, heavy-tailed, skewed, in two heaps, or with bounds; those without
    bounds are then turned and stretched together. Half of them come with draws of a wide prior.
    """
    size = int(rng.integers(1, 9))
    marginals, lows, highs = list[Any](), list[float](), list[float]()
    for _ in range(size):
        low, high = -np.inf, np.inf
        match int(rng.integers(6)):
            case 0:
                one = LAWS.norm(5 * rng.normal(), 10 ** rng.uniform(-2, 2))
            case 1:
                scale = 10 ** rng.uniform(-2, 2)
                one = LAWS.t(rng.uniform(4, 10), 5 * rng.normal(), scale)
            case 2:
                one = LAWS.gamma(rng.uniform(0.7, 6), scale=10 ** rng.uniform(-2, 2))
                low = 0.0
            case 3:
                one = LAWS.beta(rng.uniform(0.7, 8), rng.uniform(0.7, 8))
                low, high = 0.0, 1.0
            case 4:
                one = LAWS.loggamma(rng.uniform(0.5, 4))
            case _:
                scale = 10 ** rng.uniform(-1, 1)
                one = TwoNormals(rng.uniform(2, 4), rng.uniform(0.2, 0.8), scale)
        marginals.append(one)
        lows.append(low)
        highs.append(high)
    domain = Domain(np.array(lows), np.array(highs))
    means = np.array([one.mean() for one in marginals])
    sds = np.array([one.std() for one in marginals])
    open_ones = np.flatnonzero(np.isneginf(domain.lows))
    mixing = np.eye(size)
    if len(open_ones):
        count = len(open_ones)
        turn = np.linalg.qr(rng.normal(size=(count, count)))[0] * 10 ** rng.uniform(
            -0.5, 0.5, count
        )
        scales = 10 ** rng.uniform(-2, 2, count)
        mixing[np.ix_(open_ones, open_ones)] = turn * scales[:, None] / sds[open_ones]
    unmixing, log_volume = np.linalg.inv(mixing), np.linalg.slogdet(mixing)[1]
    log_z = 20 * rng.normal()

    def log_density(theta: np.ndarray) -> np.ndarray:
        x = theta @ unmixing.T
        parts = [one.logpdf(x[:, k]) for k, one in enumerate(marginals)]
        return np.sum(parts, axis=0) - log_volume + log_z

    def draw(uniform: np.ndarray) -> np.ndarray:
        wide = means + 3 * sds * LAWS.norm.ppf(uniform)
        for k in np.flatnonzero(np.isfinite(domain.lows)):
            wide[:, k] = marginals[k].ppf(uniform[:, k])
        return wide @ mixing.T

    given = draw if rng.random() < 0.5 else None
    sds_mixed = np.sqrt(mixing**2 @ sds**2)
    return MadeUp(log_density, domain, given, mixing @ means, sds_mixed, log_z)
