"""What compiled loops read: rows as flat arrays, their elimination, and room to work."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64


class Numbers(NamedTuple):
    """The numbers of all rows: -weight / 2 * (coefficients . x - offset)**2.

    Attributes:
        coefficients: of all entries, row after row.
        weights, offsets: of the rows.
    """

    coefficients: Float64[np.ndarray, " entries"]
    weights: Float64[np.ndarray, " rows"]
    offsets: Float64[np.ndarray, " rows"]


class Moving(NamedTuple):
    """Rows whose numbers depend on the state of the border; they are the last ones.

    A row's own state k is the sum over its selectors of stride * state. It has one number of each
    kind, at start + k, and coefficients at start + k * (number of its entries).

    Attributes:
        first_row: the first of these rows.
        selector_start: where the selectors of each begin.
        selectors: positions in the border.
        strides: of each selector.
        coefficient_start, weight_start, offset_start, scale_start: where those of each row begin;
            rows may share them.
        coefficients, weights, offsets, log_scales: in all own states.
    """

    first_row: int
    selector_start: Int64[np.ndarray, " moving_and_end"]
    selectors: Int64[np.ndarray, " selectors"]
    strides: Int64[np.ndarray, " selectors"]
    coefficient_start: Int64[np.ndarray, " moving"]
    weight_start: Int64[np.ndarray, " moving"]
    offset_start: Int64[np.ndarray, " moving"]
    scale_start: Int64[np.ndarray, " moving"]
    coefficients: Float64[np.ndarray, " own_coefficients"]
    weights: Float64[np.ndarray, " own_weights"]
    offsets: Float64[np.ndarray, " own_offsets"]
    log_scales: Float64[np.ndarray, " own_scales"]


class Incidence(NamedTuple):
    """Which reals are in which rows, both ways; reals stand where they are eliminated.

    Attributes:
        row_start: where the entries of each row begin.
        columns: the place of the real of each entry.
        row_of: the row of each entry.
        column_start: where the entries of each real begin among these.
        column_entries: the entries, real after real.
    """

    row_start: Int64[np.ndarray, " rows_and_end"]
    columns: Int32[np.ndarray, " entries"]
    row_of: Int32[np.ndarray, " entries"]
    column_start: Int64[np.ndarray, " reals_and_end"]
    column_entries: Int32[np.ndarray, " entries"]


class Lower(NamedTuple):
    """The structure of the lower triangle L of K = L D L'.

    Attributes:
        start: where each column begins; the diagonal is left out.
        rows: ascending in each column.
        reach_start: where the columns that a row has entries in begin.
        reach: these columns; whoever depends on another comes after it.
    """

    start: Int64[np.ndarray, " reals_and_end"]
    rows: Int32[np.ndarray, " lower"]
    reach_start: Int64[np.ndarray, " reals_and_end"]
    reach: Int32[np.ndarray, " lower"]


class Room(NamedTuple):
    """What loops write: one state of the border at a time.

    Attributes:
        lower: the entries of L.
        diagonal: D.
        errors: what rounding may have done to each entry of D, as far as that can be foreseen.
        filled: how many entries of each column are written.
        scratch: zeros between calls.
        mean: of the reals.
        step: what it is moved by.
        digits: the state of the border.
    """

    lower: Float64[np.ndarray, " lower"]
    diagonal: Float64[np.ndarray, " reals"]
    errors: Float64[np.ndarray, " reals"]
    filled: Int64[np.ndarray, " reals"]
    scratch: Float64[np.ndarray, " reals"]
    mean: Float64[np.ndarray, " reals"]
    step: Float64[np.ndarray, " reals"]
    digits: Int64[np.ndarray, " border"]


class Laid(NamedTuple):
    """All that loops over the states of a border need.

    Attributes:
        incidence: rows and reals.
        lower: the structure of L.
        numbers: of the rows; those of moving ones are overwritten.
        moving: the rows that depend on the border.
        room: to work in.
        sizes: of the border.
    """

    incidence: Incidence
    lower: Lower
    numbers: Numbers
    moving: Moving
    room: Room
    sizes: Int64[np.ndarray, " border"]


class PairedRoom(NamedTuple):
    """The same for sums of two floats each, the larger first."""

    lower: Float64[np.ndarray, "2 lower"]
    diagonal: Float64[np.ndarray, "2 reals"]
    errors: Float64[np.ndarray, " reals"]
    filled: Int64[np.ndarray, " reals"]
    scratch: Float64[np.ndarray, "2 reals"]
    mean: Float64[np.ndarray, "2 reals"]
    step: Float64[np.ndarray, "2 reals"]
