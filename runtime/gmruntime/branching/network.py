"""A cost network, and the state of a search on it: what every compiled step reads and changes.

A cost network has a cost for every joint state of each factor's variables, whole numbers of at
least 0; the cost of an assignment is their sum.
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Int32, Int64, UInt8
from gmruntime.compiling import loop

# What is forbidden costs this much. Sums of a few of them still fit into 64 bits.
TOP = 1 << 60

# What is possible costs less, even after costs have been moved to and fro.
FINITE_MAX = 1 << 59

# Joint states are not counted beyond this many.
_COUNT_MAX = 1 << 20

# Places in `State.cells`.
CONSTANT, COSTS = 0, 1


class Network(NamedTuple):
    """The factors and variables; nothing here changes during a search.

    Attributes:
        num_states: of each variable.
        state_start: where each variable's states begin among all states.
        factor_start: edges factor_start[f]..factor_start[f + 1] - 1 are the scope of factor f.
        edge_variable: the variable of each edge.
        edge_factor: the factor of each edge.
        strides: of each edge's variable in its factor's table.
        moved_start: where the amounts moved along each edge begin among all cells.
        table_start: where each factor's costs begin.
        costs: of all factors, C order, whole numbers from 0 to TOP.
        variable_start: edges variable_edges[variable_start[v]..variable_start[v + 1] - 1] touch v.
        variable_edges: edges sorted by variable.
        rank: costs flow towards the variable of a factor that has the lowest.
        size_start: where the numbers of remaining states begin among all cells.
    """

    num_states: Int32[np.ndarray, " variables"]
    state_start: Int64[np.ndarray, " variables_and_end"]
    factor_start: Int64[np.ndarray, " factors_and_end"]
    edge_variable: Int32[np.ndarray, " edges"]
    edge_factor: Int32[np.ndarray, " edges"]
    strides: Int64[np.ndarray, " edges"]
    moved_start: Int64[np.ndarray, " edges"]
    table_start: Int64[np.ndarray, " factors"]
    costs: Int64[np.ndarray, " entries"]
    variable_start: Int64[np.ndarray, " variables_and_end"]
    variable_edges: Int64[np.ndarray, " edges"]
    rank: Int32[np.ndarray, " variables"]
    size_start: int


class State(NamedTuple):
    """What a search changes.

    Attributes:
        cells: the constant, the cost of every state, what was moved along every edge for every
            state, and how many states every variable has left.
        level: the level of the search on which each cell was last changed.
        states: each variable's states; those that are left come first.
        place: of each state among its variable's `states`.
        trail: (cell, value before, level before) of the first change on each level, oldest first.
        marks: how long the trail is, how long the queues are, the factor where it failed last, and
            the present level.
        queue: variables whose consequences are still to be drawn, for each of three reasons.
        queued: whether a variable waits in a queue.
        weights: of each factor: how often it was where a search failed.
        scratch: room for the joint states of one factor.
        digits: room for one joint state.
        scope: variables; those from marks[SCOPE] to marks[SCOPE_END] are being searched.
    """

    cells: Int64[np.ndarray, " cells"]
    level: Int64[np.ndarray, " cells"]
    states: Int32[np.ndarray, " states"]
    place: Int32[np.ndarray, " states"]
    trail: Int64[np.ndarray, "changes three"]
    marks: Int64[np.ndarray, " marks"]
    queue: Int32[np.ndarray, "reasons variables"]
    queued: UInt8[np.ndarray, "reasons variables"]
    weights: Int64[np.ndarray, " factors"]
    scratch: Int64[np.ndarray, "lines states"]
    digits: Int64[np.ndarray, "two arity"]
    scope: Int32[np.ndarray, " room"]


# Places in `State.marks`.
TRAIL, QUEUES, FAILED_AT, LEVEL, SCOPE, SCOPE_END = 0, 1, 4, 5, 6, 7

# A search may be split into independent parts, and those again, so many times.
NUM_SPLITS_MAX = 32

# Reasons to look at a variable again: it lost states; its states' costs rose; a neighbour's did.
LOST, ROSE, NEAR = 0, 1, 2


@loop
def put(state: State, cell: int, value: int) -> None:
    """Change a cell, and note what it was before this level of the search."""
    level = state.marks[LEVEL]
    if state.level[cell] != level:
        top = state.marks[TRAIL]
        state.trail[top, 0] = cell
        state.trail[top, 1] = state.cells[cell]
        state.trail[top, 2] = state.level[cell]
        state.marks[TRAIL] = top + 1
        state.level[cell] = level
    state.cells[cell] = value


@loop
def undo(state: State, mark: int) -> None:
    """Take back every change since the trail was `mark` long."""
    top = state.marks[TRAIL]
    while top > mark:
        top -= 1
        cell = state.trail[top, 0]
        state.cells[cell] = state.trail[top, 1]
        state.level[cell] = state.trail[top, 2]
    state.marks[TRAIL] = mark


@loop
def enqueue(state: State, reason: int, variable: int) -> None:
    """Remember to look at a variable."""
    if state.queued[reason, variable] == 0:
        state.queued[reason, variable] = 1
        length = state.marks[QUEUES + reason]
        state.queue[reason, length] = variable
        state.marks[QUEUES + reason] = length + 1


@loop
def forget(state: State) -> None:
    """Empty the queues."""
    for reason in range(3):
        for place in range(state.marks[QUEUES + reason]):
            state.queued[reason, state.queue[reason, place]] = 0
        state.marks[QUEUES + reason] = 0


@loop
def pop(state: State, reason: int) -> int:
    """Take the variable that was remembered last."""
    length = state.marks[QUEUES + reason] - 1
    state.marks[QUEUES + reason] = length
    variable = state.queue[reason, length]
    state.queued[reason, variable] = 0
    return int(variable)


@loop
def size_of(network: Network, state: State, variable: int) -> int:
    """Count the states that are left."""
    return int(state.cells[network.size_start + variable])


@loop
def remove(network: Network, state: State, variable: int, value: int) -> bool:
    """Take a state away; say whether another one is left."""
    size = state.cells[network.size_start + variable] - 1
    start = network.state_start[variable]
    here = state.place[start + value]
    last = state.states[start + size]
    state.states[start + here] = last
    state.place[start + last] = here
    state.states[start + size] = value
    state.place[start + value] = size
    put(state, network.size_start + variable, size)
    enqueue(state, LOST, variable)
    return bool(size > 0)


@loop
def keep_only(network: Network, state: State, variable: int, value: int) -> None:
    """Take all other states away."""
    start = network.state_start[variable]
    here = state.place[start + value]
    first = state.states[start]
    state.states[start + here] = first
    state.place[start + first] = here
    state.states[start] = value
    state.place[start + value] = 0
    put(state, network.size_start + variable, 1)
    enqueue(state, LOST, variable)


@loop
def num_tuples(network: Network, state: State, factor: int) -> int:
    """Count the joint states that are left of a factor's variables."""
    count = 1
    for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
        count *= size_of(network, state, network.edge_variable[edge])
        if count > _COUNT_MAX:
            return count
    return count
