"""The rows of one patch, solved in one state of its border after another."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Bool, Float64, Int, Int64
from gmruntime.budget import Budget, within
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.sparse import careful, kernels, states
from gmruntime.continuous.sparse.records import Laid, Numbers, PairedRoom, Room
from gmruntime.continuous.sparse.structure import Structure, structure_of
from gmruntime.continuous.system import System

_STEPS_AT_ONCE = 1 << 22
"""Between two looks at the clock: some milliseconds."""

_ALIKE_MAX = 1 << 12
"""Nobody looks whether a patch of more entries looks like another."""


@dataclass(slots=True, eq=False)
class Solver:
    """A patch in one state of its border after another; see `StateSolver`.

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
    _laid: Laid = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make room."""
        count, border = self.structure.num_reals, len(self.system.sizes)
        self._room = Room(
            np.zeros(len(self.structure.lower.rows)),
            np.ones(count),
            np.zeros(count),
            np.zeros(count, np.int64),
            np.zeros(count),
            np.zeros(count),
            np.zeros(count),
            np.zeros(border, np.int64),
        )
        # Rows that depend on the border are overwritten in each of its states.
        numbers = self.system.numbers
        self._numbers = Numbers(*(array.copy() for array in numbers)) if border else numbers
        self._laid = Laid(
            self.structure.incidence,
            self.structure.lower,
            self._numbers,
            self.system.moving,
            self._room,
            np.array(self.system.sizes, np.int64),
        )

    def integrate(
        self, budget: Budget, which: Int64[np.ndarray, " some"] | None = None
    ) -> Float64[np.ndarray, " states"]:
        """Return the log of the integral in each state of the border, nats.

        Args:
            budget: of time.
            which: states that need a number, the others get -inf; None for all.

        Raises:
            NotProperError: in a state that is not forbidden.
            TimeoutError: when there is no time left.
        """
        logs = np.full(self.system.num_states, -np.inf)
        if self.system.log_constant == -np.inf:
            return logs
        some = np.arange(len(logs)) if which is None else which
        found = np.empty(len(some))

        def run(k: int, end: int) -> int:
            done = states.integrate_states(self._laid, some[k:end], found[k:end])
            found[k : k + done] += self.system.log_constant
            return done

        def solved(k: int) -> None:
            found[k] = self.log_value

        self._visit(some, 1, run, solved, budget)
        logs[some] = found
        return logs

    def _visit(
        self,
        which: Int64[np.ndarray, " states"],
        times: int,
        run: Callable[[int, int], int],
        solved: Callable[[int], None],
        budget: Budget,
    ) -> None:
        """Go through states, many at a time where they take little.

        Args:
            which: the states.
            times: how many eliminations each takes.
            run: does those from one place to another in a compiled loop, as far as they are not
                lost in rounding, and says how many.
            solved: does the one at a place, once it is solved.
            budget: of time.

        Raises:
            NotProperError: in a state that is not forbidden.
            TimeoutError: when there is no time left.
        """
        steps = self.structure.num_steps + len(self._numbers.coefficients)
        at_once, k = _STEPS_AT_ONCE // (4 * steps * times), 0
        while k < len(which):
            if at_once > 1 and len(which) > 1:
                budget.check()
                self.state = -1
                k += run(k, min(len(which), k + at_once))
            # One by one: what takes long, what is lost in rounding, and what comes last.
            if k < len(which):
                self.go_to(int(which[k]), budget)
                solved(k)
                k += 1

    def along(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        coefficients: Float64[np.ndarray, "#states some"],
        budget: Budget,
    ) -> Float64[np.ndarray, "states 2"]:
        """Do as `StateSolver` says."""
        count, found = self.structure.num_reals, np.empty((len(which), 2))
        place, scratch = self.structure.place[where], np.empty(count)

        def directions(k: int, end: int, place: Int[np.ndarray, " some"]) -> np.ndarray:
            some = coefficients if len(coefficients) == 1 else coefficients[k:end]
            lines = np.zeros((len(some), count))
            np.add.at(lines.T, place, some.T)
            return lines

        def run(k: int, end: int) -> int:
            lines = directions(k, end, place)
            return states.look_along(self._laid, which[k:end], lines, found[k:end], scratch)

        def solved(k: int) -> None:
            (line,) = directions(k, k + 1, where)
            found[k] = line @ self.mean(), line @ self.solve(line)

        self._visit(which, 1, run, solved, budget)
        return found

    def everywhere(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "states some"]]:
        """Do as `StateSolver` says."""
        count, place = self.structure.num_reals, self.structure.place[where]
        found = np.empty((2, len(which), len(where)))
        inverse, scratch = np.empty(len(self._room.lower)), np.empty(count)
        places = np.full(count, -1, np.int64)

        def run(k: int, end: int) -> int:
            part = np.empty((2, end - k, count))
            done = states.look_at_all(
                self._laid, which[k:end], part[0], part[1], inverse, scratch, places
            )
            found[:, k : k + done] = part[:, :done, place]
            return done

        def solved(k: int) -> None:
            found[:, k] = self.mean()[where], self.variances(budget)[where]

        self._visit(which, 4, run, solved, budget)
        return found[0], found[1]

    def jointly(
        self,
        which: Int64[np.ndarray, " states"],
        weights: Float64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "some some"]]:
        """Do as `StateSolver` says."""
        count = len(where)
        means, inside = np.empty((len(which), count)), np.zeros((count, count))
        halves = np.empty((count, self.structure.num_reals))
        ordered = self.structure.place[where].astype(np.int64)

        def run(k: int, end: int) -> int:
            part = slice(k, end)
            return states.look_jointly(
                self._laid, which[part], weights[part], ordered, means[part], inside, halves
            )

        def solved(k: int) -> None:
            means[k] = self.mean()[where]
            inside[:] += weights[k] * self._covariance(where, budget)

        self._visit(which, 1 + count, run, solved, budget)
        return means, inside

    def _covariance(
        self, where: Int64[np.ndarray, " some"], budget: Budget
    ) -> Float64[np.ndarray, "some some"]:
        """Return the covariances of some reals in the state that is solved."""
        found = np.zeros((len(where), len(where)))
        unit = np.zeros(self.structure.num_reals)
        for k, place in within(enumerate(where.tolist()), budget):
            unit[place] = 1.0
            found[k] = self.solve(unit)[where]
            unit[place] = 0.0
        return 0.5 * (found + found.T)

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
        kernels.set_digits(self._laid.sizes, state, self._room)
        log_scale = self.system.log_constant + kernels.load(
            self.system.moving, incidence.row_start, self._numbers, self._room
        )
        if log_scale > -np.inf:
            log = 0.0
            for first, last in self.structure.spans:
                budget.check()
                if kernels.factor(incidence, lower, self._numbers, self._room, first, last) >= 0:
                    kernels.forget(self._room)
                    log = self._solve_carefully(state, budget)
                    break
            if not self._is_careful:
                log = kernels.find_mean(incidence, lower, self._numbers, self._room)
            self.log_value = log_scale + log
        self.state = state

    def _solve_carefully(self, state: int, budget: Budget) -> float:
        """Solve with twice as many digits; return the log of the integral without scales."""
        if self._paired is None:
            count = self.structure.num_reals
            self._paired = PairedRoom(
                np.zeros((2, len(self._room.lower))),
                np.zeros((2, count)),
                np.zeros(count),
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
        return careful.find_mean_carefully(incidence, lower, self._numbers, self._paired)

    @property
    def room(self) -> Room | None:
        """L and D in the state that is solved; None where it took twice as many digits."""
        return None if self._is_careful else self._room

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
        inverse, variances = np.empty(len(lower.rows)), np.empty(count)
        for first, last in reversed(self.structure.spans):
            if self._is_careful:
                break
            budget.check()
            if kernels.invert(lower, self._room, inverse, variances, places, first, last):
                self._solve_carefully(self.state, budget)
        if self._paired is None or not self._is_careful:
            return variances[self.structure.place]
        pairs, paired = np.empty((2, len(lower.rows))), np.empty((2, count))
        for first, last in reversed(self.structure.spans):
            budget.check()
            careful.invert_carefully(lower, self._paired, pairs, paired, places, first, last)
        return paired[0][self.structure.place]

    def draws(
        self, state: int, noise: Float64[np.ndarray, "draws reals"], budget: Budget
    ) -> Float64[np.ndarray, "draws reals"]:
        """Do as `StateSolver` says."""
        self.go_to(state, budget)
        drawn = np.empty_like(noise)
        for k, line in within(enumerate(noise), budget):
            drawn[k] = self._spread(line)
        return drawn

    def _spread(self, noise: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " reals"]:
        """Return one draw."""
        if self._paired is not None and self._is_careful:
            pairs = np.stack([noise / np.sqrt(self._paired.diagonal[0]), np.zeros(len(noise))])
            careful.finish_carefully(self.structure.lower, self._paired, pairs)
            return (pairs[0] + self._paired.mean[0])[self.structure.place]
        drawn = noise / np.sqrt(self._room.diagonal)
        kernels.finish(self.structure.lower, self._room, drawn)
        return (drawn + self._room.mean)[self.structure.place]


def integrated(
    system: System,
    known: dict[bytes, Structure],
    find_forbidden: Callable[[], Bool[np.ndarray, " states"]],
    budget: Budget,
    memory: int,
) -> tuple[Solver, Float64[np.ndarray, " states"], int]:
    """Integrate a patch in each state of its border.

    Args:
        system: its rows.
        known: structures of patches, by what these look like; added to.
        find_forbidden: says which states cannot be anyway, and need no integral.
        budget: of time.
        memory: bytes that may be taken.

    Returns:
        the patch, the logs of the integrals, nats, and how many bytes are kept.

    Raises:
        LayoutTooLargeError: it takes more memory.
        NotProperError: it has no integral in a state that may be.
        TimeoutError: when there is no time left.
    """
    solver = Solver(system, structure_for(system, known, budget, memory))
    num_bytes = solver.structure.num_bytes + 8 * system.num_states
    try:
        return solver, solver.integrate(budget), num_bytes
    except NotProperError:
        if not system.sizes:
            raise
        allowed = np.flatnonzero(~find_forbidden())
        if len(allowed) == system.num_states:
            raise
    return solver, solver.integrate(budget, allowed), num_bytes


def structure_for(
    system: System, known: dict[bytes, Structure], budget: Budget, memory: int
) -> Structure:
    """Find the structure of a patch, or that of one that looks alike."""
    if len(system.columns) > _ALIKE_MAX:
        return structure_of(system.num_reals, system.row_start, system.columns, budget, memory)
    key = system.row_start.tobytes() + system.columns.tobytes()
    found = known.get(key)
    if found is None or found.num_reals != system.num_reals or found.num_bytes > memory:
        found = structure_of(system.num_reals, system.row_start, system.columns, budget, memory)
        known[key] = found
    return found
