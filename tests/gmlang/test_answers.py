"""Answers in the forms that other tools take."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.learning.results.answer import LearnAnswer
from gmlang.learning.results.found import FoundAnswer
from gmlang.queries.answers import Answer, AssertAnswer
from gmlang.queries.composed.calculation import CALCULATION
from gmlang.queries.composed.listed import LIST
from gmlang.queries.questions import QUESTIONS, probability
from gmlang.queries.session import prepare

_ANSWERS = [answer for one in (*QUESTIONS, CALCULATION, LIST) for _, answer in one.kinds]

SOURCE = """
domain Color = {red, green, blue}
var color : Color base {red: 2, green: 1, blue: 1}
var x[2, 2] : bool
prefer x[0, 0] weight 1
"""


@pytest.fixture(scope="module")
def model() -> gmlang.Model:
    return gmlang.compile(SOURCE)


def test_a_marginal_is_a_map_an_array_and_a_series(model: gmlang.Model):
    answer = model.query("P(color)")
    assert answer.probabilities == {"red": 0.5, "green": 0.25, "blue": 0.25}
    np.testing.assert_allclose(answer.to_numpy(), [0.5, 0.25, 0.25])
    series = answer.to_pandas()
    assert series["green"] == 0.25
    assert list(answer.to_xarray().coords["state"].values) == ["red", "green", "blue"]


def test_an_array_of_marginals_has_the_shape_of_the_variables(model: gmlang.Model):
    answer = model.query("P(x)")
    assert answer.to_numpy().shape == (2, 2, 2)
    assert answer.to_pandas().shape == (4, 2)
    assert answer.to_xarray().dims == ("i0", "i1", "state")


def test_an_answer_is_one_json_object(model: gmlang.Model):
    plain = json.loads(model.query("MAP(x, color)").to_json())
    assert plain["kind"] == "map"
    assert plain["status"] == "exact"
    assert plain["answer"]["color"] == "red"
    assert plain["answer"]["x"][0][0] == "true"
    assert plain["log_lower"] == plain["log_score"]
    assert set(plain) >= {"query", "kind", "status", "answer", "log_lower", "log_upper", "seconds"}


def test_an_answer_shows_itself(model: gmlang.Model):
    answer = model.query("P(color)")
    assert "exact" in repr(answer)
    assert "<table>" in answer._repr_html_()  # pyright: ignore[reportPrivateUsage]


def test_every_kind_of_answer_shows_itself_as_text():
    kinds = [*_ANSWERS, LearnAnswer, FoundAnswer, AssertAnswer]
    assert {kind.__repr__ for kind in kinds} == {Answer.__repr__}


def test_impossible_evidence_is_a_status_and_no_error(model: gmlang.Model):
    answer = model.query("P(color | x[0, 0] = true, x[0, 0] = false)")
    assert answer.status == "impossible"
    assert answer.value is None
    assert model.query("P(color | color == red and color == blue)").status == "impossible"


def test_a_search_only_ever_improves(model: gmlang.Model):
    steps = list(model.search("MAP(x)", budget_s=5))
    scores = [step.log_score for step in steps]
    bounds = [step.log_bound for step in steps]
    assert scores == sorted(scores)
    assert bounds == sorted(bounds, reverse=True)
    assert steps[-1].log_score == pytest.approx(steps[-1].log_bound)


def test_the_same_seed_gives_the_same_samples(model: gmlang.Model):
    first, second, other = (model.query("sample(20, x)", seed=s).value for s in (1, 1, 2))
    assert first == second
    assert first != other


def test_an_assertion_compares_the_best_state():
    model = gmlang.compile(
        "domain Color = {red, green}\n"
        "var rain : bool ~ Bernoulli(0.2)\n"
        "var color : Color ~ Categorical([0.2, 0.8])\n"
        "var size : 1..3 ~ Categorical([0.2, 0.5, 0.3])\n"
        "assert MAP(rain) == false\n"
        "assert MAP(color | rain = true) == green\n"
        "assert MAP(size) == 2 and MAP(size) < 3\n"
        "assert MAP(color) == red\n"
    )
    answers = list(model.run())
    assert [answer.held for answer in answers] == [True, True, True, False]
    assert answers[-1].note == "MAP(color) = green"


def test_a_later_query_brings_nothing_of_a_module_in(tmp_path: Path):
    """A module's variables join a program that mentions them; afterwards they are refused."""
    (tmp_path / "rain.gm").write_text("var wet : bool ~ Bernoulli(0.3)\nparam k = 0.5\n")
    (tmp_path / "main.gm").write_text("import rain\nvar a : bool ~ Bernoulli(0.5)\n")
    model = gmlang.load(tmp_path / "main.gm")
    for text in ("P(rain.wet)", "P(a | rain.k > 0.2)"):
        with pytest.raises(GmError) as caught:
            model.query(text)
        assert [d.code for d in caught.value.diagnostics] == ["GM215"]


