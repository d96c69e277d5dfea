"""An executor of spawned processes on this machine, each of which may die alone.

The standard library's pool is broken as a whole when one of its processes is killed. Here that
costs the one task it had: the process is replaced before the next. Whoever owns it can also end
processes that are still at work.
"""

import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_END_S = 1.0
"""So long a process that was told to end is waited for, before it is killed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    future: Future[Any]
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Worker:
    process: SpawnProcess
    connection: "Connection[Any, Any]"


class Processes(Executor):
    """Runs each task in one of a few processes, which start at once."""

    def __init__(self, num_workers: int) -> None:
        """Start the processes."""
        self.num_workers = num_workers
        self._inbox: SimpleQueue[_Work | None] = SimpleQueue()
        self._workers: dict[int, _Worker] = {}
        self._lock = Lock()
        self._closed = False
        self._threads = [
            Thread(target=self._mind, args=(lane,), daemon=True) for lane in range(num_workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> "Future[_T]":
        """Have a process call a function that it can import.

        Raises:
            RuntimeError: after `shutdown`.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("cannot submit after shutdown")
            work = _Work(Future(), fn, args, kwargs)
            self._inbox.put(work)
        return work.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; without `wait`, end even the processes that are at work."""
        with self._lock:
            self._closed = True
        while (cancel_futures or not wait) and not self._inbox.empty():
            work = self._inbox.get()
            if work is not None:
                work.future.cancel()
        for _ in self._threads:
            self._inbox.put(None)
        if not wait:
            with self._lock:
                left = list(self._workers.values())
            for worker in left:
                worker.process.terminate()
        for thread in self._threads:
            thread.join(None if wait else _END_S)

    def _mind(self, lane: int) -> None:
        """Hand tasks to one process, and replace it when it dies."""
        try:
            with suppress(OSError):
                # What cannot be started now is tried again with the first task, and fails that.
                self._start(lane)
            while (work := self._inbox.get()) is not None:
                if work.future.set_running_or_notify_cancel():
                    self._do(lane, work)
        finally:
            self._end(lane)

    def _start(self, lane: int) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        with self._lock:
            self._workers[lane] = worker
            if self._closed:
                process.terminate()
        return worker

    def _end(self, lane: int) -> None:
        with self._lock:
            worker = self._workers.pop(lane, None)
        if worker is None:
            return
        worker.connection.close()
        worker.process.join(_END_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()

    def _do(self, lane: int, work: _Work) -> None:
        try:
            worker = self._workers.get(lane) or self._start(lane)
            worker.connection.send((work.function, work.args, work.kwargs))
            is_value, found = worker.connection.recv()
        except (EOFError, OSError):
            self._end(lane)
            work.future.set_exception(BrokenExecutor("a worker process died"))
        except Exception as error:
            # What was sent, or what came back, cannot be pickled: the process is none the worse.
            work.future.set_exception(error)
        else:
            if is_value:
                work.future.set_result(found)
            else:
                work.future.set_exception(found)


def _serve(connection: "Connection[Any, Any]") -> None:
    """Call what is sent until the other end closes: the life of a process."""
    # Ctrl-C reaches every process of a terminal; the one that asks decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            content = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            function, args, kwargs = pickle.loads(content)
            reply: tuple[bool, Any] = (True, function(*args, **kwargs))
        except BaseException as error:
            reply = (False, error)
        try:
            connection.send(reply)
        except OSError:
            return
        except Exception as error:
            message = f"what a worker found cannot be sent: {error}"
            connection.send((False, RuntimeError(message)))


def _end_with_parent() -> None:
    """Leave no process behind at work for one that was killed."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
