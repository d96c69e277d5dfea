"""The rows of one patch as flat arrays, and what they are in each state of its border."""

import math
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, row_starts, strides_of
from gmruntime.continuous.sites.families import Site
from gmruntime.continuous.slicing import Piece
from gmruntime.continuous.sparse.records import Moving, Numbers


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """The rows of a patch.

    Attributes:
        num_reals: of the patch, numbered in it.
        sizes: numbers of states of the border.
        row_start: where the entries of each row begin.
        columns: the real of each entry.
        numbers: of all rows; of moving ones, in the last state that was loaded.
        moving: those that depend on the border.
        log_constant: of the rows that do not, nats.
        sites: rows that are not Gaussian, by the number of the first; their weights are how often
            each counts.
    """

    num_reals: int
    sizes: tuple[int, ...]
    row_start: Int64[np.ndarray, " rows_and_end"]
    columns: Int32[np.ndarray, " entries"]
    numbers: Numbers
    moving: Moving
    log_constant: float
    sites: tuple[tuple[int, Site], ...] = ()

    @property
    def num_states(self) -> int:
        """The number of joint states of the border."""
        return math.prod(self.sizes)


def system_of(
    pieces: list[Piece],
    border: Int64[np.ndarray, " border"],
    sizes: tuple[int, ...],
    position: Int64[np.ndarray, " reals"],
    num_reals: int,
) -> System:
    """Lay rows out.

    Args:
        pieces: the rows.
        border: the finite variables that they depend on, ascending.
        sizes: their numbers of states.
        position: of each real its number in the patch.
        num_reals: the number of these.
    """
    still = [piece for piece in pieces if not piece.sizes]
    moving = [piece for piece in pieces if piece.sizes]
    lengths: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    for piece in (*still, *moving):
        is_free = piece.reals >= 0
        lengths.append(is_free.sum(axis=1))
        columns.append(position[piece.reals[is_free]])
    row_start = row_starts(np.concatenate(lengths) if lengths else np.zeros(0, np.int64))
    num_rows, num_entries = len(row_start) - 1, int(row_start[-1])
    numbers = Numbers(np.zeros(num_entries), np.zeros(num_rows), np.zeros(num_rows))
    row, constant = 0, 0.0
    starts = row_starts(np.array([piece.num_rows for piece in (*still, *moving)], np.int64))
    sites = [
        (int(first), piece.site)
        for first, piece in zip(starts, (*still, *moving), strict=False)
        if piece.site is not None
    ]
    for piece in still:
        count = piece.num_rows
        spread = np.broadcast_to(piece.coefficients[:, 0], piece.reals.shape)
        begin, end = int(row_start[row]), int(row_start[row + count])
        numbers.coefficients[begin:end] = spread[piece.reals >= 0]
        numbers.weights[row : row + count] = piece.weights[:, 0]
        numbers.offsets[row : row + count] = piece.offsets[:, 0]
        shared = count if len(piece.log_scales) == 1 else 1
        constant += shared * float(piece.log_scales.sum())
        row += count
    return System(
        num_reals,
        sizes,
        row_start,
        np.concatenate(columns).astype(np.int32) if columns else np.zeros(0, np.int32),
        numbers,
        _moving(moving, border, row),
        constant,
        tuple(sites),
    )


def _moving(pieces: list[Piece], border: np.ndarray, first_row: int) -> Moving:
    num_selectors: list[np.ndarray] = [np.zeros(0, np.int64)]
    selectors: list[np.ndarray] = [np.zeros(0, np.int64)]
    strides: list[np.ndarray] = [np.zeros(0, np.int64)]
    coefficients, weights, offsets, scales = (_Values() for _ in range(4))
    for piece in pieces:
        count, width = piece.selectors.shape
        num_own = math.prod(piece.sizes)
        num_selectors.append(np.full(count, width))
        selectors.append(np.searchsorted(border, piece.selectors.ravel()))
        strides.append(np.tile(strides_of(piece.sizes), count))
        is_free = piece.reals >= 0
        if len(piece.coefficients) == 1 and is_free.all():
            coefficients.share(piece.coefficients, count)
        else:
            shape = (count, num_own, piece.reals.shape[1])
            spread = np.broadcast_to(piece.coefficients, shape)
            kept = spread[np.broadcast_to(is_free[:, None, :], shape)]
            coefficients.add(kept, is_free.sum(axis=1) * num_own)
        weights.add_rows(piece.weights, count)
        offsets.add_rows(piece.offsets, count)
        scales.add_rows(piece.log_scales, count)
    return Moving(
        first_row,
        row_starts(np.concatenate(num_selectors)),
        np.concatenate(selectors).astype(np.int64),
        np.concatenate(strides).astype(np.int64),
        coefficients.starts(),
        weights.starts(),
        offsets.starts(),
        scales.starts(),
        coefficients.values(),
        weights.values(),
        offsets.values(),
        scales.values(),
    )


@dataclass(slots=True, eq=False)
class _Values:
    """Numbers of rows, gathered; rows may share them."""

    _starts: list[np.ndarray] = field(default_factory=lambda: [np.zeros(0, np.int64)])
    _values: list[np.ndarray] = field(default_factory=lambda: [np.zeros(0)])
    _size: int = 0

    def add(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Add those of some rows, each of which has so many."""
        self._starts.append(self._size + row_starts(lengths)[:-1])
        self._values.append(values.ravel())
        self._size += values.size

    def share(self, values: np.ndarray, count: int) -> None:
        """Add those that so many rows share."""
        self._starts.append(np.full(count, self._size))
        self._values.append(values.ravel())
        self._size += values.size

    def add_rows(self, values: np.ndarray, count: int) -> None:
        """Add one line for each row, or one for all of them."""
        if len(values) == 1:
            self.share(values, count)
        else:
            self.add(values, np.full(count, values.shape[1]))

    def starts(self) -> Int64[np.ndarray, " rows"]:
        """Return where those of each row begin."""
        return np.concatenate(self._starts).astype(np.int64)

    def values(self) -> Float64[np.ndarray, " values"]:
        """Return all."""
        return np.concatenate(self._values)
