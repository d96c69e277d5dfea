"""Rows that are scored by products: the answers are those of each row alone."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import numpy as np
import pytest

from gmruntime.answer import (
    AssignmentsAnswer,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
)
from gmruntime.budget import begin_budget
from gmruntime.factors.kinds import Count, Gated, Or, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score
from gmruntime.inference import infer, infer_rows
from gmruntime.rows import asking
from gmruntime.rows.scoring import scores
from gmruntime.rows.scoring.families import chances_of_members, families
from gmruntime.rows.scoring.scores import scored

NUM_SITES, NUM_MEMBERS, NUM_FREE = 6, 4, 2
SITES = np.arange(NUM_SITES)
MEMBERS = NUM_SITES + np.arange(2 * NUM_MEMBERS)
FREE = MEMBERS[-1] + 1 + np.arange(NUM_FREE)
ANY = int(FREE[-1]) + 1


def society(rng: np.random.Generator, zeros: float) -> FactorGraph:
    """Draw two families and two free booleans about sites of three states, and their ties."""

    def logs(*shape: int) -> np.ndarray:
        return np.where(rng.random(shape) < zeros, -np.inf, 3 * rng.normal(size=shape))

    def scopes(*columns: object) -> np.ndarray:
        return np.stack(np.broadcast_arrays(*columns), axis=1).astype(np.int32)

    booleans = np.concatenate([MEMBERS, FREE])
    gates, sites = (grid.reshape(-1) for grid in np.meshgrid(booleans, SITES))
    one = np.full((1, NUM_MEMBERS + 1), -np.inf)
    one[0, 1] = rng.normal()
    as_table = np.full((1, *(2,) * NUM_MEMBERS), -np.inf)
    for k in range(NUM_MEMBERS):
        as_table[(0, *np.eye(NUM_MEMBERS, dtype=int)[k])] = 0.5
    first, second = np.split(MEMBERS, 2)
    not_ = np.zeros((1, NUM_MEMBERS), bool)
    factors = (
        FactorBlock(Gated(logs(len(gates), 3)), scopes(gates, sites)),
        FactorBlock(Table(logs(2, 2, 3, 3)), scopes(FREE, SITES[:2], SITES[2:4])),
        FactorBlock(Table(logs(1, 3)), scopes(SITES)),
        FactorBlock(Table(logs(len(booleans), 2)), scopes(booleans)),
        FactorBlock(Count(one, not_), first[None].astype(np.int32)),
        FactorBlock(Table(as_table), second[None].astype(np.int32)),
        FactorBlock(Table(logs(1, 2, 2)), scopes(first[:2], second[1:3])),
        FactorBlock(Table(logs(1, 2, 2, 2)), scopes(first[2:3], first[3:], FREE[:1])),
        FactorBlock(
            Or(np.array([[False, False, True]])), np.array([[first[0], first[2], ANY]], np.int32)
        ),
    )
    variables = (
        VariableBlock("site", (NUM_SITES,), 3),
        VariableBlock("model", (2 * NUM_MEMBERS + NUM_FREE,), 2),
        VariableBlock("any", (), 2),
    )
    return FactorGraph(variables, factors)


def rows_of(rng: np.random.Generator, graph: FactorGraph, hidden: float) -> np.ndarray:
    rows = np.full((5, graph.num_variables), -1, np.int32)
    rows[:, SITES] = rng.integers(3, size=(5, NUM_SITES))
    rows[:, SITES[rng.random(NUM_SITES) < hidden]] = -1
    if hidden:
        rows[0, SITES[-1]] = -1
        rows[1:3, MEMBERS[int(rng.integers(2 * NUM_MEMBERS))]] = rng.integers(2)
    return rows


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "_FACTORS_MIN", 1)
    monkeypatch.setattr(asking, "FEW", 0)


CASES = [(seed, zeros, hidden) for seed in range(6) for zeros in (0.0, 0.1) for hidden in (0, 0.4)]


@pytest.mark.parametrize(("seed", "zeros", "hidden"), CASES)
def test_scored_rows_have_the_answers_of_each_alone(seed: int, zeros: float, hidden: float):
    rng = np.random.default_rng(seed)
    graph = society(rng, zeros)
    if seed >= 4:
        blocks = (b for b in graph.factors if b.scopes.shape[1] != NUM_MEMBERS)
        graph = FactorGraph(graph.variables, tuple(blocks))
    rows = rows_of(rng, graph, hidden)
    some = np.array([MEMBERS[1], FREE[0], ANY], np.int32)
    for query in (LogPartition(), Marginals(), Marginals(some), Joint(some[1:]), Map()):
        together = infer_rows(graph, query, rows, budget_s=60.0)
        for row, mine in zip(rows, together, strict=True):
            alone = infer(graph, query, evidence=row, budget_s=60.0)
            assert mine is not None
            assert mine.quality.status is alone.quality.status
            match mine, alone:
                case LogPartitionAnswer(), LogPartitionAnswer():
                    assert mine.log_value == pytest.approx(alone.log_value, abs=1e-9)
                case MarginalsAnswer(), MarginalsAnswer():
                    assert len(mine.probabilities) == len(graph.variables)
                    for ours, theirs in zip(mine.probabilities, alone.probabilities, strict=True):
                        np.testing.assert_allclose(ours, theirs, atol=1e-9)
                    expected = pytest.approx(alone.log_partition, abs=1e-9)
                    assert np.isnan(alone.log_partition) or mine.log_partition == expected
                case JointAnswer(), JointAnswer():
                    np.testing.assert_allclose(mine.probabilities, alone.probabilities, atol=1e-9)
                case AssignmentsAnswer(), AssignmentsAnswer():
                    assert mine.log_scores == pytest.approx(alone.log_scores, abs=1e-9)
                    assert log_score(graph, mine.assignments) == pytest.approx(mine.log_scores)
                    seen = np.where(row >= 0, row, mine.assignments)
                    np.testing.assert_array_equal(mine.assignments, seen)
                case _:
                    raise AssertionError(mine)


def test_all_that_rows_observe_becomes_numbers():
    rng = np.random.default_rng(0)
    graph = society(rng, 0.0)
    rows = rows_of(rng, graph, 0)
    found = scored(graph, rows, begin_budget(60.0, None))
    assert len(found.families) == 2
    touched = np.concatenate([block.scopes.reshape(-1) for block in found.graph.factors])
    assert not np.isin(touched, np.concatenate([SITES, MEMBERS])).any()


def test_families_are_told_from_other_counts():
    allowed = np.where(np.arange(4) == 1, 0.0, -np.inf)[None]
    soft = np.where(np.arange(4) == 1, 0.0, -5.0)[None]
    flipped = np.array([[True, False, False]])
    scope = np.array([[0, 1, 2]], np.int32)
    block = VariableBlock("x", (3,), 2)
    kinds = Count(allowed, ~flipped & False), Count(soft, flipped & False), Count(allowed, flipped)
    open_ = np.ones(3, bool)
    for kind, expected in zip(kinds, (1, 0, 0), strict=True):
        graph = FactorGraph((block,), (FactorBlock(kind, scope),))
        assert len(families(graph, open_)) == expected
        assert not families(graph, open_ & (np.arange(3) > 0))


def test_a_member_far_from_certain_keeps_the_digits_of_its_opposite():
    chances = np.array([1.0, 1e-40, 3e-40])
    np.testing.assert_allclose(chances_of_members(chances)[0, 0], 4e-40, rtol=1e-12)


def test_strong_scores_stay_within_the_range_of_floats():
    rng = np.random.default_rng(1)
    graph = society(rng, 0.0)
    strong = tuple(
        FactorBlock(Gated(300 * block.kind.log_potentials), block.scopes)
        if isinstance(block.kind, Gated)
        else block
        for block in graph.factors
    )
    graph = FactorGraph(graph.variables, strong)
    rows = rows_of(rng, graph, 0)
    together = infer_rows(graph, LogPartition(), rows, budget_s=60.0)
    for row, mine in zip(rows, together, strict=True):
        alone = infer(graph, LogPartition(), evidence=row, budget_s=60.0)
        assert mine is not None
        assert mine.log_value == pytest.approx(alone.log_value, rel=1e-12)
