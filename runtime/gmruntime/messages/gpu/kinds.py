"""Flooding on a GPU for factors of any kind and variables of any numbers of states.

The host's side of `kernels.cuda.kinds`; many rows of evidence run side by side. Not run by this
project's continuous integration, which has no GPU: there the kernels are compiled, and run on the
CPU as plain C++.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gmruntime.arrays import Float64, rows_by
from gmruntime.budget import Budget
from gmruntime.devices import free_bytes, on_gpu
from gmruntime.messages.compiled.flat_factors import flat_factors
from gmruntime.messages.gpu.pace import sweep_on_gpu
from gmruntime.messages.gpu.pairs import ROWS_MAX
from gmruntime.messages.kernels import codes
from gmruntime.messages.kernels.cuda import kinds as cuda_kinds
from gmruntime.messages.layout import Layout
from gmruntime.messages.options import BpOptions


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """Where kernels run.

    Attributes:
        arrays: a module with NumPy's names, such as cupy.
        launch: runs a kernel by name for so many items and rows.
        free_bytes: what may be allocated.
    """

    arrays: Any
    launch: Callable[[str, int, int, tuple[Any, ...]], None]
    free_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Flood:
    """What a run on the device brought.

    Attributes:
        values: messages, natural logs.
        residual: the largest change of the last sweep divided by 1 - damping.
        num_sweeps: done.
        lost: rows in which some message would rule out every state.
    """

    values: Float64[np.ndarray, "rows message_entries"]
    residual: float
    num_sweeps: int
    lost: np.ndarray


def gpu(*, is_max: bool, is_double: bool) -> Device:
    """Return the device at hand with the kernels compiled; cupy keeps them on disk."""
    found = on_gpu(cuda_kinds.source(is_max=is_max, is_double=is_double), is_double=is_double)
    return Device(found.arrays, found.launch, free_bytes())


def flood(
    layout: Layout,
    unary: Float64[np.ndarray, "rows entries"],
    start: Float64[np.ndarray, "rows message_entries"],
    budget: Budget,
    options: BpOptions,
    damping: float,
    device: Device,
) -> Flood | None:
    """Flood all rows, as many at a time as the device holds; None when it does not hold one."""
    factors = flat_factors(layout, layout.groups, budget)
    tables = factors.code == codes.TABLE
    if (np.diff(factors.start)[tables] > cuda_kinds.TABLE_ARITY_MAX).any():
        return None
    item = 8 if options.precision == "float64" else 4
    fixed = 8 * (8 * len(factors.code) + 5 * len(factors.places)) + item * len(factors.reals)
    scratch_start = np.cumsum(factors.scratch) - factors.scratch
    each = item * (3 * len(layout.entry) + unary.shape[1] + int(factors.scratch.sum()))
    at_once = min(ROWS_MAX, int((0.8 * device.free_bytes - fixed) // max(1, each)))
    if at_once < 1:
        return None
    values = np.empty(start.shape)
    lost = np.zeros(len(unary), np.bool_)
    residual, num_sweeps = 0.0, 0
    for first in range(0, len(unary), at_once):
        rows = slice(first, first + at_once)
        part = _Part(layout, factors, scratch_start, unary[rows], start[rows], device, options)
        change, sweeps = part.run(budget, options, damping)
        values[rows], lost[rows] = part.messages()
        residual = max(residual, change / (1.0 - damping))
        num_sweeps = max(num_sweeps, sweeps)
    return Flood(values, residual, num_sweeps, lost)


class _Part:
    """Some rows on the device."""

    def __init__(
        self,
        layout: Layout,
        factors: Any,  # noqa: ANN401
        scratch_start: np.ndarray,
        unary: np.ndarray,
        start: np.ndarray,
        device: Device,
        options: BpOptions,
    ) -> None:
        arrays = device.arrays
        self.real: Any = np.float64 if options.precision == "float64" else np.float32
        self.layout, self.device, self.rows = layout, device, len(unary)
        self.num_factors, self.num_edges = len(factors.code), len(factors.places)
        row_start, order = rows_by(factors.variables, len(layout.num_states))
        held = {
            "code": factors.code,
            "start": factors.start,
            "variables": factors.variables,
            "places": factors.places,
            "states": factors.states,
            "int_start": factors.int_start,
            "ints": factors.ints,
            "real_start": factors.real_start,
            "real_stop": factors.real_stop,
            "reals": factors.reals.astype(self.real),
            "scratch_start": scratch_start.astype(np.int64),
            "variable_start": layout.variable_start,
            "row_start": row_start,
            "row_messages": factors.places[order],
        }
        self.held = {name: arrays.asarray(array) for name, array in held.items()}
        self.num_scratch = int(factors.scratch.sum())
        self.scratch = arrays.empty(self.num_scratch * self.rows, dtype=self.real)
        if not layout.is_max:
            high = np.maximum.reduceat(unary, layout.variable_start[:-1], axis=1)
            high = np.where(np.isneginf(high), 0.0, high)
            unary = np.exp(unary - np.repeat(high, layout.num_states, axis=1))
            start = np.exp(start)
        self.unary = arrays.asarray(np.ascontiguousarray(unary, self.real))
        self.heard = arrays.asarray(np.ascontiguousarray(start, self.real))
        self.said = arrays.empty(self.heard.shape, dtype=self.real)
        self.written = arrays.empty(self.heard.shape, dtype=self.real)
        self.change = arrays.zeros(self.rows, dtype=np.float32)
        self.lost = arrays.zeros(self.rows, dtype=np.int32)

    def run(self, budget: Budget, options: BpOptions, damping: float) -> tuple[float, int]:
        """Sweep until the messages settle; return the largest change and the sweeps done."""

        def sweep(number: int, chance: float) -> None:
            self._sweep(number, chance, damping)

        return sweep_on_gpu(sweep, self.change, budget, options, damping)

    def _sweep(self, sweep: int, chance: float, damping: float) -> None:
        held, launch = self.held, self.device.launch
        entries = np.int64(len(self.layout.entry))
        names = ("variables", "places", "states", "variable_start", "row_start", "row_messages")
        arguments = (
            np.int64(self.num_edges),
            entries,
            np.int64(self.unary.shape[1]),
            *(held[name] for name in names),
            self.unary,
            self.heard,
            self.said,
        )
        launch("listen", self.num_edges, self.rows, arguments)
        names = ("code", "start", "places", "states", "int_start", "ints", "real_start")
        arguments = (
            np.int64(self.num_factors),
            entries,
            np.int64(self.num_scratch),
            *(held[name] for name in names),
            *(held[name] for name in ("real_stop", "reals", "scratch_start")),
            self.scratch,
            self.said,
            self.heard,
            self.written,
            self.real(damping),
            np.int32(self.layout.is_max or self.layout.is_forest),
            np.float32(chance),
            np.uint32(sweep),
            self.change,
            self.lost,
        )
        launch("answer", self.num_factors, self.rows, arguments)
        self.heard, self.written = self.written, self.heard

    def messages(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the messages as logs, and the rows that contradict."""
        asnumpy = self.device.arrays.asnumpy
        values = asnumpy(self.heard).astype(np.float64)
        if not self.layout.is_max:
            with np.errstate(divide="ignore"):
                values = np.log(values)
        return values, asnumpy(self.lost) > 0
