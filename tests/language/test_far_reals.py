"""Reals far outside of where they may be expected, and numbers out of all proportion."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false, reportIndexIssue=false

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

import gmlang
from gmlang.diagnostics import GmError


@pytest.mark.parametrize(
    ("said", "asked", "code"),
    [
        ("", "P(m(it) | it.h = 1e300)", "GM405"),
        ("observe it.h = 1e300\n", "P(m(it))", "GM405"),
        ("observe it.h like Normal(1e160, 1)\n", "P(m(it))", "GM373"),
        ("observe it.h like Normal(1, 1e-300)\n", "P(m(it))", "GM373"),
    ],
)
def test_numbers_out_of_all_proportion_are_refused(said: str, asked: str, code: str):
    text = (
        "entity T:\n    h : real base Normal(0, 1)\n"
        "model m(x: T) prior 0.3:\n    predict x.h ~ Normal(1, 0.5)\n"
        "var it : T\nconsider m(it)\n"
    )
    with pytest.raises(GmError) as caught:
        gmlang.compile(text + said).query(asked)
    assert caught.value.diagnostics[0].code == code


def test_far_tails_are_not_impossible():
    """What is asked behind the bar lies where a rule for the rest would see nothing."""
    text = "entity T:\n    h : real base Normal(0, 1)\nvar it : T\n"
    model = gmlang.compile(text)
    assert model.query("P(it.h > 12)").value == pytest.approx(stats.norm.sf(12), rel=1e-9)
    ratio = stats.norm.sf(13) / stats.norm.sf(12)
    assert model.query("P(it.h > 13 | it.h > 12)").value == pytest.approx(ratio, rel=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(4, 5000), min_size=1, max_size=3),
    st.booleans(),
    st.floats(0.05, 5),
    st.floats(0.5, 2),
)
def test_ends_far_outside_cut_off_what_falls_there(
    ends: list[float], above: bool, mean: float, sd: float
):
    """In any tail all odds are known: base, and a prediction that does not reach there."""
    side, sign = (1, ">") if above else (-1, "<")
    text = f"""
entity T:
    h : real base Normal({mean}, {sd})
model m(x: T) prior 0.3:
    predict x.h ~ Normal({mean}, {sd / 4}) @ 0.8
var it : T
consider m(it)
"""
    model = gmlang.compile(text)
    last = max(ends)
    seen = ", ".join(f"it.h {sign} {mean + side * sd * end}" for end in ends)
    step = min(1.0, 1 / last)
    asked = f"it.h {sign} {mean + side * sd * (last + step)}"
    expected = np.exp(special.log_ndtr(-last - step) - special.log_ndtr(-last))
    found = model.query(f"P({asked} | {seen})")
    assert found.value == pytest.approx(expected, rel=1e-6)
    odds = 0.3 * 0.2 / 0.7
    found = model.query(f"P(m(it) | {seen})")
    assert found.value["true"] == pytest.approx(odds / (1 + odds), rel=1e-6)


@pytest.mark.parametrize(("end", "expected"), [("< 1000", 1), ("> -1e9", 1), ("< -1e300", 0)])
def test_an_end_far_outside_needs_no_places_to_look_at(end: str, expected: float):
    text = "entity T:\n    h : real base Normal(1.7, 0.2)\nvar it : T\n"
    found = gmlang.compile(text).query(f"P(it.h {end})")
    assert found.status == "estimate"
    assert found.value == pytest.approx(expected, abs=1e-10)
    assert found.error is not None
    assert found.error < 1e-8


def test_what_lies_beyond_a_share_that_float64_has_not_is_no_prediction():
    text = (
        "entity T:\n    h : real base Normal(1.7, 0.2)\n"
        "model m(x: T) prior 0.3:\n    predict x.h > 1e300 @ 0.9\nvar it : T\nconsider m(it)\n"
    )
    with pytest.raises(GmError) as caught:
        gmlang.compile(text).query("P(m(it))")
    assert caught.value.diagnostics[0].code == "GM373"


@pytest.mark.parametrize(
    "declared",
    [
        "real[0, 1e-300]",
        "real[1e308, 1.5e308]",
        "real[0, inf] base Normal(0, 1e-300)",
        "real base Normal(0, 1e300)",
        "real[0, 1] base Uniform(0, 1e-200)",
    ],
)
def test_scales_that_float64_cannot_square_are_refused(declared: str):
    text = (
        f"entity T:\n    h : {declared}\nmodel m(x: T) prior 0.3:\n"
        "    predict x.h ~ Normal(0.5, 0.1) @ 0.9\nvar it : T\nconsider m(it)\n"
    )
    for asked in ("P(m(it))", "E(it.h)", "logZ()"):
        with pytest.raises(GmError) as caught:
            gmlang.compile(text).query(asked)
        assert caught.value.diagnostics[0].code == "GM373"
        assert "out of all proportion" in caught.value.diagnostics[0].message


@pytest.mark.parametrize("high", [1e-50, 1e-12, 1e-6, 1e-5, 1e-4, 1e-3])
def test_a_prediction_all_but_flat_in_a_short_range_says_nothing(high: float):
    """Between the ends the density bends by the square of the range: else it is uniform."""
    text = (
        f"entity T:\n    h : real[0, {high}]\nmodel m(x: T) prior 0.3:\n"
        "    predict x.h ~ Normal(0, 1) @ 0.9\nvar it : T\nconsider m(it)\n"
    )
    found = gmlang.compile(text).query("P(it.h > 0 | m(it))")
    assert found.value == pytest.approx(1.0)
    answer = gmlang.compile(text).query("P(m(it))")
    assert answer.value["true"] == pytest.approx(0.3, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 10), st.floats(-2, 2), st.sampled_from(["", " | h > 0", " | h in -1e3..1e11"]))
def test_answers_far_from_0_are_as_good_as_they_say(power: float, at: float, given_: str):
    mean = 10.0**power
    model = gmlang.compile(f"var h : real ~ Normal({mean!r}, 1)\n")
    # What float64 makes of the end is what is asked for.
    end = mean + at
    share = stats.norm.sf(end - mean)
    # Mass below 0 counts where the mean is near it.
    cut = stats.norm.cdf(mean) if "0" in given_ and ">" in given_ else 1.0
    if end > 0:
        found = model.query(f"P(h > {end!r}{given_})")
        assert abs(found.value - share / cut) <= found.error
    if not given_:
        spread = model.query("Var(h)")
        assert abs(spread.value - 1.0) <= spread.error
