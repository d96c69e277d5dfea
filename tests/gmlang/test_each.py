"""One query about many rows: what each row would have been answered alone."""

import random
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gmlang
from gmlang.api import Model
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.learning.results.writing import write_arrays
from gmlang.learning.rows import rows_given
from gmlang.queries import spread_rows
from gmlang.queries.answers import Answer
from gmlang.queries.dispatch import NO_TIME
from gmlang.queries.question import Single
from gmlang.queries.questions import QUESTIONS, question_of
from gmlang.queries.session import prepare
from gmlang.queries.settings import Settings
from gmruntime.budget import Watch
from gmruntime.elimination.passes.loading import load
from gmruntime.rows import asking, batches, sharing
from tests.support.programs import flat_program, society_program

SPRINKLER = """
domain Sky = {clear, cloudy, dark}
var sky : Sky ~ Categorical([0.5, 0.3, 0.2])
var rain : bool ~ Bernoulli(0.1 if sky == clear else 0.4)
var wet : bool ~ Bernoulli(0.9 if rain else 0.2)
var days[3] : bool
for i in 0..<3: days[i] ~ Bernoulli(0.8 if rain else 0.3)
"""

QUERIES: dict[Callable[[random.Random], str], tuple[str, ...]] = {
    flat_program: ("P(a)", "P(x)", "P(n, b)", "P(b and x[1] | z = 1)", "MAP(x, n)", "logZ()"),
    society_program: ("P(it.color)", "P(red(it) | it.row[1] = true)", "MAP(it.color)", "logZ()"),
}


def drawn_rows(rng: random.Random, model: Model, count: int) -> list[dict[str, object]]:
    """Draw rows of cells, each a state of a variable by its name, or empty."""
    rows: list[dict[str, object]] = []
    for _ in range(count):
        row: dict[str, object] = {}
        for named in model.names():
            for place in np.ndindex(*named.variables.shape):
                index = f"[{', '.join(map(str, place))}]" if place else ""
                state = named.states.label(rng.randrange(named.states.count))
                row[named.name + index] = state if rng.random() < 0.25 else None
        rows.append(row)
    return [*rows, rows[0]]


def alone(text: str, row: dict[str, object], query: str) -> Answer:
    """Answer a query of a program that observes a row."""
    seen = [f"observe {name} = {state}\n" for name, state in row.items() if state is not None]
    return gmlang.compile(text + "".join(seen)).query(query, budget_s=60.0)


def assert_same(mine: Answer, other: Answer) -> None:
    assert (mine.text, mine.kind, mine.status) == (other.text, other.kind, other.status)
    assert (mine.value is None) == (other.value is None)
    if mine.kind == "map":
        # Several assignments may be as good.
        assert mine.log_score == pytest.approx(other.log_score, abs=1e-9)
        return
    assert_alike(mine.value, other.value)


def assert_alike(mine: object, other: object) -> None:
    """Compare numbers, maps and lists of them, up to 1e-9."""
    if isinstance(mine, dict) and isinstance(other, dict):
        assert list(mine) == list(other)  # pyright: ignore[reportUnknownArgumentType]
        mine, other = list(mine.values()), list(other.values())  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(mine, list) and isinstance(other, list):
        for one, another in zip(mine, other, strict=True):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            assert_alike(one, another)
        return
    assert mine == (pytest.approx(other, abs=1e-9) if isinstance(other, float) else other)


