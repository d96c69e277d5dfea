"""Reals that hang together, with the rows that speak of them and the finite variables around."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Int, Int64, component_of, row_starts
from gmruntime.continuous.slicing import Piece

_FEW = 1 << 12
"""So many links are followed in NumPy: loading a library takes longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Reals that hang together.

    Attributes:
        reals: their indices, ascending.
        pieces: the rows that speak of them.
        border: the finite variables that these select by, ascending.
    """

    reals: Int64[np.ndarray, " reals"]
    pieces: list[Piece]
    border: Int64[np.ndarray, " border"]


def groups_of(
    pieces: tuple[Piece, ...],
    is_free: Bool[np.ndarray, " reals"],
    together: Sequence[Int[np.ndarray, " some"]],
) -> Iterator[Group]:
    """Find what hangs together; all that no finite variable selects in is one group, the first.

    Args:
        pieces: rows with what is observed sliced out.
        is_free: whether a real is not observed.
        together: reals that are wanted in one group.
    """
    first = [p.reals[np.arange(p.num_rows), np.argmax(p.reals >= 0, axis=1)] for p in pieces]
    name = _components(pieces, first, is_free, together)
    has_border = np.zeros(len(name) + 1, np.bool_)
    for piece, heads in zip(pieces, first, strict=True):
        if piece.sizes:
            has_border[name[heads]] = True
    # What has no border is named 0.
    name = np.where(has_border[name], name + 1, 0)
    free = np.flatnonzero(is_free)
    by_name = np.argsort(name[free], kind="stable")
    names, begins = np.unique(name[free][by_name], return_index=True)
    ends = np.append(begins[1:], len(free))
    rows = [_by_name(name[heads], names) for heads in first]
    for k in range(len(names)):
        own = [
            piece
            if starts[k + 1] - starts[k] == piece.num_rows
            else piece.some(order[starts[k] : starts[k + 1]])
            for piece, (order, starts) in zip(pieces, rows, strict=True)
            if starts[k + 1] > starts[k]
        ]
        mentioned = [piece.selectors.ravel() for piece in own if piece.sizes]
        border = np.unique(np.concatenate(mentioned)) if mentioned else np.zeros(0)
        yield Group(free[by_name[begins[k] : ends[k]]], own, border.astype(np.int64))


def _by_name(
    name: Int64[np.ndarray, " rows"], names: Int64[np.ndarray, " names"]
) -> tuple[Int64[np.ndarray, " rows"], Int64[np.ndarray, " names_and_end"]]:
    """Sort rows by name: their order, and where those of each begin."""
    order = np.argsort(name, kind="stable")
    counts = np.bincount(np.searchsorted(names, name), minlength=len(names))
    return order, row_starts(counts)


def _components(
    pieces: tuple[Piece, ...],
    first: list[np.ndarray],
    is_free: np.ndarray,
    together: Sequence[Int[np.ndarray, " some"]],
) -> Int64[np.ndarray, " reals"]:
    """Name the component of each real."""
    heads: list[np.ndarray] = [np.zeros(0, np.int32)]
    tails: list[np.ndarray] = [np.zeros(0, np.int32)]
    for piece, head in zip(pieces, first, strict=True):
        for k in range(piece.reals.shape[1]):
            is_link = (piece.reals[:, k] >= 0) & (piece.reals[:, k] != head)
            heads.append(head[is_link])
            tails.append(piece.reals[is_link, k])
    for group in together:
        known = np.asarray(group, np.int32)
        known = known[is_free[known]]
        heads.append(np.repeat(known[:1], max(0, len(known) - 1)))
        tails.append(known[1:])
    rows, columns = np.concatenate(heads), np.concatenate(tails)
    if len(rows) <= _FEW:
        return component_of(np.stack([rows, columns], axis=1), len(is_free)).astype(np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(len(is_free),) * 2)
    _, component = connected_components(links, directed=False)
    return component.astype(np.int64)
