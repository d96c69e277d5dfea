"""The first query of a process does not wait for loops that NumPy does not need."""

import numpy as np
import pytest

from gmruntime.answer import LogPartition, LogPartitionAnswer, Map, Marginals, Query
from gmruntime.budget import start_budget
from gmruntime.elimination import plan as plans
from gmruntime.elimination.answer import answer
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
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
