"""log Z and counts of many rows: what enumeration says of each, however they are run."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, VariableBlock
from gmruntime.quality import Status
from gmruntime.rows import batches, running, sharing, summing
from gmruntime.rows.cutting import splitting
from gmruntime.rows.expectations import expectations as within
from gmruntime.rows.program import TooWideError
from gmruntime.rows.row_program import RowProgram, compile_rows
from gmruntime.workspace import Workspace
from tests.support.random_rows import Enumerated, random_graph, random_rows

NUM_ROWS = 12
BUDGET_S = 60.0
"""Loops that nobody compiled yet take seconds."""


expectations = partial(within, budget_s=BUDGET_S)


@pytest.fixture(params=["compiled", "parts", "lanes", "logs"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run everything by the loops, or by their reference."""
    if request.param == "parts":
        monkeypatch.setattr(splitting, "SHARE_MAX", np.inf)
    if request.param == "lanes":
        monkeypatch.setattr(batches, "PATTERN_ROWS_MIN", 1)
        monkeypatch.setattr(batches, "LANES_MIN", 1)
    monkeypatch.setattr(summing, "is_loaded", lambda: request.param != "logs")
    monkeypatch.setattr(summing, "NUMPY_PRODUCTS_MAX", 1 << 30)
    return str(request.param)


def drawn(seed: int) -> tuple[FactorGraph, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    rows = random_rows(rng, graph, NUM_ROWS, float(rng.choice([0.0, 0.2, 0.5, 1.0])))
    return graph, rows, rng.normal(size=NUM_ROWS)


def check_against_enumeration(seed: int) -> None:
    graph, rows, weights = drawn(seed)
    program = compile_rows(graph, rows, weights)
    found = program.evaluate(budget_s=BUDGET_S)
    every = Enumerated(program.tables.graph)
    expected = [np.zeros(counts.shape) for counts in found.counts]
    for r, row in enumerate(rows):
        log_z = every.log_z(row)
        assert found.log_partition[r] == pytest.approx(log_z, abs=1e-10)
        assert found.is_impossible[r] == (log_z == -np.inf)
        assert (found.blamed[r] >= 0) == found.is_impossible[r]
        if log_z > -np.inf:
            for total, counts in zip(expected, every.counts(row), strict=True):
                total += weights[r] * counts
    for total, counts in zip(expected, found.counts, strict=True):
        np.testing.assert_allclose(counts, total, atol=1e-10)
    assert found.quality.status is Status.EXACT


@pytest.mark.parametrize("seed", range(12))
def test_rows_of_every_kind_say_what_enumeration_says(seed: int, engine: str):
    check_against_enumeration(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 200))
def test_many_more_rows_say_what_enumeration_says(seed: int, engine: str):
    check_against_enumeration(seed)


@pytest.mark.parametrize("seed", range(6))
def test_counts_are_the_derivative_of_log_z(seed: int):
    graph, rows, weights = drawn(seed + 1000)
    program = compile_rows(graph, rows, weights)
    tables = own_tables(program)
    found = program.evaluate(tables, budget_s=BUDGET_S)
    kept = np.where(found.is_impossible, 0.0, weights)
    rng = np.random.default_rng(seed)
    step = 1e-5
    for position, table in enumerate(tables):
        if not table.size:
            continue
        place = tuple(int(rng.integers(size)) for size in table.shape)
        moved: list[float] = []
        for sign in (1, -1):
            changed = [t.copy() for t in tables]
            changed[position][place] += sign * step
            moved.append(
                float(
                    np.dot(kept, finite(program.evaluate(changed, budget_s=BUDGET_S).log_partition))
                )
            )
        slope = (moved[0] - moved[1]) / (2 * step)
        assert found.counts[position][place] == pytest.approx(slope, abs=1e-6)


def own_tables(program: RowProgram) -> list[np.ndarray]:
    blocks = program.tables.graph.factors
    return [block.kind.log_tables(()).copy() for block in blocks]


def finite(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(numbers), numbers, 0.0)


