"""Answers along forests against enumeration, in plain numbers and in logs."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from gmruntime import infer, plan
from gmruntime.answer import AssignmentsAnswer, LogPartition, Map, Marginals, Samples, Status
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import Table
from gmruntime.forests import answer as forests
from gmruntime.forests import rooted
from gmruntime.forests.answer import METHOD
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.task import Effort, Task


@pytest.fixture(autouse=True)
def few_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooted, "NUM_EDGES_MIN", 1)


def drawn(
    rng: np.random.Generator, spread: float, share_zero: float
) -> tuple[FactorGraph, np.ndarray]:
    """Draw a forest with doubled edges, factors of three with one observed, and evidence."""
    sizes = rng.integers(1, 4, rng.integers(2, 4))
    blocks = tuple(
        VariableBlock(f"v{k}", (int(size),), int(rng.integers(1, 4)))
        for k, size in enumerate(sizes)
    )
    states = np.concatenate([np.full(b.size, b.num_states) for b in blocks])
    count = len(states)
    evidence = np.where(rng.random(count) < 0.2, rng.integers(0, states), -1).astype(np.int32)
    place = rng.permutation(count)
    scopes = [(int(v),) for v in range(count) if rng.random() < 0.5]
    for k in range(1, count):
        if rng.random() < 0.8:
            pair = [int(place[k]), int(place[rng.integers(0, k)])]
            rng.shuffle(pair)
            scopes += [tuple(pair)] * int(rng.integers(1, 3))
    seen = np.flatnonzero(evidence >= 0)
    pairs = [scope for scope in scopes if len(scope) == 2]
    if len(seen) and pairs:
        wide = {*pairs[0], int(seen[0])}
        scopes.append(tuple(rng.permutation(list(wide)).tolist()))
    factors = list[FactorBlock]()
    for scope in scopes:
        table = rng.normal(0, spread, (1, *states[list(scope)]))
        table[rng.random(table.shape) < share_zero] = -np.inf
        factors.append(FactorBlock(Table(table), np.array([scope], np.int32)))
    return FactorGraph(blocks, tuple(factors)), evidence


def worlds(graph: FactorGraph, evidence: np.ndarray) -> np.ndarray:
    states = np.concatenate([np.full(b.size, b.num_states) for b in graph.variables])
    grid = np.stack(np.meshgrid(*map(np.arange, states), indexing="ij"), -1)
    every = grid.reshape(-1, len(states)).astype(np.int32)
    return every[((every == evidence) | (evidence < 0)).all(axis=1)]


SHAPES = [(1.0, 0.0), (1.0, 0.3), (300.0, 0.2), (2000.0, 0.0)]


def cases(count: int) -> Iterator[tuple[FactorGraph, np.ndarray]]:
    for seed in range(count):
        for spread, share in SHAPES:
            yield drawn(np.random.default_rng(seed), spread, share)


def test_sums_maxima_and_marginals_are_those_of_enumeration():
    num_along = 0
    for graph, evidence in cases(60):
        every = worlds(graph, evidence)
        scores = log_score(graph, every)
        top = scores.max()
        z = infer(graph, LogPartition(), evidence=evidence)
        best = infer(graph, Map(), evidence=evidence)
        rows = infer(graph, Marginals(), evidence=evidence)
        num_along += z.quality.method == METHOD
        if top == -np.inf:
            for answer in (z, best, rows):
                assert answer.quality.status is Status.IMPOSSIBLE
            continue
        weights = np.exp(scores - top)
        assert z.quality.status is Status.EXACT
        assert z.log_value == pytest.approx(top + math.log(weights.sum()), rel=1e-12, abs=1e-9)
        assert best.quality.status is Status.EXACT
        assert best.log_scores[0] == pytest.approx(top, rel=1e-12)
        assert log_score(graph, best.assignments[0]) == pytest.approx(top, rel=1e-12)
        flat = np.concatenate([r.reshape(-1, r.shape[-1]).reshape(-1) for r in rows.probabilities])
        sizes = [b.num_states for b in graph.variables for _ in range(b.size)]
        wanted = np.concatenate(
            [
                np.bincount(every[:, v], weights, minlength=size) / weights.sum()
                for v, size in enumerate(sizes)
            ]
        )
        np.testing.assert_allclose(flat, wanted, atol=1e-9)
        assert rows.log_partition == pytest.approx(z.log_value)
    assert num_along > 100


def test_draws_follow_the_posterior():
    for seed in range(6):
        graph, evidence = drawn(np.random.default_rng(seed), 1.0, 0.2)
        every = worlds(graph, evidence)
        scores = log_score(graph, every)
        if scores.max() == -np.inf:
            continue
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        found = infer(graph, Samples(4000), evidence=evidence, seed=seed)
        np.testing.assert_allclose(found.log_scores, log_score(graph, found.assignments))
        numbers = {tuple(row): k for k, row in enumerate(every.tolist())}
        counts = np.bincount(
            [numbers[tuple(row)] for row in found.assignments.tolist()], minlength=len(every)
        )
        assert np.abs(counts / 4000 - shares).max() < 0.05


def chain(length: int, table: np.ndarray) -> FactorGraph:
    size = table.shape[-1]
    ends = np.stack([np.arange(length - 1), np.arange(1, length)], axis=1).astype(np.int32)
    return FactorGraph(
        (VariableBlock("z", (length,), size),), (FactorBlock(Table(table[None]), ends),)
    )


def test_a_long_chain_keeps_its_digits():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), size=3)
    length = 20_000
    graph = chain(length, np.log(shares))
    found = infer(graph, LogPartition())
    # Rows sum to one: what is left is the first variable, which nothing else speaks of.
    assert found.quality.method == METHOD
    assert found.log_value == pytest.approx(math.log(3), abs=1e-12)
    strong = infer(chain(length, np.log(shares) + 1000.0), LogPartition())
    assert strong.log_value == pytest.approx(math.log(3) + 1000.0 * (length - 1), rel=1e-15)


def test_what_underflows_is_not_lost():
    # Only through what is 1e-400 beside the rest is anything possible.
    first = np.array([[0.0, -921.0]])
    link = np.array([[-np.inf, -np.inf], [0.0, -np.inf]])
    graph = FactorGraph(
        (VariableBlock("z", (2,), 2),),
        (
            FactorBlock(Table(first), np.array([[0]], np.int32)),
            FactorBlock(Table(link[None]), np.array([[0, 1]], np.int32)),
        ),
    )
    found = infer(graph, LogPartition())
    assert found.log_value == pytest.approx(-921.0)
    (rows,) = infer(graph, Marginals()).probabilities
    np.testing.assert_array_equal(rows, [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize("loop", [[(0, 1), (1, 2), (2, 0)], [(0, 1), (1, 2), (2, 3), (3, 1)]])
def test_a_loop_is_seen(loop: list[tuple[int, int]]):
    scopes = np.array(loop, np.int32)
    table = np.random.default_rng(1).normal(size=(len(loop), 2, 2))
    graph = FactorGraph((VariableBlock("z", (6,), 2),), (FactorBlock(Table(table), scopes),))
    task = Task(graph, LogPartition(), no_evidence(graph))
    assert rooted.forest_of(task, UNLIMITED) is None
    cut = no_evidence(graph)
    cut[loop[-1][0]] = 1
    assert rooted.forest_of(Task(graph, LogPartition(), cut), UNLIMITED) is not None


def ticking(seconds: float) -> Budget:
    """Return a budget that is spent after so many looks at the clock."""
    ticks = iter(range(10**6))
    return Budget(0.0, seconds, 1 << 30, clock=lambda: float(next(ticks)))


def test_laying_out_ends_with_the_budget():
    graph = chain(3000, np.zeros((4, 4)))
    with pytest.raises(TimeoutError):
        rooted.forest_of(Task(graph, LogPartition(), no_evidence(graph)), ticking(1.0))


def test_draws_made_in_time_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forests, "_NUM_DRAWN_AT_ONCE", 1)
    graph = chain(50, np.zeros((4, 4)))
    task = Task(graph, Samples(1000), no_evidence(graph))
    found = forests.answer(task, Effort(ticking(200.0), np.random.default_rng(0)))
    assert isinstance(found, AssignmentsAnswer)
    assert found.quality.status is Status.EXACT
    assert 0 < len(found.assignments) < 1000
    np.testing.assert_allclose(found.log_scores, log_score(graph, found.assignments))


@pytest.mark.parametrize("seconds", [1.0, 2.0, 3.0, 4.0, 5.0])
def test_planning_ends_with_the_budget(seconds: float):
    assert plan(chain(50, np.zeros((4, 4))), LogPartition(), budget=ticking(seconds)).engine
