"""Gaussian beliefs step by step, against all steps at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.continuous.stepping import NOTHING_BELIEVED, GaussianBelief, GaussianStep
from tests.support.gaussian import eliminated, normal, of_reals

LOG_ROOT = 0.5 * math.log(2.0 * math.pi)


def _rows(coefficients: np.ndarray, sds: np.ndarray, num_gone: int) -> GaussianStep:
    return GaussianStep(coefficients, 1.0 / sds**2, -np.log(sds) - LOG_ROOT, num_gone)


def _run(
    first: GaussianStep, step: GaussianStep, offsets: np.ndarray
) -> tuple[list[float], GaussianBelief]:
    """Run steps; the rows that move the reals are all around 0."""
    belief, found = NOTHING_BELIEVED, list[float]()
    for t, seen in enumerate(offsets):
        rows = first if t == 0 else step
        still = np.zeros(len(rows.weights) - len(seen))
        belief = rows.after(belief, np.concatenate([still, seen]))
        found.append(belief.log_z)
    return found, belief


@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([0.0, 1e6]))
@settings(deadline=None, max_examples=30)
def test_steps_are_as_all_at_once(seed: int, count: int, shift: float):
    """Of a random chain, some of which is not seen; shifted or not."""
    rng = np.random.default_rng(seed)
    num_steps, num_seen = 12, 2
    move, look = 0.5 * rng.normal(size=(count, count)), rng.normal(size=(num_seen, count))
    noise, blur, spread = rng.uniform(0.1, 1.0, count), rng.uniform(0.1, 1.0, 2), np.ones(count)
    seen = rng.normal(size=(num_steps, num_seen)) + shift
    seen[rng.random(seen.shape) < 0.2] = np.nan
    first = _rows(np.vstack([np.eye(count), look]), np.concatenate([spread, blur]), 0)
    after = np.block([[-move, np.eye(count)], [np.zeros((num_seen, count)), look]])
    step = _rows(after, np.concatenate([noise, blur]), count)
    log_zs, belief = _run(first, step, seen)
    number = np.arange(num_steps * count).reshape(num_steps, count)
    blocks = [normal(number[0][:, None], np.ones((1, 1)), np.zeros(count), spread)]
    for i in range(count):
        scopes = np.column_stack([number[1:, i], number[:-1]])
        row = np.concatenate([[1.0], -move[i]])[None]
        blocks.append(normal(scopes, row, np.zeros(1), noise[i : i + 1]))
    for t in range(num_steps):
        for i in np.flatnonzero(~np.isnan(seen[t])):
            row, sd = look[i : i + 1], blur[i : i + 1]
            blocks.append(normal(number[t][None], row, seen[t, i : i + 1], sd))
    (patch,) = eliminated(of_reals(number.size, *blocks)).patches
    tolerance = 1e-9 * max(1.0, abs(float(patch.log_values)))
    assert log_zs[-1] == pytest.approx(float(patch.log_values), abs=tolerance)
    mean, covariance = patch.moments(np.ones(()), number[-1])
    assert belief.mean() == pytest.approx(mean, rel=1e-9, abs=1e-9)
    assert belief.covariance() == pytest.approx(covariance, rel=1e-8, abs=1e-9)


def test_moving_and_looking_apart_is_the_same():
    rng = np.random.default_rng(0)
    move, look = rng.normal(size=(2, 2)), rng.normal(size=(1, 2))
    belief = _rows(np.eye(2), np.ones(2), 0).after(NOTHING_BELIEVED, np.array([1.0, 2.0]))
    sds, blur = np.array([0.3, 0.4]), np.array([0.5])
    both = np.block([[-move, np.eye(2)], [np.zeros((1, 2)), look]])
    at_once = _rows(both, np.concatenate([sds, blur]), 2).after(belief, np.array([0.0, 0.0, 3.0]))
    moved = _rows(both[:2], sds, 2).after(belief, np.zeros(2))
    assert moved.log_z == pytest.approx(belief.log_z, abs=1e-12)
    apart = _rows(look, blur, 0).after(moved, np.array([3.0]))
    assert apart.log_z == pytest.approx(at_once.log_z, abs=1e-12)
    assert apart.mean() == pytest.approx(at_once.mean(), abs=1e-12)
    assert apart.covariance() == pytest.approx(at_once.covariance(), abs=1e-12)


def test_a_belief_may_begin_flat():
    """Two looks at a place with unknown speed make it proper."""
    nowhere = GaussianStep(np.zeros((0, 2)), np.zeros(0), np.zeros(0), 0)
    belief = nowhere.after(NOTHING_BELIEVED, np.zeros(0))
    assert belief.log_z == math.inf
    rows = np.array([[-1.0, -1, 1, 0], [0, -1, 0, 1], [0, 0, 1, 0]])
    step = _rows(rows, np.array([0.1, 0.1, 0.5]), 2)
    once = step.after(belief, np.array([0.0, 0.0, 3.0]))
    assert once.log_z == math.inf
    twice = step.after(once, np.array([0.0, 0.0, 5.0]))
    blocks = [
        normal(np.array([[0, 1, 2, 3]]), rows[:1], np.zeros(1), np.array([0.1])),
        normal(np.array([[0, 1, 2, 3]]), rows[1:2], np.zeros(1), np.array([0.1])),
        normal(np.array([[2, 3, 4, 5]]), rows[:1], np.zeros(1), np.array([0.1])),
        normal(np.array([[2, 3, 4, 5]]), rows[1:2], np.zeros(1), np.array([0.1])),
        normal(np.array([[2], [4]]), np.ones((1, 1)), np.array([3.0, 5.0]), np.array([0.5])),
    ]
    (patch,) = eliminated(of_reals(6, *blocks)).patches
    assert twice.log_z == pytest.approx(float(patch.log_values), abs=1e-9)
    mean, covariance = patch.moments(np.ones(()), np.array([4, 5]))
    assert twice.mean() == pytest.approx(mean, abs=1e-9)
    assert twice.covariance() == pytest.approx(covariance, abs=1e-9)


def test_what_is_gone_must_be_somewhere():
    step = _rows(np.array([[0.0, 1.0]]), np.ones(1), 1)
    with pytest.raises(ValueError, match="nothing says where"):
        step.after(NOTHING_BELIEVED, np.zeros(1))
    with pytest.raises(ValueError, match="below 0"):
        GaussianStep(np.ones((1, 1)), -np.ones(1), np.zeros(1), 0)


def test_numbers_of_a_step_fit_its_rows_and_are_finite():
    step = _rows(np.eye(2), np.ones(2), 0)
    for count in (1, 3):
        with pytest.raises(ValueError, match="2 rows need as many offsets"):
            step.after(NOTHING_BELIEVED, np.zeros(count))
    with pytest.raises(ValueError, match="infinite"):
        step.after(NOTHING_BELIEVED, np.array([0.0, -np.inf]))
    for place in range(3):
        numbers = [np.ones((1, 1)), np.ones(1), np.zeros(1)]
        numbers[place].flat[0] = np.inf
        with pytest.raises(ValueError, match="not finite"):
            GaussianStep(*numbers, num_gone=0)
