"""The rows of a patch in one state of its border, by dense linear algebra, as formulas say."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.continuous.sparse.records import Numbers
from gmruntime.continuous.system import NotProperError, System


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """The normal distribution of a patch in one state of its border.

    Attributes:
        log_integral: of the product of the rows, nats.
        mean, covariance: of its reals.
    """

    log_integral: float
    mean: Float64[np.ndarray, " reals"]
    covariance: Float64[np.ndarray, "reals reals"]


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


def solved(system: System, numbers: Numbers) -> Dense:
    """Integrate rows.

        log integral = n/2 log 2 pi - 1/2 log det K - 1/2 sum of w (a . m - b)**2

    with K = A' W A and K m = A' W b.

    Raises:
        NotProperError: K is not positive definite.
    """
    count, num_rows = system.num_reals, len(numbers.weights)
    rows = np.repeat(np.arange(num_rows), np.diff(system.row_start))
    dense = np.zeros((num_rows, count))
    np.add.at(dense, (rows, system.columns), numbers.coefficients)
    precision = dense.T @ (numbers.weights[:, None] * dense)
    lower = np.zeros((count, count))
    scale = (np.abs(numbers.weights)[:, None] * dense**2).sum(axis=0)
    for k in range(count):
        row = np.linalg.solve(lower[:k, :k], precision[:k, k]) if k else np.zeros(0)
        pivot = precision[k, k] - row @ row
        if not pivot > _LOST * scale[k]:
            raise NotProperError(0, k)
        lower[k, :k], lower[k, k] = row, np.sqrt(pivot)
    covariance = np.linalg.inv(precision)
    mean = covariance @ (dense.T @ (numbers.weights * numbers.offsets))
    left = numbers.offsets - dense @ mean
    mean = mean + covariance @ (dense.T @ (numbers.weights * left))
    left = numbers.offsets - dense @ mean
    log_integral = 0.5 * count * np.log(2.0 * np.pi) - np.log(np.diagonal(lower)).sum()
    return Dense(float(log_integral - 0.5 * (numbers.weights @ left**2)), mean, covariance)


_LOST = 1e-14
"""A pivot of so small a part of what it is the difference of is rounding."""
