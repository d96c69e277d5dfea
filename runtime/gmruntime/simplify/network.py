"""A graph as log tables over the variables that are not observed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

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
from gmruntime.arrays import rows_by
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.factors.decompose import to_sum_tables, to_support_tables, to_tables
from gmruntime.factors.kinds import Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states
from gmruntime.simplify.products import parts_of
from gmruntime.task import Task

_LARGE_ENTRIES = 4096
"""Tables from this size on are looked at once, however many factors share them."""

_TABLE_BITS_MAX = 5
"""Wider factors become chains: evidence cuts a chain into pieces, a table stays one clique."""

_CHAIN_ENTRIES_MAX = 1 << 26
"""Half a GiB, nearly all of it zeros that elimination leaves out: a chain of 60 sums up to 600."""


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """A log table; `scope` is ascending, one axis of `table` for each of its variables."""

    scope: tuple[int, ...]
    table: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Leaves:
    """Variables that were maximised out, and their best states.

    Attributes:
        variables: the leaves, (leaves,).
        around: all that their factors also speak of, ascending.
        best: a state of each leaf for each joint state around it, (leaves, *states).
    """

    variables: np.ndarray
    around: tuple[int, ...]
    best: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Factors over the free variables of a graph.

    Attributes:
        free: the variables that are not observed, ascending; auxiliary ones included.
        num_states: of every variable.
        log_constant: what the observed variables contribute.
        labels: for variables that lost states, the state in the graph of each that is left.
        leaves: that are no longer free, although the best assignment has them.
    """

    free: tuple[int, ...]
    num_states: np.ndarray
    factors: list[Factor]
    log_constant: float
    labels: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    leaves: tuple[Leaves, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The tables of a graph that answers depend on, whatever is observed of its variables.

    Attributes:
        tables: variables are the graph's, with auxiliary ones behind them.
        is_dropped: the variables that nothing depends on, (variables,).
        log_constant: what summing them out has left.
    """

    tables: FactorGraph
    is_dropped: np.ndarray
    log_constant: float = 0.0


def zero_counts(factors: Sequence[Factor]) -> list[int]:
    """Count the zeros of each factor's table; one that several share is looked at once."""
    seen: dict[tuple[object, ...], int] = {}
    found: list[int] = []
    for factor in factors:
        table = factor.table
        if table.size < _LARGE_ENTRIES:
            found.append(table.size - int(np.count_nonzero(table > -np.inf)))
            continue
        # Transposed or not, the same memory holds the same zeros.
        held = table.__array_interface__["data"][0]
        key = (held, *sorted(zip(table.shape, table.strides, strict=True)))
        if key not in seen:
            # Most large tables have none, and a minimum is found without any copy.
            is_dense = float(table.min()) > -np.inf
            seen[key] = 0 if is_dense else int(np.count_nonzero(table == -np.inf))
        found.append(seen[key])
    return found


def _tables_for(graph: FactorGraph, query: Query, budget: Budget) -> FactorGraph | None:
    """Write the graph as tables that answer `query` like the graph itself."""
    match query:
        case Map() | Best():
            write = to_tables
        case Solutions():
            write = to_support_tables
        case LogPartition() | Marginals() | Joint() | MarginalMap() | Samples():
            write = to_sum_tables
    return write(
        graph,
        table_bits_max=_TABLE_BITS_MAX,
        num_entries_max=_CHAIN_ENTRIES_MAX,
        budget=budget,
    )


def whole(graph: FactorGraph, query: Query, budget: Budget = UNLIMITED) -> Part | None:
    """Return all tables of a graph; None when a factor has none.

    Raises:
        TimeoutError: when the budget ended first.
    """
    tables = _tables_for(graph, query, budget)
    return None if tables is None else Part(tables, np.zeros(tables.num_variables, np.bool_))


def reduce(task: Task[Query], budget: Budget = UNLIMITED) -> Network | None:
    """Slice the evidence out of every factor; None when a factor has no tables.

    Raises:
        TimeoutError: when the budget ended first.
    """
    part = whole(task.graph, task.query, budget)
    budget.check()
    return None if part is None else sliced_out(part, task.evidence, budget)


def sliced_out(part: Part, evidence: Assignment, budget: Budget = UNLIMITED) -> Network:
    """Slice the evidence out of every factor of a part; merge factors with the same scope.

    Raises:
        TimeoutError: when the budget ended first.
    """
    tables = part.tables
    states = num_states(tables)
    observed = np.full(tables.num_variables, -1, np.int64)
    observed[: len(evidence)] = evidence
    # A variable of one state is as good as observed: arrays have only so many axes.
    settled = np.where(states == 1, 0, observed)
    merged: dict[tuple[int, ...], np.ndarray] = {}
    log_constant = part.log_constant
    for block in tables.factors:
        assert isinstance(block.kind, Table)
        potentials = block.kind.log_potentials
        shared = potentials.shape[0] == 1
        all_seen = settled[block.scopes]
        log_constant += _add_narrow(merged, block, all_seen)
        wide = np.flatnonzero((all_seen < 0).sum(axis=1) > 1)
        for f in within(wide, budget):
            table, scope, seen = potentials[0 if shared else f], block.scopes[f], all_seen[f]
            if (seen >= 0).any():
                table = table[tuple(int(s) if s >= 0 else slice(None) for s in seen)]
                scope = scope[seen < 0]
            order = np.argsort(scope)
            key = tuple(int(v) for v in scope[order])
            one = key, table.transpose(order)
            for own, piece in parts_of(*one) if (seen >= 0).any() else (one,):
                merged[own] = merged[own] + piece if own in merged else piece
    free = tuple(np.flatnonzero((observed < 0) & ~part.is_dropped).tolist())
    factors = [Factor(scope, table) for scope, table in merged.items()]
    return Network(free, states, factors, log_constant)


def _add_narrow(
    merged: dict[tuple[int, ...], np.ndarray], block: FactorBlock, seen: np.ndarray
) -> float:
    """Add the factors that evidence leaves one variable; return the sum of those it leaves none.

    Args:
        merged: grows.
        block: of tables.
        seen: (factors, arity), the state of each variable, -1 where it has none.
    """
    assert isinstance(block.kind, Table)
    potentials = block.kind.log_potentials
    number = np.zeros(len(seen), np.int64) if len(potentials) == 1 else np.arange(len(seen))
    num_free = (seen < 0).sum(axis=1)
    none = np.flatnonzero(num_free == 0)
    total = float(potentials[(number[none], *seen[none].T)].sum())
    for position in range(seen.shape[1]):
        rows = np.flatnonzero((num_free == 1) & (seen[:, position] < 0))
        if not len(rows):
            continue
        index: list[np.ndarray | slice] = [number[rows], *seen[rows].T]
        index[1 + position] = slice(None)
        tables = potentials[tuple(index)]
        starts, order = rows_by(block.scopes[rows, position], int(block.scopes.max()) + 1)
        filled = np.flatnonzero(np.diff(starts))
        sums = np.add.reduceat(tables[order], starts[filled])
        for variable, table in zip(filled.tolist(), sums, strict=True):
            key = (variable,)
            merged[key] = merged[key] + table if key in merged else table
    return total
