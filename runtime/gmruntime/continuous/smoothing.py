"""Distribution functions of weighted points on a lattice, whose values may come in clumps.

Where an axis of the lattice hardly turns a value, whole columns of points share it, and steps of a
distribution function say nothing of what lies between them. So each point is spread by a kernel of
fourth order, wider than columns are apart, where the values look like a normal distribution.

Source: Wand and Jones (1995), "Kernel Smoothing", section 2.8.
"""

import numpy as np

from gmruntime.arrays import Float64

WIDTH = 0.3
"""Of a kernel, in standard deviations; lattices have steps of at most two and a half times that."""
_EDGES = np.array([0.0, 0.05, 0.15, 0.35, 0.65, 0.85, 0.95, 1.0])
"""Of bands of probability, whose means tell where the scores of a normal distribution lie."""


def normal_scores(
    values: Float64[np.ndarray, " n"], weights: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " knots"], Float64[np.ndarray, " knots"]] | None:
    """Return values, and the standard normal scores they look like; None of too few points.

    Args:
        values: of the points.
        weights: of the points, at least 0.
    """
    from scipy.special import ndtri

    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order] / weights.sum()
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    totals = np.concatenate([[0.0], np.cumsum(weights * values)])
    ends = np.searchsorted(sums, _EDGES)
    ends[0], ends[-1] = 0, len(values)
    shares = np.minimum(sums[ends], 1.0)
    masses = np.diff(shares)
    if not (masses > 0.0).all():
        return None
    heights = np.exp(-0.5 * ndtri(shares) ** 2) / np.sqrt(2 * np.pi)
    heights[[0, -1]] = 0.0
    knots = np.diff(totals[ends]) / masses
    scores = -np.diff(heights) / masses
    is_rising = (np.diff(knots) > 0.0).all() and (np.diff(scores) > 0.0).all()
    return (knots, scores) if is_rising and np.isfinite(knots).all() else None


def scores_at(
    values: Float64[np.ndarray, " n"],
    known: tuple[Float64[np.ndarray, " knots"], Float64[np.ndarray, " knots"]],
) -> Float64[np.ndarray, " n"]:
    """Return the scores of values: smooth between the knots, straight beyond them."""
    from scipy.interpolate import PchipInterpolator

    knots, scores = known
    found = PchipInterpolator(knots, scores)(np.clip(values, knots[0], knots[-1]))
    slopes = np.diff(scores) / np.diff(knots)
    below, above = np.minimum(values - knots[0], 0.0), np.maximum(values - knots[-1], 0.0)
    return found + slopes[0] * below + slopes[-1] * above


def smooth_share(
    score: float,
    scores: Float64[np.ndarray, " n"],
    weights: Float64[np.ndarray, " n"],
    width: float,
) -> float:
    """Return the share of the points below a score, each spread by a kernel.

    Args:
        score: up to which.
        scores: of the points.
        weights: of the points, at least 0.
        width: of the kernel, above 0.
    """
    from scipy.special import ndtr

    apart = (score - scores) / width
    spread = ndtr(apart) + 0.5 * apart * np.exp(-0.5 * apart**2) / np.sqrt(2 * np.pi)
    return float(np.clip(weights @ spread / weights.sum(), 0.0, 1.0))
