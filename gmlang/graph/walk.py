"""The parts of core expressions: what they mention, and how to replace it."""

from dataclasses import replace

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
    Item,
    Local,
    QueryValue,
    Size,
    VariableRef,
    Where,
    Whole,
)


def is_random(expression: Expression) -> bool:
    """Say whether an expression mentions a random variable."""
    return any(
        isinstance(part, VariableRef | AttributeRef | Activation) for part in walk(expression)
    )


def walk(expression: Expression) -> list[Expression]:
    """List an expression and all its parts, those of indices, items and cases included."""
    found: list[Expression] = []
    stack: list[Expression] = [expression]
    while stack:
        part = stack.pop()
        found.append(part)
        stack.extend(parts_of(part))
    return found


def parts_of(expression: Expression) -> list[Expression]:
    """List the immediate parts of an expression."""
    match expression:
        case Constant() | Local() | Size() | QueryValue():
            return []
        case DataRef() | VariableRef():
            return _indices(expression.indices)
        case AttributeRef():
            return _indices(expression.indices) + _indices(expression.thing.indices)
        case Activation():
            values: list[Expression] = []
            for argument in expression.arguments:
                if isinstance(argument, Expression):
                    values.append(argument)
                else:
                    values.extend(_indices(argument.indices))
            return values
        case Apply():
            return list(expression.arguments)
        case Aggregate() | Distribution():
            return _item_parts(expression)
        case Cases():
            return [*expression.conditions, *expression.values]


def _indices(indices: tuple[Expression | Whole, ...]) -> list[Expression]:
    return [index for index in indices if not isinstance(index, Whole)]


def _item_parts(expression: Aggregate | Distribution) -> list[Expression]:
    parts: list[Expression] = []
    for item in expression.items:
        parts.append(item.value)
        if item.key is not None:
            parts.append(item.key)
        parts.extend(context_parts(item.context))
    if isinstance(expression, Distribution):
        parts.extend(expression.arguments)
    elif expression.parameter is not None:
        parts.append(expression.parameter)
    return parts


def context_parts(context: Context) -> list[Expression]:
    """List the expressions in a context."""
    parts: list[Expression] = []
    for clause in context:
        match clause:
            case Bind():
                parts += [clause.first, clause.last]
            case Where() | Gate():
                parts.append(clause.condition)
    return parts


def replace_part(expression: Expression, old: Expression, new: Expression) -> Expression:
    """Return the expression with the part that is `old` (the very object) replaced by `new`."""
    if expression is old:
        return new
    match expression:
        case Constant() | Local() | Size() | QueryValue():
            return expression
        case DataRef() | VariableRef() | AttributeRef():
            return replace(expression, indices=_replace_indices(expression.indices, old, new))
        case Activation():
            arguments = tuple(
                replace_part(a, old, new) if isinstance(a, Expression) else a
                for a in expression.arguments
            )
            return replace(expression, arguments=arguments)
        case Apply():
            return replace(expression, arguments=_replace_all(expression.arguments, old, new))
        case Aggregate():
            return replace(expression, items=_replace_items(expression.items, old, new))
        case Distribution():
            return replace(
                expression,
                arguments=_replace_all(expression.arguments, old, new),
                items=_replace_items(expression.items, old, new),
            )
        case Cases():
            return replace(
                expression,
                conditions=_replace_all(expression.conditions, old, new),
                values=_replace_all(expression.values, old, new),
            )


def _replace_all(
    parts: tuple[Expression, ...], old: Expression, new: Expression
) -> tuple[Expression, ...]:
    return tuple(replace_part(part, old, new) for part in parts)


def _replace_indices(
    indices: tuple[Expression | Whole, ...], old: Expression, new: Expression
) -> tuple[Expression | Whole, ...]:
    return tuple(i if isinstance(i, Whole) else replace_part(i, old, new) for i in indices)


def _replace_items(items: tuple[Item, ...], old: Expression, new: Expression) -> tuple[Item, ...]:
    return tuple(
        replace(
            item,
            value=replace_part(item.value, old, new),
            key=None if item.key is None else replace_part(item.key, old, new),
        )
        for item in items
    )
