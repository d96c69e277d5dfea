"""Bounds on integrals of exp(g) over cells and tails, where g is concave: values of g are enough.

    chord(t) <= g(t) <= line through two points, beyond them

Below is the chord between the ends of a cell; above are the lines through an end and a point just
outside, the derivative-free form of Gilks (1992), "Derivative-free adaptive rejection sampling for
Gibbs sampling". Integrals of exponentials of lines have a closed form, also those that reach to
infinity. The gap of a cell shrinks with the square of its width.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64

_NEAR = 1 / 16
"""A point just outside is as far from an end as this share of the narrower cell beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """Where g is looked at: the ends of cells, and points just below and just above each.

    Attributes:
        points: below, at and above each end, ascending.
        ends: whether nothing is below the first end, and above the last.
    """

    points: Float64[np.ndarray, "three edges"]
    ends: tuple[bool, bool]

    @property
    def edges(self) -> Float64[np.ndarray, " edges"]:
        """The ends of cells."""
        return self.points[1]

    def num_cells(self) -> int:
        """Return how many cells there are, tails among them."""
        return len(self.edges) - 1 + 2 - sum(self.ends)

    def are_apart(self) -> Bool[np.ndarray, " edges"]:
        """Say of which ends floats tell the points beside them apart well enough for slopes."""
        points = np.where(np.isfinite(self.points), self.points, np.nan)
        gaps = np.diff(points, axis=0)
        if self.ends[0]:
            gaps[0, 0] = gaps[1, 0]
        if self.ends[1]:
            gaps[1, -1] = gaps[0, -1]
        return np.asarray((gaps > _APART * np.abs(self.edges)).all(axis=0))


_APART = 2.0**-26
_STEEPER = 2.0**-22
"""Slopes are known to so much, where points are so far apart relative to their size."""


def around(edges: Float64[np.ndarray, " edges"], ends: tuple[bool, bool]) -> Around:
    """Choose points beside the ends of cells.

    >>> around(np.array([0.0, 1.0, 3.0]), (True, False)).points[:, 1].tolist()
    [0.9375, 1.0, 1.0625]
    """
    widths = np.diff(edges)
    steps = _NEAR * np.minimum(np.append(widths[0], widths), np.append(widths, widths[-1]))
    below, above = edges - steps, edges + steps
    if ends[0]:
        below[0] = edges[0]
    if ends[1]:
        above[-1] = edges[-1]
    return Around(np.stack([below, edges, above]), ends)


def log_integrals(
    where: Around,
    values: Float64[np.ndarray, "three ... edges"],
    slack: Float64[np.ndarray, "... edges"],
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the log of the integral of exp(g) over each cell, the lower tail first.

    Args:
        where: the cells.
        values: of g at the points; -inf where exp(g) is 0.
        slack: by how much values may be off.

    Returns:
        Lower and upper bounds, (..., cells). An upper one is inf where nothing is proven.
    """
    below, at, above = values
    edges, (steps_below, steps_above) = where.edges, np.diff(where.points, axis=0)
    with np.errstate(all="ignore"):
        # Steeper than any tangent on the right, and flatter on the left, whatever was rounded.
        from_left = (at - below + 2 * slack) / steps_below
        from_right = (above - at - 2 * slack) / steps_above
        from_left = from_left + _STEEPER * np.abs(from_left)
        from_right = from_right - _STEEPER * np.abs(from_right)
        if where.ends[0]:
            from_left[..., 0] = np.nan
        if where.ends[1]:
            from_right[..., -1] = np.nan
        from_left = np.where(np.isfinite(from_left), from_left, np.nan)
        from_right = np.where(np.isfinite(from_right), from_right, np.nan)
        lower = _below(edges, at - slack)
        tops = _extended(edges, at + slack, from_left, from_right)
        upper = np.maximum(_above(edges, *tops), lower)
        parts = [(lower, upper)]
        top, from_left, from_right = tops
        none = np.full((*at.shape[:-1], 1), -np.inf)
        if not where.ends[0]:
            parts.insert(0, (none, _tail(top[..., :1], from_right[..., :1])))
        if not where.ends[1]:
            parts.append((none, _tail(top[..., -1:], -from_left[..., -1:])))
    return (
        np.concatenate([one for one, _ in parts], axis=-1),
        np.concatenate([one for _, one in parts], axis=-1),
    )


def _extended(
    edges: np.ndarray, top: np.ndarray, from_left: np.ndarray, from_right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Replace what is no number by the lines beyond the last edges on either side that have one.

    It may be 0 there, or only below what float64 knows; the lines are above it either way.
    """
    has_value = np.isfinite(top)
    if has_value.all():
        return top, from_left, from_right
    count = len(edges)
    first = np.argmax(has_value, axis=-1)[..., None]
    last = count - 1 - np.argmax(has_value[..., ::-1], axis=-1)[..., None]
    number = np.arange(count)

    def at(array: np.ndarray, place: np.ndarray) -> np.ndarray:
        return np.take_along_axis(array, place, axis=-1)

    is_above, is_below = ~has_value & (number > last), ~has_value & (number < first)
    steep, flat = at(from_left, last), at(from_right, first)
    top = np.where(is_above, at(top, last) + steep * (edges - edges[last]), top)
    top = np.where(is_below, at(top, first) + flat * (edges - edges[first]), top)
    return top, np.where(is_above, steep, from_left), np.where(is_below, flat, from_right)


def _tail(value: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Bound the log of an integral to infinity of what falls at least as fast as a line."""
    return np.where((slope > 0) & np.isfinite(value), value - np.log(slope), np.inf)


def _below(edges: np.ndarray, at: np.ndarray) -> np.ndarray:
    widths = np.diff(edges)
    slopes = np.diff(at, axis=-1) / widths
    found = _log_integral(at[..., :-1], slopes, widths)
    return np.where(np.isfinite(at[..., :-1]) & np.isfinite(at[..., 1:]), found, -np.inf)


def _above(
    edges: np.ndarray, at: np.ndarray, from_left: np.ndarray, from_right: np.ndarray
) -> np.ndarray:
    """Integrate the lower of the lines through both ends; one of them where the other is none."""
    widths = np.diff(edges)
    first, last = at[..., :-1], at[..., 1:]
    left, right = from_left[..., :-1], from_right[..., 1:]
    alone_left = _log_integral(first, left, widths)
    alone_right = _log_integral(last, -right, widths)
    # They meet so far from the first end; where they are all but parallel, anywhere.
    meet = (last - first - right * widths) / (left - right)
    meet = np.clip(np.where(np.isfinite(meet), meet, widths / 2), 0.0, widths)
    both = np.logaddexp(
        _log_integral(first, left, meet), _log_integral(last, -right, widths - meet)
    )
    has_left, has_right = np.isfinite(first + left), np.isfinite(last + right)
    found = np.where(has_left, alone_left, np.where(has_right, alone_right, np.inf))
    return np.where(has_left & has_right, both, found)


def _log_integral(value: np.ndarray, slope: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Return the log of the integral of exp(value + slope * t) for t from 0 to a width."""
    change = slope * width
    size = np.abs(change)
    top = value + np.maximum(change, 0.0)
    share = np.where(size > 1e-8, -np.expm1(-size) / np.where(size > 0, size, 1.0), 1 - size / 2)
    return np.where(width > 0, top + np.log(width) + np.log(share), -np.inf)
