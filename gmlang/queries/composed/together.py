"""Many queries that one question to the runtime answers."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from gmlang.core.mentions import mentions
from gmlang.core.program import Query
from gmlang.queries.session import Prepared, Session
from gmruntime.budget import Budget

_TOGETHER_MIN = 16
"""Fewer queries under the same conditions are asked one by one: a single one is smaller, so that it
may be exact or bounded where all of them at once are not."""


def together(queries: Sequence[Query]) -> list[list[int]]:
    """Group queries, by number, in order: those of a group may be asked at once."""
    groups: dict[Hashable, list[int]] = {}
    for number, query in enumerate(queries):
        # An instance that is mentioned exists for that query only.
        if query.asks_marginals and not query.imagined and not mentions(query):
            key: Hashable = (query.given, query.method, query.method_options, query.within_s)
        else:
            key = number
        groups.setdefault(key, []).append(number)
    found: list[list[int]] = []
    for numbers in groups.values():
        are_many = len(numbers) >= _TOGETHER_MIN
        found += [numbers] if are_many else [[number] for number in numbers]
    return sorted(found)


def prepare_together(
    session: Session,
    group: Sequence[Query],
    budget: Budget,
    prepare: Callable[[Session, Query, Budget], Prepared],
) -> tuple[Prepared, list[Prepared]]:
    """Prepare queries on one graph: return it with all their targets, and with those of each."""
    first = group[0]
    asked = tuple(one for query in group for one in query.asked)
    whole = Query(
        first.span,
        first.text,
        asked,
        first.given,
        method=first.method,
        method_options=first.method_options,
    )
    prepared = prepare(session, whole, budget)
    pieces: list[Prepared] = []
    start = 0
    for query in group:
        end = start + len(query.asked)
        pieces.append(replace(prepared, targets=prepared.targets[start:end]))
        start = end
    return prepared, pieces
