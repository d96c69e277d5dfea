"""A MAP query as an anytime search: its improvements, and the answer they end in."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gmlang.core.program import Query
from gmlang.queries.answers import Answer, finite, nested_values
from gmlang.queries.basic import asked_names, assignment_map
from gmlang.queries.session import Session, Settings, prepare
from gmruntime.answer import Improvement, Map
from gmruntime.inference import search

PROVED_WITHIN = 1e-9
"""A score this close to its bound, relative to its size, is proved best."""


def improvements(session: Session, query: Query, settings: Settings) -> Iterator[Improvement]:
    """Yield ever better assignments of a query's own graph.

    Raises:
        GmError: when the query does not fit the program.
    """
    prepared = prepare(session, query)
    evidence, clash = prepared.evidence()
    if clash:
        return
    yield from search(
        prepared.graph(),
        Map(),
        evidence=evidence,
        budget_s=query.within_s or settings.budget_s,
        seed=settings.seed,
        memory_bytes=settings.memory_bytes,
    )


def searched_answer(session: Session, query: Query, steps: list[Improvement]) -> Answer:
    """Return the answer that a search ended in."""
    base = Answer(query.text, "map", "impossible", None, 0.0, name=query.name)
    found = [step for step in steps if step.assignment.size]
    if not found:
        return base
    last, bound = found[-1], steps[-1].log_bound
    prepared = prepare(session, query)
    names = asked_names(prepared, query)
    single = nested_values(last.assignment[names[0].variables], names[0].states)
    proved = bound - last.log_score <= PROVED_WITHIN * max(1.0, abs(last.log_score))
    status = "exact" if proved else ("bounded" if np.isfinite(bound) else "estimate")
    return replace(
        base,
        status=status,
        value=assignment_map(names, last.assignment),
        seconds=steps[-1].seconds,
        array=single if len(names) == 1 else None,
        log_score=last.log_score,
        log_lower=last.log_score,
        log_upper=finite(bound),
        method=f"search ({last.engine})",
    )
