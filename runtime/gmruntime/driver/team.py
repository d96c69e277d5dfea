"""A search helped by an executor's workers: each runs replicas of it, a share of the time each.

The process that was asked searches as it would alone. Beside it every worker searches for a while
from the best assignment known, with a seed of its own, brings back an assignment and a bound, and
is sent on from what is known then. Nothing else passes between them, so any executor will do;
nobody waits for a worker, so one that dies or hangs costs its share of the help.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import TIMEOUT_MAX
from typing import cast

import numpy as np

from gmruntime.answer import Best, Improvement, Map
from gmruntime.budget import Budget
from gmruntime.devices import device_here
from gmruntime.driver.anytime import search
from gmruntime.driver.board import Exchange, board_of, post
from gmruntime.graph import Assignment
from gmruntime.task import Effort, Task
from gmruntime.workers.parcels import Parcel, pack, unpack
from gmruntime.workers.workers import Allowance, Workers, allowance, worker_name

# Shares double in length from the first: news travels fast early, and beginning anew costs little
# later. What a share knew beside its assignment is lost with its end. The longest is also how long
# a worker may go on with a search that was over before.
_FIRST_SHARE_S, _SHARE_S_MAX = 0.5, 5.0

# A share ends so long before the search does: its assignment has to travel, and be scored.
_TRAVEL_S = 0.15

# A share of less is not worth its journey.
_SHARE_S_MIN = 0.1

# A replica whose shares failed so often is not sent again: what fails once may be a lost worker.
_NUM_FAILURES_MAX = 2


NOTHING = Improvement(0.0, np.zeros(0, np.int32), float("-inf"), float("inf"), "search")
"""What is known before anything is."""


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What one worker is asked to do.

    Attributes:
        parcel: the task.
        start: the best assignment known; empty while there is none.
        allowance: what it may take.
        num_steps: of the search, where it is counted in steps; None where it is not.
        seed: of everything random.
        device: "auto", "cpu" or "cuda", of the worker's machine.
    """

    parcel: Parcel
    start: Assignment
    allowance: Allowance
    num_steps: int | None
    seed: int
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What a worker brings back.

    Attributes:
        worker: its name.
        last: the last improvement; None when nothing was found.
        is_held: whether it knew the task that was named.
        lacks_gpu: whether a GPU was asked for, and it has none.
    """

    worker: str
    last: Improvement | None
    is_held: bool = True
    lacks_gpu: bool = False


@dataclass(slots=True, eq=False)
class _Replica:
    """One line of shares, each of which begins when the one before has come back."""

    rng: np.random.Generator
    share_s: float = _FIRST_SHARE_S
    future: "Future[Finding] | None" = None
    was_sent: bool = False
    failures: int = 0


@dataclass(slots=True, eq=False)
class Team:
    """Who helps with one search.

    Attributes:
        executor: runs the shares.
        task: of the search.
        parcel: the task, as it travels.
        budget: of the search.
        num_steps: of each share; None where shares are measured in seconds.
        device: of every share.
        replicas: as many as there are workers.
        helped: names of the workers that brought something back.
        without: names of the workers that had no GPU where one was asked for.
        failures: what went wrong, in words.
    """

    executor: Executor
    task: Task[Map]
    parcel: Parcel
    budget: Budget
    num_steps: int | None
    device: str
    replicas: list[_Replica]
    helped: set[str] = field(default_factory=set[str])
    without: set[str] = field(default_factory=set[str])
    failures: list[str] = field(default_factory=list[str])


def gather(
    workers: Workers,
    asked: Task[Map | Best],
    effort: Effort,
    *,
    num_steps: int | None = None,
) -> Team:
    """Return a team that has not begun.

    Args:
        workers: who may be asked.
        asked: what is searched for.
        effort: of the search; its seed is that of the replicas' seeds.
        num_steps: of each share. Then replicas wait for each other and for the search, and the
            same seed and number of workers give the same answers.
    """
    rngs = np.random.default_rng(effort.seed).spawn(workers.count + 1)[1:]
    replicas = [_Replica(rng) for rng in rngs]
    task = asked.asking(Map())
    return Team(
        workers.executor, task, pack(task), effort.budget, num_steps, effort.device, replicas
    )


def searched_together(
    team: Team,
    steps_of: Callable[[Exchange], Iterator[Improvement]],
) -> Iterator[Improvement]:
    """Yield the improvements of a search that a team helps, with how many took part.

    Args:
        team: begins and ends with the search.
        steps_of: the search, given whom to exchange findings with.
    """
    last = NOTHING
    try:
        if team.num_steps is None:
            # Workers are at work while what comes before the search is done here.
            exchange(team, NOTHING)
        for step in steps_of(lambda known: exchange(team, known)):
            last = replace(step, workers=1 + len(team.helped))
            yield last
        _meet(team)
    finally:
        dismiss(team)
    final = _merged(team, last, _collected(team))
    final = replace(final, workers=1 + len(team.helped), note=_note(team))
    if final.note or _news(final) != _news(last):
        yield final


def _news(step: Improvement) -> tuple[float, float, int]:
    return step.log_score, step.log_bound, step.workers


def _merged(team: Team, known: Improvement, offers: Sequence[Improvement]) -> Improvement:
    """Return what is known when offers are taken for what they are worth."""
    for offer in offers:
        board = post(board_of(known), team.task, offer)
        if (board.log_score, board.log_bound) != (known.log_score, known.log_bound):
            found = (board.assignment, board.log_score, board.log_bound)
            known = Improvement(team.budget.spent_s(), *found, offer.engine)
    return known


def exchange(team: Team, known: Improvement) -> Sequence[Improvement]:
    """Return what has come back, and send whoever is free on from the best of it.

    Where shares are counted in steps, all of them are waited for, and taken in their order.
    """
    _meet(team)
    offers = _collected(team)
    best = _merged(team, known, offers)
    if best.log_bound > best.log_score:
        for replica in team.replicas:
            if replica.future is None and replica.failures < _NUM_FAILURES_MAX:
                _send(team, replica, best.assignment)
    return offers


def dismiss(team: Team) -> None:
    """Call back what has not begun; what has is left to end by itself."""
    for replica in team.replicas:
        if replica.future is not None and not replica.future.done():
            replica.future.cancel()


def _meet(team: Team) -> None:
    """Where shares are counted in steps, wait until all are over, however they ended."""
    if team.num_steps is None:
        return
    running = [replica.future for replica in team.replicas if replica.future is not None]
    for future in running:
        with suppress(CancelledError, TimeoutError):
            future.exception(timeout=min(team.budget.left_s(), TIMEOUT_MAX))


def _send(team: Team, replica: _Replica, start: Assignment) -> None:
    """Hand a replica's next share to the executor, unless too little time is left."""
    left_s = team.budget.left_s() - _TRAVEL_S
    seconds = left_s if left_s < 1.5 * replica.share_s else replica.share_s
    is_known = replica.was_sent
    if team.num_steps is not None:
        # Whether a worker knows the task depends on chance, and would cost it a share.
        seconds, is_known = left_s, False
    if seconds < _SHARE_S_MIN:
        return
    replica.share_s = min(2.0 * replica.share_s, _SHARE_S_MAX)
    parcel = team.parcel.by_name() if is_known else team.parcel
    seed = int(replica.rng.integers(0, 2**62))
    mine = allowance(team.budget, len(team.replicas), seconds)
    share = Share(parcel, start, mine, team.num_steps, seed, team.device)
    try:
        future = team.executor.submit(run_share, share)
    except Exception as error:
        # An executor that is broken, or shut down, takes no more.
        replica.failures = _NUM_FAILURES_MAX
        _fail(team, error)
        return
    replica.future, replica.was_sent = future, True


