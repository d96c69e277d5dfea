"""Latent states that nobody names: found, put in order, and compared between starts."""

import numpy as np
import pytest

import gmlang
from gmlang.learning.naming import nameless_states
from gmruntime.budget import UNLIMITED
from tests.gmlang.learning.posed import anywhere, posed

CLASSES = """
data seen : rows
param share[3] : simplex ~ Dirichlet(1)
param says[3, 6] : probability ~ Beta(1, 1)
var kind : 0..2 ~ Categorical(share)
var x[6] : bool
for k in 0..5: x[k] ~ Bernoulli(says[kind, k])
learn share, says from seen
"""
CHAIN = """
param start[2] : simplex
param A[2, 2] : simplex ~ Dirichlet(0.5)
param B[2, 3] : simplex ~ Dirichlet(0.1)
var z[4, 12] : 0..1
var o[4, 12] : 0..2
for n in 0..3: z[n, 0] ~ Categorical(start)
for n in 0..3, t in 1..11: z[n, t] ~ Categorical(A[z[n, t - 1]])
for n in 0..3, t in 0..11: o[n, t] ~ Categorical(B[z[n, t]])
data y[4, 12] : 0..2
observe o = y
learn start, A, B
"""


def _classes(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    kind = rng.choice(3, n, p=[0.2, 0.5, 0.3])
    says = np.array([[0.9] * 3 + [0.1] * 3, [0.1] * 3 + [0.9] * 3, [0.9, 0.1] * 3])
    return (rng.random((n, 6)) < says[kind]).astype(int)


def _chain(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    state = np.cumsum(rng.random((4, 12)) < 0.2, axis=1) % 2
    return np.where(rng.random((4, 12)) < 0.9, 2 * state, 1)


@pytest.mark.parametrize("text", [CLASSES, CHAIN])
def test_any_order_of_nameless_states_tells_the_rows_as_well(text: str):
    data = {"seen": {"x": _classes(20, 0)}} if text is CLASSES else {"y": _chain(0)}
    problem, objective = posed(text, **data)
    (found,) = nameless_states(problem, np.random.default_rng(0), UNLIMITED)
    numbers = anywhere(problem)
    one = objective.at(numbers, UNLIMITED)
    places = found.places(problem.layout, np.roll(np.arange(found.count), 1))
    other = objective.at(numbers[places], UNLIMITED)
    assert (places != np.arange(len(places))).any()
    assert other.value == pytest.approx(one.value, abs=1e-9)
    assert other.gradient == pytest.approx(one.gradient[places], abs=1e-9)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Dirichlet(1)", "Dirichlet([1, 1, 2])"),
        ("share[3] : simplex ~ Dirichlet(1)", "share[3] : simplex = [0.2, 0.3, 0.5]"),
        ("says[kind, k]", "says[kind, k] if kind < 2 or k < 3 else 0.5"),
        ("learn share", "prefer kind == 1 weight 0.5\nlearn share"),
        ("learn share", "var y : bool ~ NoisyOr(x[0]: 0.5)\nobserve kind != 1\nlearn share"),
    ],
)
def test_states_that_something_names_keep_their_places(old: str, new: str):
    text = CLASSES.replace(old, new)
    problem, _ = posed(text, seen={"x": _classes(20, 0)})
    assert not nameless_states(problem, np.random.default_rng(0), UNLIMITED)


def test_the_largest_share_comes_first_whatever_the_seed():
    rows = {"x": _classes(800, 1)}
    one, other = (gmlang.compile(CLASSES).learn(seen=rows, seed=seed) for seed in (0, 7))
    for learned in (one, other):
        share = np.asarray(learned.values["share"])
        assert (np.diff(share) < 0).all()
        assert learned.restarts.num_reached >= 4
        assert learned.restarts.apart < 0.01
        assert "kind: never observed, states in order of falling share" in learned.notes
    for name in ("share", "says"):
        assert one.values[name] == pytest.approx(other.values[name], abs=0.01)
        assert one.errors[name] == pytest.approx(other.errors[name], rel=0.05)
    assert one.values["says"][0, 0] < 0.2 < 0.8 < one.values["says"][0, 5]


def test_two_arrays_that_index_the_same_params_change_places_together():
    text = """
data seen : rows
param share[2] : simplex
param says[2, 3] : probability
var a : 0..1 ~ Categorical(share)
var b : 0..1 ~ Categorical(share)
var x[3] : bool
var y[3] : bool
for k in 0..2: x[k] ~ Bernoulli(says[a, k])
for k in 0..2: y[k] ~ Bernoulli(says[b, k])
learn share, says from seen
"""
    rows = {"x": _classes(30, 0)[:, 2:5], "y": _classes(30, 1)[:, 2:5]}
    problem, _ = posed(text, seen=rows)
    (found,) = nameless_states(problem, np.random.default_rng(0), UNLIMITED)
    assert found.names == ("a", "b")
    learned = gmlang.compile(text).learn(seen=rows)
    assert learned.values["share"][0] >= learned.values["share"][1]


def test_where_a_random_field_speaks_of_them_starts_are_compared_all_the_same():
    text = """
data seen : rows
param w[2, 3] : real ~ Normal(0, 1)
var z : 0..1
var x[3] : bool
for k in 0..2: prefer x[k] weight w[z, k]
learn w from seen
"""
    learned = gmlang.compile(text).learn(seen={"x": _classes(60, 0)[:, 2:5]}, restarts=4)
    assert "z: never observed, so other numbers may name the states otherwise" in learned.notes
    assert learned.restarts.apart < 0.05


def test_numbers_that_entries_depend_on_in_any_way_change_places():
    """The rates of a mixture are indexed by states that nobody names."""
    rng = np.random.default_rng(4)
    counts = np.where(rng.random(80) < 0.3, rng.poisson(1.0, 80), rng.poisson(8.0, 80))
    text = """
data counts[N] : 0..30
param share[2] : simplex
param rate[2] : positive
var kind[N] : 0..1
var k[N] : 0..30
for n in 0..<N: kind[n] ~ Categorical(share)
for n in 0..<N: k[n] ~ Poisson({rate})
observe k = counts
learn share, rate
"""
    model = gmlang.compile(text.replace("{rate}", "rate[kind[n]]")).bind(counts=counts)
    for seed in (0, 1, 2):
        learned = model.learn(seed=seed, restarts=1)
        assert any("kind: never observed, states in order" in note for note in learned.notes)
        assert learned.values["rate"] == pytest.approx([8.0, 1.0], abs=1.0)
    # Here the first state has a rate of its own.
    model = gmlang.compile(text.replace("{rate}", "rate[kind[n]] + kind[n]")).bind(counts=counts)
    assert not any("in order" in note for note in model.learn(restarts=1).notes)


def test_distributions_change_places_with_their_states():
    found = [
        gmlang.compile(CLASSES).learn(seen={"x": _classes(200, 1)}, seed=seed, method="variational")
        for seed in (0, 1)
    ]
    for learned in found:
        share = learned.values["share"]
        assert (np.diff(share) < 0).all()
        assert "kind: never observed, states in order of falling share" in learned.notes
        assert learned.posterior is not None
        cases = learned.posterior.cases[0, learned.layout.array("share").part]
        assert share == pytest.approx(cases / cases.sum(), abs=1e-12)
    one, other = found
    assert one.bound == pytest.approx(other.bound, abs=0.05)
    assert one.values["says"] == pytest.approx(other.values["says"], abs=0.05)
