"""One query in, one answer out, whatever its kind."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.ast import Constant, Expression, Integer, QueryValue, Real
from gmlang.core.program import Assert, Query
from gmlang.core.walk import replace_part, type_of, walk
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, AssertAnswer, with_quality
from gmlang.queries.question import Several, Single
from gmlang.queries.questions import answer_class, question_of
from gmlang.queries.session import Session, Settings, ask, begin, ground_before, prepare
from gmruntime.answer import Status
from gmruntime.budget import now_s
from gmruntime.quality import worst

NO_TIME = "no answer within the budget"
"""What an answer notes that says nothing."""


def answer(session: Session, question: Query | Assert, settings: Settings) -> Answer:
    """Answer a query, or check an assertion.

    Raises:
        GmError: when the question does not fit the program or its data.
    """
    if isinstance(question, Assert):
        _ground_before(session, question.queries, settings)
        start_s = now_s()
        found, name = check_assertion(session, question, begin(settings, None)), ""
    else:
        _ground_before(session, [question], settings)
        start_s = now_s()
        settings = begin(replace(settings, workspace=session.workspace), question.within_s)
        found, name = _answer_query(session, question, settings), question.name
    return replace(found, seconds=now_s() - start_s, name=name)


def _answer_query(session: Session, query: Query, settings: Settings) -> Answer:
    match question_of(query).answered:
        case Several(answer=answer_it):
            return answer_it(session, query, settings)
        case Single(question, read, impossible, quality):
            prepared = prepare(session, query)
            evidence, clash = prepared.evidence()
            if clash:
                note = "two observations contradict each other"
                made = answer_class(query)
                return made(query.text, "impossible", impossible, note=note)
            found = ask(prepared, question(prepared, query), evidence, settings, query)
            how_good = found.quality if quality is None else quality(prepared, query, found)
            return with_quality(read(prepared, query, found), how_good)


def seconds_for(question: Query | Assert, settings: Settings) -> float:
    """Return the seconds that a question may take: its own, or those of the settings."""
    own_s = question.within_s if isinstance(question, Query) else None
    return own_s or settings.budget_s


def unanswered(question: Query | Assert, settings: Settings) -> Answer:
    """Return the answer that says nothing, for a question that was left alone."""
    seconds = seconds_for(question, settings)
    is_query = isinstance(question, Query)
    made = answer_class(question) if is_query else AssertAnswer
    name = question.name if is_query else ""
    return made(question.text, "estimate", seconds=seconds, name=name, note=NO_TIME)


def _ground_before(session: Session, queries: Sequence[Query], settings: Settings) -> None:
    """Make the program's own graph, which serves all its questions, before the clock starts."""
    if settings.budget is not None:
        return
    for query in queries:
        how = question_of(query).answered
        if isinstance(how, Single) or how.needs_graph:
            ground_before(session, query)


def check_assertion(session: Session, question: Assert, settings: Settings) -> Answer:
    """Check a test inside a program; `held` says whether it holds.

    Raises:
        GmError: when a query in it has no single number as its answer.
    """
    # The queries in it share its budget.
    condition: Expression = question.condition
    statuses: list[Status] = []
    found: list[str] = []
    numbers: list[float] = []
    for part in walk(condition):
        if isinstance(part, QueryValue):
            inner = answer(session, question.queries[part.number], settings)
            statuses.append(Status(inner.status))
            number = _number(part, inner)
            numbers.append(number)
            found.append(f"{inner.text} = {inner.shown_number(number)}")
            kind = Integer() if isinstance(number, int) else Real()
            constant = Constant(part.span, number, kind)
            condition = replace_part(condition, part, constant)
    held = bool(np.all(evaluate(condition, Env(session.world, ONE_INSTANCE, Slots()))))
    # What is not known holds nothing up, whichever way it is compared.
    held = held and not any(np.isnan(number) for number in numbers)
    return AssertAnswer(question.text, worst(statuses).value, held, note="; ".join(found))


def _number(part: QueryValue, answer_: Answer) -> float | int:
    number = answer_.number(type_of(part))
    if number is None:
        message = f"the answer of `{answer_.text}` is not a single number"
        raise GmError([errors.cannot_ask(part.span, message, "compare an event: P(x = red)")])
    return _whole(part, answer_, number) if isinstance(number, int) else number


def _whole(part: QueryValue, answer_: Answer, value: int) -> float | int:
    """Return a count as an integer while one fits, else as a float while one holds it exactly."""
    if value < 1 << 63:
        return value
    if value.bit_length() < 1024 and int(float(value)) == value:
        return float(value)
    message = f"`{answer_.text}` is exp({math.log(value):.10g}), which no number here holds exactly"
    raise GmError([errors.cannot_ask(part.span, message, "ask it in a query")])
