"""Which rows of tables are equal: found by hashes, and compared whole."""

import numpy as np

from gmruntime.arrays import Int, Int64, UInt64

_HASHED_AT_ONCE = 1 << 13
"""Rows; what is worked on stays in the cache."""


def hashes(items: Int[np.ndarray, "items numbers"]) -> UInt64[np.ndarray, " items"]:
    """Hash the numbers of each item: a sum of products with odd constants, mixed.

    Source: the finaliser of MurmurHash3 (Appleby, 2011).
    """
    odd = np.cumprod(np.full(items.shape[1], 0x9E3779B97F4A7C15, np.uint64))
    found = np.zeros(len(items), np.uint64)
    for first in range(0, len(items), _HASHED_AT_ONCE):
        some = slice(first, first + _HASHED_AT_ONCE)
        found[some] = _mixed(items[some].astype(np.uint64)) @ odd
    return _mixed(found + np.uint64(items.shape[1]))


def _mixed(numbers: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    mixed = numbers ^ (numbers >> np.uint64(33))
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    return mixed ^ (mixed >> np.uint64(33))


def distinct(
    *tables: Int[np.ndarray, "rows _numbers"],
) -> tuple[Int64[np.ndarray, " distinct"], Int64[np.ndarray, " rows"]]:
    """Return where each distinct row stands first, in that order, and which each row is.

    Args:
        tables: a row is what stands in the same row of all of them.
    """
    if len(tables[0]) == 1:
        return np.zeros(1, np.int64), np.zeros(1, np.int64)
    keys = hashes(np.column_stack([hashes(table).view(np.int64) for table in tables]))
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    if not all(_is_same(table, first[which]) for table in tables):
        # Two rows have one hash: compare them whole.
        _, first, which = np.unique(
            np.hstack(tables), axis=0, return_index=True, return_inverse=True
        )
        which = which.reshape(-1)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order].astype(np.int64), place[which].astype(np.int64)


def _is_same(table: np.ndarray, other: Int64[np.ndarray, " rows"]) -> bool:
    """Say whether each row is equal to another one."""
    starts = range(0, len(table), _HASHED_AT_ONCE)
    return all(
        bool((table[k : k + _HASHED_AT_ONCE] == table[other[k : k + _HASHED_AT_ONCE]]).all())
        for k in starts
    )
