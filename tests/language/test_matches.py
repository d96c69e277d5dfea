"""What random indices pick among observed sites is a table, added up by products of matrices."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.graph.lowering.forms import matches
from gmruntime.factors.kinds import Gated, Match, Table

FIELD = """
data dots[H, W] : bool
data mask[E, N, N] : real
data R = 2
entity Field:
    dot[H, W] : bool base {true: 0.3, false: 0.7}
    exemplar : 0..<E
    r : 0..<R
    c : 0..<R
"""
LOOP = "for i in 0..<N, j in 0..<N"
SAID = "Bernoulli(0.1 + 0.8 * mask[f.exemplar, i, j])"
MOVING = f"{LOOP}: predict f.dot[f.r + i, f.c + j] ~ {SAID}"
LOOPED = f"""{LOOP}, r in 0..<R, c in 0..<R:
        if f.r == r and f.c == c:
            predict f.dot[r + i, c + j] ~ {SAID}"""
MODEL = """
model hidden(f: Field) prior 0.4:
    {predicted}{confidence}
var scene[2] : Field
consider hidden(scene[k]) for k in 0..1
factor 0.5 if scene[0].exemplar == scene[1].exemplar else 0
for k in 0..1: observe scene[k].dot = dots
"""
QUESTIONS = (
    "P(hidden(scene[0]))",
    "P(scene[1].exemplar)",
    "P(scene[0].r, scene[0].c)",
    "P(scene[0].exemplar | hidden(scene[0]))",
    "logZ()",
)


def given(seed: int, exemplars: int = 2, size: int = 2, places: int = 2) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    side = size + places - 1
    return {
        "dots": rng.random((side, side)) < 0.5,
        "mask": rng.random((exemplars, size, size)),
        "R": places,
    }


def assert_close(one: object, other: object) -> None:
    if isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_close(one[key], other[key])
    else:
        assert one == pytest.approx(other, abs=1e-10)


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("confidence", ["", " @ 0.8"])
@pytest.mark.parametrize("seed", range(2))
def test_it_is_the_prediction_under_each_place(
    seed: int, confidence: str, is_large: bool, monkeypatch: pytest.MonkeyPatch
):
    if is_large:
        monkeypatch.setattr(matches, "_WORK_MIN", 1)
    data = given(seed)
    moving, looped = (
        gmlang.compile(FIELD + MODEL.format(predicted=one, confidence=confidence)).bind(**data)
        for one in (MOVING, LOOPED)
    )
    assert any(isinstance(b.kind, Match) for b in moving.graph().factors) == is_large
    for question in QUESTIONS:
        found = moving.query(question)
        assert found.status == "exact"
        assert_close(found.value, looped.query(question, budget_s=20).value)


@pytest.mark.parametrize("said", ["f.dot[0]", "f.dot[1] or f.dot[3]"])
def test_what_it_says_may_depend_on_sites(said: str):
    moving = f"for i in 0..1: predict f.dot[f.at + i] ~ Bernoulli(0.8 if {said} else 0.1)"
    looped = (
        "for i in 0..1, p in 0..2:\n        if f.at == p:\n"
        f"            predict f.dot[p + i] ~ Bernoulli(0.8 if {said} else 0.1)"
    )
    program = (
        "data seen[N] : bool = [true, false, true, true]\n"
        "entity Field:\n    dot[N] : bool\n    at : 0..2\n"
        "model hidden(f: Field) prior 0.5:\n    {}\n"
        "var scene : Field\nconsider hidden(scene)\nobserve scene.dot = seen\n"
    )
    found, other = (gmlang.compile(program.format(one)) for one in (moving, looped))
    for question in ("P(hidden(scene))", "P(scene.at)", "logZ()"):
        assert_close(found.query(question).value, other.query(question).value)


def test_its_score_is_the_sum_over_pixels():
    data = given(7, exemplars=3, size=4, places=3)
    program = FIELD + MODEL.format(predicted=MOVING, confidence="")
    model = gmlang.compile(program).bind(**data)
    blocks = [
        b for b in model.graph().factors if isinstance(b.kind, Gated) and b.scopes.shape[1] > 2
    ]
    assert [block.scopes.shape for block in blocks] == [(1, 4), (1, 4)]
    kind = blocks[0].kind
    assert isinstance(kind, Gated)
    dots, mask = np.asarray(data["dots"]), np.asarray(data["mask"])
    chance = 0.1 + 0.8 * mask
    for e in range(3):
        for r in range(3):
            for c in range(3):
                seen = dots[r : r + 4, c : c + 4]
                ratio = np.where(seen, chance[e] / 0.3, (1 - chance[e]) / 0.7)
                expected = np.log(ratio).sum()
                assert kind.log_potentials[0, e, r, c] == pytest.approx(expected)


def test_pixels_may_be_gone_through_in_pieces(monkeypatch: pytest.MonkeyPatch):
    data = given(5, exemplars=3, size=3)
    program = FIELD + MODEL.format(predicted=MOVING, confidence="")
    whole = gmlang.compile(program).bind(**data).query("P(scene[1].r, scene[1].c)").value
    monkeypatch.setattr(matches, "_TOLD_MAX", 30)
    found = gmlang.compile(program).bind(**data).query("P(scene[1].r, scene[1].c)").value
    assert_close(found, whole)


def test_more_exemplars_are_looked_at_while_there_is_time():
    """Of many the answer is an estimate at first, and exact when all were looked at."""
    rng = np.random.default_rng(2)
    data = given(0, exemplars=3000, size=16, places=14)
    mask = rng.random((3000, 16, 16)) < 0.5
    dots = rng.random((29, 29)) < 0.3
    dots[5:21, 9:25] = rng.random((16, 16)) < 0.1 + 0.8 * mask[1234]
    program = FIELD + MODEL.format(predicted=MOVING, confidence="")
    program = program.replace("var scene[2] : Field", "var scene : Field").replace("[k]", "")
    lines = [line for line in program.splitlines() if "[0]" not in line]
    program = "\n".join(lines).replace(" for k in 0..1", "").replace("for k in 0..1: ", "")
    model = gmlang.compile(program).bind(**{**data, "dots": dots, "mask": mask})
    first = model.query("MMAP(scene.exemplar)", budget_s=1e-6)
    assert first.status == "estimate"
    assert "of 3,000 exemplars looked at" in first.note
    last = model.query("MMAP(scene.exemplar)", budget_s=60)
    assert (last.status, last.value) == ("exact", {"scene.exemplar": "1234"})
    assert model.query("MMAP(scene.r, scene.c)").value == {"scene.r": "5", "scene.c": "9"}


def test_what_is_impossible_under_a_place_stays_so():
    program = """
