"""The sweeps of TRW-S, compiled. Knows flat arrays only."""

import numpy as np

from gmruntime.bounds.trws.records import Pairs
from gmruntime.compiling import loop


@loop
def _best_of(
    total: np.ndarray,
    incoming: np.ndarray,
    table: np.ndarray,
    message: np.ndarray,
    k_i: int,
    k_j: int,
) -> None:
    """Write max_x [total(x) - incoming(x) + table(x, y)] for every y.

    The receiver's states run inside: they lie side by side, so many are done at once, and four of
    the sender's together save passes over the message.
    """
    for y in range(k_j):
        message[y] = -np.inf
    x = 0
    while x + 4 <= k_i:
        given, second_given = total[x] - incoming[x], total[x + 1] - incoming[x + 1]
        third_given, last_given = (
            total[x + 2] - incoming[x + 2],
            total[x + 3] - incoming[x + 3],
        )
        start = k_j * x
        row = table[start : start + k_j]
        second_row = table[start + k_j : start + 2 * k_j]
        third_row = table[start + 2 * k_j : start + 3 * k_j]
        last_row = table[start + 3 * k_j : start + 4 * k_j]
        for y in range(k_j):
            value = given + row[y]
            other = second_given + second_row[y]
            value = value if value > other else other
            third = third_given + third_row[y]
            last = last_given + last_row[y]
            third = third if third > last else last
            value = value if value > third else third
            message[y] = value if value > message[y] else message[y]
        x += 4
    while x < k_i:
        given = total[x] - incoming[x]
        row = table[k_j * x : k_j * (x + 1)]
        for y in range(k_j):
            value = given + row[y]
            message[y] = value if value > message[y] else message[y]
        x += 1


@loop
def sweep(
    pairs: Pairs,
    sent: np.ndarray,
    assignment: np.ndarray,
    backward: bool,
    total: np.ndarray,
    scratch: np.ndarray,
    message: np.ndarray,
) -> tuple[float, float]:
    """Visit every variable once, forward (rounding as it goes) or backward (summing the bound).

    Each pair of variables is an edge with `first` < `second`. An edge's message to its second
    variable is sent forward, that to its first backward, each in the place of the other.

    Returns:
        The sum of the maxima taken out, which bounds every score when the sweep is backward; and
        the sum of their magnitudes, for the rounding margin.
    """
    num_states, log_potentials, share = pairs.num_states, pairs.log_potentials, pairs.share
    near_start, near_edge = pairs.near_start, pairs.near_edge
    near_is_first, first, second = pairs.near_is_first, pairs.first, pairs.second
    forward_start, backward_start = pairs.forward_start, pairs.backward_start
    message_start, floor = pairs.message_start, pairs.floor
    count = num_states.size
    bound = 0.0
    magnitude = 0.0
    for step in range(count):
        i = count - 1 - step if backward else step
        k_i = int(num_states[i])
        start = pairs.unary_start[i]
        own = pairs.unary[start : start + k_i]
        for x in range(k_i):
            total[x] = own[x]
            scratch[x] = own[x]
        for position in range(near_start[i], near_start[i + 1]):
            e = near_edge[position]
            known = sent[message_start[e] : message_start[e] + k_i]
            for x in range(k_i):
                total[x] += known[x]
            if backward:
                continue
            if near_is_first[position]:
                # The other comes later: what it said last must do.
                for x in range(k_i):
                    scratch[x] += known[x]
            else:
                base = forward_start[e] + assignment[first[e]] * k_i
                row = log_potentials[base : base + k_i]
                for x in range(k_i):
                    scratch[x] += row[x]
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
            k_j = int(num_states[first[e]] if backward else num_states[second[e]])
            base = backward_start[e] if backward else forward_start[e]
            place = message_start[e]
            known = sent[place : place + k_i]
            _best_of(total, known, log_potentials[base : base + k_i * k_j], message, k_i, k_j)
            largest = message[0]
            for y in range(1, k_j):
                largest = max(largest, message[y])
            if largest == -np.inf:
                return -np.inf, magnitude
            bound += largest
            magnitude += abs(largest)
            told = sent[place : place + k_j]
            for y in range(k_j):
                value = message[y] - largest
                told[y] = value if value > floor else floor
    return bound, magnitude
