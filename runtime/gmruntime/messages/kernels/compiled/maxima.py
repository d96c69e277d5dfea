"""Compiled message rules of max-product, in the log domain.

The largest entry of each message is 0; -inf forbids. Every rule writes its messages in place and
returns the largest change, in nats. Importing this file imports numba.
"""

import numba
import numpy as np

from gmruntime.arrays import Float64, Int64


@numba.njit(nogil=True, cache=True)
def to_factors(
    unary: Float64[np.ndarray, " entries"],
    variable_start: Int64[np.ndarray, " variables_and_end"],
    row_start: Int64[np.ndarray, " variables_and_end"],
    row_messages: Int64[np.ndarray, " edges"],
    heard: Float64[np.ndarray, " message_entries"],
    said: Float64[np.ndarray, " message_entries"],
    ahead: Float64[np.ndarray, " most_states"],
) -> None:
    """Add up, for each edge, what the variable hears on its other edges; no subtraction."""
    for v in range(len(row_start) - 1):
        first, stop = row_start[v], row_start[v + 1]
        start = variable_start[v]
        size = variable_start[v + 1] - start
        for x in range(size):
            ahead[x] = unary[start + x]
        for e in range(first, stop):
            place = row_messages[e]
            for x in range(size):
                said[place + x] = ahead[x]
                ahead[x] += heard[place + x]
        for x in range(size):
            ahead[x] = 0.0
        for e in range(stop - 1, first - 1, -1):
            place = row_messages[e]
            for x in range(size):
                said[place + x] += ahead[x]
                ahead[x] += heard[place + x]


@numba.njit(nogil=True, cache=True)
def settle(
    fresh: Float64[np.ndarray, " states"],
    heard: Float64[np.ndarray, " message_entries"],
    place: int,
    damping: float,
) -> float:
    """Normalise, damp and store one message; return its change, -1 when it rules all out."""
    high = -np.inf
    for x in range(len(fresh)):
        high = max(high, fresh[x])
    if high == -np.inf:
        return -1.0
    change = 0.0
    for x in range(len(fresh)):
        value = fresh[x] - high
        old = heard[place + x]
        if damping > 0.0:
            value = damping * old + (1.0 - damping) * value
        if value != old:
            change = max(change, abs(value - old))
        heard[place + x] = value
    return change


