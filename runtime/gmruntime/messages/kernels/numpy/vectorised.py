"""Message rules in NumPy: what all factors of a group say to all their variables at once.

`incoming[k]` is shaped (rows, factors, states of position k), where rows are instances that differ
in their evidence; so is what is returned, not normalised. -inf is legal everywhere.
"""

from collections.abc import Sequence

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    Gated,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    Potts,
    Table,
    TruncatedLinear,
    TruncatedQuadratic,
    Window,
    Xor,
)
from gmruntime.factors.semiring import Messages, join, leave_one_out, reduce
from gmruntime.factors.tables import log_tables
from gmruntime.messages.kernels.numpy.chains import different, parity, total, weighted_or

# Entries of a temporary array: small enough for a processor's second cache.
_NUM_ENTRIES_MAX = 1 << 18


def outgoing(
    kind: FactorKind, incoming: Messages, *, is_max: bool, budget: Budget = UNLIMITED
) -> list[np.ndarray]:
    """Compute what each factor says to each of its variables.

    Args:
        kind: with one table for all factors or one for each.
        incoming: what each variable says to the factor.
        is_max: maximise over the other variables instead of summing.
        budget: asked while tables are read.

    Raises:
        TimeoutError: when the budget is spent.
    """
    shape = [m.shape[2] for m in incoming]
    match kind:
        case Table():
            return table(kind.log_potentials, incoming, is_max, budget)
        case Gated():
            return gated(kind.log_potentials, incoming, is_max, budget)
        case Potts():
            return [potts(kind.weights, incoming[1 - k], is_max) for k in range(2)]
        case TruncatedLinear():
            if is_max:
                return [_truncated_linear(kind, incoming[1 - k]) for k in range(2)]
            return table(log_tables(kind, shape), incoming, is_max, budget)
        case TruncatedQuadratic():
            return table(log_tables(kind, shape), incoming, is_max, budget)
        case Or():
            sure = np.full(kind.negated.shape, -np.inf)
            sure[:, -1] = 0.0
            return weighted_or(sure, kind.negated, incoming, is_max)
        case NoisyOr():
            plain = np.zeros(kind.log_failures.shape, np.bool_)
            return weighted_or(kind.log_failures, plain, incoming, is_max)
        case Xor():
            return parity(kind.parities, incoming, is_max)
        case Count():
            signs = np.where(kind.negated, -1, 1).astype(np.int64)
            lowest = -kind.negated.sum(axis=1).astype(np.int64)
            return total(signs, lowest, kind.log_potentials, incoming, is_max)
        case LinearSum():
            return total(kind.coefficients, kind.lowest, kind.log_potentials, incoming, is_max)
        case AllDifferent():
            return different(incoming, is_max)
        case Window():
            return [window(kind, incoming[1 - k], is_max) for k in range(2)]
        case Memory():
            return memory(kind.log_patterns, incoming, is_max)


