"""The structure of a patch: an order of elimination, and what it fills in.

The order is the natural one where that fills in little, as it does in chains that are numbered step
after step; else whichever of it and minimum degree takes fewer steps.
"""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Int32, Int64, cuts, row_starts
from gmruntime.budget import Budget
from gmruntime.continuous.errors import LayoutTooLargeError
from gmruntime.continuous.sparse import degrees
from gmruntime.continuous.sparse.pattern import count_columns, fill_in, list_once, turn_over
from gmruntime.continuous.sparse.records import Incidence, Lower

_LITTLE = 4
"""An order that fills in so many entries for each there was is taken without looking further."""

_STEPS_AT_ONCE = 1 << 22
"""Between two looks at the clock: some milliseconds."""

_LOWER_BYTES = 60
"""Of an entry of L: two indices, and in pairs of floats itself and one of the inverse."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """What is the same in all states of a border, and in all patches that look alike.

    Attributes:
        order: the reals, as numbered in the patch, in the order of elimination.
        place: of each real, where it stands there.
        incidence: rows and reals; those stand in that order.
        lower: what L has entries in.
        spans: runs of rows of L that take some milliseconds each.
        num_steps: what it takes to compute all, in entries that are read and written.
    """

    order: Int32[np.ndarray, " reals"]
    place: Int32[np.ndarray, " reals"]
    incidence: Incidence
    lower: Lower
    spans: tuple[tuple[int, int], ...]
    num_steps: int

    @property
    def num_reals(self) -> int:
        """The number of reals."""
        return len(self.order)

    @property
    def num_bytes(self) -> int:
        """What this takes together with the numbers of one elimination."""
        return _num_bytes(len(self.order), len(self.incidence.columns), len(self.lower.rows))


def structure_of(
    num_reals: int,
    row_start: Int64[np.ndarray, " rows_and_end"],
    columns: Int32[np.ndarray, " entries"],
    budget: Budget,
    memory: int,
) -> Structure:
    """Choose an order and find what it fills in.

    Args:
        num_reals: of the patch.
        row_start: where the entries of each row begin.
        columns: their reals, as numbered in the patch.
        budget: of time.
        memory: bytes that may be taken.

    Raises:
        LayoutTooLargeError: it takes more.
        TimeoutError: when there is no time left.
    """
    row_of = np.repeat(np.arange(len(row_start) - 1, dtype=np.int32), np.diff(row_start))
    entries_max = _entries_max(num_reals, len(columns), memory)
    natural = np.arange(num_reals, dtype=np.int32)
    rows = _Entries(row_start, columns, row_of)
    best = _tried(natural, rows, min(entries_max, _LITTLE * len(columns)), budget)
    if best is None:
        order = _by_degree(num_reals, row_start, columns, budget)
        budget.check()
        best = _tried(order, rows, entries_max, budget)
        bound = entries_max if best is None else best.total
        other = _tried(natural, rows, bound, budget)
        if best is None or (other is not None and other.num_steps < best.num_steps):
            best = other
    if best is None:
        raise LayoutTooLargeError(_num_bytes(num_reals, len(columns), entries_max + 1))
    budget.check()
    count, total = num_reals, best.total
    lower = Lower(
        row_starts(best.counts),
        np.empty(total, np.int32),
        np.empty(count + 1, np.int64),
        np.empty(total, np.int32),
    )
    filled, mark, stack = np.empty((3, count), np.int64)
    for first, last in best.spans:
        budget.check()
        fill_in(best.incidence, best.parent, filled, mark, stack, lower, first, last)
    spans = tuple(cuts(best.work, _STEPS_AT_ONCE))
    return Structure(best.order, best.place, best.incidence, lower, spans, best.num_steps)


def _num_bytes(num_reals: int, num_entries: int, num_lower: int) -> int:
    """Return what structure, numbers and one elimination take together, variances included.

    As much as with twice as many digits, which nobody knows beforehand.
    """
    return _LOWER_BYTES * num_lower + 48 * num_entries + 240 * num_reals


def _entries_max(num_reals: int, num_entries: int, memory: int) -> int:
    least = _num_bytes(num_reals, num_entries, 0)
    if least > memory:
        raise LayoutTooLargeError(least)
    return (memory - least) // _LOWER_BYTES


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Rows, as they stand in a patch."""

    row_start: Int64[np.ndarray, " rows_and_end"]
    columns: Int32[np.ndarray, " entries"]
    row_of: Int32[np.ndarray, " entries"]


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """An order, and how much it fills in."""

    order: Int32[np.ndarray, " reals"]
    place: Int32[np.ndarray, " reals"]
    incidence: Incidence
    parent: Int64[np.ndarray, " reals"]
    counts: Int64[np.ndarray, " reals"]
    work: Int64[np.ndarray, " reals"]
    total: int
    spans: tuple[tuple[int, int], ...]

    @property
    def num_steps(self) -> int:
        return int(self.work.sum())


