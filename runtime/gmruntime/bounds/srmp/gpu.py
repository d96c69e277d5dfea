"""SRMP on a GPU: the messages are found there, the bound is added up here.

Any messages give a bound, so single precision will do for them; what is called certified is
computed from them in float64 on the CPU. Not run by this project's continuous integration, which
has no GPU: there the kernel is compiled, and run on the CPU as plain C++.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmruntime.arrays import Int32, Int64, row_starts
from gmruntime.bounds.srmp import cuda as srmp_cuda
from gmruntime.bounds.srmp import host as srmp
from gmruntime.devices import Device, on_gpu
from gmruntime.flat import FlatGraph, linked

SWEEPS_PER_LOOK = 16
"""Sweeps forward and backward between two bounds, each of which fetches the messages."""

ENTRIES_MIN = 1 << 21
"""With fewer entries in all tables the CPU's sequential sweeps are quicker."""


@dataclass(frozen=True, slots=True, eq=False)
class Coloured:
    """A graph whose variables are sorted by colour.

    Attributes:
        flat: the graph, renumbered.
        order: the variable of the original graph at each place.
        starts: where each colour begins, and the number of variables.
    """

    flat: FlatGraph
    order: Int32[np.ndarray, " variables"]
    starts: Int64[np.ndarray, " colours_and_end"]


def coloured(flat: FlatGraph) -> Coloured:
    """Colour the variables so that no factor holds two of one colour, greedily."""
    from gmruntime.bounds.srmp.compiled import colour

    colours = np.full(len(flat.num_states), -1, np.int64)
    room = np.full(len(flat.num_states) + 1, -1, np.int64)
    colour(
        flat.variable_start,
        flat.variable_edges,
        flat.edge_factor,
        flat.factor_start,
        flat.edge_variable,
        colours,
        room,
    )
    order = np.argsort(colours, kind="stable").astype(np.int32)
    renumbered = _renumber(flat, order)
    return Coloured(renumbered, order, row_starts(np.bincount(colours)))


def _renumber(flat: FlatGraph, order: Int32[np.ndarray, " variables"]) -> FlatGraph:
    """Return the same graph with its variables in another order."""
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return linked(
        flat.num_states[order],
        place[flat.edge_variable],
        flat.edge_factor,
        flat.strides,
        flat.table_start,
        flat.log_potentials,
        flat.log_constant,
    )


def gpu() -> Device:
    """Return the device at hand with the kernel compiled."""
    return on_gpu(srmp_cuda.source(is_double=False))


class ParallelAscent:
    """SRMP whose messages lie on a device."""

    def __init__(self, flat: FlatGraph, device: Device) -> None:
        """Put a graph and messages that say nothing on the device."""
        self.parts = coloured(flat)
        self.wide = srmp.lay_out(self.parts.flat)
        self.ascent = srmp.start_ascent(self.wide)
        self.device = device
        arrays = device.arrays
        self.real: Any = np.float64 if device.is_double else np.float32
        # In the order of the kernel's parameters, which is that of the record.
        num_states, *others = self.wide.net
        others += [self.ascent.messages, np.empty(len(self.wide.net.unary))]
        held = [num_states.astype(np.int32), *map(self._as_kernel_takes, others)]
        self.held = tuple(arrays.asarray(array) for array in held)

    def _as_kernel_takes(self, array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array, self.real if array.dtype.kind == "f" else np.int64)

    def sweep(self, count: int = SWEEPS_PER_LOOK) -> float:
        """Sweep forward and backward so often; return the certified bound."""
        starts = self.parts.starts
        colours = range(len(starts) - 1)
        for _ in range(count):
            for backward in (False, True):
                for c in reversed(colours) if backward else colours:
                    begin, end = int(starts[c]), int(starts[c + 1])
                    arguments = (
                        np.int64(begin),
                        np.int64(end),
                        np.int32(backward),
                        self.real(self.wide.floor),
                        *self.held,
                    )
                    self.device.launch("visit", end - begin, 1, arguments)
        asnumpy = self.device.arrays.asnumpy
        self.ascent.messages = np.array(asnumpy(self.held[-2]), np.float64)
        self._decode()
        return srmp.certify(self.wide, self.ascent)

    def _decode(self) -> None:
        """Choose each variable's best state by what it knows now."""
        wide, messages = self.wide, self.ascent.messages
        total = wide.net.unary.copy()
        sizes = wide.flat.num_states[wide.net.edge_variable].astype(np.int64)
        edge = np.repeat(np.arange(len(sizes)), sizes)
        state = np.arange(len(edge)) - np.repeat(wide.net.message_start[:-1], sizes)
        np.add.at(total, wide.net.unary_start[wide.net.edge_variable[edge]] + state, messages)
        owner = np.repeat(np.arange(len(wide.flat.num_states)), wide.flat.num_states)
        best = np.lexsort((-total, owner))[wide.net.unary_start[:-1]] - wide.net.unary_start[:-1]
        self.ascent.assignment[self.parts.order] = best
