"""The compiled loop of `gmruntime.simplify.memories.attention`."""

import numpy as np

from gmruntime.arrays import Float64, Integer
from gmruntime.compiling import loop


@loop
def add_symbols(
    of_symbols: Float64[np.ndarray, "symbols positions"],
    symbols: Integer[np.ndarray, "patterns positions"],
    sums: Float64[np.ndarray, " patterns"],
) -> None:
    """Add up what is said of the symbols of each pattern, in `sums`."""
    for m in range(symbols.shape[0]):
        total = 0.0
        for i in range(symbols.shape[1]):
            total += of_symbols[symbols[m, i], i]
        sums[m] = total
