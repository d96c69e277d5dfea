"""Tree annealing: re-draw random forests at a falling temperature, again and again, more slowly."""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.primal.terrain import Terrain, terrain_of

# Sweeps of the first run; each run has as many again as the one before.
_FIRST_RUN_SWEEPS = 24

# Where a run starts, in units of the landscape's scale: from scratch, and from the incumbent.
_HOT, WARM = 0.6, 0.25


@dataclass(slots=True, eq=False)
class TreeAnnealing:
    """The engine's state: the run it is in the middle of."""

    terrain: Terrain
    budget: Budget
    rng: np.random.Generator
    assignment: Int32[np.ndarray, " variables"] = field(
        default_factory=lambda: np.zeros(0, np.int32)
    )
    temperatures: Float64[np.ndarray, " sweeps"] = field(default_factory=lambda: np.zeros(0))
    num_runs: int = 0
    num_sweeps: int = _FIRST_RUN_SWEEPS

    @property
    def name(self) -> str:
        """The engine in words."""
        return "tree annealing"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Sweep until the time is over or the run has cooled down."""
        from gmruntime.primal.compiled import random_state
        from gmruntime.primal.trees.moves import forest_sweeps

        clock, turn = self.budget.clock, self.budget.until(seconds)
        arrays = terrain_of(self.terrain).arrays
        if not len(self.temperatures):
            self._begin(incumbent)
        state = random_state(self.rng)
        batch = 1
        while len(self.temperatures):
            now = clock()
            batch_temperatures = self.temperatures[:batch]
            self.temperatures = self.temperatures[batch:]
            everything = np.arange(len(arrays.num_states), dtype=np.int32)
            forest_sweeps(arrays, self.assignment, everything, batch_temperatures, state)
            cost = (clock() - now) / len(batch_temperatures)
            left = turn.left_s()
            if left <= 0.0:
                break
            if seconds > 0.0:
                batch = max(1, min(64, int(0.5 * left / max(cost, 1e-7))))
        return Report(None if len(self.temperatures) else self.assignment.copy())

    def _begin(self, incumbent: Incumbent) -> None:
        """Start a run: by turns from a random assignment and from the incumbent."""
        ground = terrain_of(self.terrain)
        flat = ground.landscape.flat
        warm = self.num_runs % 2 == 1 and len(incumbent.assignment) > 0
        if warm:
            self.assignment = incumbent.assignment.copy()
        else:
            self.assignment = self.rng.integers(0, flat.num_states, dtype=np.int32)
        top = (WARM if warm else _HOT) * ground.landscape.scale
        self.temperatures = top * np.linspace(1.0, 0.0, self.num_sweeps)
        self.num_runs += 1
        if self.num_runs % 2 == 0:
            self.num_sweeps *= 2
