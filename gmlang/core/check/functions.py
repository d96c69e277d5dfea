"""Defs that call themselves: functions of the core, checked once for each tuple of types.

    def level(n) = 1 if n <= 0 else 2 * level(n - 1)

What type such a def has depends on itself: its body is checked with what is known so far, again
and again until that no longer changes. It only grows, from an integer to a real number and from
what is known to what is random, so this ends.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from gmlang.core.ast import (
    Array,
    Bool,
    Call,
    Enum,
    Expression,
    Function,
    Integer,
    IntRange,
    Local,
    Real,
    Thing,
    Type,
)
from gmlang.core.checking import Checking, PoisonedError, Round, each, fail, fresh_key
from gmlang.core.expressions import aggregates, references, scalars
from gmlang.core.expressions.operators import is_number, num_whole
from gmlang.core.expressions.sharing import argument_of
from gmlang.core.names.scope import Binding, DefMeaning, Entry, Env, Module, guarded
from gmlang.core.print import show
from gmlang.core.walk import is_random, type_of, walk
from gmlang.errors import names as name_errors
from gmlang.errors import recursion as errors
from gmlang.syntax import ast
from gmlang.syntax.rows import spelt_out


def calls_itself(state: Checking, meaning: DefMeaning) -> bool:
    """Say whether a def calls itself, perhaps through others."""
    start = meaning.declaration
    if id(start) not in state.circular:
        reached: set[int] = set()
        pending = [*_callees(state, start, meaning.module)]
        while pending:
            entry = pending.pop()
            found = entry.declaration
            assert isinstance(found, ast.DefDeclaration)
            # What is known not to call itself does not lead here and back.
            if id(found) not in reached and state.circular.get(id(found), True):
                reached.add(id(found))
                pending.extend(_callees(state, found, entry.module))
        state.circular[id(start)] = id(start) in reached
    return state.circular[id(start)]


def _callees(state: Checking, declaration: ast.DefDeclaration, module: Module) -> tuple[Entry, ...]:
    if id(declaration) not in state.callees:
        called = dict.fromkeys(_called(declaration.body))
        entries = [module.entries[name] for name in called if name in module.entries]
        defs = [e for e in entries if isinstance(e.declaration, ast.DefDeclaration)]
        state.callees[id(declaration)] = tuple(defs)
    return state.callees[id(declaration)]


def _called(written: object) -> Iterator[str]:
    """Yield the names that are called anywhere in an expression as written."""
    pending = [written]
    while pending:
        part = pending.pop()
        match part:
            case ast.Call(function=ast.Name(text=text)):
                yield text
            case _:
                pass
        if isinstance(part, tuple):
            pending.extend(part)
        elif is_dataclass(part):
            pending.extend(getattr(part, field.name) for field in fields(part))


def check_call(
    state: Checking, env: Env, call: ast.Call, meaning: DefMeaning, expected: Type | None
) -> Expression:
    """Check a call of a def that calls itself."""
    name, pairs = meaning.declaration.name.text, scalars.arguments_of(state, call, meaning)
    is_itself = env.function is meaning.declaration and not env.is_guarded
    if is_itself and len(env.names) == len(pairs):
        mistake = name_errors.never_ends if pairs else name_errors.defined_by_itself
        fail(state, mistake(call.span, name))
    given = each(lambda pair: _argument(state, env, pair[1]), pairs)
    names: dict[str, Binding] = {}
    kinds: list[object] = []
    parameters: list[Local | Thing] = []
    arguments: list[Expression | Thing] = []
    for (parameter, written), argument in zip(pairs, given, strict=True):
        span, key = written.span, fresh_key(state, parameter)
        if isinstance(argument, Thing):
            stand_in = Thing(span, argument.entity, "", key, ())
            kinds.append(argument.entity)
        elif isinstance(type_of(argument), Array):
            kinds.append(show(argument))
            names[parameter] = argument_of(env, written)
            continue
        else:
            type_, random = _plain(type_of(argument)), is_random(argument)
            stand_in = Local(span, key, type_, random)
            kinds.append((type_, random))
        names[parameter] = stand_in
        parameters.append(stand_in)
        arguments.append(argument)
    wanted = expected if isinstance(expected, Enum | Bool) else None
    key = (id(meaning.declaration), wanted if isinstance(wanted, Enum) else None, *kinds)
    inner = Env(meaning.module, names, function=meaning.declaration)
    function = _checked(state, inner, key, tuple(parameters), wanted)
    return Call(call.span, function, tuple(arguments), function.type)


def _argument(state: Checking, env: Env, written: ast.Expression) -> Expression | Thing:
    thing = references.try_thing(state, env, written)
    if thing is not None and not num_whole(thing.indices):
        return thing
    checked = scalars.check(state, env, written)
    is_array = isinstance(type_of(checked), Array)
    if is_array and any(isinstance(part, Local) for part in walk(checked)):
        fail(state, errors.array_varies(checked.span, checked.span.text))
    return checked


def _checked(
    state: Checking,
    env: Env,
    key: tuple[object, ...],
    parameters: tuple[Local | Thing, ...],
    wanted: Type | None,
) -> Function:
    """Return a function whose body is checked, or is being checked."""
    function, around = state.functions.get(key), state.round
    if around is not None:
        if function is None or key in around.members - around.visited:
            function = _pass(state, around, env, key, parameters, wanted)
        return function
    if function is not None:
        return function
    state.round = around = Round()
    try:
        function = _pass(state, around, env, key, parameters, wanted)
        while around.is_changed:
            around.visited.clear()
            around.is_changed = False
            function = _pass(state, around, env, key, function.parameters, wanted)
    except (PoisonedError, RecursionError):
        for member in around.members:
            state.functions.pop(member, None)
        raise
    finally:
        state.round = None
    return function


def _pass(
    state: Checking,
    around: Round,
    env: Env,
    key: tuple[object, ...],
    parameters: tuple[Local | Thing, ...],
    wanted: Type | None,
) -> Function:
    """Check a function's body with what is known of the others, and note what is new."""
    declaration = env.function
    assert declaration is not None
    around.visited.add(key)
    function = state.functions.get(key)
    if function is None:
        type_ = _plain(_guess(state, env, declaration.body, wanted) or wanted or Integer())
        function = Function(declaration.name.text, parameters, type_)
        state.functions[key] = function
        around.members.add(key)
    function.parameters = parameters
    before = function.type, function.body is not None and is_random(function.body)
    body = scalars.check_scalar(state, env, declaration.body, wanted)
    found = _plain(type_of(body))
    function.type = found if function.body is None else _wider(before[0], found)
    function.body = body
    around.is_changed |= before != (function.type, is_random(body))
    return function


