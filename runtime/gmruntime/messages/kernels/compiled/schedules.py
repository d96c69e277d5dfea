"""Compiled sweeps over factors of every kind: flooding, one after another, and by residual.

The arrays are those of `messages.flat_factors`. Importing this file imports numba. On rules that
change, see `compiled_kinds`. (Last: all-different of few.)
"""

import numba
import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.messages.kernels.compiled.kinds import rule
from gmruntime.messages.kernels.compiled.maxima import settle as settle_maxima
from gmruntime.messages.kernels.compiled.sums import settle as settle_sums

# A product of messages whose largest entry falls below this is scaled up before it goes on.
_SMALL = 1e-100

VANISHED = -1.0
"""Returned in place of a change when some message would rule out every state."""


@numba.njit(nogil=True, cache=True)
def _widths(start: np.ndarray, states: np.ndarray) -> tuple[int, int]:
    arity, size = 1, 1
    for f in range(len(start) - 1):
        arity = max(arity, start[f + 1] - start[f])
    for e in range(len(states)):
        size = max(size, states[e])
    return arity, size


@numba.njit(nogil=True, cache=True)
def flood(
    code: Int64[np.ndarray, " factors"],
    start: Int64[np.ndarray, " factors_and_end"],
    variables: Int64[np.ndarray, " edges"],
    places: Int64[np.ndarray, " edges"],
    states: Int64[np.ndarray, " edges"],
    int_start: Int64[np.ndarray, " factors"],
    int_stop: Int64[np.ndarray, " factors"],
    ints: Int64[np.ndarray, " integers"],
    real_start: Int64[np.ndarray, " factors"],
    real_stop: Int64[np.ndarray, " factors"],
    reals: Float64[np.ndarray, " reals"],
    num_scratch: int,
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    damping: float,
    is_max: bool,
    in_nats: bool,
) -> float:
    """Update every message from what the variables said before; return the largest change."""
    arity_max, states_max = _widths(start, states)
    told, fresh = np.empty((arity_max, states_max)), np.empty((arity_max, states_max))
    work = np.empty(num_scratch)
    change = 0.0
    for f in range(len(code)):
        first, stop = start[f], start[f + 1]
        for e in range(first, stop):
            for x in range(states[e]):
                told[e - first, x] = said[places[e] + x]
        sizes = states[first:stop]
        own_ints, own_reals = ints[int_start[f] : int_stop[f]], reals[real_start[f] : real_stop[f]]
        rule(code[f], stop - first, sizes, own_ints, own_reals, told, work, fresh, is_max)
        for e in range(first, stop):
            row = fresh[e - first, : states[e]]
            if is_max:
                found = settle_maxima(row, heard, int(places[e]), damping)
            else:
                found = settle_sums(row, heard, int(places[e]), damping, in_nats)
            if found < 0.0:
                return VANISHED
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def _listen(
    v: int,
    size: int,
    unary: np.ndarray,
    variable_start: np.ndarray,
    row_start: np.ndarray,
    row_messages: np.ndarray,
    place: int,
    heard: np.ndarray,
    out: np.ndarray,
    is_max: bool,
) -> None:
    """Gather what a variable says to the factor whose own message to it lies at `place`."""
    base = variable_start[v]
    for x in range(size):
        out[x] = unary[base + x]
    for k in range(row_start[v], row_start[v + 1]):
        other = row_messages[k]
        if other == place:
            continue
        if is_max:
            for x in range(size):
                out[x] += heard[other + x]
            continue
        high = 0.0
        for x in range(size):
            out[x] *= heard[other + x]
            high = max(high, out[x])
        if 0.0 < high < _SMALL:
            for x in range(size):
                out[x] /= high


@numba.njit(nogil=True, cache=True)
def _visit(
    f: int,
    code: np.ndarray,
    start: np.ndarray,
    variables: np.ndarray,
    places: np.ndarray,
    states: np.ndarray,
    int_start: np.ndarray,
    int_stop: np.ndarray,
    ints: np.ndarray,
    real_start: np.ndarray,
    real_stop: np.ndarray,
    reals: np.ndarray,
    unary: np.ndarray,
    variable_start: np.ndarray,
    row_start: np.ndarray,
    row_messages: np.ndarray,
    heard: np.ndarray,
    told: np.ndarray,
    work: np.ndarray,
    fresh: np.ndarray,
    changes: np.ndarray,
    damping: float,
    is_max: bool,
    in_nats: bool,
) -> float:
    """Update one factor's messages from the newest; write each change, return the largest."""
    first, stop = start[f], start[f + 1]
    for e in range(first, stop):
        _listen(
            variables[e],
            states[e],
            unary,
            variable_start,
            row_start,
            row_messages,
            places[e],
            heard,
            told[e - first],
            is_max,
        )
    sizes = states[first:stop]
    own_ints, own_reals = ints[int_start[f] : int_stop[f]], reals[real_start[f] : real_stop[f]]
    rule(code[f], stop - first, sizes, own_ints, own_reals, told, work, fresh, is_max)
    largest = 0.0
    for e in range(first, stop):
        row = fresh[e - first, : states[e]]
        if is_max:
            found = settle_maxima(row, heard, int(places[e]), damping)
        else:
            found = settle_sums(row, heard, int(places[e]), damping, in_nats)
        if found < 0.0:
            return VANISHED
        changes[e - first] = found
        largest = max(largest, found)
    return largest


