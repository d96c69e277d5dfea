"""What floats lose on the way is not missing from an answer that is called exact."""

import numpy as np
import pytest

from gmruntime.answer import (
    LogPartition,
    LogPartitionAnswer,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.budget import start_budget
from gmruntime.elimination import plan as plans
from gmruntime.elimination.answer import answer
from gmruntime.elimination.layouts import groups as layout
from gmruntime.elimination.passes import cores
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.task import Effort, Task

LENGTH = 6


def chain(rng: np.random.Generator) -> FactorGraph:
    """Return a chain whose weights are far apart, nearly the same variable all along."""
    unary = -rng.integers(0, 1100, (LENGTH, 2)) * rng.integers(0, 2, (LENGTH, 2)) * 1.0
    pairs = np.where(np.eye(2), 0.0, -rng.integers(0, 3000, (LENGTH - 1, 2, 2)) * 1.0)
    index = np.arange(LENGTH, dtype=np.int32)
    return FactorGraph(
        (VariableBlock("x", (LENGTH,), 2),),
        (
            FactorBlock(Table(unary), index[:, None]),
            FactorBlock(Table(pairs), np.stack([index[:-1], index[1:]], axis=1)),
        ),
    )


@pytest.fixture(params=["dense", "listed", "parallel"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "COMPILED_BITS", -1.0)
    monkeypatch.setattr(plans, "is_loaded", lambda: True)
    if request.param == "listed":
        monkeypatch.setattr(layout, "LAYOUT_S", 1e-12)
        monkeypatch.setattr(layout, "SAVED_BITS_MIN", -np.inf)
    if request.param == "parallel":
        monkeypatch.setattr(cores, "PARALLEL_ENTRIES", 0)


@pytest.mark.parametrize("seed", range(40))
def test_weights_that_are_far_apart_are_summed_as_by_enumeration(seed: int) -> None:
    graph = chain(np.random.default_rng(seed))
    evidence = no_evidence(graph)
    all_of = enumerate_assignments(graph, evidence)
    total = float(np.logaddexp.reduce(all_of.log_scores))

    def ask(query: LogPartition | Marginals | MarginalMap) -> object:
        budget = start_budget(60.0, 1 << 30)
        return answer(Task(graph, query, evidence), Effort(budget, np.random.default_rng(0)))

    found = ask(LogPartition())
    assert isinstance(found, LogPartitionAnswer)
    assert found.quality.status is Status.EXACT
    assert found.log_value == pytest.approx(total, rel=1e-12, abs=1e-9)
    rows = ask(Marginals(None))
    assert isinstance(rows, MarginalsAnswer)
    weights = np.exp(all_of.log_scores - total)
    expected = [weights[all_of.assignments[:, v] == 1].sum() for v in range(LENGTH)]
    np.testing.assert_allclose(rows.probabilities[0][:, 1], expected, atol=1e-9)
    best = ask(MarginalMap(np.array([0, 3], np.int32)))
    assert isinstance(best, MarginalMapAnswer)
    sums = [
        np.logaddexp.reduce(all_of.log_scores[(all_of.assignments[:, [0, 3]] == pair).all(axis=1)])
        for pair in np.ndindex(2, 2)
    ]
    assert best.log_value == pytest.approx(max(sums), rel=1e-12, abs=1e-9)
