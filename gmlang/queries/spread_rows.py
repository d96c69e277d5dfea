"""Rows that are asked one by one, spread in chunks over an executor's workers, answered in order.

A program for all rows is shared by the runtime, which compiles it once. Elsewhere each row is as
independent of the others as a whole question is: the model travels once to each worker, which
grounds it; the process that asks answers chunks too, those that nobody has begun and those that a
worker lost.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace
from itertools import repeat
from typing import cast

import numpy as np

from gmlang.core.asking.options import WAKE
from gmlang.core.program import Query
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.queries.answers import Answer
from gmlang.queries.dispatch import ground_first, is_late, unanswered
from gmlang.queries.each import Seen, answer_each, read_first, states_in
from gmlang.queries.question import Composed, Several, Single
from gmlang.queries.questions import question_of
from gmlang.queries.remembered.copies import to_give
from gmlang.queries.session import GROUNDED_S, Session, grounding_for
from gmlang.queries.settings import Settings, begin
from gmlang.queries.spread import POLL_S, Asked, noted, of_worker
from gmlang.queries.worlds.done import does_something
from gmruntime.arrays import Int32, Int64
from gmruntime.budget import now_s
from gmruntime.rows.asking import PROGRAMMED
from gmruntime.rows.cutting.distinct import distinct
from gmruntime.workers.parcels import Parcel, pack, unpack
from gmruntime.workers.workers import Workers, machine

_CHUNKS_EACH = 4
"""So many chunks for each process: whoever is through early takes another."""

_Rows = Int32[np.ndarray, "rows variables"]


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """What one worker is asked to do.

    Attributes:
        parcel: the model.
        query: about it.
        rows: of evidence, a chunk.
        settings: without what does not travel; the budget begins where it is spent.
        asked_by: the machine that asks.
        num_workers: who may share that machine with it.
    """

    parcel: Parcel
    query: Query
    rows: _Rows
    settings: Settings
    asked_by: str
    num_workers: int


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What a worker brings back.

    Attributes:
        is_held: whether it knew the model that was named.
        answers: about each row.
        mistakes: of the query or the data, that leave none.
    """

    is_held: bool = True
    answers: tuple[Answer, ...] = ()
    mistakes: tuple[Diagnostic, ...] = ()


def answers_of_rows(model: Asked, query: Query, seen: Seen, settings: Settings) -> Iterator[Answer]:
    """Yield the answers to a query about each row, in order, with the help of workers.

    Raises:
        GmError: when the query or the rows do not fit the program.
    """
    session = model.session()
    if settings.workers is None or does_something(query) or _is_one_program(session, query):
        return answer_each(session, query, seen, settings)
    return _spread(model, query, seen, settings)


def _is_one_program(session: Session, query: Query) -> bool:
    """Say whether the runtime has a program for all rows for each question that a query asks."""
    match question_of(query).answered:
        case Single(puts=puts):
            have_programs = puts and all(issubclass(one, PROGRAMMED) for one in puts)
            return bool(have_programs) and query.method in ("", "exact", WAKE)
        case Several():
            return False
        case Composed(written_out=written_out):
            inner = written_out(session.world, query).inner()
            return all(_is_one_program(session, one) for one in inner)


def _spread(model: Asked, query: Query, seen: Seen, settings: Settings) -> Iterator[Answer]:
    session = model.session()
    ground_first(session, query, settings)
    read_first(session, query, seen, settings)
    if not seen.count:
        return
    settings = begin(settings, query.within_s)
    budget = settings.running()
    try:
        grounding = grounding_for(session, query, budget.at_least(GROUNDED_S))
    except TimeoutError:
        nothing = replace(unanswered(query, settings), seconds=budget.spent_s())
        yield from repeat(nothing, seen.count)
        return
    rows = states_in(seen, grounding, query, settings)
    first, which = distinct(rows)
    known: list[Answer] = []
    found = _Chunks(model, query, rows[first], settings).answers()
    for d in which.tolist():
        if d < len(known):
            yield to_give(known[d], known[d].seconds, known[d].note)
        else:
            known.append(next(found))
            yield known[d]


