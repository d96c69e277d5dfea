"""What names, attributes and indices refer to."""

from dataclasses import replace

from gmlang.core.ast import (
    AttributeRef,
    Constant,
    DataRef,
    Enum,
    Expression,
    Integer,
    Local,
    Real,
    Size,
    Thing,
    Type,
    VariableRef,
    Whole,
)
from gmlang.core.checking import Checking, PoisonedError, call_of, fail, note
from gmlang.core.expressions import scalars, sharing
from gmlang.core.expressions.indices import check_indices, filled
from gmlang.core.expressions.operators import need_known, num_whole, with_rank
from gmlang.core.names.scope import (
    DataMeaning,
    DefMeaning,
    DomainMeaning,
    EntityMeaning,
    Entry,
    Env,
    LearnedDefMeaning,
    Meaning,
    ModelMeaning,
    ModuleMeaning,
    PoisonedName,
    RealMeaning,
    RowsMeaning,
    SizeMeaning,
    ThingMeaning,
    Thunk,
    VariableMeaning,
    enums_with,
    guarded,
    visible_names,
)
from gmlang.core.places import forms as places
from gmlang.core.print import describe, show_type
from gmlang.core.records.covering import index_data
from gmlang.core.records.reals import RealSymbol
from gmlang.core.walk import type_of
from gmlang.diagnostics import Span
from gmlang.errors import forms
from gmlang.errors import names as errors
from gmlang.errors import shapes as shape_errors
from gmlang.errors import types as type_errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast

_MODELS = ast.Model | ast.Composite | ast.LearnModel


def find(state: Checking, env: Env, name: ast.Name) -> Meaning | None:
    """Return what a name of the module means, or None; loop variables are not looked at."""
    entry = env.module.entries.get(name.text)
    return None if entry is None else state.resolve(state, entry)


def find_dotted(state: Checking, env: Env, expression: ast.Expression) -> Meaning | None:
    """Return what `name` or `module.name` means, or None when it is neither."""
    match expression:
        case ast.Name(text=text) if text not in env.names:
            return find(state, env, expression)
        case ast.Attribute(owner=owner, name=name):
            match find_dotted(state, env, owner):
                case ModuleMeaning(module=module):
                    return _member(state, module.name, module.entries, name)
                case _:
                    return None
        case _:
            return None


def _member(state: Checking, module: str, entries: dict[str, Entry], name: ast.Name) -> Meaning:
    entry = entries.get(name.text)
    if entry is None:
        fail(state, errors.not_in_module(name.span, module, name.text, sorted(entries)))
    return state.resolve(state, entry)


def check_name(state: Checking, env: Env, name: ast.Name, expected: Type | None) -> Expression:
    """Check a bare name as a value.

    A loop variable or parameter comes first, then a value of the domain expected, then what the
    module declares, then a value that only one domain has.
    """
    binding = env.names.get(name.text)
    if binding is not None:
        return _bound_value(state, env, name, expected)
    if isinstance(expected, Enum) and name.text in expected.values:
        return _expected_value(state, env, name, expected)
    entry = env.module.entries.get(name.text)
    if isinstance(expected, Enum) and entry is not None and isinstance(entry.declaration, _MODELS):
        # It may be the very name that is being declared.
        shown, values = show_type(expected), expected.values
        fail(state, errors.unknown_value(name.span, name.text, shown, values))
    meaning = find(state, env, name)
    if meaning is not None:
        return value_of(state, name.span, name.text, meaning, expected)
    enums = enums_with(env.module, name.text)
    if isinstance(expected, Enum):
        other = show_type(enums[0]) if enums else ""
        shown, values = show_type(expected), expected.values
        fail(state, errors.unknown_value(name.span, name.text, shown, values, other))
    if len(enums) == 1:
        note(state, name.span, enums[0])
        return Constant(name.span, enums[0].values.index(name.text), enums[0])
    if enums:
        meanings = [f"{show_type(enum)}.{name.text}" for enum in enums]
        fail(state, errors.ambiguous_value(name.span, name.text, meanings))
    known = {*visible_names(env), *(v for enum in env.module.enums for v in enum.values)}
    if name.text == "_":
        fail(state, forms.type_mismatch(name.span, Form.VALUE, Form.WILDCARD))
    fail(state, errors.unknown_name(name.span, name.text, known, call_of(state, name.text)))


