"""A MAP query as an anytime search: its improvements, and the answer they end in."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gmlang.queries.answers import Answer
from gmlang.queries.questions.map import Map, MapAnswer, map_answer
from gmlang.queries.session import Session, Settings, begin, prepare
from gmruntime import answer as runtime
from gmruntime.answer import Improvement, Status
from gmruntime.inference import search
from gmruntime.quality import is_proved


def improvements(session: Session, query: Map, settings: Settings) -> Iterator[Improvement]:
    """Yield ever better assignments of a query's own graph.

    Raises:
        GmError: when the query does not fit the program.
    """
    settings = begin(settings, query.within_s)
    prepared = prepare(session, query)
    evidence, clash = prepared.evidence()
    if clash:
        return
    yield from search(
        prepared.graph(),
        runtime.Map(),
        evidence=evidence,
        budget=settings.running(),
        seed=settings.seed,
        executor=None if settings.workers is None else settings.workers.executor,
        num_workers=None if settings.workers is None else settings.workers.count,
    )


def searched_answer(session: Session, query: Map, steps: list[Improvement]) -> Answer:
    """Return the answer that a search ended in."""
    base = MapAnswer(query.text, name=query.name)
    found = [step for step in steps if step.is_found]
    prepared = prepare(session, query)
    if not found:
        # Nothing found is no proof: only a bound, or two observations that clash, are.
        refuted = bool(steps) and steps[-1].log_bound == float("-inf")
        if refuted or prepared.evidence()[1]:
            return replace(base, status=Status.IMPOSSIBLE.value)
        note = "no assignment was found within the budget"
        return replace(base, status=Status.ESTIMATE.value, note=note)
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
