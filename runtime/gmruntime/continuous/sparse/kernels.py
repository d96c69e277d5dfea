"""The numbers of an elimination, compiled: K = A' W A is factored as L D L' and never stored.

Source: Davis (2005), "Algorithm 849: a concise sparse Cholesky factorization package"; Takahashi,
Fagan and Chen (1973), "Formation of a sparse bus impedance matrix and its application to short
circuit study", for the entries of the inverse. `dense.py` says the same in dense matrices.
"""

import math

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.continuous.sparse.pairs import plus
from gmruntime.continuous.sparse.records import Incidence, Lower, Moving, Numbers, Room

_ROUNDING = 2.0**-53
"""Half of what separates 1 from the next float."""

_LOG_TWO_PI = math.log(2.0 * math.pi)

_LOST_MAX = 1e-10
"""A pivot that may be off by more than this part of itself needs more digits."""


@loop
def set_digits(sizes: Int64[np.ndarray, " border"], state: int, room: Room) -> None:
    """Write down the states of the border's variables."""
    for k in range(len(sizes) - 1, -1, -1):
        room.digits[k] = state % sizes[k]
        state //= sizes[k]


@loop
def load(
    moving: Moving, row_start: Int64[np.ndarray, " rows_and_end"], numbers: Numbers, room: Room
) -> float:
    """Write the numbers of the rows that depend on the border, and return the log of their scales.

    Once a scale is 0 the rest is left as it was.
    """
    total = 0.0
    for m in range(len(moving.scale_start)):
        own = 0
        for s in range(moving.selector_start[m], moving.selector_start[m + 1]):
            own += moving.strides[s] * room.digits[moving.selectors[s]]
        total += float(moving.log_scales[moving.scale_start[m] + own])
        if total == -math.inf:
            return total
        row = moving.first_row + m
        numbers.weights[row] = moving.weights[moving.weight_start[m] + own]
        numbers.offsets[row] = moving.offsets[moving.offset_start[m] + own]
        begin = row_start[row]
        width = row_start[row + 1] - begin
        first = moving.coefficient_start[m] + own * width
        for p in range(width):
            numbers.coefficients[begin + p] = moving.coefficients[first + p]
    return total


@loop
def factor(
    incidence: Incidence, lower: Lower, numbers: Numbers, room: Room, first: int, last: int
) -> int:
    """Compute some rows of L and D; those before are known.

    Returns:
        the first pivot that is lost in rounding, 0 or below; -1 where there is none.
    """
    if first == 0:
        for k in range(len(room.filled)):
            room.filled[k] = 0
    for k in range(first, last):
        scale, error = 0.0, 0.0
        for t in range(incidence.column_start[k], incidence.column_start[k + 1]):
            entry = incidence.column_entries[t]
            row = incidence.row_of[entry]
            coefficient = numbers.coefficients[entry]
            product = numbers.weights[row] * coefficient
            if product == 0.0:
                continue
            scale += abs(product * coefficient)
            for p in range(incidence.row_start[row], incidence.row_start[row + 1]):
                i = incidence.columns[p]
                if i <= k:
                    room.scratch[i] += product * numbers.coefficients[p]
        pivot = room.scratch[k]
        room.scratch[k] = 0.0
        for t in range(lower.reach_start[k], lower.reach_start[k + 1]):
            i = lower.reach[t]
            value = room.scratch[i]
            room.scratch[i] = 0.0
            place = lower.start[i] + room.filled[i]
            for p in range(lower.start[i], place):
                room.scratch[lower.rows[p]] -= room.lower[p] * value
            share = value / room.diagonal[i]
            pivot -= share * value
            scale += abs(share * value)
            error += share * share * room.errors[i]
            room.lower[place] = share
            room.filled[i] += 1
        error += _ROUNDING * scale
        if not pivot * _LOST_MAX > error:
            return k
        room.errors[k] = error
        room.diagonal[k] = pivot
    return -1


@loop
def forget(room: Room) -> None:
    """Clear what a factorisation that was given up has left."""
    for k in range(len(room.scratch)):
        room.scratch[k] = 0.0


