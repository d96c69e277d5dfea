import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import (
    AssignmentsAnswer,
    Joint,
    LogPartition,
    Map,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.budget import start_budget
from gmruntime.elimination import answer as answers
from gmruntime.elimination.answer import answer
from gmruntime.elimination.layouts.supports import Group, group_of, keys, partition
from gmruntime.elimination.plan import plan
from gmruntime.factors.kinds import Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.questions.enumerate import enumerate_assignments, log_partition, marginal
from gmruntime.simplify.barren import drop_barren
from gmruntime.simplify.network import reduce
from gmruntime.simplify.states import drop_dominated, prune_states
from gmruntime.task import Effort, Task


def directed(seed: int, zeros: float) -> FactorGraph:
    """Nine variables of three states; each is drawn given up to two earlier ones."""
    rng = np.random.default_rng(seed)
    factors: list[FactorBlock] = []
    for child in range(9):
        parents = rng.choice(child, min(child, 2), replace=False) if child else np.zeros(0, int)
        table = rng.random((1, *[3] * len(parents), 3)) + 0.05
        table[rng.random(table.shape) < zeros] = 0.0
        table /= np.maximum(table.sum(axis=-1, keepdims=True), 1e-300)
        with np.errstate(divide="ignore"):
            logs = np.log(table)
        scope = np.array([[*parents, child]], np.int32)
        factors.append(FactorBlock(Table(logs), scope))
    return FactorGraph((VariableBlock("x", (9,), 3),), tuple(factors))


def observed(graph: FactorGraph, seed: int) -> Assignment:
    evidence = no_evidence(graph)
    rng = np.random.default_rng(seed)
    evidence[rng.choice(9, 2, replace=False)] = rng.integers(0, 3, 2)
    return evidence


def test_a_normalised_model_without_evidence_dissolves() -> None:
    graph = directed(0, 0.0)
    network = reduce(Task(graph, LogPartition(), no_evidence(graph)))
    assert network is not None
    left = drop_barren(network, frozenset())
    assert not left.factors
    assert not left.free
    assert left.log_constant == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_a_simpler_network_gives_the_same_marginals(seed: int, zeros: float) -> None:
    graph = directed(seed, zeros)
    evidence = observed(graph, seed)
    every = enumerate_assignments(graph, evidence)
    asked = np.array([1, 4], np.int32)
    found = answer(
        Task(graph, Marginals(asked), evidence),
        Effort(start_budget(60.0, 1 << 30), np.random.default_rng(0)),
    )
    assert isinstance(found, MarginalsAnswer)
    if log_partition(every) == -np.inf:
        return
    assert found.log_partition == pytest.approx(log_partition(every), abs=1e-9)
    for v in asked:
        np.testing.assert_allclose(found.probabilities[0][v], marginal(every, int(v), 3), atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_pruned_states_are_impossible(seed: int) -> None:
    graph = directed(seed, 0.5)
    evidence = observed(graph, seed)
    every = enumerate_assignments(graph, evidence)
    possible = every.assignments[every.log_scores > -np.inf]
    network = reduce(Task(graph, LogPartition(), evidence))
    assert network is not None
    pruned = prune_states(network)
    if pruned.log_constant == -np.inf:
        assert not len(possible)
        return
    for v, labels in pruned.labels.items():
        assert set(np.unique(possible[:, v])) <= set(labels.tolist())


def test_an_unasked_branch_costs_nothing() -> None:
    graph = directed(3, 0.0)
    rng = np.random.default_rng(0)
    budget = start_budget(60.0, 1 << 30)
    found = plan(
        Task(graph, Joint(np.array([0], np.int32)), no_evidence(graph)), Effort(budget, rng)
    )
    assert found.network is not None
    assert set(found.network.free) == {0}


@pytest.mark.parametrize("seed", range(8))
def test_marginals_leaf_by_leaf_are_the_marginals(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WORTH_S", 0.0)
    graph = directed(seed, 0.0)
    evidence = observed(graph, seed)
    every = enumerate_assignments(graph, evidence)
    found = answer(
        Task(graph, Marginals(), evidence),
        Effort(start_budget(60.0, 1 << 30), np.random.default_rng(0)),
    )
    assert isinstance(found, MarginalsAnswer)
    assert found.log_partition == pytest.approx(log_partition(every), abs=1e-9)
    for v in range(9):
        np.testing.assert_allclose(found.probabilities[0][v], marginal(every, v, 3), atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_dominated_states_cost_the_maximum_nothing(seed: int, zeros: float) -> None:
    graph = directed(seed, zeros)
    evidence = observed(graph, seed)
    scores = enumerate_assignments(graph, evidence).log_scores
    truth = scores.max() if len(scores) else -np.inf
    network = reduce(Task(graph, Map(), evidence))
    assert network is not None
    pruned = prune_states(network)
    if pruned.log_constant == -np.inf:
        assert truth == -np.inf
        return
    left = drop_dominated(pruned)
    assert (left.num_states[list(left.free)] >= 1).all()
    found = answer(
        Task(graph, Map(), evidence), Effort(start_budget(10.0, 1 << 30), np.random.default_rng(0))
    )
    assert isinstance(found, AssignmentsAnswer)
    if truth == -np.inf:
        assert found.quality.status is Status.IMPOSSIBLE
        return
    assert found.log_scores[0] == pytest.approx(truth, abs=1e-10)


def test_a_state_that_is_never_better_goes() -> None:
    scopes = np.array([[0, 1]], np.int32)
    table = np.array([[[0.0, 1.0], [2.0, 1.0], [1.0, 0.5]]])
    variables = (VariableBlock("a", (), 3), VariableBlock("b", (), 2))
    graph = FactorGraph(variables, (FactorBlock(Table(table), scopes),))
    network = reduce(Task(graph, Map(), no_evidence(graph)))
    assert network is not None
    left = drop_dominated(network)
    assert left.num_states.tolist() == [1, 1]
    assert left.log_constant == 2.0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count_max=st.sampled_from([1, 4, 9, 30, 60]))
def test_joint_states_are_cut_into_groups_within_what_was_given(seed: int, count_max: int) -> None:
    """Nothing that all groups allow is lost, and no part allows what one of them forbids."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 4, 7)
    given_groups: list[Group] = []
    for _ in range(int(rng.integers(1, 15))):
        scope = tuple(int(v) for v in rng.permutation(7)[: int(rng.integers(1, 5))])
        table = rng.random(sizes[list(scope)])
        table[table < 0.3] = -np.inf
        given_groups.append(group_of(table, scope))
    parts = partition(given_groups, sizes, count_max)
    assert sorted(v for part in parts for v in part.variables) == sorted(
        {v for group in given_groups for v in group.variables}
    )
    for part in parts:
        for group in given_groups:
            shared = tuple(v for v in part.variables if v in group.variables)
            if shared:
                assert set(keys(part, shared, sizes)) <= set(keys(group, shared, sizes))
    allowed = [set(map(tuple, group.states.tolist())) for group in given_groups]
    for states in itertools.product(*(range(int(k)) for k in sizes)):
        if all(
            tuple(states[v] for v in group.variables) in rows
            for group, rows in zip(given_groups, allowed, strict=True)
        ):
            for part in parts:
                assert tuple(states[v] for v in part.variables) in set(
                    map(tuple, part.states.tolist())
                )
