"""What `import templates` brings to data: pictures as templates of edges that may move.

A template is a set of parts, edges of one orientation each, and links that say how far two parts
may move apart. So a Recursive Cortical Network sees a contour (George et al. 2017, "A generative
vision model that trains with high data efficiency and breaks text-based CAPTCHAs", supplementary
text: one example, sparsified, with lateral constraints between its parts).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gmstdlib.vision import edge_points

Array = np.ndarray[Any, np.dtype[Any]]

NUM_ORIENTATIONS = 16
"""Of edges, 22.5 degrees from one to the next."""

_APART_MIN = 2.0
"""Pixels between two parts of one orientation or nearly so: what lies nearer says the same."""

_TURN_ALIKE = 3
"""Orientations that differ by so many steps or fewer are nearly one."""

_GIVE = 0.5
"""Of the distance between two parts: how far they may move apart."""

_SLACK = 3.0
"""A pair whose other links already hold it within so many times its reach needs none."""


def contours(picture: Array, size: float = 1.0, margin: int = 0) -> Array:
    """Say where a picture has edges, by orientation: bool[..., 16, R, C].

    The picture is enlarged and framed by a margin of nothing. An edge counts under its own
    orientation, as `vision` has them, and the two beside it.

    Args:
        picture: (..., H, W), grey.
        size: how much it is enlarged, by cubic splines; below 1 it is smoothed first.
        margin: pixels added on each side: R = H size + 2 margin.
    """
    pictures = np.asarray(picture)
    found = [_contour(one, size, margin) for one in _flat(pictures)]
    return np.array(found).reshape(*pictures.shape[:-2], *_shape_of(pictures, size, margin))


def parts_of(picture: Array, size: float = 1.0, margin: int = 0) -> Array:
    """Make templates of pictures, and return their parts: int[..., P, 3].

    A part is (orientation, row, column), on the grid of `contours`; what fills up templates of
    fewer parts is -1. The strongest edge is a part; then the strongest of those that are not
    within two pixels of a part of nearly the same orientation, and so on.

    Args:
        picture: (..., H, W), grey, each with an edge.
        size: as for `contours`.
        margin: likewise.
    """
    return _each(picture, size, margin, "parts")


def links_of(picture: Array, size: float = 1.0, margin: int = 0) -> Array:
    """Return the links of the templates of pictures: int[..., L, 3].

    A link is (part, part, reach): the two may move at most so many rows and columns apart, half
    their distance. The nearest pairs are linked first; a pair that others hold within three times
    its reach already is not. What fills up is -1.

    Args:
        picture: as for `parts_of`.
        size: likewise.
        margin: likewise.
    """
    return _each(picture, size, margin, "links")


def tree_of(picture: Array, size: float = 1.0, margin: int = 0) -> Array:
    """Return the links that hold most tightly and close no circle: int[..., P - 1, 3].

    They join all parts. With them alone, what a template is worth is exact in one pass.

    Args:
        picture: as for `parts_of`.
        size: likewise.
        margin: likewise.
    """
    return _each(picture, size, margin, "tree")


# --- One template ------------------------------------------------------------------------


class _Template(NamedTuple):
    parts: Array
    links: Array
    tree: Array


def _template(grey: Array) -> _Template:
    rows, columns, orientations, strength = edge_points(grey, NUM_ORIENTATIONS)
    if not len(rows):
        raise ValueError("a picture has no edge, so nothing to be a template of")
    # Those that are equally strong but for rounding come in the order of rows.
    order = np.argsort(-np.round(strength, 6), kind="stable")
    kept = _sparse(rows, columns, orientations, order)
    parts = np.stack([orientations, rows, columns], axis=1)[kept]
    links = _links(parts[:, 1:])
    return _Template(parts, links, _tree(len(parts), links))


def _sparse(rows: Array, columns: Array, orientations: Array, order: Array) -> list[int]:
    """Choose edges in an order, none near one that was chosen before."""
    half = NUM_ORIENTATIONS // 2
    is_left = np.ones(len(rows), np.bool_)
    kept: list[int] = []
    for k in order.tolist():
        if not is_left[k]:
            continue
        kept.append(k)
        turn = np.abs((orientations - orientations[k] + half) % NUM_ORIENTATIONS - half)
        apart = (rows - rows[k]) ** 2 + (columns - columns[k]) ** 2
        is_left &= (apart > _APART_MIN**2) | (turn > _TURN_ALIKE)
    return kept


def _links(places: Array) -> Array:
    """Link pairs, the nearest first, until all are held nearly as tightly as their distance asks.

    What holds a pair is the shortest way between the two, of reaches.
    """
    count = len(places)
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    one, other = np.triu_indices(count, 1)
    order = np.argsort(apart[one, other], kind="stable")
    one, other = one[order], other[order]
    wanted = _GIVE * apart[one, other]
    reach = np.maximum(1, np.round(wanted)).astype(np.int64)
    held = np.full((count, count), np.inf)
    np.fill_diagonal(held, 0.0)
    found: list[tuple[int, int, int]] = []
    k = 0
    while k < len(one):
        now = held[one[k:], other[k:]]
        is_loose = (now >= _SLACK * wanted[k:]) & (now > reach[k:])
        if not is_loose.any():
            break
        k += int(is_loose.argmax())
        a, b, own = int(one[k]), int(other[k]), int(reach[k])
        found.append((a, b, own))
        way = np.minimum(held[:, [a]] + held[None, b], held[:, [b]] + held[None, a])
        held = np.minimum(held, way + own)
        k += 1
    return np.array(found, np.int64).reshape(-1, 3)


def _tree(count: int, links: Array) -> Array:
    """Choose the spanning tree of least reaches (Kruskal 1956)."""
    lead = list(range(count))

    def leader(part: int) -> int:
        while lead[part] != part:
            lead[part] = part = lead[lead[part]]
        return part

    found: list[list[int]] = []
    for a, b, reach in links[np.argsort(links[:, 2], kind="stable")].tolist():
        if leader(a) != leader(b):
            lead[leader(a)] = leader(b)
            found.append([a, b, reach])
    return np.array(found, np.int64).reshape(-1, 3)


# --- Many pictures -----------------------------------------------------------------------


def _each(picture: Array, size: float, margin: int, name: str) -> Array:
    pictures = np.asarray(picture)
    found = [getattr(_kept(*_key(one), size, margin), name) for one in _flat(pictures)]
    longest = max((len(one) for one in found), default=0)
    result = np.full((len(found), longest, 3), -1, np.int64)
    for row, own in zip(result, found, strict=True):
        row[: len(own)] = own
    return result.reshape(*pictures.shape[:-2], longest, 3)


def _key(picture: Array) -> tuple[bytes, tuple[int, ...], str]:
    return picture.tobytes(), picture.shape, picture.dtype.str


@lru_cache(maxsize=1 << 14)
def _kept(content: bytes, shape: tuple[int, ...], kind: str, size: float, margin: int) -> _Template:
    """Make a template once, whatever of it is asked for."""
    picture = np.frombuffer(content, np.dtype(kind)).reshape(shape)
    return _template(_enlarged(picture, size, margin))


def _contour(picture: Array, size: float, margin: int) -> Array:
    grey = _enlarged(picture, size, margin)
    rows, columns, orientations, _ = edge_points(grey, NUM_ORIENTATIONS)
    found = np.zeros((NUM_ORIENTATIONS, *grey.shape), np.bool_)
    for turn in (-1, 0, 1):
        found[(orientations + turn) % NUM_ORIENTATIONS, rows, columns] = True
    return found


def _flat(pictures: Array) -> Array:
    if pictures.ndim < 2:
        raise ValueError(f"picture has shape {pictures.shape}; its last axes are rows and columns")
    return np.ascontiguousarray(pictures).reshape(-1, *pictures.shape[-2:])


def _shape_of(pictures: Array, size: float, margin: int) -> tuple[int, int, int]:
    rows, columns = (round(side * size) + 2 * margin for side in pictures.shape[-2:])
    return NUM_ORIENTATIONS, rows, columns


def _enlarged(picture: Array, size: float, margin: int) -> Array:
    """Return a picture from 0 to 1, enlarged and framed."""
    from scipy import ndimage

    if not size > 0:
        raise ValueError(f"size is {size:g}; it must be above 0")
    if margin < 0:
        raise ValueError(f"margin is {margin}; it is at least 0")
    grey = np.asarray(picture, np.float64)
    if np.isnan(grey).any():
        raise ValueError("some of the picture is missing")
    grey = grey / 255.0 if grey.max(initial=0.0) > 1.0 else grey
    if size != 1:
        # Middles of pixels lie half a pixel from the edge, whatever their size.
        if size < 1:
            # Strokes that are thinner than a pixel of the result are spread, not missed.
            grey = ndimage.gaussian_filter(grey, 0.5 * (1 / size - 1))
        shape = tuple(round(side * size) for side in grey.shape)
        offset = (1 / size - 1) / 2
        grey = ndimage.affine_transform(grey, [1 / size] * 2, offset, shape, order=3)
    return np.pad(np.clip(grey, 0.0, 1.0), margin)


FUNCTIONS = {f.__name__: f for f in (contours, parts_of, links_of, tree_of)}
"""By the names that programs have for them."""
