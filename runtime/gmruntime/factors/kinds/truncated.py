"""Nearness of two ordered variables, up to a cap."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.parameters import needs_two, non_negative, shared
from gmruntime.factors.semiring import Messages, of_tables


@dataclass(frozen=True, slots=True, eq=False)
class _Truncated(FactorKind):
    """Two ordered variables: `log f(a, b) = -min(slopes * |a - b|^power, caps)`, slopes >= 0."""

    slopes: Float64[np.ndarray, " tables"]
    caps: Float64[np.ndarray, " tables"]

    is_alike = True
    is_large = True

    power: ClassVar[int]
    """To what power the distance is taken."""

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        needs_two(arity)
        slopes, caps = non_negative("slopes", self.slopes, 1), non_negative("caps", self.caps, 1)
        slopes, caps = shared(slopes=slopes, caps=caps)
        return replace(self, slopes=slopes, caps=caps)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        distance = np.abs(states[:, 0].astype(np.int64) - states[:, 1]) ** self.power
        return -np.minimum(self.slopes[table_index] * distance, self.caps[table_index])

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.zeros(1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return -np.minimum(self.caps, self.slopes * (max(shape) - 1) ** self.power)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        return ()

    def tempered(self, shape: Sequence[int], temperature: float) -> Self:
        """Do as `FactorKind` says."""
        scale = temperature or 1.0
        return replace(self, slopes=self.slopes / scale, caps=self.caps / scale)


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedLinear(_Truncated):
    """Two ordered variables: `log f(a, b) = -min(slopes * |a - b|, caps)`, slopes >= 0."""

    power = 1

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says; maxima in two passes each way.

        Source: Felzenszwalb and Huttenlocher (2006), "Efficient belief propagation for early
        vision", section 4.1.
        """
        if is_max:
            return [self._one_way(told) for told in reversed(incoming)]
        shape = [told.shape[2] for told in incoming]
        return of_tables(self.log_tables(shape), incoming, is_max, budget)

    def _one_way(self, told: np.ndarray) -> np.ndarray:
        ramp = self.slopes[None, :, None] * np.arange(told.shape[2])
        forward = np.maximum.accumulate(told + ramp, axis=2) - ramp
        backward = np.maximum.accumulate((told - ramp)[:, :, ::-1], axis=2)[:, :, ::-1] + ramp
        capped = told.max(axis=2, keepdims=True) - self.caps[None, :, None]
        return np.maximum(np.maximum(forward, backward), capped)


@dataclass(frozen=True, slots=True, eq=False)
class TruncatedQuadratic(_Truncated):
    """Two ordered variables: `log f(a, b) = -min(slopes * (a - b)^2, caps)`, slopes >= 0."""

    power = 2
