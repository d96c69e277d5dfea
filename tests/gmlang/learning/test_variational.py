"""Variational estimates: the bound is one, and the evidence itself where nothing is latent."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import beta

import gmlang
from gmlang.diagnostics import GmError
from gmlang.learning.aims import aim_of, compiler_of, fitted
from gmlang.learning.learn import log_likelihoods
from gmlang.learning.methods.variational import Bound, variational
from gmlang.learning.problem import Problem
from gmruntime.budget import UNLIMITED
from tests.gmlang.learning.posed import anywhere, posed

NETWORK = """
data seen : rows
param p : probability ~ Beta(2, 5)
param q[2] : probability
param t[2, 3] : simplex ~ Dirichlet([1, 2, 0.5])
var a : bool ~ Bernoulli(p)
var b : bool ~ {true: 1 - q[a], false: q[a]}
var c : {low, mid, top} ~ Categorical(t[b])
learn p, q, t from seen using variational
"""
CLASSES = """
data seen : rows
data K = 2
param share[K] : simplex
param says[K, 4] : probability ~ Beta(1, 2)
var kind : 0..<K ~ Categorical(share)
var x[4] : bool
for k in 0..3: x[k] ~ Bernoulli(says[kind, k])
learn share, says from seen using variational
"""
ROWS: dict[str, list[Any]] = {
    "a": [True, False, False, True],
    "b": [True, True, False, True],
    "c": ["low", "top", "mid", "low"],
    "weight": [1.0, 2.0, 1.5, 1.0],
}


def evidence(cases: dict[str, list[Any]]) -> float:
    """Count, and add up log Beta functions."""
    labels, total = ("low", "mid", "top"), 0.0
    p, q, t = np.array([2.0, 5.0]), np.full((2, 2), 0.5), np.tile([1.0, 2.0, 0.5], (2, 1))
    before = [p.copy(), q.copy(), t.copy()]
    for a, b, c, weight in zip(cases["a"], cases["b"], cases["c"], cases["weight"], strict=True):
        p[0 if a else 1] += weight
        q[int(a), 0 if b else 1] += weight
        t[int(b), labels.index(c)] += weight
    for ends, begins in zip((p, q, t), before, strict=True):
        for sign, cells in ((1, np.atleast_2d(ends)), (-1, np.atleast_2d(begins))):
            total += sign * float((gammaln(cells).sum(1) - gammaln(cells.sum(1))).sum())
    return total


def bound_of(text: str, **data: Any) -> tuple[Problem, Bound]:
    problem, _ = posed(text, **data)
    problem = fitted(problem, "variational")
    rng = np.random.default_rng(0)
    plain = compiler_of("variational")(problem, problem.rows, UNLIMITED, 0)
    found = aim_of(problem, problem.rows, plain, "variational", UNLIMITED, 0, rng)
    assert isinstance(found, Bound)
    return problem, found


def test_without_latents_it_is_the_evidence_in_closed_form():
    learned = gmlang.compile(NETWORK).learn(seen=ROWS)
    assert learned.bound == pytest.approx(evidence(ROWS), abs=1e-9)
    assert learned.posterior is not None
    assert learned.posterior.is_exact
    assert learned.objective == learned.bound
    assert "log evidence -" in repr(learned)
    assert "exact: nothing is latent" in repr(learned)
    plain = learned.to_dict()
    assert (plain["bound"], plain["bound_is_log_evidence"]) == (learned.bound, True)
    assert learned.values["p"] == pytest.approx((2 + 2) / (7 + 5.5))


def test_it_is_below_the_evidence_where_something_is_latent():
    cases: dict[str, list[Any]] = {
        **ROWS,
        "a": [None, False, None, True],
        "b": [True, None, False, None],
    }
    gaps = [(name, k) for name in "ab" for k in range(4) if cases[name][k] is None]
    every: list[float] = []
    for filled in itertools.product([True, False], repeat=len(gaps)):
        whole: dict[str, list[Any]] = {name: list(cells) for name, cells in cases.items()}
        for (name, k), value in zip(gaps, filled, strict=True):
            whole[name][k] = value
        whole["weight"] = [1.0] * 4
        every.append(evidence(whole))
    exact = float(np.logaddexp.reduce(every))
    learned = gmlang.compile(NETWORK).learn(seen={**cases, "weight": [1.0] * 4})
    assert learned.bound is not None
    assert exact - 2.0 < learned.bound < exact
    assert learned.posterior is not None
    assert not learned.posterior.is_exact
    assert "variational estimate, converged" in repr(learned)
    assert any("bound is proven" in note for note in learned.notes)


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_never_falls_and_holds_for_any_posterior(seed: int):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (6, 4)).astype(float)
    x[rng.random(x.shape) < 0.2] = np.nan
    problem, bound = bound_of(CLASSES, seen={"x": x})
    start = bound.at(anywhere(problem, seed), UNLIMITED)
    rounds = list(variational(bound, start, UNLIMITED, has_latent=True))
    values = [one.point.value for one in rounds]
    assert (np.diff(values) >= -1e-9 * abs(values[0])).all()
    assert rounds[-1].is_converged
    kinds = itertools.product(range(2), repeat=6)
    evidences = [_told(x, np.array(kind)) for kind in kinds]
    exact = float(np.logaddexp.reduce(evidences))
    assert values[-1] < exact
    for _ in range(5):
        cases = bound.prior * rng.gamma(2.0, 1.0, bound.prior.shape)
        assert bound.of_cases(cases, UNLIMITED).value < exact


def _told(x: np.ndarray, kind: np.ndarray) -> float:
    def log_beta(*cells: float) -> float:
        return float(sum(gammaln(c) for c in cells) - gammaln(sum(cells)))

    n = [int((kind == k).sum()) for k in range(2)]
    total = log_beta(0.5 + n[0], 0.5 + n[1]) - log_beta(0.5, 0.5)
    for k, column in itertools.product(range(2), range(4)):
        own = x[kind == k, column]
        on, off = float(np.nansum(own)), float(np.nansum(1.0 - own))
        total += log_beta(1 + on, 2 + off) - log_beta(1, 2)
    return total


def test_what_tells_nothing_changes_nothing():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (8, 4)).astype(float)
    x[rng.random(x.shape) < 0.3] = np.nan
    more = np.concatenate([x, np.full((50, 4), np.nan)])
    one, other = (bound_of(CLASSES, seen={"x": cells}) for cells in (x, more))
    numbers = anywhere(one[0])
    found, same = (bound.at(numbers, UNLIMITED) for _, bound in (one, other))
    assert found.value == pytest.approx(same.value, abs=1e-9)
    assert found.cases == pytest.approx(same.cases, abs=1e-9)
    assert found.cases is not None
    # Without the columns that a row leaves open it is the same again.
    alone = sum(
        float(bound_of(CLASSES, seen={"x": x[r : r + 1]})[1].of_cases(found.cases, UNLIMITED)
        .log_likelihood)
        for r in range(8)
    )  # fmt: skip
    assert found.log_likelihood == pytest.approx(alone, abs=1e-9)


def test_soft_evidence_and_chains_of_barren_variables_keep_their_constants():
    text = """