def _bound_value(state: Checking, env: Env, name: ast.Name, expected: Type | None) -> Expression:
    match env.names[name.text]:
        case Thunk(expression=argument, env=surroundings) as thunk:
            surroundings = guarded(surroundings) if env.is_guarded else surroundings
            return sharing.checked_once(
                state,
                surroundings,
                (thunk,),
                expected,
                argument.span,
                lambda: scalars.check(state, surroundings, argument, expected),
            )
        case PoisonedName():
            raise PoisonedError
        case Thing(entity=entity):
            example = _example(state, entity)
            fail(state, errors.thing_for_value(name.span, name.text, entity, example))
        case bound:
            return replace(bound, span=name.span)


def _example(state: Checking, entity: str) -> str:
    match state.entities[entity].meaning:
        case EntityMeaning(symbol=symbol) if symbol.names():
            return symbol.names()[0]
        case _:
            return "..."


def _expected_value(state: Checking, env: Env, name: ast.Name, expected: Enum) -> Expression:
    entry = env.module.entries.get(name.text)
    if entry is not None and isinstance(entry.declaration, ast.VarDeclaration):
        meaning = state.resolve(state, entry)
        if isinstance(meaning, VariableMeaning) and meaning.symbol.domain == expected:
            fail(state, errors.value_or_variable(name.span, name.text, show_type(expected)))
    note(state, name.span, expected)
    return Constant(name.span, expected.values.index(name.text), expected)


def value_of(
    state: Checking, span: Span, text: str, meaning: Meaning, expected: Type | None
) -> Expression:
    """Return a declared symbol as a value: an array when it has axes."""
    match meaning:
        case SizeMeaning(name=name):
            return Size(span, name)
        case DataMeaning(symbol=symbol, is_whole=is_whole):
            element = Integer() if is_whole else symbol.type
            rank = len(symbol.shape)
            return DataRef(span, symbol.name, _wholes(span, rank), with_rank(element, rank))
        case VariableMeaning(symbol=symbol):
            rank = len(symbol.shape)
            return VariableRef(
                span, symbol.name, _wholes(span, rank), with_rank(symbol.domain, rank)
            )
        case RealMeaning(thing=name, symbol=symbol):
            return real_reference(span, Thing(span, name, name, "", ()), symbol)
        case _ if isinstance(expected, Enum):
            fail(
                state,
                errors.unknown_value(span, text, show_type(expected), expected.values),
            )
        case ThingMeaning(symbol=symbol):
            example = _example(state, symbol.entity)
            fail(state, errors.thing_for_value(span, text, symbol.entity, example))
        case ModelMeaning(parameters=parameters):
            names = [parameter.name for parameter in parameters]
            fail(state, errors.model_for_value(span, text, names))
        case DefMeaning() | LearnedDefMeaning():
            fail(state, errors.def_for_value(span, text))
        case DomainMeaning():
            fail(state, errors.wrong_kind(span, text, Form.DOMAIN, Form.VALUE))
        case EntityMeaning():
            fail(state, errors.wrong_kind(span, text, Form.ENTITY, Form.VALUE))
        case RowsMeaning():
            fail(state, errors.rows_for_value(span, text))
        case ModuleMeaning():
            fail(state, errors.wrong_kind(span, text, Form.MODULE, Form.VALUE))


def _wholes(span: Span, rank: int) -> tuple[Whole, ...]:
    return (Whole(span),) * rank


def check_attribute(state: Checking, env: Env, expression: ast.Attribute) -> Expression:
    """Check `it.color`, `module.name` or `Color.red`."""
    name = expression.name
    dotted = find_dotted(state, env, expression)
    if dotted is not None:
        return value_of(state, expression.span, name.text, dotted, None)
    match find_dotted(state, env, expression.owner):
        case DomainMeaning(domain=Enum() as enum):
            if name.text not in enum.values:
                fail(
                    state,
                    errors.unknown_value(name.span, name.text, show_type(enum), enum.values),
                )
            note(state, name.span, enum)
            return Constant(expression.span, enum.values.index(name.text), enum)
        case _:
            thing = try_thing(state, env, expression.owner)
            if thing is None:
                part = places.check_part(state, env, expression)
                if part is not None:
                    return part
                thing = check_thing(state, env, expression.owner)
            return _attribute_of(state, expression.span, thing, name)


