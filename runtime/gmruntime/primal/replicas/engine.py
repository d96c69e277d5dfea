"""Annealing thousands of replicas on a GPU.

Each anneals from a temperature of its own; the best of them are combined with what is known. Not
run by this project's continuous integration, which has no GPU: there the kernels are compiled, and
run on the CPU as plain C++.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.bounds.srmp.gpu import Coloured, coloured
from gmruntime.budget import Budget
from gmruntime.devices import Device, has_gpu, on_gpu
from gmruntime.engine import Incumbent, Report
from gmruntime.primal.replicas import cuda as replicas_cuda
from gmruntime.primal.terrain import Terrain, terrain_of

if TYPE_CHECKING:
    from gmruntime.primal.compiled import Arrays

# Graphs with fewer edges are solved before a GPU is ready.
NUM_EDGES_MIN = 50_000

# Replicas, as many as fit into so many bytes; always whole groups.
_NUM_REPLICAS_MAX, _NUM_BYTES_MAX, _GROUP = 4096, 1 << 28, 32

# Temperatures a replica starts from, in units of the landscape's scale; and those of replicas that
# start from the incumbent, every other one.
LOW, HIGH, WARM = 0.05, 1.0, 0.2

# Sweeps of the first run and of the longest, and those at no temperature that end each run.
_NUM_SWEEPS_FIRST, NUM_SWEEPS_MAX, _NUM_SWEEPS_COLD = 64, 4096, 4

# Launches only queue up: after so many sweeps the device is waited for.
SWEEPS_PER_LOOK = 32

# The factors are added up in so many shares.
_NUM_SHARES = 64

# So many of the best replicas are combined with what is known.
_NUM_COMBINED = 16


def gpu() -> Device:
    """Return the device at hand with the kernels compiled."""
    return on_gpu(replicas_cuda.source(is_double=False))


class Replicas:
    """Copies of a graph's assignment on a device."""

    def __init__(self, parts: Coloured, num_replicas: int, device: Device) -> None:
        """Put a graph with finite tables on the device."""
        self.parts, self.num_replicas, self.device = parts, num_replicas, device
        self.real: Any = np.float64 if device.is_double else np.float32
        flat = parts.flat
        held = (
            flat.num_states.astype(np.int32),
            flat.factor_start.astype(np.int64),
            flat.edge_variable.astype(np.int32),
            flat.edge_factor.astype(np.int32),
            flat.strides.astype(np.int64),
            flat.table_start.astype(np.int64),
            flat.log_potentials.astype(self.real),
            flat.variable_start.astype(np.int64),
            flat.variable_edges.astype(np.int64),
        )
        asarray = device.arrays.asarray
        self.held = tuple(asarray(np.ascontiguousarray(array)) for array in held)
        self.tops: Any = None
        self.assignments: Any = None

    def begin(
        self,
        assignments: Int32[np.ndarray, "variables replicas"],
        tops: Float64[np.ndarray, " replicas"],
    ) -> None:
        """Set the assignments, variables in the graph's own order, and first temperatures, nats."""
        asarray = self.device.arrays.asarray
        self.assignments = asarray(np.ascontiguousarray(assignments[self.parts.order]))
        self.tops = asarray(tops.astype(self.real))

    def sweep(self, seed: int, cooled: float) -> None:
        """Re-draw every variable once, at so much of each replica's first temperature."""
        starts = self.parts.starts
        for c in range(len(starts) - 1):
            begin, end = int(starts[c]), int(starts[c + 1])
            arguments = (
                np.int64(begin),
                np.int64(end),
                np.int64(self.num_replicas),
                np.int64(seed),
                self.real(cooled),
                *self.held,
                self.tops,
                self.assignments,
            )
            self.device.launch("redraw", (end - begin) * self.num_replicas, 1, arguments)

    def scores(self) -> Float64[np.ndarray, " replicas"]:
        """Score every replica; waits for the device."""
        factors, shares = len(self.parts.flat.table_start), _NUM_SHARES
        found = self.device.arrays.empty((shares, self.num_replicas), np.float64)
        _, starts, variables, _, strides, tables, potentials = self.held[:7]
        arguments = (
            np.int64(factors),
            np.int64(shares),
            np.int64(self.num_replicas),
            starts,
            variables,
            strides,
            tables,
            potentials,
            self.assignments,
            found,
        )
        self.device.launch("add_up", shares * self.num_replicas, 1, arguments)
        return np.asarray(self.device.arrays.asnumpy(found)).sum(axis=0)

    def wait(self) -> None:
        """Wait until the device has done what was launched."""
        self.device.arrays.asnumpy(self.assignments[:1, :1])

    def rows(self, which: np.ndarray) -> Int32[np.ndarray, "rows variables"]:
        """Fetch replicas, their variables in the graph's own order."""
        wanted = self.assignments[:, self.device.arrays.asarray(which)]
        sorted_by_colour = np.asarray(self.device.arrays.asnumpy(wanted))
        found = np.empty(sorted_by_colour.shape[::-1], np.int32)
        found[:, self.parts.order] = sorted_by_colour.T
        return found


