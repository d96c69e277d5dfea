"""Runs a program for one row after another, compiled: what a row observes is left out of its loops.

Steps all of whose variables are observed are left out, and so are operands of one entry: those
of tables are added up elsewhere, and a result that is one entry is a Z of its own.

Results are stored as they come, and divided by their largest entry when they are read, so that
products of long chains stay in float64.
"""

from typing import Any

import numpy as np

from gmruntime.compiling import loop, part
from gmruntime.rows.kernels.records import Found, Rows, Steps, Work

SMALLEST = 2.3e-308
"""Below this float64 loses digits, then everything."""

STOPPED = -2
LOOK_PRODUCTS = 1 << 20
"""After so many products a row looks whether there is time for more."""

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
        work: of this thread. The derivatives of results are 0, and are so again afterwards, unless
            there was no time.
        found: filled in for these rows.
        first: row.
        last: and one more.
        stop: [0] is set by another thread once there is no more time.
        is_support: tables hold zeros and ones, and only whether Z is above zero matters.

    Returns:
        how many rows were run.
    """
    for r in range(first, last):
        look(steps, rows, work, r)
        failed = _forwards(steps, rows, work, found, r, stop, is_support)
        if failed == STOPPED:
            return r - first
        found.failed[r] = failed
        if failed >= 0:
            found.log_z[r] = -np.inf
            continue
        is_counted = rows.weights[r] != 0.0 or found.beliefs.shape[1] > 0
        if is_counted and not _backwards(steps, rows, work, found, r, stop):
            found.log_z[r] = np.nan
            return r - first
    return last - first


@loop
def look(steps: Steps, rows: Rows, work: Work, r: int) -> None:
    """Find out what a row leaves free, where it is not as in the row before."""
    same = True
    for v in range(steps.sizes.size):
        latent = 1 if rows.evidence[r, v] < 0 else 0
        if work.is_latent[v] != latent:
            work.is_latent[v] = latent
            same = False
    if same:
        return
    num_active = 0
    for s in range(steps.inner.size):
        start = steps.axis_start[s]
        count = 0
        for k in range(start, steps.axis_start[s + 1]):
            if work.is_latent[steps.axes[k]] == 1:
                work.free[start + count] = k - start
                count += 1
        work.num_free[s] = count
        if count > 0:
            work.active[num_active] = s
            num_active += 1
        first = steps.operand_start[s]
        num = steps.operand_start[s + 1] - first
        live = 0
        for j in range(1, num + 1 if count > 0 else 1):
            for k in range(count):
                at = steps.stride_start[s] + work.free[start + k] * (num + 1) + j
                if steps.strides[at] > 0:
                    work.live[first + live] = j
                    live += 1
                    break
        work.num_live[s] = live
    work.active[steps.inner.size] = num_active


@part
def place(steps: Steps, rows: Rows, work: Work, r: int, s: int) -> None:
    """Find where the tables of a step begin in a row: at the states that it observes."""
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    for j in range(work.num_live[s] + 1):
        position = 0
        base = steps.result_start[s]
        if j > 0:
            position = work.live[first + j - 1]
            given = steps.given[first + position - 1]
            base = steps.base[first + position - 1]
            if given >= 0:
                base = rows.pool_start + rows.pointers[r, given]
        at = steps.stride_start[s] + position
        for k in range(steps.axis_start[s], steps.axis_start[s + 1]):
            state = rows.evidence[r, steps.axes[k]]
            if state > 0:
                base += state * steps.strides[at]
            at += num + 1
        work.bases[first + s + j] = base


@part
def begin(steps: Steps, work: Work, s: int) -> tuple[int, int, int]:
    """Set the live tables of a step to where they begin.

    Returns:
        how many free axes of the result are left beside the last, how many states the last has,
        and how many states are summed over.
    """
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    start = steps.axis_start[s]
    count = work.num_free[s]
    inner = steps.inner[s]
    terms, length = 1, 1
    inner_at, outer_at = -1, -1
    if inner >= 0 and work.is_latent[inner] == 1:
        count -= 1
        terms = int(steps.sizes[inner])
        inner_at = steps.stride_start[s] + work.free[start + count] * (num + 1)
    if count > 0:
        count -= 1
        position = work.free[start + count]
        length = int(steps.sizes[steps.axes[start + position]])
        outer_at = steps.stride_start[s] + position * (num + 1)
    work.at[0] = work.bases[first + s]
    work.across[0] = steps.strides[outer_at] if outer_at >= 0 else 0
    for j in range(1, work.num_live[s] + 1):
        operand = work.live[first + j - 1]
        work.at[j] = work.bases[first + s + j]
        work.along[j] = steps.strides[inner_at + operand] if inner_at >= 0 else 0
        work.across[j] = steps.strides[outer_at + operand] if outer_at >= 0 else 0
    return count, length, terms


@part
def next_entry(steps: Steps, work: Work, s: int, num_outer: int) -> bool:
    """Move along the other axes of a step's result; where all are done, return to the first."""
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    live = work.num_live[s]
    start = steps.axis_start[s]
    for k in range(num_outer - 1, -1, -1):
        position = work.free[start + k]
        size = steps.sizes[steps.axes[start + position]]
        at = steps.stride_start[s] + position * (num + 1)
        work.counters[k] += 1
        if work.counters[k] < size:
            work.at[0] += steps.strides[at]
            for j in range(live):
                work.at[j + 1] += steps.strides[at + work.live[first + j]]
            return True
        work.counters[k] = 0
        work.at[0] -= (size - 1) * steps.strides[at]
        for j in range(live):
            work.at[j + 1] -= (size - 1) * steps.strides[at + work.live[first + j]]
    return False


