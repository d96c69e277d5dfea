"""Each variable given all others: what the scores of neighbouring assignments say."""

import numpy as np
import pytest

from gmruntime.budget import UNLIMITED
from gmruntime.factors.kinds import Potts, Table
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    GraphError,
    VariableBlock,
    log_score,
    num_states,
)
from gmruntime.rows.conditionals import Conditionals, compile_conditionals
from tests.support.random_rows import random_graph, random_rows


def compiled(
    graph: FactorGraph, rows: np.ndarray, weights: np.ndarray, asked: np.ndarray | None = None
) -> Conditionals:
    every = np.arange(graph.num_variables)
    return compile_conditionals(graph, rows, weights, every if asked is None else asked, UNLIMITED)


def plain(graph: FactorGraph, rows: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Score every neighbour of every row."""
    found = np.zeros(len(rows))
    for r, row in enumerate(rows):
        for v in asked:
            others = np.tile(row, (int(num_states(graph)[v]), 1))
            others[:, v] = np.arange(len(others))
            scores = log_score(graph, others)
            total = np.logaddexp.reduce(scores)
            found[r] += scores[row[v]] - total if scores[row[v]] > -np.inf else -np.inf
    return found


@pytest.mark.parametrize("seed", range(12))
def test_they_are_the_scores_of_neighbours_less_their_sum(seed: int):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    rows, weights = random_rows(rng, graph, 20, 0.0), rng.random(20)
    asked = np.flatnonzero(rng.random(graph.num_variables) < 0.8)
    expected = plain(graph, rows, asked)
    tables: list[np.ndarray | None] = [None] * len(graph.factors)
    found = compiled(graph, rows, weights, asked)
    told = found.evaluate(tables, UNLIMITED)
    assert told.total == pytest.approx(float((weights * expected).sum()), abs=1e-9)
    by_row = told.log_conditionals[found.which].sum(axis=1) + found.log_idle
    assert by_row == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_their_derivative(seed: int):
    rng = np.random.default_rng(seed)
    sizes = (2, 3, 2, 2)
    variables = tuple(VariableBlock(f"x{k}", (), size) for k, size in enumerate(sizes))
    two, three = rng.normal(size=(2, 2, 3)), rng.normal(size=(1, 2, 3, 2))
    pairs = FactorBlock(Table(two), np.array([[0, 1], [2, 1]], np.int32))
    triple = FactorBlock(Table(three), np.array([[0, 1, 3]], np.int32))
    other = FactorBlock(Potts(np.array([0.7])), np.array([[2, 3]], np.int32))
    graph = FactorGraph(variables, (pairs, other, triple))
    rows, weights = random_rows(rng, graph, 9, 0.0), rng.random(9)
    found = compiled(graph, rows, weights)
    tables = [two, None, three]
    told = found.evaluate(tables, UNLIMITED, wants_residuals=True)
    for block, table in ((0, two), (2, three)):
        for place in np.ndindex(*table.shape):
            ends: list[float] = []
            for step in (1e-5, -1e-5):
                moved = table.copy()
                moved[place] += step
                others = [moved if k == block else own for k, own in enumerate(tables)]
                ends.append(found.evaluate(others, UNLIMITED).total)
            slope = (ends[0] - ends[1]) / 2e-5
            assert told.counts[block][place] == pytest.approx(slope, abs=1e-7)
    # Each conditional's part, as often as rows have it, is the same again.
    often = np.zeros(found.num_distinct)
    np.add.at(often, found.which, weights[:, None])
    both = np.concatenate([told.counts[0].reshape(-1), told.counts[2].reshape(-1)])
    assert (often @ told.residuals)[: both.size] == pytest.approx(both, abs=1e-12)


def test_alike_ones_are_one():
    side, weight = 12, np.array([[[0.5, 0.0], [0.0, 0.5]]])
    index = np.arange(side * side).reshape(side, side)
    down = np.stack([index[:-1].reshape(-1), index[1:].reshape(-1)], axis=1)
    right = np.stack([index[:, :-1].reshape(-1), index[:, 1:].reshape(-1)], axis=1)
    scopes = np.concatenate([down, right]).astype(np.int32)
    graph = FactorGraph(
        (VariableBlock("x", (side, side), 2),), (FactorBlock(Table(weight), scopes),)
    )
    rows = np.random.default_rng(0).integers(0, 2, (300, side * side), dtype=np.int32)
    found = compiled(graph, rows, np.ones(300))
    # Two states, and 2 to 4 neighbours of which some are on; on which side matters to the slices.
    assert found.num_distinct < 2 * 3**4
    assert found.which.shape == (300, side * side)
    told = found.evaluate([None], UNLIMITED)
    asked = np.arange(side * side)
    some = told.log_conditionals[found.which[:3]].sum(axis=1)
    assert some == pytest.approx(plain(graph, rows[:3], asked), abs=1e-9)


def test_what_is_all_but_impossible_is_not_called_impossible():
    """A chance below exp(-745) is 0 as a float."""
    table = Table(np.array([[[0.0, -500.0], [-np.inf, -900.0]]]))
    graph = FactorGraph(
        (VariableBlock("x", (2,), 2),), (FactorBlock(table, np.array([[0, 1]], np.int32)),)
    )
    graph = FactorGraph(
        graph.variables,
        (*graph.factors, FactorBlock(Table(np.array([[0.0, -800.0]])), np.array([[0]], np.int32))),
    )
    rows = np.array([[1, 1], [1, 0]], np.int32)
    found = compiled(graph, rows, np.ones(2))
    told = found.evaluate([None, None], UNLIMITED)
    by_row = told.log_conditionals[found.which].sum(axis=1)
    assert by_row == pytest.approx(plain(graph, rows, np.arange(2)), abs=1e-9)
    assert by_row[0] == pytest.approx(-1200.0)
    assert by_row[1] == -np.inf


def test_more_than_memory_allows_is_refused():
    graph = FactorGraph(
        (VariableBlock("x", (4,), 2),),
        (FactorBlock(Potts(np.array([0.7])), np.array([[0, 1], [2, 3]], np.int32)),),
    )
    rows = np.zeros((1000, 4), np.int32)
    with pytest.raises(GraphError, match="bytes"):
        compile_conditionals(graph, rows, np.ones(1000), np.arange(4), UNLIMITED.with_memory(1e-18))
