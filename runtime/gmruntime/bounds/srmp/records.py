"""The records that the loops of SRMP take."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64


class Net(NamedTuple):
    """Single scores of variables, and factors of two and more with their edges.

    Attributes:
        num_states: of each variable.
        unary_start: where each variable's scores begin.
        unary: the scores of single variables.
        near_start: where each variable's edges begin in `near_edge`, and one end more.
        near_edge: edges sorted by variable.
        edge_factor: the factor of each edge.
        low: the first variable of each factor.
        high: the last one.
        factor_start: edges factor_start[f]..factor_start[f + 1] - 1 are those of factor f.
        edge_variable: the variable of each edge.
        strides: what one state more of an edge's variable adds to the place in its table.
        table_start: where each factor's table begins.
        log_potentials: all tables.
        message_start: where each edge's message begins, and one end more.
    """

    num_states: Int32[np.ndarray, " variables"]
    unary_start: Int64[np.ndarray, " variables_and_end"]
    unary: Float64[np.ndarray, " states"]
    near_start: Int64[np.ndarray, " variables_and_end"]
    near_edge: Int64[np.ndarray, " edges"]
    edge_factor: Int64[np.ndarray, " edges"]
    low: Int64[np.ndarray, " factors"]
    high: Int64[np.ndarray, " factors"]
    factor_start: Int64[np.ndarray, " factors_and_end"]
    edge_variable: Int64[np.ndarray, " edges"]
    strides: Int64[np.ndarray, " edges"]
    table_start: Int64[np.ndarray, " factors"]
    log_potentials: Float64[np.ndarray, " entries"]
    message_start: Int64[np.ndarray, " edges_and_end"]


class Room(NamedTuple):
    """Scratch of the loops; `free` says that no variable is fixed, -1 for each."""

    free: Int32[np.ndarray, " variables"]
    digits: Int64[np.ndarray, " arity"]
    sizes: Int64[np.ndarray, " arity"]
    places: Int64[np.ndarray, " arity"]
    total: Float64[np.ndarray, " most_states"]
    scores: Float64[np.ndarray, " most_states"]
    found: Float64[np.ndarray, " most_states"]
