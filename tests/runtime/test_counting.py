"""The counting search: exact sums, probabilities and counts, held to enumeration."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gmruntime.counting.engine as engine
import gmruntime.counting.sampling as sampling
from gmruntime.answer import (
    AnyAnswer,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Marginals,
    MarginalsAnswer,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import UNLIMITED
from gmruntime.counting.answer import begun
from gmruntime.counting.engine import Counter, begin
from gmruntime.counting.model import lay_out
from gmruntime.counting.records import NUM_CLAUSES, NUM_NODES
from gmruntime.counting.sampling import sampler_of
from gmruntime.counting.search import COMPLETE, run
from gmruntime.counting.worth import has_zeros, is_wide
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.inference import infer
from gmruntime.questions.enumerate import enumerate_assignments
from gmruntime.simplify.network import Network, reduce
from gmruntime.task import Effort, Task

_BYTES = 1 << 24


def _random_graph(rng: np.random.Generator, *, num_parts: int, states_max: int) -> FactorGraph:
    """Draw a graph of several components, nearly half of whose entries are zero."""
    sizes: list[int] = []
    factors: list[FactorBlock] = []
    for _ in range(num_parts):
        first, count = len(sizes), int(rng.integers(2, 5))
        sizes += [int(n) for n in rng.integers(2, states_max + 1, count)]
        for _ in range(int(rng.integers(1, count + 3))):
            arity = int(rng.integers(1, min(3, count) + 1))
            scope = first + rng.choice(count, arity, replace=False)
            shape = tuple(sizes[v] for v in scope)
            table = rng.choice([0.0, 1.0, 2.0, 0.3], shape, p=[0.45, 0.35, 0.1, 0.1])
            with np.errstate(divide="ignore"):
                factors.append(
                    FactorBlock(Table(np.log(table)[None]), scope[None].astype(np.int32))
                )
    blocks = tuple(VariableBlock(f"x{k}", (1,), n) for k, n in enumerate(sizes))
    return FactorGraph(blocks, tuple(factors))


def _clauses(rng: np.random.Generator, num_variables: int, num_clauses: int) -> FactorGraph:
    """Draw clauses of three literals, so that there is something to learn."""
    scopes = np.stack([rng.choice(num_variables, 3, replace=False) for _ in range(num_clauses)])
    tables = np.zeros((num_clauses, 2, 2, 2))
    tables[(np.arange(num_clauses), *rng.integers(0, 2, (3, num_clauses)))] = -np.inf
    block = FactorBlock(Table(tables), scopes.astype(np.int32))
    return FactorGraph((VariableBlock("x", (num_variables,), 2),), (block,))


def _network(graph: FactorGraph, evidence: np.ndarray | None = None) -> Network:
    seen = no_evidence(graph) if evidence is None else evidence
    network = reduce(Task(graph, LogPartition(), seen))
    assert network is not None
    return network


def _counter(network: Network, *, is_traced: bool = False, memory: int = _BYTES) -> Counter | None:
    laid_out = lay_out(network, UNLIMITED, np.random.default_rng(0))
    return None if laid_out is None else begin(laid_out, memory, is_traced=is_traced)


def _log_z(graph: FactorGraph, evidence: np.ndarray) -> float:
    every = enumerate_assignments(graph, evidence)
    answer = LogPartition().enumerated(every, np.random.default_rng(0))
    return answer.log_value


def _close(found: float, wanted: float) -> bool:
    return found == wanted or abs(found - wanted) < 1e-9 * max(1.0, abs(wanted))


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(2, 5), st.booleans())
@settings(max_examples=60)
def test_log_z_is_that_of_enumeration(seed: int, parts: int, states: int, small: bool) -> None:
    rng = np.random.default_rng(seed)
    graph = _random_graph(rng, num_parts=parts, states_max=states)
    evidence = np.where(rng.random(graph.num_variables) < 0.1, 0, -1).astype(np.int32)
    if math.prod(b.num_states for b in graph.variables) > 20_000:
        return
    wanted, network = _log_z(graph, evidence), _network(graph, evidence)
    if network.log_constant == -np.inf:
        assert wanted == -np.inf
        return
    counter = _counter(network, memory=1 << 12 if small else _BYTES)
    if counter is None:
        return
    assert counter.go_on(UNLIMITED) or counter.is_stuck
    assert counter.is_stuck or _close(counter.log_value(), wanted)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_learned_changes_no_count(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_ENTRIES_LOG_MAX", 8 + 4 * (seed % 2))
    rng = np.random.default_rng(seed)
    graph = _clauses(rng, 14, 52 + seed)
    # Another component beside it, which may be impossible.
    beside = _clauses(rng, 4, 12 + seed)
    block = replace(beside.factors[0], scopes=beside.factors[0].scopes + np.int32(14))
    both = FactorGraph((VariableBlock("x", (18,), 2),), (*graph.factors, block))
    counter = _counter(_network(both))
    assert counter is not None
    counter.go_on(UNLIMITED)
    wanted = _log_z(graph, no_evidence(graph)) + _log_z(beside, no_evidence(beside))
    assert _close(counter.log_value(), wanted)
    assert counter.search.state.marks[NUM_NODES] > 0


def test_clauses_are_learned() -> None:
    counter = _counter(_network(_clauses(np.random.default_rng(3), 30, 126)))
    assert counter is not None
    counter.go_on(UNLIMITED)
    assert counter.search.state.marks[NUM_CLAUSES] > 0


def test_a_wide_clause_is_cut_and_counted() -> None:
    table = np.zeros((1, *(2,) * 13))
    table[(0, *(1,) * 13)] = -np.inf
    pairs = np.array([[[-np.inf, 0.0], [0.0, 0.5]]])
    ends = np.arange(12, dtype=np.int32)
    wide = FactorBlock(Table(table), np.arange(13, dtype=np.int32)[None])
    chain = FactorBlock(Table(pairs), np.stack([ends, ends + 1], 1))
    graph = FactorGraph((VariableBlock("x", (13,), 2),), (wide, chain))
    counter = _counter(_network(graph))
    assert counter is not None
    counter.go_on(UNLIMITED)
    assert _close(counter.log_value(), _log_z(graph, no_evidence(graph)))


def test_a_wide_table_that_is_no_clause_is_left_to_others() -> None:
    table = np.random.default_rng(0).normal(size=(1, *(2,) * 11))
    table[0, 0] = -np.inf
    graph = FactorGraph(
        (VariableBlock("x", (11,), 2),),
        (FactorBlock(Table(table), np.arange(11, dtype=np.int32)[None]),),
    )
    assert _counter(_network(graph)) is None


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_answers_are_those_of_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = _random_graph(rng, num_parts=2, states_max=3)
    evidence = np.where(rng.random(graph.num_variables) < 0.1, 0, -1).astype(np.int32)
    every = enumerate_assignments(graph, evidence)
    asked = rng.choice(graph.num_variables, 2, replace=False).astype(np.int32)
    for query in (LogPartition(), Solutions(), Marginals(), Joint(asked)):
        task = Task(graph, query, evidence)
        network = reduce(task)
        assert network is not None
        effort = Effort(replace(UNLIMITED, memory_bytes=_BYTES), rng)
        counting = begun(task, network, effort)
        if counting is None:
            continue
        found, wanted = counting.go_on(effort.budget), query.enumerated(every, rng)
        assert found is not None
        assert found.quality.status is wanted.quality.status
        _compare(found, wanted)


def _compare(found: AnyAnswer, wanted: AnyAnswer) -> None:
    if isinstance(found, LogPartitionAnswer) and isinstance(wanted, LogPartitionAnswer):
        assert _close(found.log_value, wanted.log_value)
    elif isinstance(found, SolutionsAnswer) and isinstance(wanted, SolutionsAnswer):
        assert found.count == wanted.count
    elif isinstance(found, MarginalsAnswer) and isinstance(wanted, MarginalsAnswer):
        for one, other in zip(found.probabilities, wanted.probabilities, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
    else:
        assert isinstance(found, JointAnswer)
        assert isinstance(wanted, JointAnswer)
        np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=1e-9)


def _parities(num_variables: int) -> FactorGraph:
    """Join everything by implications: wide for elimination, and each decision settles much."""
    ends = np.array(
        [(a, b) for a in range(num_variables) for b in range(a + 1, num_variables)], np.int32
    )
    table = np.array([[[0.0, 0.0], [-np.inf, 0.3]]])
    return FactorGraph(
        (VariableBlock("x", (num_variables,), 2),), (FactorBlock(Table(table), ends),)
    )


def test_cliques_out_of_reach_are_counted() -> None:
    # States can only rise along the order: log Z is a sum over where they do.
    n = 60
    graph = _parities(n)
    rises = np.arange(n + 1)
    log_terms = 0.3 * rises * (rises - 1) / 2
    wanted = float(np.logaddexp.reduce(log_terms))
    network = _network(graph)
    assert has_zeros(network)
    assert is_wide(network, UNLIMITED)
    found = infer(graph, LogPartition(), budget_s=60.0)
    assert found.quality.status is Status.EXACT
    assert _close(found.log_value, wanted)
    count = infer(graph, Solutions(), budget_s=60.0)
    assert count.count == n + 1
    shares = np.exp(log_terms - wanted)
    # The first is 1 only where all are.
    marginals = infer(graph, Marginals(), budget_s=60.0)
    assert marginals.probabilities[0][0, 1] == pytest.approx(shares[n], abs=1e-9)
    joint = infer(graph, Joint(np.array([0, n - 1], np.int32)), budget_s=60.0)
    assert joint.probabilities[0, 1] == pytest.approx(1 - shares[n] - shares[0], abs=1e-9)
    assert joint.quality.method == "counting search"


def test_what_is_impossible_is_said_to_be() -> None:
    n = 60
    graph = _parities(n)
    evidence = no_evidence(graph)
    evidence[0], evidence[n - 1] = 1, 0
    found = infer(graph, LogPartition(), evidence=evidence, budget_s=60.0)
    assert found.quality.status is Status.IMPOSSIBLE


@pytest.mark.parametrize("seed", range(6))
def test_what_is_added_up_so_far_is_a_lower_bound(seed: int) -> None:
    graph = _clauses(np.random.default_rng(seed), 14, 40 + 3 * seed)
    wanted = _log_z(graph, no_evidence(graph))
    counter = _counter(_network(graph))
    assert counter is not None
    lower = -math.inf
    while not counter.is_complete:
        counter.is_complete = run(counter.search, 5) == COMPLETE
        assert counter.log_lower() <= wanted + 1e-9
        lower = max(lower, counter.log_lower())
    assert _close(lower, wanted)


@pytest.mark.parametrize("seed", range(4))
def test_distinct_ends_of_draws_are_a_lower_bound(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "_DRAWS_MAX", 60)
    graph = _clauses(np.random.default_rng(seed), 16, 36)
    wanted = _log_z(graph, no_evidence(graph))
    counter = _counter(_network(graph))
    assert counter is not None
    drawn = sampler_of(counter, np.random.default_rng(seed))
    lowers: list[float] = []
    for depth in (1, 2, 3, 4):
        drawn.depth, drawn.log_weights, drawn.log_ends = depth, [], {}
        drawn.go_on(UNLIMITED)
        lowers.append(drawn.log_lower)
        assert drawn.log_lower <= wanted + 1e-9
        # Weights vary little here: sixty draws are right within a third.
        assert abs(drawn.log_mean() - wanted) < 0.3
    assert lowers == sorted(lowers)
    # Two states of one variable are soon all drawn, where both are possible.
    assert lowers[0] > wanted - 3.0
