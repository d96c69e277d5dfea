"""What was learned written into programs and files, and the command that does it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gmlang
from gmlang.cli import group
from gmlang.learning.results.writing import written

PROGRAM = """"Coins."
data tosses : rows   # one a row
param p    : probability ~ Beta(2, 2)
param t[2, 3] : simplex = [[0.2, 0.3, 0.5], [1, 0, 0]]
param w : real ~ Normal(0, 1)
var a : bool ~ Bernoulli(p)
var b : 0..2 ~ Categorical(t[a])
learn p, t from tosses   # all
query P(b)
"""
ROWS = "a,b\n1,0\n0,2\n1,1\n,2\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coins.gm").write_text(
        PROGRAM.replace("param w : real ~ Normal(0, 1)\n", ""), "utf-8"
    )
    (tmp_path / "t.csv").write_text(ROWS, "utf-8")
    return tmp_path


def _run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(group, list(arguments), standalone_mode=False)
    assert found.exception is None or isinstance(found.exception, SystemExit | gmlang.GmError), (
        found
    )
    if found.exception is not None and isinstance(found.exception, gmlang.GmError):
        return 1, str(found.exception)
    return int(found.return_value or 0), found.output


def test_only_values_and_learns_of_a_program_change(folder: Path):
    status, _ = _run("learn", "coins.gm", "--data", "tosses=t.csv", "-o", "learned.gm")
    assert status == 0
    before = (folder / "coins.gm").read_text("utf-8").splitlines()
    after = (folder / "learned.gm").read_text("utf-8").splitlines()
    changed = [k for k, (x, y) in enumerate(zip(before, after, strict=True)) if x != y]
    assert [before[k].split()[0:2] for k in changed] == [
        ["param", "p"],
        ["param", "t[2,"],
        ["learn", "p,"],
    ]
    assert after[changed[0]].startswith(before[changed[0]] + " = ")
    assert after[changed[2]].startswith("# learned from t.csv (sha256 ")
    assert after[changed[2]].endswith("# all")


def test_the_written_program_answers_like_the_learned_model(folder: Path):
    model = gmlang.load("coins.gm")
    learned = model.learn(tosses={"a": [1, 0, 1, None], "b": [0, 2, 1, 2]})
    _run("learn", "coins.gm", "--data", "tosses=t.csv", "-o", "learned.gm")
    again = gmlang.load("learned.gm")
    one, other = (m.query("P(b)").to_numpy() for m in (learned.model, again))
    assert one == pytest.approx(other, abs=1e-6)


def test_values_go_into_archives_and_back(folder: Path):
    _run("learn", "coins.gm", "--data", "tosses=t.csv", "-o", "learned.npz")
    with np.load(folder / "learned.npz") as archive:
        assert set(archive.files) == {"p", "t"}
    status, text = _run("run", "coins.gm", "--params", "learned.npz", "--json")
    assert status == 0
    answers = json.loads(text)["queries"]
    assert [answer["kind"] for answer in answers] == ["marginal"]


def test_nothing_is_written_over_unasked(folder: Path):
    found = CliRunner().invoke(group, ["learn", "coins.gm", "-o", "coins.gm"])
    assert found.exit_code == 2
    assert "--in-place" in found.output
    before = (folder / "coins.gm").read_text("utf-8")
    _run("learn", "coins.gm", "--data", "tosses=t.csv")
    assert (folder / "coins.gm").read_text("utf-8") == before
    _run("learn", "coins.gm", "--data", "tosses=t.csv", "--in-place")
    assert (folder / "coins.gm").read_text("utf-8") != before


def test_run_learns_where_a_program_says_so(folder: Path):
    status, text = _run("run", "coins.gm", "--data", "tosses=t.csv", "--json")
    assert status == 0
    learned, asked = json.loads(text)["queries"]
    assert learned["kind"] == "learn"
    assert learned["status"] == "converged"
    assert asked["note"] == "given learned p, t"


def test_rows_that_cannot_be_have_a_status_of_their_own(folder: Path):
    text = "data t : rows\nparam p : probability\nvar x : bool ~ Bernoulli(p)\nvar y : bool := x\n"
    (folder / "copy.gm").write_text(text + "learn p from t\n", "utf-8")
    (folder / "c.csv").write_text("x,y\n1,1\n1,0\n", "utf-8")
    assert _run("learn", "copy.gm", "--data", "t=c.csv")[0] == 3
    status, text = _run("learn", "copy.gm", "--data", "t=c.csv", "--skip-impossible")
    assert status == 0
    assert "1 impossible row was left out" in text


def test_json_has_all_that_was_found(folder: Path):
    del folder
    _, text = _run("learn", "coins.gm", "--data", "tosses=t.csv", "--hold-out", "0.25", "--json")
    (learned,) = json.loads(text)["learned"]
    assert learned["held_out"]["rows"] == 1
    assert set(learned["values"]) == set(learned["errors"]) == set(learned["counts"]) == {"p", "t"}


def test_what_another_file_declares_is_not_written(folder: Path):
    (folder / "coin.gm").write_text("param p : probability\n", "utf-8")
    text = "import coin\nvar x : bool ~ Bernoulli(coin.p)\nobserve x\nlearn coin.p\n"
    (folder / "main.gm").write_text(text, "utf-8")
    model = gmlang.load("main.gm")
    learned = model.learn()
    assert set(learned.values) == {"coin.p"}
    with pytest.raises(ValueError, match="another file"):
        written(model.checked.program.span.source, [learned], [""])
    for options in (["-o", "out.gm"], ["--in-place"]):
        refused = CliRunner().invoke(group, ["learn", "main.gm", *options])
        assert refused.exit_code == 2
        assert "nats a case" not in refused.output
        assert "another file" in refused.output
    assert _run("learn", "main.gm", "-o", "out.npz")[0] == 0


def test_too_many_numbers_for_a_program_are_refused_before_they_are_learned(folder: Path):
    text = "data t : rows\nparam A[101, 100] : simplex\nvar x : 0..100\nvar y : 0..99\n"
    (folder / "wide.gm").write_text(f"{text}y ~ Categorical(A[x])\nlearn A from t\n", "utf-8")
    (folder / "w.csv").write_text("x,y\n1,1\n", "utf-8")
    refused = CliRunner().invoke(group, ["learn", "wide.gm", "--data", "t=w.csv", "-o", "out.gm"])
    assert refused.exit_code == 2
    assert "nats a case" not in refused.output
    assert "10100 numbers" in refused.output
