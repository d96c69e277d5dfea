"""Structured factors as chains of small tables over auxiliary variables.

Every auxiliary variable is a function of the factor's own variables, so sums, counts and maxima
are preserved; only a noisy-or's are random, and then sums alone are.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.factors.kinds import Count, LinearSum, NoisyOr, Or, Xor


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Tables along a scope: the k-th links auxiliary k - 1, variable k and auxiliary k.

    Attributes:
        tables: for each position (tables, states before, states of the variable, states after);
            the first has one state before, the last one state after.
    """

    tables: list[np.ndarray]


def _forbid(allowed: np.ndarray) -> np.ndarray:
    return np.where(allowed, 0.0, -np.inf)


def xor_chain(kind: Xor, arity: int) -> Chain:
    """Carry the parity along."""
    step = np.zeros((1, 2, 2, 2), np.bool_)
    for before in range(2):
        for x in range(2):
            step[0, before, x, before ^ x] = True
    inner = _forbid(step)
    last = np.stack([inner[0, :, :, int(parity)] for parity in kind.parities])[..., None]
    return Chain([inner[:, :1], *([inner] * (arity - 2)), last])


def or_chain(kind: Or, arity: int) -> Chain:
    """Carry along whether any literal has been true."""
    tables: list[np.ndarray] = []
    for k in range(arity):
        negated = kind.negated[:, k]
        step = np.zeros((len(negated), 2, 2, 2), np.bool_)
        for before in range(2):
            for x in range(2):
                literal = x ^ negated.astype(np.int64)
                after = np.maximum(before, literal)
                step[np.arange(len(negated)), before, x, after] = True
        if k == arity - 1:
            head = np.zeros((len(negated), 2, 2, 1), np.bool_)
            for before in range(2):
                for x in range(2):
                    head[:, before, x, 0] = (x ^ negated.astype(np.int64)) == before
            tables.append(_forbid(head))
        else:
            tables.append(_forbid(step[:, :1] if k == 0 else step))
    return Chain(tables)


def noisy_or_chain(kind: NoisyOr, arity: int) -> Chain:
    """Carry along whether any cause, or the leak, has succeeded."""
    tables: list[np.ndarray] = []
    with np.errstate(divide="ignore"):
        for k in range(arity - 1):
            fails = kind.log_failures[:, k]
            step = np.full((len(fails), 2, 2, 2), -np.inf)
            step[:, 1, :, 1] = 0.0
            step[:, 0, 0, 0] = 0.0
            step[:, 0, 1, 0] = fails
            step[:, 0, 1, 1] = np.log(-np.expm1(fails))
            tables.append(step[:, :1] if k == 0 else step)
        leak = kind.log_failures[:, -1]
        last = np.full((len(leak), 2, 2, 1), -np.inf)
        last[:, 1, 1, 0] = 0.0
        last[:, 0, 0, 0] = leak
        last[:, 0, 1, 0] = np.log(-np.expm1(leak))
    tables.append(last if arity > 1 else last[:, :1])
    return Chain(tables)


def count_chain(kind: Count, arity: int) -> Chain:
    """Carry the count along, only as far as the potentials still tell counts apart."""
    potentials = kind.log_potentials
    top = potentials.shape[1] - 1
    while top > 0 and (potentials[:, top] == potentials[:, top - 1]).all():
        top -= 1
    tables: list[np.ndarray] = []
    for k in range(arity):
        before_size, after_size = min(k, top) + 1, min(k + 1, top) + 1
        negated = kind.negated[:, k]
        count = max(len(negated), len(potentials)) if k == arity - 1 else len(negated)
        flips = np.broadcast_to(negated, (count,)).astype(np.int64)
        last = k == arity - 1
        table = np.full((count, before_size, 2, 1 if last else after_size), -np.inf)
        rows = np.arange(count)
        for before in range(before_size):
            for x in range(2):
                after = np.minimum(before + (x ^ flips), top)
                if last:
                    value = np.broadcast_to(potentials, (count, potentials.shape[1]))[rows, after]
                    table[:, before, x, 0] = value
                else:
                    table[rows, before, x, after] = 0.0
        tables.append(table)
    return Chain(tables)


def linear_sum_chain(kind: LinearSum, num_states: list[int], sums_max: int) -> Chain | None:
    """Carry the partial sum along; None when it may take more than `sums_max` values."""
    coefficients = kind.coefficients
    count = max(len(coefficients), len(kind.log_potentials))
    low = np.zeros(len(coefficients), np.int64)
    high = low.copy()
    tables: list[np.ndarray] = []
    for k, states in enumerate(num_states):
        reach = coefficients[:, k] * (states - 1)
        new_low, new_high = low + np.minimum(reach, 0), high + np.maximum(reach, 0)
        before_size = int((high - low).max()) + 1
        after_size = int((new_high - new_low).max()) + 1
        if after_size > sums_max or before_size * states * after_size > 1 << 24:
            return None
        last = k == len(num_states) - 1
        rows_count = count if last else len(coefficients)
        if rows_count * before_size * states * (1 if last else after_size) > 1 << 26:
            return None
        rows = np.arange(rows_count)
        pick = rows if len(coefficients) > 1 else np.zeros(rows_count, np.int64)
        table = np.full((rows_count, before_size, states, 1 if last else after_size), -np.inf)
        for before in range(before_size):
            for x in range(states):
                total = low[pick] + before + coefficients[pick, k] * x
                if last:
                    table[:, before, x, 0] = _potential(kind, total, rows)
                else:
                    table[rows, before, x, np.clip(total - new_low[pick], 0, after_size - 1)] = 0.0
        tables.append(table)
        low, high = new_low, new_high
    return Chain(tables)


def _potential(kind: LinearSum, total: np.ndarray, rows: np.ndarray) -> np.ndarray:
    lowest = np.broadcast_to(kind.lowest, (len(rows),))
    size = kind.log_potentials.shape[1]
    place = total - lowest
    inside = (place >= 0) & (place < size)
    wide = np.broadcast_to(kind.log_potentials, (len(rows), size))
    return np.where(inside, wide[rows, np.clip(place, 0, size - 1)], -np.inf)
