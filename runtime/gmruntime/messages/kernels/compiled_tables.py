"""Compiled messages of tables of any arity, all blocks in one call.

A factor's edges are rows start[f]..start[f + 1] - 1 of `places`, where its messages lie, and of
`states`; its table, in C order, begins at table_start[f]. Importing this file imports numba.
"""

import numba
import numpy as np
from jaxtyping import Float64, Int64

from gmruntime.messages.kernels.compiled_maxima import settle as settle_maxima
from gmruntime.messages.kernels.compiled_sums import settle as settle_sums


@numba.njit(nogil=True, cache=True)
def update(
    start: Int64[np.ndarray, " factors_and_end"],
    places: Int64[np.ndarray, " edges"],
    states: Int64[np.ndarray, " edges"],
    table_start: Int64[np.ndarray, " factors"],
    tables: Float64[np.ndarray, " entries"],
    said: Float64[np.ndarray, " message_entries"],
    heard: Float64[np.ndarray, " message_entries"],
    damping: float,
    is_max: bool,
    in_nats: bool,
) -> float:
    """Update every message; tables hold f for sums and log f for maxima.

    Returns:
        the largest change, or -1 when a message would rule out every state.
    """
    arity_max, states_max = 0, 0
    for f in range(len(start) - 1):
        arity_max = max(arity_max, start[f + 1] - start[f])
    for e in range(len(states)):
        states_max = max(states_max, states[e])
    fresh = np.empty((arity_max, states_max))
    digits = np.empty(arity_max, np.int64)
    ahead = np.empty(arity_max + 1)
    zero = -np.inf if is_max else 0.0
    change = 0.0
    for f in range(len(start) - 1):
        first = start[f]
        arity = start[f + 1] - first
        size = 1
        for k in range(arity):
            size *= states[first + k]
            digits[k] = 0
            for x in range(states[first + k]):
                fresh[k, x] = zero
        for entry in range(size):
            value = float(tables[table_start[f] + entry])
            if value != zero:
                _spread(first, arity, places, digits, said, value, ahead, fresh, is_max)
            k = arity - 1
            while k >= 0:
                digits[k] += 1
                if digits[k] < states[first + k]:
                    break
                digits[k] = 0
                k -= 1
        for k in range(arity):
            row = fresh[k, : states[first + k]]
            if is_max:
                found = settle_maxima(row, heard, int(places[first + k]), damping)
            else:
                found = settle_sums(row, heard, int(places[first + k]), damping, in_nats)
            if found < 0.0:
                return -1.0
            change = max(change, found)
    return change


@numba.njit(nogil=True, cache=True)
def _spread(
    first: int,
    arity: int,
    places: Int64[np.ndarray, " edges"],
    digits: Int64[np.ndarray, " arity"],
    said: Float64[np.ndarray, " message_entries"],
    value: float,
    ahead: Float64[np.ndarray, " arity_and_end"],
    fresh: Float64[np.ndarray, "arity states"],
    is_max: bool,
) -> None:
    """Add one entry of a table to what it says to each variable, without division."""
    ahead[0] = value
    if is_max:
        for k in range(arity - 1):
            ahead[k + 1] = ahead[k] + said[places[first + k] + digits[k]]
        back = 0.0
        for k in range(arity - 1, -1, -1):
            candidate = ahead[k] + back
            if candidate > fresh[k, digits[k]]:
                fresh[k, digits[k]] = candidate
            back += said[places[first + k] + digits[k]]
        return
    for k in range(arity - 1):
        ahead[k + 1] = ahead[k] * said[places[first + k] + digits[k]]
    back = 1.0
    for k in range(arity - 1, -1, -1):
        fresh[k, digits[k]] += ahead[k] * back
        back *= said[places[first + k] + digits[k]]
