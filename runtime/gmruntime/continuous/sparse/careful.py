"""The same elimination with twice as many digits, for rows that say nearly the same.

What is left of a pivot may be ten digits below what it is the difference of: where reals are known
well relative to each other, and hardly at all themselves.
"""

import math

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.continuous.sparse.pairs import add, divide, multiply, product
from gmruntime.continuous.sparse.records import Incidence, Lower, Numbers, PairedRoom

_ROUNDING = 2.0**-104
"""Of a sum or product of two pairs."""

_LOG_TWO_PI = math.log(2.0 * math.pi)

_LOST_MAX = 1e-9
"""A pivot that may be off by more than this part of itself cannot be told from 0."""


@loop
def factor_carefully(
    incidence: Incidence, lower: Lower, numbers: Numbers, room: PairedRoom, first: int, last: int
) -> int:
    """Compute some rows of L and D; those before are known.

    Returns:
        the first pivot that cannot be told from 0 or is below; -1 where there is none.
    """
    if first == 0:
        for k in range(len(room.filled)):
            room.filled[k] = 0
            room.scratch[0, k] = room.scratch[1, k] = 0.0
    for k in range(first, last):
        scale, error = 0.0, 0.0
        for t in range(incidence.column_start[k], incidence.column_start[k + 1]):
            entry = incidence.column_entries[t]
            row = int(incidence.row_of[entry])
            coefficient = float(numbers.coefficients[entry])
            high, low = product(float(numbers.weights[row]), coefficient)
            if high == 0.0:
                continue
            scale += abs(high * coefficient)
            for p in range(incidence.row_start[row], incidence.row_start[row + 1]):
                i = incidence.columns[p]
                if i <= k:
                    value, value_low = multiply(high, low, numbers.coefficients[p], 0.0)
                    room.scratch[0, i], room.scratch[1, i] = add(
                        room.scratch[0, i], room.scratch[1, i], value, value_low
                    )
        pivot, pivot_low = room.scratch[0, k], room.scratch[1, k]
        room.scratch[0, k] = room.scratch[1, k] = 0.0
        for t in range(lower.reach_start[k], lower.reach_start[k + 1]):
            i = lower.reach[t]
            value, value_low = room.scratch[0, i], room.scratch[1, i]
            room.scratch[0, i] = room.scratch[1, i] = 0.0
            place = lower.start[i] + room.filled[i]
            for p in range(lower.start[i], place):
                other = lower.rows[p]
                high, low = multiply(room.lower[0, p], room.lower[1, p], value, value_low)
                room.scratch[0, other], room.scratch[1, other] = add(
                    room.scratch[0, other], room.scratch[1, other], -high, -low
                )
            share, share_low = divide(value, value_low, room.diagonal[0, i], room.diagonal[1, i])
            high, low = multiply(share, share_low, value, value_low)
            pivot, pivot_low = add(pivot, pivot_low, -high, -low)
            scale += abs(high)
            error += share * share * room.errors[i]
            room.lower[0, place], room.lower[1, place] = share, share_low
            room.filled[i] += 1
        error += _ROUNDING * scale
        if not pivot * _LOST_MAX > error:
            return k
        room.errors[k] = error
        room.diagonal[0, k], room.diagonal[1, k] = pivot, pivot_low
    return -1


@loop
def solve_carefully(lower: Lower, room: PairedRoom, values: Float64[np.ndarray, "2 reals"]) -> None:
    """Solve K x = values in place."""
    count = values.shape[1]
    for j in range(count):
        value, value_low = values[0, j], values[1, j]
        for p in range(lower.start[j], lower.start[j + 1]):
            i = lower.rows[p]
            high, low = multiply(room.lower[0, p], room.lower[1, p], value, value_low)
            values[0, i], values[1, i] = add(values[0, i], values[1, i], -high, -low)
    for j in range(count):
        values[0, j], values[1, j] = divide(
            values[0, j], values[1, j], room.diagonal[0, j], room.diagonal[1, j]
        )
    finish_carefully(lower, room, values)