def _tried(
    order: Int32[np.ndarray, " reals"], rows: _Entries, entries_max: int, budget: Budget
) -> _Tried | None:
    """Count what an order fills in; None where that is more than so many entries."""
    count = len(order)
    place = np.empty(count, np.int32)
    place[order] = np.arange(count, dtype=np.int32)
    ordered = place[rows.columns]
    starts = row_starts(np.bincount(ordered, minlength=count))
    entries = np.empty(len(ordered), np.int32)
    turn_over(ordered, starts.copy(), entries)
    incidence = Incidence(rows.row_start, ordered, rows.row_of, starts, entries)
    # Each entry of a column looks at all of its row.
    looks = np.diff(rows.row_start)[rows.row_of].astype(np.float64)
    work = 1 + np.bincount(ordered, looks, minlength=count).astype(np.int64)
    spans = tuple(cuts(work, _STEPS_AT_ONCE))
    parent, counts, mark, work = np.empty((4, count), np.int64)
    total = 0
    for span in spans:
        budget.check()
        most = entries_max - total
        total += count_columns(incidence, parent, counts, mark, work, most, span)
        if total > entries_max:
            return None
    return _Tried(order, place, incidence, parent, counts, work, total, spans)


def _by_degree(
    num_reals: int, row_start: np.ndarray, columns: np.ndarray, budget: Budget
) -> Int32[np.ndarray, " reals"]:
    """Order by minimum degree; reals that are in many rows come last.

    Such a one is next to nearly all others, whenever these are eliminated, and would be looked at
    each time. Source: the rule for dense rows of Amestoy, Davis and Duff (1996).
    """
    is_wide = np.bincount(columns, minlength=num_reals) > max(16.0, 10.0 * math.sqrt(num_reals))
    if is_wide.any():
        narrow, wide = np.flatnonzero(~is_wide), np.flatnonzero(is_wide)
        name = np.cumsum(~is_wide, dtype=np.int32) - 1
        kept = ~is_wide[columns]
        starts = row_starts(kept)[row_start]
        first = _by_degree(len(narrow), starts, name[columns[kept]], budget)
        return np.concatenate([narrow[first], wide]).astype(np.int32)
    num_rows, count = len(row_start) - 1, num_reals
    starts = np.empty_like(row_start)
    pool = np.empty(2 * len(columns) + count, np.int32)
    num_entries = list_once(row_start, columns, np.full(count, -1, np.int64), starts, pool)
    once = pool[:num_entries]
    list_start = row_starts(np.bincount(once, minlength=count))
    entries = np.empty(num_entries, np.int32)
    turn_over(once, list_start.copy(), entries)
    row_of = np.repeat(np.arange(num_rows, dtype=np.int32), np.diff(starts))
    num_elements = num_rows + count
    elements = np.zeros((5, num_elements), np.int64)
    elements[0, :num_rows] = starts[:-1]
    elements[1, :num_rows] = elements[2, :num_rows] = np.diff(starts)
    links = np.full((7, count), -1, np.int32)
    links[1] = np.arange(count)
    quotient = degrees.Quotient(
        list_start,
        np.diff(list_start),
        row_of[entries],
        np.ones(count, np.int64),
        np.zeros(count, np.int64),
        links[0],
        links[1],
        np.full(count + 1, -1, np.int32),
        links[2],
        links[3],
        np.zeros(count, np.int64),
        elements[0],
        elements[1],
        elements[2],
        elements[3],
        elements[4],
        np.arange(num_elements) < num_rows,
        pool,
        links[4],
        links[5],
        np.zeros(5, np.int64),
    )
    order = np.empty(count, np.int32)
    degrees.begin(quotient, num_rows, num_entries)
    while degrees.eliminate(quotient, order, _STEPS_AT_ONCE >> 4):
        budget.check()
    return order
