"""Laws of the anytime search: what it yields is monotone, true, and reproducible."""

import itertools
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import Best, Improvement, Map, Status
from gmruntime.budget import start_budget
from gmruntime.driver.answer import answer
from gmruntime.driver.anytime import search
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, Table, Xor
from gmruntime.flat import flatten
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
)
from gmruntime.primal.mini_buckets import bound_by_mini_buckets
from gmruntime.simplify.propagation import compact, possible_states
from gmruntime.simplify.working import condition, flat_score
from gmruntime.task import Effort, Task

MEMORY = 1 << 30


def random_graph(seed: int, num_variables: int, num_factors: int, zeros: float) -> FactorGraph:
    rng = np.random.default_rng(seed)
    states = rng.integers(1, 4, num_variables)
    variables = tuple(VariableBlock(f"v{i}", (), int(k)) for i, k in enumerate(states))
    blocks: list[FactorBlock] = []
    for _ in range(num_factors):
        arity = int(rng.integers(0, min(3, num_variables) + 1))
        scope = rng.permutation(num_variables)[:arity].astype(np.int32)
        table = rng.normal(size=(1, *states[scope]))
        table[rng.random(table.shape) < zeros] = -np.inf
        blocks.append(FactorBlock(Table(table), scope[None, :]))
    return FactorGraph(variables, tuple(blocks))


def grid(side: int, num_states_each: int, seed: int) -> FactorGraph:
    rng = np.random.default_rng(seed)
    index = np.arange(side * side, dtype=np.int32).reshape(side, side)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    down = np.stack([index[:-1].ravel(), index[1:].ravel()], 1)
    pairs = np.concatenate([across, down])
    k = num_states_each
    return FactorGraph(
        (VariableBlock("x", (side, side), k),),
        (
            FactorBlock(Table(rng.normal(size=(side * side, k))), index.reshape(-1, 1)),
            FactorBlock(Table(rng.normal(size=(len(pairs), k, k))), pairs),
        ),
    )


def every_assignment(graph: FactorGraph, evidence: np.ndarray) -> np.ndarray:
    ranges = [
        range(int(k)) if seen < 0 else (int(seen),)
        for k, seen in zip(num_states(graph), evidence, strict=True)
    ]
    return np.array(list(itertools.product(*ranges)), np.int32).reshape(-1, graph.num_variables)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    num_variables=st.integers(1, 7),
    num_factors=st.integers(0, 9),
    zeros=st.sampled_from([0.0, 0.2, 0.6]),
    observe=st.booleans(),
)
def test_small_graphs_are_solved_exactly(
    seed: int, num_variables: int, num_factors: int, zeros: float, observe: bool
):
    graph = random_graph(seed, num_variables, num_factors, zeros)
    evidence = no_evidence(graph)
    if observe:
        evidence[seed % num_variables] = 0
    best = log_score(graph, every_assignment(graph, evidence)).max()
    found = answer(
        Task(graph, Map(), evidence), Effort(start_budget(10.0, MEMORY), np.random.default_rng(0))
    )
    if best == -np.inf:
        assert found.quality.status is Status.IMPOSSIBLE
        return
    assert found.quality.status is Status.EXACT
    assert found.log_scores[0] == pytest.approx(best, abs=1e-9)
    assert found.log_upper == found.log_scores[0]
    observed = evidence >= 0
    assert (found.assignments[0][observed] == evidence[observed]).all()


def test_improvements_are_strict_and_bounds_hold():
    graph = grid(9, 3, 0)
    budget = start_budget(60.0, MEMORY)
    rng = np.random.default_rng(1)
    steps = list(
        search(Task(graph, Map(), no_evidence(graph)), Effort(budget, rng), num_steps_max=30)
    )
    assert steps
    for step in steps:
        assert step.log_bound >= step.log_score
        assert log_score(graph, step.assignment) == pytest.approx(step.log_score, rel=1e-12)
    for before, after in itertools.pairwise(steps):
        assert after.log_score >= before.log_score
        assert after.log_bound <= before.log_bound
        assert after.log_score > before.log_score or after.log_bound < before.log_bound


