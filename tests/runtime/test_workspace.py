"""A workspace changes no answer, recognises what is the same, and keeps to its bytes."""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest

import gmruntime as gm
import gmruntime.workspace as workspaces
from gmruntime.elimination import plan
from gmruntime.elimination.layouts.order import Order
from gmruntime.factors.kinds import FactorKind, Table
from gmruntime.messages.layout import Layout
from gmruntime.workspace import (
    DIGESTED_BYTES_MAX,
    RECORDS_MAX,
    TooLargeError,
    Workspace,
    bytes_of,
    digest_of,
)
from tests.support.random_factors import random_loops

ASKED = np.array([1, 4], np.int32)
QUERIES = (
    gm.Marginals(),
    gm.Joint(ASKED),
    gm.LogPartition(),
    gm.Map(),
    gm.MarginalMap(ASKED),
    gm.Best(3),
    gm.Samples(4),
    gm.Solutions(),
)


def told(answer: object) -> object:
    """Write an answer as plain values, but for the seconds it took."""
    if is_dataclass(answer):
        return {
            one.name: told(getattr(answer, one.name))
            for one in fields(answer)
            if one.name != "seconds"
        }
    if isinstance(answer, tuple):
        return [told(part) for part in answer]
    return answer.tolist() if isinstance(answer, np.ndarray) else repr(answer)


@pytest.mark.parametrize("method", ["", "bp"])
@pytest.mark.parametrize("query", QUERIES, ids=lambda q: type(q).__name__)
def test_a_workspace_changes_no_answer(query: gm.Marginals, method: str):
    graph = random_loops(np.random.default_rng(4), 7, 9, zeros=0.1)
    workspace = Workspace()
    evidence = np.full(7, -1, np.int32)
    for state in (-1, 0, -1, 0):
        evidence[2] = state
        alone = gm.infer(graph, query, evidence=evidence, seed=3, method=method)
        kept = gm.infer(graph, query, evidence=evidence, seed=3, method=method, workspace=workspace)
        assert told(kept) == told(alone)


def test_an_order_that_another_question_was_content_with_is_not_taken(
    monkeypatch: pytest.MonkeyPatch,
):
    index = np.arange(49).reshape(7, 7)
    right = np.stack([index[:, :-1], index[:, 1:]], axis=-1).reshape(-1, 2)
    down = np.stack([index[:-1], index[1:]], axis=-1).reshape(-1, 2)
    scopes = np.concatenate([right, down]).astype(np.int32)
    tables = np.random.default_rng(0).normal(size=(len(scopes), 3, 3))
    variables = (gm.VariableBlock("x", (7, 7), 3),)
    graph = gm.FactorGraph(variables, (gm.FactorBlock(Table(tables), scopes),))
    workspace = Workspace()
    monkeypatch.setattr(plan, "is_loaded", lambda: False)
    gm.infer(graph, gm.LogPartition(), workspace=workspace)
    alone = gm.infer(graph, gm.Samples(5))
    kept = gm.infer(graph, gm.Samples(5), workspace=workspace)
    assert told(kept) == told(alone)


def test_what_is_kept_is_found_again():
    graph = random_loops(np.random.default_rng(1), 6, 8)
    workspace = Workspace()
    gm.infer(graph, gm.LogPartition(), workspace=workspace)
    gm.infer(graph, gm.LogPartition(), workspace=workspace, method="bp")
    before = len(workspace)
    assert before >= 3
    written_anew = random_loops(np.random.default_rng(1), 6, 8)
    gm.infer(written_anew, gm.LogPartition(), workspace=workspace)
    gm.infer(written_anew, gm.LogPartition(), workspace=workspace, method="bp")
    assert len(workspace) == before


