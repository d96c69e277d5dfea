"""Compiled elimination along a plan: first sums, then maxima, of weights rather than of logs.

Weights of each message are divided by the largest. What is lost beside it below the range of floats
can only make a move worse than it might be: whatever it finds is scored anew.

Source: Dechter (1999), "Bucket elimination".
"""

from typing import NamedTuple

import numba
import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, UInt32, UInt64
from gmruntime.compiling import loop, next_digits
from gmruntime.primal.compiled import Arrays, next_uniform
from gmruntime.primal.cutset.elimination import entry_of, spread_function
from gmruntime.primal.cutset.moves import Plan
from gmruntime.primal.cutset.tables import TILE_ENTRIES_MAX, fill_distances, first_tile_axis

# Functions of one clique whose distances are kept from tile to tile.
_NUM_KEPT_MAX = 64

# Columns of `Bench.functions`.
_OFFSET, _IS_FACTOR, _SHAPE = 0, 1, 2

# What is less than this has lost digits.
_LEAST = 1e-300

# States this near to the best, relative, are as good.
_TIE = 1e-12


class Bench(NamedTuple):
    """Room to lay out one clique and its functions, and the messages of all."""

    axis_of: Int64[np.ndarray, " variables"]
    dims: Int64[np.ndarray, " axes"]
    digits: Int64[np.ndarray, " axes"]
    strides: Int64[np.ndarray, "functions axes"]
    functions: Int64[np.ndarray, "functions three"]
    distances: UInt32[np.ndarray, "kept tile"]
    tile: Float64[np.ndarray, " tile"]
    fields: Float64[np.ndarray, " variable_states"]
    messages: Float64[np.ndarray, " entries"]


@numba.njit(nogil=True, cache=True)
def run_mixed(
    arrays: Arrays,
    plan: Plan,
    made: int,
    rank: Float64[np.ndarray, " variables"],
    assignment: Int32[np.ndarray, " variables"],
    state: UInt64[np.ndarray, " one"],
) -> bool:
    """Give every variable that is maximised its best state, those summed out first.

    Args:
        arrays: their potentials are weights, not logs.
        plan: of an elimination that has all sums first.
        made: its steps.
        rank: of each variable; -1 where it is maximised.
        assignment: of what does not move; completed in place, ties at random.
        state: of the random numbers.

    Returns:
        whether anything is possible.
    """
    most_axes, most_used, widest = 1, 1, 1
    for step in range(made):
        most_axes = max(most_axes, plan.clique_start[step + 1] - plan.clique_start[step] + 1)
        most_used = max(most_used, plan.used_start[step + 1] - plan.used_start[step])
        widest = max(widest, arrays.num_states[plan.order[step]])
    room = max(TILE_ENTRIES_MAX, widest)
    bench = Bench(
        np.zeros(len(arrays.num_states), np.int64),
        np.zeros(most_axes, np.int64),
        np.zeros(most_axes, np.int64),
        np.zeros((most_used, most_axes), np.int64),
        np.zeros((most_used, 3), np.int64),
        np.zeros((min(most_used, _NUM_KEPT_MAX), room), np.uint32),
        np.zeros(room),
        np.ones(arrays.state_start[-1]),
        np.empty(plan.message_start[made]),
    )
    for step in range(made):
        is_sum = bool(rank[plan.order[step]] >= 0.0)
        if not _send(arrays, plan, step, is_sum, assignment, bench):
            return False
    for step in range(made - 1, -1, -1):
        if rank[plan.order[step]] >= 0.0:
            break
        _choose(arrays, plan, step, assignment, bench, state)
    return True


@loop
def _lay_out(
    arrays: Arrays,
    plan: Plan,
    step: int,
    assignment: Int32[np.ndarray, " variables"],
    bench: Bench,
) -> int:
    """Note the clique's axes and its functions; multiply those of one variable into its field.

    Returns:
        how many functions are noted.
    """
    variable = plan.order[step]
    begin = plan.clique_start[step]
    last = plan.clique_start[step + 1] - begin
    for axis in range(last + 1):
        other = variable if axis == last else plan.clique[begin + axis]
        bench.axis_of[other] = axis
        bench.dims[axis] = arrays.num_states[other]
        bench.digits[axis] = 0
    first = arrays.state_start[variable]
    noted = 0
    for place in range(plan.used_start[step], plan.used_start[step + 1]):
        function = plan.used[place]
        strides = bench.strides[noted]
        strides[: last + 1] = 0
        offset, count = spread_function(arrays, plan, function, assignment, bench.axis_of, strides)
        is_factor = function < len(arrays.table_start)
        if is_factor and count == 1:
            for a in range(arrays.num_states[variable]):
                bench.fields[first + a] *= arrays.log_potentials[offset + a * strides[last]]
            continue
        bench.functions[noted, _OFFSET] = offset
        bench.functions[noted, _IS_FACTOR] = is_factor
        noted += 1
    return noted


