"""Runs a program for one row after another, compiled: what a row observes is left out of its loops.

Results are stored as they come, and divided by their largest entry when they are read, so that
products of long chains stay in float64.
"""

from typing import Any

import numpy as np

from gmruntime.compiling import loop
from gmruntime.rows.records import Found, Rows, Steps, Work

SMALLEST = 2.3e-308
"""Below this float64 loses digits, then everything."""

LARGEST_MIN = 1e-250
"""A step whose largest entry is smaller has lost too much for its loss to be bounded."""


@loop
def run_rows(
    steps: Steps,
    rows: Rows,
    work: Work,
    found: Found,
    first: int,
    last: int,
    stop: np.ndarray,
    is_support: bool,
) -> int:
    """Run the rows first..last - 1; a row of weight 0 gets no counts.

    Args:
        steps: the program.
        rows: all of them.
        work: of this thread. The derivatives of results are 0, and are so again afterwards.
        found: filled in for these rows.
        first: row.
        last: and one more.
        stop: [0] is set by another thread once there is no more time.
        is_support: tables hold zeros and ones, and only whether Z is above zero matters.

    Returns:
        how many rows were run.
    """
    for r in range(first, last):
        if stop[0] != 0:
            return r - first
        _look(steps, rows, work, r)
        failed = _forwards(steps, rows, work, found, r, is_support)
        found.failed[r] = failed
        if failed >= 0:
            found.log_z[r] = -np.inf
        elif rows.weights[r] != 0.0 or found.beliefs.shape[1] > 0:
            _backwards(steps, rows, work, found, r)
    return last - first


@loop
def _look(steps: Steps, rows: Rows, work: Work, r: int) -> None:
    """Find out which axes a row leaves free, where it is not as in the row before."""
    same = True
    for v in range(steps.sizes.size):
        latent = 1 if rows.evidence[r, v] < 0 else 0
        if work.is_latent[v] != latent:
            work.is_latent[v] = latent
            same = False
    if same:
        return
    for s in range(steps.inner.size):
        start = steps.axis_start[s]
        count = 0
        for k in range(start, steps.axis_start[s + 1]):
            if work.is_latent[steps.axes[k]] == 1:
                work.free[start + count] = k - start
                count += 1
        work.num_free[s] = count


@loop
def _place(steps: Steps, rows: Rows, work: Work, r: int, s: int) -> None:
    """Find where the tables of a step begin in a row: at the states that it observes."""
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    bases = first + s
    work.bases[bases] = steps.result_start[s]
    for j in range(num):
        given = steps.given[first + j]
        if given >= 0:
            work.bases[bases + 1 + j] = rows.pool_start + rows.pointers[r, given]
        else:
            work.bases[bases + 1 + j] = steps.base[first + j]
    at = steps.stride_start[s]
    for k in range(steps.axis_start[s], steps.axis_start[s + 1]):
        state = rows.evidence[r, steps.axes[k]]
        if state > 0:
            for j in range(num + 1):
                work.bases[bases + j] += state * steps.strides[at + j]
        at += num + 1


@loop
def _begin(steps: Steps, work: Work, s: int) -> tuple[int, int]:
    """Set the tables of a step to where they begin.

    Returns:
        how many free axes the result has, and how many states are summed over.
    """
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    for j in range(num + 1):
        work.at[j] = work.bases[first + s + j]
        work.along[j] = 0
    count = work.num_free[s]
    inner = steps.inner[s]
    if inner < 0 or work.is_latent[inner] == 0:
        return count, 1
    position = work.free[steps.axis_start[s] + count - 1]
    for j in range(num + 1):
        work.along[j] = steps.strides[steps.stride_start[s] + position * (num + 1) + j]
    return count - 1, int(steps.sizes[inner])


@loop
def _next(steps: Steps, work: Work, s: int, num_outer: int) -> bool:
    """Move to the next entry of a step's result; where there is none, return to the first."""
    num = steps.operand_start[s + 1] - steps.operand_start[s]
    start = steps.axis_start[s]
    for k in range(num_outer - 1, -1, -1):
        position = work.free[start + k]
        size = steps.sizes[steps.axes[start + position]]
        at = steps.stride_start[s] + position * (num + 1)
        work.counters[k] += 1
        if work.counters[k] < size:
            for j in range(num + 1):
                work.at[j] += steps.strides[at + j]
            return True
        work.counters[k] = 0
        for j in range(num + 1):
            work.at[j] -= (size - 1) * steps.strides[at + j]
    return False


