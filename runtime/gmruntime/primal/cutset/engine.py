"""Bounded-width neighbourhoods: freeze a random cutset, re-draw or re-optimise the rest exactly.

A cycle starts from the best assignment, makes a few moves at a falling temperature and keeps,
region by region, what became better. Which width, temperature and length to use is learned from
what each gained for its time.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.primal.terrain import Terrain, terrain_of

if TYPE_CHECKING:
    from gmruntime.primal.cutset.moves import Plan, Scratch

# Widths in bits; a move at the last takes about a second on a thousand variables.
WIDTHS = (8.0, 12.0, 16.0, 20.0)

# (temperature in units of the landscape's scale, moves) of a cycle. The first is pure ascent.
_HEATS = ((0.0, 1), (0.3, 10), (0.6, 10), (0.9, 25), (0.6, 100))

# Entries of all messages of one move: 128 MB.
NUM_ENTRIES_MAX = 1 << 24

# How far from greedy elimination orders may be, bits.
_ORDER_NOISE = 1.0

# Local cycles move a region of so many variables; larger graphs are always searched by regions.
_REGION_SIZE_MIN, _REGION_SIZE_MAX = 30, 20_000

# A cycle may take such a part of the time the engine has had before.
_CYCLE_SHARE_MAX = 0.1

# A wanderer waits for a gain at least so long.
STUCK_S = 0.3

# How fast an arm's past is forgotten, per cycle; and what one cycle's gain may count for at most,
# in units of the landscape's scale.
MEMORY, _GAIN_MAX = 0.5, 10.0
_WIN_MEMORY = 0.9

# A move may take so many times the turn it is given, and a turn is rarely longer than 0.1 s.
_OVERRUN = 2.0


@dataclass(slots=True, eq=False)
class Arm:
    """A kind of cycle, and what is known of it: its gain per second."""

    bits: float
    heat: float
    num_moves: int
    is_local: bool
    rate: float = float("inf")
    cycles: int = 0
    wins: float = 0.0


@dataclass(slots=True, eq=False)
class Cycle:
    """The cycle under way."""

    arm: Arm
    assignment: Int32[np.ndarray, " variables"]
    temperatures: list[float]
    free: Int32[np.ndarray, " candidates"]
    seconds: float = 0.0


def _arms() -> list[Arm]:
    return [
        Arm(bits, heat, moves, is_local)
        for heat, moves in _HEATS
        for is_local in (False, True)
        for bits in WIDTHS
    ]


@dataclass(slots=True, eq=False)
class Neighbourhoods:
    """The engine's state: its best assignment, the cycle under way, and what it learned.

    One that wanders goes its own way: it takes over nothing, and where it gains no more it gives
    what it has and starts anew, from anywhere.
    """

    terrain: Terrain
    budget: Budget
    rng: np.random.Generator
    wanders: bool = False
    best: Int32[np.ndarray, " variables"] = field(default_factory=lambda: np.zeros(0, np.int32))
    best_score: float = float("-inf")
    arms: list[Arm] = field(default_factory=_arms)
    move_s: dict[tuple[float, bool], float] = field(default_factory=dict[tuple[float, bool], float])
    memory: "tuple[Plan, Scratch] | None" = None
    cycle: Cycle | None = None
    num_cycles: int = 0
    spent_s: float = 0.0
    begun_s: float = 0.0
    gained_s: float = 0.0

    @property
    def name(self) -> str:
        """The engine in words."""
        kind = "wandering" if self.wanders else "bounded-width"
        return f"{kind} neighbourhoods"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Move until the time is over."""
        turn = self.budget.until(seconds)
        before = self._catch_up(incumbent)
        if self.wanders and self._is_stuck():
            return self._start_anew(incumbent)
        while True:
            if self.cycle is None:
                self.cycle = self._begin(seconds)
            self._move(self.cycle, seconds > 0.0)
            if not self.cycle.temperatures:
                self._end(self.cycle)
            if turn.is_spent():
                break
        better = self.best_score > before or self.best_score > incumbent.log_score
        return Report(self.best.copy() if better else None)

    def _catch_up(self, incumbent: Incumbent) -> float:
        """Take over what other engines found, where it is better; return the score then."""
        from gmruntime.primal.compiled import score
        from gmruntime.primal.crossover import recombine
        from gmruntime.primal.cutset.moves import empty_plan

        arrays = terrain_of(self.terrain).arrays
        if self.memory is None:
            self.memory = empty_plan(arrays, 24 * len(arrays.num_states) + 64)
            self.best = self.rng.integers(0, arrays.num_states, dtype=np.int32)
            self.best_score = score(arrays, self.best)
        if len(incumbent.assignment) and not self.wanders:
            if incumbent.log_score > self.best_score:
                own = self.best
                self.best, self.best_score = incumbent.assignment.copy(), incumbent.log_score
                self.best_score += recombine(arrays, self.best, own)
            else:
                self.best_score += recombine(arrays, self.best, incumbent.assignment)
        return self.best_score

    def _is_stuck(self) -> bool:
        """Say whether as long as the climb took, and a while, has passed without a gain."""
        climb_s = self.gained_s - self.begun_s
        return self.cycle is None and self.spent_s - self.gained_s > climb_s + STUCK_S

    def _start_anew(self, incumbent: Incumbent) -> Report:
        """Offer the best combination with the incumbent, and begin from a random assignment."""
        from gmruntime.primal.compiled import score
        from gmruntime.primal.crossover import recombine

        arrays = terrain_of(self.terrain).arrays
        offer = self.best
        if len(incumbent.assignment):
            offer = incumbent.assignment.copy()
            recombine(arrays, offer, self.best)
        self.best = self.rng.integers(0, arrays.num_states, dtype=np.int32)
        self.best_score = score(arrays, self.best)
        self.begun_s = self.gained_s = self.spent_s
        return Report(offer)

    def _begin(self, seconds: float) -> Cycle:
        arm = self._choose(seconds)
        ground = terrain_of(self.terrain)
        top = ground.landscape.scale * arm.heat * self.rng.uniform(0.5, 1.5)
        steps = np.linspace(top, 0.0, arm.num_moves) if arm.num_moves > 1 else np.zeros(1)
        free = self._region() if arm.is_local else np.arange(len(self.best), dtype=np.int32)
        if len(free) > _REGION_SIZE_MAX:
            free = self._region()
        return Cycle(arm, self.best.copy(), [float(step) for step in steps], free)

    def _region(self) -> Int32[np.ndarray, " candidates"]:
        """Choose the surroundings of a random variable; their sizes are of all magnitudes."""
        from gmruntime.primal.compiled import grow_region

        n = len(self.best)
        least, most = min(n, _REGION_SIZE_MIN), min(n, _REGION_SIZE_MAX)
        size = int(least * (most / least) ** self.rng.random())
        arrays = terrain_of(self.terrain).arrays
        return grow_region(arrays, int(self.rng.integers(n)), size)

    def _move(self, cycle: Cycle, timed: bool) -> None:
        from gmruntime.primal.compiled import random_state
        from gmruntime.primal.cutset.elimination import run_plan
        from gmruntime.primal.cutset.moves import make_plan

        assert self.memory is not None
        arrays = terrain_of(self.terrain).arrays
        plan, scratch = self.memory
        state = random_state(self.rng)
        start = self.budget.clock() if timed else 0.0
        bits = cycle.arm.bits
        made = make_plan(
            arrays, cycle.free, bits, NUM_ENTRIES_MAX, _ORDER_NOISE, state, plan, scratch
        )
        run_plan(arrays, plan, made, cycle.assignment, cycle.temperatures.pop(0), state)
        cost = self.budget.clock() - start if timed else 2.0 ** (bits / 4.0)
        kind = (bits, cycle.arm.is_local)
        self.move_s[kind] = 0.5 * (cost + self.move_s.get(kind, cost))
        cycle.seconds += cost

    def _end(self, cycle: Cycle) -> None:
        from gmruntime.primal.compiled import score
        from gmruntime.primal.crossover import recombine

        arrays = terrain_of(self.terrain).arrays
        found = score(arrays, cycle.assignment)
        gain = max(0.0, found - self.best_score)
        if found >= self.best_score:
            # Equally good ones are taken too: a search that never drifts gets stuck on a plateau.
            self.best, self.best_score = cycle.assignment, found
        else:
            gain = recombine(arrays, self.best, cycle.assignment)
            self.best_score += gain
        arm = cycle.arm
        arm.cycles += 1
        # Old wins fade: what helped a climb may do nothing near its top.
        arm.wins = _WIN_MEMORY * arm.wins + (gain > 0.0)
        # Repairing a broken rule gains a penalty's worth: without a cap one such stroke of luck
        # would outshine every later gain.
        capped = min(gain, _GAIN_MAX * terrain_of(self.terrain).landscape.scale)
        rate = capped / max(cycle.seconds, 1e-7)
        arm.rate = rate if arm.cycles == 1 else MEMORY * arm.rate + (1.0 - MEMORY) * rate
        self.num_cycles += 1
        self.spent_s += cycle.seconds
        self.cycle = None
        if gain > 0.0:
            self.gained_s = self.spent_s

    def _choose(self, seconds: float) -> Arm:
        """Choose the arm that gains fastest or, by turns, another: cheap, lucky ones more often."""
        if self.num_cycles < 2:
            return self.arms[0]
        affordable = [arm for arm in self.arms if self._is_affordable(arm, seconds)]
        tried = [arm for arm in affordable if arm.cycles]
        best = max(tried, key=lambda arm: arm.rate)
        if self.num_cycles % 2 and best.rate > 0.0:
            return best
        odds = np.array([(arm.wins + 0.1) / self.cycle_s(arm) for arm in affordable])
        return affordable[int(self.rng.choice(len(affordable), p=odds / odds.sum()))]

    def cycle_s(self, arm: Arm) -> float:
        """Predict a cycle's seconds; an unused width takes twice as long as the one below.

        As long as no region was moved, one is taken to be as large as everything.
        """
        bits, factor = arm.bits, 1.0
        while (bits, arm.is_local) not in self.move_s and bits > WIDTHS[0]:
            bits, factor = WIDTHS[WIDTHS.index(bits) - 1], 2.0 * factor
        move_s = self.move_s.get((bits, arm.is_local))
        if move_s is None:
            move_s = self.move_s.get((bits, False), 0.0)
        return max(1e-6, factor * move_s * arm.num_moves)

    def _is_affordable(self, arm: Arm, seconds: float) -> bool:
        """Say whether one move fits a turn, and the cycle a fraction of the time spent so far."""
        if arm.bits == WIDTHS[0] and arm.num_moves == 1:
            return True
        cost = self.cycle_s(arm)
        if seconds > 0.0 and cost > _OVERRUN * seconds * arm.num_moves:
            return False
        return cost <= _CYCLE_SHARE_MAX * self.spent_s + 0.02
