"""`gmlang run --each`: queries about each row of a table, from the command line."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gmlang.api import Model
from gmlang.cli import main
from gmlang.core.program import Query
from gmlang.learning.results.writing import write_arrays
from gmlang.loading import compile as compile_text
from gmlang.queries import each
from gmlang.queries.session import Prepared, ask_rows
from gmlang.queries.settings import Settings
from gmlang.views.rows import rows_lines
from gmruntime.answer import Query as RuntimeQuery

PROGRAM = """
data cases : rows
domain Sky = {clear, cloudy, dark}
var sky : Sky ~ Categorical([0.5, 0.3, 0.2])
var rain : bool ~ Bernoulli(0.0 if sky == clear else 0.5)
var days[3] : bool
for i in 0..<3: days[i] ~ Bernoulli(0.75 if rain else 0.25)
query P(rain), MAP(sky, days)
query P(sky | rain = true)
assert P(rain = true) == 0.25
"""

TABLE = "sky,days[0],rain\ndark,yes,yes\nclear,,\n,no,no\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("p.gm").write_text(PROGRAM, "utf-8")
    Path("t.csv").write_text(TABLE, "utf-8")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["run", "p.gm", *arguments])
    printed = capsys.readouterr()
    return int(str(ended.value.code)), printed.out, printed.err


def test_each_row_has_a_line_and_what_has_no_rows_is_said_once(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    status, out, err = run(capsys, "--each", "cases=t.csv")
    first, best, given, holds = out.split("\n\n")
    assert [line.split() for line in first.splitlines()[1:5]] == [
        ["row", "false", "true"],
        ["1", "0", "1"],
        ["2", "1", "0"],
        ["3", "1", "0"],
    ]
    assert "3 rows: 3 exact" in first
    assert best.splitlines()[2].split()[:5] == ["1", "dark", "true", "true", "true"]
    assert given.splitlines()[3].split() == ["2", "impossible"]
    assert "3 rows: 1 exact, 2 impossible" in given
    assert "holds" in holds
    assert (status, err) == (3, "")


def test_two_tables_are_refused(here: Path, capsys: pytest.CaptureFixture[str]):
    status, out, err = run(capsys, "--each", "cases=t.csv", "--each", "t.csv")
    assert (status, out) == (2, "")
    assert "--each takes one table, and 2 are given" in err


def test_json_has_a_record_for_each_row_and_query(here: Path, capsys: pytest.CaptureFixture[str]):
    status, out, _ = run(capsys, "--each", "t.csv", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert [record.get("row") for record in records] == [1, 2, 3, 1, 2, 3, 1, 2, 3, None]
    assert records[0]["answer"] == {"false": 0.0, "true": 1.0}
    assert [record["status"] for record in records[6:9]] == ["exact", "impossible", "impossible"]
    assert records[-1]["held"]
    assert status == 3


def test_arrays_of_an_archive_are_columns(here: Path, capsys: pytest.CaptureFixture[str]):
    days = np.array([[1, 1, 1], [0, 0, np.nan]])
    write_arrays(here / "t.npz", {"days": days})
    status, out, _ = run(capsys, "--each", "t.npz", "-q", "P(rain)", "--json")
    found = [json.loads(line)["answer"]["true"] for line in out.splitlines()]
    # P(rain) = 1/4, and each day tells 3 to 1 for or against.
    assert found == pytest.approx([27 / 30, (1 / 9) / (1 / 9 + 3)])
    assert status == 0


def test_what_is_learned_is_learned_once_from_what_data_gives(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    text = "data t : rows\nparam p : probability\nvar x : bool ~ Bernoulli(p)\n"
    text += "var y : bool ~ Bernoulli(p)\nlearn p from t\nquery P(y = true)\n"
    (here / "p.gm").write_text(text, "utf-8")
    (here / "a.csv").write_text("x\nyes\nno\nyes\n", "utf-8")
    (here / "b.csv").write_text("x\nyes\n\nno\n".replace("\n\n", "\n?\n"), "utf-8")
    status, out, _ = run(capsys, "--data", "t=a.csv", "--each", "t=b.csv", "--json")
    learned, *answers = [json.loads(line) for line in out.splitlines()]
    assert learned["kind"] == "learn"
    assert [one["answer"] for one in answers] == pytest.approx([2.5 / 4] * 3)
    assert all(one["note"] == "given learned p" for one in answers)
    assert status == 0
    status, _, err = run(capsys, "--each", "t=b.csv")
    assert "GM714" in err
    assert status == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("sky\ndark\ngrey\n", "row 2 (line 3) of `cases`"),
        ("snow\nyes\n", "`snow` of `cases` names no variable"),
        ("sky,sky\ndark,dark\n", "two columns `sky`"),
        ("1,2\n", "no header"),
    ],
)
def test_mistakes_in_the_table_are_told_once_with_their_place(
    here: Path, capsys: pytest.CaptureFixture[str], table: str, words: str
):
    (here / "t.csv").write_text(table, "utf-8")
    status, out, err = run(capsys, "--each", "cases=t.csv", "-q", "P(rain)", "-q", "P(sky)")
    assert (status, out) == (1, "")
    assert err.count(words) == 1
    assert "t.csv:" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--each", "other=t.csv"),
        ("--each", "nowhere.csv"),
        ("--each", "p.gm"),
        ("--each", "t.csv", "--plan"),
        ("--each", "t.csv", "--trace", "steps.jsonl"),
        ("--each", "t.csv", "--remember", "kept"),
    ],
)
def test_what_does_not_go_with_rows_is_wrong_usage(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert "--each" in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_interrupt_keeps_the_rows_that_were_answered(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    form: tuple[str, ...],
):
    def interrupted(
        prepared: Prepared, question: RuntimeQuery, rows: np.ndarray, how: Settings, query: Query
    ) -> Iterator[object]:
        for number, found in enumerate(ask_rows(prepared, question, rows, how, query)):
            if number == 1:
                os.kill(os.getpid(), signal.SIGINT)
                while not how.running().is_spent():
                    time.sleep(0.001)
            yield found

    monkeypatch.setattr(each, "ask_rows", interrupted)
    status, out, err = run(capsys, "--each", "t.csv", *form)
    assert status == 130
    assert "interrupted after 2 of 3 rows" in err
    assert "2 rows: 2 exact" in out or [json.loads(line)["row"] for line in out.splitlines()] == [
        1,
        2,
    ]


def asked(query: str, rows: dict[str, list[object]]) -> str:
    model: Model = compile_text(PROGRAM)
    return "\n".join(rows_lines(query, model.query(query, rows=rows)))


def test_an_estimate_says_so_in_its_line_and_what_all_note_is_noted_once():
    text = asked("P(rain) using bp(iters=1)", {"days[0]": [True, None]})
    assert text.count("do not trust it") == 1
    assert [line.split()[3] for line in text.splitlines()[2:4]] == ["estimate"] * 2


def test_what_fits_no_line_has_its_own_below_the_number_of_the_row():
    text = asked("why(rain)", {"days[0]": [True, False]})
    assert "row 1" in text
    assert "days[0] = false (the row)" in text


def test_lists_events_and_arrays_have_a_column_for_each_part():
    rows: dict[str, list[object]] = {"rain": [True, False]}
    assert asked("[E(rain), P(rain = true)]", rows).splitlines()[2].split() == ["1", "1", "1"]
    events = asked("P(days)", rows).splitlines()
    assert events[1].split() == ["row", "days[0]", "days[1]", "days[2]"]
    assert events[2].split() == ["1", "0.75", "0.75", "0.75"]


def test_of_many_values_the_most_probable_are_shown():
    model = compile_text("var n : 0..40 ~ Binomial(40, 0.5)\nvar b : bool ~ Bernoulli(0.5)\n")
    lines = list(rows_lines("P(n)", model.query("P(n)", rows={"b": [True]})))
    assert lines[1].split() == ["row", "first", "second", "third"]
    assert lines[2].split()[:2] == ["1", "20"]


def test_no_rows_are_no_rows():
    assert "0 rows" in asked("P(rain)", {"sky": []})
