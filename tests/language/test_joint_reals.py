"""Reals that depend on each other: exact, by the rows that statements are and their elimination."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportOptionalOperand=false, reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import gmlang
from gmlang.diagnostics import GmError
from tests.support.linear_programs import State, Truth, pairs, random_program, truth_of


def ask(text: str, query: str):
    return gmlang.compile(text).query(query, budget_s=60)


# --- Against enumeration and dense linear algebra ------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_answers_are_those_of_enumeration(seed: int):
    _are_those_of_enumeration(seed)


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(st.integers(0, 10**6))
def test_many_more_answers_are_those_of_enumeration(seed: int):
    _are_those_of_enumeration(seed)


def _are_those_of_enumeration(seed: int) -> None:
    program = random_program(seed)
    truth, model = truth_of(program), gmlang.compile(program.text())
    count = len(program.reals)

    def answer(query: str) -> object:
        found = model.query(query, budget_s=60)
        assert found.status == "exact", query
        return found

    assert answer("logZ()").value == pytest.approx(truth.log_z, abs=1e-8)
    for k, size in enumerate(program.sizes):
        chances = answer(f"P(z{k})").array
        expected = [truth.chance(lambda s, k=k, v=v: s[k] == v) for v in range(size)]
        assert chances == pytest.approx(expected, abs=1e-9)
    summaries = answer("P(x)").value
    for k in range(count):
        mean, sd = truth.moments(np.eye(count)[k])
        assert summaries[k]["mean"] == pytest.approx(mean, abs=1e-7)
        assert summaries[k]["sd"] == pytest.approx(sd, abs=1e-6)
    rng = np.random.default_rng(seed)
    row, end = rng.normal(size=count).round(2), round(float(rng.normal()), 2)
    form = " + ".join(f"{c} * x[{k}]" for k, c in enumerate(row))
    mean, sd = truth.moments(row)
    assert answer(f"E({form} - 1)").value == pytest.approx(mean - 1, abs=1e-7)
    assert answer(f"Var({form})").value == pytest.approx(sd**2, abs=1e-6)
    assert answer(f"P({form} > {end})").value == pytest.approx(above(truth, row, end), abs=1e-7)
    for i, j in pairs(count):
        one, other = np.eye(count)[i], np.eye(count)[j]
        (a, _), (b, _) = truth.moments(one), truth.moments(other)
        product = covariance(truth, one, other) + a * b
        assert answer(f"E(x[{i}] * x[{j}])").value == pytest.approx(product, abs=1e-6)


def above(
    truth: Truth, row: np.ndarray, end: float, holds: Callable[[State], bool] = lambda _: True
) -> float:
    """Return the probability that a sum of reals lies above a number, and that a state holds."""
    total = 0.0
    for state, (w, m, v) in zip(truth.states, truth.parts(row), strict=True):
        if holds(state):
            total += w * (float(m > end) if v < 1e-18 else stats.norm.sf(end, m, np.sqrt(v)))
    return total


def covariance(truth: Truth, one: np.ndarray, other: np.ndarray) -> float:
    (a, _), (b, _) = truth.moments(one), truth.moments(other)
    triples = zip(truth.weights, truth.means, truth.covariances, strict=True)
    return float(
        sum(w * (one @ c @ other + (one @ m - a) * (other @ m - b)) for w, m, c in triples)
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_events_of_reals_and_states_together(seed: int):
    program = random_program(seed)
    truth, model = truth_of(program), gmlang.compile(program.text())
    row = np.zeros(len(program.reals))
    row[-1] = 1.0
    last = len(row) - 1

    def value(query: str) -> float:
        found = model.query(query, budget_s=60)
        assert found.status == "exact"
        return found.value

    both = value(f"P(x[{last}] > 0.3 and z0 == 1)")
    assert both == pytest.approx(above(truth, row, 0.3, lambda s: s[0] == 1), abs=1e-7)
    either = value(f"P(x[{last}] > 0.3 or z0 == 1)")
    one = truth.chance(lambda s: s[0] == 1)
    assert either == pytest.approx(one + above(truth, row, 0.3) - both, abs=1e-7)
    given_one = value(f"P(x[{last}] > 0.3 | z0 = 1)")
    assert given_one == pytest.approx(both / one, abs=1e-7)
    expected = sum(
        w * s[0] * m for s, (w, m, _) in zip(truth.states, truth.parts(row), strict=True)
    )
    assert value(f"E(z0 * x[{last}])") == pytest.approx(expected, abs=1e-7)


# --- What random programs do not have ------------------------------------------------------


def summary(text: str, query: str) -> tuple[float, float]:
    found = ask(text, query)
    assert found.status == "exact"
    return found.value["mean"], found.value["sd"]


def test_flat_reals_are_what_least_squares_says():
    rng = np.random.default_rng(5)
    x, sd = rng.normal(size=(20, 3)), 0.3
    y = x @ [1.0, -2.0, 0.5] + sd * rng.normal(size=20)
    model = gmlang.compile(
        "data x[N, D] : real\ndata y[N] : real\nvar w[D] : real\n"
        "for i in 0..<N: observe y[i] ~ Normal(sum(w[j] * x[i, j] for j in 0..<D), 0.3)\n"
    ).bind(x=x, y=y)
    spread = np.linalg.inv(x.T @ x) * sd**2
    best = spread @ x.T @ y / sd**2
    found = model.query("P(w)")
    assert found.array == pytest.approx(best)
    assert [one["sd"] for one in found.value] == pytest.approx(np.sqrt(np.diag(spread)))
    residual = y - x @ best
    log_z = -0.5 * residual @ residual / sd**2 - 20 * np.log(sd * np.sqrt(2 * np.pi))
    log_z += 0.5 * np.linalg.slogdet(2 * np.pi * spread)[1]
    assert model.query("logZ()").value == pytest.approx(log_z)


def test_sums_of_different_lengths():
    text = (
        "data n[3] : 1..5 = [1, 3, 5]\nvar w[5] : real ~ Normal(0, 1)\n"
        "for i in 0..<3: observe n[i] ~ Normal(sum(w[j] for j in 0..<n[i]), 0.5)\n"
    )
    rows = np.tril(np.ones((5, 5)))[[0, 2, 4]]
    precision = np.eye(5) + rows.T @ rows / 0.25
    mean = np.linalg.solve(precision, rows.T @ [1.0, 3.0, 5.0] / 0.25)
    assert ask(text, "E(w)").array == pytest.approx(mean)


def test_what_is_known_before_inference_decides_which_real_is_meant():
    text = (
        "var x[4] : real\n"
        "for t in 0..<4: x[t] ~ Normal(x[t-1] if t > 0 else 1, 0.5)\n"
        "observe 3 ~ Normal(x[3], 0.1)\n"
    )
    weight = 1.0 / (1.0 + 0.01)
    assert ask(text, "E(x[3])").value == pytest.approx(1 + 2 * weight)


def test_reals_of_things_are_joint_beside_those_that_are_not():
    text = (
        "entity Person:\n    height : real base Normal(1.7, 0.2)\n"
        "    age : real base Normal(40, 9)\n"
        "var p[2] : Person\nvar offset : real ~ Normal(0, 0.1)\n"
        "observe p[1].age like Normal(50, 3)\n"
        "observe 1.9 ~ Normal(p[0].height + offset, 0.05)\n"
    )
    total = 0.04 + 0.01 + 0.0025
    # Whether it depends on what was looked at in nodes is not looked into.
    height = ask(text, "P(p[0].height)")
    assert height.value["mean"] == pytest.approx(1.7 + 0.04 / total * 0.2)
    found = ask(text, "P(p[1].age)")
    assert found.status == "estimate"
    assert found.value["mean"] == pytest.approx(40 + 81 / 90 * 10, abs=1e-6)


def test_what_was_seen_exactly_is_a_number():
    text = (
        "data seen[4] : real = [_, 1, _, 2]\nvar x[4] : real\nx[0] ~ Normal(0, 1)\n"
        "for t in 1..<4: x[t] ~ Normal(x[t-1], 0.5)\nobserve x = seen\n"
    )
    assert summary(text, "P(x[2])") == pytest.approx((1.5, 0.5 / np.sqrt(2)))
    assert summary(text, "P(x[1])") == (1.0, 0.0)
    assert summary(text, "P(x[0] | x[2] = 9)")[0] == pytest.approx(0.8)
    log_z = stats.norm.logpdf(1, 0, np.sqrt(1.25)) + stats.norm.logpdf(2, 1, np.sqrt(0.5))
    assert ask(text, "logZ()").value == pytest.approx(log_z)


def test_densities_compose_to_what_is_observed():
    text = "var z : bool ~ Bernoulli(0.3)\nvar a : real ~ Normal(2 if z else 0, 1)\n"
    text += "var b : real ~ Normal(a / 2, 0.5)\n"
    seen = text + "observe a = 1.5\n"
    chance = ask(text, "density(a = 1.5)").value
    assert np.log(chance) == pytest.approx(ask(seen, "logZ()").value)
    given_b = ask(text, "density(b = 0.7 | a = 1.5)").value
    assert given_b == pytest.approx(stats.norm.pdf(0.7, 0.75, 0.5))


def test_a_definition_of_numbers_alone_weighs_states():
    text = "var z : bool ~ Bernoulli(0.5)\nvar s : real := 2 * z\nobserve 1.5 ~ Normal(s, 1)\n"
    one, other = stats.norm.pdf(1.5, 2, 1), stats.norm.pdf(1.5, 0, 1)
    assert ask(text, "P(z)").value["true"] == pytest.approx(one / (one + other))
    assert ask(text, "E(s)").value == pytest.approx(2 * one / (one + other))


def test_definitions_build_on_each_other():
    text = (
        "var x[30] : real ~ Normal(1, 1)\nvar s[30] : real\n"
        "for t in 0..<30: s[t] := x[t] + (s[t-1] if t > 0 else 0)\n"
        "observe s[29] like Normal(60, 1)\n"
    )
    assert ask(text, "E(s[29])").value == pytest.approx(30 + 30 * 30 / 31)
    assert ask(text, "E(x[3])").value == pytest.approx(1 + 30 / 31)


def test_questions_relate_reals_that_stand_alone():
    text = "var a : real ~ Normal(0, 1)\nvar b : real ~ Normal(1, 1)\n"
    assert ask(text, "P(a > b)").value == pytest.approx(stats.norm.cdf(-1 / np.sqrt(2)))
    assert ask(text, "Var(a - 2 * b)").value == pytest.approx(5.0)
    assert ask(text, "P(a > b)").status == "exact"
    assert ask(text, "P(a > 0)").status == "estimate"


def test_draws_are_from_the_posterior():
    text = (
        "var z : bool ~ Bernoulli(0.4)\nvar x[2] : real\nx[0] ~ Normal(3 if z else 0, 1)\n"
        "x[1] := 2 * x[0] - z\nobserve 2 ~ Normal(x[0], 1)\n"
    )
    found = ask(text, "sample(4000)").value
    z = np.array([one["z"] == "true" for one in found])
    x = np.array([one["x"] for one in found])
    assert np.allclose(x[:, 1], 2 * x[:, 0] - z)
    assert z.mean() == pytest.approx(ask(text, "P(z)").value["true"], abs=0.03)
    assert x[:, 0].mean() == pytest.approx(ask(text, "E(x[0])").value, abs=0.06)


def test_the_best_values_of_reals_alone_are_their_means():
    text = "var x[3] : real\nx[0] ~ Normal(0, 1)\nfor t in 1..<3: x[t] ~ Normal(x[t-1], 1)\n"
    text += "observe 4 ~ Normal(x[2], 1)\n"
    found = ask(text, "MAP()")
    assert found.value["x"] == pytest.approx([1.0, 2.0, 3.0])
    assert found.log_score == pytest.approx(4 * stats.norm.logpdf(1))


@pytest.mark.parametrize("count", [16, 17])
def test_up_to_sixteen_switches_are_added_up(count: int):
    text = (
        f"var z[{count}] : bool ~ Bernoulli(0.5)\nvar a : real ~ Normal(0, 1)\n"
        f"for i in 0..<{count}: observe 1 ~ Normal(a + z[i], 1)\n"
    )
    if count == 16:
        assert ask(text, "P(z)").status == "exact"
        return
    with pytest.raises(GmError, match="GM374"):
        ask(text, "P(z)")


def test_nothing_is_imported_for_programs_without_joint_reals():
    code = (
        "import sys, gmlang\n"
        "h = 'var h : real ~ Normal(0, 1)\\nvar z : bool\\nconstraint h > 0 or z\\n'\n"
        "m = gmlang.compile(h)\n"
        "m.query('P(z)'), m.query('P(h)')\n"
        "assert not any(name.startswith('gmruntime.continuous') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- States without a meaning that something excludes --------------------------------------


@pytest.mark.parametrize(
    ("says", "query", "expected"),
    [
        ("var x : real ~ Normal(0, -1 if z else 1)", "Var(x | z = false)", 1.0),
        ("var x : real ~ Normal(0, 1)\nobserve 2 ~ Normal(x, 0 if z else 1)", "E(x | not z)", 1.0),
        ("var x : real ~ Normal(6 / k, 1)", "E(x | k > 0)", (6 + 3 + 2) / 3),
        ("var y : real ~ Normal(6, 1)\nvar x : real := y / k", "E(x | k > 0)", (6 + 3 + 2) / 3),
        ("var x : real ~ Normal(6, 1)", "E(x / k | k > 0)", (6 + 3 + 2) / 3),
        ("var x : real ~ Normal(6, 1)", "P(x / k > 3 | k = 2)", 0.5),
        # What holds a real in place in no other state need not do so there.
        ("var x : real\nobserve 6 ~ Normal(x / k, 1)", "E(x | k = 2)", 12.0),
        ("var x : real ~ Normal(0, 0 if w else -1 if z else 1)", "Var(x | not z)", 0.5),
    ],
)
def test_what_evidence_excludes_needs_no_meaning(says: str, query: str, expected: float):
    before = (
        "var z : bool ~ Bernoulli(0.5)\nvar w : bool ~ Bernoulli(0.5)\nvar k : 0..3 ~ Uniform()"
    )
    model = gmlang.compile(f"{before}\nvar v : real ~ Normal(x, 1)\n{says}")
    answer = model.query(query, budget_s=60)
    assert answer.status == "exact"
    assert answer.value == pytest.approx(expected, abs=1e-9)
    with pytest.raises(GmError):
        model.query(query.split("|")[0].rstrip(" )") + ")", budget_s=60)
