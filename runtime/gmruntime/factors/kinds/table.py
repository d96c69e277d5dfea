"""Tables, and tables behind a gate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind, allowed, least_finite
from gmruntime.factors.parameters import ParameterError, floats
from gmruntime.factors.semiring import Messages, join, leave_one_out, of_tables, reduce


@dataclass(frozen=True, slots=True, eq=False)
class Table(FactorKind):
    """A table of natural logs, `log f(x) = log_potentials[x]`; -inf forbids."""

    log_potentials: Float64[np.ndarray, "tables *states"]

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        return Table(floats("log_potentials", self.log_potentials, 1 + arity))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.log_potentials[(table_index, *states.T)]

    def log_tables(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.log_potentials

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return self.log_potentials.shape[1 + position]

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Table(self.log_potentials / (temperature or 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Gated(FactorKind):
    """A table that applies only while a boolean gate, first in scope, is true.

    log f(g, x) = log_potentials[x] if g else 0
    """

    log_potentials: Float64[np.ndarray, "tables *states"]

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        """Do as `FactorKind` says."""
        if arity < 1:
            raise ParameterError("a gated table needs its gate, first in the scope")
        return Gated(floats("log_potentials", self.log_potentials, arity))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        """Do as `FactorKind` says."""
        inner = self.log_potentials[(table_index, *states[:, 1:].T)]
        return np.where(states[:, 0] > 0, inner, 0.0)

    def expected_states(self, arity: int, position: int) -> int:
        """Do as `FactorKind` says."""
        return 2 if position == 0 else self.log_potentials.shape[position]

    def largest_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return self.log_potentials.reshape(self.num_tables, -1).max(axis=1, initial=0.0)

    def least_entries(self, shape: Sequence[int]) -> np.ndarray:
        """Do as `FactorKind` says."""
        return np.minimum(least_finite(self.log_potentials), 0.0)

    def support(self, shape: Sequence[int]) -> tuple[FactorKind, ...]:
        """Do as `FactorKind` says."""
        holds = self.log_potentials > -np.inf
        return () if holds.all() else (Gated(allowed(holds)),)

    def tempered(self, shape: Sequence[int], temperature: float) -> FactorKind:
        """Do as `FactorKind` says."""
        return Gated(self.log_potentials / (temperature or 1.0))

    def messages(
        self, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
    ) -> list[np.ndarray]:
        """Do as `FactorKind` says.

        m_k(x) = n_gate(1) + [message of the table] (+) n_gate(0) + sum over j != k of |n_j|
        """
        gate, inner = incoming[0], incoming[1:]
        applied = of_tables(self.log_potentials, inner, is_max, budget)
        norms = np.stack([reduce(m, (2,), is_max) for m in inner], axis=2)
        others = leave_one_out(norms)
        to_inner = [
            join(gate[:, :, 1:] + applied[k], (gate[:, :, 0] + others[:, :, k])[..., None], is_max)
            for k in range(len(inner))
        ]
        off = norms.sum(axis=2)
        on = reduce(applied[0] + inner[0], (2,), is_max)
        return [np.stack([off, on], axis=2), *to_inner]
