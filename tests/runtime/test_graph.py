"""The contract: kinds mean their tables, scores add up, contradictions are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmruntime.factors.kinds import FactorKind, NoisyOr, Or, Potts, Table, Window
from gmruntime.flat import flatten
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    GraphError,
    VariableBlock,
    log_score,
    validate,
)
from tests.support.random_factors import each_kind, nth_kind


@each_kind
def test_a_factor_equals_its_table(index: int):
    kind, sizes = nth_kind(np.random.default_rng(index), index, 1)
    table = kind.log_tables(sizes)[0]
    states = np.indices(sizes).reshape(len(sizes), -1).T
    values = kind.log_values(np.zeros(len(states), np.int64), states)
    np.testing.assert_allclose(table.reshape(-1), values, rtol=1e-12, atol=1e-12)


def test_or_is_a_disjunction_of_literals():
    kind = Or(np.array([[False, True, False]]))
    table = kind.log_tables([2, 2, 2])[0]
    for a in range(2):
        for b in range(2):
            for c in range(2):
                assert (table[a, b, c] == 0.0) == (bool(c) == (bool(a) or not b))


def test_noisy_or_follows_its_formula():
    q, leak = np.array([0.3, 0.8]), 0.1
    kind = NoisyOr(np.log1p(-np.array([[*q, leak]])))
    table = np.exp(kind.log_tables([2, 2, 2])[0])
    for a in range(2):
        for b in range(2):
            none = (1 - leak) * (1 - q[0]) ** a * (1 - q[1]) ** b
            np.testing.assert_allclose(table[a, b], [none, 1 - none])


@given(st.integers(0, 2**32 - 1))
def test_a_flat_graph_scores_like_its_blocks(seed: int):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 4)
    variables = tuple(VariableBlock(f"v{i}", (), int(n)) for i, n in enumerate(sizes))
    factors: list[FactorBlock] = []
    for _ in range(5):
        scope = rng.permutation(4)[: rng.integers(0, 4)]
        table = rng.normal(size=(1, *sizes[scope]))
        factors.append(FactorBlock(Table(table), scope[None].astype(np.int32)))
    graph = FactorGraph(variables, tuple(factors))
    validate(graph)
    flat = flatten(graph)
    assignment = (rng.random(4) * sizes).astype(np.int32)
    total = flat.log_constant
    for f in range(len(flat.table_start)):
        edges = slice(flat.factor_start[f], flat.factor_start[f + 1])
        offset = (flat.strides[edges] * assignment[flat.edge_variable[edges]]).sum()
        total += flat.log_potentials[flat.table_start[f] + offset]
    np.testing.assert_allclose(total, log_score(graph, assignment), atol=1e-12)


def _graph(scopes: np.ndarray, kind: FactorKind) -> FactorGraph:
    return FactorGraph((VariableBlock("x", (3,), 2),), (FactorBlock(kind, scopes, "agree"),))


@pytest.mark.parametrize(
    ("scopes", "kind", "words"),
    [
        (np.array([[0, 3]], np.int32), Potts(np.ones(1)), "outside"),
        (np.array([[1, 1]], np.int32), Potts(np.ones(1)), "twice"),
        (np.array([[0, 1]], np.int64), Potts(np.ones(1)), "int32"),
        (np.array([[0, 1]], np.int32), Potts(np.ones(2)), "2 tables for 1 factors"),
        (np.array([[0, 1]], np.int32), Table(np.zeros((1, 2, 3))), "3"),
        (np.array([[0, 1]], np.int32), Potts(np.array([np.nan])), "NaN"),
        (
            np.array([[0, 1]], np.int32),
            Window(1, 3, np.array([1]), np.array([1])),
            "3",
        ),
    ],
)
def test_a_contradictory_graph_is_refused_by_name(scopes: np.ndarray, kind: FactorKind, words: str):
    with pytest.raises(GraphError, match=words) as caught:
        validate(_graph(scopes, kind))
    assert "agree" in str(caught.value)
