"""The numbers that are learned: how priors bend, in how many directions they may move."""

import pytest

from gmlang.learning.numbers.coordinates import basis, to_coordinates, to_numbers
from tests.gmlang.learning.posed import anywhere, posed

PROGRAM = """
data seen : rows
param p[2] : probability ~ Beta(2, 5)
param s[2, 3] : simplex ~ Dirichlet([1, 2, 0.5])
param w : real ~ Normal(1, 0.5)
param r : positive ~ Gamma(2, 3)
var a : bool ~ Bernoulli(p[0])
var b : 0..2 ~ Categorical(s[0])
prefer a weight w * r
learn p, s, w, r from seen
"""


def test_curvature_is_the_change_of_the_gradient():
    problem, _ = posed(PROGRAM, seen={"a": [True], "b": [1]})
    priors, layout = problem.priors, problem.layout
    numbers = anywhere(problem)
    where = to_coordinates(layout, numbers)
    found = priors.curvature(numbers).toarray()
    for k in range(layout.size):
        ends = [where.copy(), where.copy()]
        ends[0][k] += 1e-5
        ends[1][k] -= 1e-5
        above, below = (priors.gradient(to_numbers(layout, end)) for end in ends)
        assert found[:, k] == pytest.approx((below - above) / 2e-5, abs=1e-7)


def test_free_directions_are_counted_without_being_written_down():
    problem, _ = posed(PROGRAM, seen={"a": [True], "b": [1]})
    assert problem.layout.num_free == basis(problem.layout).shape[1] == 2 + 4 + 2