@numba.njit(nogil=True, cache=True)
def pair_tables(
    tables: Float64[np.ndarray, "tables states others"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    count: int,
    damping: float,
) -> float:
    """Update the messages of tables of two variables."""
    rows, columns = tables.shape[1], tables.shape[2]
    to_rows, to_columns = np.empty(rows), np.empty(columns)
    change = 0.0
    for f in range(count):
        table = tables[f if tables.shape[0] > 1 else 0]
        at_rows, at_columns = starts[0] + f * rows, starts[1] + f * columns
        from_rows = said[at_rows : at_rows + rows]
        from_columns = said[at_columns : at_columns + columns]
        to_columns[:] = -np.inf
        for a in range(rows):
            row = table[a]
            weight = from_rows[a]
            best = -np.inf
            for b in range(columns):
                ahead, back = row[b] + weight, row[b] + from_columns[b]
                to_columns[b] = ahead if ahead > to_columns[b] else to_columns[b]
                best = back if back > best else best
            to_rows[a] = best
        one = settle(to_rows, heard, at_rows, damping)
        two = settle(to_columns, heard, at_columns, damping)
        if one < 0.0 or two < 0.0:
            return -1.0
        change = max(change, one, two)
    return change


@numba.njit(nogil=True, cache=True)
def binary_tables(
    tables: Float64[np.ndarray, "tables two two"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    count: int,
    damping: float,
) -> float:
    """Update the messages of tables of two variables of two states."""
    change = 0.0
    for f in range(count):
        t = f if tables.shape[0] > 1 else 0
        for direction in range(2):
            source = starts[1 - direction] + 2 * f
            place = starts[direction] + 2 * f
            off, on = tables[t, 0, 1], tables[t, 1, 0]
            if direction == 1:
                off, on = on, off
            no = max(tables[t, 0, 0] + said[source], off + said[source + 1])
            yes = max(on + said[source], tables[t, 1, 1] + said[source + 1])
            high = max(no, yes)
            if high == -np.inf:
                return -1.0
            no, yes = no - high, yes - high
            if damping > 0.0:
                no = damping * heard[place] + (1.0 - damping) * no
                yes = damping * heard[place + 1] + (1.0 - damping) * yes
            if no != heard[place]:
                change = max(change, abs(no - heard[place]))
            if yes != heard[place + 1]:
                change = max(change, abs(yes - heard[place + 1]))
            heard[place], heard[place + 1] = no, yes
    return change


@numba.njit(nogil=True, cache=True)
def potts(
    weights: Float64[np.ndarray, " tables"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    states: int,
    count: int,
    damping: float,
) -> float:
    """Update the messages of Potts factors in O(states)."""
    fresh = np.empty(states)
    change = 0.0
    for f in range(count):
        weight = weights[f if len(weights) > 1 else 0]
        for direction in range(2):
            source = starts[1 - direction] + f * states
            first, second, owner = -np.inf, -np.inf, -1
            for a in range(states):
                value = said[source + a]
                if value > first:
                    first, second, owner = value, first, a
                elif value > second:
                    second = value
            for b in range(states):
                rest = second if b == owner else first
                fresh[b] = max(rest, said[source + b] + weight)
            found = settle(fresh, heard, starts[direction] + f * states, damping)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def truncated(
    slopes: Float64[np.ndarray, " tables"],
    caps: Float64[np.ndarray, " tables"],
    is_quadratic: bool,
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    states: int,
    count: int,
    damping: float,
) -> float:
    """Update the messages of truncated factors in O(states).

    Source: Felzenszwalb and Huttenlocher (2006), "Efficient belief propagation for early vision",
    sections 4.1 and 4.2.
    """
    fresh = np.empty(states)
    centres = np.empty(states, np.int64)
    borders = np.empty(states + 1)
    change = 0.0
    for f in range(count):
        t = f if len(slopes) > 1 else 0
        for direction in range(2):
            source = starts[1 - direction] + f * states
            told = said[source : source + states]
            if is_quadratic and slopes[t] > 0.0:
                _parabolas(told, slopes[t], fresh, centres, borders)
            else:
                _ramps(told, 0.0 if is_quadratic else slopes[t], fresh)
            floor = -np.inf
            for a in range(states):
                floor = max(floor, told[a] - caps[t])
            for b in range(states):
                fresh[b] = max(fresh[b], floor)
            found = settle(fresh, heard, starts[direction] + f * states, damping)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def _ramps(
    told: Float64[np.ndarray, " states"], slope: float, fresh: Float64[np.ndarray, " states"]
) -> None:
    states = len(told)
    fresh[0] = told[0]
    for b in range(1, states):
        fresh[b] = max(told[b], fresh[b - 1] - slope)
    for b in range(states - 2, -1, -1):
        fresh[b] = max(fresh[b], fresh[b + 1] - slope)


@numba.njit(nogil=True, cache=True)
def _parabolas(
    told: Float64[np.ndarray, " states"],
    slope: float,
    fresh: Float64[np.ndarray, " states"],
    centres: Int64[np.ndarray, " states"],
    borders: Float64[np.ndarray, " states_and_end"],
) -> None:
    """Write the upper envelope of the parabolas told[a] - slope * (b - a)^2."""
    last = -1
    for a in range(len(told)):
        if told[a] == -np.inf:
            continue
        border = -np.inf
        while last >= 0:
            c = centres[last]
            height = (told[c] - slope * c * c) - (told[a] - slope * a * a)
            border = height / (2.0 * slope * (a - c))
            if border > borders[last]:
                break
            last -= 1
            border = -np.inf
        last += 1
        centres[last], borders[last] = a, border
        borders[last + 1] = np.inf
    if last < 0:
        fresh[:] = -np.inf
        return
    k = 0
    for b in range(len(told)):
        while borders[k + 1] < b:
            k += 1
        fresh[b] = told[centres[k]] - slope * (b - centres[k]) ** 2
