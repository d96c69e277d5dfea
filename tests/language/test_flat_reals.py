"""Reals without a base and without two ends: flat, 0 nats, as long as something holds them."""

# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportIndexIssue=false

import pytest

import gmlang
from gmlang.diagnostics import GmError

FLAT = "var h : real\nvar low[2] : real[0, inf]\nvar a : bool ~ Bernoulli(0.3)\n"
SEEN = "observe low = [1, 2]\n"


@pytest.mark.parametrize("said", ["", SEEN, "observe h = 1\n", "observe h like Normal(2, 1)\n"])
def test_what_nothing_holds_has_no_log_z_and_changes_no_other_belief(said: str):
    model = gmlang.compile(FLAT + said)
    answer = model.query("P(a)")
    assert answer.status == "exact"
    assert answer.value["true"] == pytest.approx(0.3)
    with pytest.raises(GmError) as caught:
        model.query("logZ()")
    assert caught.value.diagnostics[0].code == "GM373"


@pytest.mark.parametrize(
    ("said", "status"),
    [("observe h = 1\n", "exact"), ("observe h like Normal(2, 1)\n", "estimate")],
)
def test_log_z_is_relative_to_flat_priors(said: str, status: str):
    answer = gmlang.compile(FLAT + SEEN + said).query("logZ()")
    assert answer.status == status
    assert answer.value == pytest.approx(0.0, abs=1e-9)
    assert "relative to a flat prior of `h`, `low`" in answer.note
    assert gmlang.compile(FLAT + SEEN).query("P(a | h = 3)").status == "exact"


def test_an_observed_number_of_a_flat_real_is_in_its_range():
    with pytest.raises(GmError) as caught:
        gmlang.compile(FLAT + "observe low = [1, -2]\n").query("P(a)")
    assert caught.value.diagnostics[0].code == "GM405"
