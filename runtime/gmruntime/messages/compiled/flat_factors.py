"""Factors of every kind as flat arrays, for loops that take them one by one.

`kernels.compiled.kinds` reads them; here is written what the parameters of each kind are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from gmruntime.arrays import Float64, Int64, row_starts
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    Cover,
    FactorKind,
    Gated,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    Potts,
    SoftWindow,
    Table,
    Window,
    Xor,
)
from gmruntime.factors.kinds.all_different import NUM_EXACT_VALUES_MAX, NUM_EXACT_VARIABLES_MAX
from gmruntime.messages.kernels import codes
from gmruntime.messages.kernels.records import FlatFactors
from gmruntime.messages.layout import Group, Layout

# What e^x still holds.
_LOG_MAX = 700.0

# Exponentials taken between two looks at the clock: some hundredths of a second.
_NUM_ENTRIES_AT_ONCE = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class _Parameters:
    """Of one group: a row for each table, or one for all."""

    code: int
    ints: Int64[np.ndarray, "_tables integers"]
    reals: Float64[np.ndarray, "_tables reals"]
    num_scratch: int


def flat_factors(
    layout: Layout, groups: Sequence[Group], budget: Budget = UNLIMITED
) -> FlatFactors:
    """Write groups of a layout as flat arrays.

    Raises:
        TimeoutError: when the budget is spent.
    """
    code: list[np.ndarray] = [np.zeros(0, np.int64)]
    arity: list[np.ndarray] = [np.zeros(0, np.int64)]
    variables: list[np.ndarray] = [np.zeros(0, np.int64)]
    places: list[np.ndarray] = [np.zeros(0, np.int64)]
    states: list[np.ndarray] = [np.zeros(0, np.int64)]
    starts: tuple[list[np.ndarray], list[np.ndarray]] = ([code[0]], [code[0]])
    stops: tuple[list[np.ndarray], list[np.ndarray]] = ([code[0]], [code[0]])
    flat: tuple[list[np.ndarray], list[np.ndarray]] = ([np.zeros(0, np.int64)], [np.zeros(0)])
    filled = [0, 0]
    scratch: list[np.ndarray] = [np.zeros(0, np.int64)]
    for group in groups:
        budget.check()
        found = _parameters(group.kind, group.states, is_max=layout.is_max, budget=budget)
        count, sizes = len(group.scopes), np.array(group.states, np.int64)
        index = np.arange(count, dtype=np.int64)
        code.append(np.full(count, found.code, np.int64))
        arity.append(np.full(count, len(sizes), np.int64))
        variables.append(group.scopes.reshape(-1).astype(np.int64))
        places.append((np.array(group.starts) + index[:, None] * sizes).reshape(-1))
        states.append(np.tile(sizes, count))
        for which, rows in enumerate((found.ints, found.reals)):
            length = rows.shape[1]
            step = length if len(rows) > 1 else 0
            starts[which].append(filled[which] + step * index)
            stops[which].append(filled[which] + step * index + length)
            flat[which].append(rows.reshape(-1))
            filled[which] += rows.size
        scratch.append(np.full(count, max(1, found.num_scratch), np.int64))
    return FlatFactors(
        np.concatenate(code),
        row_starts(np.concatenate(arity)),
        np.concatenate(variables),
        np.concatenate(places).astype(np.int64),
        np.concatenate(states),
        np.concatenate(starts[0]),
        np.concatenate(stops[0]),
        np.concatenate(flat[0]).astype(np.int64),
        np.concatenate(starts[1]),
        np.concatenate(stops[1]),
        np.concatenate(flat[1]),
        np.concatenate(scratch),
    )


def _parameters(
    kind: FactorKind, states: tuple[int, ...], *, is_max: bool, budget: Budget
) -> _Parameters:
    arity = len(states)
    none = np.zeros((1, 0))
    no_ints = np.zeros((1, 0), np.int64)
    match kind:
        case Table():
            return _table(kind.log_potentials, arity, is_max, budget)
        case Gated():
            rows = kind.log_potentials.reshape(len(kind.log_potentials), -1)
            # The closed gate's value comes last, so that all of them have one scale.
            rows = np.concatenate([rows, np.zeros((len(rows), 1))], axis=1)
            return _Parameters(codes.GATED, no_ints, _scaled(rows, is_max, budget), arity + 1)
        case Potts():
            weights = kind.weights[:, None]
            reals = weights if is_max else np.exp(np.minimum(weights, _LOG_MAX))
            return _Parameters(codes.POTTS, no_ints, reals, 1)
        case Or():
            fails = np.full((1, arity), 0.0)
            fails[0, -1] = 1.0
            reals = np.concatenate([fails, 1.0 - fails], axis=1)
            if is_max:
                reals = _log(reals)
            rows = np.broadcast_to(reals, (len(kind.negated), 2 * arity))
            ints = kind.negated.astype(np.int64)
            return _Parameters(codes.OR, ints, np.ascontiguousarray(rows), 2 * arity)
        case NoisyOr():
            logs = kind.log_failures
            reals = np.concatenate([np.exp(logs), -np.expm1(logs)], axis=1)
            reals = _log(reals) if is_max else reals
            ints = np.zeros((1, arity), np.int64)
            return _Parameters(codes.OR, ints, reals, 2 * arity)
        case Xor():
            ints = kind.parities.astype(np.int64)[:, None]
            return _Parameters(codes.PARITY, ints, none, 2 * arity)
        case Count():
            return _sum(kind.linear(), states, is_max, budget)
        case LinearSum():
            return _sum(kind, states, is_max, budget)
        case AllDifferent():
            if states[0] <= NUM_EXACT_VALUES_MAX:
                scratch = (arity + 2) << states[0]
            elif arity <= NUM_EXACT_VARIABLES_MAX:
                scratch = (states[0] + 3) << arity
            else:
                scratch = 3 * arity * states[0] + max(arity, states[0]) + 1
            return _Parameters(codes.DIFFERENT, no_ints, none, scratch)
        case Window():
            parts = kind.reach_rows, kind.reach_columns
            ints = np.stack([*_sides(kind.rows, kind.columns, len(parts[0])), *parts], axis=1)
            return _Parameters(codes.PLACES, ints, none, 2 * kind.rows * kind.columns)
        case SoftWindow():
            sides = np.stack(_sides(kind.rows, kind.columns, 1), axis=1)
            reals = np.stack([kind.slopes, kind.caps], axis=1)
            return _Parameters(codes.PLACES, sides, reals, 1)
        case Memory():
            return _memory(kind, is_max)
        case Cover():
            return _cover(kind, arity, is_max)
        case _:
            return _table(kind.log_tables(states), arity, is_max, budget)


def _sides(rows: int, columns: int, count: int) -> list[np.ndarray]:
    return [np.full(count, side, np.int64) for side in (rows, columns)]


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(values)


def _scaled(rows: np.ndarray, is_max: bool, budget: Budget) -> np.ndarray:
    """Return rows of logs, or what they are the logs of, the largest of each row 1."""
    if is_max:
        return rows
    high = rows.max(axis=1, keepdims=True)
    high = np.where(np.isneginf(high), 0.0, high)
    scaled = np.empty(rows.shape)
    width = min(max(1, rows.shape[1]), _NUM_ENTRIES_AT_ONCE)
    step = _NUM_ENTRIES_AT_ONCE // width
    for first, start in product(range(0, len(rows), step), range(0, rows.shape[1], width)):
        budget.check()
        piece, part = slice(first, first + step), slice(start, start + width)
        np.exp(rows[piece, part] - high[piece], out=scaled[piece, part])
    return scaled


def _table(log_potentials: np.ndarray, arity: int, is_max: bool, budget: Budget) -> _Parameters:
    rows = log_potentials.reshape(len(log_potentials), -1)
    return _Parameters(
        codes.TABLE, np.zeros((1, 0), np.int64), _scaled(rows, is_max, budget), arity + 1
    )


def _sum(kind: LinearSum, states: tuple[int, ...], is_max: bool, budget: Budget) -> _Parameters:
    ints = np.concatenate([kind.lowest[:, None], kind.coefficients], axis=1)
    width = int(np.abs(kind.coefficients * (np.array(states) - 1)).sum(axis=1).max()) + 1
    reals = _scaled(kind.log_potentials, is_max, budget)
    return _Parameters(codes.SUM, ints, reals, (len(states) + 2) * width)


def _memory(kind: Memory, is_max: bool) -> _Parameters:
    logs = kind.written_out().log_patterns
    count, num_patterns, places, _ = logs.shape
    shifts = np.zeros(logs.shape[:3])
    if not is_max:
        high = logs.max(axis=3)
        shifts = np.where(np.isneginf(high), 0.0, high)
        logs = np.exp(logs - shifts[..., None])
    reals = np.concatenate([logs.reshape(count, -1), shifts.reshape(count, -1)], axis=1)
    ints = np.array([[num_patterns]], np.int64)
    return _Parameters(codes.MEMORY, ints, reals, num_patterns * (places + 2))


def _cover(kind: Cover, arity: int, is_max: bool) -> _Parameters:
    takes, passes = kind.log_takes, kind.log_passes
    count, _, num_states, num_values = takes.shape
    # What is taken and what is left to the base have one scale.
    high = np.maximum(takes.reshape(count, -1).max(axis=1, initial=0.0), 0.0)[:, None]
    reals = [takes.reshape(count, -1) - high, passes.reshape(count, -1), -high]
    logs = np.concatenate(reals, axis=1)
    ints = np.array([[num_states, num_values]], np.int64)
    reals = logs if is_max else np.exp(logs)
    return _Parameters(codes.COVER, ints, reals, 2 * num_values * (arity + 1))
