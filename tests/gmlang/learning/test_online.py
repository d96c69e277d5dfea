"""Rows added to what was learned: the same as all at once where nothing is open, near it else."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmruntime.rows import batches

CLINIC = """
data patients : rows
param flu : probability ~ Beta(1, 9)
param fever[2] : probability
param cough[2] : probability
var ill : bool ~ Bernoulli(flu)
var hot : bool ~ Bernoulli(fever[ill])
var barks : bool ~ Bernoulli(cough[ill])
learn flu, fever, cough from patients
"""
FLU = 0.3
TRUTH = {"hot": (0.2, 0.8), "barks": (0.1, 0.7)}


def _cases(n: int, missing: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < FLU
    cells = {"ill": ill.astype(float)}
    for name, (healthy, sick) in TRUTH.items():
        cells[name] = (rng.random(n) < np.where(ill, sick, healthy)).astype(float)
    for column in cells.values():
        column[rng.random(n) < missing] = np.nan
    return cells


def _part(cases: dict[str, np.ndarray], first: int, last: int) -> dict[str, np.ndarray]:
    return {name: column[first:last] for name, column in cases.items()}


def test_complete_rows_added_are_rows_learned_together():
    cases, model = _cases(300, 0.0, 0), gmlang.compile(CLINIC)
    whole = model.learn(patients=cases)
    found = model.learn(patients=_part(cases, 0, 100))
    found = found.add(patients=_part(cases, 100, 250), batch=40)
    found = found.add(patients=_part(cases, 250, 300))
    for name, value in whole.values.items():
        assert found.values[name] == pytest.approx(value, abs=1e-12)
        assert found.counts[name] == pytest.approx(whole.counts[name], abs=1e-9)
    assert (found.status, found.num_rows) == ("converged", 300)
    assert found.log_prior == pytest.approx(whole.log_prior)
    assert np.isnan(found.errors["fever"]).all()
    assert found.model.query("P(ill)").to_numpy()[1] == pytest.approx(float(whole.values["flu"]))


@pytest.mark.parametrize("batch", [1, 50])
def test_one_pass_is_nearly_as_good_as_many(batch: int):
    cases, held_out = _cases(600, 0.3, 1), _cases(2000, 0.0, 2)
    model = gmlang.compile(CLINIC)
    whole = model.learn(patients=cases)
    found = model.learn(patients=_part(cases, 0, 300))
    found = found.add(patients=_part(cases, 300, 600), batch=batch)
    assert found.status == "stopped"
    assert any("one pass" in note for note in found.notes)
    many, one = (m.log_likelihood(patients=held_out).mean() for m in (whole.model, found.model))
    assert one == pytest.approx(many, abs=0.01)


def test_rows_added_are_scored_before_they_are_learned_from():
    cases, model = _cases(120, 0.2, 3), gmlang.compile(CLINIC)
    first = model.learn(patients=_part(cases, 0, 60))
    more = _part(cases, 60, 120)
    found = first.add(patients=more, batch=1000)
    expected = first.model.log_likelihood(patients=more).sum()
    assert found.log_likelihood - first.log_likelihood == pytest.approx(expected, abs=1e-9)


def test_new_columns_may_speak_of_what_was_silent():
    model, cases = gmlang.compile(CLINIC), _cases(80, 0.0, 4)
    first = model.learn(patients={"ill": cases["ill"][:40]})
    assert "no row says anything about cough" in first.notes
    still = first.add(patients={"ill": [True, False]})
    assert first.notes[0] == still.notes[0]
    assert still.notes[0].startswith("prior: one imaginary case")
    assert "cough[0] rests on 0 cases" in still.notes
    found = first.add(patients=_part(cases, 40, 80))
    whole = model.learn(patients={**cases, "hot": cases["hot"], "ill": cases["ill"]})
    own = _part(cases, 40, 80)
    for state in (0, 1):
        rows = own["ill"] == state
        expected = (own["barks"][rows].sum() + 0.5) / (rows.sum() + 1)
        assert found.values["cough"][state] == pytest.approx(expected)
    assert found.values["flu"] == pytest.approx(whole.values["flu"])


def test_params_under_arithmetic_are_added_to_as_well():
    text = (
        "data seen : rows\nparam m : positive\nvar n : 0..40 ~ Poisson(m * 2)\nlearn m from seen\n"
    )
    model = gmlang.compile(text)
    found = model.learn(seen={"n": [3, 5]}).add(seen={"n": [4, 8, 0]})
    assert found.values["m"] == pytest.approx(2.0, abs=1e-3)
    assert np.isnan(found.counts["m"])


def test_what_is_earlier_may_count_less():
    text = "data t : rows\nparam p : probability ~ Beta(0, 0)\nvar x : bool ~ Bernoulli(p)\n"
    first = gmlang.compile(text + "learn p from t\n").learn(t={"x": [True] * 10 + [False] * 10})
    found = first.add(t={"x": [True] * 20}, half_life=20, batch=20)
    assert found.values["p"] == pytest.approx((5 + 20) / (10 + 20))
    assert found.status == "stopped"


def test_weights_of_rows_added_count():
    text = "data t : rows\nparam p : probability ~ Beta(0, 0)\nvar x : bool ~ Bernoulli(p)\n"
    first = gmlang.compile(text + "learn p from t\n").learn(t={"x": [True], "n": [2]}, weight="n")
    found = first.add(t={"x": [True, False], "n": [1, 5]})
    assert found.values["p"] == pytest.approx(3 / 8)
    assert found.total_weight == 8


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batch": 0}, "batch must be"),
        ({"half_life": -1}, "half_life must be"),
        ({"budget_s": "long"}, "budget_s must be"),
        ({"cases": {}}, "declares no data"),
        ({}, "has not been given any rows"),
        ({"patients": {"Ill": [True]}}, "did you mean `ill`"),
    ],
)
def test_mistakes_are_told(given: dict[str, object], words: str):
    learned = gmlang.compile(CLINIC).learn(patients=_cases(10, 0.0, 0))
    with pytest.raises(GmError, match=words):
        learned.add(**{"patients": _cases(1, 0, 0), **given} if given else {})  # pyright: ignore[reportArgumentType]


def test_distributions_are_not_added_to():
    learned = gmlang.compile(CLINIC).learn(patients=_cases(10, 0.0, 0), method="variational")
    with pytest.raises(GmError) as refused:
        learned.add(patients=_cases(1, 0.0, 0))
    assert [one.code for one in refused.value.diagnostics] == ["GM721"]


def test_weights_of_random_fields_are_not_added_to():
    text = "data t : rows\nparam w : real ~ Normal(0, 1)\nvar x : bool\nprefer x weight w\n"
    learned = gmlang.compile(text + "learn w from t\n").learn(t={"x": [True, False]})
    with pytest.raises(GmError, match="learn from all rows together"):
        learned.add(t={"x": [True]})


def test_rows_added_that_cannot_be_are_refused_or_left_out():
    text = "data t : rows\nparam p : probability\nvar x : bool ~ Bernoulli(p)\nvar y : bool := x\n"
    learned = gmlang.compile(text + "learn p from t\n").learn(t={"x": [True], "y": [True]})
    more = {"x": [True, False], "y": [False, False]}
    with pytest.raises(GmError, match="row 1 of `t` is impossible"):
        learned.add(t=more)
    assert "1 impossible row was left out" in learned.add(t=more, skip_impossible=True).notes


def test_what_is_added_to_is_unchanged():
    learned = gmlang.compile(CLINIC).learn(patients=_cases(20, 0.0, 0))
    before = replace(learned, values={k: v.copy() for k, v in learned.values.items()})
    learned.add(patients=_cases(20, 0.0, 1))
    for name, value in before.values.items():
        assert (learned.values[name] == value).all()
    one, other = (learned.add(patients=_cases(20, 0.0, 1)) for _ in range(2))
    assert (one.values["fever"] == other.values["fever"]).all()


def test_rows_that_look_alike_are_compiled_by_the_same_programs(monkeypatch: pytest.MonkeyPatch):
    text = """
