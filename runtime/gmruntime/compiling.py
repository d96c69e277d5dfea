"""How compiled loops are compiled, and the step that they share. Importing it imports numba.

`loop` is for functions that allocate nothing. Numba counts references to every array it takes out
of a tuple, with locked instructions; where a loop reads a dozen arrays of a tuple for a handful of
entries, that takes several times as long as the work. The caller holds all arrays anyway.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba
import numpy as np

from gmruntime.arrays import Int64

P = ParamSpec("P")
R = TypeVar("R")


def loop(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that allocates nothing, without counting references.

    The result releases Python's lock and is kept on disk. Compilation fails where the function
    would have to allocate.
    """
    compiled = numba.njit(function, nogil=True, cache=True, _nrt=False)  # pyright: ignore
    return cast(Callable[P, R], compiled)


def part(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that is written into each loop that calls it.

    A record of many arrays costs more to hand over than a few entries of them take.
    """
    compiled = numba.njit(function, nogil=True, _nrt=False, inline="always")  # pyright: ignore
    return cast(Callable[P, R], compiled)


@loop
def next_digits(
    digits: Int64[np.ndarray, " digits"], sizes: Int64[np.ndarray, " digits"], count: int
) -> int:
    """Count on by one, the last digit first; digit k runs through 0..sizes[k] - 1.

    Returns:
        the digit that grew, all behind it being 0 again; -1 once all are.
    """
    k = count - 1
    while k >= 0:
        digits[k] += 1
        if digits[k] < sizes[k]:
            break
        digits[k] = 0
        k -= 1
    return k
