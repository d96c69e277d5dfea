"""The expressions of a query, and what they mention."""

from collections.abc import Iterator

from gmlang.core.ast import Activation, Context, Expression
from gmlang.core.program import EventGiven, ObservedGiven, Query, VariableGiven
from gmlang.core.walk import walk


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


def mentions(query: Query) -> list[tuple[Context, Expression]]:
    """List the expressions of a query that may bring model instances into being."""
    return [
        pair
        for pair in expressions_of(query)
        if any(isinstance(part, Activation) for part in walk(pair[1]))
    ]
