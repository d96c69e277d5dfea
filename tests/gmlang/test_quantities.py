"""Expectations, variances, entropies and distributions of expressions equal enumeration."""

import math
import operator
import random
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

import gmlang
from gmlang.diagnostics import GmError, Source
from gmlang.queries.targets import least_and_most, mean_error
from gmlang.syntax import ast
from gmlang.syntax.parse import parse_query
from tests.support import interpreter as naive
from tests.support import oracle, reading
from tests.support.numbers import number
from tests.support.programs import aggregate_program, flat_program

FLAT = ("n", "a", "x[0] + x[1] - 2 * n", "n * n", "abs(n - 1) * (x[2] + 1)", "exp(n)", "n / 2 + a")
AGGREGATE = (
    "y",
    "sum(k[i] * x[i] for i in 0..2)",
    "count(x[i] > 0 for i in 0..2) - 1",
    "max(x[i] + k[i] for i in 0..2)",
    "sum(w[i] * x[i] for i in 0..2) * 2 - y",
    "x[0] * x[1]",
    "w[0] * x[0] * x[1]",
    "min(2 * x[i] - y for i in 0..2)",
)
PROGRAMS = {
    "flat": (flat_program, FLAT, "n > 0"),
    "many": (aggregate_program, AGGREGATE, "d == true"),
}


def _written(text: str) -> ast.Expression:
    (query,) = parse_query(Source("query", f"P({text})"))
    call = query.items[0]
    assert isinstance(call, ast.Call)
    (argument,) = call.arguments
    assert isinstance(argument, ast.Expression)
    return argument


def table(program: str, texts: Sequence[str], given: str) -> dict[tuple[float, ...], float]:
    """Return the probability of each value that expressions take together; empty if impossible."""
    m = reading.read_text(program)
    written, condition = [_written(text) for text in texts], _written(given or "true")
    found: dict[tuple[float, ...], float] = defaultdict(float)
    for world in oracle.worlds(m):
        score = oracle.log_score(m, world)
        if score > -math.inf and naive.evaluate(m, condition, {}, world):
            values = tuple(
                round(float(number(naive.evaluate(m, e, {}, world))), 12) for e in written
            )
            found[values] += math.exp(score)
    whole = sum(found.values())
    return {values: p / whole for values, p in found.items()}


def _number(model: gmlang.Model, query: str) -> float:
    answer = model.query(query, budget_s=20)
    assert answer.status == "exact", query
    assert isinstance(answer.value, float)
    return answer.value


