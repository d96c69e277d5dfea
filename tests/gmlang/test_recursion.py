"""Defs that call themselves: their types, their limits, and where they may stand."""

import copy
import math
import pickle

import numpy as np
import pytest

import gmlang
from gmlang.core.print_program import show_program
from gmlang.diagnostics import GmError, Source
from gmlang.pipeline import check_source
from gmlang.queries.composed.listed import ListAnswer

CODE = """
data T = 5
data w[3] = [1, 2, 3]
def level(n) = 1 if n <= 0 else 2 * level(n - 1)
def half(n) = 1 if n <= 0 else half(n - 1) / 2
def fib(n) = n if n < 2 else fib(n - 1) + fib(n - 2)
def even(n) = n == 0 or odd(n - 1)
def odd(n) = n > 0 and even(n - 1)
def catalan(n) = 1 if n == 0 else sum(catalan(i) * catalan(n - 1 - i) for i in 0..<n)
def total(v, n) = 0 if n == 0 else v[n - 1] + total(v, n - 1)
def along(n, v) = 0 if n >= 3 else v + along(n + 1, w[n + 1])
"""


@pytest.mark.parametrize(
    "condition",
    [
        "level(T) == 32",
        "half(3) == 0.125",
        "fib(60) == 1548008755920",
        "even(1000) and not even(7) and odd(T)",
        "catalan(6) == 132",
        "total(w, 3) == 6",
        # What is given and not mentioned need not have a value: w[3] here.
        "along(0, w[0]) == 6",
        "sum(level(i) for i in 0..4) == 31",
    ],
)
def test_known_calls_are_numbers(condition: str):
    (answer,) = gmlang.compile(f"{CODE}\nassert {condition}\n").run()
    assert answer.held


def test_they_stand_wherever_what_is_known_may_stand():
    text = CODE + (
        "data F = fib(10)\n"
        "var x[fib(5)] : 0..level(2)\n"
        "var c : bool ~ Bernoulli(half(2))\n"
        "for i in 0..<fib(4) if even(i): observe x[i] == level(i)\n"
    )
    model = gmlang.compile(text)
    assert model.query("P(x[2] = 4)").value == 1.0
    assert model.query("P(x[1] = 4)").value == pytest.approx(0.2)
    assert model.query("P(c or c)").value == pytest.approx(0.25)


def test_types_are_found_by_going_round():
    program = check_source(Source("p.gm", CODE + "factor half(2) + level(1) + even(2)\n")).program
    shown = show_program(program)
    assert "def level(n: int) : int" in shown
    assert "def half(n: int) : real" in shown
    assert "def odd(n: int) : bool" in shown


def test_enums_and_things_are_handed_on():
    model = gmlang.compile(
        "domain Color = {red, green}\n"
        "entity Person:\n    ill : bool base {true: 1, false: 4}\n"
        "var p[2] : Person\n"
        "var c : Color\n"
        "def paint(n) = red if n == 0 else green if n == 1 else paint(n - 2)\n"
        "def ill(who, n) = who.ill if n == 0 else not ill(who, n - 1)\n"
    )
    assert model.query("P(c == paint(3) and ill(p[0], 1))").value == pytest.approx(0.4)
    assert model.query("[P(ill(p[i], i)) for i in 0..1]").value == pytest.approx([0.2, 0.8])


def test_models_mentioned_inside_exist():
    model = gmlang.compile(
        "var z : bool\n"
        "model friend(a: 0..2, b: 0..2) prior 0.3:\n    predict z = true @ 0.5\n"
        "def linked(a, b, n) = friend(a, b) or n > 0 and "
        "any(friend(a, c) and linked(c, b, n - 1) for c in 0..2 if c != a and c != b)\n"
        "observe linked(0, 2, 0) or true\n"
    )
    assert model.query("P(linked(0, 1, 1))").value == pytest.approx(1 - 0.7 * (1 - 0.09))


def test_a_model_recurs_with_its_parameter():
    model = gmlang.compile(
        "var x[4] : bool\n"
        "def all_to(n) = n < 0 or x[n] and all_to(n - 1)\n"
        "model head(n: 0..3) prior 0.5:\n    if all_to(n): factor log(3)\n"
        "consider head(1)\n"
    )
    odds = (1 + 0.25 * 2) * 0.5
    assert model.query("P(head(1) or head(1))").value == pytest.approx(odds / (odds + 0.5))


def test_a_known_bound_ends_what_is_random():
    model = gmlang.compile(
        "var n : 0..3\n"
        "def steps(v, bound) = 0 if bound == 0 or v == 0 else 1 + steps(v - 1, bound - 1)\n"
    )
    assert model.query("P(steps(n, 2) == 2)").value == pytest.approx(0.5)


def test_equal_calls_are_written_out_once():
    model = gmlang.compile(
        "var b[12] : bool\n"
        "def f(n) = b[n] if n < 2 else (f(n - 1) and b[n]) != f(n - 2)\n"
        "def g(n) = b[0] if n == 0 else b[n] == g(n - 1)\n"
    )
    assert model.query("P(g(11))").value == pytest.approx(0.5)
    assert model.query("P(f(11))").status == "exact"


