"""Where a hidden real is looked at: nodes, and weights by which sums over them are integrals.

The line is cut into panels, each with a Gauss-Legendre rule: at the ends of intervals that the
program asks or speaks of, where what is integrated jumps, and else so that no panel is wider than
a few standard deviations of all that may hold there together. A product of normal densities is
entire, so that the rule converges faster than any power; what it is off by is told by another with
fewer nodes in the same panels.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from gmlang.graph.reals.densities import log_mass_inside
from gmruntime.arrays import Float64

_FINE, _COARSE = 12, 8
"""Nodes of a panel. Over three standard deviations of a normal density these are off by less than
1e-14 and 1e-8 of it: Davis and Rabinowitz, Methods of Numerical Integration, 2.7."""

_WIDTH = 3.0
"""Of a panel, in standard deviations of all that may hold there."""

_STEEP_NATS = 6.0
"""So much may an exponential fall in a panel."""

_FLOOR_NATS = 45.0
"""What adds less than e^-45 to 1 adds nothing in float64."""

NODES_MAX = 1 << 14
"""A real may be looked at in so many places."""


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """All that is said of a real by normal densities, and where that jumps.

    Attributes:
        low, high: its ends; infinite where it has none.
        base: mean and standard deviation of what it is where no model speaks; None for uniform.
        means, sds: of what models predict.
        confidences: of these, in 0..1.
        look_means, look_sds: of what was seen of it, with noise.
        breaks: ends of intervals.
    """

    low: float
    high: float
    base: tuple[float, float] | None
    means: Float64[np.ndarray, " predictions"]
    sds: Float64[np.ndarray, " predictions"]
    confidences: Float64[np.ndarray, " predictions"]
    look_means: Float64[np.ndarray, " looks"]
    look_sds: Float64[np.ndarray, " looks"]
    breaks: Float64[np.ndarray, " breaks"]


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """A rule: the integral of f is the sum of weights * f(points)."""

    points: Float64[np.ndarray, " nodes"]
    weights: Float64[np.ndarray, " nodes"]


class ImproperError(Exception):
    """Nothing holds a real in place: what is said of it cannot be normalised."""


class TooFineError(Exception):
    """A real would have to be looked at in more places than is sensible."""


def nodes_of(said: Said, *, is_coarse: bool) -> Nodes:
    """Choose where to look at a real.

    Args:
        said: of it.
        is_coarse: fewer nodes in the same panels, to see what the others are off by.

    Raises:
        ImproperError: where its distribution cannot be normalised.
        TooFineError: where there would be more than `NODES_MAX`.
    """
    always = _always(said)
    low, high = _ends(said, always)
    tails = _tails(said, always, low, high)
    x, w = _legendre(panel_order(is_coarse=is_coarse))
    edges = _edges(said, always, low, high, tails)
    middles, halves = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    points = (middles[:, None] + halves[:, None] * x).reshape(-1)
    return Nodes(points, (halves[:, None] * w).reshape(-1))


def panel_order(*, is_coarse: bool) -> int:
    """Return how many nodes a panel has."""
    return _COARSE if is_coarse else _FINE


@cache
def _legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(count)
    return x, w


# --- What holds in any case, and how far there is anything --------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Zone:
    """Between two places: a precision, or how steep what is integrated may be."""

    starts: np.ndarray
    stops: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class _Always:
    """The normal density, not normalised, that is a factor of all that is integrated.

        exp(-precision / 2 (x - mean)^2)

    Attributes:
        precision: 0 or less where nothing holds it in place but the ends of its range.
        mean: where its slope is 0; where the precision is 0, nothing.
        slope: where the precision is 0.
    """

    precision: float
    mean: float
    slope: float


def _gained(said: Said) -> Float64[np.ndarray, " predictions"]:
    """Return the precision of each prediction relative to the base."""
    return 1 / said.sds**2 - (0.0 if said.base is None else 1 / said.base[1] ** 2)


def _always(said: Said) -> _Always:
    """Gather the base, what was seen, and what is surely predicted relative to the base."""
    is_sure = said.confidences >= 1.0
    means = [said.look_means, said.means[is_sure]]
    sds = [said.look_sds, said.sds[is_sure]]
    if said.base is not None:
        means.append(np.array([said.base[0]] * (1 + int(is_sure.sum()))))
        sds.append(np.array([said.base[1]] * (1 + int(is_sure.sum()))))
    centres, precisions = np.concatenate(means), 1 / np.concatenate(sds) ** 2
    if said.base is not None and is_sure.any():
        precisions[-int(is_sure.sum()) :] *= -1.0
    if not len(centres):
        return _Always(0.0, 0.0, 0.0)
    # Relative to one of them: numbers far from 0 would lose their digits.
    origin = float(centres[0])
    precision, linear = float(precisions.sum()), float(precisions @ (centres - origin))
    if abs(precision) <= 1e-9 * float(np.abs(precisions).max()):
        return _Always(0.0, origin, linear)
    return _Always(precision, origin + linear / precision, 0.0)


def _log_peaks(said: Said) -> Float64[np.ndarray, " predictions"]:
    """Return, of each prediction that may not be meant, the log of the most of its ratio."""
    log_masses = log_mass_inside(said.means, said.sds, said.low, said.high)
    if said.base is None:
        with np.errstate(invalid="ignore"):
            width = said.high - said.low
        return np.log(width / said.sds) - log_masses if np.isfinite(width) else np.zeros(0)
    sd, gained = said.base[1], _gained(said)
    is_sharper = gained > _SHARPER / sd**2
    away = (said.means - said.base[0]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        peaks = np.log(sd / said.sds) + away / (2 * (sd**2 - said.sds**2)) - log_masses
    return np.where(is_sharper, peaks, np.inf)


_SHARPER = 1e-3
"""A prediction has a peak relative to the base where it gains this share of its precision."""


def _ends(said: Said, always: _Always) -> tuple[float, float]:
    """Return the ends between which all mass lies that float64 would see.

    What is integrated is at least `always` times the product of 1 - c, and at most `always` times
    the product of what predictions are relative to the base, where each is highest.
    """
    is_open = said.confidences < 1.0
    c, peaks = said.confidences[is_open], _log_peaks(said)
    peaks = peaks[is_open] if len(peaks) else peaks
    is_bounded = bool(np.isfinite(peaks).all()) and always.precision > 0
    if np.isfinite([said.low, said.high]).all() and not is_bounded:
        return said.low, said.high
    if not np.isfinite([said.low, said.high]).all() and always.precision <= 0:
        raise ImproperError
    with np.errstate(divide="ignore"):
        nats = _FLOOR_NATS + float(-np.log1p(-c).sum())
    if is_bounded:
        nats += float(np.logaddexp(0.0, peaks).sum())
        best = float(np.clip(always.mean, said.low, said.high))
        reach = np.sqrt((best - always.mean) ** 2 + 2 * nats / always.precision)
        return max(said.low, always.mean - reach), min(said.high, always.mean + reach)
    return _far_ends(said, always, nats)


def _tails(said: Said, always: _Always, low: float, high: float) -> _Zone:
    """Return how steep it is on the way to intervals that end where there is hardly any mass.

    They may be observed, or predicted, so that all mass is there; beyond their ends it falls by as
    much as matters.
    """
    inside = said.breaks[(said.breaks > said.low) & (said.breaks < said.high)]
    starts: list[float] = []
    stops: list[float] = []
    slopes: list[float] = []
    if always.precision > 0 and (inside < low).any():
        slopes.append(always.precision * float(always.mean - inside.min()))
        starts.append(max(said.low, float(inside.min()) - _FLOOR_NATS / slopes[-1]))
        stops.append(low)
    if always.precision > 0 and (inside > high).any():
        slopes.append(always.precision * float(inside.max() - always.mean))
        starts.append(high)
        stops.append(min(said.high, float(inside.max()) + _FLOOR_NATS / slopes[-1]))
    return _Zone(*(np.array(column, np.float64) for column in (starts, stops, slopes)))


def _far_ends(said: Said, always: _Always, nats: float) -> tuple[float, float]:
    """Return ends where some predictions are hardly sharper than the base, or vaguer.

    Raises:
        ImproperError: where these together leave nothing that holds the real in place.
    """
    assert said.base is not None
    gained = _gained(said)[said.confidences < 1.0]
    if always.precision + np.minimum(gained, 0.0).sum() <= 1e-9 / said.base[1] ** 2:
        raise ImproperError
    ends: list[float] = []
    for side in (-1.0, 1.0):
        distance, times = 8 / np.sqrt(always.precision), 0
        while times < 3:
            x = always.mean + side * distance
            log_most = -0.5 * always.precision * distance**2 + _log_most(said, x)
            times = times + 1 if log_most < -nats else 0
            distance *= 2
        # It was low enough at a quarter of this, and further out.
        ends.append(always.mean + side * distance / 4)
    return max(said.low, ends[0]), min(said.high, ends[1])


def _log_most(said: Said, x: float) -> float:
    """Return the log of the product of all ratios that may hold at a place."""
    assert said.base is not None
    mean, sd = said.base
    ratios = (
        np.log(sd / said.sds) + ((x - mean) / sd) ** 2 / 2 - ((x - said.means) / said.sds) ** 2 / 2
    )
    return float(np.logaddexp(0.0, ratios[said.confidences < 1.0]).sum())


# --- Panels -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The width of panels, from each of some places on."""

    places: np.ndarray
    widths: np.ndarray