@loop
def finish_carefully(
    lower: Lower, room: PairedRoom, values: Float64[np.ndarray, "2 reals"]
) -> None:
    """Solve L' x = values in place."""
    for j in range(values.shape[1] - 1, -1, -1):
        total, total_low = values[0, j], values[1, j]
        for p in range(lower.start[j], lower.start[j + 1]):
            i = lower.rows[p]
            high, low = multiply(room.lower[0, p], room.lower[1, p], values[0, i], values[1, i])
            total, total_low = add(total, total_low, -high, -low)
        values[0, j], values[1, j] = total, total_low


@loop
def find_mean_carefully(
    incidence: Incidence, lower: Lower, numbers: Numbers, room: PairedRoom
) -> float:
    """Compute the mean, and return the log of the integral of the product of all rows."""
    count, num_rows = room.mean.shape[1], len(numbers.weights)
    for k in range(count):
        room.mean[0, k] = room.mean[1, k] = 0.0
    total, total_low = 0.0, 0.0
    for turn in range(3):
        for k in range(count):
            room.step[0, k] = room.step[1, k] = 0.0
        total, total_low = 0.0, 0.0
        for row in range(num_rows):
            begin, end = incidence.row_start[row], incidence.row_start[row + 1]
            left, left_low = numbers.offsets[row], 0.0
            for p in range(begin, end):
                i = incidence.columns[p]
                coefficient = numbers.coefficients[p]
                high, low = multiply(room.mean[0, i], room.mean[1, i], coefficient, 0.0)
                left, left_low = add(left, left_low, -high, -low)
            weighed, weighed_low = multiply(left, left_low, numbers.weights[row], 0.0)
            high, low = multiply(weighed, weighed_low, left, left_low)
            total, total_low = add(total, total_low, high, low)
            for p in range(begin, end):
                i = incidence.columns[p]
                high, low = multiply(weighed, weighed_low, numbers.coefficients[p], 0.0)
                room.step[0, i], room.step[1, i] = add(room.step[0, i], room.step[1, i], high, low)
        if turn < 2:
            solve_carefully(lower, room, room.step)
            for k in range(count):
                room.mean[0, k], room.mean[1, k] = add(
                    room.mean[0, k], room.mean[1, k], room.step[0, k], room.step[1, k]
                )
    for k in range(count):
        log = math.log(room.diagonal[0, k]) - _LOG_TWO_PI
        total, total_low = add(total, total_low, log, 0.0)
    return -0.5 * (total + total_low)


@loop
def invert_carefully(
    lower: Lower,
    room: PairedRoom,
    inverse: Float64[np.ndarray, "2 lower"],
    variances: Float64[np.ndarray, "2 reals"],
    places: Int64[np.ndarray, " reals"],
    first: int,
    last: int,
) -> None:
    """Compute the entries of the inverse of K where L has some, in columns last - 1 down to first.

    Args:
        lower: the structure of L.
        room: L and D.
        inverse: filled in these columns; those behind are known.
        variances: its diagonal, likewise.
        places: all -1, and again afterwards.
        first: the last column that is computed.
        last: the one behind the first.
    """
    for j in range(last - 1, first - 1, -1):
        begin, end = lower.start[j], lower.start[j + 1]
        for p in range(begin, end):
            places[lower.rows[p]] = p
            inverse[0, p] = inverse[1, p] = 0.0
        for p in range(begin, end):
            k = int(lower.rows[p])
            share, share_low = room.lower[0, p], room.lower[1, p]
            total, total_low = multiply(variances[0, k], variances[1, k], share, share_low)
            for q in range(lower.start[k], lower.start[k + 1]):
                other = int(places[lower.rows[q]])
                if other >= 0:
                    high, low = multiply(inverse[0, q], inverse[1, q], share, share_low)
                    inverse[0, other], inverse[1, other] = add(
                        inverse[0, other], inverse[1, other], -high, -low
                    )
                    high, low = multiply(
                        inverse[0, q], inverse[1, q], room.lower[0, other], room.lower[1, other]
                    )
                    total, total_low = add(total, total_low, high, low)
            inverse[0, p], inverse[1, p] = add(inverse[0, p], inverse[1, p], -total, -total_low)
        value, value_low = divide(1.0, 0.0, room.diagonal[0, j], room.diagonal[1, j])
        for p in range(begin, end):
            high, low = multiply(room.lower[0, p], room.lower[1, p], inverse[0, p], inverse[1, p])
            value, value_low = add(value, value_low, -high, -low)
            places[lower.rows[p]] = -1
        variances[0, j], variances[1, j] = value, value_low
