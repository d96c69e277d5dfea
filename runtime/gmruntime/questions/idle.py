"""Variables that no factor mentions, as an answer is completed by them."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Int64
from gmruntime.graph import Assignment, FactorGraph


@dataclass(frozen=True, slots=True, eq=False)
class Idle:
    """The graph that was asked, and which of its variables are idle.

    Attributes:
        states: of every variable of that graph.
    """

    graph: FactorGraph
    evidence: Assignment
    states: Int64[np.ndarray, " variables"]
    is_idle: Bool[np.ndarray, " variables"]

    def log_ways(self, among: np.ndarray | None = None) -> float:
        """Return the log of how many states the idle variables have together, or some of them."""
        free = self.is_idle & (self.evidence < 0)
        if among is not None:
            free &= among
        return float(np.log(self.states[free].astype(np.float64)).sum())
