"""Where panels of reals end: at first evenly far apart on a scale on which ends are far away.

[low, high]: logit      [low, inf]: log (x - low)      [-inf, high]: -log (high - x)
otherwise: asinh ((x - centre) / spread)
"""

import math
from dataclasses import dataclass

import numpy as np

from gmlang.families.priors import frozen
from gmlang.graph.world.world import RealArray
from gmruntime.arrays import Float64

_PANELS = {1: 24, 2: 12, 3: 5}
"""Evenly spread at first, by how many reals a law has together: refining from few that are spread
by mass stalls in the wrong place."""

_TAIL = 1e-15
"""Of a prior, on each side, nothing is looked at before mass is found there."""

_FURTHEST = 600.0
"""On a scale of logs: beyond, float64 has few numbers left."""

_WIDE = 30.0
"""On a scale of logs, so far each way a real is looked for of which nothing is said."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """A scale without ends for a real.

    Attributes:
        low, high: the ends of the real.
        centre, spread: of a real without ends.
    """

    low: float
    high: float
    centre: float = 0.0
    spread: float = 1.0

    def to_real(self, t: np.ndarray) -> np.ndarray:
        """Return the reals at places of the scale, inside the ends.

        >>> _Scale(0.0, 1.0).to_real(np.array([0.0])).tolist()
        [0.5]
        """
        match math.isfinite(self.low), math.isfinite(self.high):
            case True, True:
                # The nearer end first, so that digits are not lost beside it.
                share = np.exp(-np.abs(t)) / (1 + np.exp(-np.abs(t)))
                length = self.high - self.low
                return np.where(t < 0, self.low + length * share, self.high - length * share)
            case True, False:
                return self.low + np.exp(t)
            case False, True:
                return self.high - np.exp(-t)
            case _:
                return self.centre + self.spread * np.sinh(t)

    def from_real(self, x: np.ndarray) -> np.ndarray:
        """Return where reals are on the scale."""
        with np.errstate(divide="ignore"):
            match math.isfinite(self.low), math.isfinite(self.high):
                case True, True:
                    return np.log(x - self.low) - np.log(self.high - x)
                case True, False:
                    return np.log(x - self.low)
                case False, True:
                    return -np.log(self.high - x)
                case _:
                    return np.arcsinh((x - self.centre) / self.spread)


def _scale_of(array: RealArray) -> _Scale:
    """Return the scale of a real by its ends, and by its prior where it has none."""
    if np.isfinite(array.low) or np.isfinite(array.high) or array.prior is None:
        return _Scale(array.low, array.high)
    law = frozen(*array.prior)
    first, middle, last = (float(law.ppf(share)) for share in (0.25, 0.5, 0.75))
    return _Scale(-np.inf, np.inf, middle, max((last - first) / 2, np.finfo(float).tiny))


def first_edges(array: RealArray, together: int) -> Float64[np.ndarray, " edges"]:
    """Return where panels end that have all but nothing of a prior's mass, ascending."""
    scale = _scale_of(array)
    low, high = -_WIDE, _WIDE
    if array.prior is not None:
        law = frozen(*array.prior)
        below, above = float(law.cdf(array.low)), float(law.sf(array.high))
        mass = 1.0 - below - above
        ends = np.array([law.ppf(below + _TAIL * mass), law.isf(above + _TAIL * mass)])
        ends = scale.from_real(np.clip(ends, array.low, array.high))
        low, high = np.clip(ends, -_FURTHEST, _FURTHEST)
    t = np.linspace(low, high, _PANELS[together] + 1)
    edges = scale.to_real(t)
    if array.prior is not None and array.prior[0] == "Laplace":
        edges = np.append(edges, array.prior[1][0])
    return _distinct(edges, array)


def _distinct(edges: np.ndarray, array: RealArray) -> Float64[np.ndarray, " edges"]:
    """Return edges that float64 tells apart, inside the ends of a real, and the ends."""
    ends = [end for end in (array.low, array.high) if np.isfinite(end)]
    edges = np.unique(np.append(np.clip(edges, array.low, array.high), ends))
    edges = edges[np.isfinite(edges)]
    apart = _APART * np.spacing(np.abs(edges))
    is_far = np.append(True, np.diff(edges) > np.maximum(apart[1:], apart[:-1]))
    # The last end stays, whatever is too near to it.
    is_far[-1] = True
    if len(edges) > 2 and edges[-1] - edges[:-1][is_far[:-1]][-1] <= apart[-1]:
        is_far[np.flatnonzero(is_far)[-2]] = False
    return edges[is_far]


_APART = 1 << 20
"""Floats between the ends of a panel, at least."""


def away_from_ends(edges: np.ndarray, array: RealArray) -> Float64[np.ndarray, " edges"]:
    """Leave out the panels that are nearer to an end of their real than its millionth part."""
    near = np.zeros(len(edges), np.bool_)
    for end in (array.low, array.high):
        if np.isfinite(end):
            near |= np.abs(edges - end) < _NEAR * abs(end)
    return edges if near.all() or (~near).sum() < 2 else edges[~near]


_NEAR = 1e-6


def with_breaks(edges: np.ndarray, breaks: np.ndarray, array: RealArray) -> np.ndarray:
    """Return edges, and those breaks that are inside them."""
    return _distinct(np.append(edges, breaks[(breaks > edges[0]) & (breaks < edges[-1])]), array)


def wider(edges: np.ndarray, array: RealArray, *, below: bool, above: bool) -> np.ndarray:
    """Return more panels beyond the first or the last, half as far again as all of them reach."""
    scale = _scale_of(array)
    t = scale.from_real(edges)
    t = t[np.isfinite(t)]
    reach, count = 0.5 * (t[-1] - t[0]), 2 + len(t) // 4
    parts = [edges]
    if below:
        parts.append(scale.to_real(np.linspace(max(t[0] - reach, -_FURTHEST), t[0], count)))
    if above:
        parts.append(scale.to_real(np.linspace(t[-1], min(t[-1] + reach, _FURTHEST), count)))
    return _distinct(np.concatenate(parts), array)


def is_beyond(edges: np.ndarray, array: RealArray) -> tuple[bool, bool]:
    """Say whether the panels reach as far as any data can put a real, on either side.

    Beside a finite end that is so where there is no more room before it.
    """
    t = _scale_of(array).from_real(edges)
    t = t[np.isfinite(t)]
    return bool(t[0] < -_ANYWHERE), bool(t[-1] > _ANYWHERE)


_ANYWHERE = 90.0
"""On a scale of logs: 1e40."""


def split(edges: np.ndarray, which: np.ndarray, parts: int, array: RealArray) -> np.ndarray:
    """Cut some panels into parts that are evenly far apart on the scale of their real.

    Args:
        edges: ascending.
        which: a mask over the panels.
        parts: how many each becomes.
        array: the real.
    """
    scale = _scale_of(array)
    t = np.clip(scale.from_real(edges), -_FURTHEST, _FURTHEST)
    shares = np.arange(1, parts) / parts
    here = t[:-1][which, None] + np.diff(t)[which, None] * shares
    inner = scale.to_real(here.reshape(-1))
    # Where the scale has an end far away, halves on the real line are as good.
    straight = edges[:-1][which, None] + np.diff(edges)[which, None] * shares
    is_far = np.abs(here) >= _FURTHEST
    inner = np.where(is_far.reshape(-1), straight.reshape(-1), inner)
    return _distinct(np.append(edges, inner), array)
