"""The sweeps of SRMP, compiled. Knows flat arrays only."""

import numpy as np

from gmruntime.bounds.srmp.records import Net, Room
from gmruntime.compiling import loop, next_digits


@loop
def _max_marginal(
    factor: int,
    target: int,
    net: Net,
    messages: np.ndarray,
    fixed: np.ndarray,
    room: Room,
    out: np.ndarray,
) -> None:
    """Maximise a factor less its other edges' messages, for each state of the edge `target`.

    Variables with a state in `fixed` (not -1) keep it; that of the target is ignored.
    """
    num_states, edge_variable, strides = net.num_states, net.edge_variable, net.strides
    message_start, log_potentials = net.message_start, net.log_potentials
    digits, sizes, places = room.digits, room.sizes, room.places
    first = net.factor_start[factor]
    arity = int(net.factor_start[factor + 1] - first)
    for x in range(num_states[edge_variable[target]]):
        out[x] = -np.inf
    entry = net.table_start[factor]
    own = target - first
    for k in range(arity):
        e = first + k
        state = fixed[edge_variable[e]]
        digits[k], places[k], sizes[k] = 0, message_start[e], num_states[edge_variable[e]]
        if k != own and state >= 0:
            places[k] += state
            sizes[k] = 1
            entry += strides[e] * state
    while True:
        candidate = log_potentials[entry]
        # Added up for each entry: a running sum would drift.
        for k in range(arity):
            if k != own:
                candidate -= messages[places[k] + digits[k]]
        x = digits[own]
        if candidate > out[x]:
            out[x] = candidate
        grown = next_digits(digits, sizes, arity)
        if grown < 0:
            return
        entry += strides[first + grown]
        for k in range(grown + 1, arity):
            entry -= strides[first + k] * (sizes[k] - 1)


@loop
def sweep(
    net: Net,
    messages: np.ndarray,
    floor: float,
    backward: bool,
    assignment: np.ndarray,
    room: Room,
) -> None:
    """Visit every variable once: collect what its factors know, hand a share on.

    `low` and `high` are the first and last variable of each factor. A forward sweep also rounds:
    `assignment` is written as it goes, and must be -1 everywhere before.
    """
    num_states, unary_start, unary = net.num_states, net.unary_start, net.unary
    near_start, near_edge, edge_factor = net.near_start, net.near_edge, net.edge_factor
    low, high, message_start = net.low, net.high, net.message_start
    total, found = room.total, room.found
    count = num_states.size
    for step in range(count):
        i = count - 1 - step if backward else step
        k_i = int(num_states[i])
        base = unary_start[i]
        for x in range(k_i):
            total[x] = unary[base + x]
        behind, ahead = 0, 0
        for position in range(near_start[i], near_start[i + 1]):
            e = near_edge[position]
            f = int(edge_factor[e])
            start, end = (high[f], low[f]) if backward else (low[f], high[f])
            if i != end:
                ahead += 1
            if i != start:
                behind += 1
                _max_marginal(f, e, net, messages, room.free, room, found)
                best = found[0]
                for x in range(1, k_i):
                    best = max(best, found[x])
                if best == -np.inf:
                    best = 0.0
                place = message_start[e]
                for x in range(k_i):
                    messages[place + x] = max(found[x], best + floor)
            for x in range(k_i):
                total[x] += messages[message_start[e] + x]
        if not backward:
            _round(i, k_i, net, messages, assignment, room)
        if ahead == 0:
            continue
        largest = total[0]
        for x in range(1, k_i):
            largest = max(largest, total[x])
        if largest == -np.inf:
            continue
        share = 1.0 / max(ahead, behind)
        for x in range(k_i):
            total[x] = share * max(total[x] - largest, floor)
        for position in range(near_start[i], near_start[i + 1]):
            e = near_edge[position]
            f = int(edge_factor[e])
            if i == (low[f] if backward else high[f]):
                continue
            place = message_start[e]
            for x in range(k_i):
                messages[place + x] -= total[x]


