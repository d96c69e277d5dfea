"""The rows of one patch as flat arrays, and what they are in each state of its border."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, row_starts, strides_of
from gmruntime.continuous.slicing import Piece


class Numbers(NamedTuple):
    """The numbers of all rows: -weight / 2 * (coefficients . x - offset)**2.

    Attributes:
        coefficients: of all entries, row after row.
        weights, offsets: of the rows.
    """

    coefficients: Float64[np.ndarray, " entries"]
    weights: Float64[np.ndarray, " rows"]
    offsets: Float64[np.ndarray, " rows"]


class Moving(NamedTuple):
    """Rows whose numbers depend on the state of the border; they are the last ones.

    A row's own state is the sum over its selectors of stride * state; its numbers at own state k
    begin at start + k, its coefficients at coefficient_start + k * (number of its entries).

    Attributes:
        first_row: the first of these rows.
        selector_start: where the selectors of each begin.
        selectors: positions in the border.
        strides: of each selector.
        start: where each row's numbers begin.
        coefficient_start: where its coefficients begin.
        coefficients, weights, offsets, log_scales: in all their own states.
    """

    first_row: int
    selector_start: Int64[np.ndarray, " moving_and_end"]
    selectors: Int64[np.ndarray, " selectors"]
    strides: Int64[np.ndarray, " selectors"]
    start: Int64[np.ndarray, " moving"]
    coefficient_start: Int64[np.ndarray, " moving"]
    coefficients: Float64[np.ndarray, " own_coefficients"]
    weights: Float64[np.ndarray, " own_states"]
    offsets: Float64[np.ndarray, " own_states"]
    log_scales: Float64[np.ndarray, " own_states"]


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
    """

    num_reals: int
    sizes: tuple[int, ...]
    row_start: Int64[np.ndarray, " rows_and_end"]
    columns: Int32[np.ndarray, " entries"]
    numbers: Numbers
    moving: Moving
    log_constant: float

    @property
    def num_states(self) -> int:
        """The number of joint states of the border."""
        return int(np.prod(self.sizes, dtype=np.int64)) if self.sizes else 1


def system_of(
    pieces: list[Piece], local: dict[int, int], position: Int64[np.ndarray, " reals"], num: int
) -> System:
    """Lay rows out.

    Args:
        pieces: the rows.
        local: of each finite variable of the border its position there, in order.
        position: of each real its number in the patch.
        num: the number of these.
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
        num,
        tuple(_border_sizes(moving, local)),
        row_start,
        np.concatenate(columns).astype(np.int32) if columns else np.zeros(0, np.int32),
        numbers,
        _moving(moving, local, row),
        constant,
    )


def _border_sizes(moving: list[Piece], local: dict[int, int]) -> list[int]:
    sizes = [1] * len(local)
    for piece in moving:
        for k, size in enumerate(piece.sizes):
            for variable in set(piece.selectors[:, k].tolist()):
                sizes[local[variable]] = size
    return sizes


def _moving(pieces: list[Piece], local: dict[int, int], first_row: int) -> Moving:
    num_selectors: list[np.ndarray] = [np.zeros(0, np.int64)]
    selectors: list[np.ndarray] = [np.zeros(0, np.int64)]
    strides: list[np.ndarray] = [np.zeros(0, np.int64)]
    starts: list[np.ndarray] = [np.zeros(0, np.int64)]
    coefficient_starts: list[np.ndarray] = [np.zeros(0, np.int64)]
    values: list[list[np.ndarray]] = [[np.zeros(0)] for _ in range(4)]
    place = coefficient_place = 0
    variables = np.array(sorted(local), np.int64)
    positions = np.array([local[v] for v in sorted(local)], np.int64)
    for piece in pieces:
        count, width = piece.selectors.shape
        num_own = int(np.prod(piece.sizes, dtype=np.int64))
        num_selectors.append(np.full(count, width))
        selectors.append(positions[np.searchsorted(variables, piece.selectors.ravel())])
        strides.append(np.tile(strides_of(piece.sizes), count))
        starts.append(place + num_own * np.arange(count))
        place += count * num_own
        is_free = piece.reals >= 0
        widths = is_free.sum(axis=1) * num_own
        coefficient_starts.append(coefficient_place + row_starts(widths)[:-1])
        coefficient_place += int(widths.sum())
        shape = (count, num_own, piece.reals.shape[1])
        spread = np.broadcast_to(piece.coefficients, shape)
        values[0].append(spread[np.broadcast_to(is_free[:, None, :], shape)])
        for k, array in enumerate((piece.weights, piece.offsets, piece.log_scales)):
            values[1 + k].append(np.broadcast_to(array, (count, num_own)).ravel())
    return Moving(
        first_row,
        row_starts(np.concatenate(num_selectors)),
        np.concatenate(selectors),
        np.concatenate(strides).astype(np.int64),
        np.concatenate(starts).astype(np.int64),
        np.concatenate(coefficient_starts).astype(np.int64),
        *(np.concatenate(parts) for parts in values),
    )
