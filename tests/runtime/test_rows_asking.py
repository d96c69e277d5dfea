"""Questions of many rows: the answers that `infer` gives to each."""

import numpy as np
import pytest

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Question,
    Status,
)
from gmruntime.budget import start_budget
from gmruntime.driver import warm
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, VariableBlock, log_score
from gmruntime.inference import infer, infer_rows
from gmruntime.rows import asking, batches
from gmruntime.rows.kernels import maxima
from gmruntime.rows.kernels.maxima import run_maxima
from gmruntime.rows.program import TooWideError
from tests.support.random_rows import random_graph, random_rows

BUDGET_S = 60.0


def one_and_all(
    graph: FactorGraph, query: Question[AnyAnswer], rows: np.ndarray
) -> list[tuple[AnyAnswer, AnyAnswer]]:
    together = [one for one in infer_rows(graph, query, rows, budget_s=BUDGET_S) if one is not None]
    alone = [infer(graph, query, evidence=row, budget_s=BUDGET_S) for row in rows]
    assert len(together) == len(rows)
    return list(zip(together, alone, strict=True))


def drawn(seed: int) -> tuple[FactorGraph, np.ndarray]:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    rows = random_rows(rng, graph, 10, float(rng.choice([0.3, 0.7, 1.0])))
    return graph, np.concatenate([rows, rows[:2]])


@pytest.fixture(params=[1, 8])
def pattern(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Give each pattern of evidence its program, or all of them one."""
    monkeypatch.setattr(batches, "PATTERN_ROWS_MIN", request.param)
    monkeypatch.setattr(asking, "FEW", 0)
    return int(request.param)


@pytest.mark.parametrize("seed", range(8))
def test_marginals_of_rows(seed: int, pattern: int):
    graph, rows = drawn(seed)
    some = np.unique(np.random.default_rng(seed).integers(0, graph.num_variables, 3))
    for query in (Marginals(), Marginals(some.astype(np.int32))):
        for mine, theirs in one_and_all(graph, query, rows):
            assert isinstance(mine, MarginalsAnswer)
            assert isinstance(theirs, MarginalsAnswer)
            assert mine.quality.status is theirs.quality.status
            for ours, expected in zip(mine.probabilities, theirs.probabilities, strict=True):
                np.testing.assert_allclose(ours, expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_log_partitions_of_rows(seed: int, pattern: int):
    graph, rows = drawn(seed)
    for mine, theirs in one_and_all(graph, LogPartition(), rows):
        assert isinstance(mine, LogPartitionAnswer)
        assert isinstance(theirs, LogPartitionAnswer)
        assert mine.quality.status is theirs.quality.status
        assert mine.log_value == pytest.approx(theirs.log_value, abs=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_the_best_assignments_of_rows(seed: int, pattern: int):
    graph, rows = drawn(seed)
    for row, (mine, theirs) in zip(rows, one_and_all(graph, Map(), rows), strict=True):
        assert isinstance(mine, AssignmentsAnswer)
        assert isinstance(theirs, AssignmentsAnswer)
        assert mine.quality.status is theirs.quality.status
        assert mine.log_scores == pytest.approx(theirs.log_scores, abs=1e-9)
        assert log_score(graph, mine.assignments) == pytest.approx(mine.log_scores)
        assert ((row < 0) | (mine.assignments == row)).all()


@pytest.mark.parametrize("states_max", [0, 256])
@pytest.mark.parametrize("seed", range(6))
def test_joint_distributions_of_rows(
    seed: int, states_max: int, pattern: int, monkeypatch: pytest.MonkeyPatch
):
    """By one program for all rows, or row by row where there are too many states."""
    monkeypatch.setattr(asking, "_JOINT_STATES_MAX", states_max)
    graph, rows = drawn(seed)
    some = np.random.default_rng(seed).permutation(graph.num_variables)[:3]
    for mine, theirs in one_and_all(graph, Joint(some.astype(np.int32)), rows):
        assert isinstance(mine, JointAnswer)
        assert isinstance(theirs, JointAnswer)
        assert mine.quality.status is theirs.quality.status
        if mine.quality.status is Status.EXACT:
            np.testing.assert_allclose(mine.probabilities, theirs.probabilities, atol=1e-9)


def test_the_joint_distribution_of_nothing_is_1_in_every_row():
    graph, rows = drawn(3)
    nothing = np.zeros(0, np.int32)
    assert all(
        isinstance(mine, JointAnswer) and mine.probabilities == pytest.approx(1.0)
        for mine, _ in one_and_all(graph, Joint(nothing), rows[:4])
    )


def test_other_questions_are_asked_row_by_row():
    graph, rows = drawn(3)
    for mine, theirs in one_and_all(graph, Best(2), rows[:4]):
        assert isinstance(mine, AssignmentsAnswer)
        assert isinstance(theirs, AssignmentsAnswer)
        np.testing.assert_allclose(mine.log_scores, theirs.log_scores, atol=1e-9)


def test_a_row_that_there_is_no_time_for_has_no_answer():
    graph, rows = drawn(3)
    over = start_budget(1e-9, 1 << 30)
    assert infer_rows(graph, Best(2), rows, budget=over) == [None] * len(rows)


def test_what_is_too_wide_is_asked_row_by_row(monkeypatch: pytest.MonkeyPatch):
    graph, rows = drawn(5)

    def refuse(*_: object) -> None:
        raise TooWideError("too wide")

    monkeypatch.setattr(asking, "compiled", refuse)
    for mine, theirs in one_and_all(graph, LogPartition(), rows):
        assert isinstance(mine, LogPartitionAnswer)
        assert isinstance(theirs, LogPartitionAnswer)
        assert mine.log_value == pytest.approx(theirs.log_value, abs=1e-9)


def test_strong_weights_are_added_up_first():
    """1e16 for and against leaves 0.5 as it was."""
    tables = [Table(np.array([[0.0, weight]])) for weight in (1e16, 0.5, -1e16)]
    graph = FactorGraph(
        (VariableBlock("x", (), 2),),
        tuple(FactorBlock(table, np.zeros((1, 1), np.int32)) for table in tables),
    )
    (found,) = infer_rows(graph, Marginals(), np.array([[-1]]))
    assert found is not None
    assert found.probabilities[0][1] == pytest.approx(1 / (1 + np.exp(-0.5)))


def test_rows_that_do_not_fit_are_refused():
    graph, rows = drawn(1)
    with pytest.raises(GraphError, match="rows has shape"):
        infer_rows(graph, LogPartition(), rows[0])
    assert infer_rows(graph, LogPartition(), rows[:0]) == []


def test_loops_for_the_best_of_rows_are_compiled_ahead(monkeypatch: pytest.MonkeyPatch):
    ran: list[int] = []

    def counted(*given: object) -> int:
        ran.append(len(given))
        return run_maxima(*given)  # pyright: ignore

    monkeypatch.setattr(maxima, "run_maxima", counted)
    warm._run_rows(np.random.default_rng(0), start_budget(BUDGET_S, 1 << 30))  # pyright: ignore
    assert ran
