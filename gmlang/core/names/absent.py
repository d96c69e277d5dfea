"""What a later query mentions and the checked program does not have.

A module's variables and data are part of a program only where the program itself mentions them;
a query that is asked afterwards can no longer bring them in.
"""

from collections.abc import Iterable, Iterator

from gmlang.core.ast import Activation, AttributeRef, DataRef, Expression, Thing, VariableRef
from gmlang.core.checking import Checking, report
from gmlang.core.mentions import expressions_of
from gmlang.core.program import Assert, Program, Query
from gmlang.core.walk import walk
from gmlang.errors import names as errors


def report_absent(state: Checking, program: Program, question: Query | Assert) -> None:
    """Report each name of a question that the program does not have."""
    symbols = (*program.variables, *program.things, *program.data)
    known = {symbol.name for symbol in symbols}
    for query in _single(question.queries if isinstance(question, Assert) else (question,)):
        for _, expression in expressions_of(query):
            for part in walk(expression):
                for name in _names(part):
                    if name not in known:
                        report(state, errors.not_in_program(part.span, name))
        for thing in query.things():
            if thing.name not in known:
                report(state, errors.not_in_program(thing.span, thing.name))


def _single(queries: Iterable[Query]) -> Iterator[Query]:
    """Give queries, and those that others are made of."""
    for query in queries:
        yield query
        yield from _single(query.inner())


def _names(part: Expression) -> Iterator[str]:
    match part:
        case VariableRef(name=name) | DataRef(name=name):
            yield name
        case AttributeRef(thing=thing) if thing.name:
            yield thing.name
        case Activation(arguments=arguments):
            yield from (a.name for a in arguments if isinstance(a, Thing) and a.name)
        case _:
            return