def _collected(team: Team) -> list[Improvement]:
    """Take what is over; a worker who does not know the task is sent it with the next share."""
    offers: list[Improvement] = []
    for replica in team.replicas:
        future = replica.future
        if future is None or not future.done():
            continue
        replica.future = None
        if future.cancelled():
            replica.failures += 1
            continue
        error = future.exception()
        if error is not None:
            replica.failures += 1
            replica.was_sent = False
            _fail(team, error)
            continue
        found = cast("object", future.result())
        if not isinstance(found, Finding):
            replica.failures = _NUM_FAILURES_MAX
            _fail(team, TypeError(f"a worker brought back {type(found).__name__}"))
            continue
        if not found.is_held:
            replica.was_sent = False
            continue
        team.helped.add(found.worker)
        if found.lacks_gpu:
            team.without.add(found.worker)
        if found.last is not None:
            offers.append(found.last)
    return offers


def _fail(team: Team, error: BaseException) -> None:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    team.failures.append(text)


def _note(team: Team) -> str:
    """Say what became of those who did not help."""
    if team.failures:
        count = len(team.failures)
        lost = "a worker's share was" if count == 1 else f"{count} workers' shares were"
        return f"{lost} lost ({team.failures[0]})"
    if not team.helped and team.budget.left_s() < _TRAVEL_S:
        return "no worker answered in time"
    if team.without:
        count = len(team.without)
        return "a worker has no GPU" if count == 1 else f"{count} workers have no GPU"
    return ""


def run_share(share: Share) -> Finding:
    """Search for a while; this is what an executor runs."""
    budget = share.allowance.begin()
    task = cast("Task[Map] | None", unpack(share.parcel))
    if task is None:
        return Finding(worker_name(), None, is_held=False)
    rng = np.random.default_rng(share.seed)
    start = share.start if len(share.start) else None
    device = device_here(share.device)
    effort = Effort(budget, rng, device=device)
    steps = search(task, effort, num_steps_max=share.num_steps, start=start)
    last: Improvement | None = None
    for last in steps:  # noqa: B007
        pass
    if last is not None:
        last = replace(last, engine=f"a worker's {last.engine}")
    return Finding(worker_name(), last, lacks_gpu=device != share.device)
