"""The expressions of a query, and what they mention."""

from collections.abc import Iterable, Iterator

from gmlang.core.ast import (
    Activation,
    AttributeRef,
    Constant,
    Context,
    Expression,
    VariableRef,
)
from gmlang.core.program import EventGiven, FollowGiven, ObservedGiven, Query, VariableGiven
from gmlang.core.records.members import family_of, is_held
from gmlang.core.walk import is_real_reference, walk
from gmlang.diagnostics import Span


def expressions_of(query: Query) -> Iterator[tuple[Context, Expression]]:
    """Give what is asked for and what stands behind the bar, each with its loops."""
    yield from ((asked.context, asked.value) for asked in query.asked)
    for given in query.given:
        match given:
            case ObservedGiven(target=target, value=value):
                yield (), target
                yield (), value
            case EventGiven(condition=condition):
                yield (), condition
            case VariableGiven(target=target):
                yield (), target
            case FollowGiven():
                pass


def mentions(query: Query) -> list[tuple[Context, Expression]]:
    """List the expressions of a query that may bring model instances, or reals, into being."""
    return [
        pair
        for pair in expressions_of(query)
        if not _is_plain(pair[1])
        and any(isinstance(part, Activation) or is_real_reference(part) for part in walk(pair[1]))
    ]


def held_in(expressions: Iterable[Expression]) -> dict[str, Span]:
    """List the families of which the member that holds is mentioned, and where that is first."""
    found: dict[str, Span] = {}
    for expression in expressions:
        for part in () if _is_plain(expression) else walk(expression):
            if isinstance(part, AttributeRef) and is_held(part.attribute):
                found.setdefault(family_of(part.attribute), part.span)
    return found


def _is_plain(expression: Expression) -> bool:
    """Say whether an expression is a number, or a variable indexed by numbers: most are."""
    match expression:
        case VariableRef(indices=indices):
            return all(isinstance(index, Constant) for index in indices)
        case _:
            return isinstance(expression, Constant)
