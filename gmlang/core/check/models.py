"""Models: their headers, composites, and what `m(args)` and `it is m` mean."""

from dataclasses import replace

from gmlang.core.ast import Activation, Constant, Expression, Integer, Local, Thing
from gmlang.core.check import domains
from gmlang.core.check.members import named_member
from gmlang.core.checking import Checking, attempt, each, fail, fresh_key
from gmlang.core.expressions import references, scalars
from gmlang.core.expressions.operators import need_known, same_domain
from gmlang.core.names.scope import (
    Binding,
    EntityMeaning,
    Entry,
    Env,
    ModelMeaning,
    PoisonedName,
    enums_with,
    visible_names,
)
from gmlang.core.print import show_type
from gmlang.core.program import ModelSymbol, ParameterSymbol
from gmlang.core.records.covering import existence_of
from gmlang.core.tolerances import is_probability
from gmlang.diagnostics import Span
from gmlang.errors import declarations as declaration_errors
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.errors.learning import concepts as learning_errors
from gmlang.syntax import ast

EXISTS = "exists"
"""The word that asks whether a thing exists."""
COMPOSITE = "composite"
"""The word for all models that hold of a thing, together."""

_PARTS_MAX = 100
"""A composite may consist of so many models: their compatibility is looked at together."""

Arguments = tuple[Expression | Thing, ...]


# --- Headers -----------------------------------------------------------------------------


def check_header(state: Checking, env: Env, entry: Entry, declaration: ast.Model) -> ModelMeaning:
    """Check a model's parameters; its prior and body wait until every header is known."""
    parameters = check_parameters(state, env, declaration.parameters)
    state.model_order.append(entry)
    state.pending.append(entry)
    return ModelMeaning(entry.core_name, parameters)


def check_parameters(
    state: Checking, env: Env, written: tuple[ast.Parameter, ...]
) -> tuple[ParameterSymbol, ...]:
    """Check the parameters of a model's header."""
    seen: dict[str, Span] = {}

    def parameter(declared: ast.Parameter) -> ParameterSymbol:
        name = declared.name
        if name.text in seen:
            fail(state, name_errors.declared_twice(name.span, name.text, seen[name.text]))
        seen[name.text] = name.span
        key = fresh_key(state, name.text)
        if isinstance(declared.type, ast.Name | ast.Attribute):
            meaning = references.find_dotted(state, env, declared.type)
            if isinstance(meaning, EntityMeaning):
                return ParameterSymbol(declared.span, key, name.text, meaning.symbol.name, None)
        domain = domains.check_domain(state, env, declared.type)
        return ParameterSymbol(declared.span, key, name.text, "", domain)

    return each(parameter, written)


def inside(env: Env, meaning: ModelMeaning) -> Env:
    """Return the surroundings inside a model: its parameters are bound."""
    names: dict[str, Binding] = {p.name: _bound(p) for p in meaning.parameters}
    return replace(env, names=names, model=meaning.name)


def _bound(parameter: ParameterSymbol) -> Binding:
    if parameter.domain is None:
        return Thing(parameter.span, parameter.entity, "", parameter.key, ())
    return Local(parameter.span, parameter.key, parameter.domain)


def poisoned_inside(env: Env, declaration: ast.Model) -> Env:
    """Return the surroundings inside a model whose header has a mistake."""
    names = {parameter.name.text: PoisonedName() for parameter in declaration.parameters}
    return replace(env, names=names, model=declaration.name.text)


def check_prior(state: Checking, env: Env, prior: ast.Expression | None) -> Expression | None:
    """Check a prior: a probability known before inference."""
    if prior is None:
        return None
    checked = need_known(state, scalars.check_number(state, env, prior), "a prior")
    if isinstance(checked, Constant) and not is_probability(checked.value):
        fail(state, errors.not_a_probability(checked.span, checked.value))
    return checked


# --- Activations -------------------------------------------------------------------------


