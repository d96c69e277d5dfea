"""Exclusive ors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.automaton import Automaton, running
from gmruntime.factors.kind import Constraint, FactorKind, ListedSum, allowed
from gmruntime.factors.kinds.table import Table
from gmruntime.factors.parameters import flags
from gmruntime.factors.semiring import Messages, of_chain


@dataclass(frozen=True, slots=True, eq=False)
class Xor(Constraint):
    """Booleans: 0 where their sum modulo 2 equals `parities`, else -inf."""

    parities: Bool[np.ndarray, " tables"]

    is_divisible = True
    has_sums = True

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        parities = flags("parities", self.parities, 1)
        # The sum of no variables is 0.
        return Xor(parities) if arity else Table(allowed(~parities))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        return allowed((states.sum(axis=1) % 2 == 1) == self.parities[table_index])

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2

    def chains(
        self, count: int, shape: Sequence[int], budget: Budget = UNLIMITED
    ) -> list[tuple[np.ndarray, Automaton]]:
        """Remember the sum modulo 2."""
        steps = running(np.zeros((self.num_tables, len(shape) - 1), np.bool_), np.logical_xor)
        odd = np.array([[False, True], [True, False]])
        finals = allowed(odd == self.parities[:, None, None])
        return [(np.arange(count), Automaton(steps, finals))]

    def sums(self, index: int, shape: Sequence[int]) -> list[ListedSum]:
        """Do as `FactorKind` says."""
        odd = np.arange(len(shape) + 1) % 2 == 1
        return [ListedSum(0, allowed(odd == self.parities[index]), [np.arange(2.0)] * len(shape))]

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says, in O(arity)."""
        rows, count = incoming[0].shape[:2]
        first = np.broadcast_to(np.array([0.0, -np.inf]), (rows, count, 2))
        wanted = np.stack([~self.parities, self.parities], axis=1)
        last = np.broadcast_to(allowed(wanted)[None], (rows, count, 2))

        def flip(_: int, x: int, values: np.ndarray) -> np.ndarray:
            return values[:, :, ::-1] if x else values

        return of_chain(first, last, incoming, flip, flip, is_max)

    def log_sums(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.zeros((1, len(shape)))
