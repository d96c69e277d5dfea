"""Sites: moments against integrals, and the Gaussians that stand for sites against each other."""

import numpy as np
import pytest
from scipy import integrate, stats

from gmruntime.budget import UNLIMITED
from gmruntime.continuous.errors import NotProperError
from gmruntime.continuous.grouping import groups_of
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.continuous.sites.edges import send
from gmruntime.continuous.sites.expectation import Propagated, propagate
from gmruntime.continuous.sites.families import FAMILIES, Site
from gmruntime.continuous.sites.fields import Field, dense_field
from gmruntime.continuous.sites.laplace import climb
from gmruntime.continuous.sites.sparse_field import sparse_field
from gmruntime.continuous.sites.tilted import coded, rule, tilt_all
from gmruntime.continuous.slicing import sliced
from gmruntime.continuous.sparse.structure import structure_of
from gmruntime.continuous.system import System, system_of
from gmruntime.graph import FactorGraph

NUMBERS = {
    "logit": [[1.0, 1.0], [3.0, 7.0]],
    "probit": [[1.0, 1.0], [0.0, 1.0], [2.0, 5.0]],
    "poisson": [[0.0], [12.0]],
    "student": [[0.0, 4.0, 1.0], [3.0, 1.0, 0.3]],
    "laplace": [[0.0, 1.0], [2.0, 0.4]],
    "logistic": [[0.0, 1.0], [2.0, 0.4]],
}


@pytest.mark.parametrize("family", NUMBERS)
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.0, 9.0), (-4.0, 0.5), (1.0, 80.0)])
def test_moments_are_integrals(family: str, mean: float, variance: float):
    site = Site(family, np.array(NUMBERS[family]))
    count, sd = len(site.numbers), variance**0.5
    found = np.zeros((3, count))
    sites = coded(((slice(0, count), site),), count)
    tilt_all(sites, rule(), np.full(count, mean), np.full(count, variance), found)
    for k in range(count):
        one = site.some(np.array([k]))

        def weigh(z: float, power: int, one: Site = one) -> float:
            log = float(one.log_density(np.array([z]))[0])
            return z**power * np.exp(log) * stats.norm.pdf(z, mean, sd)

        marks = [0.0, 2.0, 3.0, mean - sd, mean + sd]
        ends = mean - 12 * sd, mean + 12 * sd
        total, first, second = (
            integrate.quad(weigh, *ends, args=(power,), points=marks, limit=400)[0]
            for power in range(3)
        )
        centre = first / total
        spread = second / total - centre**2
        assert found[0, k] == pytest.approx(np.log(total), abs=2e-4)
        assert abs(found[1, k] - centre) < 5e-4 * spread**0.5
        assert found[2, k] == pytest.approx(spread, rel=1e-3)


@pytest.mark.parametrize("family", NUMBERS)
def test_slopes_are_those_of_the_log_density(family: str):
    numbers = np.array(NUMBERS[family])
    z = np.linspace(-2.7, 4.1, len(numbers))
    step = 1e-4

    def log(at: np.ndarray) -> np.ndarray:
        return FAMILIES[family].log_density(at, numbers)

    first, second = FAMILIES[family].slopes(z, numbers)
    assert first == pytest.approx((log(z + step) - log(z - step)) / (2 * step), rel=1e-5)
    if FAMILIES[family].is_smooth:
        bend = (log(z + step) - 2 * log(z) + log(z - step)) / step**2
        assert second == pytest.approx(bend, rel=1e-3, abs=1e-5)


def _block(
    scopes: np.ndarray, coefficients: np.ndarray, offsets: np.ndarray, weights: np.ndarray
) -> RealFactorBlock:
    scales = 0.5 * np.log(weights / (2 * np.pi))
    rows = Rows(coefficients, offsets, weights, scales)
    nothing = np.zeros((len(scopes), 0), np.int32)
    return RealFactorBlock(rows, nothing, scopes.astype(np.int32))


def chain(count: int, site: Site) -> System:
    """A random walk, each step of which one site sees."""
    steps = np.stack([np.arange(1, count), np.arange(count - 1)], axis=1)
    each = np.arange(count)[:, None]
    walk = _block(steps, np.array([[1.0, -1.0]]), np.zeros(1), np.full(1, 4.0))
    start = _block(each[:1], np.ones((1, 1)), np.zeros(1), np.ones(1))
    rows = Rows(np.ones((1, 1)), np.zeros(1), np.ones(1), np.zeros(1))
    seen = RealFactorBlock(rows, np.zeros((count, 0), np.int32), each.astype(np.int32), "", site)
    graph = MixedGraph(FactorGraph((), ()), (RealBlock("x", (count,)),), (walk, start, seen))
    mixed = validate(graph)
    free = np.full(count, np.nan)
    rest = sliced(mixed, np.zeros(0, np.int32), free)
    (group,) = groups_of(rest.pieces, np.isnan(free), ())
    return system_of(group.pieces, group.border, (), np.arange(count), count)


