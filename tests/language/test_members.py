"""Names for members of families, and the member that holds of a thing."""

import random
from pathlib import Path

import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.queries.answers import Answer
from tests.support import worlds

THINGS = """domain Colour = {red, green, purple}
entity Thing:
    colour : Colour
    size : 0..2
    lid : bool
model coloured(x: Thing, c: Colour) prior 0.2:
    predict x.colour = c @ 0.9
    predict x.lid = true @ 0.6
model sized(x: Thing, s: 0..2) prior 0.3:
    predict x.size = s @ 0.8
"""

NAMES = """model purple = coloured(purple)
model red(x: Thing) = coloured(x, red)
model big = sized(2)
"""

_WRITTEN = {"purple": "coloured(purple)", "red": "coloured(red)", "big": "sized(2)"}


def _answers(text: str, *queries: str) -> list[Answer]:
    model = gmlang.compile(text)
    return [model.query(query, budget_s=20) for query in queries]


def _spelt_out(query: str) -> str:
    """Write members without their names; `is` and comparisons take both."""
    for name, family in _WRITTEN.items():
        query = query.replace(f"<{name}>", family)
    return query


@pytest.mark.parametrize(
    "query",
    [
        "compat(<purple>, <big>)",
        "compat(<purple> <big>, <red>)",
        "blame(<purple>, <red>)",
        "P(it is <purple> <big>)",
        "P(it is <red> | it is <big>, it.lid = true)",
    ],
)
def test_a_name_for_a_member_is_the_member(query: str):
    named = query.replace("<", "").replace(">", "")
    text = f"{THINGS}{NAMES}var it : Thing\nobserve it.size = 2\n"
    first, second = _answers(text, named, _spelt_out(query))
    assert (first.status, first.value) == (second.status, second.value)


def _program(rng: random.Random) -> str:
    lines = [THINGS + NAMES + "model both = purple big", "model royal(x: Thing) prior 0.4:"]
    lines.append(rng.choice(["    use purple(x)", "    predict red(x) @ 0.7"]))
    lines.append(rng.choice(["    predict not big(x) @ 0.6", "    if red(x): predict x.lid @ 0.9"]))
    lines.append("var it : Thing")
    kinds = ["purple(it)", "red(it), big(it)", "both(it)", "royal(it)", "coloured(it, red)"]
    lines.append(f"consider {', '.join(rng.sample(kinds, 2))}")
    lines.append(rng.choice(["observe it.colour = red", "constraint red(it) or big(it)"]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(10))
def test_programs_with_named_members_mean_what_the_interpreter_says(seed: int):
    text = _program(random.Random(seed))
    for query in ("P(red(it))", "P(it is purple)", "P(both(it) | it.lid = true)", "P(it.lid)"):
        (answer,) = _answers(text, query)
        assert answer.status == "exact", text
        value = answer.value["true"] if isinstance(answer.value, dict) else answer.value
        assert value == pytest.approx(worlds.probability(text, query), abs=1e-9), (text, query)


def test_a_named_member_is_listed_once_and_by_its_name():
    text = f"{THINGS}{NAMES}var it : Thing\nconsider purple(it), coloured(it, purple), red(it)\n"
    (answer,) = _answers(text, "active(it)")
    assert isinstance(answer.value, dict)
    assert sorted(m["model"] for m in answer.value["models"]) == ["purple(it)", "red(it)"]


def test_members_are_imported_learned_of_and_composed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "things.gm").write_text(THINGS + NAMES, "utf-8")
    (tmp_path / "main.gm").write_text(
        "from things import Thing, purple, big\nimport things\n"
        "var ex[3] : Thing\nvar it : Thing\n"
        "observe ex.colour = [purple, purple, purple], ex.size = [2, 2, 2]\n"
        "learn model zarf(x: Thing) from ex using purple, big, things.red size 2\n"
        "model heavy = big prior 0.1\nconsider heavy(it)\n",
        "utf-8",
    )
    model = gmlang.load("main.gm")
    assert model.learn_model("zarf").best.parts == ("purple", "big")
    answer = gmlang.load("main.gm").query("P(it is heavy)")
    assert answer.value == pytest.approx(0.1)


def test_a_member_offered_under_two_names_is_offered_twice():
    text = f"{THINGS}{NAMES}var ex : Thing\nobserve ex.size = 2\n"
    learn = "learn model zarf(x: Thing) from ex using big, sized(2) size 1\n"
    with pytest.raises(GmError) as raised:
        gmlang.compile(text + learn).learn_model("zarf")
    assert [d.code for d in raised.value.diagnostics] == ["GM733"]


# --- The member that holds ---------------------------------------------------------------


def _held_program(rng: random.Random) -> str:
    """Write a family of which exactly one member holds, of two things, and what it generates."""
    things = ("it", "that") if rng.random() < 0.25 else ("it",)
    first, last = (0, 1) if len(things) > 1 else rng.choice([(0, 2), (1, 3)])
    count = last - first + 1
    digits = ", ".join(str(rng.randint(0, 3)) for _ in range(last + 1))
    marks = ", ".join(rng.choice(["true", "false"]) for _ in range(last + 1))
    members = f"template(x, t) for t in {first}..{last}"
    lines = [
        f"data digit_of[{last + 1}] : 0..3 = [{digits}]",
        f"data marked[{last + 1}] : bool = [{marks}]",
        "entity Page:",
        "    ink[2] : bool",
        "    kind : 0..1",
        f"model template(x: Page, t: {first}..{last}) prior {round(1 / count, 3)}:",
        f"    predict x.ink[0] ~ Bernoulli(0.1 + 0.2 * t) @ {round(rng.uniform(0.5, 1), 2)}",
        f"    predict x.kind = t % 2 @ {round(rng.uniform(0.5, 0.9), 2)}",
    ]
    for thing in things:
        lines.append(f"var {thing} : Page")
        said = members.replace("x", thing)
        lines += [f"consider {said}", f"constraint exactly_one({said})"]
    lines.append(
        rng.choice(
            [
                "prefer it.ink[1] == marked[template(it)] weight 1.3",
                "constraint digit_of[template(it)] <= 2 or it.ink[0]",
                f"factor 0.4 * digit_of[template(it)] if template(it) > {first} else 0.2",
                f"observe it.kind = {rng.randint(0, 1)}",
            ]
        )
    )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(16))
