"""Runs batches of rows on a GPU, one launch each."""

from collections.abc import Sequence

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.devices import Device
from gmruntime.rows.kernels.gpu import gpu, run_on, slots_of
from gmruntime.rows.kernels.records import Found, Rows
from gmruntime.rows.running import Asked, Ran, run_batches


def run_batches_on_gpu(
    asked: Sequence[Asked],
    pool: Float64[np.ndarray, " entries"],
    budget: Budget,
    device: Device | None = None,
) -> Ran:
    """Run all batches on a device; what it has no room for is run here.

    Args:
        asked: the batches.
        pool: all tables, not logs, none above 1.
        budget: asked before each launch.
        device: None takes the GPU at hand.
    """
    device = gpu() if device is None else device
    found: list[Found] = []
    total = np.zeros(len(pool))
    is_whole = True
    for one in asked:
        instances = one.batch.instances
        slots = slots_of(one.batch.steps, instances.count)
        if budget.is_spent():
            is_whole = False
            found.append(one.new_found())
            continue
        if not slots:
            here = run_batches([one], pool, budget)
            found.extend(here.found)
            is_whole = is_whole and here.is_whole
            total += here.derivatives
            continue
        rows = Rows(instances.evidence, instances.pointers, one.weights, 0)
        its, derivatives = run_on(device, one.batch.steps, rows, pool, slots)
        found.append(its)
        total += derivatives
    return Ran(tuple(found), total, is_whole)
