"""What is known of parameters, as weighted points, and of any function of them, with its error."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.continuous.outer.pareto import pareto_khat
from gmruntime.continuous.smoothing import WIDTH, normal_scores, scores_at, smooth_share

LATTICE_DIFFERENCE = "lattice difference"
STANDARD_ERROR = "standard error"
LATTICE_TIMES = 2.0
"""Times their difference is what two lattices may be off by: they may agree by chance."""
_FLOOR = 1e-12
"""Of a spread: what sums of floats are off by anyway."""
_TAIL_MIN = 1000
"""Draws, below which their largest say little of a tail."""
_HALVINGS = 48
"""Of where a quantile may lie: floats tell no more."""
_PARTS_MIN = 8
"""With fewer batches their spread says little, and that of the single draws counts as well."""


class Estimate(NamedTuple):
    """A number, and by how much it may be off: a standard error, or a difference of lattices."""

    value: float
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class WeightedPoints:
    """A distribution of parameters as weighted points. It is an estimate, always.

    Attributes:
        points: parameters, in the author's coordinates.
        log_weights: of the points; as numbers they sum to 1.
        parts: which lattice, or which batch of draws, a point is of.
        log_z: the log integral of the density; -inf when no point with a density was found.
        log_z_error: what that may be off by, of the same kind as all errors here.
        error_kind: "lattice difference" or "standard error"; "" when there are no points.
        ess: effective number of draws; of a lattice, of its points.
        khat: how heavy the tail of the weights is, for draws; -inf for a lattice.
        num_modes: distinct maxima that were found.
        num_starts: climbs that found them.
        num_evaluations: points that the log density was asked about.
        is_to_be_trusted: False when the weights say that the errors are not.
        notes: sentences for the user.
    """

    points: Float64[np.ndarray, "n d"]
    log_weights: Float64[np.ndarray, " n"]
    parts: Int64[np.ndarray, " n"]
    log_z: float
    log_z_error: float
    error_kind: str
    ess: float
    khat: float
    num_modes: int
    num_starts: int
    num_evaluations: int
    is_to_be_trusted: bool
    notes: tuple[str, ...] = ()

    def belief(self, values: Float64[np.ndarray, " n"]) -> "PointBelief":
        """Return what is known of a function of the parameters, given its value at each point."""
        if values.shape != self.log_weights.shape:
            raise ValueError(f"values has shape {values.shape}, expected {self.log_weights.shape}")
        weights = np.exp(self.log_weights)
        return PointBelief(values, weights, self.parts, self.error_kind == LATTICE_DIFFERENCE)


@dataclass(frozen=True, slots=True, eq=False)
class PointBelief:
    """What is known of one real number: weighted values of it, in parts that tell the error.

    Attributes:
        values: at each point.
        weights: of the points, summing to 1.
        parts: of which lattice or batch each is.
        is_lattice: whether the parts are lattices; else batches of draws.
    """

    values: Float64[np.ndarray, " n"]
    weights: Float64[np.ndarray, " n"]
    parts: Int64[np.ndarray, " n"]
    is_lattice: bool

    def mean(self) -> Estimate:
        """Return the mean; its error is inf where the tails say that there is none."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            mean = self._average(self.values)
            error = self._error_of_average(self.values)
            if not math.isfinite(error):
                return Estimate(mean, math.inf)
            return Estimate(mean, error + self.tails(np.abs(self.values - mean)))

    def tails(self, sizes: Float64[np.ndarray, " n"]) -> float:
        """Return what the tails of an average may hold beyond what was seen.

        Args:
            sizes: of what is averaged, at each point, at least 0.

        Returns:
            What lies beyond the edge of lattices; of draws 0; inf where there may be no average.
        """
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.is_lattice:
                return self.beyond(sizes)
            if len(sizes) < _TAIL_MIN or not sizes.any():
                return 0.0
            return 0.0 if pareto_khat(np.log(self.weights) + np.log(sizes)) < 1.0 else math.inf

    def sd(self) -> Estimate:
        """Return the standard deviation."""
        with np.errstate(over="ignore", invalid="ignore"):
            squares = (self.values - self._average(self.values)) ** 2
        variance = PointBelief(squares, self.weights, self.parts, self.is_lattice).mean()
        sd = math.sqrt(variance.value)
        return Estimate(sd, variance.error / (2 * sd) if sd > 0 else math.sqrt(variance.error))

    def cdf(self, value: float) -> Estimate:
        """Return the probability of at most `value`."""
        known = normal_scores(self.values, self.weights) if self.is_lattice else None
        if known is not None:
            scores, score = scores_at(self.values, known), scores_at(np.array([value]), known)[0]
            return self._smooth(value, float(score), scores)
        below = self._below(value, np.ones(len(self.values), bool))
        if self.is_lattice:
            shares = [self._below(value, self.parts == part) for part in (0, 1)]
            lacking = self.beyond(np.ones(len(self.values)))
            # Each alone is read between points twice as far apart as both together.
            return Estimate(below, abs(shares[0] - shares[1]) + lacking)
        return Estimate(below, self._error_of_average((self.values <= value).astype(np.float64)))

    def quantile(self, share: float) -> Estimate:
        """Return the value that is not exceeded with probability `share`, in (0, 1)."""
        values, middles = self._steps(np.ones(len(self.values), bool))
        found = float(np.interp(share, middles, values))
        known = normal_scores(self.values, self.weights) if self.is_lattice else None
        if known is not None:
            scores = scores_at(self.values, known)
            ends = float(self.values.min()), float(self.values.max())
            for _ in range(_HALVINGS):
                found = 0.5 * (ends[0] + ends[1])
                score = float(scores_at(np.array([found]), known)[0])
                is_below = smooth_share(score, scores, self.weights, WIDTH) < share
                ends = (found, ends[1]) if is_below else (ends[0], found)
        error = self.cdf(found).error
        low, high = np.interp((share - error, share + error), middles, values)
        return Estimate(found, 0.5 * float(high - low))

    def density(self, value: float) -> Estimate:
        """Return the density: how the distribution function grows about `value`.

        Over how far it is read weighs what the distribution function may be off by against what
        bends within.
        """
        spread = self.sd().value
        if not spread > 0:
            return Estimate(math.inf if value == self._average(self.values) else 0.0, math.inf)
        probes = [self.cdf(value + s * spread).error for s in (-0.5, 0.0, 0.5)]
        unsure = max(max(probes), 1e-4)
        width = spread * (3 * unsure) ** (1 / 3)
        low, high = float(self.values.min()), float(self.values.max())
        if not low <= value <= high:
            # What lies out there is at most what may be lacking, spread over how far that is.
            per = max(self.cdf(value).error, 1e-4) / max(low - value, value - high)
            return Estimate(0.0, min(per, self.density(min(max(value, low), high)).value))

        def grown(over: float) -> float:
            ends = max(low, value - over), min(high, value + over)
            if ends[1] <= ends[0]:
                return 0.0
            return (self.cdf(ends[1]).value - self.cdf(ends[0]).value) / (ends[1] - ends[0])

        near, far = grown(width), grown(2 * width)
        return Estimate(near, abs(near - far) / 3 + unsure / width)

    def sample(self, rng: np.random.Generator, count: int) -> Float64[np.ndarray, " count"]:
        """Return draws: values of points drawn by their weights."""
        return self.values[rng.choice(len(self.values), count, p=self.weights)]

    def _smooth(self, value: float, score: float, scores: Float64[np.ndarray, " n"]) -> Estimate:
        """Return the probability of at most a value, by the scores of all and its own."""
        lacking = self.beyond(np.ones(len(self.values)))
        if not self.values.min() <= value <= self.values.max():
            return Estimate(float(value > self.values.max()), lacking)
        near, far = (
            smooth_share(score, scores, self.weights, times * WIDTH) for times in (1.0, 1.5)
        )
        first, second = (
            smooth_share(score, scores[own], self.weights[own], WIDTH)
            for own in (self.parts == 0, self.parts == 1)
        )
        return Estimate(near, abs(first - second) + abs(near - far) + lacking)

    def beyond(self, sizes: Float64[np.ndarray, " n"]) -> float:
        """Return what the integral of sizes lacks beyond the edge of a lattice.

        The points are put in quarters by how many nats they lie below the top. What lies beyond
        is to the last quarter as that is to the one before, and so on, for powers and exponentials
        alike. It is taken twice, as the ratio may still rise; inf where nothing falls.
        """
        with np.errstate(divide="ignore"):
            depths = -np.log(self.weights / self.weights.max())
        quarter = np.ceil(4 * depths / depths.max(initial=1e-300))
        last, before = (float((self.weights * sizes)[quarter == q].sum()) for q in (4, 3))
        if last == 0.0:
            return 0.0
        ratio = last / before if before > 0 else math.inf
        return 2 * last * ratio / (1 - ratio) if ratio < 1 else math.inf

    def _average(self, values: Float64[np.ndarray, " n"]) -> float:
        return float((self.weights * values).sum())

    def _error_of_average(self, values: Float64[np.ndarray, " n"]) -> float:
        """Return a standard error by the batches, or how far two lattices are apart."""
        centred = values - self._average(values)
        floor = _FLOOR * math.sqrt(self._average(centred**2))
        if self.is_lattice:
            sums = np.bincount(self.parts, self.weights * centred, 2)
            return (
                float(np.abs(np.diff(sums / np.bincount(self.parts, self.weights, 2)))[0]) + floor
            )
        count = int(self.parts.max(initial=0)) + 1
        sums = np.bincount(self.parts, self.weights * centred, count)
        by_draws = math.sqrt(float(((self.weights * centred) ** 2).sum()))
        if count < 2:
            return by_draws + floor
        by_parts = math.sqrt(float((sums**2).sum()) * count / (count - 1)) * widening(count)
        return (by_parts if count >= _PARTS_MIN else max(by_parts, by_draws)) + floor

    def _steps(
        self, which: Bool[np.ndarray, " n"]
    ) -> tuple[Float64[np.ndarray, " some"], Float64[np.ndarray, " some"]]:
        """Return values in order, and the distribution function at each: half its own weight."""
        order = np.flatnonzero(which)[np.argsort(self.values[which], kind="stable")]
        weights = self.weights[order] / self.weights[order].sum()
        return self.values[order], np.cumsum(weights) - 0.5 * weights

    def _below(self, value: float, which: Bool[np.ndarray, " n"]) -> float:
        values, middles = self._steps(which)
        return float(np.interp(value, values, middles, left=0.0, right=1.0))


