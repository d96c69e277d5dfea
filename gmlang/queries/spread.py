"""Several questions spread over an executor's workers, and answered in order.

A question is as independent of the others as its model makes it: entirely. The model travels once
to each worker, which grounds it; the process that asks answers questions too, those that nobody has
begun and those that a worker lost.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from threading import Event, Lock
from typing import Protocol, cast

from gmlang.core.program import Assert, Query
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.queries.answers import Answer
from gmlang.queries.dispatch import answer, seconds_for
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmruntime.budget import Watch, now_s
from gmruntime.devices import device_here
from gmruntime.workers.parcels import Parcel, pack, unpack
from gmruntime.workers.workers import Workers, cores_of_each, machine, worker_name

Question = Query | Assert

LATE_S = 0.5
"""A worker is waited for so much longer than its question's budget, once there is nothing else to
do; then the question is answered here."""

POLL_S = 0.05
"""How often who waits for a worker looks whether everything is to end."""


class Asked(Protocol):
    """A model: what travels, and can be asked."""

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What looks like a mistake."""
        ...

    def answer_all(self, questions: Sequence[Question], settings: Settings) -> Iterator[Answer]:
        """Answer questions, in order."""
        ...

    def session(self) -> Session:
        """Return it ready to be asked."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """What one worker is asked to do.

    Attributes:
        parcel: the model.
        question: about it.
        settings: without what does not travel; the budget begins where it is spent.
        asked_by: the machine that asks.
        num_workers: who may share that machine with it.
    """

    parcel: Parcel
    question: Question
    settings: Settings
    asked_by: str
    num_workers: int


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What a worker brings back: an answer, or the mistakes that leave none.

    Attributes:
        answer: None where there are mistakes, or the model that was named is not held there.
        mistakes: of the question or the data.
        warnings: what came to light there.
    """

    answer: Answer | None = None
    mistakes: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


NO_GPU = "the worker has no GPU: answered on its CPU"
"""What an answer notes that was to be found on another device."""

_NOT_HELD = "not held"
"""In place of a reply, where the model was named to a worker who does not know it."""


class Spread:
    """Questions of which some are with workers, some answered, and some not begun."""

    def __init__(
        self,
        model: Asked,
        asked: Sequence[Question],
        settings: Settings,
        here: Callable[[Question, Settings], Answer],
        hear: Callable[[Sequence[Diagnostic]], None],
    ) -> None:
        """Send the first questions out; the very first is kept for this process.

        Args:
            model: asked.
            asked: checked questions.
            settings: how to answer, with workers.
            here: answers a question in this process.
            hear: is told the warnings of others.
        """
        assert settings.workers is not None
        self.workers: Workers = settings.workers
        self.asked, self.here, self.hear = asked, here, hear
        self.settings = replace(settings, workers=None, workspace=None, watch=None, memory=None)
        self.parcel = pack(model)
        self.num_full = self.workers.count
        self.waiting = deque(range(1, len(asked)))
        self.running: dict[int, Future[object]] = {}
        self.replies: dict[int, Reply] = {}
        self.lost: dict[int, str] = {}
        self.lock = Lock()
        self.is_open = True
        self.woken: list[Future[str]] = []
        self._wake()
        self._employ()

    def _wake(self) -> None:
        """Have workers that have just been started import all they need.

        Those that have done so are at work; the others may not be for seconds to come.
        """
        try:
            for _ in range(self.workers.count):
                self.woken.append(self.workers.executor.submit(worker_name))
        except Exception:
            self.is_open = False

    def _are_awake(self) -> bool:
        """Say whether any worker has been heard of."""
        over = [f for f in self.woken if f.done() and not f.cancelled()]
        return any(future.exception() is None for future in over)

    def answer(self, number: int, ended: Event | None = None) -> Answer:
        """Return the answer to one of the questions, and do others while a worker has it.

        Args:
            number: which.
            ended: is set by who gives up waiting: what is answered here then has to end.

        Raises:
            GmError: when the question or the data has mistakes.
        """
        while True:
            self._collect()
            self._employ()
            with self.lock:
                reply, future = self.replies.pop(number, None), self.running.get(number)
                mine = None
                if reply is None:
                    mine = number if future is None else self._next()
                if mine == number and number in self.waiting:
                    self.waiting.remove(number)
            if reply is not None:
                return self._told(reply)
            if mine == number:
                return self._told(self._here(number, ended))
            if mine is not None:
                self.replies[mine] = self._here(mine, ended)
                continue
            assert future is not None
            if not self._are_awake():
                self._lose(number, "")
                continue
            budget_s = seconds_for(self.asked[number], self.settings)
            if not _is_done(future, budget_s + LATE_S, ended):
                was_told = ended is not None and ended.is_set()
                late = "" if was_told else "a worker did not answer in time; answered here"
                self._lose(number, late)

    def answers(self) -> Iterator[Answer]:
        """Yield the answers to all questions, in order."""
        try:
            for number in range(len(self.asked)):
                yield self.answer(number)
        finally:
            self.dismiss()

    def dismiss(self) -> None:
        """Call back what has not begun; what has is left to end by itself."""
        with self.lock:
            self.is_open = False
            futures = list(self.running.values())
        for future in futures:
            future.cancel()

    def _told(self, reply: Reply) -> Answer:
        if reply.answer is None:
            raise GmError(list(reply.mistakes))
        return reply.answer

    def _here(self, number: int, ended: Event | None) -> Reply:
        watch = None if ended is None else Watch(ended)
        settings = replace(self.settings, cores=self.workers.cores_here(), watch=watch)
        try:
            found = self.here(self.asked[number], settings)
        except GmError as error:
            return Reply(mistakes=tuple(error.diagnostics))
        note = "; ".join(part for part in (found.note, self.lost.get(number, "")) if part)
        return Reply(replace(found, note=note))

    def _next(self) -> int | None:
        """Take the next question that nobody has begun."""
        return self.waiting.popleft() if self.waiting else None

    def _employ(self) -> None:
        """Give every worker a question while there are any."""
        while True:
            with self.lock:
                is_free = self.is_open and len(self.running) < self.workers.count
                number = self._next() if is_free else None
                if number is None:
                    return
                is_full = self.num_full > 0
                self.num_full -= is_full
                parcel = self.parcel if is_full else self.parcel.by_name()
                question, count = self.asked[number], self.workers.count
                errand = Errand(parcel, question, self.settings, machine(), count)
                try:
                    sent = self.workers.executor.submit(run_errand, errand)
                except Exception:
                    # An executor that is broken, or shut down, takes no more.
                    self.is_open = False
                    self.waiting.appendleft(number)
                    return
                future = cast("Future[object]", sent)
                self.running[number] = future
            future.add_done_callback(self._go_on)

    def _go_on(self, future: Future[object]) -> None:
        """Employ a worker that is done at once: this process may be busy with its own question.

        Where a worker was lost, its executor may be about to say that it is broken.
        """
        if future.cancelled() or future.exception() is not None:
            return
        self._collect()
        self._employ()

    def _collect(self) -> None:
        """Take what is over; whoever looks meanwhile finds a question with a worker or answered."""
        with self.lock:
            for number, future in [(n, f) for n, f in self.running.items() if f.done()]:
                self._settle(number, future)
                del self.running[number]

    def _settle(self, number: int, future: Future[object]) -> None:
        error = None if future.cancelled() else future.exception()
        found = None if future.cancelled() or error is not None else future.result()
        if isinstance(found, Reply):
            self.hear(found.warnings)
            self.replies[number] = found
        elif found == _NOT_HELD:
            self.num_full += self.workers.count
            self.waiting.appendleft(number)
        else:
            what = "was lost" if error is None else f"failed ({type(error).__name__}: {error})"
            self.lost[number] = f"a worker {what}; answered here"

    def _lose(self, number: int, note: str) -> None:
        """Give up a question's worker."""
        with self.lock:
            future = self.running.pop(number, None)
        if future is not None:
            future.cancel()
        self.lost[number] = note


