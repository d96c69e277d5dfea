"""The compiler and the naive interpreter of the meaning agree on random programs."""

import math
import random
from pathlib import Path

import numpy as np
import pytest

import gmlang
from gmlang.families import CALLED
from tests.support import worlds
from tests.support.chances import MASSES
from tests.support.mechanisms import mechanism_program
from tests.support.numbers import Undefined, log_sum
from tests.support.programs import (
    ASKED,
    FLAT_QUERIES,
    SOCIETY_QUERIES,
    WIDE_QUERIES,
    flat_program,
    society_program,
    wide_program,
)
from tests.support.recursion import RECURSIVE_QUERIES, recursive_program


def _agree(text: str, query: str, expected: float) -> None:
    answer = gmlang.compile(text).query(query, budget_s=20)
    if math.isnan(expected):
        assert answer.status == "impossible", text
        return
    assert answer.status == "exact", text
    value = answer.value
    if isinstance(value, dict):
        value = value["true"]
    assert value == pytest.approx(expected, abs=1e-9), (text, query)


def test_the_interpreter_knows_every_distribution():
    known = {*MASSES, "Bernoulli", "Categorical", "Uniform", "NoisyOr", "Weights"}
    assert known == set(CALLED)


@pytest.mark.parametrize("seed", range(25))
def test_flat_programs_mean_what_the_interpreter_says(seed: int):
    text = flat_program(random.Random(seed))
    for query in FLAT_QUERIES:
        _agree(text, query, worlds.probability(text, query))
    expected = worlds.log_partition(text)
    answer = gmlang.compile(text).query("logZ()")
    if expected == -math.inf:
        assert answer.status == "impossible"
    else:
        assert answer.value == pytest.approx(expected, abs=1e-9)
        assert gmlang.compile(text).query("count()").value == worlds.count(text)


@pytest.mark.parametrize("seed", range(40))
def test_mechanisms_mean_what_the_interpreter_says(seed: int):
    text = mechanism_program(random.Random(seed))
    about = "r[0]" if "var r" in text else "y"
    expected = worlds.log_partition(text)
    assert gmlang.compile(text).query("logZ()").value == pytest.approx(expected, abs=1e-9)
    for query in ("P(n = 1)", f"P({about} | n > 0)", f"P(a or {about} | c or a)", f"P({about})"):
        _agree(text, query, worlds.probability(text, query.replace("n = 1", "n == 1")))
    assert gmlang.compile(text).query("count()").value == worlds.count(text)


@pytest.mark.parametrize(
    "said",
    [
        "var n : 0..2\nvar y : 0..2 ~ Weights({n: 2, _: 1})\nobserve n = 1",
        "var n : 0..2\nvar y : 0..2 ~ Weights({n: 1, 1: 1, _: 1})\nobserve n = 1",
        "var n : 0..2\nvar y : 0..2 ~ {n: 0.25, 1: 0.25, rest: 0.25}\nobserve n = 1",
        "var y : 0..2\nfor i in 1..1: y ~ Weights({i: 2, _: 1})",
        "var y : 0..2\nfor i in 1..1: observe y like {i: 2, _: 1}",
        "data k = 1\nvar y : 0..2 base {k: 2, _: 1}",
        "entity T:\n    y : 0..2\nvar it : T\nmodel m(x: T, k: 0..2):\n"
        "    predict x.y ~ Weights({k: 2, _: 1})\nobserve m(it, 1) = true\nvar y : 0..2 := it.y",
    ],
)
def test_what_is_not_named_does_not_count_with_what_a_name_turns_out_to_be(said: str):
    found = gmlang.compile(said).query("P(y)").value
    assert found == pytest.approx({"0": 0.25, "1": 0.5, "2": 0.25})


def _refused(text: str) -> set[str]:
    """Return the codes of what makes a program refused."""
    try:
        gmlang.compile(text).grounding()
    except gmlang.GmError as error:
        return {found.code for found in error.diagnostics}
    return set()


@pytest.mark.parametrize("seed", range(20))
def test_recursive_defs_mean_what_the_interpreter_says(seed: int):
    """Refused are those in which a random number says how deep a def goes or how long a loop is."""
    text = recursive_program(random.Random(seed))
    try:
        expected = worlds.log_partition(text)
    except Undefined:
        with pytest.raises(gmlang.GmError):
            gmlang.compile(text).query("logZ()")
        return
    refused = _refused(text)
    if refused:
        assert refused <= {"GM443", "GM317"}, text
        return
    answer = gmlang.compile(text).query("logZ()", budget_s=20)
    if expected == -math.inf:
        assert answer.status == "impossible"
        return
    assert answer.value == pytest.approx(expected, abs=1e-9), text
    assert gmlang.compile(text).query("count()").value == worlds.count(text)
    for query in random.Random(seed).sample(RECURSIVE_QUERIES, 2):
        _agree(text, f"P({query})", worlds.probability(text, f"P({query})"))


@pytest.mark.parametrize("seed", range(25))
def test_societies_mean_what_the_interpreter_says(seed: int):
    text = society_program(random.Random(seed))
    for query in SOCIETY_QUERIES:
        _agree(text, query, worlds.probability(text, query))


