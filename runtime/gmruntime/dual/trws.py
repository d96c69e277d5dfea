"""TRW-S: a certified upper bound on every score, lowered sweep by sweep, and what it rounds to.

Source: Kolmogorov (2006), "Convergent tree-reweighted message passing for energy minimization".

Derived: the bound holds for any messages, converged or not. In a backward sweep let a_i be what
variable i knows when it is visited, d_i = max a_i, and let it send to an earlier neighbour j the
message m(x_j) = max_x [g_i (a_i(x) - d_i) - old(x) + f(x, x_j)] - d_e. Then
f <= m + d_e + old - g_i (a_i - d_i) on every edge. Summed over all edges and variables the messages
cancel, and since g_i times the number of earlier neighbours is at most 1 and a_i <= d_i, every
score is at most sum d_i + sum d_e. Raising a message, as the floor does, keeps the inequality.
Factors over three variables or more enter by their largest entry alone.
"""

import math
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from jaxtyping import Float64, Int32

from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph

EPS = float(np.finfo(np.float64).eps)
"""Rounding errors are at most so large, relative to what is added."""

STALLED = 1e-7
"""A sweep that lowers the bound by less, relative to its size, is the last but a few."""

STALLED_SWEEPS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The single and pairwise side of a graph, and the largest entries of the rest."""

    num_states: Int32[np.ndarray, " variables"]
    unary_start: np.ndarray
    unary: Float64[np.ndarray, " states"]
    near_start: np.ndarray
    near_edge: np.ndarray
    near_is_first: np.ndarray
    first: np.ndarray
    second: np.ndarray
    table_start: np.ndarray
    first_stride: np.ndarray
    second_stride: np.ndarray
    log_potentials: Float64[np.ndarray, " entries"]
    share: np.ndarray
    to_first_start: np.ndarray
    to_second_start: np.ndarray
    floor: float
    constant: float
    scale: float


@dataclass(slots=True, eq=False)
class Messages:
    """The messages, changed in place by every sweep."""

    to_first: Float64[np.ndarray, " states"]
    to_second: Float64[np.ndarray, " states"]
    assignment: Int32[np.ndarray, " variables"]
    bound: float = float("inf")


def lay_out(flat: FlatGraph) -> Pairs:
    """Sort a graph's factors into single ones, pairs, and the rest."""
    arity = np.diff(flat.factor_start)
    states = flat.num_states.astype(np.int64)
    unary_start = np.concatenate([np.zeros(1, np.int64), np.cumsum(states)])
    unary = np.zeros(int(unary_start[-1]))
    for f in np.flatnonzero(arity == 1):
        edge = flat.factor_start[f]
        v = flat.edge_variable[edge]
        entries = flat.table_start[f] + flat.strides[edge] * np.arange(int(states[v]))
        unary[unary_start[v] : unary_start[v + 1]] += flat.log_potentials[entries]
    pairs = np.flatnonzero(arity == 2)
    left, right = flat.factor_start[pairs], flat.factor_start[pairs] + 1
    swap = flat.edge_variable[left] > flat.edge_variable[right]
    low, high = np.where(swap, right, left), np.where(swap, left, right)
    first, second = flat.edge_variable[low], flat.edge_variable[high]
    wide: list[float] = []
    for f in np.flatnonzero(arity > 2):
        wide.append(_largest(flat, int(f)))
    ends = np.concatenate([first, second])
    order = np.argsort(ends, kind="stable")
    edge_of = np.tile(np.arange(len(pairs), dtype=np.int64), 2)
    is_first = np.arange(2 * len(pairs)) < len(pairs)
    n = len(states)
    later, earlier = np.bincount(first, minlength=n), np.bincount(second, minlength=n)
    finite = flat.log_potentials[np.isfinite(flat.log_potentials)]
    reach = float(np.ptp(finite)) if finite.size else 0.0
    return Pairs(
        flat.num_states,
        unary_start,
        unary,
        np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(ends, minlength=n))]),
        edge_of[order],
        is_first[order],
        first.astype(np.int64),
        second.astype(np.int64),
        flat.table_start[pairs],
        flat.strides[low],
        flat.strides[high],
        flat.log_potentials,
        1.0 / np.maximum(1, np.maximum(later, earlier)),
        _starts(states[first]),
        _starts(states[second]),
        -(1e3 + 10.0 * reach),
        math.fsum([flat.log_constant, *wide]),
        abs(flat.log_constant) + float(np.abs(wide).sum()) + _unary_scale(flat, arity),
    )


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


def _largest(flat: FlatGraph, factor: int) -> float:
    """Return a factor's largest entry; its table may be a slice of a larger one."""
    entries = np.full(1, flat.table_start[factor])
    for edge in range(int(flat.factor_start[factor]), int(flat.factor_start[factor + 1])):
        states = np.arange(int(flat.num_states[flat.edge_variable[edge]]), dtype=np.int64)
        entries = (entries[:, None] + flat.strides[edge] * states[None, :]).reshape(-1)
    return float(flat.log_potentials[entries].max())


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]).astype(np.int64)


def no_messages(pairs: Pairs) -> Messages:
    """Return messages that say nothing."""
    return Messages(
        np.zeros(int(pairs.to_first_start[-1])),
        np.zeros(int(pairs.to_second_start[-1])),
        np.zeros(len(pairs.num_states), np.int32),
    )


def sweep_both(pairs: Pairs, messages: Messages) -> float:
    """Sweep forward and backward; return the certified bound, never above an earlier one."""
    from gmruntime.dual.trws_kernel import sweep

    most = int(pairs.num_states.max(initial=1))
    total, scratch = np.empty(most), np.empty(most)
    arrays = (
        pairs.num_states,
        pairs.unary_start,
        pairs.unary,
        pairs.near_start,
        pairs.near_edge,
        pairs.near_is_first,
        pairs.first,
        pairs.second,
        pairs.table_start,
        pairs.first_stride,
        pairs.second_stride,
        pairs.log_potentials,
        pairs.share,
        pairs.to_first_start,
        messages.to_first,
        pairs.to_second_start,
        messages.to_second,
        pairs.floor,
        messages.assignment,
    )
    found, _ = sweep(*arrays, False, total, scratch)
    if found == -np.inf:
        messages.bound = found
        return found
    found, magnitude = sweep(*arrays, True, total, scratch)
    found += pairs.constant
    if np.isfinite(found):
        found += _margin(pairs, magnitude)
    messages.bound = min(messages.bound, found)
    return messages.bound


@dataclass(slots=True, eq=False)
class DualAscent:
    """TRW-S as an engine of the anytime search."""

    flat: FlatGraph
    pairs: Pairs | None = None
    messages: Messages | None = None
    stalled: int = 0

    @property
    def name(self) -> str:
        """The engine in words."""
        return "TRW-S"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Sweep until the time is over or the bound has stalled."""
        del incumbent
        start = perf_counter()
        if self.pairs is None or self.messages is None:
            self.pairs = lay_out(self.flat)
            self.messages = no_messages(self.pairs)
        while True:
            before = self.messages.bound
            bound = sweep_both(self.pairs, self.messages)
            gained = before - bound
            idle = np.isfinite(before) and gained <= STALLED * max(1.0, abs(bound))
            self.stalled = self.stalled + 1 if idle else 0
            finished = bound == -np.inf or self.stalled >= STALLED_SWEEPS
            if finished or perf_counter() - start >= seconds:
                return Report(self.messages.assignment.copy(), bound, finished)
