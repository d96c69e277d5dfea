"""Automata of sums: their meaning, and that no two of their states could be merged."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.factors.automaton import Automaton
from gmruntime.factors.kinds import LinearSum
from gmruntime.factors.layers import partial_sums


def _run(automaton: Automaton, states: np.ndarray) -> np.ndarray:
    at = np.zeros(len(states), np.int64)
    for step, column in zip(automaton.steps, states.T, strict=False):
        at = step[0, at, column]
    return automaton.log_potentials[:, at, states[:, -1]]


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_reading_a_sum_term_by_term_is_adding_it_up(seed: int):
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 4, 5))
    coefficients = rng.integers(-3, 4, 5) * int(rng.choice([1, 1000]))
    lowest = int(rng.integers(-4, 4))
    values = rng.choice([0.0, 0.5, -np.inf], (2, int(rng.integers(1, 9))))
    automaton = partial_sums(coefficients, lowest, values, shape)
    assert automaton is not None
    kind = LinearSum(coefficients[None], np.array([lowest]), values[:1])
    states = np.indices(shape).reshape(5, -1).T
    expected = kind.log_tables(shape).reshape(-1)
    np.testing.assert_array_equal(_run(automaton, states)[0], expected)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_states_of_a_layer_have_different_futures(seed: int):
    rng = np.random.default_rng(seed)
    coefficients = rng.integers(-20, 21, 6)
    low = int(np.minimum(coefficients, 0).sum())
    size = int(np.abs(coefficients).sum()) + 1
    bound = int(rng.integers(0, size))
    values = np.where(np.arange(size) <= bound, 0.0, -np.inf)[None]
    automaton = partial_sums(coefficients, low, values, [2] * 6)
    assert automaton is not None
    futures = automaton.log_potentials[0]
    for step in reversed(automaton.steps):
        assert len(np.unique(futures, axis=0)) == len(futures)
        futures = futures[step[0]].reshape(step.shape[1], -1)


@pytest.mark.parametrize("num_terms", [8, 64])
def test_at_most_three_needs_five_states_however_many_terms(num_terms: int):
    values = np.where(np.arange(num_terms + 1) <= 3, 0.0, -np.inf)[None]
    automaton = partial_sums(np.ones(num_terms, np.int64), 0, values, [2] * num_terms)
    assert automaton is not None
    assert max(step.shape[1] for step in automaton.steps) == 5


def test_bits_compared_with_a_number_need_three_states():
    """Read from the largest, all but the sum that still agrees with the number are settled."""
    coefficients = 2 ** np.arange(19, -1, -1)
    values = np.where(np.arange(2**20) >= 777_777, 0.0, -np.inf)[None]
    automaton = partial_sums(coefficients, 0, values, [2] * 20)
    assert automaton is not None
    assert max(step.shape[1] for step in automaton.steps) <= 3
