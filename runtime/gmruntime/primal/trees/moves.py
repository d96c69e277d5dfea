"""Compiled moves of tree annealing: re-draw a random induced forest given everything else.

In the forest every factor has at most two variables that are free, and no loop, so one pass of
messages towards the roots and one back maximise, or sample, all of it at once.

Source: Hamze and de Freitas (2004), "From fields to trees"; Selby (2014), "Efficient
subgraph-based sampling of Ising-type models with frustration".
"""

import numba
import numpy as np

from gmruntime.arrays import Float64, Int32, UInt64
from gmruntime.compiling import loop
from gmruntime.primal.compiled import Arrays, next_uniform, shuffle


@loop
def _root(parents: Int32[np.ndarray, " variables"], variable: int) -> int:
    while parents[variable] != variable:
        parents[variable] = parents[parents[variable]]
        variable = parents[variable]
    return variable


@loop
def _joins(
    arrays: Arrays,
    variable: int,
    chosen: Int32[np.ndarray, " variables"],
    trees: Int32[np.ndarray, " variables"],
    touched: Int32[np.ndarray, " variables"],
) -> int:
    """List the chosen neighbours of a variable; -1 if it would close a loop.

    A factor of three free variables counts as a loop, and so does meeting one tree twice.
    """
    count = 0
    for position in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
        factor = arrays.edge_factor[arrays.variable_edges[position]]
        mates = 0
        for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
            other = arrays.edge_variable[edge]
            if other == variable or chosen[other] == 0:
                continue
            mates += 1
            if mates == 2:
                return -1
            known = False
            for k in range(count):
                if touched[k] == other:
                    known = True
                    break
            if known:
                continue
            for k in range(count):
                if _root(trees, touched[k]) == _root(trees, other):
                    return -1
            touched[count] = other
            count += 1
    return count


@loop
def _grow_forest(
    arrays: Arrays,
    order: Int32[np.ndarray, " variables"],
    chosen: Int32[np.ndarray, " variables"],
    trees: Int32[np.ndarray, " variables"],
    degree: Int32[np.ndarray, " variables"],
    touched: Int32[np.ndarray, " variables"],
) -> None:
    """Choose variables in the given order while they induce a forest; others are not chosen."""
    for variable in range(len(chosen)):
        trees[variable] = variable
        chosen[variable] = 0
        degree[variable] = 0
    for variable in order:
        count = _joins(arrays, variable, chosen, trees, touched)
        if count < 0:
            continue
        chosen[variable] = 1
        degree[variable] = count
        for k in range(count):
            degree[touched[k]] += 1
            trees[_root(trees, touched[k])] = variable


@loop
def _gather(
    arrays: Arrays,
    variable: int,
    chosen: Int32[np.ndarray, " variables"],
    assignment: Int32[np.ndarray, " variables"],
    fields: Float64[np.ndarray, " variable_states"],
    pair: Float64[np.ndarray, " pair_states"],
) -> int:
    """Add factors that are unary given the rest to the field; sum those with the parent in `pair`.

    `chosen` is 1 for forest variables still waiting, of which the parent is the only one near.
    """
    states = arrays.num_states[variable]
    field = arrays.state_start[variable]
    parent = -1
    for position in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
        own = arrays.variable_edges[position]
        factor = arrays.edge_factor[own]
        entry = arrays.table_start[factor]
        mate = -1
        settled = False
        for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
            other = arrays.edge_variable[edge]
            if other == variable:
                continue
            if chosen[other] == 0:
                entry += arrays.strides[edge] * assignment[other]
            elif chosen[other] == 1:
                mate = edge
            else:
                settled = True
        if settled:
            continue
        step = arrays.strides[own]
        if mate < 0:
            for a in range(states):
                fields[field + a] += arrays.log_potentials[entry + a * step]
            continue
        first = parent < 0
        parent = arrays.edge_variable[mate]
        others = arrays.num_states[parent]
        across = arrays.strides[mate]
        for b in range(others):
            for a in range(states):
                value = arrays.log_potentials[entry + a * step + b * across]
                if first:
                    pair[b * states + a] = value
                else:
                    pair[b * states + a] += value
    return parent


