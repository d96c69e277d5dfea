"""Orders that sweep are elimination orders, and find what greedy ones miss."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import LogPartition, LogPartitionAnswer, Marginals, MarginalsAnswer, Status
from gmruntime.budget import Budget
from gmruntime.elimination.bounding import tightest
from gmruntime.elimination.layouts.groups import new_axes
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.orders.greedy import neighbours
from gmruntime.elimination.orders.restarts import order_by_weight
from gmruntime.elimination.orders.sweeping import swept_order
from gmruntime.elimination.passes.cores import allocate
from gmruntime.elimination.passes.program import Sheet, contract
from gmruntime.elimination.plan import Plan
from gmruntime.elimination.relevance import marginals_by_relevance
from gmruntime.factors.kinds import NoisyOr, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.inference import infer
from gmruntime.simplify.network import Factor, Network, reduce
from gmruntime.task import Effort, Task


@given(st.integers(0, 100_000), st.integers(1, 14))
@settings(deadline=None, max_examples=60)
def test_every_clique_holds_the_neighbours_that_are_left(seed: int, size: int):
    rng = np.random.default_rng(seed)
    scopes = {
        tuple(
            sorted(int(v) for v in rng.choice(size, int(rng.integers(1, min(4, size) + 1)), False))
        )
        for _ in range(size)
    }
    factors = [Factor(scope, np.zeros((2,) * len(scope))) for scope in scopes]
    network = Network(tuple(range(size)), np.full(size, 2), factors, 0.0)
    order = swept_order(network, bits_max=60.0)
    assert order is not None
    assert sorted(order.variables) == list(range(size))
    near = neighbours(network)
    for v, clique in zip(order.variables, order.cliques, strict=True):
        assert set(clique) == near[v]
        for u in clique:
            near[u] = (near[u] | near[v]) - {u, v}
    widths = [1 + len(clique) for clique in order.cliques]
    assert order.clique_bits == max(widths)
    assert order.total_bits == pytest.approx(math.log2(sum(2.0**w for w in widths)))


def quickscore(
    prior: np.ndarray, failures: np.ndarray, leak: np.ndarray, seen: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return Z and the marginals by inclusion and exclusion over the effects that are present.

    Source: Heckerman (1989), "A tractable inference algorithm for diagnosing multiple diseases".
    """
    absent = np.prod(failures[:, ~seen], axis=1)
    total, rows = 0.0, np.zeros(len(prior))
    present = np.flatnonzero(seen)
    for mask in range(1 << len(present)):
        chosen = present[[bool(mask >> k & 1) for k in range(len(present))]]
        with_it = prior * absent * np.prod(failures[:, chosen], axis=1)
        terms = with_it + 1 - prior
        sign = (-1) ** len(chosen) * np.prod(leak[chosen]) * np.prod(leak[~seen])
        total += sign * np.prod(terms)
        rows += sign * np.prod(terms) * with_it / terms
    return total, rows / total


def test_few_present_effects_of_many_causes_are_exact():
    """Greedy orders need tables of 2^24 entries here, and many more as causes are added."""
    rng = np.random.default_rng(4)
    causes, effects, present = 40, 24, 8
    prior = rng.uniform(0.01, 0.1, causes)
    strength = np.where(
        rng.random((causes, effects)) < 0.4, rng.uniform(0.2, 0.9, (causes, effects)), 0
    )
    leak = rng.uniform(0.01, 0.1, effects)
    seen = np.arange(effects) < present
    factors = [
        FactorBlock(
            Table(np.log(np.stack([1 - prior, prior], axis=1))),
            np.arange(causes, dtype=np.int32)[:, None],
        )
    ]
    for f in range(effects):
        mine = np.flatnonzero(strength[:, f])
        logs = np.log1p(-np.append(strength[mine, f], leak[f]))
        scope = np.append(mine, causes + f).astype(np.int32)
        factors.append(FactorBlock(NoisyOr(logs[None]), scope[None]))
    graph = FactorGraph(
        (VariableBlock("cause", (causes,), 2), VariableBlock("effect", (effects,), 2)),
        tuple(factors),
    )
    evidence = no_evidence(graph)
    evidence[causes:] = seen
    total, rows = quickscore(prior, 1 - strength, 1 - leak, seen)
    found = infer(graph, LogPartition(), evidence=evidence, budget_s=30.0)
    assert isinstance(found, LogPartitionAnswer)
    assert found.quality.status is Status.EXACT
    assert found.log_value == pytest.approx(math.log(total), abs=1e-6)
    told = infer(graph, Marginals(), evidence=evidence, budget_s=30.0)
    assert isinstance(told, MarginalsAnswer)
    assert told.quality.status is Status.EXACT
    np.testing.assert_allclose(told.probabilities[0][:, 1], rows, atol=1e-6)


