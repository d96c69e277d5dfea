"""How fine a hidden real has to be looked at, and how far: by what may be said of it together.

Whatever is meant of what is said of a real, and whoever is active, what is integrated is a sum of
products of normal densities. A panel of a rule may be a few standard deviations of such a product
wide, and none is needed where all products have no mass.
"""

from dataclasses import dataclass

import numpy as np

from gmlang.graph.reals.densities import log_mass_inside
from gmruntime.arrays import Float64

_WIDTH = 3.0
"""Of a panel, in standard deviations of all that may hold there."""

_STEEP_NATS = 6.0
"""So much may an exponential fall in a panel."""

_FLOOR_NATS = 45.0
"""What adds less than e^-45 to 1 adds nothing in float64."""

_FAR = 3.0
"""So many standard deviations out panels are cut shorter around ends of intervals."""

_NOWHERE = 1e140
"""So many standard deviations out a density is 0 in float64, whatever it is divided by."""

_ULPS = 64
"""So many floats are looked at beyond an end at least: what falls faster is off, and told so."""

_FLOATS = 1e6
"""So many floats lie at least where there may be mass, that nodes are where they should be."""

_CONFLICT_NATS = 400.0
"""What surely holds where it hardly can is followed so far; two sharp predictions 50 standard
deviations apart lose more. Beyond that the difference of two rules says how bad it is."""


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
        is_supposed: whether it would only be said if something seen were not, as in `why`.
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
    is_supposed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """How wide panels may be: from each place on to the next, and infinitely outside of them.

    Attributes:
        places: ascending.
        widths: after each place but the last.
    """

    places: Float64[np.ndarray, " places"]
    widths: Float64[np.ndarray, " intervals"]


class ImproperError(Exception):
    """Nothing holds a real in place: what is said of it cannot be normalised."""


