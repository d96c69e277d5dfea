"""The numbers that are learned: how priors bend, in how many directions they may move."""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import beta, gamma

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


def test_spreads_of_priors_are_those_of_their_distributions():
    problem, _ = posed(PROGRAM, seen={"a": [True], "b": [1]})
    spreads, links = problem.priors.spreads()
    p, w, r = (problem.layout.array(name).part for name in ("p", "w", "r"))
    assert spreads[p] == pytest.approx([beta(2, 5).std()] * 2)
    odds = [beta(2, 5).expect(lambda x, k=k: logit(x) ** k) for k in (1, 2)]
    assert links[p] == pytest.approx([np.sqrt(odds[1] - odds[0] ** 2)] * 2, rel=1e-6)
    shares = [beta(one, 3.5 - one).std() for one in (1.0, 2.0, 0.5)]
    assert spreads[problem.layout.array("s").part] == pytest.approx(shares * 2)
    assert spreads[w] == pytest.approx([0.5])
    assert links[w] == pytest.approx([0.5])
    assert spreads[r] == pytest.approx([gamma(2, scale=1 / 3).std()])
    logs = [gamma(2, scale=1 / 3).expect(lambda x, k=k: np.log(x) ** k) for k in (1, 2)]
    assert links[r] == pytest.approx([np.sqrt(logs[1] - logs[0] ** 2)], rel=1e-6)


@pytest.mark.parametrize("prior", ["", " ~ Dirichlet([1, 0, 0.5])"])
def test_a_prior_that_is_none_has_no_spread(prior: str):
    text = PROGRAM.replace(" ~ Dirichlet([1, 2, 0.5])", prior).replace(" ~ Gamma(2, 3)", "")
    problem, _ = posed(text.replace(" ~ Normal(1, 0.5)", ""), seen={"a": [True], "b": [1]})
    spreads, links = problem.priors.spreads()
    for name in ("w", "r", *(["s"] if prior else [])):
        part = problem.layout.array(name).part
        assert np.isnan(spreads[part]).all()
        assert np.isnan(links[part]).all()
    assert np.isfinite(spreads[problem.layout.array("s").part]).all() == (not prior)
