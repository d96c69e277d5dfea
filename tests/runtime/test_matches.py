"""Matches: sums over pixels, answers as from tables, and estimates while time is short."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Question,
    Status,
)
from gmruntime.budget import start_budget
from gmruntime.factors.correlation import Correlation
from gmruntime.factors.kinds import Match, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score
from gmruntime.inference import infer, infer_rows
from gmruntime.matches import groups
from gmruntime.matches.looking import looked_at

GATE, EXEMPLAR, VIEW, PLACE = range(4)
SIZES = (2, 50, 4, 40)


@pytest.fixture(autouse=True)
def _few_groups(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Look at few groups at first, so that small cases have others."""
    monkeypatch.setattr(groups, "_NUM_FIRST", 64)


def by_hand(told: np.ndarray, sites: np.ndarray, picture: np.ndarray) -> np.ndarray:
    symbols = picture[sites]
    return np.array(
        [
            [sum(own[p, symbols[p, q]] for p in range(len(sites))) for q in range(sites.shape[1])]
            for own in told
        ]
    )


@pytest.mark.parametrize("is_alike", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_sums_are_those_over_pixels(seed: int, is_alike: bool):
    rng = np.random.default_rng(seed)
    places = rng.permutation(60)[:31]
    sites = rng.permutation(20)[:7, None] + places
    if not is_alike:
        sites[3, 5] = (sites[3, 5] + 1) % 80
    told, picture = rng.normal(size=(4, 7, 3)), rng.integers(0, 3, 80)
    correlation = Correlation.of(sites, picture, 3)
    assert (correlation.alike is not None) == is_alike
    np.testing.assert_allclose(correlation.sums(told), by_hand(told, sites, picture), atol=1e-11)


def test_strong_pixels_cost_others_no_digits():
    rng = np.random.default_rng(5)
    sites = np.arange(5)[:, None] + np.arange(40)
    told, picture = rng.normal(size=(2, 5, 2)), rng.integers(0, 2, 44)
    told[0, 2, 1] = 1e15
    found = Correlation.of(sites, picture, 2).sums(told)
    is_weak = picture[sites[2]] == 0
    wanted = by_hand(told, sites, picture)
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-12)
    np.testing.assert_allclose(found[0, ~is_weak], wanted[0, ~is_weak])
    np.testing.assert_allclose(found[0, is_weak], wanted[0, is_weak], atol=1e-12)


def scene(
    seed: int, *, is_gated: bool = True, are_joined: bool = False, strength: float = 1.0
) -> tuple[FactorGraph, FactorGraph]:
    """Draw a graph with a match, and the same with its table."""
    rng = np.random.default_rng(seed)
    _, exemplars, views, places = SIZES
    told = strength * rng.normal(size=(1, exemplars * views, 9, 2))
    sites = np.array([0, 1, 2, 10, 11, 12, 20, 21, 22])[:, None] + np.arange(places)
    kind = Match(told, sites[None], rng.integers(0, 2, (1, 70)), SIZES[1:], 2, is_gated)
    scope = np.arange(0 if is_gated else 1, 4, dtype=np.int32)[None]
    single = [np.array([[v]], np.int32) for v in range(4)]
    rest = [
        FactorBlock(Table(rng.normal(size=(1, SIZES[v]))), single[v]) for v in (GATE, VIEW, PLACE)
    ]
    if are_joined:
        pair = np.array([[VIEW, PLACE]], np.int32)
        rest.append(FactorBlock(Table(rng.normal(size=(1, views, places))), pair))
    blocks = tuple(VariableBlock(f"v{n}", (), n) for n in SIZES)
    shape = SIZES if is_gated else SIZES[1:]
    table = Table(kind.log_tables(shape))
    one, other = (FactorGraph(blocks, (FactorBlock(k, scope), *rest)) for k in (kind, table))
    return one, other


QUESTIONS: dict[str, Question[AnyAnswer]] = {
    "log Z": LogPartition(),
    "all marginals": Marginals(),
    "marginals": Marginals(np.array([GATE, EXEMPLAR], np.int32)),
    "place": Joint(np.array([PLACE], np.int32)),
    "view and place": Joint(np.array([PLACE, VIEW], np.int32)),
    "best exemplar": MarginalMap(np.array([EXEMPLAR], np.int32)),
    "best place": MarginalMap(np.array([PLACE], np.int32)),
    "best": Map(),
    "three exemplars": Best(3, np.array([EXEMPLAR], np.int32)),
}


