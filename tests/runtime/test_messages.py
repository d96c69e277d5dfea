"""Laws of belief propagation: exact on trees, and honest everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import (
    AssignmentsAnswer,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    Solutions,
    Status,
)
from gmruntime.budget import Budget, start_budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
)
from gmruntime.messages.answer import answer
from gmruntime.messages.beliefs import bethe_log_partition, marginals
from gmruntime.messages.layout import build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions, options_from
from gmruntime.messages.propagate import propagate
from gmruntime.task import Effort, Task
from tests.support.random_factors import each_kind, nth_kind, random_loops, tree_around, with_zeros


def ask(graph: FactorGraph, query: Query, evidence: np.ndarray | None = None, **options: object):
    seen = no_evidence(graph) if evidence is None else evidence
    budget = start_budget(20.0, 1 << 30)
    rng = np.random.default_rng(0)
    return answer(Task(graph, query, seen), Effort(budget, rng), options=BpOptions(**options))  # type: ignore[arg-type]


def all_assignments(graph: FactorGraph) -> np.ndarray:
    states = tuple(int(n) for n in num_states(graph))
    return np.indices(states).reshape(len(states), -1).T


def enumerated_marginals(graph: FactorGraph, temperature: float) -> list[np.ndarray]:
    assignments = all_assignments(graph)
    scores = log_score(graph, assignments) / temperature
    weights = np.exp(scores - scores.max())
    weights /= weights.sum()
    return [
        np.bincount(assignments[:, v], weights, minlength=int(n))
        for v, n in enumerate(num_states(graph))
    ]


def possible_tree(rng: np.random.Generator, index: int, tables: int) -> FactorGraph:
    """Draw trees around the index-th kind until one allows something; small enough to enumerate."""
    while True:
        kind, shape = nth_kind(rng, index, tables)
        graph = tree_around(rng, kind, shape)
        if log_score(graph, all_assignments(graph)).max() > -np.inf:
            return graph


@each_kind
@pytest.mark.parametrize("temperature", [0.4, 1.0])
def test_marginals_and_log_z_are_exact_on_trees_of_every_kind(index: int, temperature: float):
    graph = possible_tree(np.random.default_rng(index), index, 1 + index % 2)
    layout = build_layout(graph, temperature)
    assert layout.is_exact
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    messages = propagate(layout, unary, start_budget(20.0, 1 << 30), BpOptions())
    found = marginals(layout, unary, messages).probabilities[0]
    for v, wanted in enumerate(enumerated_marginals(graph, temperature)):
        row = found[layout.variable_start[v] : layout.variable_start[v + 1]]
        assert np.abs(row - wanted).max() < 1e-9
    scores = log_score(graph, all_assignments(graph)) / temperature
    log_z = temperature * np.logaddexp.reduce(scores)
    assert bethe_log_partition(layout, unary, messages)[0] == pytest.approx(log_z, abs=1e-9)


@each_kind
def test_the_maximum_is_exact_on_trees_of_every_kind(index: int):
    graph = possible_tree(np.random.default_rng(100 + index), index, 2)
    wanted = log_score(graph, all_assignments(graph)).max()
    layout = build_layout(graph, 0.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    messages = propagate(layout, unary, start_budget(20.0, 1 << 30), BpOptions())
    assert bethe_log_partition(layout, unary, messages)[0] == pytest.approx(wanted, abs=1e-9)
    found = ask(graph, Map())
    assert isinstance(found, AssignmentsAnswer)
    if found.quality.status is Status.EXACT:
        assert found.log_scores[0] == pytest.approx(wanted, abs=1e-9)


def test_a_converged_tree_is_exact_and_a_loop_is_an_estimate():
    rng = np.random.default_rng(1)
    tree = tree_around(rng, Table(rng.normal(size=(1, 2, 3))), (2, 3), zeros=0.0)
    found = ask(tree, LogPartition())
    assert isinstance(found, LogPartitionAnswer)
    assert found.quality.status is Status.EXACT
    loop = random_loops(rng, 5, 7)
    found = ask(loop, LogPartition())
    assert isinstance(found, LogPartitionAnswer)
    assert found.quality.status is Status.ESTIMATE
    scores = log_score(loop, all_assignments(loop))
    assert np.logaddexp.reduce(scores) <= found.log_upper < np.inf


def test_what_has_not_converged_says_so():
    loop = random_loops(np.random.default_rng(2), 6, 12)
    found = ask(loop, Marginals(), num_sweeps_max=2)
    assert found.quality.status is Status.ESTIMATE
    assert "not converged after 2 sweeps; no error known" in found.quality.note
    assert np.isnan(found.quality.error)  # a residual is no error


@given(
    seed=st.integers(0, 10_000),
    zeros=st.floats(0.0, 0.6),
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=30, deadline=None)
def test_minus_infinity_never_yields_nan_and_impossible_is_proved(
    seed: int, zeros: float, temperature: float
):
    rng = np.random.default_rng(seed)
    graph = random_loops(rng, 5, 6, zeros=zeros)
    layout = build_layout(graph, temperature)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    options = BpOptions(num_sweeps_max=30)
    messages = propagate(layout, unary, start_budget(20.0, 1 << 30), options)
    assert not np.isnan(messages.values).any()
    found = marginals(layout, unary, messages)
    if found.contradictory[0]:
        assert log_score(graph, all_assignments(graph)).max() == -np.inf
    else:
        assert not np.isnan(found.probabilities).any()


def test_scaling_a_factor_moves_only_log_z():
    rng = np.random.default_rng(3)
    graph = random_loops(rng, 5, 7)
    constant = FactorBlock(Table(np.array(2.5)[None]), np.zeros((1, 0), np.int32))
    scaled = FactorGraph(graph.variables, (*graph.factors, constant))
    table = graph.factors[0].kind
    assert isinstance(table, Table)
    moved = FactorGraph(
        graph.variables,
        (
            FactorBlock(Table(table.log_potentials + 1.0), graph.factors[0].scopes),
            *graph.factors[1:],
        ),
    )
    plain = ask(graph, Marginals())
    assert isinstance(plain, MarginalsAnswer)
    for other, shift in ((scaled, 2.5), (moved, 7.0)):
        found = ask(other, Marginals())
        assert isinstance(found, MarginalsAnswer)
        assert np.abs(found.probabilities[0] - plain.probabilities[0]).max() < 1e-9
        assert found.log_partition == pytest.approx(plain.log_partition + shift, abs=1e-8)


def test_the_order_of_factors_and_variables_does_not_matter():
    rng = np.random.default_rng(4)
    graph = random_loops(rng, 6, 8)
    order = rng.permutation(6).astype(np.int32)
    renamed = FactorGraph(
        graph.variables,
        tuple(FactorBlock(b.kind, order[b.scopes]) for b in reversed(graph.factors)),
    )
    one, two = ask(graph, Marginals()), ask(renamed, Marginals())
    assert isinstance(one, MarginalsAnswer)
    assert isinstance(two, MarginalsAnswer)
    assert np.abs(one.probabilities[0] - two.probabilities[0][order]).max() < 1e-9


def test_evidence_equals_a_factor_that_forbids_the_rest():
    graph = random_loops(np.random.default_rng(5), 6, 8)
    evidence = no_evidence(graph)
    evidence[2] = 1
    only = np.array([[-np.inf, 0.0, -np.inf]])
    factor = FactorBlock(Table(only), np.array([[2]], np.int32))
    forced = FactorGraph(graph.variables, (*graph.factors, factor))
    one, two = ask(graph, Marginals(), evidence), ask(forced, Marginals())
    assert isinstance(one, MarginalsAnswer)
    assert isinstance(two, MarginalsAnswer)
    assert np.abs(one.probabilities[0] - two.probabilities[0]).max() < 1e-12
    assert one.log_partition == pytest.approx(two.log_partition)


def test_a_batch_answers_each_row_as_if_alone():
    graph = random_loops(np.random.default_rng(6), 5, 7, zeros=0.1)
    layout = build_layout(graph, 1.0)
    rows = np.full((4, 5), -1, np.int32)
    rows[1, 0], rows[2, 3], rows[3, :2] = 2, 1, 0
    options = BpOptions(num_sweeps_max=20, tolerance=0.0, damping=0.3)
    unary = unary_with_evidence(layout, rows)
    together = propagate(layout, unary, start_budget(20.0, 1 << 30), options)
    for k in range(4):
        alone = propagate(layout, unary[k : k + 1], start_budget(20.0, 1 << 30), options)
        if not alone.impossible[0]:
            assert np.allclose(np.exp(together.values[k]), np.exp(alone.values[0]), atol=1e-12)


def test_a_warm_start_is_already_there():
    graph = random_loops(np.random.default_rng(7), 5, 6)
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    first = propagate(layout, unary, start_budget(20.0, 1 << 30), BpOptions())
    again = propagate(layout, unary, start_budget(20.0, 1 << 30), BpOptions(), first.values)
    assert first.converged
    assert again.num_sweeps == 1


def test_joint_of_a_factor_is_exact_on_a_tree():
    rng = np.random.default_rng(8)
    graph = tree_around(rng, Table(with_zeros(rng, rng.normal(size=(1, 2, 3)), 0.1)), (2, 3))
    found = ask(graph, Joint(np.array([2, 0], np.int32)))
    assert isinstance(found, JointAnswer)
    assignments = all_assignments(graph)
    weights = np.exp(log_score(graph, assignments))
    wanted = np.zeros((3, 2))
    np.add.at(wanted, (assignments[:, 2], assignments[:, 0]), weights)
    assert found.quality.status is Status.EXACT
    assert np.abs(found.probabilities - wanted / wanted.sum()).max() < 1e-12


def test_every_question_gets_an_answer():
    graph = random_loops(np.random.default_rng(9), 5, 6, zeros=0.1)
    two = np.array([0, 3], np.int32)
    for query in (MarginalMap(two), Samples(4), Solutions(), Map(), Joint(two), LogPartition()):
        assert ask(graph, query).quality.status is Status.ESTIMATE


def test_contradicting_evidence_is_impossible():
    forbid = Table(np.array([[[-np.inf, 0.0], [0.0, -np.inf]]]))
    graph = FactorGraph(
        (VariableBlock("x", (2,), 2),), (FactorBlock(forbid, np.array([[0, 1]], np.int32)),)
    )
    same = np.zeros(2, np.int32)
    for query in (Marginals(), LogPartition(), Map(), Samples(2)):
        assert ask(graph, query, same).quality.status is Status.IMPOSSIBLE


@pytest.mark.parametrize("seconds", range(1, 12))
def test_what_no_variable_speaks_of_may_be_impossible_too(seconds: int):
    never = FactorBlock(Table(np.array([-np.inf])), np.zeros((1, 0), np.int32))
    graph = FactorGraph((VariableBlock("x", (2,), 2),), (never,))
    ticks = iter(range(1000))
    budget = Budget(0.0, float(seconds), 1 << 30, clock=lambda: float(next(ticks)))
    task = Task(graph, Marginals(np.array([0], np.int32)), no_evidence(graph))
    found = answer(task, Effort(budget, np.random.default_rng(0)))
    assert found.quality.status is not Status.EXACT


def test_options_are_read_and_checked():
    assert options_from({"iters": 7, "damping": 0.5}, "cpu").num_sweeps_max == 7
    for wrong in ({"iters": 0}, {"damping": 1.0}, {"colour": 3}, {"temperature": 2.0}):
        with pytest.raises(ValueError, match=r"bp|iters|damping|temperature"):
            options_from(wrong, "cpu")
    with pytest.raises(ValueError, match="device"):
        options_from({}, "abacus")


def test_schedules_meet_at_the_same_fixed_point():
    graph = random_loops(np.random.default_rng(11), 6, 8)
    one = ask(graph, Marginals())
    assert isinstance(one, MarginalsAnswer)
    for schedule in ("sequential", "residual"):
        two = ask(graph, Marginals(), schedule=schedule)
        assert isinstance(two, MarginalsAnswer)
        assert two.quality.note.startswith("converged")
        assert np.abs(one.probabilities[0] - two.probabilities[0]).max() < 1e-8


def test_samples_come_even_when_time_is_out():
    graph = random_loops(np.random.default_rng(12), 6, 8)
    budget = start_budget(0.0, 1 << 30)
    rng = np.random.default_rng(0)
    found = answer(Task(graph, Samples(3), no_evidence(graph)), Effort(budget, rng))
    assert isinstance(found, AssignmentsAnswer)
    assert found.assignments.shape == (3, 6)


@pytest.mark.parametrize("seed", range(40))
def test_a_forest_is_told_from_what_has_a_cycle(seed: int):
    rng = np.random.default_rng(seed)
    graph_size, num_factors = 9, int(rng.integers(0, 6))
    scopes = [
        rng.choice(graph_size, int(rng.integers(1, 4)), replace=False) for _ in range(num_factors)
    ]
    parts = [{v} for v in range(graph_size)]
    is_forest = True
    for scope in scopes:
        met = [part for part in parts if part & set(scope.tolist())]
        is_forest &= len(met) == len(scope)
        parts = [part for part in parts if part not in met] + [set().union(*met)]
    blocks = tuple(
        FactorBlock(Table(np.zeros((1, *(2,) * len(s)))), s[None].astype(np.int32)) for s in scopes
    )
    graph = FactorGraph((VariableBlock("x", (graph_size,), 2),), blocks)
    assert build_layout(graph, 1.0).is_forest == is_forest
