"""Which engines search a piece: chosen from what the piece looks like, never from where it is from."""

import numpy as np

from gmruntime.budget import Budget
from gmruntime.engine import Engine
from gmruntime.flat import FlatGraph
from gmruntime.search.annealing import TreeAnnealing
from gmruntime.search.enumeration import Enumeration, is_tiny
from gmruntime.search.neighbourhoods import Neighbourhoods
from gmruntime.search.terrain import Terrain


def primal_engines(flat: FlatGraph, budget: Budget, rng: np.random.Generator) -> list[Engine]:
    """List the engines that look for better assignments, most promising first."""
    del budget
    if is_tiny(flat):
        return []
    terrain = Terrain(flat)
    first, second = rng.spawn(2)
    return [Neighbourhoods(terrain, first), TreeAnnealing(terrain, second)]


def proof_engines(flat: FlatGraph, budget: Budget, rng: np.random.Generator) -> list[Engine]:
    """List the engines that look for tighter bounds; exact engines first."""
    del budget, rng
    if is_tiny(flat):
        return [Enumeration(flat)]
    return []