@numba.njit(nogil=True, cache=True)
def sequential(
    code: Int64[np.ndarray, " factors"],
    start: Int64[np.ndarray, " factors_and_end"],
    variables: Int64[np.ndarray, " edges"],
    places: Int64[np.ndarray, " edges"],
    states: Int64[np.ndarray, " edges"],
    int_start: Int64[np.ndarray, " factors"],
    int_stop: Int64[np.ndarray, " factors"],
    ints: Int64[np.ndarray, " integers"],
    real_start: Int64[np.ndarray, " factors"],
    real_stop: Int64[np.ndarray, " factors"],
    reals: Float64[np.ndarray, " reals"],
    num_scratch: int,
    unary: Float64[np.ndarray, " entries"],
    variable_start: Int64[np.ndarray, " variables_and_end"],
    row_start: Int64[np.ndarray, " variables_and_end"],
    row_messages: Int64[np.ndarray, " edges"],
    heard: Float64[np.ndarray, " message_entries"],
    order: Int64[np.ndarray, " factors"],
    backward: bool,
    damping: float,
    is_max: bool,
    in_nats: bool,
) -> float:
    """Visit every factor once, in order or backwards; return the largest change."""
    arity_max, states_max = _widths(start, states)
    told, fresh = np.empty((arity_max, states_max)), np.empty((arity_max, states_max))
    work, changes = np.empty(num_scratch), np.empty(arity_max)
    change = 0.0
    for k in range(len(order)):
        found = _visit(
            order[len(order) - 1 - k if backward else k],
            code,
            start,
            variables,
            places,
            states,
            int_start,
            int_stop,
            ints,
            real_start,
            real_stop,
            reals,
            unary,
            variable_start,
            row_start,
            row_messages,
            heard,
            told,
            work,
            fresh,
            changes,
            damping,
            is_max,
            in_nats,
        )
        if found < 0.0:
            return VANISHED
        change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def by_residual(
    code: Int64[np.ndarray, " factors"],
    start: Int64[np.ndarray, " factors_and_end"],
    variables: Int64[np.ndarray, " edges"],
    places: Int64[np.ndarray, " edges"],
    states: Int64[np.ndarray, " edges"],
    int_start: Int64[np.ndarray, " factors"],
    int_stop: Int64[np.ndarray, " factors"],
    ints: Int64[np.ndarray, " integers"],
    real_start: Int64[np.ndarray, " factors"],
    real_stop: Int64[np.ndarray, " factors"],
    reals: Float64[np.ndarray, " reals"],
    num_scratch: int,
    unary: Float64[np.ndarray, " entries"],
    variable_start: Int64[np.ndarray, " variables_and_end"],
    row_start: Int64[np.ndarray, " variables_and_end"],
    row_messages: Int64[np.ndarray, " edges"],
    row_factors: Int64[np.ndarray, " edges"],
    heard: Float64[np.ndarray, " message_entries"],
    pending: Float64[np.ndarray, " factors"],
    heap: Int64[np.ndarray, " factors"],
    where: Int64[np.ndarray, " factors"],
    num_visits: int,
    tolerance: float,
    is_max: bool,
    in_nats: bool,
) -> float:
    """Visit the factor whose variables have changed most since it was visited, again and again.

    `pending` bounds how far each factor's messages are from what they would be now; `heap` holds
    all factors, the largest pending first, and `where` says at which place.

    Returns:
        the largest pending change when it ended.

    Source: Elidan, McGraw and Koller (2006), "Residual belief propagation"; the bound on the
    residual, which saves computing messages that are not sent, from Sutton and McCallum (2007),
    "Improved dynamic schedules for belief propagation".
    """
    arity_max, states_max = _widths(start, states)
    told, fresh = np.empty((arity_max, states_max)), np.empty((arity_max, states_max))
    work, changes = np.empty(num_scratch), np.empty(arity_max)
    for _ in range(num_visits):
        f = heap[0]
        if pending[f] <= tolerance:
            break
        found = _visit(
            f,
            code,
            start,
            variables,
            places,
            states,
            int_start,
            int_stop,
            ints,
            real_start,
            real_stop,
            reals,
            unary,
            variable_start,
            row_start,
            row_messages,
            heard,
            told,
            work,
            fresh,
            changes,
            0.0,
            is_max,
            in_nats,
        )
        if found < 0.0:
            return VANISHED
        pending[f] = 0.0
        _sink(0, pending, heap, where)
        for e in range(start[f], start[f + 1]):
            moved = changes[e - start[f]]
            if moved == 0.0:
                continue
            v = variables[e]
            for k in range(row_start[v], row_start[v + 1]):
                other = row_factors[k]
                if other != f:
                    pending[other] += moved
                    _rise(int(where[other]), pending, heap, where)
    return float(pending[heap[0]])


@numba.njit(nogil=True, cache=True)
def _rise(k: int, pending: np.ndarray, heap: np.ndarray, where: np.ndarray) -> None:
    f = heap[k]
    while k > 0:
        parent = (k - 1) // 2
        if pending[heap[parent]] >= pending[f]:
            break
        heap[k] = heap[parent]
        where[heap[k]] = k
        k = parent
    heap[k] = f
    where[f] = k


@numba.njit(nogil=True, cache=True)
def _sink(k: int, pending: np.ndarray, heap: np.ndarray, where: np.ndarray) -> None:
    f = heap[k]
    while True:
        child = 2 * k + 1
        if child >= len(heap):
            break
        if child + 1 < len(heap) and pending[heap[child + 1]] > pending[heap[child]]:
            child += 1
        if pending[heap[child]] <= pending[f]:
            break
        heap[k] = heap[child]
        where[heap[k]] = k
        k = child
    heap[k] = f
    where[f] = k
