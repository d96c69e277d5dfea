"""Questions made of other questions: calculations with their answers, and lists of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TypeVar, cast

from gmlang.core.ast import Clauses, Constant, Expression, Function, Local, Thing
from gmlang.core.program import Query
from gmlang.diagnostics import Span

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation(Query):
    """An expression over the answers of queries, such as `1 - P(a)`.

    Attributes:
        expression: with a QueryValue for each answer.
        queries: which it names by number.
    """

    kind = "calculation"

    expression: Expression
    queries: tuple[Query, ...]

    def inner(self) -> tuple[Query, ...]:
        """List the queries whose answers it is made of."""
        return self.queries


@dataclass(frozen=True, slots=True)
class ListItem:
    """An item of a list, repeated over its loops.

    Attributes:
        query: may mention the loops' variables.
        context: the loops; () for an item that is written out.
        places: where the text of the query names a loop's variable, and what that is.
    """

    query: Query
    context: Clauses = ()
    places: tuple[tuple[Span, Expression], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryList(Query):
    """Queries in brackets, each with an answer of its own."""

    kind = "list"

    items: tuple[ListItem, ...]

    def inner(self) -> tuple[Query, ...]:
        """List the queries as written, which may mention variables of loops."""
        return tuple(item.query for item in self.items)


def substituted(node: _T, values: Mapping[str, Constant | Thing]) -> _T:
    """Return whatever is made of core expressions with other things in place of local names.

    Args:
        node: an expression, a clause, a statement, a query, or a tuple of such.
        values: by the keys of loop variables and of parameters: constants, and things for those
            that are things.
    """
    return cast("_T", _substituted(node, values, {})) if values else node


def _substituted(
    node: object, values: Mapping[str, Constant | Thing], done: dict[int, object]
) -> object:
    if isinstance(node, Local | Thing):
        found = values.get(node.key)
        match node, found:
            case Local(), Constant():
                return replace(found, span=node.span, type=node.type)
            case Thing(), Thing():
                return replace(found, span=node.span)
            case _:
                pass
    if isinstance(node, tuple):
        parts = cast("tuple[object, ...]", node)
        new = tuple(_substituted(part, values, done) for part in parts)
        return node if all(a is b for a, b in zip(new, parts, strict=True)) else new
    # A def's body mentions what it is given, and no loop of a query.
    if isinstance(node, Span | Function) or not is_dataclass(node) or isinstance(node, type):
        return node
    # What several expressions share stays shared.
    if id(node) not in done:
        changed: dict[str, object] = {}
        for field in fields(node):
            before = getattr(node, field.name)
            after = _substituted(before, values, done)
            if after is not before:
                changed[field.name] = after
        done[id(node)] = replace(node, **changed) if changed else node
    return done[id(node)]
