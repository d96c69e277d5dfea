"""Chains in place of log Z: near what is exact, the same for a seed, and over when time is."""

import numpy as np
import pytest

import gmlang
from gmlang.core.parameters import method_named
from gmlang.diagnostics import GmError
from gmlang.learning.course import Terms, finished
from gmruntime.budget import Watch

GRID = """
data seen : rows
param h : real ~ Normal(0, 1)
param J[2] : real ~ Normal(0, 1)
var x[3, 3] : bool
for i in 0..2, j in 0..2: prefer x[i, j] weight h
for i in 0..<2, j in 0..2: prefer x[i, j] == x[i+1, j] weight J[0]
for i in 0..2, j in 0..<2: prefer x[i, j] == x[i, j+1] weight J[1]
learn h, J from seen
"""
HIDDEN = """
data seen : rows
param b[4] : real ~ Normal(0, 1)
param w[4] : real ~ Normal(0, 1)
var x[4] : bool
var z : bool
for i in 0..3: prefer x[i] weight b[i]
for i in 0..3: prefer x[i] == z weight w[i]
learn b, w from seen
"""
WIDE = """
data seen : rows
param w : real ~ Normal(0, 1)
var x[36] : bool
for i in 0..35, j in 0..35 if i < j: prefer x[i] == x[j] weight w / 20
learn w from seen
"""


def grid(count: int) -> np.ndarray:
    model = gmlang.compile(GRID).bind(h=0.3, J=[0.6, -0.4])
    values = model.query(f"sample({count})", seed=1, budget_s=30).value
    assert isinstance(values, list)
    return np.array([np.array(row["x"]) == "true" for row in values])


def test_it_ends_where_the_gradient_does():
    model = gmlang.compile(GRID).bind(seen={"x": grid(250)})
    exact, found = model.learn(), model.learn(method="cd(2)")
    assert (found.status, found.method) == ("estimate", "cd(2)")
    assert found.noise is not None
    assert 0 < found.noise < 0.1
    for name in ("h", "J"):
        assert found.values[name] == pytest.approx(exact.values[name], abs=6 * found.noise)
        # The rows' own error, which chains find as well, and what they add.
        assert found.errors[name] == pytest.approx(exact.errors[name], rel=0.3)
    assert np.isnan(found.objective)
    assert f"estimate ± {found.noise:.2g} by chance" in repr(found)
    assert found.to_dict()["noise"] == found.noise
    assert found.gain_left < 0.5


def test_with_latents_it_gets_as_high_and_claims_no_error():
    rng = np.random.default_rng(0)
    z = rng.random(300) < 0.5
    x = (rng.random((300, 4)) < np.where(z[:, None], [0.9, 0.8, 0.2, 0.5], 0.3)).astype(int)
    model = gmlang.compile(HIDDEN).bind(seen={"x": x})
    exact, found = model.learn(restarts=3), model.learn(method="cd(3)")
    again = found.model.log_likelihood(seen={"x": x}).sum() + found.log_prior
    assert again == pytest.approx(exact.objective, abs=2.0)
    assert found.noise is None
    assert np.isnan(found.errors["w"]).all()
    assert "of unknown error" in repr(found)


def test_the_same_seed_gives_the_same_numbers():
    model = gmlang.compile(HIDDEN).bind(seen={"x": [[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]]})
    one, other, third = (model.learn(method="cd(1)", seed=seed) for seed in (4, 4, 5))
    assert (one.values["w"] == other.values["w"]).all()
    assert (one.values["w"] != third.values["w"]).any()


def test_mechanisms_may_be_sampled_as_well():
    text = """
data seen : rows
param p : probability ~ Beta(1, 1)
param s[2, 3] : simplex ~ Dirichlet(1)
var a : bool ~ Bernoulli(p)
var b : 0..2 ~ Categorical(s[a])
learn p, s from seen
"""
    rng = np.random.default_rng(0)
    a = rng.random(300) < 0.4
    b = np.where(a, rng.choice(3, 300, p=[0.6, 0.3, 0.1]), rng.choice(3, 300, p=[0.2, 0.2, 0.6]))
    model = gmlang.compile(text).bind(seen={"a": a, "b": b})
    exact, found = model.learn(), model.learn(method="cd(1)")
    for name in ("p", "s"):
        assert found.values[name] == pytest.approx(exact.values[name], abs=0.03)


