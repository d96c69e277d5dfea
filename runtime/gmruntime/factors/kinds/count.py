"""Functions of how many literals hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton, literals
from gmruntime.factors.kind import FactorKind, ListedSum, allowed, least_finite
from gmruntime.factors.kinds.linear_sum import LinearSum
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.parameters import flags, floats, same_length, shared
from gmruntime.factors.semiring import Messages


@dataclass(frozen=True, slots=True, eq=False)
class Count(FactorKind):
    """Booleans: `log f(x) = log_potentials[number of true literals]`.

    Literal k is `x_k xor negated[k]`. Covers clauses, exactly-k, at-most-k and soft counts.

    Attributes:
        log_potentials: one entry for each count 0..arity.
    """

    log_potentials: Float64[np.ndarray, "tables counts"]
    negated: Bool[np.ndarray, "tables arity"]

    is_large = True
    is_divisible = True
    has_sums = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        log_potentials = floats("log_potentials", self.log_potentials, 2)
        negated = flags("negated", self.negated, 2)
        same_length("negated", negated, arity, "one entry for each variable of a scope", 1)
        log_potentials, negated = shared(log_potentials=log_potentials, negated=negated)
        same_length("log_potentials", log_potentials, arity + 1, "the counts 0..arity", 1)
        return Count(log_potentials, negated) if arity else Table(log_potentials[:, 0].copy())

    def linear(self) -> LinearSum:
        """Return the same factors as weighted sums."""
        signs = np.where(self.negated, -1, 1).astype(np.int64)
        return LinearSum(signs, -self.negated.sum(axis=1).astype(np.int64), self.log_potentials)

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        hold = (states > 0) ^ self.negated[table_index]
        return self.log_potentials[table_index, hold.sum(axis=1)]

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.log_potentials.max(axis=1)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return least_finite(self.log_potentials)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        holds = self.log_potentials > -np.inf
        return () if holds.all() else (Count(allowed(holds), self.negated),)

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Count the literals that hold, telling apart only counts whose future differs.

        This is the minimal automaton: "at most k" needs k + 2 states however many literals.
        """
        arity = self.negated.shape[1]
        _, classes = np.unique(self.log_potentials, axis=1, return_inverse=True)
        classes = classes.reshape(-1)
        steps: list[np.ndarray] = []
        final = np.zeros(0)
        for position in range(arity - 1, -1, -1):
            pairs = np.stack([classes[:-1], classes[1:]], axis=1)
            _, first, before = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
            number = first[None, :, None] + literals(self.negated[:, position])[:, None, :]
            if position == arity - 1:
                final = self.log_potentials[np.arange(self.num_tables)[:, None, None], number]
            else:
                steps.append(classes[number])
            classes = before.reshape(-1)
        return [(np.arange(count), Automaton(tuple(reversed(steps)), final))]

    def sums(self, index: int, shape: Sequence[int]) -> list[ListedSum]:
        """Do as `FactorKind` says."""
        amounts = np.where(self.negated[index, :, None], [1.0, 0.0], [0.0, 1.0])
        return [ListedSum(0, self.log_potentials[index], list(amounts))]

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Count(self.log_potentials / (temperature or 1.0), self.negated)

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says."""
        return self.linear().messages(incoming, is_max, budget)

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.linear().log_sums(shape)
