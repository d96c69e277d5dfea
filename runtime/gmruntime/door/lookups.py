"""What is looked up in a row of data that is known, as tables."""

from dataclasses import replace

import numpy as np

from gmruntime.factors.kinds import Lookup
from gmruntime.graph import Assignment, FactorBlock, FactorGraph


def read_off(graph: FactorGraph, evidence: Assignment) -> FactorGraph:
    """Return a graph with tables in the place of lookups whose row is observed."""
    if not any(isinstance(block.kind, Lookup) for block in graph.factors):
        return graph
    factors: list[FactorBlock] = []
    for block in graph.factors:
        kind = block.kind
        if not isinstance(kind, Lookup) or not len(block.scopes):
            factors.append(block)
            continue
        rows = evidence[block.scopes[:, 0]]
        for row in np.unique(rows).tolist():
            own = block.some(rows == row)
            assert isinstance(own.kind, Lookup)
            if row >= 0:
                own = replace(own, kind=own.kind.of_row(row), scopes=own.scopes[:, 1:].copy())
            factors.append(own)
    return FactorGraph(graph.variables, tuple(factors))
