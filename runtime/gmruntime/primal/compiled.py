"""What all compiled loops of the search share: the arrays of a piece, and random numbers.

Importing this file imports numba; only engines do, and only when they first run.
"""

from typing import NamedTuple

import numba
import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, UInt64, row_starts
from gmruntime.compiling import loop, next_digits
from gmruntime.flat import FlatGraph


class Arrays(NamedTuple):
    """The fields of a `FlatGraph`, with forbidden entries made finite.

    `log_potentials` holds a penalty where the factor forbids, so that a search can pass through
    assignments that break rules and still tell which break fewer.
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
    state_start: Int64[np.ndarray, " variables_and_end"]


def arrays_of(flat: FlatGraph, log_potentials: Float64[np.ndarray, " entries"]) -> Arrays:
    """Lay out a piece for compiled loops, with the given finite potentials."""
    return Arrays(
        flat.num_states,
        flat.factor_start,
        flat.edge_variable,
        flat.edge_factor,
        flat.strides,
        flat.table_start,
        log_potentials,
        flat.variable_start,
        flat.variable_edges,
        row_starts(flat.num_states),
    )


def random_state(rng: np.random.Generator) -> UInt64[np.ndarray, " one"]:
    """Draw the state of a generator for compiled loops."""
    return rng.integers(1, 2**63, size=1, dtype=np.uint64)


@numba.njit(inline="always")
def next_uniform(state: UInt64[np.ndarray, " one"]) -> float:
    """Draw from the open interval (0, 1).

    Source: Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators".
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    bits = state[0]
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits = bits ^ (bits >> np.uint64(31))
    return (np.float64(bits >> np.uint64(12)) + 0.5) * (1.0 / 4503599627370496.0)


@loop
def shuffle(order: Int32[np.ndarray, " n"], state: UInt64[np.ndarray, " one"]) -> None:
    """Permute at random, in place."""
    for last in range(len(order) - 1, 0, -1):
        other = int(next_uniform(state) * (last + 1))
        order[last], order[other] = order[other], order[last]


@loop
def score(arrays: Arrays, assignment: Int32[np.ndarray, " variables"]) -> float:
    """Sum the factors at an assignment."""
    total = 0.0
    for factor in range(len(arrays.table_start)):
        entry = arrays.table_start[factor]
        for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
            entry += arrays.strides[edge] * assignment[arrays.edge_variable[edge]]
        total += arrays.log_potentials[entry]
    return float(total)


@numba.njit(nogil=True, cache=True)
def factor_spreads(arrays: Arrays) -> Float64[np.ndarray, " factors"]:
    """Find the difference of the largest and smallest finite entry of each factor."""
    spreads = np.zeros(len(arrays.table_start))
    widest = 0
    for factor in range(len(spreads)):
        widest = max(widest, arrays.factor_start[factor + 1] - arrays.factor_start[factor])
    digits, sizes = np.zeros(widest, np.int64), np.zeros(widest, np.int64)
    for factor in range(len(spreads)):
        begin = arrays.factor_start[factor]
        arity = arrays.factor_start[factor + 1] - begin
        for k in range(arity):
            sizes[k] = arrays.num_states[arrays.edge_variable[begin + k]]
        entry = arrays.table_start[factor]
        low, high = np.inf, -np.inf
        grown = 0
        while grown >= 0:
            value = arrays.log_potentials[entry]
            if value > -np.inf:
                low, high = min(low, value), max(high, value)
            grown = next_digits(digits, sizes, arity)
            if grown >= 0:
                entry += arrays.strides[begin + grown]
            for k in range(grown + 1, arity):
                entry -= arrays.strides[begin + k] * (sizes[k] - 1)
        spreads[factor] = max(0.0, high - low) if high > -np.inf else 0.0
    return spreads


@numba.njit(nogil=True, cache=True)
def grow_region(arrays: Arrays, start: int, size_max: int) -> Int32[np.ndarray, " region"]:
    """List the variables nearest to one, in the order of breadth-first search."""
    seen = np.zeros(len(arrays.num_states), np.uint8)
    region = np.empty(min(size_max, len(seen)), np.int32)
    region[0] = start
    seen[start] = 1
    count, place = 1, 0
    while place < count:
        variable = region[place]
        place += 1
        for near in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
            factor = arrays.edge_factor[arrays.variable_edges[near]]
            for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
                other = arrays.edge_variable[edge]
                if seen[other] == 0 and count < len(region):
                    seen[other] = 1
                    region[count] = other
                    count += 1
    return region[:count]
