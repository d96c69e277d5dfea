"""Where a real may stand: in what is observed and predicted of it, compared, and asked for."""

from collections.abc import Iterable, Iterator

from gmlang.core.ast import Apply, Expression
from gmlang.core.check.lints import expressions_of
from gmlang.core.mentions import expressions_of as asked_by
from gmlang.core.program import (
    Assert,
    EventGiven,
    ObservedGiven,
    Program,
    Query,
    Statement,
    Use,
)
from gmlang.core.records.reals import RealStatement
from gmlang.core.walk import is_real_reference, parts
from gmlang.diagnostics import Diagnostic
from gmlang.errors import later


def misplaced_reals(program: Program) -> Iterator[Diagnostic]:
    """Find the reals of a program that stand where they mean nothing."""
    if not any(entity.reals for entity in program.entities):
        return
    for body in (program.statements, *(model.body for model in program.models)):
        for statement in body:
            yield from _misplaced_in(statement)
    for question in program.questions:
        yield from misplaced_in_question(question)


def _misplaced_in(statement: Statement) -> Iterator[Diagnostic]:
    """Find reals in a statement that says nothing of them and compares them with no number."""
    allowed: list[Expression] = []
    if isinstance(statement, RealStatement):
        allowed = [statement.target]
    elif isinstance(statement, Use):
        allowed = list(statement.exceptions)
    for expression in expressions_of(statement):
        if not any(expression is one for one in allowed):
            yield from _misplaced(expression)


def misplaced_in_question(question: Query | Assert) -> Iterator[Diagnostic]:
    """Find reals in a question that is not understood about them."""
    if isinstance(question, Assert):
        for query in question.queries:
            yield from misplaced_in_question(query)
        return
    for inner in question.inner():
        yield from misplaced_in_question(inner)
    allowed: list[Expression] = [
        given.target for given in question.given if isinstance(given, ObservedGiven)
    ]
    checked = [expression for _, expression in asked_by(question)]
    if question.takes_reals:
        checked = [g.condition for g in question.given if isinstance(g, EventGiven)]
    for expression in checked:
        if not any(expression is one for one in allowed):
            yield from _misplaced(expression)


def _misplaced(expression: Expression) -> Iterator[Diagnostic]:
    if is_real_reference(expression):
        yield later.real_elsewhere(expression.span, expression.span.text)
    elif isinstance(expression, Apply) and expression.operator == "real_in":
        yield from _each(expression.arguments[1:])
    else:
        yield from _each(parts(expression))


def _each(expressions: Iterable[Expression]) -> Iterator[Diagnostic]:
    for expression in expressions:
        yield from _misplaced(expression)
