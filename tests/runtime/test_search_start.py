"""Where a search begins: what somebody proposes is made whole and scored, never believed."""

import numpy as np
import pytest

from gmruntime.answer import Map
from gmruntime.budget import UNLIMITED
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, VariableBlock, log_score
from gmruntime.inference import infer, search
from gmruntime.primal import climbing

NUM = 12


def _graph(rng: np.random.Generator) -> FactorGraph:
    """Pairs of twelve variables, and a thirteenth that is the exclusive or of the first two."""
    pairs = np.array([(i, j) for i in range(NUM) for j in range(i)], np.int32)
    tables = Table(rng.normal(0.0, 1.0, (len(pairs), 2, 2)))
    index = np.indices((2, 2, 2))
    follows = np.where(index[0] ^ index[1] == index[2], 0.0, -np.inf)
    last = FactorBlock(Table(follows[None]), np.array([[0, 1, NUM]], np.int32))
    return FactorGraph((VariableBlock("x", (NUM + 1,), 2),), (FactorBlock(tables, pairs), last))


def test_any_start_leads_to_the_best():
    rng = np.random.default_rng(0)
    graph = _graph(rng)
    evidence = np.full(NUM + 1, -1, np.int32)
    evidence[3] = 1
    best = infer(graph, Map(), evidence=evidence).log_scores[0]
    for _ in range(4):
        start = rng.integers(-1, 2, NUM + 1)
        found = infer(graph, Map(), evidence=evidence, start=start, method="search")
        assert found.log_scores[0] == pytest.approx(best)
        for step in search(graph, Map(), evidence=evidence, start=start, budget_s=5):
            if step.is_found:
                assert step.assignment[3] == 1
                assert step.log_score == pytest.approx(float(log_score(graph, step.assignment)))


def test_a_start_that_is_none_is_refused():
    graph = _graph(np.random.default_rng(1))
    with pytest.raises(GraphError, match="start has shape"):
        infer(graph, Map(), start=np.zeros(3, np.int32))
    with pytest.raises(GraphError, match="start names a state"):
        infer(graph, Map(), start=np.full(NUM + 1, 7))


def test_rows_are_scored_with_constant_factors():
    graph = FactorGraph(
        (VariableBlock("x", (2,), 2),),
        (
            FactorBlock(Table(np.array([0.5])), np.zeros((1, 0), np.int32)),
            FactorBlock(Table(np.array([[0.0, 1.0]])), np.array([[0], [1]], np.int32)),
        ),
    )
    rows = np.array([[0, 1], [1, 1], [0, 0]], np.int32)
    found = climbing._penalised(graph, rows, UNLIMITED)  # pyright: ignore[reportPrivateUsage]
    np.testing.assert_allclose(found, log_score(graph, rows))
