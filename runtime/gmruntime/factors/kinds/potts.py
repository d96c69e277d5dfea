"""Agreement of two variables."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind, allowed
from gmruntime.factors.parameters import floats, needs_two
from gmruntime.factors.semiring import Messages


@dataclass(frozen=True, slots=True, eq=False)
class Potts(FactorKind):
    """Two variables with the same number of states: `log f(a, b) = weights if a == b else 0`."""

    weights: Float64[np.ndarray, " tables"]

    is_alike = True
    is_large = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        needs_two(arity)
        return Potts(floats("weights", self.weights, 1))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.where(states[:, 0] == states[:, 1], self.weights[table_index], 0.0)

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.maximum(self.weights, 0.0)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.minimum(np.where(np.isfinite(self.weights), self.weights, 0.0), 0.0)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        holds = self.weights > -np.inf
        return () if holds.all() else (Potts(allowed(holds)),)

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Potts(self.weights / (temperature or 1.0))

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says, in O(states).

        m(b) = n(b) + w (+) sum over a != b of n(a)
        """
        return [self._one_way(told, is_max) for told in reversed(incoming)]

    def _one_way(self, told: np.ndarray, is_max: bool) -> np.ndarray:
        forward = np.full(told.shape, -np.inf)
        backward = np.full(told.shape, -np.inf)
        add = np.maximum if is_max else np.logaddexp
        forward[:, :, 1:] = add.accumulate(told[:, :, :-1], axis=2)
        backward[:, :, :-1] = add.accumulate(told[:, :, :0:-1], axis=2)[:, :, ::-1]
        return add(told + self.weights[None, :, None], add(forward, backward))

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        others = np.log(np.maximum(shape[0] - 1.0, 1e-300))
        return np.repeat(np.logaddexp(self.weights, others)[:, None], 2, axis=1)
