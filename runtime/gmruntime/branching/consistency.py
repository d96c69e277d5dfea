"""Compiled soft arc consistency: costs are moved between factors until a lower bound shows.

Source: de Givry, Heras, Zytnicki and Larrosa (2005), "Existential arc consistency: getting closer
to full arc consistency in weighted CSPs"; for the sweeps Kolmogorov (2015), "A new look at
reweighted message passing".
"""

import numba
import numpy as np

from gmruntime.arrays import UInt8
from gmruntime.branching.moves import gather, marginal, send, take
from gmruntime.branching.network import (
    CONSTANT,
    COSTS,
    FAILED_AT,
    LOST,
    NEAR,
    QUEUES,
    ROSE,
    SCOPE,
    SCOPE_END,
    TOP,
    Network,
    State,
    enqueue,
    forget,
    num_tuples,
    pop,
    put,
    remove,
    size_of,
)
from gmruntime.compiling import loop

# Joint states of a factor beyond this many wait until more of its variables are decided.
_NUM_TUPLES_MAX = 4096

# Visits in one propagation, for each variable, before costs are no longer passed on.
_NUM_VISITS_EACH = 4

# What `directions` says of an edge.
_AHEAD, _BEHIND, TOO_LARGE = 1, 2, 4


@loop
def lowest(network: Network, state: State, factor: int) -> int:
    """Return the edge of a factor's undecided variable of the lowest rank, or -1."""
    best, best_rank = -1, 1 << 30
    for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
        variable = int(network.edge_variable[edge])
        if size_of(network, state, variable) > 1 and network.rank[variable] < best_rank:
            best, best_rank = edge, network.rank[variable]
    return best


@loop
def _after_loss(network: Network, state: State, variable: int, limit: int, step: int) -> bool:
    """Draw the consequences of states taken away."""
    if not gather(network, state, variable, limit):
        return False
    for near in range(network.variable_start[variable], network.variable_start[variable + 1]):
        edge = network.variable_edges[near]
        factor = int(network.edge_factor[edge])
        if num_tuples(network, state, factor) > _NUM_TUPLES_MAX:
            continue
        is_decided = True
        for other_edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
            if size_of(network, state, int(network.edge_variable[other_edge])) < 2:
                continue
            is_decided = False
            if other_edge != edge and not take(network, state, other_edge, limit, step):
                state.marks[FAILED_AT] = factor
                return False
        # What is certain shows on an undecided variable; without one, on any.
        if is_decided and not take(network, state, edge, limit, step):
            state.marks[FAILED_AT] = factor
            return False
    return True


@loop
def _after_rise(network: Network, state: State, variable: int, limit: int, step: int) -> bool:
    """Send costs on to the variable of the lowest rank, and tell the neighbours."""
    for near in range(network.variable_start[variable], network.variable_start[variable + 1]):
        edge = network.variable_edges[near]
        factor = int(network.edge_factor[edge])
        target = lowest(network, state, factor)
        for other_edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
            other = int(network.edge_variable[other_edge])
            if other != variable and size_of(network, state, other) > 1:
                enqueue(state, NEAR, other)
        if target < 0 or target == edge or num_tuples(network, state, factor) > _NUM_TUPLES_MAX:
            continue
        if not send(network, state, target, limit, step):
            state.marks[FAILED_AT] = factor
            return False
    return True


@loop
def _look_around(network: Network, state: State, variable: int, limit: int, step: int) -> bool:
    """Raise the constant when every state of a variable costs something, counting the neighbours.

    Existential arc consistency.
    """
    size = size_of(network, state, variable)
    if size < 2:
        return True
    start = int(network.state_start[variable])
    total, out = state.scratch[3], state.scratch[1]
    for i in range(size):
        total[i] = state.cells[COSTS + start + state.states[start + i]]
    first, last = network.variable_start[variable], network.variable_start[variable + 1]
    for near in range(first, last):
        edge = network.variable_edges[near]
        if num_tuples(network, state, int(network.edge_factor[edge])) > _NUM_TUPLES_MAX:
            continue
        marginal(network, state, edge, out, True)
        for i in range(size):
            total[i] = min(TOP, total[i] + out[i])
    least = np.int64(TOP)
    for i in range(size):
        least = min(least, total[i])
    if least < step:
        return True
    before = state.cells[CONSTANT]
    for near in range(first, last):
        edge = network.variable_edges[near]
        factor = int(network.edge_factor[edge])
        if num_tuples(network, state, factor) > _NUM_TUPLES_MAX:
            continue
        if not send(network, state, edge, limit, step):
            state.marks[FAILED_AT] = factor
            return False
    if state.cells[CONSTANT] >= before + step:
        enqueue(state, NEAR, variable)
    return True


@loop
def _prune_all(network: Network, state: State, limit: int) -> bool:
    """Take away every searched state that has become too dear since the constant rose.

    What is not being searched must not be judged by this limit.
    """
    room = limit - state.cells[CONSTANT]
    for at in range(state.marks[SCOPE], state.marks[SCOPE_END]):
        variable = int(state.scope[at])
        start = int(network.state_start[variable])
        i = 0
        while i < size_of(network, state, variable):
            value = int(state.states[start + i])
            if state.cells[COSTS + start + value] >= room:
                if not remove(network, state, variable, value):
                    return False
            else:
                i += 1
    return True


