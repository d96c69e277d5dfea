"""F is what its definition says: each row asked for alone gives the same."""

import itertools

import numpy as np
import pytest

import gmlang
from gmruntime.budget import UNLIMITED
from tests.gmlang.learning.posed import anywhere, posed

NETWORK = """
data seen : rows
param p : probability ~ Beta(2, 5)
param q[2] : probability
param t[2, 3] : simplex ~ Dirichlet(0.7)
var a : bool ~ Bernoulli(p)
var b : bool ~ Bernoulli(q[a])
var c : {low, mid, top} ~ Categorical(t[b])
learn p, q, t from seen
"""
FIELD = """
data seen : rows
param J : real ~ Normal(0, 1)
param h[3] : real ~ Normal(0, 1)
var x[3] : bool
var y : 0..2
for i in 0..2: prefer x[i] weight h[i]
for i in 0..<2: prefer x[i] == x[i + 1] weight J
prefer y == 1 weight J * h[0] if x[1]
learn J, h from seen
""".replace(" if x[1]", "")
CELLS = {"a": [True, None], "b": [True, False, None], "c": ["low", "top", None]}


def _asked(text: str, values: dict[str, np.ndarray], observed: str) -> float:
    lines = [line for line in text.splitlines() if not line.startswith(("learn", "data seen"))]
    model = gmlang.compile("\n".join([*lines, observed])).bind(**values)
    found = model.query("logZ()").value
    assert isinstance(found, float)
    return found


def test_each_row_of_a_network_is_log_z_with_what_it_says():
    rows = list(itertools.product(*CELLS.values()))
    cases = {name: [row[k] for row in rows] for k, name in enumerate(CELLS)}
    problem, objective = posed(NETWORK, seen=cases)
    numbers = anywhere(problem)
    found = objective.at(numbers, UNLIMITED).log_rows
    values = problem.layout.values(numbers)
    for row, log_row in zip(rows, found, strict=True):
        said = [
            f"observe {name} = {str(cell).lower()}"
            for name, cell in zip(CELLS, row, strict=True)
            if cell is not None
        ]
        assert log_row == pytest.approx(_asked(NETWORK, values, "\n".join(said)), abs=1e-12)


def test_each_row_of_a_field_is_less_log_z_without():
    cases = {"x": [[1, 0, 1], [0, 0, 0]], "y": [1, None]}
    problem, objective = posed(FIELD, seen=cases)
    numbers = anywhere(problem)
    values = problem.layout.values(numbers)
    nothing = _asked(FIELD, values, "")
    said = ["observe x[0], not x[1], x[2], y = 1", "observe not x[0], not x[1], not x[2]"]
    expected = [_asked(FIELD, values, text) - nothing for text in said]
    found = objective.at(numbers, UNLIMITED).log_rows
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_model_tells_the_same_of_rows():
    model = gmlang.compile(NETWORK)
    learned = model.learn(
        seen={"a": [True, False, None], "b": [True, None, False], "c": ["low"] * 3}
    )
    rows = learned.model.log_likelihood(seen={"a": [True, False], "c": ["top", "low"]})
    both = [
        learned.model.query(f"P(a = {a}, c = {c})") for a, c in [("true", "top"), ("false", "low")]
    ]
    assert np.exp(rows) == pytest.approx([answer.value for answer in both], abs=1e-12)


def test_weights_count_rows_several_times():
    cases = {"a": [True, False, False], "b": [None, True, True], "c": ["low", "mid", "mid"]}
    merged = {"a": [True, False], "b": [None, True], "c": ["low", "mid"], "weight": [1.0, 2.0]}
    model = gmlang.compile(NETWORK)
    one, other = model.learn(seen=cases), model.learn(seen=merged)
    assert one.objective == pytest.approx(other.objective, abs=1e-9)
    assert other.num_rows == 2


def test_a_plate_equals_the_same_rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, (6, 4))
    shared = (
        "param start[2] : simplex = [0.4, 0.6]\n"
        "param A[2, 2] : simplex = [[0.7, 0.3], [0.2, 0.8]]\n"
        "param B[2, 3] : simplex = [[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]]\n"
    )
    plate = shared + (
        "data y[N, T] : 0..2\nvar z[N, T] : 0..1\nvar o[N, T] : 0..2\n"
        "for n in 0..<N: z[n, 0] ~ Categorical(start)\n"
        "for n in 0..<N, t in 1..<T: z[n, t] ~ Categorical(A[z[n, t - 1]])\n"
        "for n in 0..<N, t in 0..<T: o[n, t] ~ Categorical(B[z[n, t]])\n"
        "observe o = y\nlearn start, A, B\n"
    )
    single = shared + (
        "data seen : rows\nvar z[4] : 0..1\nvar o[4] : 0..2\nz[0] ~ Categorical(start)\n"
        "for t in 1..3: z[t] ~ Categorical(A[z[t - 1]])\n"
        "for t in 0..3: o[t] ~ Categorical(B[z[t]])\nlearn start, A, B from seen\n"
    )
    one, first = posed(plate, y=y)
    _, second = posed(single, seen={"o": y})
    numbers = anywhere(one)
    found, other = first.at(numbers, UNLIMITED), second.at(numbers, UNLIMITED)
    assert found.value == pytest.approx(other.value, abs=1e-9)
    assert found.gradient == pytest.approx(other.gradient, abs=1e-9)
