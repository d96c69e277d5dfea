"""Mixed graphs with outer parameters: weighted settings, and mixtures of what holds at each."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int, Int32
from gmruntime.budget import Budget
from gmruntime.continuous.beliefs import GaussianMixture
from gmruntime.continuous.errors import ImproperError
from gmruntime.continuous.outer.batches import Batch, Inside
from gmruntime.continuous.outer.domains import Domain
from gmruntime.continuous.outer.engine import integrate
from gmruntime.continuous.outer.maxima.modes import Draw
from gmruntime.continuous.outer.maxima.polishing import Modes
from gmruntime.continuous.outer.points import Averages, Estimate, WeightedPoints

_INTEGRATING = 0.7
"""Of the budget: the rest is for what is then asked of the reals inside."""
_PART_MIN = 1e-12
"""Parts of a mixture that weigh less are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class OuterAnswer:
    """What is known of parameters, finite variables and reals together. It is an estimate.

    Attributes:
        points: the parameters, their weights, log Z and how good all is.
        inside: what holds at each of them.
        memory: bytes that may be taken.
    """

    points: WeightedPoints
    inside: Inside
    memory: int

    def states(
        self, budget: Budget
    ) -> tuple[Int32[np.ndarray, "assignments variables"], list[Estimate]]:
        """Return all assignments of the finite variables, and the probability of each."""
        shares = [weights / total for _, weights, total in self._batches(budget)]
        found = Averages(self.points, len(shares[0]))
        start = 0
        for share in shares:
            found.add(start, share.T)
            start += share.shape[1]
        means, errors = found.result()
        pairs = zip(means.tolist(), errors.tolist(), strict=True)
        return self.inside.assignments(), [Estimate(mean, error) for mean, error in pairs]

    def moments(
        self, budget: Budget
    ) -> tuple[
        Float64[np.ndarray, " reals"], Float64[np.ndarray, " reals"], Float64[np.ndarray, " reals"]
    ]:
        """Return mean, standard deviation and error of the mean of all reals; NaN where observed.

        Raises:
            TimeoutError: when there is no time left.
        """
        count = self.inside.mixed.num_reals
        firsts, seconds = Averages(self.points, count), Averages(self.points, count)
        start = 0
        for batch, weights, total in self._batches(budget):
            settings = weights.shape[1]
            mean, square = np.full((2, settings, count), np.nan)
            shares = weights / total
            for part in batch.parts:
                which = part.states_of(batch.assignments, settings)
                used, place = np.unique(which[weights > 0], return_inverse=True)
                every = np.arange(len(part.reals))
                means, variances = part.solver.everywhere(used, every, budget)
                rows = np.broadcast_to(np.arange(settings), which.shape)[weights > 0]
                share = shares[weights > 0][:, None]
                own = np.zeros((2, settings, len(part.reals)))
                np.add.at(own[0], rows, share * means[place])
                np.add.at(own[1], rows, share * (variances + means**2)[place])
                mean[:, part.reals], square[:, part.reals] = own
            firsts.add(start, mean)
            seconds.add(start, square)
            start += settings
        means, errors = firsts.result()
        squares, _ = seconds.result()
        return means, np.sqrt(np.maximum(squares - means**2, 0.0)), errors

    def belief(
        self,
        reals: Int[np.ndarray, " some"],
        coefficients: Float64[np.ndarray, " some"],
        offset: float,
        budget: Budget,
    ) -> tuple[GaussianMixture, float]:
        """Return what is believed of coefficients . x[reals] + offset, and the error of its mean.

        Raises:
            TimeoutError: when there is no time left.
        """
        means, variances, weights = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
        found, start = Averages(self.points, 1), 0
        known = self.inside.real_evidence[reals]
        fixed = offset + float(coefficients @ np.nan_to_num(known))
        for batch, weight, total in self._batches(budget):
            settings = weight.shape[1]
            is_used = weight > 0
            mean, variance = np.full(weight.shape, fixed), np.zeros(weight.shape)
            for part in batch.parts:
                own = np.isin(reals, part.reals)
                if not own.any():
                    continue
                where = np.searchsorted(part.reals, reals[own])
                which = part.states_of(batch.assignments, settings)[is_used]
                used, place = np.unique(which, return_inverse=True)
                along = part.solver.along(used, where, coefficients[own][None, :], budget)[place]
                mean[is_used] += along[:, 0]
                variance[is_used] += along[:, 1]
            found.add(start, (weight / total * mean).sum(axis=0)[:, None])
            means.append(mean[is_used])
            variances.append(variance[is_used])
            weights.append(weight[is_used])
            start += settings
        mixture = [np.concatenate(some) for some in (weights, means, variances)]
        kept = mixture[0] > _PART_MIN * mixture[0].sum()
        shares, centres, spreads = (some[kept] for some in mixture)
        sds = np.sqrt(np.maximum(spreads, 0.0))
        error = float(found.result()[1][0])
        return GaussianMixture(shares / shares.sum(), centres, sds), error

    def _batches(
        self, budget: Budget
    ) -> Iterator[
        tuple[Batch, Float64[np.ndarray, "assignments settings"], Float64[np.ndarray, " settings"]]
    ]:
        """Yield batches, the weights of their assignments and settings, and those of settings."""
        start = 0
        for batch in self.inside.batches(self.points.points, budget, self.memory):
            settings = batch.logs.shape[1]
            total = np.exp(self.points.log_weights[start : start + settings])
            shares = np.exp(batch.logs - batch.log_totals())
            yield batch, shares * total, np.maximum(total, 1e-300)
            start += settings