def spread_over(model: Asked, questions: Sequence[Question], settings: Settings) -> Spread:
    """Spread checked questions over the workers of the settings."""

    def here(question: Question, how: Settings) -> Answer:
        return answer(model.session(), question, how)

    def hear(warnings: Sequence[Diagnostic]) -> None:
        # Without news there is no need to be ready here: another thread may be at that.
        if new := [w for w in warnings if w not in model.warnings]:
            model.session().warnings.extend(new)

    return Spread(model, questions, settings, here, hear)


def run_errand(errand: Errand) -> Reply | str:
    """Answer one question; this is what an executor runs."""
    model = unpack(errand.parcel)
    if model is None:
        return _NOT_HELD
    model = cast("Asked", model)
    settings = of_worker(errand.settings, errand.asked_by, errand.num_workers)
    try:
        answer = next(iter(model.answer_all([errand.question], settings)))
    except GmError as error:
        return Reply(mistakes=tuple(error.diagnostics), warnings=model.warnings)
    return Reply(noted(answer, errand.settings, settings), warnings=model.warnings)


def noted(answer: Answer, asked: Settings, given: Settings) -> Answer:
    """Note in a worker's answer where it had no GPU, and one was asked for."""
    if asked.device == given.device:
        return answer
    return replace(answer, note="; ".join(part for part in (answer.note, NO_GPU) if part))


def of_worker(settings: Settings, asked_by: str, num_workers: int) -> Settings:
    """Return the settings of one worker: its share of the machine that asks, or all of another."""
    if asked_by != machine():
        # The folder is one of the machine that asks.
        return replace(settings, folder=None, device=device_here(settings.device))
    memory = max(1, settings.allowed_bytes() // (num_workers + 1))
    return replace(settings, cores=cores_of_each(num_workers), memory_bytes=memory)


def _is_done(future: Future[object], seconds: float, ended: Event | None) -> bool:
    """Wait for a worker, no longer than said, and not beyond the moment that everything ends."""
    end_s = now_s() + seconds
    while not (ended is not None and ended.is_set()):
        left_s = end_s - now_s()
        if wait([future], max(0.0, min(left_s, POLL_S))).done:
            return True
        if left_s <= 0.0:
            break
    return future.done()