def test_a_graph_that_was_changed_is_another_one():
    graph = random_loops(np.random.default_rng(1), 6, 8)
    workspace = Workspace()
    first = gm.infer(graph, gm.LogPartition(), workspace=workspace)
    kind = graph.factors[0].kind
    assert isinstance(kind, Table)
    kind.log_potentials[:] += 1.0
    second = gm.infer(graph, gm.LogPartition(), workspace=workspace)
    assert second.log_value == pytest.approx(first.log_value + 8.0)


@pytest.mark.parametrize("method", ["", "bp"])
@pytest.mark.parametrize("query", QUERIES, ids=lambda q: type(q).__name__)
def test_what_is_kept_does_not_change_with_the_arrays_it_was_made_of(
    query: gm.Marginals, method: str
):
    graph = random_loops(np.random.default_rng(4), 7, 9)
    workspace = Workspace()
    gm.infer(graph, query, seed=3, method=method, workspace=workspace)
    for block in graph.factors:
        assert isinstance(block.kind, Table)
        block.kind.log_potentials[:] *= -3.0
    written_anew = random_loops(np.random.default_rng(4), 7, 9)
    alone = gm.infer(written_anew, query, seed=3, method=method)
    kept = gm.infer(written_anew, query, seed=3, method=method, workspace=workspace)
    assert told(kept) == told(alone)


def power_kind(power: int) -> type[Any]:
    """Return a class of kinds that all have one name, and mean something else each."""

    @dataclass(frozen=True, slots=True, eq=False)
    class Power(FactorKind):
        weights: np.ndarray

        def checked(self, arity: int, num_states_max: int) -> FactorKind:
            return self

        def log_values(self, table_index: np.ndarray, states: np.ndarray) -> np.ndarray:
            return self.weights[table_index] * states.sum(axis=1) ** power

    return Power


def test_kinds_of_one_name_are_told_apart():
    workspace = Workspace()
    for power in (1, 3):
        kind = power_kind(power)(np.array([0.5]))
        scopes = np.array([[0, 1], [1, 2]], np.int32)
        variables = (gm.VariableBlock("x", (3,), 2),)
        graph = gm.FactorGraph(variables, (gm.FactorBlock(kind, scopes),))
        kept = gm.infer(graph, gm.LogPartition(), workspace=workspace)
        assert kept.log_value == gm.infer(graph, gm.LogPartition()).log_value


def test_what_cannot_be_recognised_is_not_kept():
    with pytest.raises(TypeError, match="of what function holds"):
        digest_of((1, told))
    kind = power_kind(2)
    graph = gm.FactorGraph(
        (gm.VariableBlock("x", (2,), 2),),
        (gm.FactorBlock(kind(np.array([0.5])), np.array([[0, 1]], np.int32)),),
    )
    object.__setattr__(graph.factors[0], "label", told)
    workspace = Workspace()
    found = gm.infer(graph, gm.LogPartition(), workspace=workspace, method="bp")
    assert found.log_value == gm.infer(graph, gm.LogPartition()).log_value
    assert not len(workspace)


def test_a_workspace_keeps_to_its_bytes():
    workspace = Workspace(bytes_max=10_000)
    for number in range(20):
        workspace.keep(digest_of(number), np.full(100, number, np.float64))
        assert workspace.num_bytes <= 10_000
    assert workspace.find(np.ndarray, digest_of(0)) is None
    assert workspace.find(np.ndarray, digest_of(19)) is not None
    workspace.keep(digest_of("large"), np.zeros(2000))
    assert workspace.find(np.ndarray, digest_of("large")) is None
    assert len(workspace) == 12


def test_what_was_used_last_is_forgotten_last():
    workspace = Workspace(bytes_max=2 * 800)
    for number in range(2):
        workspace.keep(digest_of(number), np.zeros(100))
    workspace.find(np.ndarray, digest_of(0))
    workspace.keep(digest_of(2), np.zeros(100))
    assert workspace.find(np.ndarray, digest_of(1)) is None
    assert workspace.find(np.ndarray, digest_of(0)) is not None


