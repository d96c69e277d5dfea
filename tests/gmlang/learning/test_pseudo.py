"""Pseudo-likelihood is each variable given all others, and its errors hold."""

from typing import Any

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError
from gmlang.learning.aims import aim_of, fitted
from gmlang.learning.compiled import told_of
from gmlang.learning.methods.pseudo import Pseudo
from gmlang.learning.numbers.coordinates import to_coordinates, to_numbers
from gmlang.learning.problem import Problem
from gmruntime.budget import UNLIMITED
from tests.gmlang.learning.posed import anywhere, posed

FIELD = """
data seen : rows
param J : real ~ Normal(0, 2)
param h[3] : real ~ Normal(0, 2)
param r : positive ~ Gamma(2, 1)
param p : probability
param s[3] : simplex
var x[3] : bool
var y : 0..2 ~ Categorical(s)
for i in 0..2: prefer x[i] weight h[i]
for i in 0..<2: prefer x[i] == x[i + 1] weight J / r
prefer y == 1 weight J * h[0]
x[2] ~ Bernoulli(p)
observe x[0] like {true: 0.9, false: 0.2}
factor 0.7 * count(x[i] for i in 0..2) ** 2
learn J, h, r, p, s from seen using pseudo
"""
XS, YS = [[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]], [1, 0, 2, 1]
CASES = {"x": XS, "y": YS}
GRID = """
data seen : rows
param h : real
param J : real
var x[4, 4] : bool
for i in 0..3, j in 0..3: prefer x[i, j] weight h
for i in 0..<3, j in 0..3: prefer x[i, j] == x[i+1, j] weight J
for i in 0..3, j in 0..<3: prefer x[i, j] == x[i, j+1] weight J
learn h, J from seen using pseudo
"""


def pseudo_of(text: str, **data: Any) -> tuple[Problem, Pseudo]:
    problem = fitted(posed(text, **data)[0], "pseudo")
    plain = told_of(problem, problem.rows, UNLIMITED, 0)
    rng = np.random.default_rng(0)
    found = aim_of(problem, problem.rows, plain, "pseudo", UNLIMITED, 0, rng)
    assert isinstance(found, Pseudo)
    return problem, found


def test_it_is_what_questions_say_of_each_variable_given_the_others():
    problem, aim = pseudo_of(FIELD, seen=CASES)
    numbers = anywhere(problem)
    found = aim.at(numbers, UNLIMITED)
    values = problem.layout.values(numbers)
    plain = FIELD.replace("observe x[0] like {true: 0.9, false: 0.2}\n", "")
    model = gmlang.compile(plain).bind(**values)
    total = 0.0
    for x, y in zip(XS, YS, strict=True):
        cells = {f"x[{k}]": str(bool(one)).lower() for k, one in enumerate(x)} | {"y": str(y)}
        for name, own in cells.items():
            others = ", ".join(f"{k} = {v}" for k, v in cells.items() if k != name)
            answer = model.query(f"P({name} = {own} | {others})")
            assert isinstance(answer.value, float)
            total += np.log(answer.value)
    assert found.log_likelihood == pytest.approx(total, abs=1e-9)


def test_its_gradient_is_its_differences():
    problem, aim = pseudo_of(FIELD, seen=CASES)
    numbers = anywhere(problem)
    where = to_coordinates(problem.layout, numbers)
    gradient = aim.at(numbers, UNLIMITED).gradient
    for k in range(problem.layout.size):
        ends = []
        for step in (1e-5, -1e-5):
            moved = where.copy()
            moved[k] += step
            ends.append(aim.at(to_numbers(problem.layout, moved), UNLIMITED).value)
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)


def test_where_nothing_depends_on_anything_it_is_the_likelihood():
    text = "data seen : rows\nparam w[2] : real\nvar x[2] : bool\n"
    text += "for i in 0..1: prefer x[i] weight w[i]\nlearn w from seen\n"
    x = np.random.default_rng(0).random((200, 2)) < [0.3, 0.8]
    model = gmlang.compile(text)
    one, other = (model.learn(seen={"x": x}, method=name) for name in ("gradient", "pseudo"))
    assert other.values["w"] == pytest.approx(one.values["w"], abs=1e-3)
    assert other.objective == pytest.approx(one.log_likelihood, abs=1e-3)
    assert other.errors["w"] == pytest.approx(one.errors["w"], rel=0.01)
    assert (other.method, other.status) == ("pseudo", "converged")
    assert np.isnan(other.log_likelihood)
    assert other.to_dict()["log_likelihood"] is None
    assert "pseudo-likelihood, converged" in repr(other)
    assert any("was maximised, not the likelihood" in note for note in other.notes)


