"""Multiply tables and sum (or maximise) some variables out, never holding the joint table.

Every table, the result too, is seen through strides over the same axes, 0 where it lacks one. The
axes are split in two: inside, offsets are looked up; outside, they are counted like an odometer.
The product of one inner block stays in the processor's nearest cache.
"""

import numba
import numpy as np


@numba.njit(cache=True)
def _advance(digits: np.ndarray, sizes: np.ndarray, strides: np.ndarray, bases: np.ndarray) -> None:
    """Step the odometer; `bases` follow."""
    for axis in range(sizes.size - 1, -1, -1):
        digits[axis] += 1
        if digits[axis] < sizes[axis]:
            for k in range(bases.size):
                bases[k] += strides[k, axis]
            return
        for k in range(bases.size):
            bases[k] -= strides[k, axis] * (sizes[axis] - 1)
        digits[axis] = 0


@numba.njit(cache=True, nogil=True)
def sum_product(
    tables: np.ndarray,
    starts: np.ndarray,
    outer_sizes: np.ndarray,
    outer_strides: np.ndarray,
    inner_offsets: np.ndarray,
    kinds: np.ndarray,
    result: np.ndarray,
) -> None:
    """Add to `result` the product of all tables, everything in linear space.

    Args:
        tables: all tables one after another.
        starts: where each begins.
        outer_sizes: of the outer axes.
        outer_strides: [tables + 1, outer axes]; the last row is the result's.
        inner_offsets: [tables + 1, inner entries].
        kinds: of each row of `inner_offsets`: 0 when all zero, 1 when 0, 1, 2, ..., else 2.
        result: changed in place.
    """
    num_tables = starts.size
    width = inner_offsets.shape[1]
    bases = np.zeros(num_tables + 1, np.int64)
    bases[:num_tables] = starts
    digits = np.zeros(outer_sizes.size, np.int64)
    count = 1
    for axis in range(outer_sizes.size):
        count *= outer_sizes[axis]
    product = np.empty(width)
    for _ in range(count):
        # Where a table that is constant in the block forbids all of it, the rest is not read.
        scale = 1.0
        for k in range(num_tables):
            if kinds[k] == 0:
                scale *= tables[bases[k]]
        if scale == 0.0:
            _advance(digits, outer_sizes, outer_strides, bases)
            continue
        filled = False
        for k in range(num_tables):
            base = bases[k]
            if kinds[k] == 0:
                continue
            if not filled:
                filled = True
                if kinds[k] == 1:
                    for i in range(width):
                        product[i] = tables[base + i]
                else:
                    for i in range(width):
                        product[i] = tables[base + inner_offsets[k, i]]
            elif kinds[k] == 1:
                for i in range(width):
                    product[i] *= tables[base + i]
            else:
                for i in range(width):
                    product[i] *= tables[base + inner_offsets[k, i]]
        if not filled:
            product[:] = 1.0
        out = bases[num_tables]
        if kinds[num_tables] == 0:
            total = 0.0
            for i in range(width):
                total += product[i]
            result[out] += scale * total
        elif kinds[num_tables] == 1:
            for i in range(width):
                result[out + i] += scale * product[i]
        else:
            for i in range(width):
                result[out + inner_offsets[num_tables, i]] += scale * product[i]
        _advance(digits, outer_sizes, outer_strides, bases)


@numba.njit(cache=True, nogil=True)
def max_sum(
    tables: np.ndarray,
    starts: np.ndarray,
    outer_sizes: np.ndarray,
    outer_strides: np.ndarray,
    inner_offsets: np.ndarray,
    kinds: np.ndarray,
    result: np.ndarray,
) -> None:
    """Raise `result` to the sum of all tables, which hold logs; arguments as in `sum_product`."""
    num_tables = starts.size
    width = inner_offsets.shape[1]
    bases = np.zeros(num_tables + 1, np.int64)
    bases[:num_tables] = starts
    digits = np.zeros(outer_sizes.size, np.int64)
    count = 1
    for axis in range(outer_sizes.size):
        count *= outer_sizes[axis]
    total = np.empty(width)
    for _ in range(count):
        shift = 0.0
        for k in range(num_tables):
            if kinds[k] == 0:
                shift += tables[bases[k]]
        if shift == -np.inf:
            _advance(digits, outer_sizes, outer_strides, bases)
            continue
        filled = False
        for k in range(num_tables):
            base = bases[k]
            if kinds[k] == 0:
                continue
            if not filled:
                filled = True
                for i in range(width):
                    total[i] = tables[base + inner_offsets[k, i]]
            else:
                for i in range(width):
                    total[i] += tables[base + inner_offsets[k, i]]
        if not filled:
            total[:] = 0.0
        out = bases[num_tables]
        for i in range(width):
            place = out + inner_offsets[num_tables, i]
            result[place] = max(result[place], total[i] + shift)
        _advance(digits, outer_sizes, outer_strides, bases)
