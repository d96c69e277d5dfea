"""What covers what: against enumeration, and in the cases that have a formula."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false, reportGeneralTypeIssues=false

import math
import random

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.graph.gathering import gathered
from gmruntime.answer import LogPartition
from gmruntime.factors.kinds import Cover, NoisyOr, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer
from tests.fuzz.societies import Stage, sites
from tests.support import covers, reading, worlds

QUERIES = (
    "P(it.dot[0] = ink)",
    "P(stroke(it))",
    "P(blot(it, 1) | it.dot[1] = gray)",
    "P(writer(it) | it.dot[0] = ink, it.big)",
)


def _agrees(seed: int) -> None:
    text = covers.cover_program(random.Random(seed))
    wanted, log_z, _, best = worlds.answers(text, QUERIES)
    model = gmlang.compile(text)
    for query, value in zip(QUERIES, wanted, strict=True):
        found = model.query(query)
        if math.isnan(value):
            assert found.status == "impossible", (seed, query)
        else:
            assert found.status == "exact"
            chance = found.value["true"] if isinstance(found.value, dict) else found.value
            assert chance == pytest.approx(value, abs=1e-9), (seed, query)
    if log_z > -math.inf:
        assert model.query("logZ()").value == pytest.approx(log_z, abs=1e-9), seed
        assert model.query("MAP()").log_score == pytest.approx(best, abs=1e-9), seed


@pytest.mark.parametrize("start", range(0, 30, 10))
def test_covers_are_what_enumeration_says(start: int):
    for seed in range(start, start + 10):
        _agrees(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(30, 500, 47))
def test_many_more_covers_are_what_enumeration_says(start: int):
    for seed in range(start, start + 47):
        _agrees(seed)


def test_what_has_no_confidence_covers_nothing():
    text = (
        "data sure[2] : real = [0.5, {}]\nentity Page:\n    dot[2] : bool\n"
        "model inked(p: Page) prior 0.3:\n    for i in 0..1: cover p.dot[i] = true @ sure[i]\n"
        "var it : Page\nconsider inked(it)\nobserve it.dot[0], it.dot[1]\n"
    )
    one, none = (gmlang.compile(text.format(c)).query("logZ()").value for c in ("_", "0"))
    assert one == pytest.approx(none, abs=1e-12)


PAGE = """
data q[N] : real = [{q}]
entity Page:
    dot : bool base {{true: {leak}, false: {rest}}}
model on(p: Page, k: 0..<N) prior 0.3:
    cover p.dot = true @ q[k]
var page : Page
consider on(page, k) for k in 0..<N
observe page.dot = true
"""
OR = """
data q[N] : real = [{q}]
var on[N] : bool base {{true: 0.3, false: 0.7}}
var dot : bool ~ NoisyOr(on[k]: q[k] for k in 0..<N, leak={leak})
observe dot = true
"""


@pytest.mark.parametrize("count", [1, 3, 14, 25])
def test_covers_that_are_all_on_are_a_noisy_or(count: int):
    rng = random.Random(count)
    q = ", ".join(f"{rng.uniform(0.05, 0.95):.3f}" for _ in range(count))
    leak = 0.07
    page = gmlang.compile(PAGE.format(q=q, leak=leak, rest=1 - leak))
    cause = gmlang.compile(OR.format(q=q, leak=leak))
    assert any(isinstance(b.kind, Cover) for b in page.graph().factors)
    assert page.query("logZ()").value == pytest.approx(cause.query("logZ()").value, abs=1e-9)
    for k in range(min(count, 3)):
        one, other = page.query(f"P(on(page, {k}))"), cause.query(f"P(on[{k}])")
        assert one.status == other.status == "exact"
        assert one.value["true"] == pytest.approx(other.value["true"], abs=1e-9)


def test_a_wide_cover_of_everything_on_is_the_kind_noisy_or():
    rng = np.random.default_rng(3)
    fails = np.log(rng.uniform(0.05, 0.95, (1, 40)))
    leak = np.log(0.93)
    takes = np.full((1, 40, 2, 2), -np.inf)
    # Relative to the base, of which P(on) is the leak.
    takes[:, :, 1, 1] = np.log(-np.expm1(fails)) - np.log(-np.expm1(leak))
    passes = np.stack([np.zeros((1, 40)), fails], axis=2)
    scope = np.arange(41, dtype=np.int32)[None]
    blocks = (VariableBlock("x", (41,), 2),)
    base = FactorBlock(Table(np.array([[leak, np.log(-np.expm1(leak))]])), scope[:, -1:])
    prior = FactorBlock(Table(np.log([[0.8, 0.2]])), scope[0, :-1, None])
    cover = FactorGraph(blocks, (FactorBlock(Cover(takes, passes), scope), base, prior))
    noisy = NoisyOr(np.concatenate([fails, np.full((1, 1), leak)], axis=1))
    caused = FactorGraph(blocks, (FactorBlock(noisy, scope), prior))
    evidence = np.full(41, -1, np.int32)
    for seen in (-1, 0, 1):
        evidence[-1] = seen
        one = infer(cover, LogPartition(), evidence=evidence, budget_s=20.0)
        other = infer(caused, LogPartition(), evidence=evidence, budget_s=20.0)
        assert one.log_value == pytest.approx(other.log_value, abs=1e-9)


TWO = """
entity Page:
    dot[2] : bool base {true: 0.1, false: 0.9}
