"""Flooding with compiled kernels: for graphs and batches large enough to wait for numba's import.

Sums run in the probability domain, which needs no logarithm in a sweep; maxima in the log domain.
Kinds without a compiled rule take the vectorised one, inside the same sweep.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from gmruntime.factors.kinds import (
    FactorKind,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Xor,
)
from gmruntime.messages.kernels import compiled_maxima as maxima
from gmruntime.messages.kernels import compiled_sums as sums
from gmruntime.messages.kernels import compiled_tables as nary
from gmruntime.messages.kernels.vectorised import outgoing
from gmruntime.messages.layout import Group, Layout

# Blocks of fewer pair tables than this are taken together with the tables of higher arity.
_NUM_PAIRS_MIN = 256


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Tables of many shapes in compressed rows; see `kernels.compiled_tables`."""

    start: Int64[np.ndarray, " factors_and_end"]
    places: Int64[np.ndarray, " edges"]
    states: Int64[np.ndarray, " edges"]
    table_start: Int64[np.ndarray, " factors"]
    values: Float64[np.ndarray, " entries"]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A layout as the compiled kernels read it.

    Attributes:
        layout: its source.
        groups: with f in place of log f where sums have a compiled rule; without `tables`.
        tables: the tables that have no block of their own kernel.
        row_start: where each variable's edges begin in `row_messages`.
        row_messages: where the message of each edge begins, sorted by variable.
        is_binary: every variable has two states.
    """

    layout: Layout
    groups: tuple[Group, ...]
    tables: Tables
    row_start: Int64[np.ndarray, " variables_and_end"]
    row_messages: Int64[np.ndarray, " edges"]
    is_binary: bool


def compile_layout(layout: Layout) -> Program:
    """Prepare a layout for compiled sweeps."""
    owners: list[np.ndarray] = [np.zeros(0, np.int64)]
    places: list[np.ndarray] = [np.zeros(0, np.int64)]
    for group in layout.groups:
        for k, (start, size) in enumerate(zip(group.starts, group.states, strict=True)):
            owners.append(group.scopes[:, k].astype(np.int64))
            places.append(start + size * np.arange(len(group.scopes), dtype=np.int64))
    owner, place = np.concatenate(owners), np.concatenate(places)
    degree = np.bincount(owner, minlength=len(layout.num_states))
    groups = layout.groups
    if not layout.is_max:
        groups = tuple(replace(g, kind=_exponential(g.kind)) for g in groups)
    together = [g for g in groups if _joins_tables(g)]
    groups = tuple(g for g in groups if not _joins_tables(g))
    return Program(
        layout,
        groups,
        _tables(together),
        np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
        place[np.argsort(owner, kind="stable")],
        bool((layout.num_states == 2).all()),
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


def _joins_tables(group: Group) -> bool:
    if not isinstance(group.kind, Table):
        return False
    return len(group.states) > 2 or len(group.scopes) < _NUM_PAIRS_MIN


def _tables(groups: list[Group]) -> Tables:
    arities: list[np.ndarray] = [np.zeros(0, np.int64)]
    places: list[np.ndarray] = [np.zeros(0, np.int64)]
    states: list[np.ndarray] = [np.zeros(0, np.int64)]
    starts: list[np.ndarray] = [np.zeros(0, np.int64)]
    values: list[np.ndarray] = [np.zeros(0)]
    offset = 0
    for group in groups:
        assert isinstance(group.kind, Table)
        tables = group.kind.log_potentials
        count = len(group.scopes)
        index = np.arange(count, dtype=np.int64)
        sizes = np.array(group.states, np.int64)
        arities.append(np.full(count, len(sizes), np.int64))
        places.append((np.array(group.starts) + index[:, None] * sizes).reshape(-1))
        states.append(np.tile(sizes, count))
        step = 0 if len(tables) == 1 else tables[0].size
        starts.append(offset + step * index)
        values.append(tables.reshape(-1))
        offset += tables.size
    ends = np.cumsum(np.concatenate(arities))
    return Tables(
        np.concatenate([np.zeros(1, np.int64), ends]),
        np.concatenate(places).astype(np.int64),
        np.concatenate(states),
        np.concatenate(starts),
        np.concatenate(values),
    )


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
    if len(program.tables.table_start):
        found = _update_tables(program, heard, said, damping)
        if found < 0.0:
            return -1.0
        change = found
    for group in program.groups:
        found = update(layout, group, heard, said, damping)
        if found < 0.0:
            return -1.0
        change = max(change, found)
    return change


def _update_tables(program: Program, heard: np.ndarray, said: np.ndarray, damping: float) -> float:
    tables, layout = program.tables, program.layout
    return nary.update(
        tables.start,
        tables.places,
        tables.states,
        tables.table_start,
        tables.values,
        said,
        heard,
        damping,
        layout.is_max,
        layout.is_forest,
    )


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
            return _vectorised(layout, group, heard, said, damping)


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
            return _vectorised(layout, group, heard, said, damping)


def _vectorised(
    layout: Layout, group: Group, heard: np.ndarray, said: np.ndarray, damping: float
) -> float:
    """Update a group by the vectorised rule, which speaks in logs."""
    count = len(group.scopes)
    pieces = [
        slice(start, start + count * size)
        for start, size in zip(group.starts, group.states, strict=True)
    ]
    told: list[np.ndarray] = []
    for piece, size in zip(pieces, group.states, strict=True):
        values = said[piece].reshape(1, count, size)
        if not layout.is_max:
            with np.errstate(divide="ignore"):
                values = np.log(values)
        high = values.max(axis=2, keepdims=True)
        told.append(values - np.where(np.isneginf(high), 0.0, high))
    change = 0.0
    for piece, new in zip(pieces, outgoing(group.kind, told, is_max=layout.is_max), strict=True):
        high = new.max(axis=2, keepdims=True)
        if np.isneginf(high).any():
            return -1.0
        fresh, old = (new - high).reshape(-1), heard[piece]
        if not layout.is_max:
            with np.errstate(divide="ignore"):
                old = np.log(old)
        if damping:
            fresh = damping * old + (1.0 - damping) * fresh
        if layout.is_max or layout.is_forest:
            with np.errstate(invalid="ignore"):
                step = np.where(old == fresh, 0.0, np.abs(fresh - old))
        else:
            step = np.abs(np.exp(fresh) - np.exp(old))
        change = max(change, float(step.max(initial=0.0)))
        heard[piece] = fresh if layout.is_max else np.exp(fresh)
    return change