def steps_of(said: Said) -> Steps:
    """Say how wide panels may be where there may be mass; nowhere where floats are too far apart.

    Raises:
        ImproperError: where its distribution cannot be normalised.
    """
    always = _always(said)
    core = _ends(said, always)
    if core[1] - core[0] < _FLOATS * np.spacing(np.abs(core).max()):
        return Steps(np.zeros(0), np.zeros(0))
    tails = _tails(said, always)
    low, high = min([core[0], *tails.starts]), max([core[1], *tails.stops])
    precisions, slopes = _zones(said, *core), _at_ends(said, low, high)
    zones = precisions, slopes, tails
    ends = np.concatenate(
        [[low, high], core, *(z.starts for z in zones), *(z.stops for z in zones)]
    )
    places = np.unique(ends.clip(low, high))
    # Between all that has mass and an end far outside there is none, however wide panels are.
    tail = _added(tails, places)
    has_mass = (tail > 0) | ((places >= core[0]) & (places < core[1]))
    precision = np.where(has_mass, always.precision, 0.0) + _added(precisions, places)
    slope = np.where(has_mass, _slope_of_always(always, low, high), 0.0)
    slope = slope + _added(slopes, places) + tail
    with np.errstate(divide="ignore"):
        widths = np.minimum(_WIDTH / np.sqrt(precision), _STEEP_NATS / slope)
    return Steps(places, widths[:-1])


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
        precision: 0 where nothing holds it in place but the ends of its range.
        mean: where it is highest; where the precision is 0, nothing.
    """

    precision: float
    mean: float


def _gained(said: Said) -> Float64[np.ndarray, " predictions"]:
    """Return the precision of each prediction relative to the base."""
    return 1 / said.sds**2 - (0.0 if said.base is None else 1 / said.base[1] ** 2)


def _log_odds(said: Said) -> Float64[np.ndarray, " predictions"]:
    """Return the log-odds that each prediction is meant; those of sure ones are finite."""
    with np.errstate(divide="ignore"):
        odds = np.log(said.confidences) - np.log1p(-said.confidences)
    return odds.clip(-np.inf, _CONFLICT_NATS)


def _always(said: Said) -> _Always:
    """Gather the base and what was seen; predictions hold only while a model is active."""
    centres, sds = said.look_means, said.look_sds
    if said.base is not None:
        centres, sds = np.append(centres, said.base[0]), np.append(sds, said.base[1])
    if not len(centres):
        return _Always(0.0, 0.0)
    # Relative to one of them: numbers far from 0 would lose their digits.
    precisions, origin = 1 / sds**2, float(centres[0])
    precision = float(precisions.sum())
    return _Always(precision, origin + float(precisions @ (centres - origin)) / precision)


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
    peaks = _log_peaks(said)
    is_bounded = bool(np.isfinite(peaks).all()) and always.precision > 0
    if np.isfinite([said.low, said.high]).all() and not is_bounded:
        return said.low, said.high
    if not np.isfinite([said.low, said.high]).all() and always.precision <= 0:
        raise ImproperError
    # -log(1 - c), by the log-odds.
    nats = _FLOOR_NATS + float(np.logaddexp(0.0, _log_odds(said)).sum())
    if is_bounded:
        nats += float(np.logaddexp(0.0, peaks).sum())
        best = float(np.clip(always.mean, said.low, said.high))
        reach = np.sqrt((best - always.mean) ** 2 + 2 * nats / always.precision)
        return max(said.low, always.mean - reach), min(said.high, always.mean + reach)
    return _far_ends(said, always, nats)


def _tails(said: Said, always: _Always) -> _Zone:
    """Return how steep it is beyond each end of an interval where there is hardly any mass.

    The interval may be observed, or predicted, so that all mass is there; beyond its end that falls
    by as much as matters, and what lies farther out only matters beyond the next end.
    """
    if not always.precision > 0:
        return _Zone(*np.zeros((3, 0)))
    inside = (said.breaks > said.low) & (said.breaks < said.high)
    columns: list[np.ndarray] = []
    for side in (-1.0, 1.0):
        away = np.unique(side * (said.breaks[inside] - always.mean))
        sds = away * np.sqrt(always.precision)
        far = away[(sds > _FAR) & (sds < _NOWHERE)]
        reach = np.hypot(far, np.sqrt(2 * _FLOOR_NATS / _least(said, always)))
        slopes, floats = always.precision * reach, _ULPS * np.spacing(abs(always.mean) + far)
        slopes = np.where(reach - far < floats, _STEEP_NATS / floats, slopes)
        reach = np.maximum(reach, far + floats)
        is_first = np.append(True, far[1:] > reach[:-1])[: len(far)]
        is_last = np.append(is_first[1:], True)[: len(far)]
        ends = always.mean + side * np.stack([far[is_first], reach[is_last]])
        starts, stops = ends.min(axis=0).clip(min=said.low), ends.max(axis=0).clip(max=said.high)
        columns.append(np.stack([starts, stops, slopes[is_last]]))
    return _Zone(*np.concatenate(columns, axis=1))


def _least(said: Said, always: _Always) -> float:
    """Return the least precision with which it falls, whatever is predicted."""
    if said.base is None:
        return always.precision
    return max(
        always.precision + float(np.minimum(_gained(said), 0.0).sum()), 1e-3 * always.precision
    )


def _far_ends(said: Said, always: _Always, nats: float) -> tuple[float, float]:
    """Return ends where some predictions are hardly sharper than the base, or vaguer.

    Raises:
        ImproperError: where these together leave nothing that holds the real in place.
    """
    assert said.base is not None
    gained = _gained(said)
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
    return float(np.logaddexp(0.0, ratios).sum())


# --- How fine -----------------------------------------------------------------------------


def _slope_of_always(always: _Always, low: float, high: float) -> float:
    """Return how steep it is where it is highest, at an end of the range or beyond; else 0."""
    return always.precision * max(0.0, low - always.mean, always.mean - high)


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
    means, sds, peaks = said.means, said.sds, _log_peaks(said)
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = np.maximum(0.0, peaks + _log_odds(said) + _FLOOR_NATS)
        if said.base is None:
            return _Zone(means - sds * np.sqrt(2 * nats), means + sds * np.sqrt(2 * nats), sds**-2)
        centre, sd = said.base
        gained = _gained(said)
        middles = centre + (means - centre) / sds**2 / gained
        radii = np.sqrt(2 * nats / gained)
        is_sharper = np.isfinite(peaks)
        starts = np.where(is_sharper, middles - radii, low)
        stops = np.where(is_sharper, middles + radii, high)
    return _Zone(starts, stops, np.where(is_sharper, sds**-2, np.abs(gained) + sd**-2))


def _at_ends(said: Said, low: float, high: float) -> _Zone:
    """Say how steep predictions are at an end of the range beyond which their means lie.

    Those that are vaguer than the base grow towards both ends, everywhere.
    """
    beyond = np.where(said.means < said.low, said.low - said.means, said.means - said.high)
    is_beyond = (beyond > said.sds) & (said.confidences > 0)
    slopes = (beyond / said.sds**2)[is_beyond]
    is_left = (said.means < said.low)[is_beyond]
    reach = 2 * _FLOOR_NATS / slopes
    starts = np.where(is_left, low, high - reach)
    stops = np.where(is_left, low + reach, high)
    if said.base is not None and np.isfinite([said.low, said.high]).all():
        mean, sd = said.base
        vague = np.isinf(_log_peaks(said))
        ends = np.array([[low], [high]])
        slope = np.abs((ends - mean) / sd**2 - (ends - said.means) / said.sds**2).max(axis=0)
        slopes = np.concatenate([slopes, slope[vague]])
        starts = np.concatenate([starts, np.full(int(vague.sum()), low)])
        stops = np.concatenate([stops, np.full(int(vague.sum()), high)])
    return _Zone(starts, stops, slopes)
