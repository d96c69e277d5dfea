"""Loops: what `for i in 0..<n` binds."""

from collections.abc import Mapping
from dataclasses import replace

from gmlang.core.ast import (
    Array,
    AttributeRef,
    Bind,
    Bool,
    Clauses,
    Constant,
    DataRef,
    Domain,
    Enum,
    Expression,
    Integer,
    Local,
    Size,
    Thing,
    VariableRef,
    Where,
    Whole,
)
from gmlang.core.checking import Checking, PoisonedError, attempt, fail, fresh_key
from gmlang.core.expressions import indices, references, scalars
from gmlang.core.expressions.operators import (
    domain_bounds,
    minus_one,
    need_integer,
    need_known,
    num_whole,
    with_rank,
)
from gmlang.core.names.scope import (
    Binding,
    DomainMeaning,
    Env,
    PoisonedName,
    ThingMeaning,
    guarded,
)
from gmlang.core.places import forms as places
from gmlang.core.walk import type_of
from gmlang.errors import types as errors
from gmlang.syntax import ast


def enter(state: Checking, env: Env, loops: tuple[ast.Loop, ...]) -> tuple[Env, Clauses]:
    """Return the surroundings inside loops, and the clauses that repeat what is there.

    A loop with a mistake binds poisoned names, so that its body is still checked.
    """
    clauses: list[Bind | Where] = []
    for loop in loops:
        entered = attempt(lambda loop=loop, env=env: _enter_one(state, env, loop))
        if entered is None:
            names: Mapping[str, Binding] = {name.text: PoisonedName() for name in loop.names}
        else:
            names, bind = entered
            clauses.append(bind)
        env = replace(env, names={**env.names, **names})
    return env, tuple(clauses)


def _enter_one(state: Checking, env: Env, loop: ast.Loop) -> tuple[Mapping[str, Binding], Bind]:
    things = _things(state, env, loop.domain)
    if things is not None:
        return _each_thing(state, loop, *things)
    first, last, type_ = _ends(state, env, loop)
    names = [name.text for name in loop.names]
    key = fresh_key(state, names[0])
    bind = Bind(loop.span, key, names[0], first, last)
    local = Local(loop.names[0].span, key, Integer() if isinstance(type_, Array) else type_)
    if not isinstance(type_, Array):
        if len(names) > 1:
            fail(state, errors.not_iterable(loop.domain.span, loop.domain.span.text))
        return ({} if names[0] == "_" else {names[0]: local}), bind
    rows = scalars.check(state, env, loop.domain)
    assert isinstance(rows, DataRef)
    return _row_names(state, loop, rows, local, type_), bind


def _things(state: Checking, env: Env, domain: ast.Expression) -> tuple[Thing, Expression] | None:
    """Return the array of things that a loop is over, and how many there are."""
    if not isinstance(domain, ast.Name | ast.Attribute | ast.Index):
        return None
    named = None if isinstance(domain, ast.Index) else references.find_dotted(state, env, domain)
    if named is not None and not isinstance(named, ThingMeaning):
        return None
    thing = references.try_thing(state, env, domain)
    if thing is None or num_whole(thing.indices) != 1:
        return None
    symbol = next(symbol for symbol in state.things if symbol.name == thing.name)
    place = next(k for k, index in enumerate(thing.indices) if isinstance(index, Whole))
    return thing, symbol.shape[place]


def _each_thing(
    state: Checking, loop: ast.Loop, thing: Thing, count: Expression
) -> tuple[Mapping[str, Binding], Bind]:
    names = [name.text for name in loop.names]
    if len(names) > 1:
        fail(state, errors.not_iterable(loop.domain.span, loop.domain.span.text))
    key = fresh_key(state, names[0])
    bind = Bind(
        loop.span, key, names[0], Constant(loop.span, 0, Integer()), minus_one(state, count)
    )
    local = Local(loop.names[0].span, key, Integer())
    bound = replace(thing, indices=_fill(thing.indices, (local,)))
    return ({} if names[0] == "_" else {names[0]: bound}), bind


def _row_names(
    state: Checking, loop: ast.Loop, rows: DataRef, local: Local, type_: Array
) -> Mapping[str, Binding]:
    if type_.rank != (1 if len(loop.names) == 1 else 2):
        fail(state, errors.not_iterable(loop.domain.span, loop.domain.span.text))
    bound: dict[str, Binding] = {}
    for k, name in enumerate(loop.names):
        row = (local,) if type_.rank == 1 else (local, Constant(name.span, k, Integer()))
        bound[name.text] = replace(
            rows, span=name.span, indices=_fill(rows.indices, row), type=type_.element
        )
    return bound


