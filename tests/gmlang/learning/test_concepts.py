"""`learn model` against scores worked out apart: by log Z of one case at a time, by formulas."""

from itertools import combinations
from math import comb, log

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.learning.concepts import candidates, learn
from gmruntime.answer import LogPartition
from gmruntime.inference import infer

THINGS = """
domain Color = {red, green, blue, purple}
domain Shape = {jar, box, ball}
entity Thing:
    color : Color base {red: 3, rest: 1}
    shape : Shape
    striped : bool
    size : 0..3
data light : bool = true
var shine : bool ~ Bernoulli(0.3)
observe shine = light
model purple(x: Thing) prior 0.1:
    predict x.color = purple @ 0.95
model red(x: Thing) prior 0.2:
    predict x.color = red @ 0.8
model jar(x: Thing) prior 0.1:
    predict x.shape = jar @ 0.9
    predict small(x) @ 0.7
model small(x: Thing):
    predict x.size ~ {0: 0.5, 1: 0.3, rest: 0.1}
model striped(x: Thing) prior 0.3:
    predict x.striped = shine @ 0.85
model large(x: Thing) prior 0.1:
    constraint x.size >= 2
"""
EXAMPLES = """
var ex[6] : Thing
observe ex[0].color = purple, ex[0].shape = jar, ex[0].striped = true
observe ex[1].color = purple, ex[1].shape = box, ex[1].size = 2
observe ex[2].striped = true, ex[2].size > 1
observe ex[3].color = purple, ex[3].striped = true, ex[3].size = 3
observe ex[4].color like {purple: 0.9, rest: 0.2}
observe ex[5].size + 2 * ex[5].striped == 3 or ex[5].color == red
"""
LISTED = ("purple", "red", "jar", "striped", "large")
SEEN = (
    "observe ex.color = purple, ex.shape = jar, ex.striped = true",
    "observe ex.color = purple, ex.shape = box, ex.size = 2",
    "observe ex.striped = true, ex.size > 1",
    "observe ex.color = purple, ex.striped = true, ex.size = 3",
    "observe ex.color like {purple: 0.9, rest: 0.2}",
    "observe ex.size + 2 * ex.striped == 3 or ex.color == red",
)


def _log_z(text: str, states: dict[str, int]) -> float:
    """Find log Z of a whole program with some variables pinned, by the runtime alone."""
    model = gmlang.compile(text)
    graph = model.graph()
    evidence = np.full(graph.num_variables, -1, np.int32)
    for variables, seen, _ in model.grounding().builder.observed:
        evidence[variables] = seen
    for named in model.names():
        if named.name in states:
            evidence[named.variables] = states[named.name]
    return infer(graph, LogPartition(), evidence=evidence, budget_s=5.0).log_value


def _one_thing(observed: str, listed: tuple[str, ...] = LISTED) -> str:
    considered = ", ".join(f"{name}(ex)" for name in listed)
    return f"{THINGS}var ex : Thing\nconsider {considered}\n{observed}\n"


def _pins(chosen: tuple[str, ...]) -> dict[str, int]:
    return {f"{name}(ex)": int(name in chosen) for name in LISTED}


def test_scores_are_differences_of_log_z_one_example_at_a_time():
    text = (
        f"{THINGS}{EXAMPLES}learn model zarf(x: Thing) from ex using {', '.join(LISTED)} size 2\n"
    )
    found = gmlang.compile(text).learn_model("zarf")
    choices = [c for k in (1, 2) for c in combinations(LISTED, k)]
    oracle: dict[tuple[str, ...], float] = {}
    for chosen in choices:
        pins = _pins(chosen)
        plain = _log_z(_one_thing(""), pins)
        own = [_log_z(_one_thing(seen), pins) - plain for seen in SEEN]
        prior = -(len(chosen) + 1) * log(2) - log(comb(len(LISTED), len(chosen)))
        oracle[chosen] = prior + sum(own)
        for position, one in enumerate(found.alternatives):
            if one.parts == chosen:
                assert found.scores[position] == pytest.approx(own, abs=1e-9)
    possible = {chosen: score for chosen, score in oracle.items() if score > -np.inf}
    assert [one.parts for one in found.alternatives] == sorted(possible, key=lambda c: -possible[c])
    assert [one.score for one in found.alternatives] == pytest.approx(
        [possible[one.parts] for one in found.alternatives], abs=1e-9
    )
    weights = {c: np.exp(s - max(possible.values())) for c, s in possible.items()}
    for one in found.alternatives:
        assert one.share == pytest.approx(weights[one.parts] / sum(weights.values()), abs=1e-9)
    assert found.status == "exact"
    assert found.is_whole
    assert found.num_scored == len(choices)


