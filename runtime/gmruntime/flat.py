"""A graph of tables as flat arrays, the form the compiled loops of searches and proofs read.

Knows only tables: `gmruntime.factors.decompose.to_tables` turns the other kinds into them first.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, row_starts, rows_by, strides_of
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorGraph, GraphError, num_states


@dataclass(frozen=True, slots=True, eq=False)
class FlatGraph:
    """Factors in compressed rows; an edge is one position of one factor's scope.

    The value of factor f at states x is
    `log_potentials[table_start[f] + sum(strides[e] * x[edge_variable[e]] for e of f)]`.

    Attributes:
        num_states: of each variable.
        factor_start: edges factor_start[f]..factor_start[f + 1] - 1 are the scope of factor f.
        edge_variable: the variable of each edge.
        edge_factor: the factor of each edge.
        strides: how far apart in the table two neighbouring states of the edge's variable are.
        table_start: where each factor's table begins; factors that share a table share the start.
        log_potentials: all tables, one after another, each in C order; natural logs.
        variable_start: edges variable_edges[variable_start[v]..variable_start[v + 1] - 1] touch v.
        variable_edges: edges sorted by variable, then by factor.
        log_constant: the sum of the factors of empty scope.
    """

    num_states: Int32[np.ndarray, " variables"]
    factor_start: Int64[np.ndarray, " factors_and_end"]
    edge_variable: Int32[np.ndarray, " edges"]
    edge_factor: Int32[np.ndarray, " edges"]
    strides: Int64[np.ndarray, " edges"]
    table_start: Int64[np.ndarray, " factors"]
    log_potentials: Float64[np.ndarray, " entries"]
    variable_start: Int64[np.ndarray, " variables_and_end"]
    variable_edges: Int64[np.ndarray, " edges"]
    log_constant: float


def flatten(graph: FactorGraph) -> FlatGraph:
    """Lay out a graph whose factors are all tables.

    Raises:
        GraphError: when a block is of another kind.
    """
    arities: list[np.ndarray] = [np.zeros(0, np.int64)]
    variables: list[np.ndarray] = [np.zeros(0, np.int32)]
    strides: list[np.ndarray] = [np.zeros(0, np.int64)]
    starts: list[np.ndarray] = [np.zeros(0, np.int64)]
    tables: list[np.ndarray] = [np.zeros(0)]
    entries, log_constant = 0, 0.0
    for block in graph.factors:
        if not isinstance(block.kind, Table):
            raise GraphError(f"flatten needs tables, not {type(block.kind).__name__}")
        potentials = block.kind.log_potentials
        count, arity = block.scopes.shape
        if arity == 0:
            log_constant += float(np.broadcast_to(potentials, (count,)).sum())
            continue
        size = int(np.prod(potentials.shape[1:], dtype=np.int64))
        step = size if potentials.shape[0] == count else 0
        arities.append(np.full(count, arity, np.int64))
        variables.append(block.scopes.reshape(-1))
        strides.append(np.tile(strides_of(potentials.shape[1:]), count))
        starts.append(entries + step * np.arange(count, dtype=np.int64))
        tables.append(potentials.reshape(-1))
        entries += potentials.size
    arity = np.concatenate(arities)
    edge_variable = np.concatenate(variables).astype(np.int32)
    return linked(
        num_states(graph),
        edge_variable,
        np.repeat(np.arange(len(arity), dtype=np.int32), arity),
        np.concatenate(strides),
        np.concatenate(starts),
        np.concatenate(tables),
        log_constant,
    )


def linked(
    num_states: Int32[np.ndarray, " variables"],
    edge_variable: Int32[np.ndarray, " edges"],
    edge_factor: Int32[np.ndarray, " edges"],
    strides: Int64[np.ndarray, " edges"],
    table_start: Int64[np.ndarray, " factors"],
    log_potentials: Float64[np.ndarray, " entries"],
    log_constant: float,
) -> FlatGraph:
    """Return a flat graph of edges that are sorted by factor, with the rows found from them."""
    variable_start, variable_edges = rows_by(edge_variable, len(num_states))
    return FlatGraph(
        num_states,
        row_starts(np.bincount(edge_factor, minlength=len(table_start))),
        edge_variable,
        edge_factor,
        strides,
        table_start,
        log_potentials,
        variable_start,
        variable_edges,
        log_constant,
    )


def sum_by_factor(
    flat: FlatGraph, values: Int64[np.ndarray, "*rows edges"]
) -> Int64[np.ndarray, "*rows factors"]:
    """Add up what the edges of each factor have; no factor is of nothing."""
    if not len(flat.table_start):
        return np.zeros((*values.shape[:-1], 0), np.int64)
    return np.add.reduceat(values, flat.factor_start[:-1], axis=-1)


def entries_at(
    flat: FlatGraph, rows: Int32[np.ndarray, "*rows variables"]
) -> Int64[np.ndarray, "*rows factors"]:
    """Return which entry of the tables each factor uses in each row."""
    return flat.table_start + sum_by_factor(flat, flat.strides * rows[..., flat.edge_variable])


def local_scores(
    flat: FlatGraph, lone: Int64[np.ndarray, " lone_factors"]
) -> tuple[Int64[np.ndarray, " variables_and_end"], Float64[np.ndarray, " variable_states"]]:
    """Sum the given factors of arity one, for each state of each variable.

    Returns:
        start: where each variable's states begin in the scores.
        scores: one for each state of each variable.
    """
    start = row_starts(flat.num_states)
    scores = np.zeros(start[-1])
    edges = flat.factor_start[lone]
    variables = flat.edge_variable[edges]
    sizes = flat.num_states[variables].astype(np.int64)
    row = np.repeat(np.arange(len(lone)), sizes)
    state = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    entries = flat.table_start[lone][row] + flat.strides[edges][row] * state
    np.add.at(scores, start[variables][row] + state, flat.log_potentials[entries])
    return start, scores
