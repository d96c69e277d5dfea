"""Bounded-width neighbourhoods: freeze a random cutset and re-optimise the rest exactly.

How wide the neighbourhood may be is learned from what each width gained for its time.
"""

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int32

from gmruntime.engine import Incumbent, Report
from gmruntime.search.terrain import Terrain, terrain_of

if TYPE_CHECKING:
    from gmruntime.search.cutset_kernel import Plan, Scratch

# Widths in bits; a move at the last takes about a second.
WIDTHS = (8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0)

# Entries of all messages of one move: 128 MB.
NUM_ENTRIES_MAX = 1 << 24

# How far from greedy elimination orders may be, bits.
ORDER_NOISE = 1.0

# A move may take so many times the turn it is given.
OVERRUN = 2.0


@dataclass(slots=True, eq=False)
class Width:
    """What is known of moves of one width: gain per second, and seconds per move."""

    bits: float
    rate: float = float("inf")
    move_s: float = 0.0
    moves: int = 0


@dataclass(slots=True, eq=False)
class Neighbourhoods:
    """The engine's state: where it stands, and what it learned about widths."""

    terrain: Terrain
    rng: np.random.Generator
    assignment: Int32[np.ndarray, " variables"] = field(
        default_factory=lambda: np.zeros(0, np.int32)
    )
    log_score: float = float("-inf")
    widths: list[Width] = field(default_factory=lambda: [Width(bits) for bits in WIDTHS])
    memory: "tuple[Plan, Scratch] | None" = None
    num_moves: int = 0

    @property
    def name(self) -> str:
        """The engine in words."""
        return "bounded-width neighbourhoods"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Move until the time is over."""
        from gmruntime.search.compiled import score
        from gmruntime.search.cutset_kernel import empty_plan

        start = perf_counter()
        arrays = terrain_of(self.terrain).arrays
        if self.memory is None:
            n = len(arrays.num_states)
            self.memory = empty_plan(arrays, 24 * n + 64)
            self.assignment = self.rng.integers(0, arrays.num_states, dtype=np.int32)
            self.log_score = score(arrays, self.assignment)
        if len(incumbent.assignment) and incumbent.log_score > self.log_score:
            self.assignment = incumbent.assignment.copy()
            self.log_score = incumbent.log_score
        before = self.log_score
        while True:
            self._move(seconds)
            if perf_counter() - start >= seconds:
                break
        improved = self.log_score > before or self.log_score > incumbent.log_score
        return Report(self.assignment.copy() if improved else None)

    def _move(self, seconds: float) -> None:
        from gmruntime.search.compiled import random_state, score
        from gmruntime.search.cutset_kernel import make_plan
        from gmruntime.search.elimination_kernel import run_plan

        assert self.memory is not None
        arrays = terrain_of(self.terrain).arrays
        plan, scratch = self.memory
        width = self._width(seconds)
        state = random_state(self.rng)
        start = perf_counter()
        free = np.arange(len(arrays.num_states), dtype=np.int32)
        made = make_plan(
            arrays, free, width.bits, NUM_ENTRIES_MAX, ORDER_NOISE, state, plan, scratch
        )
        run_plan(arrays, plan, made, self.assignment, 0.0, state)
        found = score(arrays, self.assignment)
        cost = perf_counter() - start if seconds > 0.0 else 2.0 ** (width.bits / 2.0)
        gain = max(0.0, found - self.log_score)
        self.log_score = found
        self.num_moves += 1
        width.moves += 1
        rate = gain / max(cost, 1e-7)
        width.rate = rate if width.moves == 1 else 0.7 * width.rate + 0.3 * rate
        width.move_s = cost

    def _width(self, seconds: float) -> Width:
        """Choose a width: the one that gains fastest, or now and then any that is affordable."""
        known = [width for width in self.widths if width.moves]
        affordable = [
            width
            for width in known
            if seconds <= 0.0 or width.move_s <= OVERRUN * seconds or width is known[0]
        ]
        if not known:
            return self.widths[0]
        widest = known[-1]
        stuck = max(width.rate for width in affordable) <= 0.0
        if stuck or self.num_moves % 4 == 3:
            if len(known) < len(self.widths) and (
                seconds <= 0.0 or widest.move_s * 3.0 <= OVERRUN * seconds
            ):
                return self.widths[len(known)]
            return affordable[int(self.rng.integers(len(affordable)))]
        return max(affordable, key=lambda width: width.rate)
