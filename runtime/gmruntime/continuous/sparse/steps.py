"""One step of a Gaussian belief, compiled: lines and rows are made a triangle by reflections.

Source: Golub (1965), "Numerical methods for solving linear least squares problems".
"""

import math

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.compiling import loop

_LOG_TWO_PI = math.log(2.0 * math.pi)

_ROUNDING = 2.0**-50
"""What reflections leave of a column that says nothing, beside what it was."""


@loop
def _reflect(work: Float64[np.ndarray, "lines columns"], j: int, num_lines: int) -> None:
    """Make a column 0 below its place, by a reflection of all lines from there on."""
    norm = 0.0
    for i in range(j + 1, num_lines):
        norm += work[i, j] ** 2
    if norm == 0.0:
        return
    head = work[j, j]
    length = math.sqrt(head * head + norm)
    pivot = -length if head > 0.0 else length
    work[j, j] = head - pivot
    scale = 1.0 / (pivot * (head - pivot))
    for k in range(j + 1, work.shape[1]):
        total = 0.0
        for i in range(j, num_lines):
            total += work[i, j] * work[i, k]
        total *= scale
        for i in range(j, num_lines):
            work[i, k] += total * work[i, j]
    work[j, j] = pivot
    for i in range(j + 1, num_lines):
        work[i, j] = 0.0


@loop
def _drop_rounding(work: Float64[np.ndarray, "lines columns"], count: int, num_lines: int) -> None:
    """Let what rounding has left on the diagonal be 0."""
    for j in range(min(count, num_lines)):
        norm = 0.0
        for i in range(j + 1):
            norm += work[i, j] ** 2
        if abs(work[j, j]) <= _ROUNDING * math.sqrt(norm):
            work[j, j] = 0.0


@loop
def _move(
    work: Float64[np.ndarray, "lines columns"], place: Float64[np.ndarray, " reals"], num_lines: int
) -> None:
    """Move to where the triangle says that the reals are; the last line is told by how much."""
    count = len(place)
    for j in range(count - 1, -1, -1):
        total = 0.0
        if j < num_lines and work[j, j] != 0.0:
            total = work[j, count]
            for k in range(j + 1, count):
                total -= work[j, k] * work[num_lines, k]
            total /= work[j, j]
        work[num_lines, j] = total
        place[j] += total


@loop
def triangulate(
    coefficients: Float64[np.ndarray, "rows reals"],
    roots: Float64[np.ndarray, " rows"],
    log_scales: Float64[np.ndarray, " rows"],
    offsets: Float64[np.ndarray, " rows"],
    belief: tuple[np.ndarray, np.ndarray, np.ndarray],
    num_gone: int,
    work: Float64[np.ndarray, "lines columns"],
) -> float:
    """Reflect the lines of a belief and the rows of a step into a triangle.

    Args:
        coefficients: of the rows.
        roots: of their weights.
        log_scales: of the rows.
        offsets: NaN where a row says nothing.
        belief: its factor and what is left; and around where: of all reals. That is moved to where
            the rows put them, and done once more, since what is left is small there.
        num_gone: how many reals, the first, are integrated out.
        work: filled: the triangle, with what is left of each line behind it; one line more than
            belief and rows have.

    Returns:
        by how much the log scale grows, nats; NaN where a real that is gone is nowhere, inf where
        an offset is infinite.
    """
    factor, left, place = belief
    num_before, num_rows, count = len(left), len(roots), len(place)
    num_lines = num_before + num_rows
    gained = 0.0
    for turn in range(2):
        gained = 0.0
        for i in range(num_before):
            total = left[i]
            for j in range(num_before):
                work[i, j] = factor[i, j]
                if turn:
                    # `place` was moved away from the centre of the belief.
                    total -= factor[i, j] * work[num_lines, j]
            for j in range(num_before, count):
                work[i, j] = 0.0
            work[i, count] = total
        for r in range(num_rows):
            i = num_before + r
            if math.isnan(offsets[r]):
                for j in range(count + 1):
                    work[i, j] = 0.0
                continue
            if math.isinf(offsets[r]):
                return math.inf
            gained += log_scales[r]
            total = offsets[r]
            for j in range(count):
                total -= coefficients[r, j] * place[j]
                work[i, j] = roots[r] * coefficients[r, j]
            work[i, count] = roots[r] * total
        for j in range(min(count, num_lines)):
            _reflect(work, j, num_lines)
        _drop_rounding(work, count, num_lines)
        for j in range(num_gone):
            pivot = abs(work[j, j]) if j < num_lines else 0.0
            if pivot == 0.0:
                return math.nan
            gained += 0.5 * _LOG_TWO_PI - math.log(pivot)
        for i in range(count, num_lines):
            gained -= 0.5 * work[i, count] ** 2
        if turn == 0:
            _move(work, place, num_lines)
    return gained