def test_the_same_seed_and_steps_give_the_same_answer():
    graph = grid(16, 2, 3)

    def run() -> list[tuple[float, float, str]]:
        budget = start_budget(120.0, MEMORY)
        rng = np.random.default_rng(5)
        steps = search(
            Task(graph, Map(), no_evidence(graph)), Effort(budget, rng), num_steps_max=12
        )
        return [(step.log_score, step.log_bound, step.engine) for step in steps]

    assert run() == run()


def test_a_narrow_graph_is_proved():
    graph = grid(8, 2, 7)
    budget = start_budget(60.0, MEMORY)
    found = answer(Task(graph, Map(), no_evidence(graph)), Effort(budget, np.random.default_rng(0)))
    assert found.quality.status is Status.EXACT
    best = row_by_row_maximum(graph, 8)
    assert found.log_scores[0] == pytest.approx(best, abs=1e-9)


def row_by_row_maximum(graph: FactorGraph, side: int) -> float:
    """Maximise a grid of booleans over whole rows, one after another."""
    rows = np.array(list(itertools.product(range(2), repeat=side)))
    field, pair = graph.factors[0].kind, graph.factors[1].kind
    assert isinstance(field, Table)
    assert isinstance(pair, Table)
    scopes = graph.factors[1].scopes
    table = {tuple(scope): pair.log_potentials[f] for f, scope in enumerate(scopes.tolist())}
    best = np.zeros(len(rows))
    for r in range(side):
        inside = np.zeros(len(rows))
        for c in range(side):
            v = r * side + c
            inside += field.log_potentials[v][rows[:, c]]
            if c + 1 < side:
                inside += table[(v, v + 1)][rows[:, c], rows[:, c + 1]]
        if r > 0:
            between = np.zeros((len(rows), len(rows)))
            for c in range(side):
                v = r * side + c
                between += table[(v - side, v)][rows[:, None, c], rows[None, :, c]]
            best = (best[:, None] + between).max(axis=0)
        best = best + inside
    return float(best.max())


def test_wide_kinds_of_factor_are_searched_too():
    graph = FactorGraph(
        (VariableBlock("b", (12,), 2), VariableBlock("d", (4,), 4)),
        (
            FactorBlock(
                Table(np.random.default_rng(0).normal(size=(12, 2))),
                np.arange(12, dtype=np.int32)[:, None],
            ),
            FactorBlock(Xor(np.array([True])), np.arange(12, dtype=np.int32)[None, :]),
            FactorBlock(
                Count(np.where(np.arange(13) == 5, 0.0, -np.inf)[None], np.zeros((1, 12), bool)),
                np.arange(12, dtype=np.int32)[None, :],
            ),
            FactorBlock(AllDifferent(), np.arange(12, 16, dtype=np.int32)[None, :]),
            FactorBlock(
                LinearSum(np.array([[1, 2, 3]]), np.array([7]), np.zeros((1, 4))),
                np.array([[12, 13, 14]], np.int32),
            ),
        ),
    )
    found = answer(
        Task(graph, Map(), no_evidence(graph)),
        Effort(start_budget(30.0, MEMORY), np.random.default_rng(0)),
    )
    kind = graph.factors[0].kind
    assert isinstance(kind, Table)
    gains = np.sort(kind.log_potentials[:, 1] - kind.log_potentials[:, 0])
    best = kind.log_potentials[:, 0].sum() + gains[-5:].sum()
    assert found.quality.status is Status.EXACT
    assert found.log_scores[0] == pytest.approx(best)
    assert found.assignments[0, :12].sum() == 5


def test_a_gap_ends_the_search():
    graph = grid(14, 4, 2)
    budget = start_budget(60.0, MEMORY)
    rng = np.random.default_rng(0)
    steps = list(search(Task(graph, Map(), no_evidence(graph)), Effort(budget, rng), gap=1e9))
    assert np.isfinite(steps[-1].log_bound)
    assert len(steps) <= 2


