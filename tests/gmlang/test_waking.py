"""`consider all about`, `using wake`, `woke`: in programs, against the interpreter."""

import json
import random
import re
import runpy
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import gmlang
from gmlang.cli import main
from gmlang.core.program import Query
from gmlang.diagnostics import GmError, Source
from gmlang.pipeline import check_source
from gmlang.queries.dispatch import written
from gmlang.queries.planning import plan_of
from gmlang.queries.session import prepare
from gmlang.queries.settings import Settings
from gmlang.syntax.print import format_source
from gmruntime.answer import JointAnswer, Quality, Status
from tests.support import worlds
from tests.support.programs import SOCIETY_QUERIES, society_program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "society"

SMALL = """
domain C = {r, g, b}
entity Thing:
    a[4] : C
    lid : bool
model m0(x: Thing) prior 0.1:
    predict x.a[0] = r @ 0.9
    predict x.lid = true @ 0.7
model fam(x: Thing, k: 0..3, c: C) prior 0.05:
    predict x.a[k] = c @ 0.5 + 0.1 * k
    if x.lid: predict x.a[k] = c @ 0.4
model both = m0 fam(1, g)
model beside(x: Thing, y: Thing):
    constraint x.lid == y.lid
var it : Thing
CONSIDER
observe it.a[0] = r
"""
ALL = "consider all about it"
EACH = "consider m0(it), both(it), fam(it, k, c) for k in 0..3 for c in C"


def _value(answer: gmlang.Answer) -> Any:
    return answer.value


def _waking(seed: int) -> str:
    """Write a society that considers everything about its thing."""
    text = society_program(random.Random(seed))
    return re.sub(r"^consider (leader|red).*$", ALL, text, flags=re.MULTILINE)


def test_all_about_a_thing_is_every_model_of_it_and_every_member():
    one, other = (gmlang.compile(SMALL.replace("CONSIDER", c)) for c in (ALL, EACH))
    for query in ("logZ()", "P(it.a[1])", "P(both(it))", "P(it.lid)"):
        found, expected = one.query(query), other.query(query)
        assert found.status == expected.status == "exact"
        assert found.value == pytest.approx(expected.value)
    found, expected = _value(one.query("active(it)")), _value(other.query("active(it)"))
    assert {m["model"] for m in found["models"]} == {m["model"] for m in expected["models"]}


def test_what_is_imported_is_considered(tmp_path: Path):
    (tmp_path / "colours.gm").write_text(
        "entity Thing:\n    red : bool\nmodel red(x: Thing):\n    predict x.red = true @ 0.9\n"
        "model blue(x: Thing):\n    predict x.red = false @ 0.9\n"
    )
    tail = "model odd(x: colours.Thing):\n    predict x.red = true @ 0.6\nvar it : colours.Thing\n"
    texts = {"import colours\n" + tail: {"red(it)", "blue(it)", "odd(it)"}}
    named = "from colours import Thing, red\nvar it : Thing\n"
    texts[named] = {"red(it)"}
    for text, names in texts.items():
        (tmp_path / "main.gm").write_text(text + ALL + "\nquery active(it)\n")
        (answer,) = gmlang.load(tmp_path / "main.gm").run()
        assert {m["model"] for m in _value(answer)["models"]} == names


def test_a_name_for_a_member_of_a_family_is_that_member():
    named = SMALL.replace("model both", "model second = fam(1, g)\nmodel both")
    answers = [
        gmlang.compile(text.replace("CONSIDER", ALL)).query("logZ()") for text in (SMALL, named)
    ]
    assert answers[0].value == pytest.approx(answers[1].value)


def test_it_is_printed_as_it_is_written():
    text = SMALL.replace("CONSIDER", "consider m0(it), all about it")
    once = format_source(Source("p", text))
    assert "consider m0(it), all about it\n" in once
    assert format_source(Source("p", once)) == once


@pytest.mark.parametrize("name", ["all", "about"])
def test_its_words_are_names_elsewhere(name: str):
    text = f"var {name} : bool ~ Bernoulli(0.25)\nquery P({name})\n"
    (answer,) = gmlang.compile(text).run()
    assert _value(answer)["true"] == pytest.approx(0.25)


@pytest.mark.parametrize("seed", range(16))
def test_answers_of_the_awake_hold_of_everything(seed: int):
    text = _waking(seed)
    rng = random.Random(seed)
    model = gmlang.compile(text)
    for query in rng.sample(SOCIETY_QUERIES, 3):
        expected = worlds.probability(text, query)
        eps = rng.choice([0.3, 0.1, 0.01, 1e-6])
        plain = model.query(query)
        assert plain.status == "exact"
        assert _probability(plain, query) == pytest.approx(expected, abs=1e-9)
        answer = model.query(f"{query} using wake(eps={eps})")
        found = _probability(answer, query)
        assert abs(found - expected) <= eps + 1e-9
        if answer.status == "exact":
            assert found == pytest.approx(expected, abs=1e-9)
    expected = worlds.log_partition(text)
    bounded = model.query("logZ() using wake(eps=0.2)")
    if bounded.status == "exact":
        assert bounded.value == pytest.approx(expected, abs=1e-9)
    else:
        assert bounded.log_lower is not None
        assert bounded.log_upper is not None
        assert bounded.log_lower <= expected <= bounded.log_upper
    best, whole = model.query("MAP() using wake"), model.query("MAP() using wake(off)")
    assert best.status == whole.status == "exact"
    assert best.log_score == pytest.approx(whole.log_score, abs=1e-9)


