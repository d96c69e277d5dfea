"""After each step a filter says of reals what the program says whose time ends there."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError

LEVEL = """
data y[T] : real
data u[T] : real
var x[T] : real
x[0] ~ Normal(0, 3)
for t in 1..<T: x[t] ~ Normal(0.9 * x[t-1] + 2 * u[t] - u[t-1] / 3, 0.5)
for t in 0..<T: observe y[t] ~ Normal(x[t] + u[t], 0.3)
"""
REGRESSION = """
data y[T] : real
data u[T] : real
var a : real ~ Normal(0, 3)
var b : real ~ Normal(0, 3)
for t in 0..<T: observe y[t] ~ Normal(a + b * u[t], 0.3)
"""
DEFINED = """
data y[T] : real
data u[T] : real
var v[T] : real
var s[T] : real
var p[T] : real
v[0] ~ Normal(0, 1)
for t in 1..<T: v[t] ~ Normal(v[t-1], 0.5)
s[0] := v[0] + u[0]
for t in 1..<T: s[t] := s[t-1] + v[t-1] + u[t]
p[0] := 0
for t in 1..<T: p[t] := s[t-1]
for t in 0..<T: observe y[t] ~ Normal(s[t] + 0.1 * p[t], 0.3)
"""
OBSERVED = """
data y[T] : real
var x[T] : real
x[0] ~ Normal(0, 1)
for t in 1..<T: x[t] ~ Normal(0.5 * x[t-1], 1)
for t in 2..<T: observe x[t] - x[t-2] like Normal(0, 0.5)
observe x = y
"""
GATED = """
data y[T] : real
data bad[T] : bool
data u[T] : real
var x[T] : real
x[0] ~ Normal(0, 3)
for t in 1..<T: x[t] ~ Normal(x[t-1], 0.5 + abs(u[t]))
for t in 0..<T: observe y[t] ~ Normal(0, 20) if bad[t] else Normal(x[t], 0.3)
"""
FLAT = """
data y[T] : real
var x[T] : real
var v[T] : real
for t in 1..<T: x[t] ~ Normal(x[t-1] + v[t-1], 0.5)
for t in 1..<T: v[t] ~ Normal(v[t-1], 0.5)
for t in 0..<T: observe y[t] ~ Normal(x[t], 0.3)
"""
BESIDE = """
data y[T] : real
data o[T] : bool
var z[T] : bool
var e[T] : bool
z[0] ~ Bernoulli(0.3)
for t in 1..<T: z[t] ~ Bernoulli(0.9 if z[t-1] else 0.2)
for t in 0..<T: e[t] ~ Bernoulli(0.9 if z[t] else 0.2)
observe e = o
var x[T] : real
x[0] ~ Normal(0, 3)
for t in 1..<T: x[t] ~ Normal(x[t-1], 0.5)
for t in 0..<T: observe y[t] ~ Normal(x[t], 0.3)
"""
PROGRAMS = {
    "level": (LEVEL, ["P(x[t])", "P(x[t] > 1)", "E(x[t])"]),
    "regression": (REGRESSION, ["P(a)", "P(a, b)", "P(a > b)", "E(a * b)", "Var(a - 2 * b)"]),
    "defined": (DEFINED, ["P(s[t])", "P(p[t])", "P(s[t], v[t])"]),
    "gated": (GATED, ["P(x[t])"]),
    "flat": (FLAT, ["P(x[t])", "P(v[t])"]),
    "beside": (BESIDE, ["P(x[t])", "P(z[t])"]),
    "observed": (OBSERVED, ["P(x[t])"]),
}


def _stream(names: set[str], count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    y = rng.normal(size=count).cumsum()
    y[rng.random(count) < 0.3] = np.nan
    flags = {name: rng.random(count) < 0.5 for name in ("bad", "o")}
    every: dict[str, np.ndarray] = {"y": y, "u": rng.normal(size=count), **flags}
    return {name: every[name] for name in names}


def _row(data: Mapping[str, np.ndarray], t: int) -> dict[str, object]:
    return {name: array[t].item() for name, array in data.items()}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_step_is_the_program_cut_there(name: str):
    text, asked = PROGRAMS[name]
    model = gmlang.compile(text)
    data = _stream(set(re.findall(r"data (\w+)\[T\]", text)), 6)
    follow = model.filter("T", ask=asked)
    for t in range(6):
        found = follow.step(**_row(data, t))
        if found.log_z == np.inf:
            continue
        cut = model.bind({key: array[: t + 1] for key, array in data.items()})
        assert found.log_z == pytest.approx(cut.query("logZ()").value, abs=1e-9)
        for question in asked:
            whole = cut.query(re.sub(r"\bt\b", str(t), question))
            assert found[question].array == pytest.approx(whole.array, abs=1e-9)
            if question.startswith("P(") and hasattr(whole, "beliefs"):
                ours = [one.sd() for one in found[question].beliefs]  # pyright: ignore
                theirs = [one.sd() for one in whole.beliefs]  # pyright: ignore
                assert ours == pytest.approx(theirs, abs=1e-9)
    if name != "flat":
        assert follow.total_log_loss == pytest.approx(-follow.log_z, abs=1e-9)
    many = model.filter("T", ask=asked).update(**data)
    assert many.log_z[-1] == pytest.approx(follow.log_z, abs=1e-9)


def test_what_comes_is_what_the_program_expects():
    """The density of what came, as it was predicted, is what its log loss says."""
    model = gmlang.compile(LEVEL)
    follow = model.filter()
    data = _stream({"y", "u"}, 8)
    for t in range(8):
        row = _row(data, t)
        coming = follow.ahead(u=row["u"])["y"]
        found = follow.step(**row)
        if not np.isnan(data["y"][t]):
            density = coming.density(data["y"][t])  # pyright: ignore
            assert found.log_loss == pytest.approx(-np.log(density), abs=1e-9)
        else:
            assert found.log_loss == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(GmError) as caught:
        follow.ahead()
    assert caught.value.diagnostics[0].code == "GM812"


def test_what_comes_of_observed_reals_is_their_distribution():
    model = gmlang.compile(
        "data y[T] : real\nvar x[T] : real\nx[0] ~ Normal(1, 2)\n"
        "for t in 1..<T: x[t] ~ Normal(0.5 * x[t-1], 1)\nobserve x = y\n"
    )
    follow = model.filter()
    assert follow.ahead()["y"].array == pytest.approx(1.0)
    follow.step(y=3.0)
    follow.step()
    coming = follow.ahead()["y"]
    assert coming.array == pytest.approx(0.75)
    assert coming.beliefs[0].sd() ** 2 == pytest.approx(1 + 0.25)  # pyright: ignore


def test_a_step_that_fails_was_not_taken():
    follow = gmlang.compile(LEVEL).filter(ask="P(x[t])")
    follow.step(y=1.0, u=0.0)
    before = follow.log_z
    for wrong in ({"y": 1.0}, {"y": np.inf, "u": 0.0}, {"y": "a", "u": 0.0}):
        with pytest.raises(GmError):
            follow.step(**wrong)
    assert (follow.num_steps, follow.log_z) == (1, before)
    found = follow.step(y=2.0, u=1.0)
    other = gmlang.compile(LEVEL).filter(ask="P(x[t])").update(y=[1.0, 2.0], u=[0.0, 1.0])
    assert found["P(x[t])"].array == pytest.approx(other["P(x[t])"][-1, 0], abs=1e-12)


def test_what_is_far_from_0_keeps_its_digits():
    """Of positions around 1e8 with noise of 1e-3 a filter of covariances knows nothing."""
    text = Path("examples/tracking.gm").read_text("utf-8")
    y = np.array([0.1, 0.3, 1.2, 1.4, 2.2, 2.9])
    near = gmlang.compile(text).filter(ask="P(vel[t])").update(y=y)
    model = gmlang.compile(text.replace("Normal(0, 10)", "Normal(100000000, 10)"))
    far = model.filter(ask="P(vel[t])").update(y=y + 1e8)
    assert far.log_z == pytest.approx(near.log_z, abs=1e-6)
    assert far["P(vel[t])"] == pytest.approx(near["P(vel[t])"], abs=1e-6)


def test_a_name_for_the_end_is_asked_after_each_step():
    model = gmlang.compile(Path("examples/tracking.gm").read_text("utf-8"))
    follow = model.filter(ask=["P(ahead)", "E(pos[T-1] + 3 * vel[T-1])"])
    for value in (0.1, 0.3, None, 1.4):
        found = follow.step(y=value)
    assert found["P(ahead)"].array == pytest.approx(found.answers[1].array, abs=1e-12)
    cut = model.bind(y=[0.1, 0.3, np.nan, 1.4]).query("P(ahead)")
    assert found["P(ahead)"].array == pytest.approx(cut.array, abs=1e-9)


REFUSED = {
    "P(x[t] | x[t-1] = 1)": "GM809",
    "MAP(x)": "GM809",
    "P(x[0])": "GM810",
    "P(x)": "GM810",
}


@pytest.mark.parametrize("question", REFUSED)
def test_what_a_filter_does_not_answer_is_refused(question: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(LEVEL).filter(ask=question)
    assert caught.value.diagnostics[0].code == REFUSED[question]
