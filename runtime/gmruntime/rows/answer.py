"""What rows of evidence say of a graph."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.quality import Quality


@dataclass(frozen=True, slots=True, eq=False)
class ExpectationsAnswer:
    """log Z of each row, and how often each entry of each table was used in all of them.

    counts[b] is the derivative of the weighted sum of log Z over the rows by the log table of
    block b, and shaped like it: the sum over rows, and over the factors that share a table, of
    weight times P(scope of the factor | row).

    Attributes:
        quality: exact, or an estimate whose note says what is missing or how far off it may be.
        log_partition: natural log of Z of each row, in the order of the rows: the log-likelihood
            of the row where the graph is a normalised model; -inf where the row is impossible,
            NaN where there was no time for it.
        counts: one array for each block of tables, without impossible rows and those not reached.
            Where there was no time for all, of some rows only parts are counted, of impossible ones
            too.
        is_impossible: whether nothing agrees with the row.
        sources: for each block of tables, the block of the graph that was asked about. The blocks
            are the same where all of those are tables; other kinds were written as tables first.
        blamed: of each row that is impossible, a block of the graph (its other factors may take
            part): one that observes its own contradiction, or the last of those that were
            multiplied when nothing was left; -1 for rows that are possible.
    """

    quality: Quality
    log_partition: Float64[np.ndarray, " rows"]
    counts: tuple[Float64[np.ndarray, "_tables ..."], ...]
    is_impossible: Bool[np.ndarray, " rows"]
    sources: tuple[int, ...]
    blamed: Int64[np.ndarray, " rows"]
