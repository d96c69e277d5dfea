"""Compiled moves of cost on a cost network: out of a factor, onto states, into the constant.

Taking the same amount out of every entry of a factor that has one state, and putting it onto that
state's own cost, changes no assignment's cost; neither does putting what all states of a variable
cost into the constant. What has come together in the constant bounds every cost from below. In
whole numbers all this is exact.

Source: Cooper and Schiex (2004), "Arc consistency for soft constraints".
"""

import numpy as np

from gmruntime.arrays import Int64
from gmruntime.branching.network import (
    CONSTANT,
    COSTS,
    FINITE_MAX,
    ROSE,
    TOP,
    Network,
    State,
    enqueue,
    put,
    remove,
    size_of,
)
from gmruntime.compiling import loop, next_digits


@loop
def marginal(
    network: Network, state: State, edge: int, out: Int64[np.ndarray, " states"], with_costs: bool
) -> None:
    """Find the least cost of a factor for each state left of one of its variables.

    Args:
        network: the factors.
        state: what has been moved so far.
        edge: the factor's edge to the variable.
        out: filled for the variable's remaining states, in their present order.
        with_costs: whether the other variables' own costs count as well.
    """
    factor = int(network.edge_factor[edge])
    begin = network.factor_start[factor]
    end = network.factor_start[factor + 1]
    cells, states, costs = state.cells, state.states, network.costs
    variable = int(network.edge_variable[edge])
    start = int(network.state_start[variable])
    size = size_of(network, state, variable)
    stride = network.strides[edge]
    moved = int(network.moved_start[edge])
    base = network.table_start[factor]
    if end - begin == 2:
        across = begin + end - 1 - edge
        other = int(network.edge_variable[across])
        other_start = int(network.state_start[other])
        other_moved = int(network.moved_start[across])
        other_stride = network.strides[across]
        other_size = size_of(network, state, other)
        given = state.scratch[0]
        for j in range(other_size):
            b = states[other_start + j]
            given[j] = -cells[other_moved + b]
            if with_costs:
                given[j] += cells[COSTS + other_start + b]
        for i in range(size):
            a = states[start + i]
            row = base + stride * a
            least = np.int64(TOP)
            for j in range(other_size):
                least = min(least, costs[row + other_stride * states[other_start + j]] + given[j])
            out[i] = least - cells[moved + a] if least < FINITE_MAX else TOP
        return
    for i in range(size):
        out[i] = TOP
    if end - begin == 3:
        _marginal_of_three(network, state, edge, out, with_costs)
        return
    digits, sizes = state.digits[0], state.digits[1]
    arity = end - begin
    for k in range(arity):
        digits[k] = 0
        sizes[k] = size_of(network, state, int(network.edge_variable[begin + k]))
    target = edge - begin
    while True:
        entry = base
        given_here = np.int64(0)
        for k in range(arity):
            other_edge = begin + k
            other = int(network.edge_variable[other_edge])
            b = states[network.state_start[other] + digits[k]]
            entry += network.strides[other_edge] * b
            given_here -= cells[network.moved_start[other_edge] + b]
            if with_costs and k != target:
                given_here += cells[COSTS + network.state_start[other] + b]
        i = digits[target]
        least = min(out[i], costs[entry] + given_here)
        out[i] = TOP if least >= FINITE_MAX else least
        if next_digits(digits, sizes, arity) < 0:
            return


@loop
def _marginal_of_three(
    network: Network, state: State, edge: int, out: Int64[np.ndarray, " states"], with_costs: bool
) -> None:
    factor = int(network.edge_factor[edge])
    begin = network.factor_start[factor]
    cells, states, costs = state.cells, state.states, network.costs
    left = begin if edge != begin else begin + 1
    right = begin + 2 if edge != begin + 2 else begin + 1
    variable = int(network.edge_variable[edge])
    first, second = int(network.edge_variable[left]), int(network.edge_variable[right])
    start = int(network.state_start[variable])
    first_start, second_start = network.state_start[first], network.state_start[second]
    size = size_of(network, state, variable)
    first_size, second_size = size_of(network, state, first), size_of(network, state, second)
    base = network.table_start[factor]
    # Kept at hand: the compiler cannot know that writing to `out` leaves them as they are.
    own_stride = network.strides[edge]
    first_stride, second_stride = network.strides[left], network.strides[right]
    first_moved, second_moved = network.moved_start[left], network.moved_start[right]
    for j in range(first_size):
        b = int(states[first_start + j])
        given = -cells[first_moved + b]
        if with_costs:
            given += cells[COSTS + first_start + b]
        row = base + first_stride * b
        for k in range(second_size):
            c = int(states[second_start + k])
            both = given - cells[second_moved + c]
            if with_costs:
                both += cells[COSTS + second_start + c]
            line = row + second_stride * c
            for i in range(size):
                out[i] = min(out[i], costs[line + own_stride * states[start + i]] + both)
    own_moved = network.moved_start[edge]
    for i in range(size):
        out[i] = TOP if out[i] >= FINITE_MAX else out[i] - cells[own_moved + states[start + i]]


