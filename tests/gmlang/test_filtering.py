"""After each step a filter says what the program says whose time ends there."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click import ClickException
from click.testing import CliRunner, Result

import gmlang
from gmlang.cli import group
from gmlang.diagnostics import GmError
from tests.support.streams import random_chain, random_stream

HMM = """
data A[K, K] : real
data B[K, M] : real
data y[T] : 0..<M
var z[T] : 0..<K
var o[T] : 0..<M
z[0] ~ Uniform()
for t in 1..<T: z[t] ~ Categorical(A[z[t-1]])
for t in 0..<T: o[t] ~ Categorical(B[z[t]])
observe o = y
"""

SOCIETY = """
data T = 5
domain Pose = {a, b, c}
entity Agent:
    pose[T] : Pose
    music : bool
model still(x: Agent) prior 0.3:
    for t in 1..<T: predict x.pose[t] = x.pose[t-1] @ 0.97
model dancing(x: Agent) prior 0.2:
    predict x.music = true @ 0.8
    for t in 1..<T: predict x.pose[t] = c if x.pose[t-1] == b else a @ 0.9
data seen[T] : Pose
var it : Agent
consider still(it), dancing(it)
observe it.pose = seen
"""


LATER = """
data LAG = 2
data y[D, T] : bool
var z[T] : bool
var s[D, T] : bool
for t in 0..<LAG: z[t] ~ Bernoulli(0.4)
for t in LAG..<T: z[t] ~ Bernoulli(0.8 if z[t-LAG] else 0.3)
for t in 0..<T-1: prefer z[t] == z[t+1] weight 0.4
observe z[1] or z[2]
for d in 0..<D, t in 0..<T: s[d, t] ~ Bernoulli(0.7 if z[t] else 0.1 * (d + 1))
observe s = y
"""


def _hmm(num_states: int, num_symbols: int, seed: int = 0) -> gmlang.Model:
    rng = np.random.default_rng(seed)
    follow = rng.dirichlet(np.ones(num_states), num_states)
    shown = rng.dirichlet(np.ones(num_symbols), num_states)
    return gmlang.compile(HMM).bind(A=follow, B=shown)


def _cut(model: gmlang.Model, data: Mapping[str, np.ndarray], stop: int) -> gmlang.Model:
    return model.bind(**{name: values[:stop] for name, values in data.items()})


def _at(text: str, t: int) -> str:
    """Write numbers for `t` and what is some steps before it."""
    return re.sub(r"\bt(-\d)?", lambda found: str(t + int(found[1] or 0)), text)


def _now(text: str, t: int) -> str:
    return text.replace("t-1", str(t - 1)).replace("[t", f"[{t}")


@pytest.mark.parametrize("seed", range(2))
def test_a_filter_answers_as_the_program_that_ends_there(seed: int):
    rng = np.random.default_rng(seed)
    text, asked = random_chain(rng)
    data, model = random_stream(rng, 5), gmlang.compile(text)
    follow, at_once = model.filter("T", ask=asked), model.filter(ask=asked)
    many = at_once.update(data)
    for t in range(5):
        found = follow.step(**{name: values[t] for name, values in data.items()})
        cut = _cut(model, data, t + 1)
        log_z = cut.query("logZ()").value
        if log_z is None:
            assert found.log_z == many.log_z[t] == -np.inf
            break
        assert found.log_z == pytest.approx(log_z, abs=1e-9)
        assert many.log_z[t] == pytest.approx(log_z, abs=1e-9)
        blind = {name: values[: t + 1].copy() for name, values in data.items()}
        blind["y"][t] = blind["seen"][t] = np.nan
        expected = model.bind(**blind).query("logZ()").value
        assert found.log_loss == pytest.approx(expected - log_z, abs=1e-9)  # pyright: ignore
        for question in asked[: None if t else 2]:
            array = cut.query(_now(question, t)).array
            assert found[question].array == pytest.approx(array, abs=1e-9)
            assert many[question][t] == pytest.approx(array, abs=1e-9)


ASKED = """
data y[T] : 0..1
data u[T] : 0..1
var z[T] : 0..1
var o[T] : 0..1
z[0] ~ Uniform()
for t in 1..<T: z[t] ~ {z[t-1]: 0.8, rest: 0.2}
for t in 0..<T: o[t] ~ {z[t]: 0.7, rest: 0.3}
for t in 0..<T:
    if u[t] == 1: prefer z[t] == 1 weight 1