def test_an_interrupt_reaches_who_asked_and_leaves_him_what_was_found():
    graph = grid(40, 5, 2)
    start = time.monotonic()
    raised: list[bool] = []

    def clock() -> float:
        now = time.monotonic()
        in_driver = threading.current_thread() is threading.main_thread()
        if in_driver and now > start + 0.5 and not raised:
            raised.append(True)
            raise KeyboardInterrupt
        return now

    budget = start_budget(30.0, MEMORY, clock)
    steps: list[Improvement] = []
    found = search(Task(graph, Map(), no_evidence(graph)), Effort(budget, np.random.default_rng(0)))
    with pytest.raises(KeyboardInterrupt):
        steps.extend(found)
    assert raised
    assert steps[-1].log_score == pytest.approx(float(log_score(graph, steps[-1].assignment)))


def test_an_empty_graph_has_an_empty_answer():
    graph = FactorGraph((), ())
    found = answer(
        Task(graph, Map(), no_evidence(graph)),
        Effort(start_budget(1.0, MEMORY), np.random.default_rng(0)),
    )
    assert found.quality.status is Status.EXACT
    assert found.assignments.shape == (1, 0)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 6), some=st.booleans())
def test_the_k_best_are_those_of_enumeration(seed: int, count: int, some: bool):
    graph = random_graph(seed, 5, 6, 0.2)
    evidence = no_evidence(graph)
    asked = np.array([0, 2], np.int32) if some else None
    assignments = every_assignment(graph, evidence)
    scores = log_score(graph, assignments)
    listed = np.arange(5) if asked is None else asked
    by_asked: dict[bytes, float] = {}
    for row, score in zip(assignments, scores, strict=True):
        key = row[listed].tobytes()
        by_asked[key] = max(score, by_asked.get(key, -np.inf))
    wanted = sorted((s for s in by_asked.values() if s > -np.inf), reverse=True)[:count]
    found = answer(
        Task(graph, Best(count, asked), evidence),
        Effort(start_budget(30.0, MEMORY), np.random.default_rng(0)),
    )
    if not wanted:
        assert found.quality.status is Status.IMPOSSIBLE
        return
    assert found.quality.status is Status.EXACT
    np.testing.assert_allclose(found.log_scores, wanted, atol=1e-9)
    keys = [row[listed].tobytes() for row in found.assignments]
    assert len(set(keys)) == len(keys)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    zeros=st.sampled_from([0.0, 0.3]),
    bits=st.sampled_from([0.0, 1.0, 2.5, 30.0]),
)
def test_mini_buckets_bound_every_score(seed: int, zeros: float, bits: float):
    graph = random_graph(seed, 6, 10, zeros)
    flat = flatten(graph)
    order = np.random.default_rng(seed).permutation(6).astype(np.int32)
    found = bound_by_mini_buckets(flat, order, bits, lambda: False)
    assert found is not None
    best = log_score(graph, every_assignment(graph, no_evidence(graph))).max()
    assert found[0] >= best
    if bits == 30.0:
        assert found[0] == pytest.approx(best)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_propagation_keeps_every_possible_state(seed: int):
    graph = random_graph(seed, 5, 8, 0.5)
    alive = possible_states(flatten(graph))
    assignments = every_assignment(graph, no_evidence(graph))
    possible = assignments[np.isfinite(log_score(graph, assignments))]
    for variable in range(5):
        assert alive[variable, possible[:, variable]].all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_compact_tables_mean_the_same(seed: int):
    graph = random_graph(seed, 6, 8, 0.2)
    settled = np.where(np.arange(6) % 3 == seed % 3, 0, -1).astype(np.int32)
    sliced = condition(flatten(graph), settled)
    states = np.random.default_rng(seed).integers(0, sliced.num_states, dtype=np.int32)
    assert flat_score(compact(sliced), states) == flat_score(sliced, states)


def test_several_answers_come_when_time_ends_after_the_first():
    graph = grid(8, 3, 1)
    ended = threading.Event()
    ended.set()
    budget = start_budget(30.0, MEMORY).ending_with(ended)
    found = answer(
        Task(graph, Best(4), no_evidence(graph)), Effort(budget, np.random.default_rng(0))
    )
    assert found.quality.status is Status.ESTIMATE
    assert len({row.tobytes() for row in found.assignments}) == 4
    assert (np.diff(found.log_scores) <= 0.0).all()
