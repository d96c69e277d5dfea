"""Functions of weighted sums."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton
from gmruntime.factors.kind import FactorKind, ListedSum, allowed, constant, least_finite
from gmruntime.factors.layers import partial_sums
from gmruntime.factors.parameters import ParameterError, floats, integers, same_length, shared
from gmruntime.factors.semiring import Messages, of_chain

_SUM_MAX = 1 << 62
"""Partial sums of a linear sum stay below this, so that none leaves the 64-bit integers."""

# What factors sum to is looked at one by one; blocks of more of them are mechanisms of nothing.
_NUM_LOG_SUMS_MAX = 2000
# And where more sums of the other variables with a state are reached, no variable is drawn by it.
_NUM_REACHED_MAX = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class LinearSum(FactorKind):
    """Any domains: `log f(x) = log_potentials[s - lowest]`, s = sum_k coefficients[k] * x_k.

    A sum outside the range of `log_potentials` is forbidden (-inf).
    """

    coefficients: Int64[np.ndarray, "tables arity"]
    lowest: Int64[np.ndarray, " tables"]
    log_potentials: Float64[np.ndarray, "tables sums"]

    is_large = True
    is_divisible = True
    has_sums = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        log_potentials = floats("log_potentials", self.log_potentials, 2)
        coefficients = integers("coefficients", self.coefficients, 2)
        lowest = integers("lowest", self.lowest, 1)
        same_length("coefficients", coefficients, arity, "one for each variable of a scope", 1)
        coefficients, lowest, log_potentials = shared(
            coefficients=coefficients, lowest=lowest, log_potentials=log_potentials
        )
        if not log_potentials.shape[1]:
            raise ParameterError("log_potentials lists no sum; at least one must be allowed")
        # In floats, which may be large, since the integers themselves may wrap.
        reach = np.abs(coefficients.astype(np.float64)).sum(axis=1) * (num_states_max - 1)
        if (reach + np.abs(lowest.astype(np.float64)) >= _SUM_MAX).any():
            raise ParameterError("coefficients or lowest reach beyond 64-bit integers")
        return LinearSum(coefficients, lowest, log_potentials)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        terms: np.ndarray = self.coefficients[table_index] * states
        place: np.ndarray = terms.sum(axis=1) - self.lowest[table_index]
        size = self.log_potentials.shape[1]
        values = self.log_potentials[table_index, np.clip(place, 0, size - 1)]
        return np.where((place >= 0) & (place < size), values, -np.inf)

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.log_potentials.max(axis=1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return least_finite(self.log_potentials)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        listed = allowed(self.log_potentials > -np.inf)
        return (LinearSum(self.coefficients, self.lowest, listed),)

    def forbids(self, shape: Sequence[int]) -> bool:
        """Do as `FactorKind` says: a sum that is not listed is forbidden too."""
        least, most = self._reach(shape)
        outside = (least < self.lowest) | (most >= self.lowest + self.log_potentials.shape[1])
        return bool(outside.any() or np.isneginf(self.log_potentials).any())

    def _reach(self, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the largest sum of each table."""
        spans = self.coefficients * (np.array(shape, np.int64) - 1)
        return np.minimum(spans, 0).sum(axis=1), np.maximum(spans, 0).sum(axis=1)

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Add up, with one automaton for the factors that do so alike."""
        alike = np.concatenate([self.coefficients, self.lowest[:, None]], axis=1)
        if len(alike) == 1:
            groups = [(np.arange(count), np.zeros(1, np.int64))]
        else:
            _, group = np.unique(alike, axis=0, return_inverse=True)
            group = group.reshape(-1)
            groups = [(np.flatnonzero(group == g),) * 2 for g in range(int(group.max()) + 1)]
        found: list[tuple[np.ndarray, Automaton]] = []
        for members, rows in groups:
            first = rows[0]
            coefficients, lowest = self.coefficients[first], int(self.lowest[first])
            automaton = partial_sums(coefficients, lowest, self.log_potentials[rows], shape, budget)
            if automaton is None:
                return []
            found.append((members, automaton))
        return found

    def sums(self, index: int, shape: Sequence[int]) -> list[ListedSum]:
        """Do as `FactorKind` says."""
        amounts = [
            c * np.arange(size, dtype=np.float64)
            for c, size in zip(self.coefficients[index], shape, strict=True)
        ]
        return [ListedSum(int(self.lowest[index]), self.log_potentials[index], amounts)]

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        tempered = self.log_potentials / (temperature or 1.0)
        return LinearSum(self.coefficients, self.lowest, tempered)

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says, in O(arity * sums * states)."""
        smallest, largest = self._reach([m.shape[2] for m in incoming])
        width = int((largest - smallest).max()) + 1
        rows, count = incoming[0].shape[:2]
        first = np.full((rows, len(smallest), width), -np.inf)
        first[:, np.arange(len(smallest)), -smallest] = 0.0
        places = np.arange(width) + (smallest - self.lowest)[:, None]
        num_sums = self.log_potentials.shape[1]
        inside = (places >= 0) & (places < num_sums)
        clipped = np.clip(places, 0, num_sums - 1)
        values = np.take_along_axis(self.log_potentials, clipped, axis=1)
        last = np.where(inside, values, -np.inf)[None]

        def shifted(values: np.ndarray, by: np.ndarray) -> np.ndarray:
            places = np.arange(width) + by[:, None]
            inside = (places >= 0) & (places < width)
            places = np.clip(places, 0, width - 1)
            if len(by) == 1:
                return np.where(inside, values[:, :, places[0]], -np.inf)
            values = np.broadcast_to(values, (values.shape[0], len(by), width))
            return np.where(inside, np.take_along_axis(values, places[None], axis=2), -np.inf)

        return of_chain(
            np.broadcast_to(first, (rows, count, width)),
            np.broadcast_to(last, (rows, count, width)),
            incoming,
            lambda k, x, values: shifted(values, -self.coefficients[:, k] * x),
            lambda k, x, values: shifted(values, self.coefficients[:, k] * x),
            is_max,
        )

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        arity = len(shape)
        if self.num_tables * arity > _NUM_LOG_SUMS_MAX:
            return np.full((1, arity), np.nan)
        result = np.full((self.num_tables, arity), np.nan)
        for t in range(self.num_tables):
            coefficients, table = self.coefficients[t], self.log_potentials[t]
            spans = coefficients * (np.array(shape) - 1)
            for k in range(arity):
                others = np.delete(spans, k)
                low, high = int(np.minimum(others, 0).sum()), int(np.maximum(others, 0).sum())
                if (high - low + 1) * shape[k] > _NUM_REACHED_MAX:
                    continue
                sums = np.arange(low, high + 1)
                steps = coefficients[k] * np.arange(shape[k])
                reached = (sums - self.lowest[t])[:, None] + steps
                inside = (reached >= 0) & (reached < len(table))
                values = np.where(inside, table[np.clip(reached, 0, len(table) - 1)], -np.inf)
                result[t, k] = constant(np.logaddexp.reduce(values, axis=1)[None])[0]
        return result
