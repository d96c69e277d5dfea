"""What is looked up in rows of data: rows together have the answers that each has alone."""

from typing import Any

import numpy as np
import pytest

from gmruntime.answer import (
    AnyAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Question,
    Status,
)
from gmruntime.door.lookups import read_off
from gmruntime.factors.kinds import Count, Lookup, SoftWindow, Table, Window
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.inference import infer, infer_rows
from gmruntime.windows import answer
from gmruntime.windows.lanes import answer as lanes

SIDE, NUM_PARTS, NUM_TEMPLATES, NUM_ROWS = 7, 5, 3, 19
NUM_PLACES = NUM_PARTS * NUM_TEMPLATES


def templates(rng: np.random.Generator, *, strength: float = 1.5, soft: bool = False):
    """Draw templates behind activations of which one is true, and parts outside any."""
    size = SIDE * SIDE
    off, one = np.arange(NUM_TEMPLATES), NUM_TEMPLATES + np.arange(NUM_PLACES)
    row, free = NUM_TEMPLATES + NUM_PLACES, NUM_TEMPLATES + NUM_PLACES + 1
    owner = np.repeat(off, NUM_PARTS)
    seen = rng.random((NUM_ROWS, 60)) < 0.3
    tables = [rng.normal(size=(NUM_PLACES, size)) * strength for _ in range(2)]
    sites = rng.integers(0, 60, (NUM_PLACES, size))
    gated = np.stack([np.full(NUM_PLACES, row), owner, one], axis=1)
    pairs = [
        (t * NUM_PARTS + k, t * NUM_PARTS + int(rng.integers(k)))
        for t in off
        for k in range(1, NUM_PARTS)
    ]
    ends = np.array([(owner[a], one[a], one[b]) for a, b in pairs], np.int32)
    reach = rng.integers(0, SIDE + 1, (2, len(ends)))
    window = (
        SoftWindow(SIDE, SIDE, reach[0] * 0.5, reach[1] * 1.0)
        if soft
        else Window(SIDE, SIDE, reach[0], reach[1])
    )
    exactly = np.full((1, NUM_TEMPLATES + 1), -np.inf)
    exactly[0, 1] = 0.0
    lone = rng.normal(size=(2, 1, size))
    variables = (
        VariableBlock("template", (NUM_TEMPLATES,), 2),
        VariableBlock("at", (NUM_TEMPLATES, NUM_PARTS), size),
        VariableBlock("row", (), NUM_ROWS),
        VariableBlock("free", (2,), size),
    )
    factors = (
        FactorBlock(Lookup(seen, sites, tables[0], tables[1], True), gated.astype(np.int32)),
        FactorBlock(window, ends),
        FactorBlock(Table(rng.normal(size=(NUM_PLACES, size))), one[:, None].astype(np.int32)),
        FactorBlock(
            Count(exactly, np.zeros((1, NUM_TEMPLATES), np.bool_)), off[None].astype(np.int32)
        ),
        FactorBlock(Table(rng.normal(size=(NUM_TEMPLATES, 2))), off[:, None].astype(np.int32)),
        # Two more places, of which one looks and none has a gate.
        FactorBlock(
            Window(SIDE, SIDE, np.array([2]), np.array([1])), np.array([[free, free + 1]], np.int32)
        ),
        FactorBlock(
            Lookup(seen.copy(), sites[:1], lone[0], lone[1]), np.array([[row, free]], np.int32)
        ),
    )
    return FactorGraph(variables, factors), row


def rows_of(graph: FactorGraph, row: int, rng: np.random.Generator) -> np.ndarray:
    """Draw rows of data, some with an activation observed."""
    rows = np.tile(no_evidence(graph), (NUM_ROWS + 4, 1))
    rows[:, row] = np.concatenate([np.arange(NUM_ROWS), rng.integers(0, NUM_ROWS, 4)])
    rows[-3, 0], rows[-2, 1] = 1, 0
    return rows


def check(graph: FactorGraph, query: Question[AnyAnswer], rows: np.ndarray) -> None:
    together = infer_rows(graph, query, rows, budget_s=60.0)
    for row, found in zip(rows, together, strict=True):
        alone = infer(read_off(graph, row), query, evidence=row, budget_s=60.0)
        assert found is not None
        assert found.quality.status is alone.quality.status is Status.EXACT
        match found, alone:
            case LogPartitionAnswer(), LogPartitionAnswer():
                assert found.log_value == pytest.approx(alone.log_value, abs=1e-9)
            case MarginalsAnswer(), MarginalsAnswer():
                for one, other in zip(found.probabilities, alone.probabilities, strict=True):
                    np.testing.assert_allclose(one, other, atol=1e-9)
            case _:
                np.testing.assert_allclose(found.log_scores, alone.log_scores, atol=1e-9)  # pyright: ignore


