"""Compiled message rules of sum-product, in the probability domain.

Messages are multiples of probabilities, the largest of each is 1; zero forbids. Every rule writes
its messages in place and returns the largest change. Importing this file imports numba.
"""

import numba
import numpy as np

from gmruntime.arrays import Bool, Float64, Int64

# A product of messages whose largest entry falls below this is scaled up before it goes on.
_SMALL = 1e-100
# Below this one over a number is no number any more.
_TINY = 1e-300
# Sums may be added up in another order, so that they fit vector registers; infinities and NaN keep
# their meaning.
_REORDERED = {"reassoc", "contract"}


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
    """Multiply, for each edge, what the variable hears on its other edges; no division."""
    for v in range(len(row_start) - 1):
        first, stop = row_start[v], row_start[v + 1]
        start = variable_start[v]
        size = variable_start[v + 1] - start
        for x in range(size):
            ahead[x] = unary[start + x]
        for e in range(first, stop):
            place = row_messages[e]
            high = 0.0
            for x in range(size):
                said[place + x] = ahead[x]
                ahead[x] *= heard[place + x]
                high = max(high, ahead[x])
            if 0.0 < high < _SMALL:
                for x in range(size):
                    ahead[x] /= high
        for x in range(size):
            ahead[x] = 1.0
        for e in range(stop - 1, first - 1, -1):
            place = row_messages[e]
            high = 0.0
            told = 0.0
            for x in range(size):
                said[place + x] *= ahead[x]
                told = max(told, said[place + x])
                ahead[x] *= heard[place + x]
                high = max(high, ahead[x])
            if 0.0 < told < _SMALL:
                for x in range(size):
                    said[place + x] /= told
            if 0.0 < high < _SMALL:
                for x in range(size):
                    ahead[x] /= high


@numba.njit(nogil=True, cache=True)
def to_factors_binary(
    unary: Float64[np.ndarray, " entries"],
    row_start: Int64[np.ndarray, " variables_and_end"],
    row_messages: Int64[np.ndarray, " edges"],
    heard: Float64[np.ndarray, " message_entries"],
    said: Float64[np.ndarray, " message_entries"],
) -> None:
    """Do the same for variables that all have two states."""
    for v in range(len(row_start) - 1):
        first, stop = row_start[v], row_start[v + 1]
        no, yes = unary[2 * v], unary[2 * v + 1]
        for e in range(first, stop):
            place = row_messages[e]
            said[place], said[place + 1] = no, yes
            no *= heard[place]
            yes *= heard[place + 1]
            high = max(no, yes)
            if 0.0 < high < _SMALL:
                no, yes = no / high, yes / high
        no = yes = 1.0
        for e in range(stop - 1, first - 1, -1):
            place = row_messages[e]
            a, b = said[place] * no, said[place + 1] * yes
            told = max(a, b)
            if 0.0 < told < _SMALL:
                a, b = a / told, b / told
            said[place], said[place + 1] = a, b
            no *= heard[place]
            yes *= heard[place + 1]
            high = max(no, yes)
            if 0.0 < high < _SMALL:
                no, yes = no / high, yes / high


@numba.njit(nogil=True, cache=True)
def settle(
    fresh: Float64[np.ndarray, " states"],
    heard: Float64[np.ndarray, " message_entries"],
    place: int,
    damping: float,
    in_nats: bool,
) -> float:
    """Normalise, damp and store one message; return its change, -1 when it rules all out."""
    size = len(fresh)
    high = 0.0
    for x in range(size):
        high = max(high, fresh[x])
    if not high > 0.0:
        return -1.0
    if high < _TINY:
        for x in range(size):
            fresh[x] /= high
        high = 1.0
    scale = 1.0 / high
    change = 0.0
    for x in range(size):
        value = fresh[x] * scale
        old = heard[place + x]
        if damping > 0.0:
            value = old**damping * value ** (1.0 - damping)
        if not in_nats:
            change = max(change, abs(value - old))
        elif value != old:
            small = min(value, old)
            change = max(change, abs(np.log(value / old)) if small > 0.0 else np.inf)
        heard[place + x] = value
    return change