@loop
def _forwards(
    steps: Steps,
    rows: Rows,
    work: Work,
    found: Found,
    r: int,
    stop: np.ndarray,
    is_support: bool,
) -> int:
    """Run the steps in order; return the one whose result is 0 throughout, -1 where none is."""
    log_z = 0.0
    product = 1.0
    since = 0
    found.loss[r] = 0.0
    for k in range(work.active[steps.inner.size]):
        s = work.active[k]
        place(steps, rows, work, r, s)
        num_outer, length, terms = begin(steps, work, s)
        num: Any = work.num_live[s]
        first = steps.operand_start[s]
        inverse: Any = 1.0
        for j in range(num):
            made_by = steps.made_by[first + work.live[first + j] - 1]
            if made_by >= 0:
                inverse /= work.largest[made_by]
        largest = 0.0
        while True:
            largest = max(largest, _sum(work, num, length, terms, inverse, is_support))
            since += length * terms
            if since > LOOK_PRODUCTS:
                since = 0
                if stop[0] != 0:
                    return STOPPED
            if not next_entry(steps, work, s, num_outer):
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
    if stop[0] != 0:
        return STOPPED
    found.log_z[r] = log_z + np.log(product)
    return -1


@part
def _sum(work: Work, num: int, length: int, terms: int, inverse: float, is_support: bool) -> float:
    """Multiply and sum for each entry along the result's last axis; return the largest entry."""
    values: Any = work.values
    out, out_across = work.at[0], work.across[0]
    a, a_along, a_across = work.at[1], work.along[1], work.across[1]
    b, b_along, b_across = (work.at[2], work.along[2], work.across[2]) if num > 1 else (0, 0, 0)
    c, c_along, c_across = (work.at[3], work.along[3], work.across[3]) if num > 2 else (0, 0, 0)
    largest = 0.0
    for q in range(length):
        total = 0.0
        if num == 1:
            for i in range(terms):
                total += values[a + i * a_along]
        elif num == 2:
            for i in range(terms):
                total += values[a + i * a_along] * values[b + i * b_along]
        else:
            for i in range(terms):
                product = values[a + i * a_along] * values[b + i * b_along]
                product *= values[c + i * c_along]
                for j in range(4, num + 1):
                    product *= values[work.at[j] + q * work.across[j] + i * work.along[j]]
                total += product
        total *= inverse
        if is_support and total > 0.0:
            total = 1.0
        values[out + q * out_across] = total
        largest = max(largest, total)
        a += a_across
        b += b_across
        c += c_across
    return largest


