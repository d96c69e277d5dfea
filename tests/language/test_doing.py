"""`do(...)`: what follows from something done, against the truncated product written out."""

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from tests.support.nets import Net, ask, marginal, random_net

TOLERANCE = 1e-9


def number(text: str, source: str) -> float:
    """Return the answer of a query that is one number."""
    answer = ask(gmlang.compile(source), text)
    assert answer.status == "exact"
    return float(answer.value)


def chance(text: str, source: str) -> float:
    """Return the probability of true."""
    answer = ask(gmlang.compile(source), text)
    assert answer.status == "exact"
    return answer.value if isinstance(answer.value, float) else answer.probabilities["true"]


def check(net: Net, rng: np.random.Generator) -> None:
    """Compare every form of intervention with the product in which its variable is replaced."""
    model, count = net.model(), net.count
    x, y, z = (int(v) for v in rng.permutation(count)[:3])
    a, c = int(rng.integers(net.states(x))), int(rng.integers(net.states(z)))
    law = rng.dirichlet(np.ones(net.states(x)))
    listed = ", ".join(repr(float(p)) for p in law)
    changed = {
        f"x{x} = {a}": net.set_to(x, a),
        f"x{x} ~ Categorical([{listed}])": net.replaced(x, law),
        f"x{x} = {a}, x{z} = {c}": net.set_to(x, a).set_to(z, c),
    }
    for done, other in changed.items():
        joint = other.joint()
        expected = marginal(joint, y, {z: c})
        answer = ask(model, f"P(x{y} | do({done}), x{z} = {c})")
        assert answer.status == "exact"
        np.testing.assert_allclose(answer.array, expected, atol=TOLERANCE)
        answer = ask(model.do(*done.split(", x")[:1]), f"P(x{y} | x{z} = {c})")
        first = net.replaced(x, law) if "~" in done else net.set_to(x, a)
        np.testing.assert_allclose(answer.array, marginal(first.joint(), y, {z: c}), atol=TOLERANCE)
    seen = net.set_to(x, a).joint().sum(axis=tuple(v for v in range(count) if v != z))
    answer = ask(model, f"logZ(| do(x{x} = {a}), x{z} = {c})")
    assert answer.value == pytest.approx(np.log(seen[c]) if z != x else 0.0)


@pytest.mark.parametrize("seed", range(12))
def test_do_is_the_product_without_the_mechanism(seed: int):
    rng = np.random.default_rng(seed)
    check(random_net(rng, int(rng.integers(3, 7))), rng)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 200))
def test_do_is_the_product_without_the_mechanism_always(seed: int):
    test_do_is_the_product_without_the_mechanism(seed)


@pytest.mark.slow
def test_do_is_what_pyagrum_finds():
    from tests.support.agrum import causal
    from tests.support.nets import network_of

    rng = np.random.default_rng(5)
    for _ in range(30):
        net = random_net(rng, 5)
        x, y = (int(v) for v in rng.permutation(5)[:2])
        _, found, _ = causal.causalImpact(
            causal.CausalModel(network_of(net)), on=f"x{y}", doing=f"x{x}", values={f"x{x}": 1}
        )
        answer = ask(net.model(), f"P(x{y} | do(x{x} = 1))")
        np.testing.assert_allclose(answer.array, found.toarray(), atol=TOLERANCE)


# --- Forms ---------------------------------------------------------------------------------

MEDICINE = """
var severe  : bool ~ Bernoulli(0.4)
var treated : bool ~ Bernoulli(0.8 if severe else 0.2)
var luck    : 0..9 ~ Uniform()
var well    : bool := luck < ((4 if treated else 1) if severe else (8 if treated else 6))
"""


def test_seeing_is_not_doing():
    assert chance("P(well | treated = true)", MEDICINE) == pytest.approx(
        0.28 / 0.55 * 1.0, abs=1e-3
    )
    assert chance("P(well | do(treated = true))", MEDICINE) == pytest.approx(0.64)


def test_a_boolean_alone_is_made_true_or_false():
    assert chance("P(well | do(treated))", MEDICINE) == pytest.approx(0.64)
    assert chance("P(well | do(not treated))", MEDICINE) == pytest.approx(0.4)
    assert chance("P(well | do(treated, not severe))", MEDICINE) == pytest.approx(0.8)