def assert_same(one: AnyAnswer, other: AnyAnswer) -> None:
    assert one.quality.status is other.quality.status is Status.EXACT
    match one, other:
        case LogPartitionAnswer(), LogPartitionAnswer():
            assert one.log_value == pytest.approx(other.log_value, abs=1e-9)
        case MarginalsAnswer(), MarginalsAnswer():
            for found, wanted in zip(one.probabilities, other.probabilities, strict=True):
                np.testing.assert_allclose(found, wanted, atol=1e-10)
        case JointAnswer(), JointAnswer():
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-10)
        case MarginalMapAnswer(), MarginalMapAnswer():
            assert one.states.tolist() == other.states.tolist()
            assert one.log_value == pytest.approx(other.log_value, abs=1e-9)
        case AssignmentsAnswer(), AssignmentsAnswer():
            assert one.assignments.tolist() == other.assignments.tolist()
            np.testing.assert_allclose(one.log_scores, other.log_scores, atol=1e-9)
        case _:
            raise AssertionError


@pytest.mark.parametrize("asked", QUESTIONS)
@pytest.mark.parametrize("is_gated", [True, False])
@pytest.mark.parametrize("are_joined", [True, False])
def test_answers_are_those_of_the_table(asked: str, is_gated: bool, are_joined: bool):
    graph, written = scene(len(asked), is_gated=is_gated, are_joined=are_joined)
    query = QUESTIONS[asked]
    assert_same(infer(graph, query), infer(written, query))
    seen = np.array([-1, -1, 2, -1], np.int32)
    assert_same(infer(graph, query, evidence=seen), infer(written, query, evidence=seen))


def things(seed: int, *, is_gated: bool) -> tuple[FactorGraph, FactorGraph]:
    """Draw a graph with one match of three things, each with more said of it, and its table."""
    rng = np.random.default_rng(seed)
    sizes = (6, 3, 5)
    told, sites = rng.normal(size=(1, 18, 4, 2)), np.arange(4)[:, None] + np.arange(5)
    kind = Match(told, sites[None], rng.integers(0, 2, (1, 8)), sizes, 2, is_gated)
    gate = (2,) if is_gated else ()
    shape = (*gate, *sizes)
    count = len(shape)
    scopes = np.arange(3 * count, dtype=np.int32).reshape(3, count)
    rest: list[FactorBlock] = []
    for thing, position in zip(*np.nonzero(rng.random((3, count)) < 0.5), strict=True):
        log_values = rng.normal(size=(1, shape[position]))
        log_values[0, 0] = rng.choice([0.0, -np.inf])
        scope = scopes[thing, position].reshape(1, 1)
        rest.append(FactorBlock(Table(log_values), scope))
    if seed % 2:
        pair = scopes[[0], -1], scopes[[1], -2]
        rest.append(FactorBlock(Table(rng.normal(size=(1, 5, 3))), np.stack(pair, axis=1)))
    blocks = tuple(VariableBlock(f"v{k}", (), n) for k, n in enumerate(shape * 3))
    table = Table(kind.log_tables(shape))
    one, other = (FactorGraph(blocks, (FactorBlock(k, scopes), *rest)) for k in (kind, table))
    return one, other