def find_model(state: Checking, env: Env, expression: ast.Expression) -> ModelMeaning:
    """Return the model that a name stands for."""
    if isinstance(expression, ast.Name | ast.Attribute):
        meaning = references.find_dotted(state, env, expression)
        if isinstance(meaning, ModelMeaning):
            return meaning
        if meaning is None and isinstance(expression, ast.Name):
            _unknown_model(state, env, expression)
    fail(state, errors.not_a_model(expression.span, expression.span.text))


def _unknown_model(state: Checking, env: Env, name: ast.Name) -> None:
    if name.text in env.names:
        return
    known = {*visible_names(env)}
    enums = enums_with(env.module, name.text)
    diagnostic = name_errors.unknown_name(name.span, name.text, known)
    if enums:
        hint = f"`{name.text}` is a value of {show_type(enums[0])}"
        diagnostic = replace(diagnostic, message=f"unknown model `{name.text}`", hint=hint)
    fail(state, diagnostic)


def check_activation(state: Checking, env: Env, call: ast.Call, model: ModelMeaning) -> Activation:
    """Check `m(args)`."""
    arguments = scalars.plain_arguments(state, call)
    parameters = model.parameters
    if len(arguments) != len(parameters):
        text, names = call.function.span.text, _describe_parameters(parameters)
        fail(state, errors.wrong_arguments(call.span, text, names, len(arguments)))
    pairs = zip(arguments, parameters, strict=True)
    checked = each(lambda pair: _check_argument(state, env, *pair), pairs)
    return Activation(call.span, model.name, (*checked, *model.values))


def _describe_parameters(parameters: tuple[ParameterSymbol, ...]) -> list[str]:
    """Name parameters for messages: "x: Thing", "t: 0..5"."""
    return [f"{parameter.name}: {_kind(parameter)}" for parameter in parameters]


def _kind(parameter: ParameterSymbol) -> str:
    return parameter.entity if parameter.domain is None else show_type(parameter.domain)


def _check_argument(
    state: Checking, env: Env, argument: ast.Expression, parameter: ParameterSymbol
) -> Expression | Thing:
    """Check an argument of a model against its parameter."""
    if parameter.domain is not None:
        what = f"the argument `{parameter.name}` of a model"
        checked = scalars.check_scalar(state, env, argument, parameter.domain)
        return scalars.fit_here(state, env, need_known(state, checked, what), parameter.domain)
    thing = references.check_thing(state, env, argument)
    if thing.entity != parameter.entity:
        text = argument.span.text
        fail(state, errors.wrong_entity(argument.span, text, parameter.entity, thing.entity))
    return references.need_one_thing(state, thing)


def check_is(state: Checking, env: Env, expression: ast.Is) -> tuple[Activation, ...]:
    """Check `it is purple jar`: one activation for each part."""
    return each(
        lambda part: _applied(state, env, expression.span, expression.thing, part),
        flat_parts(expression.models),
    )


def check_juxtaposed(
    state: Checking, env: Env, call: ast.Call, function: ast.Juxtaposition
) -> tuple[Activation, ...]:
    """Check `(purple jar)(it)`."""
    things = scalars.plain_arguments(state, call)
    if len(things) != 1:
        text, one = function.span.text, errors.Takes.ONE_THING
        fail(state, errors.wrong_number_of_arguments(call.span, text, one, len(things)))
    return each(
        lambda part: _applied(state, env, call.span, things[0], part), flat_parts(function.parts)
    )


def flat_parts(written: tuple[ast.Expression, ...]) -> list[ast.Expression]:
    """Flatten nested juxtapositions."""
    found: list[ast.Expression] = []
    for part in written:
        match part:
            case ast.Juxtaposition(parts=inner):
                found += flat_parts(inner)
            case ast.Binary(operator="&", left=left, right=right):
                found += flat_parts((left, right))
            case _:
                found.append(part)
    return found


