"""What integrals over outer parameters are made of: bounds, points, tails of weights, beliefs."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import qmc

from gmruntime.budget import UNLIMITED
from gmruntime.continuous.outer.domains import Domain, constrain, release
from gmruntime.continuous.outer.pareto import pareto_khat
from gmruntime.continuous.outer.points import PointBelief
from gmruntime.continuous.outer.proposals import Proposal, defended, refitted
from gmruntime.continuous.outer.sobol import DIMENSIONS_MAX, sobol_points

INF = math.inf
LAWS: Any = stats
KINDS = ((-INF, INF), (0.0, INF), (-INF, 2.0), (-1.0, 1.0), (100.0, 101.0))


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    bounds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
    lows, highs = (np.array(row) for row in zip(*bounds, strict=True))
    first = draw(st.integers(0, len(bounds)))
    group = tuple(range(first, len(bounds)))
    if len(group) > 1:
        lows[list(group)], highs[list(group)] = bounds[first]
    return Domain(lows, highs, (group,) if len(group) > 1 else ())


@given(domains(), st.integers(0, 1000))
def test_free_numbers_and_parameters_say_the_same(domain: Domain, seed: int):
    free = np.random.default_rng(seed).normal(0, 3, (20, domain.size))
    theta, log_jacobian = constrain(domain, free)
    assert (theta > domain.lows).all()
    assert (theta < domain.highs).all()
    for group in domain.ordered:
        assert (np.diff(theta[:, list(group)], axis=1) > 0).all()
    # Farther out, floats near 101 do not tell how far ordered parameters are apart.
    inside = np.abs(free).max(axis=1) < 5
    assert release(domain, theta[inside]) == pytest.approx(free[inside], abs=1e-2)
    step = 1e-5
    slopes = np.empty((20, domain.size, domain.size))
    for k in range(domain.size):
        shifted = step * np.eye(domain.size)[k]
        up, down = constrain(domain, free + shifted)[0], constrain(domain, free - shifted)[0]
        slopes[:, :, k] = (up - down) / (2 * step)
    found = np.linalg.slogdet(slopes[inside])[1]
    assert found == pytest.approx(log_jacobian[inside], abs=1e-3)


def test_far_free_numbers_stay_inside_the_bounds():
    domain = Domain(np.array([0.0, -INF, 5.0]), np.array([INF, 2.0, 6.0]))
    for far in (-1e9, -800.0, 800.0, 1e9):
        theta, _ = constrain(domain, np.full((1, 3), far))
        assert (theta > domain.lows).all()
        assert (theta < domain.highs).all()


@pytest.mark.parametrize(
    ("lows", "highs", "ordered"),
    [
        ([0.0], [0.0], ()),
        ([0.0, 1.0], [2.0], ()),
        ([0.0, 0.0], [1.0, 1.0], ((0, 0),)),
        ([0.0], [1.0], ((0, 1),)),
    ],
)
def test_bounds_that_make_no_sense_are_refused(
    lows: list[float], highs: list[float], ordered: tuple[tuple[int, ...], ...]
):
    with pytest.raises(ValueError):  # noqa: PT011
        Domain(np.array(lows), np.array(highs), ordered)


def test_plain_points_are_those_of_scipy():
    ours = sobol_points(512, DIMENSIONS_MAX, None)
    theirs = qmc.Sobol(DIMENSIONS_MAX, scramble=False).random(512)
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_scrambled_points_are_uniform_and_lie_evenly():
    rng = np.random.default_rng(0)
    points = sobol_points(256, DIMENSIONS_MAX, rng)
    # Each of 256 intervals holds one point, along every axis: a net stays one when scrambled.
    cells = np.sort((points * 256).astype(int), axis=0)
    assert (cells == np.arange(256)[:, None]).all()
    means = [sobol_points(64, 5, rng).prod(axis=1).mean() for _ in range(200)]
    plain = [rng.random((64, 5)).prod(axis=1).mean() for _ in range(200)]
    assert np.mean(means) == pytest.approx(2.0**-5, abs=4 * float(np.std(means)) / math.sqrt(200))
    assert np.std(means) < 0.5 * np.std(plain)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.7, 1.0])
def test_tails_of_known_shape_are_recognised(shape: float):
    draws = LAWS.genpareto(shape).rvs((20, 20_000), random_state=np.random.default_rng(1))
    found = [pareto_khat(np.log(row)) for row in draws]
    assert np.mean(found) == pytest.approx(shape, abs=0.08)


def test_weights_that_are_one_number_have_no_tail():
    assert pareto_khat(np.zeros(1000)) == -INF
    assert pareto_khat(np.full(1000, -INF)) == INF
    assert pareto_khat(np.zeros(10)) == INF


def test_tails_are_as_arviz_said():
    """By `psislw` of ArviZ 0.23.4, for those who have none."""
    rng = np.random.default_rng(2)
    for theirs in (0.98099440599590, 1.40346594220928, 0.41557569155237, 1.42432174678498):
        log_weights = rng.uniform(0.2, 3.0) * rng.standard_t(rng.uniform(2, 20), 2000)
        assert pareto_khat(log_weights) == pytest.approx(theirs, abs=1e-9)


def test_tails_are_as_arviz_says():
    arviz: Any = pytest.importorskip("arviz")
    rng = np.random.default_rng(2)
    for _ in range(20):
        log_weights = rng.uniform(0.2, 3.0) * rng.standard_t(rng.uniform(2, 20), 2000)
        theirs = float(arviz.psislw(log_weights)[1])
        assert pareto_khat(log_weights) == pytest.approx(theirs, abs=1e-9)


@given(st.integers(0, 1000))
def test_a_mixture_integrates_to_one_and_draws_what_it_says(seed: int):
    rng = np.random.default_rng(seed)
    size, count = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    roots = rng.normal(size=(count, size, size)) + 2 * np.eye(size)
    shares = rng.dirichlet(np.ones(count))
    plain = Proposal(3 * rng.normal(size=(count, size)), roots, np.log(shares))
    # Draws of the wider one, weighed as draws of the plain one: their mean weight is 1.
    wide = defended(plain, 0.5)
    points = wide.draw(sobol_points(4096, size + 3, rng))
    weights = np.exp(plain.log_density(points) - wide.log_density(points))
    assert weights.mean() == pytest.approx(1.0, abs=0.05)
    assert weights @ points / weights.sum() == pytest.approx(shares @ plain.centres, abs=0.6)


def test_a_fit_makes_its_draws_likelier():
    rng = np.random.default_rng(0)
    draws = np.concatenate([rng.normal(-3, 1, (500, 2)), rng.normal(2, 0.3, (500, 2))])
    weights = np.full(1000, 1e-3)
    start = Proposal(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([np.eye(2)] * 2), np.zeros(2))
    fitted = refitted(start, draws, weights, UNLIMITED)
    assert fitted.log_density(draws).mean() > start.log_density(draws).mean()
    assert sorted(np.exp(fitted.log_shares)) == pytest.approx([0.5, 0.5], abs=0.02)


def _lattice_of(
    density: Callable[[np.ndarray], np.ndarray], low: float, high: float, step: float
) -> PointBelief:
    """Two lattices over a line, half a step apart."""
    values = np.arange(low, high, step / 2)
    weights = density(values)
    return PointBelief(values, weights / weights.sum(), np.arange(len(values)) % 2, True)


def test_a_belief_of_lattices_has_quantiles_and_density_within_their_errors():
    law = LAWS.norm(2.0, 3.0)
    belief = _lattice_of(law.pdf, -13.0, 17.0, 1.5)
    assert belief.mean().value == pytest.approx(2.0, abs=1e-4)
    assert belief.sd().value == pytest.approx(3.0, abs=1e-3)
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        found = belief.quantile(share)
        assert abs(found.value - law.ppf(share)) <= max(2 * found.error, 0.02)
    for value in (-3.0, 0.0, 2.0, 5.0):
        assert belief.cdf(value).value == pytest.approx(law.cdf(value), abs=0.01)
        found = belief.density(value)
        assert abs(found.value - law.pdf(value)) <= 2 * found.error
        assert found.error < 0.1 * law.pdf(2.0)


@pytest.mark.parametrize("power", [1.5, 2.0, 3.0])
def test_what_lies_beyond_the_edge_of_a_lattice_is_covered(power: float):
    """Of the tail (1 + |x|)^-power what is left out is less than what is said."""
    for edge in (10.0, 100.0, 1000.0):
        belief = _lattice_of(lambda x: (1 + np.abs(x)) ** -power, -edge, edge, 0.5)
        left_out = (1 + edge) ** (1 - power)
        assert left_out / (1 - left_out) <= belief.beyond(np.ones(len(belief.values)))


def test_draws_of_a_belief_are_its_values_by_weight():
    belief = PointBelief(np.array([1.0, 2.0]), np.array([0.25, 0.75]), np.zeros(2, int), False)
    draws = belief.sample(np.random.default_rng(0), 4000)
    assert draws.mean() == pytest.approx(1.75, abs=0.05)


@pytest.mark.parametrize("angle", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_columns_of_a_lattice_are_no_steps(angle: float, scale: float):
    steps = 0.6 * np.arange(-9, 10)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shifted = [np.stack(np.meshgrid(steps + a, steps + a / 2), -1) for a in (0.0, 0.3)]
    places = np.concatenate([part.reshape(-1, 2) @ turn.T for part in shifted])
    weights = np.exp(-0.5 * (places**2).sum(axis=1))
    parts = np.repeat([0, 1], len(places) // 2)
    belief = PointBelief(np.exp(scale * places[:, 0]), weights / weights.sum(), parts, True)
    for share in (0.05, 0.2, 0.5, 0.7, 0.95):
        value = float(np.exp(scale * stats.norm.ppf(share)))
        found = belief.cdf(value)
        assert found.value == pytest.approx(share, abs=min(0.003, 3 * found.error))
        below = stats.norm.cdf(np.log(belief.quantile(share).value) / scale)
        assert below == pytest.approx(share, abs=0.003)
