"""The record that the loops of TRW-S take."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32


class Pairs(NamedTuple):
    """A graph of single factors and pairs."""

    num_states: Int32[np.ndarray, " variables"]
    unary_start: np.ndarray
    unary: Float64[np.ndarray, " states"]
    near_start: np.ndarray
    near_edge: np.ndarray
    near_is_first: np.ndarray
    first: np.ndarray
    second: np.ndarray
    forward_start: np.ndarray
    backward_start: np.ndarray
    log_potentials: Float64[np.ndarray, " entries"]
    share: np.ndarray
    message_start: np.ndarray
    floor: float
    constant: float
    scale: float
