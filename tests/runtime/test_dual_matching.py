"""What only a matching or a flow refutes is refuted, and nothing else is."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import Map, Solutions, Status
from gmruntime.constraints.matching import Matched, can_flow
from gmruntime.constraints.rules import Sum, states_of
from gmruntime.factors.kinds import AllDifferent, Count, FactorKind, LinearSum, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.inference import infer

NUM_PIGEONS = 14


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 63), min_size=1, max_size=5))
def test_the_states_kept_are_those_of_solutions(masks: list[int]):
    choices = [[s for s in range(6) if mask >> s & 1] for mask in masks]
    solutions = [row for row in itertools.product(*choices) if len(set(row)) == len(row)]
    domains = list(masks)
    narrowed = Matched(tuple(range(len(masks)))).narrow(domains)
    assert (narrowed is None) == (not solutions)
    if solutions:
        used = [sum({1 << row[k] for row in solutions}) for k in range(len(masks))]
        assert domains == used
        assert set(narrowed or []) == {k for k, m in enumerate(masks) if m != used[k]}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_a_flow_is_found_exactly_where_there_is_one(seed: int):
    rng = np.random.default_rng(seed)
    links = rng.integers(0, 3, (3, 3))
    demands, rooms = rng.integers(0, 4, 3), rng.integers(0, 4, 3)
    # Hall's condition for flows: every set of demands, and every set of rooms it leaves out.
    fits = True
    for some in itertools.product([False, True], repeat=3):
        chosen = np.array(some)
        reach = np.minimum(links[chosen].sum(axis=0), rooms).sum()
        fits &= bool(demands[chosen].sum() <= reach)
    listed = [{r: int(n) for r, n in enumerate(row) if n} for row in links]
    assert can_flow(demands.tolist(), listed, rooms.tolist()) == fits


def pigeons(way: str, num_holes: int) -> FactorGraph:
    """Put pigeons into holes, one each."""
    n, m = NUM_PIGEONS, num_holes
    each = np.arange(n * m, dtype=np.int32).reshape(n, m)
    booleans = (VariableBlock("x", (n, m), 2),)
    one = np.where(np.arange(m + 1) == 1, 0.0, -np.inf)[None]
    least = np.where(np.arange(m + 1) >= 1, 0.0, -np.inf)[None]
    most = np.where(np.arange(n + 1) <= 1, 0.0, -np.inf)[None]
    no: np.ndarray = np.zeros((1, n), np.bool_)
    placed = FactorBlock(Count(one, no[:, :1].repeat(m, axis=1)), each)
    not_both = Table(np.array([[[0.0, 0.0], [0.0, -np.inf]]]))
    match way:
        case "alldifferent":
            kind: FactorKind = AllDifferent()
            block = FactorBlock(kind, np.arange(n, dtype=np.int32)[None])
            return FactorGraph((VariableBlock("x", (n,), m),), (block,))
        case "differs":
            pairs = np.array(list(itertools.combinations(range(n), 2)), np.int32)
            differs = Table(np.where(np.eye(m, dtype=np.bool_), -np.inf, 0.0)[None])
            return FactorGraph((VariableBlock("x", (n,), m),), (FactorBlock(differs, pairs),))
        case "counts":
            return FactorGraph(booleans, (placed, FactorBlock(Count(most, no), each.T.copy())))
        case "sums":
            ones: np.ndarray = np.ones((1, n), np.int64)
            sums = LinearSum(ones, np.zeros(1, np.int64), np.zeros((1, 2)))
            return FactorGraph(booleans, (placed, FactorBlock(sums, each.T.copy())))
        case _:
            some = FactorBlock(Count(least, no[:, :1].repeat(m, axis=1)), each)
            pairs = np.array(
                [each[[a, b], h] for a, b in itertools.combinations(range(n), 2) for h in range(m)],
                np.int32,
            )
            return FactorGraph(booleans, (some, FactorBlock(not_both, pairs)))


@pytest.mark.parametrize("way", ["alldifferent", "differs", "counts", "sums", "clauses"])
def test_pigeons_fit_exactly_where_there_are_holes_enough(way: str):
    few = infer(pigeons(way, NUM_PIGEONS - 1), Map())
    assert few.quality.status is Status.IMPOSSIBLE
    count = infer(pigeons(way, NUM_PIGEONS - 1), Solutions())
    assert (count.quality.status, count.count) == (Status.IMPOSSIBLE, 0)
    enough = infer(pigeons(way, NUM_PIGEONS), Map())
    assert enough.quality.status is Status.EXACT
    assert enough.log_scores[0] == 0.0


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_a_sum_cuts_what_cannot_be_reached_and_no_solution(seed: int):
    rng = np.random.default_rng(seed)
    masks = rng.integers(1, 64, 3).tolist()
    weights = tuple(rng.integers(-4, 5, 3).tolist())
    low = int(rng.integers(-20, 20))
    high = low + int(rng.integers(0, 9))
    rule = Sum((0, 1, 2), weights, frozenset(range(low, high + 1)), low, high)
    domains = list(masks)
    failed = rule.narrow(domains) is None
    choices = [states_of(mask) for mask in masks]
    solutions = [
        row
        for row in itertools.product(*choices)
        if low <= sum(w * s for w, s in zip(weights, row, strict=True)) <= high
    ]
    assert not (failed and solutions)
    for k, mask in enumerate(domains if not failed else []):
        used = {row[k] for row in solutions}
        assert used <= set(states_of(mask)) <= set(choices[k])


def test_long_domains_are_listed_like_short_ones():
    states = np.flatnonzero(np.random.default_rng(0).random(5000) < 0.5).tolist()
    assert states_of(sum(1 << s for s in states)) == states
