"""Whether variables hang together in a graph, given what is observed."""

import numpy as np

from gmlang.graph.builder import Builder


def hang_together(
    builder: Builder, evidence: np.ndarray, some: np.ndarray, others: np.ndarray
) -> bool:
    """Say whether a path of factors leads from some variables to others.

    Args:
        builder: with the graph.
        evidence: the state of each observed variable, where paths end; -1 for the others.
        some: variables.
        others: variables.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = builder.num_variables
    rows: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    for block in builder.factors:
        factors = np.broadcast_to(count + np.arange(len(block.scopes))[:, None], block.scopes.shape)
        is_open = evidence[block.scopes] < 0
        rows.append(factors[is_open])
        columns.append(block.scopes[is_open])
        count += len(block.scopes)
    whole = np.concatenate(rows), np.concatenate(columns)
    edges = coo_array((np.ones(len(whole[0]), np.bool_), whole), shape=(count, count))
    _, part_of = connected_components(edges, directed=False)
    return bool(np.isin(part_of[some], part_of[others]).any())
