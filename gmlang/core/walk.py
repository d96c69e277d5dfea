"""What a core expression consists of, what type it has, and which variables it mentions."""

from collections.abc import Iterator

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Bind,
    Cases,
    Constant,
    Context,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Local,
    QueryValue,
    Size,
    Thing,
    VariableRef,
    Where,
    Whole,
)
from gmlang.core.types import Bool, Integer, Real, Type


def type_of(expression: Expression) -> Type:
    """Return the type of an expression."""
    match expression:
        case Size():
            return Integer()
        case Activation():
            return Bool()
        case QueryValue():
            return _answer_type(expression)
        case _:
            return expression.type


def _answer_type(expression: QueryValue) -> Type:
    query = expression.query
    match query.kind:
        case "map":
            return type_of(query.asked[0].value)
        case "indep":
            return Bool()
        case "count":
            return Integer()
        case _:
            return Real()


def parts(expression: Expression) -> Iterator[Expression]:
    """Yield the immediate parts of an expression, those of indices and clauses included."""
    match expression:
        case Constant() | Local() | Size() | QueryValue():
            return
        case DataRef() | VariableRef():
            yield from _indices(expression.indices)
        case AttributeRef():
            yield from _indices(expression.thing.indices)
            yield from _indices(expression.indices)
        case Activation():
            for argument in expression.arguments:
                if isinstance(argument, Thing):
                    yield from _indices(argument.indices)
                else:
                    yield argument
        case Apply():
            yield from expression.arguments
        case Aggregate():
            if expression.parameter is not None:
                yield expression.parameter
            yield from _item_parts(expression)
        case Distribution():
            yield from expression.arguments
            yield from _item_parts(expression)
        case Cases():
            yield from expression.conditions
            yield from expression.values


def _indices(indices: tuple[Expression | Whole, ...]) -> Iterator[Expression]:
    for index in indices:
        if not isinstance(index, Whole):
            yield index


def _item_parts(expression: Aggregate | Distribution) -> Iterator[Expression]:
    for item in expression.items:
        yield from clause_parts(item.context)
        yield item.value
        if item.key is not None:
            yield item.key


def clause_parts(context: Context) -> Iterator[Expression]:
    """Yield the expressions of a context."""
    for clause in context:
        match clause:
            case Bind():
                yield clause.first
                yield clause.last
            case Where() | Gate():
                yield clause.condition


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and everything inside it, outermost first."""
    pending = [expression]
    while pending:
        part = pending.pop()
        yield part
        pending.extend(parts(part))


def first_variable(expression: Expression) -> Expression | None:
    """Return a random variable that an expression mentions, or None."""
    for part in walk(expression):
        if isinstance(part, VariableRef | AttributeRef | Activation):
            return part
    return None


def is_random(expression: Expression) -> bool:
    """Say whether an expression mentions a random variable."""
    return first_variable(expression) is not None
