"""Try every assignment of a tiny piece: the exact engine that needs nothing but NumPy."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph

# 2^14 assignments of a few dozen factors take about a millisecond.
NUM_ASSIGNMENTS_MAX = 1 << 14


def is_tiny(flat: FlatGraph) -> bool:
    """Say whether all assignments can be tried."""
    return float(np.log2(flat.num_states).sum()) <= np.log2(NUM_ASSIGNMENTS_MAX)


def all_assignments(flat: FlatGraph) -> Int32[np.ndarray, "assignments variables"]:
    """List every assignment of a tiny piece, the last variable changing fastest."""
    shape = tuple(int(states) for states in flat.num_states)
    return np.indices(shape, np.int32).reshape(len(shape), -1).T


def _all_scores(
    flat: FlatGraph, assignments: Int32[np.ndarray, "assignments variables"]
) -> np.ndarray:
    """Score each row."""
    totals = np.full(len(assignments), flat.log_constant)
    for factor, start in enumerate(flat.table_start):
        edges = slice(flat.factor_start[factor], flat.factor_start[factor + 1])
        entries = assignments[:, flat.edge_variable[edges]] @ flat.strides[edges]
        totals += flat.log_potentials[start + entries]
    return totals


@dataclass(slots=True, eq=False)
class Enumeration:
    """An engine that is done after one step, and then has the proof."""

    flat: FlatGraph

    @property
    def name(self) -> str:
        """The engine in words."""
        return "enumeration"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Find the best assignment of all."""
        del incumbent, seconds
        assignments = all_assignments(self.flat)
        scores = _all_scores(self.flat, assignments)
        best = int(np.argmax(scores))
        return Report(assignments[best].copy(), float(scores[best]), finished=True)
