"""What answers look like: everything shown adds up, stays within a screen, and claims no more."""

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.digits import Precision, interval, with_error
from gmlang.graph.world.axes import Axis, Part
from gmlang.queries.composed.calculation import CalculationAnswer
from gmlang.queries.questions.count import CountAnswer
from gmlang.queries.questions.entropy import EntropyAnswer
from gmlang.queries.questions.expectation import ExpectationAnswer
from gmlang.queries.questions.probability import EventAnswer, JointAnswer, MarginalAnswer
from gmlang.views.arrays import event_lines, marginal_lines
from gmlang.views.assignments import assignment_lines
from gmlang.views.distributions import ENTRIES_MAX, SHORT_MAX, distribution_lines
from gmlang.views.html import show_html
from gmlang.views.layout import LINES_MAX, WIDTH_MAX, width_of
from gmlang.views.show import body, show
from tests.gmlang.test_hidden_characters import is_clean

EXACT = Precision()


@st.composite
def distributions(draw: Any) -> np.ndarray:
    count = draw(st.integers(1, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    weights = rng.random(count) ** draw(st.sampled_from([1, 4, 40]))
    weights[rng.random(count) < draw(st.sampled_from([0.0, 0.3, 0.95]))] = 0.0
    weights[rng.integers(count)] = 1.0
    return weights / weights.sum()


def _read(lines: list[str]) -> tuple[dict[int, float], float, int]:
    """Read lines back: probabilities by value, those of the rest, and how many are zero."""
    found: dict[int, float] = {}
    rest, zeros = 0.0, 0
    for line in lines:
        if more := re.fullmatch(r"… (\d+) more, together (\S+)", line):
            rest = float(more.group(2))
        elif zero := re.fullmatch(r"zero: (\d+) values?", line):
            zeros = int(zero.group(1))
        else:
            for entry in line.split("   ") if len(lines) == 1 else [line]:
                label, number = entry.split(maxsplit=1)
                found[int(label)] = 1 - float(number[4:]) if "1 - " in number else float(number)
    return found, rest, zeros


@settings(deadline=None, max_examples=60)
@given(distributions())
def test_all_that_is_shown_of_a_distribution_adds_up(p: np.ndarray):
    lines = distribution_lines([str(k) for k in range(len(p))], p, EXACT)
    shown, rest, zeros = _read(lines)
    assert sum(shown.values()) + rest == pytest.approx(1.0, abs=1e-4)
    assert all(value == pytest.approx(p[k], rel=1e-5) for k, value in shown.items())
    assert len(lines) <= ENTRIES_MAX + 2 <= LINES_MAX
    if len(lines) == 1 and not rest:
        assert list(shown) == sorted(shown)
        return
    assert len(shown) <= ENTRIES_MAX
    assert zeros == np.count_nonzero(p == 0)
    hidden = np.delete(p, list(shown))
    # Nothing that is left out is more probable than anything shown, and those are sorted.
    assert hidden.max(initial=0.0) <= min(p[k] for k in shown)
    assert [p[k] for k in shown] == sorted((p[k] for k in shown), reverse=True)


def test_a_short_distribution_keeps_its_order_and_a_joint_is_sorted():
    p = np.array([0.1, 0.0, 0.9])
    assert distribution_lines(["a", "b", "c"], p, EXACT) == ["a 0.1   b 0   c 0.9"]
    lines = distribution_lines(["a", "b", "c"], p, EXACT, is_joint=True)
    assert lines == ["c 0.9", "a 0.1", "zero: 1 value"]
    assert len(distribution_lines([str(k) for k in range(99)], np.full(99, 1 / 99), EXACT)) > 1
    assert SHORT_MAX < 99


@pytest.mark.parametrize("p", [1e-300, 1e-12, 0.3, 0.9999999, 1 - 1e-9, 1 - 1e-12, 1 - 2**-53])
def test_only_0_and_1_are_shown_as_0_and_1(p: float):
    for precision in (EXACT, Precision("estimate"), Precision("bounded")):
        for digits in (6, 4, 3, 2):
            assert precision.chance(p, digits=digits) not in ("0", "1", "1.0")
    assert (EXACT.chance(0.0), EXACT.chance(1.0)) == ("0", "1")
    assert EXACT.chance(1.0, 1e-30) == "1 - 1e-30"


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3))
def test_an_error_is_never_shown_smaller(value: float, error: float):
    number, _, shown = with_error(value, error).partition(" ± ")
    assert float(shown) >= error * (1 - 1e-6)
    assert abs(float(number) - value) <= 0.51 * float(shown) + 1e-9


