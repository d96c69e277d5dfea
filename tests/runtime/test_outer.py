"""Integrals over outer parameters: made-up posteriors whose answers are known."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

from gmruntime.budget import UNLIMITED, start_budget
from gmruntime.continuous.outer import (
    Domain,
    ImproperDensityError,
    WeightedPoints,
    integrate,
    unbounded,
)
from gmruntime.continuous.outer.points import LATTICE_DIFFERENCE, STANDARD_ERROR
from tests.support.posteriors import made_up_posterior

LAWS: Any = stats
Density = Callable[[np.ndarray], np.ndarray]


def answered(
    log_density: Density, domain: Domain, seed: int = 0, draw: Density | None = None
) -> WeightedPoints:
    rng = np.random.default_rng(seed)
    return integrate(log_density, domain, budget=UNLIMITED, rng=rng, draw=draw)


def normal(x: Any, mean: Any, sd: Any) -> np.ndarray:
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def positive(size: int) -> Domain:
    return Domain(np.zeros(size), np.full(size, np.inf))


class Known(NamedTuple):
    """A posterior of mass 1 with independent parameters that are alike."""

    log_density: Density
    domain: Domain
    mean: float
    sd: float


def _known(name: str, size: int) -> Known:
    free, above = unbounded(size), positive(size)
    unit = Domain(np.zeros(size), np.ones(size))
    far = Domain(np.full(size, -np.inf), np.full(size, 3.0))
    match name:
        case "normal":
            return Known(lambda x: normal(x, 2e3, 50.0).sum(1), free, 2e3, 50.0)
        case "half normal":
            sd = math.sqrt(1 - 2 / math.pi)
            mean = math.sqrt(2 / math.pi)
            return Known(lambda x: (normal(x, 0, 1) + math.log(2)).sum(1), above, mean, sd)
        case "exponential":
            return Known(lambda x: -x.sum(1), above, 1.0, 1.0)
        case "below":
            return Known(lambda x: (x - 3.0).sum(1), far, 2.0, 1.0)
        case "uniform":
            return Known(lambda x: 0 * x.sum(1), unit, 0.5, math.sqrt(1 / 12))
        case "arcsine":
            log_density = LAWS.beta(0.5, 0.5).logpdf
            return Known(lambda x: log_density(x).sum(1), unit, 0.5, math.sqrt(1 / 8))
        case "t":
            log_density = LAWS.t(6.0).logpdf
            return Known(lambda x: log_density(x).sum(1), free, 0.0, math.sqrt(1.5))
        case "cusp":
            sd = math.sqrt(2)
            return Known(lambda x: (-np.abs(x) - math.log(2)).sum(1), free, 0.0, sd)
        case _:
            raise AssertionError(name)


NAMES = ("normal", "half normal", "exponential", "below", "uniform", "arcsine", "t", "cusp")


SIZES = [1, 2, 4, *(pytest.param(size, marks=pytest.mark.slow) for size in (3, 8))]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_lies_within_the_errors(name: str, size: int):
    known = _known(name, size)
    found = answered(known.log_density, known.domain)
    assert found.is_to_be_trusted
    if name != "cusp":
        assert found.error_kind == (LATTICE_DIFFERENCE if size <= 3 else STANDARD_ERROR)
    assert abs(found.log_z) <= 4 * found.log_z_error
    for k in range(size):
        belief = found.belief(found.points[:, k])
        mean, sd = belief.mean(), belief.sd()
        assert abs(mean.value - known.mean) <= 4 * mean.error
        assert mean.error < 0.03 * known.sd
        assert abs(sd.value - known.sd) <= max(4 * sd.error, 0.02 * known.sd)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_both_modes_weigh_what_they_hold(size: int):
    def log_density(x: np.ndarray) -> np.ndarray:
        left = math.log(0.3) + normal(x, -4.0, 1.0).sum(1)
        return np.logaddexp(left, math.log(0.7) + normal(x, 3.0, 0.5).sum(1))

    found = answered(log_density, unbounded(size), draw=LAWS.norm(0, 6).ppf)
    assert found.num_modes == 2
    assert found.notes[0] == "2 modes from 32 starts"
    left = found.belief((found.points[:, 0] < 0).astype(float)).mean()
    assert left.value == pytest.approx(0.3, abs=4 * left.error)
    assert found.log_z == pytest.approx(0.0, abs=4 * found.log_z_error)


def test_labels_that_may_be_swapped_are_two_modes_and_twice_the_integral():
    data = np.concatenate([np.linspace(-3, -2, 20), np.linspace(1, 4, 20)])

    def log_density(mu: np.ndarray) -> np.ndarray:
        parts = normal(data, mu[:, :, None], 1.0)
        each = np.logaddexp(parts[:, 0], parts[:, 1]) - math.log(2)
        return each.sum(1) + normal(mu, 0.0, 5.0).sum(1)

    free = answered(log_density, unbounded(2), draw=LAWS.norm(0, 5).ppf)
    line = Domain(np.full(2, -np.inf), np.full(2, np.inf), ((0, 1),))
    one = answered(log_density, line, draw=LAWS.norm(0, 5).ppf)
    assert (free.num_modes, one.num_modes) == (2, 1)
    off = free.log_z - one.log_z - math.log(2)
    assert abs(off) <= 4 * (free.log_z_error + one.log_z_error)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4, 9])
def test_a_funnel_is_answered_or_not_trusted(size: int):
    def log_density(x: np.ndarray) -> np.ndarray:
        return normal(x[:, 0], 0, 3) + normal(x[:, 1:], 0, np.exp(x[:, :1] / 2)).sum(1)

    budget = start_budget(10.0, 1 << 30)
    rng = np.random.default_rng(0)
    found = integrate(log_density, unbounded(size), budget=budget, rng=rng)
    if found.is_to_be_trusted:
        mean = found.belief(found.points[:, 0]).mean()
        assert abs(mean.value) <= 4 * mean.error
        assert abs(found.log_z) <= 4 * found.log_z_error
    else:
        assert "not to be trusted" in found.notes[-1]


def test_a_mean_that_does_not_exist_has_no_finite_error():
    found = answered(lambda x: LAWS.cauchy.logpdf(x[:, 0]), unbounded(1))
    mean = found.belief(found.points[:, 0]).mean()
    assert (
        not found.is_to_be_trusted or mean.error > 0.5 * found.belief(found.points[:, 0]).sd().value
    )
    assert found.log_z == pytest.approx(0.0, abs=0.02)


def _one_datum(x: np.ndarray) -> np.ndarray:
    return normal(1.0, x[:, 0], x[:, 1])


def _two_data(x: np.ndarray) -> np.ndarray:
    return normal(1.0, x[:, 0], x[:, 1]) + normal(2.0, x[:, 0], x[:, 1])


HALF = Domain(np.array([-np.inf, 0.0]), np.array([np.inf, np.inf]))
IMPROPER: dict[str, tuple[Density, Domain, set[int]]] = {
    "nothing is said": (lambda x: 0 * x[:, 0], unbounded(1), {0}),
    "one of two": (lambda x: normal(x[:, 0], 0, 1), unbounded(2), {1}),
    "only a sum": (lambda x: normal(x[:, 0] + x[:, 1], 0, 1), unbounded(2), {0, 1}),
    "a sum of five": (
        lambda x: normal(x[:, 0] + x[:, 1], 0, 1) + normal(x[:, 2:], 0, 1).sum(1),
        unbounded(5),
        {0, 1},
    ),
    "a scale": (lambda x: -np.log(x[:, 0]), positive(1), {0}),
    "a spread of one": (_one_datum, HALF, {0, 1}),
    "a spread of two": (_two_data, HALF, {1}),
    "separable": (lambda x: -np.logaddexp(0, -x[:, 0]), unbounded(1), {0}),
}


@pytest.mark.parametrize("name", IMPROPER)
def test_what_cannot_be_normalised_is_refused(name: str):
    log_density, domain, parameters = IMPROPER[name]
    with pytest.raises(ImproperDensityError) as raised:
        answered(log_density, domain)
    assert raised.value.parameter in parameters


@pytest.mark.parametrize("narrow", [1e-1, 1e-2, pytest.param(1e-3, marks=pytest.mark.slow)])
def test_a_wide_slab_below_a_spike_is_seen(narrow: float):
    """The density falls by some nats and then not for a thousand standard deviations."""

    def log_density(x: np.ndarray) -> np.ndarray:
        spike = math.log(0.9) + normal(x[:, 0], 0.0, narrow)
        return np.logaddexp(spike, math.log(0.1) + normal(x[:, 0], 0.0, 1.0))

    found = answered(log_density, unbounded(1))
    assert found.log_z == pytest.approx(0.0, abs=4 * found.log_z_error)
    if found.is_to_be_trusted:
        sd = found.belief(found.points[:, 0]).sd()
        truth = math.sqrt(0.1 + 0.9 * narrow**2)
        assert abs(sd.value - truth) <= max(4 * sd.error, 0.02 * truth)


@pytest.mark.parametrize("size", [2, 4, 6])
def test_what_the_first_mixture_misses_is_found_later(size: int):
    """A tenth lies around the maximum, a hundred times as wide."""

    def log_density(x: np.ndarray) -> np.ndarray:
        narrow = math.log(0.9) + normal(x, 0.0, 0.01).sum(1)
        return np.logaddexp(narrow, math.log(0.1) + normal(x, 0.0, 1.0).sum(1))

    found = answered(log_density, unbounded(size))
    assert found.is_to_be_trusted
    assert abs(found.log_z) <= 4 * found.log_z_error
    sd = found.belief(found.points[:, 0]).sd()
    assert abs(sd.value - math.sqrt(0.1 + 0.9e-4)) <= max(4 * sd.error, 0.02)


def test_what_floats_do_not_tell_from_a_bound_is_not_trusted():
    """Half of Beta(0.05, 0.05) lies within 1e-6 of an end; near 1 floats are too coarse for it."""
    law = LAWS.beta(0.05, 0.05)
    found = answered(lambda x: law.logpdf(x[:, 0]), Domain(np.zeros(1), np.ones(1)))
    assert not found.is_to_be_trusted
    assert any("nearer to a bound" in note for note in found.notes)


def test_a_hierarchy_whose_members_are_parameters_is_not_trusted():
    """As their spread goes to 0 and they to their mean, the density grows without end."""
    data = np.array([28.0, 8, -3, 7])

    def log_density(x: np.ndarray) -> np.ndarray:
        members = normal(x[:, :4], x[:, 4:5], x[:, 5:]).sum(1) + normal(data, x[:, :4], 12.0).sum(1)
        return members + normal(x[:, 4], 0.0, 5.0) - np.log1p((x[:, 5] / 5) ** 2)

    low = np.full(6, -np.inf)
    low[5] = 0.0
    budget = start_budget(3.0, 1 << 30)
    domain = Domain(low, np.full(6, np.inf))
    found = integrate(log_density, domain, budget=budget, rng=np.random.default_rng(0))
    assert not found.is_to_be_trusted
    assert any("rise without end" in note for note in found.notes)


def test_climbs_that_are_cut_off_are_no_maxima():
    """Nothing is called improper for what a climb on its way has seen."""

    def log_density(x: np.ndarray) -> np.ndarray:
        return normal(x, 1e4, 1.0).sum(1)

    for seconds in range(1, 120, 5):
        reading = [0.0]

        def slow(x: np.ndarray, reading: list[float] = reading) -> np.ndarray:
            reading[0] += len(x)
            return log_density(x)

        def clock(reading: list[float] = reading) -> float:
            return reading[0]

        budget = start_budget(seconds, 1 << 30, clock=clock)
        found = integrate(slow, unbounded(3), budget=budget, rng=np.random.default_rng(0))
        assert not found.is_to_be_trusted or abs(found.log_z) <= 4 * found.log_z_error


def test_three_data_about_a_mean_and_a_spread_are_proper():
    data = np.array([1.0, 2.0, 4.0])

    def log_density(x: np.ndarray) -> np.ndarray:
        return normal(data, x[:, :1], x[:, 1:]).sum(1)

    found = answered(log_density, HALF)
    # The mean is integrated in closed form: s^-2 e^(-S / 2 s^2) is left of the spread.
    squares = float(((data - data.mean()) ** 2).sum())
    truth = -math.log(2 * math.pi) - 0.5 * math.log(3.0) + 0.5 * math.log(math.pi / (2 * squares))
    assert found.log_z == pytest.approx(truth, abs=max(0.02, 4 * found.log_z_error))


def test_nowhere_above_zero_is_no_answer():
    found = answered(lambda x: np.full(len(x), -np.inf), unbounded(2))
    assert not found.is_to_be_trusted
    assert found.log_z == -np.inf
    assert len(found.points) == 0
    assert "no point" in found.notes[-1]


def test_a_wall_inside_the_domain_is_within_the_errors():
    def log_density(x: np.ndarray) -> np.ndarray:
        return np.where((x > 0).all(1), -x.sum(1), -np.inf)

    for size in (1, 2):
        found = answered(log_density, unbounded(size))
        mean = found.belief(found.points[:, 0]).mean()
        assert abs(mean.value - 1.0) <= 4 * mean.error


def test_the_same_seed_gives_the_same_points():
    known = _known("t", 4)
    first, second = (answered(known.log_density, known.domain, seed=3) for _ in range(2))
    assert np.array_equal(first.points, second.points)
    assert first.log_z == second.log_z


@pytest.mark.parametrize("domain", [unbounded(1), unbounded(4), positive(2)])
def test_the_clock_is_looked_at_between_batches(domain: Domain):
    """Each point takes a second of a clock that the density itself moves on."""
    reading = [0.0]

    def log_density(x: np.ndarray) -> np.ndarray:
        reading[0] += len(x)
        return normal(x, 0.0, 1.0).sum(1)

    for seconds in (*range(1, 300, 23), 700, 1500, 2500, 4000, 7000):
        reading[0] = 0.0
        budget = start_budget(seconds, 1 << 30, clock=lambda: reading[0])
        found = integrate(log_density, domain, budget=budget, rng=np.random.default_rng(0))
        assert reading[0] <= seconds + 1
        assert found.num_evaluations == reading[0]
        if found.is_to_be_trusted and domain.lows[0] < 0:
            assert abs(found.log_z) < 0.5


def test_arrays_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="log_density gave an array"):
        answered(lambda x: x, unbounded(2))
    with pytest.raises(ValueError, match="draw gave an array"):
        answered(lambda x: normal(x, 0, 1).sum(1), unbounded(2), draw=lambda u: u[:, 0])
    with pytest.raises(ValueError, match="expected 1 to 20"):
        answered(lambda x: normal(x, 0, 1).sum(1), unbounded(21))


@pytest.mark.slow
def test_errors_cover_the_truth_of_made_up_posteriors():
    """Two standard errors, or what lattices differ by: nine in ten means and log integrals."""
    covered, log_covered, worst, doubted = list[bool](), list[bool](), 0.0, 0
    for seed in range(100):
        made = made_up_posterior(np.random.default_rng(seed))
        budget = start_budget(10.0, 1 << 30)
        rng = np.random.default_rng(seed)
        found = integrate(made.log_density, made.domain, budget=budget, rng=rng, draw=made.draw)
        if not found.is_to_be_trusted:
            doubted += 1
            continue
        times = 2 if found.error_kind == STANDARD_ERROR else 1
        log_covered.append(abs(found.log_z - made.log_z) <= times * found.log_z_error)
        for k in range(made.domain.size):
            mean = found.belief(found.points[:, k]).mean()
            covered.append(abs(mean.value - made.means[k]) <= times * mean.error)
            worst = max(worst, abs(mean.value - made.means[k]) / made.sds[k])
    assert np.mean(covered) >= 0.9
    assert np.mean(log_covered) >= 0.9
    assert worst < 0.1
    assert doubted <= 5
