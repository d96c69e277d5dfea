"""Runs a program for several rows side by side, compiled: rows that observe nothing within it.

What they observe is in their pointers, so all of them take the same steps: every number of a step
is a vector with one lane for each row. Otherwise the same as `compiled`.
"""

from typing import Any

import numpy as np

from gmruntime.compiling import loop, part
from gmruntime.rows.kernels.compiled import LARGEST_MIN, SMALLEST
from gmruntime.rows.kernels.records import Found, Lanes, Rows, Steps


@loop
def run_lanes(
    steps: Steps, rows: Rows, lanes: Lanes, found: Found, first: int, last: int, stop: np.ndarray
) -> int:
    """Run the rows first..last - 1; a row of weight 0 gets no counts.

    Args:
        steps: the program, without tables of ones.
        rows: all of them; they observe nothing.
        lanes: what this thread works on.
        found: filled in for these rows.
        first: row.
        last: and one more.
        stop: [0] is set by another thread once there is no more time.

    Returns:
        how many rows were run.
    """
    width = lanes.total.size
    r = first
    while r < last:
        num = min(width, last - r)
        if not _forwards(steps, rows, lanes, found, r, num, stop):
            return r - first
        is_counted = False
        for lane in range(num):
            is_counted = is_counted or rows.weights[r + lane] != 0.0
        if is_counted:
            _backwards(steps, rows, lanes, found, r, num)
        r += num
    return last - first


@part
def _begin(steps: Steps, lanes: Lanes, s: int) -> tuple[int, int]:
    """Set the tables of a step to where they begin; return the result's axes and the terms."""
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    lanes.at[0] = steps.result_start[s]
    count = steps.axis_start[s + 1] - steps.axis_start[s]
    inner = steps.inner[s]
    if inner >= 0:
        count -= 1
    at = steps.stride_start[s] + count * (num + 1)
    for j in range(num):
        lanes.at[j + 1] = steps.base[first + j]
        lanes.along[j + 1] = steps.strides[at + j + 1] if inner >= 0 else 0
    return count, int(steps.sizes[inner]) if inner >= 0 else 1


@part
def _next(steps: Steps, lanes: Lanes, s: int, num_outer: int) -> bool:
    """Move to the next entry of a step's result; where there is none, return to the first."""
    num = steps.operand_start[s + 1] - steps.operand_start[s]
    for k in range(num_outer - 1, -1, -1):
        size = steps.sizes[steps.axes[steps.axis_start[s] + k]]
        at = steps.stride_start[s] + k * (num + 1)
        lanes.counters[k] += 1
        if lanes.counters[k] < size:
            for j in range(num + 1):
                lanes.at[j] += steps.strides[at + j]
            return True
        lanes.counters[k] = 0
        for j in range(num + 1):
            lanes.at[j] -= (size - 1) * steps.strides[at + j]
    return False


@part
def _read(
    steps: Steps, rows: Rows, lanes: Lanes, operand: int, place: int, r: int, num: int
) -> None:
    """Load an entry of an operand into the lanes that are read."""
    read: Any = lanes.read
    given = steps.given[operand]
    if given < 0:
        values: Any = lanes.values
        for lane in range(num):
            read[lane] = values[place, lane]
    elif lanes.is_shared[given]:
        same = lanes.pool[place + rows.pointers[r, given]]
        for lane in range(num):
            read[lane] = same
    else:
        pool: Any = lanes.pool
        for lane in range(num):
            read[lane] = pool[place + rows.pointers[r + lane, given]]


@loop
def _forwards(
    steps: Steps, rows: Rows, lanes: Lanes, found: Found, r: int, num: int, stop: np.ndarray
) -> bool:
    """Run the steps in order; say whether there was time."""
    values: Any = lanes.values
    largest: Any = lanes.largest
    inverse: Any = lanes.inverse
    product: Any = lanes.product
    total: Any = lanes.total
    read: Any = lanes.read
    for lane in range(num):
        found.log_z[r + lane] = 0.0
        found.loss[r + lane] = 0.0
        found.failed[r + lane] = -1
    for s in range(steps.inner.size):
        if stop[0] != 0:
            for lane in range(num):
                found.log_z[r + lane] = np.nan
            return False
        first = steps.operand_start[s]
        last = steps.operand_start[s + 1]
        num_outer, terms = _begin(steps, lanes, s)
        for lane in range(num):
            inverse[s, lane] = 1.0
            largest[s, lane] = 0.0
        for operand in range(first, last):
            made_by = steps.made_by[operand]
            if made_by >= 0:
                for lane in range(num):
                    inverse[s, lane] /= largest[made_by, lane]
        while True:
            for lane in range(num):
                total[lane] = 0.0
            for i in range(terms):
                for lane in range(num):
                    product[lane] = 1.0
                for j in range(1, last - first + 1):
                    place = lanes.at[j] + i * lanes.along[j]
                    _read(steps, rows, lanes, first + j - 1, place, r, num)
                    for lane in range(num):
                        product[lane] *= read[lane]
                for lane in range(num):
                    total[lane] += product[lane]
            out = lanes.at[0]
            for lane in range(num):
                value = total[lane] * inverse[s, lane]
                values[out, lane] = value
                largest[s, lane] = max(largest[s, lane], value)
            if not _next(steps, lanes, s, num_outer):
                break
        _settle(lanes, found, s, r, num)
    return True