@given(st.floats(-1e9, 1e9), st.floats(0, 1e6))
def test_an_interval_is_rounded_outwards(lower: float, width: float):
    upper = lower + width
    low, high = map(float, interval(lower, upper).split("..")) if upper > lower else (0, 0)
    assert upper == lower or (low <= lower and high >= upper)


def test_digits_follow_the_status():
    def shown(status: str, **more: Any) -> str:
        return body(EventAnswer("P(a)", status, 0.3137, **more))[0]

    assert shown("exact") == "0.3137"
    assert shown("estimate", error=0.018, error_kind="standard error") == "0.31 ± 0.02"
    assert shown("estimate") == "0.314"
    assert shown("bounded", lower=0.3012, upper=0.3488) == "0.30..0.35"
    bounds: dict[str, Any] = {"lower": {"a": 0.65, "b": 0.3}, "upper": {"a": 0.7, "b": 0.35}}
    answer = MarginalAnswer("P(x)", "bounded", {"a": 0.68, "b": 0.32}, **bounds)
    assert body(answer) == ["a 0.65..0.70   b 0.30..0.35"]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3), st.integers(0, 2**32), st.sampled_from([2, 3, 9, 40]), st.booleans())
def test_arrays_stay_on_a_screen(rank: int, seed: int, states: int, is_named: bool):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(0, 120 // rank**2 + 2, rank))
    axes = tuple(
        Axis(n, names=tuple(f"name {k} of many" for k in range(n)) if is_named else ())
        for n in shape
    )
    names = ("false", "true") if states == 2 else tuple(f"state {k}" for k in range(states))
    part = Part("x", axes, Axis(states, names=names))
    p = rng.dirichlet(np.full(states, 0.3), shape)
    for lines in (
        marginal_lines(part, p, names, EXACT),
        assignment_lines({"x": np.array(names)[p.argmax(-1)].tolist()}, [part]),
    ):
        assert 1 <= len(lines) <= LINES_MAX
        assert max(map(width_of, lines)) <= WIDTH_MAX


def test_rows_of_a_table_sum_up_with_what_all_rows_share():
    part = Part("x", (Axis(30),), Axis(4, names=("a", "b", "c", "d")))
    p = np.tile([0.0, 0.25, 0.3, 0.45], (30, 1))
    p[::2, 2:] = [0.5, 0.25]
    lines = marginal_lines(part, p, ("a", "b", "c", "d"), EXACT)
    assert lines[0].split() == ["c", "d"]
    assert lines[-1] == "in every row: a 0   b 0.25"
    for k, line in enumerate(lines[1:-1]):
        label, *cells = line.split()
        assert label == f"x[{k}]"
        assert sum(map(float, cells)) + 0.25 == pytest.approx(1.0)


PROGRAM = """
domain Person = {anna, bernd, carla}
domain Drink = {tea, coffee, milk}
var d[Person] : Drink
var x[3, 4] : bool
var m[2, Person] : 0..9
constraint d[anna] == tea and d[bernd] == coffee and d[carla] == milk
for i in 0..2, j in 0..3:
    constraint x[i, j] == (i == j)
for p in Person:
    constraint m[0, p] == 3
    constraint m[1, p] == 9
"""


@pytest.fixture(scope="module")
def model() -> gmlang.Model:
    return gmlang.compile(PROGRAM)


def _body(model: gmlang.Model, query: str) -> list[str]:
    return [line for line in body(model.query(query)) if not line.startswith("log score")]


def test_names_of_domains_label_rows_and_columns(model: gmlang.Model):
    assert _body(model, "MAP(d)") == ["d: anna tea   bernd coffee   carla milk"]
    lines = _body(model, "P(d)")
    assert [line.split()[0] for line in lines[1:]] == ["d[anna]", "d[bernd]", "d[carla]"]
    assert lines[0].split() == ["tea", "coffee", "milk"]
    events = _body(model, "[P(d[p] == tea) for p in Person]")
    assert events == ["anna 1   bernd 0   carla 0"]
    grid = _body(model, "MAP(m)")
    assert [line.split() for line in grid] == [
        ["m", "="],
        ["anna", "bernd", "carla"],
        ["3", "3", "3"],
        ["9", "9", "9"],
    ]
    assert _body(model, "MAP(m[1])") == ["m[1]: anna 9   bernd 9   carla 9"]


def test_booleans_in_two_dimensions_are_a_picture(model: gmlang.Model):
    rows = ["█···", "·█··", "··█·"]
    assert [line.strip() for line in _body(model, "MAP(x)")[1:]] == rows
    assert _body(model, "P(x)")[1:] == rows
    assert _body(model, "best(1, x)")[2:] == [f"    {row}" for row in rows]


def test_everything_shown_is_clean_and_bounded(model: gmlang.Model):
    queries = ("P(d)", "P(x)", "P(m)", "MAP()", "best(2)", "sample(30)", "P(d[anna], m[0, anna])")
    for query in (*queries, "sample(3, d)", "best(3, d)", "logZ()", "count()", "MMAP(d, x)"):
        answer = model.query(query)
        assert is_clean(show(answer)), query
        assert is_clean(show_html(answer)), query
        assert len(body(answer)) <= LINES_MAX + 1, query
        assert max(map(width_of, body(answer))) <= WIDTH_MAX + 2, query


def test_a_million_values_are_shown_at_once():
    table = {str(k): 1e-6 for k in range(10**6)}
    lines = body(MarginalAnswer("P(x)", "exact", table))
    assert len(lines) == ENTRIES_MAX + 1
    evil = JointAnswer("P(x)", "exact", {"\x1b[31m\n" + "x" * 10**6: 1.0})
    assert is_clean(show(evil))
    assert max(map(len, body(evil))) <= WIDTH_MAX


def test_means_of_arrays_have_the_digits_that_are_known():
    value = [[2 / 3, 1.25], [12.3456789, 0.0]]
    exact = ExpectationAnswer("E(x)", "exact", value)
    assert body(exact) == ["0.666667 1.25", "12.3457 0"]
    guess = ExpectationAnswer("E(x)", "estimate", value)
    assert body(guess) == ["0.6667 1.25", "12.35 0"]
    close = ExpectationAnswer("E(x)", "estimate", value, error=0.03, error_kind="error")
    assert body(close) == ["0.67 1.25", "12.35 0.00"]


def test_what_is_nearly_1_is_not_all_alike_with_1():
    part = Part("x", (Axis(40),), Axis(2, names=("false", "true")))
    p = np.ones(40)
    p[7] -= 1e-13
    assert any("1 - 1e-13" in line for line in event_lines(part, p, None, EXACT))
    others = np.zeros(40)
    others[0] = 1e-20
    assert any("1 - 1e-20" in line for line in event_lines(part, np.ones(40), others, EXACT))
    assert not any("all alike" in line for line in event_lines(part, np.ones(40), others, EXACT))


def test_a_count_that_is_not_exact_shows_what_is_known():
    bounded = CountAnswer(
        "count()", "bounded", 3.7e11, log_lower=0.0, log_upper=57.0, log_count=26.6
    )
    assert body(bounded) == ["0.999999..5.68572e+24"]
    guess = CountAnswer("count()", "estimate", 7.20622e44, log_count=103.3)
    assert body(guess) == ["7.21e+44"]
    rough = CountAnswer("count()", "estimate", 7.20622e44, log_count=103.3, error=0.3)
    assert body(rough) == ["7e+44"]
    huge = CountAnswer("count()", "estimate", 1234.56789, log_count=1234.56789, is_log=True)
    assert body(huge) == ["exp(1235)"]
    proven = replace(huge, status="bounded", log_lower=1234.5678, log_upper=1234.5689)
    assert body(proven) == ["exp(1234.567..1234.569)"]
    made = CalculationAnswer("2 * count()", "bounded", 10**20, lower=0.0, upper=math.inf)
    assert body(made) == ["0..inf"]


def test_an_end_alone_is_rounded_outwards():
    above = EntropyAnswer("H(x)", "bounded", 3.0, log_upper=394.3541)
    assert body(above) == ["at most 394.355 nats"]


def test_lists_that_names_index_are_shown_by_names():
    model = gmlang.compile(
        "domain Country = {wa, nt, sa, q}\nvar on[Country] : bool\nvar shade[Country] : 0..1\n"
        "constraint on[sa] and not on[nt] and not on[wa]\n"
        "constraint shade[wa] == 1 and sum(shade[c] for c in Country) == 1\n"
    )
    lines = str(model.query("best(2, on)")).splitlines()
    assert {line.split("  ")[1].strip() for line in lines[2:4]} == {"sa", "sa, q"}
    assert "wa 1   nt 0   sa 0   q 0" in str(model.query("best(1, shade)"))


def test_what_runs_in_loops_is_told_in_assignments():
    model = gmlang.compile("var a[3] : bool\nprefer a[1] weight 2\nprefer not a[0] weight 1\n")
    assert "0 false" in repr(model.query("MAP([a[i] for i in 0..1])"))
    for question in ("best(2, a[i] for i in 0..1)", "sample(2, a[i] for i in 0..1)"):
        assert "a[i]" in repr(model.query(question))