def _fill(
    indices: tuple[Expression | Whole, ...], given: tuple[Expression, ...]
) -> tuple[Expression | Whole, ...]:
    rest = iter(given)
    return tuple(next(rest, i) if isinstance(i, Whole) else i for i in indices)


def _ends(
    state: Checking, env: Env, loop: ast.Loop
) -> tuple[Expression, Expression, Domain | Integer | Array]:
    """Return the first and last value of a loop, and the type of its variable."""
    domain = loop.domain
    if isinstance(domain, ast.Range):
        first, last = range_ends(state, env, domain, "the end of a loop")
        return first, last, Integer()
    named = _named_domain(state, env, domain)
    if named is not None:
        first, last = domain_bounds(domain.span, named)
        return first, last, named if isinstance(named, Bool | Enum) else Integer()
    if isinstance(domain, ast.Name | ast.Attribute | ast.Index):
        rows = scalars.check(state, env, domain)
        type_ = type_of(rows)
        if isinstance(rows, DataRef) and isinstance(type_, Array):
            sizes = [
                size
                for size, index in zip(indices.axes_of(state, rows)[1], rows.indices, strict=True)
                if isinstance(index, Whole)
            ]
            size = sizes[0]
            span = domain.span
            count = Size(span, size) if isinstance(size, str) else size
            return Constant(span, 0, Integer()), minus_one(state, count), type_
    fail(state, errors.not_iterable(domain.span, domain.span.text))


def _named_domain(state: Checking, env: Env, domain: ast.Expression) -> Domain | None:
    if isinstance(domain, ast.Name) and domain.text == "bool" and "bool" not in env.names:
        return Bool()
    if places.is_grid(domain):
        return places.check_grid(state, env, domain)
    match references.find_dotted(state, env, domain):
        case DomainMeaning(domain=named):
            return named
        case _:
            return None


def range_ends(
    state: Checking, env: Env, range_: ast.Range, what: str
) -> tuple[Expression, Expression]:
    """Check a range of integers known before inference; return its first and last value."""

    def end(expression: ast.Expression) -> Expression:
        checked = scalars.check_known(state, env, expression, what)
        return need_integer(state, checked, "an integer")

    first = attempt(lambda: end(range_.first))
    last = end(range_.last)
    if first is None:
        raise PoisonedError
    return first, last if range_.includes_last else minus_one(state, last)


def over_axes(
    state: Checking, reference: DataRef | VariableRef | AttributeRef
) -> tuple[DataRef | VariableRef | AttributeRef, Clauses]:
    """Loop over the axes of an array that are whole: return one element and the clauses."""
    type_ = reference.type
    if not isinstance(type_, Array):
        return reference, ()
    clauses: list[Bind | Where] = []
    axes, shape = indices.axes_of(state, reference)

    def bound(index: Expression | Whole, size: Expression | str, axis: Enum | None) -> Expression:
        if not isinstance(index, Whole):
            return index
        span = reference.span
        count = Size(span, size) if isinstance(size, str) else size
        key = fresh_key(state, "_")
        clauses.append(Bind(span, key, "_", Constant(span, 0, Integer()), minus_one(state, count)))
        return Local(span, key, axis or Integer())

    if isinstance(reference, AttributeRef):
        sizes = _things_shape(state, reference)
        pairs = zip(reference.thing.indices, sizes, strict=True)
        thing = replace(reference.thing, indices=tuple(bound(i, s, None) for i, s in pairs))
        reference = replace(reference, thing=thing)
    triples = zip(reference.indices, shape, axes, strict=True)
    bound_indices = tuple(bound(*triple) for triple in triples)
    return replace(reference, indices=bound_indices, type=with_rank(type_.element, 0)), tuple(
        clauses
    )


def _things_shape(state: Checking, reference: AttributeRef) -> tuple[Expression, ...]:
    """Return the shape of the array that a thing is an element of."""
    for thing in state.things:
        if thing.name == reference.thing.name:
            return thing.shape
    return ()


def comprehension(
    state: Checking,
    env: Env,
    written: tuple[ast.Loop, ...],
    condition: ast.Expression | None,
    what: str,
) -> tuple[Env, Clauses]:
    """Enter the loops of a comprehension whose `if` is known before inference.

    Args:
        state: what the check gathers.
        env: the surroundings.
        written: the loops.
        condition: the `if`, or None.
        what: what the `if` decides, for messages.
    """
    inner, clauses = enter(state, env, written)
    if condition is None:
        return inner, clauses
    checked = need_known(state, scalars.check_condition(state, inner, condition), what)
    return guarded(inner), (*clauses, Where(checked.span, checked))
