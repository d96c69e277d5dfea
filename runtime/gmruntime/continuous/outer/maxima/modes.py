"""Where a log density is high: climbs from many starts, and which found the same maximum."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import ndtri

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.outer.domains import release
from gmruntime.continuous.outer.evaluating import Evaluator
from gmruntime.continuous.outer.maxima.climbing import WIDEST, Climbs, climb
from gmruntime.continuous.outer.maxima.polishing import Modes, polish
from gmruntime.continuous.outer.sobol import sobol_points

_STARTS, _STARTS_MANY, _MANY = 32, 64, 8
"""Starts for up to eight parameters, and for more."""
_STARTS_MAX = 256
_BASES = 8
_SCOUTS = 4
_DEPTH_NATS = 30.0
"""How far below the best a maximum may lie and still be looked at."""
_DIP_NATS = 0.3
"""Two maxima are one where the straight way between them dips no lower below the lower one."""
_MODES_MAX = 24
_SPREAD_DECADES = 1.5
"""Starts without a prior lie up to 10^1.5 standard deviations from the first maximum found."""

Draw = Callable[[np.ndarray], np.ndarray]
"""From uniform numbers [n d] to parameters [n d] by the priors; NaN where a prior is not proper."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a search for maxima found.

    Attributes:
        modes: distinct maxima, the highest first; none where no start had a density above zero.
        num_starts: how many climbs began.
        is_settled: whether the last quarter of the starts found no new one.
        has_arrived: whether they are maxima, and no climbs cut off by the clock.
    """

    modes: Modes
    num_starts: int
    is_settled: bool
    has_arrived: bool


def find_modes(
    evaluator: Evaluator, draw: Draw | None, rng: np.random.Generator, budget: Budget
) -> Found:
    """Climb from draws of the priors; where there are none, from around a first maximum.

    More starts follow while the last quarter of them still finds new maxima and time is left.
    """
    size = evaluator.domain.size
    wanted = _STARTS if size <= _MANY else _STARTS_MANY
    known, num_starts, is_settled = _none(size), 0, False
    base, has_arrived = None, False
    while num_starts < _STARTS_MAX and not budget.is_spent():
        drawn = _drawn(evaluator, draw, wanted, rng)
        if np.isnan(drawn).any() and base is None:
            known = base = _base(evaluator, drawn, rng, budget)
            has_arrived = not budget.is_spent()
            num_starts += _BASES
        starts, steps = _filled(drawn, base, rng)
        starts = _with_density(evaluator, starts, budget)
        frame = np.diag(steps)
        if base is not None and len(base.values):
            # Where no prior says how far to step, the first maximum does, and along what.
            frame = 0.1 * base.roots[0]
        last = max(1, (num_starts + wanted) // 4)
        # The first few tell the others when they may stop.
        ends = (min(_SCOUTS, len(starts)), max(_SCOUTS, len(starts) - last), len(starts))
        counts = [len(known.values)]
        for first, end in pairwise((0, *ends)):
            climbs = climb(evaluator, starts[first:end], frame, budget, known.hold)
            # Where a climb that was cut off stands is better than nothing, and only that.
            if climbs.has_arrived.any() or not len(known.values):
                found = _polished(evaluator, climbs, steps, budget)
                known = _merged(evaluator, known, found, budget)
            counts.append(len(known.values))
            has_arrived |= not budget.is_spent()
        num_starts += wanted
        is_settled = counts[-1] == counts[-2]
        if is_settled:
            break
        wanted = max(8, num_starts // 2)
    return Found(_high(known), num_starts, is_settled, has_arrived)


def _polished(
    evaluator: Evaluator, climbs: Climbs, steps: Float64[np.ndarray, " d"], budget: Budget
) -> Modes:
    """Return distinct maxima where climbs ended; of climbs that all were cut off, the highest."""
    which = climbs.has_arrived
    if not which.any() and len(which):
        which = climbs.values == climbs.values.max()
    rough = Modes(climbs.free[which], climbs.values[which], climbs.roots[which])
    apart = _merged(evaluator, _none(climbs.free.shape[1]), rough, budget)
    return polish(evaluator, _high(apart), WIDEST * steps, budget)


def _none(size: int) -> Modes:
    return Modes(np.zeros((0, size)), np.zeros(0), np.zeros((0, size, size)))


def _high(modes: Modes) -> Modes:
    # By what they hold, not by how high they are: a spike may be high and hold nothing.
    masses = modes.log_masses()
    order = np.argsort(-masses, kind="stable")[:_MODES_MAX]
    return modes.some(order[masses[order] >= masses.max(initial=-np.inf) - _DEPTH_NATS])


def _drawn(
    evaluator: Evaluator, draw: Draw | None, count: int, rng: np.random.Generator
) -> Float64[np.ndarray, "count d"]:
    """Return free numbers by the priors; NaN where there is none."""
    size = evaluator.domain.size
    if draw is None:
        return np.full((count, size), np.nan)
    theta = np.asarray(draw(sobol_points(count, size, rng)), np.float64)
    if theta.shape != (count, size):
        raise ValueError(f"draw gave an array {theta.shape}, expected {(count, size)}")
    return release(evaluator.domain, theta)


def _base(
    evaluator: Evaluator,
    drawn: Float64[np.ndarray, "starts d"],
    rng: np.random.Generator,
    budget: Budget,
) -> Modes:
    """Return the best maximum that climbs from around the middle find, on all scales."""
    size = drawn.shape[1]
    uniform = sobol_points(_BASES, size + 1, rng)
    scales = 10.0 ** (4.0 * uniform[:, :1] - 1.0)
    around = scales * ndtri(uniform[:, 1:])
    around[:, evaluator.domain.has_bounds()] /= scales
    around[0] = 0.0
    around = np.where(np.isnan(drawn[:_BASES]), around, drawn[:_BASES])
    around = _with_density(evaluator, around, budget)
    steps = np.ones(size)
    climbs = climb(evaluator, around, np.diag(steps), budget, _none(size).hold)
    return _polished(evaluator, climbs, steps, budget)


def _filled(
    drawn: Float64[np.ndarray, "starts d"], base: Modes | None, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "starts d"], Float64[np.ndarray, " d"]]:
    """Put numbers from around the first maximum where no prior says any; guess steps."""
    size = drawn.shape[1]
    is_open = np.isnan(drawn)
    is_drawn = ~is_open.any(axis=0)
    steps = np.ones(size)
    if is_drawn.any():
        low, high = np.quantile(drawn[:, is_drawn], (0.25, 0.75), axis=0)
        steps[is_drawn] = np.maximum(1e-2 * (high - low), 1e-9)
    if base is None or not is_open.any():
        return drawn, steps
    middle, spread = np.zeros(size), np.ones(size)
    if len(base.values):
        middle = base.free[0]
        spread = np.sqrt((base.roots[0] ** 2).sum(axis=1))
    uniform = sobol_points(len(drawn), size + 1, rng)
    far = 10.0 ** (_SPREAD_DECADES * uniform[:, :1])
    around = middle + spread * far * ndtri(uniform[:, 1:])
    steps = np.where(is_open.any(axis=0), 0.1 * spread, steps)
    return np.where(is_open, around, drawn), steps


def _with_density(
    evaluator: Evaluator, starts: Float64[np.ndarray, "starts d"], budget: Budget
) -> Float64[np.ndarray, "some d"]:
    """Return the starts of positive density; where few have one, look between and around them."""
    found, tried = starts[:0], starts
    for k in range(6):
        values = evaluator.evaluate(tried, budget)
        found = np.concatenate([found, tried[: len(values)][np.isfinite(values)]])
        if 4 * len(found) >= len(starts) or budget.is_spent():
            break
        # Coordinates of different starts put together, and drawn towards the middle.
        mixed = np.take_along_axis(starts, _shuffles(starts.shape, 4 * (k + 1)), axis=0)
        middle = np.median(starts, axis=0)
        tried = middle + (mixed - middle) * 0.5**k
    return found[: len(starts)]


def _shuffles(shape: tuple[int, int], times: int) -> np.ndarray:
    """Return row numbers, each column turned on by another stride."""
    rows, columns = shape
    turns = np.arange(1, columns + 1) * np.arange(1, times + 1)[:, None]
    return ((np.arange(rows)[None, :, None] + turns[:, None, :]) % rows).reshape(-1, columns)


def _merged(evaluator: Evaluator, known: Modes, new: Modes, budget: Budget) -> Modes:
    """Add maxima that are no known ones, the highest first."""
    for k in np.argsort(-new.values, kind="stable").tolist():
        one = new.some(np.array([k]))
        if one.log_masses()[0] < known.log_masses().max(initial=-np.inf) - 2 * _DEPTH_NATS:
            continue
        alike = _alike(evaluator, known, one, budget)
        if not alike.any():
            joined = [np.concatenate(pair) for pair in _pairs(known, one)]
            known = Modes(*joined)
        elif one.values[0] > known.values[alike].max():
            # The higher of the two stands for both.
            place = int(np.flatnonzero(alike)[0])
            rows = np.arange(len(known.values))
            others = known.some(rows[rows != place])
            known = Modes(*[np.concatenate(pair) for pair in _pairs(others, one)])
    return known


def _pairs(a: Modes, b: Modes) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(a.free, b.free), (a.values, b.values), (a.roots, b.roots)]


def _alike(evaluator: Evaluator, known: Modes, one: Modes, budget: Budget) -> np.ndarray:
    """Say which known maxima lie within a standard deviation, or beyond no valley."""
    apart = known.free - one.free
    if not len(apart):
        return np.zeros(0, bool)
    whitened = np.linalg.solve(one.roots, apart[:, :, None])[..., 0]
    is_near = (whitened**2).sum(axis=1) < 1.0
    if is_near.any():
        return is_near
    between = one.free + np.array([0.25, 0.5, 0.75])[:, None, None] * apart
    values = evaluator.evaluate(between.reshape(-1, apart.shape[1]), budget)
    if len(values) < 3 * len(apart):
        return is_near
    lowest = values.reshape(3, -1).min(axis=0)
    return lowest > np.minimum(known.values, one.values[0]) - _DIP_NATS
