"""The functions of one number, against Python's and against the naive interpreter."""

import math
import operator
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import special

import gmlang
from gmlang.core.expressions.forms import FUNCTIONS
from gmlang.diagnostics import GmError
from gmlang.graph.values.arithmetic import INTEGER_MAX, INTEGER_MIN, compute
from tests.support import numbers, worlds

REAL = sorted(set(FUNCTIONS) - {"abs", "sign", "floor", "ceil", "round"})
NUMBERS = st.one_of(
    st.floats(-40, 40), st.integers(-30, 30), st.sampled_from([0, 0.5, -0.5, 1.5, 2.5, -0.0, -3.0])
)


def test_the_interpreter_knows_every_function():
    assert set(numbers.FUNCTIONS) == set(FUNCTIONS)


@given(st.sampled_from(FUNCTIONS), st.lists(NUMBERS, min_size=1))
@example("lgamma", [0, -1, -2.0, 0.5, -0.5, 171, 1e300, 2.2e-313, -1e-310])
@example("normal_cdf", [-38.0, -8.0, 0, 8.0])
@example("logistic", [-800, 800, 0])
@example("log10", [0, -1, 1000])
def test_functions_compute_what_pythons_do(name: str, values: list[float]):
    found = compute(name, [np.array(values)])
    bad = np.zeros(len(values), np.bool_) if found.bad is None else found.bad
    for k, value in enumerate(np.array(values).tolist()):
        try:
            expected = numbers.FUNCTIONS[name]([value])
        except numbers.Undefined:
            assert bad[k]
            continue
        assert not bad[k]
        # Beside its zeros at negative numbers no lgamma has all its digits.
        least = 1e-13 if name == "lgamma" else 1e-300
        assert found.values[k] == pytest.approx(expected, rel=1e-12, abs=least)
        assert (found.values.dtype == np.int64) == isinstance(expected, int)


@given(st.lists(st.floats(-40, 40), min_size=1))
def test_functions_are_those_of_the_field(values: list[float]):
    x = np.array(values)
    for name, function in {"normal_cdf": special.ndtr, "logistic": special.expit}.items():
        np.testing.assert_array_equal(compute(name, [x]).values, function(x))


@pytest.mark.parametrize("name", ["abs", "sign", "floor", "ceil", "round"])
@given(value=st.integers(INTEGER_MIN + 1, INTEGER_MAX))
@example(value=2**53 + 1)
@example(value=INTEGER_MAX)
def test_whole_functions_are_exact_on_integers(name: str, value: int):
    found = compute(name, [np.array([value])])
    assert found.bad is None
    assert found.values.tolist() == [numbers.FUNCTIONS[name]([value])]


@pytest.mark.parametrize("seed", range(12))
def test_programs_with_functions_mean_what_the_interpreter_says(seed: int):
    rng = random.Random(seed)
    one, two, three = (rng.choice(REAL) for _ in range(3))
    text = f"""var n : 1..4
var m : 0..3
var a : bool
factor {one}(n + 0.25) / 9
prefer {two}(n / 3) < {three}(m + 0.5) weight 0.7
prefer sign(n - m - 1) == a weight 1
constraint round(n / 2) + floor(m / 2) + ceil(n / 3) != {rng.randint(2, 4)}
"""
    for query in ("P(n == 2)", "P(a = true | m > 0)", "P(m == 1 | n > 1)"):
        found = gmlang.compile(text).query(query)
        assert found.value == pytest.approx(worlds.probability(text, query), abs=1e-9), text


def test_a_sign_may_be_summed_up_wide():
    text = "var x[40] : -3..3\nconstraint sum(sign(x[i]) for i in 0..<40) == 40\n"
    assert gmlang.compile(text).query("count()").value == 3**40


@pytest.mark.parametrize(
    ("call", "state"),
    [
        ("lgamma(n)", "n = 0"),
        ("lgamma(-n)", "n = 0"),
        ("log10(n - 1)", "n = 0"),
        ("sqrt(-n)", "n = 1"),
    ],
)
def test_outside_its_domain_a_function_has_no_value(call: str, state: str):
    with pytest.raises(GmError, match="GM422") as caught:
        gmlang.compile(f"var n : 0..3\nfactor {call}\n").query("P(n)")
    assert state in str(caught.value)


def test_a_function_is_guarded_by_a_condition():
    text = "var n : 0..3\nfactor lgamma(n) if n > 0 else 0\n"
    weights = [1, 1, 1, math.factorial(2)]
    expected = weights[3] / sum(weights)
    assert gmlang.compile(text).query("P(n == 3)").value == pytest.approx(expected, abs=1e-12)


def test_a_definition_of_the_same_name_wins():
    text = "def sign(x) = x + 1\nvar n : 0..1\nconstraint sign(n) == 2\n"
    assert gmlang.compile(text).query("P(n == 1)").value == 1


def test_a_function_takes_numbers_only():
    with pytest.raises(GmError, match="lgamma"):
        gmlang.compile("domain C = {r, g}\nvar c : C\nfactor lgamma(c)\n").query("P(c)")


def test_a_definition_by_cases_means_what_conditions_mean():
    cases = """def f(x, y) = match x, y:
    0, true -> 3
    1..2, _ -> lgamma(x + 2)
    _, _ -> 0
"""
    conditions = "def f(x, y) = 3 if x == 0 and y else lgamma(x + 2) if x in 1..2 else 0\n"
    rest = "var n : 0..3\nvar b : bool\nfactor f(n, b)\n"
    texts = (cases + rest, conditions + rest)
    found = [gmlang.compile(text).query("P(n, b)").probabilities for text in texts]
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_a_definition_whose_cases_leave_something_out_is_refused():
    text = "def f(x) = match x:\n    0 -> 1\n    1 -> 2\nvar n : 0..2\nfactor f(n)\n"
    with pytest.raises(GmError, match="GM310"):
        gmlang.compile(text).query("P(n)")


def test_a_program_that_defines_by_cases_is_no_python(tmp_path: Path):
    file = tmp_path / "cases.gm"
    file.write_text("def f(x) = match x:\n    0 -> 1\n    _ -> 2\nvar n : 0..1\n", "utf-8")
    assert gmlang.load(file).query("P(f(n) == 1)").value == pytest.approx(0.5)


_NEAR = st.sampled_from([0, 2**53, -(2**53), 2**60 + 1, 2**62, -(2**63) + 4, 2**63 - 5])
_WHOLE = st.builds(lambda near, step: near + step, _NEAR, st.integers(-4, 4))


@given(
    whole=st.lists(_WHOLE, min_size=1, max_size=6),
    real=st.one_of(
        _WHOLE.map(float), st.floats(allow_nan=False), st.sampled_from([2.0**63, -(2.0**63)])
    ),
)
def test_integers_are_compared_with_reals_by_all_their_digits(whole: list[int], real: float):
    meant = {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
    integers, reals = np.array(whole, np.int64), np.array([real])
    for name, compare in meant.items():
        assert compute(name, [integers, reals]).values.tolist() == [compare(k, real) for k in whole]
        assert compute(name, [reals, integers]).values.tolist() == [compare(real, k) for k in whole]
