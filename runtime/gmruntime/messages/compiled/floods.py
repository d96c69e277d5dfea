"""Flooding with compiled kernels: for graphs and batches large enough to wait for numba's import.

Sums run in the probability domain, which needs no logarithm in a sweep; maxima in the log domain.
Pairs have kernels of their own; the factors of all other kinds are taken one by one.
"""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import (
    FactorKind,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Xor,
)
from gmruntime.messages.compiled.flat_factors import FlatFactors, flat_factors
from gmruntime.messages.compiled.odds import Odds, odds_of
from gmruntime.messages.kernels.compiled import maxima, schedules, sums
from gmruntime.messages.layout import Group, Layout

# Blocks of fewer pair tables than this are taken one by one, with those of higher arity.
_NUM_PAIRS_MIN = 256


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A layout as the compiled kernels read it.

    Attributes:
        layout: its source.
        groups: of pairs, with a kernel for the whole block; f in place of log f for sums.
        others: all other factors.
        row_start: where each variable's edges begin in `row_messages`.
        row_messages: where the message of each edge begins, sorted by variable.
        is_binary: every variable has two states.
        odds: the layout as log odds, where it can be run so.
    """

    layout: Layout
    groups: tuple[Group, ...]
    others: FlatFactors
    row_start: Int64[np.ndarray, " variables_and_end"]
    row_messages: Int64[np.ndarray, " edges"]
    is_binary: bool
    odds: Odds | None


def compile_layout(layout: Layout, budget: Budget = UNLIMITED) -> Program:
    """Prepare a layout for compiled sweeps; TimeoutError when the budget is spent."""
    owners: list[np.ndarray] = [np.zeros(0, np.int64)]
    places: list[np.ndarray] = [np.zeros(0, np.int64)]
    for group in layout.groups:
        for k, (start, size) in enumerate(zip(group.starts, group.states, strict=True)):
            owners.append(group.scopes[:, k].astype(np.int64))
            places.append(start + size * np.arange(len(group.scopes), dtype=np.int64))
    owner, place = np.concatenate(owners), np.concatenate(places)
    degree = np.bincount(owner, minlength=len(layout.num_states))
    groups = tuple(g for g in layout.groups if _has_kernel(g, is_max=layout.is_max))
    others = [g for g in layout.groups if not _has_kernel(g, is_max=layout.is_max)]
    if not layout.is_max:
        groups = tuple(replace(g, kind=_exponential(g.kind)) for g in groups)
    return Program(
        layout,
        groups,
        flat_factors(layout, others, budget),
        np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
        place[np.argsort(owner, kind="stable")],
        bool((layout.num_states == 2).all()),
        odds_of(layout),
    )


def _exponential(kind: FactorKind) -> FactorKind:
    match kind:
        case Table():
            logs = kind.log_potentials
            axes = tuple(range(1, logs.ndim))
            high = logs.max(axis=axes, keepdims=True, initial=-np.inf)
            shifted = logs - np.where(np.isneginf(high), 0.0, high)
            return Table(np.ascontiguousarray(np.exp(shifted)))
        case Potts():
            return Potts(np.exp(np.minimum(kind.weights, 700.0)))
        case _:
            return kind


def _has_kernel(group: Group, *, is_max: bool) -> bool:
    match group.kind:
        case Table():
            return len(group.states) == 2 and len(group.scopes) >= _NUM_PAIRS_MIN
        case Potts():
            return True
        case Xor():
            return not is_max
        case TruncatedLinear() | TruncatedQuadratic():
            return is_max
        case _:
            return False


def sweep(
    program: Program,
    unary: Float64[np.ndarray, " entries"],
    heard: Float64[np.ndarray, " message_entries"],
    said: Float64[np.ndarray, " message_entries"],
    damping: float,
) -> float:
    """Update every message of one row in place.

    Returns:
        the largest change, or -1 when some message would rule out every state.
    """
    layout = program.layout
    starts = layout.variable_start
    rows, places = program.row_start, program.row_messages
    scratch = np.empty(int(layout.num_states.max(initial=1)))
    if layout.is_max:
        maxima.to_factors(unary, starts, rows, places, heard, said, scratch)
    elif program.is_binary:
        sums.to_factors_binary(unary, rows, places, heard, said)
    else:
        sums.to_factors(unary, starts, rows, places, heard, said, scratch)
    update = _maximise if layout.is_max else _sum
    change = 0.0
    if len(program.others.code):
        others = program.others
        found = schedules.flood(
            *others.arrays(),
            others.num_scratch,
            said,
            heard,
            damping,
            layout.is_max,
            layout.is_forest,
        )
        if found < 0.0:
            return -1.0
        change = found
    for group in program.groups:
        found = update(layout, group, heard, said, damping)
        if found < 0.0:
            return -1.0
        change = max(change, found)
    return change


def _sum(
    layout: Layout, group: Group, heard: np.ndarray, said: np.ndarray, damping: float
) -> float:
    kind, count = group.kind, len(group.scopes)
    starts = np.array(group.starts, np.int64)
    nats = layout.is_forest
    match kind:
        case Table() if group.states == (2, 2) and not nats:
            return sums.binary_tables(kind.log_potentials, said, heard, starts, count, damping)
        case Table() if len(group.states) == 2:
            tables = kind.log_potentials
            return sums.pair_tables(tables, said, heard, starts, count, damping, nats)
        case Potts():
            size = group.states[0]
            return sums.potts(kind.weights, said, heard, starts, size, count, damping, nats)
        case Xor():
            return sums.parity(kind.parities, said, heard, starts, count, damping, nats)
        case _:
            raise AssertionError(type(kind).__name__)


def _maximise(
    layout: Layout, group: Group, heard: np.ndarray, said: np.ndarray, damping: float
) -> float:
    kind, count, size = group.kind, len(group.scopes), group.states[0]
    starts = np.array(group.starts, np.int64)
    match kind:
        case Table() if group.states == (2, 2):
            return maxima.binary_tables(kind.log_potentials, said, heard, starts, count, damping)
        case Table() if len(group.states) == 2:
            return maxima.pair_tables(kind.log_potentials, said, heard, starts, count, damping)
        case Potts():
            return maxima.potts(kind.weights, said, heard, starts, size, count, damping)
        case TruncatedLinear() | TruncatedQuadratic():
            return maxima.truncated(
                kind.slopes,
                kind.caps,
                isinstance(kind, TruncatedQuadratic),
                said,
                heard,
                starts,
                size,
                count,
                damping,
            )
        case _:
            raise AssertionError(type(kind).__name__)
