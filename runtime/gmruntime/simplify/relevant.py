"""The part of a graph that sums depend on, found once for all evidence about the same variables.

What nobody asks about or observes, and sums to a constant, is left out (Shachter 1986) before any
evidence is looked at. What evidence makes constant besides is found later, in `barren.py`.
"""

from dataclasses import dataclass, replace
from itertools import count, pairwise

import numpy as np

from gmruntime.answer import (
    Best,
    Joint,
    LogPartition,
    Map,
    MarginalMap,
    Marginals,
    Query,
    Samples,
    Solutions,
)
from gmruntime.arrays import Bool
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph
from gmruntime.simplify.barren import constant_sum
from gmruntime.simplify.network import Part, whole
from gmruntime.task import Effort, Task

_ENTRIES_MAX = 1 << 16
"""Larger tables are summed when evidence has made them smaller."""


def asked_by(graph: FactorGraph, query: Query) -> frozenset[int] | None:
    """Say what a sum is asked about; None when all variables matter."""
    match query:
        case LogPartition():
            return frozenset()
        case Marginals():
            if query.variables is None:
                return frozenset(range(graph.num_variables))
            return frozenset(int(v) for v in query.variables)
        case Joint() | MarginalMap():
            return frozenset(int(v) for v in query.variables)
        case Map() | Best() | Samples() | Solutions():
            return None


def part_for(task: Task[Query], asked: frozenset[int], effort: Effort) -> Part | None:
    """Return what a sum depends on, found once for all evidence about the same variables.

    None when some factor has no table.

    Raises:
        TimeoutError: when the budget ended first.
    """
    kept = task.evidence >= 0
    kept[list(asked)] = True

    def find() -> Part | None:
        part = whole(task.graph, task.query, effort.budget)
        return None if part is None else relevant(part, kept, effort.budget)

    return effort.once(Part, lambda: (task.graph, kept), find)


def relevant(every: Part, kept: np.ndarray, budget: Budget = UNLIMITED) -> Part:
    """Leave out the variables whose only factor, summed over them, is constant; and so on.

    Args:
        every: the tables of a graph.
        kept: the variables that are asked about or observed, a mask over the graph's.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    tables = every.tables
    is_kept = every.is_dropped.copy()
    is_kept[: len(kept)] |= kept
    summed = sum_out(tables, is_kept, budget)
    if all(is_left.all() for is_left in summed.is_left):
        return every
    left = (
        block.some(is_left) for block, is_left in zip(tables.factors, summed.is_left, strict=True)
    )
    blocks = tuple(block for block in left if len(block.scopes))
    is_dropped = every.is_dropped | summed.is_dropped
    log_constant = every.log_constant + summed.log_constant
    return Part(replace(tables, factors=blocks), is_dropped, log_constant)


@dataclass(frozen=True, slots=True, eq=False)
class SummedOut:
    """What sums of a graph do not depend on.

    Attributes:
        is_dropped: the variables of no more use.
        is_left: for each block, the factors that are left.
        log_constant: log of what the others sum to.
    """

    is_dropped: Bool[np.ndarray, " variables"]
    is_left: tuple[Bool[np.ndarray, " _factors"], ...]
    log_constant: float


def sum_out(
    graph: FactorGraph, is_kept: Bool[np.ndarray, " variables"], budget: Budget = UNLIMITED
) -> SummedOut:
    """Find the variables whose only factor, summed over them, is constant; and so on.

    Only tables are looked at; factors of other kinds stay.

    Args:
        graph: any.
        is_kept: which variables stay, whatever they sum to.
        budget: ends it.

    Raises:
        TimeoutError: when the budget ended first.
    """
    starts = np.cumsum([0, *(len(block.scopes) for block in graph.factors)])
    num_touching, only = _touching(graph, starts)
    is_dropped, is_left = np.zeros(len(is_kept), np.bool_), np.ones(starts[-1], np.bool_)
    known: dict[tuple[int, int, int], float | None] = {}
    log_constant = 0.0
    waiting = np.flatnonzero(~is_kept & (num_touching == 1)).tolist()
    for _ in within(count(), budget):
        if not waiting:
            break
        v = waiting.pop()
        if is_dropped[v] or num_touching[v] != 1:
            continue
        k = int(only[v])
        b = int(np.searchsorted(starts, k, side="right")) - 1
        scope = graph.factors[b].scopes[k - starts[b]]
        axis = int(np.flatnonzero(scope == v)[0])
        total = _constant(graph.factors[b], (b, k - int(starts[b]), axis), known)
        if total is None:
            continue
        log_constant += total
        is_dropped[v], is_left[k] = True, False
        num_touching[scope] -= 1
        only[scope] -= k
        waiting += scope[~is_kept[scope] & (num_touching[scope] == 1)].tolist()
    by_block = (is_left[start:end] for start, end in pairwise(starts))
    return SummedOut(is_dropped, tuple(by_block), log_constant)


def _touching(tables: FactorGraph, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many factors each variable is in, and the sum of their numbers."""
    num_touching = np.zeros(tables.num_variables, np.int64)
    only = np.zeros(tables.num_variables, np.int64)
    for block, start in zip(tables.factors, starts[:-1], strict=True):
        numbers = start + np.arange(len(block.scopes))
        for axis in range(block.scopes.shape[1]):
            np.add.at(num_touching, block.scopes[:, axis], 1)
            np.add.at(only, block.scopes[:, axis], numbers)
    return num_touching, only


def _constant(
    block: FactorBlock,
    place: tuple[int, int, int],
    known: dict[tuple[int, int, int], float | None],
) -> float | None:
    """Return log of the sum of a factor over an axis; None where it is not constant, or no table.

    Args:
        block: that the factor is in.
        place: the number of the block, of the factor in it, and of the axis.
        known: what was found before; factors that share a table are looked at once.
    """
    if not isinstance(block.kind, Table):
        return None
    potentials = block.kind.log_potentials
    number, row, axis = place
    key = number, row if len(potentials) > 1 else 0, axis
    if key not in known:
        table = potentials[key[1]]
        known[key] = constant_sum(table, axis) if table.size <= _ENTRIES_MAX else None
    return known[key]