def test_rules_that_forbid_are_kept():
    text = """
data seen : rows
param h : real ~ Normal(0, 1)
var x[3, 3] : bool
for i in 0..2, j in 0..2: prefer x[i, j] weight h
for i in 0..<2, j in 0..2: constraint not (x[i, j] and x[i + 1, j])
constraint count(x[i, j] for i in 0..2 for j in 0..2) >= 2
learn h from seen
"""
    values = gmlang.compile(text).bind(h=0.5).query("sample(200)", seed=1).value
    assert isinstance(values, list)
    x = np.array([np.array(row["x"]) == "true" for row in values])
    model = gmlang.compile(text).bind(seen={"x": x})
    exact, found = model.learn(), model.learn(method="cd(1)")
    assert found.noise is not None
    assert found.values["h"] == pytest.approx(exact.values["h"], abs=6 * found.noise)


def test_what_is_too_wide_is_refused_and_both_ways_out_work():
    x = np.random.default_rng(0).random((60, 36)) < 0.5
    x[:20] |= np.random.default_rng(1).random((20, 36)) < 0.4
    model = gmlang.compile(WIDE).bind(seen={"x": x})
    with pytest.raises(GmError) as caught:
        model.learn()
    assert "`using pseudo` or `using cd(5)`" in caught.value.diagnostics[0].hint
    one, other = model.learn(method="pseudo"), model.learn(method="cd(1)")
    spread = 3 * float(np.hypot(one.errors["w"], other.errors["w"]))
    assert float(one.values["w"]) == pytest.approx(float(other.values["w"]), abs=spread)


def test_latents_that_are_too_wide_are_sampled_too():
    x = np.full((3, 36), np.nan)
    x[:, 0] = 1.0
    model = gmlang.compile(WIDE).bind(seen={"x": x})
    with pytest.raises(GmError) as caught:
        model.learn()
    assert caught.value.diagnostics[0].hint.startswith("`using cd(5)` estimates")
    # What is seen says nothing of w: its prior is left.
    found = model.learn(method="cd(1)")
    assert float(found.values["w"]) == pytest.approx(0.0, abs=0.2)
    assert found.noise is None


def test_an_end_gives_the_mean_so_far():
    model = gmlang.compile(WIDE).bind(seen={"x": np.zeros((500, 36), int)})
    watch = Watch()
    steps = model.learn_one(model.checked.program.learns[0], Terms(method="cd(1)"), watch)
    seen = [next(steps) for _ in range(3)]
    watch.ended.set()
    learned = finished(steps)
    assert learned.status == "stopped"
    assert "stopped: the mean so far" in repr(learned)
    assert learned.values["w"] == seen[-1].values["w"]
    assert learned.rounds == 3


def test_rows_that_count_nothing_leave_the_prior():
    rows = {"x": np.zeros((2, 3, 3), bool), "weight": [0, 0]}
    learned = gmlang.compile(GRID).learn(seen=rows, method="cd(1)")
    assert learned.values["h"] == pytest.approx(0.0, abs=1e-9)


def test_weights_without_end_are_stopped_and_named():
    text = "data seen : rows\nparam w : real\nvar x : bool\nprefer x weight w\nlearn w from seen\n"
    learned = gmlang.compile(text).learn(seen={"x": [True] * 500}, method="cd(1)")
    assert learned.status == "stopped"
    assert any("w grows without end" in note for note in learned.notes)


def test_methods_are_named_in_one_way():
    assert [method_named(text) for text in ("cd ( 7 )", "cd", "cd(0)", "cd(1001)", "cd(x)")] == [
        *("cd(7)", "cd(5)", "", "", ""),
    ]
    model = gmlang.compile(GRID.replace("from seen", "from seen using cd( 2 )"))
    assert model.checked.program.learns[0].method == "cd(2)"
    with pytest.raises(GmError, match="method"):
        model.learn(seen={"x": grid(4)}, method="cd(0)")