@part
def _settle(lanes: Lanes, found: Found, s: int, r: int, num: int) -> None:
    """Note what a step says of log Z, and where it leaves nothing."""
    largest: Any = lanes.largest
    for lane in range(num):
        most = largest[s, lane]
        if most > 0.0 and most < np.inf:
            found.log_z[r + lane] += np.log(most)
            if most < LARGEST_MIN * lanes.inverse[s, lane]:
                found.loss[r + lane] = np.nan
            continue
        if most > 0.0:
            found.loss[r + lane] = np.nan
        elif found.failed[r + lane] < 0:
            found.failed[r + lane] = s
        # Whatever follows is divided by it.
        largest[s, lane] = 1.0
        found.log_z[r + lane] = -np.inf


@loop
def _backwards(steps: Steps, rows: Rows, lanes: Lanes, found: Found, r: int, num: int) -> None:
    """Run the steps in reverse order: each hands its result's derivatives to its operands."""
    derivatives: Any = lanes.derivatives
    inverse: Any = lanes.inverse
    total: Any = lanes.total
    root = steps.inner.size - 1
    for lane in range(num):
        is_counted = found.failed[r + lane] < 0 and rows.weights[r + lane] != 0.0
        weight = rows.weights[r + lane] if is_counted else 0.0
        derivatives[steps.result_start[root], lane] = weight / lanes.largest[root, lane]
    for s in range(root, -1, -1):
        first = steps.operand_start[s]
        last = steps.operand_start[s + 1]
        num_outer, terms = _begin(steps, lanes, s)
        for lane in range(num):
            lanes.spread[lane] = 0.0
        while True:
            out = lanes.at[0]
            for lane in range(num):
                total[lane] = derivatives[out, lane] * inverse[s, lane]
                derivatives[out, lane] = 0.0
                lanes.spread[lane] += abs(total[lane])
            for i in range(terms):
                _hand_on(steps, rows, lanes, first, last, i, r, num)
            if not _next(steps, lanes, s, num_outer):
                break
        for lane in range(num):
            if rows.weights[r + lane] != 0.0:
                lost = lanes.spread[lane] * terms * SMALLEST
                found.loss[r + lane] += lost / abs(rows.weights[r + lane])


@part
def _hand_on(
    steps: Steps, rows: Rows, lanes: Lanes, first: int, last: int, i: int, r: int, num: int
) -> None:
    """Add to each operand's derivatives those of the result times all other operands."""
    product: Any = lanes.product
    before: Any = lanes.before
    read: Any = lanes.read
    derivatives: Any = lanes.derivatives
    count = last - first
    for lane in range(num):
        product[lane] = lanes.total[lane]
    for j in range(1, count + 1):
        for lane in range(num):
            before[j, lane] = product[lane]
        if j < count:
            place = lanes.at[j] + i * lanes.along[j]
            _read(steps, rows, lanes, first + j - 1, place, r, num)
            for lane in range(num):
                product[lane] *= read[lane]
    for lane in range(num):
        product[lane] = 1.0
    for j in range(count, 0, -1):
        place = lanes.at[j] + i * lanes.along[j]
        given = steps.given[first + j - 1]
        if given < 0:
            for lane in range(num):
                derivatives[place, lane] += before[j, lane] * product[lane]
        elif lanes.is_shared[given]:
            added = 0.0
            for lane in range(num):
                added += before[j, lane] * product[lane]
            lanes.pool_derivatives[place + rows.pointers[r, given]] += added
        else:
            for lane in range(num):
                entry = place + rows.pointers[r + lane, given]
                lanes.pool_derivatives[entry] += before[j, lane] * product[lane]
        if j > 1:
            _read(steps, rows, lanes, first + j - 1, place, r, num)
            for lane in range(num):
                product[lane] *= read[lane]
