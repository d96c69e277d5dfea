"""Compiled message rules of whole blocks of factors, for sums and for maxima.

Sums are in the probability domain, maxima in logs, see `variables`. Every rule writes its messages
in place and returns the largest change, -1 when some message would rule out every state. Importing
this file imports numba.
"""

import numba
import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.compiling import loop
from gmruntime.messages.kernels.compiled.variables import settle
from gmruntime.messages.kernels.records import Terms, Truncated

# Below this one over a number is no number any more.
_TINY = 1e-300
# Sums may be added up in another order, so that they fit vector registers; infinities and NaN keep
# their meaning.
_REORDERED = {"reassoc", "contract"}


@numba.njit(nogil=True, cache=True, fastmath=_REORDERED)
def pair_tables(
    tables: Float64[np.ndarray, "tables states others"],
    v2f: Float64[np.ndarray, " message_entries"],
    f2v: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    count: int,
    terms: Terms,
) -> float:
    """Update the messages of tables of two variables; for sums they hold f, not its log."""
    rows, columns = tables.shape[1], tables.shape[2]
    to_rows, to_columns = np.empty(rows), np.empty(columns)
    change = 0.0
    for f in range(count):
        table = tables[f if tables.shape[0] > 1 else 0]
        at_rows, at_columns = starts[0] + f * rows, starts[1] + f * columns
        from_rows = v2f[at_rows : at_rows + rows]
        from_columns = v2f[at_columns : at_columns + columns]
        to_columns[:] = -np.inf if terms.is_max else 0.0
        for a in range(rows):
            row, weight = table[a], from_rows[a]
            if terms.is_max:
                best = -np.inf
                for b in range(columns):
                    ahead, back = row[b] + weight, row[b] + from_columns[b]
                    to_columns[b] = ahead if ahead > to_columns[b] else to_columns[b]
                    best = back if back > best else best
                to_rows[a] = best
                continue
            total = 0.0
            for b in range(columns):
                total += row[b] * from_columns[b]
                to_columns[b] += row[b] * weight
            to_rows[a] = total
        one = settle(to_rows, f2v, at_rows, terms)
        two = settle(to_columns, f2v, at_columns, terms)
        if one < 0.0 or two < 0.0:
            return -1.0
        change = max(change, one, two)
    return change


@loop
def binary_tables(
    tables: Float64[np.ndarray, "tables two two"],
    v2f: Float64[np.ndarray, " message_entries"],
    f2v: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    count: int,
    terms: Terms,
) -> float:
    """Do the same where variables have two states; changes of sums are those of probability."""
    damping, is_max = terms.damping, terms.is_max
    change = 0.0
    for f in range(count):
        t = f if tables.shape[0] > 1 else 0
        for direction in range(2):
            source = starts[1 - direction] + 2 * f
            place = starts[direction] + 2 * f
            off, on = tables[t, 0, 1], tables[t, 1, 0]
            if direction == 1:
                off, on = on, off
            if is_max:
                no = max(tables[t, 0, 0] + v2f[source], off + v2f[source + 1])
                yes = max(on + v2f[source], tables[t, 1, 1] + v2f[source + 1])
                high = max(no, yes)
                if high == -np.inf:
                    return -1.0
                no, yes = no - high, yes - high
                if damping > 0.0:
                    no = damping * f2v[place] + (1.0 - damping) * no
                    yes = damping * f2v[place + 1] + (1.0 - damping) * yes
            else:
                no = tables[t, 0, 0] * v2f[source] + off * v2f[source + 1]
                yes = on * v2f[source] + tables[t, 1, 1] * v2f[source + 1]
                high = max(no, yes)
                if not high > 0.0:
                    return -1.0
                if high < _TINY:
                    no, yes, high = no / high, yes / high, 1.0
                scale = 1.0 / high
                no, yes = no * scale, yes * scale
                if damping > 0.0:
                    no = f2v[place] ** damping * no ** (1.0 - damping)
                    yes = f2v[place + 1] ** damping * yes ** (1.0 - damping)
            # Between two -inf lies NaN, which is not larger than anything.
            moved, other = abs(no - f2v[place]), abs(yes - f2v[place + 1])
            change = moved if moved > change else change
            change = other if other > change else change
            f2v[place], f2v[place + 1] = no, yes
    return change


@numba.njit(nogil=True, cache=True, fastmath=_REORDERED)
def _total(values: Float64[np.ndarray, " states"]) -> float:
    total = 0.0
    for x in range(len(values)):
        total += values[x]
    return total