def _entropy(found: dict[tuple[float, ...], float], places: Sequence[int]) -> float:
    part: dict[tuple[float, ...], float] = defaultdict(float)
    for values, p in found.items():
        part[tuple(values[k] for k in places)] += p
    return -sum(p * math.log(p) for p in part.values() if p > 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", PROGRAMS)
def test_quantities_are_those_of_enumeration(kind: str, seed: int):
    make, pool, given = PROGRAMS[kind]
    rng = random.Random(seed)
    program = make(rng)
    model = gmlang.compile(program)
    one, two, three = rng.sample(pool, 3)
    bar = rng.choice(["", f" | {given}"])
    found = table(program, [one, two, three], given if bar else "")
    if not found:
        assert model.query(f"E({one}{bar})").status == "impossible"
        return

    def ask(query: str) -> float:
        return _number(model, query)

    mean = sum(v[0] * p for v, p in found.items())
    assert ask(f"E({one}{bar})") == pytest.approx(mean, abs=1e-9), program
    both = sum((v[0] - 2 * v[1] + 1) * p for v, p in found.items())
    assert ask(f"E({one} - 2 * ({two}) + 1{bar})") == pytest.approx(both, abs=1e-9), program
    square = sum((v[0] - mean) ** 2 * p for v, p in found.items())
    assert ask(f"Var({one}{bar})") == pytest.approx(square, abs=1e-9), program
    assert ask(f"H({one}, {two}{bar})") == pytest.approx(_entropy(found, [0, 1]), abs=1e-9)
    shared = _entropy(found, [0, 1]) + _entropy(found, [2]) - _entropy(found, [0, 1, 2])
    assert ask(f"I([{one}, {two}], {three}{bar})") == pytest.approx(shared, abs=1e-9)
    shown = model.query(f"P({two}{bar})").probabilities
    assert isinstance(shown, dict)
    alone: dict[float, float] = defaultdict(float)
    for values, p in found.items():
        alone[values[1]] += p
    truth = {"true": "1", "false": "0"}
    values = {float(truth.get(str(label), str(label))): p for label, p in shown.items()}
    for value, p in alone.items():
        nearest = min(values, key=lambda v: abs(v - value))
        assert nearest == pytest.approx(value, rel=1e-9)
        assert values[nearest] == pytest.approx(p, abs=1e-9), (program, two)
    assert sum(values.values()) == pytest.approx(1.0, abs=1e-9)


def test_an_entropy_given_a_variable_is_averaged_over_it():
    model = gmlang.compile(
        "var z : 0..2 ~ Categorical([0.2, 0.3, 0.5])\n"
        "var x : 0..3 ~ Binomial(3, 0.2 + 0.3 * z)\n"
        "var y : bool ~ Bernoulli(0.1 + 0.2 * x)\n"
    )
    parts = [_number(model, f"H(x | z = {k})") * p for k, p in enumerate([0.2, 0.3, 0.5])]
    assert _number(model, "H(x | z)") == pytest.approx(sum(parts), abs=1e-12)
    joint = _number(model, "H(x, z)") - _number(model, "H(z)")
    assert _number(model, "H(x | z)") == pytest.approx(joint, abs=1e-12)
    given = [_number(model, f"I(x, y | z = {k})") * p for k, p in enumerate([0.2, 0.3, 0.5])]
    assert _number(model, "I(x, y | z)") == pytest.approx(sum(given), abs=1e-12)
    assert _number(model, "I(z, y | x)") == pytest.approx(0.0, abs=1e-12)
    assert _number(model, "I(x, x)") == pytest.approx(_number(model, "H(x)"), abs=1e-12)


def test_what_is_independent_has_no_information_however_large():
    model = gmlang.compile(
        "var a : 0..3 ~ Categorical([0.1, 0.2, 0.3, 0.4])\n"
        "var b : 0..99999 ~ Binomial(99999, 0.3)\n"
        "var c : bool ~ Bernoulli(1e-200)\nvar d : bool := c\n"
    )
    assert _number(model, "I(a, b)") < 1e-20
    assert _number(model, "I(c, d)") == pytest.approx(
        1e-200 * (200 * math.log(10) + 1), rel=1e-9, abs=0
    )


def test_the_mean_of_a_wide_sum_needs_its_terms_only():
    text = "var x[400] : 0..4 ~ Binomial(4, 0.3)\nvar b[400] : bool ~ Bernoulli(0.25)\n"
    model = gmlang.compile(text)
    answer = model.query("E(sum(0.37 * i * x[i] for i in 0..<400) - count(b[i] for i in 0..<400))")
    assert answer.status == "exact"
    expected = 0.37 * 1.2 * sum(range(400)) - 100
    assert answer.value == pytest.approx(expected, rel=1e-12)


def test_arrays_have_one_each():
    model = gmlang.compile("var x[2, 3] : 0..2 ~ Binomial(2, 0.5)\nobserve x[0, 0] = 2\n")
    means = model.query("E(x)").to_numpy()
    assert means.shape == (2, 3)
    assert means[0, 0] == 2
    np.testing.assert_allclose(means.reshape(-1)[1:], 1.0)
    np.testing.assert_allclose(model.query("Var(x)").to_numpy()[1], 0.5)


def test_tiny_values_beside_large_ones_are_told_apart():
    model = gmlang.compile(
        "data t[3] : real = [1e-20, 2e-20, 1.0]\nvar s : 0..2 ~ Categorical([0.5, 0.25, 0.25])\n"
    )
    for query in ("P(t[s])", "P(1e-20 if s == 0 else 2e-20 if s == 1 else 1.0)"):
        assert list(model.query(query).to_numpy()) == [0.5, 0.25, 0.25]
    assert _number(model, "E(t[s] | s < 2)") == pytest.approx(4e-20 / 3, rel=1e-12, abs=0)
    assert _number(model, "Var(t[s] | s < 2)") == pytest.approx(2e-40 / 9, rel=1e-12, abs=0)
    assert _number(model, "E(t[s] * t[s] | s < 2)") == pytest.approx(2e-40, rel=1e-12, abs=0)


def test_large_integers_are_told_apart():
    big = 10**18
    model = gmlang.compile(
        f"data t[3] : int = [1, {big}, {big + 1}]\nvar s : 0..2 ~ Categorical([0.5, 0.25, 0.25])\n"
    )
    found = model.query("P(t[s])")
    assert found.value == {"1": 0.5, f"{big}": 0.25, f"{big + 1}": 0.25}
    assert _number(model, "Var(t[s] | s > 0)") == pytest.approx(0.25)


def test_what_rounding_alone_tells_apart_is_one_value():
    model = gmlang.compile("var x[3] : 0..3\nvar s : 0..999\n")
    assert len(model.query("P(sum(0.1 * x[i] for i in 0..2))").to_numpy()) == 10
    assert len(model.query("P(0.1 * x[0] + 0.2 * x[1] - 0.3)").to_numpy()) == 10
    found = model.query("P(1000.1 - 1000 * x[1] if x[0] == 0 else 0.1 | x[1] = 1)").to_numpy()
    assert np.count_nonzero(found) == 1
    # Steps of a few roundings are steps all the same.
    assert len(model.query("P(1 + s * 5e-15)").to_numpy()) == 1000


def test_bounds_on_probabilities_bound_a_mean():
    rng = np.random.default_rng(0)
    for _ in range(200):
        levels, p = rng.normal(size=5), rng.dirichlet(np.ones(5))
        lower, upper = p * rng.random(5), p + (1 - p) * rng.random(5)
        least, most = least_and_most(levels, lower, upper)
        assert least - 1e-12 <= levels @ p <= most + 1e-12
        shares = [Fraction(share) for share in p.tolist()]
        whole = sum(map(operator.mul, map(Fraction, levels.tolist()), shares), Fraction(0))
        least, most = least_and_most(levels, p, p)
        assert least < whole / sum(shares) < most


def test_an_error_of_a_mean_is_that_of_what_it_is_made_of():
    rng = np.random.default_rng(1)
    for size in (2, 5, 300):
        levels = rng.normal(size=size) * 10
        one, other = rng.dirichlet(np.ones(size), 2)
        error = float(np.abs(one - other).max())
        stated = mean_error(levels, error)
        assert abs(levels @ (one - other)) <= stated <= np.ptp(levels)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("E(c)", "GM301"),
        ("E(3)", "GM326"),
        ("E(x, y)", "GM304"),
        ("H()", "GM326"),
        ("I(x)", "GM304"),
        ("P(exp(sum(w[i] * z[i] for i in 0..<40)))", "GM502"),
    ],
)
def test_what_has_no_such_number_is_refused(query: str, code: str):
    model = gmlang.compile(
        "domain Color = {red, green}\nvar c : Color\nvar x : 0..2\nvar y : bool\n"
        "data w[40] : real = [" + ", ".join(str(0.1 + k * k / 7) for k in range(40)) + "]\n"
        "var z[40] : bool\n"
    )
    with pytest.raises(GmError) as caught:
        model.query(query)
    assert caught.value.diagnostics[0].code == code
