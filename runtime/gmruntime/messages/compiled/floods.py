"""Flooding with compiled kernels: for graphs and batches large enough to wait for numba's import.

Sums run in the probability domain, which needs no logarithm in a sweep; maxima in the log domain.
Pairs have kernels of their own; the factors of all other kinds are taken one by one.
"""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int64, rows_by
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.factors.kinds import (
    FactorKind,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Xor,
)
from gmruntime.messages.compiled.flat_factors import flat_factors
from gmruntime.messages.compiled.odds import Odds, odds_of
from gmruntime.messages.kernels.compiled import blocks, schedules
from gmruntime.messages.kernels.compiled.variables import to_factors, to_factors_binary
from gmruntime.messages.kernels.records import (
    FlatFactors,
    Terms,
    Truncated,
    Variables,
    room_for,
)
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
    budget.check()
    row_start, order = rows_by(owner, len(layout.num_states))
    groups = tuple(g for g in layout.groups if _has_kernel(g, is_max=layout.is_max))
    others = [g for g in layout.groups if not _has_kernel(g, is_max=layout.is_max)]
    if not layout.is_max:
        groups = tuple(
            replace(g, kind=_exponential(g.kind)) for g in within(groups, budget, every=1)
        )
    return Program(
        layout,
        groups,
        flat_factors(layout, others, budget),
        row_start,
        place[order],
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
    layout, others = program.layout, program.others
    terms = Terms(damping, layout.is_max, layout.is_max or layout.is_forest)
    rows, places = program.row_start, program.row_messages
    variables = Variables(unary, layout.variable_start, rows, places)
    if program.is_binary and not layout.is_max:
        to_factors_binary(variables, heard, said)
    else:
        most = np.empty(int(layout.num_states.max(initial=1)))
        to_factors(variables, heard, said, most, layout.is_max)
    change = 0.0
    if len(others.code):
        change = schedules.flood(others, said, heard, room_for(others), terms)
    for group in program.groups:
        if change < 0.0:
            return -1.0
        found = _update(group, heard, said, terms)
        change = -1.0 if found < 0.0 else max(change, found)
    return change


def _update(group: Group, heard: np.ndarray, said: np.ndarray, terms: Terms) -> float:
    kind, count, size = group.kind, len(group.scopes), group.states[0]
    starts = np.array(group.starts, np.int64)
    match kind:
        case Table() if group.states == (2, 2) and (terms.is_max or not terms.in_nats):
            return blocks.binary_tables(kind.log_potentials, said, heard, starts, count, terms)
        case Table():
            return blocks.pair_tables(kind.log_potentials, said, heard, starts, count, terms)
        case Potts():
            return blocks.potts(kind.weights, said, heard, starts, size, count, terms)
        case Xor():
            return blocks.parity(kind.parities, said, heard, starts, count, terms)
        case TruncatedLinear() | TruncatedQuadratic():
            shape = Truncated(kind.slopes, kind.caps, isinstance(kind, TruncatedQuadratic))
            return blocks.truncated(shape, said, heard, starts, size, count, terms)
        case _:
            raise AssertionError(type(kind).__name__)
