"""What `import strokes` brings to data: drawings as points of strokes, one laid over another.

A drawing is thinned, and points are chosen along it. To lay it over another one, each point is
drawn towards the nearest of the other, and each of these draws the nearest point towards itself:
first the drawing moves as a whole, by an affine map (Besl and McKay 1992, "A method for
registration of 3-D shapes"), then it bends, smoothly (Myronenko and Song 2010, "Point set
registration: coherent point drift"). One map serves both ways: what is extra on either side finds
nothing to lie over.
"""

from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_ALONG = 2.5
"""Pixels of a stroke, around a point, that tell which way it runs there."""

_TURNED = 0.5
"""What a right angle between two strokes counts, in squared units of a drawing's frame."""

_REACH = (1.0, 0.5)
"""Squared gaps beyond which points hardly draw each other: as a whole, and while it bends."""

_NUM_ROUNDS = 6
"""Of each of the two."""

_STIFF = 0.3
"""How strongly a drawing as a whole stays as it is, against the mean pull on its points."""

_SMOOTH = 1.0
"""Units of a frame over which a bend carries along what is near."""

_BRITTLE = 0.02
"""What bending costs, against the mean pull."""


def strokes_of(picture: Array, count: int) -> Array:
    """Choose points along the strokes of drawings: float[..., count, 4].

    A point is (row, column, down, right). Its place is told from the mean of all points of the
    thinned strokes, in units of their standard deviation, the same along rows and columns; down
    and right are the direction of the stroke, of length 1, whose sign says nothing. Each point is
    the farthest from those before; a drawing that has fewer gives some twice.

    Args:
        picture: (..., H, W), ink where it is above half of its highest, or true.
        count: of points, at least 1.
    """
    pictures = np.asarray(picture)
    if pictures.ndim < 2:
        raise ValueError(f"picture has shape {pictures.shape}; its last axes are rows and columns")
    if count < 1:
        raise ValueError(f"count is {count}; there is at least 1 point")
    if pictures.dtype != np.bool_ and np.isnan(pictures).any():
        raise ValueError("some of the picture is missing")
    flat = pictures.reshape(-1, *pictures.shape[-2:])
    found = np.array([_strokes(one, count) for one in flat]).reshape(-1, count, 4)
    return found.reshape(*pictures.shape[:-2], count, 4)


def bent(form: Array, other: Array) -> Array:
    """Lay drawings over others: float[..., N, 4], the points of `form`, moved.

    Args:
        form: (..., N, 4), as `strokes_of` returns.
        other: (..., M, 4); leading axes are matched with those of `form`, as NumPy does.
    """
    points, _ = _laid(form, other)
    return points


def effort_of(form: Array, other: Array) -> Array:
    """Say what it took to lay drawings over others: float[..., 2], both at least 0.

    The first is the sum of squares by which the affine map differs from none, the second the
    energy of what bends besides: the squared norm of the displacement, in the space of functions
    that a Gaussian kernel spans.

    Args:
        form: as for `bent`.
        other: likewise.
    """
    _, effort = _laid(form, other)
    return effort


def gaps_of(form: Array, other: Array) -> Array:
    """Say how far each point is from the nearest of another drawing, squared: float[..., N].

    A right angle between the two strokes counts half a squared unit of the frame, an angle between
    0 and a right one its squared sine of that.

    Args:
        form: (..., N, 4).
        other: (..., M, 4); leading axes are matched with those of `form`.
    """
    return _gaps(*_points(form, other)).min(axis=-1)


# --- One drawing -------------------------------------------------------------------------


def _strokes(picture: Array, count: int) -> Array:
    from scipy import ndimage
    from skimage.morphology import skeletonize

    thin = skeletonize(picture > 0.5 * float(picture.max(initial=0)))
    places = np.argwhere(thin).astype(np.float64)
    if not len(places):
        raise ValueError("a drawing has no ink, so no strokes")

    def nearby(values: Array) -> Array:
        return ndimage.gaussian_filter(values, _ALONG, mode="constant")[thin]

    # Second moments of what is near, whose longest axis is the stroke's.
    ink, (rows, columns) = thin.astype(np.float64), np.indices(thin.shape) * thin
    weight = nearby(ink)
    down, right = nearby(rows * ink) / weight, nearby(columns * ink) / weight
    along_rows = nearby(rows * rows * ink) / weight - down**2
    along_columns = nearby(columns * columns * ink) / weight - right**2
    both = nearby(rows * columns * ink) / weight - down * right
    angle = np.arctan2(2 * both, along_rows - along_columns) / 2
    chosen = _spread(places, count)
    middle = places.mean(axis=0)
    # A dot has no size of its own.
    unit = max(1.0, float(np.sqrt(((places - middle) ** 2).mean())))
    ways = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([(places - middle) / unit, ways], axis=1)[chosen]


def _spread(places: Array, count: int) -> Array:
    """Choose places, each the farthest from those before (Gonzalez 1985)."""
    chosen, gap = [0], ((places - places[0]) ** 2).sum(axis=1)
    while len(chosen) < count and gap.max() > 0:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
    return np.resize(chosen, count)


# --- Two drawings ------------------------------------------------------------------------


