"""States are joined, and tables taken apart, without any answer's noticing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import LogPartition, Marginals, MarginalsAnswer, Status
from gmruntime.budget import start_budget
from gmruntime.elimination.answer import answer
from gmruntime.factors.kinds import LinearSum, NoisyOr, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence, num_states
from gmruntime.questions.enumerate import enumerate_assignments, log_partition, marginal
from gmruntime.simplify.lumping import lump_states
from gmruntime.simplify.network import Network, reduce
from gmruntime.simplify.products import parts_of
from gmruntime.simplify.states import prune_states
from gmruntime.task import Effort, Task


def enough_of(num_things: int, least: int) -> FactorGraph:
    """Ask of the number of things that hold only whether it is at least so many."""
    things = np.log(np.array([[0.7, 0.3]]))
    sums = LinearSum(
        np.array([[*[1] * num_things, -1]], np.int64), np.zeros(1, np.int64), np.zeros((1, 1))
    )
    number = np.arange(num_things + 1)
    agrees = (number[:, None] >= least) == np.array([False, True])
    return FactorGraph(
        (
            VariableBlock("thing", (num_things,), 2),
            VariableBlock("enough", (1,), 2),
            VariableBlock("number", (1,), num_things + 1),
        ),
        (
            FactorBlock(Table(things), np.arange(num_things, dtype=np.int32)[:, None]),
            FactorBlock(sums, np.array([[*range(num_things), num_things + 1]], np.int32)),
            FactorBlock(
                Table(np.where(agrees, 0.0, -np.inf)[None]),
                np.array([[num_things + 1, num_things]], np.int32),
            ),
        ),
    )


def test_at_least_three_needs_four_states_of_every_partial_count():
    graph = enough_of(20, 3)
    network = reduce(Task(graph, Marginals(), no_evidence(graph)))
    assert network is not None
    lumped = lump_states(prune_states(network), frozenset({20}))
    assert lumped.num_states[21] == 2
    assert lumped.num_states[22:].max() == 4
    found = answer(
        Task(graph, Marginals(np.array([20], np.int32)), no_evidence(graph)),
        Effort(start_budget(30.0, 1 << 30), np.random.default_rng(0)),
    )
    assert isinstance(found, MarginalsAnswer)
    fewer = 0.7**20 + 20 * 0.3 * 0.7**19 + 190 * 0.09 * 0.7**18
    assert found.probabilities[1][0, 1] == pytest.approx(1 - fewer, abs=1e-12)


def total_and_rows(network: Network, asked: list[int]) -> tuple[float, list[np.ndarray]]:
    """Add up a network by its full table."""
    free = list(network.free)
    table = np.zeros([int(network.num_states[v]) for v in free])
    for factor in network.factors:
        shape = [1] * len(free)
        for v, size in zip(factor.scope, factor.table.shape, strict=True):
            shape[free.index(v)] = size
        table = table + factor.table.reshape(shape)
    with np.errstate(divide="ignore"):
        log_sum = float(np.logaddexp.reduce(table.reshape(-1)))
    if log_sum == -np.inf:
        return log_sum, []
    weights = np.exp(table - log_sum)
    rows = [
        weights.sum(axis=tuple(k for k in range(len(free)) if free[k] != v)).reshape(-1)
        for v in asked
    ]
    return log_sum + network.log_constant, rows


@given(st.integers(0, 100_000))
@settings(deadline=None, max_examples=60)
def test_joined_states_leave_every_sum_as_it_was(seed: int):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 6, 5)
    blocks = tuple(VariableBlock(f"x{k}", (1,), int(n)) for k, n in enumerate(sizes))
    factors: list[FactorBlock] = []
    for _ in range(5):
        scope = np.sort(rng.choice(5, int(rng.integers(1, 4)), replace=False))
        # Few different numbers make equal slices likely, and zeros make them tried.
        values = rng.choice([-np.inf, 0.0, 0.0, 0.5], size=(1, *sizes[scope]))
        factors.append(FactorBlock(Table(values), scope[None].astype(np.int32)))
    graph = FactorGraph(blocks, tuple(factors))
    network = reduce(Task(graph, LogPartition(), no_evidence(graph)))
    assert network is not None
    network = prune_states(network)
    asked = [0, 3]
    lumped = lump_states(network, frozenset(asked))
    before, rows = total_and_rows(network, asked)
    after, same = total_and_rows(lumped, asked)
    assert after == pytest.approx(before, abs=1e-9)
    for row, other in zip(rows, same, strict=True):
        np.testing.assert_allclose(row, other, atol=1e-12)


@given(st.integers(0, 100_000))
@settings(deadline=None, max_examples=60)
def test_parts_of_a_table_add_up_to_it(seed: int):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 5, int(rng.integers(2, 5))))
    scope = tuple(range(10, 10 + len(shape)))
    table = rng.normal(size=shape) if rng.random() < 0.3 else np.zeros(shape)
    for axis, size in enumerate(shape):
        table = table + rng.normal(size=size).reshape(
            [-1 if a == axis else 1 for a in range(len(shape))]
        )
    total = np.zeros(shape)
    for own, part in parts_of(scope, table):
        places = [scope.index(v) for v in own]
        total = total + part.reshape([n if a in places else 1 for a, n in enumerate(shape)])
    np.testing.assert_allclose(total, table, atol=1e-11)


def test_an_absent_effect_joins_none_of_its_causes():
    rng = np.random.default_rng(1)
    for arity in (4, 9):
        kind = NoisyOr(-rng.random((1, arity)))
        block = FactorBlock(kind, np.arange(arity, dtype=np.int32)[None])
        graph = FactorGraph((VariableBlock("x", (arity,), 2),), (block,))
        evidence = no_evidence(graph)
        evidence[-1] = 0
        network = reduce(Task(graph, LogPartition(), evidence))
        assert network is not None
        assert all(len(f.scope) == 1 for f in prune_states(network).factors)


@pytest.mark.parametrize("seed", range(6))
def test_marginals_of_observed_noisy_ors_agree_with_enumeration(seed: int):
    rng = np.random.default_rng(seed)
    blocks = [
        FactorBlock(
            NoisyOr(-2 * rng.random((1, 6))),
            np.array([[*np.sort(rng.choice(7, 5, replace=False)), 7 + f]], np.int32),
        )
        for f in range(4)
    ]
    graph = FactorGraph((VariableBlock("x", (11,), 2),), tuple(blocks))
    evidence = no_evidence(graph)
    evidence[7:] = rng.integers(0, 2, 4)
    found = answer(
        Task(graph, Marginals(), evidence),
        Effort(start_budget(30.0, 1 << 30), np.random.default_rng(0)),
    )
    assert isinstance(found, MarginalsAnswer)
    assert found.quality.status is Status.EXACT
    every = enumerate_assignments(graph, evidence)
    assert found.log_partition == pytest.approx(log_partition(every), abs=1e-9)
    sizes = num_states(graph)
    for v in range(7):
        wanted = marginal(every, v, int(sizes[v]))
        np.testing.assert_allclose(found.probabilities[0][v], wanted, atol=1e-9)
