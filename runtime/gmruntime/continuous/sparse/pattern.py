"""What an elimination fills in, found from which reals share rows, never from numbers.

Source: Davis (2006), "Direct Methods for Sparse Linear Systems", chapter 4; Liu (1990), "The role
of elimination trees in sparse factorization".
"""

import numpy as np

from gmruntime.arrays import Int32, Int64
from gmruntime.compiling import loop
from gmruntime.continuous.sparse.records import Incidence, Lower


@loop
def count_columns(
    incidence: Incidence,
    parent: Int64[np.ndarray, " reals"],
    counts: Int64[np.ndarray, " reals"],
    mark: Int64[np.ndarray, " reals"],
    work: Int64[np.ndarray, " reals"],
    entries_max: int,
    span: tuple[int, int],
) -> int:
    """Count the entries of each column of L, as far as some rows go; those before are counted.

    Args:
        incidence: of rows and reals.
        parent: filled: the elimination tree; -1 where a real has no parent.
        counts: filled: entries of each column, without the diagonal.
        mark: room to work.
        work: filled: steps that each row of L takes to compute.
        entries_max: stops beyond so many.
        span: the first of these rows, and the one behind the last.

    Returns:
        the entries in these rows, or more than `entries_max`.
    """
    total = 0
    for k in range(span[0], span[1]):
        parent[k], counts[k], mark[k], work[k] = -1, 0, k, 1
        for t in range(incidence.column_start[k], incidence.column_start[k + 1]):
            row = incidence.row_of[incidence.column_entries[t]]
            work[k] += incidence.row_start[row + 1] - incidence.row_start[row]
            for p in range(incidence.row_start[row], incidence.row_start[row + 1]):
                i = np.int64(incidence.columns[p])
                while i < k and mark[i] != k:
                    if parent[i] < 0:
                        parent[i] = k
                    mark[i] = k
                    work[k] += counts[i] + 1
                    counts[i] += 1
                    total += 1
                    i = parent[i]
        if total > entries_max:
            break
    return total


@loop
def fill_in(
    incidence: Incidence,
    parent: Int64[np.ndarray, " reals"],
    filled: Int64[np.ndarray, " reals"],
    mark: Int64[np.ndarray, " reals"],
    stack: Int64[np.ndarray, " reals"],
    lower: Lower,
    first: int,
    last: int,
) -> None:
    """Find the entries of some rows of L; those before are found.

    Args:
        incidence: of rows and reals.
        parent: the elimination tree.
        filled: room to work.
        mark: likewise.
        stack: likewise.
        lower: filled, but for where columns begin, which is known.
        first: the first of these rows.
        last: the one behind the last.
    """
    count = len(parent)
    if first == 0:
        for k in range(count):
            filled[k], mark[k] = 0, -1
        lower.reach_start[0] = 0
    place = lower.reach_start[first]
    for k in range(first, last):
        mark[k] = k
        top = count
        for t in range(incidence.column_start[k], incidence.column_start[k + 1]):
            row = incidence.row_of[incidence.column_entries[t]]
            for p in range(incidence.row_start[row], incidence.row_start[row + 1]):
                i = np.int64(incidence.columns[p])
                # A path of the tree: it goes before those found so far, which may depend on it.
                length = 0
                while i < k and mark[i] != k:
                    mark[i] = k
                    stack[length] = i
                    length += 1
                    i = parent[i]
                while length > 0:
                    length -= 1
                    top -= 1
                    stack[top] = stack[length]
        for t in range(top, count):
            i = stack[t]
            lower.reach[place] = i
            lower.rows[lower.start[i] + filled[i]] = k
            filled[i] += 1
            place += 1
        lower.reach_start[k + 1] = place


@loop
def turn_over(
    columns: Int32[np.ndarray, " entries"],
    next_place: Int64[np.ndarray, " reals_and_end"],
    column_entries: Int32[np.ndarray, " entries"],
) -> None:
    """List entries by column.

    Args:
        columns: of each entry.
        next_place: where each column begins; moved on to where it ends.
        column_entries: filled.
    """
    for entry in range(len(columns)):
        column = columns[entry]
        column_entries[next_place[column]] = entry
        next_place[column] += 1


@loop
def list_once(
    row_start: Int64[np.ndarray, " rows_and_end"],
    columns: Int32[np.ndarray, " entries"],
    mark: Int64[np.ndarray, " reals"],
    starts: Int64[np.ndarray, " rows_and_end"],
    found: Int32[np.ndarray, " pool"],
) -> int:
    """List the reals of each row once.

    Args:
        row_start: where the entries of each row begin.
        columns: their reals.
        mark: all -1.
        starts: filled: where each row begins in what is found.
        found: filled.

    Returns:
        how many were found.
    """
    place = 0
    for row in range(len(row_start) - 1):
        starts[row] = place
        for p in range(row_start[row], row_start[row + 1]):
            column = columns[p]
            if mark[column] != row:
                mark[column] = row
                found[place] = column
                place += 1
    starts[len(row_start) - 1] = place
    return place
