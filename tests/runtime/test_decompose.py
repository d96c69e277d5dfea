import numpy as np
import pytest

from gmruntime.answer import LogPartition, Status
from gmruntime.factors.decompose import is_tables, to_sum_tables, to_support_tables, to_tables
from gmruntime.factors.kinds import (
    AllDifferent,
    Count,
    FactorKind,
    Gated,
    LinearSum,
    Memory,
    NoisyOr,
    Or,
    Table,
    Xor,
)
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence, validate
from gmruntime.inference import infer
from gmruntime.questions.enumerate import enumerate_assignments, log_partition

RNG = np.random.default_rng(0)
NO = -np.inf
EXACTLY = np.array([[NO, NO, 0.0, NO, NO, NO, NO], [0.0, 0.0, NO, NO, NO, NO, NO]])
FAILURES = np.array([[-0.1, NO, -0.4, -0.2, 0.0, -0.3]])
KINDS: dict[str, tuple[FactorKind, int, int]] = {
    "or": (Or(RNG.random((2, 6)) < 0.5), 6, 2),
    "odd": (Xor(np.array([True, False])), 6, 2),
    "exactly": (Count(EXACTLY, RNG.random((2, 6)) < 0.5), 6, 2),
    "soft count": (Count(RNG.normal(size=(1, 7)), RNG.random((1, 6)) < 0.5), 6, 2),
    "sum": (
        LinearSum(RNG.integers(-2, 3, (2, 4)), np.array([-1, 0]), RNG.normal(size=(2, 4))),
        4,
        3,
    ),
    "alike causes": (NoisyOr(np.log(np.full((1, 6), 0.3))), 6, 2),
    "causes": (NoisyOr(FAILURES), 6, 2),
    "different": (AllDifferent(), 3, 4),
    "memory": (Memory(RNG.normal(size=(2, 3, 3, 3))), 4, 3),
    "gated": (Gated(RNG.normal(size=(1, 2, 2, 2))), 4, 2),
}


@pytest.fixture(params=sorted(KINDS))
def graph(request: pytest.FixtureRequest) -> FactorGraph:
    kind, arity, states = KINDS[request.param]
    both = np.stack([np.arange(arity), np.arange(arity)[::-1]]).astype(np.int32)
    scopes = both[: kind.num_tables]
    fields = Table(RNG.normal(size=(arity, states)))
    lone = np.arange(arity, dtype=np.int32)[:, None]
    return FactorGraph(
        (VariableBlock("x", (arity,), states),),
        (FactorBlock(kind, scopes), FactorBlock(fields, lone)),
    )


def test_tables_keep_sum_maximum_and_solutions(graph: FactorGraph) -> None:
    tables = to_tables(graph, table_bits_max=2)
    assert tables is not None
    validate(tables)
    assert is_tables(tables)
    found = enumerate_assignments(graph, no_evidence(graph)).log_scores
    result = enumerate_assignments(tables, no_evidence(tables)).log_scores
    # An auxiliary variable is a function of the others: as many solutions, with the same scores.
    np.testing.assert_allclose(
        np.sort(result[result > -np.inf]), np.sort(found[found > -np.inf]), atol=1e-12
    )


def test_sum_tables_keep_the_partition_function(graph: FactorGraph) -> None:
    tables = to_sum_tables(graph, table_bits_max=2)
    assert tables is not None
    validate(tables)
    assert is_tables(tables)
    before = log_partition(enumerate_assignments(graph, no_evidence(graph)))
    after = log_partition(enumerate_assignments(tables, no_evidence(tables)))
    assert before == after or abs(before - after) < 1e-12


@pytest.mark.parametrize("strength", [1e-6, 1e-10, 1e-15, 1e-18])
def test_causes_that_hardly_ever_come_through_are_not_lost(strength: float) -> None:
    count = 12
    log_failures = -strength * np.arange(count, -1, -1.0)[None]
    scopes = np.arange(count + 1, dtype=np.int32)
    factors = (
        FactorBlock(Table(np.log([[0.5, 0.5]])), scopes[:-1, None]),
        FactorBlock(NoisyOr(log_failures), scopes[None]),
    )
    graph = FactorGraph((VariableBlock("x", (count + 1,), 2),), factors)
    evidence = no_evidence(graph)
    evidence[-1] = 1
    found = infer(graph, LogPartition(), evidence=evidence)
    every = log_partition(enumerate_assignments(graph, evidence))
    assert found.quality.status is Status.EXACT
    assert found.log_value == pytest.approx(every, rel=1e-13)


def test_support_tables_keep_the_number_of_solutions(graph: FactorGraph) -> None:
    tables = to_support_tables(graph, table_bits_max=2)
    assert tables is not None
    before = enumerate_assignments(graph, no_evidence(graph)).log_scores
    after = enumerate_assignments(tables, no_evidence(tables)).log_scores
    assert (before > -np.inf).sum() == (after == 0.0).sum()
    assert set(np.unique(after)) <= {0.0, -np.inf}
