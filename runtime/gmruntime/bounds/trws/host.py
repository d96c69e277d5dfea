"""TRW-S: a certified upper bound on every score, lowered sweep by sweep, and what it rounds to.

Source: Kolmogorov (2006), "Convergent tree-reweighted message passing for energy minimization".

Derived: the bound holds for any messages, converged or not. In a backward sweep let a_i be what
variable i knows when it is visited, d_i = max a_i, and let it send to an earlier neighbour j the
message m(x_j) = max_x [g_i (a_i(x) - d_i) - old(x) + f(x, x_j)] - d_e. Then
f <= m + d_e + old - g_i (a_i - d_i) on every edge. Summed over all edges and variables the messages
cancel, and since g_i times the number of earlier neighbours is at most 1 and a_i <= d_i, every
score is at most sum d_i + sum d_e. Raising a message, as the floor does, keeps the inequality.
An edge needs one place for both its messages: once a variable has been visited, nobody reads what
it was told by those that come later, until they are visited on the way back and tell it anew.
Factors over three variables or more are for `srmp`.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, row_starts, rows_by
from gmruntime.bounds.trws.records import Pairs
from gmruntime.flat import FlatGraph, local_scores

EPS = float(np.finfo(np.float64).eps)
"""Rounding errors are at most so large, relative to what is added."""


@dataclass(slots=True, eq=False)
class Messages:
    """The messages, changed in place by every sweep.

    Attributes:
        sent: along each edge what was sent last: to its first variable, after a sweep backward.
        assignment: what the last sweep forward rounded to.
        bound: the lowest so far.
    """

    sent: Float64[np.ndarray, " states"]
    assignment: Int32[np.ndarray, " variables"]
    bound: float = float("inf")


def lay_out(flat: FlatGraph) -> Pairs:
    """Sort a graph's factors into single ones and pairs; there must be no others."""
    arity = np.diff(flat.factor_start)
    states = flat.num_states.astype(np.int64)
    unary_start, unary = local_scores(flat, np.flatnonzero(arity == 1))
    pairs = np.flatnonzero(arity == 2)
    left, right = flat.factor_start[pairs], flat.factor_start[pairs] + 1
    swap = flat.edge_variable[left] > flat.edge_variable[right]
    low, high = np.where(swap, right, left), np.where(swap, left, right)
    # In the order in which they are visited: then what is read together lies together.
    visited = np.lexsort([flat.edge_variable[high], flat.edge_variable[low]])
    pairs, low, high = pairs[visited], low[visited], high[visited]
    first, second = flat.edge_variable[low], flat.edge_variable[high]
    tables, forward_start, backward_start = _both_ways(flat, pairs, low, high)
    n = len(states)
    ends = np.concatenate([first, second])
    near_start, order = rows_by(ends, n)
    edge_of = np.tile(np.arange(len(pairs), dtype=np.int64), 2)
    is_first = np.arange(2 * len(pairs)) < len(pairs)
    later, earlier = np.bincount(first, minlength=n), np.bincount(second, minlength=n)
    finite = flat.log_potentials[np.isfinite(flat.log_potentials)]
    reach = float(np.ptp(finite)) if finite.size else 0.0
    return Pairs(
        flat.num_states,
        unary_start,
        unary,
        near_start,
        edge_of[order],
        is_first[order],
        first.astype(np.int64),
        second.astype(np.int64),
        forward_start,
        backward_start,
        tables,
        1.0 / np.maximum(1, np.maximum(later, earlier)),
        row_starts(np.maximum(states[first], states[second])),
        -(1e3 + 10.0 * reach),
        flat.log_constant,
        abs(flat.log_constant) + _unary_scale(flat, arity),
    )


def _both_ways(
    flat: FlatGraph, pairs: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[Float64[np.ndarray, " entries"], np.ndarray, np.ndarray]:
    """Lay every pair's table out twice, once with each variable's states side by side.

    Returns:
        the tables, each distinct one once for either way; and where each pair finds the one that
        its first variable reads, row by row, to write to its second, and the other way round.
    """
    states = flat.num_states.astype(np.int64)
    rows, columns = states[flat.edge_variable[low]], states[flat.edge_variable[high]]
    key = np.stack([flat.table_start[pairs], flat.strides[low], flat.strides[high]])
    key = np.concatenate([key, rows[None], columns[None]])
    distinct, which = _distinct(key)
    start, first_stride, second_stride, height, width = distinct
    sizes = height * width
    place = np.cumsum(sizes) - sizes
    tables = np.empty(2 * int(sizes.sum()))
    half = len(tables) // 2
    for shape in np.unique(height * (int(width.max(initial=0)) + 1) + width):
        k, m = divmod(int(shape), int(width.max(initial=0)) + 1)
        alike = np.flatnonzero((height == k) & (width == m))
        entries = (
            start[alike, None, None]
            + first_stride[alike, None, None] * np.arange(k)[:, None]
            + second_stride[alike, None, None] * np.arange(m)
        )
        found = flat.log_potentials[entries]
        target = place[alike, None] + np.arange(k * m)
        tables[target] = found.reshape(len(alike), -1)
        tables[half + target] = found.swapaxes(1, 2).reshape(len(alike), -1)
    return tables, place[which], half + place[which]


def _distinct(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the distinct columns, and which of them each column is."""
    if not key.shape[1]:
        return key, np.zeros(0, np.int64)
    order = np.lexsort(key)
    ordered = key[:, order]
    is_new = np.concatenate([[True], (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)])
    which = np.empty(key.shape[1], np.int64)
    which[order] = np.cumsum(is_new) - 1
    return ordered[:, is_new], which


def _unary_scale(flat: FlatGraph, arity: np.ndarray) -> float:
    """Sum the largest magnitude of every single factor: what rounding their sums may cost."""
    total = 0.0
    for f in np.flatnonzero(arity == 1):
        edge = flat.factor_start[f]
        states = np.arange(int(flat.num_states[flat.edge_variable[edge]]))
        values = np.abs(flat.log_potentials[flat.table_start[f] + flat.strides[edge] * states])
        total += float(values[np.isfinite(values)].max(initial=0.0))
    return total


def _margin(pairs: Pairs, magnitude: float) -> float:
    """Bound what rounding may have taken off the bound.

    A sum of k terms errs by at most k eps times the sum of their magnitudes, and a message by a few
    eps of what it was made of, which the floor bounds.
    """
    num_edges = len(pairs.first)
    num_terms = 64 + len(pairs.num_states) + num_edges
    sums = num_terms * (magnitude + pairs.scale + abs(pairs.constant))
    return EPS * (sums + 8.0 * num_edges * abs(pairs.floor))


def no_messages(pairs: Pairs) -> Messages:
    """Return messages that say nothing."""
    assignment = np.zeros(len(pairs.num_states), np.int32)
    return Messages(np.zeros(int(pairs.message_start[-1])), assignment)


def sweep_both(pairs: Pairs, messages: Messages) -> float:
    """Sweep forward and backward; return the certified bound, never above an earlier one."""
    from gmruntime.bounds.trws.compiled import sweep

    most = int(pairs.num_states.max(initial=1))
    room = (np.empty(most), np.empty(most), np.empty(most))
    found, _ = sweep(pairs, messages.sent, messages.assignment, False, *room)
    if found == -np.inf:
        messages.bound = found
        return found
    found, magnitude = sweep(pairs, messages.sent, messages.assignment, True, *room)
    found += pairs.constant
    if np.isfinite(found):
        found += _margin(pairs, magnitude)
    messages.bound = min(messages.bound, found)
    return messages.bound
