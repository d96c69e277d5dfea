"""What a core expression consists of, what type it has, and which variables it mentions.

There is one traversal: `parts` takes an expression apart and `with_parts` puts it together again,
in the same order; everything else that looks into expressions is written with these two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    Array,
    AttributeRef,
    Bind,
    Bool,
    Call,
    Cases,
    Constant,
    Context,
    DataRef,
    Distribution,
    Expression,
    Gate,
    Integer,
    Item,
    Listed,
    Local,
    QueryValue,
    Real,
    Size,
    Tabulated,
    Thing,
    Type,
    VariableRef,
    Where,
    Whole,
)

_LEAVES = frozenset((Constant, Local, Size, QueryValue))
"""What has no parts: most of what is walked through."""


def type_of(expression: Expression) -> Type:
    """Return the type of an expression."""
    match expression:
        case Size():
            return Integer()
        case Activation():
            return Bool()
        case _:
            return expression.type


def is_real_reference(expression: Expression) -> bool:
    """Say whether an expression names a real that is a variable, or an array of them."""
    if not isinstance(expression, AttributeRef):
        return False
    type_ = expression.type
    return isinstance(type_.element if isinstance(type_, Array) else type_, Real)


def mentions_real(expression: Expression) -> bool:
    """Say whether a value depends on reals by more than whether they lie in intervals."""
    pending, seen = [expression], set[int]()
    while pending:
        part = pending.pop()
        if type(part) in _LEAVES:
            continue
        if is_real_reference(part):
            return True
        if isinstance(part, Apply):
            if part.operator == "real_in" or (part.is_shared and id(part) in seen):
                continue
            seen.add(id(part))
        pending.extend(parts(part))
    return False


def parts(expression: Expression) -> list[Expression]:
    """List the immediate parts of an expression, those of indices, items and clauses included."""
    match expression:
        case Constant() | Local() | Size() | QueryValue():
            return []
        case DataRef() | VariableRef():
            return _indices(expression.indices)
        case AttributeRef():
            return _indices(expression.thing.indices) + _indices(expression.indices)
        case Activation() | Call():
            found: list[Expression] = []
            for argument in expression.arguments:
                if isinstance(argument, Thing):
                    found += _indices(argument.indices)
                else:
                    found.append(argument)
            return found
        case Apply():
            return list(expression.arguments)
        case Tabulated():
            return list(expression.indices)
        case Aggregate():
            parameter = () if expression.parameter is None else (expression.parameter,)
            return [*parameter, *_item_parts(expression.items)]
        case Distribution():
            return [*expression.arguments, *_item_parts(expression.items)]
        case Listed(elements=elements):
            return [element for element in elements if element is not None]
        case Cases():
            return [*expression.conditions, *expression.values]


def with_parts(expression: Expression, new: Sequence[Expression]) -> Expression:
    """Return the expression with other immediate parts, in the order of `parts`.

    with_parts(e, parts(e)) = e        parts(with_parts(e, new)) = new
    """
    rest = iter(new)
    match expression:
        case Constant() | Local() | Size() | QueryValue():
            result: Expression = expression
        case DataRef() | VariableRef():
            result = replace(expression, indices=_take_indices(expression.indices, rest))
        case AttributeRef():
            thing = _take_thing(expression.thing, rest)
            indices = _take_indices(expression.indices, rest)
            result = replace(expression, thing=thing, indices=indices)
        case Activation() | Call():
            arguments = tuple(
                _take_thing(argument, rest) if isinstance(argument, Thing) else next(rest)
                for argument in expression.arguments
            )
            result = replace(expression, arguments=arguments)
        case Apply():
            result = replace(expression, arguments=tuple(rest))
        case Tabulated():
            result = replace(expression, indices=tuple(rest))
        case Aggregate():
            parameter = None if expression.parameter is None else next(rest)
            items = _take_items(expression.items, rest)
            result = replace(expression, parameter=parameter, items=items)
        case Distribution():
            arguments = tuple(next(rest) for _ in expression.arguments)
            result = replace(
                expression, arguments=arguments, items=_take_items(expression.items, rest)
            )
        case Listed():
            elements = tuple(None if e is None else next(rest) for e in expression.elements)
            result = replace(expression, elements=elements)
        case Cases():
            conditions = tuple(next(rest) for _ in expression.conditions)
            values = tuple(next(rest) for _ in expression.values)
            result = replace(expression, conditions=conditions, values=values)
    assert next(rest, None) is None, "more parts than the expression has"
    return result


def replace_part(expression: Expression, old: Expression, new: Expression) -> Expression:
    """Return the expression with the part that is `old` (the very object) replaced by `new`."""
    done: dict[int, Expression] = {id(old): new}

    def replaced(whole: Expression) -> Expression:
        found = done.get(id(whole))
        if found is None:
            before = parts(whole)
            after = [replaced(part) for part in before]
            same = all(a is b for a, b in zip(after, before, strict=True))
            found = done[id(whole)] = whole if same else with_parts(whole, after)
        return found

    return replaced(expression)


def rename_locals(expression: Expression, names: Mapping[str, str]) -> Expression:
    """Return the expression with other keys for its loop variables, those bound inside it aside."""
    done: dict[int, Expression] = {}

    def renamed(whole: Expression) -> Expression:
        found = done.get(id(whole))
        if found is None:
            if isinstance(whole, Local):
                key = names.get(whole.key, whole.key)
                found = whole if key == whole.key else replace(whole, key=key)
            else:
                whole = _things_renamed(whole, names)
                before = parts(whole)
                after = [renamed(part) for part in before]
                same = all(a is b for a, b in zip(after, before, strict=True))
                found = whole if same else with_parts(whole, after)
            done[id(whole)] = found
        return found

    return renamed(expression)


def _things_renamed(expression: Expression, names: Mapping[str, str]) -> Expression:
    """Rename the things that are parameters."""
    match expression:
        case AttributeRef(thing=thing) if thing.key in names:
            return replace(expression, thing=replace(thing, key=names[thing.key]))
        case Activation(arguments=arguments) | Call(arguments=arguments):
            if not any(isinstance(a, Thing) and a.key in names for a in arguments):
                return expression
            new = tuple(
                replace(a, key=names.get(a.key, a.key)) if isinstance(a, Thing) else a
                for a in arguments
            )
            return replace(expression, arguments=new)
        case _:
            return expression


def _indices(indices: tuple[Expression | Whole, ...]) -> list[Expression]:
    return [index for index in indices if not isinstance(index, Whole)]


def _take_indices(
    indices: tuple[Expression | Whole, ...], rest: Iterator[Expression]
) -> tuple[Expression | Whole, ...]:
    return tuple(index if isinstance(index, Whole) else next(rest) for index in indices)


def _take_thing(thing: Thing, rest: Iterator[Expression]) -> Thing:
    return replace(thing, indices=_take_indices(thing.indices, rest))


def _item_parts(items: tuple[Item, ...]) -> list[Expression]:
    found: list[Expression] = []
    for item in items:
        found += clause_parts(item.context)
        found.append(item.value)
        if item.key is not None:
            found.append(item.key)
    return found


def _take_items(items: tuple[Item, ...], rest: Iterator[Expression]) -> tuple[Item, ...]:
    taken: list[Item] = []
    for item in items:
        context = tuple(_take_clause(clause, rest) for clause in item.context)
        value = next(rest)
        key = None if item.key is None else next(rest)
        taken.append(replace(item, context=context, value=value, key=key))
    return tuple(taken)


def _take_clause(clause: Bind | Where, rest: Iterator[Expression]) -> Bind | Where:
    if isinstance(clause, Bind):
        return replace(clause, first=next(rest), last=next(rest))
    return replace(clause, condition=next(rest))


def clause_parts(context: Context) -> list[Expression]:
    """List the expressions of a context."""
    found: list[Expression] = []
    for clause in context:
        match clause:
            case Bind():
                found += [clause.first, clause.last]
            case Where() | Gate():
                found.append(clause.condition)
    return found


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and everything inside it, outermost first; what is shared, once.

    The bodies of the functions that it calls are inside it.
    """
    pending = [expression]
    seen: set[int] = set()
    while pending:
        part = pending.pop()
        if type(part) in _LEAVES:
            yield part
            continue
        if isinstance(part, Call) and id(part.function) not in seen:
            seen.add(id(part.function))
            if part.function.body is not None:
                pending.append(part.function.body)
        if isinstance(part, Apply) and part.is_shared:
            if id(part) in seen:
                continue
            seen.add(id(part))
        yield part
        pending.extend(parts(part))


def first_variable(expression: Expression) -> Expression | None:
    """Return a random variable that an expression mentions, or None."""
    if isinstance(expression, Constant | Size):
        return None
    for part in walk(expression):
        match part:
            case VariableRef() | AttributeRef() | Activation() | Local(is_random=True):
                return part
            case _:
                pass
    return None


def is_random(expression: Expression) -> bool:
    """Say whether an expression mentions a random variable."""
    return first_variable(expression) is not None
