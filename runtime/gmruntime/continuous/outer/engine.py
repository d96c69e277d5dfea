"""Integrals over a few parameters whose log density is known by its values alone."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gmruntime.budget import Budget
from gmruntime.continuous.outer.adapting import Draws, fit, proposal_at
from gmruntime.continuous.outer.domains import FREE_MAX, Domain, at_edge, release
from gmruntime.continuous.outer.evaluating import Evaluator, LogDensity
from gmruntime.continuous.outer.importance import ESS_MIN, draw_points, no_points
from gmruntime.continuous.outer.lattice import DIMENSIONS_MAX, lattice_points
from gmruntime.continuous.outer.maxima.modes import Draw, Found, find_modes
from gmruntime.continuous.outer.maxima.polishing import Modes
from gmruntime.continuous.outer.maxima.proper import check_proper
from gmruntime.continuous.outer.pareto import KHAT_MAX
from gmruntime.continuous.outer.points import WeightedPoints, joined
from gmruntime.continuous.outer.proposals import Proposal, beside
from gmruntime.continuous.outer.sobol import sobol_points
from gmruntime.continuous.outer.tempering import tempered

PARAMETERS_MAX = 20
_RUNAWAY, _NARROWEST = 0.9, 1e4
"""Of how far free numbers go; and how many floats fit into the standard deviation of a maximum."""
_EDGE_MAX = 1e-3
"""Of the weight: so much may lie where a parameter is not told from its bound."""
_UNDEFINED_MAX = 0.01
"""Of the points: whoever looks far out meets numbers that overflow now and then."""
_CLIMBING, _PROVING, _LATTICE, _FITTING, _TEMPERING = 0.4, 0.15, 0.5, 0.5, 0.6
"""Shares of what is left that may go into each, so that the next has some."""
_ATTEMPTS = 4
_LATTICE_ERROR_MAX = 0.1
"""In standard deviations, and in nats of log Z: where lattices may be off by more, draws come."""


def integrate(
    log_density: LogDensity,
    domain: Domain,
    *,
    budget: Budget,
    rng: np.random.Generator,
    draw: Draw | None = None,
    asked: Callable[[np.ndarray], np.ndarray] | None = None,
    maxima: Modes | None = None,
) -> WeightedPoints:
    """Integrate over parameters: weighted points, their log integral, and how good they are.

    Maxima are climbed to from draws of the priors. One maximum of up to three parameters is summed
    over two lattices; else a mixture of t densities around all of them is drawn from. It ends when
    every mean asked is known to 1 % of its spread, or with the budget.

    Args:
        log_density: from parameters [n d] to their log densities [n], up to nothing: `log_z` is of
            its integral over the domain. -inf where there is none.
        domain: the bounds of the parameters, at most twenty.
        budget: looked at between batches of points.
        rng: of the scrambled points.
        draw: from uniform numbers [n d] to parameters by their priors; NaN where one is not proper.
        asked: from parameters [n d] to what is asked of them [n k]; the parameters themselves
            where it is None. It may end with a TimeoutError, as `log_density` may.
        maxima: all there are, where that is proven: then nobody climbs, and the density falls in
            all directions.

    Raises:
        ImproperDensityError: when the density does not fall in some direction.
        ValueError: when there are too many parameters, or an array of the wrong shape came back.
    """
    if not 1 <= domain.size <= PARAMETERS_MAX:
        raise ValueError(f"domain has {domain.size} parameters, expected 1 to {PARAMETERS_MAX}")
    evaluator = Evaluator(log_density, domain)
    if maxima is not None:
        found = Found(maxima, len(maxima.values), is_settled=True, has_arrived=True)
    else:
        found = find_modes(evaluator, draw, rng, budget.share(_CLIMBING))
    if not len(found.modes.values):
        return _told(no_points(evaluator, found), evaluator, found)
    if found.has_arrived and maxima is None:
        check_proper(evaluator, found.modes, budget.share(_PROVING))
    if domain.size <= DIMENSIONS_MAX and len(found.modes.values) == 1:
        points = lattice_points(evaluator, found, asked, budget.share(_LATTICE))
        if points is not None and _will_do(points, asked):
            return _told(points, evaluator, found)
    if maxima is not None:
        # What is proven to have no other maxima may look normal enough as it is.
        draws, proposal = Draws(np.zeros((0, domain.size))), proposal_at(maxima)
        points = draw_points(evaluator, found, proposal, draws, asked, rng, budget.share(_FITTING))
        if points.is_to_be_trusted:
            return _told(points, evaluator, found)
    return _told(_drawn(evaluator, found, draw, asked, rng, budget), evaluator, found)


def _drawn(
    evaluator: Evaluator,
    found: Found,
    draw: Draw | None,
    asked: Callable[[np.ndarray], np.ndarray] | None,
    rng: np.random.Generator,
    budget: Budget,
) -> WeightedPoints:
    """Draw from a mixture at the maxima; while it cannot be trusted, fit it again.

    What its own draws showed it is fitted to first, then what temperatures led to.
    """
    draws = Draws(np.zeros((0, evaluator.domain.size)))
    proposal = fit(evaluator, proposal_at(found.modes), draws, rng, budget.share(_FITTING))
    points = draw_points(evaluator, found, proposal, draws, asked, rng, budget)
    for attempt in range(_ATTEMPTS):
        if points.is_to_be_trusted or budget.is_spent():
            break
        if attempt % 2:
            start = _beside_prior(proposal, evaluator.domain, draw, rng)
            lifted = tempered(evaluator, start, rng, budget.share(_TEMPERING))
            proposal = proposal if lifted is None else beside(proposal, lifted)
        proposal = fit(evaluator, proposal, draws, rng, budget.share(_FITTING))
        new = draw_points(evaluator, found, proposal, draws, asked, rng, budget)
        points = _better(points, new)
    return points


def _will_do(points: WeightedPoints, asked: Callable[[np.ndarray], np.ndarray] | None) -> bool:
    """Say whether draws could hardly tell more than two lattices do.

    Where a mean is unsure by tails that hardly hold anything, it may not exist.
    """
    try:
        beliefs = joined(points, asked)
    except TimeoutError:
        # There is no time for draws either.
        return True
    for belief in beliefs:
        mean, spread = belief.mean(), belief.sd().value
        by_tails = belief.beyond(np.abs(belief.values - mean.value))
        if math.isfinite(by_tails) and mean.error - by_tails > _LATTICE_ERROR_MAX * spread:
            return False
    return points.log_z_error < _LATTICE_ERROR_MAX


def _beside_prior(
    proposal: Proposal, domain: Domain, draw: Draw | None, rng: np.random.Generator
) -> Proposal:
    """Put a component as wide as the prior beside those at the maxima."""
    if draw is None:
        return proposal
    free = release(domain, np.asarray(draw(sobol_points(256, domain.size, rng)), np.float64))
    if not np.isfinite(free).all():
        return proposal
    low, middle, high = np.quantile(free, (0.159, 0.5, 0.841), axis=0)
    wide = np.diag(np.maximum(0.5 * (high - low), 1e-9))
    return beside(proposal, Proposal(middle[None], wide[None], np.zeros(1)))


def _better(first: WeightedPoints, second: WeightedPoints) -> WeightedPoints:
    """Return the one that can be trusted, else of which more counts, with the lighter tail."""

    def order(points: WeightedPoints) -> tuple[bool, bool, float, float]:
        is_few = points.ess < ESS_MIN
        return not points.is_to_be_trusted, is_few, round(points.khat, 1), -points.ess

    return second if order(second) <= order(first) else first


def _told(points: WeightedPoints, evaluator: Evaluator, found: Found) -> WeightedPoints:
    """Add what the user should know."""
    edge = np.exp(points.log_weights) @ at_edge(evaluator.domain, points.points)
    is_seen = bool((edge < _EDGE_MAX).all())
    notes = [f"{_counted(points.num_modes, 'mode')} from {_counted(points.num_starts, 'start')}"]
    if not found.is_settled:
        notes.append("the last starts still found new modes: there may be more")
    total = evaluator.num_points
    if evaluator.num_undefined > _UNDEFINED_MAX * total:
        notes.append(f"the density was not a number at {evaluator.num_undefined} of {total} points")
    if not len(points.points):
        notes.append("no point where the density is above zero was found: not to be trusted")
    elif not points.is_to_be_trusted:
        limits = f"k-hat {points.khat:.2f} (at most {KHAT_MAX})"
        limits += f", {points.ess:.0f} effective draws (at least {ESS_MIN:.0f})"
        notes.append(f"not to be trusted: {limits}")
    if not is_seen:
        k = int(edge.argmax())
        share = f"{100 * edge[k]:.2g} % of the weight"
        notes.append(
            f"not to be trusted: {share} is nearer to a bound of parameter {k} than numbers tell"
        )
    if not found.has_arrived:
        notes.append("not to be trusted: no climb came to its end in time")
    runaway = _runaway(evaluator, found)
    if runaway is not None:
        notes.append(
            f"not to be trusted: the density seems to rise without end at parameter {runaway}"
        )
    return replace(
        points,
        notes=tuple(notes),
        num_evaluations=total,
        is_to_be_trusted=points.is_to_be_trusted
        and is_seen
        and found.has_arrived
        and runaway is None,
    )


def _runaway(evaluator: Evaluator, found: Found) -> int | None:
    """Return a parameter along which a climb ran on as far as floats go.

    It came to a bound, or to a maximum hardly wider than floats are apart: that of a density that
    grows without end, where a hierarchy's members are all parameters.
    """
    free = found.modes.free
    bounded = evaluator.domain.has_bounds()
    widths = np.sqrt((found.modes.roots**2).sum(axis=2))
    is_far = bounded & (np.abs(free) > _RUNAWAY * FREE_MAX)
    is_far |= widths < _NARROWEST * np.spacing(np.abs(free))
    return int(is_far.any(axis=0).argmax()) if is_far.any() else None


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
