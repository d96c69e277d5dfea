"""Compiled tabu search: always the best change of one variable, never soon the same one again.

The gain of every change is kept up to date, so a step costs a scan and the changed neighbourhood.

Source: Glover and Laguna (1997), "Tabu search"; Palubeckis (2004), "Multistart tabu search
strategies for the unconstrained binary quadratic optimization problem".
"""

import numba
import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, UInt64
from gmruntime.compiling import loop
from gmruntime.primal.compiled import Arrays, next_uniform


@loop
def _fill_fields(
    arrays: Arrays,
    assignment: Int32[np.ndarray, " variables"],
    fields: Float64[np.ndarray, " variable_states"],
) -> float:
    """Sum for each state of each variable the factors around it, all others held.

    Returns:
        the score of the assignment.
    """
    fields[:] = 0.0
    total = 0.0
    for factor in range(len(arrays.table_start)):
        entry = arrays.table_start[factor]
        begin = arrays.factor_start[factor]
        end = arrays.factor_start[factor + 1]
        for edge in range(begin, end):
            entry += arrays.strides[edge] * assignment[arrays.edge_variable[edge]]
        total += arrays.log_potentials[entry]
        for edge in range(begin, end):
            variable = arrays.edge_variable[edge]
            stride = arrays.strides[edge]
            first = entry - stride * assignment[variable]
            for a in range(arrays.num_states[variable]):
                fields[arrays.state_start[variable] + a] += arrays.log_potentials[
                    first + a * stride
                ]
    return float(total)


@loop
def change(
    arrays: Arrays,
    assignment: Int32[np.ndarray, " variables"],
    fields: Float64[np.ndarray, " variable_states"],
    variable: int,
    new: int,
) -> None:
    """Give a variable a new state and bring the fields of its neighbours up to date."""
    old = assignment[variable]
    for place in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
        own = arrays.variable_edges[place]
        factor = arrays.edge_factor[own]
        begin = arrays.factor_start[factor]
        end = arrays.factor_start[factor + 1]
        if end - begin == 1:
            continue
        entry = arrays.table_start[factor]
        for edge in range(begin, end):
            entry += arrays.strides[edge] * assignment[arrays.edge_variable[edge]]
        shift = (new - old) * arrays.strides[own]
        for edge in range(begin, end):
            if edge == own:
                continue
            other = arrays.edge_variable[edge]
            stride = arrays.strides[edge]
            first = entry - stride * assignment[other]
            target = arrays.state_start[other]
            for a in range(arrays.num_states[other]):
                here = first + a * stride
                fields[target + a] += (
                    arrays.log_potentials[here + shift] - arrays.log_potentials[here]
                )
    assignment[variable] = new


@numba.njit(nogil=True, cache=True)
def tabu_steps(
    arrays: Arrays,
    assignment: Int32[np.ndarray, " variables"],
    best: Int32[np.ndarray, " variables"],
    best_score: float,
    tenure: int,
    num_steps: int,
    until: Int64[np.ndarray, " variable_states"],
    state: UInt64[np.ndarray, " one"],
) -> float:
    """Take steps from `assignment`; `best` is overwritten by anything better on the way.

    Args:
        arrays: the piece.
        assignment: where to start, and where it ends.
        best: the best so far.
        best_score: its score.
        tenure: for how many steps a variable may not go back to a state it left.
        num_steps: how many steps.
        until: for each state of each variable, the step at which it is allowed again.
        state: of the random numbers.

    Returns:
        the score of `best`.
    """
    fields = np.zeros(arrays.state_start[-1])
    current = _fill_fields(arrays, assignment, fields)
    for step in range(1, num_steps + 1):
        gain = -np.inf
        chosen = -1
        chosen_state = 0
        ties = 0
        for variable in range(len(assignment)):
            first = arrays.state_start[variable]
            own = assignment[variable]
            base = fields[first + own]
            for a in range(arrays.num_states[variable]):
                found = fields[first + a] - base
                if a == own or found < gain:
                    continue
                if until[first + a] > step and current + found <= best_score + 1e-9:
                    continue
                if found > gain:
                    ties = 0
                    gain = found
                ties += 1
                if ties == 1 or next_uniform(state) * ties < 1.0:
                    chosen = variable
                    chosen_state = a
        if chosen < 0:
            continue
        first = arrays.state_start[chosen]
        until[first + assignment[chosen]] = step + tenure + int(next_uniform(state) * 10.0)
        change(arrays, assignment, fields, chosen, chosen_state)
        current += gain
        if current > best_score + 1e-9:
            best_score = float(current)
            best[:] = assignment
    return best_score


@numba.njit(nogil=True, cache=True)
def gibbs_sweeps(
    arrays: Arrays,
    assignment: Int32[np.ndarray, " variables"],
    temperatures: Float64[np.ndarray, " sweeps"],
    state: UInt64[np.ndarray, " one"],
) -> None:
    """Visit every variable once for each temperature, re-drawing it given all others."""
    fields = np.zeros(arrays.state_start[-1])
    _fill_fields(arrays, assignment, fields)
    for temperature in temperatures:
        for variable in range(len(assignment)):
            first = arrays.state_start[variable]
            best = -np.inf
            chosen = assignment[variable]
            for a in range(arrays.num_states[variable]):
                value = fields[first + a]
                if temperature > 0.0:
                    value -= temperature * np.log(-np.log(next_uniform(state)))
                if value > best:
                    best = value
                    chosen = a
            if chosen != assignment[variable]:
                change(arrays, assignment, fields, variable, chosen)
