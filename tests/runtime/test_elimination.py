import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import (
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import Budget, start_budget
from gmruntime.elimination import plan as plans
from gmruntime.elimination.answer import answer, attempt
from gmruntime.elimination.layouts import groups as layout
from gmruntime.elimination.passes import cores as running
from gmruntime.factors.kinds import Table
from gmruntime.graph import (
    Assignment,
    FactorBlock,
    FactorGraph,
    VariableBlock,
    no_evidence,
    num_states,
)
from gmruntime.questions.enumerate import enumerate_assignments, log_partition, log_sum, marginal
from gmruntime.task import Effort, Task
from gmruntime.workspace import Workspace


def budget() -> Budget:
    return start_budget(60.0, 1 << 30)


def random_graph(seed: int, zeros: float) -> tuple[FactorGraph, Assignment]:
    """A graph of seven variables of one to three states, with hard zeros and an empty scope."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, 7)
    variables = tuple(VariableBlock(f"x{k}", (), int(n)) for k, n in enumerate(sizes))
    factors = [FactorBlock(Table(np.array([0.25])), np.zeros((1, 0), np.int32))]
    for _ in range(int(rng.integers(0, 9))):
        scope = rng.choice(7, int(rng.integers(1, 4)), replace=False).astype(np.int32)
        table = rng.normal(size=(1, *sizes[scope]))
        table[rng.random(table.shape) < zeros] = -np.inf
        factors.append(FactorBlock(Table(table), scope[None]))
    graph = FactorGraph(variables, tuple(factors))
    evidence = no_evidence(graph)
    seen = rng.random(7) < 0.2
    evidence[seen] = (rng.random(7) * sizes).astype(np.int32)[seen]
    return graph, evidence


@pytest.fixture(params=["numpy", "compiled", "listed", "parallel"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "numpy":
        monkeypatch.setattr(plans, "COMPILED_BITS", -1.0)
        monkeypatch.setattr(plans, "is_loaded", lambda: True)
    if request.param in ("listed", "parallel"):
        monkeypatch.setattr(layout, "LAYOUT_S", 1e-12)
        monkeypatch.setattr(layout, "SAVED_BITS_MIN", -np.inf)
    if request.param == "parallel":
        monkeypatch.setattr(running, "PARALLEL_ENTRIES", 1)
        monkeypatch.setattr(running, "REUSED_ENTRIES_MIN", 0)
    return request.param


@pytest.mark.parametrize("seed", range(40))
def test_every_answer_agrees_with_enumeration(engine: str, seed: int) -> None:
    assert engine
    graph, evidence = random_graph(seed, 0.0 if seed % 2 else 0.25)
    every = enumerate_assignments(graph, evidence)
    log_z = log_partition(every)
    rng = np.random.default_rng(seed)

    found = answer(Task(graph, LogPartition(), evidence), Effort(budget(), rng))
    assert isinstance(found, LogPartitionAnswer)
    best = answer(Task(graph, Map(), evidence), Effort(budget(), rng))
    assert isinstance(best, AssignmentsAnswer)
    rows = answer(Task(graph, Marginals(), evidence), Effort(budget(), rng))
    assert isinstance(rows, MarginalsAnswer)
    drawn = answer(Task(graph, Samples(20), evidence), Effort(budget(), rng))
    assert isinstance(drawn, AssignmentsAnswer)
    if log_z == -np.inf:
        statuses = [a.quality.status for a in (found, best, rows, drawn)]
        assert statuses == [Status.IMPOSSIBLE] * 4
        return
    assert found.log_value == pytest.approx(log_z, abs=1e-10)
    assert best.log_scores[0] == pytest.approx(every.log_scores.max(), abs=1e-10)
    for v, block in enumerate(graph.variables):
        expected = marginal(every, v, block.num_states)
        np.testing.assert_allclose(rows.probabilities[v], expected, atol=1e-10)
    assert np.isfinite(drawn.log_scores).all()


@pytest.mark.parametrize("seed", range(20))
def test_joints_agree_with_enumeration(engine: str, seed: int) -> None:
    assert engine
    graph, evidence = random_graph(seed, 0.1)
    every = enumerate_assignments(graph, evidence)
    asked = np.array([4, 1, 6], np.int32)
    found = answer(Task(graph, Joint(asked), evidence), Effort(budget(), np.random.default_rng(0)))
    assert isinstance(found, JointAnswer)
    if log_partition(every) == -np.inf:
        assert found.quality.status is Status.IMPOSSIBLE
        return
    expected = np.zeros(found.probabilities.shape)
    weights = np.exp(every.log_scores - log_partition(every))
    np.add.at(expected, tuple(every.assignments[:, asked].T), weights)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-10)


@pytest.mark.parametrize("seed", range(20))
def test_marginal_maps_agree_with_enumeration(engine: str, seed: int) -> None:
    assert engine
    graph, evidence = random_graph(seed, 0.1)
    every = enumerate_assignments(graph, evidence)
    asked = np.array([2, 5], np.int32)
    found = answer(
        Task(graph, MarginalMap(asked), evidence), Effort(budget(), np.random.default_rng(0))
    )
    assert isinstance(found, MarginalMapAnswer)
    if log_partition(every) == -np.inf:
        assert found.quality.status is Status.IMPOSSIBLE
        return
    pairs = every.assignments[:, asked]
    values = [
        log_sum(every.log_scores[(pairs == pair).all(axis=1)]) for pair in np.unique(pairs, axis=0)
    ]
    assert found.log_value == pytest.approx(max(values), abs=1e-10)
    assert log_sum(every.log_scores[(pairs == found.states).all(axis=1)]) == pytest.approx(
        max(values), abs=1e-10
    )


@pytest.mark.parametrize("seed", range(10))
def test_draws_are_distributed_as_the_enumeration_says(engine: str, seed: int) -> None:
    assert engine
    graph, evidence = random_graph(seed, 0.3)
    every = enumerate_assignments(graph, evidence)
    found = answer(
        Task(graph, Samples(4000), evidence), Effort(budget(), np.random.default_rng(seed))
    )
    assert isinstance(found, AssignmentsAnswer)
    if log_partition(every) == -np.inf:
        assert found.quality.status is Status.IMPOSSIBLE
        return
    assert np.isfinite(found.log_scores).all()
    for v in (2, 5):
        size = int(num_states(graph)[v])
        told = np.bincount(found.assignments[:, v], minlength=size) / 4000
        # Five standard errors of a share of 4000 draws.
        np.testing.assert_allclose(told, marginal(every, v, size), atol=0.04)


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_the_best_and_the_count_agree_with_enumeration(seed: int) -> None:
    graph, evidence = random_graph(seed, 0.3)
    every = enumerate_assignments(graph, evidence)
    rng = np.random.default_rng(0)
    found = answer(Task(graph, Best(4), evidence), Effort(budget(), rng))
    assert isinstance(found, AssignmentsAnswer)
    possible = np.sort(every.log_scores[every.log_scores > -np.inf])[::-1]
    np.testing.assert_allclose(found.log_scores, possible[:4], atol=1e-10)
    counted = answer(Task(graph, Solutions(), evidence), Effort(budget(), rng))
    assert isinstance(counted, SolutionsAnswer)
    assert counted.count == len(possible)


def test_an_empty_graph_has_one_assignment(engine: str) -> None:
    assert engine
    graph = FactorGraph((), ())
    found = answer(
        Task(graph, LogPartition(), no_evidence(graph)), Effort(budget(), np.random.default_rng(0))
    )
    assert isinstance(found, LogPartitionAnswer)
    assert found.log_value == 0.0


@pytest.mark.parametrize("seed", range(10))
def test_a_known_order_gives_the_same_answers(seed: int) -> None:
    graph, evidence = random_graph(seed, 0.2)
    orders = Workspace()
    for query in (LogPartition(), Samples(5), LogPartition(), Samples(5)):
        rng = np.random.default_rng(seed)
        first, _ = attempt(Task(graph, query, evidence), Effort(budget(), rng))
        again, _ = attempt(
            Task(graph, query, evidence),
            Effort(budget(), np.random.default_rng(seed), workspace=orders),
        )
        if isinstance(first, LogPartitionAnswer) and isinstance(again, LogPartitionAnswer):
            assert first.log_value == again.log_value
        if isinstance(first, AssignmentsAnswer) and isinstance(again, AssignmentsAnswer):
            np.testing.assert_array_equal(first.assignments, again.assignments)
    # An order for sums and one for draws, the network of each, and what sums depend on.
    assert len(orders) <= 5


def test_orders_of_other_graphs_are_not_taken_for_known_ones() -> None:
    # With a number of states for each variable after the free ones, (), (2, 2, 2, 2, 2) and
    # (2,), (2, 2, 2, 2) are the same row of numbers.
    orders = Workspace()
    for size, observed in ((5, 5), (4, 4), (4, 2), (4, 3), (3, 2)):
        graph = FactorGraph((VariableBlock("x", (size,), 2),), ())
        for free in itertools.combinations(range(size), size - observed):
            evidence = np.zeros(size, np.int32)
            evidence[list(free)] = -1
            rng = np.random.default_rng(0)
            found, _ = attempt(
                Task(graph, LogPartition(), evidence), Effort(budget(), rng, workspace=orders)
            )
            assert isinstance(found, LogPartitionAnswer)
            assert found.log_value == pytest.approx(len(free) * np.log(2.0))
