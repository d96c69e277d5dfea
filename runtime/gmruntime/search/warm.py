"""Compile the search's loops ahead of time, so that no first question has to wait for it.

Numba keeps what it compiles beside the source; one call after an installation is enough.
"""

import numpy as np

from gmruntime.answer import Map
from gmruntime.budget import start_budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence


def warm_up() -> None:
    """Run every engine of the search once on a small graph."""
    from gmruntime.search.anytime import search

    rng = np.random.default_rng(0)
    index = np.arange(900, dtype=np.int32).reshape(30, 30)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    pairs = np.concatenate([across, down])
    graph = FactorGraph(
        (VariableBlock("x", (30, 30), 2),),
        (FactorBlock(Table(rng.normal(size=(len(pairs), 2, 2))), pairs),),
    )
    budget = start_budget(600.0, 1 << 30)
    for _ in search(graph, Map(), no_evidence(graph), budget, rng, num_steps_max=40):
        pass
