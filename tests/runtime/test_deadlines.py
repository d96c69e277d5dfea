"""Work keeps to its budget: each long loop asks the clock, and gives up once it is told to."""

import inspect
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from gmruntime.answer import (
    AssignmentsAnswer,
    Best,
    Joint,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    Status,
)
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.driver import anytime
from gmruntime.driver.best import best_answer, forbid
from gmruntime.elimination import answer as elimination
from gmruntime.elimination import plan as plans
from gmruntime.elimination.plan import plan
from gmruntime.estimates import checking
from gmruntime.estimates.mechanisms import order_mechanisms
from gmruntime.estimates.weighting import plan_weighting
from gmruntime.factors.decompose import to_sum_tables, to_support_tables, to_tables
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.kinds import LinearSum, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.layered.model import sum_model
from gmruntime.layered.states import make_layers
from gmruntime.messages import answer as messages
from gmruntime.messages import beliefs
from gmruntime.messages.answer import answer as by_messages
from gmruntime.messages.answer import refute_by_pruning
from gmruntime.messages.beliefs import bethe_log_partition
from gmruntime.messages.bp import Messages
from gmruntime.messages.bp import beliefs as add_up
from gmruntime.messages.compiled import visits
from gmruntime.messages.compiled.floods import compile_layout
from gmruntime.messages.finishing import by_variables, free_energy
from gmruntime.messages.layout import Layout, build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions
from gmruntime.messages.propagate import propagate
from gmruntime.messages.reweighted import log_partition_upper_bound
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.task import Effort, Task


class Clock:
    """A clock by which every look takes a second."""

    def __init__(self) -> None:
        """Start at zero."""
        self.num_looks = 0

    def __call__(self) -> float:
        """Count a look."""
        self.num_looks += 1
        return float(self.num_looks)


def _budget(seconds: float) -> tuple[Budget, Clock]:
    clock = Clock()
    return Budget(0.0, seconds, 1 << 30, clock=clock), clock


def _dense(num_tables: int, arity: int) -> FactorGraph:
    """Build tables over the same variables, each with parameters of its own."""
    rng = np.random.default_rng(0)
    logs = rng.normal(size=(num_tables, *(2,) * arity))
    scopes = np.tile(np.arange(arity, dtype=np.int32), (num_tables, 1))
    blocks = tuple(
        FactorBlock(Table(logs[k : k + 1]), scopes[k : k + 1], f"table {k}")
        for k in range(num_tables)
    )
    return FactorGraph((VariableBlock("x", (arity,), 2),), blocks)


def _chain(num_links: int, *, closed: bool = False) -> FactorGraph:
    """Build links of one table between neighbours, the last and the first of them if closed."""
    links = np.arange(num_links, dtype=np.int32)
    ends = (links + 1) % num_links if closed else links + 1
    table = Table(np.array([[[3.0, 1.0], [0.5, 2.5]]]))
    size = num_links + (not closed)
    scopes = np.stack([links, ends], axis=1)
    return FactorGraph((VariableBlock("x", (size,), 2),), (FactorBlock(table, scopes),))


def test_a_layout_is_compiled_no_longer_than_there_is_time():
    layout = build_layout(_dense(50, 4), 1.0)
    budget, clock = _budget(5.0)
    with pytest.raises(TimeoutError):
        compile_layout(layout, budget)
    assert clock.num_looks <= 7