def _walk(seed: int, count: int) -> Site:
    rng = np.random.default_rng(seed)
    rates = np.exp(np.cumsum(rng.normal(0.0, 0.5, count)) * 0.7)
    return Site("poisson", rng.poisson(np.minimum(rates, 50.0)).astype(float)[:, None])


def _swept(field: Field) -> Propagated:
    top = climb(field, 0, UNLIMITED)
    return propagate(field, top.tau, top.nu, UNLIMITED)


def test_dense_sparse_and_messages_agree_on_a_chain():
    system = chain(40, _walk(3, 40))
    dense = dense_field(system, 0)
    structure = structure_of(40, system.row_start, system.columns, UNLIMITED, 1 << 28)
    sparse = sparse_field(system, structure, 0, UNLIMITED)
    assert dense is not None
    assert sparse is not None
    one, other, messages = _swept(dense), _swept(sparse), send(system, 0, UNLIMITED)
    assert messages is not None
    assert other.moments.mean == pytest.approx(one.moments.mean, abs=1e-5)
    assert other.moments.variances == pytest.approx(one.moments.variances, rel=1e-5)
    assert other.log_value == pytest.approx(one.log_value, abs=1e-6)
    # Messages on a tree are the same fixed point.
    assert messages.means == pytest.approx(one.moments.mean, abs=1e-3)
    assert messages.variances == pytest.approx(one.moments.variances, rel=1e-3)
    assert messages.log_value == pytest.approx(one.log_value, abs=1e-3)


def test_a_normal_law_as_a_site_would_be_exact():
    """Probits of a wide normal law: the integral in closed form."""
    site = Site("probit", np.array([[1.0, 1.0]]))
    field = dense_field(chain(1, site), 0)
    assert field is not None
    found = _swept(field)
    assert found.log_value == pytest.approx(np.log(0.5), abs=1e-9)
    assert found.moments.mean[0] == pytest.approx(1 / np.sqrt(np.pi), abs=1e-9)


def test_the_integral_is_near_that_of_a_grid():
    site = Site("logit", np.array([[1.0, 1.0], [0.0, 1.0]]))
    field = dense_field(chain(2, site), 0)
    assert field is not None
    found = _swept(field)
    axis = np.linspace(-7, 7, 281)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    log = stats.norm.logpdf(x) + stats.norm.logpdf(y, x, 0.5)
    log = log - np.logaddexp(0, -x) - np.logaddexp(0, y)
    total = np.logaddexp.reduce(log.ravel()) + 2 * np.log(axis[1] - axis[0])
    w = np.exp(log - np.logaddexp.reduce(log.ravel()))
    assert found.log_value == pytest.approx(total, abs=1e-3)
    assert found.moments.mean == pytest.approx([np.sum(w * x), np.sum(w * y)], abs=2e-3)


def test_flat_reals_do_not_run_away():
    """Counts of 0 hold nothing in place; from the maximum, others do."""
    rows = Rows(np.ones((1, 1)), np.zeros(1), np.ones(1), np.zeros(1))
    for k, is_proper in ((3.0, True), (0.0, False)):
        site = Site("poisson", np.array([[k]]))
        nothing, scopes = np.zeros((1, 0), np.int32), np.zeros((1, 1), np.int32)
        block = RealFactorBlock(rows, nothing, scopes, "", site)
        mixed = validate(MixedGraph(FactorGraph((), ()), (RealBlock("x", (1,)),), (block,)))
        free = np.full(1, np.nan)
        (group,) = groups_of(sliced(mixed, np.zeros(0, np.int32), free).pieces, np.isnan(free), ())
        field = dense_field(system_of(group.pieces, group.border, (), np.zeros(1, int), 1), 0)
        assert field is not None
        if is_proper:
            assert climb(field, 0, UNLIMITED).x[0] == pytest.approx(np.log(3.0))
        else:
            with pytest.raises(NotProperError):
                climb(field, 0, UNLIMITED)
