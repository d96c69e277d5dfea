"""Runs a program of contractions over one array that holds every table, compiled."""

from typing import NamedTuple

import numba
import numpy as np

from gmruntime.arrays import Bool, Int64
from gmruntime.elimination.passes.contraction import Sweep, max_product, max_sum, sum_product

# An inner block of 512 numbers and the tables it touches stay in the first-level cache. A shorter
# one than 32 takes longer to set up than to run: then a long axis is taken in too.
_WIDTH, _WIDTH_MIN, _WIDTH_MAX = 512, 32, 1 << 15


class Program(NamedTuple):
    """The tables and steps of a program as arrays.

    Attributes:
        sizes: of each axis.
        table_start: where each table begins.
        table_size: the entries of each.
        scope_start: where the axes of each table begin, and one end more.
        scope_axes: the axes of all tables; a table is in C order of them.
        axes_start: where the axes of each step begin, and one end more.
        step_axes: the axes of all steps.
        operand_start: where the operands of each step begin, and one end more.
        operands: of all steps.
        results: of each step.
        is_max: whether each step maximises, of logs.
        is_plain_max: whether each step maximises, of plain numbers.
        link_start: where the links of each step begin, and one end more.
        links: [links, 3]: an axis that some table has, the position among the step's axes of that
            which it lies within, and where its projection begins.
        projections: for each place on the wider axis, the place on the axis within it.
    """

    sizes: Int64[np.ndarray, " axes"]
    table_start: Int64[np.ndarray, " tables"]
    table_size: Int64[np.ndarray, " tables"]
    scope_start: Int64[np.ndarray, " tables+1"]
    scope_axes: Int64[np.ndarray, " table_axes"]
    axes_start: Int64[np.ndarray, " steps+1"]
    step_axes: Int64[np.ndarray, " all_step_axes"]
    operand_start: Int64[np.ndarray, " steps+1"]
    operands: Int64[np.ndarray, " all_operands"]
    results: Int64[np.ndarray, " steps"]
    is_max: Bool[np.ndarray, " steps"]
    is_plain_max: Bool[np.ndarray, " steps"]
    link_start: Int64[np.ndarray, " steps+1"]
    links: Int64[np.ndarray, "links 3"]
    projections: Int64[np.ndarray, " places"]


@numba.njit(cache=True)
def scratch_of(program: Program) -> tuple[np.ndarray, np.ndarray]:
    """Return room for what `sweep_of` notes of each axis."""
    return np.zeros(program.sizes.size, np.int64), np.zeros(program.sizes.size, np.int64)


