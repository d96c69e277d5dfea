"""The Gaussian of a patch where Gaussians stand for its sites, by its sparse elimination."""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.compiling import loop
from gmruntime.continuous.dense import LostError, loaded
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.sites.fields import Moments, Seen, seen_of, site_rows
from gmruntime.continuous.solver import Solver
from gmruntime.continuous.sparse import kernels
from gmruntime.continuous.sparse.records import Incidence, Lower, Moving, Numbers
from gmruntime.continuous.sparse.structure import Structure
from gmruntime.continuous.system import System

_LEAST = 1e-12
"""Of the precision that a site begins with: a row of no weight has no place to pull to."""


@loop
def _row_variances(
    incidence: Incidence,
    lower: Lower,
    coefficients: Float64[np.ndarray, " entries"],
    inverse: Float64[np.ndarray, " lower"],
    variances: Float64[np.ndarray, " reals"],
    which: Int64[np.ndarray, " some"],
    found: Float64[np.ndarray, " some"],
) -> None:
    """Compute the variance of the sum of each of some rows, whose pairs are all entries of L."""
    for k in range(len(which)):
        begin, end = incidence.row_start[which[k]], incidence.row_start[which[k] + 1]
        total = 0.0
        for p in range(begin, end):
            i = incidence.columns[p]
            total += coefficients[p] * coefficients[p] * variances[i]
            for q in range(begin, p):
                j = incidence.columns[q]
                if i == j:
                    total += 2.0 * coefficients[p] * coefficients[q] * variances[i]
                    continue
                first, last = min(i, j), max(i, j)
                low, high = lower.start[first], lower.start[first + 1] - 1
                while low < high:
                    middle = (low + high) // 2
                    if lower.rows[middle] < last:
                        low = middle + 1
                    else:
                        high = middle
                total += 2.0 * coefficients[p] * coefficients[q] * inverse[low]
        found[k] = total


@dataclass(slots=True, eq=False)
class SparseField:
    """A patch in one state of its border; see `Field`.

    Attributes:
        solver: of its rows, among which Gaussians stand for sites.
    """

    seen: Seen
    log_scale: float
    solver: Solver
    _state: int
    _budget: Budget
    _which: np.ndarray
    _offsets: np.ndarray
    _least: np.ndarray
    _row_of: np.ndarray

    def project(self, x: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " sites"]:
        """Do as `Field` says."""
        return self._sums(x)[self._which] - self._offsets

    def told(self, x: Float64[np.ndarray, " reals"]) -> float:
        """Do as `Field` says."""
        numbers = self.solver.system.numbers
        logs = numbers.weights * (self._sums(x) - numbers.offsets) ** 2
        logs[self._which] = 0.0
        return -0.5 * float(logs.sum())

    def bend(self, step: Float64[np.ndarray, " reals"]) -> float:
        """Do as `Field` says."""
        squares = self.solver.system.numbers.weights * self._sums(step) ** 2
        squares[self._which] = 0.0
        return float(squares.sum())

    def _sums(self, x: Float64[np.ndarray, " reals"]) -> Float64[np.ndarray, " rows"]:
        system = self.solver.system
        each = system.numbers.coefficients * x[system.columns]
        return np.bincount(self._row_of, each, len(system.row_start) - 1)

    def at(
        self,
        tau: Float64[np.ndarray, " sites"],
        nu: Float64[np.ndarray, " sites"],
        *,
        has_variances: bool,
    ) -> Moments:
        """Do as `Field` says."""
        solver, numbers = self.solver, self.solver.system.numbers
        weights = np.where(np.abs(tau) < self._least, self._least, tau)
        numbers.weights[self._which] = weights
        numbers.offsets[self._which] = self._offsets + nu / weights
        solver.state = -1
        try:
            solver.go_to(0, self._budget)
        except NotProperError as error:
            raise NotProperError(self._state, error.real) from None
        mean = solver.mean()
        z = self.project(mean)
        log_value = self.told(mean) + float(np.sum(z * (nu - 0.5 * weights * z)))
        left = weights * (z - nu / weights) ** 2
        # What the solver knows of the determinant, without what it says of the rows.
        log_half = self.told(mean) - 0.5 * float(left.sum()) - solver.log_value
        log_half += 0.5 * len(mean) * float(np.log(2.0 * np.pi))
        log_value += 0.5 * len(mean) * float(np.log(2.0 * np.pi)) - log_half
        variances = self._variances() if has_variances else np.zeros(len(z))
        return Moments(mean, z, variances, log_value, log_half)

    def _variances(self) -> Float64[np.ndarray, " sites"]:
        structure, room = self.solver.structure, self.solver.room
        if room is None:
            raise LostError
        count = structure.num_reals
        inverse, variances = np.empty(len(structure.lower.rows)), np.empty(count)
        places = np.full(count, -1, np.int64)
        for first, last in reversed(structure.spans):
            self._budget.check()
            if kernels.invert(structure.lower, room, inverse, variances, places, first, last):
                raise LostError
        found = np.empty(len(self._which))
        numbers = self.solver.system.numbers
        _row_variances(
            structure.incidence,
            structure.lower,
            numbers.coefficients,
            inverse,
            variances,
            self._which,
            found,
        )
        return found


def sparse_field(
    system: System, structure: Structure, state: int, budget: Budget
) -> SparseField | None:
    """Lay a patch out in one state of its border; None where rows forbid it."""
    numbers, log_scale = loaded(system, state)
    if log_scale == -np.inf:
        return None
    which = np.flatnonzero(site_rows(system))
    seen = seen_of(system, numbers.weights)
    least = _LEAST * np.abs(seen.start()[0])
    own = Numbers(numbers.coefficients, numbers.weights.copy(), numbers.offsets.copy())
    plain = replace(system, sizes=(), numbers=own, moving=_nothing(), log_constant=0.0, sites=())
    offsets = numbers.offsets[which].copy()
    least = np.maximum(least, 1e-300)
    row_of = np.repeat(np.arange(len(system.row_start) - 1), np.diff(system.row_start))
    solver = Solver(plain, structure)
    return SparseField(seen, log_scale, solver, state, budget, which, offsets, least, row_of)


def _nothing() -> Moving:
    none, some = np.zeros(0, np.int64), np.zeros(0)
    return Moving(0, np.zeros(1, np.int64), none, none, none, none, none, none, *[some] * 4)
