"""Replicas share what they find, and the board believes only what it can recompute."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gmruntime.answer import Improvement
from gmruntime.budget import start_budget
from gmruntime.driver.board import empty_board, post, search_replicas
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence


def two_coins() -> FactorGraph:
    table = np.array([[[0.0, 2.0], [1.0, -np.inf]]])
    return FactorGraph(
        (VariableBlock("x", (2,), 2),),
        (FactorBlock(Table(table), np.array([[0, 1]], np.int32)),),
    )


def offer(states: list[int], score: float, bound: float) -> Improvement:
    return Improvement(0.0, np.array(states, np.int32), score, bound, "a stranger")


def test_the_board_recomputes_every_offer():
    graph = two_coins()
    board = post(empty_board(), graph, no_evidence(graph), offer([1, 0], 1e9, float("inf")))
    assert board.log_score == 1.0


@pytest.mark.parametrize("states", [[1, 1], [2, 0], [0], [-1, 0]])
def test_the_board_refuses_what_is_no_answer(states: list[int]):
    graph = two_coins()
    board = post(empty_board(), graph, no_evidence(graph), offer(states, 5.0, float("inf")))
    assert board.log_score == -np.inf
    assert len(board.assignment) == 0


def test_the_board_refuses_what_was_observed_otherwise():
    graph = two_coins()
    evidence = np.array([1, -1], np.int32)
    board = post(empty_board(), graph, evidence, offer([0, 1], 2.0, float("inf")))
    assert board.log_score == -np.inf


def test_a_bound_below_a_score_is_ignored():
    graph = two_coins()
    board = post(empty_board(), graph, no_evidence(graph), offer([0, 1], 2.0, 1.0))
    assert board.log_bound == np.inf
    board = post(board, graph, no_evidence(graph), offer([0, 1], 2.0, 2.5))
    assert board.log_bound == 2.5


def test_replicas_improve_until_one_has_the_proof():
    rng = np.random.default_rng(0)
    index = np.arange(36, dtype=np.int32).reshape(6, 6)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    )
    graph = FactorGraph(
        (VariableBlock("x", (6, 6), 2),),
        (FactorBlock(Table(rng.normal(size=(len(pairs), 2, 2))), pairs),),
    )
    budget = start_budget(20.0, 1 << 30)
    with ThreadPoolExecutor(2) as executor:
        steps = list(
            search_replicas(graph, no_evidence(graph), budget, rng, executor, num_replicas=2)
        )
    scores = [step.log_score for step in steps]
    assert scores == sorted(scores)
    assert steps[-1].log_bound == steps[-1].log_score
    assert float(log_score(graph, steps[-1].assignment)) == steps[-1].log_score
