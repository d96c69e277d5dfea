"""Random factors of every kind, small enough to be written out."""

from collections.abc import Iterator

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
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock


def with_zeros(rng: np.random.Generator, values: np.ndarray, chance: float) -> np.ndarray:
    """Rule some entries out."""
    return np.where(rng.random(values.shape) < chance, -np.inf, values)


def every_kind(
    rng: np.random.Generator, tables: int, *, zeros: float = 0.15
) -> Iterator[tuple[FactorKind, tuple[int, ...]]]:
    """Yield a random instance of each kind with the states of each position."""

    def normal(*shape: int) -> np.ndarray:
        return with_zeros(rng, rng.normal(size=shape), zeros)

    def coins(*shape: int) -> np.ndarray:
        return rng.random(shape) < 0.5

    yield Table(normal(tables, 3, 2, 4)), (3, 2, 4)
    yield Gated(normal(tables, 3, 4)), (2, 3, 4)
    yield Potts(normal(tables)), (5, 5)
    yield TruncatedLinear(rng.random(tables), 2 * rng.random(tables)), (6, 6)
    yield TruncatedQuadratic(rng.random(tables), 2 * rng.random(tables)), (6, 6)
    yield Or(coins(tables, 4)), (2,) * 4
    yield NoisyOr(with_zeros(rng, -rng.random((tables, 4)), zeros)), (2,) * 4
    yield Xor(coins(tables)), (2,) * 5
    yield Count(normal(tables, 5), coins(tables, 4)), (2,) * 4
    coefficients = rng.integers(-2, 3, (tables, 3))
    yield LinearSum(coefficients, rng.integers(-3, 0, tables), normal(tables, 6)), (3, 2, 4)
    yield AllDifferent(), (4, 4, 4)
    yield Window(3, 4, 1, 2), (12, 12)
    yield Memory(normal(tables, 3, 2, 4)), (3, 4, 4)


def tree_around(
    rng: np.random.Generator, kind: FactorKind, shape: tuple[int, ...], *, zeros: float = 0.1
) -> FactorGraph:
    """Build a tree: two factors of the kind joined by a table, and a table at every variable."""
    arity = len(shape)
    blocks = tuple(VariableBlock(f"x{k}", (2,), n) for k, n in enumerate(shape))
    scopes = np.array([[2 * k + f for k in range(arity)] for f in range(2)], np.int32)
    factors = [FactorBlock(kind, scopes)]
    for k, n in enumerate(shape):
        unary = with_zeros(rng, rng.normal(size=(2, n)), zeros)
        factors.append(FactorBlock(Table(unary), np.array([[2 * k], [2 * k + 1]], np.int32)))
    bridge = with_zeros(rng, rng.normal(size=(1, shape[0], shape[-1])), zeros)
    factors.append(FactorBlock(Table(bridge), np.array([[0, 2 * arity - 1]], np.int32)))
    return FactorGraph(blocks, tuple(factors))


def random_loops(
    rng: np.random.Generator, num_variables: int, num_factors: int, *, zeros: float = 0.0
) -> FactorGraph:
    """Build a loopy graph of pair and triple tables over variables of three states."""
    pairs = np.array(
        [rng.choice(num_variables, 2, replace=False) for _ in range(num_factors)], np.int32
    )
    triples = np.array([rng.choice(num_variables, 3, replace=False) for _ in range(2)], np.int32)
    return FactorGraph(
        (VariableBlock("x", (num_variables,), 3),),
        (
            FactorBlock(Table(with_zeros(rng, rng.normal(size=(num_factors, 3, 3)), zeros)), pairs),
            FactorBlock(Table(with_zeros(rng, rng.normal(size=(1, 3, 3, 3)), zeros)), triples),
        ),
    )
