"""Integrals of rows against fractions and fine quadrature; mixtures against what they say."""

import itertools
import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.budget import Budget
from gmruntime.continuous.beliefs import GaussianMixture
from gmruntime.continuous.eliminating import ImproperError, OutOfTimeError, eliminate_reals
from gmruntime.continuous.mixed import RealFactorBlock, Rows, log_score
from tests.runtime.test_continuous import random_mixed
from tests.support.gaussian import eliminated, normal, of_reals


def _log(value: Fraction) -> float:
    bits = value.numerator.bit_length() - value.denominator.bit_length()
    return math.log(value / Fraction(2) ** bits) + bits * math.log(2.0)


def _dot(left: Iterable[Fraction], right: Iterable[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def _by_fractions(
    rows: np.ndarray, offsets: np.ndarray, weights: np.ndarray
) -> tuple[float, list[float], list[float]] | None:
    """Return the log of the integral, means and variances; None where there is no integral."""
    count = rows.shape[1]
    matrix = [[Fraction(float(v)) for v in row] for row in rows]
    told, scale = [Fraction(float(v)) for v in offsets], [Fraction(float(v)) for v in weights]
    lines: list[list[Fraction]] = []
    for i in range(count):
        weighed = [w * row[i] for w, row in zip(scale, matrix, strict=True)]
        columns = [*zip(*matrix, strict=True), told]
        line = [_dot(weighed, column) for column in columns]
        lines.append(line + [Fraction(int(i == j)) for j in range(count)])
    log = 0.5 * count * math.log(2.0 * math.pi)
    for k in range(count):
        pivot = lines[k][k]
        if pivot <= 0:
            return None
        log -= 0.5 * _log(pivot)
        for i in range(count):
            if i != k and lines[i][k]:
                share = lines[i][k] / pivot
                lines[i] = [a - share * b for a, b in zip(lines[i], lines[k], strict=True)]
    means = [lines[i][count] / lines[i][i] for i in range(count)]
    variances = [lines[i][count + 1 + i] / lines[i][i] for i in range(count)]
    for row, weight, offset in zip(matrix, scale, told, strict=True):
        left = _dot(row, means) - offset
        log -= 0.5 * float(weight * left**2)
    return log, [float(m) for m in means], [float(v) for v in variances]


@given(st.integers(0, 100_000), st.sampled_from([1, 3, 6]))
@settings(deadline=None, max_examples=60)
def test_integrals_are_as_fractions_say(seed: int, span: int):
    """Weights span up to twelve orders, some are below 0: refused, or right to nine digits."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 5))
    num_rows = int(rng.integers(count, 2 * count + 3))
    weights = 10.0 ** rng.uniform(-span, span, num_rows)
    weights *= np.where(rng.random(num_rows) < 0.1, -rng.choice([0.01, 0.5, 1e-6]), 1.0)
    offsets = rng.normal(size=num_rows)
    rows, blocks = np.zeros((num_rows, count)), list[RealFactorBlock]()
    for r in range(num_rows):
        scope = rng.choice(count, int(rng.integers(1, min(count, 3) + 1)), replace=False)
        rows[r, scope] = rng.choice([-1.0, 1.0, 0.1, -0.99, rng.normal()], len(scope))
        kind = Rows(rows[r, scope][None], offsets[r : r + 1], weights[r : r + 1], np.zeros(1))
        no_selectors = np.zeros((1, 0), np.int32)
        blocks.append(RealFactorBlock(kind, no_selectors, scope[None].astype(np.int32)))
    expected = _by_fractions(rows, offsets, weights)
    mixed = of_reals(count, *blocks)
    if expected is None:
        with pytest.raises(ImproperError):
            eliminated(mixed)
        return
    (patch,) = eliminated(mixed).patches
    log, means, variances = expected
    assert float(patch.log_values) == pytest.approx(log, rel=1e-9, abs=1e-9)
    beliefs = patch.all_beliefs(np.ones(()))
    assert beliefs.sd() ** 2 == pytest.approx(np.array(variances), rel=1e-8)
    off = np.abs(beliefs.mean() - means)
    assert (off <= 1e-7 * np.sqrt(variances) + 1e-9 * np.abs(means)).all()


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=10)
def test_integrals_are_as_quadrature_says(seed: int):
    """Of two reals, in each state: sums over a fine grid are exact to rounding."""
    mixed = random_mixed(np.random.default_rng(seed), 2)
    found = eliminated(mixed, None, None, (np.arange(2),))
    (patch,) = found.patches
    step = 0.1
    line = np.arange(-12.0, 12.0, step)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    for states in ([0, 0, 0], [1, 2, 0], [1, 1, 2]):
        values = log_score(mixed, np.tile(np.array(states), (len(grid), 1)), grid)
        total = 0.0
        for block in found.graph.factors:
            place = np.array([states], np.int32)[:, block.scopes[0]]
            tables = np.zeros(1, np.int64)
            total += float(block.kind.log_values(tables, place)[0])
        if total == -np.inf:
            assert (values == -np.inf).all()
            continue
        sums = np.logaddexp.reduce(values) + 2.0 * np.log(step)
        assert total == pytest.approx(float(sums), abs=1e-8)
    assert set(patch.reals.tolist()) == {0, 1}


def _mixture(rng: np.random.Generator) -> GaussianMixture:
    count = int(rng.integers(1, 6))
    sds = np.where(rng.random(count) < 0.2, 0.0, rng.uniform(0.01, 2.0, count))
    return GaussianMixture(rng.dirichlet(np.ones(count)), rng.normal(size=count), sds)


@given(st.integers(0, 10_000), st.floats(0.001, 0.999))
@settings(deadline=None, max_examples=50)
def test_quantiles_turn_distributions_over(seed: int, share: float):
    mixture = _mixture(np.random.default_rng(seed))
    value = mixture.quantile(share)
    below = value - 1e-9 * max(1.0, abs(value))
    assert mixture.cdf(value) >= share - 1e-12
    assert mixture.cdf(below) < share + 1e-6
    if mixture.sds.min() > 0.0:
        assert mixture.cdf(value) == pytest.approx(share, abs=1e-9)
        slope = (mixture.cdf(value + 1e-5) - mixture.cdf(value - 1e-5)) / 2e-5
        assert mixture.density(value) == pytest.approx(slope, rel=1e-2, abs=1e-6)


@pytest.mark.parametrize("sd", [1e-70, 1e-200])
def test_quantiles_are_as_fine_as_the_part_they_lie_in(sd: float):
    far = GaussianMixture(np.array([0.5, 0.5]), np.array([0.0, 1e10]), np.array([sd, 1.0]))
    assert far.cdf(far.quantile(0.3)) == pytest.approx(0.3, abs=1e-12)


def test_points_are_no_densities():
    point = GaussianMixture(np.array([0.25, 0.75]), np.array([1.0, 3.0]), np.zeros(2))
    assert point.cdf(0.999) == 0.0
    assert point.cdf(1.0) == 0.25
    assert point.quantile(0.25) == 1.0
    assert point.quantile(0.26) == 3.0
    assert point.density(1.0) == math.inf
    assert point.density(2.0) == 0.0
    assert point.mean == 2.5
    assert point.sd == pytest.approx(math.sqrt(0.75))
    with pytest.raises(ValueError, match="between 0 and 1"):
        point.quantile(1.0)


def test_draws_are_as_the_mixture_says():
    mixture = GaussianMixture(np.array([0.3, 0.7]), np.array([-1.0, 2.0]), np.array([0.5, 1.0]))
    drawn = mixture.sample(np.random.default_rng(0), 100_000)
    assert drawn.mean() == pytest.approx(mixture.mean, abs=0.02)
    assert drawn.std() == pytest.approx(mixture.sd, abs=0.02)


@pytest.mark.parametrize(("shift", "count"), [(0.0, 5), (1e6, 5), (0.0, 150)])
@pytest.mark.parametrize("observes", [False, True])
def test_many_rows_about_the_same_reals_are_as_few(shift: float, observes: bool, count: int):
    """A regression: log Z and means in closed form, by Householder's reflections of all rows."""
    rng = np.random.default_rng(0)
    num_rows = 6000
    rows = rng.normal(size=(num_rows, count))
    slopes = rng.normal(size=count)
    told = rows @ slopes + 0.3 * rng.normal(size=num_rows) + shift * rows[:, 0]
    mixed = of_reals(
        count,
        normal(np.arange(count)[:, None], np.ones((1, 1)), shift * np.eye(count)[0], np.ones(1)),
        normal(np.tile(np.arange(count), (num_rows, 1)), rows, told, np.array([0.3])),
    )
    values = np.full(count, np.nan)
    if observes:
        values[3] = 0.5
    found = eliminated(mixed, None, values)
    (patch,) = found.patches
    log_z = sum(float(block.kind.log_tables(()).sum()) for block in found.graph.factors)
    hidden = np.flatnonzero(np.isnan(values))
    whole = np.vstack([np.eye(count), rows / 0.3])
    sums = np.concatenate([shift * np.eye(count)[0], told / 0.3])
    sums -= whole @ np.where(np.isnan(values), 0.0, values)
    whole = whole[:, hidden]
    around = np.linalg.lstsq(whole, sums)[0]
    around += np.linalg.lstsq(whole, sums - whole @ around)[0]
    left = sums - whole @ around
    logs = -0.5 * math.fsum((left**2).tolist()) - num_rows * math.log(0.3)
    logs -= 0.5 * (count + num_rows - len(hidden)) * math.log(2.0 * math.pi)
    triangle = np.linalg.qr(whole, "r")
    logs -= float(np.log(np.abs(np.diagonal(triangle))).sum())
    assert log_z == pytest.approx(logs, abs=1e-7)
    beliefs = patch.all_beliefs(np.ones(()))
    assert beliefs.mean() == pytest.approx(around, abs=1e-9 if shift == 0.0 else 1e-7)
    inverse = np.linalg.inv(triangle)
    assert beliefs.sd() == pytest.approx(np.sqrt((inverse**2).sum(axis=1)), rel=1e-9)


def test_making_many_rows_few_looks_at_the_clock_between_columns():
    """Two looks, one before each time that all rows are read, would not be enough."""
    num_rows, count = 600, 130
    scopes, ones = np.tile(np.arange(count), (num_rows, 1)), np.ones((1, count))
    mixed = of_reals(count, normal(scopes, ones, np.zeros(1), np.ones(1)))
    ticks = itertools.count()
    budget = Budget(0.0, 3.0, 1 << 30, clock=lambda: float(next(ticks)))
    no_states, unseen = np.zeros(0, np.int32), np.full(count, np.nan)
    with pytest.raises(TimeoutError) as late:
        eliminate_reals(mixed, no_states, unseen, budget=budget, memory=1 << 30)
    assert not isinstance(late.value, OutOfTimeError)
