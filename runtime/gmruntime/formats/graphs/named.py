"""Graphs with the names that their file has, and how any format gathers the factors of one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.factors.kinds import FactorKind, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock

ENTRIES_MAX = 1 << 26
"""The tables of a file have at most so many entries, half a gigabyte."""

ARITY_MAX = 31
"""NumPy has arrays of at most 32 axes on the oldest version allowed."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedGraph:
    """A factor graph with the names of its variables and states.

    Attributes:
        name: of the problem.
        graph: variable i is the i-th of the file.
        variables: their names.
        states: the names of each variable's states; () where they are numbers from 0.
        warnings: what is to be said of the file.
    """

    name: str
    graph: FactorGraph
    variables: tuple[str, ...]
    states: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...] = ()


def grouped_variables(states: Sequence[int]) -> tuple[VariableBlock, ...]:
    """Group neighbouring variables with the same number of states; they are named x0, x1 ..."""
    blocks: list[VariableBlock] = []
    start = 0
    for end in range(1, len(states) + 1):
        if end == len(states) or states[end] != states[start]:
            name = f"x{start}" if end == start + 1 else f"x{start}_{end - 1}"
            shape = () if end == start + 1 else (end - start,)
            blocks.append(VariableBlock(name, shape, int(states[start])))
            start = end
    return tuple(blocks)


class Factors:
    """The factors of a graph, as they come.

    Attributes:
        sizes: the number of states of each variable.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        """Begin with none."""
        self.sizes = list(sizes)
        self._tables: list[tuple[tuple[int, ...], Float64[np.ndarray, "*states"]]] = []
        self._kinds: list[tuple[FactorKind, Int64[np.ndarray, "factors arity"], str]] = []
        self._num_entries = 0

    def shape(self, scope: Sequence[int]) -> tuple[int, ...] | None:
        """Return the shape of a table over a scope and count its entries; None if too large."""
        shape = tuple(self.sizes[v] for v in scope)
        return shape if len(scope) <= ARITY_MAX and self.reserve(math.prod(shape)) else None

    def reserve(self, number: int) -> bool:
        """Count entries; False when they are too many for one file."""
        if self._num_entries + number > ENTRIES_MAX:
            return False
        self._num_entries += number
        return True

    def table(self, scope: Sequence[int], log_potentials: Float64[np.ndarray, "*states"]) -> None:
        """Take a table of natural logs."""
        self._tables.append((tuple(scope), log_potentials))

    def kind(self, kind: FactorKind, scopes: Sequence[Sequence[int]], label: str) -> None:
        """Take a block of factors of a kind."""
        self._kinds.append((kind, np.array(scopes, np.int64).reshape(len(scopes), -1), label))

    def graph(self) -> FactorGraph:
        """Return the graph; tables of the same shape share a block."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for number, (_, table) in enumerate(self._tables):
            groups.setdefault(table.shape, []).append(number)
        blocks: list[FactorBlock] = []
        for shape, members in groups.items():
            stacked = np.stack([self._tables[k][1] for k in members])
            if len(members) > 1 and (stacked == stacked[:1]).all():
                stacked = stacked[:1]
            scopes = [self._tables[k][0] for k in members]
            scope = np.array(scopes, np.int32).reshape(len(members), len(shape))
            label = f"factors over {len(shape)} variables"
            blocks.append(FactorBlock(Table(stacked), scope, label))
        for kind, scope, label in self._kinds:
            blocks.append(FactorBlock(kind, scope.astype(np.int32), label))
        return FactorGraph(grouped_variables(self.sizes), tuple(blocks))
