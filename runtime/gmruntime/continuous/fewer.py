"""Many rows about the same few reals say no more than as few rows: a regression and its data.

Source: Demmel, Grigori, Hoemmen and Langou (2012), "Communication-optimal parallel and sequential
QR and LU factorizations": blocks of rows are made triangles, and these one triangle.
"""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.continuous.slicing import Piece

_ENTRIES_MIN = 1 << 14
"""Fewer are soon done with as they are."""

_ENTRIES_AT_ONCE = 1 << 20
"""Between two looks at the clock."""

_COLUMNS_AT_ONCE = 64
"""Likewise: two thousand columns of as many rows as are made few at once take seconds."""

_SHARE_MIN = 1e-5
"""What is new in a column must be more than this part of it: else rounding would count."""


def with_few_rows(piece: Piece, budget: Budget) -> Piece:
    """Return a piece that says the same, of as many rows as reals where that is far fewer.

    With A = Q R of the rows, |A x - b|**2 = |R x - Q' b|**2 + what is left, which is a constant.

    Raises:
        TimeoutError: when there is no time left.
    """
    num_rows, width = piece.reals.shape
    if piece.site or piece.sizes or num_rows < 4 * (width + 1) or num_rows * width < _ENTRIES_MIN:
        return piece
    if not (piece.reals == piece.reals[0]).all() or not (piece.weights >= 0.0).all():
        return piece
    is_free = piece.reals[0] >= 0
    count = int(is_free.sum())
    triangle = _triangle(piece, is_free, np.zeros(count), budget)
    norms = np.sqrt((triangle[:, :count] ** 2).sum(axis=0))
    if not (np.abs(np.diagonal(triangle)[:count]) > _SHARE_MIN * norms).all():
        return piece
    # Around the solution numbers are small, and what rounding leaves of them is smaller.
    around = np.linalg.solve(triangle[:count, :count], triangle[:count, count])
    triangle = _triangle(piece, is_free, around, budget)
    log_scales = np.zeros((count, 1))
    log_scales[0] = piece.log_scales.sum() * (num_rows if len(piece.log_scales) == 1 else 1)
    log_scales[0] -= 0.5 * triangle[count, count] ** 2
    coefficients = triangle[:count, :count]
    offsets = coefficients @ around + triangle[:count, count]
    return Piece(
        np.repeat(piece.reals[:1, is_free], count, axis=0),
        coefficients[:, None, :],
        offsets[:, None],
        np.ones((1, 1)),
        log_scales,
        piece.selectors[:count],
        (),
    )


def _triangle(
    piece: Piece, is_free: np.ndarray, around: Float64[np.ndarray, " reals"], budget: Budget
) -> Float64[np.ndarray, "lines reals_and_left"]:
    """Make weighted rows, and what is left of them around some place, a triangle."""
    num_rows, width = piece.num_rows, len(around) + 1
    at_once = max(2 * width, _ENTRIES_AT_ONCE // width)
    triangle = np.zeros((0, width))
    for first in range(0, num_rows, at_once):
        budget.check()
        part = slice(first, first + at_once)
        coefficients = _of(piece.coefficients, part)[:, 0][:, is_free]
        left = _of(piece.offsets, part) - (coefficients @ around)[:, None]
        size = min(num_rows, first + at_once) - first
        told = np.broadcast_to(np.concatenate([coefficients, left], axis=1), (size, width))
        weighed = np.sqrt(_of(piece.weights, part)) * told
        triangle = _reduced(np.concatenate([triangle, weighed]), budget)
    return triangle


def _reduced(
    lines: Float64[np.ndarray, "lines columns"], budget: Budget
) -> Float64[np.ndarray, "columns columns"]:
    """Make lines, at least as many as columns, a triangle; they are overwritten.

    Source: Björck (1967), "Solving linear least squares problems by Gram-Schmidt
    orthogonalization": of modified Gram-Schmidt, here of blocks of columns, the triangle is as good
    as that of reflections.
    """
    width = lines.shape[1]
    triangle = np.zeros((width, width))
    for first in range(0, width, _COLUMNS_AT_ONCE):
        budget.check()
        last = min(width, first + _COLUMNS_AT_ONCE)
        if last == width:
            triangle[first:, first:] = np.linalg.qr(lines[:, first:], mode="r")
            break
        directions, triangle[first:last, first:last] = np.linalg.qr(lines[:, first:last])
        triangle[first:last, last:] = directions.T @ lines[:, last:]
        lines[:, last:] -= directions @ triangle[first:last, last:]
    return triangle


def _of(array: np.ndarray, part: slice) -> np.ndarray:
    """Return a part of the rows; one row stands for all."""
    return array if len(array) == 1 else array[part]
