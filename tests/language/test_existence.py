"""Things that may not exist: against enumeration, and in the cases that have a formula."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import math
import random
from pathlib import Path

import pytest

import gmlang
from gmlang.diagnostics import Source
from gmlang.syntax.print import format_source
from tests.support import existence, worlds

QUERIES = (
    "P(exists(a[0]))",
    "P(exists(a[1]) | a[0].hat = red)",
    "P(a[0].hat = red)",
    "P(a[1].big | exists(a[1]))",
    "P(page.dot | not exists(a[0]))",
)


def _agrees(seed: int) -> None:
    text = existence.some_program(random.Random(seed))
    wanted, log_z, _, best = worlds.answers(text, QUERIES)
    model = gmlang.compile(text)
    for query, value in zip(QUERIES, wanted, strict=True):
        found = model.query(query)
        if math.isnan(value):
            assert found.status == "impossible", (seed, query)
        else:
            chance = found.value["true"] if isinstance(found.value, dict) else found.value
            assert chance == pytest.approx(value, abs=1e-9), (seed, query)
    if log_z > -math.inf:
        assert model.query("logZ()").value == pytest.approx(log_z, abs=1e-9), seed
        assert model.query("MAP()").log_score == pytest.approx(best, abs=1e-9), seed


@pytest.mark.parametrize("start", range(0, 24, 8))
def test_some_things_are_what_enumeration_says(start: int):
    for seed in range(start, start + 8):
        _agrees(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(24, 424, 40))
def test_many_more_are_what_enumeration_says(start: int):
    for seed in range(start, start + 40):
        _agrees(seed)


SOME = """
entity Thing:
    big : bool base {true: 0.2, false: 0.8}
model tall(x: Thing) prior 0.4:
    predict x.big = true @ 0.9
model wider(x: Thing, y: Thing) prior 0.5:
    constraint x.big or y.big
some object[3] : Thing prior 0.3 as o
consider tall(o)
"""


def _p(model: gmlang.Model, query: str) -> float:
    found = model.query(query).value
    return found["true"] if isinstance(found, dict) else found


def test_each_further_thing_exists_with_the_prior_given_that_the_one_before_does():
    model = gmlang.compile(SOME)
    for k in range(3):
        assert _p(model, f"P(exists(object[{k}]))") == pytest.approx(0.3 ** (k + 1))
    assert _p(model, "P(exists(object[1]) | exists(object[0]))") == pytest.approx(0.3)
    assert model.query("P(exists(object[1]) | not exists(object[0]))").value["true"] == 0


def test_what_does_not_exist_has_its_base_and_no_model_applies_to_it():
    model = gmlang.compile(SOME)
    assert _p(model, "P(object[0].big | not exists(object[0]))") == pytest.approx(0.2)
    assert _p(model, "P(tall(object[0]) | not exists(object[0]))") == 0
    assert _p(model, "P(tall(object[0]) | exists(object[0]))") == pytest.approx(0.4)
    assert _p(model, "P(object[0].big | tall(object[0]))") == pytest.approx(0.9)
    assert _p(model, "P(exists(object[1]) | tall(object[1]))") == 1


def test_what_is_observed_of_what_is_known_to_exist_is_observed():
    said = "observe object[0].big = true\n"
    known = gmlang.compile(SOME + said + "observe exists(object[0])\n")
    always = gmlang.compile(
        SOME.replace("some", "var").replace(" prior 0.3 as o", "").replace("(o)", "(object[0])")
        + said
    )
    found, wanted = (model.query("surprise(object[0])").value for model in (known, always))
    assert found["sites"] == wanted["sites"] != []
    assert found["total"] == pytest.approx(wanted["total"])
    # Without knowing that it exists it would be observed to be big only if it does.
    reasons = known.query("why(tall(object[0]))").value["reasons"]
    assert any("object[0].big" in one["because"] for one in reasons)
    assert not any("exists" in one["because"] for one in reasons)


@pytest.mark.parametrize(
    "known", ["", "observe exists(object[0])\n", "observe exists(object[1])\n"]
)
def test_an_array_of_things_is_observed_one_by_one(known: str):
    array = gmlang.compile(SOME + known + "observe object.big = [true, _, false]\n")
    each = gmlang.compile(SOME + known + "observe object[0].big, not object[2].big\n")
    for query in ("logZ()", "P(exists(object[0]))", "P(tall(object[2]) = true)"):
        assert array.query(query).value == pytest.approx(each.query(query).value)


def test_what_is_observed_of_a_thing_says_that_it_is_so_if_it_exists():
    model = gmlang.compile(SOME + "observe object[0].big = true\n")
    seen = 0.3 * (0.4 * 0.9 + 0.6 * 0.2)
    assert _p(model, "P(exists(object[0]))") == pytest.approx(seen / (seen + 0.7))
    assert _p(model, "P(object[0].big | not exists(object[0]))") == pytest.approx(0.2)
    whole = gmlang.compile(SOME + "observe object.big = [true, _, _]\n")
    assert _p(whole, "P(exists(object[0]))") == pytest.approx(seen / (seen + 0.7))
    given = gmlang.compile(SOME)
    seen = 0.3 * (0.4 * 0.9 + 0.6 * 0.2)
    wanted = seen / (seen + 0.7 * 0.2)
    assert _p(given, "P(exists(object[0]) | object[0].big = true)") == pytest.approx(wanted)


def test_loops_run_over_things_and_a_name_for_each_is_a_loop():
    by_name = gmlang.compile(SOME + "observe o.big = true\nquery P(exists(o))\n")
    by_loop = gmlang.compile(
        SOME + "for t in object: observe t.big = true\nquery [P(exists(t)) for t in object]\n"
    )
    (one,), (other,) = list(by_name.run()), list(by_loop.run())
    assert one.value == other.value
    assert len(one.value) == 3


def test_evidence_of_active_counts_from_existing_and_applying():
    model = gmlang.compile(SOME)
    found = {
        m["model"]: m["evidence_nats"] for m in model.query("active(object[1])").value["models"]
    }
    assert set(found) == {"exists(object[1])", "tall(object[1])"}
    assert all(abs(nats) < 1e-9 for nats in found.values())
    pair = gmlang.compile(SOME + "consider wider(object[0], object[1])\n")
    found = {m["model"]: m["probability"] for m in pair.query("active(object[1])").value["models"]}
    assert found["wider(object[0], object[1])"] < 0.09 * 0.5


def test_where_a_thing_stands_is_its_index():
    text = """
