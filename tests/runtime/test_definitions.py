"""What follows from other variables is neither guessed nor left behind."""

import numpy as np
import pytest

import gmlang
from gmruntime.answer import Improvement, Map
from gmruntime.budget import start_budget
from gmruntime.constraints.solve import pose, solve
from gmruntime.factors.decompose import to_tables
from gmruntime.factors.kinds import LinearSum, Table
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
)
from gmruntime.inference import infer
from gmruntime.primal.defined_moves import improved_by_definitions
from gmruntime.simplify.definitions import decisions, definitions, follow
from gmruntime.task import Effort, Task
from tests.support.random_factors import every_kind

NO = -np.inf

ASSIGNMENT = """
data weight[3, 7] : int
data cost[3, 7] : int
data cap[3] : int
var who[7] : 0..2
for a in 0..2:
    constraint sum(weight[a, j] for j in 0..6 if who[j] == a) <= cap[a]
for j in 0..6:
    factor -cost[who[j], j]
query MAP()
"""


@pytest.mark.parametrize("seed", range(5))
def test_whoever_follows_the_definitions_scores_as_the_graph_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for kind, sizes in every_kind(rng, 1):
        variables = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(sizes))
        scope = np.arange(len(sizes), dtype=np.int32)[None]
        graph = FactorGraph(variables, (FactorBlock(kind, scope),))
        tables = to_tables(graph, table_bits_max=1)
        assert tables is not None
        defined = [d for d in definitions(tables) if d.variable >= len(sizes)]
        # An auxiliary variable of one state has nothing to follow.
        hidden = num_states(tables)[len(sizes) :]
        assert len(defined) == (hidden > 1).sum()
        every = np.indices(sizes).reshape(len(sizes), -1).T.astype(np.int32)
        blank = np.zeros((len(every), len(hidden)), np.int32)
        whole = follow(defined, np.concatenate([every, blank], axis=1))
        np.testing.assert_allclose(log_score(tables, whole), log_score(graph, every), atol=1e-12)


def test_what_several_states_allow_follows_from_nothing() -> None:
    less = Table(np.where(np.triu(np.ones((3, 3))), 0.0, NO)[None])
    graph = FactorGraph(
        (VariableBlock("x", (2,), 3),), (FactorBlock(less, np.array([[0, 1]], np.int32)),)
    )
    assert definitions(graph) == []
    assert decisions([], no_evidence(graph)).tolist() == [0, 1]


def assignment_graph(rng: np.random.Generator) -> tuple[FactorGraph, float]:
    """Return the graph of a program, and the least cost by looking at all of 3^7 assignments."""
    weight = rng.integers(5, 26, (3, 7))
    cost = rng.integers(10, 30, (3, 7))
    cap = rng.integers(28, 45, 3)
    every = np.indices((3,) * 7).reshape(7, -1).T
    taken = every[:, None, :] == np.arange(3)[None, :, None]
    keeps = ((taken * weight).sum(axis=2) <= cap).all(axis=1)
    costs = (taken * cost).sum(axis=(1, 2))
    model = gmlang.compile(ASSIGNMENT, weight=weight, cost=cost, cap=cap)
    return model.graph(), float(costs[keeps].min()) if keeps.any() else np.inf


@pytest.mark.parametrize("seed", range(8))
def test_jobs_are_assigned_without_overload(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, least = assignment_graph(rng)
    budget = start_budget(60.0, 1 << 30)
    found = solve(pose(graph, no_evidence(graph), budget), budget, rng)
    assert found.is_impossible == (least == np.inf)
    if found.assignment is None:
        return
    score = float(log_score(graph, found.assignment))
    first = Improvement(0.0, found.assignment, score, np.inf, "start")
    for better in improved_by_definitions(
        Task(graph, Map(), no_evidence(graph)), Effort(budget, rng), first
    ):
        assert better.log_score > first.log_score
        assert better.log_score == pytest.approx(float(log_score(graph, better.assignment)))
        first = better
    assert first.log_score <= -least + 1e-9
    best = infer(graph, Map(), budget_s=60.0)
    assert best.log_scores[0] == pytest.approx(-least)


def test_the_states_of_chains_are_not_guessed() -> None:
    rng = np.random.default_rng(0)
    weights = rng.integers(5, 23, (6, 40))
    plan = rng.integers(0, 6, 40)
    factors: list[FactorBlock] = []
    variables = [VariableBlock("who", (40,), 6)]
    scope = np.arange(40, dtype=np.int32)[None]
    for agent in range(6):
        load = int(weights[agent][plan == agent].sum()) + 10
        is_mine = (np.arange(6) == agent).astype(np.float64)
        booleans = np.arange(40 * (agent + 1), 40 * (agent + 2), dtype=np.int32)
        variables.append(VariableBlock(f"is {agent}", (40,), 2))
        same = np.where(is_mine[:, None] == np.arange(2), 0.0, NO)
        pairs = np.stack([scope[0], booleans], axis=1)
        factors.append(FactorBlock(Table(same[None]), pairs))
        kind = LinearSum(weights[agent][None], np.zeros(1, np.int64), np.zeros((1, load + 1)))
        factors.append(FactorBlock(kind, booleans[None]))
    graph = to_tables(FactorGraph(tuple(variables), tuple(factors)), num_entries_max=1 << 26)
    assert graph is not None
    sizes = num_states(graph)
    assert sizes.max() > 50
    problem = pose(graph, no_evidence(graph), start_budget(60.0, 1 << 30))
    assert problem.follows == [False] * 40 + (sizes[40:] > 1).tolist()
