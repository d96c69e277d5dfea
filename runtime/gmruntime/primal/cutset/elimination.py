"""Compiled max-elimination along a plan: the best states of all free variables at once.

With noise of the extreme-value kind on every state it draws near-samples instead: maximising a
perturbed score, a move at a temperature.

Source: Dechter (1999), "Bucket elimination"; Papandreou and Yuille (2011), "Perturb-and-MAP
random fields".
"""

from typing import NamedTuple

import numba
import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, UInt32, UInt64
from gmruntime.compiling import loop, next_digits
from gmruntime.primal.compiled import Arrays, next_uniform
from gmruntime.primal.cutset.moves import Plan
from gmruntime.primal.cutset.tables import (
    TILE_ENTRIES_MAX,
    add_tile,
    fill_distances,
    first_tile_axis,
    reduce_tile,
)

# Functions of one clique whose distances are kept from tile to tile; beyond, they are worked out
# again: cliques of so many functions are small.
_NUM_KEPT_MAX = 64

# Columns of `Desk.functions`.
_OFFSET, _IS_FACTOR, _SHAPE = 0, 1, 2


class Desk(NamedTuple):
    """Room to lay out one clique and its functions."""

    axis_of: Int64[np.ndarray, " variables"]
    dims: Int64[np.ndarray, " axes"]
    digits: Int64[np.ndarray, " axes"]
    strides: Int64[np.ndarray, "functions axes"]
    functions: Int64[np.ndarray, "functions three"]
    distances: UInt32[np.ndarray, "kept tile"]
    tile: Float64[np.ndarray, " tile"]


@loop
def spread_function(
    arrays: Arrays,
    plan: Plan,
    function: int,
    assignment: Int32[np.ndarray, " variables"],
    axis_of: Int64[np.ndarray, " variables"],
    strides: Int64[np.ndarray, " axes"],
) -> tuple[int, int]:
    """Find where a function starts, given what does not move, and its stride along each axis.

    Returns:
        the start, and along how many axes it changes.
    """
    num_factors = len(arrays.table_start)
    if function < num_factors:
        offset = arrays.table_start[function]
        count = 0
        for edge in range(arrays.factor_start[function], arrays.factor_start[function + 1]):
            other = arrays.edge_variable[edge]
            if plan.position[other] >= 0:
                strides[axis_of[other]] = arrays.strides[edge]
                count += 1
            else:
                offset += arrays.strides[edge] * assignment[other]
        return int(offset), int(count)
    step = function - num_factors
    stride = 1
    for place in range(plan.clique_start[step + 1] - 1, plan.clique_start[step] - 1, -1):
        other = plan.clique[place]
        strides[axis_of[other]] = stride
        stride *= arrays.num_states[other]
    num_axes = int(plan.clique_start[step + 1] - plan.clique_start[step])
    return int(plan.message_start[step]), num_axes


@loop
def entry_of(
    arrays: Arrays,
    plan: Plan,
    function: int,
    variable: int,
    assignment: Int32[np.ndarray, " variables"],
) -> tuple[int, int]:
    """Find a function's entry with the variable in state 0, and the variable's stride.

    The entry is -1 for a factor that touches nothing else that moves: `fields` has it already.
    """
    num_factors = len(arrays.table_start)
    own = 0
    if function < num_factors:
        offset = arrays.table_start[function]
        lone = True
        for edge in range(arrays.factor_start[function], arrays.factor_start[function + 1]):
            other = arrays.edge_variable[edge]
            if other == variable:
                own = arrays.strides[edge]
            else:
                lone = lone and plan.position[other] < 0
                offset += arrays.strides[edge] * assignment[other]
        return (-1, 0) if lone else (offset, own)
    step = function - num_factors
    offset = plan.message_start[step]
    stride = 1
    for place in range(plan.clique_start[step + 1] - 1, plan.clique_start[step] - 1, -1):
        other = plan.clique[place]
        if other == variable:
            own = stride
        else:
            offset += stride * assignment[other]
        stride *= arrays.num_states[other]
    return int(offset), int(own)


@numba.njit(nogil=True, cache=True)
def run_plan(
    arrays: Arrays,
    plan: Plan,
    made: int,
    assignment: Int32[np.ndarray, " variables"],
    temperature: float,
    state: UInt64[np.ndarray, " one"],
) -> None:
    """Give every eliminated variable its best state, all others held; ties fall at random."""
    fields = np.zeros(arrays.state_start[-1])
    most_axes, most_used, widest = 1, 1, 1
    for step in range(made):
        variable = plan.order[step]
        most_axes = max(most_axes, plan.clique_start[step + 1] - plan.clique_start[step] + 1)
        most_used = max(most_used, plan.used_start[step + 1] - plan.used_start[step])
        widest = max(widest, arrays.num_states[variable])
        if temperature > 0.0:
            for k in range(arrays.state_start[variable], arrays.state_start[variable + 1]):
                fields[k] = -temperature * np.log(-np.log(next_uniform(state)))
    messages = np.empty(plan.message_start[made])
    room = max(TILE_ENTRIES_MAX, widest)
    desk = Desk(
        np.zeros(len(arrays.num_states), np.int64),
        np.zeros(most_axes, np.int64),
        np.zeros(most_axes, np.int64),
        np.zeros((most_used, most_axes), np.int64),
        np.zeros((most_used, 3), np.int64),
        np.zeros((min(most_used, _NUM_KEPT_MAX), room), np.uint32),
        np.zeros(room),
    )
    for step in range(made):
        _send(arrays, plan, step, assignment, fields, messages, desk)
    for step in range(made - 1, -1, -1):
        _choose(arrays, plan, step, messages, fields, assignment, state)


