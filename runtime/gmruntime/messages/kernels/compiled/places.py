"""Compiled message rules of two places of a grid: windows, hard and soft, and their gates.

Maxima over windows take a few passes along each axis, whatever the reach: what lies within r + s
of a place, s <= r, is the larger of what lies within r of the places s to either side. Importing
this file imports numba.
"""

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop


@loop
def within_window(
    said: Float64[np.ndarray, " states"],
    out: Float64[np.ndarray, " states"],
    work: Float64[np.ndarray, " scratch"],
    sides: Int64[np.ndarray, " four"],
    is_max: bool,
) -> None:
    """Join what is within reach: along columns of the grid, then along rows.

    Args:
        said: by state, row * columns + column.
        out: likewise.
        work: at least twice as many entries.
        sides: rows, columns, and the reach along each.
        is_max: maxima instead of sums.
    """
    rows, columns = sides[0], sides[1]
    up, aside = min(sides[2], rows - 1), min(sides[3], columns - 1)
    size = rows * columns
    if not is_max:
        _added(said, work, rows, columns, columns, 1, up)
        _added(work, out, columns, rows, 1, columns, aside)
        return
    _largest(said, work[:size], work[size : 2 * size], rows, columns, columns, 1, up)
    _largest(work[:size], out, work[size : 2 * size], columns, rows, 1, columns, aside)


@loop
def _added(
    said: np.ndarray,
    out: np.ndarray,
    length: int,
    width: int,
    stride: int,
    step: int,
    reach: int,
) -> None:
    """Add up along an axis of `length` places `stride` apart, for `width` lines `step` apart."""
    for place in range(length):
        for line in range(width):
            out[place * stride + line * step] = 0.0
        for near in range(max(0, place - reach), min(length, place + reach + 1)):
            for line in range(width):
                out[place * stride + line * step] += said[near * stride + line * step]


@loop
def _largest(
    said: np.ndarray,
    out: np.ndarray,
    spare: np.ndarray,
    length: int,
    width: int,
    stride: int,
    step: int,
    reach: int,
) -> None:
    """Do as `_added` with maxima: the reach about doubles in every pass."""
    for x in range(len(said)):
        out[x] = said[x]
    reached = 0
    while reached < reach:
        by = 1 if reached == 0 else min(reached, reach - reached)
        for x in range(len(said)):
            spare[x] = out[x]
        for place in range(length):
            before, after = max(place - by, 0) * stride, min(place + by, length - 1) * stride
            for line in range(width):
                larger = max(spare[before + line * step], spare[after + line * step])
                here = place * stride + line * step
                out[here] = max(larger, spare[here]) if reached == 0 else larger
        reached += by


@loop
def paid_by_distance(
    said: Float64[np.ndarray, " states"],
    out: Float64[np.ndarray, " states"],
    sides: Int64[np.ndarray, " two"],
    price: Float64[np.ndarray, " two"],
    is_max: bool,
) -> None:
    """Join everything, each less min(slope * distance, cap); sums weigh by the exponential.

    Args:
        said: by state, row * columns + column.
        out: likewise.
        sides: rows, columns.
        price: slope and cap, in nats.
        is_max: maxima instead of sums.
    """
    rows, columns, slope, cap = sides[0], sides[1], price[0], price[1]
    if is_max:
        high = -np.inf
        for x in range(len(said)):
            out[x] = said[x]
            high = max(high, said[x])
        _sloped(out, rows, columns, columns, 1, slope)
        _sloped(out, columns, rows, 1, columns, slope)
        for x in range(len(said)):
            out[x] = max(out[x], high - cap)
        return
    rest = np.exp(-cap)
    total = 0.0
    for x in range(len(said)):
        total += said[x]
    for x in range(len(said)):
        out[x] = rest * total
    for down in range(rows):
        for aside in range(columns):
            nats = slope * (down + aside)
            if nats >= cap:
                break
            # exp(-nats) - exp(-cap), without cancelling.
            extra = -np.expm1(nats - cap) * np.exp(-nats)
            for row in range(rows - down):
                for column in range(columns - aside):
                    one, other = row * columns + column, (row + down) * columns + column + aside
                    out[one] += extra * said[other]
                    if down > 0 or aside > 0:
                        out[other] += extra * said[one]
                    if down > 0 and aside > 0:
                        out[one + aside] += extra * said[other - aside]
                        out[other - aside] += extra * said[one + aside]


@loop
def _sloped(
    values: np.ndarray, length: int, width: int, stride: int, step: int, slope: float
) -> None:
    """Let each place have what its neighbour along an axis has, less the slope, there and back."""
    for place in range(1, length):
        for line in range(width):
            here = place * stride + line * step
            values[here] = max(values[here], values[here - stride] - slope)
    for place in range(length - 2, -1, -1):
        for line in range(width):
            here = place * stride + line * step
            values[here] = max(values[here], values[here + stride] - slope)


@loop
def two_places(
    arity: int,
    ints: Int64[np.ndarray, " integers"],
    reals: Float64[np.ndarray, " reals"],
    told: Float64[np.ndarray, "arity states"],
    work: Float64[np.ndarray, " scratch"],
    fresh: Float64[np.ndarray, "arity states"],
    is_max: bool,
) -> None:
    """Write what a factor of two places says: a window by four integers, a soft one by two."""
    size = ints[0] * ints[1]
    first = arity - 2
    for k in range(2):
        said, out = told[first + 1 - k, :size], fresh[first + k, :size]
        if len(ints) == 4:
            within_window(said, out, work, ints, is_max)
        else:
            paid_by_distance(said, out, ints, reals, is_max)
    if first == 0:
        return
    # The gate comes first: closed, the places say nothing to each other.
    totals = (_norm(told[1, :size], is_max), _norm(told[2, :size], is_max))
    opened = -np.inf if is_max else 0.0
    for x in range(size):
        value = told[1, x] + fresh[1, x] if is_max else told[1, x] * fresh[1, x]
        opened = max(opened, value) if is_max else opened + value
    fresh[0, 0] = totals[0] + totals[1] if is_max else totals[0] * totals[1]
    fresh[0, 1] = opened
    for k in range(2):
        other = totals[1] if k == 0 else totals[0]
        for x in range(size):
            value = fresh[1 + k, x]
            if is_max:
                fresh[1 + k, x] = max(told[0, 1] + value, told[0, 0] + other)
            else:
                fresh[1 + k, x] = told[0, 1] * value + told[0, 0] * other


@loop
def _norm(values: np.ndarray, is_max: bool) -> float:
    total = -np.inf if is_max else 0.0
    for x in range(len(values)):
        total = max(total, values[x]) if is_max else total + values[x]
    return total
