"""Signals and deadlines: a question that is interrupted still answers with what it has found.

The command and its sessions answer a question on a thread of its own. The main thread waits, and so
is always there to act: Ctrl-C, SIGTERM or the deadline end the question's budget, which every
engine asks, and the answer comes by the usual way. Where it does not come, because something goes
on that asks nobody, such as a loop that is compiled for the first time, the question is left alone
with its thread. In Python none of this is used: an interrupt is raised where the question is asked.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from types import FrameType, TracebackType
from typing import Generic, Self, TypeVar

from gmruntime.budget import Budget, Watch, start_budget

_T = TypeVar("_T")

POLL_S = 0.02
"""How long a signal may have to wait."""

_GRACE_S = 0.35
"""What a question may take beyond its budget, or a signal, before it is left alone."""


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came: what goes on ends as with Ctrl-C, and so does the process.

    Its text, if any, is what is still to be told.
    """


@contextmanager
def listening_to_sigterm() -> Generator[None]:
    """Let SIGTERM end what goes on as Ctrl-C does; outside the main thread, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def leave(status: int) -> None:
    """End the process at once, unless something cannot be written: Python's own end says so.

    That end takes a tenth of a second to forget what the system forgets at once, and waits for the
    threads of questions that were left alone.
    """
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise TerminatedError


@dataclass(slots=True, eq=False)
class _Outcome(Generic[_T]):
    done: Event = field(default_factory=Event)
    result: _T | None = None
    error: BaseException | None = None


class Interrupts:
    """Listens to Ctrl-C and SIGTERM: the first ends the question at hand, the second the process.

    Attributes:
        keeps_process: whether a second signal ends nothing: there is more to talk about.
        number: of the signal that came; 0 while none did.
        has_left: whether a question was left alone: its thread may still be at work.
    """

    def __init__(self, *, keeps_process: bool = False) -> None:
        """Begin with none."""
        self.keeps_process = keeps_process
        self.number = 0
        self.has_left = False
        self._before: dict[int, object] = {}

    @property
    def exit_status(self) -> int:
        """What a process ends with that such a signal has ended."""
        return 128 + self.number

    def __enter__(self) -> Self:
        """Listen; outside the main thread, where nobody can, do nothing."""
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        except ValueError:
            self._before.clear()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more."""
        for number, before in self._before.items():
            if callable(before) or isinstance(before, signal.Handlers):
                signal.signal(number, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.number and not self.keeps_process:
            os._exit(self.exit_status)
        self.number = number

    def answer(self, find: Callable[[Watch], _T], grace_s: float = _GRACE_S) -> _T | None:
        """Find an answer, and wait for it until its budget, or a signal, and a moment are over.

        Args:
            find: finds the answer; what it raises is raised here.
            grace_s: the moment.

        Returns:
            What was found; None when nothing was in time.
        """
        watch, outcome = Watch(), _Outcome[_T]()
        before = self.number

        def work() -> None:
            try:
                outcome.result = find(watch)
            except BaseException as error:
                outcome.error = error
            outcome.done.set()

        Thread(target=work, daemon=True).start()
        signalled: Budget | None = None
        while not outcome.done.wait(POLL_S):
            if self.number != before and signalled is None:
                signalled = start_budget(grace_s, 0)
                watch.ended.set()
            is_late = watch.budget is not None and (
                watch.budget.spent_s() > watch.budget.seconds + grace_s
            )
            if is_late or (signalled is not None and signalled.is_spent()):
                watch.ended.set()
                self.has_left = True
                for end in watch.when_left:
                    end()
                return None
        if outcome.error is not None:
            raise outcome.error
        return outcome.result
