"""Random factors of every kind, small enough to be written out."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from gmruntime.factors.kinds import (
    KINDS,
    AllDifferent,
    Count,
    Cover,
    FactorKind,
    Gated,
    LinearSum,
    Lookup,
    Match,
    Memory,
    NoisyOr,
    Or,
    Potts,
    SoftWindow,
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


def normal(rng: np.random.Generator, zeros: float, *shape: int) -> np.ndarray:
    return with_zeros(rng, rng.normal(size=shape), zeros)


def coins(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.random(shape) < 0.5


def covers(rng: np.random.Generator, tables: int, zeros: float) -> Cover:
    """Draw covers of three coverers, of two, three and two states, and a site of three values."""
    takes = normal(rng, zeros, tables, 3, 3, 3)
    return Cover(takes, with_zeros(rng, -rng.random((tables, 3, 3)), zeros), (2, 3, 2))


def _memory(rng: np.random.Generator, tables: int, zeros: float) -> Memory:
    """Draw three patterns over two positions, with or without symbols."""
    if rng.random() < 0.5:
        return Memory(normal(rng, zeros, tables, 3, 2, 4))
    shared = rng.random() < 0.5
    said = normal(rng, zeros, 1 if shared else tables, 2, 2, 4)
    return Memory(said, rng.integers(0, 2, (tables, 3, 2)))


def _match(rng: np.random.Generator) -> tuple[Match, tuple[int, ...]]:
    """Draw six exemplars of four pixels in three symbols at two or at sixty places, all alike."""
    is_gated, num_places = rng.random() < 0.5, int(rng.choice([2, 60]))
    told = rng.normal(size=(1, 6, 4, 3))
    sites = np.array([0, 1, 5, 6])[:, None] + np.arange(num_places)
    picture = rng.integers(0, 3, (1, num_places + 6))
    sizes = (2, 3, num_places)
    return Match(told, sites[None], picture, sizes, 2, is_gated), ((2,) * is_gated + sizes)


Drawn = tuple[FactorKind, tuple[int, ...]]


def _lookup(rng: np.random.Generator, tables: int, zeros: float) -> Drawn:
    """Draw tables of two variables, with a gate or without, that look at five sites."""
    is_gated = bool(coins(rng))
    site = rng.integers(0, 5, (tables, 3, 2))
    values = normal(rng, zeros, tables, 3, 2), normal(rng, zeros, 1, 3, 2)
    kind = Lookup(coins(rng, 4, 5), site, *values, is_gated)
    return kind, (4, 2, 3, 2) if is_gated else (4, 3, 2)


DRAWN: dict[type[FactorKind], Callable[[np.random.Generator, int, float], Drawn]] = {
    Table: lambda rng, n, zeros: (Table(normal(rng, zeros, n, 3, 2, 4)), (3, 2, 4)),
    Gated: lambda rng, n, zeros: (Gated(normal(rng, zeros, n, 3, 4)), (2, 3, 4)),
    Potts: lambda rng, n, zeros: (Potts(normal(rng, zeros, n)), (5, 5)),
    TruncatedLinear: lambda rng, n, _: (TruncatedLinear(rng.random(n), 2 * rng.random(n)), (6, 6)),
    TruncatedQuadratic: lambda rng, n, _: (
        TruncatedQuadratic(rng.random(n), 2 * rng.random(n)),
        (6, 6),
    ),
    Or: lambda rng, n, _: (Or(coins(rng, n, 4)), (2,) * 4),
    NoisyOr: lambda rng, n, zeros: (
        NoisyOr(with_zeros(rng, -rng.random((n, 4)), zeros)),
        (2,) * 4,
    ),
    Xor: lambda rng, n, _: (Xor(coins(rng, n)), (2,) * 5),
    Count: lambda rng, n, zeros: (Count(normal(rng, zeros, n, 5), coins(rng, n, 4)), (2,) * 4),
    LinearSum: lambda rng, n, zeros: (
        LinearSum(rng.integers(-2, 3, (n, 3)), rng.integers(-3, 0, n), normal(rng, zeros, n, 6)),
        (3, 2, 4),
    ),
    AllDifferent: lambda rng, n, _: (AllDifferent(), (4, 4, 4)),
    Window: lambda rng, n, _: (
        Window(3, 4, rng.integers(0, 3, n), rng.integers(0, 4, n)),
        (2, 12, 12)[int(rng.integers(2)) :],
    ),
    SoftWindow: lambda rng, n, _: (
        SoftWindow(3, 4, rng.random(n), 2 * rng.random(n)),
        (2, 12, 12)[int(rng.integers(2)) :],
    ),
    Cover: lambda rng, n, zeros: (covers(rng, n, zeros), (2, 3, 2, 3)),
    Match: lambda rng, n, _: _match(rng),
    Memory: lambda rng, n, zeros: (_memory(rng, n, zeros), (3, 4, 4)),
    Lookup: _lookup,
}
"""How to draw factors of each kind, and the number of states at each position."""

NAMES = [kind.__name__ for kind in KINDS]
each_kind = pytest.mark.parametrize("index", range(len(KINDS)), ids=NAMES)
"""Run a test for each kind, by its place in `KINDS`."""


def every_kind(
    rng: np.random.Generator, tables: int, *, zeros: float = 0.15
) -> Iterator[tuple[FactorKind, tuple[int, ...]]]:
    """Yield a random instance of each kind with the states of each position."""
    for kind in KINDS:
        yield DRAWN[kind](rng, tables, zeros)


def nth_kind(
    rng: np.random.Generator, index: int, tables: int, *, zeros: float = 0.15
) -> tuple[FactorKind, tuple[int, ...]]:
    """Draw an instance of the kind at a place of `KINDS`."""
    return list(every_kind(rng, tables, zeros=zeros))[index]


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
