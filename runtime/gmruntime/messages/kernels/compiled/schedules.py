"""Compiled sweeps over factors of every kind: flooding, one after another, and by residual.

Importing this file imports numba. On rules that change, see `kinds`. (Last: covers and places.)
"""

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.messages.kernels.compiled.kinds import rule
from gmruntime.messages.kernels.compiled.variables import listen, settle
from gmruntime.messages.kernels.records import FlatFactors, Queue, Room, Terms, Variables

_VANISHED = -1.0
"""Returned in place of a change when some message would rule out every state."""


@loop
def _answer(
    f: int,
    factors: FlatFactors,
    f2v: Float64[np.ndarray, " message_entries"],
    room: Room,
    terms: Terms,
) -> float:
    """Update one factor's messages from `room.v2f`; write each change, return the largest."""
    first, stop = factors.start[f], factors.start[f + 1]
    rule(
        factors.code[f],
        factors.states[first:stop],
        factors.ints[factors.int_start[f] : factors.int_stop[f]],
        factors.reals[factors.real_start[f] : factors.real_stop[f]],
        room,
        terms.is_max,
    )
    largest = 0.0
    for e in range(first, stop):
        row = room.f2v[e - first, : factors.states[e]]
        found = settle(row, f2v, int(factors.places[e]), terms)
        if found < 0.0:
            return _VANISHED
        room.changes[e - first] = found
        largest = max(largest, found)
    return largest


@loop
def flood(
    factors: FlatFactors,
    v2f: Float64[np.ndarray, " message_entries"],
    f2v: Float64[np.ndarray, " message_entries"],
    room: Room,
    terms: Terms,
) -> float:
    """Update every message from what the variables said before; return the largest change."""
    change = 0.0
    for f in range(len(factors.code)):
        first, stop = factors.start[f], factors.start[f + 1]
        for e in range(first, stop):
            for x in range(factors.states[e]):
                room.v2f[e - first, x] = v2f[factors.places[e] + x]
        found = _answer(f, factors, f2v, room, terms)
        if found < 0.0:
            return _VANISHED
        change = max(change, found)
    return change


@loop
def _visit(
    f: int,
    factors: FlatFactors,
    variables: Variables,
    f2v: Float64[np.ndarray, " message_entries"],
    room: Room,
    terms: Terms,
) -> float:
    """Update one factor's messages from the newest."""
    first = factors.start[f]
    for e in range(first, factors.start[f + 1]):
        v, place = factors.variables[e], factors.places[e]
        listen(v, place, variables, f2v, room.v2f[e - first], terms.is_max)
    return _answer(f, factors, f2v, room, terms)


@loop
def sequential(
    factors: FlatFactors,
    variables: Variables,
    f2v: Float64[np.ndarray, " message_entries"],
    order: Int64[np.ndarray, " factors"],
    room: Room,
    terms: Terms,
) -> float:
    """Visit every factor once, in order; return the largest change."""
    change = 0.0
    for k in range(len(order)):
        found = _visit(order[k], factors, variables, f2v, room, terms)
        if found < 0.0:
            return _VANISHED
        change = max(change, found)
    return change


@loop
def by_residual(
    factors: FlatFactors,
    variables: Variables,
    f2v: Float64[np.ndarray, " message_entries"],
    queue: Queue,
    tolerance: float,
    num_visits: int,
    room: Room,
    terms: Terms,
) -> float:
    """Visit the factor whose variables have changed most since it was visited, again and again.

    Returns:
        the largest pending change when it ended, after so many visits or fewer.

    Source: Elidan, McGraw and Koller (2006), "Residual belief propagation"; the bound on the
    residual, which saves computing messages that are not sent, from Sutton and McCallum (2007),
    "Improved dynamic schedules for belief propagation".
    """
    row_start = variables.row_start
    row_factors, pending, heap, where = queue
    for _ in range(num_visits):
        f = heap[0]
        if pending[f] <= tolerance:
            break
        found = _visit(f, factors, variables, f2v, room, terms)
        if found < 0.0:
            return _VANISHED
        pending[f] = 0.0
        _sink(0, pending, heap, where)
        first = factors.start[f]
        for e in range(first, factors.start[f + 1]):
            moved = room.changes[e - first]
            if moved == 0.0:
                continue
            v = factors.variables[e]
            for k in range(row_start[v], row_start[v + 1]):
                other = row_factors[k]
                if other != f:
                    pending[other] += moved
                    _rise(int(where[other]), pending, heap, where)
    return float(pending[heap[0]])


@loop
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


@loop
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