def test_its_errors_cover_the_truth():
    model = gmlang.compile(GRID)
    truth = {"h": -0.3, "J": 0.4}
    values = model.bind(**truth).query("sample(2000)", seed=1, budget_s=30).value
    assert isinstance(values, list)
    x = np.array([np.array(row["x"]) == "true" for row in values])
    away = []
    for part in np.split(x, 20):
        learned = model.learn(seen={"x": part})
        away += [
            (float(learned.values[name]) - value) / float(learned.errors[name])
            for name, value in truth.items()
        ]
    assert 0.7 < np.std(away) < 1.4
    assert abs(np.mean(away)) < 0.6


def test_to_predict_takes_only_what_is_to_be_predicted():
    text = GRID.replace("from seen", "from seen to predict x[0, 0], x[1, 1]")
    x = np.random.default_rng(0).integers(0, 2, (30, 4, 4))
    _, aim = pseudo_of(text, seen={"x": x})
    assert aim.conditionals.which.shape == (30, 2)


def test_what_is_open_is_refused_and_the_way_out_works():
    x = np.random.default_rng(0).integers(0, 2, (40, 4, 4)).astype(float)
    x[3, 1, 2] = np.nan
    model = gmlang.compile(GRID).bind(seen={"x": x})
    with pytest.raises(GmError, match=r"row 4 says nothing of `x\[1, 2\]`") as caught:
        model.learn()
    assert caught.value.diagnostics[0].code == "GM725"
    assert "`using gradient`" in caught.value.diagnostics[0].hint
    assert model.learn(method="gradient").status == "converged"


def test_few_rows_give_no_errors():
    learned = gmlang.compile(GRID).learn(seen={"x": np.eye(4)[None].astype(int)})
    assert np.isnan(learned.errors["J"])
    assert any("too few rows" in note for note in learned.notes)
    x = np.random.default_rng(0).integers(0, 2, (5, 4, 4))
    learned = gmlang.compile(GRID).learn(seen={"x": x}, hold_out=0.4)
    assert any("too few rows" in note for note in learned.notes)


@pytest.mark.parametrize("method", ["gradient", "pseudo", "cd(1)"])
def test_what_no_row_speaks_of_is_as_unsure_as_its_prior(method: str):
    text = GRID.replace("param J : real", "param J : real\nparam unused : real ~ Normal(0, 2)")
    text = text.replace("weight h", "weight h + 0 * unused").replace("learn h,", "learn unused, h,")
    x = np.random.default_rng(0).integers(0, 2, (40, 4, 4))
    learned = gmlang.compile(text).learn(seen={"x": x}, method=method)
    assert learned.errors["unused"] == pytest.approx(2.0, rel=0.05)
    assert 0 < float(learned.errors["J"]) < 0.5


@pytest.mark.parametrize(
    ("method", "tail"),
    [
        *(("gradient", ""), ("gradient", " to predict x[3]")),
        *(("pseudo", ""), ("pseudo", " to predict x[3]"), ("cd(5)", "")),
    ],
)
def test_tables_that_hold_for_what_was_observed_alone_are_not_learned_from(method: str, tail: str):
    product = " * ".join(f"(1 + 0.1 * x[{i}])" for i in range(16))
    text = f"""
param w : real ~ Normal(0, 1)
var x[16] : 0..1
for i in 0..15: factor w * x[i]
factor {product}
observe x = [{", ".join("01"[i % 3 == 0] for i in range(16))}]
learn w{tail}
"""
    with pytest.raises(GmError, match="only evidence makes small") as refused:
        gmlang.compile(text).learn(method=method)
    assert [one.code for one in refused.value.diagnostics] == ["GM721"]
    assert "using" not in refused.value.diagnostics[0].hint