def _probability(answer: gmlang.Answer, query: str) -> float:
    if isinstance(answer.value, dict):
        return float(_value(answer)["true"])
    assert isinstance(answer.value, float), query
    return answer.value


def _library(num_models: int, num_hidden: int) -> gmlang.Model:
    """Return the example with made-up concepts of 60 attributes seen but for some."""
    rng = np.random.default_rng(2)
    width = 10
    attr = np.stack([rng.permutation(60)[:width] for _ in range(num_models)])
    said = np.arange(width) < rng.integers(3, width + 1, num_models)[:, None]
    seen = np.ma.masked_array(rng.integers(0, 8, 400), np.arange(400) < num_hidden)
    return gmlang.load(EXAMPLES / "concepts.gm").bind(
        prior_=rng.uniform(0.001, 0.02, num_models),
        attr=attr,
        value=rng.integers(0, 8, attr.shape),
        conf=np.ma.masked_array(rng.uniform(0.4, 0.95, attr.shape), ~said),
        seen=seen,
    )


def test_a_library_answers_as_if_all_were_awake():
    model = _library(1500, 4)
    whole = model.query("P(it.a[1]) using wake(off)", budget_s=60)
    awake = model.query("P(it.a[1])", budget_s=60)
    assert whole.status == "exact"
    assert awake.status == "bounded"
    lower, upper = cast("Any", awake.details["lower"]), cast("Any", awake.details["upper"])
    for state, chance in _value(whole).items():
        assert lower[state] <= chance <= upper[state]
        assert abs(_value(awake)[state] - chance) <= 1e-4
    assert "awake" in awake.note
    best = model.query("MAP()", budget_s=60)
    assert best.status == "exact"
    assert best.log_score == pytest.approx(
        model.query("MAP() using wake(off)", budget_s=60).log_score, abs=1e-9
    )


def test_the_plan_says_who_is_asked():
    model = _library(300, 4)
    plans = {
        text: str(plan_of(model.session(), query, Settings()))
        for text in ("P(it.a[1])", "sample(2)", "P(it.a[1]) using wake(off)")
        for query in model.ask(text)
    }
    assert "who is awake, of 300 models" in plans.pop("P(it.a[1])")
    assert not any("awake" in words for words in plans.values())


def test_what_the_log_says_replayed_is_who_is_awake():
    answer = _library(1500, 4).query("woke(it) using wake(eps=1e-3)", budget_s=60)
    log = _value(answer)["log"]
    awake: set[str] = set()
    for row in log:
        if row["event"] == "wake":
            awake.add(row["model"])
        elif row["event"] == "retire":
            awake.remove(row["model"])
            assert row["why"]
    assert len(awake) == _value(answer)["awake"] > 0
    assert _value(answer)["awake"] + _value(answer)["asleep"] + _value(answer)["decoupled"] == 1500
    assert {row["event"] for row in log} >= {"wake", "probe"}
    assert log[-1]["eps"] == pytest.approx(_value(answer)["eps"])
    assert all(row["by"].startswith(("it.a[", "concept(", "prior")) for row in log)
    json.loads(answer.to_json())
    assert "decoupled" in repr(answer)


def test_at_most_so_many_are_awake():
    answer = _library(1500, 4).query("woke(it) using wake(eps=1e-9, at_most=20)", budget_s=60)
    assert _value(answer)["awake"] <= 20
    assert _value(answer)["eps"] > 1e-9
    assert answer.status == "bounded"


def test_where_all_is_seen_all_is_exact_and_nobody_wakes():
    model = _library(1500, 0)
    answer = model.query("woke(it)", budget_s=60)
    assert _value(answer)["awake"] == 0
    assert answer.status == "exact"
    one, other = (model.query(f"active(it){how}", budget_s=60) for how in ("", " using wake(off)"))
    assert one.status == "exact"
    chances = {m["model"]: m["probability"] for m in _value(one)["models"]}
    for entry in _value(other)["models"][:20]:
        assert chances[entry["model"]] == pytest.approx(entry["probability"], abs=1e-9)


