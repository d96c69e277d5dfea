"""One query in, one answer out, whatever its kind."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.ast import Bool, Constant, Enum, Expression, Integer, QueryValue, Real, Type
from gmlang.core.program import Assert, Query
from gmlang.core.walk import replace_part, type_of, walk
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer
from gmlang.queries.basic import answer_basic
from gmlang.queries.blame import answer_blame
from gmlang.queries.compatibility import answer_compat
from gmlang.queries.reasons import answer_active, answer_indep, answer_why
from gmlang.queries.session import Session, Settings, begin, ground_before
from gmruntime.answer import Status
from gmruntime.quality import worst

NO_TIME = "no answer within the budget"
"""What an answer notes that says nothing."""


_ANSWERED_BY: dict[str, Callable[[Session, Query, Settings], Answer]] = {
    "compat": answer_compat,
    "blame": answer_blame,
    "why": answer_why,
    "active": answer_active,
    "indep": answer_indep,
}
# All other kinds are single questions to the runtime.


def answer(session: Session, question: Query | Assert, settings: Settings) -> Answer:
    """Answer a query, or check an assertion.

    Raises:
        GmError: when the question does not fit the program or its data.
    """
    if isinstance(question, Assert):
        _ground_before(session, question.queries, settings)
        start_s = time.monotonic()
        found, name = check_assertion(session, question, begin(settings, None)), ""
    else:
        _ground_before(session, [question], settings)
        start_s = time.monotonic()
        settings = begin(replace(settings, workspace=session.workspace), question.within_s)
        answer_it = _ANSWERED_BY.get(question.kind, answer_basic)
        found, name = answer_it(session, question, settings), question.name
    return replace(found, seconds=time.monotonic() - start_s, name=name)


def seconds_for(question: Query | Assert, settings: Settings) -> float:
    """Return the seconds that a question may take: its own, or those of the settings."""
    own_s = question.within_s if isinstance(question, Query) else None
    return own_s or settings.budget_s


def unanswered(question: Query | Assert, settings: Settings) -> Answer:
    """Return the answer that says nothing, for a question that was left alone."""
    seconds = seconds_for(question, settings)
    kind, held = ("assert", False) if isinstance(question, Assert) else (question.kind, None)
    name = "" if isinstance(question, Assert) else question.name
    return Answer(
        question.text, kind, "estimate", None, seconds, name=name, held=held, note=NO_TIME
    )


def _ground_before(session: Session, queries: Sequence[Query], settings: Settings) -> None:
    """Make the program's own graph, which serves all its questions, before the clock starts."""
    if settings.budget is not None:
        return
    for query in queries:
        if query.kind not in ("compat", "blame"):
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
            found.append(f"{inner.text} = {_shown(inner, number)}")
            kind = Integer() if isinstance(number, int) else Real()
            constant = Constant(part.span, number, kind)
            condition = replace_part(condition, part, constant)
    held = bool(np.all(evaluate(condition, Env(session.world, ONE_INSTANCE, Slots()))))
    # What is not known holds nothing up, whichever way it is compared.
    held = held and not any(np.isnan(number) for number in numbers)
    return Answer(
        question.text,
        "assert",
        worst(statuses).value,
        held,
        held=held,
        note="; ".join(found),
    )


def _number(part: QueryValue, answer_: Answer) -> float | int:
    value = answer_.value
    if value is None and answer_.status == "estimate":
        return float("nan")
    if answer_.kind == "map" and isinstance(value, dict) and len(value) == 1:
        (state,) = value.values()
        return _state_number(type_of(part), str(state))
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole(part, answer_, value)
    if answer_.status == "impossible":
        return float("-inf") if answer_.kind in ("logz", "compat") else float("nan")
    if isinstance(value, bool | float):
        return float(value)
    if value is None and answer_.kind in ("logz", "compat"):
        return float("-inf")
    if isinstance(value, dict) and "true" in value:
        return float(value["true"])  # pyright: ignore[reportUnknownArgumentType]
    message = f"the answer of `{answer_.text}` is not a single number"
    raise GmError([errors.cannot_ask(part.span, message, "compare an event: P(x = red)")])


def _whole(part: QueryValue, answer_: Answer, value: int) -> float | int:
    """Return a count as an integer while one fits, else as a float while one holds it exactly."""
    if value < 1 << 63:
        return value
    if value.bit_length() < 1024 and int(float(value)) == value:
        return float(value)
    message = f"`{answer_.text}` is exp({math.log(value):.10g}), which no number here holds exactly"
    raise GmError([errors.cannot_ask(part.span, message, "ask it in a query")])


def _shown(answer_: Answer, number: float | int) -> str:
    """Show a state by its name, and anything else as a number."""
    value = answer_.value
    if answer_.kind == "map" and isinstance(value, dict):
        return ", ".join(map(str, value.values()))
    return str(number) if isinstance(number, int) else f"{number:.10g}"


def _state_number(domain: Type, state: str) -> float:
    """Return what a state, as it is shown, is worth in an expression."""
    match domain:
        case Bool():
            return float(state == "true")
        case Enum(values=values):
            return float(values.index(state))
        case _:
            return float(state)
