"""Replicas of a search on other cores or machines, sharing what they find through a board.

Any `concurrent.futures.Executor` runs them: a pool of spawned processes, or that of a cluster. Time
is cut into rounds. In each, every replica searches from the board's assignment with a seed of its
own; what it brings back is an offer, which the board rescores before it believes it.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import Improvement, Map
from gmruntime.arrays import Int32
from gmruntime.budget import Budget, start_budget
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states
from gmruntime.quality import tolerance

# Rounds double in length from the first: news travels fast early, and costs little later.
FIRST_ROUND_S = 0.5

# Replicas are given up on this long after their round should have ended.
PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """What all replicas know.

    Attributes:
        assignment: the best one; empty while there is none.
        log_score: of it, computed here.
        log_bound: the least bound a replica proved.
    """

    assignment: Int32[np.ndarray, " variables"]
    log_score: float
    log_bound: float


def empty_board() -> Board:
    """Return the board before the first offer."""
    return Board(np.zeros(0, np.int32), float("-inf"), float("inf"))


def post(board: Board, graph: FactorGraph, evidence: Assignment, offer: Improvement) -> Board:
    """Take from an offer what holds: its score is computed anew.

    A bound below a score that was just computed is refuted by it and ignored.
    """
    if is_assignment(graph, evidence, offer.assignment):
        found = float(log_score(graph, offer.assignment))
        if found > board.log_score:
            board = replace(board, assignment=offer.assignment, log_score=found)
    lowest = board.log_score - tolerance(board.log_score)
    if offer.log_bound < board.log_bound and offer.log_bound >= lowest:
        board = replace(board, log_bound=max(offer.log_bound, board.log_score))
    return board


def is_assignment(graph: FactorGraph, evidence: Assignment, assignment: Assignment) -> bool:
    """Say whether an array gives every variable a state that it has and that was observed."""
    if assignment.shape != (graph.num_variables,) or not np.issubdtype(
        assignment.dtype, np.integer
    ):
        return False
    inside = (assignment >= 0) & (assignment < num_states(graph))
    return bool(inside.all() and (assignment == evidence)[evidence >= 0].all())


def run_replica(
    graph: FactorGraph,
    evidence: Assignment,
    start: Assignment,
    seconds: float,
    memory_bytes: int,
    seed: int,
) -> Improvement | None:
    """Search for a while and return the last improvement; this is what an executor runs."""
    from gmruntime.driver.anytime import search

    budget = start_budget(seconds, memory_bytes)
    known = start if len(start) else None
    last: Improvement | None = None
    for last in search(  # noqa: B007
        graph, Map(), evidence, budget, np.random.default_rng(seed), start=known
    ):
        pass
    return last


def search_replicas(
    graph: FactorGraph,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    executor: Executor,
    *,
    num_replicas: int,
) -> Iterator[Improvement]:
    """Yield ever better answers from replicas on an executor, until the budget ends or a proof.

    Args:
        graph: must be picklable, as graphs are, when the executor's workers are processes.
        evidence: a state for each observed variable, -1 for the others.
        budget: of the whole; each replica gets its share of the memory.
        rng: of the replicas' seeds.
        executor: of the caller, who also shuts it down.
        num_replicas: how many search at a time.
    """
    board, round_s = empty_board(), FIRST_ROUND_S
    memory_bytes = budget.memory_bytes // num_replicas
    while budget.left_s() > 0.0 and board.log_bound > board.log_score:
        seconds = min(round_s, budget.left_s())
        futures: list[Future[Improvement | None]] = [
            executor.submit(
                run_replica, graph, evidence, board.assignment, seconds, memory_bytes, int(seed)
            )
            for seed in rng.integers(0, 2**62, num_replicas)
        ]
        try:
            for future in as_completed(futures, timeout=seconds + PATIENCE_S + budget.left_s()):
                offer = future.result()
                if offer is None:
                    continue
                before = board
                board = post(board, graph, evidence, offer)
                if board is not before:
                    yield Improvement(
                        budget.spent_s(),
                        board.assignment,
                        board.log_score,
                        board.log_bound,
                        f"replica ({offer.engine})",
                    )
        except TimeoutError:
            return
        round_s *= 2.0