data seen[5] : bool = [1, 0, 1, 1, 0]
var x[5] : bool
var at : 0..2
var k : 0..1
data sure[2, 3] : real = [[1, 0, 1], [1, 1, 0]]
for i in 0..2: predict x[at + i] ~ Bernoulli(sure[k, i])
observe x = seen
"""
    model = gmlang.compile(program)
    assert any(isinstance(b.kind, Table) and b.scopes.shape[1] == 2 for b in model.graph().factors)
    # 1 0 1 is seen at 0; 1 1 0 at 2.
    assert model.query("P(at, k)").value == {
        f"{at}, {k}": 0.5 if (at, k) in ((0, 0), (2, 1)) else 0.0
        for at in range(3)
        for k in range(2)
    }


def test_sites_may_be_wherever_indices_say():
    program = """
domain Color = {red, green, blue}
data seen[N] : Color = [red, green, blue, red, blue, green]
data order[3, 4] : 0..5 = [[0, 1, 2, 3], [5, 4, 3, 2], [1, 3, 5, 0]]
data likes[2, 4] : Color = [[red, green, blue, red], [green, blue, red, blue]]
var x[N] : Color
var turn : 0..2
var k : 0..1
for i in 0..3: predict x[order[turn, i]] = likes[k, i] @ 0.7
observe x = seen
"""
    found = gmlang.compile(program).query("P(turn, k)").value
    seen = ["red", "green", "blue", "red", "blue", "green"]
    order = [[0, 1, 2, 3], [5, 4, 3, 2], [1, 3, 5, 0]]
    likes = [["red", "green", "blue", "red"], ["green", "blue", "red", "blue"]]
    weights = {
        f"{t}, {k}": np.prod([0.7 if seen[order[t][i]] == likes[k][i] else 0.15 for i in range(4)])
        for t in range(3)
        for k in range(2)
    }
    total = sum(weights.values())
    assert_close(found, {key: weight / total for key, weight in weights.items()})


@pytest.mark.parametrize(
    "change",
    [
        ("observe x = seen", ""),
        ("observe x = seen", "for i in 0..3: observe x[i] = seen[i]"),
        ("var at : 0..2", "var at : 0..3"),
        ("sure[k, i]", "0.5 if x[0] and at == 0 else 0.6"),
    ],
)
def test_sites_that_are_not_observed_or_none_are_refused(change: tuple[str, str]):
    program = """