def test_a_sweep_ends_within_its_tables():
    graph = _dense(50, 4)
    layout = build_layout(graph, 1.0)
    budget, clock = _budget(20.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    found = propagate(layout, unary, budget, BpOptions())
    assert not found.converged
    assert clock.num_looks <= 25


@pytest.mark.parametrize("schedule", ["sequential", "residual"])
def test_visits_of_single_factors_end_within_a_sweep(
    schedule: Literal["sequential", "residual"], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(visits, "_NUM_VISITS_AT_ONCE", 10)
    graph = _chain(2000)
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    budget, clock = _budget(30.0)
    found = propagate(layout, unary, budget, BpOptions(schedule=schedule))
    assert found.num_sweeps == 0
    assert not found.converged
    assert found.residual == np.inf
    assert 0 < np.count_nonzero(found.values) < found.values.size / 2
    assert clock.num_looks <= 35


def test_visits_that_end_within_a_sweep_say_what_the_sweep_before_changed(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(visits, "_NUM_VISITS_AT_ONCE", 10)
    graph = _chain(200, closed=True)
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    once = propagate(layout, unary, UNLIMITED, BpOptions(schedule="sequential", num_sweeps_max=1))
    found = propagate(layout, unary, _budget(35.0)[0], BpOptions(schedule="sequential"))
    assert found.num_sweeps == 1
    assert found.residual == once.residual
    assert (found.values != once.values).any()


def test_no_order_is_looked_for_that_would_be_late():
    layout = build_layout(_chain(2000), 1.0)
    short, enough = (Budget(0.0, s, 1 << 30, clock=lambda: 0.0) for s in (1e-4, 10.0))
    assert (visits.plan_visits(layout, short).order == np.arange(2000)).all()
    ordered = visits.plan_visits(layout, enough).order
    assert sorted(ordered.tolist()) == list(range(2000))


def test_a_free_energy_ends_within_its_tables():
    graph = _dense(50, 4)
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    settled = propagate(layout, unary, _budget(1e9)[0], BpOptions())
    budget, clock = _budget(20.0)
    with pytest.raises(TimeoutError):
        bethe_log_partition(layout, unary, settled, budget)
    assert clock.num_looks <= 22


def test_mechanisms_are_not_looked_for_once_it_is_over():
    graph = _dense(3, 4)
    assert order_mechanisms(graph, no_evidence(graph), lambda: True) is None


def test_draws_are_not_planned_once_it_is_over():
    graph = _dense(3, 4)
    owned = order_mechanisms(graph, no_evidence(graph), lambda: False)
    assert owned is not None
    with pytest.raises(TimeoutError):
        plan_weighting(graph, no_evidence(graph), owned, np.arange(4), lambda: True)


def test_what_is_late_before_it_is_laid_out_is_as_unsure_as_can_be():
    own = np.array([[0.3, -0.2]])
    graph = _dense(50, 4)
    scopes = np.arange(4, dtype=np.int32)[:, None]
    graph = replace(graph, factors=(*graph.factors, FactorBlock(Table(own), scopes, "own")))
    budget, clock = _budget(3.0)
    found = by_messages(
        Task(graph, Marginals(), no_evidence(graph)), Effort(budget, np.random.default_rng(0))
    )
    assert isinstance(found, MarginalsAnswer)
    assert found.quality.status is Status.ESTIMATE
    assert "after 0 sweeps" in found.quality.note
    assert np.allclose(found.probabilities[0], 0.5)
    assert clock.num_looks < 10


def test_no_sweep_is_begun_that_would_end_late():
    graph = _dense(1, 21)
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    short, enough = (Budget(0.0, s, 1 << 30, clock=lambda: 0.0) for s in (0.01, 10.0))
    assert propagate(layout, unary, short, BpOptions()).num_sweeps == 0
    assert free_energy(layout, unary, _unsent(layout), short) is None
    assert np.isfinite(by_variables(layout, unary))
    assert propagate(layout, unary, enough, BpOptions()).num_sweeps > 0


def test_a_value_that_there_was_no_time_for_is_not_called_exact(monkeypatch: pytest.MonkeyPatch):
    """However exact the messages of a forest are, which single variables alone do not tell."""
    monkeypatch.setattr(messages, "free_energy", lambda *_: None)
    graph = _chain(5)
    effort = Effort(_budget(1e9)[0], np.random.default_rng(0))
    total = by_messages(Task(graph, LogPartition(), no_evidence(graph)), effort)
    assert isinstance(total, LogPartitionAnswer)
    assert total.quality.status is Status.ESTIMATE
    assert "no time" in total.quality.note
    assert total.log_upper > total.log_value
    best = by_messages(Task(graph, Map(), no_evidence(graph)), effort)
    assert best.quality.status is Status.ESTIMATE
    told = by_messages(Task(graph, Marginals(), no_evidence(graph)), effort)
    assert isinstance(told, MarginalsAnswer)
    assert told.quality.status is Status.EXACT
    assert np.isnan(told.log_partition)


@pytest.mark.parametrize(
    "query", [Marginals(), LogPartition(), Map(), Joint(np.array([0, 5], np.int32))]
)
def test_what_variables_hear_is_added_up_once(query: Query, monkeypatch: pytest.MonkeyPatch):
    """It takes as long as a sweep, and may be needed when the budget is spent."""
    calls: list[int] = []

    def counted(layout: Layout, unary: np.ndarray, values: np.ndarray) -> np.ndarray:
        calls.append(1)
        return add_up(layout, unary, values)

    for module in (beliefs, messages):
        monkeypatch.setattr(module, "beliefs", counted)
    graph = _chain(5)
    effort = Effort(_budget(1e9)[0], np.random.default_rng(0))
    by_messages(Task(graph, query, no_evidence(graph)), effort)
    assert len(calls) == 1


def _unsent(layout: Layout) -> Messages:
    values = np.zeros((1, len(layout.entry)))
    return Messages(values, np.inf, 0, False, np.zeros(1, np.bool_))


def test_marginals_that_are_late_go_without_a_free_energy(monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> float:
        raise AssertionError("it is late")

    monkeypatch.setattr(messages, "free_energy", refused)
    graph = _dense(20, 4)
    found = by_messages(
        Task(graph, Marginals(), no_evidence(graph)),
        Effort(_budget(30.0)[0], np.random.default_rng(0)),
    )
    assert isinstance(found, MarginalsAnswer)
    assert np.isnan(found.log_partition)


@pytest.mark.parametrize("seconds", [1.0, 30.0, 100.0])
def test_messages_answer_something_whenever_they_are_stopped(seconds: float):
    graph = _dense(20, 4)
    rng = np.random.default_rng(0)
    for query in (Marginals(), LogPartition()):
        found = by_messages(
            Task(graph, query, no_evidence(graph)), Effort(_budget(seconds)[0], rng)
        )
        match found:
            case MarginalsAnswer():
                assert np.isfinite(found.probabilities[0]).all()
            case LogPartitionAnswer():
                assert np.isfinite(found.log_value)
                assert found.log_lower <= found.log_value <= found.log_upper
            case _:
                raise AssertionError(type(found))


def test_a_search_without_time_says_what_it_knows_and_prepares_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    def refused(*_: object) -> None:
        raise AssertionError("it is late")

    monkeypatch.setattr(anytime, "rosters", refused)
    graph = _dense(6, 4)
    budget, clock = _budget(2.0)
    effort = Effort(budget, np.random.default_rng(0))
    last = list(anytime.search(Task(graph, Map(), no_evidence(graph)), effort))[-1]
    largest = sum(float(block.kind.log_tables((2,) * 4).max()) for block in graph.factors)
    assert last.log_score == log_score(graph, last.assignment)
    assert last.log_bound == pytest.approx(largest)
    assert clock.num_looks < 10


def test_one_assignment_is_forbidden_and_no_other():
    rng = np.random.default_rng(3)
    sizes = (2, 3, 2)
    blocks = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(sizes))
    logs = rng.normal(size=(1, *sizes))
    scope = np.arange(3, dtype=np.int32)[None]
    graph = FactorGraph(blocks, (FactorBlock(Table(logs), scope),))
    found = np.array([1, 2, 0], np.int32)
    left = forbid(graph, np.arange(3, dtype=np.int32), found)
    every = enumerate_assignments(left, no_evidence(left))
    kept = {tuple(row[:3]) for row in every.assignments[every.log_scores > -np.inf].tolist()}
    assert len(kept) == (every.log_scores > -np.inf).sum() == 11
    assert tuple(found) not in kept


def test_a_search_for_many_answers_ends_with_its_budget():
    graph = _dense(6, 4)
    budget, clock = _budget(40.0)
    found = best_answer(
        Task(graph, Best(5000), no_evidence(graph)), Effort(budget, np.random.default_rng(0))
    )
    assert len(found.log_scores)
    assert len({row.tobytes() for row in found.assignments}) == len(found.assignments)
    assert clock.num_looks < 400


def _sums(num_terms: int) -> FactorGraph:
    """Build one sum of many different terms, whose chain tells hundreds of sums apart."""
    coefficients = np.arange(1, num_terms + 1, dtype=np.int64)[None]
    logs = np.zeros((1, int(coefficients.sum()) // 2))
    kind = LinearSum(coefficients, np.zeros(1, np.int64), logs)
    scope = np.arange(num_terms, dtype=np.int32)[None]
    return FactorGraph((VariableBlock("x", (num_terms,), 2),), (FactorBlock(kind, scope),))


@pytest.mark.parametrize("seconds", [1.0, 10.0, 30.0])
def test_sums_are_written_as_tables_no_longer_than_there_is_time(seconds: float):
    graph = _sums(24)
    budget, clock = _budget(seconds)
    for write in (to_tables, to_sum_tables, to_support_tables):
        clock.num_looks = 0
        with pytest.raises(TimeoutError):
            write(graph, budget=budget)
        assert clock.num_looks <= seconds + 1
    clock.num_looks = 0
    assert log_partition_upper_bound(graph, no_evidence(graph), budget) == np.inf
    clock.num_looks = 0
    assert not refute_by_pruning(graph, no_evidence(graph), budget)
    assert clock.num_looks <= seconds + 1
    assert to_tables(graph, budget=_budget(1e9)[0]) is not None


def test_no_layer_is_made_that_would_end_late():
    graph = _dense(1, 4)
    model = sum_model(graph, no_evidence(graph))
    assert model is not None
    order = list(range(4))
    limits = {"num_states_max": 1000, "num_total_max": 1000}
    for seconds, memory_bytes, is_made in (
        (1.0, 1 << 30, True),
        (1e-8, 1 << 30, False),
        (1.0, 64, False),
    ):
        budget = Budget(0.0, seconds, memory_bytes, clock=lambda: 0.0)
        made = make_layers(model, order, frozenset(), budget, **limits)
        assert (made is not None) == is_made


def test_nothing_is_begun_once_it_is_over(monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise AssertionError("it is late")

    monkeypatch.setattr(checking, "order_mechanisms", refused)
    monkeypatch.setattr(plans, "simplified", refused)
    graph = _dense(3, 4)
    task = Task(graph, Marginals(), no_evidence(graph))
    effort = Effort(_budget(1.0)[0], np.random.default_rng(0))
    assert checking.weigh(task, np.arange(4), effort) is None
    assert plans.plan(task, effort).ran_out


def test_samples_are_drawn_while_there_is_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(elimination, "_NUM_DRAWN_AT_ONCE", 1000)
    graph = _dense(3, 4)
    plenty = Budget(0.0, 1e9, 1 << 30, clock=Clock())
    task = Task(graph, Samples(10_000), no_evidence(graph))
    planned = plan(task, Effort(plenty, np.random.default_rng(0)))
    budget, clock = _budget(30.0)
    found = elimination.answer_planned(task, planned, Effort(budget, np.random.default_rng(0)))
    assert isinstance(found, AssignmentsAnswer)
    assert 0 < len(found.assignments) == len(found.log_scores) < 10_000
    assert "the budget ended" in found.quality.note
    assert clock.num_looks < 40


def test_every_kind_writes_chains_within_a_budget():
    """Whoever writes tables hands its own down, whatever the kind."""
    for kind in (Table, *FactorKind.__subclasses__()):
        assert "budget" in inspect.signature(kind.chains).parameters, kind.__name__
