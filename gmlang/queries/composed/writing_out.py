"""Loops around queries, written out: one query for each round."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Bool,
    Clauses,
    Constant,
    Enum,
    Expression,
    Integer,
    Item,
    QueryValue,
    Thing,
    Whole,
)
from gmlang.core.composed import Calculation, ListItem, QueryList, substituted
from gmlang.core.program import Query
from gmlang.core.walk import parts, type_of, walk, with_parts
from gmlang.diagnostics import Span
from gmlang.graph.values.environment import Env, Slots
from gmlang.graph.values.evaluate import evaluate, expand
from gmlang.graph.world.world import ONE_INSTANCE, World

Places = tuple[tuple[Span, Expression], ...]


def rounds(world: World, context: Clauses) -> Iterator[dict[str, Constant]]:
    """Give the values of loops' variables in each round, by key."""
    frame, _ = expand(Env(world, ONE_INSTANCE, Slots()), context)
    for row in range(frame.count):
        yield {
            key: Constant(context[0].span, int(values[row]), Integer())
            for key, values in frame.locals.items()
        }


# --- Lists -------------------------------------------------------------------------------


def listed(world: World, query: QueryList) -> QueryList:
    """Write out the loops of a list; those of lists in it are left."""
    items: list[ListItem] = []
    for item in query.items:
        for values in rounds(world, item.context) if item.context else ({},):
            places = substituted(item.places, values)
            items.append(ListItem(_named(world, substituted(item.query, values), places)))
    return replace(query, items=tuple(items))


def _named(world: World, query: Query, places: Places) -> Query:
    """Say in a query's text what its loops' variables are."""
    if not places:
        return query
    match query:
        case Calculation(queries=queries):
            query = replace(query, queries=tuple(_named(world, one, places) for one in queries))
        case QueryList(items=items):
            items = tuple(replace(item, places=(*item.places, *places)) for item in items)
            query = replace(query, items=items)
        case _:
            pass
    return replace(query, text=_text(world, query.span, places))


def _text(world: World, span: Span, places: Places) -> str:
    text, end = "", span.start
    # Names that stand in a def's body, or belong to a loop further in, stay as written.
    inside = [p for p in places if p[0].source is span.source]
    for place, value in sorted(inside, key=lambda pair: pair[0].start):
        if end <= place.start and place.end <= span.end:
            text += span.source.text[end : place.start] + _written(world, value)
            end = place.end
    return text + span.source.text[end : span.end]


def _written(world: World, value: Expression) -> str:
    if isinstance(value, Activation):
        (thing,) = (a for a in value.arguments if isinstance(a, Thing))
        known = (_written(world, i) for i in thing.indices if not isinstance(i, Whole))
        return f"{thing.name}[{', '.join(known)}]"
    found = np.asarray(evaluate(value, Env(world, ONE_INSTANCE, Slots()))).reshape(-1)[0].item()
    match type_of(value):
        case Enum(values=values):
            return values[int(found)]
        case Bool():
            return "true" if found else "false"
        case _:
            return f"{found:g}" if isinstance(found, float) else str(found)


# --- Calculations ------------------------------------------------------------------------


def calculated(world: World, query: Calculation) -> Calculation:
    """Write out the loops around the answers in a calculation."""
    if not _has_loops(query.expression):
        return query
    queries: list[Query] = []
    expression = _written_out(world, query.expression, query.queries, {}, queries)
    return replace(query, expression=expression, queries=tuple(queries))


def _has_loops(expression: Expression) -> bool:
    return any(
        isinstance(part, Aggregate) and any(item.context for item in part.items)
        for part in walk(expression)
    )


def _written_out(
    world: World,
    expression: Expression,
    queries: Sequence[Query],
    values: dict[str, Constant],
    found: list[Query],
) -> Expression:
    if isinstance(expression, QueryValue):
        found.append(substituted(queries[expression.number], values))
        return replace(expression, number=len(found) - 1)
    if not any(isinstance(part, QueryValue) for part in walk(expression)):
        return substituted(expression, values)
    if isinstance(expression, Aggregate):
        items: list[Item] = []
        for item in expression.items:
            context = substituted(item.context, values)
            for inner in rounds(world, context) if context else ({},):
                value = _written_out(world, item.value, queries, {**values, **inner}, found)
                items.append(replace(item, context=(), value=value))
        parameter = substituted(expression.parameter, values)
        return replace(expression, items=tuple(items), parameter=parameter)
    new = [_written_out(world, part, queries, values, found) for part in parts(expression)]
    return with_parts(expression, new)