@loop
def _potts_sums(
    told: Float64[np.ndarray, " states"], weight: float, fresh: Float64[np.ndarray, " states"]
) -> None:
    total = _total(told)
    for b in range(len(told)):
        fresh[b] = total + (weight - 1.0) * told[b]
        if fresh[b] < 1e-3 * total:
            # Most of the sum is b's own and cancels: add up the others instead.
            rest = 0.0
            for a in range(len(told)):
                if a != b:
                    rest += told[a]
            fresh[b] = rest + weight * told[b]


@loop
def _potts_maxima(
    told: Float64[np.ndarray, " states"], weight: float, fresh: Float64[np.ndarray, " states"]
) -> None:
    first, second, owner = -np.inf, -np.inf, -1
    for a in range(len(told)):
        value = told[a]
        if value > first:
            first, second, owner = value, first, a
        elif value > second:
            second = value
    for b in range(len(told)):
        rest = second if b == owner else first
        fresh[b] = max(rest, told[b] + weight)


@numba.njit(nogil=True, cache=True)
def potts(
    weights: Float64[np.ndarray, " tables"],
    v2f: Float64[np.ndarray, " message_entries"],
    f2v: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    states: int,
    count: int,
    terms: Terms,
) -> float:
    """Update the messages of Potts factors in O(states); for sums weights hold f(a, a)."""
    fresh = np.empty(states)
    change = 0.0
    for f in range(count):
        weight = weights[f if len(weights) > 1 else 0]
        for direction in range(2):
            source = starts[1 - direction] + f * states
            told = v2f[source : source + states]
            if terms.is_max:
                _potts_maxima(told, weight, fresh)
            else:
                _potts_sums(told, weight, fresh)
            found = settle(fresh, f2v, starts[direction] + f * states, terms)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def parity(
    parities: Bool[np.ndarray, " tables"],
    v2f: Float64[np.ndarray, " message_entries"],
    f2v: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " arity"],
    count: int,
    terms: Terms,
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
            no, yes = v2f[starts[k] + 2 * f], v2f[starts[k] + 2 * f + 1]
            scale = 1.0 / (no + yes) if no + yes > 0.0 else 0.0
            same, other = (same * no + other * yes) * scale, (same * yes + other * no) * scale
        same, other = (0.0, 1.0) if wanted else (1.0, 0.0)
        for k in range(arity - 1, -1, -1):
            place = starts[k] + 2 * f
            no, yes = v2f[place], v2f[place + 1]
            fresh[0] = even[k] * same + odd[k] * other
            fresh[1] = odd[k] * same + even[k] * other
            scale = 1.0 / (no + yes) if no + yes > 0.0 else 0.0
            same, other = (same * no + other * yes) * scale, (same * yes + other * no) * scale
            found = settle(fresh, f2v, place, terms)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def truncated(
    shape: Truncated,
    v2f: Float64[np.ndarray, " message_entries"],
    f2v: Float64[np.ndarray, " message_entries"],
    starts: Int64[np.ndarray, " two"],
    states: int,
    count: int,
    terms: Terms,
) -> float:
    """Update the messages of truncated factors in O(states).

    Source: Felzenszwalb and Huttenlocher (2006), "Efficient belief propagation for early vision",
    sections 4.1 and 4.2.
    """
    fresh = np.empty(states)
    centres = np.empty(states, np.int64)
    borders = np.empty(states + 1)
    slopes, caps, is_quadratic = shape
    change = 0.0
    for f in range(count):
        t = f if len(slopes) > 1 else 0
        for direction in range(2):
            source = starts[1 - direction] + f * states
            told = v2f[source : source + states]
            if is_quadratic and slopes[t] > 0.0:
                _parabolas(told, slopes[t], fresh, centres, borders)
            else:
                _ramps(told, 0.0 if is_quadratic else slopes[t], fresh)
            floor = -np.inf
            for a in range(states):
                floor = max(floor, told[a] - caps[t])
            for b in range(states):
                fresh[b] = max(fresh[b], floor)
            found = settle(fresh, f2v, starts[direction] + f * states, terms)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@loop
def _ramps(
    told: Float64[np.ndarray, " states"], slope: float, fresh: Float64[np.ndarray, " states"]
) -> None:
    states = len(told)
    fresh[0] = told[0]
    for b in range(1, states):
        fresh[b] = max(told[b], fresh[b - 1] - slope)
    for b in range(states - 2, -1, -1):
        fresh[b] = max(fresh[b], fresh[b + 1] - slope)


@loop
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
