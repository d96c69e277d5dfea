"""What a search knows: how two findings become one, and what the last amounts to as an answer.

The best score stands, computed here; so does the least certified bound that no score refutes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Improvement, Map, Quality, Status
from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states
from gmruntime.quality import is_proved, tolerance
from gmruntime.task import Task

Exchange = Callable[[Improvement], Sequence[Improvement]]
"""Tells others, who search the same graph, what is known here; returns what they offer."""


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """What all know.

    Attributes:
        assignment: the best one; empty while there is none.
        log_score: of it, computed here.
        log_bound: the least bound a replica proved.
    """

    assignment: Int32[np.ndarray, " variables"]
    log_score: float
    log_bound: float


def post(board: Board, task: Task[Map], offer: Improvement) -> Board:
    """Take from an offer what holds: its score is computed anew.

    Its bound cannot be: it is as good as the search that proved it, so offers come only from
    searches of the same graph. One below a score that was just computed is refuted and ignored.
    """
    if _is_assignment(task, offer.assignment):
        found = float(log_score(task.graph, offer.assignment))
        if found > board.log_score:
            board = replace(board, assignment=offer.assignment, log_score=found)
    lowest = board.log_score - tolerance(board.log_score)
    if offer.log_bound < board.log_bound and offer.log_bound >= lowest:
        board = replace(board, log_bound=max(offer.log_bound, board.log_score))
    if is_proved(board.log_score, board.log_bound):
        board = replace(board, log_bound=board.log_score)
    return board


def board_of(known: Improvement) -> Board:
    """Return the board that holds what a search has found."""
    return Board(known.assignment, known.log_score, known.log_bound)


def _is_assignment(task: Task[Map], assignment: Assignment) -> bool:
    """Say whether an array gives every variable a state that it has and that was observed."""
    graph, evidence = task.graph, task.evidence
    if assignment.shape != (graph.num_variables,) or not np.issubdtype(
        assignment.dtype, np.integer
    ):
        return False
    inside = (assignment >= 0) & (assignment < num_states(graph))
    return bool(inside.all() and (assignment == evidence)[evidence >= 0].all())


def answer_of(graph: FactorGraph, last: Improvement | None, budget: Budget) -> AssignmentsAnswer:
    """Say what the last improvement of a search amounts to."""
    answer = _answer_of(graph, last, budget)
    if last is None:
        return answer
    quality = answer.quality
    note = "; ".join(part for part in (quality.note, last.note) if part)
    return replace(answer, quality=replace(quality, workers=last.workers, note=note))


def _answer_of(graph: FactorGraph, last: Improvement | None, budget: Budget) -> AssignmentsAnswer:
    seconds = budget.spent_s()
    none = np.zeros((0, graph.num_variables), np.int32)
    unknown = float("nan")
    if last is None:
        note = "no answer within the budget"
        quality = Quality(Status.ESTIMATE, "search", seconds, unknown, "", note)
        return AssignmentsAnswer(quality, none, np.zeros(0))
    method = f"search ({last.engine})"
    if last.log_bound == float("-inf"):
        return AssignmentsAnswer(
            Quality(Status.IMPOSSIBLE, method, seconds), none, np.zeros(0), last.log_bound
        )
    if last.log_score == float("-inf"):
        note = "no assignment without a broken rule was found within the budget"
        quality = Quality(Status.ESTIMATE, method, seconds, unknown, "", note)
        return AssignmentsAnswer(quality, none, np.zeros(0), last.log_bound)
    error = last.log_bound - last.log_score
    match error:
        case 0.0:
            quality = Quality(Status.EXACT, method, seconds)
        case error if np.isfinite(error):
            quality = Quality(Status.BOUNDED, method, seconds, error, "gap to the bound")
        case _:
            quality = Quality(Status.ESTIMATE, method, seconds, unknown)
    rows = last.assignment[None, :]
    return AssignmentsAnswer(quality, rows, np.array([last.log_score]), last.log_bound)