def test_a_definition_takes_the_place_of_a_mechanism():
    assert chance("P(well | do(treated := severe))", MEDICINE) == pytest.approx(0.52)
    assert chance("P(luck < 3 | do(well := severe), well = true)", MEDICINE) == pytest.approx(0.3)


def test_first_done_then_seen():
    found = chance("P(severe | do(treated = true), well = true)", MEDICINE)
    assert found == pytest.approx(0.4 * 0.4 / 0.64)


def test_questions_of_all_kinds_are_asked_there():
    model = gmlang.compile(MEDICINE)
    done = "do(treated = true)"
    assert ask(model, f"E(luck | {done}, well = true)").value == pytest.approx(
        (0.4 * 0.4 * 1.5 + 0.6 * 0.8 * 3.5) / 0.64
    )
    assert ask(model, f"MAP(severe | {done}, well = false)").value == {"severe": "false"}
    assert ask(model, f"MMAP(severe | {done}, well = false)").value == {"severe": "true"}
    assert ask(model, f"logZ(| {done})").value == pytest.approx(0)
    assert ask(model, f"logZ(| {done}, well = true)").value == pytest.approx(np.log(0.64))
    assert ask(model, f"count(| {done})").value == 20
    assert ask(model, f"H(well | {done})").value == pytest.approx(
        -0.64 * np.log(0.64) - 0.36 * np.log(0.36)
    )
    listed = ask(model, "[P(well | do(treated = t)) for t in bool]")
    assert [one.probabilities["true"] for one in listed.items] == pytest.approx([0.4, 0.64])
    effect = ask(model, "P(well | do(treated = true)) - P(well | do(treated = false))")
    assert effect.value == pytest.approx(0.24)
    (step, *_) = list(model.search(f"MAP(severe | {done}, well = false)"))[-1:]
    assert step.value == {"severe": "false"}


def test_rows_are_asked_there():
    model = gmlang.compile(MEDICINE)
    answers = ask(model, "P(severe | do(treated = true))", rows={"well": [True, False]})
    assert [a.probabilities["true"] for a in answers] == pytest.approx([0.25, 0.24 / 0.36])


ARRAYS = """
data T = 5
var x[T] : 0..4
x[0] ~ Uniform()
for t in 1..<T: x[t] ~ Around(x[t - 1], 0.7)
"""


def test_elements_and_whole_arrays_are_changed():
    model = gmlang.compile(ARRAYS)
    early = ask(model, "P(x[1] | do(x[2] = 4))").array
    np.testing.assert_allclose(early, ask(model, "P(x[1])").array, atol=TOLERANCE)
    late = ask(model, "P(x[3] | do(x[2] = 4))").array
    np.testing.assert_allclose(late, ask(model, "P(x[3] | x[2] = 4)").array, atol=TOLERANCE)
    plan = np.array([0, 1, 2, 3, 4])
    loop = ask(model, "P(x[4] | do(x[t] = t for t in 0..<T if t != 4))").array
    open_end = ask(model.do(x=[0, 1, 2, 3, None]), "P(x[4])").array
    np.testing.assert_allclose(loop, open_end, atol=TOLERANCE)
    assert ask(model.do(x=plan), "MAP(x)").value["x"] == [str(state) for state in plan]


SOCIETY = """
entity Animal:
    flies : bool
    wings : bool
model bird(x: Animal) prior 0.05:
    predict x.flies @ 0.9
    predict x.wings @ 0.99
model penguin(x: Animal) prior 0.01:
    use bird(x) except x.flies
    predict not x.flies @ 0.99
model both = bird penguin
var it : Animal
consider penguin(it), bird(it)
"""


def test_an_activation_that_is_set_tells_nothing_of_its_callers():
    assert chance("P(penguin(it) | do(bird(it)))", SOCIETY) == pytest.approx(0.01)
    assert chance("P(bird(it) | do(not penguin(it)))", SOCIETY) == pytest.approx(0.05)
    assert chance("P(it.wings | do(bird(it)))", SOCIETY) == pytest.approx(0.99)
    assert chance("P(it.wings | do(bird(it) := penguin(it)))", SOCIETY) == pytest.approx(
        0.01 * 0.99 + 0.99 * 0.5
    )
    assert chance("P(it.flies | do(it is bird penguin))", SOCIETY) == pytest.approx(0.01)


