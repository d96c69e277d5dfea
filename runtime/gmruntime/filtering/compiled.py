"""Steps in a compiled loop: as plain numbers where none underflows, else in logs.

Source: Rabiner (1989), "A tutorial on hidden Markov models", the forward recursion, scaled.
"""

import math

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.compiling import loop
from gmruntime.filtering.planning import SPREAD_MAX
from gmruntime.filtering.records import Operations, Tables

_SMALLEST = math.exp(-SPREAD_MAX)


@loop
def _take_logs(tables: Tables, table: int) -> None:
    """Fill in the logs of a table's numbers."""
    if tables.has_logs[table]:
        return
    for k in range(tables.start[table], tables.start[table + 1]):
        tables.logs[k] = math.log(tables.plain[k]) if tables.plain[k] > 0.0 else -math.inf
    tables.has_logs[table] = True


@loop
def _scale(tables: Tables, out: int) -> None:
    """Divide the numbers of a table by their largest; keep logs where they span too much."""
    start, stop = tables.start[out], tables.start[out + 1]
    top = 0.0
    for k in range(start, stop):
        top = max(top, tables.plain[k])
    tables.has_plain[out] = True
    tables.has_logs[out] = False
    if top == 0.0:
        return
    tables.shift[out] += math.log(top)
    low = 1.0
    for k in range(start, stop):
        tables.plain[k] /= top
        if 0.0 < tables.plain[k] < low:
            low = tables.plain[k]
    if low < _SMALLEST:
        _take_logs(tables, out)
        tables.has_plain[out] = False


@loop
def _scale_logs(tables: Tables, out: int) -> None:
    """Let the largest log of a table be 0; have plain numbers where they lose nothing."""
    start, stop = tables.start[out], tables.start[out + 1]
    top = -math.inf
    for k in range(start, stop):
        top = max(top, tables.logs[k])
    tables.has_logs[out] = True
    tables.has_plain[out] = True
    low = 0.0
    if top > -math.inf:
        tables.shift[out] += top
        for k in range(start, stop):
            tables.logs[k] -= top
            if -math.inf < tables.logs[k] < low:
                low = tables.logs[k]
    if low < -SPREAD_MAX:
        tables.has_plain[out] = False
        return
    for k in range(start, stop):
        tables.plain[k] = math.exp(tables.logs[k])


@loop
def _multiply(operations: Operations, tables: Tables, number: int) -> None:
    """Do one operation."""
    left, right = operations.rows[number, 0], operations.rows[number, 1]
    out, place = operations.rows[number, 2], operations.rows[number, 3]
    num_out, num_inner = operations.rows[number, 4], operations.rows[number, 5]
    left_start, right_start = tables.start[left], tables.start[right]
    start = tables.start[out]
    tables.shift[out] = tables.shift[left] + tables.shift[right]
    if tables.has_plain[left] and tables.has_plain[right]:
        for i in range(num_out):
            total = 0.0
            for _ in range(num_inner):
                total += (
                    tables.plain[left_start + operations.left_places[place]]
                    * tables.plain[right_start + operations.right_places[place]]
                )
                place += 1
            tables.plain[start + i] = total
        _scale(tables, out)
        return
    _take_logs(tables, left)
    _take_logs(tables, right)
    for i in range(num_out):
        top, total = -math.inf, 0.0
        for _ in range(num_inner):
            value = (
                tables.logs[left_start + operations.left_places[place]]
                + tables.logs[right_start + operations.right_places[place]]
            )
            place += 1
            if value == -math.inf:
                continue
            if value > top:
                total = total * math.exp(top - value) + 1.0
                top = value
            else:
                total += math.exp(value - top)
        tables.logs[start + i] = top + math.log(total) if total > 0.0 else -math.inf
    _scale_logs(tables, out)


@loop
def _see(tables: Tables, table: int, state: int) -> None:
    """Let a table say which state a variable is seen in; -1: not seen."""
    start, stop = tables.start[table], tables.start[table + 1]
    for k in range(start, stop):
        tables.plain[k] = 1.0 if state < 0 or k == start + state else 0.0
    tables.has_plain[table] = True
    tables.has_logs[table] = False


@loop
def _hand_over(tables: Tables, before: int, after: int, shift: float) -> None:
    """Copy one table's numbers to another, with another shift."""
    first, other = tables.start[before], tables.start[after]
    for k in range(tables.start[after + 1] - other):
        tables.plain[first + k] = tables.plain[other + k]
        tables.logs[first + k] = tables.logs[other + k]
    tables.has_plain[before] = tables.has_plain[after]
    tables.has_logs[before] = tables.has_logs[after]
    tables.shift[before] = shift


@loop
def _total(tables: Tables, table: int) -> float:
    """Return the log of a table of one number."""
    place = tables.start[table]
    if tables.has_plain[table]:
        value = tables.plain[place]
        return tables.shift[table] + math.log(value) if value > 0.0 else -math.inf
    return tables.shift[table] + tables.logs[place]


@loop
def _write(tables: Tables, table: int, found: Float64[np.ndarray, " states"], at: int) -> None:
    """Write the numbers of a table down, as they sum to one; NaN where all are 0."""
    start, stop = tables.start[table], tables.start[table + 1]
    whole = 0.0
    for k in range(start, stop):
        value = tables.plain[k] if tables.has_plain[table] else math.exp(tables.logs[k])
        found[at + k - start] = value
        whole += value
    for k in range(stop - start):
        found[at + k] = found[at + k] / whole if whole > 0.0 else math.nan


@loop
def run_steps(
    operations: Operations,
    tables: Tables,
    which: Int64[np.ndarray, " steps"],
    seen: Int32[np.ndarray, "steps seen"],
    last: int,
    log_gains: Float64[np.ndarray, "steps 2"],
    found: Float64[np.ndarray, " entries"],
    width: int,
) -> None:
    """Run steps one after another.

    Args:
        operations: of all steps that occur.
        tables: theirs; the belief before the first is that which step `last` left.
        which: the number of each step.
        seen: the state of what may be seen in each, -1 where it is not.
        last: the step that ran before; -1 where this is the first one.
        log_gains: filled: by how much log Z grows with each step, nats, and by how much it would
            were nothing seen in it.
        found: filled: what is wanted after each step, one step after another.
        width: how much of `found` belongs to each step.
    """
    for t in range(len(which)):
        step = which[t]
        before, after = operations.tables[step, 0], operations.tables[step, 1]
        if last >= 0:
            left = operations.tables[last, 1]
            # A step may follow itself: its tables are written after they were read.
            _hand_over(tables, before, left, float(tables.shift[left]))
        sees = operations.tables[step, 4] > 0
        for k in range(operations.seen.shape[1]):
            if operations.seen[step, k] >= 0:
                sees = sees or seen[t, k] >= 0
                _see(tables, operations.seen[step, k], seen[t, k])
        for number in range(operations.start[3 * step], operations.start[3 * step + 3]):
            _multiply(operations, tables, number)
        constant = operations.log_constant[step]
        gain = _total(tables, operations.tables[step, 2])
        blind = operations.tables[step, 3]
        log_gains[t, 0] = gain + constant
        if not sees:
            log_gains[t, 1] = log_gains[t, 0]
        else:
            log_gains[t, 1] = (_total(tables, blind) + constant) if blind >= 0 else 0.0
        for k in range(operations.wanted.shape[1]):
            table = operations.wanted[step, k]
            if table >= 0:
                _write(tables, table, found, t * width + operations.places[step, k])
        # The belief that is handed on sums to one.
        tables.shift[after] -= gain if gain > -math.inf else 0.0
        last = step
