"""How compiled loops are compiled. Importing this file imports numba.

`loop` is for functions that allocate nothing. Numba counts references to every array it takes out
of a tuple, with locked instructions; where a loop reads a dozen arrays of a tuple for a handful of
entries, that takes several times as long as the work. The caller holds all arrays anyway.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def loop(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that allocates nothing, without counting references.

    The result releases Python's lock and is kept on disk. Compilation fails where the function
    would have to allocate.
    """
    compiled = numba.njit(function, nogil=True, cache=True, _nrt=False)  # pyright: ignore
    return cast(Callable[P, R], compiled)