def _attribute_of(state: Checking, span: Span, thing: Thing, name: ast.Name) -> Expression:
    """Return an attribute of a thing, all of its axes whole."""
    meaning = state.entities[thing.entity].meaning
    assert isinstance(meaning, EntityMeaning)
    note(state, name.span, thing.entity)
    for attribute in meaning.symbol.attributes:
        if attribute.name == name.text:
            rank = len(attribute.shape)
            type_ = with_rank(attribute.domain, rank + num_whole(thing.indices))
            return AttributeRef(span, thing, name.text, _wholes(span, rank), type_)
    if name.text == "index" and (index := _index_of(span, thing)) is not None:
        return index
    for real in meaning.symbol.reals:
        if real.name == name.text:
            return real_reference(span, thing, real)
    known = meaning.symbol.names()
    fail(state, errors.unknown_attribute(name.span, thing.entity, name.text, known))


def real_reference(span: Span, thing: Thing, symbol: RealSymbol) -> AttributeRef:
    """Return a real attribute of a thing, all of its axes whole."""
    rank = len(symbol.shape)
    type_ = with_rank(Real(), rank + num_whole(thing.indices))
    return AttributeRef(span, thing, symbol.name, _wholes(span, rank), type_)


def _index_of(span: Span, thing: Thing) -> Expression | None:
    """Return where a thing stands in its array; None of a thing that stands in none."""
    if thing.key:
        place = Local(span, thing.key, Integer())
        return DataRef(span, index_data(thing.entity), (place,), Integer())
    if len(thing.indices) != 1 or isinstance(thing.indices[0], Whole):
        return None
    return thing.indices[0]


def check_thing(state: Checking, env: Env, expression: ast.Expression) -> Thing:
    """Check an expression that denotes a thing, or an array of things."""
    thing = try_thing(state, env, expression)
    if thing is not None:
        return thing
    if isinstance(expression, ast.Name) and find(state, env, expression) is None:
        known = [*visible_names(env)]
        if expression.text not in known and not enums_with(env.module, expression.text):
            fail(state, errors.unknown_name(expression.span, expression.text, known))
    span, text = expression.span, expression.span.text
    match find_dotted(state, env, expression):
        case EntityMeaning():
            fail(state, type_errors.entity_for_thing(span, text))
        case ModelMeaning():
            found = Form.MODEL
        case DomainMeaning():
            found = Form.DOMAIN
        case ModuleMeaning():
            found = Form.MODULE
        case _:
            found = describe(type_of(scalars.check(state, env, expression, None)))
    fail(state, type_errors.not_a_thing(span, text, found))


def need_one_thing(state: Checking, thing: Thing) -> Thing:
    """Check that a thing is one, and which one is known before inference."""
    for index in thing.indices:
        if isinstance(index, Whole):
            rank = num_whole(thing.indices)
            fail(state, shape_errors.array_for_element(thing.span, thing.span.text, rank))
        need_known(state, index, "which thing a model is about")
    return thing


def try_thing(state: Checking, env: Env, expression: ast.Expression) -> Thing | None:
    """Return the thing that an expression denotes, or None when it denotes something else."""
    match expression:
        case ast.Name(span=span, text=text) if text in env.names:
            match env.names[text]:
                case Thing(_, entity, name, key, indices):
                    return Thing(span, entity, name, key, indices)
                case Thunk(expression=argument, env=surroundings):
                    surroundings = guarded(surroundings) if env.is_guarded else surroundings
                    return try_thing(state, surroundings, argument)
                case PoisonedName():
                    raise PoisonedError
                case _:
                    return None
        case ast.Name() | ast.Attribute():
            match find_dotted(state, env, expression):
                case ThingMeaning(symbol=symbol):
                    wholes = _wholes(expression.span, len(symbol.shape))
                    return Thing(expression.span, symbol.entity, symbol.name, "", wholes)
                case _:
                    return None
        case ast.Index(span=span, base=base, indices=indices):
            thing = try_thing(state, env, base)
            if thing is None:
                return None
            free = num_whole(thing.indices)
            text = base.span.text
            checked = check_indices(state, env, span, text, indices, (None,) * free, (None,) * free)
            return replace(thing, span=span, indices=filled(thing.indices, checked))
        case _:
            return None