class AtOnce(Executor):
    """An executor whose workers are always back before they are missed."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.mark.parametrize("write", QUERIES)
@pytest.mark.parametrize("seed", range(4))
def test_each_row_is_answered_as_if_the_program_observed_it(
    write: Callable[[random.Random], str], seed: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "FEW", 0)
    rng = random.Random(seed)
    text = write(rng)
    model = gmlang.compile(text)
    rows = drawn_rows(rng, model, 3)
    for query in QUERIES[write]:
        together = model.query(query, rows=rows, budget_s=60.0)
        assert len(together) == len(rows)
        for row, mine in zip(rows, together, strict=True):
            assert_same(mine, alone(text, row, query))


@pytest.mark.parametrize(
    "query",
    [
        "P(rain)",
        "P(sky, rain)",
        "P(days)",
        "P(days[i] and rain for i in 0..<3)",
        "E(count(days[i] for i in 0..<3))",
        "Var(count(days[i] for i in 0..<3))",
        "H(sky)",
        "I(sky, rain)",
        "MMAP(sky)",
        "best(2, sky, rain)",
        "sample(3, sky)",
        "count()",
        "why(rain)",
        "indep(sky, wet)",
        "[P(rain), E(days[0])]",
        "[P(days[i] | wet = true) for i in 0..<3]",
        "log(P(rain) / (1 - P(rain)))",
        "P(rain) using bp",
        "P(rain) > 0.31",
    ],
)
def test_every_kind_of_query_may_be_asked_of_rows(query: str):
    rows = [{"sky": "dark"}, {"wet": True, "days[1]": False}, {"wet": None}]
    for row, mine in zip(rows, gmlang.compile(SPRINKLER).query(query, rows=rows), strict=True):
        other = alone(
            SPRINKLER, {k: str(v).lower() for k, v in row.items() if v is not None}, query
        )
        assert (mine.kind, mine.status) == (other.kind, other.status)
        if mine.kind == "why":
            mine, other = (dict(one.value, reasons=[]) for one in (mine, other))  # pyright: ignore
            assert_alike(mine, other)
        else:
            assert_alike(mine.value, other.value)


def test_queries_that_need_one_question_are_asked_of_rows_at_once():
    """Sixteen marginals under the same conditions are one question, for all rows too."""
    text = "var x[20] : bool\nfor i in 1..<20: prefer x[i] == x[i - 1] weight 0.7\n"
    query = "[P(x[i] = true) for i in 0..<20]"
    rows = {"x[0]": [True, False, None]}
    for state, mine in zip(rows["x[0]"], gmlang.compile(text).query(query, rows=rows), strict=True):
        row: dict[str, object] = {} if state is None else {"x[0]": str(state).lower()}
        assert mine.value == pytest.approx(alone(text, row, query).value, abs=1e-9)


def test_forms_of_the_same_table_say_the_same(tmp_path: Path):
    model = gmlang.compile(SPRINKLER)
    cells = {"sky": ["dark", None, "clear"], "days[2]": [True, False, None]}
    (tmp_path / "t.csv").write_text("sky,days[2],weight\ndark,yes,2\n?,no,1\nclear,,0\n", "utf-8")
    days = np.array([[np.nan, np.nan, 1], [np.nan, np.nan, 0], [np.nan, np.nan, np.nan]])
    write_arrays(tmp_path / "t.npz", {"days": days})
    first = [one.value for one in model.query("P(rain)", rows=cells)]
    records = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    for rows in (pd.DataFrame(cells), records, tmp_path / "t.csv", str(tmp_path / "t.csv")):
        assert [one.value for one in model.query("P(rain)", rows=rows)] == first
    structured = np.array([("dark", 1), ("clear", 0)], dtype=[("sky", "U8"), ("wet", "?")])
    assert len(model.query("P(rain)", rows=structured)) == 2
    assert len(model.query("P(rain)", rows=tmp_path / "t.npz")) == 3


def test_a_row_that_contradicts_is_impossible_and_stops_no_other():
    model = gmlang.compile(SPRINKLER + "observe days[0] = true\nconstraint not (rain and wet)\n")
    rows = {
        "rain": [True, True, None, False],
        "wet": [False, True, True, None],
        "days[0]": [None, None, False, True],
    }
    for query in ("P(sky)", "MAP(sky)", "why(sky)", "1 - P(rain)", "P(sky, wet)"):
        statuses = [one.status for one in model.query(query, rows=rows)]
        assert statuses == ["exact", "impossible", "impossible", "exact"]
    own = model.query("P(sky | wet = true)", rows=rows)
    assert [one.status for one in own] == ["impossible", "impossible", "impossible", "exact"]


def test_a_calculation_without_a_value_for_one_row_has_the_others():
    model = gmlang.compile("var a : bool\nvar b : bool ~ Bernoulli(0.5 if a else 0)\n")
    first, second = model.query("P(a) / P(b)", rows={"a": [False, True]})
    assert first.value is None
    assert "divides by zero" in first.note
    assert second.value == pytest.approx(2.0)


def test_rows_may_exclude_what_has_no_value():
    text = "var k : 0..2\nvar y : bool ~ Bernoulli(0.5 / k)\n"
    model = gmlang.compile(text)
    values = [one.value for one in model.query("P(y = true)", rows={"k": [1, 2]})]
    assert values == pytest.approx([0.5, 0.25])
    with pytest.raises(GmError, match="GM422"):
        model.query("P(y = true)", rows={"k": [1, None]})


@pytest.mark.parametrize(
    ("code", "rows", "words"),
    [
        ("GM712", {"Rain": [True]}, "did you mean `rain`"),
        ("GM712", {"days[3]": [True]}, "is none of days"),
        ("GM712", {"told[0]": [True]}, "leave out what the program observes of it"),
        ("GM712", {"days": np.zeros((1, 3)), "days[1]": [0]}, "is about what column `days`"),
        ("GM713", {"sky": ["dark", "grey"]}, "row 2"),
        ("GM713", {"rain": [True, 2]}, "row 2"),
        ("GM717", {"rain": [True], "wet": [True, False]}, "different lengths"),
        ("GM717", {}, "no columns"),
        ("GM717", 7, "no table of cases"),
        ("GM717", "nowhere.csv", "`nowhere.csv` cannot be read"),
        ("GM717", "table.doc", "cannot be read"),
    ],
)
def test_mistakes_are_those_of_learning(code: str, rows: object, words: str):
    model = gmlang.compile(SPRINKLER + "data told[3] : bool\nobserve days = told\n")
    model = model.bind(told=[None] * 3)
    for query in ("P(sky)", "why(rain)", "P(rain) / P(wet)"):
        with pytest.raises(GmError) as caught:
            model.query(query, rows=rows)  # pyright: ignore[reportArgumentType, reportCallIssue]
        assert [found.code for found in caught.value.diagnostics] == [code]
        assert words in str(caught.value)


def test_no_rows_have_no_answers_but_their_columns_are_looked_at():
    model = gmlang.compile(SPRINKLER)
    assert model.query("P(sky)", rows={"rain": []}) == []
    with pytest.raises(GmError, match="GM712"):
        model.query("P(sky)", rows={"snow": []})


def test_instances_that_a_query_mentions_may_be_seen():
    text = society_program(random.Random(1))
    rows = {"noisy(it, 1)": [True, False]}
    mine = gmlang.compile(text).query("P(noisy(it, 1) | it.row[1] = true)", rows=rows)
    assert [one.value for one in mine] == [{"false": 0, "true": 1}, {"false": 1, "true": 0}]


def test_what_knows_of_no_evidence_is_the_same_for_each_row():
    text = society_program(random.Random(2))
    model = gmlang.compile(text)
    first, second = model.query("compat(red, leader)", rows={"it.big": [True, False]})
    assert first.value == second.value == model.query("compat(red, leader)").value


def test_equal_rows_have_answers_of_their_own():
    first, second = gmlang.compile(SPRINKLER).query("P(sky)", rows={"wet": [True, True]})
    assert first.value == second.value
    assert isinstance(first.value, dict)
    first.value.clear()
    assert second.value


def test_a_name_and_what_was_learned_are_said_of_each_row():
    text = "param p : probability\nvar x : bool ~ Bernoulli(p)\nvar y : bool ~ Bernoulli(p)\n"
    learned = gmlang.compile(text + "data t : rows\nlearn p from t\n").learn(t={"x": [True, False]})
    for one in learned.model.query("P(y) as guess", rows={"x": [True, None]}):
        assert (one.name, one.note) == ("guess", "given learned p")


def test_when_the_time_is_over_the_rows_left_are_not_known():
    watch = Watch()
    model = gmlang.compile(SPRINKLER)
    (query,) = model.ask("sample(2, sky)")
    found: list[Answer] = []
    _, seen = rows_given(model.checked.program, {"wet": [True, False, None]}, query.span)
    for one in model.answer_each(query, seen, Settings(60.0, watch=watch)):
        found.append(one)
        watch.ended.set()
    assert [one.value is None for one in found] == [False, True, True]
    assert {one.note for one in found[1:]} == {NO_TIME}


@pytest.mark.parametrize("query", ["P(sky)", "MAP(sky, days)", "logZ()", "P(sky, rain)"])
def test_workers_change_no_answer(query: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sharing, "SHARED_PRODUCTS_MIN", 0)
    monkeypatch.setattr(batches, "CHUNK_PRODUCTS", 40)
    monkeypatch.setattr(asking, "FEW", 0)
    # Few rows do not load compiled loops, and only these are shared.
    load()
    rng = random.Random(0)
    model = gmlang.compile(SPRINKLER)
    rows = drawn_rows(rng, model, 40)
    shared = model.query(query, rows=rows, executor=AtOnce(), num_workers=2)
    for mine, other in zip(shared, model.query(query, rows=rows), strict=True):
        assert mine.value == other.value
        assert mine.status == other.status
    assert max(one.workers for one in shared) > 1


@pytest.mark.parametrize("query", ["P(y)", "best(2, y)"])
@pytest.mark.parametrize("executor", [None, AtOnce()])
def test_rows_that_do_not_fit_the_memory_are_refused(query: str, executor: Executor | None):
    model = gmlang.compile("var x[1000] : bool\nvar y : bool\n")
    rows = {"y": [True] * 1000}
    workers = None if executor is None else 2
    with pytest.raises(GmError, match="1000 rows of 1001 variables"):
        model.query(query, rows=rows, memory_bytes=1 << 20, executor=executor, num_workers=workers)


@pytest.mark.parametrize("query", ["why(rain)", "best(2, sky)", "[P(rain), MMAP(sky)]", "count()"])
def test_rows_that_are_asked_one_by_one_are_spread(query: str):
    model = gmlang.compile(SPRINKLER)
    rows = drawn_rows(random.Random(1), model, 9)
    with ThreadPoolExecutor(2) as executor:
        spread = model.query(query, rows=rows, executor=executor)
    for mine, other in zip(spread, model.query(query, rows=rows), strict=True):
        assert (mine.kind, mine.status) == (other.kind, other.status)
        assert_alike(mine.value, other.value)
    at_once = model.query(query, rows=rows, executor=AtOnce(), num_workers=2)
    assert max(one.workers for one in at_once) == 3


class Broken(Executor):
    """An executor whose workers lose what they are given."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        del fn, args, kwargs
        future: Future[Any] = Future()
        future.set_exception(RuntimeError("lost"))
        return future


