"""What each kind of factor means, written out as a table.

Law: every engine that treats a kind specially must agree with `log_tables`, which is the
definition. `log_values` evaluates the same definition at given assignments without a table.
"""

from collections.abc import Sequence

import numpy as np

from gmruntime.arrays import Float64, Int, Int64
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


def num_tables(kind: FactorKind) -> int:
    """Say for how many factors `kind` holds parameters; 1 means shared by all."""
    match kind:
        case Table() | Gated() | Count() | LinearSum():
            return kind.log_potentials.shape[0]
        case Potts():
            return kind.weights.shape[0]
        case TruncatedLinear() | TruncatedQuadratic():
            return kind.slopes.shape[0]
        case Or():
            return kind.negated.shape[0]
        case NoisyOr():
            return kind.log_failures.shape[0]
        case Xor():
            return kind.parities.shape[0]
        case Memory():
            return kind.log_patterns.shape[0]
        case AllDifferent() | Window():
            return 1


def log_values(
    kind: FactorKind, table_index: Int64[np.ndarray, " rows"], states: Int[np.ndarray, "rows arity"]
) -> Float64[np.ndarray, " rows"]:
    """Evaluate the factor with the given parameters at each row of states.

    Args:
        kind: parameters of a block of factors.
        table_index: for each row, which of the kind's tables applies, in 0..num_tables - 1.
        states: for each row, one state for each position of the scope.
    """
    match kind:
        case Table():
            return kind.log_potentials[(table_index, *states.T)]
        case Gated():
            inner = kind.log_potentials[(table_index, *states[:, 1:].T)]
            return np.where(states[:, 0] > 0, inner, 0.0)
        case Potts():
            return np.where(states[:, 0] == states[:, 1], kind.weights[table_index], 0.0)
        case TruncatedLinear():
            distance = np.abs(states[:, 0].astype(np.int64) - states[:, 1])
            return -np.minimum(kind.slopes[table_index] * distance, kind.caps[table_index])
        case TruncatedQuadratic():
            distance = (states[:, 0].astype(np.int64) - states[:, 1]) ** 2
            return -np.minimum(kind.slopes[table_index] * distance, kind.caps[table_index])
        case Or():
            literals = (states > 0) ^ kind.negated[table_index]
            return _allow(literals[:, :-1].any(axis=1) == literals[:, -1])
        case NoisyOr():
            return _noisy_or(kind.log_failures[table_index], states)
        case Xor():
            return _allow((states.sum(axis=1) % 2 == 1) == kind.parities[table_index])
        case Count():
            literals = (states > 0) ^ kind.negated[table_index]
            return kind.log_potentials[table_index, literals.sum(axis=1)]
        case LinearSum():
            return _linear_sum(kind, table_index, states)
        case AllDifferent():
            ordered = np.sort(states, axis=1)
            return _allow((ordered[:, 1:] != ordered[:, :-1]).all(axis=1))
        case Window():
            rows, columns = np.divmod(states, kind.columns)
            near_rows = np.abs(rows[:, 0] - rows[:, 1]) <= kind.reach_rows
            near_columns = np.abs(columns[:, 0] - columns[:, 1]) <= kind.reach_columns
            return _allow(near_rows & near_columns)
        case Memory():
            positions: np.ndarray = np.arange(states.shape[1] - 1)
            chosen = kind.log_patterns[
                table_index[:, None], states[:, :1], positions[None, :], states[:, 1:]
            ]
            return chosen.sum(axis=1)


def log_tables(
    kind: FactorKind, num_states: Sequence[int]
) -> Float64[np.ndarray, "tables *states"]:
    """Write out the table of each of the kind's factors.

    Args:
        kind: parameters of a block of factors.
        num_states: of each position of the scope. The product must be small.

    >>> from gmruntime.factors.kinds import Potts
    >>> log_tables(Potts(np.array([0.5])), [2, 2])[0].tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    if isinstance(kind, Table):
        return kind.log_potentials
    count = num_tables(kind)
    states = np.indices(tuple(num_states)).reshape(len(num_states), -1).T
    rows = [log_values(kind, np.full(len(states), t), states) for t in range(count)]
    return np.stack(rows).reshape(count, *num_states)


def _allow(holds: np.ndarray) -> Float64[np.ndarray, " rows"]:
    return np.where(holds, 0.0, -np.inf)


def _noisy_or(log_failures: np.ndarray, states: np.ndarray) -> Float64[np.ndarray, " rows"]:
    active = states[:, :-1] > 0
    log_none = np.where(active, log_failures[:, :-1], 0.0).sum(axis=1) + log_failures[:, -1]
    with np.errstate(divide="ignore"):
        log_some = np.log(-np.expm1(log_none))
    return np.where(states[:, -1] > 0, log_some, log_none)


def _linear_sum(
    kind: LinearSum, table_index: np.ndarray, states: np.ndarray
) -> Float64[np.ndarray, " rows"]:
    terms: np.ndarray = kind.coefficients[table_index] * states
    total: np.ndarray = terms.sum(axis=1) - kind.lowest[table_index]
    size = kind.log_potentials.shape[1]
    inside = (total >= 0) & (total < size)
    return np.where(inside, kind.log_potentials[table_index, np.clip(total, 0, size - 1)], -np.inf)
