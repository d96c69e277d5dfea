"""Certified bounds are never below the best score; hard constraints are solved or refuted."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.bounds.ascent import DualAscent
from gmruntime.bounds.clusters import tighten
from gmruntime.bounds.srmp import host as srmp
from gmruntime.bounds.trws.host import lay_out, no_messages, sweep_both
from gmruntime.budget import start_budget
from gmruntime.constraints.solve import pose, solve
from gmruntime.engine import Incumbent
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, Or, Table, Xor
from gmruntime.flat import flatten
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
)


def _random_graph(rng: np.random.Generator, arity_max: int, zeros: float) -> FactorGraph:
    n = int(rng.integers(2, 7))
    sizes = rng.integers(1, 4, n)
    variables = tuple(VariableBlock(f"v{i}", (), int(k)) for i, k in enumerate(sizes))
    factors: list[FactorBlock] = []
    for _ in range(int(rng.integers(1, 10))):
        scope = rng.permutation(n)[: rng.integers(1, min(n, arity_max) + 1)]
        table = 3 * rng.normal(size=(1, *sizes[scope]))
        table[rng.random(table.shape) < zeros] = -np.inf
        factors.append(FactorBlock(Table(table), scope[None].astype(np.int32)))
    return FactorGraph(variables, tuple(factors))


def _every(graph: FactorGraph) -> np.ndarray:
    sizes = [int(k) for k in num_states(graph)]
    return np.indices(sizes).reshape(len(sizes), -1).T.astype(np.int32)


@settings(deadline=None, max_examples=120)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 2, 3]), st.sampled_from([0.0, 0.2]))
def test_the_bound_is_never_below_the_best_score(seed: int, arity_max: int, zeros: float):
    graph = _random_graph(np.random.default_rng(seed), arity_max, zeros)
    best = log_score(graph, _every(graph)).max()
    wide = srmp.lay_out(flatten(graph))
    ascent = srmp.start_ascent(wide)
    sweeps = [lambda: srmp.sweep_both(wide, ascent)]
    if arity_max <= 2:
        pairs = lay_out(flatten(graph))
        messages = no_messages(pairs)
        sweeps.append(lambda: sweep_both(pairs, messages))
    for sweep in sweeps:
        last = np.inf
        for _ in range(12):
            bound = sweep()
            assert bound >= best
            assert bound <= last
            last = bound


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 1e-3, 123.456])
def test_rounding_never_takes_a_long_sum_below_the_best_score(value: float):
    count = 20_000
    table = Table(np.array([[value, value - 1.0]]))
    scopes = np.arange(count, dtype=np.int32)[:, None]
    graph = FactorGraph((VariableBlock("x", (count,), 2),), (FactorBlock(table, scopes),))
    pairs = lay_out(flatten(graph))
    assert sweep_both(pairs, no_messages(pairs)) >= math.fsum([value] * count)


def test_a_tree_is_bounded_exactly_and_rounded_to_its_best():
    rng = np.random.default_rng(0)
    sizes = [3, 2, 4, 3, 2]
    variables = tuple(VariableBlock(f"v{i}", (), k) for i, k in enumerate(sizes))
    factors = [
        FactorBlock(Table(rng.normal(size=(1, sizes[a], sizes[b]))), np.array([[a, b]], np.int32))
        for a, b in [(0, 1), (1, 2), (2, 3), (1, 4)]
    ]
    graph = FactorGraph(variables, tuple(factors))
    best = log_score(graph, _every(graph)).max()
    engine = DualAscent(flatten(graph), start_budget(60.0, 1 << 30), rng)
    nothing = Incumbent(np.zeros(0, np.int32), -np.inf, np.inf)
    report = engine.step(nothing, 0.05)
    assert report.log_bound == pytest.approx(best, abs=1e-9)
    assert report.assignment is not None
    assert log_score(graph, report.assignment) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_tree_of_wide_factors_is_bounded_exactly(seed: int) -> None:
    """Factors over three variables that meet in one each: bound and state are tight."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 4, 9)
    variables = tuple(VariableBlock(f"v{i}", (), int(k)) for i, k in enumerate(sizes))
    scopes = [(0, 1, 2), (4, 2, 3), (3, 5, 6), (8, 7, 1)]
    factors = [
        FactorBlock(Table(rng.normal(size=(1, *sizes[list(scope)]))), np.array([scope], np.int32))
        for scope in scopes
    ]
    graph = FactorGraph(variables, tuple(factors))
    best = log_score(graph, _every(graph)).max()
    engine = DualAscent(flatten(graph), start_budget(60.0, 1 << 30), rng)
    report = engine.step(Incumbent(np.zeros(0, np.int32), -np.inf, np.inf), 0.2)
    assert engine.name == "SRMP"
    assert report.log_bound == pytest.approx(best, abs=1e-9)
    assert report.assignment is not None
    assert log_score(graph, report.assignment) == pytest.approx(best, abs=1e-9)


