"""The compiled engine agrees with the vectorised one on every kind."""

import numpy as np
import pytest

from gmruntime.budget import start_budget
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    SoftWindow,
    Table,
    Window,
)
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.messages.bp import Messages, propagate_vectorised
from gmruntime.messages.compiled.floods import compile_layout
from gmruntime.messages.compiled.rows import run_row
from gmruntime.messages.layout import Layout, build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions, Schedule
from gmruntime.messages.propagate import propagate
from tests.support.random_factors import (
    NAMES,
    each_kind,
    nth_kind,
    random_loops,
    tree_around,
    with_zeros,
)


def run_both(
    layout: Layout, unary: np.ndarray, options: BpOptions
) -> tuple[Messages, Messages | None]:
    budget = start_budget(20.0, 1 << 30)
    start = np.zeros((1, len(layout.entry)))
    slow = propagate_vectorised(layout, unary, budget, options, start.copy())
    return slow, run_row(compile_layout(layout), unary[0], budget, options, start[0])


def binary_loops(rng: np.random.Generator) -> FactorGraph:
    """Build enough tables of two states that they get the kernel of their own."""
    pairs = np.array([rng.choice(40, 2, replace=False) for _ in range(300)], np.int32)
    tables = with_zeros(rng, rng.normal(size=(300, 2, 2)), 0.005)
    return FactorGraph((VariableBlock("x", (40,), 2),), (FactorBlock(Table(tables), pairs),))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("damping", [0.0, 0.4])
