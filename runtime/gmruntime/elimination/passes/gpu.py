"""Runs a program of contractions on a GPU: one launch for each step, all tables on the device.

Not run by this project's continuous integration, which has no GPU: there the kernel is compiled
for one, and compiled as C++ and run on the CPU by these same functions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmruntime.arrays import Int64, row_starts
from gmruntime.budget import Budget
from gmruntime.devices import compiled, free_bytes, gpu_arrays
from gmruntime.elimination.passes import cuda as contraction_cuda
from gmruntime.elimination.passes.losses import LOG_LOOK, Losses, note_loss
from gmruntime.elimination.passes.program_kernel import Program, step_axes

Array = Any
"""An array of the device's module."""

_MEMORY_SHARE = 0.9

_PLACES_MAX = 1 << 9
"""On joined axes: their offsets are read by every thread, and should stay in its cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """What steps are run with.

    Attributes:
        arrays: cupy, or numpy in tests.
        launch: runs the kernel: number of tables, whether it maximises, and the arguments.
    """

    arrays: Any
    launch: Callable[[int, bool, tuple[Any, ...]], None]


def gpu() -> Device:
    """Return the GPU that CuPy chose."""

    def launch(num_tables: int, is_max: bool, arguments: tuple[Any, ...]) -> None:
        threads = contraction_cuda.THREADS_PER_BLOCK
        blocks = int(min(-(-int(arguments[7]) // threads), 1 << 20))
        source = contraction_cuda.source(num_tables, is_max=is_max)
        kernel = compiled(source).get_function("contract")
        kernel((max(blocks, 1),), (threads,), arguments)

    return Device(gpu_arrays(), launch)


def fits_gpu(num_entries: int) -> bool:
    """Say whether the device has room for so many numbers."""
    return 8 * num_entries < _MEMORY_SHARE * free_bytes()


def _joined(axes: list[Int64[np.ndarray, "places tables"]]) -> list[np.ndarray]:
    """Join neighbouring axes, the last running fastest: a thread divides once for each axis."""
    found: list[np.ndarray] = []
    for axis in axes:
        if found and len(found[-1]) * len(axis) <= _PLACES_MAX:
            found[-1] = (found[-1][:, None] + axis).reshape(-1, axis.shape[1])
        else:
            found.append(axis)
    return found


def _stacked(axes: list[np.ndarray], none: np.ndarray) -> np.ndarray:
    """Return the places of all axes one after another; those given where there are no axes."""
    return np.ascontiguousarray(np.concatenate(axes) if axes else none)


def run_steps_on(
    device: Device,
    values: Array,
    program: Program,
    switch: int,
    num_counted: int,
    floor: float,
    budget: Budget | None,
    losses: Losses,
) -> tuple[float, bool]:
    """Run all steps on arrays of the device, in place.

    Args:
        device: to run on.
        values: all tables; those given are filled in.
        program: the steps.
        switch: the first step that maximises after others have summed, else -1.
        num_counted: how many of the first steps' rescaling is counted.
        floor: a sum's result whose largest entry is not above has lost its digits.
        budget: asked before each step.
        losses: of the given tables; filled in.

    Returns:
        the log of what rescaling took out, and whether all steps ran.
    """
    arrays = device.arrays
    log_constant = 0.0
    for step in range(len(program.results)):
        if budget is not None and budget.left_s() <= 0:
            return log_constant, False
        if step == switch:
            with np.errstate(divide="ignore", invalid="ignore"):
                arrays.log(values, out=values)
        is_max = bool(program.is_max[step])
        bases, start, offsets, order, ranks = step_axes(program, step)
        places = [offsets[start[k] : start[k + 1]] for k in order]
        num_apart = int((ranks == 0).sum())
        apart, together = _joined(places[:num_apart]), _joined(places[num_apart:])
        places = apart + together
        if len(places) > contraction_cuda.NUM_AXES_MAX:
            return log_constant, False
        sizes = np.array([len(axis) for axis in places], np.int64)
        table = int(program.results[step])
        begin = int(program.table_start[table])
        out = values[begin : begin + int(program.table_size[table])]
        out[...] = -np.inf if is_max else 0.0
        arguments = (
            values,
            *map(arrays.asarray, (bases, _stacked(places, offsets), row_starts(sizes)[:-1], sizes)),
            np.int32(len(sizes)),
            np.int32(len(apart)),
            np.int64(np.prod(sizes[: len(apart)], dtype=np.int64)),
            np.int64(np.prod(sizes[len(apart) :], dtype=np.int64)),
        )
        if arguments[7] * arguments[8] > 0:
            device.launch(len(bases) - 1, is_max, arguments)
        largest = float(out.max()) if len(out) else -np.inf
        if largest <= (-np.inf if is_max else floor):
            return -np.inf, False
        if is_max:
            out -= largest
        else:
            out /= largest
        taken = largest if is_max else float(np.log(largest))
        if losses.least.size:
            if note_loss(program, step, taken, losses):
                return -np.inf, False
            if losses.least[table] < LOG_LOOK and not is_max:
                losses.least[table] = np.log(float(arrays.where(out > 0.0, out, 1.0).min()))
        if step < num_counted:
            log_constant += taken
    return log_constant, True