@numba.njit(cache=True)
def _offsets(
    program: Program, step: int, axis_of: np.ndarray, projection_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tabulate where each table is along each axis of a step.

    Returns:
        Where each table begins, the result last; where each axis begins among the rows of the
        third; and the offsets, [places on all axes, tables].
    """
    axes = program.step_axes[program.axes_start[step] : program.axes_start[step + 1]]
    start = np.zeros(axes.size + 1, np.int64)
    for k in range(axes.size):
        start[k + 1] = start[k] + program.sizes[axes[k]]
        axis_of[axes[k]] = k
        projection_of[axes[k]] = -1
    for e in range(program.link_start[step], program.link_start[step + 1]):
        axis_of[program.links[e, 0]] = program.links[e, 1]
        projection_of[program.links[e, 0]] = program.links[e, 2]
    num_tables = program.operand_start[step + 1] - program.operand_start[step]
    offsets = np.zeros((start[axes.size], num_tables + 1), np.int64)
    bases = np.zeros(num_tables + 1, np.int64)
    for k in range(num_tables + 1):
        table = program.results[step]
        if k < num_tables:
            table = program.operands[program.operand_start[step] + k]
        bases[k] = program.table_start[table]
        stride = 1
        for e in range(program.scope_start[table + 1] - 1, program.scope_start[table] - 1, -1):
            axis = program.scope_axes[e]
            at = axis_of[axis]
            projection = projection_of[axis]
            for place in range(start[at + 1] - start[at]):
                inner = place if projection < 0 else program.projections[projection + place]
                offsets[start[at] + place, k] += stride * inner
            stride *= program.sizes[axis]
    return bases, start, offsets


@numba.njit(cache=True)
def _outer_order(
    offsets: np.ndarray, start: np.ndarray, inner: int
) -> tuple[np.ndarray, np.ndarray]:
    """Order the outer axes so that the block of the result stays in cache.

    Those along which every place has its own part of the result come first, those summed out last.

    Returns:
        The axes, and the rank of each: 0, 1 or 2.
    """
    result = offsets.shape[1] - 1
    ranks = np.empty(inner, np.int64)
    for axis in range(inner):
        rising, flat = True, True
        for e in range(start[axis] + 1, start[axis + 1]):
            rising = rising and offsets[e, result] > offsets[e - 1, result]
            flat = flat and offsets[e, result] == offsets[e - 1, result]
        ranks[axis] = 0 if rising else (2 if flat else 1)
    order = np.empty(inner, np.int64)
    sorted_ranks = np.empty(inner, np.int64)
    count = 0
    for rank in range(3):
        for axis in range(inner):
            if ranks[axis] == rank:
                order[count] = axis
                sorted_ranks[count] = rank
                count += 1
    return order, sorted_ranks


@numba.njit(cache=True)
def step_axes(
    program: Program, step: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what `_offsets` does, and the order and the ranks of all axes."""
    axis_of, projection_of = scratch_of(program)
    bases, start, offsets = _offsets(program, step, axis_of, projection_of)
    order, ranks = _outer_order(offsets, start, start.size - 1)
    return bases, start, offsets, order, ranks


@numba.njit(cache=True, nogil=True)
def sweep_of(
    program: Program,
    step: int,
    part: int,
    num_parts: int,
    axis_of: np.ndarray,
    projection_of: np.ndarray,
) -> Sweep:
    """Return how one of several parts of a step goes through the tables.

    The parts write to different entries of the result; no places where there is nothing to do.
    """
    bases, start, offsets = _offsets(program, step, axis_of, projection_of)
    num_axes = start.size - 1
    inner = num_axes
    width = 1
    while inner > 0:
        size = start[inner] - start[inner - 1]
        if width * size > (_WIDTH if width >= _WIDTH_MIN else _WIDTH_MAX):
            break
        inner -= 1
        width *= size
    inner_offsets, kinds = _block(offsets, start, inner, width)
    order, ranks = _outer_order(offsets, start, inner)
    outer_sizes = np.empty(inner, np.int64)
    outer_start = np.empty(inner, np.int64)
    apart, together = 1, 1
    for k in range(inner):
        outer_start[k] = start[order[k]]
        outer_sizes[k] = start[order[k] + 1] - start[order[k]]
        if ranks[k] == 0:
            apart *= outer_sizes[k]
        else:
            together *= outer_sizes[k]
    first = apart * part // num_parts
    count = (apart * (part + 1) // num_parts - first) * together
    if width == 0:
        count = 0
    return Sweep(
        bases,
        outer_sizes,
        outer_start,
        offsets,
        inner_offsets,
        kinds,
        first * together,
        count,
    )


@numba.njit(cache=True, nogil=True)
def run_step(
    values: np.ndarray,
    program: Program,
    step: int,
    part: int,
    num_parts: int,
    axis_of: np.ndarray,
    projection_of: np.ndarray,
) -> None:
    """Run one of several parts of a step, which write to different entries of the result."""
    sweep = sweep_of(program, step, part, num_parts, axis_of, projection_of)
    if sweep.num_places == 0:
        return
    if program.is_max[step]:
        max_sum(values, sweep)
    elif program.is_plain_max[step]:
        max_product(values, sweep)
    else:
        sum_product(values, sweep)


@numba.njit(cache=True)
def _block(
    offsets: np.ndarray, start: np.ndarray, inner: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tabulate the offsets inside a block and recognise the two simple patterns."""
    num_tables = offsets.shape[1]
    inner_offsets = np.zeros((num_tables, width), np.int64)
    kinds = np.zeros(num_tables, np.int64)
    for k in range(num_tables):
        filled = 1
        for axis in range(start.size - 2, inner - 1, -1):
            size = start[axis + 1] - start[axis]
            for s in range(size - 1, -1, -1):
                for i in range(filled):
                    inner_offsets[k, s * filled + i] = (
                        inner_offsets[k, i] + offsets[start[axis] + s, k]
                    )
            filled *= size
        flat, straight = True, True
        for i in range(width):
            flat = flat and inner_offsets[k, i] == 0
            straight = straight and inner_offsets[k, i] == i
        kinds[k] = 0 if flat else (1 if straight else 2)
    return inner_offsets, kinds


@numba.njit(cache=True, nogil=True)
def run_part(values: np.ndarray, program: Program, step: int, part: int, num_parts: int) -> None:
    """Run one part of a step whose result was cleared; parts may run side by side."""
    axis_of, projection_of = scratch_of(program)
    run_step(values, program, step, part, num_parts, axis_of, projection_of)
