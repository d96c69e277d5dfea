"""Flooding on a GPU: graphs of pairs whose variables all have the same number of states.

Not run by this project's continuous integration, which has no GPU: there the kernels are compiled,
and the arrays built here are checked on the CPU.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmruntime.arrays import Float64, Int64, UInt8, rows_by
from gmruntime.budget import Budget
from gmruntime.devices import check_gpu, compiled, free_bytes, gpu_arrays, has_gpu
from gmruntime.factors.kinds import Potts, Table
from gmruntime.messages.gpu.pace import sweep_on_gpu
from gmruntime.messages.kernels.cuda import pairs as cuda
from gmruntime.messages.layout import Layout
from gmruntime.messages.options import BpOptions

# Below this many messages entries a launch costs more than the work.
_NUM_ENTRIES_MIN = 1_000_000

ROWS_MAX = 1 << 15
"""Rows of evidence in one launch."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A layout as the CUDA kernel reads it.

    Attributes:
        rule: which specialisation.
        edge_start: where each variable's edges begin, by variable.
        own_place: for each edge, where the message to its variable lies.
        other_place: where the message to the other end lies.
        parameter_start: where the factor's parameters begin.
        is_first: whether the variable comes first in the factor's table.
        parameters: f for sums, log f for maxima.
    """

    rule: cuda.Rule
    edge_start: Int64[np.ndarray, " variables_and_end"]
    own_place: Int64[np.ndarray, " edges"]
    other_place: Int64[np.ndarray, " edges"]
    parameter_start: Int64[np.ndarray, " edges"]
    is_first: UInt8[np.ndarray, " edges"]
    parameters: Float64[np.ndarray, " entries"]


def plan(layout: Layout) -> Plan | None:
    """Arrange a layout for the GPU; None when a group or a variable does not fit the kernels."""
    kinds = {type(g.kind) for g in layout.groups}
    states = np.unique(layout.num_states)
    fits = len(states) == 1 and 2 <= states[0] <= cuda.NUM_STATES_MAX
    if (
        not fits
        or kinds not in ({Table}, {Potts})
        or any(len(g.states) != 2 for g in layout.groups)
    ):
        return None
    size = int(states[0])
    owner: list[np.ndarray] = []
    own: list[np.ndarray] = []
    other: list[np.ndarray] = []
    starts: list[np.ndarray] = []
    first: list[np.ndarray] = []
    parameters: list[np.ndarray] = []
    offset = 0
    for group in layout.groups:
        values = _parameters(group.kind, layout.is_max)
        count, step = len(group.scopes), 0 if len(values) == 1 else values[0].size
        index = np.arange(count, dtype=np.int64)
        places = [start + size * index for start in group.starts]
        for k in range(2):
            owner.append(group.scopes[:, k].astype(np.int64))
            own.append(places[k])
            other.append(places[1 - k])
            starts.append(offset + step * index)
            first.append(np.full(count, k == 0, np.uint8))
        parameters.append(values.reshape(-1))
        offset += values.size
    edge_start, order = rows_by(np.concatenate(owner), len(layout.num_states))
    return Plan(
        "potts" if kinds == {Potts} else "table",
        edge_start,
        np.concatenate(own)[order],
        np.concatenate(other)[order],
        np.concatenate(starts)[order],
        np.concatenate(first)[order],
        np.concatenate(parameters),
    )


def _parameters(kind: object, is_max: bool) -> np.ndarray:
    match kind:
        case Table():
            logs = kind.log_potentials
            high = logs.max(axis=(1, 2), keepdims=True)
            shifted = logs - np.where(np.isneginf(high), 0.0, high)
            return logs if is_max else np.exp(shifted)
        case Potts():
            return kind.weights if is_max else np.exp(np.minimum(kind.weights, 80.0))
        case _:
            raise AssertionError("plan admits tables and Potts factors only")


def is_worth_it(layout: Layout, options: BpOptions, rows: int = 1) -> bool:
    """Say whether to run on the GPU, as the options allow it and the machine has one."""
    if options.device == "cuda":
        check_gpu()
    if options.device == "cpu" or options.schedule not in ("auto", "flooding") or layout.is_forest:
        return False
    if options.device == "auto" and rows * len(layout.entry) < _NUM_ENTRIES_MIN:
        return False
    return has_gpu()


def num_bytes(layout: Layout, found: Plan, item_bytes: int, rows: int = 1) -> int:
    """Return what the arrays of a run occupy on the device."""
    edges = len(found.own_place)
    reals = rows * (2 * len(layout.entry) + len(layout.unary)) + len(found.parameters)
    return item_bytes * reals + (3 * 8 + 1) * edges + 8 * len(found.edge_start)


def run(
    layout: Layout,
    found: Plan,
    unary: Float64[np.ndarray, "rows entries"],
    start: Float64[np.ndarray, "rows message_entries"],
    budget: Budget,
    options: BpOptions,
    damping: float,
) -> tuple[Float64[np.ndarray, "rows message_entries"], float, int] | None:
    """Flood all rows on the device, as many at a time as it holds.

    None when it lacks the memory for one, or messages contradict each other.

    Returns:
        messages, the largest change of the last sweep, and the number of sweeps.
    """
    item = 8 if options.precision == "float64" else 4
    room_bytes = 0.9 * free_bytes()
    alone = num_bytes(layout, found, item)
    if alone > room_bytes:
        return None
    each = num_bytes(layout, found, item, 2) - alone
    at_once = min(ROWS_MAX, 1 + int((room_bytes - alone) // max(1, each)))
    values = np.empty(start.shape)
    change, num_sweeps = 0.0, 0
    for first in range(0, len(unary), at_once):
        rows = slice(first, first + at_once)
        done = _run_rows(layout, found, unary[rows], start[rows], budget, options, damping)
        if done is None:
            return None
        values[rows] = done[0]
        change, num_sweeps = max(change, done[1]), max(num_sweeps, done[2])
    return values, change, num_sweeps


def _run_rows(
    layout: Layout,
    found: Plan,
    unary: np.ndarray,
    start: np.ndarray,
    budget: Budget,
    options: BpOptions,
    damping: float,
) -> tuple[np.ndarray, float, int] | None:
    cupy = gpu_arrays()
    is_double = options.precision == "float64"
    real: Any = np.float64 if is_double else np.float32
    size = int(layout.num_states[0])
    source = cuda.source(size, found.rule, is_max=layout.is_max, is_double=is_double)
    kernel = compiled(source).get_function("sweep")
    fixed = [
        np.int64(start.shape[1]),
        cupy.asarray(unary.astype(real)),
        *(cupy.asarray(a) for a in (found.edge_start, found.own_place, found.other_place)),
        *(cupy.asarray(a) for a in (found.parameter_start, found.is_first)),
        cupy.asarray(found.parameters.astype(real)),
    ]
    old = cupy.asarray(start.astype(real))
    new = cupy.empty_like(old)
    rows, count = len(unary), len(layout.num_states)
    change, lost = cupy.zeros(rows, np.float32), cupy.zeros(rows, np.int32)
    blocks = -(-count // cuda.variables_per_block(size))

    def sweep(number: int, chance: float) -> None:
        nonlocal old, new
        turn = (real(damping), np.float32(chance), np.uint32(number))
        kernel(
            (blocks, rows),
            (cuda.THREADS_PER_BLOCK,),
            (np.int32(count), *fixed, old, new, *turn, change, lost),
        )
        old, new = new, old

    largest, num_sweeps = sweep_on_gpu(
        sweep, change, budget, options, damping, lambda: bool(lost.any())
    )
    if bool(lost.any()):
        return None
    return cupy.asnumpy(old).astype(np.float64), largest, num_sweeps
