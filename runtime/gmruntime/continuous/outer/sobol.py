"""Scrambled Sobol points: spread more evenly than independent draws, each uniform on its own.

A random lower triangular matrix of bits for each dimension, then a random shift of bits. Written
here because loading SciPy's takes longer than most questions.

Sources: Joe and Kuo (2008), "Constructing Sobol sequences with better two-dimensional projections",
the first of their direction numbers; Matousek (1998), "On the L2-discrepancy for anchored boxes".
"""

import numpy as np

from gmruntime.arrays import Float64, Int64

_BITS = 30
_POLYNOMIALS = (
    *(1, 3, 7, 11, 13, 19, 25, 37, 41, 47, 55, 59),
    *(61, 67, 91, 97, 103, 109, 115, 131, 137, 143, 145, 157),
)
_FIRST = (
    *((1,), (1,), (1, 3), (1, 3, 1), (1, 1, 1), (1, 1, 3, 3), (1, 3, 5, 13)),
    *((1, 1, 5, 5, 17), (1, 1, 5, 5, 5), (1, 1, 7, 11, 19), (1, 1, 5, 1, 1)),
    *((1, 1, 1, 3, 11), (1, 3, 5, 5, 31), (1, 3, 3, 9, 7, 49), (1, 1, 1, 15, 21, 21)),
    *((1, 3, 1, 13, 27, 49), (1, 1, 1, 15, 7, 5), (1, 3, 1, 15, 13, 25)),
    *((1, 1, 5, 5, 19, 61), (1, 3, 7, 11, 23, 15, 103), (1, 3, 7, 13, 13, 15, 69)),
    *((1, 1, 3, 13, 7, 35, 63), (1, 3, 5, 9, 1, 25, 53), (1, 3, 1, 13, 9, 35, 107)),
)
DIMENSIONS_MAX = len(_POLYNOMIALS)


def sobol_points(
    count: int, dimensions: int, rng: np.random.Generator | None
) -> Float64[np.ndarray, "count dimensions"]:
    """Return points in the open unit cube; scrambled anew at each call, or plain without `rng`.

    >>> sobol_points(4, 2, None).round(3).tolist()
    [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
    """
    directions = _directions(dimensions)
    shift = np.zeros(dimensions, np.int64)
    if rng is not None:
        directions = _mixed(directions, rng)
        shift = rng.integers(0, 1 << _BITS, dimensions)
    numbers = np.arange(count)
    gray = numbers ^ (numbers >> 1)
    points = np.tile(shift, (count, 1))
    for bit in range(max(1, int(count - 1).bit_length())):
        points[(gray >> bit) & 1 == 1] ^= directions[:, bit]
    return (points + 0.5) / (1 << _BITS)


def _directions(dimensions: int) -> Int64[np.ndarray, "dimensions bits"]:
    found = np.empty((dimensions, _BITS), np.int64)
    for d in range(dimensions):
        polynomial, numbers = _POLYNOMIALS[d], list(_FIRST[d])
        degree = polynomial.bit_length() - 1
        while len(numbers) < _BITS:
            if degree == 0:
                numbers.append(1)
                continue
            new = numbers[-degree] ^ (numbers[-degree] << degree)
            for j in range(1, degree):
                new ^= ((polynomial >> (degree - j)) & 1) * (numbers[-j] << j)
            numbers.append(new)
        found[d] = [number << (_BITS - 1 - k) for k, number in enumerate(numbers)]
    return found


def _mixed(
    directions: Int64[np.ndarray, "dimensions bits"], rng: np.random.Generator
) -> Int64[np.ndarray, "dimensions bits"]:
    """Multiply the bits of each number, the highest first, by a random triangular matrix."""
    bits = (directions[:, :, None] >> np.arange(_BITS - 1, -1, -1)) & 1
    matrix = np.tril(rng.integers(0, 2, (len(directions), _BITS, _BITS)), -1)
    matrix = matrix + np.eye(_BITS, dtype=np.int64)
    mixed = np.einsum("drc,dkc->dkr", matrix, bits) & 1
    return (mixed << np.arange(_BITS - 1, -1, -1)).sum(axis=2)
