"""Where a hidden real is looked at: nodes, and weights by which sums over them are integrals.

The line is cut into panels, each with a Gauss-Legendre rule: at the ends of intervals that the
program asks or speaks of, where what is integrated jumps, and else so that little happens in one
(`fineness.py`). A product of normal densities is entire, so that the rule converges faster than any
power; what it is off by is told by another with fewer nodes in the same panels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from gmlang.graph.reals.fineness import ImproperError, Said, Steps, steps_of
from gmruntime.arrays import Float64

_FINE, _COARSE = 12, 8
"""Nodes of a panel. Over three standard deviations of a normal density these are off by less than
1e-14 and 1e-8 of it: Davis and Rabinowitz, Methods of Numerical Integration, 2.7."""

NODES_MAX = 1 << 14
"""A real may be looked at in so many places."""


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """A rule: the integral of f is the sum of weights * f(points)."""

    points: Float64[np.ndarray, " nodes"]
    weights: Float64[np.ndarray, " nodes"]


class TooFineError(Exception):
    """A real would have to be looked at in more places than is sensible."""


def panels_of(said: Sequence[Said]) -> Float64[np.ndarray, " edges"]:
    """Choose where panels of reals that share a rule end, ascending.

    Args:
        said: of each of them, one or more; they have the same ends and breaks.

    Raises:
        ImproperError: where the distribution of one cannot be normalised.
        TooFineError: where there would be more than `NODES_MAX` nodes.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        steps: list[Steps] = []
        for one in said:
            try:
                steps.append(steps_of(one))
            except ImproperError:
                # What is only supposed need not have a distribution.
                if not one.is_supposed:
                    raise
    # Where one is narrower than float64 can tell, there is no panel.
    if any(len(one.places) < 2 or not np.isfinite(one.places).all() for one in steps):
        raise TooFineError
    return _edges(_finest(steps), said[0].breaks)


def nodes_of(edges: Float64[np.ndarray, " edges"], *, is_coarse: bool) -> Nodes:
    """Place the nodes in panels.

    Args:
        edges: where panels end.
        is_coarse: fewer nodes in the same panels, to see what the others are off by.
    """
    x, w = _legendre(panel_order(is_coarse=is_coarse))
    middles, halves = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    points = (middles[:, None] + halves[:, None] * x).reshape(-1)
    return Nodes(points, (halves[:, None] * w).reshape(-1))


def misplaced_by(edges: Float64[np.ndarray, " edges"]) -> float:
    """Return by how much densities at nodes may be off, relative to them, since floats are apart.

    In a panel a density grows by up to ten times its own, that is by 10 for each of its widths. One
    that is cut short is as wide as those beside it would be.
    """
    apart = np.spacing(np.maximum(np.abs(edges[1:]), np.abs(edges[:-1])))
    widths = np.pad(np.diff(edges), 1)
    return 10 * float((apart / np.maximum.reduce([widths[:-2], widths[1:-1], widths[2:]])).max())


def panel_order(*, is_coarse: bool) -> int:
    """Return how many nodes a panel has."""
    return _COARSE if is_coarse else _FINE


@cache
def series_through(order: int) -> Float64[np.ndarray, "order order"]:
    """Return what makes of values at a panel's nodes the Legendre series through them."""
    x, w = _legendre(order)
    scale = (2 * np.arange(order) + 1) / 2
    return scale[:, None] * (np.polynomial.legendre.legvander(x, order - 1) * w[:, None]).T


@cache
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(count)
    return x, w


def _finest(steps: list[Steps]) -> Steps:
    """Return the widths that are narrow enough for all, joined in pairs."""
    while len(steps) > 1:
        pairs = [steps[k : k + 2] for k in range(0, len(steps), 2)]
        steps = [pair[0] if len(pair) == 1 else _finer(*pair) for pair in pairs]
    return steps[0]


def _finer(one: Steps, other: Steps) -> Steps:
    places = np.unique(np.concatenate([one.places, other.places]))
    widths = np.minimum(_widths_at(one, places[:-1]), _widths_at(other, places[:-1]))
    is_new = np.append(True, widths[1:] != widths[:-1])
    return Steps(np.append(places[:-1][is_new], places[-1]), widths[is_new])


def _widths_at(steps: Steps, places: np.ndarray) -> np.ndarray:
    rows = np.searchsorted(steps.places, places, side="right")
    return np.concatenate([[np.inf], steps.widths, [np.inf]])[rows]


def _edges(steps: Steps, breaks: np.ndarray) -> np.ndarray:
    """Return the ends of panels, ascending."""
    low, high = float(steps.places[0]), float(steps.places[-1])
    inside = breaks[(breaks > low) & (breaks < high)]
    edges = [low]
    for end in [*np.unique(inside).tolist(), high]:
        while edges[-1] < end:
            if len(edges) * _FINE > NODES_MAX:
                raise TooFineError
            edges.append(_next(edges[-1], end, steps))
    return np.array(edges)


def _next(start: float, end: float, steps: Steps) -> float:
    """Return where the panel ends that begins somewhere."""
    here = int(np.searchsorted(steps.places, start, side="right")) - 1
    width = float(steps.widths[here])
    there = int(np.searchsorted(steps.places, min(start + width, end), side="left"))
    finer = np.flatnonzero(steps.widths[here:there] < width)
    if len(finer):
        # As fine at once, or as it is up to where it grows finer, however much is left of that.
        width, place = float(steps.widths[here:there].min()), float(steps.places[here + finer[0]])
        if place - start >= width:
            return place
    stop = start + width
    # No sliver is left at the end.
    if stop >= end - 1e-3 * width:
        return end
    stop = stop if stop + 0.5 * width < end else (start + end) / 2
    return stop if stop > start else end
