"""A MAP or MMAP query as an anytime search: its improvements, and the answer a MAP ends in."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from gmlang.core.program import Assert, Query
from gmlang.diagnostics import GmError
from gmlang.errors import asking, later
from gmlang.queries.answers import Answer
from gmlang.queries.questions.map import Map, MapAnswer, map_answer
from gmlang.queries.questions.mmap import MarginalMap
from gmlang.queries.reading import asked_names, asked_once, assignment_map
from gmlang.queries.remembered.asking import start_of
from gmlang.queries.session import Session, ground_before, prepare
from gmlang.queries.settings import Settings, begin
from gmlang.queries.worlds.done import world_of
from gmruntime import answer as runtime
from gmruntime.answer import Improvement, Status
from gmruntime.budget import Budget
from gmruntime.inference import search
from gmruntime.quality import is_proved

_Maximum = TypeVar("_Maximum", bound=Map | MarginalMap)

NOTHING_FOUND = "no assignment was found within the budget"
"""What an answer notes that says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One improvement of an anytime search.

    Attributes:
        seconds: since the search began.
        log_score: of the incumbent, nats; -inf while there is none. Of MMAP what its states sum
            to, or less where that takes too long.
        log_bound: certified: nothing scores higher; +inf while nothing is proven.
        engine: which engine found it.
        value: the incumbent by name; None while there is none.
    """

    seconds: float
    log_score: float
    log_bound: float
    engine: str
    value: dict[str, object] | None


def steps(session: Session, question: Query | Assert, settings: Settings) -> Iterator[Step]:
    """Yield ever better answers to a MAP or MMAP query.

    Raises:
        GmError: when it is another question, or does not fit the program.
    """
    if not isinstance(question, Map | MarginalMap):
        raise GmError([asking.only_maxima_are_searched(question.span)])
    session, question = _in_world(session, question)
    ground_before(session, question, settings.allowed_bytes())
    settings = begin(settings, question.within_s)
    try:
        names = asked_names(prepare(session, question, settings.running()), question)
    except TimeoutError:
        return
    for found in improvements(session, question, settings):
        value = assignment_map(names, found.assignment) if found.is_found else None
        yield Step(found.seconds, found.log_score, found.log_bound, found.engine, value)


def _in_world(session: Session, query: _Maximum) -> tuple[Session, _Maximum]:
    """Return the session of the world that a query is about, and the query about it."""
    here, inner = world_of(session, query)
    assert isinstance(inner, type(query))
    return here, inner


def improvements(
    session: Session, query: Map | MarginalMap, settings: Settings
) -> Iterator[Improvement]:
    """Yield ever better assignments of a query's own graph.

    Raises:
        GmError: when the query does not fit the program.
    """
    session, query = _in_world(session, query)
    settings = begin(settings, query.within_s)
    try:
        prepared = prepare(session, query, settings.running())
    except TimeoutError:
        return
    evidence, clash = prepared.evidence()
    if clash:
        return
    is_map = isinstance(query, Map)
    if prepared.integrated is not None and is_map:
        raise GmError([later.asked_of_joint(query.span, query.text)])
    graph = prepared.graph()
    yield from search(
        graph,
        runtime.Map() if is_map else runtime.MarginalMap(asked_once(prepared)),
        evidence=evidence,
        budget=settings.running(),
        seed=settings.seed,
        device=settings.device,
        executor=None if settings.workers is None else settings.workers.executor,
        num_workers=None if settings.workers is None else settings.workers.count,
        start=start_of(session.guide, graph, evidence),
    )


def searched_answer(
    session: Session, query: Map, steps: list[Improvement], budget: Budget | None = None
) -> Answer:
    """Return the answer that a search ended in, whose budget was given."""
    session, query = _in_world(session, query)
    base = MapAnswer(query.text, name=query.name)
    found = [step for step in steps if step.is_found]
    try:
        prepared = prepare(session, query, None if steps else budget)
    except TimeoutError:
        return replace(base, status=Status.ESTIMATE.value, note=NOTHING_FOUND)
    if not found:
        # Nothing found is no proof: only a bound, or two observations that clash, are.
        refuted = bool(steps) and steps[-1].log_bound == float("-inf")
        if refuted or prepared.evidence()[1]:
            return replace(base, status=Status.IMPOSSIBLE.value)
        return replace(base, status=Status.ESTIMATE.value, note=NOTHING_FOUND)
    last, bound = found[-1], steps[-1].log_bound
    proved = is_proved(last.log_score, bound)
    return replace(
        map_answer(prepared, query, last.assignment, last.log_score, bound),
        name=query.name,
        status="exact" if proved else ("bounded" if np.isfinite(bound) else "estimate"),
        seconds=steps[-1].seconds,
        method=f"search ({last.engine})",
        note=steps[-1].note,
        workers=steps[-1].workers,
    )
