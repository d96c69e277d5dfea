"""Statements whose table is the same in every instance are worked out and kept once."""

import numpy as np
import pytest

import gmlang
from gmlang.graph.lowering import tables
from gmruntime.graph import log_score


@pytest.mark.parametrize(
    ("statement", "is_shared"),
    [
        ("z[t] ~ Categorical([A[z[t - 1], k] for k in 0..<3])", True),
        ("if w[t]: prefer z[t] != sum(k * B[k] for k in 0..<3 if k < 2) weight 0.3", True),
        ("prefer A[z[t], t % 3] < 0.5 weight 1", False),
        ("factor sum(A[z[t], k] for k in 0..<t % 3) + 0.5", False),
        ("prefer z[w[t] + t - 1] == 1 weight 0.7", False),
        ("prefer z[B[w[t] + 1]] == t weight 0.7", False),
    ],
)
def test_shared_or_not_it_says_the_same(
    statement: str, is_shared: bool, monkeypatch: pytest.MonkeyPatch
):
    text = (
        "data A[3, 3] : real = [[0.2, 0.3, 0.5], [0.6, 0.1, 0.3], [0.5, 0.25, 0.25]]\n"
        "data B[3] : 0..2 = [2, 0, 1]\nvar z[6] : 0..2\nvar w[6] : bool\n"
        f"for t in 1..<6:\n    {statement}\n"
    )
    graph = gmlang.compile(text).graph()
    if is_shared:
        assert [block.kind.num_tables for block in graph.factors] == [1]
    with monkeypatch.context() as patched:
        patched.setattr(tables, "_one_of_all", lambda env, _: env)
        alone = gmlang.compile(text).graph()
    sizes = np.repeat([v.num_states for v in graph.variables], [v.size for v in graph.variables])
    rows = np.random.default_rng(0).integers(0, sizes, (200, len(sizes))).astype(np.int32)
    np.testing.assert_allclose(log_score(graph, rows), log_score(alone, rows), rtol=1e-12)
