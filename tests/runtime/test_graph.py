"""The contract: kinds mean their tables, scores add up, contradictions are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from gmruntime.factors.tables import log_tables, log_values
from gmruntime.flat import flatten
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    GraphError,
    VariableBlock,
    log_score,
    validate,
    variable_indices,
)


def _kinds(rng: np.random.Generator) -> list[tuple[FactorKind, list[int]]]:
    three = rng.integers(0, 2, (1, 3)).astype(np.bool_)
    return [
        (Table(rng.normal(size=(1, 2, 3))), [2, 3]),
        (Gated(rng.normal(size=(1, 3, 2))), [2, 3, 2]),
        (Potts(rng.normal(size=1)), [4, 4]),
        (TruncatedLinear(np.array([0.7]), np.array([1.5])), [5, 5]),
        (TruncatedQuadratic(np.array([0.3]), np.array([2.0])), [5, 5]),
        (Or(three), [2, 2, 2]),
        (NoisyOr(-rng.exponential(size=(1, 3))), [2, 2, 2]),
        (Xor(np.array([True])), [2, 2, 2]),
        (Count(rng.normal(size=(1, 4)), three), [2, 2, 2]),
        (LinearSum(np.array([[1, -2, 3]]), np.array([-2]), rng.normal(size=(1, 5))), [2, 3, 2]),
        (AllDifferent(), [3, 3, 3]),
        (Window(2, 3, 1, 1), [6, 6]),
        (Memory(rng.normal(size=(1, 4, 2, 3))), [4, 3, 3]),
    ]


@pytest.mark.parametrize("number", range(13))
def test_a_factor_equals_its_table(number: int):
    kind, sizes = _kinds(np.random.default_rng(number))[number]
    table = log_tables(kind, sizes)[0]
    states = np.indices(sizes).reshape(len(sizes), -1).T
    values = log_values(kind, np.zeros(len(states), np.int64), states)
    np.testing.assert_array_equal(table.reshape(-1), values)


def test_or_is_a_disjunction_of_literals():
    kind = Or(np.array([[False, True, False]]))
    table = log_tables(kind, [2, 2, 2])[0]
    for a in range(2):
        for b in range(2):
            for c in range(2):
                assert (table[a, b, c] == 0.0) == (bool(c) == (bool(a) or not b))


def test_noisy_or_follows_its_formula():
    q, leak = np.array([0.3, 0.8]), 0.1
    kind = NoisyOr(np.log1p(-np.array([[*q, leak]])))
    table = np.exp(log_tables(kind, [2, 2, 2])[0])
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
        (np.array([[0, 1]], np.int32), Window(1, 3, 1, 1), "3"),
    ],
)
def test_a_contradictory_graph_is_refused_by_name(scopes: np.ndarray, kind: FactorKind, words: str):
    with pytest.raises(GraphError, match=words) as caught:
        validate(_graph(scopes, kind))
    assert "agree" in str(caught.value)


def test_variables_are_found_by_name():
    graph = FactorGraph((VariableBlock("a", (), 2), VariableBlock("x", (2, 2), 3)), ())
    assert variable_indices(graph, "x").tolist() == [[1, 2], [3, 4]]
    with pytest.raises(GraphError, match="a, x"):
        variable_indices(graph, "y")
