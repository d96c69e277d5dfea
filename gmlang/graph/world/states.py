"""Domains with known sizes: which values a variable's states stand for."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Enum
from gmlang.core.places.grids import Grid
from gmruntime.arrays import Float64, Int64


@dataclass(frozen=True, slots=True)
class States:
    """The values of a variable: state k is the number `first + k`, shown as `label(k)`.

    Attributes:
        labels: of an enum; () for integers and bools.
        grid: that the values are places of, if they are.
        points: where a real is looked at, ascending: state k is `points[k]`; () for others.
    """

    first: int
    count: int
    is_bool: bool = False
    labels: tuple[str, ...] = ()
    name: str = ""
    grid: Grid | None = None
    points: tuple[float, ...] = ()

    def label(self, state: int) -> str:
        """Write a state as the author would."""
        if self.labels:
            return self.labels[state]
        if self.points:
            return f"{self.points[state]:.6g}"
        if self.is_bool:
            return "true" if state else "false"
        return str(self.first + state)

    def all_labels(self) -> list[str]:
        """Write all states, in order: of a million integers as fast as they can be written.

        >>> States(-1, 3).all_labels()
        ['-1', '0', '1']
        """
        if self.labels or self.is_bool or self.points:
            return [self.label(state) for state in range(self.count)]
        return list(map(str, range(self.first, self.first + self.count)))

    def describe(self) -> str:
        """Write the whole domain as the author would."""
        if self.grid is not None:
            return f"{self.name + ' = ' if self.name else ''}{self.grid.shown()}"
        if self.labels:
            return f"{self.name + ' = ' if self.name else ''}{{{', '.join(self.labels)}}}"
        if self.points:
            return "a real"
        return "bool" if self.is_bool else f"{self.first}..{self.first + self.count - 1}"

    def values(self) -> Int64[np.ndarray, " states"] | Float64[np.ndarray, " states"]:
        """List the numbers that the states stand for; floats would not tell large ones apart."""
        if self.points:
            return np.array(self.points)
        return self.first + np.arange(self.count, dtype=np.int64)


BOOL = States(0, 2, is_bool=True)


def enum_states(domain: Enum) -> States:
    """Return the states of an enum."""
    return States(0, len(domain.values), labels=domain.values, name=domain.name, grid=domain.grid)


def exact_numbers(values: np.ndarray | float) -> np.ndarray:
    """Return integers in 64 bits, since floats do not hold the large ones, and others as floats.

    >>> exact_numbers(np.array([2**53 + 1])).tolist()
    [9007199254740993]
    """
    found = np.asarray(values)
    return found.astype(np.int64 if found.dtype.kind in "bi" else np.float64, copy=False)


def shown_number(value: float | int) -> str:
    """Show an integer with all its digits, and another number shortly."""
    return str(value) if isinstance(value, int) else f"{value:g}"
