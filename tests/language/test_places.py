"""Places: grids and shifts, their sums, windows between them, and data that holds them."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import json
import random

import numpy as np
import pytest

import gmlang
from gmlang.api import Model
from gmruntime.factors.kinds import SoftWindow, Window
from tests.support import worlds
from tests.support.places import PLACES_QUERIES, places_program

WINDOWS = """
domain Shift = shift(2)
data ends[M, 2] : 0..<N
data reach[M] : 0..5
data N = 3
var at[N] : Shift
var is_on : bool
for m in 0..<M: constraint within(at[ends[m, 0]], at[ends[m, 1]], reach[m])
if is_on:
    for m in 0..<M: factor -0.5 * min(far(at[ends[m, 0]], at[ends[m, 1]]), reach[m])
"""


@pytest.mark.parametrize("seed", range(30))
def test_places_mean_what_the_interpreter_says(seed: int):
    text = places_program(random.Random(seed))
    found, total, _, _ = worlds.answers(text, PLACES_QUERIES)
    model = gmlang.compile(text)
    log_z = model.query("logZ()", budget_s=20)
    assert log_z.value == pytest.approx(total, abs=1e-9), text
    for query, expected in zip(PLACES_QUERIES, found, strict=True):
        answer = model.query(query, budget_s=20)
        value = answer.value["true"] if isinstance(answer.value, dict) else answer.value
        assert value == pytest.approx(expected, abs=1e-9), (text, query)


def kinds(model: Model) -> list[tuple[type, tuple[int, ...]]]:
    return [(type(b.kind), b.scopes.shape) for b in model.graph().factors]


def test_windows_have_factors_of_their_own_gated_or_not():
    model = gmlang.compile(WINDOWS, ends=[[0, 1], [1, 2]], reach=[1, 3])
    assert kinds(model) == [(Window, (2, 2)), (SoftWindow, (2, 3))]
    (window, price) = (block.kind for block in model.graph().factors)
    assert isinstance(window, Window)
    assert window.reach_rows.tolist() == [1, 3]
    assert isinstance(price, SoftWindow)
    assert price.caps.tolist() == [0.5, 1.5]


def test_gates_of_any_form_become_one():
    text = "var p : grid(3, 3)\nvar q : grid(3, 3)\nvar t : 0..2\nvar on : bool\n"
    text += "if t == 1 and on: constraint within(p, q, 0)\n"
    model = gmlang.compile(text)
    assert (Window, (1, 3)) in kinds(model)
    assert model.query("P(p == q | t = 1, on = true)").value == 1
    assert model.query("P(p == q | t = 2)").value == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    "statement",
    [
        "factor far(p, q)",
        "factor -n * min(far(p, q), 2)",
        "constraint within(p, q, n)",
        "constraint not within(p, q, 0)",
        "constraint within(p, p, 0)",
        "constraint within(p, q + (0, 1), 1)",
    ],
)
def test_anything_else_about_places_is_a_table(statement: str):
    text = f"var p : grid(3, 3)\nvar q : grid(3, 3)\nvar n : 0..2\n{statement}\n"
    found = {kind for kind, _ in kinds(gmlang.compile(text))}
    assert not found & {Window, SoftWindow}


def test_a_place_without_a_cap_is_priced_all_the_way():
    text = "var p : grid(3, 3)\nvar q : grid(3, 3)\nfactor -far(p, q) * 0.5\nobserve p = (0, 0)\n"
    model = gmlang.compile(text)
    assert [kind for kind, _ in kinds(model)] == [SoftWindow]
    ratio = model.query("P(q = (2, 2))").value / model.query("P(q = (0, 0))").value
    assert ratio == pytest.approx(np.exp(-2.0))


def test_results_are_pairs():
    model = gmlang.compile("domain S = shift(1)\nvar x[2] : S\nobserve x = [(1, -1), (0, 0)]\n")
    answer = model.query("MAP(x)")
    assert answer.array is not None
    assert answer.array.tolist() == [[1, -1], [0, 0]]
    assert json.loads(json.dumps(answer.to_dict()))["answer"] == {"x": ["(1, -1)", "(0, 0)"]}
    shown = model.query("P(x[0])")
    assert shown.labels[:2] == ("(-1, -1)", "(-1, 0)")


@pytest.mark.parametrize(
    "seen",
    [
        [[1, -1], [0, 2]],
        np.array([[1, -1], [0, 2]], np.int8),
        np.array([[1.0, -1.0], [0.0, 2.0]]),
    ],
)
def test_arrays_bind_as_pairs(seen: object):
    text = "domain S = shift(2)\ndata seen[N] : S\nvar x[N] : S\nobserve x = seen\n"
    answer = gmlang.compile(text, seen=seen).query("MAP(x)")
    assert answer.array is not None
    assert answer.array.tolist() == [[1, -1], [0, 2]]


def test_what_is_missing_stays_open():
    text = "domain S = shift(2)\ndata seen[N] : S\nvar x[N] : S\nobserve x = seen\n"
    seen = np.array([[1.0, -1.0], [np.nan, np.nan]])
    model = gmlang.compile(text, seen=seen)
    assert model.query("P(x[0] = (1, -1))").value == 1
    assert model.query("P(x[1] = (0, 0))").value == pytest.approx(1 / 25)
    written = text.replace("seen[N] : S", "seen[2] : S = [(1, -1), _]").replace("x[N]", "x[2]")
    assert gmlang.compile(written).query("P(x[0] = (1, -1))").value == 1


@pytest.mark.parametrize(
    ("seen", "code"),
    [([[3, 0]], "GM405"), ([[1, 2, 3]], "GM403"), ([1, 2], "GM403"), ([["a", 0]], "GM418")],
)
def test_what_is_no_pair_of_the_grid_is_refused(seen: object, code: str):
    text = "domain S = shift(2)\ndata seen[N] : S\nvar x[N] : S\nobserve x = seen\n"
    with pytest.raises(gmlang.GmError) as caught:
        gmlang.compile(text, seen=seen).query("MAP(x)")
    assert caught.value.diagnostics[0].code == code


def test_what_lies_outside_has_no_value():
    text = "data w[2, 2] : real = [[1, 2], [3, 4]]\nvar s : shift(1)\nfactor w[s + (1, 1)]\n"
    with pytest.raises(gmlang.GmError) as caught:
        gmlang.compile(text).query("P(s)")
    assert caught.value.diagnostics[0].code == "GM406"
    guarded = text.replace("factor w", "constraint s.row <= 0 and s.column <= 0\nfactor w")
    best = gmlang.compile(guarded).query("MAP(s)")
    assert best.value == {"s": "(0, 0)"}


def test_attributes_over_a_grid_are_indexed_by_places():
    text = """
