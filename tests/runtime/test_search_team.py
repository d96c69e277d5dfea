"""A team's answer is the search's own, or better; what a worker loses is its share alone."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from gmruntime import devices
from gmruntime.answer import Improvement, LogPartition, Map, Marginals, MarginalsAnswer, Status
from gmruntime.budget import start_budget
from gmruntime.driver import team as team_module
from gmruntime.driver.anytime import EXCHANGE_TURNS, search
from gmruntime.driver.team import Finding, Share, gather, run_share, searched_together
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, log_score, no_evidence
from gmruntime.inference import infer
from gmruntime.inference import search as improve
from gmruntime.quality import is_proved
from gmruntime.task import Effort, Task
from gmruntime.workers.parcels import pack
from gmruntime.workers.workers import Allowance, Workers, workers_of


def grid(side: int, seed: int = 0, num_states: int = 2) -> FactorGraph:
    rng = np.random.default_rng(seed)
    index = np.arange(side * side, dtype=np.int32).reshape(side, side)
    across = np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1)
    pairs = np.concatenate([across, np.stack([index[:-1].ravel(), index[1:].ravel()], 1)])
    table = Table(rng.normal(size=(len(pairs), num_states, num_states)))
    return FactorGraph(
        (VariableBlock("x", (side, side), num_states),), (FactorBlock(table, pairs),)
    )


class Stub(Executor):
    """An executor that does with each share what a test wants."""

    num_workers = 2

    def __init__(self, run: Callable[[Share], Finding] | None) -> None:
        self.run = run

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.run is None:
            return future
        try:
            future.set_result(self.run(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def check(graph: FactorGraph, steps: list[Improvement]) -> None:
    """Check that a search only ever improved, on the graph that was asked."""
    scores = [step.log_score for step in steps]
    bounds = [step.log_bound for step in steps]
    assert scores == sorted(scores)
    assert bounds == sorted(bounds, reverse=True)
    last = steps[-1]
    assert float(log_score(graph, last.assignment)) == last.log_score <= last.log_bound


@pytest.mark.parametrize("query", [Map(), Marginals(), LogPartition()])
def test_an_exact_answer_is_the_same_with_workers(query: Map | Marginals | LogPartition):
    graph = grid(5)
    alone = infer(graph, query, budget_s=20)
    with ThreadPoolExecutor(2) as executor:
        together = infer(graph, query, budget_s=20, executor=executor)
    assert together.quality.status is alone.quality.status is Status.EXACT
    if isinstance(together, MarginalsAnswer):
        assert isinstance(alone, MarginalsAnswer)
        assert np.array_equal(together.probabilities[0], alone.probabilities[0])
    else:
        assert repr(together).split("seconds")[0] == repr(alone).split("seconds")[0]


def in_steps(graph: FactorGraph, executor: Executor, num_steps: int) -> list[Improvement]:
    """Search with a team, every budget counted in steps."""
    budget = start_budget(60.0, 1 << 30)
    workers = workers_of(executor, 2)
    assert workers is not None
    nothing = no_evidence(graph)
    team = gather(
        workers,
        Task(graph, Map(), nothing),
        Effort(budget, np.random.default_rng(3), 3),
        num_steps=EXCHANGE_TURNS,
    )
    rng = np.random.default_rng(3)
    return list(
        searched_together(
            team,
            lambda exchange: search(
                Task(graph, Map(), nothing),
                Effort(budget, rng),
                num_steps_max=num_steps,
                exchange=exchange,
            ),
        )
    )


def test_the_same_seed_and_number_of_workers_give_the_same_answers():
    graph = grid(9, num_states=3)

    def path() -> list[tuple[float, float, bytes, int]]:
        with ThreadPoolExecutor(2) as executor:
            steps = in_steps(graph, executor, 2 * EXCHANGE_TURNS + 1)
        check(graph, steps)
        return [(s.log_score, s.log_bound, s.assignment.tobytes(), s.workers > 1) for s in steps]

    first = path()
    assert first == path()
    assert first[-1][3]


def test_a_worker_brings_what_this_process_has_not_found():
    graph = grid(6)
    best = infer(graph, Map(), budget_s=20)
    states = best.assignments[0]

    def know(share: Share) -> Finding:
        del share
        score = float(best.log_scores[0])
        return Finding("a stranger", Improvement(0.0, states, score, score, "an oracle"))

    steps = in_steps(graph, Stub(know), EXCHANGE_TURNS + 1)
    check(graph, steps)
    assert steps[-1].log_score == steps[-1].log_bound == best.log_scores[0]
    assert steps[-1].workers == 2


def test_a_worker_without_a_gpu_searches_on_its_cpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "has_gpu", lambda: False)
    graph = grid(6)
    task = Task(graph, Map(), no_evidence(graph))
    start = np.zeros(0, np.int32)
    mine = Allowance(30.0, 1 << 30, "another machine", 2)
    found = run_share(Share(pack(task), start, mine, None, 0, "cuda"))
    assert found.last is not None
    assert found.last.log_score == pytest.approx(found.last.log_bound)
    assert found.lacks_gpu
    assert not run_share(Share(pack(task), start, mine, None, 0, "auto")).lacks_gpu


def test_what_a_worker_claims_is_computed_anew():
    graph = grid(6)

    def lie(share: Share) -> Finding:
        del share
        states = np.zeros(graph.num_variables, np.int32)
        return Finding("a liar", Improvement(0.0, states, 1e9, float("-inf"), "nothing"))

    steps = in_steps(graph, Stub(lie), 3 * EXCHANGE_TURNS)
    check(graph, steps)
    assert steps[-1].log_bound > float("-inf")


def timed(graph: FactorGraph, executor: Executor, budget_s: float) -> list[Improvement]:
    steps = list(improve(graph, Map(), budget_s=budget_s, executor=executor, num_workers=2))
    check(graph, steps)
    return steps


def test_workers_that_never_answer_are_not_waited_for():
    graph = grid(24, num_states=4)
    steps = timed(graph, Stub(None), 1.0)
    last = steps[-1]
    assert last.workers == 1
    assert is_proved(last.log_score, last.log_bound) or last.note == "no worker answered in time"


def test_an_error_of_a_worker_costs_its_share():
    def fail(share: Share) -> Finding:
        raise MemoryError("too large for me")

    steps = timed(grid(24, num_states=4), Stub(fail), 1.0)
    assert np.isfinite(steps[-1].log_score)
    assert "lost (MemoryError: too large for me)" in steps[-1].note


def test_an_executor_that_is_shut_down_helps_nobody():
    executor = ThreadPoolExecutor(2)
    executor.shutdown()
    steps = timed(grid(24, num_states=4), executor, 1.0)
    assert np.isfinite(steps[-1].log_score)
    assert "cannot schedule new futures" in steps[-1].note


def test_a_worker_that_does_not_hold_the_task_is_sent_it():
    sent: list[bool] = []

    def forget(share: Share) -> Finding:
        sent.append(share.parcel.content is not None)
        return Finding("forgetful", None, is_held=len(sent) % 2 == 1)

    graph = grid(6)
    workers = Workers(Stub(forget), 1)
    team = gather(
        workers,
        Task(graph, Map(), no_evidence(graph)),
        Effort(start_budget(60.0, 1 << 30), np.random.default_rng(0), 0),
    )
    for _ in range(4):
        team_module.exchange(team, team_module.NOTHING)
    assert sent == [True, False, True, False]


def kill_or_search(share: Share) -> Finding:
    """Be killed in the first share; search in those after it."""
    if not len(share.start):
        os.kill(os.getpid(), signal.SIGKILL)
    return run_share(share)


@pytest.mark.slow
def test_a_pool_whose_process_is_killed_leaves_the_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(team_module, "run_share", kill_or_search)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        steps = timed(grid(24, num_states=4), executor, 4.0)
    assert np.isfinite(steps[-1].log_score)
    assert "lost (BrokenProcessPool" in steps[-1].note
