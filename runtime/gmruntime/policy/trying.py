"""The ways of answering a question, tried in order, or only foreseen."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gmruntime.answer import AnyAnswer, Question, Way
from gmruntime.graph import GraphError
from gmruntime.policy.case import Case, Rest
from gmruntime.policy.ways import RULES

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
            return found if case.known is None else query.merged(case.known, found)
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
