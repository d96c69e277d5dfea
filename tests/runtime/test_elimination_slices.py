from dataclasses import replace

import numpy as np
import pytest

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Query,
    Solutions,
    Status,
)
from gmruntime.budget import Budget, start_budget
from gmruntime.elimination import slices
from gmruntime.elimination.bounding import bound_log_partition
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.plan import Plan, plan
from gmruntime.elimination.sliced import answer_in_slices
from gmruntime.elimination.slices import choose_cut
from gmruntime.elimination.weighted_mini_buckets import relax
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.inference import infer
from gmruntime.inference import plan as foresee
from gmruntime.questions.enumerate import enumerate_assignments, log_partition, marginal
from gmruntime.simplify.network import reduce
from gmruntime.task import Effort, Task


def frustrated_grid(seed: int, zeros: float) -> FactorGraph:
    """A 4 x 4 grid of binary variables with random tables."""
    rng = np.random.default_rng(seed)
    index = np.arange(16).reshape(4, 4)
    right = np.stack([index[:, :-1], index[:, 1:]], axis=-1).reshape(-1, 2)
    down = np.stack([index[:-1], index[1:]], axis=-1).reshape(-1, 2)
    scopes = np.concatenate([right, down]).astype(np.int32)
    tables = rng.normal(scale=2.0, size=(len(scopes), 2, 2))
    tables[rng.random(tables.shape) < zeros] = -np.inf
    return FactorGraph((VariableBlock("x", (4, 4), 2),), (FactorBlock(Table(tables), scopes),))


def ticking(num_ticks: int) -> Budget:
    """A budget that ends after it was asked a number of times."""
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    return start_budget(float(num_ticks), 300, clock)