data seen : rows
param p[2] : probability
var z : bool ~ Bernoulli(0.4)
var x : bool ~ Bernoulli(p[z])
var y : bool ~ Bernoulli(p[x])
var free : 0..2
observe free like {0: 0.2, 1: 0.3, 2: 0.4}
learn p from seen using variational
"""
    cases = {"z": [1, 0, None], "x": [1, None, None], "y": [None, None, None]}
    learned = gmlang.compile(text).learn(seen=cases)
    assert learned.posterior is not None
    assert learned.posterior.is_exact
    # One row says that p[1] was true once; the soft evidence is 0.9 in each, of three states.
    expected = np.log(0.4) + np.log(0.5) + np.log(0.6) + 3 * np.log(0.9 / 3)
    assert learned.bound == pytest.approx(expected, abs=1e-9)
    assert learned.values["p"] == pytest.approx([0.5, 1.5 / 2])


def test_a_gate_that_nobody_has_seen_is_summed_out():
    text = """
param p : probability
param q : probability
var c : bool ~ Bernoulli(0.4)
var x : bool
if c: x ~ Bernoulli(p)
else: x ~ Bernoulli(q)
observe x
learn p, q using variational
"""
    latent = gmlang.compile(text).learn()
    seen = gmlang.compile(text.replace("observe x", "observe x, c")).learn()
    assert latent.objective < np.log(0.5)
    assert seen.bound == pytest.approx(np.log(0.4 * 0.5))
    assert seen.posterior is not None
    assert seen.posterior.is_exact


@pytest.mark.parametrize("strength", [1e6, 1e9, 1e12, 1e15])
def test_strong_priors_leave_the_bound_one(strength: float):
    text = f"""
