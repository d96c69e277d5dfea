"""Rows of different lengths, one after another in one array."""

from collections.abc import Sequence

import numpy as np

from gmruntime.arrays import Int64


def row_starts(lengths: np.ndarray | Sequence[int]) -> Int64[np.ndarray, " rows_and_end"]:
    """Return where each row begins, and where the last one ends.

    >>> row_starts(np.array([2, 0, 3])).tolist()
    [0, 2, 2, 5]
    """
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


def rows_by(
    owner: np.ndarray, num_rows: int
) -> tuple[Int64[np.ndarray, " rows_and_end"], Int64[np.ndarray, " items"]]:
    """Gather items by owner, in their order: where each owner's row begins, and the items.

    >>> [a.tolist() for a in rows_by(np.array([1, 0, 1]), 2)]
    [[0, 1, 3], [1, 0, 2]]
    """
    order = np.argsort(owner, kind="stable").astype(np.int64, copy=False)
    return row_starts(np.bincount(owner, minlength=num_rows)), order
