"""Factors at a temperature: f^(1/T), whose sum-product messages are those of f at T."""

from dataclasses import replace

import numpy as np

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
from gmruntime.factors.tables import log_tables

# A noisy-or of up to this many variables is written out when its power has no short form.
_NOISY_ARITY_MAX = 12
# All-different over up to this many values is exact: a chain over the subsets of values taken.
NUM_EXACT_VALUES_MAX = 8
# Of up to this many variables too: a chain of the values, over the subsets of variables placed.
NUM_EXACT_VARIABLES_MAX = 8
# Into how many steps the strength of a wider one is rounded then.
_NUM_NOISY_STEPS = 512


def at_temperature(kind: FactorKind, shape: tuple[int, ...], temperature: float) -> FactorKind:
    """Raise a factor to the power of 1 / temperature; 0 leaves it, and messages maximise.

    Args:
        kind: of a block of factors.
        shape: the number of states at each position.
        temperature: in [0, 1].
    """
    if isinstance(kind, NoisyOr) and temperature != 1.0:
        kind = _written_out(kind, shape)
    scale = temperature if temperature > 0 else 1.0
    match kind:
        case Table() | Gated() | Count() | LinearSum():
            return replace(kind, log_potentials=kind.log_potentials / scale)
        case Potts():
            return Potts(kind.weights / scale)
        case TruncatedLinear() | TruncatedQuadratic():
            return replace(kind, slopes=kind.slopes / scale, caps=kind.caps / scale)
        case Memory():
            return Memory(kind.log_patterns / scale)
        case Or() | Xor() | AllDifferent() | Window() | NoisyOr():
            return kind


def is_estimated(kind: FactorKind, shape: tuple[int, ...], temperature: float) -> bool:
    """Say whether the message rule of a kind is itself an approximation."""
    match kind:
        case NoisyOr():
            return temperature != 1.0 and len(shape) > _NOISY_ARITY_MAX
        case AllDifferent():
            return shape[0] > NUM_EXACT_VALUES_MAX and len(shape) > NUM_EXACT_VARIABLES_MAX
        case _:
            return False


def _written_out(kind: NoisyOr, shape: tuple[int, ...]) -> Table | LinearSum:
    if len(shape) <= _NOISY_ARITY_MAX:
        return Table(log_tables(kind, shape))
    return _rounded(kind)


def _rounded(kind: NoisyOr) -> LinearSum:
    """Round each cause's strength so that a wide noisy-or becomes a function of a short sum.

    Messages through it are estimates in any case; assignments are rescored with the true factor.
    """
    causes, leak = -kind.log_failures[:, :-1], -kind.log_failures[:, -1]
    # A cause that never fails is as good as one that fails with odds e^-40.
    causes = np.minimum(causes, 40.0)
    step = np.maximum(causes.sum(axis=1), 1e-9) / _NUM_NOISY_STEPS
    rounded = np.rint(causes / step[:, None]).astype(np.int64)
    # A weak cause must stay one, or messages would rule out what is possible.
    rounded = np.maximum(rounded, (causes > 0).astype(np.int64))
    width = int(rounded.sum(axis=1).max()) + 1
    log_none = -(step[:, None] * np.arange(width) + leak[:, None])
    with np.errstate(divide="ignore"):
        log_some = np.log(-np.expm1(log_none))
    effect = np.full((len(rounded), 1), width, np.int64)
    return LinearSum(
        np.concatenate([rounded, effect], axis=1),
        np.zeros(len(rounded), np.int64),
        np.concatenate([log_none, log_some], axis=1),
    )
