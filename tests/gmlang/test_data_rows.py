"""Rows of data: each row has the answer of the program with its data bound."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.diagnostics import GmError
from tests.support.answers import assert_close

MEMORY = Path(__file__).parents[2] / "examples" / "society" / "memory.gm"

DRAWN = """
data p[D, N] : real
data pixels[N] : bool
entity Image:
    ink[N] : bool
model drawn(x: Image, d: 0..<D) prior 0.2:
    for i in 0..<N: predict x.ink[i] ~ Bernoulli(p[d, i])
var img : Image
consider drawn(img, d) for d in 0..<D
constraint exactly_one(drawn(img, d) for d in 0..<D)
observe img.ink = pixels
"""

EDGES = """
import vision
data picture[H, W] : real
data e[4, H, W] : bool := edges(picture, 4)
var k : 0..3
factor sum(0.1 for i in 0..<H for j in 0..<W if e[k, i, j])
"""

COLOURS = """
domain Color = {red, green, blue}
data seen[N] : Color
data count[N] : 2..5
var hat[N] : Color
var number[N] : 2..5
observe hat = seen
observe number = count
for i in 0..<N: prefer (hat[i] == red) == (number[i] == 3) weight 1
for i in 0..<N - 1: prefer hat[i] == hat[i + 1] weight 0.7
"""


def some_rows() -> dict[str, tuple[str, dict[str, object], dict[str, object], tuple[str, ...]]]:
    """Return programs with what is the same in all rows, their rows, and questions."""
    rng = np.random.default_rng(0)
    pattern = rng.random((50, 20)) < 0.5
    halves = np.ma.MaskedArray(pattern[:4], mask=np.broadcast_to(np.arange(20) >= 9, (4, 20)))
    words = [["red", "blue", None], [None, None, "green"], ["blue", None, None]]
    counts = np.array([[np.nan, 3, np.nan], [2, np.nan, np.nan], [np.nan, np.nan, 5]])
    return {
        "memory": (MEMORY.read_text(), {"pattern": pattern}, {"seen": halves}, ("P(x)", "P(m)")),
        "models": (
            DRAWN,
            {"p": rng.uniform(0.1, 0.9, (3, 5))},
            {"pixels": rng.random((4, 5)) < 0.5},
            ("P(drawn(img, 1))", "active(img)"),
        ),
        "pictures": (EDGES, {}, {"picture": rng.random((3, 6, 7))}, ("P(k)", "MAP(k)")),
        "several": (COLOURS, {}, {"seen": words, "count": counts}, ("P(hat)", "P(number)")),
    }


@pytest.mark.parametrize("which", some_rows())
def test_each_row_has_the_answer_of_its_data(which: str):
    text, same, columns, questions = some_rows()[which]
    model = gmlang.compile(text).bind(**same)
    for question in questions:
        found = model.query(question, rows=columns)
        for number, one in enumerate(found):
            own = {name: values[number] for name, values in columns.items()}  # pyright: ignore
            alone = model.bind(**own).query(question)
            assert one.status == alone.status == "exact"
            assert_close(one.value, alone.value)


def test_what_is_only_observed_is_asked_about_together():
    text, same, columns, _ = some_rows()["memory"]
    found = gmlang.compile(text).bind(**same).query("MAP(x)", rows=columns)
    assert {one.method for one in found} == {"one product for all remembered patterns"}


def test_what_a_query_mentions_is_bound_row_by_row():
    model = gmlang.compile("data k : 0..3\nvar x : 0..3\nfactor 1 if x == k else 0\n")
    found = model.query("P(x = k)", rows={"k": [0, 3]})
    assert [one.value for one in found] == pytest.approx([np.e / (np.e + 3)] * 2)


def test_a_row_of_params_is_a_row_of_programs():
    model = gmlang.compile("param p = 0.5\nvar x : bool ~ Bernoulli(p)\n")
    found: Any = model.query("P(x)", rows={"p": [0.1, 0.9]})
    assert [one.probabilities["true"] for one in found] == pytest.approx([0.1, 0.9])


def test_no_rows_have_no_answers():
    assert gmlang.compile(DRAWN).query("P(img.ink)", rows={"pixels": np.zeros((0, 5))}) == []


def test_a_budget_that_is_over_leaves_rows_unanswered():
    model = gmlang.compile(EDGES)
    found = model.query("P(k)", rows={"picture": np.zeros((3, 4, 4))}, budget_s=1e-9)
    assert {one.status for one in found} == {"estimate"}
    assert len(found) == 3


@pytest.mark.parametrize(
    "rows", [{"pixels": [[1]], "img.ink": [[1]]}, {"pixels": 1}, {"pixels": [[1]], "p": [1, 2]}]
)
def test_columns_that_do_not_fit_each_other_are_refused(rows: dict[str, object]):
    with pytest.raises(GmError) as caught:
        gmlang.compile(DRAWN).query("P(img.ink)", rows=rows)
    assert caught.value.diagnostics[0].code == "GM484"


def test_a_row_that_fits_no_declaration_is_refused():
    with pytest.raises(GmError) as caught:
        gmlang.compile(EDGES).query("P(k)", rows={"picture": [[1, 2], [3, 4]]})
    assert caught.value.diagnostics[0].code == "GM403"


@pytest.mark.parametrize("given", ["pixels=rows.npz", "rows.npz", "pixels=rows.npy"])
def test_the_command_reads_rows_of_data(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    chances, pixels = rng.uniform(0.1, 0.9, (3, 5)), rng.random((4, 5)) < 0.5
    np.savez("p.npz", p=chances)
    np.savez("rows.npz", pixels=pixels)
    np.save("rows.npy", pixels)
    Path("m.gm").write_text(DRAWN + "query P(drawn(img, 2))\n", "utf-8")
    with pytest.raises(SystemExit) as caught:
        main(["run", "m.gm", "--data", "p.npz", "--each", given, "--limit", "3", "--json"])
    assert caught.value.code == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    model = gmlang.compile(DRAWN).bind(p=chances)
    for number, line in enumerate(lines):
        own = model.bind(pixels=pixels[number]).query("P(drawn(img, 2))")
        assert line["row"] == number + 1
        assert line["answer"] == pytest.approx(own.value)
    assert len(lines) == 3


def test_rows_are_told_by_their_place_not_by_a_label():
    pandas = pytest.importorskip("pandas")
    model = gmlang.compile("data k : real\nvar z : bool ~ Bernoulli(k)\n")
    column = pandas.Series([0.1, 0.2, 0.3], index=[2, 1, 0])
    found = [answer.value["true"] for answer in model.query("P(z)", rows={"k": column})]  # pyright: ignore
    assert found == pytest.approx([0.1, 0.2, 0.3])
    other = column.set_axis([7, 8, 9])
    again = [answer.value["true"] for answer in model.query("P(z)", rows={"k": other})]  # pyright: ignore
    assert again == found


@pytest.mark.parametrize("rows", [{1, 2}, {0: 0.5}, "0.5", 0.5, None, np.array(0.5)])
def test_what_has_no_places_has_no_rows(rows: Any):
    model = gmlang.compile("data k : real\nvar z : bool ~ Bernoulli(k)\n")
    with pytest.raises(GmError, match="GM484"):
        model.query("P(z)", rows={"k": rows})


def test_data_frames_and_lists_of_mappings_are_rows_of_data():
    pandas = pytest.importorskip("pandas")
    model = gmlang.compile(
        "data t : 0..2\nvar k : 0..2\nvar z : bool ~ Bernoulli(0.2 + 0.3 * k)\nobserve k = t\n"
    )
    columns = {"t": [2, 0, 1]}
    for question in ("P(z)", "P(k == t)", "P(z | k = t)"):
        wanted = [answer.value for answer in model.query(question, rows=columns)]
        for rows in (pandas.DataFrame(columns), [{"t": t} for t in columns["t"]]):
            found = [answer.value for answer in model.query(question, rows=rows)]
            assert found == wanted
    mixed = pandas.DataFrame({"t": [2, 0], "z": [True, None]})
    assert next(a.value for a in model.query("P(k)", rows=mixed))["2"] == 1  # pyright: ignore