@dataclass(slots=True, eq=False)
class ReplicaAnnealing:
    """The engine's state: the run it is in the middle of.

    Attributes:
        device: where it runs; None looks for a GPU when it first runs.
    """

    terrain: Terrain
    budget: Budget
    rng: np.random.Generator
    device: Device | None = None
    replicas: Replicas | None = None
    left: list[float] = field(default_factory=list[float])
    num_sweeps: int = _NUM_SWEEPS_FIRST

    @property
    def name(self) -> str:
        """The engine in words."""
        return "replica annealing"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Sweep until the time is over or the replicas have cooled down."""
        turn = self.budget.until(seconds)
        if self.device is None:
            if not has_gpu():
                return Report(finished=True)
            self.device = gpu()
        arrays = terrain_of(self.terrain).arrays
        if self.replicas is None:
            self.replicas = self._place(self.device)
        if not self.left:
            self._begin(self.replicas, arrays, incumbent)
        while self.left:
            for cooled in self.left[:SWEEPS_PER_LOOK]:
                self.replicas.sweep(int(self.rng.integers(1 << 62)), cooled)
            self.left = self.left[SWEEPS_PER_LOOK:]
            if not self.left:
                return Report(self._combined(self.replicas, arrays, incumbent))
            self.replicas.wait()
            if turn.is_spent():
                break
        return Report()

    def _place(self, device: Device) -> Replicas:
        landscape = terrain_of(self.terrain).landscape
        finite = replace(landscape.flat, log_potentials=landscape.log_potentials)
        fits = _NUM_BYTES_MAX // (4 * max(1, len(finite.num_states)))
        num_replicas = max(_GROUP, min(_NUM_REPLICAS_MAX, fits // _GROUP * _GROUP))
        return Replicas(coloured(finite), num_replicas, device)

    def _begin(self, replicas: Replicas, arrays: "Arrays", incumbent: Incumbent) -> None:
        """Start a run: from random assignments and, every other one, from the incumbent."""
        scale = terrain_of(self.terrain).landscape.scale
        shape = (len(arrays.num_states), replicas.num_replicas)
        assignments = self.rng.integers(0, arrays.num_states[:, None], shape, dtype=np.int32)
        tops = scale * LOW * (HIGH / LOW) ** self.rng.random(replicas.num_replicas)
        if len(incumbent.assignment):
            assignments[:, ::2] = incumbent.assignment[:, None]
            tops[::2] *= WARM
        replicas.begin(assignments, tops)
        cooling = np.linspace(1.0, 0.0, self.num_sweeps, endpoint=False) ** 2
        self.left = [*cooling.tolist(), *[0.0] * _NUM_SWEEPS_COLD]
        self.num_sweeps = min(NUM_SWEEPS_MAX, 2 * self.num_sweeps)

    def _combined(
        self,
        replicas: Replicas,
        arrays: "Arrays",
        incumbent: Incumbent,
    ) -> Int32[np.ndarray, " variables"]:
        """Return the best of the incumbent and of the replicas, region by region."""
        from gmruntime.primal.crossover import recombine

        scores = replicas.scores()
        rows = replicas.rows(np.argsort(-scores, kind="stable")[:_NUM_COMBINED])
        best = rows[0].copy()
        if len(incumbent.assignment) and incumbent.log_score > scores.max():
            best = incumbent.assignment.copy()
        for row in rows:
            recombine(arrays, best, row)
        return best
