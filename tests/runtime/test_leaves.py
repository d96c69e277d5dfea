"""Leaves around the same few variables go at once, and sums and maxima stay what they are."""

import numpy as np
import pytest

from gmruntime.answer import Joint, LogPartition, Map, Marginals, MarginalsAnswer
from gmruntime.elimination.passes import leaves
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.inference import infer
from gmruntime.simplify import barren
from gmruntime.simplify.barren import maximise_leaves, sum_leaves
from gmruntime.simplify.network import reduce
from gmruntime.task import Task
from tests.support.random_rows import random_graph


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barren, "_LEAVES_MIN", 1)
    monkeypatch.setattr(leaves, "_LEAVES_MIN", 1)


def star(rng: np.random.Generator, count: int, zeros: float) -> FactorGraph:
    """Draw booleans and ternaries around up to three of four variables, and ties between these."""

    def logs(*shape: int) -> np.ndarray:
        return np.where(rng.random(shape) < zeros, -np.inf, 2 * rng.normal(size=shape))

    hubs, factors = 4, list[FactorBlock]()
    variables = (
        VariableBlock("hub", (hubs,), 3),
        VariableBlock("two", (count,), 2),
        VariableBlock("three", (count,), 3),
    )
    factors.append(FactorBlock(Table(logs(1, 3, 3)), np.array([[0, 1], [1, 2]], np.int32)))
    for k in range(2 * count):
        leaf, size = hubs + k, 2 if k < count else 3
        around = rng.choice(hubs, int(rng.integers(4)), replace=False)
        factors.append(FactorBlock(Table(logs(1, size)), np.array([[leaf]], np.int32)))
        for hub in around.tolist():
            scope = [hub, leaf] if rng.random() < 0.5 else [leaf, hub]
            shape = (3, size) if scope[0] == hub else (size, 3)
            factors.append(FactorBlock(Table(logs(1, *shape)), np.array([scope], np.int32)))
        if len(around) == 3 and k % 2:
            scope = np.array([[*around.tolist(), leaf]], np.int32)
            factors.append(FactorBlock(Table(logs(1, 3, 3, 3, size)), scope))
    return FactorGraph(variables, tuple(factors))


@pytest.mark.parametrize("seed", range(12))
def test_sums_are_what_they_are_without(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(seed)
    graph = star(rng, 6, 0.1 * (seed % 3))
    evidence = no_evidence(graph)
    evidence[rng.integers(graph.num_variables, size=2)] = 0
    asked = np.unique(rng.integers(graph.num_variables, size=3)).astype(np.int32)
    for query in (LogPartition(), Marginals(asked), Marginals(), Joint(asked)):
        mine = infer(graph, query, evidence=evidence, budget_s=30.0)
        with monkeypatch.context() as patch:
            patch.setattr(barren, "_LEAVES_MIN", 10_000)
            theirs = infer(graph, query, evidence=evidence, budget_s=30.0)
        assert mine.quality.status is theirs.quality.status
        np.testing.assert_allclose(mine.log_whole(), theirs.log_whole(), atol=1e-9)
        if isinstance(mine, MarginalsAnswer):
            assert isinstance(theirs, MarginalsAnswer)
            for one, other in zip(mine.probabilities, theirs.probabilities, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-9)
        elif not isinstance(query, LogPartition):
            for ours, others in zip(
                np.atleast_1d(mine.probabilities[0]),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
                np.atleast_1d(theirs.probabilities[0]),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]
                strict=True,
            ):
                np.testing.assert_allclose(ours, others, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_maxima_are_what_they_are_without(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(seed)
    graph = star(rng, 6, 0.1 * (seed % 3)) if seed % 2 else random_graph(rng)
    evidence = no_evidence(graph)
    evidence[rng.integers(graph.num_variables, size=2)] = 0
    mine = infer(graph, Map(), evidence=evidence, budget_s=30.0)
    monkeypatch.setattr(barren, "_LEAVES_MIN", 10_000)
    theirs = infer(graph, Map(), evidence=evidence, budget_s=30.0)
    assert mine.quality.status is theirs.quality.status
    np.testing.assert_allclose(mine.log_scores, theirs.log_scores, atol=1e-9)
    seen = evidence >= 0
    for row, score in zip(mine.assignments, mine.log_scores, strict=True):
        assert (row[seen] == evidence[seen]).all()
        assert log_score(graph, row) == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_any_graph_keeps_its_log_z_and_its_beliefs(seed: int, monkeypatch: pytest.MonkeyPatch):
    graph = random_graph(np.random.default_rng(seed))
    mine, near = infer(graph, LogPartition(), budget_s=30.0), infer(graph, Marginals())
    monkeypatch.setattr(barren, "_LEAVES_MIN", 10_000)
    theirs, far = infer(graph, LogPartition(), budget_s=30.0), infer(graph, Marginals())
    for one, other in zip(near.probabilities, far.probabilities, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    assert mine.quality.status is theirs.quality.status
    assert mine.log_value == pytest.approx(theirs.log_value, abs=1e-9)


def test_a_thousand_leaves_become_a_few_tables():
    graph = star(np.random.default_rng(0), 500, 0.0)
    network = reduce(Task(graph, LogPartition(), no_evidence(graph)))
    assert network is not None
    left = sum_leaves(network, frozenset({4}))
    # What is asked about stays, and so do the hubs, of which each pair and triple has one table.
    assert left.free == (0, 1, 2, 3, 4)
    assert len(left.factors) < 25
    best = maximise_leaves(network, graph.num_variables)
    assert best.free == (0, 1, 2, 3)
    assert sum(len(some.variables) for some in best.leaves) == 1000
