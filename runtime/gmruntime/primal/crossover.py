"""Compiled partition crossover: take from two assignments the better part, region by region.

Variables on which the two differ fall into regions that no factor joins. Each region's choice is
independent of the others, so the best of all combinations takes linear time.

Source: Tinós, Whitley and Chicano (2015), "Partition crossover for pseudo-Boolean optimization".
"""

import numba
import numpy as np

from gmruntime.arrays import Int32
from gmruntime.compiling import loop
from gmruntime.primal.compiled import Arrays


@loop
def _root(parents: Int32[np.ndarray, " variables"], variable: int) -> int:
    while parents[variable] != variable:
        parents[variable] = parents[parents[variable]]
        variable = parents[variable]
    return variable


@numba.njit(nogil=True, cache=True)
def recombine(
    arrays: Arrays,
    base: Int32[np.ndarray, " variables"],
    other: Int32[np.ndarray, " variables"],
) -> float:
    """Replace regions of `base` by those of `other` where that is better; return the gain."""
    count = len(base)
    parents = np.arange(count).astype(np.int32)
    gains = np.zeros(count)
    for factor in range(len(arrays.table_start)):
        first = -1
        entry_base = arrays.table_start[factor]
        entry_other = arrays.table_start[factor]
        for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
            variable = arrays.edge_variable[edge]
            entry_base += arrays.strides[edge] * base[variable]
            entry_other += arrays.strides[edge] * other[variable]
            if base[variable] == other[variable]:
                continue
            if first < 0:
                first = variable
                continue
            here = _root(parents, first)
            there = _root(parents, variable)
            if here != there:
                gains[here] += gains[there]
                parents[there] = here
        if first >= 0:
            gain = arrays.log_potentials[entry_other] - arrays.log_potentials[entry_base]
            gains[_root(parents, first)] += gain
    total = 0.0
    for variable in range(count):
        if base[variable] == other[variable]:
            continue
        root = _root(parents, variable)
        if gains[root] > 1e-12:
            base[variable] = other[variable]
            if root == variable:
                total += gains[root]
    return total