class Averages:
    """Averages of many functions over weighted points, with errors; fed part by part.

    Their errors are of the kind of the points'; tails are not looked at.
    """

    def __init__(self, points: WeightedPoints, count: int) -> None:
        """Begin with nothing.

        Args:
            points: what is averaged over.
            count: the number of functions.
        """
        self._weights, self._parts = np.exp(points.log_weights), points.parts
        self._is_lattice = points.error_kind == LATTICE_DIFFERENCE
        self._sums = np.zeros((int(points.parts.max(initial=0)) + 1, count))
        self._squares = np.zeros((2, count))

    def add(self, start: int, values: Float64[np.ndarray, "some functions"]) -> None:
        """Add the values of all functions at points that follow each other."""
        weights = self._weights[start : start + len(values)]
        weighted = weights[:, None] * values
        np.add.at(self._sums, self._parts[start : start + len(values)], weighted)
        self._squares += [weights @ weighted, (weighted**2).sum(axis=0)]

    def result(
        self,
    ) -> tuple[Float64[np.ndarray, " functions"], Float64[np.ndarray, " functions"]]:
        """Return the averages and their errors."""
        shares = np.bincount(self._parts, self._weights, len(self._sums))
        means = self._sums.sum(axis=0)
        apart = self._sums - shares[:, None] * means
        if self._is_lattice:
            return means, LATTICE_TIMES * np.abs(np.subtract(*(self._sums / shares[:, None])))
        by_draws = self._squares[1] - 2 * means * self._squares[0]
        by_draws = np.sqrt(np.maximum(by_draws + means**2 * (self._weights**2).sum(), 0.0))
        count = len(shares)
        if count < 2:
            return means, by_draws
        by_parts = np.sqrt((apart**2).sum(axis=0) * count / (count - 1)) * widening(count)
        return means, by_parts if count >= _PARTS_MIN else np.maximum(by_parts, by_draws)


def widening(count: int) -> float:
    """Return by how much a standard error grows that only so many batches tell.

    The standard deviation of Student's t with one degree of freedom less; as of two degrees where
    it has none.

    >>> round(widening(8), 3)
    1.183
    """
    return math.sqrt((count - 1) / (count - 3)) if count > 3 else math.sqrt(3.0)


def joined(
    points: WeightedPoints, asked: Callable[[np.ndarray], np.ndarray] | None
) -> list[PointBelief]:
    """Return what is known of each thing asked; of each parameter where nothing is named."""
    values = points.points if asked is None else np.asarray(asked(points.points), np.float64)
    return [points.belief(np.ascontiguousarray(column)) for column in values.T]


def worst_error(beliefs: list[PointBelief]) -> float:
    """Return the largest error of a mean, in standard deviations of what it is the mean of."""
    worst = 0.0
    for belief in beliefs:
        mean, spread = belief.mean(), belief.sd().value
        if mean.error > 0:
            worst = max(worst, mean.error / spread if spread > 0 else math.inf)
    return worst
