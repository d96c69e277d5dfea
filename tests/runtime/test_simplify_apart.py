"""Closed forms count what enumeration counts, whatever else the graph holds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import (
    Answer,
    LogPartition,
    LogPartitionAnswer,
    Quality,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.elimination.plan import Plan
from gmruntime.factors.kinds import AllDifferent, Count, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.inference import infer
from gmruntime.simplify.apart import set_apart
from gmruntime.task import Effort, Task


@st.composite
def graphs(draw: st.DrawFn) -> tuple[FactorGraph, np.ndarray]:
    """Draw one alldifferent and one count, each perhaps met by others, and some evidence."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    variables = (
        VariableBlock("d", (6,), 7),
        VariableBlock("b", (6,), 2),
        VariableBlock("c", (2,), 2),
    )
    allowed = np.where(rng.random(7) < 0.7, 0.0, -np.inf)
    factors = [
        FactorBlock(AllDifferent(), np.arange(6, dtype=np.int32)[None]),
        FactorBlock(
            Count(
                np.where(rng.random((1, 7)) < 0.5, rng.normal(size=(1, 7)), -np.inf),
                rng.random((1, 6)) < 0.3,
            ),
            np.arange(6, 12, dtype=np.int32)[None],
        ),
    ]
    for _ in range(draw(st.integers(0, 3))):
        factors.append(FactorBlock(Table(allowed[None]), rng.integers(0, 6, (1, 1), np.int32)))
    if draw(st.booleans()):
        weights = np.where(rng.random((1, 2)) < 0.6, rng.normal(size=(1, 2)), -np.inf)
        factors.append(FactorBlock(Table(weights), rng.integers(6, 14, (2, 1), np.int32)))
    if draw(st.booleans()):
        pair = np.array([[int(rng.integers(6, 12)), 12]], np.int32)
        factors.append(FactorBlock(Table(rng.normal(size=(1, 2, 2))), pair))
    graph = FactorGraph(variables, tuple(factors))
    evidence = no_evidence(graph)
    for v in draw(st.lists(st.integers(0, 13), max_size=3)):
        evidence[v] = rng.integers(0, 7 if v < 6 else 2)
    # So that a few thousand assignments are left to enumerate.
    evidence[:3] = np.where(evidence[:3] >= 0, evidence[:3], rng.permutation(7)[:3])
    return graph, evidence


def _scores(graph: FactorGraph, evidence: np.ndarray) -> np.ndarray:
    free = np.flatnonzero(evidence < 0)
    states = [7 if v < 6 else 2 for v in free]
    rows = np.tile(evidence, (math.prod(states), 1))
    rows[:, free] = np.indices(states).reshape(len(free), -1).T
    return log_score(graph, rows)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_closed_forms_are_what_enumeration_finds(case: tuple[FactorGraph, np.ndarray]) -> None:
    graph, evidence = case
    scores = _scores(graph, evidence)
    found = infer(graph, Solutions(), evidence=evidence)
    assert found.count == int((scores > -np.inf).sum())
    z = infer(graph, LogPartition(), evidence=evidence)
    if found.count:
        assert math.isclose(found.log_count, math.log(found.count), abs_tol=1e-12)
        largest = scores.max()
        total = largest + math.log(np.exp(scores - largest).sum())
        assert math.isclose(z.log_value, total, abs_tol=1e-9)
    else:
        assert z.quality.status is Status.IMPOSSIBLE


def test_a_count_beyond_floats_is_an_integer() -> None:
    graph = FactorGraph(
        (VariableBlock("x", (300,), 300), VariableBlock("b", (500,), 2)),
        (
            FactorBlock(AllDifferent(), np.arange(300, dtype=np.int32)[None]),
            FactorBlock(
                Count(
                    np.where(np.arange(501) == 250, 0.0, -np.inf)[None],
                    np.zeros((1, 500), np.bool_),
                ),
                np.arange(300, 800, dtype=np.int32)[None],
            ),
        ),
    )
    found = infer(graph, Solutions())
    assert isinstance(found, SolutionsAnswer)
    assert found.count == math.factorial(300) * math.comb(500, 250)
    assert found.quality.status is Status.EXACT


def test_what_something_else_speaks_of_is_left_in() -> None:
    scope = np.arange(6, dtype=np.int32)[None]
    weights = np.arange(7.0)[None]
    graph = FactorGraph(
        (VariableBlock("x", (6,), 7),),
        (FactorBlock(AllDifferent(), scope), FactorBlock(Table(weights), scope[:, :1])),
    )
    assert set_apart(Task(graph, LogPartition(), no_evidence(graph))) is None
    apart = set_apart(Task(graph, Solutions(), no_evidence(graph)))
    assert apart is not None
    assert apart.count == math.perm(7, 6)


def test_the_rest_keeps_the_share_of_the_budget_it_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is left when a closed form is taken out is estimated in the share asked for."""
    seconds: list[float] = []

    def estimate(task: Task[LogPartition], planned: Plan, effort: Effort) -> Answer:
        del task, planned
        seconds.append(effort.budget.left_s())
        return LogPartitionAnswer(Quality(Status.ESTIMATE, "nothing", 0.0), 0.0, 0.0, 0.0)

    monkeypatch.setattr("gmruntime.estimates.quick.quick_by_messages", lambda *_: None)
    monkeypatch.setattr("gmruntime.estimates.answer.estimate", estimate)
    monkeypatch.setattr("gmruntime.elimination.answer.answer_planned", lambda *_: None)
    graph = FactorGraph(
        (VariableBlock("x", (6,), 7), VariableBlock("y", (2,), 2)),
        (
            FactorBlock(AllDifferent(), np.arange(6, dtype=np.int32)[None]),
            FactorBlock(Table(np.eye(2)[None]), np.array([[6, 7]], np.int32)),
        ),
    )
    still = Budget(0.0, 8.0, 1 << 28, clock=lambda: 0.0)
    infer(graph, LogPartition(), budget=still, estimate_share=0.25)
    assert seconds == [2.0]