data seen : rows
param p : probability ~ Beta({strength!r}, {strength!r})
param q[2] : probability ~ Beta({strength!r}, {strength!r})
var z : bool ~ Bernoulli(p)
var x : bool ~ Bernoulli(q[z])
learn p, q from seen using variational
"""
    shown = gmlang.compile(text).learn(seen={"z": [1] * 7 + [0] * 3, "x": [1] * 10})
    steps = np.concatenate([np.arange(n) for n in (7, 3, 7, 3)])
    totals = np.concatenate([np.arange(10), np.arange(7), np.arange(3)])
    expected = np.log1p(steps / strength).sum() - np.log1p(totals / (2 * strength)).sum()
    assert shown.bound == pytest.approx(expected - 20 * np.log(2), abs=1e-11)
    hidden = gmlang.compile(text).learn(seen={"x": [1] * 10})
    # Whatever z was, the evidence has a factor (s + k) / (2 s + k) <= (1 + k / s) / 2 for each x.
    assert hidden.bound is not None
    assert hidden.bound < -10 * np.log(2) + 45 / strength + 1e-12


def test_fewer_imaginary_cases_than_floats_know_are_refused():
    text = NETWORK.replace("Beta(2, 5)", "Beta(1e-310, 1)")
    with pytest.raises(GmError) as refused:
        gmlang.compile(text).learn(seen=ROWS)
    assert [one.code for one in refused.value.diagnostics] == ["GM719"]


def test_cells_that_tell_nothing_leave_the_evidence_exact():
    cases = {"a": [True, False, None], "b": [True, None, None], "c": [None, None, None]}
    learned = gmlang.compile(NETWORK).learn(seen=cases)
    assert learned.posterior is not None
    assert learned.posterior.is_exact
    assert learned.bound == pytest.approx(np.log(2 / 7 * 5 / 8 * 1 / 2))


def test_intervals_are_those_of_the_posterior():
    learned = gmlang.compile(NETWORK).learn(seen=ROWS)
    low, high = learned.interval("p", 0.9)
    assert [low.item(), high.item()] == pytest.approx(list(beta(4, 8.5).ppf([0.05, 0.95])))
    assert learned.errors["p"] == pytest.approx(beta(4, 8.5).std())
    row = learned.interval("t", 0.5)[0][1]
    assert row[0] == pytest.approx(beta(1 + 2, 2 + 2 + 0.5).ppf(0.25))


def test_questions_afterwards_use_the_means():
    learned = gmlang.compile(NETWORK).learn(seen=ROWS)
    found = learned.model.query("P(a)").value
    assert isinstance(found, dict)
    assert found["true"] == pytest.approx(learned.values["p"].item())
    span = learned.model.checked.program.rows[0].name
    rows = log_likelihoods(
        *(learned.model.checked.program, learned.model.values, span, None, UNLIMITED, 0)
    )
    weights = np.array(ROWS["weight"])
    assert learned.log_likelihood == pytest.approx(float(weights @ rows))


def test_the_bound_tells_how_many_classes_there_are():
    rng = np.random.default_rng(0)
    kind = rng.random(300) < 0.4
    says = np.where(kind[:, None], [0.9, 0.8, 0.1, 0.1], [0.1, 0.1, 0.8, 0.9])
    x = (rng.random((300, 4)) < says).astype(int)
    model = gmlang.compile(CLASSES).bind(seen={"x": x})
    bounds = [model.bind(K=k).learn(restarts=3).objective for k in (1, 2, 3, 4)]
    assert np.argmax(bounds) == 1


def test_the_prior_that_stands_where_none_is_written_is_named():
    learned = gmlang.compile(CLASSES).learn(seen={"x": [[1, 0, 1, 0]] * 5})
    assert any("half an imaginary case for each state" in note for note in learned.notes)


@pytest.mark.parametrize("cells", [1, 30])
def test_rows_are_looked_at_a_few_at_a_time(cells: int, monkeypatch: pytest.MonkeyPatch):
    x = [[1, 0, 1, 0], [1, None, None, 0], [None, 1, 0, 0], [None] * 4, [1, 0, 1, 0]]
    problem, found = bound_of(CLASSES, seen={"x": x})
    monkeypatch.setattr("gmlang.learning.compiled.CELLS_AT_ONCE", cells)
    monkeypatch.setattr("gmlang.learning.telling.barren.CELLS_AT_ONCE", cells)
    _, again = bound_of(CLASSES, seen={"x": x})
    assert again.is_evidence == found.is_evidence
    numbers = anywhere(problem)
    assert again.at(numbers, UNLIMITED).value == pytest.approx(found.at(numbers, UNLIMITED).value)
