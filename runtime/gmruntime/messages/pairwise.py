"""Kinds whose messages are those of pairs of variables, written as pairs."""

import numpy as np

from gmruntime.factors.kinds import AllDifferent, Memory, Table
from gmruntime.graph import FactorBlock, FactorGraph, num_states


def expand_pairwise(graph: FactorGraph) -> FactorGraph:
    """Return the graph with all-different and memory factors as pairs; the rest is as it was."""
    states = num_states(graph)
    factors: list[FactorBlock] = []
    for block in graph.factors:
        kind = block.kind
        if isinstance(kind, AllDifferent) and block.scopes.shape[0]:
            factors.append(_all_different(block, int(states[block.scopes[0, 0]])))
        elif isinstance(kind, Memory):
            factors.extend(_memory(block, kind))
        else:
            factors.append(block)
    return FactorGraph(graph.variables, tuple(factors))


def _all_different(block: FactorBlock, states: int) -> FactorBlock:
    different = np.where(np.eye(states, dtype=np.bool_), -np.inf, 0.0)[None]
    left, right = np.triu_indices(block.scopes.shape[1], 1)
    pairs = np.stack([block.scopes[:, left], block.scopes[:, right]], axis=-1).reshape(-1, 2)
    return FactorBlock(Table(different), pairs.astype(np.int32), block.label)


def _memory(block: FactorBlock, kind: Memory) -> list[FactorBlock]:
    return [
        FactorBlock(
            Table(np.ascontiguousarray(kind.log_patterns[:, :, i, :])),
            np.ascontiguousarray(block.scopes[:, [0, i + 1]]),
            block.label,
        )
        for i in range(kind.log_patterns.shape[2])
    ]