class Gone(Executor):
    """An executor that takes nothing more."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise RuntimeError("shut down")


class Silent(Executor):
    """An executor that begins nothing."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()


@pytest.mark.parametrize("executor", [Broken(), Gone(), Silent()])
def test_what_workers_lose_is_answered_here(executor: Executor):
    model = gmlang.compile(SPRINKLER)
    rows = drawn_rows(random.Random(1), model, 5)
    spread = model.query("why(rain)", rows=rows, executor=executor, num_workers=2)
    for mine, other in zip(spread, model.query("why(rain)", rows=rows), strict=True):
        assert_alike(mine.value, other.value)


def test_mistakes_come_back_from_workers():
    model = gmlang.compile(SPRINKLER)
    with pytest.raises(GmError, match="itself"):
        model.query(
            "indep(sky, sky)", rows={"sky": ["dark", "clear"]}, executor=AtOnce(), num_workers=1
        )


def test_what_questions_say_that_they_put_is_what_they_put():
    """Whether rows are asked about at once is known from that, before anything is prepared."""
    told = set[type]()
    for question in QUESTIONS:
        model = gmlang.compile(question.example)
        for query in model.questions:
            if not isinstance(query, Query):
                continue
            how = question_of(query).answered
            if isinstance(how, Single):
                prepared = prepare(model.session(), query)
                assert isinstance(how.question(prepared, query), how.puts)
                told.add(type(query))
    assert len(told) > 10


def test_rows_whose_query_was_not_grounded_in_time_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    def late(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(spread_rows, "grounding_for", late)
    model = gmlang.compile(SPRINKLER)
    rows = drawn_rows(random.Random(1), model, 9)
    found = model.query("best(2, sky)", rows=rows, executor=AtOnce(), num_workers=2)
    assert [one.note for one in found] == [NO_TIME] * len(rows)