@pytest.mark.parametrize("seed", range(8))
def test_wide_programs_mean_what_the_interpreter_says(seed: int):
    text = wide_program(random.Random(seed))
    for query in WIDE_QUERIES:
        _agree(text, query, worlds.probability(text, query))
    expected = worlds.log_partition(text)
    assert gmlang.compile(text).query("logZ()").value == pytest.approx(expected, abs=1e-9)


PROGRAMS = {"flat": flat_program, "wide": wide_program, "society": society_program}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", list(PROGRAMS))
def test_every_kind_of_question_means_what_the_interpreter_says(kind: str, seed: int):
    """MAP, marginal MAP, the k best, joint marginals and independence of the same variables."""
    text = PROGRAMS[kind](random.Random(1000 + seed))
    model = gmlang.compile(text)
    for names in ASKED[kind]:
        asked = ", ".join(names)
        found = worlds.scores(text, f"MAP({asked})")
        if not found:
            assert model.query(f"MAP({asked})").status == "impossible"
            continue
        best = {states: max(scores) for states, scores in found.items()}
        sums = {states: log_sum(scores) for states, scores in found.items()}
        whole = log_sum(np.array([*sums.values()]))

        most = model.query(f"MAP({asked})")
        assert most.status == "exact"
        assert most.log_score == pytest.approx(max(best.values()), abs=1e-9)
        assert best[_states(most.value)] == pytest.approx(max(best.values()), abs=1e-9)

        marginal = model.query(f"MMAP({asked})")
        assert marginal.status == "exact"
        assert sums[_states(marginal.value)] == pytest.approx(max(sums.values()), abs=1e-9)

        ranked = model.query(f"best(3, {asked})").value
        assert isinstance(ranked, list)
        wanted = sorted(best.values(), reverse=True)[:3]
        assert [row["log_score"] for row in ranked] == pytest.approx(wanted, abs=1e-9)
        assert len({_states(row["assignment"]) for row in ranked}) == len(ranked)

        if len(names) == 2:
            joint = model.query(f"P({asked})").value
            assert isinstance(joint, dict)
            for shown, p in joint.items():
                score = sums.get(tuple(shown.split(", ")), -math.inf)
                assert p == pytest.approx(math.exp(score - whole), abs=1e-9), (text, shown)
            answer = model.query(f"indep({asked})")
            assert answer.value is _are_independent(sums, whole), text


def _states(value: object) -> tuple[str, ...]:
    assert isinstance(value, dict)
    return tuple(str(state) for state in value.values())


def _are_independent(sums: dict[tuple[str, ...], float], whole: float) -> bool:
    p = {states: math.exp(score - whole) for states, score in sums.items()}
    first, second = ({states[k] for states in p} for k in range(2))
    one = [
        {v: sum(w for s, w in p.items() if s[k] == v) for v in vs}
        for k, vs in enumerate((first, second))
    ]
    return all(
        abs(p.get((a, b), 0.0) - one[0][a] * one[1][b]) < 1e-9 for a in first for b in second
    )


@pytest.mark.parametrize("name", ["asia", "birds", "sprinkler"])
def test_examples_mean_what_the_interpreter_says(name: str):
    text = (Path(__file__).resolve().parents[2] / "examples" / f"{name}.gm").read_text("utf-8")
    queries = {
        "asia": ["P(lung = true | smoke = true, xray = true)", "P(tub = true | dysp = true)"],
        "birds": ["P(flying(tweety) | bird(tweety))", "P(penguin(tweety) | tweety.size = large)"],
        "sprinkler": ["P(rain = true | wet = true)"],
    }
    for query in queries[name]:
        _agree(text, query, worlds.probability(text, query))


PAIR = """
entity Being:
    hat : bool
    at : bool
model tall(x: Being) prior 0.2:
    predict x.at = true @ 0.7
model shy(x: Being, i: 0..1) prior 0.3:
    predict x.hat = true @ 0.8
model user(x: Being) prior 0.4:
    use tall(x)
    use quiet(x)
model quiet(x: Being) prior 0.5:
    use shy(x, 1)
model pair = tall quiet prior 0.4 soft
model three = pair quiet soft
var it : Being
"""


def test_a_composite_with_a_prior_goes_with_others_as_a_model_that_uses_its_parts():
    model = gmlang.compile(PAIR)
    for query in ("compat(tall, {})", "compat(quiet, {})", "blame(quiet, {})"):
        pair, user = (model.query(query.format(name)).value for name in ("pair", "user"))
        assert pair == pytest.approx(user)


def test_a_conjunction_counts_the_own_prior_of_its_part():
    text = PAIR + "model boss(x: Being) prior 0.1:\n    predict three(x) @ 0.9\nconsider boss(it)\n"
    query = "P(three(it) = true | boss(it))"
    assert gmlang.compile(text).query(query).value == pytest.approx(worlds.probability(text, query))


def test_blame_names_instances_by_their_values_alone():
    value = gmlang.compile(
        "entity B:\n    a : bool\nmodel m(x: B, i: 0..1):\n    predict x.a = true @ 0.6\n"
        "model u(x: B):\n    predict m(x, 1) @ 0.9\nmodel v(x: B):\n    predict m(x, 1) @ 0.8\n"
    ).query("blame(u, v)")
    assert isinstance(value.value, dict)
    assert [*value.value] == ["a", "m(1)"]
    assert all(type(nats) is float for nats in value.value.values())
