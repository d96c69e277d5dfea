"""Finds the best assignment of one row after another, compiled: the same steps, maximised in logs.

Forwards each result is the largest sum of its operands; backwards each variable that a step took
out is given the state that reached it, once all others of the step have theirs.
"""

from typing import Any

import numpy as np

from gmruntime.compiling import loop, part
from gmruntime.rows.kernels.compiled import LOOK_PRODUCTS, STOPPED, begin, look, next_entry, place
from gmruntime.rows.kernels.records import Found, Rows, Steps, Work


@loop
def run_maxima(
    steps: Steps, rows: Rows, work: Work, found: Found, first: int, last: int, stop: np.ndarray
) -> int:
    """Run the rows first..last - 1.

    Args:
        steps: the program.
        rows: all of them.
        work: of this thread; its pool holds natural logs.
        found: `log_z` becomes the largest sum, `states` where it is.
        first: row.
        last: and one more.
        stop: [0] is set by another thread once there is no more time.

    Returns:
        how many rows were run.
    """
    for r in range(first, last):
        look(steps, rows, work, r)
        failed = _forwards(steps, rows, work, found, r, stop)
        if failed == STOPPED:
            return r - first
        found.failed[r] = failed
        for v in range(steps.sizes.size):
            found.states[r, v] = rows.evidence[r, v]
        if failed < 0:
            for k in range(work.active[steps.inner.size] - 1, -1, -1):
                s = work.active[k]
                if steps.inner[s] >= 0:
                    _settle(steps, work, found, r, s)
    return last - first


@loop
def _forwards(steps: Steps, rows: Rows, work: Work, found: Found, r: int, stop: np.ndarray) -> int:
    """Run the steps in order; return the one whose result is forbidden throughout, or -1."""
    values: Any = work.values
    total = 0.0
    since = 0
    for k in range(work.active[steps.inner.size]):
        s = work.active[k]
        place(steps, rows, work, r, s)
        num_outer, length, terms = begin(steps, work, s)
        num: Any = work.num_live[s]
        largest = -np.inf
        while True:
            for q in range(length):
                best = -np.inf
                for i in range(terms):
                    best = max(best, _sum(work, num, q, i))
                values[work.at[0] + q * work.across[0]] = best
                largest = max(largest, best)
            since += length * terms
            if since > LOOK_PRODUCTS:
                since = 0
                if stop[0] != 0:
                    return STOPPED
            if not next_entry(steps, work, s, num_outer):
                break
        if largest == -np.inf:
            found.log_z[r] = -np.inf
            return s
        if num_outer == 0 and length == 1:
            total += largest
    found.log_z[r] = total
    return -1


@part
def _sum(work: Work, num: int, q: int, i: int) -> float:
    """Add up the operands at one place."""
    values: Any = work.values
    total = 0.0
    for j in range(1, num + 1):
        total += values[work.at[j] + q * work.across[j] + i * work.along[j]]
    return total


@part
def _settle(steps: Steps, work: Work, found: Found, r: int, s: int) -> None:
    """Give the variable that a step took out its best state, the result's having theirs."""
    inner = steps.inner[s]
    if work.is_latent[inner] == 0:
        return
    _, _, terms = begin(steps, work, s)
    first = steps.operand_start[s]
    num = steps.operand_start[s + 1] - first
    start = steps.axis_start[s]
    for k in range(work.num_free[s] - 1):
        position = work.free[start + k]
        state = found.states[r, steps.axes[start + position]]
        at = steps.stride_start[s] + position * (num + 1)
        for j in range(1, work.num_live[s] + 1):
            work.at[j] += state * steps.strides[at + work.live[first + j - 1]]
    best, chosen = -np.inf, 0
    for i in range(terms):
        value = _sum(work, work.num_live[s], 0, i)
        if value > best:
            best, chosen = value, i
    found.states[r, inner] = chosen