model a(p: Page) prior 0.5{a}:
    cover p.dot[0] = true
model b(p: Page) prior 0.5{b}:
    cover p.dot[0] = false
var page : Page
consider {order}
"""


@pytest.mark.parametrize(
    ("a", "b", "order", "nearest"),
    [
        ("", "", "a(page), b(page)", "a"),
        ("", "", "b(page), a(page)", "b"),
        (" depth 1", "", "a(page), b(page)", "b"),
        (" depth 1", " depth 1", "b(page), a(page)", "b"),
        ("", " depth 0", "a(page)", "a"),
        ("", "", "b(page)", "b"),
        (" depth -1", " depth 0", "b(page), a(page)", "a"),
    ],
)
def test_the_lowest_is_nearest_and_equal_depths_go_by_what_is_considered(
    a: str, b: str, order: str, nearest: str
):
    text = TWO.replace("{a}", a).replace("{b}", b).replace("{order}", order)
    found = gmlang.compile(text).query("P(page.dot[0] | a(page), b(page))")
    assert found.value["true"] == pytest.approx(float(nearest == "a"))


def test_coverers_do_not_fight_and_why_weighs_each():
    text = """
entity Page:
    dot[2] : bool base {true: 0.2, false: 0.8}
model far(p: Page) prior 0.3 depth 1:
    for i in 0..1: cover p.dot[i] = true @ 0.7
model near(p: Page) prior 0.4:
    cover p.dot[0] = true @ 0.9
var page : Page
consider far(page), near(page)
observe page.dot = [true, true]
"""
    model = gmlang.compile(text)
    assert model.query("compat(far, near)").value == pytest.approx(0.0, abs=1e-9)
    assert set(model.query("blame(far, near)").value.values()) == {0.0}
    reasons = {r["because"]: r["nats"] for r in model.query("why(far(page))").value["reasons"]}
    whole = worlds.listed(reading.read_text(text))
    for line, written in ((5, "cover p.dot[i]"), (7, "cover p.dot[0]")):
        nats = next(n for because, n in reasons.items() if because.startswith(written))
        odds = [
            worlds.log_odds(given, np.array([w[far] for w in given.worlds], bool))
            for given in (
                worlds.given(whole, "P(far(page))"),
                worlds.given(worlds.without(whole, line), "P(far(page))"),
            )
            for far in [("model", "far", ("page",))]
        ]
        assert nats == pytest.approx(odds[0] - odds[1], abs=1e-9)


HOLES = """
data w[2] : real = [0.3, 0.8]
entity Page:
    dot[2] : bool base {true: 0.1, false: 0.9}
    far : 0..3
