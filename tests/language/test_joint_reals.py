"""Reals that depend on each other: exact, by the rows that statements are and their elimination."""

# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
# pyright: reportGeneralTypeIssues=false, reportOptionalOperand=false, reportOperatorIssue=false, reportCallIssue=false, reportReturnType=false

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import gmlang
from tests.support.linear_programs import State, Truth, pairs, random_program, truth_of


def ask(text: str, query: str):
    return gmlang.compile(text).query(query, budget_s=60)


# --- Against enumeration and dense linear algebra ------------------------------------------


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**6))
def test_answers_are_those_of_enumeration(seed: int):
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
