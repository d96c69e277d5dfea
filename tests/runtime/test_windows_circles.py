"""Windows that go round in circles: the bound, the best assignment and what was found, in order."""

import numpy as np
import pytest

from gmruntime.answer import Map, Status
from gmruntime.factors.kinds import Count, SoftWindow, Table, Window
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
    shape_of,
    validate,
)
from gmruntime.inference import infer
from gmruntime.windows import answer as windows
from gmruntime.windows.loops import by_tightness, circles_of, improve, left_out
from gmruntime.windows.pairs import pairs_of
from gmruntime.windows.passes import hung, upward
from gmruntime.windows.split import split

QUICK, ALL = range(24), range(24, 200)


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have windows answered so whatever their size."""
    monkeypatch.setattr(windows, "NUM_ENTRIES_MIN", 1)


def drawn(seed: int) -> FactorGraph:
    """Draw a few places with more windows than a forest has."""
    rng = np.random.default_rng(seed)
    count, side, extra = (int(rng.integers(*ends)) for ends in ((4, 8), (3, 6), (1, 5)))
    unary = float(rng.choice([0.3, 1, 4])) * rng.normal(size=(count, side**2))
    unary = np.round(unary) if rng.random() < 0.5 else unary
    unary[rng.random(unary.shape) < 0.1] = -np.inf
    ends = [(k, int(rng.integers(k))) for k in range(1, count)]
    for _ in range(extra):
        one, other = rng.choice(count, 2, replace=False).tolist()
        ends.append((one, other))
    scopes = np.array(ends, np.int32)
    is_soft = rng.random(len(scopes)) < rng.choice([0.0, 0.5])
    hard, soft = int((~is_soft).sum()), int(is_soft.sum())
    blocks = [FactorBlock(Table(unary), np.arange(count, dtype=np.int32)[:, None])]
    if hard:
        kind = Window(side, side, rng.integers(0, 3, hard), rng.integers(0, 3, hard))
        blocks.append(FactorBlock(kind, scopes[~is_soft]))
    if soft:
        price = SoftWindow(side, side, rng.random(soft), 3 * rng.random(soft))
        blocks.append(FactorBlock(price, scopes[is_soft]))
    return validate(FactorGraph((VariableBlock("at", (count,), side**2),), tuple(blocks)))


def in_tables(graph: FactorGraph) -> FactorGraph:
    states = num_states(graph)
    blocks = [
        FactorBlock(Table(block.kind.log_tables(shape_of(block, states))), block.scopes)
        for block in graph.factors
    ]
    return FactorGraph(graph.variables, tuple(blocks))


def check(seed: int) -> None:
    graph = drawn(seed)
    right = infer(in_tables(graph), Map(), budget_s=60.0)
    found = split(graph, no_evidence(graph))
    assert found is not None
    pairs = pairs_of(found, np.zeros((found.num_components, 0), np.int64))
    tree = hung(pairs, by_tightness(pairs)).tree
    upper = float(upward(pairs, tree, True).top.sum() + left_out(pairs, tree).sum())
    answer = infer(graph, Map(), budget_s=60.0)
    if right.quality.status == Status.IMPOSSIBLE:
        assert answer.quality.status == Status.IMPOSSIBLE
        return
    best = float(right.log_scores[0])
    assert upper >= best - 1e-9
    # From the first look on, bound >= optimum >= what is found.
    circles = circles_of(pairs, upper)
    for _ in range(4):
        from gmruntime.budget import UNLIMITED

        improve(circles, UNLIMITED)
        assert circles.upper >= best - 1e-9
        assert circles.lower <= best + 1e-9
    assert answer.quality.status == Status.EXACT
    assert answer.log_scores[0] == pytest.approx(best, abs=1e-9)
    assert log_score(graph, answer.assignments)[0] == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", QUICK)
def test_bound_best_and_found_are_in_order(seed: int):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", ALL)
def test_bound_best_and_found_are_in_order_in_many(seed: int):
    check(seed)


def test_of_several_models_only_those_that_may_win_are_searched():
    rng = np.random.default_rng(3)
    models, parts, side = 4, 4, 5
    count = models * parts
    at = np.arange(count, dtype=np.int32).reshape(models, parts)
    unary = rng.normal(size=(count, side**2))
    round_ = [(0, 1), (1, 2), (2, 3), (3, 0)]
    scopes = np.array([[count + t, at[t, a], at[t, b]] for t in range(models) for a, b in round_])
    kind = Window(side, side, np.array([1]), np.array([1]))
    one = np.where(np.arange(models + 1) == 1, 0.0, -np.inf)[None]
    gates = np.arange(count, count + models, dtype=np.int32)
    graph = FactorGraph(
        (VariableBlock("at", (models, parts), side**2), VariableBlock("model", (models,), 2)),
        (
            FactorBlock(Table(unary), np.arange(count, dtype=np.int32)[:, None]),
            FactorBlock(kind, scopes.astype(np.int32)),
            FactorBlock(Count(one, np.zeros((1, models), np.bool_)), gates[None]),
        ),
    )
    answer = infer(graph, Map(), budget_s=60.0)
    assert answer.quality.status == Status.EXACT
    # With one model held, the others are free: the best of the four is the best of all.
    evidence = np.full((models, graph.num_variables), -1, np.int32)
    evidence[:, gates] = np.eye(models, dtype=np.int32)
    singly = [infer(in_tables(graph), Map(), evidence=row, budget_s=60.0) for row in evidence]
    best = max(float(found.log_scores[0]) for found in singly)
    assert answer.log_scores[0] == pytest.approx(best, abs=1e-9)


def test_messages_that_go_round_in_circles_find_an_assignment():
    graph = drawn(5)
    found = infer(graph, Map(), method="bp")
    assert len(found.assignments) == 1
    assert np.isfinite(log_score(graph, found.assignments)[0])
