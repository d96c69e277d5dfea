"""Importance sampling from a mixture of t densities, by scrambled Sobol points.

Batches that are scrambled apart follow each other until what is asked is known well enough. How
they differ is the standard error.

Source: Owen (2013), "Monte Carlo theory, methods and examples", chapters 9 and 17.
"""

import math
from collections.abc import Callable

import numpy as np

from gmruntime.budget import Budget
from gmruntime.continuous.outer.adapting import Draws, effective
from gmruntime.continuous.outer.domains import constrain
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.maxima.modes import Found
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
)
from gmruntime.continuous.outer.sobol import sobol_points

ESS_MIN, _SHARE_MIN = 400.0, 0.05
"""With fewer draws that count errors are not known well; with a smaller share nothing fits."""
_LEAST = 600.0
"""Nats: lighter points are left out. They are as far out as floats go, and squares overflow."""
_BATCH = 512
_BATCHES_FIRST, _BATCHES_MAX = 8, 256
_ERROR_MAX = 0.01
"""In standard deviations of what is asked."""


def draw_points(
    evaluator: Evaluator,
    found: Found,
    proposal: Proposal,
    draws: Draws,
    asked: Callable[[np.ndarray], np.ndarray] | None,
    rng: np.random.Generator,
    budget: Budget,
) -> WeightedPoints:
    """Draw batches until each mean asked is known to 1 % of its spread, or the budget ends.

    Args:
        evaluator: of the log density.
        found: maxima, for what is told of them.
        proposal: what is drawn from.
        draws: those known before; the first batches are added where they cannot be trusted.
        asked: what is asked of parameters; themselves where it is None. It may raise TimeoutError.
        rng: of scrambled points.
        budget: of time.
    """
    wide = defended(proposal)
    free, log_weights = list[np.ndarray](), list[np.ndarray]()
    result, wanted = no_points(evaluator, found), _BATCHES_FIRST
    while wanted <= _BATCHES_MAX:
        while len(free) < wanted:
            some = wide.draw(sobol_points(_BATCH, evaluator.domain.size + 3, rng))
            values = evaluator.evaluate(some, budget)
            if len(values) == _BATCH or (len(values) and not free):
                free.append(some[: len(values)])
                log_weights.append(values - wide.log_density(some[: len(values)]))
            if len(values) < _BATCH:
                break
        if not free:
            break
        result = _weighted(evaluator, found, free, log_weights)
        if len(free) < wanted or not len(result.points):
            break
        if not result.is_to_be_trusted and wanted > _BATCHES_FIRST:
            break
        try:
            if worst_error(joined(result, asked)) < _ERROR_MAX:
                break
        except TimeoutError:
            break
        wanted *= 2
    if not result.is_to_be_trusted and free and not budget.is_spent():
        some, weights = free[:_BATCHES_FIRST], log_weights[:_BATCHES_FIRST]
        points = np.concatenate(some)
        draws.add(wide, points, np.concatenate(weights) + wide.log_density(points))
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
    ess, khat = effective(every), pareto_khat(every)
    shares = np.bincount(parts, np.exp(every - log_sum))
    by_draws = math.sqrt(max(0.0, 1.0 / ess - 1.0 / len(every)))
    by_parts = math.sqrt(len(free)) * float(shares.std(ddof=min(1, len(free) - 1)))
    is_to_be_trusted = khat <= KHAT_MAX and ess >= max(ESS_MIN, _SHARE_MIN * len(every))
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
