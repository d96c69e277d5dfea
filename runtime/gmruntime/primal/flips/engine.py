"""Changes of single variables: short annealing runs, then tabu search, from many starts.

The best for dense graphs, where freezing a cutset would leave nothing free.
"""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.primal.terrain import Terrain, terrain_of

# A round's annealing starts between these, in units of the landscape's scale.
LOW, HIGH = 0.02, 1.0

# Sweeps of a round's annealing, and tabu steps for each variable after it.
NUM_SWEEPS_MAX = 300
_TABU_STEPS_PER_VARIABLE = 30


@dataclass(slots=True, eq=False)
class Flips:
    """The engine's state: its best assignment, with rules only penalised."""

    terrain: Terrain
    budget: Budget
    rng: np.random.Generator
    best: Int32[np.ndarray, " variables"] = field(default_factory=lambda: np.zeros(0, np.int32))
    best_score: float = float("-inf")

    @property
    def name(self) -> str:
        """The engine in words."""
        return "annealing and tabu search"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Play rounds until the time is over."""
        from gmruntime.primal.compiled import score

        turn = self.budget.until(seconds)
        arrays = terrain_of(self.terrain).arrays
        if not len(self.best):
            self.best = self.rng.integers(0, arrays.num_states, dtype=np.int32)
            self.best_score = score(arrays, self.best)
        if len(incumbent.assignment) and incumbent.log_score > self.best_score:
            self.best, self.best_score = incumbent.assignment.copy(), incumbent.log_score
        before = self.best_score
        while True:
            self._round(turn.left_s() if seconds > 0.0 else None)
            if turn.is_spent():
                break
        better = self.best_score > before or self.best_score > incumbent.log_score
        return Report(self.best.copy() if better else None)

    def _round(self, left_s: float | None) -> None:
        """Anneal from a random or a disturbed assignment, then let tabu search finish it."""
        from gmruntime.primal.compiled import random_state
        from gmruntime.primal.crossover import recombine
        from gmruntime.primal.flips.tabu import gibbs_sweeps, tabu_steps

        ground = terrain_of(self.terrain)
        arrays, state = ground.arrays, random_state(self.rng)
        n = len(arrays.num_states)
        assignment = self.rng.integers(0, arrays.num_states, dtype=np.int32)
        if self.rng.random() < 0.5:
            kept = self.rng.random(n) > self.rng.uniform(0.02, 0.5)
            assignment = np.where(kept, self.best, assignment).astype(np.int32)
        top = ground.landscape.scale * LOW * (HIGH / LOW) ** self.rng.random()
        num_sweeps = int(10.0 * (NUM_SWEEPS_MAX / 10.0) ** self.rng.random())
        tenure = int(self.rng.integers(3, max(8, min(n, 60))))
        # Both loops scan all states of all variables; a step costs about a nanosecond for each.
        num_steps = _TABU_STEPS_PER_VARIABLE * n
        if left_s is not None:
            step_s = 2e-9 * float(arrays.state_start[-1]) + 1e-7
            num_steps = max(n, min(num_steps, int(max(left_s, 0.01) / step_s)))
        gibbs_sweeps(arrays, assignment, top * np.linspace(1.0, 0.0, num_sweeps) ** 2, state)
        until = np.zeros(int(arrays.state_start[-1]), np.int64)
        found = self.best.copy()
        found_score = tabu_steps(
            arrays, assignment, found, self.best_score, tenure, num_steps, until, state
        )
        if found_score > self.best_score:
            self.best, self.best_score = found, found_score
        self.best_score += recombine(arrays, self.best, assignment)