entity Page:
    dot : bool base {true: 0.1, false: 0.9}
entity Thing:
    big : bool
some front[2] : Thing prior 1
some back[2] : Thing prior 1
model shown(q: Page, x: Thing) depth x.index:
    cover q.dot = x.big
var page : Page
use shown(page, x) for x in back
use shown(page, x) for x in front
"""
    model = gmlang.compile(text)
    for near in ("true", "false"):
        given = f"back[0].big = {near}, front[0].big = true, back[1].big = true"
        assert _p(model, f"P(page.dot | {given})") == float(near == "true")


def test_a_prior_of_one_leaves_ordinary_things():
    some = gmlang.compile(SOME.replace("prior 0.3 as o", "prior 1 as o") + "observe o.big\n")
    text = SOME.replace("some object[3] : Thing prior 0.3 as o", "var object[3] : Thing")
    text = text.replace("consider tall(o)", "consider tall(object[k]) for k in 0..2")
    every = gmlang.compile(text + "observe object.big = true\n")
    assert some.query("logZ()").value == pytest.approx(every.query("logZ()").value, abs=1e-9)


def test_two_bars_that_cross_are_told_apart_and_counted():
    example = Path(gmlang.__file__).parents[1] / "examples" / "society" / "overlap.gm"
    model = gmlang.load(example)
    answers = list(model.run(budget_s=30))
    assert {answer.status for answer in answers} == {"exact"}
    assert {answer.held for answer in answers} == {None, True}
    assert not model.warnings
    assert format_source(Source("overlap.gm", example.read_text("utf-8"))) == example.read_text()


def test_the_new_words_are_written_as_they_are_read():
    text = """entity Page:
    dot[2] : bool
    depth : 0..1
some bar[2] : Page prior 0.3 as b
some lone[1] : Page prior 0.5
model shown(p: Page, x: Page) prior 0.2 depth -p.depth:
    cover p.dot[0] = true @ 0.9 as mark
    for i in 0..1:
        cover p.dot[i] ~ Bernoulli(0.5)
model some_depth(cover: Page) depth cover.depth + 1:
    cover cover.dot[0] = false
var page : Page
var cover : bool
var some : bool ~ Bernoulli(0.5 if cover else 0.1)
use shown(page, x) for x in bar except page.dot[1]
consider some_depth(b)
query P(exists(b)), best(2, composite(bar[0]))
"""
    assert format_source(Source("page.gm", text)) == text
    assert all(answer.status == "exact" for answer in gmlang.compile(text).run())