def test_a_program_takes_other_tables_than_it_was_compiled_with():
    graph, rows, weights = drawn(3)
    program = compile_rows(graph, rows, weights)
    rng = np.random.default_rng(0)
    tables = [table + rng.normal(size=table.shape) for table in own_tables(program)]
    found = program.evaluate(tables, budget_s=BUDGET_S)
    blocks = tuple(
        FactorBlock(Table(table), block.scopes)
        for table, block in zip(tables, program.tables.graph.factors, strict=True)
    )
    hidden = program.tables.graph.num_variables - rows.shape[1]
    wider = np.hstack([rows, np.full((len(rows), hidden), -1, np.int32)])
    other = FactorGraph(program.tables.graph.variables, blocks)
    expected = expectations(other, wider, weights)
    np.testing.assert_allclose(found.log_partition, expected.log_partition, atol=1e-12)
    for mine, theirs in zip(found.counts, expected.counts, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


def hidden_markov(num: int, length: int) -> tuple[FactorGraph, FactorGraph, np.ndarray]:
    """One sequence, a plate of them, and rows for the one."""
    rng = np.random.default_rng(5)
    start, follow, emit = (rng.normal(size=(1, *shape)) for shape in ((3,), (3, 3), (3, 4)))
    rows = np.full((num, 2 * length), -1, np.int32)
    rows[:, length:] = rng.integers(0, 4, (num, length))
    rows[:, length:][rng.random((num, length)) < 0.1] = -1

    def of(shape: tuple[int, ...]) -> FactorGraph:
        hidden = np.arange(int(np.prod(shape))).reshape(-1, length)
        seen = hidden.size + hidden
        pairs = np.stack([hidden[:, :-1].ravel(), hidden[:, 1:].ravel()], 1)
        return FactorGraph(
            (VariableBlock("z", shape, 3), VariableBlock("o", shape, 4)),
            (
                FactorBlock(Table(start), hidden[:, :1].astype(np.int32)),
                FactorBlock(Table(follow), pairs.astype(np.int32)),
                FactorBlock(
                    Table(emit), np.stack([hidden.ravel(), seen.ravel()], 1, dtype=np.int32)
                ),
            ),
        )

    return of((length,)), of((num, length)), rows


def test_plates_are_rows():
    one, many, rows = hidden_markov(30, 12)
    plate = np.concatenate([rows[:, :12].ravel(), rows[:, 12:].ravel()])[None]
    by_rows, by_plates = expectations(one, rows), expectations(many, plate)
    assert by_plates.log_partition[0] == pytest.approx(by_rows.log_partition.sum(), abs=1e-9)
    for mine, theirs in zip(by_rows.counts, by_plates.counts, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-9)


def test_plates_share_programs():
    _, many, rows = hidden_markov(30, 12)
    whole = np.where(rows < 0, 0, rows)
    whole[:, :12] = -1
    plate = np.concatenate([whole[:, :12].ravel(), whole[:, 12:].ravel()])[None]
    (group,) = compile_rows(many, plate).groups
    (batch,) = group.batches
    assert batch.instances.which.shape == (30,)


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch):
    one, _, rows = hidden_markov(300, 12)
    monkeypatch.setattr(batches, "CHUNK_PRODUCTS", 4000)
    monkeypatch.setattr(batches, "PATTERN_ROWS_MIN", 1 << 30)
    program = compile_rows(one, rows)
    alone = program.evaluate(budget_s=BUDGET_S)
    monkeypatch.setattr(running, "num_threads", lambda *_: 3)
    together = program.evaluate(budget_s=BUDGET_S)
    assert (alone.log_partition == together.log_partition).all()
    for mine, theirs in zip(alone.counts, together.counts, strict=True):
        assert (mine == theirs).all()


def sabotage(share: sharing.Share) -> sharing.Brought:
    raise OSError(share.allowance.asked_by)


@pytest.mark.parametrize("is_sound", [True, False])
def test_workers_change_no_bit_and_may_fail(monkeypatch: pytest.MonkeyPatch, is_sound: bool):
    one, _, rows = hidden_markov(300, 12)
    monkeypatch.setattr(batches, "CHUNK_PRODUCTS", 4000)
    monkeypatch.setattr(sharing, "SHARED_PRODUCTS_MIN", 0)
    if not is_sound:
        monkeypatch.setattr(sharing, "run_share", sabotage)
    program = compile_rows(one, rows)
    alone = program.evaluate(budget_s=BUDGET_S)
    with ThreadPoolExecutor(2) as executor:
        for _ in range(2):
            together = program.evaluate(budget_s=BUDGET_S, executor=executor)
            assert (alone.log_partition == together.log_partition).all()
            for mine, theirs in zip(alone.counts, together.counts, strict=True):
                assert (mine == theirs).all()
            assert is_sound or together.quality.workers == 1


