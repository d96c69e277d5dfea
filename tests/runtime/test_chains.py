"""Chains of re-drawn forests come to follow a graph's distribution."""

import numpy as np
import pytest

from gmruntime.budget import UNLIMITED, start_budget
from gmruntime.factors.kinds import Table
from gmruntime.flat import flatten
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock
from gmruntime.primal.trees.chains import begin_chains
from tests.support.random_rows import Enumerated


def loop(rng: np.random.Generator) -> FactorGraph:
    scopes = np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2]], np.int32)
    return FactorGraph(
        (VariableBlock("x", (4,), 3),),
        (
            FactorBlock(Table(rng.normal(size=(5, 3, 3))), scopes),
            FactorBlock(Table(rng.normal(size=(1, 3, 3, 3))), np.array([[0, 1, 3]], np.int32)),
        ),
    )


def shares(graph: FactorGraph, rows: np.ndarray, clamped: bool) -> tuple[np.ndarray, np.ndarray]:
    flat = flatten(graph)
    chains = begin_chains(flat, rows, np.random.default_rng(1), is_clamped=clamped)
    total = np.zeros(len(flat.log_potentials))
    for _ in range(60):
        chains.sweep(flat.log_potentials, 1, UNLIMITED)
        total += np.bincount(chains.entries().reshape(-1), minlength=len(total))
    expected = np.concatenate([c.reshape(-1) for c in Enumerated(graph).counts(rows[0])])
    return total / (60 * len(rows)), expected


@pytest.mark.parametrize("seed", range(3))
def test_entries_are_used_as_often_as_is_probable(seed: int):
    graph = loop(np.random.default_rng(seed))
    found, expected = shares(graph, np.full((200, 4), -1, np.int32), False)
    assert found == pytest.approx(expected, abs=0.03)


def test_what_is_clamped_stays():
    graph = loop(np.random.default_rng(7))
    row = np.array([-1, 2, -1, 0], np.int32)
    found, expected = shares(graph, np.tile(row, (200, 1)), True)
    assert found == pytest.approx(expected, abs=0.03)


def test_the_same_beginning_leads_to_the_same_place_and_an_end_is_heard():
    flat = flatten(loop(np.random.default_rng(3)))
    rows = np.full((5, 4), -1, np.int32)
    both = [begin_chains(flat, rows, np.random.default_rng(2), is_clamped=False) for _ in "ab"]
    for one in both:
        one.sweep(flat.log_potentials, 3, UNLIMITED)
    assert (both[0].assignments == both[1].assignments).all()
    with pytest.raises(TimeoutError):
        both[0].sweep(flat.log_potentials, 1, start_budget(0.0, 1))