def test_the_member_that_holds_means_what_the_interpreter_says(seed: int):
    text = _held_program(random.Random(seed))
    queries = (
        "P(template(it) == 1)",
        "P(digit_of[template(it)] == 1 | it.ink[0] == true)",
        "P(marked[template(it)] or it.ink[1])",
        "P(it.ink[1] | template(it) = 1)",
        "P(template(it, 1))",
    )
    for query in queries:
        (answer,) = _answers(text, query)
        expected = worlds.probability(text, query)
        assert answer.status == "exact", (text, query)
        value = answer.value["true"] if isinstance(answer.value, dict) else answer.value
        assert value == pytest.approx(expected, abs=1e-9), (text, query)
    assert _answers(text, "logZ()")[0].value == pytest.approx(worlds.log_partition(text), abs=1e-9)
    assert _answers(text, "count()")[0].value == worlds.count(text)


@pytest.mark.parametrize("seed", range(6))
def test_the_member_that_holds_is_as_probable_as_it_is_active(seed: int):
    model = gmlang.compile(_held_program(random.Random(seed)))
    held = model.query("P(template(it))").value
    assert isinstance(held, dict)
    for state, p in held.items():
        active = model.query(f"P(template(it, {state}) = true)").value
        assert p == pytest.approx(active, abs=1e-12)
    ranked = model.query("best(9, template(it))").value
    assert isinstance(ranked, list)
    alone = [model.query(f"MAP(it.ink | template(it) = {s})") for s in held]
    scores = sorted((a.log_score for a in alone if a.log_score is not None), reverse=True)
    assert [one["log_score"] for one in ranked] == pytest.approx(scores)


def test_members_with_names_of_their_own_leave_a_value_open():
    text = (
        "entity Image:\n    ink : bool\n"
        "model drawn(x: Image, d: 0..2, k: 0..1) prior 0.2 + 0.1 * d:\n"
        "    predict x.ink = true @ 0.2 + 0.2 * d\n"
        "model first = drawn(1)\n"
        "var it : Image\n"
        "consider first(it, d) for d in 0..2\n"
        "constraint exactly_one(first(it, d) for d in 0..2)\nobserve it.ink\n"
    )
    held, each = _answers(text, "P(first(it))", "[P(drawn(it, d, 1) = true) for d in 0..2]")
    assert held.array is not None
    assert each.array is not None
    assert held.array.tolist() == pytest.approx(each.array.tolist())


def test_a_member_that_is_counted_twice_says_of_no_other_that_it_does_not_hold():
    text = (
        "entity Page:\n    ink : bool\n"
        "model digit(x: Page, d: 0..2) prior 0.3:\n    predict x.ink = true @ 0.3 + 0.2 * d\n"
        "var it : Page\nconsider digit(it, d) for d in 0..2\n"
        "constraint exactly_one(digit(it, 0), digit(it, 0), digit(it, 1))\n"
    )
    (answer,) = _answers(text, "P(digit(it, 2) = true)")
    assert answer.value == pytest.approx(worlds.probability(text, "P(digit(it, 2))"))
    with pytest.raises(GmError) as caught:
        _answers(text, "P(digit(it) = 2)")
    assert caught.value.diagnostics[0].code == "GM489"


def test_hundreds_of_members_are_answered_exactly():
    text = (
        "data digit_of[T] : 0..9\ndata p[T] : real\n"
        "entity Image:\n    ink : bool\n"
        "model template(x: Image, t: 0..<T) prior 1 / T:\n"
        "    predict x.ink ~ Bernoulli(p[t])\n"
        "var it : Image\n"
        "consider template(it, t) for t in 0..<T\n"
        "constraint exactly_one(template(it, t) for t in 0..<T)\nobserve it.ink\n"
    )
    rng = random.Random(0)
    p = [round(rng.uniform(0.1, 0.9), 3) for _ in range(150)]
    digits = [rng.randint(0, 9) for _ in p]
    answer = gmlang.compile(text).bind(p=p, digit_of=digits).query("P(digit_of[template(it)])")
    assert answer.status == "exact"
    assert isinstance(answer.value, dict)
    for digit, found in answer.value.items():
        mine = sum(q for q, d in zip(p, digits, strict=True) if d == int(digit))
        assert found == pytest.approx(mine / sum(p), abs=1e-9)


def test_everything_about_a_thing_has_named_members_once_and_by_name():
    text = (
        f"{THINGS}{NAMES}model big_purple = big purple\nvar it : Thing\n"
        "observe it.colour = purple\nconsider all about it\n"
    )
    active, best, p = _answers(text, "active(it)", "best(1, composite(it))", "P(it is purple)")
    assert isinstance(active.value, dict)
    names = [one["model"] for one in active.value["models"]]
    assert len(names) == len(set(names))
    assert {"purple(it)", "coloured(it, green)"} <= set(names)
    assert "coloured(it, purple)" not in names
    assert "shaped" not in str(best.value)
    explicit = f"{THINGS}var it : Thing\nobserve it.colour = purple\nconsider all about it\n"
    (same,) = _answers(explicit, "P(coloured(it, purple) = true)")
    assert p.value == pytest.approx(same.value, abs=1e-6)
