"""Threads that run engine steps while the driver watches the clock.

The compiled loops release Python's lock, so threads are enough. They are daemons: a step that
overruns never keeps the process, or the answer, waiting.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread

from gmruntime.engine import Report

Task = Callable[[], Report]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task.

    Attributes:
        lane: the thread that ran it.
        report: what it returned, None when it failed.
        error: what it raised, None when it did not.
        seconds: how long it took.
    """

    lane: int
    report: Report | None
    error: BaseException | None
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Crew:
    """A few threads, one inbox each, and one outbox."""

    inboxes: tuple[SimpleQueue[Task | None], ...]
    clock: Callable[[], float]
    outbox: SimpleQueue[Done] = field(default_factory=SimpleQueue[Done])


def start_crew(num_lanes: int, clock: Callable[[], float]) -> Crew:
    """Start the threads; they wait for work, and take its time by the clock."""
    crew = Crew(tuple(SimpleQueue[Task | None]() for _ in range(num_lanes)), clock)
    for lane in range(num_lanes):
        Thread(target=_work, args=(crew, lane), daemon=True).start()
    return crew


def submit(crew: Crew, lane: int, task: Task) -> None:
    """Give a lane something to do."""
    crew.inboxes[lane].put(task)


def wait(crew: Crew, timeout_s: float) -> Done | None:
    """Return the next finished task, or None when none finished in time."""
    try:
        return crew.outbox.get(timeout=max(0.0, timeout_s))
    except Empty:
        return None


def dismiss(crew: Crew) -> None:
    """Tell the threads to end after what they are doing."""
    for inbox in crew.inboxes:
        inbox.put(None)


def _work(crew: Crew, lane: int) -> None:
    while True:
        task = crew.inboxes[lane].get()
        if task is None:
            return
        start = crew.clock()
        try:
            done = Done(lane, task(), None, crew.clock() - start)
        except BaseException as error:
            done = Done(lane, None, error, crew.clock() - start)
        crew.outbox.put(done)
