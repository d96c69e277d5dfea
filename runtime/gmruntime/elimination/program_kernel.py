"""Runs a program of contractions over one array that holds every table, compiled."""

import numba
import numpy as np

from gmruntime.elimination.contraction_kernel import max_sum, sum_product

# An inner block of 512 numbers and the tables it touches stay in the first-level cache.
_WIDTH = 512


@numba.njit(cache=True, nogil=True)
def run_steps(
    values: np.ndarray,
    sizes: np.ndarray,
    table_start: np.ndarray,
    table_size: np.ndarray,
    scope_start: np.ndarray,
    scope_variables: np.ndarray,
    axes_start: np.ndarray,
    axes_variables: np.ndarray,
    operand_start: np.ndarray,
    operands: np.ndarray,
    results: np.ndarray,
    is_max: np.ndarray,
    first: int,
    last: int,
    floor: float,
) -> tuple[float, int]:
    """Run contractions first..last - 1 and rescale each result to a largest entry of 1 (log 0).

    Scopes and axes list variables in one common order, tables are in C order.

    Returns:
        The log of what rescaling took out, and the number of steps run: fewer than asked when a
        result's largest entry was at most `floor`.
    """
    log_constant = 0.0
    axis_of = np.zeros(sizes.size, np.int64)
    for step in range(first, last):
        axes = axes_variables[axes_start[step] : axes_start[step + 1]]
        num_axes = axes.size
        inner = num_axes
        width = 1
        while inner > 0 and width * sizes[axes[inner - 1]] <= _WIDTH:
            inner -= 1
            width *= sizes[axes[inner]]
        for k in range(num_axes):
            axis_of[axes[k]] = k
        num_tables = operand_start[step + 1] - operand_start[step]
        strides = np.zeros((num_tables + 1, num_axes), np.int64)
        starts = np.zeros(num_tables, np.int64)
        result = results[step]
        for k in range(num_tables + 1):
            table = result if k == num_tables else operands[operand_start[step] + k]
            if k < num_tables:
                starts[k] = table_start[table]
            stride = 1
            for e in range(scope_start[table + 1] - 1, scope_start[table] - 1, -1):
                strides[k, axis_of[scope_variables[e]]] = stride
                stride *= sizes[scope_variables[e]]
        offsets = np.zeros((num_tables + 1, width), np.int64)
        kinds = np.zeros(num_tables + 1, np.int64)
        _fill_offsets(offsets, kinds, strides, sizes, axes, inner)
        # The variables summed out turn fastest, so that the block of the result stays in cache.
        outer = np.empty(inner, np.int64)
        count = 0
        for summed in range(2):
            for axis in range(inner):
                if (strides[num_tables, axis] == 0) == (summed == 1):
                    outer[count] = axis
                    count += 1
        outer_sizes = np.empty(inner, np.int64)
        outer_strides = np.empty((num_tables + 1, inner), np.int64)
        for k in range(inner):
            outer_sizes[k] = sizes[axes[outer[k]]]
            outer_strides[:, k] = strides[:, outer[k]]
        out = values[table_start[result] : table_start[result] + table_size[result]]
        if is_max[step]:
            out[:] = -np.inf
            max_sum(values, starts, outer_sizes, outer_strides, offsets, kinds, out)
        else:
            out[:] = 0.0
            sum_product(values, starts, outer_sizes, outer_strides, offsets, kinds, out)
        largest = out.max()
        if largest <= (-np.inf if is_max[step] else floor):
            return log_constant, step - first
        if is_max[step]:
            log_constant += largest
            out -= largest
        else:
            log_constant += np.log(largest)
            out /= largest
    return log_constant, last - first


@numba.njit(cache=True)
def _fill_offsets(
    offsets: np.ndarray,
    kinds: np.ndarray,
    strides: np.ndarray,
    sizes: np.ndarray,
    axes: np.ndarray,
    inner: int,
) -> None:
    """Tabulate the offsets inside a block and recognise the two simple patterns."""
    for k in range(offsets.shape[0]):
        filled = 1
        for axis in range(axes.size - 1, inner - 1, -1):
            stride = strides[k, axis]
            for s in range(1, sizes[axes[axis]]):
                for i in range(filled):
                    offsets[k, s * filled + i] = offsets[k, i] + s * stride
            filled *= sizes[axes[axis]]
        flat, straight = True, True
        for i in range(offsets.shape[1]):
            flat = flat and offsets[k, i] == 0
            straight = straight and offsets[k, i] == i
        kinds[k] = 0 if flat else (1 if straight else 2)
