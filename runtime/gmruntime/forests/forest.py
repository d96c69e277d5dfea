"""A forest of pairs as the compiled passes read it."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64


class Forest(NamedTuple):
    """Free variables in the order of a walk from each root; an edge leads to its parent.

    Attributes:
        order: the free variables, parents first.
        parent: of each variable; -1 of roots and of what is not free.
        link_start: links link_start[v]..link_start[v + 1] - 1 are the factors of v's edge.
        entry: where the part of each link's table that counts begins.
        stride: how far apart two states of the child, and of the parent, are in it.
        num_states: of each variable.
        state_start: where each variable's states begin in what holds one number a state.
        message_start: where each variable's numbers begin in what holds one a state of its parent.
        local: the scores of single states.
        log_potentials: all tables.
        potentials: their exponentials; empty where those would lose digits.
        log_constant: of the factors of which nothing is free.
    """

    order: Int32[np.ndarray, " free"]
    parent: Int32[np.ndarray, " variables"]
    link_start: Int64[np.ndarray, " variables_and_end"]
    entry: Int64[np.ndarray, " links"]
    stride: Int64[np.ndarray, "links 2"]
    num_states: Int32[np.ndarray, " variables"]
    state_start: Int64[np.ndarray, " variables_and_end"]
    message_start: Int64[np.ndarray, " variables_and_end"]
    local: Float64[np.ndarray, " states"]
    log_potentials: Float64[np.ndarray, " entries"]
    potentials: Float64[np.ndarray, " entries_or_none"]
    log_constant: float
