"""Importance sampling from a mixture of t densities around all maxima, by scrambled Sobol points.

The mixture is fitted to its own weighted draws in rounds; then it stays, and batches that are
scrambled apart follow until what is asked is known well enough. How the batches differ is the
standard error.

Sources: Cornuet, Marin, Mira and Robert (2012), "Adaptive multiple importance sampling", for the
rounds; Ionides (2008), "Truncated importance sampling"; Owen (2013), "Monte Carlo theory, methods
and examples", chapters 9 and 17.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.domains import constrain
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.maxima.modes import Found
from gmruntime.continuous.outer.maxima.polishing import Modes
from gmruntime.continuous.outer.pareto import KHAT_MAX, pareto_khat
from gmruntime.continuous.outer.points import (
    STANDARD_ERROR,
    WeightedPoints,
    joined,
    widening,
    worst_error,
)
from gmruntime.continuous.outer.proposals import (
    Proposal,
    defended,
    refitted,
    split,
    with_far,
)
from gmruntime.continuous.outer.sobol import sobol_points

ESS_MIN = 100.0
_LEAST = 600.0
"""Nats: lighter points are left out. They are as far out as floats go, and squares overflow."""
_ROUND_DRAWS, _ROUND_DRAWS_EACH = 1024, 128
_ROUNDS_MAX = 10
_COMPONENTS_MORE = 10
_ENOUGH, _FEW = 0.5, 0.25
"""Shares of draws that count: with half a fit is good; with a quarter components are cut."""
_BATCH = 512
_BATCHES_FIRST, _BATCHES_MAX = 8, 256
_ERROR_MAX = 0.01
"""In standard deviations of what is asked."""


@dataclass(slots=True, eq=False)
class _Draws:
    """All draws of the rounds, weighted by the mixture of all proposals they came from."""

    free: list[np.ndarray] = field(default_factory=list[np.ndarray])
    values: list[np.ndarray] = field(default_factory=list[np.ndarray])
    proposals: list[Proposal] = field(default_factory=list[Proposal])

    def add(self, proposal: Proposal, free: np.ndarray, values: np.ndarray) -> None:
        """Take the draws of a proposal in."""
        self.free.append(free)
        self.values.append(values)
        self.proposals.append(proposal)

    def weighted(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the points and their log weights."""
        free, values = np.concatenate(self.free), np.concatenate(self.values)
        counts = np.log([len(some) for some in self.values])
        parts = [p.log_density(free) + c for p, c in zip(self.proposals, counts, strict=True)]
        return free, values - np.logaddexp.reduce(parts, axis=0) + math.log(len(free))


def proposal_at(modes: Modes) -> Proposal:
    """Return a mixture of t densities at maxima, shared half by what they seem to hold."""
    log_masses = modes.log_masses()
    shares = np.exp(log_masses - np.logaddexp.reduce(log_masses))
    shares = 0.5 * shares + 0.5 / len(shares)
    return Proposal(modes.free, modes.roots, np.log(shares))


def fit(
    evaluator: Evaluator, proposal: Proposal, rng: np.random.Generator, budget: Budget
) -> Proposal:
    """Return the mixture fitted to what it draws, in rounds, while draws come to count for more."""
    draws, first = _Draws(), len(proposal.log_shares)
    tried, best_share, idle = [proposal], 0.0, 0
    for number in range(_ROUNDS_MAX):
        wide = defended(proposal, 0.3 if number == 0 else 0.1)
        count = _ROUND_DRAWS + _ROUND_DRAWS_EACH * len(proposal.log_shares)
        free = wide.draw(sobol_points(count, evaluator.domain.size + 3, rng))
        values = evaluator.evaluate(free, budget)
        if len(values) < 64:
            break
        draws.add(wide, free[: len(values)], values)
        points, log_weights = draws.weighted()
        if not np.isfinite(log_weights).any():
            break
        weights = _clipped(log_weights)
        own = _share(values - wide.log_density(free[: len(values)]))
        idle = 0 if own > 1.05 * best_share else idle + 1
        best_share = max(own, best_share)
        more = None
        if len(proposal.log_shares) < first + _COMPONENTS_MORE:
            more = with_far(proposal, points, weights)
            if more is None and number > 0 and own < _FEW:
                more = split(proposal, points, weights)
        if more is None and number > 0 and (own > _ENOUGH or idle > 2):
            break
        proposal = refitted(proposal if more is None else more, points, weights)
        tried.append(proposal)
        if len(values) < count:
            break
    return _likeliest(tried, draws)


