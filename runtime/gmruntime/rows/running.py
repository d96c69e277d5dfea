"""Runs batches of rows in chunks, on all cores, and adds the chunks up in their order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.rows.batches import Batch, work_bytes
from gmruntime.rows.kernels.records import Found, Lanes, Rows, Work, new_found, new_lanes, new_work

_THREADS_PRODUCTS_MIN = 1 << 18
"""Less than half a millisecond's work is not worth a second thread."""

_ENDING_S = 0.05
"""So often who waits for threads looks at the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A batch as it is run once.

    Attributes:
        batch: instances and program.
        weights: of each instance; 0 for log Z alone.
        is_max: the best assignments are looked for, in logs.
    """

    batch: Batch
    weights: Float64[np.ndarray, " instances"]
    is_max: bool = False

    def new_found(self) -> Found:
        """Return room for what is found."""
        steps, count = self.batch.steps, self.batch.instances.count
        num_variables = len(steps.sizes) if self.is_max else 0
        return new_found(count, steps.num_entries - steps.num_results, num_variables)


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """What came of it.

    Attributes:
        found: of each batch, by instance.
        derivatives: of the weighted sum of log Z by each entry of the pool.
        is_whole: whether there was time for all chunks.
    """

    found: tuple[Found, ...]
    derivatives: Float64[np.ndarray, " entries"]
    is_whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """What one thread works in: arrays for any program, and the work of the program it ran last."""

    values: Float64[np.ndarray, " entries"]
    derivatives: Float64[np.ndarray, " entries"]
    last: dict[int, Work | Lanes]

    def work(self, batch: Batch, start: int) -> Work | Lanes:
        """Return the work of a batch, with the pool from `start` on; that of the last is kept."""
        if id(batch) not in self.last:
            self.last.clear()
            self.last[id(batch)] = self._new(batch, start)
        return self.last[id(batch)]

    def _new(self, batch: Batch, start: int) -> Work | Lanes:
        if not batch.num_lanes:
            return new_work(batch.steps, self.values, self.derivatives)
        pointers = batch.instances.pointers
        is_shared = (pointers == pointers[0]).all(axis=0)
        pool, own = self.values[start:], self.derivatives[start:]
        return new_lanes(batch.steps, is_shared, pool, own, batch.num_lanes)


Chunk = tuple[int, int, int]
"""The number of a batch, its first instance and the one behind the last."""


def chunks_of(asked: Sequence[Asked]) -> list[Chunk]:
    """List all chunks in the order in which they are added up."""
    return [(n, *chunk) for n, one in enumerate(asked) for chunk in one.batch.chunks()]


def run_batches(
    asked: Sequence[Asked],
    pool: Float64[np.ndarray, " entries"],
    budget: Budget,
    *,
    is_support: bool = False,
) -> Ran:
    """Run all batches until they are done or the budget is spent.

    Args:
        asked: the batches.
        pool: all tables, not logs, none above 1.
        budget: of time, memory and cores.
        is_support: the tables hold zeros and ones, and only whether Z is above zero matters.
    """
    found = tuple(one.new_found() for one in asked)
    chunks = chunks_of(asked)
    summed = Summed(asked, len(pool))
    for chunk, own in run_chunks(asked, pool, chunks, found, budget, is_support=is_support):
        summed.add(chunk, own)
    return Ran(found, summed.total, summed.num_done == len(chunks))


class Summed:
    """The derivatives of chunks, added up in their order."""

    def __init__(self, asked: Sequence[Asked], num_entries: int) -> None:
        """Begin with nothing."""
        self.asked, self.total, self.num_done = asked, np.zeros(num_entries), 0

    def add(self, chunk: Chunk, own: Float64[np.ndarray, " some_entries"] | None) -> None:
        """Add the next chunk; None where it was not finished."""
        if own is not None:
            batch = self.asked[chunk[0]].batch
            self.total[batch.lowest : batch.highest] += own
            self.num_done += 1