@loop
def _backwards(
    steps: Steps, rows: Rows, work: Work, found: Found, r: int, stop: np.ndarray
) -> bool:
    """Run the steps in reverse order: each hands its result's derivatives to its operands.

    Returns:
        whether there was time: without it the derivatives of some results are left.
    """
    since = 0
    weight = rows.weights[r] if found.beliefs.shape[1] == 0 else 1.0
    loss = found.loss[r]
    for k in range(work.active[steps.inner.size] - 1, -1, -1):
        s = work.active[k]
        num_outer, length, terms = begin(steps, work, s)
        num: Any = work.num_live[s]
        if num_outer == 0 and length == 1:
            # One entry is the Z of what went into it.
            work.derivatives[work.at[0]] = weight / work.largest[s]
        inverse: Any = work.inverse[s]
        spread = 0.0
        while True:
            spread += _hand_on(work, num, length, terms, inverse)
            since += length * terms
            if since > LOOK_PRODUCTS:
                since = 0
                if stop[0] != 0:
                    return False
            if not next_entry(steps, work, s, num_outer):
                break
        loss += spread * terms * SMALLEST / abs(weight)
    found.loss[r] = loss
    for k in range(found.beliefs.shape[1]):
        place = steps.num_results + k
        found.beliefs[r, k] = work.derivatives[place]
        work.derivatives[place] = 0.0
    return True


@part
def _hand_on(work: Work, num: int, length: int, terms: int, inverse: float) -> float:
    """Add to each operand's derivatives those of the result times all other operands.

    Returns:
        the sum of the derivatives of the result along its last axis.
    """
    values: Any = work.values
    derivatives: Any = work.derivatives
    a, a_along, a_across = work.at[1], work.along[1], work.across[1]
    b, b_along, b_across = (work.at[2], work.along[2], work.across[2]) if num > 1 else (0, 0, 0)
    c, c_along, c_across = (work.at[3], work.along[3], work.across[3]) if num > 2 else (0, 0, 0)
    spread = 0.0
    for q in range(length):
        out = work.at[0] + q * work.across[0]
        given = derivatives[out] * inverse
        derivatives[out] = 0.0
        if given != 0.0:
            spread += abs(given)
            if num == 1:
                for i in range(terms):
                    derivatives[a + i * a_along] += given
            elif num == 2:
                for i in range(terms):
                    one, two = a + i * a_along, b + i * b_along
                    derivatives[one] += given * values[two]
                    derivatives[two] += given * values[one]
            elif num == 3:
                for i in range(terms):
                    one, two, three = a + i * a_along, b + i * b_along, c + i * c_along
                    derivatives[one] += given * values[two] * values[three]
                    derivatives[two] += given * values[one] * values[three]
                    derivatives[three] += given * values[one] * values[two]
            else:
                _hand_on_many(work, num, q, terms, given)
        a += a_across
        b += b_across
        c += c_across
    return spread


@loop
def _hand_on_many(work: Work, num: int, q: int, terms: int, given: float) -> None:
    """Do so for one entry whose terms are products of four or more."""
    values: Any = work.values
    derivatives: Any = work.derivatives
    for i in range(terms):
        product = given
        for j in range(1, num + 1):
            work.before[j] = product
            product *= values[work.at[j] + q * work.across[j] + i * work.along[j]]
        product = 1.0
        for j in range(num, 0, -1):
            place = work.at[j] + q * work.across[j] + i * work.along[j]
            derivatives[place] += work.before[j] * product
            product *= values[place]