class _Chunks:
    """Chunks of rows, of which some are with workers, some answered, and some not begun."""

    def __init__(self, model: Asked, query: Query, rows: _Rows, settings: Settings) -> None:
        assert settings.workers is not None
        self.workers: Workers = settings.workers
        self.model, self.query, self.rows = model, query, rows
        cores = self.workers.cores_here()
        self.budget = settings.running().on_cores(cores)
        self.settings = replace(settings, workers=None)
        count = min(len(rows), _CHUNKS_EACH * (self.workers.count + 1))
        self.chunks: list[Int64[np.ndarray, " _rows"]] = np.array_split(np.arange(len(rows)), count)
        self.waiting = deque(range(count))
        self.running: dict[int, Future[Reply]] = {}
        self.done: dict[int, Sequence[Answer]] = {}
        self.parcel = pack(model)
        self.num_full = self.workers.count
        self.num_helped = 0
        self.is_open = True
        self.longest_s = 0.0

    def answers(self) -> Iterator[Answer]:
        """Yield the answers, in order."""
        try:
            for number in range(len(self.chunks)):
                yield from self._of(number)
        finally:
            for future in self.running.values():
                future.cancel()

    def _of(self, number: int) -> Iterator[Answer]:
        while number not in self.done:
            self._collect()
            self._employ()
            if number in self.done:
                break
            if is_late(self.budget):
                nothing = unanswered(self.query, self.settings)
                self.done[number] = [replace(nothing, seconds=self.budget.spent_s())] * len(
                    self.chunks[number]
                )
            elif self.waiting:
                # The one that is wanted first, where nobody has it.
                mine = number if number in self.waiting else self.waiting[0]
                self.waiting.remove(mine)
                self.done[mine] = self._here(mine)
            elif not self._comes(number):
                self.running.pop(number).cancel()
                self.waiting.append(number)
        yield from self.done.pop(number)

    def _comes(self, number: int) -> bool:
        """Wait for a worker, no longer than a chunk takes here: then it is answered here."""
        future, end_s = self.running[number], now_s() + max(POLL_S, self.longest_s)
        # Workers that have just been started may not be at work for seconds to come.
        while self.num_helped and now_s() < end_s and not self.budget.is_spent():
            if wait([future], POLL_S).done:
                break
        return future.done()

    def _share(self) -> float:
        """Return which part of the time that is left a chunk that is begun now may take."""
        left = len(self.waiting) + 1
        return 1.0 / -(-left // (self.workers.count + 1))

    def _here(self, number: int) -> Sequence[Answer]:
        start_s = now_s()
        how = replace(self.settings, budget=self.budget.share(self._share()))
        found = _answered(self.model, self.query, self.rows[self.chunks[number]], how)
        self.longest_s = max(self.longest_s, now_s() - start_s)
        return found

    def _employ(self) -> None:
        """Give every worker a chunk, and leave one to this process."""
        while self.is_open and len(self.waiting) > 1 and len(self.running) < self.workers.count:
            number = self.waiting.pop()
            is_full = self.num_full > 0
            self.num_full -= is_full
            parcel = self.parcel if is_full else self.parcel.by_name()
            how = replace(
                self.settings,
                budget_s=max(1e-3, self._share() * self.budget.left_s()),
                budget=None,
                workspace=None,
                watch=None,
                memory=None,
            )
            rows = self.rows[self.chunks[number]]
            errand = Errand(parcel, self.query, rows, how, machine(), self.workers.count)
            try:
                self.running[number] = self.workers.executor.submit(run_errand, errand)
            except Exception:
                # An executor that is broken, or shut down, takes no more.
                self.is_open = False
                self.waiting.append(number)

    def _collect(self) -> None:
        """Take what is over; what a worker lost is to be done again.

        Raises:
            GmError: with the mistakes that a worker found.
        """
        for number in [n for n, future in self.running.items() if future.done()]:
            future = self.running.pop(number)
            if future.cancelled() or future.exception() is not None:
                self.waiting.append(number)
                continue
            reply = future.result()
            if reply.mistakes:
                raise GmError(list(reply.mistakes))
            if reply.is_held:
                self.num_helped += 1
                seconds = self.budget.spent_s()
                workers = 1 + min(self.num_helped, self.workers.count)
                self.done[number] = [
                    replace(one, seconds=seconds, workers=workers) for one in reply.answers
                ]
            else:
                self.num_full += self.workers.count
                self.waiting.append(number)


def run_errand(errand: Errand) -> Reply:
    """Answer a query about a chunk of rows; this is what an executor runs."""
    model = cast("Asked | None", unpack(errand.parcel))
    if model is None:
        return Reply(is_held=False)
    settings = of_worker(errand.settings, errand.asked_by, errand.num_workers)
    try:
        answers = _answered(model, errand.query, errand.rows, settings)
        return Reply(answers=tuple(noted(one, errand.settings, settings) for one in answers))
    except GmError as error:
        return Reply(mistakes=tuple(error.diagnostics))


def _answered(model: Asked, query: Query, rows: _Rows, settings: Settings) -> Sequence[Answer]:
    """Answer a query about rows that were read for the world it is asked in."""
    seen = Seen(len(rows), lambda _: rows)
    return list(answer_each(model.session(), query, seen, settings))