def _means(
    batch: Batch, reals: Int[np.ndarray, " some"], budget: Budget
) -> Float64[np.ndarray, "settings some"]:
    """Return the means of some reals at each setting, over all assignments; 0 where observed."""
    settings = batch.logs.shape[1]
    shares = np.exp(batch.logs - batch.log_totals())
    found = np.zeros((settings, len(reals)))
    for part in batch.parts:
        own = np.flatnonzero(np.isin(reals, part.reals))
        if not len(own):
            continue
        which = part.states_of(batch.assignments, settings)
        used, place = np.unique(which[shares > 0], return_inverse=True)
        rows = np.broadcast_to(np.arange(settings), which.shape)[shares > 0]
        where = np.searchsorted(part.reals, reals[own]).astype(np.int64)
        means, _ = part.solver.everywhere(used, where, budget)
        added = np.zeros((settings, len(own)))
        np.add.at(added, rows, shares[shares > 0][:, None] * means[place])
        found[:, own] = added
    return found


def integrate_mixed(
    inside: Inside,
    domain: Domain,
    *,
    budget: Budget,
    rng: np.random.Generator,
    memory: int,
    draw: Draw | None = None,
    log_prior: Callable[[np.ndarray], np.ndarray] | None = None,
    asked: Int[np.ndarray, " some"] | None = None,
    maxima: Modes | None = None,
) -> OuterAnswer:
    """Integrate over the parameters of rows: reals and finite variables inside, exactly.

    Args:
        inside: what is integrated at each setting of the parameters.
        domain: of the parameters.
        budget: looked at between batches of settings; most of it goes into them.
        rng: of scrambled points.
        memory: bytes that may be taken.
        draw: from uniform numbers to parameters by their priors, as `integrate` takes it.
        log_prior: of the parameters; 0 where it is None.
        asked: reals whose means are wanted to 1 % of their spread, beside those of the parameters.
        maxima: of the parameters, as `integrate` takes it.

    Raises:
        ImproperError: no setting that was met holds some real in place.
        ImproperDensityError: the parameters have no distribution.
        TooManyBordersError: of finite variables, whose states are written out, there are too many.
        TooLargeError: a patch needs more memory.
    """
    inside.assignments()
    part = budget.share(_INTEGRATING)

    def log_density(theta: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        values = np.zeros(len(theta)) if log_prior is None else log_prior(theta)
        found = np.full(len(theta), -math.inf)
        is_open = np.asarray(values > -math.inf)
        if not is_open.any():
            return found
        totals = [batch.log_totals() for batch in inside.batches(theta[is_open], part, memory)]
        found[is_open] = values[is_open] + np.concatenate(totals)
        return found

    def means(theta: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n k"]:
        if asked is None or not len(asked):
            return theta
        batches = inside.batches(theta, part, memory)
        parts = [_means(batch, asked, part) for batch in batches]
        return np.concatenate([theta, np.concatenate(parts)], axis=1)

    points = integrate(
        log_density, domain, budget=part, rng=rng, draw=draw, asked=means, maxima=maxima
    )
    if not len(points.points) and inside.loose:
        raise ImproperError(min(inside.loose))
    return OuterAnswer(points, inside, memory)