observe o = y
"""


@pytest.mark.parametrize(
    "ask",
    [
        "P(z[t] == u[t-1])",
        "P(z[t-1] == u[t-3])",
        "P(z[t] | z[t-2] = u[t-2])",
        "P(z[t-4])",
        "P(z[t] | o[t] = 1)",
    ],
)
def test_questions_may_look_back_farther_than_the_program_and_at_inputs(ask: str):
    data = {"y": [1, 0, 0, 1, 1, 1, 0, 1], "u": [0, 1, 1, 0, 1, 0, 0, 1]}
    model = gmlang.compile(ASKED)
    told = model.filter("T", ask=ask)
    many = model.filter("T", ask=ask).update(**data)[ask]
    for t in range(8):
        found = told.step(y=data["y"][t], u=data["u"][t])[ask]
        if found.note:
            assert f"t-{t + 1}" in ask or t < 3
            assert np.isnan(many[t]).all()
            continue
        whole = model.bind(**{name: values[: t + 1] for name, values in data.items()})
        expected = whole.query(_at(ask, t))
        assert found.status == expected.status
        if found.status == "exact":
            assert found.array is not None
            assert expected.array is not None
            np.testing.assert_allclose(found.array, expected.array, atol=1e-9)
            np.testing.assert_allclose(many[t], expected.array, atol=1e-9)


@pytest.mark.parametrize(
    "ask", ["P(z[t] == t)", "P(z[t] == T - 1)", "P(z[t] | t > 2)", "P(z[t] == 1 and t % 2 == 0)"]
)
def test_the_number_of_a_step_is_no_part_of_a_question(ask: str):
    with pytest.raises(GmError) as caught:
        gmlang.compile(ASKED).filter("T", ask=ask)
    assert caught.value.diagnostics[0].code == "GM814"


def test_models_that_last_are_weighed_by_what_happens():
    seen = ["a", "b", "b", "c"]
    model = gmlang.compile(SOCIETY)
    follow = model.filter(ask="P(still(it), dancing(it))")
    for t, pose in enumerate(seen):
        found = follow.step(seen=pose)
        cut = model.bind(seen=seen[: t + 1], T=t + 1)
        assert found.log_z == pytest.approx(cut.query("logZ()").value, abs=1e-9)
        array = cut.query("P(still(it), dancing(it))").array
        assert found.answers[0].array == pytest.approx(array, abs=1e-9)


def test_what_is_said_of_later_steps_waits_for_them():
    y, model = np.random.default_rng(2).integers(0, 2, (3, 5)), gmlang.compile(LATER)
    follow = model.filter("T", ask="P(s[1, t], z[t-1])")
    for t in range(5):
        found = follow.step(y=y[:, t])
        if t >= 2:
            cut = model.bind(y=y[:, : t + 1])
            assert found.log_z == pytest.approx(cut.query("logZ()").value, abs=1e-9)
    array = model.bind(y=y).query("P(s[1, 4], z[3])").array
    assert found.answers[0].array == pytest.approx(array, abs=1e-9)  # pyright: ignore


def test_what_is_drawn_after_its_base_was_taken_is_refused():
    """What the step before weighed by the base is no longer so weighed."""
    model = gmlang.compile(
        "data y[T] : bool\nvar z[T] : bool base {true: 1, false: 3}\nobserve z = y\n"
        "for t in 1..<T: z[t-1] ~ Bernoulli(0.3)\n"
    )
    follow = model.filter()
    follow.step(y=True)
    with pytest.raises(GmError) as caught:
        follow.step(y=True)
    assert caught.value.diagnostics[0].code == "GM807"


def test_a_step_that_is_refused_was_not_taken():
    text = (
        "data y[T] : bool\ndata u[T] : 0..9\nvar x[T] : bool\nobserve x = y\n"
        "for t in 1..<T: x[t] ~ Bernoulli((0.9 if x[t-1] else 0.2) / u[t-1])\n"
    )
    model, told = gmlang.compile(text), gmlang.compile(text).filter()
    for values in ((True, 1), (False, 2), (False, "many"), ("?!", 3), (True, 3), (True, 2)):
        try:
            told.step(y=values[0], u=values[1])
        except GmError:
            assert isinstance(values[0], str) or isinstance(values[1], str)
    told.update(y=[True, False], u=[2, 1])
    whole = model.bind(y=[1, 0, 1, 1, 1, 0], u=[1, 2, 3, 2, 2, 1])
    assert told.num_steps == 6
    assert told.log_z == pytest.approx(whole.query("logZ()").value, abs=1e-9)


def test_all_losses_are_together_minus_log_z():
    model, rng = _hmm(4, 5), np.random.default_rng(1)
    y = rng.integers(0, 5, 30).astype(float)
    y[rng.random(30) < 0.2] = np.nan
    follow = model.filter(ask="P(z[t])")
    losses = [follow.step(y=value).log_loss for value in y]
    assert follow.total_log_loss == pytest.approx(-follow.log_z, abs=1e-9)
    assert np.sum(losses) == pytest.approx(-follow.log_z, abs=1e-9)
    assert [loss == 0 for loss in losses] == np.isnan(y).tolist()


def test_what_is_predicted_ahead_is_what_the_loss_is_of():
    model = _hmm(3, 4)
    follow = model.filter()
    for value in (2, 0, None, 3, 3, 1):
        ahead = follow.ahead()["y"].probabilities
        found = follow.step(y=value)
        if value is not None:
            assert found.log_loss == pytest.approx(-np.log(ahead[str(value)]), abs=1e-12)  # pyright: ignore


def test_a_hypothesis_that_was_refuted_may_be_right_after_all():
    """The odds of `fair` fall below the smallest float, and come back."""
    model = gmlang.compile(
        "data y[T] : bool\nvar fair : bool ~ Bernoulli(0.5)\nvar o[T] : bool\n"
        "for t in 0..<T: o[t] ~ Bernoulli(0.5 if fair else 0.9999)\nobserve o = y\n"
    )
    follow = model.filter("T", ask="P(fair)")
    follow.update(y=np.ones(2000))
    found = follow.step(y=True)
    assert found.answers[0].to_numpy()[1] == pytest.approx(np.exp(2001 * np.log(0.5 / 0.9999)))
    follow.update(y=np.zeros(2000))
    odds = 2001 * np.log(0.5 / 0.9999) + 2001 * np.log(0.5 / 0.0001)
    assert odds > 0
    assert follow.step(y=False).answers[0].to_numpy()[1] == pytest.approx(1.0)
    fair, biased = 4002 * np.log(0.5), 2001 * (np.log(0.9999) + np.log(0.0001))
    assert follow.log_z == pytest.approx(np.logaddexp(fair, biased) - np.log(2), abs=1e-8)


def test_what_is_impossible_is_so_for_good():
    model = gmlang.compile(
        "data y[T] : bool\nvar x[T] : bool\nobserve x = y\n"
        "for t in 1..<T: constraint x[t] or x[t-1]\n"
    )
    follow = model.filter(ask="P(x[t])")
    follow.update(y=[True, False])
    found = follow.step(y=False)
    assert found.log_loss == np.inf
    assert found.answers[0].status == "impossible"
    assert follow.step(y=True).log_z == -np.inf


def test_inputs_may_be_real_numbers():
    model = gmlang.compile(
        "data y[T] : bool\ndata u[T] : real\nvar x[T] : bool\nobserve x = y\n"
        "for t in 1..<T: x[t] ~ Bernoulli(logistic(u[t] + x[t-1]))\n"
    )
    follow, rng = model.filter(), np.random.default_rng(0)
    u, y = rng.normal(size=6), rng.integers(0, 2, 6)
    follow.update(y=y, u=u)
    log_odds = u[1:] + y[:-1]
    chances = 1 / (1 + np.exp(-np.where(y[1:] == 1, log_odds, -log_odds)))
    assert follow.log_z == pytest.approx(np.log(chances).sum(), abs=1e-9)


def test_the_command_answers_each_row_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    known = HMM.replace("data A[K, K] : real", "data A[K, K] = [[0.9, 0.1], [0.2, 0.8]]")
    Path("h.gm").write_text(f"{known}query P(z[T-1]), P(z)\n", "utf-8")
    Path("B.csv").write_text("0.7,0.2,0.1\n0.1,0.2,0.7\n", "utf-8")
    asked = ["filter", "h.gm", "--data", "B=B.csv", "--ahead"]

    def followed(rows: str) -> Result:
        return CliRunner().invoke(group, asked, input=rows, standalone_mode=False)

    found = followed("time,y\n1,0\n2,NA\n3,2\n")
    assert found.exception is None, found.exception
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2]
    assert lines[1]["log_loss"] == 0
    assert set(lines[2]["ahead"]["y"]) == {"0", "1", "2"}
    assert sum(lines[2]["answers"]["P(z[T-1])"].values()) == pytest.approx(1)
    assert followed('{"y": 0}\n{}\n\n{"y": 2}\n').stdout == found.stdout
    assert "P(z)" in found.stderr
    assert isinstance(followed("y\n0\n7\n").exception, GmError)
    for wrong in ("x\n0\n", "y\n0,1\n", "y\nmany\n", "{\n", "{}\n[]\n"):
        assert isinstance(followed(wrong).exception, ClickException)


def test_a_row_is_answered_where_the_next_depends_on_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("a.gm").write_text(ASKED, "utf-8")
    asked = ["filter", "a.gm", "--ask", "P(z[t])", "--ahead"]
    found = CliRunner().invoke(group, asked, input="y,u\n1,0\n0,1\n", standalone_mode=False)
    assert found.exception is None, found.exception
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(line["step"], line["ahead"]) for line in lines] == [(0, None), (1, None)]
