"""Laws of branch and bound: it ends with the best assignment, and its bounds are never crossed."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import Map
from gmruntime.branching.costs import cost_model, cost_of, log_bound_of
from gmruntime.branching.engine import Branching
from gmruntime.branching.network import TOP
from gmruntime.branching.open_nodes import (
    LOOK_FROM,
    NUM_NODES,
    NUM_SPLITS_DONE,
    SPLIT_FAILURES_ALLOWED,
)
from gmruntime.budget import start_budget
from gmruntime.engine import Incumbent, Report
from gmruntime.factors.kinds import Table
from gmruntime.flat import FlatGraph, flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer
from gmruntime.simplify.propagation import compact
from gmruntime.simplify.working import flat_score


def random_flat(seed: int, num_variables: int, num_factors: int, zeros: float) -> FlatGraph:
    rng = np.random.default_rng(seed)
    states = rng.integers(1, 5, num_variables)
    variables = tuple(VariableBlock(f"v{i}", (), int(k)) for i, k in enumerate(states))
    blocks: list[FactorBlock] = []
    for _ in range(num_factors):
        arity = int(rng.integers(1, min(4, num_variables) + 1))
        scope = rng.permutation(num_variables)[:arity].astype(np.int32)
        table = rng.normal(size=(1, *states[scope])) * rng.choice([1.0, 30.0])
        table[rng.random(table.shape) < zeros] = -np.inf
        blocks.append(FactorBlock(Table(table), scope[None, :]))
    return compact(flatten(FactorGraph(variables, tuple(blocks))))


def every_score(flat: FlatGraph) -> list[float]:
    ranges = [range(int(k)) for k in flat.num_states]
    return [flat_score(flat, np.array(x, np.int32)) for x in itertools.product(*ranges)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_variables=st.integers(1, 7),
    num_factors=st.integers(1, 12),
    zeros=st.sampled_from([0.0, 0.2, 0.5]),
)
def test_it_ends_with_the_best_and_no_bound_is_crossed(
    seed: int, num_variables: int, num_factors: int, zeros: float
):
    flat = random_flat(seed, num_variables, num_factors, zeros)
    best = max(every_score(flat))
    engine = Branching(flat, start_budget(60.0, 1 << 30))
    incumbent = Incumbent(np.zeros(0, np.int32), -np.inf, np.inf)
    report = engine.step(incumbent, 0.0)
    for _ in range(10_000):
        assert report.log_bound >= best - 1e-12 * abs(best) or best == -np.inf
        if report.assignment is not None:
            score = flat_score(flat, report.assignment)
            assert score > incumbent.log_score
            incumbent = Incumbent(report.assignment, score, report.log_bound)
        if report.finished:
            break
        report = engine.step(incumbent, 0.0)
    assert report.finished
    if best == -np.inf:
        assert report.log_bound == -np.inf
        return
    np.testing.assert_allclose(incumbent.log_score, best, rtol=1e-9)
    np.testing.assert_allclose(report.log_bound, best, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), zeros=st.sampled_from([0.0, 0.3]))
def test_whole_numbers_say_what_the_tables_say(seed: int, zeros: float):
    """No cost says less than the score, and what was eliminated is decided as well as can be."""
    flat = random_flat(seed, 5, 7, zeros)
    model = cost_model(flat)
    if model is None:
        return
    left = [range(int(flat.num_states[v])) for v in model.variables]
    costs: list[int] = []
    for states in itertools.product(*left):
        whole = np.zeros(len(flat.num_states), np.int32)
        whole[model.variables] = states
        costs.append(cost_of(model, whole))
    cheapest = min(costs)
    best = max(every_score(flat))
    if cheapest >= TOP or best == -np.inf:
        return
    np.testing.assert_allclose(log_bound_of(model, cheapest), best, rtol=1e-9, atol=1e-9)
    assert log_bound_of(model, cheapest) >= best - 1e-12 * abs(best)


def clusters_around_a_hub(seed: int, num_clusters: int, size: int) -> FactorGraph:
    """Dense, frustrated clusters that touch each other through two hubs only."""
    rng = np.random.default_rng(seed)
    n = 2 + num_clusters * size
    pairs = [(0, 1)]
    for begin in range(2, n, size):
        members = range(begin, begin + size)
        pairs += itertools.combinations(members, 2)
        pairs += [(hub, member) for hub in (0, 1) for member in members]
    tables = Table(rng.normal(size=(len(pairs), 3, 3)))
    triples = np.array([(k, k + 1, k + 2) for k in range(2, n, size)], np.int32)
    wide = Table(rng.normal(size=(len(triples), 3, 3, 3)))
    factors = (FactorBlock(tables, np.array(pairs, np.int32)), FactorBlock(wide, triples))
    return FactorGraph((VariableBlock("x", (n,), 3),), factors)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_clusters=st.integers(2, 4),
    failures_allowed=st.sampled_from([0, 2, 1 << 20]),
)
def test_parts_searched_on_their_own_add_up_to_the_best(
    seed: int, num_clusters: int, failures_allowed: int
):
    graph = clusters_around_a_hub(seed, num_clusters, 6)
    flat = compact(flatten(graph))
    best = float(infer(graph, Map(), method="exact").log_scores[0])
    engine = Branching(flat, start_budget(60.0, 1 << 30))
    incumbent = Incumbent(np.zeros(0, np.int32), -np.inf, np.inf)
    finished = False
    while not finished:
        report = engine.step(incumbent, 0.0)
        finished = report.finished
        assert engine.search is not None
        engine.search.tree.counts[SPLIT_FAILURES_ALLOWED] = failures_allowed
        assert report.log_bound >= best - 1e-9
        if report.assignment is not None:
            score = flat_score(flat, report.assignment)
            assert incumbent.log_score < score <= best + 1e-9
            incumbent = Incumbent(report.assignment, score, report.log_bound)
    np.testing.assert_allclose(incumbent.log_score, best, rtol=1e-9)


NOTHING = Incumbent(np.zeros(0, np.int32), -np.inf, np.inf)


def better(flat: FlatGraph, incumbent: Incumbent, report: Report) -> Incumbent:
    """Return what is known after a report."""
    if report.assignment is None:
        return incumbent
    score = flat_score(flat, report.assignment)
    return Incumbent(report.assignment, score, report.log_bound)


def nodes_to_prove(flat: FlatGraph, *, may_split: bool) -> int:
    engine = Branching(flat, start_budget(60.0, 1 << 30))
    incumbent = NOTHING
    while True:
        report = engine.step(incumbent, 0.0)
        assert engine.search is not None
        if report.finished:
            counts = engine.search.tree.counts
            assert (counts[NUM_SPLITS_DONE] > 0) == may_split
            return int(counts[NUM_NODES])
        engine.search.tree.counts[LOOK_FROM] = 0 if may_split else 1 << 60
        incumbent = better(flat, incumbent, report)


def test_the_work_for_parts_adds_up_where_plain_branching_multiplies_it():
    """Clusters with nothing in common but two hubs."""
    flat = compact(flatten(clusters_around_a_hub(0, 8, 8)))
    assert nodes_to_prove(flat, may_split=True) < 0.2 * nodes_to_prove(flat, may_split=False)


def ladder_around_a_hub(seed: int, length: int) -> FactorGraph:
    """A closed ladder all of whose variables touch a hub: narrow once the hub is decided."""
    rng = np.random.default_rng(seed)
    ahead = (np.arange(length) + 1) % length
    rails = [np.stack([np.arange(length), ahead], 1) + side * length for side in (0, 1)]
    rungs = np.stack([np.arange(length), np.arange(length) + length], 1)
    spokes = np.stack([np.arange(2 * length), np.full(2 * length, 2 * length)], 1)
    pairs = np.concatenate([*rails, rungs, spokes]).astype(np.int32)
    tables = Table(rng.normal(size=(len(pairs), 3, 3)))
    variables = (VariableBlock("x", (2 * length + 1,), 3),)
    return FactorGraph(variables, (FactorBlock(tables, pairs),))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_is_narrow_after_a_decision_is_not_branched_on(seed: int):
    graph = ladder_around_a_hub(seed, 20)
    flat = compact(flatten(graph))
    best = float(infer(graph, Map(), method="exact").log_scores[0])
    engine = Branching(flat, start_budget(60.0, 1 << 30))
    incumbent, finished = NOTHING, False
    while not finished:
        report = engine.step(incumbent, 0.0)
        finished = report.finished
        incumbent = better(flat, incumbent, report)
    np.testing.assert_allclose(incumbent.log_score, best, rtol=1e-9)
    assert engine.search is not None
    assert engine.search.tree.counts[NUM_NODES] <= 30
