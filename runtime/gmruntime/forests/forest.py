"""A forest of pairs as the compiled passes read it."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64


class Forest(NamedTuple):
    """The free variables of a graph, numbered apart, with an edge from each to its parent.

    Attributes:
        free: which variable of the graph each is; ascending.
        order: all of them in the order of a walk from each root, parents first.
        parent: of each; -1 of roots.
        link_start: links link_start[v]..link_start[v + 1] - 1 are the factors of v's edge.
        entry: where the part of each link's table that counts begins.
        form: of each link, which row of `stride` holds.
        stride: how far apart two states of the child, and of the parent, are in a table.
        num_states: of each free variable.
        state_start: where its states begin in what holds one number a state.
        local: the scores of single states; filled with what the pass inwards hears.
        log_potentials: all tables.
        potentials: their exponentials; empty where those would lose digits.
        log_constant: of the factors of which nothing is free.
    """

    free: Int32[np.ndarray, " free"]
    order: Int32[np.ndarray, " free"]
    parent: Int32[np.ndarray, " free"]
    link_start: Int64[np.ndarray, " free_and_end"]
    entry: Int64[np.ndarray, " links"]
    form: Int32[np.ndarray, " links"]
    stride: Int64[np.ndarray, "forms 2"]
    num_states: Int32[np.ndarray, " free"]
    state_start: Int64[np.ndarray, " free_and_end"]
    local: Float64[np.ndarray, " states"]
    log_potentials: Float64[np.ndarray, " entries"]
    potentials: Float64[np.ndarray, " entries_or_none"]
    log_constant: float