def table(
    potentials: np.ndarray, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
) -> list[np.ndarray]:
    """Compute the messages of tables, a slice of factors at a time."""
    rows, count = incoming[0].shape[:2]
    size = max(1, int(np.prod(potentials.shape[1:], dtype=np.int64)) * rows)
    step = max(1, _NUM_ENTRIES_MAX // size)
    result = [np.empty(m.shape) for m in incoming]
    for first in range(0, count, step):
        piece = slice(first, first + step)
        tables = potentials if potentials.shape[0] == 1 else potentials[piece]
        told = [m[:, piece] for m in incoming]
        for k, values in enumerate(_table_piece(tables, told, is_max, budget)):
            result[k][:, piece] = values
    return result


def _table_piece(
    tables: np.ndarray, incoming: Sequence[np.ndarray], is_max: bool, budget: Budget
) -> list[np.ndarray]:
    arity = len(incoming)
    spread = [
        m.reshape(*m.shape[:2], *(m.shape[2] if j == k else 1 for j in range(arity)))
        for k, m in enumerate(incoming)
    ]
    result: list[np.ndarray] = []
    for k in range(arity):
        joint = tables[None]
        for j in range(arity):
            if j != k:
                # A single table may have millions of entries, and is gone through so often.
                budget.check()
                joint = joint + spread[j]
        axes = tuple(2 + j for j in range(arity) if j != k)
        values = reduce(joint, axes, is_max)
        result.append(np.broadcast_to(values, incoming[k].shape))
    return result


def gated(
    potentials: np.ndarray, incoming: Messages, is_max: bool, budget: Budget = UNLIMITED
) -> list[np.ndarray]:
    """Compute the messages of tables that apply only while their gate is true.

    m_k(x) = n_gate(1) + [message of the table] (+) n_gate(0) + sum over j != k of |n_j|
    """
    gate, inner = incoming[0], incoming[1:]
    applied = table(potentials, inner, is_max, budget)
    norms = np.stack([reduce(m, (2,), is_max) for m in inner], axis=2)
    others = leave_one_out(norms)
    to_inner = [
        join(gate[:, :, 1:] + applied[k], (gate[:, :, 0] + others[:, :, k])[..., None], is_max)
        for k in range(len(inner))
    ]
    off = norms.sum(axis=2)
    on = reduce(applied[0] + inner[0], (2,), is_max)
    return [np.stack([off, on], axis=2), *to_inner]


def potts(weights: np.ndarray, told: np.ndarray, is_max: bool) -> np.ndarray:
    """Compute one direction of Potts factors in O(states).

    m(b) = n(b) + w (+) sum over a != b of n(a)
    """
    forward = np.full(told.shape, -np.inf)
    backward = np.full(told.shape, -np.inf)
    add = np.maximum if is_max else np.logaddexp
    forward[:, :, 1:] = add.accumulate(told[:, :, :-1], axis=2)
    backward[:, :, :-1] = add.accumulate(told[:, :, :0:-1], axis=2)[:, :, ::-1]
    return add(told + weights[None, :, None], add(forward, backward))


def _truncated_linear(kind: TruncatedLinear, told: np.ndarray) -> np.ndarray:
    """Compute one direction in two passes.

    Source: Felzenszwalb and Huttenlocher (2006), "Efficient belief propagation for early vision",
    section 4.1.
    """
    slopes = kind.slopes[None, :, None]
    ramp = slopes * np.arange(told.shape[2])
    forward = np.maximum.accumulate(told + ramp, axis=2) - ramp
    backward = np.maximum.accumulate((told - ramp)[:, :, ::-1], axis=2)[:, :, ::-1] + ramp
    capped = told.max(axis=2, keepdims=True) - kind.caps[None, :, None]
    return np.maximum(np.maximum(forward, backward), capped)


def window(kind: Window, told: np.ndarray, is_max: bool) -> np.ndarray:
    """Compute one direction of window factors: a filter along rows, then along columns."""
    grid = told.reshape(*told.shape[:2], kind.rows, kind.columns)
    grid = _box(grid, 2, kind.reach_rows, is_max)
    return _box(grid, 3, kind.reach_columns, is_max).reshape(told.shape)


def _box(values: np.ndarray, axis: int, reach: int, is_max: bool) -> np.ndarray:
    result = values.copy()
    size = values.shape[axis]
    ahead, behind = [slice(None)] * 4, [slice(None)] * 4
    for shift in range(1, min(reach, size - 1) + 1):
        ahead[axis], behind[axis] = slice(shift, None), slice(None, size - shift)
        for to, source in ((ahead, behind), (behind, ahead)):
            result[tuple(to)] = join(result[tuple(to)], values[tuple(source)], is_max)
    return result


def memory(patterns: np.ndarray, incoming: Messages, is_max: bool) -> list[np.ndarray]:
    """Compute the messages of memories: each position attends over the patterns.

    Source: Ramsauer et al. (2020), "Hopfield networks is all you need".
    """
    index, told = incoming[0], incoming[1:]
    # agree[b, f, m, i]: how well pattern m predicts what position i hears.
    agree = np.stack(
        [reduce(patterns[None, :, :, i] + m[:, :, None], (3,), is_max) for i, m in enumerate(told)],
        axis=3,
    )
    others = leave_one_out(agree)
    result: list[Float64[np.ndarray, "rows factors states"]] = [agree.sum(axis=3)]
    for i in range(len(told)):
        weight = index + others[:, :, :, i]
        result.append(reduce(weight[..., None] + patterns[None, :, :, i], (2,), is_max))
    return result
