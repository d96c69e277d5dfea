"""Conditions that differ in numbers alone are observed together, and each is what it is alone."""

import random

import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.graph import observations

PROGRAM = """
entity T:
    c[4] : 2..5
    f : bool
var it : T
var many[3] : T
var x[6, 3] : bool
var z[5] : -2..4
model m(t: T) prior 0.3:
    predict t.f = true @ 0.9
consider m(it)
for i in 0..<5: prefer x[i, 0] == x[i + 1, 0] weight 0.7
for i in 0..<4: prefer z[i] == z[i + 1] weight 0.7
for i in 0..<3: prefer many[0].c[i] == it.c[i] weight 0.5
"""


def condition(rng: random.Random) -> str:
    """Write a condition; now and then one outside its array or its domain."""
    match rng.randrange(9):
        case 0 | 1 | 2:
            sign = rng.choice(["true", "false"])
            return f"x[{rng.randrange(6)}, {rng.randrange(3)}] = {sign}"
        case 3 | 4:
            place = 5 if rng.random() < 0.02 else rng.randrange(5)
            return f"z[{place}] = {5 if rng.random() < 0.03 else rng.randrange(-2, 5)}"
        case 5:
            return f"it.c[{rng.randrange(4)}] = {rng.randrange(2, 6)}"
        case 6:
            return f"many[{rng.randrange(3)}].c[{rng.randrange(4)}] = {rng.randrange(2, 6)}"
        case 7:
            return f"x[{rng.randrange(6)}, 0] or x[2, 1]"
        case _:
            others = "m(it)", "not x[1, 2]", "many[1].f", "it.f = true", "z[2] = 1.0"
            return rng.choice([*others, "z[x[0, 0]] = 1"])


def said(model: gmlang.Model, question: str) -> tuple[object, ...]:
    """Ask, and return the answer, or what is wrong."""
    try:
        answer = model.query(question, remember=False)
    except GmError as error:
        return ("refused", str(error))
    return answer.status, str(answer.value), answer.note


@pytest.mark.parametrize("seed", range(4))
def test_together_and_alone_they_say_the_same(seed: int, monkeypatch: pytest.MonkeyPatch):
    rng, model = random.Random(seed), gmlang.compile(PROGRAM)
    found = set[object]()
    for _ in range(12):
        conditions = [condition(rng) for _ in range(rng.choice([5, 20]))]
        if rng.random() < 0.8:
            # Of one variable one value, so that not all contradict each other.
            conditions = list({c.split(" = ", 1)[0]: c for c in conditions}.values())
        word = rng.choice(["P", "P", "why"])
        question = f"{word}(x[3, 0] | {', '.join(conditions)})"
        monkeypatch.setattr(observations, "_FEW", 1)
        together = said(model, question)
        monkeypatch.setattr(observations, "_FEW", 10**6)
        assert together == said(model, question)
        found.add(together[0])
    assert "exact" in found
