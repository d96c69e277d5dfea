"""Dual ascent as an engine of the anytime search: TRW-S on pairs, SRMP where factors are wider."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from gmruntime.dual import srmp, trws
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph

STALLED = 1e-7
"""A sweep that lowers the bound by less, relative to its size, is the last but a few."""

STALLED_SWEEPS = 10


@dataclass(slots=True, eq=False)
class DualAscent:
    """The engine's state: the messages, and for how many sweeps they have hardly helped."""

    flat: FlatGraph
    messages: trws.Messages | srmp.Ascent | None = None
    sweep: Callable[[], float] | None = None
    stalled: int = 0

    @property
    def name(self) -> str:
        """The engine in words."""
        return "SRMP" if isinstance(self.messages, srmp.Ascent) else "TRW-S"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Sweep until the time is over or the bound has stalled."""
        del incumbent
        start = perf_counter()
        if self.messages is None or self.sweep is None:
            self.messages, self.sweep = _start(self.flat)
        while True:
            before = self.messages.bound
            bound = self.sweep()
            gained = before - bound
            idle = np.isfinite(before) and gained <= STALLED * max(1.0, abs(bound))
            self.stalled = self.stalled + 1 if idle else 0
            finished = bound == -np.inf or self.stalled >= STALLED_SWEEPS
            if finished or perf_counter() - start >= seconds:
                return Report(self.messages.assignment.copy(), bound, finished)


def _start(flat: FlatGraph) -> tuple[trws.Messages | srmp.Ascent, Callable[[], float]]:
    if np.diff(flat.factor_start).max(initial=0) > 2:
        wide = srmp.lay_out(flat)
        ascent = srmp.start_ascent(wide)
        return ascent, lambda: srmp.sweep_both(wide, ascent)
    pairs = trws.lay_out(flat)
    messages = trws.no_messages(pairs)
    return messages, lambda: trws.sweep_both(pairs, messages)