def test_an_attribute_that_is_set_tells_nothing_of_who_predicts_it():
    plain = chance("P(bird(it))", SOCIETY)
    assert chance("P(bird(it) | do(it.flies = true))", SOCIETY) == pytest.approx(plain)


REALS = """
var u : bool ~ Bernoulli(0.3)
var h : real ~ Normal(1.7, 0.1)
var w : real ~ Normal(60 + 20 * h if u else 70, 5)
var s : real := w + h
"""


def test_a_real_that_is_set_is_drawn_from_nothing():
    assert chance("P(u | do(w = 80))", REALS) == pytest.approx(0.3)
    assert number("E(w | do(h = 2))", REALS) == pytest.approx(79)
    assert number("E(h | do(w = 80))", REALS) == pytest.approx(1.7)
    assert number("E(w | do(s = 3))", REALS) == pytest.approx(0.7 * 70 + 0.3 * 94)
    assert number("logZ(| do(w = 80))", REALS) == pytest.approx(0, abs=1e-12)


def test_a_circle_of_definitions_is_cut():
    reach = """
var edge[3, 3] : bool
var reach[3] : bool
for i in 0..2, j in 0..2: edge[i, j] ~ Bernoulli(0.4)
for i in 0..2: reach[i] := i == 0 or any(reach[j] and edge[j, i] for j in 0..2)
"""
    assert chance("P(reach[2] | do(reach[1]))", reach) == pytest.approx(1 - 0.6**2)
    assert chance("P(reach[2] | do(not reach[1]))", reach) == pytest.approx(0.4)
    assert chance("P(edge[0, 1] | do(reach[1]))", reach) == pytest.approx(0.4)


def test_a_mechanism_under_conditions_is_left_out_where_it_is_changed():
    gated = """
var calm : bool ~ Bernoulli(0.5)
var y[2] : 0..2
for i in 0..1:
    if calm:
        y[i] ~ {0: 0.8, 1: 0.1, 2: 0.1}
    else:
        y[i] ~ Uniform()
"""
    assert chance("P(calm | do(y[0] = 0))", gated) == pytest.approx(0.5)
    assert chance("P(calm | do(y[0] = 0), y[1] = 0)", gated) == pytest.approx(0.8 / (0.8 + 1 / 3))


def test_a_mechanism_without_a_value_matters_no_more_where_it_is_replaced():
    partial = "var a : 0..2 ~ Uniform()\nvar b : 0..6 := 6 // a\n"
    with pytest.raises(GmError):
        ask(gmlang.compile(partial), "P(a)")
    found = ask(gmlang.compile(partial), "P(a | do(b = 3))").array
    np.testing.assert_allclose(found, np.full(3, 1 / 3))


# --- Mistakes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "code"),
    [
        ("do(both(it))", "GM270"),
        ("do(penguin(it), not penguin(it))", "GM273"),
        ("do(bird(it) := it.wings)", "GM274"),
        ("do(it.wings or it.flies)", "GM278"),
        ("do(it.wings = it.flies)", "GM278"),
        ("do()", "GM278"),
    ],
)
def test_what_has_no_meaning_is_refused(done: str, code: str):
    with pytest.raises(GmError) as caught:
        ask(gmlang.compile(SOCIETY), f"P(it.wings | {done})")
    assert caught.value.diagnostics[0].code == code


def test_what_a_factor_relates_is_not_changed():
    source = """
var a : bool
var b : bool
var c : bool ~ Bernoulli(0.7 if b else 0.2)
prefer a == b weight 1
"""
    with pytest.raises(GmError) as caught:
        ask(gmlang.compile(source), "P(b | do(a = true))")
    assert caught.value.diagnostics[0].code == "GM272"
    assert chance("P(a | do(c = true))", source) == pytest.approx(0.5)


def test_what_is_seen_afterwards_is_warned_of():
    model = gmlang.compile(MEDICINE + "observe well = true\n")
    assert ask(model, "P(severe | do(treated = true))").probabilities["true"] == pytest.approx(0.25)
    assert [found.code for found in model.warnings] == ["GM271"]
    assert ask(model, "P(severe | do(well = false))").status == "impossible"
    assert [found.code for found in model.warnings] == ["GM271", "GM275"]
