"""A graph written as tables, with the block of the graph that each block of tables came from."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.decompose import to_sum_tables
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, VariableBlock

_TABLE_BITS_MAX = 5
"""Wider factors become chains, as in elimination."""

_CHAIN_ENTRIES_MAX = 1 << 22
"""Here zeros are not left out of tables, so a chain of more entries would not be run anyway."""


@dataclass(frozen=True, slots=True, eq=False)
class TableGraph:
    """A graph of tables that has the sums of another.

    Attributes:
        graph: all its factors are tables; auxiliary variables come after those of the other.
        sources: for each of its blocks of factors, the other's block that it was made of.
    """

    graph: FactorGraph
    sources: tuple[int, ...]


class Writer(Protocol):
    """`to_sum_tables` or `to_tables`."""

    def __call__(
        self, graph: FactorGraph, *, table_bits_max: float, num_entries_max: int, budget: Budget
    ) -> FactorGraph | None:
        """Write a graph as tables within a budget; None where there is no such form."""
        ...


def as_tables(
    graph: FactorGraph, write: Writer = to_sum_tables, budget: Budget = UNLIMITED
) -> TableGraph:
    """Write a graph as tables, block by block, so that it is known what each was.

    Args:
        graph: any graph.
        write: what keeps sums, or maxima as well.
        budget: looked at on the way.

    Raises:
        GraphError: where a block of factors is too large for tables.
        TimeoutError: when the budget ended first.
    """
    variables: list[VariableBlock] = list(graph.variables)
    factors: list[FactorBlock] = []
    sources: list[int] = []
    count = graph.num_variables
    added = 0
    for position, block in enumerate(graph.factors):
        if isinstance(block.kind, Table):
            factors.append(block)
            sources.append(position)
            continue
        alone = write(
            FactorGraph(graph.variables, (block,)),
            table_bits_max=_TABLE_BITS_MAX,
            num_entries_max=_CHAIN_ENTRIES_MAX,
            budget=budget,
        )
        if alone is None:
            raise GraphError(
                f"factor block {position} ({block.label or 'no label'}) is too large to be written "
                f"as tables, which rows of evidence need: {type(block.kind).__name__} over "
                f"{block.scopes.shape[1]} variables"
            )
        new = alone.variables[len(graph.variables) :]
        variables.extend(new)
        for part in alone.factors:
            factors.append(replace(part, scopes=_shifted(part.scopes, count, added)))
            sources.append(position)
        added += sum(block.size for block in new)
    return TableGraph(FactorGraph(tuple(variables), tuple(factors)), tuple(sources))


def _shifted(scopes: np.ndarray, count: int, added: int) -> np.ndarray:
    """Move auxiliary variables, numbered from `count` on, behind those of other blocks."""
    return np.where(scopes >= count, scopes + added, scopes).astype(np.int32)


def log_potentials(block: FactorBlock) -> np.ndarray:
    """Return the log table of a block, shaped (tables, *states)."""
    assert isinstance(block.kind, Table)
    return block.kind.log_potentials