@pytest.mark.parametrize("index", range(len(NAMES) + 3))
def test_backends_agree_on_every_kind(index: int, temperature: float, damping: float):
    rng = np.random.default_rng(index)
    others = index - len(NAMES)
    if others == 2:
        graph = binary_loops(rng)
    elif others >= 0:
        # Few tables go together with those of higher arity, many have a kernel of their own.
        graph = random_loops(rng, 40, 20 if others == 0 else 300)
    else:
        kind, shape = nth_kind(rng, index, 1 + index % 2)
        graph = tree_around(rng, kind, shape)
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    options = BpOptions(num_sweeps_max=7, damping=damping, tolerance=0.0)
    slow, fast = run_both(layout, unary, options)
    if fast is None:
        # Vanished messages are left to the engine that works in logs.
        assert slow.impossible[0]
        return
    assert np.abs(np.exp(slow.values) - np.exp(fast.values)).max() < 1e-9
    assert fast.residual == pytest.approx(slow.residual, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("damping", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_log_odds_say_the_same(seed: int, damping: float) -> None:
    """Finite pair tables of two states are maximised with one number for each message."""
    rng = np.random.default_rng(seed)
    pairs = np.array([rng.choice(30, 2, replace=False) for _ in range(90)], np.int32)
    shared = np.array([rng.choice(30, 2, replace=False) for _ in range(20)], np.int32)
    singles = np.arange(30, dtype=np.int32)[:, None]
    graph = FactorGraph(
        (VariableBlock("x", (30,), 2),),
        (
            FactorBlock(Table(rng.normal(size=(90, 2, 2))), pairs),
            FactorBlock(Table(rng.normal(size=(1, 2, 2))), shared),
            FactorBlock(Table(rng.normal(size=(30, 2))), singles),
        ),
    )
    layout = build_layout(graph, 0.0)
    assert compile_layout(layout).odds is not None
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    options = BpOptions(num_sweeps_max=9, damping=damping, tolerance=0.0)
    slow, fast = run_both(layout, unary, options)
    assert fast is not None
    odds = slow.values[:, 1::2] - slow.values[:, ::2]
    np.testing.assert_allclose(fast.values[:, 1::2] - fast.values[:, ::2], odds, atol=1e-9)
    assert (np.maximum(fast.values[:, 1::2], fast.values[:, ::2]) == 0.0).all()
    seen = unary.copy()
    seen[0, 0] = -np.inf
    slow, fast = run_both(layout, seen, options)
    assert fast is not None
    np.testing.assert_allclose(np.exp(fast.values), np.exp(slow.values), atol=1e-9)


def test_rows_of_evidence_are_answered_alike_on_all_cores() -> None:
    rng = np.random.default_rng(3)
    graph = random_loops(rng, 40, 300)
    layout = build_layout(graph, 1.0)
    evidence = np.full((6, 40), -1, np.int32)
    evidence[np.arange(6), np.arange(6)] = 1
    unary = unary_with_evidence(layout, evidence)
    budget = start_budget(20.0, 1 << 30)
    options = BpOptions(num_sweeps_max=60)
    together = propagate(layout, unary, budget, options)
    for row in range(6):
        alone = propagate(layout, unary[row : row + 1], budget, options)
        np.testing.assert_array_equal(alone.values[0], together.values[row])


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("schedule", ["sequential", "residual"])
@each_kind
def test_schedules_agree_with_flooding_on_trees(
    index: int, schedule: Schedule, temperature: float
) -> None:
    rng = np.random.default_rng(100 + index)
    kind, shape = nth_kind(rng, index, 1 + index % 2)
    graph = tree_around(rng, kind, shape)
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    budget = start_budget(20.0, 1 << 30)
    slow, _ = run_both(layout, unary, BpOptions())
    fast = propagate(layout, unary, budget, BpOptions(schedule=schedule))
    if slow.impossible[0]:
        assert fast.impossible[0]
        return
    assert fast.converged
    assert np.abs(np.exp(slow.values) - np.exp(fast.values)).max() < 1e-9
    if schedule == "sequential":
        assert fast.num_sweeps <= 3


def wide_factors(rng: np.random.Generator, name: str) -> FactorGraph:
    """One factor of so many variables that its scratch matters, and a table at each of them."""
    kinds: dict[str, tuple[FactorKind, tuple[int, ...]]] = {
        "values": (AllDifferent(), (11,) * 9),
        "few": (AllDifferent(), (13,) * 5),
        "permutation": (AllDifferent(), (10,) * 10),
        "or": (Or(rng.random((1, 60)) < 0.5), (2,) * 60),
        "noisy or": (NoisyOr(-rng.random((1, 60))), (2,) * 60),
        "count": (Count(rng.normal(size=(1, 41)), rng.random((1, 40)) < 0.3), (2,) * 40),
        "sum": (
            LinearSum(rng.integers(-3, 4, (1, 12)), np.array([-9]), rng.normal(size=(1, 25))),
            (4,) * 12,
        ),
        "memory": (Memory(4.0 * rng.normal(size=(1, 6, 200, 2))), (6, *(2,) * 200)),
        "window": (Window(7, 9, np.array([2]), np.array([5])), (63, 63)),
        "gated window": (Window(7, 9, np.array([3]), np.array([0])), (2, 63, 63)),
        "soft window": (SoftWindow(7, 9, np.array([0.7]), np.array([2.5])), (63, 63)),
        "gated soft window": (SoftWindow(7, 9, np.array([0.1]), np.array([9.0])), (2, 63, 63)),
    }
    kind, shape = kinds[name]
    variables = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(shape))
    unaries = [
        FactorBlock(Table(rng.normal(size=(1, n))), np.array([[k]], np.int32))
        for k, n in enumerate(shape)
    ]
    scope = np.arange(len(shape), dtype=np.int32)[None]
    return FactorGraph(variables, (FactorBlock(kind, scope), *unaries))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(
    "name",
    [
        *("values", "few", "permutation", "or", "noisy or", "count", "sum", "memory"),
        *("window", "gated window", "soft window", "gated soft window"),
    ],
)
def test_backends_agree_on_wide_factors(name: str, temperature: float) -> None:
    graph = wide_factors(np.random.default_rng(7), name)
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    slow, fast = run_both(layout, unary, BpOptions(num_sweeps_max=2, tolerance=0.0))
    assert fast is not None
    assert np.abs(np.exp(slow.values) - np.exp(fast.values)).max() < 1e-9
