"""Where a real may stand: in what is observed and predicted of it, compared, and asked for."""

from collections.abc import Iterator

from gmlang.core.ast import Apply, AttributeRef, Expression, Gate, VariableRef
from gmlang.core.check.joint.linear import bad_laws, not_linear
from gmlang.core.check.joint.routes import TOGETHER_MAX, Key, grid_keys, outer_keys, together_in
from gmlang.core.check.lints import expressions_of
from gmlang.core.mentions import expressions_of as asked_by
from gmlang.core.program import (
    Assert,
    DoGiven,
    Draw,
    EventGiven,
    ObservedGiven,
    Program,
    Query,
    Statement,
    Use,
)
from gmlang.core.records.reals import (
    DefineReal,
    DrawReal,
    ObserveDrawn,
    ObserveReal,
    ObserveRealLike,
    PredictReal,
    PredictWithin,
)
from gmlang.core.walk import is_real_reference, mentions_real, parts, walk
from gmlang.diagnostics import Diagnostic
from gmlang.errors import later


def misplaced_reals(program: Program) -> Iterator[Diagnostic]:
    """Find the reals of a program that stand where they mean nothing."""
    if not any(entity.reals for entity in program.entities):
        return
    outer = outer_keys(program)
    grids = grid_keys(program)
    for body in (program.statements, *(model.body for model in program.models)):
        for statement in body:
            yield from _in_laws(statement) if grids else _misplaced_in(statement, outer)
    for question in program.questions:
        yield from misplaced_in_question(question)


def _in_laws(statement: Statement) -> Iterator[Diagnostic]:
    """Find reals that stand elsewhere than in laws, in a program with reals in panels."""
    match statement:
        case DrawReal(target=target, law=law):
            allowed = [target, law]
        case ObserveDrawn(law=law) | Draw(distribution=law):
            allowed = [law]
        case DefineReal(target=target):
            allowed = [target, statement.value]
            yield later.defined_in_panels(statement.span, target.span.text)
        case PredictReal(target=target) | PredictWithin(target=target):
            allowed = [target]
            if is_real_reference(target):
                yield later.predicted_joint(statement.span, target.span.text)
        case ObserveReal() | ObserveRealLike():
            allowed = [statement.target]
        case _:
            allowed = []
    is_drawn = isinstance(statement, DrawReal | Draw)
    is_gated = any(isinstance(clause, Gate) for clause in getattr(statement, "context", ()))
    if is_drawn and is_gated and any(map(mentions_real, allowed)):
        yield later.gated_law(statement.span, statement.target.span.text)
    if is_drawn or isinstance(statement, ObserveDrawn):
        count = together_in(statement)
        if count > TOGETHER_MAX:
            yield later.many_in_law(statement.span, count, TOGETHER_MAX)
    for expression in allowed:
        yield from _picked_by_real(expression)
    for expression in expressions_of(statement):
        if not any(expression is one for one in allowed):
            yield from _misplaced(expression)


def _picked_by_real(law: Expression) -> Iterator[Diagnostic]:
    """Find conditions on reals, and indices that are, in a law."""
    for part in walk(law):
        match part:
            case AttributeRef() | VariableRef():
                for index in parts(part):
                    if mentions_real(index):
                        yield later.real_index(index.span, index.span.text)
            case Apply(operator="real_in"):
                yield later.condition_on_joint(part.span, part.span.text)
            case _:
                pass


def _misplaced_in(statement: Statement, outer: set[Key]) -> Iterator[Diagnostic]:
    """Find reals in a statement that says nothing of them and compares them with no number."""
    allowed: list[Expression] = []
    match statement:
        case DrawReal(target=target, law=law):
            allowed = [target, law]
            yield from bad_laws(law, outer, of_data=False)
        case DefineReal(target=target, value=value):
            allowed = [target, value]
            yield from not_linear(value, outer)
        case ObserveDrawn(law=law):
            allowed = [law]
            yield from bad_laws(law, outer, of_data=True)
        case ObserveReal() | ObserveRealLike() | PredictReal() | PredictWithin():
            allowed = [statement.target]
        case Use():
            allowed = list(statement.exceptions)
        case _:
            pass
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
    given = [g.condition for g in question.given if isinstance(g, EventGiven)]
    for expression in given:
        yield from _misplaced(expression)
    if question.takes_reals:
        return
    allowed: list[Expression] = [g.target for g in question.given if isinstance(g, ObservedGiven)]
    allowed += [g.change.target for g in question.given if isinstance(g, DoGiven)]
    if question.names_states and question.takes_joint:
        allowed += [asked.value for asked in question.asked if is_real_reference(asked.value)]
    of_numbers = [
        one.value
        for one in question.asked
        if mentions_real(one.value) and not is_real_reference(one.value)
    ]
    for value in of_numbers:
        yield later.asked_expression(value.span, value.span.text)
    for _, expression in asked_by(question):
        if not any(expression is one for one in (*allowed, *given, *of_numbers)):
            yield from _misplaced(expression, is_asked=True)


def _misplaced(expression: Expression, *, is_asked: bool = False) -> Iterator[Diagnostic]:
    if is_real_reference(expression):
        yield later.real_elsewhere(expression.span, expression.span.text)
    elif isinstance(expression, Apply) and expression.operator == "real_in":
        subject, *ends = expression.arguments
        if is_asked:
            yield from not_linear(subject)
        elif not is_real_reference(subject):
            yield later.compared_reals(expression.span)
        for end in ends:
            yield from _misplaced(end)
    else:
        for part in parts(expression):
            yield from _misplaced(part, is_asked=is_asked)
