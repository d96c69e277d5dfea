"""Dual ascent as an engine of the anytime search.

TRW-S on pairs; SRMP where factors are wider, or on a GPU where tables are large. When sweeps hardly
help any more, factors around cycles are joined, and SRMP goes on from there.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from gmruntime.bounds.clusters import tighten
from gmruntime.bounds.srmp import host as srmp
from gmruntime.bounds.srmp.gpu import ENTRIES_MIN, ParallelAscent, gpu
from gmruntime.bounds.trws import host as trws
from gmruntime.budget import Budget
from gmruntime.devices import has_gpu
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph

_STALLED = 1e-7
"""A sweep that lowers the bound by less, relative to its size, is the last but a few."""

_STALLED_SWEEPS = 10

_SLOW_SHARE, _SLOW = 1e-3, 1e-5
"""A sweep is slow that closes less of the gap; or, where none is known, of the bound."""

_SLOW_SWEEPS = 3

# Entries of a joined table, in the first round and in the last; each round allows four times more.
_ENTRIES_FIRST, ENTRIES_MAX = 64, 1 << 14

# Of the memory, what all joined tables may take together.
MEMORY_SHARE = 0.1

# Graphs with more factors are swept only; so are those where a round, at so many seconds for each
# factor, would take more than this share of the time left.
NUM_FACTORS_MAX, _FACTOR_S, _ROUND_SHARE = 20_000, 1.5e-4, 0.05

_Joined = tuple[srmp.Wide, srmp.Ascent]


@dataclass(slots=True, eq=False)
class DualAscent:
    """The engine's state: the messages, and for how many sweeps they have hardly helped."""

    flat: FlatGraph
    budget: Budget
    rng: np.random.Generator
    device: str = "cpu"
    messages: trws.Messages | srmp.Ascent | None = None
    sweep: Callable[[], float] | None = None
    wide: srmp.Wide | None = None
    joining: Generator[None, None, _Joined | None] | None = None
    entries_max: int = _ENTRIES_FIRST
    has_joined: bool = False
    is_last: bool = False
    stalled: int = 0
    slow: int = 0
    bound: float = field(default=float("inf"))

    @property
    def name(self) -> str:
        """The engine in words."""
        if self.messages is None:
            return "dual ascent"
        if self.has_joined:
            return "SRMP with clusters"
        return "TRW-S" if isinstance(self.messages, trws.Messages) else "SRMP"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Sweep, or join factors, until the time is over or nothing helps any more."""
        # The budget, and a turn with it, ends early when the search is interrupted.
        turn = self.budget.until(seconds)
        if self.messages is None:
            self._start()
        gap = self.bound - incumbent.log_score
        while True:
            if self.joining is not None:
                finished = self._join()
            else:
                finished = self._sweep(gap, by_clock=seconds > 0.0)
            if finished or turn.is_spent():
                assert self.messages is not None
                return Report(self.messages.assignment.copy(), self.bound, finished)

    def _start(self) -> None:
        self.is_last = len(self.flat.table_start) > NUM_FACTORS_MAX
        is_large = len(self.flat.log_potentials) >= ENTRIES_MIN
        if is_large and self.device != "cpu" and has_gpu():
            parallel = ParallelAscent(self.flat, gpu())
            self.is_last = True
            self.messages, self.sweep = parallel.ascent, parallel.sweep
            return
        if np.diff(self.flat.factor_start).max(initial=0) > 2:
            wide = srmp.lay_out(self.flat)
            self._go_on(wide, srmp.start_ascent(wide))
            return
        pairs = trws.lay_out(self.flat)
        messages = trws.no_messages(pairs)
        self.messages, self.sweep = messages, lambda: trws.sweep_both(pairs, messages)

    def _go_on(self, wide: srmp.Wide, ascent: srmp.Ascent) -> None:
        self.wide, self.messages = wide, ascent
        self.sweep = lambda: srmp.sweep_both(wide, ascent)
        self.stalled = self.slow = 0

    def _sweep(self, gap: float, *, by_clock: bool) -> bool:
        """Sweep once; say whether nothing is left to do."""
        assert self.messages is not None
        assert self.sweep is not None
        before = self.messages.bound
        found = self.sweep()
        self.bound = min(self.bound, found)
        if found == -np.inf:
            return True
        gained = before - found if np.isfinite(before) else np.inf
        size = max(1.0, abs(found))
        self.stalled = self.stalled + 1 if gained <= _STALLED * size else 0
        least = _SLOW_SHARE * gap if np.isfinite(gap) else _SLOW * size
        self.slow = self.slow + 1 if gained <= least else 0
        if self.is_last:
            return self.stalled >= _STALLED_SWEEPS
        if self.slow >= _SLOW_SWEEPS:
            round_s = _FACTOR_S * len(self.flat.table_start)
            if by_clock and round_s > _ROUND_SHARE * self.budget.left_s():
                self.is_last = True
            else:
                self._think_again()
        return False

    def _think_again(self) -> None:
        """Leave pairs for SRMP, and SRMP for joined factors."""
        if self.wide is None:
            wide = srmp.lay_out(self.flat)
            self._go_on(wide, srmp.start_ascent(wide))
            return
        assert isinstance(self.messages, srmp.Ascent)
        taken = self.wide.flat.log_potentials.nbytes - self.flat.log_potentials.nbytes
        total = int(MEMORY_SHARE * self.budget.memory_bytes - taken) // 8
        self.joining = tighten(self.wide, self.messages, self.entries_max, total, self.rng)

    def _join(self) -> bool:
        """Go on joining; False, since sweeps follow."""
        assert self.joining is not None
        try:
            next(self.joining)
        except StopIteration as ended:
            self.joining = None
            is_widest = self.entries_max >= ENTRIES_MAX
            self.entries_max = min(ENTRIES_MAX, 4 * self.entries_max)
            if ended.value is not None:
                self.has_joined = True
                self._go_on(*ended.value)
            elif is_widest:
                self.is_last = True
        return False
