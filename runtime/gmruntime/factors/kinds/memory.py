"""Remembered patterns and an index of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind, allowed
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.parameters import floats, same_length
from gmruntime.factors.semiring import Messages, leave_one_out, reduce


@dataclass(frozen=True, slots=True, eq=False)
class Memory(FactorKind):
    """An index variable m, first in scope, and what the m-th remembered pattern predicts.

    log f(m, x) = sum_i log_patterns[m, i, x_i]

    Its message to x_i attends over the patterns (Ramsauer et al. 2020, "Hopfield networks is
    all you need").
    """

    log_patterns: Float64[np.ndarray, "tables patterns positions states"]

    is_large = True
    is_divisible = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        log_patterns = floats("log_patterns", self.log_patterns, 4)
        same_length("log_patterns", log_patterns, arity - 1, "the scope after its index", 2)
        return Memory(log_patterns)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        positions = np.arange(states.shape[1] - 1)
        rows = table_index[:, None], states[:, :1], positions[None, :], states[:, 1:]
        return self.log_patterns[rows].sum(axis=1)

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return self.log_patterns.shape[1 if position == 0 else 3]

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.log_patterns.max(axis=3).sum(axis=2).max(axis=1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        finite = np.where(np.isfinite(self.log_patterns), self.log_patterns, np.inf)
        least = finite.min(axis=3)
        return np.where(np.isfinite(least), least, 0.0).sum(axis=2).min(axis=1)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        holds = self.log_patterns > -np.inf
        return () if holds.all() else (Memory(allowed(holds)),)

    def pieces(self, count: int, shape: Sequence[int]) -> list[tuple[FactorKind, np.ndarray]]:
        """Pair the index with each position."""
        patterns = np.moveaxis(self.log_patterns, 2, 1)
        pairs = np.stack([np.zeros(len(shape) - 1, np.int64), np.arange(1, len(shape))], axis=1)
        if len(patterns) == count:
            tables = np.ascontiguousarray(patterns).reshape(-1, *patterns.shape[2:])
            return [(Table(tables), pairs)]
        return [(Table(patterns[:, k]), pairs[k : k + 1]) for k in range(len(pairs))]

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Memory(self.log_patterns / (temperature or 1.0))

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says: each position attends over the patterns."""
        index, told = incoming[0], incoming[1:]
        patterns = self.log_patterns[None]
        # agree[b, f, m, i]: how well pattern m predicts what position i hears.
        agree = np.stack(
            [
                reduce(patterns[:, :, :, i] + m[:, :, None], (3,), is_max)
                for i, m in enumerate(told)
            ],
            axis=3,
        )
        others = leave_one_out(agree)
        result: list[Float64[np.ndarray, "rows factors states"]] = [agree.sum(axis=3)]
        for i in range(len(told)):
            weight = index + others[:, :, :, i]
            result.append(reduce(weight[..., None] + patterns[..., i, :], (2,), is_max))
        return result
