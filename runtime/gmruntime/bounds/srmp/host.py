"""SRMP: the certified upper bound of TRW-S for factors of any number of variables.

Source: Kolmogorov (2015), "A new look at reweighted message passing"; on pairs it is TRW-S.

Derived: messages only move weight between a variable and its factors. With m any finite numbers,

    score(x) = sum_i [u_i + sum_f m_fi](x_i) + sum_f [f(x_f) - sum_i m_fi(x_i)],

so the sum of the largest values of all brackets is at least every score. It is added up anew in
float64, with a margin for what rounding can lose.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, row_starts, rows_by
from gmruntime.bounds.srmp.records import Net, Room
from gmruntime.flat import FlatGraph, local_scores

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """A graph as the loops see it: single factors as unary scores, all others with their edges.

    Attributes:
        flat: the graph; the tables of joined factors lie behind its own.
        net: what the loops take.
        floor: below this, relative to the best, a message is cut.
        reach: the largest magnitude of a finite table entry.
        slack: what was lost when tables were added up.
    """

    flat: FlatGraph
    net: Net
    floor: float
    reach: float
    slack: float


@dataclass(slots=True, eq=False)
class Ascent:
    """Messages, changed in place by every sweep, and the least bound so far."""

    messages: Float64[np.ndarray, " states"]
    assignment: Int32[np.ndarray, " variables"]
    bound: float = float("inf")


def lay_out(flat: FlatGraph) -> Wide:
    """Sort a graph's factors into single ones and the rest."""
    arity = np.diff(flat.factor_start)
    unary_start, unary = local_scores(flat, np.flatnonzero(arity == 1))
    kept = np.flatnonzero(arity > 1)
    is_kept = np.repeat(arity > 1, arity)
    return arrange(
        flat,
        unary_start,
        unary,
        arity[kept],
        flat.edge_variable[is_kept].astype(np.int64),
        flat.strides[is_kept],
        flat.table_start[kept],
    )


def arrange(
    flat: FlatGraph,
    unary_start: np.ndarray,
    unary: Float64[np.ndarray, " states"],
    arity: np.ndarray,
    edge_variable: np.ndarray,
    strides: np.ndarray,
    table_start: np.ndarray,
    slack: float = 0.0,
) -> Wide:
    """Index factors of two and more variables, whose tables lie among the graph's."""
    factor_start = row_starts(arity)
    near_start, near_edge = rows_by(edge_variable, len(flat.num_states))
    sizes = flat.num_states[edge_variable].astype(np.int64)
    finite = flat.log_potentials[np.isfinite(flat.log_potentials)]
    spread = float(np.ptp(finite)) if finite.size else 0.0
    net = Net(
        flat.num_states,
        unary_start,
        unary,
        near_start,
        near_edge,
        np.repeat(np.arange(len(arity)), arity).astype(np.int64),
        np.minimum.reduceat(edge_variable, factor_start[:-1]) if len(arity) else arity,
        np.maximum.reduceat(edge_variable, factor_start[:-1]) if len(arity) else arity,
        factor_start,
        edge_variable,
        strides,
        table_start,
        flat.log_potentials,
        row_starts(sizes),
    )
    floor = -(1e3 + 10.0 * spread)
    return Wide(flat, net, floor, float(np.abs(finite).max(initial=0.0)), slack)


def start_ascent(wide: Wide) -> Ascent:
    """Return messages that say nothing."""
    count = len(wide.flat.num_states)
    return Ascent(np.zeros(int(wide.net.message_start[-1])), np.zeros(count, np.int32))


def sweep_both(wide: Wide, ascent: Ascent) -> float:
    """Sweep forward and backward; return the certified bound, never above an earlier one."""
    from gmruntime.bounds.srmp.compiled import sweep

    net, room = wide.net, _room(wide)
    for backward in (False, True):
        rounded = np.full(len(net.num_states), -1, np.int32)
        sweep(net, ascent.messages, wide.floor, backward, rounded, room)
        if not backward:
            ascent.assignment = rounded
    return certify(wide, ascent)


def certify(wide: Wide, ascent: Ascent) -> float:
    """Add the bound up from the messages; return the least so far."""
    from gmruntime.bounds.srmp.compiled import bound

    flat = wide.flat
    found, magnitude, made_of = bound(wide.net, ascent.messages, _room(wide))
    if found > -np.inf:
        num_terms = 64 + len(flat.num_states) + len(wide.net.table_start)
        made_of += wide.reach * (len(wide.net.edge_factor) + 2 * len(wide.net.table_start))
        sums = num_terms * (magnitude + abs(flat.log_constant))
        found += flat.log_constant + wide.slack + EPS * (sums + 2.0 * made_of)
    ascent.bound = min(ascent.bound, found)
    return ascent.bound


def _room(wide: Wide) -> Room:
    most = int(wide.flat.num_states.max(initial=1))
    widest = int(np.diff(wide.net.factor_start).max(initial=1))
    free = np.full(len(wide.flat.num_states), -1, np.int32)
    digits, sizes, places = (np.empty(widest, np.int64) for _ in range(3))
    return Room(free, digits, sizes, places, np.empty(most), np.empty(most), np.empty(most))
