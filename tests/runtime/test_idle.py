"""Variables that no factor mentions cost nothing, and answers are what they are with them."""

import math

import numpy as np
import pytest

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import start_budget
from gmruntime.door.answer_size import AnswerSizeError
from gmruntime.elimination.answer import answer as eliminate
from gmruntime.factors.kinds import Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.inference import infer, plan
from gmruntime.simplify import idle
from gmruntime.task import Effort, Task


def _graph() -> FactorGraph:
    """Build a pair, and four variables that no factor mentions, in the same blocks."""
    table = np.log(np.array([[[1.0, 2.0, 0.5], [0.25, 3.0, 1.0], [2.0, 2.0, 1.0]]]))
    scopes = np.array([[1, 3]], np.int32)
    variables = (VariableBlock("a", (2, 2), 3), VariableBlock("b", (2,), 2))
    return FactorGraph(variables, (FactorBlock(Table(table), scopes),))


EVIDENCE = np.array([-1, -1, 2, -1, -1, 1], np.int32)

QUERIES = (
    LogPartition(),
    Solutions(),
    Marginals(),
    Marginals(np.array([0, 3, 5], np.int32)),
    Joint(np.array([4, 1, 2], np.int32)),
    Joint(np.array([4, 0, 4], np.int32)),
    MarginalMap(np.array([0, 1], np.int32)),
    Map(),
)


def _numbers(found: Answer) -> list[np.ndarray]:
    match found:
        case LogPartitionAnswer():
            return [np.array([found.log_value, found.log_lower, found.log_upper])]
        case SolutionsAnswer():
            return [np.array([found.count, found.log_count], np.float64)]
        case MarginalsAnswer():
            return [*found.probabilities, np.array([found.log_partition])]
        case JointAnswer():
            return [found.probabilities]
        case MarginalMapAnswer():
            return [np.array([found.log_value])]
        case AssignmentsAnswer():
            return [found.log_scores]


@pytest.mark.parametrize("evidence", [EVIDENCE, no_evidence(_graph())])
@pytest.mark.parametrize("query", QUERIES)
def test_answers_without_idle_variables_are_the_same(
    query: Query, evidence: Assignment, monkeypatch: pytest.MonkeyPatch
):
    graph, budget = _graph(), start_budget(60.0, 1 << 30)
    wanted = eliminate(Task(graph, query, evidence), Effort(budget, np.random.default_rng(0)))
    assert wanted is not None
    monkeypatch.setattr(idle, "STATES_MIN", 1)
    found = infer(graph, query, evidence=evidence, budget_s=60.0)
    assert found.quality.status is Status.EXACT
    for mine, theirs in zip(_numbers(found), _numbers(wanted), strict=True):
        assert mine.shape == theirs.shape
        assert mine == pytest.approx(theirs, abs=1e-12, nan_ok=True)
    if isinstance(found, AssignmentsAnswer):
        assert (found.assignments[0][evidence >= 0] == evidence[evidence >= 0]).all()


def test_samples_of_idle_variables_are_uniform(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(idle, "STATES_MIN", 1)
    found = infer(_graph(), Samples(3000), evidence=EVIDENCE, budget_s=60.0)
    assert (found.assignments[:, [2, 5]] == [2, 1]).all()
    for v, size in ((0, 3), (4, 2)):
        shares = np.bincount(found.assignments[:, v], minlength=size) / 3000
        assert shares == pytest.approx(np.full(size, 1 / size), abs=0.05)


def test_two_variables_of_two_thousand_million_states_are_counted():
    graph = FactorGraph((VariableBlock("x", (2,), 2**31 - 1),), ())
    found = infer(graph, LogPartition(), budget_s=60.0, memory_bytes=1 << 20)
    assert found.log_value == pytest.approx(2 * math.log(2**31 - 1))
    assert infer(graph, Solutions(), budget_s=60.0).count == (2**31 - 1) ** 2


@pytest.mark.parametrize(
    "query", [Marginals(), Samples(10**12), Joint(np.arange(40, dtype=np.int32)), Best(10**12)]
)
def test_answers_larger_than_memory_are_refused_by_name(query: Query):
    graph = FactorGraph((VariableBlock("x", (40,), 50_000),), ())
    assert query.answer_bytes(graph) > 1 << 20
    for ask in (infer, plan):
        with pytest.raises(AnswerSizeError, match="MiB are allowed"):
            ask(graph, query, memory_bytes=1 << 20)