@loop
def _forwards(steps: Steps, rows: Rows, work: Work, found: Found, r: int, is_support: bool) -> int:
    """Run the steps in order; return the one whose result is 0 throughout, -1 where none is."""
    log_z = 0.0
    product = 1.0
    found.loss[r] = 0.0
    for s in range(steps.inner.size):
        _place(steps, rows, work, r, s)
        num_outer, terms = _begin(steps, work, s)
        first = steps.operand_start[s]
        num = steps.operand_start[s + 1] - first
        inverse = 1.0
        for j in range(first, first + num):
            if steps.made_by[j] >= 0:
                inverse /= work.largest[steps.made_by[j]]
        largest = 0.0
        while True:
            total = _sum(work, num, terms) * inverse
            if is_support and total > 0.0:
                total = 1.0
            work.values[work.at[0]] = total
            largest = max(largest, total)
            if not _next(steps, work, s, num_outer):
                break
        if not largest > 0.0:
            return s
        if largest < LARGEST_MIN * inverse or not largest < np.inf:
            found.loss[r] = np.nan
        work.largest[s] = largest
        work.inverse[s] = inverse
        product *= largest
        if product < 1e-50 or product > 1e50:
            log_z += np.log(product)
            product = 1.0
    found.log_z[r] = log_z + np.log(product)
    return -1


@loop
def _sum(work: Work, num: int, terms: int) -> float:
    """Multiply the operands where they are, and sum along the axis that is summed out."""
    values: Any = work.values
    total = 0.0
    one, along_one = work.at[1], work.along[1]
    if num == 1:
        for i in range(terms):
            total += values[one + i * along_one]
        return total
    two, along_two = work.at[2], work.along[2]
    if num == 2:
        for i in range(terms):
            total += values[one + i * along_one] * values[two + i * along_two]
        return total
    three, along_three = work.at[3], work.along[3]
    for i in range(terms):
        product = values[one + i * along_one] * values[two + i * along_two]
        product *= values[three + i * along_three]
        for j in range(4, num + 1):
            product *= values[work.at[j] + i * work.along[j]]
        total += product
    return total


@loop
def _backwards(steps: Steps, rows: Rows, work: Work, found: Found, r: int) -> None:
    """Run the steps in reverse order: each hands its result's derivatives to its operands."""
    root = steps.inner.size - 1
    weight = rows.weights[r] if found.beliefs.shape[1] == 0 else 1.0
    work.derivatives[work.bases[steps.operand_start[root] + root]] = weight / work.largest[root]
    loss = found.loss[r]
    for s in range(root, -1, -1):
        num_outer, terms = _begin(steps, work, s)
        num = steps.operand_start[s + 1] - steps.operand_start[s]
        spread = 0.0
        while True:
            given = work.derivatives[work.at[0]]
            work.derivatives[work.at[0]] = 0.0
            if given != 0.0:
                given *= work.inverse[s]
                spread += abs(given)
                _hand_on(work, num, terms, given)
            if not _next(steps, work, s, num_outer):
                break
        loss += spread * terms * SMALLEST / abs(weight)
    found.loss[r] = loss
    for k in range(found.beliefs.shape[1]):
        place = steps.num_results + k
        found.beliefs[r, k] = work.derivatives[place]
        work.derivatives[place] = 0.0


@loop
def _hand_on(work: Work, num: int, terms: int, given: float) -> None:
    """Add to each operand's derivatives that of the result times all other operands."""
    values, derivatives = work.values, work.derivatives
    one, along_one = work.at[1], work.along[1]
    if num == 1:
        for i in range(terms):
            derivatives[one + i * along_one] += given
        return
    two, along_two = work.at[2], work.along[2]
    if num == 2:
        for i in range(terms):
            a, b = one + i * along_one, two + i * along_two
            derivatives[a] += given * values[b]
            derivatives[b] += given * values[a]
        return
    if num == 3:
        three, along_three = work.at[3], work.along[3]
        for i in range(terms):
            a, b, c = one + i * along_one, two + i * along_two, three + i * along_three
            derivatives[a] += given * values[b] * values[c]
            derivatives[b] += given * values[a] * values[c]
            derivatives[c] += given * values[a] * values[b]
        return
    for i in range(terms):
        product = given
        for j in range(1, num + 1):
            work.before[j] = product
            product *= values[work.at[j] + i * work.along[j]]
        product = 1.0
        for j in range(num, 0, -1):
            place = work.at[j] + i * work.along[j]
            derivatives[place] += work.before[j] * product
            product *= values[place]
