"""Sums of products of small tables, in the order that keeps them small."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.graph import FactorBlock

ENTRIES_MAX = 1 << 21
"""A product of more entries is not worked out."""


class TooWideError(Exception):
    """A product would take more than `ENTRIES_MAX` entries."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Values for all joint states of some variables, each named once."""

    scope: tuple[int, ...]
    values: Float64[np.ndarray, "..."]


def tables_of(block: FactorBlock, sizes: Sequence[int], evidence: np.ndarray) -> list[Table]:
    """Return the factors of a block, not in logs, in the observed states of what is observed."""
    found: list[Table] = []
    if not len(block.scopes):
        return found
    shape = [sizes[v] for v in block.scopes[0].tolist()]
    if math.prod(shape) > ENTRIES_MAX:
        raise TooWideError
    logs = block.kind.log_tables(shape)
    for number, scope in enumerate(block.scopes.tolist()):
        values = np.exp(logs[number if len(logs) > 1 else 0])
        place = tuple(int(evidence[v]) if evidence[v] >= 0 else slice(None) for v in scope)
        free = tuple(v for v in scope if evidence[v] < 0)
        found.append(Table(free, values[place]))
    return found


def product(tables: Sequence[Table], scope: tuple[int, ...], sizes: Sequence[int]) -> Table:
    """Multiply tables over a scope that holds all of theirs.

    Raises:
        TooWideError: where it has too many entries.
    """
    shape = [sizes[v] for v in scope]
    if math.prod(shape) > ENTRIES_MAX:
        raise TooWideError
    found = np.ones(shape)
    place = {v: k for k, v in enumerate(scope)}
    for one in tables:
        order = np.argsort([place[v] for v in one.scope])
        wide = [sizes[v] if v in one.scope else 1 for v in scope]
        found = found * one.values.transpose(order).reshape(wide)
    return Table(scope, found)


def sum_out(
    tables: list[Table], kept: Collection[int], sizes: Sequence[int], budget: Budget
) -> list[Table]:
    """Sum all variables out but some, of those that are left the one with the smallest product.

    Raises:
        TooWideError: where a product has too many entries.
        TimeoutError: when the budget is over.
    """
    tables = list(tables)
    touching: dict[int, set[int]] = {}
    for number, one in enumerate(tables):
        for v in one.scope:
            if v not in kept:
                touching.setdefault(v, set()).add(number)
    while touching:
        budget.check()
        costs = {v: _cost(numbers, tables, sizes) for v, numbers in touching.items()}
        variable = min(costs, key=lambda v: (costs[v], v))
        numbers = touching.pop(variable)
        parts = [tables[k] for k in sorted(numbers)]
        scope = tuple(sorted({v for one in parts for v in one.scope}))
        whole = product(parts, scope, sizes)
        axis = scope.index(variable)
        rest = (*scope[:axis], *scope[axis + 1 :])
        tables.append(Table(rest, whole.values.sum(axis=axis)))
        for numbers_of in touching.values():
            numbers_of -= numbers
        for v in rest:
            if v in touching:
                touching[v].add(len(tables) - 1)
        for k in numbers:
            tables[k] = Table((), np.ones(()))
    return [one for one in tables if one.scope or one.values != 1.0]


def _cost(numbers: set[int], tables: list[Table], sizes: Sequence[int]) -> int:
    return math.prod(sizes[v] for v in {v for k in numbers for v in tables[k].scope})
