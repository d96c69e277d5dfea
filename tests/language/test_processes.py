"""Processes: steps that run one after another, against matrices multiplied by hand."""

# pyright: reportIndexIssue=false, reportOperatorIssue=false

import random

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import Source
from gmlang.syntax.print import format_source
from tests.support import processes


def _agrees(seed: int) -> None:
    rng = random.Random(seed)
    slots = rng.randint(1, 8)
    written = processes.written(rng, slots)
    seen = np.array([rng.randrange(processes.NUM_ACTS) for _ in range(slots)])
    steps, active = processes.smoothed(written, seen)
    model = gmlang.compile(written.text).bind(seen=seen)
    found = model.query("P(step(main(k)))")
    assert found.status == "exact"
    assert np.asarray(found.array) == pytest.approx(steps, abs=1e-9), seed
    assert model.query("P(main(k))").value["true"] == pytest.approx(active, abs=1e-9), seed


@pytest.mark.parametrize("start", range(0, 6, 3))
def test_processes_are_what_forward_and_backward_say(start: int):
    for seed in range(start, start + 3):
        _agrees(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(6, 406, 40))
def test_many_more_are_what_forward_and_backward_say(start: int):
    for seed in range(start, start + 40):
        _agrees(seed)


ACTING = """
data T = 8
entity Kitchen:
    cold[T] : bool
    act[T] : 0..3
model does(k: Kitchen, t: 0..<T, a: 0..3) prior 0:
    predict k.act[t] = a @ 0.9
var k : Kitchen
"""
SHORT = """
model tea(k: Kitchen) over t in 0..<T prior 0.4:
    does(k, t, 0)
    then if k.cold[t]: does(k, t, 1) skip 0.1
    then does(k, t, 2)
    stall 0.3
"""
BY_HAND = """
model tea(k: Kitchen) prior 0.4:
    for t in 0..<T:
        if at[t] == 1: use does(k, t, 0)
        if at[t] == 2: use does(k, t, 1)
        if at[t] == 3: use does(k, t, 2)
var at[T] : 0..4
at[0] ~ Bernoulli(1) if tea(k) else Bernoulli(0)
for t in 1..<T:
    at[t] ~ match at[t-1]:
        1 -> {1: 0.3, 2: 0.7 * (0.9 if k.cold[t] else 0), 3: 0.7 * (0.1 if k.cold[t] else 1)}
        2 -> {2: 0.3, 3: 0.7}
        3 -> {3: 0.3, 4: 0.7}
        _ -> {at[t-1]: 1}
"""


def test_a_process_is_the_chain_that_could_be_written_by_hand():
    seen = ", ".join(f"k.act[{t}] = {a}" for t, a in enumerate([0, 1, 1, 3, 2]))
    short = gmlang.compile(ACTING + SHORT + "consider tea(k)\n")
    hand = BY_HAND.replace("Bernoulli(1)", "{1: 1}").replace("Bernoulli(0)", "{0: 1}")
    long = gmlang.compile(ACTING + hand)
    one = short.query(f"P(step(tea(k)) | {seen})").array
    other = long.query(f"P(at | {seen})").array
    assert np.asarray(one) == pytest.approx(np.asarray(other), abs=1e-12)
    assert short.query("logZ()").value == pytest.approx(long.query("logZ()").value, abs=1e-9)
    best = short.query(f"MAP(step(tea(k)) | {seen})"), long.query(f"MAP(at | {seen})")
    assert best[0].log_score == pytest.approx(best[1].log_score, abs=1e-9)


def test_lengths_are_uniform():
    text = ACTING + (
        "model tea(k: Kitchen) over t in 0..<T prior 1:\n"
        "    does(k, t, 1) lasting 2..4\n    then does(k, t, 2)\n"
    )
    model = gmlang.compile(text)
    begins = [
        model.query(f"P(step(tea(k), {t}) = 2, step(tea(k), {t - 1}) = 1)").value
        for t in range(1, 8)
    ]
    assert begins == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0], abs=1e-12)


def test_a_process_of_one_slot_and_one_that_is_never_active():
    text = ACTING.replace("T = 8", "T = 1") + SHORT
    model = gmlang.compile(text)
    assert model.query("P(step(tea(k), 0))").array == pytest.approx([0.6, 0.4, 0, 0, 0])
    never = gmlang.compile(ACTING + SHORT.replace("prior 0.4", "prior 0"))
    assert never.query("P(step(tea(k), 3) = 0)").value == 1.0
    called = ACTING + SHORT.replace("prior 0.4", "prior 0")
    called += "model host(k: Kitchen) prior 0.25:\n    use tea(k)\nconsider host(k)\n"
    assert gmlang.compile(called).query("P(step(tea(k), 0) = 1)").value == pytest.approx(0.25)


def test_each_thing_and_each_value_has_a_process_of_its_own():
    text = ACTING.replace("var k : Kitchen", "var k[2] : Kitchen") + (
        "model tea(k: Kitchen, cup: 1..2) over t in 0..<T prior 0.5:\n"
        "    does(k, t, 0) lasting 2\n    then does(k, t, cup)\n"
        "consider tea(k[0], 1), tea(k[1], 2)\n"
        "observe k[0].act[2] = 1, k[1].act[2] = 1\n"
    )
    model = gmlang.compile(text)
    # P(seen | active) / P(seen | base): 0.9 / 0.25, and (0.1 / 3) / 0.25.
    for query, ratio in (("k[0], 1", 3.6), ("k[1], 2", 0.4 / 3)):
        active = model.query(f"P(tea({query}))").value["true"]
        assert active == pytest.approx(ratio / (1 + ratio), abs=1e-12)
        assert model.query(f"P(step(tea({query}), 2) = 2)").value == pytest.approx(active)


def test_words_of_processes_name_what_they_like():
    text = (
        "data skip = 0.25\ndata start[2] = [0, 1]\nvar over : bool ~ Bernoulli(skip)\n"
        "var then : bool ~ Bernoulli(0.5)\nvar stall : bool\nvar lasting : 0..1\n"
        "def step(a) = a + 1\nvar y : 0..3\ny := step(lasting)\n"
    )
    assert gmlang.compile(text).query("P(over and then)").value == pytest.approx(0.125)


def test_processes_keep_their_form():
    text = (
        "model tea(k: Kitchen) over t in 0..<T prior 0.4:\n"
        "    if k.cold[t]: does(k, t, 0) lasting 2..4 skip 0.1 else: does(k, t, 1)\n"
        "    then does(k, t, 2) lasting 3  # a comment\n"
        "    stall 0.3\n    start 0.5\n"
    )
    assert format_source(Source("a", text)) == text


def test_a_prior_may_stand_before_the_time_and_steps_are_an_array():
    text = ACTING + SHORT.replace("over t in 0..<T prior 0.4", "prior 0.4 over t in 0..<T")
    model = gmlang.compile(text + "observe step(tea(k)) = [1, _, 3, _, _, _, _, _]\n")
    assert model.query("P(step(tea(k))[1] = 2, step(tea(k), 2) = 3)").value > 0
    assert model.query("P(tea(k))").value["true"] == 1.0
    assert model.query("MAP(step(tea(k)))").value["step(tea(k))"][:1] == ["1"]
