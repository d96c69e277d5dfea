"""The largest and the least value that factors of each kind may have, without writing them out."""

import numpy as np

from gmruntime.arrays import Float64
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


def largest_entries(kind: FactorKind) -> Float64[np.ndarray, " tables"]:
    """Return a number that no log value of each table exceeds.

    >>> largest_entries(Potts(np.array([0.5, -1.0]))).tolist()
    [0.5, 0.0]
    """
    match kind:
        case Table():
            return kind.log_potentials.reshape(len(kind.log_potentials), -1).max(axis=1)
        case Gated():
            inner = kind.log_potentials.reshape(len(kind.log_potentials), -1)
            return inner.max(axis=1, initial=0.0)
        case Potts():
            return np.maximum(kind.weights, 0.0)
        case Count() | LinearSum():
            return kind.log_potentials.max(axis=1)
        case Memory():
            return kind.log_patterns.max(axis=3).sum(axis=2).max(axis=1)
        case Or() | NoisyOr() | Xor() | AllDifferent() | Window():
            return np.zeros(1)
        case TruncatedLinear() | TruncatedQuadratic():
            return np.zeros(1)


def least_entries(kind: FactorKind, num_states: int) -> Float64[np.ndarray, " tables"]:
    """Return a number that no log value of each table is below, but for those that forbid.

    Args:
        kind: of a block of factors.
        num_states: of the largest of their variables.

    >>> least_entries(Table(np.array([[0.5, -np.inf, -2.0]])), 3).tolist()
    [-2.0]
    """
    match kind:
        case Table() | Count() | LinearSum():
            return _least_finite(kind.log_potentials)
        case Gated():
            return np.minimum(_least_finite(kind.log_potentials), 0.0)
        case Potts():
            finite = np.where(np.isfinite(kind.weights), kind.weights, 0.0)
            return np.minimum(finite, 0.0)
        case Memory():
            finite = np.where(np.isfinite(kind.log_patterns), kind.log_patterns, np.inf)
            least = finite.min(axis=3)
            return np.where(np.isfinite(least), least, 0.0).sum(axis=2).min(axis=1)
        case NoisyOr():
            return _least_noisy(kind.log_failures)
        case TruncatedLinear():
            return -np.minimum(kind.caps, kind.slopes * (num_states - 1))
        case TruncatedQuadratic():
            return -np.minimum(kind.caps, kind.slopes * (num_states - 1) ** 2)
        case Or() | Xor() | AllDifferent() | Window():
            return np.zeros(1)


def _least_finite(values: Float64[np.ndarray, "tables *states"]) -> Float64[np.ndarray, " tables"]:
    flat = values.reshape(len(values), -1)
    least = np.where(np.isfinite(flat), flat, np.inf).min(axis=1, initial=np.inf)
    return np.where(np.isfinite(least), least, 0.0)


def _least_noisy(log_failures: Float64[np.ndarray, "tables arity"]) -> np.ndarray:
    """Take the effect as false though every cause acts, or as true by the weakest one."""
    finite = np.where(np.isfinite(log_failures), log_failures, 0.0)
    weakest = np.where(log_failures < 0.0, log_failures, -np.inf).max(axis=1)
    with np.errstate(divide="ignore"):
        acts = np.log(-np.expm1(weakest))
    return np.minimum(finite.sum(axis=1), np.where(np.isfinite(acts), acts, 0.0))