def test_a_workspace_keeps_what_was_compiled(monkeypatch: pytest.MonkeyPatch):
    one, _, rows = hidden_markov(20, 6)
    workspace = Workspace()
    first = expectations(one, rows, workspace=workspace)
    monkeypatch.setattr(batches, "write", None)
    again = expectations(one, rows.copy(), workspace=workspace)
    assert (first.log_partition == again.log_partition).all()
    rows[0, 6] = (rows[0, 6] + 1) % 4
    with pytest.raises(TypeError):
        expectations(one, rows, workspace=workspace)


def test_patterns_and_one_program_for_all_agree(monkeypatch: pytest.MonkeyPatch):
    one, _, rows = hidden_markov(200, 4)
    by_pattern = compile_rows(one, rows)
    assert len(by_pattern.groups) > 1
    monkeypatch.setattr(batches, "PATTERN_ROWS_MIN", 1 << 30)
    together = compile_rows(one, rows)
    assert len(together.groups) == 1
    mine, theirs = by_pattern.evaluate(budget_s=BUDGET_S), together.evaluate(budget_s=BUDGET_S)
    np.testing.assert_allclose(mine.log_partition, theirs.log_partition, atol=1e-12)
    for some, others in zip(mine.counts, theirs.counts, strict=True):
        np.testing.assert_allclose(some, others, atol=1e-10)


def chain(log_ratio: float, length: int) -> FactorGraph:
    """Two states, each step of which prefers the second by so many nats; one end forbids it."""
    tables = np.zeros((length, 2, 2))
    tables[:, 1, 1] = log_ratio
    tables[:, 0, 1] = tables[:, 1, 0] = -np.inf
    scopes = np.stack([np.arange(length), np.arange(1, length + 1)], 1, dtype=np.int32)
    end = Table(np.array([[0.0, -np.inf]]))
    return FactorGraph(
        (VariableBlock("x", (length + 1,), 2),),
        (FactorBlock(Table(tables), scopes), FactorBlock(end, np.array([[length]], np.int32))),
    )


@pytest.mark.parametrize(("log_ratio", "length"), [(300.0, 9), (30.0, 100), (1.0, 2000)])
def test_what_floats_cannot_hold_is_not_called_impossible(log_ratio: float, length: int):
    """Messages prefer a state by far more than e^708 that the last factor forbids."""
    graph = chain(log_ratio, length)
    rows = np.full((1, length + 1), -1)
    found = expectations(graph, rows)
    assert found.quality.status is Status.EXACT
    assert found.log_partition[0] == pytest.approx(0.0, abs=1e-12)
    assert found.counts[0][:, 0, 0] == pytest.approx(np.ones(length), abs=1e-12)


def test_strong_tables_keep_their_weak_entries():
    """exp(-800) is no float, and still all there is once the strong state is forbidden."""
    graph = FactorGraph(
        (VariableBlock("x", (), 2),),
        (
            FactorBlock(Table(np.array([[0.0, -800.0]])), np.zeros((1, 1), np.int32)),
            FactorBlock(Table(np.array([[-np.inf, 0.0]])), np.zeros((1, 1), np.int32)),
        ),
    )
    found = expectations(graph, np.array([[-1]]))
    assert found.log_partition[0] == pytest.approx(-800.0)
    assert found.counts[0][0].tolist() == [0.0, 1.0]


def test_an_impossible_row_counts_nowhere():
    """Neither in the component that forbids it nor in those that do not."""
    pair = Table(np.log([[[0.5, 0.5], [1e-300, 1.0]]]))
    never = Table(np.array([[[0.0, -np.inf], [-np.inf, 0.0]]]))
    graph = FactorGraph(
        (VariableBlock("x", (4,), 2),),
        (
            FactorBlock(pair, np.array([[0, 1]], np.int32)),
            FactorBlock(never, np.array([[2, 3]], np.int32), "alike"),
            FactorBlock(never, np.array([[3, 2]], np.int32)),
        ),
    )
    found = expectations(graph, np.array([[-1, -1, 0, 1], [-1, 1, 1, -1]]))
    assert found.is_impossible.tolist() == [True, False]
    assert found.blamed[0] in (1, 2)
    assert found.blamed[1] == -1
    assert [counts.sum() for counts in found.counts] == pytest.approx([1.0, 1.0, 1.0])
    assert "1 of 2 rows" in found.quality.note


