"""Expectations whose integrals have no value, and those that only look so."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gmlang

TEXT = """
var u : real[0, 3]
var w : real ~ Normal(0, 1)
var z : -1..1
"""


@pytest.mark.parametrize(
    "asked",
    [
        "E(1 / u)",
        "E(u ** -1 + z)",
        "E(1 / u ** 2)",
        "Var(1 / sqrt(u))",
        "E(u / (u - 1.5))",
        "E(1 / (u * u - 2 * u + 1))",
        "E(1 / (exp(u) - 2))",
        "E(1 / (u - z))",
        "E(1 / w | w > 0)",
        "E(1 / (w - 1) if w < 2 else 0)",
    ],
)
def test_an_integral_without_a_value_is_not_given_one(asked: str):
    answer = gmlang.compile(TEXT).query(asked)
    assert answer.status == "estimate"
    assert answer.value is None
    assert "has a pole at" in answer.note


@pytest.mark.parametrize(
    ("asked", "expected", "off"),
    [
        ("E(1 / (u + 1))", np.log(4) / 3, 1e-9),
        ("E(1 / u | u > 1)", np.log(3) / 2, 1e-9),
        ("E(1 / u if u > 1 else 0)", np.log(3) / 3, 1e-9),
        ("E(1 / (u - z) | z = -1)", np.log(4) / 3, 1e-9),
        ("E((u * u - 1) / (u - 1))", 2.5, 1e-9),
        ("E(u * (1 / u + 2))", 4.0, 1e-9),
        ("E(1 / sqrt(u))", 2 / np.sqrt(3), 0.1),
        ("E(1 / sqrt(u * (3 - u)))", np.pi / 3, 0.1),
        ("E(log(u))", np.log(3) - 1, 0.01),
    ],
)
def test_what_only_looks_so_has_a_value(asked: str, expected: float, off: float):
    answer = gmlang.compile(TEXT).query(asked)
    assert answer.value == pytest.approx(expected, abs=off)
    assert answer.error is None
    assert ("two rules differ" in answer.note) == (off > 1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-2, 5), min_size=1, max_size=3), st.floats(0.5, 4))
def test_poles_are_found_where_a_polynomial_is_zero(roots: list[float], high: float):
    assume(all(abs(r - end) > 1e-3 for r in roots for end in (0.0, high)))
    divisor = " * ".join(f"(x - {root})" for root in roots)
    answer = gmlang.compile(f"var x : real[0, {high}]\n").query(f"E(1 / ({divisor}))")
    assert (answer.value is None) == any(0 <= root <= high for root in roots)


def test_means_beyond_float64_are_none():
    model = gmlang.compile("var h : real ~ Normal(0, 1)\n")
    with pytest.warns(RuntimeWarning):
        answer = model.query("Var(1e300 * h)")
    assert answer.value is None
    assert "beyond float64" in answer.note
