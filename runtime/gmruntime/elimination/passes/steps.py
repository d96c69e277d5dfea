"""Runs the steps of a program one after another, each rescaled, compiled."""

import numba
import numpy as np

from gmruntime.elimination.passes.losses import Losses, is_lost
from gmruntime.elimination.passes.program_kernel import Program, run_step, scratch_of


@numba.njit(cache=True, nogil=True)
def _clear(values: np.ndarray, program: Program, step: int) -> None:
    """Prepare the result of a step to be added to, or raised."""
    table = program.results[step]
    out = values[
        program.table_start[table] : program.table_start[table] + program.table_size[table]
    ]
    out[:] = -np.inf if program.is_max[step] else 0.0


@numba.njit(cache=True, nogil=True)
def _settle(values: np.ndarray, program: Program, step: int, floor: float) -> tuple[float, int]:
    """Rescale the result of a step to a largest entry of 1 (log 0).

    Returns:
        The log of what that took out, and 1; or 0 when the largest entry was at most `floor`.
    """
    table = program.results[step]
    out = values[
        program.table_start[table] : program.table_start[table] + program.table_size[table]
    ]
    if out.size == 0:
        return 0.0, 0
    largest = out.max()
    if program.is_max[step]:
        if largest == -np.inf:
            return 0.0, 0
        out -= largest
        return largest, 1
    if largest <= floor:
        return 0.0, 0
    out /= largest
    return np.log(largest), 1


@numba.njit(cache=True, nogil=True)
def run_steps(
    values: np.ndarray, program: Program, first: int, last: int, floor: float, losses: Losses
) -> tuple[float, int]:
    """Run the steps first..last - 1.

    Returns:
        The log of what rescaling took out, and the number of steps run: fewer than asked when a
        result's largest entry was at most `floor`, or too much of it may be lost.
    """
    axis_of, projection_of = scratch_of(program)
    log_constant = 0.0
    for step in range(first, last):
        _clear(values, program, step)
        run_step(values, program, step, 0, 1, axis_of, projection_of)
        taken, done = _settle(values, program, step, floor)
        if done == 0 or is_lost(values, program, step, taken, losses):
            return log_constant, step - first
        log_constant += taken
    return log_constant, last - first


@numba.njit(cache=True, nogil=True)
def run_chosen(
    values: np.ndarray,
    program: Program,
    chosen: np.ndarray,
    floor: float,
    losses: Losses,
    taken: np.ndarray,
) -> int:
    """Run some of the steps, in order; note in `taken` what rescaling each took out.

    Returns:
        how many were run: fewer than asked in the cases of `run_steps`.
    """
    axis_of, projection_of = scratch_of(program)
    for k in range(chosen.size):
        step = chosen[k]
        _clear(values, program, step)
        run_step(values, program, step, 0, 1, axis_of, projection_of)
        amount, done = _settle(values, program, step, floor)
        if done == 0 or is_lost(values, program, step, amount, losses):
            return k
        taken[step] = amount
    return int(chosen.size)
