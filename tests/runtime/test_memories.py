"""Memories: positions that nothing else joins are summed out, row by row or many rows at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmruntime as gm
from gmruntime.answer import AssignmentsAnswer, Way
from gmruntime.budget import UNLIMITED
from gmruntime.factors.kinds import Memory, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, num_states, validate
from gmruntime.policy.trying import ways_for
from gmruntime.questions.enumerate import Enumeration, enumerate_assignments
from gmruntime.rows.stars import stars_alone
from gmruntime.simplify.memories.attention import sums_of_patterns, weights_of_symbols
from tests.support.random_factors import with_zeros

SEEDS = st.integers(0, 2**32 - 1)

QUESTIONS = (
    gm.LogPartition(),
    gm.Map(),
    gm.Marginals(),
    gm.Marginals(np.array([3], np.int32)),
    gm.Joint(np.array([2, 1], np.int32)),
    gm.MarginalMap(np.array([0, 3], np.int32)),
    gm.Samples(4),
)


def memory(rng: np.random.Generator, tables: int, size: tuple[int, int, int], zeros: float):
    patterns, positions, states = size
    said = 1 if rng.random() < 0.5 else tables
    if rng.random() < 0.5:
        logs = rng.normal(size=(said, patterns, positions, states))
        return Memory(with_zeros(rng, logs, zeros))
    symbols = int(rng.integers(1, 4))
    logs = with_zeros(rng, rng.normal(size=(said, symbols, positions, states)), zeros)
    count = 1 if rng.random() < 0.5 else tables
    return Memory(logs, rng.integers(0, symbols, (count, patterns, positions)))


def two_memories(rng: np.random.Generator, *, is_alone: bool) -> FactorGraph:
    """Build two memories, over one index or two; unless alone, something may join their cells."""
    patterns, positions, states = rng.integers(1, 5), rng.integers(1, 4), rng.integers(1, 4)
    size = int(patterns), int(positions), int(states)
    zeros = float(rng.choice([0.0, 0.2]))
    blocks = (
        VariableBlock("m", (2,), size[0]),
        VariableBlock("nothing", (0,), 5),
        VariableBlock("x", (2 * size[1],), size[2]),
    )
    cells = 2 + rng.permutation(2 * size[1]).reshape(2, -1)
    scopes = np.column_stack([rng.integers(0, 2, 2), cells]).astype(np.int32)
    unary = with_zeros(rng, rng.normal(size=(2 * size[1], size[2])), zeros)
    factors = [
        FactorBlock(memory(rng, 2, size, zeros), scopes),
        FactorBlock(Table(unary), np.arange(2, 2 + 2 * size[1], dtype=np.int32)[:, None]),
        FactorBlock(Table(rng.normal(size=(1, size[0]))), np.array([[1]], np.int32)),
    ]
    joins = (((0, 1), size[0]), ((2, 3), size[2]))
    for pair, count in () if is_alone else joins:
        if rng.random() < 0.5:
            table = with_zeros(rng, rng.normal(size=(1, count, count)), zeros)
            factors.append(FactorBlock(Table(table), np.array([pair], np.int32)))
    return FactorGraph(blocks, tuple(factors))


def some_seen(rng: np.random.Generator, graph: FactorGraph, rows: int) -> np.ndarray:
    states = rng.integers(0, num_states(graph), (rows, graph.num_variables))
    return np.where(rng.random(states.shape) < 0.35, states, -1).astype(np.int32)


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_answers_are_those_of_enumeration(seed: int):
    rng = np.random.default_rng(seed)
    graph = two_memories(rng, is_alone=False)
    evidence = some_seen(rng, graph, 1)[0]
    every = enumerate_assignments(validate(graph), evidence)
    for query in QUESTIONS:
        check(graph, evidence, query, gm.infer(graph, query, evidence=evidence), every)


def check(graph: FactorGraph, evidence: np.ndarray, query: Any, found: Any, every: Enumeration):
    expected = query.enumerated(every, np.random.default_rng(0))
    assert found.quality.status == expected.quality.status
    if expected.quality.status is gm.Status.IMPOSSIBLE:
        return
    match query:
        case gm.LogPartition() | gm.MarginalMap():
            assert found.log_value == pytest.approx(expected.log_value, abs=1e-9)
        case gm.Marginals():
            for own, other in zip(found.probabilities, expected.probabilities, strict=True):
                np.testing.assert_allclose(own, other, atol=1e-12)
        case gm.Joint():
            np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-12)
        case gm.Map():
            assert found.log_scores[0] == pytest.approx(expected.log_scores[0], abs=1e-9)
            possible(graph, evidence, found)
        case _:
            possible(graph, evidence, found)


def possible(graph: FactorGraph, evidence: np.ndarray, found: AssignmentsAnswer):
    rows = found.assignments
    np.testing.assert_allclose(log_score(graph, rows), found.log_scores, atol=1e-9)
    assert np.isfinite(found.log_scores).all()
    assert ((evidence < 0) | (rows == evidence)).all()


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_rows_together_have_the_answers_of_each(seed: int):
    rng = np.random.default_rng(seed)
    graph = two_memories(rng, is_alone=True)
    assert stars_alone(validate(graph)) is not None
    rows = some_seen(rng, graph, 4)
    for query in QUESTIONS[:4]:
        found = gm.infer_rows(graph, query, rows)
        for row, own in zip(rows, found, strict=True):
            check(graph, row, query, own, enumerate_assignments(validate(graph), row))


def test_draws_have_the_frequencies_of_the_posterior():
    rng = np.random.default_rng(1)
    logs, symbols = rng.normal(size=(1, 2, 3, 2)), rng.integers(0, 2, (1, 4, 3))
    blocks = VariableBlock("m", (), 4), VariableBlock("x", (3,), 2)
    scope = np.arange(4, dtype=np.int32)[None]
    graph = FactorGraph(blocks, (FactorBlock(Memory(logs, symbols), scope),))
    drawn = gm.infer(graph, gm.Samples(4000)).assignments
    told = gm.infer(graph, gm.Marginals()).probabilities
    for place, row in enumerate(told[1]):
        # Four standard errors of a frequency.
        assert np.mean(drawn[:, 1 + place] == 1) == pytest.approx(row[1], abs=4 * 0.5 / 4000**0.5)


def test_thousands_of_patterns_are_answered_exactly_and_one_is_recalled():
    rng = np.random.default_rng(2)
    symbols = rng.integers(0, 2, (1, 3000, 400))
    logs = np.broadcast_to(np.array([[0.0, -4.0], [-4.0, 0.0]])[None, :, None], (1, 2, 400, 2))
    blocks = VariableBlock("m", (), 3000), VariableBlock("x", (400,), 2)
    scope = np.arange(401, dtype=np.int32)[None]
    graph = FactorGraph(blocks, (FactorBlock(Memory(logs, symbols), scope),))
    evidence = np.full(401, -1, np.int32)
    evidence[1:201] = symbols[0, 7, :200]
    best = gm.infer(graph, gm.Map(), evidence=evidence)
    assert best.quality.status is gm.Status.EXACT
    assert best.assignments[0].tolist() == [7, *symbols[0, 7].tolist()]
    told = gm.infer(graph, gm.Marginals(), evidence=evidence)
    assert told.quality.status is gm.Status.EXACT
    # The others differ in about a hundred of the positions seen: 400 nats each.
    own = np.where(symbols[0, 7, 200:] == 1, 1 / (1 + np.exp(-4.0)), 1 / (1 + np.exp(4.0)))
    np.testing.assert_allclose(told.probabilities[1][200:, 1], own, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_compiled_sums_are_those_of_numpy(dtype: type):
    rng = np.random.default_rng(3)
    of_symbols = with_zeros(rng, rng.normal(size=(3, 1100)), 0.01)
    symbols = rng.integers(0, 3, (1000, 1100)).astype(dtype)
    found = sums_of_patterns(of_symbols, symbols, UNLIMITED)
    np.testing.assert_allclose(found, of_symbols[symbols, np.arange(1100)].sum(axis=1), atol=1e-9)
    weights = rng.random((2, 1000))
    shares = weights_of_symbols(weights, symbols, 3, UNLIMITED)
    own = np.stack([weights @ (symbols == symbol) for symbol in range(3)], axis=1)
    np.testing.assert_allclose(shares, own)


@pytest.mark.parametrize(
    "symbols",
    [
        np.full((1, 2, 1), 2),
        np.full((1, 2, 1), -1),
        np.full((1, 2, 2), 0),
        np.full((2, 1), 0),
        np.full((3, 2, 1), 0),
        np.full((1, 2, 1), 0.5),
    ],
)
def test_symbols_that_mean_nothing_are_refused(symbols: np.ndarray):
    blocks = VariableBlock("m", (), 2), VariableBlock("x", (), 2)
    kind = Memory(np.zeros((2, 2, 1, 2)), symbols)
    scopes = np.array([[0, 1], [0, 1]], np.int32)
    with pytest.raises(gm.GraphError, match="factor block 0"):
        validate(FactorGraph(blocks, (FactorBlock(kind, scopes),)))


def test_what_a_method_insists_on_is_not_taken_apart():
    assert Way.MEMORIES not in ways_for(gm.Map(), "search")
