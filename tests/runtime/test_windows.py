"""Windows: what is answered without tables of pairs is what tables would answer."""

import numpy as np
import pytest

from gmruntime.answer import Best, Joint, LogPartition, Map, MarginalMap, Marginals, Status
from gmruntime.budget import UNLIMITED, Budget, start_budget
from gmruntime.factors.kinds import Count, Gated, SoftWindow, Table, Window
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    shape_of,
    validate,
)
from gmruntime.graph import num_states as states_of
from gmruntime.inference import infer, plan
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.task import Effort, Task
from gmruntime.windows import answer as windows
from gmruntime.windows import passes
from gmruntime.windows.pairs import pairs_of
from gmruntime.windows.split import split
from tests.fuzz import graphs

SIDE = 7


@pytest.fixture(autouse=True)
def _always(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have windows answered so whatever their size, but where that is the question."""
    if "small" not in request.node.name:
        monkeypatch.setattr(windows, "NUM_ENTRIES_MIN", 1)


def unaries(rng: np.random.Generator, count: int, scale: float = 2.0) -> FactorBlock:
    """Say what each place is worth; some are forbidden."""
    values = scale * rng.normal(size=(count, SIDE * SIDE))
    values[rng.random(values.shape) < 0.1] = -np.inf
    return FactorBlock(Table(values), np.arange(count, dtype=np.int32)[:, None])


def window(rng: np.random.Generator, scopes: np.ndarray, reach: int = 4) -> FactorBlock:
    reaches = rng.integers(0, reach, (2, len(scopes)))
    return FactorBlock(Window(SIDE, SIDE, *reaches), np.asarray(scopes, np.int32))


def soft(rng: np.random.Generator, scopes: np.ndarray, scale: float = 1.0) -> FactorBlock:
    slopes, caps = scale * rng.random(len(scopes)), 4 * scale * rng.random(len(scopes))
    return FactorBlock(SoftWindow(SIDE, SIDE, slopes, caps), np.asarray(scopes, np.int32))


def tree(rng: np.random.Generator, count: int) -> np.ndarray:
    """Join each place to an earlier one, either way round."""
    ends = [(k, int(rng.integers(k))) for k in range(1, count)]
    return np.array([pair[:: int(rng.choice([1, -1]))] for pair in ends], np.int32)


def as_tables(graph: FactorGraph) -> FactorGraph:
    """Write all windows out."""
    states = states_of(graph)

    def written(block: FactorBlock) -> FactorBlock:
        if not isinstance(block.kind, Window | SoftWindow):
            return block
        return FactorBlock(Table(block.kind.log_tables(shape_of(block, states))), block.scopes)

    return FactorGraph(graph.variables, tuple(written(block) for block in graph.factors))


def forest(rng: np.random.Generator, which: str) -> FactorGraph:
    """Draw a forest with windows of some sort."""
    count = 5
    scopes = tree(rng, count)
    blocks = [unaries(rng, count)]
    match which:
        case "hard":
            blocks.append(window(rng, scopes))
        case "soft":
            blocks.append(soft(rng, scopes))
        case "both on the same pair":
            blocks += [window(rng, scopes), soft(rng, scopes), window(rng, scopes[:, ::-1])]
        case "tables beside":
            some = np.array([True, False, True, True])
            tables = rng.normal(size=(2, SIDE**2, SIDE**2))
            blocks += [window(rng, scopes[some]), soft(rng, scopes[:2])]
            blocks.append(FactorBlock(Table(tables), scopes[1:3]))
        case "far apart":
            blocks[0] = unaries(rng, count, 400.0)
            blocks += [window(rng, scopes[:2]), soft(rng, scopes[2:], 300.0)]
        case _:
            raise AssertionError(which)
    return FactorGraph((VariableBlock("at", (count,), SIDE * SIDE),), tuple(blocks))


SORTS = ("hard", "soft", "both on the same pair", "tables beside", "far apart")


@pytest.mark.parametrize("which", SORTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_forest_is_what_its_tables_are(which: str, seed: int):
    rng = np.random.default_rng(seed)
    graph = forest(rng, which)
    evidence = no_evidence(graph)
    if seed == 2:
        evidence[3] = 24
    dense = as_tables(graph)
    for query in (Map(), LogPartition(), Marginals()):
        found, right = (infer(g, query, evidence=evidence) for g in (graph, dense))
        assert windows.METHOD in found.quality.method
        assert right.quality.status == found.quality.status
    best, most = infer(graph, Map(), evidence=evidence), infer(dense, Map(), evidence=evidence)
    np.testing.assert_allclose(best.log_scores, most.log_scores, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(log_score(graph, best.assignments), best.log_scores)
    z, right_z = (infer(g, LogPartition(), evidence=evidence).log_value for g in (graph, dense))
    assert z == pytest.approx(right_z, rel=1e-12, abs=1e-9)
    one, other = (infer(g, Marginals(), evidence=evidence) for g in (graph, dense))
    np.testing.assert_allclose(one.probabilities[0], other.probabilities[0], atol=1e-9)
    for v in (np.array([1], np.int32), np.array([3], np.int32)):
        joint, right_joint = (infer(g, Joint(v), evidence=evidence) for g in (graph, dense))
        np.testing.assert_allclose(joint.probabilities, right_joint.probabilities, atol=1e-9)
        mmap, right_mmap = (infer(g, MarginalMap(v), evidence=evidence) for g in (graph, dense))
        assert mmap.log_value == pytest.approx(right_mmap.log_value, abs=1e-9)
        assert mmap.quality.status == right_mmap.quality.status


def society(rng: np.random.Generator, num_models: int, *, indexed: bool) -> FactorGraph:
    """Draw models with parts of their own, of which one holds: each by a gate, or by an index."""
    parts = 3
    count = num_models * parts
    at = np.arange(count, dtype=np.int32).reshape(num_models, parts)
    blocks: list[FactorBlock] = [unaries(rng, count)]
    for t in range(num_models):
        scopes = at[t][tree(rng, parts)]
        if indexed:
            kind = Table(rng.normal(size=(len(scopes), num_models, SIDE**2)))
            of_index = np.stack([np.full(len(scopes), count), scopes[:, 0]], axis=1)
            blocks += [window(rng, scopes), FactorBlock(kind, of_index.astype(np.int32))]
            continue
        gate = np.full((len(scopes), 1), count + t, np.int32)
        gated = window(rng, scopes) if t % 2 else soft(rng, scopes)
        blocks.append(FactorBlock(gated.kind, np.concatenate([gate, scopes], axis=1)))
        held = Gated(rng.normal(size=(parts, SIDE**2)))
        pairs = np.stack([np.full(parts, count + t), at[t]], axis=1).astype(np.int32)
        blocks.append(FactorBlock(held, pairs))
    above = VariableBlock("model", (), num_models)
    if not indexed:
        above = VariableBlock("model", (num_models,), 2)
        one = np.where(np.arange(num_models + 1) == 1, 0.0, -np.inf)[None]
        gates = np.arange(count, count + num_models, dtype=np.int32)[None]
        blocks.append(FactorBlock(Count(one, np.zeros((1, num_models), np.bool_)), gates))
        prior = rng.normal(size=(num_models, 2))
        blocks.append(FactorBlock(Table(prior), gates.T))
    return FactorGraph((VariableBlock("at", (num_models, parts), SIDE**2), above), tuple(blocks))


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_each_state_of_what_windows_hang_from_is_a_forest(seed: int, indexed: bool):
    graph = society(np.random.default_rng(seed), 3, indexed=indexed)
    dense = as_tables(graph)
    best, most = infer(graph, Map()), infer(dense, Map())
    assert best.quality.status == Status.EXACT
    assert windows.METHOD in best.quality.method
    assert best.log_scores[0] == pytest.approx(most.log_scores[0], abs=1e-9)
    assert log_score(graph, best.assignments)[0] == pytest.approx(best.log_scores[0], abs=1e-9)
    z, right = (infer(g, LogPartition()).log_value for g in (graph, dense))
    assert z == pytest.approx(right, abs=1e-9)
    one, other = infer(graph, Marginals()), infer(dense, Marginals())
    for mine, theirs in zip(one.probabilities, other.probabilities, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)
    above = np.arange(9, graph.num_variables, dtype=np.int32)
    mine, theirs = (infer(g, Joint(above)).probabilities for g in (graph, dense))
    np.testing.assert_allclose(mine, theirs, atol=1e-9)
    few, best_few = (infer(g, Best(2, above)) for g in (graph, dense))
    np.testing.assert_allclose(few.log_scores, best_few.log_scores, atol=1e-9)
    np.testing.assert_allclose(log_score(graph, few.assignments), few.log_scores, atol=1e-9)
    assert few.quality.status == Status.EXACT
    mine, theirs = (infer(g, MarginalMap(above)) for g in (graph, dense))
    assert mine.log_value == pytest.approx(theirs.log_value, abs=1e-9)
    assert mine.states.tolist() == theirs.states.tolist()


@pytest.mark.parametrize("sizes", [(2, 3), (3, 4), (1, 5)])
def test_components_may_hang_from_variables_of_different_sizes(sizes: tuple[int, int]):
    rng = np.random.default_rng(0)
    blocks = [unaries(rng, 4), window(rng, np.array([[0, 1], [2, 3]]))]
    for k, size in enumerate(sizes):
        tables = 3.0 * rng.normal(size=(1, size, SIDE**2))
        blocks.append(FactorBlock(Table(tables), np.array([[4 + k, 2 * k]], np.int32)))
    above = tuple(VariableBlock(f"above {k}", (), size) for k, size in enumerate(sizes))
    graph = FactorGraph((VariableBlock("at", (4,), SIDE**2), *above), tuple(blocks))
    one, other = infer(graph, Marginals()), infer(as_tables(graph), Marginals())
    assert windows.METHOD in one.quality.method
    for mine, theirs in zip(one.probabilities, other.probabilities, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


def test_the_same_places_may_be_read_as_different_grids():
    rng = np.random.default_rng(1)
    pair, reach = np.array([[0, 1]], np.int32), np.array([1])
    sides = [(6, 8), (4, 12)]
    kinds = [Window(*both, reach, reach) for both in sides]
    unary = FactorBlock(Table(rng.normal(size=(2, 48))), np.array([[0], [1]], np.int32))
    graph = FactorGraph(
        (VariableBlock("at", (2,), 48),), (unary, *(FactorBlock(kind, pair) for kind in kinds))
    )
    for query in (Map(), LogPartition()):
        found, right = infer(graph, query), infer(as_tables(graph), query)
        assert windows.METHOD in found.quality.method
        assert found.log_whole() == pytest.approx(right.log_whole(), abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_a_place_may_be_a_gate_and_tables_may_reward(seed: int):
    rng = np.random.default_rng(seed)
    near = np.array([1], np.int64)
    pair = FactorBlock(Window(1, 2, near, near), np.array([[0, 1]], np.int32))
    gated = FactorBlock(Window(3, 1, near, near), np.array([[0, 2, 3]], np.int32))
    priced = SoftWindow(3, 1, rng.random(1), 2 * rng.random(1))
    reward = FactorBlock(Table(3.0 * rng.normal(size=(1, 3, 3))), np.array([[4, 3]], np.int32))
    blocks = (VariableBlock("few", (2,), 2), VariableBlock("many", (3,), 3))
    price = FactorBlock(priced, np.array([[3, 4]], np.int32))
    unary = FactorBlock(Table(rng.normal(size=(3, 3))), np.array([[2], [3], [4]], np.int32))
    evidence = np.array([-1, -1, -1, 1 if seed % 2 else -1, -1], np.int32)
    factors = (pair, gated, price, reward, unary) if seed % 2 else (pair, price, reward, unary)
    graph = FactorGraph(blocks, factors)
    for query in (Map(), LogPartition()):
        found, right = (infer(g, query, evidence=evidence) for g in (graph, as_tables(graph)))
        assert windows.METHOD in found.quality.method
        assert found.log_whole() == pytest.approx(right.log_whole(), abs=1e-9)


def test_what_windows_forbid_is_impossible():
    rng = np.random.default_rng(0)
    scopes = np.array([[0, 1], [1, 2]], np.int32)
    kind = Window(SIDE, SIDE, np.array([1]), np.array([1]))
    far = np.full((2, SIDE**2), -np.inf)
    far[0, 0] = far[1, -1] = 0.0
    ends = np.array([[0], [2]], np.int32)
    graph = FactorGraph(
        (VariableBlock("at", (3,), SIDE**2),),
        (FactorBlock(kind, scopes), FactorBlock(Table(far), ends)),
    )
    many = FactorGraph(
        (VariableBlock("at", (40,), SIDE**2),),
        (*graph.factors, window(rng, np.array([[k, k + 1] for k in range(3, 39)]))),
    )
    for query in (Map(), LogPartition(), Marginals()):
        found = infer(many, query)
        assert found.quality.status == Status.IMPOSSIBLE
        assert found.quality.method == windows.METHOD


def test_small_windows_are_left_to_tables():
    kind = Window(2, 2, np.array([1]), np.array([0]))
    graph = FactorGraph(
        (VariableBlock("at", (3,), 4),),
        (FactorBlock(kind, np.array([[0, 1], [1, 2]], np.int32)),),
    )
    assert not windows.has_windows(validate(graph))
    assert infer(graph, LogPartition()).log_value == pytest.approx(np.log(16.0))


def test_what_will_be_tried_is_foreseen():
    graph = forest(np.random.default_rng(1), "hard")
    found = plan(graph, Map())
    assert "windows" in " ".join([found.engine, *found.tried])


@pytest.mark.parametrize("seed", range(10))
def test_windows_among_factors_of_all_kinds(seed: int, monkeypatch: pytest.MonkeyPatch):
    window = next(make for make in graphs.MAKERS if make.__name__ == "_window")
    monkeypatch.setattr(graphs, "MAKERS", (*graphs.MAKERS, *(window,) * 8))
    for case in (graphs.make(1000 + 6 * seed + k) for k in range(6)):
        graph, evidence = validate(case.graph), np.asarray(case.evidence, np.int32)
        every = enumerate_assignments(graph, evidence)
        for query in (Map(), LogPartition()):
            right = query.enumerated(every, case.rng)
            found = infer(graph, query, evidence=evidence, budget_s=30.0)
            if right.quality.status == Status.IMPOSSIBLE:
                assert found.quality.status == Status.IMPOSSIBLE, case.text
            elif found.quality.status == Status.EXACT:
                assert found.log_whole() == pytest.approx(right.log_whole(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("is_max", [True, False])
@pytest.mark.parametrize("which", SORTS)
def test_passes_look_at_the_clock_between_places(
    which: str, is_max: bool, monkeypatch: pytest.MonkeyPatch
):
    graph = forest(np.random.default_rng(5), which)
    found = split(graph, no_evidence(graph))
    assert found is not None
    pairs = pairs_of(found, np.zeros((1, 0), np.int64))
    tree = passes.hung(pairs).tree

    def passed(budget: Budget) -> list[np.ndarray]:
        first = passes.upward(pairs, tree, is_max, budget)
        up = first.values.totals.copy()
        passes.downward(pairs, first, is_max, budget)
        return [up, first.top, first.values.totals]

    whole = passed(UNLIMITED)
    monkeypatch.setattr(passes, "WORK_AT_ONCE", 1)
    np.testing.assert_equal(passed(UNLIMITED), whole)
    # One look before each of five places, there and back, and before each way.
    ticks = iter(range(10**6))
    with pytest.raises(TimeoutError):
        passed(Budget(0.0, 9.0, 1 << 30, clock=lambda: float(next(ticks))))


def test_a_price_without_a_cap_is_added_up_compiled(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    scopes = tree(rng, 4)
    kind = SoftWindow(SIDE, SIDE, rng.random(3), np.array([1e4, 1e5, 2.0]))
    graph = FactorGraph(
        (VariableBlock("at", (4,), SIDE**2),), (unaries(rng, 4), FactorBlock(kind, scopes))
    )
    right = infer(as_tables(graph), LogPartition()).log_value
    monkeypatch.delattr(passes, "_climb_in_logs")
    found = infer(graph, LogPartition())
    assert windows.METHOD in found.quality.method
    assert found.log_value == pytest.approx(right, abs=1e-9)


def test_windows_that_do_not_fit_into_memory_are_left_to_others():
    graph = forest(np.random.default_rng(0), "tables beside")
    task = Task(graph, LogPartition(), no_evidence(graph))

    def found(memory_bytes: int) -> object:
        effort = Effort(start_budget(60.0, memory_bytes), np.random.default_rng(0))
        return windows.without_places(task, effort)

    assert found(1 << 24) is not None
    # The places alone fit, the tables beside them do not.
    assert found(60_000) is None
    assert found(10_000) is None
