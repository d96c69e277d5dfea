"""The first query of a process does not wait for loops that NumPy does not need."""

import numpy as np
import pytest

from gmruntime.answer import LogPartition, LogPartitionAnswer, Map, Marginals, Query
from gmruntime.budget import Budget, start_budget
from gmruntime.elimination import answer as elimination
from gmruntime.elimination import plan as plans
from gmruntime.elimination.answer import answer
from gmruntime.elimination.bounding import tightest
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.orders import best
from gmruntime.elimination.passes import loading
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.messages import propagate as propagation
from gmruntime.messages.layout import build_layout, unary_with_evidence
from gmruntime.messages.options import BpOptions
from gmruntime.task import Effort, Task


def _complete(num_variables: int) -> FactorGraph:
    """Build a pair of every two booleans."""
    scopes = np.stack(np.triu_indices(num_variables, 1), axis=1).astype(np.int32)
    tables = np.random.default_rng(0).normal(size=(len(scopes), 2, 2))
    block = FactorBlock(Table(tables), scopes)
    return FactorGraph((VariableBlock("x", (num_variables,), 2),), (block,))


def _is_compiled(graph: FactorGraph, query: Query) -> bool:
    budget = start_budget(60.0, 1 << 30)
    task = Task(graph, query, no_evidence(graph))
    found = plans.plan(task, Effort(budget, np.random.default_rng(0)))
    assert found.fits
    return found.compiled


@pytest.mark.parametrize("query", [LogPartition(), Marginals()])
def test_sums_of_milliseconds_wait_for_no_loops(query: Query, monkeypatch: pytest.MonkeyPatch):
    graph = _complete(18)
    monkeypatch.setattr(plans, "is_loaded", lambda: False)
    assert not _is_compiled(graph, query)
    monkeypatch.setattr(plans, "is_loaded", lambda: True)
    assert _is_compiled(graph, query)


def test_what_takes_longer_than_loading_is_compiled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plans, "is_loaded", lambda: False)
    assert _is_compiled(_complete(24), LogPartition())


def test_which_of_equal_maxima_is_found_does_not_depend_on_what_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
):
    graph = _complete(18)
    for loaded in (False, True):
        monkeypatch.setattr(plans, "is_loaded", lambda loaded=loaded: loaded)
        assert _is_compiled(graph, Map())


def test_both_ways_give_one_sum(monkeypatch: pytest.MonkeyPatch):
    graph, values = _complete(18), list[float]()
    for loaded in (False, True):
        monkeypatch.setattr(plans, "is_loaded", lambda loaded=loaded: loaded)
        budget = start_budget(60.0, 1 << 30)
        found = answer(
            Task(graph, LogPartition(), no_evidence(graph)),
            Effort(budget, np.random.default_rng(0)),
        )
        assert isinstance(found, LogPartitionAnswer)
        values.append(found.log_value)
    assert values[0] == pytest.approx(values[1], abs=1e-9)


def _grid(size: int) -> FactorGraph:
    """Build a pair of every two neighbours in a square of booleans."""
    places = np.arange(size * size, dtype=np.int32).reshape(size, size)
    down = np.stack([places[1:].ravel(), places[:-1].ravel()], axis=1)
    scopes = np.concatenate([down, np.stack([places[:, 1:].ravel(), places[:, :-1].ravel()], 1)])
    tables = np.random.default_rng(0).normal(size=(len(scopes), 2, 2))
    return FactorGraph(
        (VariableBlock("x", (size * size,), 2),), (FactorBlock(Table(tables), scopes),)
    )


def test_no_loops_are_loaded_that_there_is_no_time_for(monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("it loads a compiler")

    for module in (loading, plans):
        monkeypatch.setattr(module, "is_loaded", lambda: False)
    for module, name in (
        (best, "search_order"),
        (best, "order_by_weight"),
        (propagation, "propagate_compiled"),
        (elimination, "marginals_by_relevance"),
    ):
        monkeypatch.setattr(module, name, refused)
    graph = _grid(30)
    short = Budget(0.0, 0.9 * loading.LOADING_S, 1 << 30, clock=lambda: 0.0)
    for query in (Marginals(), LogPartition()):
        task = Task(graph, query, no_evidence(graph))
        effort = Effort(short, np.random.default_rng(0))
        found = plans.plan(task, effort)
        assert found.order is not None
        assert not found.fits
        assert elimination.answer_planned(task, found, effort) is None
        assert found.network is not None
        assert tightest(found.network, None, short, np.random.default_rng(0)) is None
    layout = build_layout(graph, 1.0)
    unary = unary_with_evidence(layout, no_evidence(graph)[None])
    options = BpOptions(num_sweeps_max=3)
    assert propagation.propagate(layout, unary, short, options).num_sweeps == 3


def test_the_search_for_an_order_may_take_its_share_after_loading(monkeypatch: pytest.MonkeyPatch):
    """Of a second, half would not do for loading."""
    for module in (loading, plans):
        monkeypatch.setattr(module, "is_loaded", lambda: False)
    given: list[Budget] = []

    def noted(*_: object, budget: Budget, **__: object) -> list[Order]:
        given.append(budget)
        return []

    monkeypatch.setattr(best, "search_order", noted)
    graph = _grid(20)
    whole = Budget(0.0, 1.0, 1 << 30, clock=lambda: 0.0)
    task = Task(graph, LogPartition(), no_evidence(graph))
    plans.plan(task, Effort(whole, np.random.default_rng(0)))
    assert loading.LOADING_S <= given[0].left_s() <= whole.left_s()
