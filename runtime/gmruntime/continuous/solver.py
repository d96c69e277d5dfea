"""The rows of one patch, solved in one state of its border after another."""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.sparse import careful, kernels
from gmruntime.continuous.sparse.records import Numbers, PairedRoom, Room
from gmruntime.continuous.sparse.structure import Structure
from gmruntime.continuous.system import NotProperError, System

_STEPS_AT_ONCE = 1 << 22
"""Between two looks at the clock: some milliseconds."""


@dataclass(slots=True, eq=False)
class Solver:
    """A patch in one state of its border.

    Arrays that are handed in and out are in the order of the patch's reals. Where rounding would
    spoil a pivot the state is solved once more with twice as many digits.

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
    _paired: PairedRoom | None = None
    _is_careful: bool = False
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
        )
        # Rows that depend on the border are overwritten in each of its states.
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
        at_once = max(1, _STEPS_AT_ONCE // (4 * steps))
        state = 0
        while state < len(logs):
            if at_once > 1 and is_skipped is None:
                budget.check()
                state += self._integrate(state, logs[state : state + at_once])
            # One by one: what takes long, what is lost in rounding, and what comes last.
            if state < len(logs):
                if is_skipped is None or not is_skipped[state]:
                    self.go_to(state, budget)
                    logs[state] = self.log_value
                state += 1
        return logs

    def _integrate(self, first: int, logs: Float64[np.ndarray, " states"]) -> int:
        """Integrate in some states; return how many there were before one that is lost."""
        self.state = -1
        num_done = kernels.integrate_states(
            self.structure.incidence,
            self.structure.lower,
            self._numbers,
            self.system.moving,
            self._room,
            self._sizes,
            logs,
            first,
        )
        logs += self.system.log_constant
        return num_done

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
        self.state, self.log_value, self._is_careful = -1, -np.inf, False
        kernels.set_digits(self._sizes, state, self._room)
        log_scale = self.system.log_constant + kernels.load(
            self.system.moving, incidence.row_start, self._numbers, self._room
        )
        if log_scale > -np.inf:
            for first, last in self.structure.spans:
                budget.check()
                if kernels.factor(incidence, lower, self._numbers, self._room, first, last) >= 0:
                    kernels.forget(self._room)
                    self._factor_carefully(state, budget)
                    break
            if self._paired is not None and self._is_careful:
                log = careful.find_mean_carefully(incidence, lower, self._numbers, self._paired)
            else:
                log = kernels.find_mean(incidence, lower, self._numbers, self._room)
            self.log_value = log_scale + log
        self.state = state

    def _factor_carefully(self, state: int, budget: Budget) -> None:
        """Factor with twice as many digits."""
        if self._paired is None:
            count = self.structure.num_reals
            self._paired = PairedRoom(
                np.zeros((2, len(self._room.lower))),
                np.zeros((2, count)),
                np.zeros(count, np.int64),
                np.zeros((2, count)),
                np.zeros((2, count)),
                np.zeros((2, count)),
            )
        incidence, lower = self.structure.incidence, self.structure.lower
        for first, last in self.structure.spans:
            budget.check()
            pivot = careful.factor_carefully(
                incidence, lower, self._numbers, self._paired, first, last
            )
            if pivot >= 0:
                raise NotProperError(state, int(self.structure.order[pivot]))
        self._is_careful = True

    def mean(self) -> Float64[np.ndarray, " reals"]:
        """Return the mean in the state that is solved."""
        if self._paired is not None and self._is_careful:
            return self._paired.mean[0][self.structure.place]
        return self._room.mean[self.structure.place]

    def solve(self, values: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " reals"]:
        """Return the covariances of all reals with a weighted sum of them."""
        ordered = values[self.structure.order]
        if self._paired is not None and self._is_careful:
            pairs = np.stack([ordered, np.zeros(len(ordered))])
            careful.solve_carefully(self.structure.lower, self._paired, pairs)
            return pairs[0][self.structure.place]
        kernels.solve(self.structure.lower, self._room, ordered)
        return ordered[self.structure.place]

    def variances(self, budget: Budget) -> Float64[np.ndarray, " reals"]:
        """Return the variance of each real.

        Raises:
            TimeoutError: when there is no time left.
        """
        count, lower = self.structure.num_reals, self.structure.lower
        places = np.full(count, -1, np.int64)
        if self._paired is not None and self._is_careful:
            pairs, paired = np.empty((2, len(lower.rows))), np.empty((2, count))
            for first, last in reversed(self.structure.spans):
                budget.check()
                careful.invert_carefully(lower, self._paired, pairs, paired, places, first, last)
            return paired[0][self.structure.place]
        inverse, variances = np.empty(len(lower.rows)), np.empty(count)
        for first, last in reversed(self.structure.spans):
            budget.check()
            kernels.invert(lower, self._room, inverse, variances, places, first, last)
        return variances[self.structure.place]

    def spread(self, noise: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " reals"]:
        """Return a draw of the reals, made of independent normal noise of sd 1."""
        if self._paired is not None and self._is_careful:
            pairs = np.stack([noise / np.sqrt(self._paired.diagonal[0]), np.zeros(len(noise))])
            careful.finish_carefully(self.structure.lower, self._paired, pairs)
            return (pairs[0] + self._paired.mean[0])[self.structure.place]
        drawn = noise / np.sqrt(self._room.diagonal)
        kernels.finish(self.structure.lower, self._room, drawn)
        return (drawn + self._room.mean)[self.structure.place]