def _points(form: Array, other: Array) -> tuple[Array, Array]:
    one, two = np.asarray(form, np.float64), np.asarray(other, np.float64)
    for name, points in (("form", one), ("other", two)):
        if points.ndim < 2 or points.shape[-1] != 4:
            raise ValueError(
                f"{name} has shape {points.shape}; its last axes are points and the four numbers "
                "of each"
            )
        if not np.isfinite(points).all():
            raise ValueError(f"some of {name} is missing")
    return one, two


def _gaps(one: Array, other: Array) -> Array:
    """Compare all points of one drawing with all of another: float[..., N, M]."""
    a, b = one[..., :, None, :], other[..., None, :, :]
    turned = a[..., 2] * b[..., 3] - a[..., 3] * b[..., 2]
    return (a[..., 0] - b[..., 0]) ** 2 + (a[..., 1] - b[..., 1]) ** 2 + _TURNED * turned**2


def _pulls(one: Array, other: Array, reach: float) -> Array:
    """Say how strongly each point is drawn towards each of the other drawing: float[K, N, M].

    Each of both is joined to its nearest alone; all of one drawing together weigh 1 at most.
    """
    gaps = _gaps(one, other)
    to, of = gaps.argmin(axis=2)[:, :, None], gaps.argmin(axis=1)[:, None]
    pulls = np.zeros_like(gaps)
    near = np.exp(-np.take_along_axis(gaps, to, axis=2) / reach) / gaps.shape[1]
    np.put_along_axis(pulls, to, near, axis=2)
    near = np.exp(-np.take_along_axis(gaps, of, axis=1) / reach) / gaps.shape[2]
    np.put_along_axis(pulls, of, near + np.take_along_axis(pulls, of, axis=1), axis=1)
    return pulls


def _laid(form: Array, other: Array) -> tuple[Array, Array]:
    one, two = _points(form, other)
    lead = np.broadcast_shapes(one.shape[:-2], two.shape[:-2])
    one = np.broadcast_to(one, (*lead, *one.shape[-2:])).reshape(-1, *one.shape[-2:])
    two = np.broadcast_to(two, (*lead, *two.shape[-2:])).reshape(-1, *two.shape[-2:])
    points, effort = _kept(one.tobytes(), one.shape, two.tobytes(), two.shape)
    return points.reshape(*lead, *points.shape[1:]), effort.reshape(*lead, 2)


@lru_cache(maxsize=64)
def _kept(
    one: bytes, shape: tuple[int, ...], other: bytes, other_shape: tuple[int, ...]
) -> tuple[Array, Array]:
    """Lay drawings over others once, whatever of it is asked for."""
    forms = np.frombuffer(one).reshape(shape)
    others = np.frombuffer(other).reshape(other_shape)
    whole, moved = _moved(forms, others)
    points, bending = _bent(whole, others)
    effort = np.stack([moved, bending], axis=1)
    for array in (points, effort):
        array.flags.writeable = False
    return points, effort


def _moved(forms: Array, others: Array) -> tuple[Array, Array]:
    """Move drawings as a whole: the points, and how much the map differs from none."""
    homes = np.concatenate([forms[..., :2], np.ones((*forms.shape[:2], 1))], axis=2)
    still, points = np.eye(3)[:, :2], forms
    way = np.tile(still, (len(forms), 1, 1))
    for _ in range(_NUM_ROUNDS):
        pulls = _pulls(points, others, _REACH[0])
        across = homes.transpose(0, 2, 1)
        squares = across @ (pulls.sum(axis=2)[..., None] * homes) + _STIFF * np.eye(3)
        way = np.linalg.solve(squares, across @ (pulls @ others[..., :2]) + _STIFF * still)
        points = np.concatenate([homes @ way, _ways(forms[..., 2:] @ way[:, :2])], axis=2)
    return points, ((way - still) ** 2).sum(axis=(1, 2))


def _bent(forms: Array, others: Array) -> tuple[Array, Array]:
    """Bend drawings: the points, and the energy of that."""
    homes, ways = forms[..., :2], forms[..., 2:]
    apart = homes[:, :, None] - homes[:, None]
    kernel = np.exp(-(apart**2).sum(axis=3) / (2 * _SMOOTH**2))
    # How the displacement changes along each stroke, which turns it.
    along = -np.einsum("knmi,kni->knm", apart, ways) / _SMOOTH**2 * kernel
    points, weights = forms, np.zeros_like(homes)
    for _ in range(_NUM_ROUNDS):
        pulls = _pulls(points, others, _REACH[1])
        drawn = pulls.sum(axis=2)[..., None]
        squares = drawn * kernel + _BRITTLE * np.eye(forms.shape[1])
        weights = np.linalg.solve(squares, pulls @ others[..., :2] - drawn * homes)
        points = np.concatenate([homes + kernel @ weights, _ways(ways + along @ weights)], axis=2)
    return points, (weights * (kernel @ weights)).sum(axis=(1, 2))


def _ways(directions: Array) -> Array:
    lengths = np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions / np.maximum(lengths, 1e-9)


FUNCTIONS = {f.__name__: f for f in (strokes_of, bent, effort_of, gaps_of)}
"""By the names that programs have for them."""