data words : rows
param follow[2] : probability
param shown[2] : probability
var z[6] : bool
var o[6] : bool
for t in 1..<6: z[t] ~ Bernoulli(follow[z[t-1]])
for t in 0..<6: o[t] ~ Bernoulli(shown[z[t]])
learn follow, shown from words
"""
    rng = np.random.default_rng(0)
    words = {f"o[{t}]": rng.random(80) < 0.3 + 0.1 * (t % 2) for t in range(6)}
    written: list[object] = []
    write = batches.write

    def counted(likeness: Any, *given: Any) -> Any:
        written.append(likeness.key())
        return write(likeness, *given)

    monkeypatch.setattr(batches, "write", counted)
    learned = gmlang.compile(text).learn(words=_part(words, 0, 40), seed=3)
    first = learned.add(words=_part(words, 40, 60), batch=5)
    assert written
    before = len(written)
    second = first.add(words=_part(words, 60, 80), batch=5)
    assert len(written) == before == len(set(written))
    # Without any of them the numbers are the same.
    alone = replace(first, counted=replace(first.counted, programs={})) if first.counted else first
    again = alone.add(words=_part(words, 60, 80), batch=5)
    assert len(written) > before
    for name, value in second.values.items():
        assert again.values[name] == pytest.approx(value, abs=1e-12)
