"""Rows whose numbers depend on parameters: against elimination at each setting, and quadrature."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from gmruntime.budget import UNLIMITED, Budget, start_budget
from gmruntime.continuous.errors import ImproperError, TooManyBordersError
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.continuous.outer import Domain, Inside, integrate_mixed
from gmruntime.continuous.outer.batches import RowsAt
from gmruntime.continuous.outer.mixed import OuterAnswer
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence, num_states
from gmruntime.graph import log_score as finite_log_score
from tests.runtime.test_continuous import random_mixed
from tests.support.gaussian import eliminated

Numbers = np.ndarray | Sequence[object]
LOG_TWO_PI = float(np.log(2 * np.pi))
MEMORY = 1 << 28
POSITIVE = Domain(np.zeros(1), np.array([np.inf]))


def _inside(mixed: MixedGraph, rows_at: RowsAt, values: np.ndarray | None = None) -> Inside:
    known = np.full(mixed.num_reals, np.nan) if values is None else values
    return Inside(mixed, rows_at, no_evidence(mixed.finite), known)


def _block(
    coefficients: Numbers,
    offsets: Numbers,
    weights: Numbers,
    log_scales: Numbers,
    real_scopes: Numbers,
) -> RealFactorBlock:
    arrays = [np.asarray(a, float) for a in (coefficients, offsets, weights, log_scales)]
    scopes = np.asarray(real_scopes, np.int32)
    return RealFactorBlock(Rows(*arrays), np.zeros((len(scopes), 0), np.int32), scopes)


def _half_cauchy(
    scale: float,
) -> tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    def draw(uniform: np.ndarray) -> np.ndarray:
        return scale * np.tan(0.5 * np.pi * uniform)

    def log_prior(theta: np.ndarray) -> np.ndarray:
        return np.log(2 / np.pi / scale) - np.log1p((theta[:, 0] / scale) ** 2)

    return draw, log_prior


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_a_batch_is_elimination_at_each_setting(seed: int, num_reals: int):
    """Weights, offsets and coefficients are scaled by the parameter, in some of the blocks."""
    rng = np.random.default_rng(seed)
    mixed = random_mixed(rng, num_reals)
    values = np.where(rng.random(num_reals) < 0.3, rng.normal(size=num_reals), np.nan)
    theta = rng.uniform(0.5, 2.0, (5, 1))
    roles = rng.integers(0, 4, len(mixed.real_factors))

    def rows_at(theta: np.ndarray) -> tuple[Rows | None, ...]:
        found: list[Rows | None] = []
        for role, block in zip(roles, mixed.real_factors, strict=True):
            arrays = [block.kind.coefficients, block.kind.offsets]
            arrays += [block.kind.weights, block.kind.log_scales]
            for k in range(4):
                factor = theta.reshape(-1, *(1 for _ in arrays[k].shape)) if k == role else 1.0
                arrays[k] = arrays[k][None] * factor
            found.append(Rows(*arrays) if role < 3 else None)
        return tuple(found)

    inside = _inside(mixed, rows_at, values)
    batches = list(inside.batches(theta, UNLIMITED, MEMORY))
    totals = np.concatenate([batch.log_totals() for batch in batches])
    for k in range(len(theta)):
        blocks = tuple(
            block
            if rows is None
            else replace(
                block,
                kind=Rows(
                    rows.coefficients[0], rows.offsets[0], rows.weights[0], rows.log_scales[0]
                ),
            )
            for rows, block in zip(rows_at(theta[k : k + 1]), mixed.real_factors, strict=True)
        )
        graph = eliminated(replace(mixed, real_factors=blocks), real_evidence=values).graph
        states = tuple(num_states(graph).tolist())
        every = np.indices(states).reshape(len(states), -1).T.astype(np.int32)
        truth = np.logaddexp.reduce(finite_log_score(graph, every))
        assert totals[k] == pytest.approx(truth, abs=1e-9)


EFFECTS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def _schools(budget: Budget = UNLIMITED, take: Callable[[int], None] | None = None) -> OuterAnswer:
    """Eight schools (Rubin 1981): theta[j] ~ Normal(mu, tau), y[j] ~ Normal(theta[j], s[j])."""
    log_errors = -np.log(ERRORS) - 0.5 * LOG_TWO_PI
    blocks = (
        _block([[1.0]], [0.0], [1 / 25], [-np.log(5.0) - 0.5 * LOG_TWO_PI], [[8]]),
        _block([[1.0, -1.0]], [0.0], [1.0], [0.0], [[j, 8] for j in range(8)]),
        _block(np.ones((8, 1)), EFFECTS, ERRORS**-2, log_errors, [[j] for j in range(8)]),
    )
    reals = (RealBlock("theta", (8,)), RealBlock("mu", ()))

    def rows_at(theta: np.ndarray) -> tuple[Rows | None, ...]:
        if take is not None:
            take(len(theta))
        tau = theta[:, 0]
        one = np.array([[[1.0, -1.0]]])
        log_scales = (-np.log(tau) - 0.5 * LOG_TWO_PI)[:, None]
        return None, Rows(one, np.zeros((1, 1)), tau[:, None] ** -2, log_scales), None

    draw, log_prior = _half_cauchy(5.0)
    mixed = validate(MixedGraph(FactorGraph((), ()), reals, blocks))
    return integrate_mixed(
        _inside(mixed, rows_at),
        POSITIVE,
        budget=budget,
        rng=np.random.default_rng(0),
        memory=MEMORY,
        draw=draw,
        log_prior=log_prior,
        asked=np.arange(9),
    )


def test_eight_schools_are_as_by_quadrature():
    found = _schools()
    # Given tau, mu is normal and theta[j] is between mu and y[j]; tau by a fine rule in its log.
    tau = np.exp(np.linspace(-14.0, 7.0, 20_001))[:, None]
    variances = ERRORS**2 + tau**2
    precision = 1 / 25 + (1 / variances).sum(axis=1)
    mean = (EFFECTS / variances).sum(axis=1) / precision
    log_weights = (-0.5 * (LOG_TWO_PI + np.log(variances))).sum(axis=1)
    log_weights -= 0.5 * ((EFFECTS - mean[:, None]) ** 2 / variances).sum(axis=1)
    log_weights -= np.log(5.0) + 0.5 * mean**2 / 25 + 0.5 * np.log(precision)
    log_weights += _half_cauchy(5.0)[1](tau) + np.log(tau[:, 0]) + np.log(21.0 / 20_000)
    log_z = np.logaddexp.reduce(log_weights)
    weights = np.exp(log_weights - log_z)
    assert abs(found.points.log_z - log_z) <= found.points.log_z_error
    means, sds, errors = found.moments(UNLIMITED)
    pulled = tau**2 / variances
    centres = mean[:, None] + pulled * (EFFECTS - mean[:, None])
    inner = pulled * ERRORS**2 + (1 - pulled) ** 2 / precision[:, None]
    centres = np.concatenate([centres, mean[:, None]], axis=1)
    inner = np.concatenate([inner, 1 / precision[:, None]], axis=1)
    truth = weights @ centres
    spread = np.sqrt(weights @ (inner + centres**2) - truth**2)
    assert (np.abs(means - truth) <= errors + 1e-4 * spread).all()
    assert sds == pytest.approx(spread, rel=1e-3)
    assert (errors < 0.01 * spread).all()
    belief, _ = found.belief(np.array([0]), np.array([1.0]), 0.0, UNLIMITED)
    for value in (-10.0, 5.0, 20.0):
        share = weights @ ndtr((value - centres[:, 0]) / np.sqrt(inner[:, 0]))
        assert belief.cdf(value) == pytest.approx(share, abs=1e-4)


def test_differences_of_reals_know_how_they_depend():
    found = _schools()
    both, _ = found.belief(np.array([0, 1]), np.array([1.0, -1.0]), 2.0, UNLIMITED)
    means, sds, _ = found.moments(UNLIMITED)
    assert both.mean == pytest.approx(means[0] - means[1] + 2.0, abs=1e-6)
    assert both.sd < np.hypot(sds[0], sds[1])


def test_a_line_with_unknown_noise_is_as_on_a_grid():
    rng = np.random.default_rng(1)
    x = np.linspace(-1, 1, 12)
    rows = np.stack([np.ones(12), x], axis=1)
    y = 1 + 2 * x + 0.5 * rng.normal(size=12)
    blocks = (
        _block([[1.0]], [0.0], [1e-2], [-np.log(10.0) - 0.5 * LOG_TWO_PI], [[0], [1]]),
        _block(rows, y, np.ones(12), np.zeros(12), [[0, 1]] * 12),
    )
    mixed = validate(MixedGraph(FactorGraph((), ()), (RealBlock("line", (2,)),), blocks))

    def rows_at(theta: np.ndarray) -> tuple[Rows | None, ...]:
        log_scales = -np.log(theta) - 0.5 * LOG_TWO_PI
        return None, Rows(rows[None], y[None], theta**-2, log_scales)

    draw, log_prior = _half_cauchy(2.5)
    found = integrate_mixed(
        _inside(mixed, rows_at),
        POSITIVE,
        budget=UNLIMITED,
        rng=np.random.default_rng(0),
        memory=1 << 12,
        draw=draw,
        log_prior=log_prior,
    )
    noise = np.exp(np.linspace(-4, 3, 4001))
    log_weights, slopes = np.empty(4001), np.empty(4001)
    for k, s in enumerate(noise):
        cov = 100 * rows @ rows.T + s**2 * np.eye(12)
        solved = np.linalg.solve(cov, y)
        log_det = np.linalg.slogdet(cov)[1]
        log_weights[k] = -0.5 * (y @ solved + log_det + 12 * LOG_TWO_PI) + np.log(s)
        slopes[k] = 100 * x @ solved
    log_weights += log_prior(noise[:, None]) + np.log(7 / 4000)
    log_z = np.logaddexp.reduce(log_weights)
    assert found.points.log_z == pytest.approx(log_z, abs=found.points.log_z_error + 1e-6)
    means, _, errors = found.moments(UNLIMITED)
    assert means[1] == pytest.approx(np.exp(log_weights - log_z) @ slopes, abs=errors[1] + 1e-6)


def test_finite_variables_inside_have_their_probabilities():
    """A switch says whether a real has the spread s or 3 s; s is unknown."""
    switch = FactorBlock(Table(np.log([[0.7, 0.3]])), np.array([[0]], np.int32))
    finite = FactorGraph((VariableBlock("wide", (), 2),), (switch,))
    seen = np.array([0.5, 2.0, -4.0])
    scopes = np.zeros((3, 1), np.int32)
    shared = Rows(np.ones((1, 1, 1)), np.zeros((3, 1)), np.ones((1, 2)), np.zeros((1, 2)))
    blocks = (
        _block([[1.0]], [0.0], [1.0], [-0.5 * LOG_TWO_PI], [[0]]),
        RealFactorBlock(replace(shared, offsets=seen[:, None]), scopes, np.zeros((3, 1), np.int32)),
    )
    mixed = validate(MixedGraph(finite, (RealBlock("m", ()),), blocks))
    factor = np.array([1.0, 3.0])

    def rows_at(theta: np.ndarray) -> tuple[Rows | None, ...]:
        sds = theta[:, :, None] * factor
        log_scales = -np.log(sds) - 0.5 * LOG_TWO_PI
        return None, Rows(np.ones((1, 1, 1, 1)), seen[None, :, None], sds**-2, log_scales)

    found = integrate_mixed(
        _inside(mixed, rows_at),
        POSITIVE,
        budget=UNLIMITED,
        rng=np.random.default_rng(0),
        memory=MEMORY,
        log_prior=lambda theta: -theta[:, 0],
    )
    s = np.exp(np.linspace(-7, 5, 8001))
    logs = np.empty((2, 8001))
    for k, times in enumerate(factor):
        for j, spread in enumerate(s * times):
            cov = 1.0 + spread**2 * np.eye(3)
            log_det = np.linalg.slogdet(cov)[1]
            logs[k, j] = -0.5 * (seen @ np.linalg.solve(cov, seen) + log_det + 3 * LOG_TWO_PI)
    logs += np.log([[0.7], [0.3]]) - s + np.log(s) + np.log(12 / 8000)
    log_z = np.logaddexp.reduce(logs.ravel())
    assert found.points.log_z == pytest.approx(log_z, abs=found.points.log_z_error + 1e-5)
    assignments, shares = found.states(UNLIMITED)
    assert assignments.tolist() == [[0], [1]]
    for k in (0, 1):
        truth = np.exp(np.logaddexp.reduce(logs[k]) - log_z)
        assert shares[k].value == pytest.approx(truth, abs=shares[k].error + 1e-5)
    means, _, _ = found.moments(UNLIMITED)
    whole, _ = found.belief(np.array([0]), np.array([1.0]), 0.0, UNLIMITED)
    assert whole.mean == pytest.approx(means[0], abs=1e-9)


def test_reals_that_nothing_holds_are_refused():
    blocks = (_block([[1.0, 1.0]], [0.0], [1.0], [0.0], [[0, 1]]),)
    mixed = validate(MixedGraph(FactorGraph((), ()), (RealBlock("x", (2,)),), blocks))

    def rows_at(theta: np.ndarray) -> tuple[Rows | None, ...]:
        return (Rows(np.ones((1, 1, 2)), np.zeros((1, 1)), theta**-2, -np.log(theta)),)

    with pytest.raises(ImproperError):
        integrate_mixed(
            _inside(mixed, rows_at),
            POSITIVE,
            budget=UNLIMITED,
            rng=np.random.default_rng(0),
            memory=MEMORY,
        )


def test_too_many_finite_states_are_refused():
    finite = FactorGraph((VariableBlock("b", (13,), 2),), ())
    mixed = validate(MixedGraph(finite, (), ()))
    with pytest.raises(TooManyBordersError) as raised:
        _inside(mixed, lambda theta: ()).assignments()
    assert raised.value.count == 1 << 13


def test_settings_beyond_floats_weigh_nothing():
    """An engine that looks around comes to spreads near 0 and near infinity."""
    inside = _schools().inside
    far = 10.0 ** np.array([[-300.0], [-200.0], [0.0], [200.0], [300.0]])
    with np.errstate(all="ignore"):
        logs = np.concatenate([b.log_totals() for b in inside.batches(far, UNLIMITED, MEMORY)])
    assert not np.isnan(logs).any()
    assert logs.argmax() == 2


def test_the_clock_is_looked_at_while_rows_are_solved():
    """Each setting takes a second, whoever asks about it."""
    for seconds in (1, 5, 20, 80, 200, 500, 900, 1300):
        reading = [0.0]

        def take(count: int, reading: list[float] = reading) -> None:
            reading[0] += count

        def clock(reading: list[float] = reading) -> float:
            return reading[0]

        found = _schools(start_budget(seconds, 1 << 30, clock=clock), take)
        # A batch is one setting here, and one more says how large batches may be.
        assert reading[0] <= 0.7 * seconds + 2
        assert not found.points.is_to_be_trusted or abs(found.points.log_z + 31.31) < 0.1
