"""The ways of answering a question, tried in order, or only foreseen."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gmruntime.answer import AnyAnswer, MarginalMap, Question, Way
from gmruntime.graph import GraphError
from gmruntime.policy.case import Case, Rest
from gmruntime.policy.ways import RULES, improving_marginal

if TYPE_CHECKING:
    from gmruntime.elimination.plan import Plan


def ways_for(query: Question[AnyAnswer], method: str) -> tuple[Way, ...]:
    """List who may try to answer, in order."""
    match method:
        case "search":
            return (Way.SEARCH,)
        case "bp":
            return *(way for way in query.WAYS if way is Way.IDLE), Way.MESSAGES
        case _:
            return query.WAYS


def answer(case: Case) -> AnyAnswer:
    """Try one way after the other until one answers.

    Raises:
        GraphError: when none does.
    """
    query = case.task.query
    for way in ways_for(query, case.how.method):
        found = RULES[way].answer(case)
        if isinstance(found, Rest):
            return found.complete(answer(case.about(found.task)))
        if found is not None:
            return _with_known(case, found)
    raise GraphError(_nobody(case))


def _with_known(case: Case, found: AnyAnswer) -> AnyAnswer:
    return found if case.known is None else case.task.query.merged(case.known, found)


def answers(case: Case) -> Iterator[AnyAnswer]:
    """Yield what `answer` returns, where a search answers after all that it finds on the way.

    Raises:
        GraphError: when no way answers.
    """
    query = case.task.query
    for way in ways_for(query, case.how.method):
        if way is Way.SEARCH and isinstance(query, MarginalMap):
            for found in improving_marginal(case):
                yield _with_known(case, found)
            return
        found = RULES[way].answer(case)
        if isinstance(found, Rest):
            yield from map(found.complete, answers(case.about(found.task)))
            return
        if found is not None:
            yield _with_known(case, found)
            return
    raise GraphError(_nobody(case))


def foresee(case: Case) -> "Plan":
    """Say what an exact answer would cost, and who will answer."""
    query, tried = case.task.query, list[str]()
    for way in ways_for(query, case.how.method):
        rule = RULES[way]
        if rule.is_tried(case):
            tried.append(way.value)
        words = rule.foresee(case)
        if isinstance(words, Rest):
            rest = foresee(case.about(words.task))
            engine = rest.engine if way is Way.IDLE else f"{way.value} and {rest.engine}"
            return replace(rest, engine=engine, num_free=_num_free(case))
        if words is not None:
            return replace(case.elimination()[0], engine=words, tried=tuple(tried))
    raise GraphError(_nobody(case))


def _num_free(case: Case) -> int:
    return int((case.task.evidence < 0).sum())


def _nobody(case: Case) -> str:
    name, method = type(case.task.query).__name__, case.how.method
    return f"method {method!r} has no rule for {name}" if method else f"nothing answers {name}"
