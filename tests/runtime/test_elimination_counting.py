"""Numbers of solutions: exact by compiled passes, else between bounds that hold."""

import math

import numpy as np
import pytest

from gmruntime.answer import Solutions, SolutionsAnswer, Status
from gmruntime.budget import start_budget
from gmruntime.elimination import plan as plans
from gmruntime.elimination.answer import answer
from gmruntime.elimination.layouts import groups as layout
from gmruntime.elimination.passes import cores as running
from gmruntime.factors.kinds import AllDifferent, Count, LinearSum, NoisyOr, Potts, Table
from gmruntime.factors.support import support
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.inference import infer
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.task import Effort, Task
from tests.runtime.test_elimination import random_graph
from tests.support.random_factors import every_kind

NO = -np.inf


@pytest.fixture(params=["dense", "listed", "parallel"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(plans, "COMPILED_BITS", -1.0)
    monkeypatch.setattr(plans, "is_loaded", lambda: True)
    if request.param != "dense":
        monkeypatch.setattr(layout, "LAYOUT_S", 1e-12)
        monkeypatch.setattr(layout, "SAVED_BITS_MIN", -np.inf)
    if request.param == "parallel":
        monkeypatch.setattr(running, "REUSED_ENTRIES_MIN", 0)
    return request.param


@pytest.mark.parametrize("seed", range(30))
def test_compiled_counts_agree_with_enumeration(engine: str, seed: int) -> None:
    assert engine
    graph, evidence = random_graph(seed, 0.4)
    found = answer(
        Task(graph, Solutions(), evidence),
        Effort(start_budget(60.0, 1 << 30), np.random.default_rng(0)),
    )
    assert isinstance(found, SolutionsAnswer)
    scores = enumerate_assignments(graph, evidence).log_scores
    assert found.count == (scores > NO).sum()


@pytest.mark.parametrize("length", [1, 2, 40, 500])
def test_words_without_neighbours_are_fibonacci_numbers(engine: str, length: int) -> None:
    """Of so many digits that several primes are needed."""
    assert engine
    apart = Table(np.array([[[0.0, -0.5], [2.0, NO]]]))
    index = np.arange(length, dtype=np.int32)
    scopes = np.stack([index[:-1], index[1:]], axis=1)
    graph = FactorGraph((VariableBlock("x", (length,), 2),), (FactorBlock(apart, scopes),))
    found = infer(graph, Solutions(), budget_s=60.0)
    before, after = 1, 2
    for _ in range(length - 1):
        before, after = after, before + after
    assert found.count == after
    assert found.log_count == pytest.approx(math.log(after), rel=1e-12)


def test_two_weighted_sums_are_counted_as_one_after_another() -> None:
    """The oracle adds up how many ways lead to each pair of sums."""
    n = 30
    weights = np.array(
        [[(7 * i) % 23 + 1 for i in range(n)], [(11 * i) % 19 + 2 for i in range(n)]]
    )
    most, least = 120, 100
    ways = np.zeros((weights[0].sum() + 1, weights[1].sum() + 1), np.int64)
    ways[0, 0] = 1
    for one, other in weights.T:
        ways[one:, other:] += ways[: -one or None, : -other or None].copy()
    scope = np.arange(n, dtype=np.int32)[None]
    # Scores within the sums matter to log Z only.
    light = np.linspace(-1.0, 1.0, most + 1)[None]
    heavy = np.zeros((1, int(weights[1].sum()) - least + 1))
    sums = (
        LinearSum(weights[:1], np.array([0]), light),
        LinearSum(weights[1:], np.array([least]), heavy),
    )
    graph = FactorGraph(
        (VariableBlock("x", (n,), 2),), tuple(FactorBlock(kind, scope) for kind in sums)
    )
    found = infer(graph, Solutions(), budget_s=60.0)
    assert found.quality.status is Status.EXACT
    assert found.count == ways[: most + 1, least:].sum()


@pytest.mark.parametrize("seed", range(6))
def test_the_support_is_where_a_factor_is_above_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    with np.errstate(divide="ignore"):
        certain = np.log(rng.choice([0.0, 0.5, 1.0], (2, 4)))
    kinds = [*every_kind(rng, 2, zeros=0.3), (NoisyOr(certain), (2,) * 4)]
    kinds.append((Potts(np.array([NO, 1.0])), (3, 3)))
    for kind, sizes in kinds:
        variables = tuple(VariableBlock(f"x{k}", (), n) for k, n in enumerate(sizes))
        scopes = np.tile(np.arange(len(sizes), dtype=np.int32), (2, 1))
        graph = FactorGraph(variables, (FactorBlock(kind, scopes),))
        scores = enumerate_assignments(graph, no_evidence(graph)).log_scores
        allowed = support(graph)
        found = enumerate_assignments(allowed, no_evidence(allowed)).log_scores
        np.testing.assert_array_equal(found, np.where(scores > NO, 0.0, NO))


def clauses(rng: np.random.Generator, num_variables: int, num_clauses: int) -> FactorGraph:
    scopes = [rng.choice(num_variables, 3, replace=False) for _ in range(num_clauses)]
    negated = rng.random((num_clauses, 3)) < 0.5
    some = np.tile(np.array([[NO, 0.0, 0.0, 0.0]]), (num_clauses, 1))
    block = FactorBlock(Count(some, negated), np.array(scopes, np.int32))
    return FactorGraph((VariableBlock("x", (num_variables,), 2),), (block,))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("memory_bytes", [1 << 12, 1 << 14])
def test_what_cannot_be_counted_lies_between_bounds(seed: int, memory_bytes: int) -> None:
    graph = clauses(np.random.default_rng(seed), 18, 40)
    scores = enumerate_assignments(graph, no_evidence(graph)).log_scores
    truth = math.log((scores > NO).sum())
    found = infer(graph, Solutions(), budget_s=2.0, memory_bytes=memory_bytes)
    assert found.log_lower <= truth + 1e-9
    assert truth <= found.log_upper + 1e-9
    assert found.log_lower <= found.log_count <= found.log_upper


def test_messages_count_different_values_by_their_own_rule() -> None:
    scope = np.arange(12, dtype=np.int32)[None]
    graph = FactorGraph((VariableBlock("x", (12,), 12),), (FactorBlock(AllDifferent(), scope),))
    found = infer(graph, Solutions(), method="bp")
    assert found.log_lower <= math.lgamma(13) <= found.log_upper
    assert found.log_count == pytest.approx(math.lgamma(13), abs=1e-6)


def test_numbers_that_floats_lose_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two cases the one that is rare in the first part has most solutions in the end.

    A chain of copies of one boolean; part k is free where it has one value, else settled.
    """
    monkeypatch.setattr(plans, "COMPILED_BITS", -1.0)
    monkeypatch.setattr(plans, "is_loaded", lambda: True)
    free_at, sizes = [0, 1, 1, 1], [140, 65, 65, 65]
    equal = Table(np.where(np.eye(2), 0.0, NO)[None])
    chain = np.array([[k, k + 1] for k in range(3)], np.int32)
    blocks = [FactorBlock(equal, chain)]
    for k, part in enumerate(np.split(np.arange(4, 4 + sum(sizes)), np.cumsum(sizes)[:-1])):
        table = np.zeros((1, 2, 256))
        table[0, 1 - free_at[k], 1:] = NO
        scopes = np.stack([np.full(len(part), k), part], axis=1).astype(np.int32)
        blocks.append(FactorBlock(Table(table), scopes))
    variables = VariableBlock("copy", (4,), 2), VariableBlock("part", (sum(sizes),), 256)
    graph = FactorGraph(variables, tuple(blocks))
    found = answer(
        Task(graph, Solutions(), no_evidence(graph)),
        Effort(start_budget(60.0, 1 << 30), np.random.default_rng(0)),
    )
    assert isinstance(found, SolutionsAnswer)
    assert found.count == 256**140 + 256**195