def _edges(said: Said, always: _Always, low: float, high: float, tails: _Zone) -> np.ndarray:
    """Return the ends of panels, ascending."""
    low, high = min([low, *tails.starts]), max([high, *tails.stops])
    steps = _steps(said, always, low, high, tails)
    inside = said.breaks[(said.breaks > low) & (said.breaks < high)]
    edges = [low]
    for end in [*np.unique(inside).tolist(), high]:
        while edges[-1] < end:
            if len(edges) * _FINE > NODES_MAX:
                raise TooFineError
            edges.append(_next(edges[-1], end, steps))
    return np.array(edges)


def _next(start: float, end: float, steps: _Steps) -> float:
    """Return where the panel ends that begins somewhere."""
    here = int(np.searchsorted(steps.places, start, side="right")) - 1
    width = float(steps.widths[here])
    there = int(np.searchsorted(steps.places, min(start + width, end), side="left"))
    finer = np.flatnonzero(steps.widths[here:there] < width)
    if len(finer):
        # As fine at once, or as it is up to where it grows finer.
        least = float(steps.widths[here:there].min())
        width = max(least, float(steps.places[here + finer[0]]) - start)
    stop = start + width
    # No sliver is left at the end.
    if stop >= end - 1e-3 * width:
        return end
    stop = stop if stop + 0.5 * width < end else (start + end) / 2
    return stop if stop > start else end