def test_shared_memory_counts_once_and_views_count_whole():
    table = np.zeros(1000)
    assert 8000 <= bytes_of((table, table[:10], table.reshape(10, 100))) < 8500


def test_a_digest_tells_apart_what_differs():
    same = digest_of((np.arange(3, dtype=np.int32), 1.0, gm.Map()))
    assert same == digest_of((np.arange(3, dtype=np.int32), 1.0, gm.Map()))
    others = [
        (np.arange(3, dtype=np.int64), 1.0, gm.Map()),
        (np.arange(3, dtype=np.int32)[:, None], 1.0, gm.Map()),
        (np.arange(3, dtype=np.int32), 1.0, gm.LogPartition()),
        ((np.arange(3, dtype=np.int32), 1.0), gm.Map()),
        ((2, "b"), "c"),
        (2, ("b", "c")),
        (np.zeros((0, 3)), np.array(0.0), True),
    ]
    assert len({same, *(digest_of(other) for other in others)}) == 1 + len(others)


def test_kinds_are_kept_apart():
    workspace = Workspace()
    graph = random_loops(np.random.default_rng(1), 6, 8)
    gm.infer(graph, gm.Marginals(), workspace=workspace, method="bp")
    assert workspace.find(Order, digest_of(0)) is None
    assert workspace.find(Layout, digest_of(0)) is None


def test_what_is_no_workspace_is_refused():
    graph = random_loops(np.random.default_rng(1), 6, 8)
    with pytest.raises(ValueError, match="hand in a Workspace"):
        gm.infer(graph, gm.Map(), workspace=5)  # pyright: ignore


def test_large_arrays_are_not_told_by_their_contents(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(TooLargeError):
        digest_of([np.zeros(DIGESTED_BYTES_MAX // 16), np.zeros(DIGESTED_BYTES_MAX // 16 + 1)])
    monkeypatch.setattr("gmruntime.workspace.DIGESTED_BYTES_MAX", 100)
    workspace, graph = Workspace(), random_loops(np.random.default_rng(0), 6, 8)
    found = gm.infer(graph, gm.LogPartition(), workspace=workspace)
    assert found.quality.status is gm.Status.EXACT
    # An order is told by scopes alone.
    assert len(workspace) == 1


def test_too_many_records_are_refused_before_they_are_gone_through():
    class Untouched:
        """Whoever looks at one has gone too far."""

    one = gm.VariableBlock("x", (), 2)
    with pytest.raises(TooLargeError):
        digest_of([one] * RECORDS_MAX + [one, Untouched()])


def test_a_graph_is_told_once_while_a_question_is_answered(monkeypatch: pytest.MonkeyPatch):
    whole = workspaces.digest_of
    num_told = 0

    def counted(value: object, *others: Any) -> bytes:
        nonlocal num_told
        num_told += isinstance(value, gm.FactorGraph)
        return whole(value, *others)

    monkeypatch.setattr(workspaces, "digest_of", counted)
    graph = random_loops(np.random.default_rng(0), 8, 12)
    for query in (gm.Marginals(ASKED), gm.Map(), gm.LogPartition()):
        num_told = 0
        gm.infer(graph, query, workspace=Workspace(), method="")
        assert num_told == 1


def test_what_was_told_is_not_gone_through_again_and_says_the_same():
    graph = random_loops(np.random.default_rng(0), 8, 12)
    known: workspaces.Told = {}
    assert digest_of((1, graph), known) == digest_of((1, graph))
    own = workspaces.owned(graph, known)
    assert digest_of((1, own)) == digest_of((1, graph))
    assert {id(graph), id(own)} == set(known)
    table = own.factors[0].kind.log_potentials  # pyright: ignore
    table[...] += 1.0
    assert digest_of((1, own)) != digest_of((1, graph))
    for _ in range(100):
        digest_of((1, workspaces.owned(graph, known)), known)
    assert len(known) < 20