@pytest.mark.parametrize("seed", range(6))
def test_shares_follow_from_the_predictions(seed: int):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 5, 4)
    says = [
        [(int(a), int(rng.integers(sizes[a])), float(rng.uniform(0.6, 0.97))) for a in attributes]
        for attributes in (rng.choice(4, rng.integers(1, 3), replace=False) for _ in range(5))
    ]
    examples = np.stack([rng.integers(0, sizes) for _ in range(3)])
    lines = ["entity E:", *(f"    a{k} : 0..{size - 1}" for k, size in enumerate(sizes))]
    for number, own in enumerate(says):
        lines.append(f"model m{number}(x: E):")
        lines += [f"    predict x.a{a} = {v} @ {c!r}" for a, v, c in own]
    lines.append("var ex[3] : E")
    lines += [
        f"observe ex[{n}].a{a} = {v}" for n, row in enumerate(examples) for a, v in enumerate(row)
    ]
    lines.append("learn model r(x: E) from ex using m0, m1, m2, m3, m4 size 3")
    found = gmlang.compile("\n".join(lines)).learn_model("r")

    def log_probability(chosen: tuple[int, ...]) -> float:
        total = 0.0
        for a, size in enumerate(sizes):
            weights = np.full(size, 1 / size)
            for m in chosen:
                for attribute, value, c in says[m]:
                    if attribute == a:
                        own = np.full(size, (1 - c) / (size - 1))
                        own[value] = c
                        weights *= own * size
            total += np.log(weights / weights.sum())[examples[:, a]].sum()
        return total - (len(chosen) + 1) * log(2) - log(comb(5, len(chosen)))

    choices = [c for k in (1, 2, 3) for c in combinations(range(5), k)]
    scores = np.array([log_probability(c) for c in choices])
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    expected = {tuple(f"m{k}" for k in c): s for c, s in zip(choices, shares, strict=True)}
    assert {one.parts: one.share for one in found.alternatives} == pytest.approx(expected, abs=1e-9)
    assert [one.share for one in found.alternatives] == sorted(
        (one.share for one in found.alternatives), reverse=True
    )


def test_what_it_does_not_apply_to_counts_by_not_all_being_active():
    text = f"""{THINGS}{EXAMPLES}
var no[2] : Thing
observe no[0].color = purple, no[0].size = 0
observe no[1].striped = true, no[1].color = purple
learn model zarf(x: Thing) from ex but not no using purple, jar, striped size 3
"""
    found = gmlang.compile(text).learn_model("zarf")
    model = gmlang.compile(_one_thing("", ("purple", "jar", "striped")))
    for position, one in enumerate(found.alternatives):
        event = " and ".join(f"{part}(ex)" for part in one.parts)
        for number, given in enumerate(
            ("ex.color = purple, ex.size = 0", "ex.striped = true, ex.color = purple")
        ):
            outside = model.query(f"P(not ({event}) | {given})").value
            assert isinstance(outside, float)
            expected = np.log(outside)
            assert found.other_scores[position, number] == pytest.approx(expected, abs=1e-9)
        total = one.log_prior + found.scores[position].sum() + found.other_scores[position].sum()
        assert one.score == pytest.approx(total, abs=1e-12)


NUMBERS = """
entity Number:
    n : 1..100
model even(x: Number) prior 0.2:
    constraint x.n % 2 == 0
model odd(x: Number) prior 0.05:
    constraint x.n % 2 == 1
model square(x: Number) prior 0.05:
    constraint any(x.n == k * k for k in 1..10)
model power_of_two(x: Number) prior 0.05:
    constraint any(x.n == 2 ** k for k in 1..6)
model ends_in_six(x: Number) prior 0.05:
    constraint x.n % 10 == 6
model near_twenty(x: Number) prior 0.05:
    constraint x.n >= 15 and x.n <= 25
model multiple(x: Number, k: 3..12) prior 0.05:
    constraint x.n % k == 0
data seen[N] : 1..100
var ex[N] : Number
for i in 0..<N: observe ex[i].n = seen[i]
"""
RULE = (
    "learn model rule(x: Number) from ex using even, odd, square, power_of_two, ends_in_six, "
    "near_twenty, multiple(k) for k in 3..12 size 1\nvar new : Number\nquery P(rule(new))\n"
)


