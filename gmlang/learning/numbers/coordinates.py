"""The numbers that are learned, in one vector, and coordinates in which they may be anything.

A probability is written by its log-odds, a row of a simplex by logs up to a constant, a positive
number by its log, a real one by itself.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from scipy.special import expit, log_softmax

from gmlang.core.parameters import ParameterKind
from gmruntime.arrays import Float64

_SIMPLEX = ParameterKind.SIMPLEX
_LOG_SMALLEST = -690.0
"""Logs of probabilities are not below this: e^-690 is still a float."""

SMALLEST = float(np.exp(_LOG_SMALLEST))


@dataclass(frozen=True, slots=True, eq=False)
class ParameterArray:
    """A param that is learned.

    Attributes:
        name: in the core program.
        shown: as the author would say.
        start: of its numbers in the vector of all.
    """

    name: str
    shown: str
    kind: ParameterKind
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    @property
    def part(self) -> slice:
        """Where they are."""
        return slice(self.start, self.start + self.size)

    @property
    def row(self) -> int:
        """How many numbers belong together: the states of a simplex, 1 of others."""
        return self.shape[-1] if self.kind is ParameterKind.SIMPLEX else 1

    def rows(self, vector: np.ndarray) -> np.ndarray:
        """Return its part of a vector with one row for each distribution."""
        return vector[self.part].reshape(-1, max(1, self.row))

    def entry(self, position: int) -> str:
        """Name one of its numbers."""
        if not self.shape:
            return self.shown
        place = np.unravel_index(position, self.shape)
        return f"{self.shown}[{', '.join(str(int(k)) for k in place)}]"

    def distribution(self, row: int) -> str:
        """Name the numbers that belong together: `A[2, :]`, `fever[1]`."""
        if self.kind is not ParameterKind.SIMPLEX:
            return self.entry(row)
        place = np.unravel_index(row, self.shape[:-1]) if self.shape[:-1] else ()
        return f"{self.shown}[{', '.join([*(str(int(k)) for k in place), ':'])}]"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All that is learned, one array after another."""

    arrays: tuple[ParameterArray, ...]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(array.size for array in self.arrays)

    @property
    def num_free(self) -> int:
        """How many numbers may change on their own: all but one of each row of a simplex."""
        return sum(
            array.size - (array.size // max(1, array.row) if array.kind is _SIMPLEX else 0)
            for array in self.arrays
        )

    def array(self, name: str) -> ParameterArray:
        """Return a param by its core name."""
        return next(array for array in self.arrays if array.name == name)

    def values(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Return each param's numbers in its shape, by core name."""
        return {array.name: vector[array.part].reshape(array.shape) for array in self.arrays}

    def vector(self, values: dict[str, np.ndarray]) -> Float64[np.ndarray, " numbers"]:
        """Return the vector of some values by core name."""
        parts = [np.asarray(values[array.name], np.float64).reshape(-1) for array in self.arrays]
        return np.concatenate([np.zeros(0), *parts])


def to_coordinates(layout: Layout, numbers: np.ndarray) -> Float64[np.ndarray, " numbers"]:
    """Return the coordinates of the numbers."""
    found = np.array(numbers, np.float64)
    for array in layout.arrays:
        own = numbers[array.part]
        match array.kind:
            case ParameterKind.PROBABILITY:
                inside = np.clip(own, SMALLEST, 1.0 - 2.0**-53)
                found[array.part] = np.log(inside) - np.log1p(-inside)
            case ParameterKind.SIMPLEX:
                rows = np.log(np.maximum(array.rows(numbers), SMALLEST))
                found[array.part] = (rows - rows.mean(axis=1, keepdims=True)).reshape(-1)
            case ParameterKind.POSITIVE:
                found[array.part] = np.log(own)
            case ParameterKind.REAL:
                pass
    return found


def to_numbers(layout: Layout, coordinates: np.ndarray) -> Float64[np.ndarray, " numbers"]:
    """Return the numbers at some coordinates."""
    found = np.array(coordinates, np.float64)
    for array in layout.arrays:
        own = coordinates[array.part]
        match array.kind:
            case ParameterKind.PROBABILITY:
                found[array.part] = expit(own)
            case ParameterKind.SIMPLEX:
                logs = log_softmax(array.rows(coordinates), axis=1)
                found[array.part] = np.exp(np.maximum(logs, _LOG_SMALLEST)).reshape(-1)
            case ParameterKind.POSITIVE:
                found[array.part] = np.exp(np.clip(own, _LOG_SMALLEST, -_LOG_SMALLEST))
            case ParameterKind.REAL:
                pass
    return found


def pulled_back(layout: Layout, numbers: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return the gradient by coordinates, given that by the numbers.

        dx/du = x (1 - x)    probability        x_k (g_k - sum_j x_j g_j)    simplex
        dx/du = x            positive

    Args:
        layout: what is learned.
        numbers: where.
        gradient: of anything by the numbers there.
    """
    found = np.array(gradient, np.float64)
    for array in layout.arrays:
        x, g = numbers[array.part], gradient[array.part]
        match array.kind:
            case ParameterKind.PROBABILITY:
                found[array.part] = g * x * (1.0 - x)
            case ParameterKind.SIMPLEX:
                rows, slopes = array.rows(numbers), array.rows(gradient)
                mean = (rows * slopes).sum(axis=1, keepdims=True)
                found[array.part] = (rows * (slopes - mean)).reshape(-1)
            case ParameterKind.POSITIVE:
                found[array.part] = g * x
            case ParameterKind.REAL:
                pass
    return found


def basis(layout: Layout) -> Float64[np.ndarray, "numbers free"]:
    """Return directions in which coordinates change what they stand for, as columns.

    A row of k probabilities has k - 1 of them: adding the same to all its logs changes nothing.
    """
    columns: list[np.ndarray] = []
    for array in layout.arrays:
        if array.kind is not ParameterKind.SIMPLEX:
            columns += [_unit(layout.size, array.start + k, 1.0) for k in range(array.size)]
            continue
        for first in range(array.start, array.start + array.size, max(1, array.row)):
            for k in range(1, array.row):
                # Helmert's contrasts are orthonormal and sum to zero.
                column = np.zeros(layout.size)
                column[first : first + k] = 1.0 / np.sqrt(k * (k + 1))
                column[first + k] = -k / np.sqrt(k * (k + 1))
                columns.append(column)
    return np.stack(columns, axis=1) if columns else np.zeros((layout.size, 0))


def _unit(size: int, position: int, value: float) -> np.ndarray:
    found = np.zeros(size)
    found[position] = value
    return found
