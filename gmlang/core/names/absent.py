"""What a later query mentions and the checked program does not have.

A module's variables and data are part of a program only where the program itself mentions them;
a query that is asked afterwards can no longer bring them in.
"""

from collections.abc import Iterator

from gmlang.core.ast import Activation, AttributeRef, DataRef, Expression, Thing, VariableRef
from gmlang.core.checking import Checking, report
from gmlang.core.program import (
    Assert,
    EventGiven,
    ObservedGiven,
    Program,
    Query,
    VariableGiven,
)
from gmlang.core.walk import walk
from gmlang.errors import names as errors


def report_absent(state: Checking, program: Program, question: Query | Assert) -> None:
    """Report each name of a question that the program does not have."""
    symbols = (*program.variables, *program.things, *program.data)
    known = {symbol.name for symbol in symbols}
    for query in question.queries if isinstance(question, Assert) else (question,):
        for expression in _expressions(query):
            for part in walk(expression):
                for name in _names(part):
                    if name not in known:
                        report(state, errors.not_in_program(part.span, name))
        for thing in query.things():
            if thing.name not in known:
                report(state, errors.not_in_program(thing.span, thing.name))


def _names(part: Expression) -> Iterator[str]:
    match part:
        case VariableRef(name=name) | DataRef(name=name):
            yield name
        case AttributeRef(thing=thing):
            yield thing.name
        case Activation(arguments=arguments):
            yield from (a.name for a in arguments if isinstance(a, Thing) and a.name)
        case _:
            return


def _expressions(query: Query) -> Iterator[Expression]:
    for asked in query.asked:
        yield asked.value
    for given in query.given:
        match given:
            case ObservedGiven(target=target, value=value):
                yield target
                yield value
            case EventGiven(condition=condition):
                yield condition
            case VariableGiven(target=target):
                yield target