def _ring(rng: np.random.Generator, length: int, states: int) -> FactorGraph:
    index = np.arange(length)
    pairs = np.stack([index, (index + 1) % length], 1).astype(np.int32)
    return FactorGraph(
        (VariableBlock("x", (length,), states),),
        (
            FactorBlock(Table(2.0 * rng.normal(size=(length, states, states))), pairs),
            FactorBlock(Table(rng.normal(size=(length, states))), index[:, None].astype(np.int32)),
        ),
    )


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.sampled_from([0.0, 0.2]))
def test_joined_factors_keep_the_bound_and_every_score(seed: int, arity_max: int, zeros: float):
    rng = np.random.default_rng(seed)
    graph = _random_graph(rng, arity_max, zeros)
    every = _every(graph)
    best = log_score(graph, every).max()
    wide = srmp.lay_out(flatten(graph))
    ascent = srmp.start_ascent(wide)
    bound = np.inf
    for _ in range(4):
        for _ in range(3):
            bound = srmp.sweep_both(wide, ascent)
            assert bound >= best
        if bound == -np.inf:
            return
        joining = tighten(wide, ascent, 200, 1000, rng)
        joined = None
        try:
            while True:
                next(joining)
        except StopIteration as ended:
            joined = ended.value
        if joined is None:
            return
        fewer, messages = joined
        assert len(fewer.net.table_start) < len(wide.net.table_start)
        wide, ascent = fewer, messages
        assert srmp.sweep_both(wide, ascent) <= bound + 1e-9 * max(1.0, abs(bound))


@pytest.mark.parametrize("length", [3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_a_cycle_is_bounded_exactly_once_joined(length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = _ring(rng, length, 3)
    best = log_score(graph, _every(graph)).max()
    engine = DualAscent(flatten(graph), start_budget(60.0, 1 << 30), rng)
    nothing = Incumbent(np.zeros(0, np.int32), -np.inf, np.inf)
    bound = np.inf
    for _ in range(200):
        bound = engine.step(nothing, 0.0).log_bound
        assert bound >= best
    assert bound == pytest.approx(best, abs=1e-9)


def test_on_pairs_both_ascents_reach_the_same_bound() -> None:
    rng = np.random.default_rng(1)
    index = np.arange(64).reshape(8, 8)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    ).astype(np.int32)
    graph = FactorGraph(
        (VariableBlock("x", (8, 8), 4),),
        (
            FactorBlock(Table(rng.normal(size=(len(pairs), 4, 4))), pairs),
            FactorBlock(Table(rng.normal(size=(64, 4))), index.reshape(-1, 1).astype(np.int32)),
        ),
    )
    flat = flatten(graph)
    one, wide = lay_out(flat), srmp.lay_out(flat)
    messages, ascent = no_messages(one), srmp.start_ascent(wide)
    first = second = np.inf
    for _ in range(300):
        first, second = sweep_both(one, messages), srmp.sweep_both(wide, ascent)
    assert first == pytest.approx(second, rel=1e-3)


def _structured(rng: np.random.Generator) -> FactorGraph:
    variables = (VariableBlock("b", (5,), 2), VariableBlock("n", (3,), 3))
    scope = np.array([[0, 1, 2, 3]], np.int32)
    negated = rng.random((1, 4)) < 0.5
    hard = np.where(rng.random((1, 5)) < 0.5, 0.0, -np.inf)
    sums = np.where(rng.random((1, 6)) < 0.4, 0.0, -np.inf)
    table = np.where(rng.random((1, 2, 3)) < 0.6, 0.0, -np.inf)
    factors = [
        FactorBlock(Or(negated), scope),
        FactorBlock(Xor(rng.random(1) < 0.5), np.array([[1, 3, 4]], np.int32)),
        FactorBlock(Count(hard, negated), np.array([[0, 2, 3, 4]], np.int32)),
        FactorBlock(AllDifferent(), np.array([[5, 6, 7]], np.int32)),
        FactorBlock(
            LinearSum(rng.integers(-2, 3, (1, 3)), np.array([-2]), sums),
            np.array([[0, 5, 7]], np.int32),
        ),
        FactorBlock(Table(table), np.array([[2, 6]], np.int32)),
    ]
    chosen = [f for f in factors if rng.random() < 0.7]
    return FactorGraph(variables, tuple(chosen))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1))
def test_constraints_are_solved_or_refuted(seed: int):
    rng = np.random.default_rng(seed)
    graph = _structured(rng)
    possible = bool(np.isfinite(log_score(graph, _every(graph))).any())
    problem = pose(graph, no_evidence(graph), start_budget(60.0, 1 << 30))
    found = solve(problem, start_budget(20, 1 << 30), rng)
    assert found.is_impossible == (not possible)
    if found.assignment is not None:
        assert np.isfinite(log_score(graph, found.assignment))
    assert problem.is_complete