model m(x: Page) prior 0.5:
    cover x.dot[0] ~ Bernoulli(w[x.far]) @ 0.5
    cover x.dot[x.far] = true @ 0.5
var it : Page
consider m(it)
"""


def test_what_has_no_value_must_be_excluded():
    model = gmlang.compile(HOLES)
    with pytest.raises(GmError) as caught:
        model.query("P(it.dot[0])")
    assert caught.value.diagnostics[0].code in ("GM406", "GM425")
    found = model.query("P(it.dot[0] | m(it), it.far = 1)").value["true"]
    assert found == pytest.approx(0.5 * 0.8 + 0.5 * 0.1)
    found = model.query("P(it.dot[0] | m(it), it.far = 0)").value["true"]
    assert found == pytest.approx(0.5 * 0.3 + 0.5 * (0.5 + 0.5 * 0.1))
    guarded = HOLES.replace("    cover", "    if x.far < 2: cover")
    found = gmlang.compile(guarded).query("P(it.dot[0] | m(it), it.far > 1)").value["true"]
    assert found == pytest.approx(0.1)


def test_the_sites_of_many_models_are_few_blocks():
    count = 12
    lines = ["entity Page:", f"    dot[{count}] : bool base {{true: 0.1, false: 0.9}}"]
    for k in range(count):
        lines += [f"model m{k}(p: Page) prior 0.3:", f"    cover p.dot[{k}] = true @ 0.{k + 2:02}"]
        lines += [f"    cover p.dot[{(k + 1) % count}] = true @ 0.5"]
    lines += ["var page : Page", "consider " + ", ".join(f"m{k}(page)" for k in range(count))]
    model = gmlang.compile("\n".join(lines) + "\n")
    blocks = [block for block in model.graph().factors if isinstance(block.kind, Cover)]
    (joined,) = gathered(blocks)
    assert len(joined.scopes) == sum(len(block.scopes) for block in blocks) == count
    on = model.query("P(page.dot[3])").value["true"]
    first, second = 0.3 * 0.5, 0.3 * 0.05
    assert on == pytest.approx(1 - (1 - first) * (1 - second) * 0.9)


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_compatibility_is_split_among_the_sites(seed: int):
    text = covers.cover_program(random.Random(seed)).replace("Page", "Being")
    declared = text[: text.index("var it")]
    stage, both = Stage(declared), ("stroke", "writer")
    model = gmlang.compile(declared + "var it : Being\n")
    wanted = stage.compatibility(both, frozenset())
    assert model.query("compat(stroke, writer)").value == pytest.approx(wanted, abs=1e-9)
    found = model.query("blame(stroke, writer)").value
    known = sites(stage.read(both))
    hidden = set(known.values())
    before = 0.0
    for name in ("other statements", *(n for n in found if n != "other statements")):
        hidden.discard(known.get(name, ("",)))
        now = stage.compatibility(both, frozenset(hidden))
        assert found.get(name, 0.0) == pytest.approx(now - before, abs=1e-8), name
        before = now


def test_a_model_covers_a_site_twice():
    text = (
        "entity T:\n    a : 0..2\n    b[2] : 0..2\n"
        "model m(x: T) prior 0.2:\n    cover x.a = 2 @ 0.9\n    cover x.a = 1 @ 0.5\n"
        "    for i in 0..1: cover x.b[i] = i @ 0.7\n    cover x.b[1] = 0 @ 0.4\n"
        "model n(x: T) prior 0.4 depth 1:\n    cover x.a = 0 @ 0.7\n    cover x.b[1] = 2 @ 0.6\n"
        "    cover x.a ~ Categorical([0.2, 0.3, 0.5]) @ 0.6\n"
        "var it : T\nconsider m(it), n(it)\n"
    )
    model = gmlang.compile(text)
    for query in ("P(it.a = 1)", "P(m(it) | it.a = 0)", "P(n(it) | it.a = 2, it.b[1] = 0)"):
        answer = model.query(query)
        assert answer.status == "exact"
        value = answer.value["true"] if isinstance(answer.value, dict) else answer.value
        assert value == pytest.approx(worlds.probability(text, query), abs=1e-12)