@numba.njit(nogil=True, cache=True, fastmath=_REORDERED)
def pair_tables(
    tables: Float64[np.ndarray, "tables states others"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    count: int,
    damping: float,
    in_nats: bool,
) -> float:
    """Update the messages of tables of two variables; tables hold f, not its log."""
    rows, columns = tables.shape[1], tables.shape[2]
    to_rows, to_columns = np.empty(rows), np.empty(columns)
    change = 0.0
    for f in range(count):
        table = tables[f if tables.shape[0] > 1 else 0]
        at_rows, at_columns = starts[0] + f * rows, starts[1] + f * columns
        from_rows = said[at_rows : at_rows + rows]
        from_columns = said[at_columns : at_columns + columns]
        to_columns[:] = 0.0
        for a in range(rows):
            row = table[a]
            weight = from_rows[a]
            total = 0.0
            for b in range(columns):
                total += row[b] * from_columns[b]
                to_columns[b] += row[b] * weight
            to_rows[a] = total
        one = settle(to_rows, heard, at_rows, damping, in_nats)
        two = settle(to_columns, heard, at_columns, damping, in_nats)
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
    """Update the messages of tables of two variables of two states; changes of probability."""
    change = 0.0
    for f in range(count):
        t = f if tables.shape[0] > 1 else 0
        for direction in range(2):
            source = starts[1 - direction] + 2 * f
            place = starts[direction] + 2 * f
            off, on = tables[t, 0, 1], tables[t, 1, 0]
            if direction == 1:
                off, on = on, off
            no = tables[t, 0, 0] * said[source] + off * said[source + 1]
            yes = on * said[source] + tables[t, 1, 1] * said[source + 1]
            high = max(no, yes)
            if not high > 0.0:
                return -1.0
            if high < _TINY:
                no, yes, high = no / high, yes / high, 1.0
            scale = 1.0 / high
            no, yes = no * scale, yes * scale
            if damping > 0.0:
                no = heard[place] ** damping * no ** (1.0 - damping)
                yes = heard[place + 1] ** damping * yes ** (1.0 - damping)
            change = max(change, abs(no - heard[place]), abs(yes - heard[place + 1]))
            heard[place], heard[place + 1] = no, yes
    return change


@numba.njit(nogil=True, cache=True, fastmath=_REORDERED)
def _total(values: Float64[np.ndarray, " states"]) -> float:
    total = 0.0
    for x in range(len(values)):
        total += values[x]
    return total


@numba.njit(nogil=True, cache=True)
def potts(
    weights: Float64[np.ndarray, " tables"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    states: int,
    count: int,
    damping: float,
    in_nats: bool,
) -> float:
    """Update the messages of Potts factors in O(states); weights hold f(a, a), not its log."""
    fresh = np.empty(states)
    change = 0.0
    for f in range(count):
        weight = weights[f if len(weights) > 1 else 0]
        for direction in range(2):
            source = starts[1 - direction] + f * states
            told = said[source : source + states]
            total = _total(told)
            for b in range(states):
                fresh[b] = total + (weight - 1.0) * told[b]
                if fresh[b] < 1e-3 * total:
                    # Most of the sum is b's own and cancels: add up the others instead.
                    rest = 0.0
                    for a in range(states):
                        if a != b:
                            rest += told[a]
                    fresh[b] = rest + weight * told[b]
            found = settle(fresh, heard, starts[direction] + f * states, damping, in_nats)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def parity(
    parities: Bool[np.ndarray, " tables"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " arity"],
    count: int,
    damping: float,
    in_nats: bool,
) -> float:
    """Update the messages of exclusive ors in O(arity), without cancellation.

    Source: Gallager (1963), "Low-density parity-check codes", chapter 4.
    """
    arity = len(starts)
    even, odd = np.empty(arity), np.empty(arity)
    fresh = np.empty(2)
    change = 0.0
    for f in range(count):
        wanted = parities[f if len(parities) > 1 else 0]
        same, other = 1.0, 0.0
        for k in range(arity):
            even[k], odd[k] = same, other
            no, yes = said[starts[k] + 2 * f], said[starts[k] + 2 * f + 1]
            scale = 1.0 / (no + yes) if no + yes > 0.0 else 0.0
            same, other = (same * no + other * yes) * scale, (same * yes + other * no) * scale
        same, other = (0.0, 1.0) if wanted else (1.0, 0.0)
        for k in range(arity - 1, -1, -1):
            place = starts[k] + 2 * f
            no, yes = said[place], said[place + 1]
            fresh[0] = even[k] * same + odd[k] * other
            fresh[1] = odd[k] * same + even[k] * other
            scale = 1.0 / (no + yes) if no + yes > 0.0 else 0.0
            same, other = (same * no + other * yes) * scale, (same * yes + other * no) * scale
            found = settle(fresh, heard, place, damping, in_nats)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change