def _likeliest(tried: list[Proposal], draws: _Draws) -> Proposal:
    """Return the mixture under which all weighted draws are likeliest.

    Not the one whose own draws count most: it may be blind to what others found.
    """
    if not draws.values:
        return tried[0]
    points, log_weights = draws.weighted()
    if not np.isfinite(log_weights).any():
        return tried[0]
    weights = _clipped(log_weights)
    return max(tried, key=lambda one: float(weights @ defended(one).log_density(points)))


def _share(log_weights: Float64[np.ndarray, " n"]) -> float:
    """Return the share of draws that count."""
    return _ess(log_weights) / len(log_weights)


def _ess(log_weights: Float64[np.ndarray, " n"]) -> float:
    if not np.isfinite(log_weights).any():
        return 0.0
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())


def _clipped(log_weights: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return weights that sum to 1, none above sqrt(n) times the mean."""
    most = np.logaddexp.reduce(log_weights) - 0.5 * math.log(len(log_weights))
    weights = np.exp(np.minimum(log_weights, most) - most)
    return weights / weights.sum()


def draw_points(
    evaluator: Evaluator,
    found: Found,
    proposal: Proposal,
    asked: Callable[[np.ndarray], np.ndarray] | None,
    rng: np.random.Generator,
    budget: Budget,
) -> WeightedPoints:
    """Draw batches until each mean asked is known to 1 % of its spread, or the budget ends."""
    wide = defended(proposal)
    free, log_weights = list[np.ndarray](), list[np.ndarray]()
    result, wanted = no_points(evaluator, found), _BATCHES_FIRST
    while wanted <= _BATCHES_MAX:
        while len(free) < wanted:
            some = wide.draw(sobol_points(_BATCH, evaluator.domain.size + 3, rng))
            values = evaluator.evaluate(some, budget)
            if len(values) == _BATCH or not free:
                free.append(some[: len(values)])
                log_weights.append(values - wide.log_density(some[: len(values)]))
            if len(values) < _BATCH:
                break
        result = _weighted(evaluator, found, free, log_weights)
        if len(free) < wanted or not len(result.points):
            break
        if not result.is_to_be_trusted and wanted > _BATCHES_FIRST:
            break
        if worst_error(joined(result, asked)) < _ERROR_MAX:
            break
        wanted *= 2
    return result


def _weighted(
    evaluator: Evaluator, found: Found, free: list[np.ndarray], log_weights: list[np.ndarray]
) -> WeightedPoints:
    every = np.concatenate(log_weights)
    if not np.isfinite(every).any():
        return no_points(evaluator, found)
    parts = np.repeat(np.arange(len(free)), [len(some) for some in log_weights])
    log_sum = float(np.logaddexp.reduce(every))
    kept = every > log_sum - _LEAST
    ess, khat = _ess(every), pareto_khat(every)
    shares = np.bincount(parts, np.exp(every - log_sum))
    by_draws = math.sqrt(max(0.0, 1.0 / ess - 1.0 / len(every)))
    by_parts = math.sqrt(len(free)) * float(shares.std(ddof=min(1, len(free) - 1)))
    is_to_be_trusted = khat <= KHAT_MAX and ess >= ESS_MIN
    return WeightedPoints(
        points=constrain(evaluator.domain, np.concatenate(free)[kept])[0],
        log_weights=every[kept] - log_sum,
        parts=parts[kept],
        log_z=log_sum - math.log(len(every)),
        log_z_error=widening(len(free)) * by_parts if len(free) >= _BATCHES_FIRST else by_draws,
        error_kind=STANDARD_ERROR,
        ess=ess,
        khat=khat,
        num_modes=len(found.modes.values),
        num_starts=found.num_starts,
        num_evaluations=evaluator.num_points,
        is_to_be_trusted=is_to_be_trusted,
    )


def no_points(evaluator: Evaluator, found: Found) -> WeightedPoints:
    """Return what is known where no point of positive density was found: nothing."""
    return WeightedPoints(
        points=np.zeros((0, evaluator.domain.size)),
        log_weights=np.zeros(0),
        parts=np.zeros(0, np.int64),
        log_z=-math.inf,
        log_z_error=math.inf,
        error_kind="",
        ess=0.0,
        khat=math.inf,
        num_modes=len(found.modes.values),
        num_starts=found.num_starts,
        num_evaluations=evaluator.num_points,
        is_to_be_trusted=False,
    )
