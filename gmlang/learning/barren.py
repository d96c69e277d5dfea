"""Which variables tell nothing: no row sees them, nor anything that depends on them.

Source: Shachter (1986); as in `gmruntime.simplify.barren` found by the numbers of the tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.inside import inner_numbers
from gmruntime.arrays import Bool
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorGraph
from gmruntime.simplify.barren import constant_sum

_ROUNDS_MAX = 200
"""Of longer chains the rest is taken for latent, which costs starts and no truth."""

_TABLES_MAX = 1000
"""A block of more different tables is not looked through."""


@dataclass(frozen=True, slots=True, eq=False)
class Barren:
    """What a sum over everything unseen does not depend on.

    Attributes:
        variables: which of all.
        factors: for each block, which of its factors sum to a constant.
    """

    variables: Bool[np.ndarray, " variables"]
    factors: tuple[Bool[np.ndarray, " factors"], ...]


def find_barren(
    tables: Tables,
    unseen: Bool[np.ndarray, " variables"],
    rng: np.random.Generator,
    budget: Budget,
) -> Barren:
    """Find the unseen variables whose only factor sums to a constant over them; and so on.

    Args:
        tables: of the program.
        unseen: variables that no row has seen.
        rng: of the numbers at which the tables are looked at.
        budget: that has begun.

    Raises:
        GmError: when a statement has no value there.
        TimeoutError: when the budget ended before.
    """
    graph = tables.graph
    numbers = inner_numbers(tables.layout, rng)
    constant = _constant_axes(graph, tables.at(numbers, budget), unseen)
    degree = np.zeros(len(unseen), np.int64)
    for block in graph.factors:
        np.add.at(degree, block.scopes.reshape(-1), 1)
    factors = tuple(np.zeros(len(block.scopes), np.bool_) for block in graph.factors)
    for _ in range(_ROUNDS_MAX):
        budget.check()
        is_more = False
        for block, axes, gone in zip(graph.factors, constant, factors, strict=True):
            for axis in axes:
                own = block.scopes[:, axis]
                found = ~gone & unseen[own] & (degree[own] == 1)
                if found.any():
                    is_more = True
                    gone |= found
                    np.subtract.at(degree, block.scopes[found].reshape(-1), 1)
        if not is_more:
            break
    return Barren(unseen & (degree == 0), factors)


def _constant_axes(
    graph: FactorGraph, tables: Sequence[np.ndarray | None], unseen: np.ndarray
) -> list[tuple[int, ...]]:
    """List for each block over which axes with unseen variables all tables sum to constants."""
    found: list[tuple[int, ...]] = []
    for block, table in zip(graph.factors, tables, strict=True):
        own = table
        if own is None and isinstance(block.kind, Table):
            own = block.kind.log_potentials
        if own is None or not len(own) or len(own) > _TABLES_MAX:
            found.append(())
            continue
        axes = np.flatnonzero(unseen[block.scopes].any(axis=0)).tolist()
        found.append(tuple(k for k in axes if all(constant_sum(t, k) is not None for t in own)))
    return found
