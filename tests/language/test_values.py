"""What has no value is refused with its place, unless something excludes that it is asked for."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import gmlang
from gmlang.diagnostics import GmError
from gmlang.graph import regions
from gmlang.graph.values.arithmetic import INTEGER_MAX, INTEGER_MIN, compute

INTEGERS = st.one_of(
    st.integers(-4, 4),
    st.integers(INTEGER_MIN, INTEGER_MAX),
    st.sampled_from([INTEGER_MIN, INTEGER_MIN + 1, 3037000499, 3037000500, 2**62, INTEGER_MAX]),
)
EXACT = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b if b else None,
    "%": lambda a, b: a % b if b else None,
}


def refusals(text: str, query: str = "P(a)", **data: Any) -> list[str]:
    """Return the codes and messages with which a query about a program is refused."""
    with pytest.raises(GmError) as caught:
        gmlang.compile(text, **data).query(query)
    return [f"{d.code} {d.message}" for d in caught.value.diagnostics]


@example("//", [(0, 0), (INTEGER_MIN, -1)])
@given(st.sampled_from(["+", "-", "*", "//", "%"]), st.lists(st.tuples(INTEGERS, INTEGERS)))
def test_integers_are_exact_or_have_no_value(operator: str, pairs: list[tuple[int, int]]):
    left, right = (np.array([pair[k] for pair in pairs], np.int64) for k in (0, 1))
    found = compute(operator, [left, right])
    bad = np.zeros(len(pairs), np.bool_) if found.bad is None else found.bad
    for k, (a, b) in enumerate(pairs):
        exact = EXACT[operator](a, b)
        fits = exact is not None and INTEGER_MIN <= exact <= INTEGER_MAX
        assert bool(bad[k]) != fits
        if fits:
            assert found.values[k] == exact


@given(st.integers(-30, 30) | INTEGERS, st.integers(0, 70))
def test_powers_are_exact_or_have_no_value(base: int, exponent: int):
    found = compute("**", [np.array([base]), np.array([exponent])])
    fits = INTEGER_MIN <= base**exponent <= INTEGER_MAX
    assert (found.bad is None or not found.bad[0]) == fits
    if fits:
        assert found.values[0] == base**exponent


def probability(text: str, query: str, state: str = "true") -> float:
    """Answer a query about one variable with the probability of a state."""
    found = gmlang.compile(text).query(query).probabilities
    assert isinstance(found, dict)
    return found[state]


NO_VALUE = [
    ("var a : 0..3\nvar x[3] : bool\nprefer x[a] weight 1", "GM425", "(a = 3)"),
    ("var a : -1..2\nvar x[3] : bool\nprefer x[a] weight 1", "GM425", "(a = -1)"),
    ("var a : 0..3\ndata w[3] : real = [1, 2, 3]\nfactor w[a]", "GM406", "(a = 3)"),
    ("var a : 0..2\nvar b : 1..2\nconstraint b // a == 1", "GM422", "zero (a = 0)"),
    ("var a : 0..2\nvar b : 1..2\nconstraint b % a == 1", "GM422", "zero (a = 0)"),
    ("var a : 0..2\nfactor 1 / a", "GM422", "zero (a = 0)"),
    ("var a : -1..2\nfactor log(a)", "GM422", "number (a = -1)"),
    ("var a : 0..2\nfactor log(a) - log(a)", "GM422", "number (a = 0)"),
    ("var a : 3037000499..3037000500\nconstraint a * a > 0", "GM422", "(a = 3037000500)"),
    ("var a : 0..9\nfactor a ** 400", "GM422", "(a = 2)"),
    ("var a : 0..2\nconstraint a < 9223372036854775808", "GM422", "64-bit"),
    ("var a : 0..2\nfactor exp(1000 * a)", "GM417", "(a = 1)"),
    ("var a : 0..2\nfactor 1e303 * a", "GM428", "(a = 1)"),
    ("var a : 0..2\nprefer a == 1 weight -1e308", "GM428", "1e+302 nats"),
    ("var a : 0..3\nvar d : 0..3 := a + 1", "GM414", "4 (a = 3)"),
    ("var a : 0..20\nvar b : 0..20\nvar d : 0..20 := a - b", "GM414", "outside"),
    ("var a[6] : 0..9\nvar d : 0..30 := sum(a[i] for i in 0..5)", "GM414", "outside"),
    ("var a : 0..2\nvar y : bool ~ Bernoulli(1 / a)", "GM422", "zero (a = 0)"),
    ("data n = 0\nvar a : 0..2\nfactor a * max(i for i in 0..<n)", "GM422", "nothing"),
    ("data T = 3\nvar a[T] : bool\nfor t in 0..<T: prefer a[t + 1] weight 1", "GM406", "(t = 2)"),
    ("var a[3] : bool\nfor i in 0..2 if 4 // i > 1: prefer a[i] weight 1", "GM422", "(i = 0)"),
    (
        "data T = 2\nentity K:\n    r[T] : bool\nmodel m(k: K, t: 0..<T):\n"
        "    prefer k.r[t + 1] weight 1\nvar a : K\nconsider m(a, t) for t in 0..<T",
        "GM406",
        "m(a, 1) = true)",
    ),
]


@pytest.mark.parametrize(("text", "code", "words"), NO_VALUE)
def test_what_has_no_value_is_refused_with_its_place(text: str, code: str, words: str):
    found = refusals(text, "logZ()")
    assert any(message.startswith(code) and words in message for message in found), found


GUARDED = [
    ("a < 3 and x[a]", 4 + 4 + 4),
    ("a == 3 or x[a]", 4 + 4 + 4 + 8),
    ("(x[a] if a < 3 else x[0])", 4 * 4),
    ("(false if a == 3 else x[a])", 4 + 4 + 4),
    ("a > 0 and 3 // a == 1", 2 * 8),
    ("not (a == 0 or 3 // a == 3)", 2 * 8),
    ("a != 0 and 6 % a == 0 and x[0 if a == 3 else a]", 4 + 4 + 4),
]


@pytest.mark.parametrize(("condition", "solutions"), GUARDED)
def test_a_guard_decides_what_is_asked_for(condition: str, solutions: int):
    text = f"var a : 0..3\nvar x[3] : bool\nconstraint {condition}"
    assert gmlang.compile(text).query("count()").value == solutions


@pytest.mark.parametrize("condition", ["x[a] and a < 3", "3 // a == 1 and a > 0"])
def test_a_guard_stands_before_what_it_guards(condition: str):
    text = f"var a : 0..3\nvar x[3] : bool\nprefer {condition} weight 1"
    assert refusals(text)
    # What must hold altogether is several constraints, and each forbids.
    required = text.replace("prefer", "constraint").replace(" weight 1", "")
    assert gmlang.compile(required).query("P(a)").status == "exact"


def test_a_conjunction_that_must_hold_is_several_constraints_at_every_width():
    many = " or ".join(f"b[{k}]" for k in range(14))
    for last in ("2 // a == 2 and a > 0", "a > 0 and 2 // a == 2"):
        text = f"var b[14] : bool\nvar a : 0..2\nconstraint ({many}) and {last}"
        assert gmlang.compile(text).query("count()").value == 2**14 - 1


@pytest.mark.parametrize("narrow", ["constraint a < 3", "observe a = 1", "constraint a + 1 <= 3"])
def test_what_is_certain_excludes_states(narrow: str):
    text = f"var a : 0..3\nvar x[3] : bool\nprefer x[a] weight 1\n{narrow}"
    assert gmlang.compile(text).query("P(x[0])").status == "exact"


def test_the_conditions_of_a_query_exclude_states_for_it_alone():
    text = "var a : 0..3\nvar x[3] : bool\nprefer x[a] weight 1"
    model = gmlang.compile(text)
    assert probability(text, "P(x[1] | a = 1)") == pytest.approx(1 / (1 + math.exp(-1)))
    assert model.query("P(x[1] | a < 3)").status == "exact"
    with pytest.raises(GmError, match="x\\[a\\]"):
        model.query("P(x[1])")


def test_constraints_over_many_variables_exclude_states_together():
    text = (
        "var c[3] : 0..2\nconstraint alldifferent(c[i] for i in 0..2)\n"
        "constraint c[0] + c[1] < 2\nvar y : 0..2\nprefer y // c[2] == 1 weight 1"
    )
    assert gmlang.compile(text).query("P(c[2])").value == {"0": 0.0, "1": 0.0, "2": 1.0}
    assert refusals(text.replace("< 2", "< 4"), "P(y)")


def wide_or(last: str, more: str = "") -> str:
    """Write a disjunction that is far too wide for a table."""
    many = " or ".join(f"b[{k}]" for k in range(14))
    return f"var b[14] : bool\nvar a : 0..2\nconstraint {many} or {last}\n{more}\n"


def test_guards_hold_at_every_width():
    guarded = gmlang.compile(wide_or("a == 0 or 2 // a == 2"))
    assert guarded.query("count()").value == 3 * 2**14 - 1
    assert any("zero (a = 0)" in m for m in refusals(wide_or("2 // a == 2")))
    excluded = gmlang.compile(wide_or("2 // a == 2", "constraint a > 0"))
    assert excluded.query("count()").value == 2 * 2**14 - 1


def test_a_definition_may_be_kept_in_its_domain_at_every_width():
    text = (
        "var a[4] : 0..9\nvar d : 0..9 := a[0] + a[1] - a[2] - a[3]\nconstraint a[0] >= a[2]\n"
        "constraint a[1] >= a[3]\nconstraint a[0] + a[1] < 10"
    )
    pairs = [(a, b) for a in range(10) for b in range(10) if a + b < 10]
    expected = sum((a + 1) * (b + 1) for a, b in pairs)
    assert gmlang.compile(text).query("count()").value == expected


def test_an_index_known_before_inference_is_guarded_too():
    text = "var z[4] : bool\nfor t in 0..<4: constraint t == 0 or z[t - 1] != z[t]"
    assert gmlang.compile(text).query("count()").value == 2
    chain = "var z[4] : bool\nfor t in 0..<4: z[t] ~ Bernoulli(0.9 if t > 0 and z[t - 1] else 0.2)"
    p = 0.2
    for _ in range(3):
        p = 0.9 * p + 0.2 * (1 - p)
    assert probability(chain, "P(z[3])") == pytest.approx(p)


def test_a_random_index_works_wherever_a_variable_does():
    text = "var z : 0..2\nvar x[3] : bool\nprefer x[z] weight 1"
    expected = 1 / (1 + math.exp(-1))
    assert probability(text, "P(x[z])") == pytest.approx(expected)
    assert probability(text, "P(z | x[z] = true)", "0") == pytest.approx(1 / 3)
    things = (
        "entity T:\n    n : 0..2\nvar it[3] : T\nvar z : 0..2\nvar p[3] : 0..2\n"
        "prefer count(it[p[i]].n == 1 for i in 0..2) == 3 weight 2\nprefer it[z].n == 1 weight 1"
    )
    found = gmlang.compile(things).query("P(it[z].n = 1)").value
    assert isinstance(found, float)
    assert found > 1 / 2
    nested = "var p[3] : 0..2\nconstraint alldifferent(p[i] for i in 0..2)\nvar z : 0..2"
    # Of the six permutations of three, all but the two cycles of three undo one another.
    assert gmlang.compile(nested).query("P(p[p[z]] = z)").value == pytest.approx(4 / 6)


@pytest.mark.parametrize(
    "text",
    [
        "data k[3] : bool\nvar a[3] : bool\nfor i in 0..2: a[i] ~ Bernoulli(0.9 if k[i] else 0.2)",
        "data k[3] : bool\nvar a[3] : bool\nfor i in 0..2 if k[i]: prefer a[i] weight 1",
        "data k[3] : bool\nvar a[3] : bool\nfor i in 0..2: constraint a[i] or k[i]",
        "data k[3] : bool\nvar a[3] : bool\nfor i in 0..2: observe a[i] == k[i]",
        "data k[3] : bool\ndata w[2] : real = [0.2, 0.5]\nvar a[3] : bool\n"
        "for i in 0..2: a[i] ~ Bernoulli(w[k[i]])",
    ],
)
def test_missing_data_is_told_wherever_it_is_no_evidence(text: str):
    (message,) = refusals(text, k=[0, math.nan, 1])
    assert message.startswith("GM423 `k[i]` is missing data (i = 1")


def test_missing_data_may_be_guarded_and_observed():
    text = "data k[2] : bool\nvar a[2] : bool\nobserve a[0] = k[0]\nobserve a = k"
    answer = gmlang.compile(text, k=[math.nan, 1]).query("P(a)")
    assert answer.value == [{"false": 0.5, "true": 0.5}, {"false": 0.0, "true": 1.0}]
    guarded = "data k[2] : bool\nvar a[2] : bool\nfor i in 0..1: constraint i == 0 or a[i] == k[i]"
    assert gmlang.compile(guarded, k=[math.nan, 1]).query("count()").value == 2


@pytest.mark.parametrize("size", [2.5, math.nan, math.inf, 1e300])
def test_a_size_is_a_whole_number(size: float):
    text = "data T = 4\nvar a[T] : bool"
    assert any(re.search(r"\bT\b", message) for message in refusals(text, T=size))


def test_graphs_and_comparisons_of_models_need_values_too():
    society = (
        "entity K:\n    n : 0..3\nmodel m(k: K):\n    factor 6 / k.n\nmodel o(k: K):\n"
        "    predict k.n = 1 @ 0.9\nvar a : K\nconsider m(a), o(a)\n"
    )
    assert refusals(society, "compat(m, o)")
    assert refusals(society, "why(o(a))")
    with pytest.raises(GmError):
        gmlang.compile(society).graph()
    guarded = society + "constraint a.n > 0\n"
    assert gmlang.compile(guarded).graph().num_variables
    assert gmlang.compile(guarded).query("P(m(a))").status == "exact"
    # Without the gate the model would be refused; it is not asked for where it is not active.
    assert gmlang.compile(society).query("P(o(a) | m(a) = false)").status == "exact"


def test_what_a_def_is_given_may_be_guarded_in_its_body():
    text = (
        "data w[2] : real = [1, 2]\ndef safe(a, b) = 0 if b == 0 else a / b\n"
        "def at(i) = w[i] if i < 2 else 0\nvar a : 0..1\nfactor a * (safe(1, 0) + at(5) + at(1))"
    )
    assert probability(text, "P(a)", "1") == pytest.approx(1 / (1 + math.exp(-2)))


BIG = 2**53
"""From here on floats do not hold every integer."""


def test_states_that_floats_do_not_tell_apart_are_told_apart():
    shares = ", ".join(f"{BIG + k}: 0.{k + 1}" for k in range(4))
    model = gmlang.compile(
        f"data x[2] : int = [{BIG + 1}, {BIG + 3}]\n"
        f"var n : {BIG}..{BIG + 3} ~ {{{shares}}}\n"
        f"var m[2] : {BIG}..{BIG + 3}\nobserve m = x\n"
        f"var d : {BIG}..{BIG + 3} := m[1]\n"
        f"var k : 0..1\nobserve m[k] = {BIG + 1}\n"
    )
    assert model.query(f"P(n = {BIG + 1})").value == pytest.approx(0.2)
    assert model.query(f"P(d = {BIG + 3})").value == 1.0
    assert model.query("P(k = 0)").value == 1.0
    found = model.query("MAP(n)").array
    assert found is not None
    assert found.item() == BIG + 3


def test_a_large_number_outside_a_domain_is_shown_with_all_its_digits():
    with pytest.raises(GmError, match="9223372036854775807"):
        gmlang.compile(f"var n : 0..3\nobserve n = {2**63 - 1}\n").query("P(n)")


def test_small_programs_are_decided_however_busy_the_machine(monkeypatch: pytest.MonkeyPatch):
    # As where the engines are loaded so slowly that the search has no time left.
    monkeypatch.setattr(regions, "SEARCH_S", 1e-6)
    monkeypatch.setattr(regions, "QUICK_S", 1e-6)
    model = gmlang.compile(
        "var a : 0..3\nvar b : 0..3\nvar k : 0..2\nvar x[2] : bool\n"
        "constraint b < a\nconstraint b < a or (x[k] and k < 2)\n"
    )
    assert model.query("P(k = 2)").value == pytest.approx(1 / 3)


def test_a_variable_is_in_one_state_where_a_statement_names_it_twice(
    monkeypatch: pytest.MonkeyPatch,
):
    # As where the search does not decide in time: elimination does.
    monkeypatch.setattr(regions, "satisfy", lambda *_: None)
    held = "for t in 0..2: constraint s[t] >= s[0]\n"
    text = (
        "data pic[N] : bool = [true, false, true]\nvar s[3] : 0..2\n"
        "for t in 0..2: prefer pic[s[t] - s[0]] weight 1\n"
    )
    assert gmlang.compile(text + held).query("P(s[0] = 2)").status == "exact"
    (told,) = refusals(text, "P(s[1])")
    assert "(t = 1, s[1] = 0, s[0] = 1)" in told


def test_opposing_preferences_of_any_strength_leave_the_third():
    for strength in ("1e7", "1e12", "1e16", "1e99"):
        text = f"var a : bool\nprefer a weight {strength}\nprefer not a weight {strength}\n"
        found = probability(text + "prefer a weight 0.3", "P(a)")
        assert found == pytest.approx(1 / (1 + math.exp(-0.3)), abs=1e-12)


def test_a_sum_of_large_real_numbers_is_no_sum_of_integers():
    text = "var x[4] : bool\nconstraint sum(1e308 * x[i] for i in 0..<4) <= 1.5e308"
    assert gmlang.compile(text).query("count()").value == 5


def test_quotients_of_integers_that_floats_do_not_hold_are_rounded_once():
    least = -BIG - 1
    model = gmlang.compile(f"var n : {least}..{least + 3}\nvar k : 3..4\n")
    # Rounded before it is divided, three times the least would end two further down.
    for n in range(least, least + 4):
        assert model.query(f"P((n * 3) / 3 = {n * 3 / 3!r} | n = {n})").value == 1.0
        expected = ((n * 3) / 3 > least) / 2 + ((n * 3) / 4 > least) / 2
        assert model.query(f"P((n * 3) / k > {least} | n = {n})").value == expected
