"""Which exemplars fit a picture, and where: what `vision` wakes before a program is asked."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def fitting(
    picture: Array, chance: Array, kind: Array, count: int, strips: int, leak: float
) -> Array:
    """Find the masks of each kind that fit a picture best somewhere: int64[K, 3].

    A mask says with which chance each of its pixels is true, what it leaves is so by `leak`. Where
    it lies its log-likelihood is compared with that of leaks alone, at every place that holds it
    whole: a forward pass, as if nothing else were there. What lies elsewhere is found besides: the
    columns where a mask may begin are cut into strips, and each has its own best ones. A row is a
    mask, and the row and column of its first pixel; sorted by strip and kind, then the best first.

    Args:
        picture: (H, W), booleans.
        chance: (E, N, M), below 1.
        kind: (E,), whole numbers.
        count: of masks of each kind in each strip, or all that there are.
        strips: at least 1.
        leak: above 0, below 1.
    """
    seen, masks, kinds = np.asarray(picture, np.bool_), np.asarray(chance), np.asarray(kind)
    if masks.ndim != 3 or seen.ndim != 2 or kinds.shape != masks.shape[:1]:
        raise ValueError(
            f"picture has shape {seen.shape}, chance {masks.shape} and kind {kinds.shape}; "
            "they are (H, W), (E, N, M) and (E,)"
        )
    if strips < 1 or count < 1:
        raise ValueError(f"count is {count} and strips {strips}; they are at least 1")
    if not 0 < leak < 1 or not ((masks >= 0) & (masks < 1)).all():
        raise ValueError("chances must be at least 0 and below 1, and the leak above 0")
    if (np.array(masks.shape[1:]) > seen.shape).any():
        raise ValueError(f"masks of {masks.shape[1:]} do not fit into a picture of {seen.shape}")
    flat = masks.reshape(len(masks), -1).astype(np.float32)
    log_off = np.log1p(-flat)
    log_on = np.log1p(flat * (1.0 / leak - 1.0))
    parts = np.lib.stride_tricks.sliding_window_view(seen, masks.shape[1:])
    under = parts.reshape(-1, flat.shape[1]).T.astype(np.float32)
    scores = (log_on - log_off) @ under + log_off.sum(axis=1)[:, None]
    rows, columns = np.unravel_index(np.arange(scores.shape[1]), parts.shape[:2])
    found: list[Array] = [np.zeros((0, 3), np.int64)]
    for strip in range(strips):
        inside = np.flatnonzero(columns * strips // parts.shape[1] == strip)
        if not len(inside):
            continue
        best, places = scores[:, inside].max(axis=1), inside[scores[:, inside].argmax(axis=1)]
        for one in np.unique(kinds):
            own = np.flatnonzero(kinds == one)
            own = own[np.argsort(-best[own], kind="stable")[:count]]
            found.append(np.stack([own, rows[places[own]], columns[places[own]]], axis=1))
    return np.concatenate(found)


def placed(chance: Array, which: Array, picture: Array) -> Array:
    """Lay masks where they were found, on empty frames of a picture's size: float[K, H, W].

    Args:
        chance: (E, N, M).
        which: (K, 3), as `fitting` gives them.
        picture: (H, W).
    """
    masks = np.asarray(chance, np.float64)
    frames = np.zeros((len(which), *np.shape(picture)[:2]))
    height, width = masks.shape[1:]
    for number, (mask, row, column) in enumerate(np.asarray(which).tolist()):
        frames[number, row : row + height, column : column + width] = masks[mask]
    return frames
