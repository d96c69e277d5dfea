"""Estimates say how far off they may be; bounds hold; nothing possible is called impossible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gmruntime.answer import (
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
    Samples,
    Solutions,
    Status,
)
from gmruntime.budget import start_budget
from gmruntime.estimates.answer import estimate
from gmruntime.estimates.buckets import weigh_by_buckets
from gmruntime.estimates.ceilings import log_ceiling
from gmruntime.estimates.checking import weigh
from gmruntime.estimates.mechanisms import order_mechanisms
from gmruntime.estimates.weighting import draw_rows, plan_weighting
from gmruntime.factors.kinds import AllDifferent, Count, NoisyOr, Or, Table, Xor
from gmruntime.factors.kinds.all_different import bethe_permanent, log_permanent
from gmruntime.graph import (
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    no_evidence,
    num_states,
)
from gmruntime.inference import infer, plan
from gmruntime.questions.enumerate import enumerate_assignments, log_partition, marginal
from gmruntime.task import Effort, Task
from tests.support.random_factors import (
    each_kind,
    every_kind,
    nth_kind,
    random_loops,
    tree_around,
    with_zeros,
)

BUDGET = 30.0


def directed(rng: np.random.Generator, num_variables: int = 9) -> FactorGraph:
    """Build a Bayesian network of tables, noisy ors, disjunctions and parities."""
    factors: list[FactorBlock] = []
    for v in range(num_variables):
        count = int(rng.integers(0, min(v, 3) + 1))
        parents = rng.choice(v, count, replace=False) if v else np.zeros(0, np.int64)
        scope = np.array([[*parents, v]], np.int32)
        kind = int(rng.integers(4)) if count else 0
        match kind:
            case 0:
                p = rng.dirichlet(np.ones(2), size=(1, *(2,) * count))
                factors.append(FactorBlock(Table(np.log(p)), scope))
            case 1:
                factors.append(FactorBlock(NoisyOr(-3 * rng.random((1, count + 1))), scope))
            case 2:
                factors.append(FactorBlock(Or(rng.random((1, count + 1)) < 0.5), scope))
            case _:
                factors.append(FactorBlock(Xor(rng.random(1) < 0.5), scope))
    return FactorGraph((VariableBlock("x", (num_variables,), 2),), tuple(factors))


def seen(rng: np.random.Generator, graph: FactorGraph, count: int) -> np.ndarray:
    """Observe some variables as they are in a possible world."""
    evidence = no_evidence(graph)
    every = enumerate_assignments(graph, evidence)
    possible = every.assignments[np.isfinite(every.log_scores)]
    world = possible[rng.integers(len(possible))]
    chosen = rng.choice(graph.num_variables, count, replace=False)
    evidence[chosen] = world[chosen]
    return evidence


# --- Weighted samples --------------------------------------------------------------------


def test_stated_errors_cover_the_truth():
    """Within three times the largest standard error, for nine of ten networks at least."""
    covered: list[bool] = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        graph = directed(rng)
        evidence = seen(rng, graph, seed % 3)
        asked = np.flatnonzero(evidence < 0)
        tally = weigh(Task(graph, Map(), evidence), asked, Effort(start_budget(0.05, 1 << 28), rng))
        if tally is None:
            continue
        every = enumerate_assignments(graph, evidence)
        wanted = np.concatenate([marginal(every, int(v), 2) for v in asked])
        off = np.abs(tally.probabilities() - wanted).max()
        covered.append(bool(off <= 3 * tally.errors().max()))
    assert len(covered) >= 12
    assert np.mean(covered) >= 0.9


@each_kind
def test_weights_average_to_z_and_keep_below_their_ceiling(index: int):
    rng = np.random.default_rng(index)
    kind, shape = nth_kind(rng, index, 2)
    graph = tree_around(rng, kind, shape)
    evidence = no_evidence(graph)
    evidence[-1] = 0
    owned = order_mechanisms(graph, evidence, lambda: False)
    assert owned is not None
    how = plan_weighting(graph, evidence, owned, np.arange(graph.num_variables - 1), lambda: False)
    states, log_weights = draw_rows(how, 20_000, rng, lambda: False)
    assert log_weights.max() <= log_ceiling(how) + 1e-9
    assert (states[-1] == 0).all()
    weights = np.exp(log_weights + how.log_constant)
    error = weights.std() / np.sqrt(len(weights))
    wanted = np.exp(log_score_sum(graph, evidence))
    assert abs(weights.mean() - wanted) <= 5 * error + 1e-12


def log_score_sum(graph: FactorGraph, evidence: np.ndarray) -> float:
    """Add up all scores by elimination, which other tests compare with enumeration."""
    found = infer(graph, LogPartition(), evidence=evidence, budget_s=BUDGET)
    assert found.quality.status in (Status.EXACT, Status.IMPOSSIBLE)
    return found.log_value


def test_a_network_without_evidence_needs_no_weights():
    rng = np.random.default_rng(5)
    graph = directed(rng, 12)
    owned = order_mechanisms(graph, no_evidence(graph), lambda: False)
    assert owned is not None
    how = plan_weighting(graph, no_evidence(graph), owned, np.arange(12), lambda: False)
    _, log_weights = draw_rows(how, 100, rng, lambda: False)
    assert np.abs(log_weights + how.log_constant).max() < 1e-9


@pytest.mark.parametrize("is_joint", [False, True])
def test_errors_of_draws_from_mini_buckets_cover_the_truth(is_joint: bool):
    """Within three times the largest stated error, for nine of ten loopy graphs at least."""
    covered: list[bool] = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        graph = random_loops(rng, 8, 14, zeros=0.15 * (seed % 2))
        evidence = no_evidence(graph)
        if is_joint and seed % 3 == 0:
            evidence[4] = num_states(graph)[4] - 1
        every = enumerate_assignments(graph, evidence)
        if log_partition(every) == -np.inf:
            continue
        asked = np.array([1, 4], np.int64)
        sizes = num_states(graph)[asked].astype(np.int64)
        query = Joint(asked.astype(np.int32)) if is_joint else Marginals(asked.astype(np.int32))
        planned = plan(graph, query, evidence=evidence)
        assert planned.network is not None
        tally = weigh_by_buckets(
            planned.network,
            planned.order,
            evidence,
            asked,
            sizes,
            start_budget(0.1, 1 << 28),
            rng,
            is_joint=is_joint,
        )
        if tally is None:
            continue
        rows = [marginal(every, int(v), int(k)) for v, k in zip(asked, sizes, strict=True)]
        wanted = np.concatenate(rows)
        if is_joint:
            table = np.zeros(tuple(sizes))
            weights = np.exp(every.log_scores - log_partition(every))
            np.add.at(table, tuple(every.assignments[:, asked].T), weights)
            wanted = table.reshape(-1)
        off = np.abs(tally.probabilities() - wanted).max()
        covered.append(bool(off <= 3 * tally.errors().max()))
    assert len(covered) >= 8
    assert np.mean(covered) >= 0.9


def test_messages_that_have_not_settled_are_not_sure():
    """The first sweep of a frustrated loop says more than it knows."""
    rng = np.random.default_rng(0)
    pairs = np.array([[a, b] for a in range(8) for b in range(a)], np.int32)
    tables = np.array([[0.0, 1.0], [1.0, 0.0]]) * rng.normal(0, 9, (len(pairs), 1, 1))
    field = Table(np.array([[0.0, 1.0]]))
    graph = FactorGraph(
        (VariableBlock("x", (8,), 2),),
        (
            FactorBlock(Table(tables), pairs),
            FactorBlock(field, np.arange(8, dtype=np.int32)[:, None]),
        ),
    )
    found = infer(graph, Marginals(), method="bp", options={"iters": 3}, budget_s=BUDGET)
    assert "do not trust" in found.quality.note
    assert found.probabilities[0].min() > 0.01
    assert found.probabilities[0].sum(axis=-1) == pytest.approx(np.ones(8))


def misleading() -> FactorGraph:
    """Build a network whose loops mislead messages: a chain of noisy copies that meets itself."""
    rng = np.random.default_rng(3)
    factors = [FactorBlock(Table(np.log(np.array([[0.7, 0.3]]))), np.array([[0]], np.int32))]
    for v in range(1, 14):
        parents = [v - 1] if v < 3 else [v - 1, v - 2, v - 3]
        p = rng.dirichlet(0.3 * np.ones(2), size=(1, *(2,) * len(parents)))
        factors.append(FactorBlock(Table(np.log(p)), np.array([[*parents, v]], np.int32)))
    return FactorGraph((VariableBlock("x", (14,), 2),), tuple(factors))


@pytest.mark.parametrize("query", [Marginals(), Joint(np.array([13, 6], np.int32))])
def test_samples_correct_messages_and_state_their_error(query: Marginals | Joint):
    graph = misleading()
    rng, nothing = np.random.default_rng(0), no_evidence(graph)
    budget = start_budget(0.4, 1 << 28)
    found = estimate(
        Task(graph, query, nothing), plan(graph, query), Effort(budget, rng, device="cpu")
    )
    assert found.quality.status is Status.ESTIMATE
    assert 0 < found.quality.error < 0.05
    every = enumerate_assignments(graph, no_evidence(graph))
    match found:
        case MarginalsAnswer():
            told = found.probabilities[0]
            wanted = np.array([marginal(every, v, 2) for v in range(14)])
            assert told.sum(axis=1) == pytest.approx(np.ones(14))
        case JointAnswer():
            told, wanted = found.probabilities, np.zeros((2, 2))
            rows = every.assignments
            np.add.at(wanted, (rows[:, 13], rows[:, 6]), np.exp(every.log_scores))
        case _:
            raise AssertionError
    assert np.abs(told - wanted).max() <= 3 * found.quality.error


# --- Impossible --------------------------------------------------------------------------


def formula(rng: np.random.Generator, num_variables: int, num_clauses: int) -> FactorGraph:
    """Build clauses of three literals that the first assignment of all zeros satisfies."""
    scopes = np.array([rng.choice(num_variables, 3, replace=False) for _ in range(num_clauses)])
    negated = rng.random((num_clauses, 3)) < 0.5
    negated[~negated.any(axis=1), 0] = True
    no_literal = np.tile(np.array([[-np.inf, 0.0, 0.0, 0.0]]), (num_clauses, 1))
    block = FactorBlock(Count(no_literal, negated), scopes.astype(np.int32))
    return FactorGraph((VariableBlock("x", (num_variables,), 2),), (block,))


@pytest.mark.parametrize("method", ["", "bp"])
@pytest.mark.parametrize("budget_s", [1e-9, 0.05])
@pytest.mark.parametrize("seed", range(2))
def test_what_can_be_satisfied_is_never_called_impossible(method: str, budget_s: float, seed: int):
    rng = np.random.default_rng(seed)
    graph = formula(rng, 40, 160)
    for query in (
        LogPartition(),
        Marginals(),
        Map(),
        Samples(2),
        Solutions(),
        MarginalMap(np.arange(3, dtype=np.int32)),
    ):
        found = infer(graph, query, method=method, budget_s=budget_s, memory_bytes=2000)
        assert found.quality.status is not Status.IMPOSSIBLE
        if isinstance(found, LogPartitionAnswer):
            assert found.log_lower <= found.log_value <= found.log_upper
        if isinstance(found, MarginalsAnswer):
            assert found.probabilities[0].sum(axis=-1) == pytest.approx(np.ones(40))


def test_what_cannot_be_satisfied_is_proved_so():
    forbid = Table(np.array([[[-np.inf, 0.0], [0.0, -np.inf]]]))
    odd = np.array([[0, 1], [1, 2], [0, 2]], np.int32)
    graph = FactorGraph((VariableBlock("x", (3,), 2),), (FactorBlock(forbid, odd),))
    for query in (LogPartition(), Marginals(), Samples(2), Solutions()):
        found = infer(graph, query, method="bp", budget_s=2.0)
        assert found.quality.status in (Status.IMPOSSIBLE, Status.ESTIMATE)


# --- log Z -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 12), (3, 60), (8, 9), (4, 5)])
@pytest.mark.parametrize("method", ["", "bp"])
def test_log_z_of_all_different_is_exact_for_few_variables(shape: tuple[int, int], method: str):
    arity, num_values = shape
    rng = np.random.default_rng(arity)
    weights = rng.normal(size=(1, arity, num_values))
    scope = np.arange(arity, dtype=np.int32)[None]
    graph = FactorGraph(
        (VariableBlock("x", (arity,), num_values),),
        (
            FactorBlock(AllDifferent(), scope),
            FactorBlock(Table(weights[0]), scope.T),
        ),
    )
    found = infer(graph, LogPartition(), method=method, budget_s=BUDGET)
    told = np.moveaxis(weights[None], 3, 2)
    assert found.quality.status is Status.EXACT
    assert found.log_value == pytest.approx(float(log_permanent(told)[0, 0]), abs=1e-9)


@given(seed=st.integers(0, 1000), arity=st.integers(1, 4), extra=st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_permanent_is_a_sum_over_assignments(seed: int, arity: int, extra: int):
    rng = np.random.default_rng(seed)
    told = with_zeros(rng, rng.normal(size=(1, 1, arity + extra, arity)), 0.2)
    scope = np.arange(arity, dtype=np.int32)[None]
    graph = FactorGraph(
        (VariableBlock("x", (arity,), arity + extra),),
        (FactorBlock(AllDifferent(), scope), FactorBlock(Table(told[0, 0].T), scope.T)),
    )
    wanted = log_partition(enumerate_assignments(graph, no_evidence(graph)))
    assert float(log_permanent(told)[0, 0]) == pytest.approx(wanted, abs=1e-9)


def test_the_bethe_permanent_is_no_larger_than_the_permanent():
    """Gurvits (2011), "Unleashing the power of Schrijver's permanental inequality"."""
    rng = np.random.default_rng(0)
    for size in (6, 9):
        told = rng.normal(size=(1, 1, size, size))
        exact = float(log_permanent(told)[0, 0])
        bethe = float(bethe_permanent(told)[0, 0])
        assert exact - size / 2 * np.log(2.0) - 1e-6 <= bethe <= exact + 1e-6


@given(seed=st.integers(0, 10_000), zeros=st.sampled_from([0.0, 0.3]))
@settings(max_examples=10, deadline=None)
def test_an_estimate_of_log_z_lies_between_bounds_that_hold(seed: int, zeros: float):
    rng = np.random.default_rng(seed)
    graph = random_loops(rng, 6, 9, zeros=zeros)
    wanted = log_partition(enumerate_assignments(graph, no_evidence(graph)))
    found = infer(graph, LogPartition(), method="bp", budget_s=0.3)
    if found.quality.status is Status.IMPOSSIBLE:
        assert wanted == -np.inf
        return
    assert found.log_lower - 1e-9 <= wanted <= found.log_upper + 1e-9
    assert found.log_lower <= found.log_value <= found.log_upper


# --- Assignments -------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None)
def test_marginal_map_by_messages_is_possible(seed: int):
    rng = np.random.default_rng(seed)
    graph = random_loops(rng, 5, 7, zeros=0.45)
    asked = np.array([0, 2, 3], np.int32)
    found = infer(graph, MarginalMap(asked), method="bp", budget_s=0.5)
    assert isinstance(found, MarginalMapAnswer)
    every = enumerate_assignments(graph, no_evidence(graph))
    if found.quality.status is Status.IMPOSSIBLE:
        assert log_partition(every) == -np.inf
    elif len(found.states):
        same = (every.assignments[:, asked] == found.states).all(axis=1)
        assert every.log_scores[same].max() > -np.inf
    else:
        assert found.quality.status is Status.ESTIMATE


def test_several_best_by_messages_are_an_estimate():
    weight = Table(np.array([[0.0, 1.0]]))
    graph = FactorGraph(
        (VariableBlock("x", (2,), 2),), (FactorBlock(weight, np.array([[0]], np.int32)),)
    )
    assert infer(graph, Best(1), method="bp").quality.status is Status.EXACT
    assert infer(graph, Best(4), method="bp").quality.status is Status.ESTIMATE
    assert len(infer(graph, Best(4)).assignments) == 4


def test_a_score_is_kept_whatever_the_kind():
    """Draws from trees of every kind have the scores that their states have."""
    rng = np.random.default_rng(2)
    for kind, shape in every_kind(rng, 2):
        graph = tree_around(rng, kind, shape)
        found = infer(graph, Samples(3), budget_s=BUDGET)
        if found.quality.status is Status.EXACT:
            assert found.log_scores == pytest.approx(log_score(graph, found.assignments))
            assert (found.assignments < num_states(graph)).all()


def test_messages_that_have_not_settled_do_not_leave_what_can_be():
    graph = formula(np.random.default_rng(1), 60, 250)
    found = infer(graph, LogPartition(), method="bp", options={"iters": 1}, budget_s=0.2)
    assert 0.0 <= found.log_value <= 60 * np.log(2.0)
