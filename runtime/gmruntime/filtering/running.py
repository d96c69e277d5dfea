"""Steps that run one after another: what is believed is kept from call to call."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.filtering.planning import Planned, laid_out
from gmruntime.filtering.records import Operations, Tables


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """The joint distribution that a step leaves; its numbers need not sum to one."""

    plain: Float64[np.ndarray, " states"]
    logs: Float64[np.ndarray, " states"]
    has_plain: bool
    has_logs: bool
    shift: float


NOTHING = Belief(np.ones(1), np.zeros(1), has_plain=True, has_logs=True, shift=0.0)
"""What is believed before the first step."""


@dataclass(slots=True, eq=False)
class Runner:
    """Steps that are known, and the belief that the last one left.

    Attributes:
        steps: their operations; more may be added.
        belief: what the last step left; None while it lies in the tables.
        last: the step that ran last, since they were laid out; -1 before.
    """

    steps: list[Planned] = field(default_factory=list[Planned])
    belief: Belief | None = NOTHING
    last: int = -1
    _laid_out: tuple[Operations, Tables] | None = None

    def add(self, step: Planned) -> int:
        """Add a step, and return its number."""
        self._take_out()
        self.steps.append(step)
        return len(self.steps) - 1

    def forget(self) -> None:
        """Forget all steps, not what is believed."""
        self._take_out()
        self.steps.clear()

    def left(self) -> Belief:
        """Return what is believed."""
        if self.belief is not None:
            return self.belief
        assert self._laid_out is not None
        operations, tables = self._laid_out
        after = int(operations.tables[self.last, 1])
        part = slice(int(tables.start[after]), int(tables.start[after + 1]))
        return Belief(
            tables.plain[part].copy(),
            tables.logs[part].copy(),
            bool(tables.has_plain[after]),
            bool(tables.has_logs[after]),
            float(tables.shift[after]),
        )

    def _take_out(self) -> None:
        self.belief = self.left()
        self.last, self._laid_out = -1, None

    def run(
        self,
        which: Int64[np.ndarray, " steps"],
        seen: Int32[np.ndarray, "steps seen"],
        log_gains: Float64[np.ndarray, "steps 2"],
        found: Float64[np.ndarray, " entries"],
        width: int,
    ) -> None:
        """Run steps; the arguments are those of `run_steps`."""
        from gmruntime.filtering.compiled import run_steps

        if self._laid_out is None:
            self._laid_out = laid_out(self.steps)
        operations, tables = self._laid_out
        if self.belief is not None:
            self._put_in(int(operations.tables[which[0], 0]), tables, self.belief)
        run_steps(operations, tables, which, seen, self.last, log_gains, found, width)
        self.last, self.belief = int(which[-1]), None

    def _put_in(self, table: int, tables: Tables, belief: Belief) -> None:
        part = slice(int(tables.start[table]), int(tables.start[table + 1]))
        tables.plain[part], tables.logs[part] = belief.plain, belief.logs
        tables.has_plain[table], tables.has_logs[table] = belief.has_plain, belief.has_logs
        tables.shift[table] = belief.shift


def run_once(
    step: Planned, belief: Belief, seen: Sequence[int], width: int
) -> tuple[float, Float64[np.ndarray, " entries"]]:
    """Run one step after a belief, which stays as it is.

    Returns:
        by how much log Z grows, and what is wanted.
    """
    runner = Runner([step], belief)
    gains, found = np.zeros((1, 2)), np.zeros(width)
    runner.run(np.zeros(1, np.int64), np.array([seen], np.int32), gains, found, width)
    return float(gains[0, 0]), found