def _applied(
    state: Checking, env: Env, span: Span, thing: ast.Expression, part: ast.Expression
) -> Activation:
    """Apply a model, or `digit(7)` with its values given, to a thing."""
    rest: tuple[ast.Expression, ...] = ()
    function = part
    if isinstance(part, ast.Call):
        function, rest = part.function, scalars.plain_arguments(state, part)
    model = find_model(state, env, function)
    return check_activation(state, env, ast.Call(span, function, (thing, *rest)), model)


# --- Composites --------------------------------------------------------------------------


def check_composite(
    state: Checking, env: Env, entry: Entry, declaration: ast.Composite
) -> ModelMeaning:
    """Check `model purple_jar = purple jar`.

    Without parameters of its own, a composite has those of its longest part, and the parameters
    of every other part must be the first of these.
    """
    written = flat_parts(declaration.parts)
    for part in written:
        function = part.function if isinstance(part, ast.Call) else part
        find_model(state, env, function)
    if declaration.parameters:
        parameters = check_parameters(state, env, declaration.parameters)
        meaning = ModelMeaning(entry.core_name, parameters)
        surroundings = inside(env, meaning)
        parts = each(lambda part: _explicit(state, surroundings, parameters, part), written)
    else:
        parameters, parts = _united(state, env, written)
        meaning = ModelMeaning(entry.core_name, parameters)
    named = named_member(entry.core_name, declaration, parameters, parts)
    if named is not None:
        state.members.append(named)
        return replace(meaning, name=named.model, values=named.values)
    _count_parts(state, declaration.span, entry.core_name, parts)
    prior = check_prior(state, inside(env, meaning), declaration.prior)
    symbol = ModelSymbol(
        declaration.span, entry.core_name, parameters, prior, (), parts, declaration.soft
    )
    state.model_order.append(entry)
    state.models[entry.core_name] = symbol
    return meaning


def _count_parts(state: Checking, span: Span, name: str, parts: tuple[Activation, ...]) -> None:
    """Count the models of a composite, those within its parts included; too many are refused."""
    count = sum(state.num_parts.get(part.model, 1) for part in parts)
    if count > _PARTS_MAX:
        fail(state, errors.too_many_parts(span, name, count, _PARTS_MAX))
    state.num_parts[name] = count


def _explicit(
    state: Checking, env: Env, parameters: tuple[ParameterSymbol, ...], part: ast.Expression
) -> Activation:
    if isinstance(part, ast.Call):
        model = find_model(state, env, part.function)
        if len(part.arguments) == len(model.parameters):
            return check_activation(state, env, part, model)
    needs, bound = open_part(state, env, part)
    _need_prefix(state, part.span, needs, parameters)
    return _close_part(state, env, part, parameters, bound)


def _united(
    state: Checking, env: Env, written: list[ast.Expression]
) -> tuple[tuple[ParameterSymbol, ...], tuple[Activation, ...]]:
    opened = each(lambda part: open_part(state, env, part), written)
    longest = max((needs for needs, _ in opened), key=len)
    for part, (needs, _) in zip(written, opened, strict=True):
        _need_prefix(state, part.span, needs, longest)
    parameters = tuple(replace(p, key=fresh_key(state, p.name)) for p in longest)
    pairs = zip(written, opened, strict=True)
    return parameters, each(
        lambda pair: _close_part(state, env, pair[0], parameters[: len(pair[1][0])], pair[1][1]),
        pairs,
    )


def open_part(
    state: Checking, env: Env, part: ast.Expression
) -> tuple[tuple[ParameterSymbol, ...], Arguments]:
    """Return the parameters a part leaves open, and the last arguments it gives."""
    if not isinstance(part, ast.Call):
        return find_model(state, env, part).parameters, ()
    parameters = find_model(state, env, part.function).parameters
    written = scalars.plain_arguments(state, part)
    num_open = len(parameters) - len(written)
    if num_open < 0:
        text, names = part.function.span.text, _describe_parameters(parameters)
        fail(state, errors.wrong_arguments(part.span, text, names, len(written)))
    pairs = zip(written, parameters[num_open:], strict=True)
    return parameters[:num_open], each(lambda pair: _check_argument(state, env, *pair), pairs)


