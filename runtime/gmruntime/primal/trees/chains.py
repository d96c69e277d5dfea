"""Chains that come to follow a graph's distribution: forests re-drawn at temperature 1.

Each chain goes on from where it was when tables have changed a little.

Source: Hamze and de Freitas (2004), "From fields to trees"; Tieleman (2008), "Training restricted
Boltzmann machines using approximations to the likelihood gradient", for chains that persist.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, UInt64
from gmruntime.budget import Budget
from gmruntime.flat import FlatGraph, entries_at

_FORBIDDEN = -1e4
"""What stands for -inf, nats: a chain that begins where it may not be finds its way out."""


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Assignments of a graph of tables, of which each sweep re-draws all that are free.

    Attributes:
        flat: the graph.
        assignments: one for each chain; changed in place.
        free: of each chain, the variables that it re-draws; their order changes.
        states: of the random numbers of each.
    """

    flat: FlatGraph
    assignments: Int32[np.ndarray, "chains variables"]
    free: tuple[Int32[np.ndarray, " _free"], ...]
    states: UInt64[np.ndarray, "chains one"]

    def sweep(
        self, log_potentials: Float64[np.ndarray, " entries"], sweeps: int, budget: Budget
    ) -> None:
        """Let every chain sweep so many times under other tables.

        Raises:
            TimeoutError: when the budget ended before all had, or would.
        """
        from gmruntime.primal.compiled import arrays_of
        from gmruntime.primal.trees.moves import forest_sweeps

        arrays = arrays_of(self.flat, np.maximum(log_potentials, _FORBIDDEN))
        temperature, cost_s = np.ones(1), 0.0
        for assignment, free, state in zip(self.assignments, self.free, self.states, strict=True):
            for _ in range(sweeps):
                left_s = budget.left_s()
                if left_s <= cost_s:
                    raise TimeoutError
                forest_sweeps(arrays, assignment, free, temperature, state)
                cost_s = left_s - budget.left_s()

    def entries(self) -> Int64[np.ndarray, "chains factors"]:
        """Return which entry of the graph's tables each factor uses in each chain."""
        return entries_at(self.flat, self.assignments)


def begin_chains(
    flat: FlatGraph,
    rows: Int32[np.ndarray, "chains variables"],
    rng: np.random.Generator,
    *,
    is_clamped: bool,
) -> Chains:
    """Begin chains at rows.

    Args:
        flat: a graph of tables.
        rows: a state for each variable; -1 for one that begins anywhere.
        rng: of the beginnings, and of the chains.
        is_clamped: whether what a row says stays as it is.
    """
    anywhere = rng.integers(0, flat.num_states, rows.shape, dtype=np.int32)
    assignments = np.where(rows >= 0, rows, anywhere).astype(np.int32)
    free = rows < 0 if is_clamped else np.ones(rows.shape, np.bool_)
    states = rng.integers(1, 2**63, size=(len(rows), 1), dtype=np.uint64)
    listed = tuple(np.flatnonzero(one).astype(np.int32) for one in free)
    return Chains(flat, np.ascontiguousarray(assignments), listed, states)