@loop
def _lay_out(
    arrays: Arrays,
    plan: Plan,
    step: int,
    assignment: Int32[np.ndarray, " variables"],
    fields: Float64[np.ndarray, " variable_states"],
    desk: Desk,
) -> int:
    """Note the clique's axes and its functions; add those of one variable to its field.

    Returns:
        how many functions are noted.
    """
    variable = plan.order[step]
    begin = plan.clique_start[step]
    last = plan.clique_start[step + 1] - begin
    for axis in range(last + 1):
        other = variable if axis == last else plan.clique[begin + axis]
        desk.axis_of[other] = axis
        desk.dims[axis] = arrays.num_states[other]
        desk.digits[axis] = 0
    first = arrays.state_start[variable]
    noted = 0
    for place in range(plan.used_start[step], plan.used_start[step + 1]):
        function = plan.used[place]
        strides = desk.strides[noted]
        strides[: last + 1] = 0
        offset, count = spread_function(arrays, plan, function, assignment, desk.axis_of, strides)
        is_factor = function < len(arrays.table_start)
        if is_factor and count == 1:
            for a in range(arrays.num_states[variable]):
                fields[first + a] += arrays.log_potentials[offset + a * strides[last]]
            continue
        desk.functions[noted, _OFFSET] = offset
        desk.functions[noted, _IS_FACTOR] = is_factor
        noted += 1
    return noted


@loop
def _send(
    arrays: Arrays,
    plan: Plan,
    step: int,
    assignment: Int32[np.ndarray, " variables"],
    fields: Float64[np.ndarray, " variable_states"],
    messages: Float64[np.ndarray, " entries"],
    desk: Desk,
) -> None:
    """Add up a variable's functions and maximise it out, tile by tile."""
    noted = _lay_out(arrays, plan, step, assignment, fields, desk)
    variable = plan.order[step]
    num_axes = plan.clique_start[step + 1] - plan.clique_start[step] + 1
    out = messages[plan.message_start[step] : plan.message_start[step + 1]]
    states = arrays.num_states[variable]
    field = fields[arrays.state_start[variable] : arrays.state_start[variable] + states]
    first = first_tile_axis(desk.dims, num_axes)
    size = 1
    for axis in range(first, num_axes):
        size *= desk.dims[axis]
    tile = desk.tile[:size]
    rows = size // states
    for k in range(min(noted, len(desk.distances))):
        desk.functions[k, _SHAPE] = fill_distances(
            desk.dims, desk.strides[k], first, num_axes, desk.distances[k]
        )
    for begin in range(0, len(out), rows):
        tile[:] = 0.0
        for k in range(noted):
            kept = min(k, len(desk.distances) - 1)
            if noted > len(desk.distances) and k >= kept:
                desk.functions[k, _SHAPE] = fill_distances(
                    desk.dims, desk.strides[k], first, num_axes, desk.distances[kept]
                )
            shape = desk.functions[k, _SHAPE]
            offset = desk.functions[k, _OFFSET]
            if desk.functions[k, _IS_FACTOR]:
                add_tile(tile, arrays.log_potentials, offset, desk.distances[kept], shape)
            else:
                add_tile(tile, messages, offset, desk.distances[kept], shape)
        reduce_tile(tile, field, out[begin : begin + rows])
        grown = next_digits(desk.digits, desk.dims, first)
        for axis in range(max(0, grown), first):
            shift = 1 if axis == grown else 1 - desk.dims[axis]
            for k in range(noted):
                desk.functions[k, _OFFSET] += shift * desk.strides[k, axis]


@numba.njit(nogil=True, cache=True)
def _choose(
    arrays: Arrays,
    plan: Plan,
    step: int,
    messages: Float64[np.ndarray, " entries"],
    fields: Float64[np.ndarray, " variable_states"],
    assignment: Int32[np.ndarray, " variables"],
    state: UInt64[np.ndarray, " one"],
) -> None:
    variable = plan.order[step]
    first = arrays.state_start[variable]
    states = arrays.num_states[variable]
    values = fields[first : first + states]
    for place in range(plan.used_start[step], plan.used_start[step + 1]):
        function = plan.used[place]
        offset, own = entry_of(arrays, plan, function, variable, assignment)
        if offset < 0:
            continue
        if function < len(arrays.table_start):
            for a in range(states):
                values[a] += arrays.log_potentials[offset + a * own]
        else:
            for a in range(states):
                values[a] += messages[offset + a * own]
    best = values.max()
    start = int(next_uniform(state) * states)
    for k in range(states):
        a = (start + k) % states
        if values[a] >= best - 1e-12:
            assignment[variable] = a
            return
