"""Compiled sums of functions over a clique, one cache-sized tile of it at a time.

A tile spans the innermost axes. Within it a function's entries lie at the same distances wherever
the tile is, so these are worked out once and only where the tile begins changes.
"""

import numpy as np

from gmruntime.arrays import Float64, Int64, UInt32
from gmruntime.compiling import loop

# Entries of a tile: it, and the parts of the functions it reads, stay in the first cache.
TILE_ENTRIES_MAX = 2048


@loop
def first_tile_axis(dims: Int64[np.ndarray, " axes"], num_axes: int) -> int:
    """Find where the axes begin that a tile spans; the last axis always belongs to it."""
    axis = num_axes - 1
    size = dims[axis]
    while axis > 0 and size * dims[axis - 1] <= TILE_ENTRIES_MAX:
        axis -= 1
        size *= dims[axis]
    return axis


@loop
def fill_distances(
    dims: Int64[np.ndarray, " axes"],
    strides: Int64[np.ndarray, " axes"],
    first: int,
    num_axes: int,
    distances: UInt32[np.ndarray, " tile"],
) -> int:
    """List how far from the tile's first entry a function's others lie.

    Returns:
        0 when all are the same one, 1 when they follow each other, else 2.
    """
    distances[0] = 0
    length = 1
    constant = True
    contiguous = True
    for axis in range(num_axes - 1, first - 1, -1):
        stride = strides[axis]
        if dims[axis] > 1:
            constant = constant and stride == 0
            contiguous = contiguous and stride == length
        for digit in range(1, dims[axis]):
            shift = np.uint32(digit * stride)
            target = distances[digit * length : (digit + 1) * length]
            for k in range(len(target)):
                target[k] = distances[k] + shift
        length *= dims[axis]
    if constant:
        return 0
    return 1 if contiguous else 2


@loop
def add_tile(
    tile: Float64[np.ndarray, " tile"],
    source: Float64[np.ndarray, " source"],
    offset: int,
    distances: UInt32[np.ndarray, " tile"],
    shape: int,
) -> None:
    """Add a function's part to a tile."""
    if shape == 0:
        value = source[offset]
        for k in range(len(tile)):
            tile[k] += value
    elif shape == 1:
        # Slices and unsigned distances: no test for negative indices keeps the loop from the
        # processor's vector unit.
        part = source[offset : offset + len(tile)]
        for k in range(len(part)):
            tile[k] += part[k]
    else:
        part = source[offset:]
        for k in range(len(tile)):
            tile[k] += part[distances[k]]


@loop
def reduce_tile(
    tile: Float64[np.ndarray, " tile"],
    field: Float64[np.ndarray, " states"],
    out: Float64[np.ndarray, " rows"],
) -> None:
    """Maximise over the last axis, each state's own field added."""
    states = len(field)
    if states == 2:
        for row in range(len(out)):
            left = tile[2 * row] + field[0]
            right = tile[2 * row + 1] + field[1]
            out[row] = left if left > right else right
        return
    for row in range(len(out)):
        best = -np.inf
        for a in range(states):
            value = tile[row * states + a] + field[a]
            if value > best:
                best = value
        out[row] = best