SOCIETY = (
    "entity Thing:\n    size : 0..2\n"
    "model big(x: Thing) prior 0.2:\n    predict x.size = 2 @ 0.9\n"
    "model huge(x: Thing) prior 0.1:\n    use big(x)\n"
    "var it[3] : Thing\n"
)
ONE = SOCIETY + "consider huge(it[0])\n"


def test_what_a_query_mentions_joins_the_programs_graph_only_where_it_is_new():
    model = gmlang.compile(ONE)
    session = model.session()
    sizes: list[int] = []
    for text in ("P(big(it[0]))", "P(it[0].size | huge(it[0]))", "P(big(it[0]) | huge(it[1]))"):
        (query,) = model.ask(text)
        assert isinstance(query, Query)
        sizes.append(prepare(session, query).builder.num_variables)
    base = model.grounding().builder.num_variables
    assert sizes == [base, base, base + 2]


@pytest.mark.parametrize("name", ["big", "huge"])
def test_an_answer_is_the_same_whether_its_instances_were_there_before(name: str):
    text = f"P({name}(it[0]) | it[0].size = 2)"
    mentioned = gmlang.compile(SOCIETY).query(text).value
    there = gmlang.compile(SOCIETY + f"consider {name}(it[0])\n")
    assert there.query(text).value == pytest.approx(mentioned)


@pytest.mark.parametrize("number", [25, 70])
def test_independence_given_many_variables_is_read_off_the_graph_or_refused(number: int):
    model = gmlang.compile("var x[80] : bool\nfor i in 0..78: prefer x[i] == x[i + 1] weight 1\n")
    given = ", ".join(f"x[{i}]" for i in range(3, 3 + number))
    answer = model.query(f"indep(x[0], x[2] | x[1], {given})")
    assert (answer.status, answer.value) == ("exact", True)
    with pytest.raises(GmError, match="this joint") as caught:
        model.query(f"indep(x[0], x[2] | {given})")
    assert [d.code for d in caught.value.diagnostics] == ["GM501"]


def test_independence_does_not_end_where_floats_do():
    """The graph keeps n and b apart; P(b = false | a) is so small that its digits are lost."""
    model = gmlang.compile(
        "var a : bool ~ Bernoulli(1e-300)\n"
        "var b : bool ~ Bernoulli(0.999999 if a else 1e-300)\n"
        "var n : 0..3 ~ Binomial(300, 1e-06)\n"
        "factor 699.5 * b\n"
    )
    answer = model.query("indep(n, b | a)")
    assert (answer.status, answer.value) == ("exact", True)


def test_a_value_that_is_written_later_is_the_same(monkeypatch: pytest.MonkeyPatch):
    text = "var x[2, 3] : 0..2\nfor i in 0..<2, j in 0..<3: factor 0.1 * i * x[i, j]\n"
    model = gmlang.compile(text)
    now = model.query("P(x)", remember=False)
    monkeypatch.setattr(probability, "VALUES_MAX", 1)
    later = model.query("P(x)", remember=False)
    with pytest.raises(AttributeError):
        object.__getattribute__(later, "value")
    assert later.to_dict()["answer"] == now.value == later.value
    assert model.query("P(x)").value == model.query("P(x)").value == now.value
    later = model.query("P(x)", remember=False)
    assert pickle.loads(pickle.dumps(later)).value == now.value
    assert repr(model.query("P(x)", remember=False)).splitlines()[:3] == repr(now).splitlines()[:3]
