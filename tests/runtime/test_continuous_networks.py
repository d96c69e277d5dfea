"""Known networks and chains with reals, and what must not make a difference."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import LogPartition, Marginals
from gmruntime.budget import Budget, start_budget
from gmruntime.continuous import eliminating
from gmruntime.continuous.dense import DenseSolver
from gmruntime.continuous.eliminating import (
    ImproperError,
    OutOfTimeError,
    TooLargeError,
    eliminate_reals,
)
from gmruntime.continuous.mixed import MixedGraph, RealBlock, RealFactorBlock, Rows, validate
from gmruntime.continuous.patches import Patch
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer
from tests.support.gaussian import eliminated, network, normal, of_reals, smoothed


def test_healthcare():
    """bnlearn's conditional Gaussian network, with a sd of 0 in some states, at T = 1500.

    D = mean[A, H] + sd[A, H] * noise is written out, so that no weight is infinite. The expected
    numbers are sums over the 18 states of products of normal densities, derived below.
    """
    p_a = np.array([0.35, 0.45, 0.2])
    p_c = np.array([[0.88, 0.1, 0.02], [0.75, 0.2, 0.05], [0.42, 0.53, 0.05]])
    p_h = np.array([[0.9, 0.1], [0.75, 0.25], [0.6, 0.4]])
    d_mean = np.array([[0.0, 1.0], [0.0, 4.0], [0.0, 7.0]])
    d_sd = np.array([[0.0, 0.5], [0.0, 1.0], [0.0, 1.5]])
    i_slope, i_sd = np.array([300.0, 550.0, 800.0]), np.array([30.0, 50.0, 100.0])
    o_mean, o_sd = np.array([60.0, 180.0, 360.0]), np.array([10.0, 20.0, 40.0])
    finite = FactorGraph(
        (VariableBlock("A", (), 3), VariableBlock("C", (), 3), VariableBlock("H", (), 2)),
        (
            FactorBlock(Table(np.log(p_a)[None]), np.array([[0]], np.int32)),
            FactorBlock(Table(np.log(p_c)[None]), np.array([[0, 1]], np.int32)),
            FactorBlock(Table(np.log(p_h)[None]), np.array([[0, 2]], np.int32)),
        ),
    )
    noise, charge, out, total = range(4)
    # I ~ Normal(100 + slope[C] * D, sd[C]), selected by A, C, H.
    slope = i_slope[None, :, None]
    by_noise = np.broadcast_to(-slope * d_sd[:, None, :], (3, 3, 2))
    charges = np.stack([np.ones((3, 3, 2)), by_noise], axis=-1)[None]
    offsets = (100.0 + slope * d_mean[:, None, :])[None]
    mixed = MixedGraph(
        finite,
        tuple(RealBlock(name, ()) for name in ("noise", "I", "O", "T")),
        (
            normal(np.array([[noise]]), np.ones((1, 1)), np.zeros(1), np.ones(1)),
            normal(
                np.array([[charge, noise]]),
                charges,
                offsets,
                i_sd[None, None, :, None],
                np.array([[0, 1, 2]]),
            ),
            normal(
                np.array([[out]]), np.ones((1, 1, 1)), o_mean[None], o_sd[None], np.array([[0]])
            ),
            normal(
                np.array([[total, charge, out]]),
                np.array([[1.0, -1.02, -1.05]]),
                np.array([120.0]),
                np.array([10.0]),
            ),
        ),
    )
    found = eliminated(validate(mixed), None, np.array([np.nan, np.nan, np.nan, 1500.0]))
    log_z = infer(found.graph, LogPartition()).log_value
    assert log_z == pytest.approx(-9.182704, abs=1e-6)
    marginals = infer(found.graph, Marginals())
    assert marginals.probabilities[0] == pytest.approx([0.007567, 0.984500, 0.007933], abs=1e-6)
    (patch,) = found.patches
    assert patch.border == (0, 1, 2)
    weights = np.zeros(patch.sizes)
    mean = second = 0.0
    for a, c, h in itertools.product(range(3), range(3), range(2)):
        i_mean = 100 + i_slope[c] * d_mean[a, h]
        i_var = (i_slope[c] * d_sd[a, h]) ** 2 + i_sd[c] ** 2
        t_mean = 120 + 1.02 * i_mean + 1.05 * o_mean[a]
        t_var = 1.02**2 * i_var + (1.05 * o_sd[a]) ** 2 + 100
        density = np.exp(-0.5 * (1500 - t_mean) ** 2 / t_var) / np.sqrt(2 * np.pi * t_var)
        weights[a, c, h] = p_a[a] * p_c[a, c] * p_h[a, h] * density
        gain = 1.02 * i_var / t_var
        part = i_mean + gain * (1500 - t_mean)
        mean += weights[a, c, h] * part
        second += weights[a, c, h] * (i_var - gain * 1.02 * i_var + part**2)
    mean, second = mean / weights.sum(), second / weights.sum()
    assert log_z == pytest.approx(np.log(weights.sum()), abs=1e-11)
    belief = patch.belief(weights, np.ones(1), reals=np.array([charge]))
    assert belief.mean == pytest.approx(1167.952, abs=1e-3)
    assert belief.sd == pytest.approx(29.684, abs=1e-3)
    assert belief.mean == pytest.approx(mean, rel=1e-12)
    assert belief.sd == pytest.approx(np.sqrt(second - mean**2), rel=1e-7)
    # D itself: a point where nobody is ill.
    stay = np.stack([d_sd, np.zeros_like(d_sd)], axis=-1)[:, None].repeat(3, axis=1)
    days = patch.belief(
        weights, stay[..., :1], d_mean[:, None, :].repeat(3, axis=1), reals=np.array([noise])
    )
    assert days.cdf(0.0) >= weights[:, :, 0].sum() / weights.sum()
    assert days.sds.min() == 0.0


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_networks_are_as_dense_linear_algebra_says(seed: int):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(50, 101))
    weights = np.zeros((count, count))
    for i in range(1, count):
        parents = rng.choice(i, min(i, int(rng.integers(0, 4))), replace=False)
        weights[i, parents] = rng.normal(size=len(parents))
    offsets, sds = rng.normal(size=count), rng.uniform(0.3, 2.0, count)
    whole = np.linalg.inv(np.eye(count) - weights)
    mean, covariance = whole @ offsets, whole @ np.diag(sds**2) @ whole.T
    draw = whole @ (offsets + sds * rng.normal(size=count))
    seen = rng.choice(count, count // 3, replace=False)
    hidden = np.setdiff1d(np.arange(count), seen)
    spread = covariance[np.ix_(seen, seen)]
    across = covariance[np.ix_(hidden, seen)]
    off = draw[seen] - mean[seen]
    log_z = -0.5 * (len(seen) * np.log(2 * np.pi) + np.linalg.slogdet(spread)[1])
    log_z -= 0.5 * off @ np.linalg.solve(spread, off)
    means = mean[hidden] + across @ np.linalg.solve(spread, off)
    left = covariance[np.ix_(hidden, hidden)] - across @ np.linalg.solve(spread, across.T)
    values = np.full(count, np.nan)
    values[seen] = draw[seen]
    found = eliminated(network(weights, offsets, sds), None, values)
    (patch,) = found.patches
    assert infer(found.graph, LogPartition()).log_value == pytest.approx(log_z, abs=1e-8)
    beliefs = patch.all_beliefs(np.ones(()))
    assert beliefs.mean() == pytest.approx(means, abs=1e-8)
    assert beliefs.sd() ** 2 == pytest.approx(np.diagonal(left), rel=1e-8)
    some = rng.choice(hidden, 3, replace=False)
    where = np.searchsorted(hidden, some)
    ours, joint = patch.moments(np.ones(()), some)
    assert ours == pytest.approx(means[where], abs=1e-8)
    assert joint == pytest.approx(left[np.ix_(where, where)], abs=1e-8)


def _chain(num_steps: int, shift: float, by_step: bool) -> tuple[MixedGraph, Any]:
    """Draw a thing that moves in a plane; its first place is around shift."""
    rng = np.random.default_rng(num_steps)
    step = np.array([[1, 0, 0.1, 0], [0, 1, 0, 0.1], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    noise, blur = np.array([0.01, 0.01, 0.1, 0.1]), np.array([0.5, 0.5])
    place, places = rng.normal(size=4), np.zeros((num_steps, 4))
    for t in range(num_steps):
        place = step @ place + noise * rng.normal(size=4) if t else place
        places[t] = place
    seen = places[:, :2] + blur * rng.normal(size=(num_steps, 2)) + shift
    start, spread = np.array([shift, shift, 0.0, 0.0]), np.ones(4)
    matrices = (step, np.diag(noise**2), np.eye(4)[:2], np.diag(blur**2))
    expected = smoothed(matrices, (start, np.diag(spread**2)), seen)
    number = np.arange(4 * num_steps).reshape((num_steps, 4) if by_step else (4, num_steps))
    number = number if by_step else number.T
    blocks = [normal(number[0][:, None], np.ones((1, 1)), start, spread)]
    for i in range(4):
        parents = np.flatnonzero(step[i])
        scopes = np.column_stack([number[1:, i], number[:-1][:, parents]])
        row = np.concatenate([[1.0], -step[i, parents]])[None]
        blocks.append(normal(scopes, row, np.zeros(1), noise[i : i + 1]))
    for i in range(2):
        blocks.append(normal(number[:, i : i + 1], np.ones((1, 1)), seen[:, i], blur[i : i + 1]))
    return of_reals(4 * num_steps, *blocks), (number, *expected)


@pytest.mark.parametrize(("shift", "by_step"), [(0.0, True), (0.0, False), (1e6, True)])
def test_chains_are_as_filtering_and_smoothing_say(shift: float, by_step: bool):
    mixed, (number, log_z, means, sds) = _chain(400, shift, by_step)
    found = eliminated(mixed)
    (patch,) = found.patches
    tolerance = 1e-6 if shift == 0.0 else 1e-4
    assert float(patch.log_values) == pytest.approx(log_z, abs=tolerance)
    beliefs = patch.all_beliefs(np.ones(()))
    assert beliefs.mean()[number] - shift == pytest.approx(means - shift, abs=1e-8)
    assert beliefs.sd()[number] == pytest.approx(sds, rel=1e-8)


def _switching(num_steps: int, seed: int = 0) -> MixedGraph:
    """Return a walk whose noise and slope depend on a boolean in each step."""
    rng = np.random.default_rng(seed)
    finite = FactorGraph((VariableBlock("z", (num_steps,), 2),), ())
    walk = normal(
        np.column_stack([np.arange(1, num_steps), np.arange(num_steps - 1)]),
        np.array([[[1.0, -0.99], [1.0, -0.9]]]),
        np.zeros((1, 1)),
        np.array([[0.05, 1.0]]),
        np.arange(1, num_steps)[:, None],
    )
    every = np.arange(num_steps)[:, None]
    looks = normal(every, np.ones((1, 1)), rng.normal(size=num_steps), np.array([0.5]))
    return validate(MixedGraph(finite, (RealBlock("x", (num_steps,)),), (walk, looks)))


def _both_ways(mixed: MixedGraph, monkeypatch: pytest.MonkeyPatch) -> tuple[Patch, Patch]:
    """Eliminate in compiled loops, and as before these are loaded; there is one patch."""
    (compiled,) = eliminated(mixed).patches
    with monkeypatch.context() as patched:
        patched.setattr(eliminating, "is_loaded", lambda: False)
        (dense,) = eliminated(mixed).patches
    assert not isinstance(compiled.solver, DenseSolver)
    return compiled, dense


def test_compiled_loops_are_as_dense_matrices_say(monkeypatch: pytest.MonkeyPatch):
    compiled, dense = _both_ways(_switching(6), monkeypatch)
    assert isinstance(dense.solver, DenseSolver)
    assert compiled.log_values == pytest.approx(dense.log_values, abs=1e-10)
    weights = np.random.default_rng(0).dirichlet(np.ones(32)).reshape(dense.sizes)
    ours, theirs = compiled.all_beliefs(weights), dense.all_beliefs(weights)
    assert ours.means == pytest.approx(theirs.means, abs=1e-10)
    assert ours.sds == pytest.approx(theirs.sds, rel=1e-10)
    some = np.array([4, 0, 2])
    for one, other in zip(
        compiled.moments(weights, some), dense.moments(weights, some), strict=True
    ):
        assert one == pytest.approx(other, abs=1e-10)
    direction = np.random.default_rng(1).normal(size=(*dense.sizes, 6))
    belief = compiled.belief(weights, direction, 0.5)
    expected = dense.belief(weights, direction, 0.5)
    assert belief.means == pytest.approx(expected.means, abs=1e-10)
    assert belief.sds == pytest.approx(expected.sds, rel=1e-10)
    drawn = dense.samples(np.random.default_rng(0), np.zeros((20_000, 5), np.int64))
    first = np.zeros(dense.sizes)
    first[(0,) * 5] = 1.0
    mean, covariance = compiled.moments(first, compiled.reals)
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.03)
    assert np.cov(drawn.T) == pytest.approx(covariance, abs=0.03)


@pytest.mark.parametrize("sd", [1.0, 1e6])
def test_dense_matrices_leave_what_they_lose_to_others(sd: float, monkeypatch: pytest.MonkeyPatch):
    mixed = of_reals(
        2,
        normal(np.array([[0]]), np.ones((1, 1)), np.zeros(1), np.array([sd])),
        normal(np.array([[1, 0]]), np.array([[1.0, -1.0]]), np.array([3.0]), np.array([0.1])),
    )
    compiled, other = _both_ways(mixed, monkeypatch)
    assert isinstance(other.solver, DenseSolver) == (sd == 1.0)
    assert other.log_values == pytest.approx(compiled.log_values, abs=1e-10)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_the_order_of_blocks_changes_nothing(seed: int):
    rng = np.random.default_rng(seed)
    mixed = _switching(5, seed)
    blocks = tuple(
        RealFactorBlock(
            Rows(
                block.kind.coefficients[:, ..., order],
                block.kind.offsets,
                block.kind.weights,
                block.kind.log_scales,
            ),
            block.scopes,
            np.ascontiguousarray(block.real_scopes[:, order]),
        )
        for block in rng.permutation(np.array(mixed.real_factors, object)).tolist()
        for order in [rng.permutation(block.real_scopes.shape[1])]
    )
    one = eliminated(mixed).patches[0]
    other = eliminated(validate(MixedGraph(mixed.finite, mixed.reals, blocks))).patches[0]
    assert other.border == one.border
    assert other.log_values == pytest.approx(one.log_values, abs=1e-10)


@pytest.mark.parametrize("sd", [1e2, 1e4, 1e6, 1e8])
def test_what_rounding_would_lose_is_kept(sd: float):
    """A real that is hardly known, and another that is known well relative to it."""
    mixed = of_reals(
        2,
        normal(np.array([[0]]), np.ones((1, 1)), np.zeros(1), np.array([sd])),
        normal(np.array([[1, 0]]), np.array([[1.0, -1.0]]), np.array([3.0]), np.array([0.01])),
    )
    (patch,) = eliminated(mixed).patches
    assert float(patch.log_values) == pytest.approx(0.0, abs=1e-8)
    exact = Fraction(sd) ** 2 + 1 / Fraction(float(1.0 / np.float64(0.01) ** 2))
    belief = patch.belief(np.ones(()), np.array([0.0, 1.0]))
    assert belief.sd**2 == pytest.approx(float(exact), rel=1e-9)
    apart = patch.belief(np.ones(()), np.array([-1.0, 1.0]))
    assert apart.mean == pytest.approx(3.0, abs=1e-9)
    assert apart.sd == pytest.approx(0.01, rel=1e-9)


def test_what_a_factor_forbids_need_not_be_proper():
    """The gate of the only row on a real is off in a state that cannot be."""
    for log_off, is_refused in ((-np.inf, False), (-5.0, True)):
        finite = FactorGraph(
            (VariableBlock("on", (), 2),),
            (FactorBlock(Table(np.array([[log_off, 0.0]])), np.array([[0]], np.int32)),),
        )
        gate = Rows(np.ones((1, 1, 1)), np.zeros((1, 1)), np.array([[0.0, 1.0]]), np.zeros((1, 1)))
        block = RealFactorBlock(gate, np.array([[0]], np.int32), np.array([[0]], np.int32))
        mixed = validate(MixedGraph(finite, (RealBlock("x", ()),), (block,)))
        if is_refused:
            with pytest.raises(ImproperError):
                eliminated(mixed)
        else:
            found = eliminated(mixed)
            expected = 0.5 * np.log(2 * np.pi)
            assert infer(found.graph, LogPartition()).log_value == pytest.approx(
                expected, abs=1e-12
            )


def test_time_and_memory_are_kept_to():
    ticks = itertools.count()
    mixed = _switching(17)
    nothing = np.full(17, -1, np.int32), np.full(17, np.nan)
    budget = Budget(0.0, 3.0, 1 << 30, clock=lambda: float(next(ticks)))
    with pytest.raises(OutOfTimeError) as late:
        eliminate_reals(mixed, *nothing, budget=budget, memory=1 << 30)
    assert late.value.border == tuple(range(1, 17))
    assert late.value.count == 1 << 16
    wide = of_reals(
        2000,
        normal(np.arange(2000)[:, None], np.ones((1, 1)), np.zeros(1), np.ones(1)),
        normal(np.arange(2000)[None], np.ones((1, 2000)), np.zeros(1), np.ones(1)),
    )
    no_states, unseen = np.zeros(0, np.int32), np.full(2000, np.nan)
    with pytest.raises(TooLargeError) as told:
        eliminate_reals(wide, no_states, unseen, budget=start_budget(60.0, 1), memory=1 << 24)
    assert told.value.real == 0
    assert told.value.num_bytes > 1 << 24


def test_samples_are_as_moments_say():
    rng = np.random.default_rng(0)
    (patch,) = eliminated(_switching(3)).patches
    state = np.array([1, 0])
    drawn = patch.samples(rng, np.tile(state, (20_000, 1)))
    border = np.zeros(patch.sizes)
    border[tuple(state)] = 1.0
    mean, covariance = patch.moments(border, patch.reals)
    assert drawn.mean(axis=0) == pytest.approx(mean, abs=0.03)
    assert np.cov(drawn.T) == pytest.approx(covariance, abs=0.03)


def test_a_long_chain_adds_up_without_drifting():
    """What a step adds to log Z settles, and so does what rounding leaves out of each addition."""
    num_steps = 100_000
    seen = np.cumsum(0.3 * np.random.default_rng(0).normal(size=num_steps))
    every = np.arange(num_steps)
    mixed = of_reals(
        num_steps,
        normal(every[:1, None], np.ones((1, 1)), np.zeros(1), np.ones(1)),
        normal(
            np.column_stack([every[1:], every[:-1]]),
            np.array([[1.0, -1.0]]),
            np.zeros(1),
            np.array([0.01]),
        ),
        normal(every[:, None], np.ones((1, 1)), seen, np.array([0.5])),
    )
    (patch,) = eliminated(mixed).patches
    place, variance, terms = 0.0, 1.0, []
    for value in seen.tolist():
        spread = variance + 0.25
        terms.append((value - place) ** 2 / spread + math.log(2.0 * math.pi * spread))
        place += variance / spread * (value - place)
        variance = variance * 0.25 / spread + 1e-4
    assert float(patch.log_values) == pytest.approx(-0.5 * math.fsum(terms), abs=1e-8)


def test_beliefs_of_some_reals_are_those_of_all():
    (patch,) = eliminated(_switching(6)).patches
    weights = np.exp(patch.log_values)
    whole = patch.all_beliefs(weights)
    some = patch.all_beliefs(weights, np.array([4, 1]))
    assert some.mean() == pytest.approx(whole.mean()[[4, 1]], abs=1e-12)
    assert some.sd() == pytest.approx(whole.sd()[[4, 1]], abs=1e-12)
    assert some.of(0).quantile(0.3) == pytest.approx(whole.of(4).quantile(0.3), abs=1e-9)
    alone = patch.belief(weights, np.ones(1), reals=np.array([4]))
    assert alone.quantile(0.3) == pytest.approx(whole.of(4).quantile(0.3), abs=1e-9)
    with pytest.raises(TooLargeError):
        replace(patch, memory=1000).all_beliefs(weights)
