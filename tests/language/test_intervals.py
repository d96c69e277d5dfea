"""Intervals that are predicted, asked about and seen of integers, against enumeration."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false, reportIndexIssue=false

import operator

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gmlang

COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

ENDS = st.integers(-2, 5).map(str) | st.integers(-20, 50).map(lambda n: f"{n / 10:.1f}")

Interval = tuple[str, str, dict[str, str], np.ndarray]


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Give an interval in numbers and in params, these, and who of -2..5 is inside."""
    values = np.arange(-2, 6)
    sign = draw(st.sampled_from([*COMPARED, "..", "..<"]))
    a, b = draw(ENDS), draw(ENDS)
    if sign in COMPARED:
        return f"{sign} {a}", f"{sign} a", {"a": a}, COMPARED[sign](values, float(a))
    inside = (values >= float(a)) & COMPARED["<" if sign == "..<" else "<="](values, float(b))
    return f"in {a}{sign}{b}", f"in a{sign}b", {"a": a, "b": b}, inside


@settings(max_examples=40, deadline=None)
@given(intervals(), st.booleans())
def test_intervals_of_integers_have_the_integers_between_their_ends(
    interval: Interval, with_params: bool
):
    written, with_names, params, inside = interval
    assume(inside.any() and not inside.all())
    declared = "\n".join(f"param {name} = {value}" for name, value in params.items())
    model = gmlang.compile(f"""
entity Thing:
    n : -2..5
    b : bool
{declared}
model some(x: Thing) prior 0.4:
    predict x.n {with_names if with_params else written} @ 0.9
    if x.n {written}: predict x.b = true @ 0.7
var it : Thing
consider some(it)
""")
    share = inside.mean()
    weights = (0.6 + 0.4 * np.where(inside, 0.9 / share, 0.1 / (1 - share))) / 8
    found = model.query("P(it.n)")
    assert found.status == "exact"
    assert list(found.value.values()) == pytest.approx(weights.tolist())
    assert model.query(f"P(it.n {written})").value == pytest.approx(weights[inside].sum())
    assert model.query("P(it.b)").value["true"] == pytest.approx(0.5 + 0.4 * 0.9 * 0.2)
    seen = model.query(f"P(it.n | it.n {written})").value
    expected = np.where(inside, weights, 0.0) / weights[inside].sum()
    assert list(seen.values()) == pytest.approx(expected.tolist(), abs=1e-12)
