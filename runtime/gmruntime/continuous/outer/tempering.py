"""Draws led from a wide mixture to the density by temperatures, where no mixture fits at once.

    log p_b = (1 - b) log q + b log p        b from 0 to 1, in at most sixteen steps

Each step weighs the draws so that half of them count, draws anew by the weights, and moves them by
Metropolis's rule along differences of other draws; at the end a mixture is fitted to where they
are. Only that mixture is used: what it draws is weighed as any proposal's draws are.

Sources: Del Moral, Doucet and Jasra (2006), "Sequential Monte Carlo samplers"; ter Braak (2006),
"A Markov chain Monte Carlo version of the genetic algorithm differential evolution".
"""

import math

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.proposals import Proposal, defended, refitted, split
from gmruntime.continuous.outer.sobol import sobol_points

_DRAWS = 1024
_STEPS_MAX = 16
_MOVES = 6
_COUNTING = 0.5
_COMPONENTS = 12


def tempered(
    evaluator: Evaluator, proposal: Proposal, rng: np.random.Generator, budget: Budget
) -> Proposal | None:
    """Return a mixture fitted to draws led to the density; None when the budget ends before."""
    wide = defended(proposal, 0.5)
    free = wide.draw(sobol_points(_DRAWS, evaluator.domain.size + 3, rng))
    values = evaluator.evaluate(free, budget)
    if len(values) < _DRAWS or np.isfinite(values).sum() < _DRAWS // 20:
        return None
    base = wide.log_density(free)
    heat = 0.0
    for step in range(_STEPS_MAX):
        ratio = values - base
        rise = 1.0 - heat if step == _STEPS_MAX - 1 else _next_rise(ratio, 1.0 - heat)
        log_weights = rise * ratio
        heat += rise
        weights = np.exp(log_weights - log_weights.max())
        chosen = _systematic(weights / weights.sum(), rng)
        state = free[chosen], values[chosen], base[chosen]
        moved = _moved(evaluator, wide, state, heat, rng, budget)
        if moved is None:
            return None
        free, values, base = moved
        if heat >= 1.0:
            break
    equal = np.full(_DRAWS, 1.0 / _DRAWS)
    mean = free.mean(axis=0)
    root = np.linalg.svd((free - mean) / math.sqrt(_DRAWS), full_matrices=False)
    axes = root[2].T * np.maximum(root[1], 1e-9 * root[1].max() + 1e-300)
    fitted = Proposal(mean[None], axes[None], np.zeros(1))
    while True:
        fitted = refitted(fitted, free, equal, budget)
        if len(fitted.log_shares) >= _COMPONENTS or budget.is_spent():
            return fitted
        before = len(fitted.log_shares)
        longer = refitted(split(fitted, free, _needed(fitted, free)), free, equal, budget)
        if len(longer.log_shares) <= before or not _is_better(longer, fitted, free):
            return fitted
        fitted = longer


def _needed(fitted: Proposal, free: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
    """Return how much draws lack in a fit: those where it is thin count more."""
    log_weights = -0.5 * fitted.log_density(free)
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def _is_better(longer: Proposal, fitted: Proposal, free: Float64[np.ndarray, "n d"]) -> bool:
    """Say whether a fit with a component more gains more than its numbers cost (BIC)."""
    size = free.shape[1]
    numbers = 1 + size + size * (size + 1) / 2
    gain = float((longer.log_density(free) - fitted.log_density(free)).sum())
    return gain > 0.5 * numbers * math.log(len(free))


def _next_rise(ratio: Float64[np.ndarray, " n"], most: float) -> float:
    """Return how far the temperature may go so that half of the draws still count."""

    def counting(rise: float) -> float:
        weights = np.exp(rise * ratio - (rise * ratio).max())
        return float(weights.sum() ** 2 / (weights**2).sum()) / len(ratio)

    if counting(most) >= _COUNTING:
        return most
    low, high = 0.0, most
    reachable = float(np.isfinite(ratio).mean())
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if counting(middle) >= _COUNTING * reachable else (low, middle)
    return max(low, 1e-4 * most)


def _systematic(weights: Float64[np.ndarray, " n"], rng: np.random.Generator) -> np.ndarray:
    places = (np.arange(len(weights)) + rng.random()) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)


def _moved(
    evaluator: Evaluator,
    wide: Proposal,
    state: tuple[np.ndarray, np.ndarray, np.ndarray],
    heat: float,
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Move each draw a few times: along the difference of two others, by a random multiple."""
    free, values, base = state
    size = free.shape[1]
    for k in range(_MOVES):
        first, second = rng.permutation(len(free)), rng.permutation(len(free))
        length = (1.0, 2.38 / math.sqrt(2 * size), 0.3)[k % 3]
        jitter = 1e-3 * (free.std(axis=0) + 1e-300) * rng.standard_normal(free.shape)
        tried = free + length * (free[first] - free[second]) + jitter
        found = evaluator.evaluate(tried, budget)
        if len(found) < len(tried):
            return None
        under = wide.log_density(tried)
        with np.errstate(invalid="ignore"):
            gain = heat * (found - values) + (1 - heat) * (under - base)
        taken = np.log(rng.random(len(free))) < np.where(np.isnan(gain), -np.inf, gain)
        free = np.where(taken[:, None], tried, free)
        values, base = np.where(taken, found, values), np.where(taken, under, base)
    return free, values, base
