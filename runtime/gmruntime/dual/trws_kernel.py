"""The sweeps of TRW-S, compiled. Knows flat arrays only."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sweep(
    num_states: np.ndarray,
    unary_start: np.ndarray,
    unary: np.ndarray,
    near_start: np.ndarray,
    near_edge: np.ndarray,
    near_is_first: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    table_start: np.ndarray,
    first_stride: np.ndarray,
    second_stride: np.ndarray,
    log_potentials: np.ndarray,
    share: np.ndarray,
    to_first_start: np.ndarray,
    to_first: np.ndarray,
    to_second_start: np.ndarray,
    to_second: np.ndarray,
    floor: float,
    assignment: np.ndarray,
    backward: bool,
    total: np.ndarray,
    scratch: np.ndarray,
) -> tuple[float, float]:
    """Visit every variable once, forward (rounding as it goes) or backward (summing the bound).

    Each pair of variables is an edge with `first` < `second`. An edge's message to its second
    variable is sent forward, that to its first backward.

    Returns:
        The sum of the maxima taken out, which bounds every score when the sweep is backward; and
        the sum of their magnitudes, for the rounding margin.
    """
    count = num_states.size
    bound = 0.0
    magnitude = 0.0
    for step in range(count):
        i = count - 1 - step if backward else step
        k_i = num_states[i]
        for x in range(k_i):
            total[x] = unary[unary_start[i] + x]
            scratch[x] = total[x]
        for position in range(near_start[i], near_start[i + 1]):
            e = near_edge[position]
            if near_is_first[position]:
                # This variable is the edge's first: the other comes later.
                for x in range(k_i):
                    message = to_first[to_first_start[e] + x]
                    total[x] += message
                    scratch[x] += message
            else:
                other = first[e]
                base = table_start[e] + assignment[other] * first_stride[e]
                for x in range(k_i):
                    total[x] += to_second[to_second_start[e] + x]
                    scratch[x] += log_potentials[base + x * second_stride[e]]
        if not backward:
            best = 0
            for x in range(1, k_i):
                if scratch[x] > scratch[best]:
                    best = x
            assignment[i] = best
        delta = total[0]
        for x in range(1, k_i):
            delta = max(delta, total[x])
        if delta == -np.inf:
            return -np.inf, magnitude
        bound += delta
        magnitude += abs(delta)
        for x in range(k_i):
            total[x] = share[i] * (total[x] - delta)
        for position in range(near_start[i], near_start[i + 1]):
            e = near_edge[position]
            if near_is_first[position] == backward:
                continue
            if backward:
                j, stride_i, stride_j = first[e], second_stride[e], first_stride[e]
                incoming, incoming_start = to_second, to_second_start[e]
                outgoing, outgoing_start = to_first, to_first_start[e]
            else:
                j, stride_i, stride_j = second[e], first_stride[e], second_stride[e]
                incoming, incoming_start = to_first, to_first_start[e]
                outgoing, outgoing_start = to_second, to_second_start[e]
            for x in range(k_i):
                scratch[x] = total[x] - incoming[incoming_start + x]
            largest = -np.inf
            for y in range(num_states[j]):
                base = table_start[e] + y * stride_j
                value = -np.inf
                for x in range(k_i):
                    value = max(value, scratch[x] + log_potentials[base + x * stride_i])
                outgoing[outgoing_start + y] = value
                largest = max(largest, value)
            if largest == -np.inf:
                return -np.inf, magnitude
            bound += largest
            magnitude += abs(largest)
            for y in range(num_states[j]):
                outgoing[outgoing_start + y] = max(outgoing[outgoing_start + y] - largest, floor)
    return bound, magnitude