@loop
def _round(
    i: int,
    k_i: int,
    net: Net,
    messages: np.ndarray,
    assignment: np.ndarray,
    room: Room,
) -> None:
    """Decide a variable; what is decided already counts itself, not what a factor hoped for."""
    near_start, near_edge, edge_factor = net.near_start, net.near_edge, net.edge_factor
    scores, found, message_start = room.scores, room.found, net.message_start
    for x in range(k_i):
        scores[x] = room.total[x]
    for position in range(near_start[i], near_start[i + 1]):
        e = near_edge[position]
        f = int(edge_factor[e])
        if i == net.low[f]:
            continue
        _max_marginal(f, e, net, messages, assignment, room, found)
        for x in range(k_i):
            scores[x] += found[x] - messages[message_start[e] + x]
    best = 0
    for x in range(1, k_i):
        if scores[x] > scores[best]:
            best = x
    assignment[i] = best


@loop
def bound(
    net: Net,
    messages: np.ndarray,
    room: Room,
) -> tuple[float, float, float]:
    """Add up what every variable and every factor can have at most.

    Returns:
        the sum, the sum of its terms' magnitudes, and that of what the terms were made of, each
        as often as it was added.
    """
    num_states, unary_start, unary = net.num_states, net.unary_start, net.unary
    near_start, near_edge, message_start = net.near_start, net.near_edge, net.message_start
    factor_start, edge_variable = net.factor_start, net.edge_variable
    total, found = room.total, room.found
    value, magnitude, made_of = 0.0, 0.0, 0.0
    for i in range(num_states.size):
        k_i = int(num_states[i])
        largest = 0.0
        for x in range(k_i):
            total[x] = unary[unary_start[i] + x]
            if total[x] > -np.inf:
                largest = max(largest, abs(total[x]))
        degree = near_start[i + 1] - near_start[i]
        for position in range(near_start[i], near_start[i + 1]):
            place = message_start[near_edge[position]]
            reach = 0.0
            for x in range(k_i):
                total[x] += messages[place + x]
                reach = max(reach, abs(messages[place + x]))
            largest += reach
        best = total[0]
        for x in range(1, k_i):
            best = max(best, total[x])
        if best == -np.inf:
            return -np.inf, 0.0, 0.0
        value += best
        magnitude += abs(best)
        made_of += (degree + 2) * largest
    for f in range(factor_start.size - 1):
        e = factor_start[f]
        _max_marginal(f, e, net, messages, room.free, room, found)
        best = -np.inf
        for x in range(num_states[edge_variable[e]]):
            best = max(best, found[x] - messages[message_start[e] + x])
        if best == -np.inf:
            return -np.inf, 0.0, 0.0
        value += best
        magnitude += abs(best)
        largest = 0.0
        for edge in range(e, factor_start[f + 1]):
            reach = 0.0
            for x in range(num_states[edge_variable[edge]]):
                reach = max(reach, abs(messages[message_start[edge] + x]))
            largest += reach
        made_of += (factor_start[f + 1] - e + 2) * largest
    return value, magnitude, made_of


@loop
def colour(
    variable_start: np.ndarray,
    variable_edges: np.ndarray,
    edge_factor: np.ndarray,
    factor_start: np.ndarray,
    edge_variable: np.ndarray,
    colours: np.ndarray,
    taken: np.ndarray,
) -> None:
    """Give each variable the first colour that none next to it has.

    `colours` must be -1 everywhere before, and so must `taken`, one longer.
    """
    for v in range(len(colours)):
        for position in range(variable_start[v], variable_start[v + 1]):
            f = edge_factor[variable_edges[position]]
            for e in range(factor_start[f], factor_start[f + 1]):
                c = colours[edge_variable[e]]
                if c >= 0:
                    taken[c] = v
        c = 0
        while taken[c] == v:
            c += 1
        colours[v] = c