@pytest.fixture(autouse=True)
def every_window_counts(monkeypatch: pytest.MonkeyPatch):
    """Have windows of any size answered as windows."""
    monkeypatch.setattr(answer, "NUM_ENTRIES_MIN", 1)


@pytest.mark.parametrize("seed", range(2))
def test_rows_together_are_rows_alone(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(seed)
    graph, row = templates(rng)
    rows = rows_of(graph, row, rng)
    told: list[bool] = []
    answered = lanes.answers_to_rows

    def counted(*given: Any) -> object:
        found = answered(*given)
        told.append(found is not None)
        return found

    monkeypatch.setattr(lanes, "answers_to_rows", counted)
    check(graph, LogPartition(), rows)
    check(graph, Marginals(np.arange(NUM_TEMPLATES, dtype=np.int32)), rows)
    assert told == [True, True]
    check(graph, Map(), rows[-4:])
    check(graph, Marginals(np.array([0, row + 1], np.int32)), rows[-4:])
    assert told == [True, True, False, False]


def test_tables_say_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(answer, "NUM_ENTRIES_MIN", 1 << 30)
    rng = np.random.default_rng(3)
    graph, row = templates(rng)
    check(graph, LogPartition(), rows_of(graph, row, rng)[-4:])


def test_what_floats_would_lose_is_added_up_in_logs():
    graph, row = templates(np.random.default_rng(7), strength=300.0)
    check(graph, LogPartition(), rows_of(graph, row, np.random.default_rng(0))[-6:])


def test_other_forms_are_answered_row_by_row():
    rng = np.random.default_rng(8)
    graph, row = templates(rng, soft=True)
    rows = rows_of(graph, row, rng)[-4:]
    check(graph, LogPartition(), rows)
    twice = FactorGraph(graph.variables, (*graph.factors, graph.factors[0]))
    check(twice, LogPartition(), rows)


def tree(
    rng: np.random.Generator, parents: np.ndarray, side: int, *, strength: float, impossible: float
) -> FactorGraph:
    """Draw places without gates, each of which looks up what its states are worth."""
    size, count = side * side, len(parents) + 1
    places = 1 + np.arange(count)
    tables = [rng.normal(size=(count, size)) * strength for _ in range(2)]
    for table in tables:
        table[rng.random(table.shape) < impossible] = -np.inf
    if_true, if_false = tables
    seen, sites = rng.random((4, 40)) < 0.5, rng.integers(0, 40, (count, size))
    reach = np.full(len(parents), rng.choice([1, side - 1]))
    looks = np.stack([np.zeros(count, np.int64), places], axis=1).astype(np.int32)
    ends = np.stack([places[1:], places[parents]], axis=1).astype(np.int32)
    return FactorGraph(
        (VariableBlock("row", (), 4), VariableBlock("at", (count,), size)),
        (
            FactorBlock(Lookup(seen, sites, if_true, if_false), looks),
            FactorBlock(Window(side, side, reach, reach), ends),
        ),
    )


@pytest.mark.parametrize("strength", [0.01, 30.0, 3e4])
@pytest.mark.parametrize("impossible", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_beyond_floats_are_added_up_in_logs(seed: int, impossible: float, strength: float):
    """Many parts around one, whose windows add up to more than a float holds, or chains."""
    rng = np.random.default_rng(seed)
    star = np.zeros(110, np.int64)
    parents = [star, np.arange(40), np.array([rng.integers(k + 1) for k in range(30)])][seed]
    side = 25 if seed == 0 else 6
    graph = tree(rng, parents, side, strength=strength, impossible=impossible)
    rows = np.tile(no_evidence(graph), (4, 1))
    rows[:, 0] = np.arange(4)
    for row, found in zip(rows, infer_rows(graph, LogPartition(), rows, budget_s=60), strict=True):
        alone = infer(read_off(graph, row), LogPartition(), evidence=row, budget_s=60)
        assert found is not None
        assert found.quality.status is alone.quality.status
        assert found.log_value == pytest.approx(alone.log_value, rel=1e-12, abs=1e-8)
