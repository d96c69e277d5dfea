"""A mixture of t densities fitted, in rounds, to what it and those before it drew.

Sources: Cornuet, Marin, Mira and Robert (2012), "Adaptive multiple importance sampling"; Ionides
(2008), "Truncated importance sampling".
"""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.maxima.polishing import Modes
from gmruntime.continuous.outer.proposals import Proposal, defended, refitted, split, with_far
from gmruntime.continuous.outer.sobol import sobol_points

_ROUND_DRAWS, _ROUND_DRAWS_EACH = 1024, 128
_DRAWS_MIN = 64
_ROUNDS_MAX = 10
_ROUNDS_CUT = 4
"""Of a fit that is taken up again: each cuts a component, whatever counts so far."""
_COMPONENTS_MORE = 10
_ENOUGH, _FEW = 0.5, 0.25
"""Shares of draws that count: with half a fit is good; with a quarter components are cut."""


@dataclass(slots=True, eq=False)
class Draws:
    """All draws so far, weighted by the mixture of all proposals they came from.

    Attributes:
        free: the points.
        values: their log densities.
        log_mixed: the log of the sum over proposals of how many draws they made, times density.
        proposals: with the log of how many draws each made.
    """

    free: Float64[np.ndarray, "n d"]
    values: Float64[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0))
    log_mixed: Float64[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0))
    proposals: list[tuple[Proposal, float]] = field(default_factory=list[tuple[Proposal, float]])

    def add(
        self,
        proposal: Proposal,
        free: Float64[np.ndarray, "some d"],
        values: Float64[np.ndarray, " some"],
    ) -> None:
        """Take the draws of a proposal in."""
        log_count = math.log(len(values))
        old = np.logaddexp(self.log_mixed, proposal.log_density(self.free) + log_count)
        self.proposals.append((proposal, log_count))
        own = [one.log_density(free) + count for one, count in self.proposals]
        self.log_mixed = np.concatenate([old, np.logaddexp.reduce(own, axis=0)])
        self.free = np.concatenate([self.free, free])
        self.values = np.concatenate([self.values, values])

    def weights(self) -> Float64[np.ndarray, " n"] | None:
        """Return weights that sum to 1, none above sqrt(n) times the mean; None if all are 0."""
        log_weights = self.values - self.log_mixed
        if not np.isfinite(log_weights).any():
            return None
        most = np.logaddexp.reduce(log_weights) - 0.5 * math.log(len(log_weights))
        weights = np.exp(np.minimum(log_weights, most) - most)
        return weights / weights.sum()


def proposal_at(modes: Modes) -> Proposal:
    """Return a mixture of t densities at maxima, shared half by what they seem to hold."""
    log_masses = modes.log_masses()
    shares = np.exp(log_masses - np.logaddexp.reduce(log_masses))
    shares = 0.5 * shares + 0.5 / len(shares)
    return Proposal(modes.free, modes.roots, np.log(shares))


def fit(
    evaluator: Evaluator,
    proposal: Proposal,
    draws: Draws,
    rng: np.random.Generator,
    budget: Budget,
) -> Proposal:
    """Return the mixture fitted to what it draws, in rounds, while draws come to count for more.

    Args:
        evaluator: of the log density.
        proposal: to begin with.
        draws: those known; what is drawn is added to them.
        rng: of scrambled points.
        budget: after which the best so far is returned.
    """
    first, num_cut = len(proposal.log_shares), _ROUNDS_CUT if len(draws.values) else 0
    tried, best_share, idle = [proposal], 0.0, 0
    for number in range(_ROUNDS_MAX):
        wide = defended(proposal, 0.3 if number == 0 else 0.1)
        count = _ROUND_DRAWS + _ROUND_DRAWS_EACH * len(proposal.log_shares)
        free = wide.draw(sobol_points(count, evaluator.domain.size + 3, rng))
        values = evaluator.evaluate(free, budget)
        if len(values) < _DRAWS_MIN:
            break
        free = free[: len(values)]
        draws.add(wide, free, values)
        weights = draws.weights()
        if weights is None:
            break
        own = effective(values - wide.log_density(free)) / len(values)
        idle = 0 if own > 1.05 * best_share else idle + 1
        best_share = max(own, best_share)
        more = None
        if len(proposal.log_shares) < first + _COMPONENTS_MORE:
            more = with_far(proposal, draws.free, weights)
            if more is None and (number < num_cut or (number > 0 and own < _FEW)):
                more = split(proposal, draws.free, weights)
        if more is None and number > 0 and (own > _ENOUGH or idle > 2):
            break
        proposal = refitted(proposal if more is None else more, draws.free, weights, budget)
        tried.append(proposal)
        if len(values) < count or budget.is_spent():
            break
    return tried[-1] if budget.is_spent() else _likeliest(tried, draws)


def _likeliest(tried: list[Proposal], draws: Draws) -> Proposal:
    """Return the mixture under which all weighted draws are likeliest.

    Not the one whose own draws count most: it may be blind to what others found.
    """
    weights = draws.weights() if len(draws.values) else None
    if weights is None:
        return tried[0]
    return max(tried, key=lambda one: float(weights @ defended(one).log_density(draws.free)))


def effective(log_weights: Float64[np.ndarray, " n"]) -> float:
    """Return how many draws count.

    >>> effective(np.log([0.5, 0.5, 1e-300]))
    2.0
    """
    if not np.isfinite(log_weights).any():
        return 0.0
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights**2).sum())
