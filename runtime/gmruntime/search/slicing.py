"""Sliced elimination: the exact engine for what is nearly narrow enough.

A few variables are chosen such that fixing them makes the rest cheap to eliminate; each of their
joint states is one slice, eliminated exactly. The best slice is the best assignment.

Source: Dechter (1990), "Enhancement schemes for constraint processing: backjumping, learning, and
cutset decomposition"; greedy slicing as in Chen et al. (2018), "Classical simulation of
intermediate-size quantum circuits".
"""

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int32

from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph

if TYPE_CHECKING:
    from gmruntime.search.compiled import Arrays
    from gmruntime.search.cutset_kernel import Plan, Scratch

# Entries of the messages of one slice: 256 MB, and about half a second.
SLICE_BITS = 25.0

# Orders tried for each choice of slices; how far from greedy they stray, bits.
NUM_ORDERS = 40
ORDER_NOISE_MAX = 3.0

# More variables than this are not ordered: another engine's work by then.
NUM_VARIABLES_MAX = 200_000

# Sliced variables are sought among the cliques that are this close to the largest, bits.
NEAR_LARGEST_BITS = 3.0

# What one message entry costs, seconds; only to give up on the hopeless before the first slice.
ENTRY_S = 2e-9


@dataclass(slots=True, eq=False)
class SlicedElimination:
    """The engine's state: the order being sought, then the slices that are done."""

    flat: FlatGraph
    budget: Budget
    rng: np.random.Generator
    sliced: list[int] = field(default_factory=list[int])
    plan: "Plan | None" = None
    made: int = 0
    num_entries: float = float("inf")
    memory: "tuple[Arrays, Plan, Scratch] | None" = None
    ready: bool = False
    num_done: int = 0
    best: Int32[np.ndarray, " variables"] = field(default_factory=lambda: np.zeros(0, np.int32))
    best_score: float = float("-inf")

    @property
    def name(self) -> str:
        """The engine in words."""
        return "sliced elimination"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Look for an order, or eliminate slices, until the time is over."""
        del incumbent
        start = perf_counter()
        if len(self.flat.num_states) > NUM_VARIABLES_MAX:
            return Report(finished=True)
        while not self.ready:
            if not self._seek():
                return Report(finished=True)
            if perf_counter() - start >= seconds:
                return Report()
        total = self._num_slices()
        before = self.best_score
        while self.num_done < total:
            slice_start = perf_counter()
            self._eliminate(self.num_done)
            self.num_done += 1
            slice_s = perf_counter() - slice_start
            if seconds > 0.0 and slice_s * (total - self.num_done) > self.budget.left_s():
                return Report(self.best if self.best_score > before else None, finished=True)
            if perf_counter() - start >= seconds:
                break
        if self.num_done < total:
            return Report(self.best if self.best_score > before else None)
        return Report(self.best, self.best_score, finished=True)

    def _num_slices(self) -> int:
        return int(np.prod(self.flat.num_states[self.sliced], dtype=np.int64))

    def _seek(self) -> bool:
        """Find an order for the present slices; say whether it may still come to something."""
        from gmruntime.search.compiled import arrays_of, random_state
        from gmruntime.search.cutset_kernel import empty_plan, make_plan

        n = len(self.flat.num_states)
        if self.memory is None:
            arrays = arrays_of(self.flat, self.flat.log_potentials)
            self.memory = (arrays, *empty_plan(arrays, 64 * n + 64))
        arrays, plan, scratch = self.memory
        outside = np.zeros(n, bool)
        outside[self.sliced] = True
        free = np.flatnonzero(~outside).astype(np.int32)
        state = random_state(self.rng)
        self.num_entries = float("inf")
        for noise in np.linspace(0.0, ORDER_NOISE_MAX, NUM_ORDERS):
            made = make_plan(arrays, free, 60.0, 1 << 61, float(noise), state, plan, scratch)
            entries = float(plan.message_start[made]) if made == len(free) else float("inf")
            if entries < self.num_entries:
                self.plan = type(plan)(*(array.copy() for array in plan))
                self.made, self.num_entries = made, entries
        # Each slice added makes the rest about half as wide at best: the product only grows.
        if self.num_entries * self._num_slices() * ENTRY_S > self.budget.left_s():
            return False
        if self.num_entries <= 2.0**SLICE_BITS:
            self.ready = True
            return True
        self.sliced.append(self._next_sliced())
        return True

    def _next_sliced(self) -> int:
        """Choose the variable that is in most of the largest cliques, for the bits it costs."""
        assert self.plan is not None
        plan, states = self.plan, self.flat.num_states
        starts = plan.clique_start[: self.made + 1]
        entries = np.diff(plan.message_start[: self.made + 1])
        large = entries >= entries.max() / 2.0**NEAR_LARGEST_BITS
        members = plan.clique[: starts[-1]][np.repeat(large, np.diff(starts))]
        members = np.concatenate([members, plan.order[: self.made][large]])
        counts = np.bincount(members, minlength=len(states))
        return int(np.argmax(counts / np.log2(np.maximum(states, 2))))

    def _eliminate(self, index: int) -> None:
        from gmruntime.search.compiled import random_state, score
        from gmruntime.search.elimination_kernel import run_plan

        assert self.plan is not None
        assert self.memory is not None
        arrays = self.memory[0]
        assignment = np.zeros(len(self.flat.num_states), np.int32)
        for variable in self.sliced:
            index, assignment[variable] = divmod(index, int(self.flat.num_states[variable]))
        run_plan(arrays, self.plan, self.made, assignment, 0.0, random_state(self.rng))
        found = score(arrays, assignment)
        if found > self.best_score or not len(self.best):
            self.best, self.best_score = assignment, found