data mask[2, 2] : real = [[0.9, 0.1], [0.2, 0.8]]
entity Field:
    dot[3, 3] : bool
    at : grid(2, 2)
model hidden(f: Field) prior 0.5:
    for p in grid(2, 2): predict f.dot[p + (1, 0)] ~ Bernoulli(mask[p])
var scene : Field
consider hidden(scene)
for p in grid(2, 2): prefer scene.dot[scene.at + p] weight 1
"""
    model = gmlang.compile(text)
    expected = 0.5 * 0.9 + 0.5 * 0.5
    assert model.query("P(scene.dot[1, 0])").value["true"] > 0.5
    bare = text.replace("for p in grid(2, 2): prefer scene.dot[scene.at + p] weight 1\n", "")
    value = gmlang.compile(bare).query("P(scene.dot[1, 0])").value["true"]
    assert value == pytest.approx(expected)


def test_a_gate_that_decides_which_windows_hold_is_answered_without_tables():
    rng = np.random.default_rng(0)
    text = """
domain Shift = shift(7)
data score[T, P, 15, 15] : real
data link[T, L, 3] : 0..20
entity Drawing:
    at[T, P] : Shift
model template(x: Drawing, t: 0..<T) prior 1 / T:
    for j in 0..<P: factor score[t, j, x.at[t, j] + (7, 7)]
    for l in 0..<L if link[t, l, 2] > 0:
        constraint within(x.at[t, link[t, l, 0]], x.at[t, link[t, l, 1]], link[t, l, 2])
var it : Drawing
consider template(it, t) for t in 0..<T
constraint exactly_one(template(it, t) for t in 0..<T)
"""
    link = [[[1, 0, 2], [2, 1, 1]], [[1, 0, 1], [2, 0, 3]], [[2, 1, 2], [0, 0, 0]]]
    score = rng.normal(size=(3, 3, 15, 15))
    model = gmlang.compile(text, score=score, link=link)
    answer = model.query("MAP(it.at)", budget_s=30)
    assert answer.status == "exact"
    assert "messages through windows" in str(answer)
    log_z = model.query("logZ()", budget_s=30)
    assert log_z.status == "exact"
    assert "messages through windows" in str(log_z)