data seen[5] : bool = [1, 0, 1, 1, 0]
var x[5] : bool
var at : 0..2
var k : 0..1
data sure[2, 3] : real = [[1, 0, 1], [1, 1, 0]]
for i in 0..2: predict x[at + i] ~ Bernoulli(sure[k, i])
observe x = seen
"""
    with pytest.raises(GmError) as caught:
        gmlang.compile(program.replace(*change)).query("P(at)")
    assert caught.value.diagnostics[0].code == "GM419"


COMPOSED = """
data picture[H, W] : bool
data mask[E, N, N] : real
data shape_of[E] : 0..1
entity Thing:
    tint : 0..2
    dot[H, W] : bool base {true: 0.2, false: 0.8}
    exemplar : 0..<E
    r : 0..1
    c : 0..1
model shaped(x: Thing, s: 0..1) prior 0.1:
    constraint shape_of[x.exemplar] == s
    for i in 0..<N, j in 0..<N:
        predict x.dot[x.r + i, x.c + j] ~ Bernoulli(mask[x.exemplar, i, j]) @ 0.95
model jar(x: Thing):
    use shaped(x, 1)
model purple(x: Thing):
    predict x.tint = 2 @ 0.9
model purple_jar = purple jar
var it : Thing
consider purple_jar(it), shaped(it, 0)
observe it.dot = picture, it.tint = 2
"""


DRAWN = {
    "picture": np.random.default_rng(0).random((4, 4)) < 0.4,
    "mask": np.random.default_rng(1).uniform(0.1, 0.9, (4, 3, 3)),
    "shape_of": [0, 1, 0, 1],
}


def composed() -> gmlang.Model:
    return gmlang.compile(COMPOSED).bind(**DRAWN)


def test_composites_of_it_stand_and_are_independent_of_what_says_nothing_of_its_sites():
    model = composed()
    assert model.query("P(it is purple jar)").status == "exact"
    found = model.query("compat(purple, jar)")
    assert found.status == "exact"
    assert found.value == pytest.approx(0.0, abs=1e-12)


def test_what_it_leaves_out_is_asked_about_only_where_nothing_else_speaks_of_it():
    bright = "model bright(x: Thing):\n    predict x.dot[1, 1] = true @ 0.7\n"
    model = gmlang.compile(COMPOSED + bright).bind(**DRAWN)
    with pytest.raises(GmError) as caught:
        model.query("compat(shaped(0), bright)")
    assert caught.value.diagnostics[0].code == "GM419"


def test_what_contradicts_itself_whatever_is_left_out_is_refused():
    found = composed().query("compat(shaped(0), jar)")
    assert (found.status, found.value) == ("exact", -np.inf)
    both = "model jar_and_not = jar shaped(0)\n"
    with pytest.raises(GmError) as caught:
        gmlang.compile(COMPOSED + both).bind(**DRAWN).query("P(it is jar)")
    assert caught.value.diagnostics[0].code == "GM416"
    gmlang.compile(COMPOSED + both.replace("0)", "0) soft")).bind(**DRAWN).query("P(it is jar)")


@pytest.mark.parametrize(
    ("chance", "num_tables"), [("mask[x.exemplar, i]", 1), ("mask[(x.exemplar + s) % 2, i]", 2)]
)
def test_members_say_the_same_or_their_own(chance: str, num_tables: int):
    program = """
