"""A workspace changes no answer, recognises what is the same, and keeps to its bytes."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

import gmruntime as gm
from gmruntime.elimination.layouts.order import Order
from gmruntime.factors.kinds import Table
from gmruntime.messages.layout import Layout
from gmruntime.simplify.network import Network
from gmruntime.workspace import Workspace, bytes_of, digest_of
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
        (np.zeros((0, 3)), np.array(0.0), True),
    ]
    assert len({same, *(digest_of(other) for other in others)}) == 1 + len(others)


def test_kinds_are_kept_apart():
    workspace = Workspace()
    graph = random_loops(np.random.default_rng(1), 6, 8)
    gm.infer(graph, gm.Marginals(), workspace=workspace, method="bp")
    assert workspace.find(Order, digest_of(0)) is None
    assert workspace.find(Network, digest_of(0)) is None
    assert workspace.find(Layout, digest_of(0)) is None


def test_what_is_no_workspace_is_refused():
    graph = random_loops(np.random.default_rng(1), 6, 8)
    with pytest.raises(ValueError, match="hand in a Workspace"):
        gm.infer(graph, gm.Map(), workspace=5)  # pyright: ignore
