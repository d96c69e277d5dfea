"""What the words that ask have between their brackets: variables, events, numbers, models."""

from collections.abc import Sequence
from dataclasses import replace

from gmlang.core.asking import givens
from gmlang.core.ast import (
    Activation,
    Apply,
    AttributeRef,
    Bool,
    Constant,
    DataRef,
    Enum,
    Expression,
    Integer,
    IntRange,
    Real,
    VariableRef,
)
from gmlang.core.check import models
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import loops, scalars
from gmlang.core.expressions.operators import need_integer, need_known
from gmlang.core.names.scope import Env
from gmlang.core.print import describe, show_type
from gmlang.core.program import Asked, ModelCall
from gmlang.core.walk import is_random, type_of
from gmlang.errors import asking, forms
from gmlang.errors import types as errors
from gmlang.syntax import ast

_COUNTABLE = Enum | Integer | IntRange | Real


def no_arguments(state: Checking, call: ast.Call) -> None:
    """Check that a word that takes none has no arguments."""
    if call.arguments:
        text, count = call.function.span.text, len(call.arguments)
        fail(state, errors.wrong_arguments(call.span, text, (), count))


def need_count(state: Checking, call: ast.Call, count: int, takes: str) -> None:
    """Check how many arguments there are; `takes` says it."""
    if len(call.arguments) != count:
        text = call.function.span.text
        fail(
            state,
            errors.wrong_number_of_arguments(call.span, text, takes, len(call.arguments)),
        )


def plain(state: Checking, argument: ast.Argument) -> ast.Expression:
    """Return an argument that must be one expression."""
    if isinstance(argument, ast.Equation | ast.Pair | ast.Comprehension):
        fail(state, asking.not_one_expression(argument.span))
    return argument


def how_many(state: Checking, env: Env, call: ast.Call) -> Expression:
    """Check the first argument, which says how many are asked for: an integer of 1 or more."""
    name = call.function.span.text
    if not call.arguments:
        fail(state, asking.how_many_missing(call.span, name))
    written = plain(state, call.arguments[0])
    checked = scalars.check_scalar(state, env, written)
    if isinstance(checked, VariableRef | AttributeRef | Activation):
        fail(state, asking.how_many_missing(written.span, name, written.span.text))
    need_known(state, checked, "how many are asked for")
    need_integer(state, checked, "how many, an integer,")
    if isinstance(checked, Constant) and checked.value < 1:
        fail(state, asking.asks_for_fewer_than_one(written.span, name))
    return checked


def asked_of(state: Checking, env: Env, arguments: Sequence[ast.Argument]) -> tuple[Asked, ...]:
    """Check arguments that name variables or events, repeated by loops or not."""
    groups = each(lambda argument: _asked(state, env, argument), arguments)
    return tuple(one for group in groups for one in group)


def _asked(state: Checking, env: Env, argument: ast.Argument) -> tuple[Asked, ...]:
    match argument:
        case ast.Equation():
            return (Asked(argument.span, givens.equation(state, env, argument)),)
        case ast.Comprehension(loops=written, condition=condition, body=body):
            if isinstance(body, ast.Pair):
                fail(state, asking.not_one_expression(body.span))
            inner, context = loops.comprehension(
                state, env, written, condition, "what is asked for"
            )
            inside = _asked(state, inner, body)
            return tuple(replace(one, context=context + one.context) for one in inside)
        case ast.Pair():
            fail(state, asking.not_one_expression(argument.span))
        case ast.Brackets(items=items):
            return asked_of(state, env, items)
        case ast.Is():
            activations = models.check_is(state, env, argument)
            event = Apply(argument.span, "and", activations, Bool())
            return (Asked(argument.span, event),)
        case _:
            return (Asked(argument.span, _reference_or_event(state, env, argument)),)


def _reference_or_event(state: Checking, env: Env, written: ast.Expression) -> Expression:
    checked = scalars.check(state, env, written)
    if givens.is_reference(checked):
        return scalars.need_one_array(state, checked)
    type_ = type_of(checked)
    if isinstance(type_, Bool) or (is_random(checked) and isinstance(type_, _COUNTABLE)):
        return checked
    if isinstance(checked, Constant) and isinstance(written, ast.Name):
        fail(state, forms.value_asked_for(written.span, show_type(checked.type)))
    fail(state, forms.known_asked_for(written.span, describe(type_)))


def check_references(
    state: Checking, env: Env, arguments: Sequence[ast.Argument]
) -> tuple[Asked, ...]:
    """Check arguments that are variables, or what depends on them and is no event: `k[x]`."""

    def references_of(argument: ast.Argument) -> tuple[Asked, ...]:
        asked = _asked(state, env, argument)
        for one in asked:
            if not givens.is_reference(one.value) and _is_event(one.value):
                fail(state, errors.event_asked_for(one.span, one.span.text))
        return asked

    groups = each(references_of, arguments)
    return tuple(one for group in groups for one in group)


def _is_event(value: Expression) -> bool:
    return isinstance(type_of(value), Bool) and not isinstance(value, DataRef)


def two_models(state: Checking, env: Env, call: ast.Call) -> tuple[ModelCall, ...]:
    """Check the arguments of a word that compares two models."""
    need_count(state, call, 2, "two models")
    if call.given:
        fail(state, asking.models_given(call.given[0].span, call.function.span.text))
    return each(lambda argument: _model_call(state, env, argument), call.arguments)


def _model_call(state: Checking, env: Env, argument: ast.Argument) -> ModelCall:
    """Check a model: `purple`, `digit(7)`, `purple jar`."""
    written = plain(state, argument)
    parts = models.flat_parts((written,))

    def part(expression: ast.Expression) -> tuple[str, tuple[Expression, ...]]:
        function = expression.function if isinstance(expression, ast.Call) else expression
        model = models.find_model(state, env, function)
        _, bound = models.open_part(state, env, expression)
        values = tuple(value for value in bound if isinstance(value, Expression))
        if len(values) < len(bound):
            given = [value.span.text for value in values]
            fail(state, asking.only_values_given(expression.span, function.span.text, given))
        return model.name, (*values, *model.values)

    checked = each(part, parts)
    return ModelCall(
        written.span, tuple(name for name, _ in checked), tuple(values for _, values in checked)
    )