def test_a_trace_tells_who_woke(tmp_path: Path):
    program = tmp_path / "p.gm"
    program.write_text(SMALL.replace("CONSIDER", ALL) + "query P(it.a[1]) using wake(eps=0.2)\n")
    trace = tmp_path / "t.jsonl"
    with pytest.raises(SystemExit) as ended:
        main(["run", str(program), "--trace", str(trace)])
    assert ended.value.code == 0
    lines = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    rows = [line for line in lines if "answer" not in line]
    assert {row["event"] for row in rows} <= {"wake", "probe", "retire"}
    assert {"query", "seconds", "model", "by", "ceiling", "evidence", "eps"} <= set(rows[0])


def test_waking_needs_models():
    checked = gmlang.Model(check_source(Source("p", "var a : bool\n")))
    with pytest.raises(GmError, match="GM363"):
        checked.query("P(a) using wake")


def test_a_prediction_without_a_confidence_is_not_made():
    text = (
        "data c[3] : real = [0.9, _, 0.6]\nentity T:\n    a[3] : bool\n"
        "model m(x: T):\n    for i in 0..2: predict x.a[i] = true @ c[i]\nvar it : T\n"
    )
    model = gmlang.compile(text)
    for place, chance in enumerate((0.9, 0.5, 0.6)):
        found = _value(model.query(f"P(it.a[{place}] | m(it))"))["true"]
        assert found == pytest.approx(chance)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("concepts.py")), ids=lambda p: p.stem)
def test_the_example_finds_its_causes(path: Path, capsys: pytest.CaptureFixture[str]):
    runpy.run_path(str(path), run_name="__main__")
    assert "found:" in capsys.readouterr().out


OPEN = """
entity T:
    a : 0..2
    b : bool
    c[3] : bool
model m(x: T, i: 0..2) prior 0.2: predict x.a = i @ 0.8
model n(x: T) prior 0.4:
    predict x.b = true @ 0.7
    predict x.a = 2 @ 0.4
    for k in 0..2: predict x.c[k] = true @ 0.6
var it : T
consider all about it
"""


@pytest.mark.parametrize(
    "query", ["H(it.a)", "I(it.a, it.b)", "best(2, composite(it))", "active(it)"]
)
def test_numbers_without_a_bound_are_no_bounded_answers(query: str):
    model = gmlang.compile(OPEN)
    awake = model.query(f"{query} using wake(at_most=1)")
    assert awake.status == "estimate"
    assert "models awake" in awake.note
    assert model.query("P(it.a) using wake(at_most=1)").status == "bounded"


def test_a_joint_distribution_of_rows_without_a_bound_gives_no_bounded_entropy():
    model = gmlang.compile(OPEN)
    (query,) = model.ask("H(it.a)")
    assert isinstance(query, Query)
    quality = Quality(Status.BOUNDED, "waking", 0.0, 0.1, "sleepers")
    found = JointAnswer(quality, np.full(3, 1 / 3))
    assert written(prepare(model.session(), query), query, found).status == "estimate"


def _within(value: object, lower: object, upper: object) -> bool:
    match value:
        case dict():
            ends = cast("Any", lower), cast("Any", upper)
            return all(_within(v, ends[0][k], ends[1][k]) for k, v in cast("Any", value).items())
        case list():
            triples = zip(cast("Any", value), cast("Any", lower), cast("Any", upper), strict=True)
            return all(_within(*three) for three in triples)
        case _:
            return cast("float", lower) <= cast("float", value) <= cast("float", upper)


@pytest.mark.parametrize(
    "query",
    [
        *(
            "P(it.a)",
            "P(it.c)",
            "P(it.c[i] for i in 0..1)",
            "P(it.c[0], it.b)",
            "P(it.a, it.b | it.c[0])",
        ),
        *("P(it.c[i] and it.b for i in 0..2)", "E(it.a)", "E(it.c)", "Var(it.a)", "Var(it.c)"),
    ],
)
def test_bounded_answers_of_any_shape_say_their_ends(query: str):
    model = gmlang.compile(OPEN)
    awake = model.query(f"{query} using wake(at_most=1)")
    assert awake.status == "bounded"
    exact = model.query(f"{query} using wake(off)")
    assert exact.status == "exact"
    lower, upper = awake.details["lower"], awake.details["upper"]
    assert _within(exact.value, lower, upper)
    assert _within(awake.value, lower, upper)
    json.loads(awake.to_json())
    assert ("is off by at most 0." in repr(awake)) is isinstance(awake.value, list)


def test_a_bounded_assertion_is_proven():
    ends = gmlang.compile(OPEN).query("P(it.b) using wake(at_most=1)").number_bounds()
    assert ends is not None
    low, high = ends
    for number, status in ((low - 0.01, "bounded"), (low + 0.01, "estimate"), (high, "bounded")):
        text = f"{OPEN}assert P(it.b) > {number} using wake(at_most=1)\n"
        (found,) = gmlang.compile(text).run()
        assert found.status == status
        assert found.held or number > low
