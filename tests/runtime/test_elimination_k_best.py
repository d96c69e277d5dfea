"""The k best by lists are those of an enumeration."""

import numpy as np
import pytest

from gmruntime.answer import AssignmentsAnswer, Best, Status
from gmruntime.budget import Budget, start_budget
from gmruntime.elimination.answer import attempt
from gmruntime.elimination.k_best import k_best, lists_cost
from gmruntime.elimination.passes.reference import Tree, build_tree
from gmruntime.elimination.plan import plan
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.task import Effort, Task
from tests.runtime.test_elimination import random_graph


@pytest.mark.parametrize("count", [1, 2, 9, 100, 5000])
@pytest.mark.parametrize("seed", range(6))
def test_the_k_best_are_those_of_an_enumeration(seed: int, count: int):
    graph, evidence = random_graph(seed, 0.2 * (seed % 3))
    every = enumerate_assignments(graph, evidence)
    possible = every.log_scores > -np.inf
    for variables in (None, np.array([4, 1, 2], np.int32)):
        rng = np.random.default_rng(0)
        query = Best(count, variables)
        found, _ = attempt(Task(graph, query, evidence), Effort(start_budget(60.0, 1 << 30), rng))
        assert isinstance(found, AssignmentsAnswer)
        asked = np.arange(graph.num_variables) if variables is None else variables
        best: dict[bytes, float] = {}
        for row, score in zip(every.assignments[possible], every.log_scores[possible], strict=True):
            name = row[asked].astype(np.int32).tobytes()
            best[name] = max(best.get(name, -np.inf), float(score))
        wanted = sorted(best.values(), reverse=True)[:count]
        assert found.log_scores == pytest.approx(wanted, abs=1e-9)
        assert found.quality.status is (Status.EXACT if wanted else Status.IMPOSSIBLE)
        names = [row[asked].tobytes() for row in found.assignments]
        assert len(set(names)) == len(names)
        assert [best[name] for name in names] == pytest.approx(wanted, abs=1e-9)


CHAIN = [*((k, k + 1) for k in range(19)), (19,)]
"""The cliques of a chain of twenty, eliminated from one end."""


def test_thousands_of_the_best_of_a_chain_take_one_pass(monkeypatch: pytest.MonkeyPatch):
    passes: list[int] = []

    def counted(tree: Tree, count: int, blank: np.ndarray, budget: Budget) -> object:
        passes.append(count)
        return k_best(tree, count, blank, budget)

    monkeypatch.setattr("gmruntime.elimination.maxima.k_best", counted)
    rng = np.random.default_rng(0)
    pairs = np.stack([np.arange(19), np.arange(1, 20)], axis=1).astype(np.int32)
    tables = Table(rng.normal(size=(19, 2, 2)))
    graph = FactorGraph((VariableBlock("x", (20,), 2),), (FactorBlock(tables, pairs),))
    evidence = np.full(20, -1, np.int32)
    found, planned = attempt(
        Task(graph, Best(5000), evidence), Effort(start_budget(60.0, 1 << 30), rng)
    )
    assert isinstance(found, AssignmentsAnswer)
    assert found.quality.status is Status.EXACT
    assert passes == [5000]
    # That pass is what was planned: without lists, a chain of twenty holds some hundred bytes.
    assert planned.memory_bytes >= lists_cost(CHAIN, np.full(20, 2), 5000)[1]
    every = np.sort(enumerate_assignments(graph, evidence).log_scores)[::-1]
    assert found.log_scores == pytest.approx(every[:5000], abs=1e-9)


def test_the_work_of_a_pass_is_known_beforehand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gmruntime.elimination.k_best._PAIRS_PER_SECOND", 1.0)
    monkeypatch.setattr("gmruntime.elimination.k_best._SECONDS_PER_CLIQUE", 0.0)
    num_pairs, _ = lists_cost(CHAIN, np.full(20, 2), 5000)
    # The lists of a chain double until they are full; each of the four entries of a clique adds
    # and sorts a list, and so do the two of the last; the root's list joins the answer, once.
    lists = [min(2**k, 5000) for k in range(1, 20)]
    joined = 5000
    sorted_ = 4 * 1 + 4 * 2 * sum(lists[:-1]) + 2 * 2 * lists[-1]
    assert num_pairs == sorted_ + joined == 330_524


def test_more_answers_than_memory_holds_are_known_beforehand():
    _, held = lists_cost(CHAIN, np.full(20, 2), 10**9)
    assert held > 1 << 33


@pytest.mark.parametrize("count", [1, 7, 60, 300])
def test_the_best_of_parts_that_do_not_meet_are_joined(count: int):
    tables = Table(np.random.default_rng(1).normal(size=(4, 2, 2)))
    scopes = np.arange(8, dtype=np.int32).reshape(4, 2)
    graph = FactorGraph((VariableBlock("x", (8,), 2),), (FactorBlock(tables, scopes),))
    evidence = np.full(8, -1, np.int32)
    every = np.sort(enumerate_assignments(graph, evidence).log_scores)[::-1]
    budget, rng = start_budget(60.0, 1 << 30), np.random.default_rng(0)
    planned = plan(Task(graph, Best(count), evidence), Effort(budget, rng))
    assert planned.network is not None
    assert planned.order is not None
    tree = build_tree(planned.network, planned.order)
    rows, _ = k_best(tree, count, np.zeros(8, np.int64), budget)
    assert len(np.unique(rows, axis=0)) == len(rows) == min(count, len(every))
    found = log_score(graph, rows.astype(np.int32))
    assert found == pytest.approx(every[:count], abs=1e-9)


def test_joins_of_parts_that_do_not_meet_are_foreseen():
    """Of two states each: all but the first few joins look at 2000 pairs, or at 20."""
    alone = [(k,) for k in range(2000)]
    seconds, _ = lists_cost(alone, np.full(2000, 2), 1000)
    fewer, _ = lists_cost(alone, np.full(2000, 2), 10)
    assert (seconds - fewer) * 1e7 == pytest.approx(2000 * (2000 - 20), rel=0.01)