data seen[4] : bool = [1, 0, 1, 1]
data mask[2, 3] : real = [[0.9, 0.2, 0.7], [0.6, 0.8, 0.1]]
entity Thing:
    dot[4] : bool base {{true: 0.3, false: 0.7}}
    exemplar : 0..1
    at : 0..1
model shaped(x: Thing, s: 0..2) prior 0.3:
    factor 0.5 * s if x.exemplar == 1 else 0
    {said}
var it[2] : Thing
for k in 0..1: consider shaped(it[k], s) for s in 0..2
for k in 0..1: observe it[k].dot = seen
"""
    moving = f"for i in 0..2: predict x.dot[x.at + i] ~ Bernoulli({chance}) @ 0.9"
    looped = (
        "for i in 0..2, a in 0..1:\n        if x.at == a:\n"
        f"            predict x.dot[a + i] ~ Bernoulli({chance}) @ 0.9"
    )
    one, other = (gmlang.compile(program.format(said=said)) for said in (moving, looped))
    for question in ("P(shaped(it[1], 2))", "P(it[0].exemplar, it[0].at)", "logZ()"):
        assert_close(one.query(question).value, other.query(question).value)
    blocks = [
        b for b in one.graph().factors if isinstance(b.kind, Gated) and b.scopes.shape[1] == 3
    ]
    assert sum(len(block.scopes) for block in blocks) == 6
    tables = [b.kind.log_potentials for b in blocks if isinstance(b.kind, Gated)]
    assert len({table.tobytes() for table in tables}) == num_tables


def test_rows_of_pictures_have_the_answers_of_each():
    model, rng = composed(), np.random.default_rng(3)
    rows = rng.random((3, 4, 4)) < 0.5
    found = model.query("P(it.exemplar)", rows={"picture": rows})
    for row, one in zip(rows, found, strict=True):
        assert_close(one.value, model.bind(picture=row).query("P(it.exemplar)").value)


@pytest.mark.parametrize(
    "guard", ["at + i >= 1 and at + i - 1 < 4", "at + i >= 1 and at + i < 4 and on"]
)
def test_what_falls_outside_is_not_said_where_a_condition_says_so(guard: str):
    program = """
data seen[4] : bool = [1, 0, 1, 1]
data sure[2, 3] : real = [[0.9, 0.2, 0.7], [0.6, 0.8, 0.1]]
var x[4] : bool
var at : 0..4
var k : 0..1
var on : bool
{said}
observe x = seen
"""
    moving = (
        f"for i in 0..2:\n    if {guard}:\n        predict x[at + i - 1] ~ Bernoulli(sure[k, i])"
    )
    looped = (
        f"for i in 0..2, j in 0..3:\n    if at + i - 1 == j and ({guard}):\n"
        "        predict x[j] ~ Bernoulli(sure[k, i])"
    )
    one, other = (gmlang.compile(program.format(said=said)) for said in (moving, looped))
    for question in ("P(at, k)", "P(on)", "logZ()"):
        assert_close(one.query(question).value, other.query(question).value)