@pytest.fixture(autouse=True)
def free_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ticks count what is computed, not seconds that these slices would not take."""
    monkeypatch.setattr(slices, "SLICE_S", 1e-3)


def in_slices(graph: FactorGraph, query: Query, found: Plan, budget: Budget) -> Answer | None:
    rng = np.random.default_rng(0)
    cut = choose_cut(query, found, start_budget(1e9, budget.memory_bytes))
    return answer_in_slices(Task(graph, query, no_evidence(graph)), found, Effort(budget, rng), cut)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("zeros", [0.0, 0.15])
def test_minibuckets_bound_from_above(seed: int, zeros: float) -> None:
    graph = frustrated_grid(seed, zeros)
    every = enumerate_assignments(graph, no_evidence(graph))
    for query, truth, is_max in (
        (LogPartition(), log_partition(every), False),
        (Map(), every.log_scores.max(), True),
    ):
        network = reduce(Task(graph, query, no_evidence(graph)))
        assert network is not None
        order = best_order(network, np.random.default_rng(seed))
        assert order is not None
        bounds = [
            relax(network, order.variables, bits, is_max=lambda _, flag=is_max: flag).log_constant
            for bits in (2.0, 3.0, 20.0)
        ]
        assert min(bounds) >= truth
        # With room for every clique nothing is split: the bound is the value.
        assert bounds[-1] == truth or bounds[-1] == pytest.approx(truth, abs=1e-6)
        for given_max in (1.0, 2.0):
            narrowed = relax(
                network,
                order.variables,
                20.0,
                is_max=lambda _, flag=is_max: flag,
                given_max=given_max,
            )
            assert narrowed.log_constant >= truth


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("num_ticks", [8, 16, 24, 40, 10_000])
def test_an_unfinished_sum_is_a_proven_interval(seed: int, num_ticks: int) -> None:
    graph = frustrated_grid(seed, 0.1)
    truth = log_partition(enumerate_assignments(graph, no_evidence(graph)))
    budget = ticking(num_ticks)
    # With a clock of its own: ticks count what is done in slices.
    patient = start_budget(1e9, budget.memory_bytes)
    found = plan(
        Task(graph, LogPartition(), no_evidence(graph)), Effort(patient, np.random.default_rng(0))
    )
    assert found.network is not None
    if found.network.log_constant == -np.inf:
        assert truth == -np.inf
        return
    assert found.memory_bytes > budget.memory_bytes
    answer = in_slices(graph, LogPartition(), found, budget)
    assert isinstance(answer, LogPartitionAnswer)
    assert answer.log_lower <= truth + 1e-12
    assert truth <= answer.log_upper + 1e-12
    if num_ticks == 10_000 and truth > -np.inf:
        assert answer.quality.status is Status.EXACT
        assert answer.log_value == pytest.approx(truth, abs=1e-10)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_slice_holds_the_best_assignment(seed: int) -> None:
    graph = frustrated_grid(seed, 0.1)
    truth = enumerate_assignments(graph, no_evidence(graph)).log_scores.max()
    budget = ticking(10_000)
    found = plan(Task(graph, Map(), no_evidence(graph)), Effort(budget, np.random.default_rng(0)))
    assert found.network is not None
    if found.network.log_constant == -np.inf:
        assert truth == -np.inf
        return
    answer = in_slices(graph, Map(), found, budget)
    assert isinstance(answer, AssignmentsAnswer)
    if truth == -np.inf:
        assert answer.quality.status is Status.IMPOSSIBLE
        return
    assert answer.quality.status is Status.EXACT
    assert answer.log_scores[0] == pytest.approx(truth, abs=1e-10)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("num_ticks", [12, 24, 40, 10_000])
def test_unfinished_marginals_are_proven_intervals(seed: int, num_ticks: int) -> None:
    graph = frustrated_grid(seed, 0.1)
    every = enumerate_assignments(graph, no_evidence(graph))
    budget = ticking(num_ticks)
    # With a clock of its own: ticks count what is done in slices.
    patient = start_budget(1e9, budget.memory_bytes)
    found = plan(
        Task(graph, Marginals(), no_evidence(graph)), Effort(patient, np.random.default_rng(0))
    )
    assert found.network is not None
    if found.network.log_constant == -np.inf:
        return
    answer = in_slices(graph, Marginals(), found, budget)
    if answer is None:
        assert num_ticks < 10_000
        return
    assert isinstance(answer, MarginalsAnswer)
    for v, row in enumerate(answer.probabilities[0].reshape(-1, 2)):
        truth = marginal(every, v, 2)
        if answer.quality.status is Status.EXACT:
            np.testing.assert_allclose(row, truth, atol=1e-9)
            continue
        assert answer.lower is not None
        assert answer.upper is not None
        assert (answer.lower[0].reshape(-1, 2)[v] <= truth + 1e-12).all()
        assert (answer.upper[0].reshape(-1, 2)[v] >= truth - 1e-12).all()
    if num_ticks == 10_000:
        assert answer.quality.status is Status.EXACT


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("zeros", [0.0, 0.2])
def test_log_z_lies_between_its_bounds(seed: int, zeros: float) -> None:
    """Also with tables too small to be exact, and the estimate comes close."""
    graph = frustrated_grid(seed, zeros)
    truth = log_partition(enumerate_assignments(graph, no_evidence(graph)))
    network = reduce(Task(graph, LogPartition(), no_evidence(graph)))
    assert network is not None
    budget = replace(ticking(60), memory_bytes=1 << 20)
    found = bound_log_partition(network, None, -np.inf, np.nan, budget, np.random.default_rng(seed))
    if truth == -np.inf:
        assert found is None or found.log_lower == -np.inf
        return
    assert found is not None
    assert found.log_lower <= truth <= found.log_upper
    assert found.log_lower <= found.log_value <= found.log_upper
    assert found.log_value == pytest.approx(truth, abs=0.2)


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(k, marks=pytest.mark.slow) for k in range(3, 6))]
)
def test_a_request_beyond_the_cap_says_what_it_needs(seed: int) -> None:
    graph = frustrated_grid(seed, 0.0)
    truth = log_partition(enumerate_assignments(graph, no_evidence(graph)))
    tables = Table(np.zeros((1, 2, 2)))
    wide = 40
    index = np.arange(wide * wide).reshape(wide, wide)
    down = np.stack([index[:-1], index[1:]], axis=-1).reshape(-1, 2)
    right = np.stack([index[:, :-1], index[:, 1:]], axis=-1).reshape(-1, 2)
    scopes = np.concatenate([down, right]).astype(np.int32)
    flat = FactorGraph((VariableBlock("x", (wide, wide), 2),), (FactorBlock(tables, scopes),))
    answer = infer(flat, LogPartition(), budget_s=4.0, memory_bytes=1 << 20, seed=seed)
    assert answer.quality.status is Status.BOUNDED
    assert "would need" in answer.quality.note
    assert answer.log_lower <= wide * wide * np.log(2) <= answer.log_upper
    small = infer(graph, LogPartition(), seed=seed)
    assert small.log_value == pytest.approx(truth, abs=1e-9)


@pytest.mark.parametrize("query", [LogPartition(), Solutions()])
def test_a_plan_says_that_tables_are_cut(query: Query) -> None:
    grid = frustrated_grid(1, 0.05)
    found = foresee(grid, query, memory_bytes=500)
    assert "slices" in found.engine
    answer = infer(grid, query, memory_bytes=500)
    assert answer.quality.method == "elimination"
    assert answer.quality.status in (Status.EXACT, Status.BOUNDED)
