"""The rows of a small patch by dense matrices in NumPy, as formulas say: nothing is compiled.

It is the reference of the compiled loops, and answers where loading these would take longer.
"""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import Budget
from gmruntime.continuous.sparse.records import Numbers
from gmruntime.continuous.system import System

_ROUNDING = 2.0**-53
"""Half of what separates 1 from the next float."""

_LOST_MAX = 1e-10
"""A pivot that may be off by more than this part of itself needs more digits."""


class LostError(Exception):
    """A pivot is lost in rounding, 0 or below."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The normal distribution of a patch in one state of its border.

    Attributes:
        log_value: of the integral, nats.
        mean: of its reals.
        half: half' half is their covariance.
    """

    log_value: float
    mean: Float64[np.ndarray, " reals"]
    half: Float64[np.ndarray, "reals reals"]

    def covariance(self) -> Float64[np.ndarray, "reals reals"]:
        """Return the covariance."""
        return self.half.T @ self.half


def loaded(system: System, state: int) -> tuple[Numbers, float]:
    """Return the numbers of all rows in one state of the border, and the log of their scales."""
    digits = np.array(np.unravel_index(state, system.sizes or (1,)), np.int64)
    moving = system.moving
    numbers = Numbers(*(array.copy() for array in system.numbers))
    log_scale = system.log_constant
    for k in range(len(moving.scale_start)):
        row = moving.first_row + k
        part = slice(int(moving.selector_start[k]), int(moving.selector_start[k + 1]))
        own = int(moving.strides[part] @ digits[moving.selectors[part]])
        begin, end = int(system.row_start[row]), int(system.row_start[row + 1])
        first = int(moving.coefficient_start[k]) + own * (end - begin)
        numbers.coefficients[begin:end] = moving.coefficients[first : first + end - begin]
        numbers.weights[row] = moving.weights[int(moving.weight_start[k]) + own]
        numbers.offsets[row] = moving.offsets[int(moving.offset_start[k]) + own]
        log_scale += float(moving.log_scales[int(moving.scale_start[k]) + own])
    return numbers, log_scale


def solved(system: System, state: int) -> Solution | None:
    """Integrate rows in one state of the border; None where they forbid it.

        log integral = n/2 log 2 pi - 1/2 log det K - 1/2 sum of w (a . m - b)**2

    with K = A' W A and K m = A' W b.

    Raises:
        LostError: K is not positive definite, or rounding hides whether it is.
    """
    numbers, log_scale = loaded(system, state)
    if log_scale == -np.inf:
        return None
    count, num_rows = system.num_reals, len(numbers.weights)
    rows = np.repeat(np.arange(num_rows), np.diff(system.row_start))
    dense = np.zeros((num_rows, count))
    np.add.at(dense, (rows, system.columns), numbers.coefficients)
    weighed = numbers.weights[:, None] * dense
    precision = dense.T @ weighed
    lower, diagonal = np.eye(count), np.zeros(count)
    scale, errors = np.abs(dense * weighed).sum(axis=0), np.zeros(count)
    for k in range(count):
        pivot, error = precision[k, k], errors[k] + _ROUNDING * scale[k]
        if not pivot * _LOST_MAX > error:
            raise LostError
        share = precision[k + 1 :, k] / pivot
        lower[k + 1 :, k], diagonal[k] = share, pivot
        scale[k + 1 :] += np.abs(share * precision[k + 1 :, k])
        errors[k + 1 :] += share**2 * error
        precision[k + 1 :, k + 1 :] -= np.outer(share, precision[k, k + 1 :])
    half = np.linalg.solve(lower, np.eye(count)) / np.sqrt(diagonal)[:, None]
    mean = np.zeros(count)
    for _ in range(2):
        mean = mean + half.T @ (half @ (weighed.T @ (numbers.offsets - dense @ mean)))
    left = numbers.offsets - dense @ mean
    log = 0.5 * (count * np.log(2.0 * np.pi) - np.log(diagonal).sum())
    log -= 0.5 * float(numbers.weights @ left**2)
    return Solution(log_scale + float(log), mean, half)


@dataclass(slots=True, eq=False)
class DenseSolver:
    """A small patch, solved in all states of its border; see `StateSolver`.

    Attributes:
        system: the rows.
        solutions: in each state; None where rows forbid it. Empty until they are integrated.
    """

    system: System
    solutions: list[Solution | None] = field(default_factory=list["Solution | None"])

    def integrate(self, budget: Budget) -> Float64[np.ndarray, " states"]:
        """Return the log of the integral in each state of the border, nats.

        Raises:
            LostError: in a state.
            TimeoutError: when there is no time left.
        """
        for state in range(self.system.num_states):
            budget.check()
            self.solutions.append(solved(self.system, state))
        return np.array([-np.inf if one is None else one.log_value for one in self.solutions])

    def _at(self, state: int) -> Solution:
        found = self.solutions[state]
        assert found is not None
        return found

    def along(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        coefficients: Float64[np.ndarray, "#states some"],
        budget: Budget,
    ) -> Float64[np.ndarray, "states 2"]:
        """Do as `StateSolver` says."""
        budget.check()
        found = np.zeros((len(which), 2))
        for k, state in enumerate(which.tolist()):
            row, one = coefficients[k if len(coefficients) > 1 else 0], self._at(state)
            found[k] = row @ one.mean[where], np.sum((one.half[:, where] @ row) ** 2)
        return found

    def everywhere(
        self,
        which: Int64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "states some"]]:
        """Do as `StateSolver` says."""
        budget.check()
        solutions = [self._at(state) for state in which.tolist()]
        means = np.array([one.mean[where] for one in solutions])
        return means, np.array([np.sum(one.half[:, where] ** 2, axis=0) for one in solutions])

    def jointly(
        self,
        which: Int64[np.ndarray, " states"],
        weights: Float64[np.ndarray, " states"],
        where: Int64[np.ndarray, " some"],
        budget: Budget,
    ) -> tuple[Float64[np.ndarray, "states some"], Float64[np.ndarray, "some some"]]:
        """Do as `StateSolver` says."""
        budget.check()
        means, inside = np.zeros((len(which), len(where))), np.zeros((len(where), len(where)))
        for k, state in enumerate(which.tolist()):
            one = self._at(state)
            means[k] = one.mean[where]
            inside += weights[k] * (one.half[:, where].T @ one.half[:, where])
        return means, inside

    def draws(
        self, state: int, noise: Float64[np.ndarray, "draws reals"], budget: Budget
    ) -> Float64[np.ndarray, "draws reals"]:
        """Do as `StateSolver` says."""
        budget.check()
        one = self._at(state)
        return one.mean + noise @ one.half
