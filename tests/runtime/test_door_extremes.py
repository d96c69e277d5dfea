"""Graphs and questions at the edge: nothing in them, one state each, many axes, large answers."""

import math
from typing import Any

import numpy as np
import pytest

import gmruntime as gm
from gmruntime.answer import Quality, SolutionsAnswer
from gmruntime.elimination import bounding
from gmruntime.estimates import checking
from gmruntime.factors.kinds import FactorKind, Gated, Table

NONE = np.zeros(0, np.int32)
NOTHING = [gm.FactorGraph((), ()), gm.FactorGraph((gm.VariableBlock("x", (0, 3), 2),), ())]


@pytest.mark.parametrize("graph", NOTHING)
@pytest.mark.parametrize("method", ["", "exact", "bp", "search"])
def test_a_graph_without_variables_has_one_assignment(graph: gm.FactorGraph, method: str):
    def ask(query: Any) -> Any:
        return gm.infer(graph, query, method=method, budget_s=2.0)

    assert ask(gm.Map()).assignments.shape == (1, 0)
    if method == "search":
        assert ask(gm.Best(3)).assignments.shape == (1, 0)
        return
    if method != "bp":
        assert ask(gm.Best(3, NONE)).assignments.shape == (1, 0)
        assert ask(gm.Solutions()).count == 1
    assert ask(gm.LogPartition()).log_value == 0.0
    assert ask(gm.Joint(NONE)).probabilities == 1.0
    assert ask(gm.MarginalMap(NONE)).states.shape == (0,)
    assert ask(gm.Samples(2)).assignments.shape == (2, 0)
    assert ask(gm.Marginals()).quality.status is not gm.Status.IMPOSSIBLE


@pytest.mark.parametrize("arity", [31, 32, 60, 62])
@pytest.mark.parametrize("method", ["", "bp"])
@pytest.mark.parametrize("make", [Table, Gated])
def test_variables_of_one_state_take_no_axis(arity: int, method: str, make: type[FactorKind]):
    """A pair of booleans among so many variables of one state, before or after them."""
    table = np.array([[0.0, 1.0], [2.0, 3.5]])
    variables = (gm.VariableBlock("x", (2,), 2), gm.VariableBlock("one", (arity - 1,), 1))
    scope = [0, *range(2, arity), 1]
    shape = (1, *([] if make is Gated else [2]), *[1] * (arity - 2), 2)
    inner = table[1:] if make is Gated else table
    kind: Any = make(inner.reshape(shape))  # pyright: ignore[reportCallIssue]
    block = gm.FactorBlock(kind, np.array([scope], np.int32))
    graph = gm.FactorGraph(variables, (block,))
    scores = np.array([[0.0, 0.0], table[1]]) if make is Gated else table
    log_value = math.log(np.exp(scores).sum())
    found = gm.infer(graph, gm.LogPartition(), method=method)
    assert found.log_value == pytest.approx(log_value)
    best = gm.infer(graph, gm.Map(), method=method)
    assert best.assignments[0, :2].tolist() == [1, 1]
    assert best.log_scores[0] == 3.5
    joint = gm.infer(graph, gm.Joint(np.arange(arity + 1)), method=method)
    assert joint.probabilities.reshape(2, 2) == pytest.approx(np.exp(scores - log_value))


def test_a_joint_of_more_axes_than_arrays_have_is_refused():
    graph = gm.FactorGraph((gm.VariableBlock("x", (70,), 1),), ())
    with pytest.raises(gm.GraphError, match="70 variables"):
        gm.infer(graph, gm.Joint(np.arange(70)))


def test_an_answer_beyond_memory_is_refused_before_it_is_looked_for():
    graph = gm.FactorGraph((gm.VariableBlock("x", (50,), 2),), ())
    with pytest.raises(gm.GraphError, match="MiB are allowed"):
        gm.infer(graph, gm.Joint(np.arange(50)))
    with pytest.raises(gm.GraphError, match="MiB are allowed"):
        gm.infer(graph, gm.Samples(2**31), memory_bytes=1 << 20)


def test_a_count_of_thousands_of_digits_can_be_shown():
    graph = gm.FactorGraph((gm.VariableBlock("x", (20_000,), 2),), ())
    found = gm.infer(graph, gm.Solutions())
    assert found.count == 2**20_000
    assert "6,021 digits" in repr(found)
    assert "count=8" in repr(SolutionsAnswer(Quality(gm.Status.EXACT, "", 0.0), math.log(8), 8))


@pytest.mark.parametrize("query", [gm.Joint(np.array([0, 3])), gm.LogPartition()], ids=str)
def test_an_unlimited_budget_ends_after_so_many_rounds(query: Any, monkeypatch: Any):
    """With no memory for tables only draws are left, which never end by themselves."""
    monkeypatch.setattr(checking, "NUM_ROUNDS_MAX", 32)
    monkeypatch.setattr(bounding, "NUM_ROUNDS_MAX", 32)
    rng = np.random.default_rng(0)
    blocks: list[gm.FactorBlock] = []
    for v in range(8):
        scope = [*range(max(0, v - 6), v), v]
        table = rng.dirichlet([0.5, 0.5], size=2 ** (len(scope) - 1))
        kind = Table(np.log(table).reshape(1, *[2] * len(scope)))
        blocks.append(gm.FactorBlock(kind, np.array([scope], np.int32)))
    graph = gm.FactorGraph((gm.VariableBlock("x", (8,), 2),), tuple(blocks))
    evidence = np.array([-1] * 7 + [1])
    # Room for the answer, none for the tables of an exact one.
    memory = 1 if isinstance(query, gm.LogPartition) else 256
    found = gm.infer(graph, query, evidence=evidence, budget_s=math.inf, memory_bytes=memory)
    assert found.quality.status in (gm.Status.BOUNDED, gm.Status.ESTIMATE)
