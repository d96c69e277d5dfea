"""The compiler and the naive interpreter agree on what has a value, and what it is."""

import math
import random

import pytest

import gmlang
from gmlang.diagnostics import GmError
from tests.support import worlds
from tests.support.interpreter import Undefined
from tests.support.programs import partial_program, partial_queries

UNDEFINED = (
    *("GM314", "GM327", "GM328", "GM405", "GM406"),
    *("GM414", "GM417", "GM422", "GM425", "GM428"),
)
"""The codes of what has no value in some state, or is a constant where none fits."""


def _expected(text: str, query: str) -> float | None:
    try:
        return worlds.probability(text, query)
    except Undefined:
        return None


def _found(text: str, query: str) -> float | None:
    try:
        answer = gmlang.compile(text).query(query, budget_s=20)
    except GmError as error:
        codes = {d.code for d in error.diagnostics}
        return None if codes <= {*UNDEFINED} else pytest.fail(f"{text}{codes}")
    if answer.status == "impossible":
        return math.nan
    assert answer.status == "exact"
    assert isinstance(answer.value, float)
    return answer.value


@pytest.mark.parametrize("seed", range(16))
def test_partial_programs_mean_what_the_interpreter_says(seed: int):
    rng = random.Random(seed)
    text = partial_program(rng)
    for query in partial_queries(rng):
        expected, found = _expected(text, query), _found(text, query)
        # What has no value whatever the states is told even where nothing is possible.
        if expected is None or found is None:
            assert found is None, (text, query)
            assert expected is None or math.isnan(expected), (text, query)
        else:
            assert found == pytest.approx(expected, abs=1e-9, nan_ok=True), (text, query)


CONTRADICTIONS = [
    "var a : -2..2\nconstraint 1 == 0\nvar d : 0..1 := a\n",
    "var a : -2..2\nconstraint 1 == 0\nfactor 1 / a\n",
    "data k = 0\nvar a : -2..2\nif k == 0: constraint k > 1\nfactor 1 / a\n",
    "var a : -2..2\nvar b : 0..2\nvar c : 0..2\nconstraint b > c\nconstraint c > b\nfactor 1 / a\n",
    "var a : 0..2\nvar x[4] : 0..2\nconstraint alldifferent(x[i] for i in 0..3)\nfactor 1 / a\n",
    "var a : 0..2\nvar x[3] : bool\nobserve x[0] = true\nconstraint not x[0] or x[1]\n"
    "constraint not x[1] or x[2]\nconstraint not (x[0] and x[2])\nfactor 1 / a\n",
]


@pytest.mark.parametrize("text", CONTRADICTIONS)
def test_a_contradiction_anywhere_excludes_every_state(text: str):
    assert math.isnan(_expected(text, "P(a == 1)") or 0.0)
    assert math.isnan(_found(text, "P(a == 1)") or 0.0)
    assert gmlang.compile(text).query("count()").value == 0


CERTAIN = "data k = 0\nvar a : 0..2\nvar b : 0..2\nvar c : 0..2\n"


@pytest.mark.parametrize(
    "given",
    [
        "1 <= 0, a % b == 0",
        "1 <= 0 and 0 < a % b",
        "1 <= 0 < a % b",
        "k != 0 and 1 // k == a",
        "a == 1 and k != 0 and a < 1 // k",
        "c > 1, c < 1, a % b == 0",
        "b > 0 and k == 0 and a % b == 0",
        "1 <= 1 < a % b",
        "k == 0 and 1 // k == a",
    ],
)
def test_what_is_known_guards_the_rest_of_a_condition(given: str):
    expected, found = (
        _expected(CERTAIN, f"P(a == 1 | {given})"),
        _found(CERTAIN, f"P(a == 1 | {given})"),
    )
    assert found == (expected if expected is None else pytest.approx(expected, nan_ok=True))


LITERALS = [
    "if k == 1: prefer x[2] weight 1",
    "if k == 0: prefer x[2] weight 1",
    "factor 1 / 0 if k != 0 else 0",
    "factor 1 / 0 if k == 0 else 0",
    "factor 0 if b else 1 % 0",
    "for i in 0..<2 if i > 5: prefer x[2] weight 1",
    "for i in 0..<2 if i > 0: prefer x[2] weight 1",
    "if a < 0: factor 0 % 0",
    "if a < 1: factor 0 % 0",
    "if a < 5: factor a\nelse: factor x[3]",
    "match a:\n    9: factor 1 // 0\n    _: factor 1",
    "constraint a == 9 and x[2] or x[1]",
    "constraint k == 0 or x[-1]",
    "constraint 3 < k < 1 / 0",
    "constraint k < 3 < 1 / 0",
    "factor sum(x[2] for i in 0..3 if i > 4)",
    "var d : 0..1 := x[2] if k == 1 else x[0]",
    "b ~ Bernoulli(1 / 0) if k == 1 else Bernoulli(0.3)",
    "b ~ match a:\n    9 -> Bernoulli(0.1 if x[4] else 0.3)\n    _ -> Bernoulli(0.2)",
    "for i in 0..1 if k == 1: observe a = 9",
]


@pytest.mark.parametrize("line", LITERALS)
def test_a_literal_behind_a_guard_is_judged_where_it_is_asked_for(line: str):
    text = f"data k = 0\nvar a : 0..2\nvar b : bool\nvar x[2] : bool\n{line}\n"
    expected, found = _expected(text, "P(a == 1)"), _found(text, "P(a == 1)")
    assert found == (expected if expected is None else pytest.approx(expected, nan_ok=True))


def test_what_a_def_is_given_is_judged_where_the_def_asks_for_it():
    head = "data k = 0\nvar x[2] : bool\ndef f(a) = a if k == 1 else 0\ndef g(a) = 1 / a\n"
    text = head + "factor f(1 / 0) + f(g(0)) + f(x[5])\n"
    assert gmlang.compile(text).query("P(x[0])").status == "exact"
    with pytest.raises(GmError):
        gmlang.compile(head + "factor g(0) + f(1)\n").query("P(x[0])")


@pytest.mark.parametrize(
    ("line", "code"), [("prefer x[2] weight 1", "GM327"), ("factor 1 / 0", "GM328")]
)
def test_a_literal_without_a_guard_is_a_mistake_at_once(line: str, code: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(f"var x[2] : bool\nfor i in 0..1: {line}\n")
    assert [d.code for d in caught.value.diagnostics] == [code]
