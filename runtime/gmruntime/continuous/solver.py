"""The rows of one patch, solved in one state of its border after another."""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.sparse import kernels
from gmruntime.continuous.sparse.records import Numbers, Room
from gmruntime.continuous.sparse.structure import Structure
from gmruntime.continuous.system import NotProperError, System

_STEPS_AT_ONCE = 1 << 22
"""Between two looks at the clock: some milliseconds."""


@dataclass(slots=True, eq=False)
class Solver:
    """A patch in one state of its border.

    Arrays that are handed in and out are in the order of the patch's reals.

    Attributes:
        system: the rows.
        structure: of their elimination.
        state: the one that is solved; -1 before.
        log_value: of the integral in that state, nats.
    """

    system: System
    structure: Structure
    state: int = -1
    log_value: float = -np.inf
    _room: Room = field(init=False, repr=False)
    _numbers: Numbers = field(init=False, repr=False)
    _sizes: Int64[np.ndarray, " border"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make room."""
        count, border = self.structure.num_reals, len(self.system.sizes)
        self._room = Room(
            np.zeros(len(self.structure.lower.rows)),
            np.ones(count),
            np.zeros(count, np.int64),
            np.zeros(count),
            np.zeros(count),
            np.zeros(count),
            np.zeros(border, np.int64),
            np.zeros(4),
        )
        # Several patches of one look may share nothing that is written.
        numbers = self.system.numbers
        self._numbers = Numbers(*(array.copy() for array in numbers)) if border else numbers
        self._sizes = np.array(self.system.sizes, np.int64)

    def integrate(
        self, budget: Budget, is_skipped: Bool[np.ndarray, " states"] | None = None
    ) -> Float64[np.ndarray, " states"]:
        """Return the log of the integral in each state of the border, nats.

        Args:
            budget: of time.
            is_skipped: states that need no number; they get -inf.

        Raises:
            NotProperError: in a state that is not forbidden.
            TimeoutError: when there is no time left.
        """
        logs = np.full(self.system.num_states, -np.inf)
        if self.system.log_constant == -np.inf:
            return logs
        steps = self.structure.num_steps + len(self._numbers.coefficients)
        at_once = _STEPS_AT_ONCE // (4 * steps)
        if at_once < 2 or len(logs) == 1 or is_skipped is not None:
            for state in range(len(logs)):
                if is_skipped is not None and is_skipped[state]:
                    continue
                self.go_to(state, budget)
                logs[state] = self.log_value
            return logs
        structure, self.state = self.structure, -1
        for first in range(0, len(logs), at_once):
            budget.check()
            failed = kernels.integrate_states(
                structure.incidence,
                structure.lower,
                self._numbers,
                self.system.moving,
                self._room,
                self._sizes,
                logs[first : first + at_once],
                first,
            )
            if failed >= 0:
                ahead, pivot = divmod(failed, structure.num_reals)
                raise NotProperError(first + ahead, int(structure.order[pivot]))
        return logs + self.system.log_constant

    def go_to(self, state: int, budget: Budget) -> None:
        """Solve in one state of the border.

        Raises:
            NotProperError: in a state that is not forbidden.
            TimeoutError: when there is no time left.
        """
        if state == self.state:
            return
        budget.check()
        incidence, lower = self.structure.incidence, self.structure.lower
        self.state, self.log_value = -1, -np.inf
        kernels.set_digits(self._sizes, state, self._room)
        log_scale = self.system.log_constant + kernels.load(
            self.system.moving, incidence.row_start, self._numbers, self._room
        )
        if log_scale > -np.inf:
            for first, last in self.structure.spans:
                budget.check()
                pivot = kernels.factor(incidence, lower, self._numbers, self._room, first, last)
                if pivot >= 0:
                    kernels.forget(self._room)
                    raise NotProperError(state, int(self.structure.order[pivot]))
            log = kernels.find_mean(incidence, lower, self._numbers, self._room)
            self.log_value = log_scale + log
        self.state = state

    def mean(self) -> Float64[np.ndarray, " reals"]:
        """Return the mean in the state that is solved."""
        return self._room.mean[self.structure.place]

    def solve(self, values: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " reals"]:
        """Return the covariances of all reals with a weighted sum of them."""
        ordered = values[self.structure.order]
        kernels.solve(self.structure.lower, self._room, ordered)
        return ordered[self.structure.place]

    def variances(self, budget: Budget) -> Float64[np.ndarray, " reals"]:
        """Return the variance of each real.

        Raises:
            TimeoutError: when there is no time left.
        """
        count = self.structure.num_reals
        inverse, variances = np.empty(len(self._room.lower)), np.empty(count)
        places = np.full(count, -1, np.int64)
        for first, last in reversed(self.structure.spans):
            budget.check()
            kernels.invert(
                self.structure.lower, self._room, inverse, variances, places, first, last
            )
        return variances[self.structure.place]

    def spread(self, noise: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " reals"]:
        """Return a draw of the reals, made of independent normal noise of sd 1."""
        drawn = noise / np.sqrt(self._room.diagonal)
        kernels.finish(self.structure.lower, self._room, drawn)
        return (drawn + self._room.mean)[self.structure.place]