def test_a_hub_of_thousands_of_leaves_is_a_tree():
    """Its order takes cliques of two; log Z of a star is a sum over its hub alone."""
    rng = np.random.default_rng(0)
    tables = rng.normal(size=(3000, 2, 2))
    scopes = np.stack([np.zeros(3000, np.int32), np.arange(1, 3001, dtype=np.int32)], axis=1)
    graph = FactorGraph((VariableBlock("x", (3001,), 2),), (FactorBlock(Table(tables), scopes),))
    found = infer(graph, LogPartition(), budget_s=60.0)
    expected = np.logaddexp.reduce(np.logaddexp.reduce(tables, axis=2).sum(axis=0))
    assert found.quality.status is Status.EXACT
    assert found.log_value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("events", [4000, 5000])
def test_events_that_share_a_variable_are_ordered_in_few_steps(events: int):
    """Each is about the shared one and its own, which all hang on another: cliques of three.

    The larger one is beyond the compiled search.
    """
    table = np.zeros((2, 2, 2))
    factors = [Factor((0, 1), np.zeros((2, 2)))]
    for k in range(events):
        own, event = 2 + 2 * k, 3 + 2 * k
        factors += [Factor((0, own), np.zeros((2, 2))), Factor((1, own, event), table)]
    count = 2 + 2 * events
    network = Network(tuple(range(count)), np.full(count, 2), factors, 0.0)
    found = best_order(network, np.random.default_rng(0), bits_max=46.0, steps_max=7.5e7)
    assert found is not None
    assert found.clique_bits == 3.0
    assert found.total_bits < 2 + math.log2(4 * count)


def test_marginals_leaf_by_leaf_are_planned_no_longer_than_they_may_save():
    """Thousands of leaves below one variable: looking for each one's part would take for ever."""
    tables = np.log(np.random.default_rng(0).dirichlet(np.ones(2), (2000, 2)))
    scopes = np.stack([np.zeros(2000), np.arange(1, 2001)], axis=1).astype(np.int32)
    root = FactorBlock(Table(np.log([[0.3, 0.7]])), np.array([[0]], np.int32))
    graph = FactorGraph(
        (VariableBlock("x", (2001,), 2),), (root, FactorBlock(Table(tables), scopes))
    )
    network = reduce(Task(graph, Marginals(), no_evidence(graph)))
    assert network is not None
    looks = itertools.count()
    # Each look at the clock takes a thousandth of a second.
    budget = Budget(0.0, 60.0, 1 << 30, clock=lambda: 1e-3 * next(looks))
    effort = Effort(budget, np.random.default_rng(0))

    def read(small: Plan, targets: set[int]) -> tuple[dict[int, np.ndarray], float]:
        raise AssertionError("nothing is read before all is planned")

    with pytest.raises(TimeoutError):
        marginals_by_relevance(network, frozenset(network.free), 0.1, 1e6, effort, read)
    assert budget.spent_s() < 1.0


class _Clock:
    """A clock by which every look takes a second."""

    def __init__(self) -> None:
        self.num_looks = 0

    def __call__(self) -> float:
        self.num_looks += 1
        return float(self.num_looks)


def test_the_tables_of_one_clique_are_joined_no_longer_than_there_is_time():
    clock = _Clock()
    sheet = Sheet(
        {v: v for v in range(60)},
        new_axes(np.full(60, 2)),
        budget=Budget(0.0, 20.0, 1 << 30, clock=clock),
    )
    sheet.scopes += [(v, v + 1) for v in range(59)]
    with pytest.raises(TimeoutError):
        contract(sheet, range(59), (0,), tuple(range(60)))
    assert clock.num_looks <= 21


def test_tables_are_placed_no_longer_than_there_is_time():
    clock = _Clock()
    budget = Budget(0.0, 20.0, 1 << 30, clock=clock)
    sheet = Sheet({0: 0}, new_axes(np.full(1, 2)), budget=budget)
    sheet.scopes.append((0,))
    for table in range(5000):
        contract(sheet, (table,), (0,), (0,), 0)
    with pytest.raises(TimeoutError):
        allocate(sheet, np.full(len(sheet.scopes), 1 << 20), reuse=True)
    assert clock.num_looks <= 21


def test_a_greedy_order_is_given_up_where_it_takes_more_steps_than_there_is_time_for():
    graph = FactorGraph(
        (VariableBlock("x", (200,), 2),),
        (
            FactorBlock(
                Table(np.zeros((1, 2, 2))),
                np.stack(np.triu_indices(200, 1), axis=1).astype(np.int32),
            ),
        ),
    )
    network = reduce(Task(graph, LogPartition(), no_evidence(graph)))
    assert network is not None
    rng = np.random.default_rng(0)
    assert len(order_by_weight(network, rng).variables) == 200
    short = Budget(0.0, 1e-6, 1 << 30, clock=lambda: 0.0)
    with pytest.raises(TimeoutError):
        order_by_weight(network, rng, short)
    assert tightest(network, None, short, rng) is None
