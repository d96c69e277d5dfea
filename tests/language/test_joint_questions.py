"""Questions about reals that depend on each other: what they may ask, and what is refused."""

# pyright: reportIndexIssue=false, reportAttributeAccessIssue=false

import pytest
from scipy import stats

import gmlang
from gmlang.diagnostics import GmError


def ask(text: str, query: str):
    return gmlang.compile(text).query(query, budget_s=60)


def test_sums_may_add_switches_events_and_reals_that_stand_alone():
    text = (
        "var z : bool ~ Bernoulli(0.3)\nvar x : real ~ Normal(1, 1)\nvar y : real ~ Normal(x, 1)\n"
        "var h : real ~ Normal(5, 2)\n"
    )
    above = stats.norm.cdf(1)
    for question, expected in {
        "E(y + z)": 1.3,
        "E(x - 0.5 * z)": 0.85,
        "E(0.5 * (x - h) | z = true)": -2.0,
        "E(h * z + x)": 2.5,
        "E(x > 0)": above,
        "Var(x > 0)": above * (1 - above),
        "E((x > 0 and z) + y)": 1 + 0.3 * above,
    }.items():
        found = ask(text, question)
        assert found.value == pytest.approx(expected), question
        assert found.status == "exact", question
    with pytest.raises(GmError, match="GM601"):
        ask(text, "E(x if x > 0 else 0)")


def test_a_sum_over_two_routes_is_refused():
    text = "var x : real ~ Normal(0, 1)\nvar y : real ~ Normal(x, 1)\n"
    text += "entity T:\n    h : real[0, 3]\nvar it : T\n"
    with pytest.raises(GmError, match="GM601"):
        ask(text, "E(x - it.h)")
    assert ask(text, "E(x) - E(it.h)").value == pytest.approx(-1.5)


@pytest.mark.parametrize("question", ["P(x{})", "P(y{})", "logZ({})", "P(z{})", "P(y > 0{})"])
def test_two_numbers_for_one_real_are_impossible(question: str):
    text = "var z : bool\nvar x : real ~ Normal(0, 1)\nvar y : real ~ Normal(x, 1)\n"
    for said, asked in {
        "observe x = 1\nobserve x = 2\n": "",
        "observe x = 1\n": " | x = 2",
        "": " | x = 1, x = 2",
        "constraint z\nconstraint not z\n": "",
    }.items():
        assert ask(text + said, question.format(asked)).status == "impossible"
        again = ask(text + "observe x = 1\n", question.format(" | x = 1"))
        assert again.status == "exact"


def test_there_is_no_log_z_where_an_element_is_held_by_nothing():
    text = "var x[2] : real\nx[0] ~ Normal(0, 1)\n"
    assert ask(text, "P(x[0])").value["sd"] == pytest.approx(1.0)
    for question in ("logZ()", "sample(2)", "MAP()"):
        with pytest.raises(GmError, match="GM373"):
            ask(text, question)
    seen = ask(text + "observe 1 ~ Normal(x[1], 2)\n", "logZ()")
    assert seen.value == pytest.approx(0.0)
    assert "relative to a flat prior of `x`" in seen.note


def test_nodes_are_no_states_of_an_assignment():
    text = "var x : real ~ Normal(0, 1)\nvar y : real ~ Normal(x, 1)\n"
    text += "var h : real ~ Normal(0, 1)\nvar z : bool\nif z: constraint h > 0\n"
    for question in ("MAP()", "sample(2)"):
        for said in (text, text.replace("if z: constraint h > 0\n", "")):
            with pytest.raises(GmError, match="GM601"):
                ask(said, question)


def test_an_event_of_a_real_without_chance_tells_its_end_from_the_rest():
    text = (
        "var z : bool ~ Bernoulli(0.3)\nvar s : real := 2 * z\n"
        "var x : real ~ Normal(0, 0 if z else 1)\nvar y : real ~ Normal(x, 1)\nobserve y = 1\n"
    )
    for event, expected in {
        "s >= 2": 0.3,
        "s > 2": 0.0,
        "s < 2": 0.7,
        "2 >= s": 1.0,
        "s in 0..2": 1.0,
        "s in 0.5..1.5": 0.0,
        "not s < 2": 0.3,
        "x >= 0 and z": 0.3,
        "x > 0 and z": 0.0,
        "0 < x < 1 or z": 0.3 + 0.7 * (stats.norm.cdf(1) - 0.5),
    }.items():
        found = ask(text.replace("observe y = 1\n", ""), f"P({event})")
        assert found.value == pytest.approx(expected, abs=1e-12), event
    assert [ask(text, f"P(y {sign} 1)").value for sign in ("<", "<=", ">", ">=")] == [0, 1, 0, 1]


@pytest.mark.parametrize("second", ["x ~ Normal(5, 1)", "x := y", "if z: x ~ Normal(y, 1)"])
def test_a_real_that_is_drawn_where_it_is_declared_is_drawn_no_more(second: str):
    text = f"var z : bool\nvar y : real ~ Normal(0, 1)\nvar x : real ~ Normal(0, 1)\n{second}\n"
    with pytest.raises(GmError, match="GM311"):
        ask(text, "P(x)")
    assert ask(text.replace("x : real ~", "x : real base"), "P(x)").status == "exact"


def test_a_list_of_another_length_is_told():
    text = "var x[3] : real ~ Normal(0, 1)\nvar y : real ~ Normal(x[0], 1)\n"
    for said, asked in (("observe x = [1, 2]\n", "P(y)"), ("", "P(y | x = [1, 2])")):
        with pytest.raises(GmError, match="GM403"):
            ask(text + said, asked)
    assert ask(text, "E(y | x = [1, 2, 3])").value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "said",
    [
        "observe x = 1e200",
        "observe 1e200 ~ Normal(y, 1)",
        "observe y like Normal(0, 1e-200)",
        "var w : real ~ Normal(y, 1e200)",
        "var w : real ~ Normal(1e200 * y, 1)",
        "query P(y | x = 1e200)",
    ],
)
def test_what_is_out_of_all_proportion_is_told(said: str):
    text = "var x : real ~ Normal(0, 1)\nvar y : real ~ Normal(x, 1)\n"
    is_query = said.startswith("query ")
    with pytest.raises(GmError, match="GM373"):
        ask(text if is_query else text + said, said.removeprefix("query ") if is_query else "P(y)")


@pytest.mark.parametrize("query", ["P(x)", "E(x)", "P(x > 0)", "sample(2)", "MAP()"])
def test_one_number_is_not_another(query: str):
    text = "var x : real ~ Normal(0, 1)\nvar y : real ~ Normal(x, 1)\nobserve y = 3\n"
    assert ask(text, query).status == "exact"
    assert ask(text + "observe y = 4\n", query).status == "impossible"
    if query == "P(x)":
        assert ask(text, "P(x | y = 4)").status == "impossible"


def test_arrays_of_nothing():
    text = "var x[0] : real\nvar y : real ~ Normal(0, 1)\nobserve 1 ~ Normal(y, 1)\n"
    text += "for i in 0..<0: x[i] ~ Normal(y, 1)\n"
    assert ask(text, "P(x)").value == []
    assert ask(text, "E(y)").value == pytest.approx(0.5)