def run_chunks(
    asked: Sequence[Asked],
    pool: Float64[np.ndarray, " entries"],
    chunks: Sequence[Chunk],
    found: Sequence[Found],
    budget: Budget,
    *,
    is_support: bool = False,
) -> Iterator[tuple[Chunk, Float64[np.ndarray, " some_entries"] | None]]:
    """Run some chunks on all cores, and yield in their order what each adds to the derivatives.

    Args:
        asked: the batches.
        pool: all tables, not logs, none above 1.
        chunks: of the batches.
        found: of each batch, filled in.
        budget: of time, memory and cores; chunks that it leaves no time for yield None.
        is_support: the tables hold zeros and ones, and only whether Z is above zero matters.
    """
    start = max((one.batch.steps.num_entries for one in asked), default=0)
    stop = np.zeros(1, np.int64)
    rows = [_rows(one, start) for one in asked]

    def run(room: _Room, chunk: Chunk) -> np.ndarray | None:
        from gmruntime.rows.kernels.compiled import run_rows
        from gmruntime.rows.kernels.lanes import run_lanes
        from gmruntime.rows.kernels.maxima import run_maxima

        number, first, last = chunk
        batch, its, mine = asked[number].batch, found[number], rows[number]
        own = room.derivatives[start + batch.lowest : start + batch.highest]
        own[:] = 0.0
        match room.work(batch, start):
            case Work() as work if asked[number].is_max:
                num = run_maxima(batch.steps, mine, work, its, first, last, stop)
            case Work() as work:
                num = run_rows(batch.steps, mine, work, its, first, last, stop, is_support)
            case Lanes() as lanes:
                num = run_lanes(batch.steps, mine, lanes, its, first, last, stop)
        return own.copy() if num == last - first else None

    def new_room() -> _Room:
        # What is not touched here costs time in the loops, which look at the clock.
        values = np.empty(start + len(pool))
        values[start:] = pool
        return _Room(values, np.zeros(len(values)), {})

    count = num_threads(asked, len(pool), budget)
    yield from _in_order(chunks, run, new_room, count, stop, budget)


def _rows(asked: Asked, pool_start: int) -> Rows:
    instances = asked.batch.instances
    return Rows(instances.evidence, instances.pointers, asked.weights, pool_start)


def num_threads(asked: Sequence[Asked], pool_entries: int, budget: Budget) -> int:
    """Return how many threads are worth starting, and have room."""
    products = sum(one.batch.program.entries * one.batch.instances.count for one in asked)
    widest = max((one.batch.program.message_entries for one in asked), default=0.0)
    room = int(budget.memory_bytes // max(1.0, work_bytes(widest, pool_entries)))
    worth = int(products // _THREADS_PRODUCTS_MIN)
    return max(1, min(budget.num_cores(), room, worth))


def _in_order(
    chunks: Sequence[Chunk],
    run: Callable[[_Room, Chunk], np.ndarray | None],
    new_room: Callable[[], _Room],
    count: int,
    stop: np.ndarray,
    budget: Budget,
) -> Iterator[tuple[Chunk, np.ndarray | None]]:
    """Yield each chunk with what came of it, in order, until the budget is spent."""
    rooms: SimpleQueue[_Room] = SimpleQueue()
    for _ in range(count):
        rooms.put(new_room())

    def in_a_room(chunk: Chunk) -> np.ndarray | None:
        room = rooms.get()
        try:
            return run(room, chunk)
        finally:
            rooms.put(room)

    waiting: deque[tuple[Chunk, Future[np.ndarray | None]]] = deque()
    left = deque(chunks)
    with ThreadPoolExecutor(count) as threads:
        try:
            while left or waiting:
                while left and len(waiting) < 2 * count and not stop[0]:
                    chunk = left.popleft()
                    waiting.append((chunk, threads.submit(in_a_room, chunk)))
                if not waiting:
                    return
                chunk, future = waiting.popleft()
                yield chunk, _waited(future, stop, budget)
        finally:
            stop[0] = 1 if left or waiting else stop[0]


def _waited(
    future: "Future[np.ndarray | None]", stop: np.ndarray, budget: Budget
) -> np.ndarray | None:
    """Wait for a chunk; once the budget is spent, tell the threads to stop."""
    while True:
        left_s = budget.left_s()
        if left_s <= 0.0:
            stop[0] = 1
            return future.result()
        try:
            return future.result(timeout=min(left_s, _ENDING_S))
        except NotYet:
            continue
