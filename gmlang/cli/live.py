"""An anytime search shown on the terminal while it runs: value, bound, gap, engine and curve."""

import math
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gmlang.digits import at_most
from gmruntime.answer import Improvement
from gmruntime.budget import now_s

LEVELS = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 40
_QUIET_S = 0.4
"""Searches that end sooner show nothing."""


class LiveSearch:
    """A display that follows one search; what it showed is gone when the search ends."""

    def __init__(self, text: str, budget_s: float) -> None:
        """Begin with nothing found."""
        self.text, self.budget_s = text, budget_s
        self.start_s = now_s()
        self.steps: list[Improvement] = []
        self.live = Live(
            get_renderable=self.render,
            console=Console(stderr=True),
            transient=True,
            refresh_per_second=8,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wipe what was drawn."""
        self.live.stop()

    def follow(self, step: Improvement) -> None:
        """Take an improvement."""
        self.steps.append(step)

    def render(self) -> RenderableType:
        """Draw what is known so far."""
        seconds = now_s() - self.start_s
        if seconds < _QUIET_S:
            return Text("")
        table = Table.grid(padding=(0, 2))
        table.add_row(Text(self.text, style="bold"), f"{seconds:.1f} of {self.budget_s:g} s")
        if not self.steps:
            table.add_row("looking for a first answer", "")
            return table
        last = self.steps[-1]
        table.add_row("log score", f"{last.log_score:.6g}")
        table.add_row("proven bound", _bound_text(last))
        table.add_row("found by", last.engine)
        table.add_row("curve", Text(curve(self.steps, seconds), style="cyan"))
        return table


def _bound_text(step: Improvement) -> str:
    """Write the bound with the gap it leaves."""
    if not math.isfinite(step.log_bound):
        return "none yet"
    gap = step.log_bound - step.log_score
    relative = f", {gap / abs(step.log_score):.2%}" if step.log_score else ""
    shown = f" (gap {gap:.4g} nats{relative})" if math.isfinite(gap) else ""
    return f"{at_most(step.log_bound)}{shown}"


def curve(steps: list[Improvement], seconds: float) -> str:
    """Draw the score against the log of time, lowest to highest seen."""
    known = [(s.seconds, s.log_score) for s in steps if math.isfinite(s.log_score)]
    if not known:
        return ""
    first = max(known[0][0], 1e-3)
    ratio = max(seconds / first, 1.001)
    low, high = known[0][1], known[-1][1]
    marks = ""
    for column in range(_CURVE_WIDTH):
        now = first * ratio ** (column / (_CURVE_WIDTH - 1)) * (1 + 1e-9)
        value = next((v for t, v in reversed(known) if t <= now), low)
        level = (value - low) / (high - low) if high > low else 1.0
        marks += LEVELS[min(len(LEVELS) - 1, int(level * len(LEVELS)))]
    return marks
