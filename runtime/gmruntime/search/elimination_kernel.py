"""Compiled max-elimination along a plan: the best states of all free variables at once.

With noise of the extreme-value kind on every state it draws near-samples instead: maximising a
perturbed score, a move at a temperature.

Source: Dechter (1999), "Bucket elimination"; Papandreou and Yuille (2011), "Perturb-and-MAP
random fields".
"""

import numba
import numpy as np
from jaxtyping import Float64, Int32, Int64, UInt64

from gmruntime.search.compiled import Arrays, next_uniform
from gmruntime.search.cutset_kernel import Plan


@numba.njit(nogil=True, cache=True)
def _add(
    work: Float64[np.ndarray, " entries"],
    dims: Int64[np.ndarray, " axes"],
    strides: Int64[np.ndarray, " axes"],
    num_axes: int,
    source: Float64[np.ndarray, " source"],
    offset: int,
    digits: Int64[np.ndarray, " axes"],
) -> None:
    """Add a function to a table over more variables; stride 0 repeats it along that axis."""
    last = num_axes - 1
    run = 1
    step = strides[last]
    if step == 0:
        while last >= 0 and strides[last] == 0:
            run *= dims[last]
            last -= 1
    else:
        while last >= 0 and strides[last] == step * run:
            run *= dims[last]
            last -= 1
    size = 1
    for axis in range(num_axes):
        size *= dims[axis]
        digits[axis] = 0
    place = 0
    while place < size:
        if step == 0:
            value = source[offset]
            for k in range(run):
                work[place + k] += value
        elif step == 1:
            for k in range(run):
                work[place + k] += source[offset + k]
        else:
            for k in range(run):
                work[place + k] += source[offset + k * step]
        place += run
        axis = last
        while axis >= 0:
            digits[axis] += 1
            offset += strides[axis]
            if digits[axis] < dims[axis]:
                break
            offset -= strides[axis] * dims[axis]
            digits[axis] = 0
            axis -= 1


@numba.njit(nogil=True, cache=True)
def _spread(
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
        return offset, count
    step = function - num_factors
    stride = 1
    for place in range(plan.clique_start[step + 1] - 1, plan.clique_start[step] - 1, -1):
        other = plan.clique[place]
        strides[axis_of[other]] = stride
        stride *= arrays.num_states[other]
    return plan.message_start[step], plan.clique_start[step + 1] - plan.clique_start[step]


@numba.njit(nogil=True, cache=True)
def _entry(
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
    return offset, own


@numba.njit(nogil=True, cache=True)
def _reduce(
    work: Float64[np.ndarray, " entries"],
    states: int,
    noise: Float64[np.ndarray, " states"],
    out: Float64[np.ndarray, " message"],
) -> None:
    for row in range(len(out)):
        best = -np.inf
        for a in range(states):
            value = work[row * states + a] + noise[a]
            if value > best:
                best = value
        out[row] = best


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
    most = 1
    for step in range(made):
        most = max(most, plan.clique_start[step + 1] - plan.clique_start[step] + 1)
        if temperature > 0.0:
            variable = plan.order[step]
            for k in range(arrays.state_start[variable], arrays.state_start[variable + 1]):
                fields[k] = -temperature * np.log(-np.log(next_uniform(state)))
    messages = np.empty(plan.message_start[made])
    axis_of = np.zeros(len(arrays.num_states), np.int64)
    axes = np.zeros((3, most), np.int64)
    work = np.empty(64)
    for step in range(made):
        work = _send(arrays, plan, step, assignment, fields, messages, axis_of, axes, work)
    for step in range(made - 1, -1, -1):
        _choose(arrays, plan, step, messages, fields, assignment, state)


@numba.njit(nogil=True, cache=True)
def _send(
    arrays: Arrays,
    plan: Plan,
    step: int,
    assignment: Int32[np.ndarray, " variables"],
    fields: Float64[np.ndarray, " variable_states"],
    messages: Float64[np.ndarray, " entries"],
    axis_of: Int64[np.ndarray, " variables"],
    axes: Int64[np.ndarray, "three axes"],
    work: Float64[np.ndarray, " room"],
) -> Float64[np.ndarray, " room"]:
    """Add up a variable's functions and maximise it out; return the room, grown at need."""
    dims, strides, digits = axes[0], axes[1], axes[2]
    num_factors = len(arrays.table_start)
    variable = plan.order[step]
    begin = plan.clique_start[step]
    last = plan.clique_start[step + 1] - begin
    size = 1
    for axis in range(last + 1):
        other = variable if axis == last else plan.clique[begin + axis]
        axis_of[other] = axis
        dims[axis] = arrays.num_states[other]
        size *= dims[axis]
    if size > len(work):
        work = np.empty(2 * size)
    work[:size] = 0.0
    first = arrays.state_start[variable]
    states = arrays.num_states[variable]
    for place in range(plan.used_start[step], plan.used_start[step + 1]):
        function = plan.used[place]
        strides[: last + 1] = 0
        offset, count = _spread(arrays, plan, function, assignment, axis_of, strides)
        if function >= num_factors:
            _add(work, dims, strides, last + 1, messages, offset, digits)
        elif count == 1:
            for a in range(states):
                fields[first + a] += arrays.log_potentials[offset + a * strides[last]]
        else:
            _add(work, dims, strides, last + 1, arrays.log_potentials, offset, digits)
    out = messages[plan.message_start[step] : plan.message_start[step + 1]]
    _reduce(work, states, fields[first : first + states], out)
    return work


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
        offset, own = _entry(arrays, plan, function, variable, assignment)
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
