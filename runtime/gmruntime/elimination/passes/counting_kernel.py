"""The sums of products of a program, in whole numbers modulo a prime, compiled."""

import numba
import numpy as np

from gmruntime.elimination.passes.contraction import Sweep, advance, set_out
from gmruntime.elimination.passes.program_kernel import Program, scratch_of, sweep_of


@numba.njit(cache=True, nogil=True)
def run_part_modulo(
    values: np.ndarray, program: Program, step: int, part: int, num_parts: int, prime: int
) -> None:
    """Run one part of a step whose result was set to 0; parts may run side by side.

    Args:
        values: all tables, int64, each entry in 0..prime - 1.
        program: of sums only.
        step: to run.
        part: in 0..num_parts - 1.
        num_parts: into which the step is cut.
        prime: below 2^31, so that products fit 64 bits.
    """
    axis_of, projection_of = scratch_of(program)
    sweep = sweep_of(program, step, part, num_parts, axis_of, projection_of)
    if sweep.num_places > 0:
        _sum_modulo(values, sweep, prime)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sum_modulo(values: np.ndarray, sweep: Sweep, prime: int) -> None:
    """Add to the last table the product of all others."""
    starts, outer_sizes, outer_start, offsets, inner_offsets, kinds, first, count = sweep
    num_tables = starts.size - 1
    width = inner_offsets.shape[1]
    bases = np.zeros(num_tables + 1, np.int64)
    digits = np.zeros(outer_sizes.size, np.int64)
    set_out(first, starts, outer_sizes, outer_start, offsets, digits, bases)
    product = np.empty(width, np.int64)
    for _ in range(count):
        scale = np.int64(1)
        for k in range(num_tables):
            if kinds[k] == 0:
                scale = scale * values[bases[k]] % prime
        if scale == 0:
            advance(digits, outer_sizes, outer_start, offsets, bases)
            continue
        product[:] = scale
        for k in range(num_tables):
            if kinds[k] != 0:
                for i in range(width):
                    factor = values[bases[k] + inner_offsets[k, i]]
                    # Most are 0 or 1, and a remainder takes as long as ten additions.
                    if factor != 1:
                        product[i] = product[i] * factor % prime
        out = bases[num_tables]
        if kinds[num_tables] == 0:
            total = np.int64(0)
            for i in range(width):
                total += product[i]
            values[out] = (values[out] + total) % prime
        else:
            for i in range(width):
                place = out + inner_offsets[num_tables, i]
                values[place] = (values[place] + product[i]) % prime
        advance(digits, outer_sizes, outer_start, offsets, bases)
