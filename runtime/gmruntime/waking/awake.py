"""The graph of what is awake: whatever is fixed is taken out, and its scores are a constant."""

from dataclasses import dataclass

import numpy as np

from gmruntime.factors.kinds import Gated
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, table_indices


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """What is left of a graph where some variables are fixed.

    Attributes:
        graph: all variables, and the factors that something free depends on.
        fixed: a state for each variable that is fixed, -1 for the others.
        log_constant: the sum of all factors that were left out, nats.
    """

    graph: FactorGraph
    fixed: Assignment
    log_constant: float


def rest_of(graph: FactorGraph, fixed: Assignment) -> Rest:
    """Leave out of a graph the factors that no free variable changes."""
    kept: list[FactorBlock] = []
    constant = 0.0
    is_free = fixed < 0
    for block in graph.factors:
        held = fixed[block.scopes]
        open_ = np.asarray(is_free[block.scopes].any(axis=1))
        if isinstance(block.kind, Gated):
            # A gate that is off says the same whatever is behind it.
            open_ &= held[:, 0] != 0
        settled = np.flatnonzero(~open_)
        if len(settled):
            index = table_indices(block)[settled]
            values = block.kind.log_values(index, np.maximum(held[settled], 0))
            # What is impossible is left to whoever answers.
            open_[settled[np.isneginf(values)]] = True
            constant += float(values[np.isfinite(values)].sum())
        if open_.any():
            kept.append(block.some(open_))
    return Rest(FactorGraph(graph.variables, tuple(kept)), fixed, constant)