@loop
def propagate(network: Network, state: State, limit: int, step: int) -> bool:
    """Draw all consequences; say whether costs below `limit` are still possible."""
    marks, cells = state.marks, state.cells
    state.marks[FAILED_AT] = -1
    pruned_at = np.int64(-1)
    # Where tables share more than one variable, costs can go round in circles.
    num_visits_left = 64 + _NUM_VISITS_EACH * len(network.num_states)
    while True:
        if cells[CONSTANT] >= limit:
            forget(state)
            return False
        if marks[QUEUES + LOST] > 0:
            good = _after_loss(network, state, pop(state, LOST), limit, step)
        elif marks[QUEUES + ROSE] > 0:
            variable = pop(state, ROSE)
            num_visits_left -= 1
            good = num_visits_left < 0 or _after_rise(network, state, variable, limit, step)
        elif num_visits_left < 0 and marks[QUEUES + NEAR] > 0:
            pop(state, NEAR)
            good = True
        elif marks[QUEUES + NEAR] > 0:
            num_visits_left -= 1
            good = _look_around(network, state, pop(state, NEAR), limit, step)
        elif cells[CONSTANT] > pruned_at:
            pruned_at = cells[CONSTANT]
            good = _prune_all(network, state, limit)
        else:
            return True
        if not good:
            forget(state)
            return False


@loop
def sweep_both(
    network: Network,
    state: State,
    is_ahead: UInt8[np.ndarray, " edges"],
    limit: int,
    count: int,
    gain_least: int,
) -> int:
    """Sweep forward and backward, `count` times or until that gains less than `gain_least`.

    Returns:
        how often; -1 when costs below `limit` have turned out to be impossible.
    """
    for turn in range(count):
        before = state.cells[CONSTANT]
        if not sweep(network, state, is_ahead, limit, False):
            return -1
        if not sweep(network, state, is_ahead, limit, True):
            return -1
        if state.cells[CONSTANT] - before < gain_least:
            return turn + 1
    return count


@loop
def sweep(
    network: Network,
    state: State,
    is_ahead: UInt8[np.ndarray, " edges"],
    limit: int,
    backward: bool,
) -> bool:
    """Visit the variables in turn: each collects from its factors and shares with those ahead.

    Sequential reweighted message passing. The constant never falls; False when it has come to
    `limit` or a variable has no state left.
    """
    cells = state.cells
    out, total = state.scratch[1], state.scratch[3]
    num_variables = len(network.num_states)
    for turn in range(num_variables):
        variable = num_variables - 1 - turn if backward else turn
        size = size_of(network, state, variable)
        if size < 2:
            continue
        start = int(network.state_start[variable])
        first, last = network.variable_start[variable], network.variable_start[variable + 1]
        room = limit - cells[CONSTANT]
        for i in range(size):
            total[i] = cells[COSTS + start + state.states[start + i]]
        ahead, behind = 0, 0
        for near in range(first, last):
            edge = network.variable_edges[near]
            if is_ahead[edge] == TOO_LARGE:
                continue
            ahead += (is_ahead[edge] & _AHEAD) != 0
            behind += (is_ahead[edge] & _BEHIND) != 0
            marginal(network, state, edge, out, False)
            moved = int(network.moved_start[edge])
            for i in range(size):
                if out[i] >= room:
                    total[i] = TOP
                elif out[i] != 0:
                    cell = int(moved + state.states[start + i])
                    put(state, cell, cells[cell] + out[i])
                    total[i] = min(TOP, total[i] + out[i])
        least = np.int64(TOP)
        for i in range(size):
            least = min(least, total[i])
        if least >= room:
            return False
        put(state, CONSTANT, cells[CONSTANT] + least)
        shared = ahead if not backward else behind
        parts = max(ahead, behind)
        flag = _BEHIND if backward else _AHEAD
        lost = 0
        for i in range(size):
            cell = int(COSTS + start + state.states[start + i])
            if total[i] >= room:
                # The state goes below, when the present order of states is no longer needed.
                put(state, cell, total[i])
                out[i] = 0
                lost += 1
                continue
            out[i] = (total[i] - least) // parts if shared else 0
            put(state, cell, total[i] - least - shared * out[i])
        for near in range(first, last):
            edge = network.variable_edges[near]
            if is_ahead[edge] == TOO_LARGE or (is_ahead[edge] & flag) == 0:
                continue
            moved = int(network.moved_start[edge])
            for i in range(size):
                if out[i] != 0:
                    cell = int(moved + state.states[start + i])
                    put(state, cell, cells[cell] - out[i])
        if lost and not gather(network, state, variable, limit):
            return False
    return True


@numba.njit(nogil=True, cache=True)
def directions(network: Network, state: State) -> UInt8[np.ndarray, " edges"]:
    """Say for each edge whether its factor has an undecided variable after, and one before it."""
    found = np.zeros(len(network.edge_variable), np.uint8)
    for factor in range(len(network.table_start)):
        begin, end = network.factor_start[factor], network.factor_start[factor + 1]
        is_large = num_tuples(network, state, factor) > _NUM_TUPLES_MAX
        for edge in range(begin, end):
            here = int(network.edge_variable[edge])
            if is_large:
                found[edge] = TOO_LARGE
                continue
            for other_edge in range(begin, end):
                other = int(network.edge_variable[other_edge])
                if other_edge != edge and size_of(network, state, other) > 1:
                    found[edge] |= _AHEAD if other > here else _BEHIND
    return found