def test_no_rows_no_factors_and_no_variables():
    empty = FactorGraph((), ())
    assert expectations(empty, np.zeros((2, 0), np.int32)).log_partition.tolist() == [0.0, 0.0]
    lone = FactorGraph((VariableBlock("x", (2,), 3),), ())
    found = expectations(lone, np.array([[-1, -1], [2, -1]]))
    assert found.log_partition == pytest.approx(np.log([9.0, 3.0]))
    graph, _, _ = drawn(0)
    nothing = expectations(graph, np.zeros((0, graph.num_variables), np.int32))
    assert nothing.log_partition.size == 0
    assert all((counts == 0).all() for counts in nothing.counts)


def test_what_does_not_fit_the_memory_is_refused_with_what_it_takes():
    size = 26
    scopes = np.array([(a, b) for a in range(size) for b in range(a)], np.int32)
    graph = FactorGraph(
        (VariableBlock("x", (size,), 2),),
        (FactorBlock(Table(np.random.default_rng(0).normal(size=(1, 2, 2))), scopes),),
    )
    with pytest.raises(TooWideError, match=r"MiB.*are allowed"):
        expectations(graph, np.full((1, size), -1), memory_bytes=1 << 20)
    # What rows observe makes it narrow, for each of the patterns.
    rows = np.full((2, size), 0)
    rows[0, :10] = rows[1, 10:20] = -1
    found = expectations(graph, rows, memory_bytes=1 << 20)
    assert found.quality.status is Status.EXACT


def test_a_spent_budget_leaves_what_is_done():
    one, _, rows = hidden_markov(50, 12)
    program = compile_rows(one, rows)
    found = program.evaluate(budget_s=1e-9)
    assert found.quality.status is Status.ESTIMATE
    assert "budget ended" in found.quality.note
    assert np.isnan(found.log_partition).any()
    without = within(one, rows, budget_s=1e-9)
    assert without.quality.status is Status.ESTIMATE
    assert np.isnan(without.log_partition).all()
    assert [counts.shape for counts in without.counts] == [counts.shape for counts in found.counts]


def test_rows_that_there_is_no_time_to_cut_are_not_cut(monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise AssertionError("it would end late")

    one, _, rows = hidden_markov(50, 12)
    monkeypatch.setattr(batches, "_S_PER_CELL", 1.0)
    monkeypatch.setattr(batches, "cut", refused)
    still = Budget(0.0, 1.0, 1 << 30, clock=lambda: 0.0)
    with pytest.raises(TimeoutError):
        compile_rows(one, rows, budget=still)


@pytest.mark.parametrize(
    ("rows", "weights", "says"),
    [
        (np.zeros((2, 3), np.int32), None, "rows has shape"),
        (np.array([[0, 5]]), None, "row 0 names a state"),
        (np.array([[0.5, 0.0]]), None, "not integers"),
        (np.array([[0, 0]]), np.array([np.nan]), "NaN"),
        (np.array([[0, 0]]), np.array([-np.inf]), "finite"),
        (np.array([[0, 0]]), np.ones(2), "one for each row"),
    ],
)
def test_rows_that_mean_nothing_are_refused(rows: np.ndarray, weights: object, says: str):
    graph = FactorGraph((VariableBlock("x", (2,), 2),), ())
    with pytest.raises(GraphError, match=says):
        expectations(graph, rows, weights)


def test_tables_that_do_not_fit_are_refused():
    one, _, rows = hidden_markov(3, 4)
    program = compile_rows(one, rows)
    with pytest.raises(GraphError, match="2 arrays for 3 blocks"):
        program.evaluate([None, None])
    with pytest.raises(GraphError, match=r"tables\[0\] has shape"):
        program.evaluate([np.zeros((1, 4)), None, None])