@numba.njit(nogil=True, cache=True)
def _pick(
    values: Float64[np.ndarray, " states"], temperature: float, state: UInt64[np.ndarray, " one"]
) -> int:
    """Draw a state with probability proportional to exp(value / temperature)."""
    best = values.max()
    if temperature <= 0.0:
        start = int(next_uniform(state) * len(values))
        for k in range(len(values)):
            a = (start + k) % len(values)
            if values[a] == best:
                return a
    total = 0.0
    for a in range(len(values)):
        values[a] = np.exp((values[a] - best) / temperature)
        total += values[a]
    left = next_uniform(state) * total
    for a in range(len(values)):
        left -= values[a]
        if left <= 0.0:
            return a
    return len(values) - 1


@loop
def _message(
    row: Float64[np.ndarray, " states"],
    fields: Float64[np.ndarray, " states"],
    temperature: float,
) -> float:
    best = -np.inf
    for a in range(len(row)):
        value = row[a] + fields[a]
        if value > best:
            best = value
    if temperature <= 0.0:
        return best
    total = 0.0
    for a in range(len(row)):
        total += np.exp((row[a] + fields[a] - best) / temperature)
    return best + temperature * np.log(total)


@numba.njit(nogil=True, cache=True)
def forest_sweeps(
    arrays: Arrays,
    assignment: Int32[np.ndarray, " variables"],
    order: Int32[np.ndarray, " free"],
    temperatures: Float64[np.ndarray, " sweeps"],
    state: UInt64[np.ndarray, " one"],
) -> None:
    """Re-draw one random forest for each temperature; 0 maximises.

    Args:
        arrays: the graph.
        assignment: is changed.
        order: the variables that may be; it is permuted.
        temperatures: of the sweeps.
        state: of the random numbers.
    """
    count = len(arrays.num_states)
    most = 1
    for variable in range(count):
        most = max(most, arrays.num_states[variable])
    chosen = np.zeros(count, np.int32)
    trees = np.zeros(count, np.int32)
    degree = np.zeros(count, np.int32)
    work = np.zeros(count, np.int32)
    parent_of = np.zeros(count, np.int32)
    fields = np.zeros(arrays.state_start[-1])
    pair = np.zeros(most * most)
    values = np.zeros(most)
    for temperature in temperatures:
        shuffle(order, state)
        _grow_forest(arrays, order, chosen, trees, degree, work)
        fields[:] = 0.0
        num_done = 0
        for variable in order:
            if chosen[variable] == 1 and degree[variable] <= 1:
                work[num_done] = variable
                num_done += 1
        position = 0
        while position < num_done:
            variable = work[position]
            position += 1
            parent = _gather(arrays, variable, chosen, assignment, fields, pair)
            chosen[variable] = 2
            parent_of[variable] = parent
            if parent < 0:
                continue
            states = arrays.num_states[variable]
            own = fields[arrays.state_start[variable] : arrays.state_start[variable + 1]]
            target = arrays.state_start[parent]
            for b in range(arrays.num_states[parent]):
                row = pair[b * states : (b + 1) * states]
                fields[target + b] += _message(row, own, temperature)
            degree[parent] -= 1
            if degree[parent] == 1:
                work[num_done] = parent
                num_done += 1
        for k in range(num_done - 1, -1, -1):
            variable = work[k]
            states = arrays.num_states[variable]
            own = fields[arrays.state_start[variable] : arrays.state_start[variable + 1]]
            values[:states] = own
            if parent_of[variable] >= 0:
                _add_parent(arrays, variable, int(parent_of[variable]), assignment, chosen, values)
            assignment[variable] = _pick(values[:states], temperature, state)
            chosen[variable] = 0


@loop
def _add_parent(
    arrays: Arrays,
    variable: int,
    parent: int,
    assignment: Int32[np.ndarray, " variables"],
    chosen: Int32[np.ndarray, " variables"],
    values: Float64[np.ndarray, " states"],
) -> None:
    """Add the factors shared with the parent, whose state is known by now."""
    for position in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
        own = arrays.variable_edges[position]
        factor = arrays.edge_factor[own]
        entry = arrays.table_start[factor]
        shared = False
        for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
            other = arrays.edge_variable[edge]
            if other == variable:
                continue
            shared = shared or other == parent
            entry += arrays.strides[edge] * assignment[other]
        if shared:
            for a in range(arrays.num_states[variable]):
                values[a] += arrays.log_potentials[entry + a * arrays.strides[own]]
