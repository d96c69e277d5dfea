"""Layered search finds the best of weighted sums, counts and noisy ORs, and proves it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import Best, Improvement, Map, Status
from gmruntime.budget import Budget, start_budget
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    LinearSum,
    NoisyOr,
    Potts,
    Table,
    Xor,
)
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.inference import infer
from gmruntime.layered import search as layered
from gmruntime.layered.moves import improved_by_moves
from gmruntime.layered.search import Found, Limits, layered_search
from gmruntime.task import Effort, Task
from tests.support.random_factors import with_zeros

# Nothing is remembered but what tables need: every sum is left to the passes.
FORGETFUL = Limits(num_states_one=1, num_states_several=64, width_first=4)


def every_assignment(graph: FactorGraph, evidence: np.ndarray) -> np.ndarray:
    """List every assignment that agrees with the evidence."""
    states = [range(block.num_states) for block in graph.variables for _ in range(block.size)]
    choices = [[int(e)] if e >= 0 else list(s) for e, s in zip(evidence, states, strict=True)]
    return np.array(list(itertools.product(*choices)), np.int32).reshape(-1, len(evidence))


def sums_graph(rng: np.random.Generator, num_factors: int) -> FactorGraph:
    """Make a graph of eight booleans and three variables of three states, and wide factors."""
    variables = (VariableBlock("x", (8,), 2), VariableBlock("y", (3,), 3))
    local = Table(rng.normal(size=(8, 2)))
    blocks = [FactorBlock(local, np.arange(8, dtype=np.int32)[:, None])]
    for _ in range(num_factors):
        kind, scope = _wide_factor(rng)
        blocks.append(FactorBlock(kind, scope[None].astype(np.int32)))
    if rng.random() < 0.5:
        pair = rng.choice(11, 2, replace=False)
        shape = [2 if v < 8 else 3 for v in pair]
        table = with_zeros(rng, rng.normal(size=(1, *shape)), 0.2)
        blocks.append(FactorBlock(Table(table), pair[None].astype(np.int32)))
    return FactorGraph(variables, tuple(blocks))


def _wide_factor(rng: np.random.Generator) -> tuple[FactorKind, np.ndarray]:
    booleans = rng.choice(8, 6, replace=False)
    match int(rng.integers(8)):
        case 0 | 1 | 2:
            scope = rng.choice(11, 7, replace=False)
            weights = rng.integers(-9, 25, (1, 7))
            values = np.zeros((1, 40)) if rng.random() < 0.6 else rng.normal(size=(1, 40))
            return LinearSum(weights, rng.integers(-20, 20, 1), values), scope
        case 3 | 4 | 5:
            failures = np.log1p(-rng.random((1, 6)))
            failures[0, rng.random(6) < 0.1] = -np.inf
            failures[0, rng.random(6) < 0.2] = 0.0
            # Effects come after their causes: nothing is its own cause.
            return NoisyOr(failures), np.sort(booleans)
        case 6:
            return Count(with_zeros(rng, rng.normal(size=(1, 7)), 0.3), rng.random((1, 6)) < 0.5), (
                booleans
            )
        case _:
            if rng.random() < 0.5:
                return AllDifferent(), np.array([8, 9, 10])
            return Xor(np.array([rng.random() < 0.5])), booleans


def run(
    graph: FactorGraph,
    evidence: np.ndarray,
    limits: Limits,
    count: int = 1,
    asked: np.ndarray | None = None,
) -> list[Found]:
    """Search to the end."""
    budget = start_budget(60.0, 1 << 30)
    rng = np.random.default_rng(0)
    return list(
        layered_search(
            Task(graph, Best(count, asked), evidence), Effort(budget, rng), limits=limits
        )
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans(), st.booleans())
def test_the_best_is_that_of_enumeration(seed: int, size: int, some: bool, forgets: bool):
    rng = np.random.default_rng(seed)
    graph = sums_graph(rng, size)
    evidence = no_evidence(graph)
    if some:
        evidence[rng.integers(8)] = rng.integers(2)
    scores = log_score(graph, every_assignment(graph, evidence))
    steps = run(graph, evidence, FORGETFUL if forgets else layered.USUAL)
    for step in steps:
        assert step.log_bound >= scores.max() - 1e-9
        np.testing.assert_array_equal(step.log_scores, log_score(graph, step.assignments))
    assert steps[-1].is_final
    if np.isfinite(scores.max()):
        assert steps[-1].log_scores[0] == pytest.approx(scores.max(), abs=1e-9)
    else:
        assert not len(steps[-1].log_scores)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3), st.integers(2, 9), st.booleans(), st.booleans())
def test_the_k_best_are_those_of_enumeration(
    seed: int, size: int, count: int, all_asked: bool, forgets: bool
):
    rng = np.random.default_rng(seed)
    graph = sums_graph(rng, size)
    evidence = no_evidence(graph)
    asked = np.arange(11, dtype=np.int32)
    if not all_asked:
        asked = rng.choice(11, 3, replace=False).astype(np.int32)
    rows = every_assignment(graph, evidence)
    best: dict[bytes, float] = {}
    for row, score in zip(rows, log_score(graph, rows), strict=True):
        key = row[asked].tobytes()
        best[key] = max(best.get(key, -np.inf), float(score))
    wanted = sorted((s for s in best.values() if s > -np.inf), reverse=True)[:count]
    last = run(graph, evidence, FORGETFUL if forgets else layered.USUAL, count, asked=asked)[-1]
    assert last.is_final
    assert last.log_scores == pytest.approx(wanted, abs=1e-9)
    assert len({row[asked].tobytes() for row in last.assignments}) == len(wanted)


def knapsack(weights: np.ndarray, values: np.ndarray, room: int) -> FactorGraph:
    """Make a graph whose best assignment packs a knapsack best."""
    n = len(weights)
    own = Table(np.stack([np.zeros(n), values], axis=1))
    fits = np.where(np.arange(int(weights.sum()) + 1) <= room, 0.0, -np.inf)
    load = LinearSum(weights[None], np.zeros(1, np.int64), fits[None])
    items = np.arange(n, dtype=np.int32)
    blocks = (FactorBlock(own, items[:, None]), FactorBlock(load, items[None]))
    return FactorGraph((VariableBlock("x", (n,), 2),), blocks)


@pytest.mark.parametrize("method", ["", "search"])
@pytest.mark.parametrize("weight_max", [40, 9000])
def test_knapsacks_are_packed_best(weight_max: int, method: str):
    rng = np.random.default_rng(weight_max)
    weights, values = rng.integers(1, weight_max, 40), rng.integers(1, 50, 40) / 10
    room = int(weights.sum()) // 2
    best = np.zeros(room + 1)
    for weight, value in zip(weights, values, strict=True):
        best[weight:] = np.maximum(best[weight:], best[: room + 1 - weight] + value)
    answer = infer(knapsack(weights, values, room), Map(), method=method)
    assert answer.quality.status is Status.EXACT
    assert answer.log_scores[0] == pytest.approx(best[room])


@pytest.mark.parametrize("method", ["", "search"])
def test_a_noisy_or_of_many_strengths_is_explained_best(method: str):
    rng = np.random.default_rng(3)
    n = 14
    p = rng.uniform(0.02, 0.3, n)
    own = Table(np.log(np.stack([1 - p, p], axis=1)))
    failures = np.log1p(-np.append(rng.uniform(0.05, 0.9, n), 0.02))
    scope = np.arange(n + 1, dtype=np.int32)
    blocks = (
        FactorBlock(own, scope[:n, None]),
        FactorBlock(NoisyOr(failures[None]), scope[None]),
    )
    graph = FactorGraph((VariableBlock("d", (n,), 2), VariableBlock("e", (), 2)), blocks)
    evidence = no_evidence(graph)
    evidence[n] = 1
    scores = np.sort(log_score(graph, every_assignment(graph, evidence)))[::-1]
    best = infer(graph, Best(5), evidence=evidence, method=method)
    assert best.quality.status is Status.EXACT
    assert best.log_scores == pytest.approx(scores[:5])
    assert infer(graph, Map(), evidence=evidence).log_scores[0] == pytest.approx(scores[0])


def test_fewer_than_were_wanted_are_all_there_are():
    graph = knapsack(np.array([5, 6, 7, 8, 9]), np.ones(5), 5)
    answer = infer(graph, Best(9), method="search")
    assert answer.quality.status is Status.EXACT
    assert len(answer.log_scores) == 2
    assert "there are 2" in answer.quality.note


def test_moves_over_sums_keep_every_rule_and_only_improve():
    rng = np.random.default_rng(5)
    side, num = 18, 18 * 18
    index = np.arange(num, dtype=np.int32).reshape(side, side)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    )
    weights = rng.integers(1, 500, num)
    exactly = LinearSum(weights[None], np.array([int(weights.sum()) // 3]), np.zeros((1, 1)))
    graph = FactorGraph(
        (VariableBlock("x", (num,), 2),),
        (
            FactorBlock(Potts(np.array([0.7])), pairs),
            FactorBlock(Table(rng.normal(size=(num, 2))), index.reshape(-1, 1)),
            FactorBlock(exactly, index.reshape(1, -1)),
        ),
    )
    evidence = no_evidence(graph)
    evidence[:3] = 1
    ticks = itertools.count()
    budget = Budget(0.0, 8.0, 1 << 30, clock=lambda: 0.01 * next(ticks))
    nothing = np.where(evidence >= 0, evidence, 0).astype(np.int32)
    first = Improvement(0.0, nothing, float(log_score(graph, nothing)), np.inf, "nothing")
    best = -np.inf
    for step in improved_by_moves(
        Task(graph, Map(), evidence), Effort(budget, np.random.default_rng(0)), first
    ):
        assert step.log_score > best
        assert step.log_score == pytest.approx(float(log_score(graph, step.assignment)))
        assert (step.assignment[:3] == 1).all()
        best = step.log_score
    assert np.isfinite(best)


def test_all_permutations_are_listed_best_first():
    worth = np.random.default_rng(0).normal(size=(5, 5))
    scope = np.arange(5, dtype=np.int32)
    blocks = (FactorBlock(AllDifferent(), scope[None]), FactorBlock(Table(worth), scope[:, None]))
    graph = FactorGraph((VariableBlock("x", (5,), 5),), blocks)
    scores = log_score(graph, np.array(list(itertools.permutations(range(5))), np.int32))
    answer = infer(graph, Best(200))
    assert answer.quality.status is Status.EXACT
    assert answer.log_scores == pytest.approx(np.sort(scores)[::-1])
