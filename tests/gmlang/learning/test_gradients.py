"""F is what questions say it is, and its gradient its differences, wherever params may stand."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmlang
from gmlang.learning.methods.em import maximised
from gmlang.learning.methods.lbfgs import Height, Steps, climb, no_steps
from gmlang.learning.numbers.coordinates import to_coordinates, to_numbers
from gmruntime.budget import UNLIMITED, Budget
from tests.gmlang.learning.posed import anywhere, posed

PROGRAMS = {
    "direct": """
        param p : probability ~ Beta(2, 3)
        param q[2] : probability
        var a : bool ~ Bernoulli(p)
        var b : bool ~ Bernoulli(q[a])
        observe b
        learn p, q""",
    "one minus": """
        param p : probability
        var a : bool ~ {true: 1 - p, false: p}
        var b : bool ~ Bernoulli(0.3 if a else p)
        observe not b
        learn p""",
    "simplex by name": """
        param s[3] : simplex ~ Dirichlet([1, 2, 0.5])
        param t[2, 3] : simplex
        var a : {red, green, blue} ~ {red: s[0], green: s[1], blue: s[2]}
        var b : 0..2 ~ Categorical(t[0 if a == red else 1])
        observe b = 1
        learn s, t""",
    "noisy or": """
        param p[2] : probability
        param leak : probability ~ Beta(1, 9)
        var a[2] : bool ~ Bernoulli(0.4)
        var b : bool ~ NoisyOr(a[0]: p[0], a[1]: p[1] * 0.9, leak=leak)
        observe b
        learn p, leak""",
    "counts": """
        param mean : positive ~ Gamma(2, 1)
        param p : probability
        var n : 0..6 ~ Poisson(2 * mean)
        var k : 0..6 ~ Binomial(6, p * p)
        var g : 0..6 ~ Geometric(p)
        constraint n + k >= g
        observe g = 2
        learn mean, p""",
    "weights": """
        param w[2] : real ~ Normal(0, 1)
        var a : 0..3 ~ Weights({v: exp(w[0] * v) for v in 0..3})
        var b : 0..2 ~ Weights({0: 1, 1: exp(w[1]), _: logistic(w[0])})
        constraint a >= b
        observe b = 1
        learn w""",
    "log factors": """
        param J : real ~ Normal(0, 2)
        param h[3] : real
        param r : positive
        var x[3] : bool
        for i in 0..2: prefer x[i] weight h[i] - h[0] * 0.5
        for i in 0..<2: prefer x[i] == x[i + 1] weight J / r
        factor sum(max(h[i], 0.3) * x[i] for i in 0..2) + abs(J) * sqrt(r) ** 1.5
        factor J if x[0] and x[2] else log(r)
        observe x[1]
        learn J, h, r""",
    "other families": """
        param c : real
        param w : positive
        param s[3] : simplex
        param p : probability
        var a : 0..4 ~ Around(2 + c, w * 2)
        var b : 0..2 ~ Categorical([s[i] for i in 0..2])
        var d : 0..2 ~ Categorical([p * s[0], p * s[1] + p * s[2], 1 - p])
        factor (a + b + d) * 0.2
        observe d = 1
        learn c, w, s, p""",
    "nothing draws": """
        param p[3] : probability
        entity Thing:
            size : 0..4
        var z : 0..2
        var b : bool base {true: 3, false: 1}
        var it : Thing
        var x : bool ~ Bernoulli(p[z])
        var y : bool := x and b
        observe y
        observe z == 1 or x
        observe b like {true: 0.7, false: 0.2}
        learn p""",
    "gates": """
        param p : probability
        param q : probability
        var c : bool ~ Bernoulli(0.4)
        var x : bool
        if c: x ~ Bernoulli(p)
        else: x ~ Bernoulli(q)
        observe x
        learn p, q""",
    "models": """
        domain Color = {red, green, blue}
        param sure : probability ~ Beta(9, 1)
        param often : probability
        param faith : probability
        param s[3] : simplex
        entity Thing:
            color : Color
            big : bool
        model odd(x: Thing) prior often:
            predict x.color = green @ sure
            predict x.color ~ Categorical(s) @ faith
        model other(x: Thing) prior 0.3:
            predict x.big = true @ 0.8
            predict x.color = red @ sure * faith
        model both(x: Thing) prior often:
            predict other(x) @ faith
        var it : Thing
        consider odd(it), other(it), both(it)
        observe it.color = green
        learn sure, often, faith, s""",
    "the same variable twice": """
        param f[2, 2] : real
        var x : bool
        var y[2] : bool
        for i in 0..1, j in 0..1: factor f[y[i], y[j]]
        factor f[x, y[0]]
        observe y[0]
        learn f""",
    "to predict": """
        param w[2, 2] : real ~ Normal(0, 1)
        var x : bool
        var y : bool
        factor w[x, y]
        observe x, y
        learn w to predict y""",
}


def _plain(text: str) -> str:
    lines = text.strip("\n").splitlines()
    width = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[width:] for line in lines) + "\n"


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_gradient_equals_differences(name: str, seed: int):
    problem, objective = posed(_plain(PROGRAMS[name]))
    layout = problem.layout
    where = to_coordinates(layout, anywhere(problem, seed))
    found = objective.at(to_numbers(layout, where), UNLIMITED).gradient
    for k in range(layout.size):
        step = np.zeros(layout.size)
        step[k] = 1e-5
        above = objective.at(to_numbers(layout, where + step), UNLIMITED).value
        below = objective.at(to_numbers(layout, where - step), UNLIMITED).value
        assert found[k] == pytest.approx((above - below) / 2e-5, abs=2e-6)


@pytest.mark.parametrize("name", PROGRAMS)
def test_jacobians_are_differences_of_tables(name: str):
    problem, _ = posed(_plain(PROGRAMS[name]))
    tables, layout, numbers = problem.tables, problem.layout, anywhere(problem)
    found = tables.jacobians(numbers)
    assert set(found) == {block for block, _ in tables.forms}
    where = to_coordinates(layout, numbers)
    for k in range(layout.size):
        step = np.zeros(layout.size)
        step[k] = 1e-5
        above, below = to_numbers(layout, where + step), to_numbers(layout, where - step)
        ends = tables.at(above), tables.at(below)
        for block, matrix in found.items():
            high, low = ends[0][block], ends[1][block]
            assert high is not None
            assert low is not None
            finite = np.isfinite(high)
            change = np.where(finite, high, 0.0) - np.where(finite, low, 0.0)
            moved = matrix @ (above - below)
            assert moved == pytest.approx(change.reshape(-1), abs=1e-9)


@pytest.mark.parametrize("name", ["direct", "one minus", "simplex by name", "gates"])
def test_what_stands_in_tables_as_it_is_is_found_to_be_direct(name: str):
    problem, _ = posed(_plain(PROGRAMS[name]))
    assert problem.tables.direct_only().all()


def _log_z(text: str, values: dict[str, np.ndarray]) -> float:
    found = gmlang.compile(text).bind(**values).query("logZ()")
    assert found.status == "exact"
    assert isinstance(found.value, float)
    return found.value


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "to predict"])
def test_the_log_likelihood_is_log_z_with_and_without_what_was_seen(name: str):
    text = _plain(PROGRAMS[name])
    problem, objective = posed(text)
    numbers = anywhere(problem, 2)
    values = problem.layout.values(numbers)
    lines = [line for line in text.splitlines() if not line.startswith("learn")]
    unseen = [line for line in lines if not line.startswith("observe")]
    expected = _log_z("\n".join(lines), values) - _log_z("\n".join(unseen), values)
    found = objective.at(numbers, UNLIMITED).log_likelihood
    assert found == pytest.approx(expected, abs=1e-10)


def test_deriving_a_wide_table_ends_with_the_budget():
    problem, objective = posed(
        _plain("""
        param p[9] : probability
        var cause[9] : bool
        for i in 0..<9: cause[i] ~ Bernoulli(p[i])
        var effect : bool ~ NoisyOr(cause[i]: p[i] for i in 0..<9, leak=0.1)
        observe effect
        learn p""")
    )
    point = objective.at(anywhere(problem), UNLIMITED)
    calls = 0

    def clock() -> float:
        nonlocal calls
        calls += 1
        return float(calls)

    with pytest.raises(TimeoutError):
        problem.tables.slopes(point.counts, point.numbers, Budget(0.0, 5.0, 1 << 30, clock))
    assert calls == 5
    is_direct = problem.tables.direct_only()
    with pytest.raises(TimeoutError):
        maximised(objective, point, is_direct, Budget(0.0, 5.0, 1 << 30, clock))


@given(seed=st.integers(0, 10_000), size=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_what_steps_said_of_one_function_helps_on_another(seed: int, size: int):
    """The top is found whatever is remembered, and sooner where that was much the same."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    bend = root @ root.T + 0.1 * np.eye(size)
    calls = 0

    def height_around(top: np.ndarray) -> Callable[[np.ndarray], Height]:
        def height(x: np.ndarray) -> Height:
            nonlocal calls
            calls += 1
            return Height(float(-0.5 * (x - top) @ bend @ (x - top)), -bend @ (x - top))

        return height

    def climbed(top: np.ndarray, steps: Steps | None) -> int:
        nonlocal calls
        calls = 0
        for number, step in enumerate(climb(height_around(top), np.zeros(size), steps)):
            if step.is_last or step.expected < 1e-14 or number > 300:
                np.testing.assert_allclose(step.coordinates, top, atol=1e-4)
                return calls
        raise AssertionError

    first, steps = rng.normal(size=size), no_steps()
    climbed(first, steps)
    other = first + 0.01 * rng.normal(size=size)
    assert climbed(other, steps) <= climbed(other, None) + 2
    # What was said of an altogether different function does no harm.
    misled = no_steps()
    misled.append((rng.normal(size=size), rng.normal(size=size)))
    if float(misled[0][0] @ misled[0][1]) > 0.0:
        climbed(first, misled)
