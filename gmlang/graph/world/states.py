"""Domains with known sizes: which values a variable's states stand for."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Enum
from gmruntime.arrays import Float64


@dataclass(frozen=True, slots=True)
class States:
    """The values of a variable: state k is the number `first + k`, shown as `label(k)`.

    Attributes:
        labels: of an enum; () for integers and bools.
    """

    first: int
    count: int
    is_bool: bool = False
    labels: tuple[str, ...] = ()
    name: str = ""

    def label(self, state: int) -> str:
        """Write a state as the author would."""
        if self.labels:
            return self.labels[state]
        if self.is_bool:
            return "true" if state else "false"
        return str(self.first + state)

    def describe(self) -> str:
        """Write the whole domain as the author would."""
        if self.labels:
            return f"{self.name + ' = ' if self.name else ''}{{{', '.join(self.labels)}}}"
        return "bool" if self.is_bool else f"{self.first}..{self.first + self.count - 1}"

    def values(self) -> Float64[np.ndarray, " states"]:
        """List the numbers that the states stand for."""
        return self.first + np.arange(self.count, dtype=np.float64)


BOOL = States(0, 2, is_bool=True)


def enum_states(domain: Enum) -> States:
    """Return the states of an enum."""
    return States(0, len(domain.values), labels=domain.values, name=domain.name)