@pytest.mark.parametrize(
    ("seen", "best", "share"),
    [
        ([16], "power_of_two", 0.28),
        ([16, 8, 2, 64], "power_of_two", 1.0),
        ([60, 80, 10, 30], "multiple(10)", 0.94),
        ([16, 23, 19, 20], "near_twenty", 1.0),
    ],
)
def test_the_number_game(seen: list[int], best: str, share: float):
    def holds(number: int) -> dict[str, bool]:
        own = {
            "even": number % 2 == 0,
            "odd": number % 2 == 1,
            "square": round(number**0.5) ** 2 == number,
            "power_of_two": number in (2, 4, 8, 16, 32, 64),
            "ends_in_six": number % 10 == 6,
            "near_twenty": 15 <= number <= 25,
        }
        return own | {f"multiple({k})": number % k == 0 for k in range(3, 13)}

    sizes = {name: sum(holds(n)[name] for n in range(1, 101)) for name in holds(1)}
    weights = {
        name: float(all(holds(n)[name] for n in seen)) * sizes[name] ** -len(seen) for name in sizes
    }
    expected = {name: w / sum(weights.values()) for name, w in weights.items() if w}
    found = gmlang.compile(NUMBERS + RULE).bind(seen=seen).learn_model("rule")
    assert {one.text: one.share for one in found.alternatives} == pytest.approx(expected, abs=1e-9)
    assert found.best.text == best
    assert found.best.share == pytest.approx(share, abs=0.006)
    assert found.is_decided == (len(seen) > 1)


def test_what_was_learned_is_a_model_of_the_program():
    text = f"""{THINGS}{EXAMPLES}
query P(shine)
learn model zarf(x: Thing) from ex using purple, striped size 2
var new : Thing
query P(zarf(new) | new.color = purple)
query P(purple(new) and striped(new) | new.color = purple)
learn model big_zarf(x: Thing) from ex using zarf, large size 2
query P(big_zarf(new))
"""
    answers = list(gmlang.compile(text).run())
    assert [answer.kind for answer in answers] == [
        "marginal",
        "learn",
        "marginal",
        "event",
        "learn",
        "marginal",
    ]
    assert answers[1].value == "model zarf = purple striped"
    assert isinstance(answers[2].value, dict)
    assert answers[2].value["true"] == pytest.approx(answers[3].value, abs=1e-12)
    assert "given learned zarf" in answers[2].note
    assert isinstance(answers[1].details["alternatives"], list)
    assert "zarf = purple striped" in repr(answers[1])


def test_a_composite_brings_its_parts_along():
    head = f"{THINGS}model zarf = purple striped\n{EXAMPLES}"
    text = f"{head}learn model r(x: Thing) from ex using purple, striped, zarf size 3\n"
    found = gmlang.compile(text).learn_model("r")
    scores = {one.parts: found.scores[k] for k, one in enumerate(found.alternatives)}
    assert found.best.text == "zarf"
    for parts in (("purple", "striped"), ("purple", "zarf"), ("purple", "striped", "zarf")):
        assert scores[parts] == pytest.approx(scores["zarf",], abs=1e-9)


def test_best_first_finds_what_enumeration_finds(monkeypatch: pytest.MonkeyPatch):
    listed = ", ".join(LISTED)
    text = f"{THINGS}{EXAMPLES}learn model zarf(x: Thing) from ex using {listed} size 3\n"
    whole = gmlang.compile(text).learn_model("zarf")
    monkeypatch.setattr(candidates, "ENUMERATED_MAX", 3)
    monkeypatch.setattr(learn, "KEPT", 2)
    found = gmlang.compile(text).learn_model("zarf")
    assert not found.is_whole
    assert found.num_scored < whole.num_scored
    assert found.best.parts == whole.best.parts
    assert found.best.score == pytest.approx(whole.best.score, abs=1e-9)
    assert any("among" in note for note in found.notes)


