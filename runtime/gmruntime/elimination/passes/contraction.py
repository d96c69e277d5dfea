"""Multiply tables and sum (or maximise) some variables out, never holding the joint table.

Every table, the result too, is seen through offsets along the same axes. The axes are split in
two: inside, offsets are looked up for a whole block; outside, they are counted like an odometer.
The product of one inner block stays in the processor's nearest cache.
"""

from typing import NamedTuple

import numba
import numpy as np

from gmruntime.compiling import next_digits


class Sweep(NamedTuple):
    """How a loop goes through the tables of one step.

    Attributes:
        starts: where each table begins among the values of all; the result last.
        outer_sizes: of the outer axes.
        outer_start: where each begins in `offsets`.
        offsets: [places on all outer axes, tables].
        inner_offsets: [tables, inner entries].
        kinds: of each row of `inner_offsets`: 0 when all zero, 1 when 0, 1, 2, ..., else 2.
        first: place of the odometer to begin at.
        num_places: to run through.
    """

    starts: np.ndarray
    outer_sizes: np.ndarray
    outer_start: np.ndarray
    offsets: np.ndarray
    inner_offsets: np.ndarray
    kinds: np.ndarray
    first: int
    num_places: int


@numba.njit(cache=True)
def set_out(
    first: int,
    starts: np.ndarray,
    outer_sizes: np.ndarray,
    outer_start: np.ndarray,
    offsets: np.ndarray,
    digits: np.ndarray,
    bases: np.ndarray,
) -> None:
    """Turn the odometer to place `first`."""
    bases[:] = starts
    for axis in range(outer_sizes.size - 1, -1, -1):
        digits[axis] = first % outer_sizes[axis]
        first //= outer_sizes[axis]
        for k in range(bases.size):
            bases[k] += offsets[outer_start[axis] + digits[axis], k]


@numba.njit(cache=True)
def advance(
    digits: np.ndarray,
    outer_sizes: np.ndarray,
    outer_start: np.ndarray,
    offsets: np.ndarray,
    bases: np.ndarray,
) -> None:
    """Step the odometer; `bases` follow."""
    grown = next_digits(digits, outer_sizes, outer_sizes.size)
    for axis in range(max(0, grown), outer_sizes.size):
        first = outer_start[axis]
        here = first + digits[axis]
        before = here - 1 if axis == grown else first + outer_sizes[axis] - 1
        for k in range(bases.size):
            bases[k] += offsets[here, k] - offsets[before, k]


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def sum_product(values: np.ndarray, sweep: Sweep) -> None:
    """Add to the last table the product of all others, everything in linear space."""
    starts, outer_sizes, outer_start, offsets, inner_offsets, kinds, first, count = sweep
    num_tables = starts.size - 1
    width = inner_offsets.shape[1]
    bases = np.zeros(num_tables + 1, np.int64)
    digits = np.zeros(outer_sizes.size, np.int64)
    set_out(first, starts, outer_sizes, outer_start, offsets, digits, bases)
    product = np.empty(width)
    for _ in range(count):
        # Where a table that is constant in the block forbids all of it, the rest is not read.
        scale = 1.0
        for k in range(num_tables):
            if kinds[k] == 0:
                scale *= values[bases[k]]
        if scale == 0.0:
            advance(digits, outer_sizes, outer_start, offsets, bases)
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
                        product[i] = values[np.uint64(base + i)]
                else:
                    for i in range(width):
                        product[i] = values[np.uint64(base + inner_offsets[k, i])]
            elif kinds[k] == 1:
                for i in range(width):
                    product[i] *= values[np.uint64(base + i)]
            else:
                for i in range(width):
                    product[i] *= values[np.uint64(base + inner_offsets[k, i])]
        if not filled:
            product[:] = 1.0
        out = bases[num_tables]
        if kinds[num_tables] == 0:
            total = 0.0
            for i in range(width):
                total += product[i]
            values[out] += scale * total
        elif kinds[num_tables] == 1:
            for i in range(width):
                values[np.uint64(out + i)] += scale * product[i]
        else:
            for i in range(width):
                values[np.uint64(out + inner_offsets[num_tables, i])] += scale * product[i]
        advance(digits, outer_sizes, outer_start, offsets, bases)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def max_product(values: np.ndarray, sweep: Sweep) -> None:
    """Raise the last table to the product of all others, everything in linear space."""
    starts, outer_sizes, outer_start, offsets, inner_offsets, kinds, first, count = sweep
    num_tables = starts.size - 1
    width = inner_offsets.shape[1]
    bases = np.zeros(num_tables + 1, np.int64)
    digits = np.zeros(outer_sizes.size, np.int64)
    set_out(first, starts, outer_sizes, outer_start, offsets, digits, bases)
    product = np.empty(width)
    for _ in range(count):
        # Where a table that is constant in the block forbids all of it, the rest is not read.
        scale = 1.0
        for k in range(num_tables):
            if kinds[k] == 0:
                scale *= values[bases[k]]
        if scale == 0.0:
            advance(digits, outer_sizes, outer_start, offsets, bases)
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
                        product[i] = values[np.uint64(base + i)]
                else:
                    for i in range(width):
                        product[i] = values[np.uint64(base + inner_offsets[k, i])]
            elif kinds[k] == 1:
                for i in range(width):
                    product[i] *= values[np.uint64(base + i)]
            else:
                for i in range(width):
                    product[i] *= values[np.uint64(base + inner_offsets[k, i])]
        if not filled:
            product[:] = 1.0
        out = bases[num_tables]
        if kinds[num_tables] == 0:
            most = 0.0
            for i in range(width):
                most = max(most, product[i])
            values[out] = max(values[out], scale * most)
        else:
            for i in range(width):
                place = np.uint64(out + inner_offsets[num_tables, i])
                values[place] = max(values[place], scale * product[i])
        advance(digits, outer_sizes, outer_start, offsets, bases)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def max_sum(values: np.ndarray, sweep: Sweep) -> None:
    """Raise the last table to the sum of the others, all of logs."""
    starts, outer_sizes, outer_start, offsets, inner_offsets, kinds, first, count = sweep
    num_tables = starts.size - 1
    width = inner_offsets.shape[1]
    bases = np.zeros(num_tables + 1, np.int64)
    digits = np.zeros(outer_sizes.size, np.int64)
    set_out(first, starts, outer_sizes, outer_start, offsets, digits, bases)
    total = np.empty(width)
    for _ in range(count):
        shift = 0.0
        for k in range(num_tables):
            if kinds[k] == 0:
                shift += values[bases[k]]
        if shift == -np.inf:
            advance(digits, outer_sizes, outer_start, offsets, bases)
            continue
        filled = False
        for k in range(num_tables):
            base = bases[k]
            if kinds[k] == 0:
                continue
            if not filled:
                filled = True
                for i in range(width):
                    total[i] = values[np.uint64(base + inner_offsets[k, i])]
            else:
                for i in range(width):
                    total[i] += values[np.uint64(base + inner_offsets[k, i])]
        if not filled:
            total[:] = 0.0
        out = bases[num_tables]
        for i in range(width):
            place = np.uint64(out + inner_offsets[num_tables, i])
            values[place] = max(values[place], total[i] + shift)
        advance(digits, outer_sizes, outer_start, offsets, bases)
