"""What an answer depends on, whatever is observed, is found once and changes nothing."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmruntime as gm
from gmruntime.answer import LogPartition, Marginals
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.questions.enumerate import enumerate_assignments, log_partition, marginal
from gmruntime.simplify import simplified
from gmruntime.simplify.network import Part, sliced_out, whole
from gmruntime.simplify.relevant import relevant
from gmruntime.workspace import Workspace


def drawn(seed: int, num_variables: int, zeros: float) -> FactorGraph:
    """Variables of two states, each drawn given up to two earlier ones; two factors beside them."""
    rng = np.random.default_rng(seed)
    blocks: list[FactorBlock] = []
    for child in range(num_variables):
        parents = rng.choice(child, min(child, 2), replace=False) if child else np.zeros(0, int)
        table = rng.random((1, *[2] * len(parents), 2)) + 0.05
        table[rng.random(table.shape) < zeros] = 0.0
        table /= np.maximum(table.sum(axis=-1, keepdims=True), 1e-300)
        with np.errstate(divide="ignore"):
            blocks.append(
                FactorBlock(Table(np.log(table)), np.array([[*parents, child]], np.int32))
            )
    for _ in range(2):
        scope = rng.choice(num_variables, 2, replace=False)[None].astype(np.int32)
        blocks.append(FactorBlock(Table(rng.normal(size=(1, 2, 2))), scope))
    return FactorGraph((VariableBlock("x", (num_variables,), 2),), tuple(blocks))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]))
def test_it_answers_like_the_whole_for_all_evidence_about_the_same(seed: int, zeros: float):
    graph = drawn(seed, 7, zeros)
    rng = np.random.default_rng(seed)
    asked, *observed = rng.permutation(7)[:3].tolist()
    kept = np.isin(np.arange(7), [asked, *observed])
    every = whole(graph, LogPartition())
    assert every is not None
    part = relevant(every, kept)
    assert not part.is_dropped[kept].any()
    for states in product(range(2), repeat=2):
        evidence = np.full(7, -1, np.int32)
        evidence[observed] = states
        assignments = enumerate_assignments(graph, evidence)
        network = sliced_out(part, evidence)
        sizes = {v: 2 for v in network.free}
        table = np.full(tuple(sizes.values()), network.log_constant)
        for factor in network.factors:
            axes = [network.free.index(v) for v in factor.scope]
            shape = [2 if k in axes else 1 for k in range(len(sizes))]
            table = table + factor.table.reshape(shape)
        expected = log_partition(assignments)
        assert np.logaddexp.reduce(table, axis=None) == pytest.approx(expected, abs=1e-9)
        if expected == -np.inf:
            continue
        others = tuple(k for k, v in enumerate(network.free) if v != asked)
        row = np.exp(np.logaddexp.reduce(table, axis=others) - expected)
        np.testing.assert_allclose(row, marginal(assignments, asked, 2), atol=1e-9)


def test_questions_that_observe_the_same_variables_share_it(monkeypatch: pytest.MonkeyPatch):
    """A chain of 60: of 40 questions about its beginning only the first looks at all of it."""
    rng = np.random.default_rng(0)
    tables = np.log(rng.dirichlet(np.ones(4), (59, 4)))
    scopes = np.stack([np.arange(59), np.arange(1, 60)], axis=1).astype(np.int32)
    graph = FactorGraph(
        (VariableBlock("x", (60,), 4),), (FactorBlock(Table(tables), scopes, "step"),)
    )
    sizes: list[int] = []
    slicing = simplified.sliced_out

    def watched(part: Part, *rest: object) -> object:
        sizes.append(sum(len(block.scopes) for block in part.tables.factors))
        return slicing(part, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(simplified, "sliced_out", watched)
    workspace = Workspace()
    evidence = np.full(60, -1, np.int32)
    for state in range(4):
        evidence[5] = state
        found = gm.infer(graph, Marginals(np.array([2])), evidence=evidence, workspace=workspace)
        assert found.quality.status is gm.Status.EXACT
    assert sizes == [5] * 4