def test_a_part_protests_where_it_did_not_expect_what_was_seen():
    text = (
        f"{THINGS}{EXAMPLES}learn model zarf(x: Thing) from ex using purple, jar, striped size 3\n"
    )
    text = text.replace("ex[3].color = purple", "ex[3].color = green")
    text = text.replace("using purple, jar, striped size 3", "using purple size 1")
    (protest,) = gmlang.compile(text).learn_model("zarf").protests
    assert (protest.part, protest.example, protest.seen) == ("purple", "ex[3]", "color = green")
    # The rest is shared by the base, of which green has 1 part of 5, and likewise without purple.
    assert protest.nats == pytest.approx(log(0.05 * (1 / 5)) - log(1 / 6), abs=1e-9)


def test_two_parts_that_predict_the_same_do_not_hide_each_other():
    text = f"""{THINGS}
model violet(x: Thing):
    predict x.color = purple @ 0.95
var ex : Thing
observe ex.color = green
learn model zarf(x: Thing) from ex using purple, violet, red size 2
"""
    found = gmlang.compile(text).learn_model("zarf")
    names = {one.part for one in found.protests}
    assert names == set(found.best.parts)


def test_where_nothing_listed_helps_that_is_told():
    text = f"{THINGS}{EXAMPLES}learn model zarf(x: Thing) from ex using jar, red size 1\n"
    found = gmlang.compile(text).learn_model("zarf")
    assert any("no model applies" in note for note in found.notes)


def test_parts_that_contradict_each_other_are_soft():
    text = """
entity E:
    a : 0..9
    b : bool
model low(x: E):
    predict x.a = 1 @ 0.999
model high(x: E):
    predict x.a = 8 @ 0.999
var ex[40] : E
for i in 0..19: observe ex[i].a = 1
for i in 20..39: observe ex[i].a = 8
learn model both(x: E) from ex using low, high size 2
var new : E
query P(both(new))
"""
    model = gmlang.compile(text)
    found = model.learn_model("both")
    assert found.source() == "model both = low high soft"
    assert len(list(model.run())) == 2


@pytest.mark.parametrize("name", ["zarf", "rule"])
def test_only_what_the_program_learns_can_be_learned(name: str):
    with pytest.raises(GmError, match="learns no model"):
        gmlang.compile("var x : bool").learn_model(name)


def test_a_misspelt_name_is_told_with_the_nearest():
    text = f"{THINGS}{EXAMPLES}learn model zarf(x: Thing) from ex using purple size 1\n"
    with pytest.raises(GmError, match="did you mean `zarf`"):
        gmlang.compile(text).learn_model("zraf")


def test_the_time_for_it_ends_with_what_was_scored():
    text = f"{THINGS}{EXAMPLES}learn model zarf(x: Thing) from ex using purple, jar size 2\n"
    with pytest.raises(GmError, match="time was over"):
        gmlang.compile(text).learn_model("zarf", budget_s=1e-6)


def test_without_examples_the_prior_ranks():
    text = f"{THINGS}var ex[0] : Thing\nlearn model r(x: Thing) from ex using purple, jar size 2\n"
    found = gmlang.compile(text).learn_model("r")
    assert [one.text for one in found.alternatives] == ["purple", "jar", "purple jar"]
    assert [one.share for one in found.alternatives] == pytest.approx([1 / 3] * 3)


def test_examples_that_hang_together_are_each_told_on_their_own():
    """What is known of one example says nothing of another, though both depend on one variable."""
    text = """
entity E:
    a : bool
    b : bool
var mood : bool ~ Bernoulli(0.2)
model moody(x: E):
    predict x.a = mood @ 0.9
model lively(x: E):
    predict x.a = true @ 0.7
    predict x.b = true @ 0.8
var ex[2] : E
observe ex[0].a = true, ex[1].a = false, ex[1].b = true
learn model r(x: E) from ex using moody, lively size 1
"""
    found = gmlang.compile(text).learn_model("r")
    scores = {one.text: found.scores[k] for k, one in enumerate(found.alternatives)}
    likely = 0.2 * 0.9 + 0.8 * 0.1
    assert scores["moody"] == pytest.approx([log(likely), log((1 - likely) / 2)], abs=1e-9)
    assert scores["lively"] == pytest.approx([log(0.7), log(0.3 * 0.8)], abs=1e-9)


def test_an_activation_that_was_observed_is_part_of_the_example():
    text = f"{THINGS}var ex : Thing\nobserve red(ex), ex.color = red\n"
    found = gmlang.compile(
        f"{text}learn model r(x: Thing) from ex using red, purple, jar size 2\n"
    ).learn_model("r")
    assert all("red" in one.parts for one in found.alternatives)
