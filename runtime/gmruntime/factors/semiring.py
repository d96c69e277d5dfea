"""What message rules in NumPy are made of: sums and maxima of logs, tables and chains."""

from collections.abc import Callable, Sequence

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import UNLIMITED, Budget

Messages = Sequence[Float64[np.ndarray, "rows factors _states"]]

# move(position, state, values) moves numbers on chain states past one variable: forwards they are
# added where each state leads; backwards each state collects from where it leads.
Move = Callable[[int, int, np.ndarray], np.ndarray]

# Entries of a temporary array: small enough for a processor's second cache.
_NUM_ENTRIES_MAX = 1 << 18


def reduce(
    values: Float64[np.ndarray, "*shape"], axes: tuple[int, ...], is_max: bool
) -> Float64[np.ndarray, "*rest"]:
    """Take the maximum, or the log of the sum of exponentials, over some axes."""
    if is_max:
        return np.asarray(values.max(axis=axes))
    high = values.max(axis=axes, keepdims=True)
    high = np.where(np.isneginf(high), 0.0, high)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(values - high).sum(axis=axes)) + high.squeeze(axes))


def join(
    a: Float64[np.ndarray, "*a"], b: Float64[np.ndarray, "*b"], is_max: bool
) -> Float64[np.ndarray, "*joined"]:
    """Take the larger, or the log of the sum of exponentials, of two arrays."""
    return np.maximum(a, b) if is_max else np.logaddexp(a, b)


def leave_one_out(values: Float64[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """Sum all but one along the last axis, without subtracting -inf from -inf."""
    result = np.zeros(values.shape)
    result[..., 1:] += np.cumsum(values[..., :-1], axis=-1)
    result[..., :-1] += np.cumsum(values[..., :0:-1], axis=-1)[..., ::-1]
    return result


# --- Tables ------------------------------------------------------------------------------


def of_tables(
    tables: Float64[np.ndarray, "tables *states"],
    incoming: Messages,
    is_max: bool,
    budget: Budget = UNLIMITED,
) -> list[np.ndarray]:
    """Compute the messages of tables, a slice of factors at a time."""
    rows, count = incoming[0].shape[:2]
    size = max(1, int(np.prod(tables.shape[1:], dtype=np.int64)) * rows)
    step = max(1, _NUM_ENTRIES_MAX // size)
    result = [np.empty(m.shape) for m in incoming]
    for first in range(0, count, step):
        piece = slice(first, first + step)
        some = tables if tables.shape[0] == 1 else tables[piece]
        told = [m[:, piece] for m in incoming]
        for k, values in enumerate(_of_some_tables(some, told, is_max, budget)):
            result[k][:, piece] = values
    return result


def _of_some_tables(
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


# --- Chains ------------------------------------------------------------------------------


def of_chain(
    first: np.ndarray,
    last: np.ndarray,
    incoming: Messages,
    ahead: Move,
    back: Move,
    is_max: bool,
) -> list[np.ndarray]:
    """Compute the messages of factors that keep a short state while they read their variables.

    Forward and backward passes give every message in O(arity * states of the chain).

    Args:
        first: (rows, factors, chain states), before anything is read.
        last: what each state is worth after everything is.
        incoming: what the variables say.
        ahead: see `Move`.
        back: back(k, x, B) says what follows each state once x_k = x.
        is_max: maximise instead of summing.
    """
    arity = len(incoming)
    told = [[m[:, :, x : x + 1] for x in range(m.shape[2])] for m in incoming]
    forward = [first]
    for k in range(arity - 1):
        forward.append(
            _join_all([ahead(k, x, forward[k]) + n for x, n in enumerate(told[k])], is_max)
        )
    result: list[np.ndarray] = [np.zeros(0)] * arity
    backward = last
    for k in range(arity - 1, -1, -1):
        follow = [back(k, x, backward) for x in range(len(told[k]))]
        result[k] = np.stack([reduce(forward[k] + b, (2,), is_max) for b in follow], axis=2)
        backward = _join_all([b + n for b, n in zip(follow, told[k], strict=True)], is_max)
    return result


def _join_all(parts: list[np.ndarray], is_max: bool) -> np.ndarray:
    joined = parts[0]
    for part in parts[1:]:
        joined = join(joined, part, is_max)
    return joined
