"""Runs a program over rows on a GPU: one launch for all rows of a batch, all tables on the device.

Not run by this project's continuous integration, which has no GPU: there the kernel is compiled
for one, and compiled as C++ and run on the CPU by these same functions.
"""

from typing import Any

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.devices import Device, free_bytes, on_gpu
from gmruntime.rows.kernels.cuda import source
from gmruntime.rows.kernels.records import Found, Rows, Steps

_SLOTS_MAX = 1 << 16
"""More rows at once than keep any device busy."""

_NO_STATES = np.zeros((0, 0), np.int32)

_MEMORY_SHARE = 0.8


def gpu() -> Device:
    """Return the device at hand with the kernel compiled."""
    return on_gpu(source(), is_double=True)


def slots_of(steps: Steps, num_rows: int) -> int:
    """Return how many rows the device has room for at a time; 0 where for none."""
    room = int(_MEMORY_SHARE * free_bytes() // (16 * (steps.num_entries + len(steps.inner))))
    return min(num_rows, _SLOTS_MAX, room)


def run_on(
    device: Device,
    steps: Steps,
    rows: Rows,
    pool: Float64[np.ndarray, " entries"],
    slots: int,
    *,
    is_support: bool = False,
) -> tuple[Found, Float64[np.ndarray, " entries"]]:
    """Run all rows of a batch.

    Args:
        device: to run on.
        steps: the program.
        rows: of the batch.
        pool: all tables, not logs, none above 1.
        slots: how many rows are run at a time.
        is_support: the tables hold zeros and ones, and only whether Z is above zero matters.

    Returns:
        what was found for each row, and the derivatives of the weighted sum of log Z by each entry
        of the pool.
    """
    arrays: Any = device.arrays
    count = len(rows.weights)

    def sent(array: np.ndarray) -> Any:  # noqa: ANN401
        return arrays.asarray(np.ascontiguousarray(array))

    numbers = (
        steps.sizes,
        steps.axis_start,
        steps.axes,
        steps.inner,
        steps.operand_start,
        steps.given,
        steps.made_by,
        steps.base,
        steps.stride_start,
        steps.strides,
        steps.result_start,
    )
    work = [
        arrays.zeros(max(1, steps.num_entries) * slots),
        arrays.zeros(max(1, steps.num_entries) * slots),
        arrays.zeros(len(steps.inner) * slots),
        arrays.zeros(len(steps.inner) * slots),
        arrays.zeros(max(1, len(pool))),
    ]
    brought = [arrays.zeros(count), sent(np.zeros(count, np.int64)), arrays.zeros(count)]
    arguments = (
        np.int64(count),
        np.int64(slots),
        np.int64(len(steps.inner)),
        np.int64(len(steps.sizes)),
        np.int64(rows.pointers.shape[1]),
        np.int32(is_support),
        *(sent(array.astype(np.int64)) for array in numbers),
        sent(rows.evidence),
        sent(rows.pointers),
        sent(rows.weights),
        sent(pool),
        *work,
        *brought,
    )
    device.launch("run_rows", slots, 1, arguments)
    log_z, failed, loss = (np.array(arrays.asnumpy(array)) for array in brought)
    return Found(log_z, failed, loss, np.zeros((count, 0)), _NO_STATES), np.array(
        arrays.asnumpy(work[-1])
    )
