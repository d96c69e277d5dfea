"""The operations of steps in NumPy, as the formula describes them: in logs throughout."""

import numpy as np

from gmruntime.arrays import Int32, Int64
from gmruntime.filtering.records import Tables


def run(
    rows: Int64[np.ndarray, "operations 6"],
    left_places: Int32[np.ndarray, " places"],
    right_places: Int32[np.ndarray, " places"],
    tables: Tables,
) -> None:
    """Multiply and sum out, operation by operation; the logs of the tables are filled in."""
    for left, right, out, place, num_out, num_inner in rows.tolist():
        part = slice(place, place + num_out * num_inner)
        terms = tables.logs[tables.start[left] + left_places[part]]
        terms = terms + tables.logs[tables.start[right] + right_places[part]]
        with np.errstate(invalid="ignore"):
            sums = np.logaddexp.reduce(terms.reshape(num_out, num_inner), axis=1)
        top = float(sums.max())
        tables.shift[out] = tables.shift[left] + tables.shift[right]
        if np.isfinite(top):
            tables.shift[out] += top
            sums = sums - top
        tables.logs[tables.start[out] : tables.start[out + 1]] = sums
        tables.has_logs[out], tables.has_plain[out] = True, False
