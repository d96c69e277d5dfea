"""Steps as compiled loops read them: operations on tables that lie one after another."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Float64, Int32, Int64


class Operations(NamedTuple):
    """The operations of some steps. Each multiplies two tables and sums some variables out.

        out[i] = sum over j of left[left_places[i, j]] * right[right_places[i, j]]

    Attributes:
        rows: left, right, out (numbers of tables), where its places begin, entries of out, and
            entries that are summed for each.
        left_places, right_places: of all operations, one after another.
        start: the operations of a step's part are start[3 * s + part]..; the parts are the belief
            with its total, what is wanted, and the total as if nothing were seen.
        tables: of each step, the numbers of the belief before, the belief after, its total, the
            total as if nothing were seen (-1 where it is known to be 1), and whether anything is
            seen whatever the places of what may be seen hold (1 or 0).
        seen: of each step and place of what may be seen, the number of a table; -1 without one.
        wanted: of each step and each distribution, likewise.
        places: where each of these begins in what is found after a step.
        log_constant: of each step.
    """

    rows: Int64[np.ndarray, "operations 6"]
    left_places: Int32[np.ndarray, " places"]
    right_places: Int32[np.ndarray, " places"]
    start: Int64[np.ndarray, " parts_and_end"]
    tables: Int64[np.ndarray, "steps 5"]
    seen: Int64[np.ndarray, "steps seen"]
    wanted: Int64[np.ndarray, "steps wanted"]
    places: Int64[np.ndarray, "steps wanted"]
    log_constant: Float64[np.ndarray, " steps"]


class Tables(NamedTuple):
    """The tables of some steps; filled in as these run.

    A table is exp(shift) times its numbers, of which the largest is 1 (logs: 0).

    Attributes:
        start: of each table, where its entries begin.
        plain: entries as numbers.
        logs: their logs.
        has_plain, has_logs: which of the two is valid; numbers are where none underflows.
        shift: the log of a factor of each table.
    """

    start: Int64[np.ndarray, " tables_and_end"]
    plain: Float64[np.ndarray, " entries"]
    logs: Float64[np.ndarray, " entries"]
    has_plain: Bool[np.ndarray, " tables"]
    has_logs: Bool[np.ndarray, " tables"]
    shift: Float64[np.ndarray, " tables"]