def test_definitions_that_go_round_through_defs_have_a_smallest_solution():
    text = (
        "data e[3, 3] : bool = [[0, 1, 0], [0, 0, 1], [1, 0, 0]]\nvar s : bool\nvar r[3] : bool\n"
    )
    recursive = (
        "def some(i, j) = j > 0 and (e[j - 1, i] and r[j - 1] or some(i, j - 1))\n"
        "for i in 0..2: r[i] := i == 0 and s or some(i, 3)\n"
    )
    plain = "for i in 0..2: r[i] := i == 0 and s or any(e[j, i] and r[j] for j in 0..2)\n"
    for query in ("P(r[2])", "logZ()", "count()"):
        found, expected = (gmlang.compile(text + more).query(query) for more in (recursive, plain))
        assert found.value == expected.value


def test_checked_programs_are_copied_with_their_functions():
    model = gmlang.compile(
        "def f(n) = x if n == 0 else not f(n - 1)\nvar x : bool base {true: 1, false: 3}\n"
    )
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert other.query("P(f(2))").value == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("GM441", "def f(n) = 0 if n == 0 else f(n + 1)\nfactor f(1)\n"),
        ("GM442", "def f(n) = n == 0 or g(n)\ndef g(n) = n == 1 and f(n)\nfactor f(1)\n"),
        ("GM441", "var x : bool\ndef f(n) = x if n == 0 else f(n + 1)\nfactor f(1)\n"),
        ("GM443", "var x : 0..3\ndef f(n) = x if n == 0 else f(n - 1)\nfactor f(x)\n"),
        ("GM317", "var x : 0..3\ndef f(n) = sum(f(i) for i in 0..<n) + 1\nfactor f(x)\n"),
        (
            "GM443",
            "var x : 0..3\ndef f(n) = match n:\n    0 -> x\n    _ -> f(n - 1)\nfactor f(x)\n",
        ),
        ("GM444", "def f(n) = 0 if n > 2 ** 40 else f(2 * n) + f(2 * n + 1)\nfactor f(1)\n"),
        ("GM422", "def f(n) = 1 / (n - 1) if n < 3 else f(n - 1)\nfor i in 1..4: factor f(i)\n"),
        ("GM304", "def f(n) = 0 if n == 0 else f(n - 1, 2)\nfactor f(1)\n"),
        ("GM301", "def f(n) = true if n == 0 else f(n - 1) + n\nobserve f(2)\n"),
    ],
)
def test_what_is_wrong_is_named(code: str, text: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(text).query("logZ()")
    assert code in {found.code for found in caught.value.diagnostics}


NUMBERS = """
var x[4] : 0..3
def total(k) = x[0] if k == 0 else x[k] + total(k - 1)
def product(k) = 0.5 * x[0] if k == 0 else 0.1 + product(k - 1) * x[k]
"""


def test_the_number_a_def_stands_for_has_a_distribution():
    model = gmlang.compile(NUMBERS)
    two = np.convolve(np.full(4, 0.25), np.full(4, 0.25))
    assert model.query("P(total(1))").value == pytest.approx({str(k): p for k, p in enumerate(two)})
    assert model.query("Var(total(3))").value == pytest.approx(4 * 1.25)
    assert model.query("E(product(2))").value == pytest.approx(0.1 + (0.1 + 0.75 * 1.5) * 1.5)
    assert model.query("E(total(1) / 2 | total(0) = 3)").value == pytest.approx((3 + 1.5) / 2)


def test_the_instances_of_a_list_may_need_calls_of_different_depths():
    model = gmlang.compile(NUMBERS)
    together = model.query("[P(total(k)) for k in 0..2]").to_numpy()
    for k in range(3):
        alone = model.query(f"P(total({k}))").to_numpy()
        np.testing.assert_allclose(together[k, : len(alone)], alone, atol=1e-12)
    means = model.query("[E(product(k)) for k in 0..1]")
    assert isinstance(means, ListAnswer)
    assert [item.value for item in means.items] == pytest.approx([0.75, 1.225])
    both = model.query("[E(total(k) | total(1) = k) for k in 0..2]")
    assert isinstance(both, ListAnswer)
    assert [item.value for item in both.items] == pytest.approx([0, 1, 3.5])


def test_what_a_def_is_given_may_be_known_although_it_looks_random():
    model = gmlang.compile(
        "data T = 2\nvar x[3] : bool\nfor i in 0..2: x[i] ~ Bernoulli(0.2 + 0.1 * i)\n"
        "def carried(k, v) = v if k <= 0 else carried(k - 1, v + x[k - 1])\n"
        "def number(k) = x[k - 1] if k == 1 or k == 2 else 0 if k <= 0 else number(k // 2) - 1\n"
        "factor 0.7 * number(carried(0, T))\n"
    )
    up = 0.3 * math.exp(0.7)
    assert model.query("P(x[1] = true)").value == pytest.approx(up / (up + 0.7))
    unused = gmlang.compile(
        "var x : bool ~ Bernoulli(0.3)\ndef round(k) = x and round(k + 1)\n"
        "def first(a, b) = a\nvar y : bool := first(x, round(0))\n"
    )
    assert unused.query("P(y = true)").value == pytest.approx(0.3)
