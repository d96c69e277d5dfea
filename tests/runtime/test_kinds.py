"""The laws of factor kinds: whatever a kind or an engine says agrees with what its factors mean."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from gmruntime.answer import Best, LogPartition, Map, Marginals, Samples, Status
from gmruntime.budget import start_budget
from gmruntime.constraints.feasible import has_hard_constraints, is_possible
from gmruntime.factors.decompose import is_tables, to_sum_tables, to_support_tables, to_tables
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.kinds import KINDS, Cover, LinearSum, Table
from gmruntime.factors.parameters import floats
from gmruntime.factors.support import support
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    GraphError,
    VariableBlock,
    log_score,
    no_evidence,
    validate,
)
from gmruntime.inference import infer
from gmruntime.messages.layout import build_layout
from gmruntime.questions.enumerate import enumerate_assignments, log_partition
from tests.support.random_factors import DRAWN, each_kind, nth_kind, with_zeros

BUDGET = 20.0
NOT_BY_TABLE = ("largest_entries", "least_entries", "support", "tempered")
"""What a kind that may be too large to be written out must say itself."""


def star(index: int, *, zeros: float = 0.15) -> FactorGraph:
    """Draw two factors of a kind, over the same variables in both orders where it may be."""
    rng = np.random.default_rng(index)
    kind, shape = nth_kind(rng, index, 2, zeros=zeros)
    alike = len(set(shape)) == 1
    scope = np.arange(len(shape), dtype=np.int32)
    scopes = np.stack([scope, scope[::-1] if alike else scope])
    variables = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(shape))
    lone = [
        FactorBlock(
            Table(with_zeros(rng, rng.normal(size=(1, n)), zeros / 3)), scope[k, None, None]
        )
        for k, n in enumerate(shape)
    ]
    return validate(FactorGraph(variables, (FactorBlock(kind, scopes), *lone)))


def scores(graph: FactorGraph) -> np.ndarray:
    return enumerate_assignments(graph, no_evidence(graph)).log_scores


def test_every_kind_is_drawn():
    assert set(DRAWN) == set(KINDS)


@each_kind
def test_what_may_be_large_is_not_read_as_a_table(index: int):
    kind = KINDS[index]
    if kind.is_large:
        for name in NOT_BY_TABLE:
            assert getattr(kind, name) is not getattr(FactorKind, name)


@each_kind
def test_a_kind_survives_being_sent(index: int):
    kind, shape = nth_kind(np.random.default_rng(index), index, 2)
    sent = pickle.loads(pickle.dumps(kind))
    np.testing.assert_array_equal(sent.log_tables(shape), kind.log_tables(shape))
    one = kind.some(np.array([False, True]))
    last = kind.log_tables(shape)[-1]
    np.testing.assert_array_equal(one.log_tables(shape)[0], last)


@each_kind
def test_what_a_kind_says_of_its_values_holds(index: int):
    kind, shape = nth_kind(np.random.default_rng(index), index, 3, zeros=0.3)
    tables = kind.log_tables(shape).reshape(kind.num_tables, -1)
    possible = np.where(np.isfinite(tables), tables, np.inf).min(axis=1)
    assert (tables.max(axis=1) <= kind.largest_entries(shape) + 1e-12).all()
    assert (possible >= kind.least_entries(shape) - 1e-12).all()
    assert kind.forbids(shape) == bool(np.isneginf(tables).any())


@each_kind
def test_what_a_kind_sums_to_over_one_variable(index: int):
    kind, shape = nth_kind(np.random.default_rng(index), index, 3, zeros=0.0)
    sums = kind.log_sums(shape)
    if sums is None:
        return
    for position in range(len(shape)):
        found = np.logaddexp.reduce(kind.log_tables(shape), axis=1 + position)
        found = found.reshape(kind.num_tables, -1)
        said = np.broadcast_to(sums[:, position], kind.num_tables)
        for value, row in zip(said, found, strict=True):
            assert np.isnan(value) or np.allclose(row, value, atol=1e-9)


def test_sums_that_reach_far_are_sums_over_no_variable():
    wide = LinearSum(np.array([[1 << 50, 1, 1]]), np.array([0]), np.zeros((1, 4)))
    assert np.isnan(wide.log_sums((2, 3, 3))).all()


@each_kind
def test_sums_are_the_factor(index: int):
    kind, shape = nth_kind(np.random.default_rng(index), index, 1)
    states = np.indices(shape).reshape(len(shape), -1).T
    total = np.zeros(len(states))
    for part in kind.sums(0, shape):
        amounts = [part.amounts[k][states[:, k]] for k in range(len(shape))]
        place = np.sum(amounts, axis=0).astype(int) - part.lowest
        inside = (place >= 0) & (place < len(part.log_potentials))
        total = total + np.where(inside, part.log_potentials[np.where(inside, place, 0)], -np.inf)
    if kind.has_sums:
        np.testing.assert_allclose(total, kind.log_tables(shape)[0].reshape(-1), atol=1e-12)


@each_kind
@pytest.mark.parametrize("table_bits_max", [2, 10])
def test_smaller_tables_keep_sum_maximum_and_solutions(index: int, table_bits_max: int):
    graph = star(index)
    found = scores(graph)
    tables = to_tables(graph, table_bits_max=table_bits_max)
    assert tables is not None
    assert is_tables(validate(tables))
    result = scores(tables)
    np.testing.assert_allclose(
        np.sort(result[result > -np.inf]), np.sort(found[found > -np.inf]), atol=1e-9
    )
    summed = to_sum_tables(graph, table_bits_max=table_bits_max)
    assert summed is not None
    every = log_partition(enumerate_assignments(summed, no_evidence(summed)))
    assert every == pytest.approx(np.logaddexp.reduce(found), abs=1e-9)
    allowed = to_support_tables(graph, table_bits_max=table_bits_max)
    assert allowed is not None
    assert (found > -np.inf).sum() == (scores(allowed) == 0.0).sum()


@each_kind
def test_the_support_is_where_the_factor_is_above_zero(index: int):
    graph = star(index, zeros=0.3)
    every = enumerate_assignments(graph, no_evidence(graph)).assignments
    held = log_score(support(graph), every)
    np.testing.assert_array_equal(held, np.where(log_score(graph, every) > -np.inf, 0.0, -np.inf))


@each_kind
def test_answers_are_those_of_enumeration(index: int):
    graph = star(index)
    found = scores(graph)
    total = infer(graph, LogPartition(), budget_s=BUDGET)
    if total.quality.status is Status.IMPOSSIBLE:
        assert found.max() == -np.inf
        return
    wanted = np.logaddexp.reduce(found)
    assert total.log_value == pytest.approx(wanted, abs=1e-9)
    best = infer(graph, Map(), budget_s=BUDGET)
    assert best.log_scores[0] == pytest.approx(found.max(), abs=1e-9)
    most = infer(graph, Best(3), budget_s=BUDGET).log_scores
    ranked = np.sort(found[found > -np.inf])[::-1][:3]
    np.testing.assert_allclose(most, ranked, atol=1e-9)
    drawn = infer(graph, Samples(5), budget_s=BUDGET)
    assert (log_score(graph, drawn.assignments) > -np.inf).all()
    likely = infer(graph, Marginals(), budget_s=BUDGET)
    assert likely.quality.status is Status.EXACT


@each_kind
def test_messages_and_constraints_do_not_leave_what_is_possible(index: int):
    graph = star(index, zeros=0.4)
    found = scores(graph)
    budget, rng = start_budget(BUDGET, 1 << 28), np.random.default_rng(0)
    assert is_possible(graph, no_evidence(graph), budget, rng) in (
        None,
        bool(found.max() > -np.inf),
    )
    if not has_hard_constraints(graph):
        assert (found > -np.inf).all()
    layout = build_layout(graph, 1.0)
    assert len(layout.groups) == 1


@dataclass(frozen=True, slots=True, eq=False)
class Bare(FactorKind):
    """Says only what it must: `log f(x) = weights * (largest state - smallest state)`."""

    weights: np.ndarray

    def checked(self, arity: int, num_states_max: int) -> FactorKind:
        return Bare(floats("weights", self.weights, 1))

    def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
        return self.weights[table_index] * (states.max(axis=1) - states.min(axis=1))


def bare(arity: int, num_states: int) -> FactorGraph:
    scopes = np.stack([np.arange(arity), np.arange(arity)[::-1]]).astype(np.int32)
    kind = Bare(np.array([0.3, -1.1]))
    return FactorGraph((VariableBlock("x", (arity,), num_states),), (FactorBlock(kind, scopes),))


def test_a_kind_outside_the_list_works_as_its_table():
    graph = bare(3, 3)
    table = Table(bare(3, 3).factors[0].kind.log_tables((3, 3, 3)))
    written = FactorGraph(graph.variables, (FactorBlock(table, graph.factors[0].scopes),))
    both = graph, written
    assert len({infer(each, LogPartition(), budget_s=BUDGET).log_value for each in both}) == 1
    for method in ("", "bp"):
        one, two = (infer(each, Marginals(), budget_s=BUDGET, method=method) for each in both)
        np.testing.assert_array_equal(one.probabilities, two.probabilities)
    for question in (Map(), Best(4)):
        one, two = (infer(each, question, budget_s=BUDGET).log_scores for each in both)
        np.testing.assert_array_equal(one, two)


def test_a_kind_without_rules_is_refused_where_its_tables_are_too_large():
    with pytest.raises(GraphError, match="read as tables"):
        validate(bare(30, 2))


def test_covers_that_some_states_close_have_their_least_entries():
    states = np.indices((2, 2, 2, 2)).reshape(4, -1).T
    for seed in range(60):
        rng = np.random.default_rng(seed)
        takes = np.where(rng.random((1, 3, 2, 2)) < 0.7, -np.inf, rng.normal(size=(1, 3, 2, 2)))
        passes = np.where(rng.random((1, 3, 2)) < 0.6, -np.inf, rng.normal(size=(1, 3, 2)))
        kind = Cover(takes, passes)
        values = kind.log_values(np.zeros(len(states), np.int64), states)
        possible = values[values > -np.inf]
        assert (possible >= kind.least_entries((2, 2, 2, 2)) - 1e-12).all()
        assert (possible <= kind.largest_entries((2, 2, 2, 2)) + 1e-12).all()
