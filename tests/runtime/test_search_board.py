"""The board believes no score that it has not computed, and no bound that a score refutes."""

import numpy as np
import pytest

from gmruntime.answer import Improvement, Map
from gmruntime.driver.board import board_of, post
from gmruntime.driver.team import NOTHING
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.task import Task


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
    board = post(
        board_of(NOTHING), Task(graph, Map(), no_evidence(graph)), offer([1, 0], 1e9, float("inf"))
    )
    assert board.log_score == 1.0


@pytest.mark.parametrize("states", [[1, 1], [2, 0], [0], [-1, 0]])
def test_the_board_refuses_what_is_no_answer(states: list[int]):
    graph = two_coins()
    board = post(
        board_of(NOTHING), Task(graph, Map(), no_evidence(graph)), offer(states, 5.0, float("inf"))
    )
    assert board.log_score == -np.inf
    assert len(board.assignment) == 0


def test_the_board_refuses_what_was_observed_otherwise():
    graph = two_coins()
    evidence = np.array([1, -1], np.int32)
    board = post(board_of(NOTHING), Task(graph, Map(), evidence), offer([0, 1], 2.0, float("inf")))
    assert board.log_score == -np.inf


def test_a_bound_below_a_score_is_ignored():
    graph = two_coins()
    board = post(board_of(NOTHING), Task(graph, Map(), no_evidence(graph)), offer([0, 1], 2.0, 1.0))
    assert board.log_bound == np.inf
    board = post(board, Task(graph, Map(), no_evidence(graph)), offer([0, 1], 2.0, 2.5))
    assert board.log_bound == 2.5
