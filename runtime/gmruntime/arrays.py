"""Array types that say their shapes, `Float64[np.ndarray, "rows columns"]`, for those who read.

They are jaxtyping's for the type checker, and where the environment says `GM_CHECK_SHAPES=1`, as a
test of the shapes does. Else they are `np.ndarray`: importing jaxtyping takes as long as importing
NumPy. Below them, what several parts do with plain arrays.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from os import environ
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING or environ.get("GM_CHECK_SHAPES"):
    from jaxtyping import Bool as Bool
    from jaxtyping import Float32 as Float32
    from jaxtyping import Float64 as Float64
    from jaxtyping import Int as Int
    from jaxtyping import Int32 as Int32
    from jaxtyping import Int64 as Int64
    from jaxtyping import Integer as Integer
    from jaxtyping import UInt8 as UInt8
    from jaxtyping import UInt32 as UInt32
    from jaxtyping import UInt64 as UInt64
else:

    class _Shaped:
        def __class_getitem__(cls, item: tuple[type, str]) -> type[np.ndarray]:
            return np.ndarray

    Bool = Float32 = Float64 = Int = Int32 = Int64 = Integer = UInt8 = UInt32 = UInt64 = _Shaped


def row_starts(lengths: np.ndarray | Sequence[int]) -> Int64[np.ndarray, " rows_and_end"]:
    """Return where each row begins, and where the last one ends.

    >>> row_starts(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def strides_of(shape: tuple[int, ...]) -> Int64[np.ndarray, " axes"]:
    """Return how many entries apart neighbours along each axis of a table in C order are.

    >>> strides_of((2, 3, 4)).tolist()
    [12, 4, 1]
    """
    sizes = np.array([*shape[1:], 1], np.int64) if shape else np.zeros(0, np.int64)
    return np.cumprod(sizes[::-1])[::-1].astype(np.int64)


def num_entries(shape: Iterable[float]) -> float:
    """Return how many entries a table has; +inf where no float holds that.

    >>> num_entries((2, 3)), num_entries([2] * 2000)
    (6.0, inf)
    """
    return math.prod(map(float, shape))


def cuts(work: np.ndarray, at_once: int) -> list[tuple[int, int]]:
    """Cut items into runs that are about so much work each, as where each begins and ends.

    >>> cuts(np.array([2, 3, 1, 9, 1]), 5)
    [(0, 1), (1, 3), (3, 5)]
    """
    done = np.cumsum(work)
    num_runs = int(done[-1]) // at_once if len(done) else 0
    if num_runs < len(work):
        # Where each multiple of it is reached: no more arrays as long as the items.
        reached = np.searchsorted(done, at_once * np.arange(1, num_runs + 1, dtype=done.dtype))
        inner = sorted(set(reached.tolist()) - {0})
    else:
        inner = (np.flatnonzero(np.diff(done // at_once)) + 1).tolist()
    return list(pairwise([0, *inner, len(work)]))


def rows_by(
    owner: np.ndarray, num_rows: int
) -> tuple[Int64[np.ndarray, " rows_and_end"], Int64[np.ndarray, " items"]]:
    """Gather items by owner, in their order: where each owner's row begins, and the items.

    >>> [a.tolist() for a in rows_by(np.array([1, 0, 1]), 2)]
    [[0, 1, 3], [1, 0, 2]]
    """
    order = np.argsort(owner, kind="stable").astype(np.int64, copy=False)
    return row_starts(np.bincount(owner, minlength=num_rows)), order


def corner(
    values: Float64[np.ndarray, "*shape"], whole: tuple[int, ...], num_max: int
) -> Float64[np.ndarray, "*some"]:
    """Return a part of an array, whole along some axes, at most so many places along the others.

    >>> corner(np.zeros((5, 3, 8)), (1,), 12).shape
    (5, 3, 2)
    """
    left, kept = num_max, list[slice]()
    for k, size in enumerate(values.shape):
        few = size if k in whole else min(size, left)
        left = left if k in whole else left // few
        kept.append(slice(0, few))
    return values[tuple(kept)]


def first_largest(
    values: Float64[np.ndarray, " items"], starts: Int64[np.ndarray, " rows_and_end"]
) -> Int64[np.ndarray, " rows"]:
    """Return which number of each row is the largest, the first of equals; no row is empty.

    >>> first_largest(np.array([1.0, 3.0, 3.0, 0.0]), np.array([0, 3, 4])).tolist()
    [1, 0]
    """
    if len(starts) < 2:
        return np.zeros(0, np.int64)
    largest = np.repeat(np.maximum.reduceat(values, starts[:-1]), np.diff(starts))
    places = np.flatnonzero(values == largest)
    return places[np.searchsorted(places, starts[:-1])] - starts[:-1]


def alike(
    keys: Int[np.ndarray, "items columns"],
) -> list[tuple[list[int], Int64[np.ndarray, " _items"]]]:
    """Gather items whose rows of keys are the same: the keys in their order, and each one's items.

    >>> [(key, items.tolist()) for key, items in alike(np.array([[1, 2], [0, 5], [1, 2]]))]
    [([0, 5], [1]), ([1, 2], [0, 2])]
    """
    if not len(keys):
        return []
    # `np.unique` of rows sorts them as bytes, which takes ten times as long.
    order = np.lexsort(keys.T[::-1]) if keys.shape[1] else np.arange(len(keys))
    firsts = np.flatnonzero((np.diff(keys[order], axis=0) != 0).any(axis=1)) + 1
    return [(keys[items[0]].tolist(), items) for items in np.split(order, firsts)]


def component_of(
    scopes: Int[np.ndarray, "factors width"], num_variables: int
) -> Int64[np.ndarray, " variables"]:
    """Name for each variable the first one that scopes join it to; -1 in a scope is nothing.

    >>> component_of(np.array([[3, 1], [2, 2]]), 4).tolist()
    [0, 1, 2, 1]
    """
    name = np.arange(num_variables)
    filled = np.where(scopes >= 0, scopes, scopes.max(axis=1, keepdims=True, initial=-1))
    filled = filled[(filled != filled[:, :1]).any(axis=1)]
    while len(filled):
        found = name[filled]
        least = found.min(axis=1, keepdims=True)
        if (found == least).all():
            break
        # The names themselves are hooked, so that whole trees of variables move at once.
        np.minimum.at(name, found, np.broadcast_to(least, found.shape))
        while (name[name] != name).any():
            name = name[name]
    return name