@loop
def _send(
    arrays: Arrays,
    plan: Plan,
    step: int,
    is_sum: bool,
    assignment: Int32[np.ndarray, " variables"],
    bench: Bench,
) -> bool:
    """Multiply a variable's functions and take it out, tile by tile; say whether any is left."""
    noted = _lay_out(arrays, plan, step, assignment, bench)
    variable = plan.order[step]
    num_axes = plan.clique_start[step + 1] - plan.clique_start[step] + 1
    out = bench.messages[plan.message_start[step] : plan.message_start[step + 1]]
    states = arrays.num_states[variable]
    begin_field = arrays.state_start[variable]
    field = bench.fields[begin_field : begin_field + states]
    first = first_tile_axis(bench.dims, num_axes)
    size = 1
    for axis in range(first, num_axes):
        size *= bench.dims[axis]
    tile = bench.tile[:size]
    rows = size // states
    for k in range(min(noted, len(bench.distances))):
        bench.functions[k, _SHAPE] = fill_distances(
            bench.dims, bench.strides[k], first, num_axes, bench.distances[k]
        )
    largest = 0.0
    for begin in range(0, len(out), rows):
        tile[:] = 1.0
        for k in range(noted):
            kept = min(k, len(bench.distances) - 1)
            if noted > len(bench.distances) and k >= kept:
                bench.functions[k, _SHAPE] = fill_distances(
                    bench.dims, bench.strides[k], first, num_axes, bench.distances[kept]
                )
            shape = bench.functions[k, _SHAPE]
            offset = bench.functions[k, _OFFSET]
            if bench.functions[k, _IS_FACTOR]:
                _multiply_tile(tile, arrays.log_potentials, offset, bench.distances[kept], shape)
            else:
                _multiply_tile(tile, bench.messages, offset, bench.distances[kept], shape)
        largest = max(largest, _reduce_tile(tile, field, is_sum, out[begin : begin + rows]))
        grown = next_digits(bench.digits, bench.dims, first)
        for axis in range(max(0, grown), first):
            shift = 1 if axis == grown else 1 - bench.dims[axis]
            for k in range(noted):
                bench.functions[k, _OFFSET] += shift * bench.strides[k, axis]
    if largest < _LEAST:
        return False
    scale = 1.0 / largest
    for row in range(len(out)):
        out[row] *= scale
    return True


@loop
def _multiply_tile(
    tile: Float64[np.ndarray, " tile"],
    source: Float64[np.ndarray, " source"],
    offset: int,
    distances: UInt32[np.ndarray, " tile"],
    shape: int,
) -> None:
    """Multiply a tile by a function's part."""
    if shape == 0:
        value = source[offset]
        for k in range(len(tile)):
            tile[k] *= value
    elif shape == 1:
        part = source[offset : offset + len(tile)]
        for k in range(len(part)):
            tile[k] *= part[k]
    else:
        part = source[offset:]
        for k in range(len(tile)):
            tile[k] *= part[distances[k]]


@loop
def _reduce_tile(
    tile: Float64[np.ndarray, " tile"],
    field: Float64[np.ndarray, " states"],
    is_sum: bool,
    out: Float64[np.ndarray, " rows"],
) -> float:
    """Sum or maximise over the last axis, weighed by each state's own field; return the largest."""
    states = len(field)
    largest = 0.0
    for row in range(len(out)):
        total = 0.0
        for a in range(states):
            value = tile[row * states + a] * field[a]
            total = total + value if is_sum else max(total, value)
        out[row] = total
        largest = max(largest, total)
    return largest


@loop
def _choose(
    arrays: Arrays,
    plan: Plan,
    step: int,
    assignment: Int32[np.ndarray, " variables"],
    bench: Bench,
    state: UInt64[np.ndarray, " one"],
) -> None:
    variable = plan.order[step]
    first = arrays.state_start[variable]
    states = arrays.num_states[variable]
    values = bench.fields[first : first + states]
    for place in range(plan.used_start[step], plan.used_start[step + 1]):
        function = plan.used[place]
        offset, own = entry_of(arrays, plan, function, variable, assignment)
        if offset < 0:
            continue
        if function < len(arrays.table_start):
            for a in range(states):
                values[a] *= arrays.log_potentials[offset + a * own]
        else:
            for a in range(states):
                values[a] *= bench.messages[offset + a * own]
    best = 0.0
    for a in range(states):
        best = max(best, values[a])
    start = int(next_uniform(state) * states)
    for k in range(states):
        a = (start + k) % states
        if values[a] >= best * (1.0 - _TIE):
            assignment[variable] = a
            return
