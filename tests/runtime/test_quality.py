"""One order of statuses, one meaning of "proved", and independence that a graph proves."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import Status
from gmruntime.budget import start_budget
from gmruntime.constraints.feasible import is_possible
from gmruntime.elimination.separation import are_separated
from gmruntime.graph import log_score, no_evidence
from gmruntime.quality import ORDER, is_proved, tolerance, worst
from tests.support.random_factors import random_loops


def test_the_worst_of_several_is_no_better_than_any():
    assert set(ORDER) == set(Status)
    for pair in itertools.product(ORDER, repeat=2):
        assert ORDER.index(worst(pair)) == max(map(ORDER.index, pair))
    assert worst([]) is Status.EXACT


@given(score=st.floats(-1e12, 1e12), gap=st.floats(0, 1e3))
def test_a_score_is_proved_by_a_bound_that_rounding_alone_parts_from_it(score: float, gap: float):
    assert is_proved(score, score + gap) == (score + gap - score <= tolerance(score))
    assert not is_proved(float("-inf"), gap)
    assert not is_proved(score, float("inf"))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_what_the_graph_separates_is_independent(seed: int):
    rng = np.random.default_rng(seed)
    graph = random_loops(rng, 6, 5, zeros=0.2)
    evidence = no_evidence(graph)
    evidence[5] = int(rng.integers(3))
    given_ = int(rng.integers(2, 5))
    if not are_separated(graph, evidence, 0, 1, frozenset({given_})):
        return
    states = np.indices((3,) * 6).reshape(6, -1).T
    states = states[states[:, 5] == evidence[5]]
    weights = np.exp(log_score(graph, states))
    joint = np.zeros((3, 3, 3))
    np.add.at(joint, (states[:, 0], states[:, 1], states[:, given_]), weights)
    product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    assert joint * joint.sum(axis=(0, 1)) == pytest.approx(product, rel=1e-9, abs=1e-12)


@given(seed=st.integers(0, 10_000), zeros=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_what_is_called_possible_or_not_is_so(seed: int, zeros: float):
    rng = np.random.default_rng(seed)
    graph = random_loops(rng, 5, 6, zeros=zeros)
    evidence = no_evidence(graph)
    evidence[4] = int(rng.integers(3))
    states = np.indices((3,) * 5).reshape(5, -1).T
    scores = log_score(graph, states[states[:, 4] == evidence[4]])
    truth = bool((scores > -np.inf).any())
    assert is_possible(graph, evidence, start_budget(10.0, 1 << 30), rng) is truth
    assert is_possible(graph, evidence, start_budget(0.0, 1 << 30), rng) in (truth, None)