def _plain(type_: Type) -> Type:
    """Return the type of a value that may be any of a kind."""
    return Integer() if isinstance(type_, IntRange) else type_


def _wider(one: Type, other: Type) -> Type:
    """Return the type of what is of either; what is no number is of one type only."""
    if one == other or not (is_number(one) and is_number(other)):
        return other
    return Real() if Real() in (one, other) else Integer()


def _guess(state: Checking, env: Env, written: ast.Expression, wanted: Type | None) -> Type | None:
    """Return the type that a body seems to have, from where it does not go round."""
    match written:
        case ast.Conditional(then=then, otherwise=otherwise):
            places = (then, otherwise)
        case ast.MatchExpression(cases=cases):
            values = (case.value for case in cases)
            places = tuple(spelt_out(v) if isinstance(v, ast.Row) else v for v in values)
        case ast.Compare() | ast.Is() | ast.Unary(operator="not"):
            return Bool()
        case ast.Binary(operator="and" | "or" | "in"):
            return Bool()
        case ast.Call(function=ast.Name(text=text)) if text in aggregates.CONDITIONS:
            return Integer() if text == "count" else Bool()
        case _ if _goes_round(state, env, written):
            return None
        case _:
            return type_of(scalars.check_scalar(state, guarded(env), written, wanted))
    found = (_guess(state, env, place, wanted) for place in places)
    return next((type_ for type_ in found if type_ is not None), None)


def _goes_round(state: Checking, env: Env, written: ast.Expression) -> bool:
    """Say whether an expression calls a def that calls itself."""
    entries = (env.module.entries.get(name) for name in _called(written))
    return any(
        entry is not None
        and isinstance(entry.declaration, ast.DefDeclaration)
        and calls_itself(state, DefMeaning(entry.declaration, entry.module))
        for entry in entries
    )
