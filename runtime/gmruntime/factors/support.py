"""Where a graph is above zero, as a graph over the same variables that is 1 there and 0 elsewhere.

Its sum over all assignments is the number of solutions: whatever adds up scores counts as well.
"""

from dataclasses import replace

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
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
from gmruntime.graph import FactorBlock, FactorGraph


def support(graph: FactorGraph) -> FactorGraph:
    """Return the graph of the same variables whose factors are 1 where the given ones are above 0.

    >>> from gmruntime.graph import VariableBlock
    >>> soft = FactorBlock(Table(np.array([[2.0, -np.inf]])), np.array([[0]], np.int32))
    >>> [block] = support(FactorGraph((VariableBlock("x", (), 2),), (soft,))).factors
    >>> block.kind.log_potentials.tolist()
    [[0.0, -inf]]
    """
    factors = [part for block in graph.factors for part in _support(block)]
    return replace(graph, factors=tuple(factors))


def _support(block: FactorBlock) -> tuple[FactorBlock, ...]:
    """Return what a block allows; nothing where it allows everything."""
    kind = block.kind
    match kind:
        case Table() | Gated() | Count() | LinearSum():
            forbids = _forbids(kind.log_potentials)
            # A sum outside the range of its table is forbidden too.
            if not np.isneginf(forbids).any() and not isinstance(kind, LinearSum):
                return ()
            return (replace(block, kind=replace(kind, log_potentials=forbids)),)
        case Potts():
            if not np.isneginf(kind.weights).any():
                return ()
            return (replace(block, kind=Potts(_forbids(kind.weights))),)
        case TruncatedLinear() | TruncatedQuadratic():
            return ()
        case Memory():
            return (replace(block, kind=Memory(_forbids(kind.log_patterns))),)
        case NoisyOr():
            return _noisy_support(block, kind)
        case Or() | Xor() | AllDifferent() | Window():
            return (block,)


def _forbids(log_values: Float64[np.ndarray, "*entries"]) -> Float64[np.ndarray, "*entries"]:
    return np.where(log_values > -np.inf, 0.0, -np.inf)


def _noisy_support(block: FactorBlock, kind: NoisyOr) -> tuple[FactorBlock, ...]:
    """Say where noisy ORs are above zero: sums over the causes, far apart for the two effects.

    An effect needs an active cause that may come through, or a leak; without an effect no cause
    may be active that always does.
    """
    causes, leak = kind.log_failures[:, :-1], kind.log_failures[:, -1]
    parts: list[FactorBlock] = []
    if (leak == 0.0).any():
        may = np.where(leak[:, None] == 0.0, causes < 0.0, False).astype(np.int64)
        arity = may.shape[1] + 1
        # The sum is lowest only where the effect has no cause; then a leak must have made it.
        coefficients = np.concatenate([may, np.full((len(may), 1), -arity)], axis=1)
        allowed = np.zeros((len(may), 2 * arity))
        allowed[leak == 0.0, 0] = -np.inf
        lowest = np.full(len(may), -arity)
        parts.append(replace(block, kind=LinearSum(coefficients, lowest, allowed)))
    always = np.isneginf(causes)
    if always.any() or np.isneginf(leak).any():
        arity = always.shape[1] + 1
        # A certain leak forbids the absent effect whatever the causes are: sums up to arity - 1.
        certain = np.isneginf(leak)
        coefficients = np.concatenate(
            [always.astype(np.int64), np.full((len(always), 1), arity)], axis=1
        )
        allowed = np.zeros((len(always), 2 * arity))
        allowed[:, 1:arity] = -np.inf
        allowed[certain, 0] = -np.inf
        lowest = np.zeros(len(always), np.int64)
        parts.append(replace(block, kind=LinearSum(coefficients, lowest, allowed)))
    return tuple(parts)
