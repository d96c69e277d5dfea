"""Where a graph is above zero, as a graph over the same variables that is 1 there and 0 elsewhere.

Its sum over all assignments is the number of solutions: whatever adds up scores counts as well.
"""

from dataclasses import replace

import numpy as np

from gmruntime.factors.kind import FactorKind, allowed
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorGraph, num_states, shape_of


def support(graph: FactorGraph) -> FactorGraph:
    """Return the graph of the same variables whose factors are 1 where the given ones are above 0.

    >>> from gmruntime.graph import FactorBlock, VariableBlock
    >>> soft = FactorBlock(Table(np.array([[2.0, -np.inf]])), np.array([[0]], np.int32))
    >>> [block] = support(FactorGraph((VariableBlock("x", (), 2),), (soft,))).factors
    >>> block.kind.log_potentials.tolist()
    [[0.0, -inf]]
    """
    states = num_states(graph)
    blocks = [block for block in graph.factors if len(block.scopes)]
    factors = [
        replace(block, kind=kind)
        for block in blocks
        for kind in _support(block.kind, shape_of(block, states))
    ]
    return replace(graph, factors=tuple(factors))


def _support(kind: FactorKind, shape: tuple[int, ...]) -> tuple[FactorKind, ...]:
    found = kind.support(shape)
    if found is not None:
        return found
    holds = kind.log_tables(shape) > -np.inf
    return () if holds.all() else (Table(allowed(holds)),)
