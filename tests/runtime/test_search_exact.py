"""Exact elimination inside the search: the right optimum, whole or in slices, never too low."""

import numpy as np
import pytest

from gmruntime.answer import Map
from gmruntime.budget import Budget, start_budget
from gmruntime.driver.anytime import search
from gmruntime.driver.exact import ExactElimination, as_graph
from gmruntime.elimination import plan as plans
from gmruntime.elimination import slices
from gmruntime.engine import Incumbent, Report
from gmruntime.factors.kinds import Table
from gmruntime.flat import FlatGraph, flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.simplify.working import flat_score
from gmruntime.task import Effort, Task


def tangle(seed: int, zeros: float) -> FactorGraph:
    """Ten variables with factors of two and three of them, each table its own."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 4, 10)
    factors = [FactorBlock(Table(np.array([0.5])), np.zeros((1, 0), np.int32))]
    for _ in range(14):
        scope = rng.permutation(10)[: int(rng.integers(2, 4))].astype(np.int32)
        table = rng.normal(size=(1, *sizes[scope]))
        table[rng.random(table.shape) < zeros] = -np.inf
        factors.append(FactorBlock(Table(table), scope[None]))
    variables = tuple(VariableBlock(f"v{k}", (), int(n)) for k, n in enumerate(sizes))
    return FactorGraph(variables, tuple(factors))


def best_score(graph: FactorGraph) -> float:
    return float(enumerate_assignments(graph, no_evidence(graph)).log_scores.max())


def nothing(flat: FlatGraph, log_score: float = -np.inf) -> Incumbent:
    del flat
    return Incumbent(np.zeros(0, np.int32), log_score, np.inf)


def finish(flat: FlatGraph, budget: Budget, log_known: float = -np.inf) -> Report:
    engine = ExactElimination(flat, budget, np.random.default_rng(0))
    for _ in range(4):
        report = engine.step(nothing(flat, log_known), 0.0)
        if report.finished:
            return report
        assert report.log_bound == np.inf
    raise AssertionError("it should have ended")


@pytest.mark.parametrize("zeros", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(10))
def test_a_flat_graph_written_as_blocks_scores_the_same(seed: int, zeros: float) -> None:
    graph = tangle(seed, zeros)
    flat = flatten(graph)
    again = as_graph(flat)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        row = (rng.random(10) * flat.num_states).astype(np.int32)
        assert log_score(again, row) == pytest.approx(flat_score(flat, row), abs=1e-12)


@pytest.mark.parametrize("zeros", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(10))
def test_it_ends_with_the_best_assignment(seed: int, zeros: float) -> None:
    graph = tangle(seed, zeros)
    flat = flatten(graph)
    report = finish(flat, start_budget(60.0, 1 << 30))
    best = best_score(graph)
    if best == -np.inf:
        assert report.assignment is None
        assert report.log_bound == -np.inf
        return
    assert report.assignment is not None
    assert report.log_bound == pytest.approx(best, abs=1e-9)
    assert flat_score(flat, report.assignment) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("known", ["nothing", "less", "the best"])
@pytest.mark.parametrize("seed", range(8))
def test_slices_prove_what_is_known_already(
    seed: int, known: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "SLICE_S", 1e-3)
    monkeypatch.setattr(plans, "COMPILED_BITS", -1.0)
    monkeypatch.setattr(plans, "is_loaded", lambda: True)
    graph = tangle(seed, 0.0)
    flat, best = flatten(graph), best_score(graph)
    log_known = {"nothing": -np.inf, "less": best - 0.5, "the best": best}[known]
    report = finish(flat, start_budget(60.0, 1000), log_known)
    assert report.log_bound == pytest.approx(best, abs=1e-9)
    if known != "the best":
        assert report.assignment is not None
        assert flat_score(flat, report.assignment) == pytest.approx(best, abs=1e-9)


def test_a_budget_that_is_ended_is_spent() -> None:
    from threading import Event

    ended = Event()
    budget = start_budget(1e6, 1 << 20).ending_with(ended)
    assert budget.left_s() > 1.0
    ended.set()
    assert budget.left_s() == 0.0


def test_the_search_takes_its_proof_over() -> None:
    """Six by six with five states: not tiny, narrow."""
    rng = np.random.default_rng(0)
    index = np.arange(36).reshape(6, 6)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    ).astype(np.int32)
    graph = FactorGraph(
        (VariableBlock("x", (6, 6), 5),),
        (FactorBlock(Table(2.0 * rng.normal(size=(len(pairs), 5, 5))), pairs),),
    )
    budget = start_budget(1e9, 1 << 30)
    steps = list(
        search(
            Task(graph, Map(), no_evidence(graph)),
            Effort(budget, np.random.default_rng(0)),
            num_steps_max=40,
        )
    )
    assert steps[-1].log_bound == steps[-1].log_score