@loop
def begin(lower: Lower, room: Room, values: Float64[np.ndarray, " reals"]) -> None:
    """Solve L x = values in place."""
    for j in range(len(values)):
        value = values[j]
        if value != 0.0:
            for p in range(lower.start[j], lower.start[j + 1]):
                values[lower.rows[p]] -= room.lower[p] * value


@loop
def solve(lower: Lower, room: Room, values: Float64[np.ndarray, " reals"]) -> None:
    """Solve K x = values in place."""
    begin(lower, room, values)
    for j in range(len(values)):
        values[j] /= room.diagonal[j]
    finish(lower, room, values)


@loop
def finish(lower: Lower, room: Room, values: Float64[np.ndarray, " reals"]) -> None:
    """Solve L' x = values in place."""
    for j in range(len(values) - 1, -1, -1):
        total = values[j]
        for p in range(lower.start[j], lower.start[j + 1]):
            total -= room.lower[p] * values[lower.rows[p]]
        values[j] = total


@loop
def find_mean(incidence: Incidence, lower: Lower, numbers: Numbers, room: Room) -> float:
    """Compute the mean, and return the log of the integral of the product of all rows.

        n/2 log 2 pi - 1/2 sum of log D - 1/2 sum of weight * (coefficients . mean - offset)**2

    The mean is refined once: what is solved for then is small, and so is its rounding. The sum is
    of what is left at the mean; the difference of larger sums would lose most digits. What each
    addition rounds off is kept: in a long chain that settles it is the same each time.
    """
    count, num_rows = len(room.mean), len(numbers.weights)
    for k in range(count):
        room.mean[k] = 0.0
    total, total_low = 0.0, 0.0
    for turn in range(3):
        for k in range(count):
            room.step[k] = 0.0
        total, total_low = 0.0, 0.0
        for row in range(num_rows):
            begin, end = incidence.row_start[row], incidence.row_start[row + 1]
            left = numbers.offsets[row]
            for p in range(begin, end):
                left -= numbers.coefficients[p] * room.mean[incidence.columns[p]]
            weighed = numbers.weights[row] * left
            total, low = plus(total, weighed * left)
            total_low += low
            for p in range(begin, end):
                room.step[incidence.columns[p]] += numbers.coefficients[p] * weighed
        if turn < 2:
            solve(lower, room, room.step)
            for k in range(count):
                room.mean[k] += room.step[k]
    for k in range(count):
        total, low = plus(total, math.log(room.diagonal[k]) - _LOG_TWO_PI)
        total_low += low
    return -0.5 * (total + total_low)


@loop
def invert(
    lower: Lower,
    room: Room,
    inverse: Float64[np.ndarray, " lower"],
    variances: Float64[np.ndarray, " reals"],
    places: Int64[np.ndarray, " reals"],
    first: int,
    last: int,
) -> bool:
    """Compute the entries of the inverse of K where L has some, in columns last - 1 down to first.

    Args:
        lower: the structure of L.
        room: L and D.
        inverse: filled in these columns; those behind are known.
        variances: its diagonal, likewise.
        places: all -1, and again afterwards.
        first: the last column that is computed.
        last: the one behind the first.

    Returns:
        whether a variance is lost in rounding; then the rest is left as it was.
    """
    for j in range(last - 1, first - 1, -1):
        begin, end = lower.start[j], lower.start[j + 1]
        for p in range(begin, end):
            places[lower.rows[p]] = p
            inverse[p] = 0.0
        for p in range(begin, end):
            k = lower.rows[p]
            share = room.lower[p]
            total = variances[k] * share
            for q in range(lower.start[k], lower.start[k + 1]):
                other = places[lower.rows[q]]
                if other >= 0:
                    inverse[other] -= inverse[q] * share
                    total += inverse[q] * room.lower[other]
            inverse[p] -= total
        variance = scale = 1.0 / room.diagonal[j]
        for p in range(begin, end):
            share = room.lower[p] * inverse[p]
            variance -= share
            scale += abs(share)
            places[lower.rows[p]] = -1
        if not variance * _LOST_MAX > _ROUNDING * scale:
            return True
        variances[j] = variance
    return False
