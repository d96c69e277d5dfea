"""SRMP: the certified upper bound of TRW-S for factors of any number of variables.

Source: Kolmogorov (2015), "A new look at reweighted message passing"; on pairs it is TRW-S.

Derived: messages only move weight between a variable and its factors. With m any finite numbers,

    score(x) = sum_i [u_i + sum_f m_fi](x_i) + sum_f [f(x_f) - sum_i m_fi(x_i)],

so the sum of the largest values of all brackets is at least every score. It is added up anew in
float64, with a margin for what rounding can lose.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.flat import FlatGraph, local_scores

EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Wide:
    """A graph's single factors as unary scores, and all others with their edges.

    `reach` is the largest magnitude of a finite table entry; `slack` what was lost when tables were
    added up.
    """

    flat: FlatGraph
    unary_start: np.ndarray
    unary: Float64[np.ndarray, " states"]
    near_start: np.ndarray
    near_edge: np.ndarray
    edge_factor: np.ndarray
    low: np.ndarray
    high: np.ndarray
    factor_start: np.ndarray
    edge_variable: np.ndarray
    strides: np.ndarray
    table_start: np.ndarray
    message_start: np.ndarray
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
    factor_start = np.concatenate([[0], np.cumsum(arity)]).astype(np.int64)
    degree = np.bincount(edge_variable, minlength=len(flat.num_states))
    sizes = flat.num_states[edge_variable].astype(np.int64)
    finite = flat.log_potentials[np.isfinite(flat.log_potentials)]
    spread = float(np.ptp(finite)) if finite.size else 0.0
    return Wide(
        flat,
        unary_start,
        unary,
        np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
        np.argsort(edge_variable, kind="stable").astype(np.int64),
        np.repeat(np.arange(len(arity)), arity).astype(np.int64),
        np.minimum.reduceat(edge_variable, factor_start[:-1]) if len(arity) else arity,
        np.maximum.reduceat(edge_variable, factor_start[:-1]) if len(arity) else arity,
        factor_start,
        edge_variable,
        strides,
        table_start,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        -(1e3 + 10.0 * spread),
        float(np.abs(finite).max(initial=0.0)),
        slack,
    )


def start_ascent(wide: Wide) -> Ascent:
    """Return messages that say nothing."""
    count = len(wide.flat.num_states)
    return Ascent(np.zeros(int(wide.message_start[-1])), np.zeros(count, np.int32))


def sweep_both(wide: Wide, ascent: Ascent) -> float:
    """Sweep forward and backward; return the certified bound, never above an earlier one."""
    from gmruntime.bounds.srmp.compiled import sweep

    flat = wide.flat
    rooms, digits, free = _rooms(wide)
    for backward in (False, True):
        rounded = np.full(len(flat.num_states), -1, np.int32)
        sweep(
            *_nodes(wide),
            wide.edge_factor,
            wide.low,
            wide.high,
            *_tables(wide),
            wide.message_start,
            ascent.messages,
            wide.floor,
            backward,
            free,
            rounded,
            digits,
            *rooms,
        )
        if not backward:
            ascent.assignment = rounded
    return certify(wide, ascent)


def certify(wide: Wide, ascent: Ascent) -> float:
    """Add the bound up from the messages; return the least so far."""
    from gmruntime.bounds.srmp.compiled import bound

    flat = wide.flat
    rooms, digits, free = _rooms(wide)
    found, magnitude, made_of = bound(
        *_nodes(wide),
        *_tables(wide),
        wide.message_start,
        ascent.messages,
        free,
        digits,
        rooms[0],
        rooms[1],
    )
    if found > -np.inf:
        num_terms = 64 + len(flat.num_states) + len(wide.table_start)
        made_of += wide.reach * (len(wide.edge_factor) + 2 * len(wide.table_start))
        sums = num_terms * (magnitude + abs(flat.log_constant))
        found += flat.log_constant + wide.slack + EPS * (sums + 2.0 * made_of)
    ascent.bound = min(ascent.bound, found)
    return ascent.bound


def _rooms(wide: Wide) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return scratch for the loops, and "no variable is fixed"."""
    most = int(wide.flat.num_states.max(initial=1))
    widest = int(np.diff(wide.factor_start).max(initial=1))
    free = np.full(len(wide.flat.num_states), -1, np.int32)
    return [np.empty(most) for _ in range(3)], np.empty(widest, np.int64), free


_Five = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _nodes(wide: Wide) -> _Five:
    start, edge = wide.near_start, wide.near_edge
    return wide.flat.num_states, wide.unary_start, wide.unary, start, edge


def _tables(wide: Wide) -> _Five:
    start, potentials = wide.table_start, wide.flat.log_potentials
    return wide.factor_start, wide.edge_variable, wide.strides, start, potentials
