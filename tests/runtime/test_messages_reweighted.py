"""The upper bound on log Z is never below log Z, after any number of passes."""

from itertools import count

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.budget import start_budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
)
from gmruntime.messages.reweighted import log_partition_upper_bound
from tests.support.random_factors import each_kind, nth_kind, random_loops, tree_around


def exact_log_z(graph: FactorGraph) -> float:
    states = tuple(int(n) for n in num_states(graph))
    scores = log_score(graph, np.indices(states).reshape(len(states), -1).T)
    return float(np.logaddexp.reduce(scores))


def bound_of(graph: FactorGraph, passes: int) -> float:
    budget = start_budget(20.0, 1 << 30)
    return log_partition_upper_bound(graph, no_evidence(graph), budget, num_passes_max=passes)


@given(
    seed=st.integers(0, 100_000),
    zeros=st.sampled_from([0.0, 0.2, 0.5]),
    passes=st.integers(1, 6),
    strength=st.sampled_from([0.1, 1.0, 8.0]),
)
@settings(max_examples=60, deadline=None)
def test_the_bound_is_a_bound(seed: int, zeros: float, passes: int, strength: float):
    graph = random_loops(np.random.default_rng(seed), 6, 10, zeros=zeros)
    blocks = []
    for block in graph.factors:
        assert isinstance(block.kind, Table)
        blocks.append(type(block)(Table(block.kind.log_potentials * strength), block.scopes))
    graph = FactorGraph(graph.variables, tuple(blocks))
    assert bound_of(graph, passes) >= exact_log_z(graph)


@each_kind
def test_the_bound_holds_for_every_kind(index: int):
    rng = np.random.default_rng(index)
    kind, shape = nth_kind(rng, index, 2)
    graph = tree_around(rng, kind, shape)
    assert bound_of(graph, 4) >= exact_log_z(graph)


def test_more_passes_do_not_loosen_the_bound():
    graph = random_loops(np.random.default_rng(3), 6, 10)
    bounds = [bound_of(graph, passes) for passes in (1, 3, 10, 30)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < bounds[0]


def test_passes_go_on_after_one_that_went_too_far():
    """With strong couplings the first step is too long; shorter ones still help."""
    rng = np.random.default_rng(0)
    index = np.arange(25, dtype=np.int32).reshape(5, 5)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    pairs = np.concatenate([across, down])
    signs = np.array([[1.0, -1.0], [-1.0, 1.0]])
    tables = Table(8.0 * rng.normal(size=(len(pairs), 1, 1)) * signs)
    fields = Table(0.3 * rng.normal(size=(25, 1)) * np.array([1.0, -1.0]))
    graph = FactorGraph(
        (VariableBlock("x", (25,), 2),),
        (FactorBlock(tables, pairs), FactorBlock(fields, index.reshape(-1, 1))),
    )
    bounds = [bound_of(graph, passes) for passes in (1, 2, 10, 100)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[-1] < bounds[0] - 0.5


@given(seed=st.integers(0, 100_000), strength=st.sampled_from([1.0, 1e8, 1e300]))
@settings(max_examples=60, deadline=None)
def test_variables_that_nothing_joins_are_summed_on_their_own(seed: int, strength: float):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, 6)
    blocks = [VariableBlock(f"v{k}", (), int(n)) for k, n in enumerate(sizes)]
    pair = np.array([[1, 4]], np.int32)
    factors = [FactorBlock(Table(strength * rng.normal(size=(1, sizes[1], sizes[4]))), pair)]
    for v in rng.permutation(6)[:4].tolist():
        logs = strength * rng.normal(size=(1, sizes[v]))
        logs[rng.random(logs.shape) < 0.3] = -np.inf
        factors.append(FactorBlock(Table(logs), np.array([[v]], np.int32)))
    graph = FactorGraph(tuple(blocks), tuple(factors))
    bound, log_z = bound_of(graph, 3), exact_log_z(graph)
    assert bound >= log_z
    if strength == 1.0 and log_z > -np.inf:
        assert bound < log_z + 1e-8


def test_passes_end_with_the_time_and_what_they_found_holds():
    links = np.arange(9_999, dtype=np.int32)
    table = Table(np.array([[[3.0, 1.0], [0.5, 2.5]]]))
    scopes = np.stack([links, links + 1], axis=1)
    graph = FactorGraph((VariableBlock("x", (10_000,), 2),), (FactorBlock(table, scopes),))
    vector = np.ones(2)
    log_z = 0.0
    for _ in links:
        vector = np.exp(table.log_potentials[0]) @ vector
        log_z += float(np.log(vector.sum()))
        vector = vector / vector.sum()
    looks = count().__next__
    # A second passes whenever somebody asks.
    for seconds, is_found in ((4, False), (60, True)):
        budget = start_budget(float(seconds), 1 << 30, looks)
        before = looks()
        bound = log_partition_upper_bound(graph, no_evidence(graph), budget)
        assert looks() - before <= seconds + 3
        assert (bound < np.inf) == is_found
        assert bound >= log_z
