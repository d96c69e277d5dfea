"""Mini-buckets: elimination with its large tables split, an upper bound and a good first guess.

Where a bucket's table would be too large, its functions are maximised in parts. That can only
raise the maximum, so the result bounds every score; assigning the variables backwards, each the
best for what the parts say, gives an assignment. Wider parts make both better. Before the split
the parts are made to agree on what they want of the variable.

Source: Dechter and Rish (2003), "Mini-buckets"; Ihler, Flerova, Dechter and Otten (2012),
"Join-graph based cost-shifting schemes" (matching of max-marginals).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph
from gmruntime.primal.cutset.order import greedy_order

# Widths tried in turn, bits.
WIDTHS = (6.0, 10.0, 13.0, 16.0, 18.0, 20.0, 22.0)

# More factors than this take too long, one by one.
NUM_FACTORS_MAX = 20_000

# Bounds are sums of this many roundings at most, relative to their size.
MARGIN = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    """A table and the places of its variables in the order, latest first."""

    scope: tuple[int, ...]
    table: Float64[np.ndarray, "*states"]


@dataclass(slots=True, eq=False)
class MiniBuckets:
    """The engine's state: the order, and the width it has come to."""

    flat: FlatGraph
    budget: Budget
    rng: np.random.Generator
    order: Int32[np.ndarray, " variables"] = field(default_factory=lambda: np.zeros(0, np.int32))
    width_index: int = 0
    last_s: float = 0.0

    @property
    def name(self) -> str:
        """The engine in words."""
        return "mini-buckets"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Bound with the next width."""
        del incumbent
        num_factors = len(self.flat.table_start)
        if self.width_index >= len(WIDTHS) or num_factors > NUM_FACTORS_MAX:
            return Report(finished=True)
        if not len(self.order):
            first, _ = greedy_order(self.flat, self.rng)
            rest = np.setdiff1d(np.arange(len(self.flat.num_states)), first)
            self.order = np.concatenate([first, rest]).astype(np.int32)
        bits = WIDTHS[self.width_index]
        entries = len(self.order) * 2.0**bits
        growth = 4.0 if self.width_index else 1.0
        if 8.0 * entries > 0.25 * self.budget.memory_bytes:
            return Report(finished=True)
        if seconds > 0.0 and growth * self.last_s > self.budget.left_s():
            return Report(finished=True)
        start = self.budget.clock()
        is_over = (lambda: self.budget.left_s() <= 0.0) if seconds > 0.0 else (lambda: False)
        found = bound_by_mini_buckets(self.flat, self.order, bits, is_over)
        self.last_s = self.budget.clock() - start
        self.width_index += 1
        if found is None:
            return Report(finished=True)
        log_bound, assignment = found
        return Report(assignment, log_bound)


def bound_by_mini_buckets(
    flat: FlatGraph,
    order: Int32[np.ndarray, " variables"],
    bits: float,
    is_over: Callable[[], bool],
) -> tuple[float, Int32[np.ndarray, " variables"]] | None:
    """Eliminate in the given order with tables of at most 2^bits entries.

    Tables that are larger to begin with are kept whole.

    Returns:
        a bound on every score, and an assignment; None when `is_over` said to stop.
    """
    states = flat.num_states[order]
    log2_states = np.log2(states)
    buckets = _initial_buckets(flat, order)
    parts_of: list[list[_Function]] = []
    total = flat.log_constant
    magnitude = abs(total) if np.isfinite(total) else 0.0
    for place, bucket in enumerate(buckets):
        if place % 64 == 0 and is_over():
            return None
        parts = [_combine(part, states) for part in _split(bucket, log2_states, bits)]
        parts = _match(parts)
        parts_of.append(parts)
        for part in parts:
            message = part.table.max(axis=-1)
            scope = part.scope[:-1]
            if scope:
                buckets[scope[-1]].append(_Function(scope, message))
            else:
                total += float(message)
                magnitude += abs(float(message)) if np.isfinite(message) else 0.0
    assignment = np.zeros(len(order), np.int32)
    for place in range(len(order) - 1, -1, -1):
        wanted = np.zeros(states[place])
        for part in parts_of[place]:
            wanted = wanted + part.table[tuple(assignment[list(part.scope[:-1])])]
        assignment[place] = np.argmax(wanted)
    whole = np.zeros(len(order), np.int32)
    whole[order] = assignment
    return total + MARGIN * magnitude, whole


def _initial_buckets(
    flat: FlatGraph, order: Int32[np.ndarray, " variables"]
) -> list[list[_Function]]:
    """Put each factor where the first of its variables is eliminated."""
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    buckets: list[list[_Function]] = [[] for _ in order]
    for factor, start in enumerate(flat.table_start):
        edges = np.arange(flat.factor_start[factor], flat.factor_start[factor + 1])
        places = place_of[flat.edge_variable[edges]]
        latest_first = np.argsort(-places)
        entries = np.asarray(start)
        for edge in edges[latest_first]:
            count = int(flat.num_states[flat.edge_variable[edge]])
            entries = entries[..., None] + flat.strides[edge] * np.arange(count)
        scope = tuple(places[latest_first].tolist())
        buckets[scope[-1]].append(_Function(scope, flat.log_potentials[entries]))
    return buckets


def _split(
    bucket: list[_Function], log2_states: Float64[np.ndarray, " places"], bits: float
) -> list[list[_Function]]:
    """Group functions, largest first, each into the first part that stays within the width."""
    parts: list[tuple[set[int], list[_Function]]] = []
    for function in sorted(bucket, key=lambda f: -len(f.scope)):
        for scope, members in parts:
            union = scope.union(function.scope)
            if len(union) == len(scope) or log2_states[list(union)].sum() <= bits:
                scope.update(function.scope)
                members.append(function)
                break
        else:
            parts.append((set(function.scope), [function]))
    return [members for _, members in parts]


def _combine(functions: list[_Function], states: Int32[np.ndarray, " places"]) -> _Function:
    """Add functions up over all their variables."""
    if len(functions) == 1:
        return functions[0]
    union: set[int] = set()
    for function in functions:
        union.update(function.scope)
    scope = tuple(sorted(union, reverse=True))
    table = np.zeros([int(states[place]) for place in scope])
    for function in functions:
        own = set(function.scope)
        table += function.table.reshape([int(states[p]) if p in own else 1 for p in scope])
    return _Function(scope, table)


def _match(parts: list[_Function]) -> list[_Function]:
    """Make the parts agree on the variable: each one's max-marginal becomes their mean.

    The sum of the parts stays the same. States that some part forbids are left alone.
    """
    if len(parts) < 2:
        return parts
    wishes = np.stack([part.table.max(axis=tuple(range(part.table.ndim - 1))) for part in parts])
    finite = np.isfinite(wishes).all(axis=0)
    safe = np.where(finite, wishes, 0.0)
    shifts = safe.mean(axis=0) - safe
    return [
        _Function(part.scope, part.table + shift) for part, shift in zip(parts, shifts, strict=True)
    ]