def _close_part(
    state: Checking,
    env: Env,
    part: ast.Expression,
    parameters: tuple[ParameterSymbol, ...],
    bound: Arguments,
) -> Activation:
    function = part.function if isinstance(part, ast.Call) else part
    model = find_model(state, env, function)
    num_open = len(model.parameters) - len(bound)
    first = tuple(_as_argument(parameter, part.span) for parameter in parameters[:num_open])
    return Activation(part.span, model.name, (*first, *bound, *model.values))


def check_part(
    state: Checking, env: Env, part: ast.Expression, parameter: ParameterSymbol
) -> Activation:
    """Check a part of a model that is about one thing."""
    needs, bound = open_part(state, env, part)
    if [p.entity for p in needs] != [parameter.entity]:
        found = ", ".join(_describe_parameters(needs))
        text = part.span.text.partition("(")[0]
        fail(state, learning_errors.not_about_one(part.span, text, found, parameter.entity))
    return _close_part(state, env, part, (parameter,), bound)


def _as_argument(parameter: ParameterSymbol, span: Span) -> Expression | Thing:
    if parameter.domain is None:
        return Thing(span, parameter.entity, "", parameter.key, ())
    return Local(span, parameter.key, parameter.domain)


def _need_prefix(
    state: Checking,
    span: Span,
    needs: tuple[ParameterSymbol, ...],
    parameters: tuple[ParameterSymbol, ...],
) -> None:
    fits = len(needs) <= len(parameters) and all(
        need.entity == parameter.entity
        and same_domain(need.domain or Integer(), parameter.domain or Integer())
        for need, parameter in zip(needs, parameters, strict=False)
    )
    if not fits:
        first, second = _describe_parameters(parameters), _describe_parameters(needs)
        fail(state, errors.parts_do_not_fit(span, first, second))


def asks_existence(env: Env, call: ast.Call) -> bool:
    """Say whether a call is `exists`, unless something of the program is called so.

    Of what a loop gives, other languages ask whether any of it holds.
    """
    name = call.function.text if isinstance(call.function, ast.Name) else ""
    is_own = name in env.names or name in env.module.entries
    is_looped = any(isinstance(a, ast.Comprehension) for a in call.arguments)
    return name == EXISTS and not (is_own or is_looped)


def check_exists(state: Checking, env: Env, call: ast.Call) -> Activation:
    """Check `exists(object[k])`."""
    things = scalars.plain_arguments(state, call)
    if len(things) != 1:
        one = errors.Takes.ONE_THING
        fail(state, errors.wrong_number_of_arguments(call.span, EXISTS, one, len(things)))
    thing = references.need_one_thing(state, references.check_thing(state, env, things[0]))
    if thing.name and all(t.prior is None for t in state.things if t.name == thing.name):
        fail(state, declaration_errors.always_exists(call.span, thing.span.text))
    state.existences[thing.entity] = None
    return Activation(call.span, existence_of(thing.entity), (thing,))


def try_activations(
    state: Checking, env: Env, expression: ast.Expression
) -> tuple[Activation, ...] | None:
    """Return the activations that `m(args)` or `it is m n` name; None for anything else."""
    match expression:
        case ast.Is():
            return check_is(state, env, expression)
        case ast.Call() if asks_existence(env, expression):
            return (check_exists(state, env, expression),)
        case ast.Call(function=ast.Juxtaposition() as function):
            return check_juxtaposed(state, env, expression, function)
        case ast.Call(function=function):
            meaning = attempt(lambda: references.find_dotted(state, env, function))
            if isinstance(meaning, ModelMeaning):
                return (check_activation(state, env, expression, meaning),)
            return None
        case _:
            return None
