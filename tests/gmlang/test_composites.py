"""best(k, composite(it)): all conjunctions of what holds of a thing, in order of probability."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

import itertools
import math

import pytest

import gmlang
from gmlang.diagnostics import GmError

JAR = """
domain Color = {red, green, purple}
entity Thing:
    color : Color
    lid : bool
    big : bool
model purple(x: Thing) prior 0.1:
    predict x.color = purple @ 0.95
model jar(x: Thing) prior 0.2:
    predict x.lid = true @ 0.9
    predict purple(x) @ 0.3
model sized(x: Thing, k: 0..1) prior 0.3:
    predict x.big = k == 1 @ 0.8
model beside(x: Thing, y: Thing) prior 0.4:
    prefer x.color == y.color weight 0.7
model purple_jar = purple jar
var it : Thing
var that : Thing
consider purple_jar(it), sized(it, k) for k in 0..1, beside(it, that), purple(that)
observe it.lid = true
"""
PARTS = {
    "purple": "purple(it)",
    "jar": "jar(it)",
    "sized(0)": "sized(it, 0)",
    "sized(1)": "sized(it, 1)",
    "beside(that)": "beside(it, that)",
}


def test_conjunctions_are_listed_by_what_they_are_worth():
    model = gmlang.compile(JAR)
    found = model.query("best(40, composite(it))")
    assert found.status == "exact"
    assert len(found.value) == 2 ** len(PARTS)
    chances = [one["probability"] for one in found.value]
    assert chances == sorted(chances, reverse=True)
    assert math.fsum(chances) == pytest.approx(1.0)
    for one in found.value[::5]:
        event = " and ".join(
            written if name in one["models"] else f"not {written}"
            for name, written in PARTS.items()
        )
        assert one["probability"] == pytest.approx(model.query(f"P({event})").value, abs=1e-12)
        assert one["composite"] == (" ".join(one["models"]) or "nothing")


def test_conditions_and_observed_models_are_obeyed():
    model = gmlang.compile(JAR + "observe jar(it)\n")
    found = model.query("best(3, composite(it) | it.color = purple, beside(it, that))").value
    assert all({"jar", "beside(that)"} <= set(one["models"]) for one in found)
    assert "purple" in found[0]["models"]


def test_a_thing_without_models_has_no_composite():
    model = gmlang.compile("entity Thing:\n    big : bool\nvar it : Thing\n")
    found = model.query("best(3, composite(it))")
    assert found.value == []
    assert found.status == "exact"


MANY = """
data p[N] : real = [{p}]
entity Thing:
    a[N] : bool
model part(x: Thing, k: 0..<N) prior p[k]:
    predict x.a[k] = true @ 0.9
var it : Thing
consider part(it, k) for k in 0..<N
"""


def _by_hand(p: list[float], count: int) -> list[float]:
    """Multiply independent chances out, but for those that hardly ever hold."""
    some = [q for q in p if q > 0.01]
    rest = math.prod(1 - q for q in p if q <= 0.01)
    worth = [
        rest * math.prod(q if on else 1 - q for q, on in zip(some, choice, strict=True))
        for choice in itertools.product((False, True), repeat=len(some))
    ]
    return sorted(worth, reverse=True)[:count]


def test_of_many_models_the_surest_are_held_and_the_order_is_proven():
    p = [0.3, 0.4, 0.15, 0.2, *(1e-5 for _ in range(30))]
    model = gmlang.compile(MANY.format(p=", ".join(map(str, p))))
    found = model.query("best(4, composite(it))")
    assert found.status == "exact"
    assert [one["probability"] for one in found.value] == pytest.approx(_by_hand(p, 4), rel=1e-9)
    assert found.value[0]["composite"] == "nothing"


def test_where_what_is_not_listed_may_be_more_probable_that_is_said():
    p = [0.5 - 0.01 * k for k in range(20)]
    found = gmlang.compile(MANY.format(p=", ".join(map(str, p)))).query("best(4, composite(it))")
    assert found.status == "estimate"
    assert "may be more probable" in found.note


def test_a_composite_is_asked_of_one_thing():
    model = gmlang.compile(JAR + "var row[2] : Thing\n")
    for query, code in {
        "best(3, composite(row))": "GM302",
        "best(3, composite(it, that))": "GM304",
        "best(3, composite(3))": "GM325",
        "best(0, composite(it))": "GM",
        "MAP(composite(it))": "GM359",
    }.items():
        with pytest.raises(GmError) as caught:
            model.query(query)
        assert caught.value.diagnostics[0].code.startswith(code), query
