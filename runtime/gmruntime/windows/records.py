"""The arrays that compiled loops over forests take; importing this file imports no compiler."""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int64

WINDOW, SLOPED, OFFSETS, TABLE = range(4)
"""What joins two places: a window, a price by distance, a value for each distance along rows and
columns, or any table."""


class Edges(NamedTuple):
    """What joins two places, in whatever form, each two at most once.

    Attributes:
        first: the lower numbered of the two.
        second: the other.
        code: of the form.
        ints: rows and columns of the grid, and how far a window reaches along each.
        reals: slope and cap of a price.
        table_start: where the values of each begin, and last their number; of windows and prices
            there are none.
        tables: log values, by rows and columns apart, or by the states of both.
    """

    first: Int64[np.ndarray, " edges"]
    second: Int64[np.ndarray, " edges"]
    code: Int64[np.ndarray, " edges"]
    ints: Int64[np.ndarray, "edges four"]
    reals: Float64[np.ndarray, "edges two"]
    table_start: Int64[np.ndarray, " edges_and_end"]
    tables: Float64[np.ndarray, " values"]


class Told(NamedTuple):
    """Edges as one pass takes them.

    Attributes:
        edges: for sums with exponentials of tables, less the largest of each.
        scale: for sums, that largest, and how far below it the table goes.
        is_max: maxima instead of sums.
    """

    edges: Edges
    scale: Float64[np.ndarray, "edges two"]
    is_max: bool


class Rooted(NamedTuple):
    """A forest hung from its roots.

    Attributes:
        order: all places, parents before children.
        parent: of each place, -1 of roots.
        edge: to the parent, -1 of roots.
        root: the root that each place hangs from.
        is_used: which edges are in the forest.
    """

    order: Int64[np.ndarray, " places"]
    parent: Int64[np.ndarray, " places"]
    edge: Int64[np.ndarray, " places"]
    root: Int64[np.ndarray, " places"]
    is_used: Int64[np.ndarray, " edges"]


class Values(NamedTuple):
    """Numbers of each state of each place, in logs.

    Attributes:
        start: where those of each place begin, and last their number.
        unary: what each state is worth by itself.
        totals: with what others say.
        heard: what its parent says to each place.
    """

    start: Int64[np.ndarray, " places_and_end"]
    unary: Float64[np.ndarray, " states"]
    totals: Float64[np.ndarray, " states"]
    heard: Float64[np.ndarray, " states"]


class Carried(NamedTuple):
    """Messages between children and parents, over the states of the parent.

    Attributes:
        start: where those of each place's parent begin.
        up: what a place says to its parent.
        down: what all others say to the parent, itself included.
    """

    start: Int64[np.ndarray, " places_and_end"]
    up: Float64[np.ndarray, " values"]
    down: Float64[np.ndarray, " values"]


class Round(NamedTuple):
    """Messages along all edges, and the order in which places send them.

    Attributes:
        order: of the places.
        position: of each place in it.
        share: of what a place knows that it tells each neighbour.
        near_start: where the edges of each place begin, and last their number.
        near: the edges of each place.
        to_first: where the message of each edge to its first end begins.
        to_second: likewise.
        messages: in logs, over the states of who hears them.
    """

    order: Int64[np.ndarray, " places"]
    position: Int64[np.ndarray, " places"]
    share: Float64[np.ndarray, " places"]
    near_start: Int64[np.ndarray, " places_and_end"]
    near: Int64[np.ndarray, " twice_edges"]
    to_first: Int64[np.ndarray, " edges"]
    to_second: Int64[np.ndarray, " edges"]
    messages: Float64[np.ndarray, " values"]
