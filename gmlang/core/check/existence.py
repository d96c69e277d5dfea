"""Things that may not exist: what is said of them holds only while they do."""

from collections.abc import Iterator

from gmlang.core.ast import (
    Activation,
    Aggregate,
    AttributeRef,
    Call,
    Context,
    Distribution,
    Expression,
    Gate,
    Local,
    Thing,
    Whole,
)
from gmlang.core.check.lints import expressions_of
from gmlang.core.checking import Checking, fresh_key
from gmlang.core.covering import existence_of, is_existence
from gmlang.core.program import Consider, ModelSymbol, ParameterSymbol, Statement
from gmlang.core.walk import parts, walk
from gmlang.diagnostics import Span


def existences(state: Checking) -> Iterator[ModelSymbol]:
    """Yield a model for each entity some things of which may not exist."""
    entities = dict.fromkeys(t.entity for t in state.things if t.prior is not None)
    for entity in {**entities, **state.existences}:
        span = state.entities[entity].span
        parameter = ParameterSymbol(span, fresh_key(state, "x"), "x", entity, None)
        yield ModelSymbol(span, existence_of(entity), (parameter,), None, ())


def while_they_exist(state: Checking, statement: Statement, around: Context) -> Context:
    """Return the conditions that the things exist which a statement names.

    Args:
        state: what the check gathers.
        statement: without what stands around it.
        around: which conditions do.
    """
    maybe = {thing.name for thing in state.things if thing.prior is not None}
    if not maybe or isinstance(statement, Consider):
        return ()
    known: list[Thing] = []
    gates = (clause.condition for clause in around if isinstance(clause, Gate))
    for expression in (*gates, *expressions_of(statement)):
        for thing in _named(expression):
            is_one = not any(isinstance(index, Whole) for index in thing.indices)
            if thing.name in maybe and is_one and not any(_same(thing, t) for t in known):
                known.append(thing)
    return tuple(_exists(statement.span, thing) for thing in known)


def _exists(span: Span, thing: Thing) -> Gate:
    return Gate(span, Activation(span, existence_of(thing.entity), (thing,)))


def _same(one: Thing, other: Thing) -> bool:
    """Say whether two things are the same, wherever they are written."""
    if one.name != other.name:
        return False
    pairs = zip(one.indices, other.indices, strict=True)
    return all(_plain(a) == _plain(b) for a, b in pairs)


def _plain(index: "Expression | Whole") -> object:
    if isinstance(index, Local):
        return index.key
    value = getattr(index, "value", None)
    return index if value is None else value


def _named(expression: Expression) -> Iterator[Thing]:
    """Yield the things that an expression names, those aside that it goes through by itself.

    What `exists` is about is no reason to ask whether it exists.
    """
    match expression:
        case Activation(model=model, arguments=arguments):
            if is_existence(model):
                return
            yield from (a for a in arguments if isinstance(a, Thing))
        case AttributeRef(thing=thing):
            yield thing
        case Call(arguments=arguments):
            yield from (a for a in arguments if isinstance(a, Thing))
        case Aggregate(items=items) | Distribution(items=items) if any(i.context for i in items):
            bound = {c.key for i in items for c in i.context if not hasattr(c, "condition")}
            for part in parts(expression):
                for thing in _named(part):
                    inside = (p for i in thing.indices if not isinstance(i, Whole) for p in walk(i))
                    if not any(isinstance(p, Local) and p.key in bound for p in inside):
                        yield thing
            return
        case _:
            pass
    for part in parts(expression):
        yield from _named(part)