def _steps(said: Said, always: _Always, low: float, high: float, tails: _Zone) -> _Steps:
    """Return how wide panels may be: so wide that little happens in one, whatever is meant."""
    precisions, slopes = _zones(said, low, high), _at_ends(said, low, high)
    zones = precisions, slopes, tails
    ends = np.concatenate([[low, high], *(z.starts for z in zones), *(z.stops for z in zones)])
    places = np.unique(ends.clip(low, high))
    precision = abs(always.precision) + _added(precisions, places)
    slope = _added(slopes, places) + _added(tails, places) + _slope_of_always(always, low, high)
    with np.errstate(divide="ignore"):
        widths = np.minimum(_WIDTH / np.sqrt(precision), _STEEP_NATS / slope)
    return _Steps(places, widths)


def _slope_of_always(always: _Always, low: float, high: float) -> float:
    """Return how steep it is where it is highest, at an end of the range or beyond; else 0."""
    if always.precision > 0 and low <= always.mean <= high:
        return 0.0
    if always.precision > 0:
        return always.precision * max(low - always.mean, always.mean - high)
    furthest = max(abs(low - always.mean), abs(high - always.mean))
    return abs(always.slope) - always.precision * furthest


def _added(zones: _Zone, places: np.ndarray) -> np.ndarray:
    """Add up the values of all zones from each place on to the next."""
    changes = np.zeros(len(places) + 1)
    for ends, sign in ((zones.starts, 1.0), (zones.stops, -1.0)):
        rows = np.searchsorted(places, ends.clip(places[0], places[-1]))
        np.add.at(changes, rows, sign * zones.values)
    found = np.cumsum(changes[:-1])
    # What was added and taken away leaves a rounding.
    return np.where(found > 1e-9 * zones.values.sum(initial=0.0), found, 0.0)


def _zones(said: Said, low: float, high: float) -> _Zone:
    """Say where each prediction that may not be meant is seen beside the base, how sharply."""
    is_open = said.confidences < 1.0
    means, sds, c = said.means[is_open], said.sds[is_open], said.confidences[is_open]
    peaks = _log_peaks(said)
    peaks = peaks[is_open] if len(peaks) else np.zeros(len(means))
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = np.maximum(0.0, peaks + np.log(c) - np.log1p(-c) + _FLOOR_NATS)
        if said.base is None:
            return _Zone(means - sds * np.sqrt(2 * nats), means + sds * np.sqrt(2 * nats), sds**-2)
        centre, sd = said.base
        gained = _gained(said)[is_open]
        middles = centre + (means - centre) / sds**2 / gained
        radii = np.sqrt(2 * nats / gained)
        is_sharper = np.isfinite(peaks)
        starts = np.where(is_sharper, middles - radii, low)
        stops = np.where(is_sharper, middles + radii, high)
    return _Zone(starts, stops, np.where(is_sharper, sds**-2, np.abs(gained) + sd**-2))


def _at_ends(said: Said, low: float, high: float) -> _Zone:
    """Say how steep predictions are at an end of the range beyond which their means lie."""
    beyond = np.where(said.means < said.low, said.low - said.means, said.means - said.high)
    is_beyond = (beyond > said.sds) & (said.confidences > 0)
    slopes = (beyond / said.sds**2)[is_beyond]
    is_left = (said.means < said.low)[is_beyond]
    reach = 2 * _FLOOR_NATS / slopes
    starts = np.where(is_left, low, high - reach)
    return _Zone(starts, np.where(is_left, low + reach, high), slopes)