@pytest.mark.parametrize("is_gated", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_matches_of_several_things_are_summed_out(seed: int, is_gated: bool):
    graph, written = things(seed, is_gated=is_gated)
    rng = np.random.default_rng(100 + seed)
    some = np.sort(rng.permutation(graph.num_variables)[:3]).astype(np.int32)
    asked = LogPartition(), Marginals(some), Joint(some), MarginalMap(some[:2]), Map()
    for query in asked:
        assert_same(infer(graph, query), infer(written, query))
        seen = np.full(graph.num_variables, -1, np.int32)
        seen[rng.integers(graph.num_variables)] = 1
        assert_same(infer(graph, query, evidence=seen), infer(written, query, evidence=seen))
    # Of places that nobody asks about nothing is left.
    looked = looked_at(graph, start_budget(60.0, 1 << 30), LogPartition())
    joined = 2 if seed % 2 else 0
    free = [len(block.scopes[0]) for block in looked.graph.factors for _ in block.scopes]
    assert sum(width > 1 for width in free) <= joined + (1 if joined else 0)


@pytest.mark.parametrize("asked", QUESTIONS)
def test_what_time_is_too_short_for_is_an_estimate(asked: str):
    graph, written = scene(3)
    query = QUESTIONS[asked]
    none_left = start_budget(1e-9, 1 << 30)
    found = infer(graph, query, budget=none_left)
    assert found.quality.status is Status.ESTIMATE
    assert "of 200 exemplars looked at" in found.quality.note
    match found:
        case LogPartitionAnswer() | MarginalMapAnswer():
            assert (found.log_lower, found.log_upper) == (-np.inf, np.inf)
        case MarginalsAnswer():
            assert found.lower is found.upper is None
        case AssignmentsAnswer():
            # What is found scores what it says, and nothing is proven of others.
            assert found.log_scores == pytest.approx(log_score(written, found.assignments))
            assert found.log_upper == np.inf
        case _:
            pass
    # Whoever asks again goes on from there.
    assert_same(infer(graph, query), infer(written, query))


def test_a_first_look_is_cut_short_and_taken_up_again():
    graph, written = scene(6)
    kind = graph.factors[0].kind
    assert isinstance(kind, Match)
    numbers = list[int]()
    for seconds in (0.5, 5.0, 9.0):
        # A second passes whenever somebody asks.
        looked_at(graph, start_budget(seconds, 1 << 30, count().__next__))
        assert kind.progress.scores is not None
        numbers.append(len(np.unique(kind.progress.scores, axis=0)))
    assert numbers[0] == 32
    assert sorted(numbers) == numbers
    assert_same(infer(graph, Marginals()), infer(written, Marginals()))
    assert len(np.unique(kind.progress.scores, axis=0)) == 200


def test_rows_are_no_better_than_what_was_looked_at():
    graph, _ = scene(4)
    rows = np.full((2, 4), -1, np.int32)
    rows[1, GATE] = 1
    short = infer_rows(graph, LogPartition(), rows, budget=start_budget(1e-9, 1 << 30))
    assert not any(one and one.quality.status is Status.EXACT for one in short)
    for row, found in zip(rows, infer_rows(graph, LogPartition(), rows), strict=True):
        assert found is not None
        assert_same(found, infer(graph, LogPartition(), evidence=row))


def test_the_best_are_looked_at_first():
    """An exemplar that the picture was made from is found long before all were looked at."""
    rng = np.random.default_rng(0)
    exemplars, side, places = 1024, 100, 40
    shapes = rng.random((32, side)) < 0.5
    # Families of thirty-two that differ in some pixels.
    masks = shapes.repeat(32, axis=0) ^ (rng.random((exemplars, side)) < 0.1)
    chance = np.where(masks, 0.8, 0.2)
    told = np.log(np.stack([(1 - chance) / 0.5, chance / 0.5], axis=2))
    picture = rng.random(side + places) < 0.5
    hidden, at = 700, 13
    picture[at : at + side] = rng.random(side) < chance[hidden]
    sites = np.arange(side)[:, None] + np.arange(places)
    kind = Match(told[None], sites[None], picture[None].astype(int), (exemplars, places), 1)
    blocks = VariableBlock("exemplar", (), exemplars), VariableBlock("at", (), places)
    graph = FactorGraph(blocks, (FactorBlock(kind, np.array([[0, 1]], np.int32)),))
    numbers = [-1]
    while numbers[-1] < exemplars:
        # A second passes whenever somebody asks: time for a look or two.
        looked = looked_at(graph, start_budget(9.0, 1 << 30, count().__next__))
        assert looked.num_seen >= numbers[-1]
        numbers.append(looked.num_seen)
        assert kind.progress.is_known is not None
        if kind.progress.is_known[hidden]:
            break
    assert numbers[-1] < exemplars / 4


def test_a_kind_that_does_not_fit_is_refused():
    graph, _ = scene(0)
    kind = graph.factors[0].kind
    assert isinstance(kind, Match)
    for wrong, word in (
        (Match(kind.told[:, :3], kind.sites, kind.picture, kind.sizes, 2, True), "told"),
        (Match(kind.told, kind.sites[:, 1:], kind.picture, kind.sizes, 2, True), "sites"),
        (Match(kind.told, kind.sites + 60, kind.picture, kind.sizes, 2, True), "sites"),
        (Match(kind.told, kind.sites, kind.picture + 1, kind.sizes, 2, True), "picture"),
        (Match(kind.told, kind.sites, kind.picture, (50, 4), 2, True), "sizes"),
        (Match(-np.inf * kind.told**2, kind.sites, kind.picture, kind.sizes, 2, True), "finite"),
    ):
        blocks = (replace(graph.factors[0], kind=wrong), *graph.factors[1:])
        with pytest.raises(ValueError, match=word):
            infer(replace(graph, factors=blocks), LogPartition())
