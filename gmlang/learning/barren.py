"""Which variables tell nothing: no row sees them, nor anything that depends on them.

Source: Shachter (1986); as in `gmruntime.simplify.barren` found by the numbers of the tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.learning.dependence.tables import Tables
from gmlang.learning.numbers.inside import inner_numbers
from gmruntime.arrays import Bool, Float64, Int
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorGraph
from gmruntime.simplify.barren import constant_sum

_ROUNDS_MAX = 200
"""Of longer chains the rest is taken for latent, which costs starts and no truth."""

_TABLES_MAX = 1000
"""A block of more different tables is not looked through."""

_CELLS_AT_ONCE = 1 << 22
"""Rows times variables."""


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
    constant = constant_axes(tables, unseen, rng, budget)
    variables, factors = _drop(tables.graph, constant, unseen[None], budget)
    return Barren(variables[0], tuple(one[0] >= 0 for one in factors))


Constants = Mapping[int, Float64[np.ndarray, " tables"]]
"""By axis: the logs of what the tables of a block sum to over it, where that is constant."""


def constant_axes(
    tables: Tables,
    unseen: Bool[np.ndarray, " variables"],
    rng: np.random.Generator,
    budget: Budget,
) -> tuple[Constants, ...]:
    """Find for each block the axes with unseen variables over which all tables sum to constants.

    The arguments, and what is raised, are those of `find_barren`.
    """
    found: list[Constants] = []
    numbers = inner_numbers(tables.layout, rng)
    for block, table in zip(tables.graph.factors, tables.at(numbers, budget), strict=True):
        own = table
        if own is None and isinstance(block.kind, Table):
            own = block.kind.log_potentials
        if own is None or not len(own) or len(own) > _TABLES_MAX:
            found.append({})
            continue
        axes = np.flatnonzero(unseen[block.scopes].any(axis=0)).tolist()
        sums = {k: [constant_sum(t, k) for t in own] for k in axes}
        found.append(
            {k: np.array(each, np.float64) for k, each in sums.items() if None not in each}
        )
    return tuple(found)


def barren_rows(
    graph: FactorGraph,
    constant: Sequence[Constants],
    unseen: Bool[np.ndarray, "rows variables"],
    budget: Budget,
) -> tuple[Int[np.ndarray, "rows factors"], ...]:
    """Find in each row the axis over which each factor, by block, sums to a constant; -1 for none.

    Args:
        graph: of the tables.
        constant: over which axes those of each block do.
        unseen: which variables each row leaves open.
        budget: that has begun.

    Raises:
        TimeoutError: when the budget ended before.
    """
    found = [np.full((len(unseen), len(b.scopes)), -1, np.int8) for b in graph.factors]
    step = max(1, _CELLS_AT_ONCE // max(1, unseen.shape[1]))
    for first in range(0, len(unseen), step):
        some = slice(first, first + step)
        _, parts = _drop(graph, constant, unseen[some], budget)
        for whole, part in zip(found, parts, strict=True):
            whole[some] = part
    return tuple(found)


def _drop(
    graph: FactorGraph,
    constant: Sequence[Constants],
    unseen: Bool[np.ndarray, "rows variables"],
    budget: Budget,
) -> tuple[Bool[np.ndarray, "rows variables"], list[Int[np.ndarray, "rows _factors"]]]:
    """Return which variables tell nothing in each row, and over which axis factors went."""
    degree = np.zeros(unseen.shape[1], np.int64)
    for block in graph.factors:
        np.add.at(degree, block.scopes.reshape(-1), 1)
    degree = np.tile(degree, (len(unseen), 1))
    gone = [np.full((len(unseen), len(block.scopes)), -1, np.int8) for block in graph.factors]
    for _ in range(_ROUNDS_MAX):
        budget.check()
        is_more = False
        for block, axes, its in zip(graph.factors, constant, gone, strict=True):
            for axis in axes:
                own = block.scopes[:, axis]
                rows, factors = np.nonzero((its < 0) & unseen[:, own] & (degree[:, own] == 1))
                if len(rows):
                    is_more = True
                    its[rows, factors] = axis
                    np.subtract.at(degree, (rows[:, None], block.scopes[factors]), 1)
        if not is_more:
            break
    return unseen & (degree == 0), gone