@loop
def gather(network: Network, state: State, variable: int, limit: int) -> bool:
    """Move what all states of a variable cost into the constant; say whether `limit` is kept."""
    start = int(network.state_start[variable])
    size = size_of(network, state, variable)
    cells = state.cells
    least = np.int64(TOP)
    for i in range(size):
        least = min(least, cells[COSTS + start + state.states[start + i]])
    if least > 0:
        put(state, CONSTANT, cells[CONSTANT] + least)
        for i in range(size):
            cell = int(COSTS + start + state.states[start + i])
            put(state, cell, cells[cell] - least)
    if cells[CONSTANT] >= limit:
        return False
    room = limit - cells[CONSTANT]
    i = 0
    while i < size_of(network, state, variable):
        value = int(state.states[start + i])
        if cells[COSTS + start + value] >= room:
            if not remove(network, state, variable, value):
                return False
        else:
            i += 1
    return True


@loop
def take(network: Network, state: State, edge: int, limit: int, step: int) -> bool:
    """Move what a factor surely costs in each state of a variable onto that state.

    Args:
        network: the factors.
        state: what has been moved so far.
        edge: the factor's edge to the variable.
        limit: costs of at least this much are as bad as forbidden.
        step: amounts below this are not worth telling the neighbours.

    Returns:
        False when no state is left, or the constant has come to `limit`.
    """
    variable = int(network.edge_variable[edge])
    out = state.scratch[1]
    marginal(network, state, edge, out, False)
    start = int(network.state_start[variable])
    moved = int(network.moved_start[edge])
    cells = state.cells
    room = limit - cells[CONSTANT]
    size = size_of(network, state, variable)
    most = np.int64(0)
    lost = 0
    values = state.scratch[2]
    for i in range(size):
        values[i] = state.states[start + i]
    for i in range(size):
        value = int(values[i])
        if out[i] == 0:
            continue
        cost_cell = COSTS + start + value
        if out[i] >= TOP or out[i] + cells[cost_cell] >= room:
            lost += 1
            if lost == size:
                return False
            remove(network, state, variable, value)
            continue
        put(state, moved + value, cells[moved + value] + out[i])
        put(state, cost_cell, cells[cost_cell] + out[i])
        most = max(most, out[i])
    if most > 0 or lost > 0:
        if not gather(network, state, variable, limit):
            return False
        if most >= step:
            enqueue(state, ROSE, variable)
    return True


@loop
def send(network: Network, state: State, edge: int, limit: int, step: int) -> bool:
    """Let a factor draw on its other variables' costs for what it moves to this one.

    What is not needed goes back to them.
    """
    factor = int(network.edge_factor[edge])
    begin = network.factor_start[factor]
    end = network.factor_start[factor + 1]
    cells = state.cells
    for other_edge in range(begin, end):
        if other_edge == edge:
            continue
        other = int(network.edge_variable[other_edge])
        start = int(network.state_start[other])
        moved = int(network.moved_start[other_edge])
        for i in range(size_of(network, state, other)):
            value = int(state.states[start + i])
            cost = cells[COSTS + start + value]
            if cost > 0:
                put(state, moved + value, cells[moved + value] - cost)
                put(state, COSTS + start + value, 0)
    if not take(network, state, edge, limit, step):
        return False
    out = state.scratch[1]
    for other_edge in range(begin, end):
        if other_edge == edge:
            continue
        other = int(network.edge_variable[other_edge])
        start = int(network.state_start[other])
        moved = int(network.moved_start[other_edge])
        marginal(network, state, other_edge, out, False)
        i = 0
        while i < size_of(network, state, other):
            value = int(state.states[start + i])
            if out[i] >= TOP:
                if not remove(network, state, other, value):
                    return False
                out[i] = out[size_of(network, state, other)]
                continue
            if out[i] > 0:
                put(state, moved + value, cells[moved + value] + out[i])
                put(state, COSTS + start + value, cells[COSTS + start + value] + out[i])
            i += 1
        if not gather(network, state, other, limit):
            return False
    return True
