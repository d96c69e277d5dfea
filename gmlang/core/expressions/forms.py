"""Checking of expressions: what each form means and which type it has."""

from dataclasses import replace
from typing import NoReturn

from gmlang.core.asking import asserts
from gmlang.core.asking.calculations import is_query
from gmlang.core.ast import Apply, Bool, Constant, Enum, Expression, Integer, Real, Type
from gmlang.core.check import functions, members, models
from gmlang.core.check.learned import functions as learned_functions
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import aggregates, indices, matching, references
from gmlang.core.expressions.operators import (
    all_of,
    any_of,
    arithmetic,
    comparison,
    is_integer,
    join,
    need_number,
    negate,
    negation,
)
from gmlang.core.expressions.scalars import (
    check_condition,
    check_pair,
    check_scalar,
    inline,
    need_scalar,
    plain_arguments,
)
from gmlang.core.expressions.sharing import checked_once, used_at
from gmlang.core.names.scope import DefMeaning, Env, LearnedDefMeaning, ModelMeaning, guarded
from gmlang.core.places import forms as places
from gmlang.core.places.values import is_place
from gmlang.core.processes import steps as processes
from gmlang.core.records.doing import DO
from gmlang.core.records.processes import STEP
from gmlang.core.walk import type_of
from gmlang.diagnostics import Span
from gmlang.errors import declarations as declaration_errors
from gmlang.errors import forms as form_errors
from gmlang.errors import later
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.errors.acting import doing as doing_errors
from gmlang.errors.forms import Form
from gmlang.families import CALLED, DENSITIES
from gmlang.families import LATER as LATER_FAMILIES
from gmlang.syntax import ast

_REAL = ("exp", "log", "log10", "sqrt", "logistic", "erf", "normal_cdf", "lgamma")
_WHOLE = ("sign", "floor", "ceil", "round")
FUNCTIONS = ("abs", *_WHOLE, *_REAL)
"""Functions of one number; min and max take several, see `aggregates`."""

OF_THINGS = (STEP, models.EXISTS, models.COMPOSITE)
"""What is asked of one thing, or of a process about it."""


def check(
    state: Checking, env: Env, expression: ast.Argument, expected: Type | None = None
) -> Expression:
    """Check an expression that is a value or an array of values.

    Args:
        state: what the check gathers.
        env: the surroundings.
        expression: as written.
        expected: the type that the surroundings ask for; it only decides what a bare name of an
            enum's value means, and `operators.fit` checks it.
    """
    span = expression.span
    match expression:
        case ast.Name():
            return references.check_name(state, env, expression, expected)
        case ast.Number(value=value):
            return Constant(span, value, Integer() if isinstance(value, int) else Real())
        case ast.Boolean(value=value):
            return Constant(span, value, Bool())
        case ast.Attribute():
            return references.check_attribute(state, env, expression)
        case ast.Index():
            return indices.check_index(state, env, expression)
        case ast.Call():
            return check_call(state, env, expression, expected)
        case ast.Unary():
            return _unary(state, env, expression)
        case ast.Binary():
            return _binary(state, env, expression)
        case ast.Compare():
            return _compare(state, env, expression)
        case ast.Conditional():
            return _conditional(state, env, expression, expected)
        case ast.Is():
            return all_of(span, models.check_is(state, env, expression))
        case ast.MatchExpression():
            return matching.check_match_value(state, env, expression, expected)
        case ast.Tuple(items=items) if len(items) == 2:
            return places.check_pair(state, env, expression, expected)
        case ast.Tuple() | ast.Brackets() | ast.Braces() | ast.Range() | ast.Text():
            fail(state, form_errors.type_mismatch(span, Form.SINGLE_VALUE, _form(expression)))
        case ast.Equation():
            fail(state, form_errors.equation_for_value(span))
        case ast.Change(operator=operator):
            fail(state, form_errors.change_for_value(span, operator))
        case ast.Pair():
            fail(state, form_errors.type_mismatch(span, Form.VALUE, Form.PAIR))
        case ast.Comprehension():
            fail(state, form_errors.type_mismatch(span, Form.VALUE, Form.COMPREHENSION))
        case ast.Juxtaposition():
            first, second, *_ = expression.parts
            between = span.source.text[first.span.end : second.span.start].strip()
            word = between or second.span.text
            fail(state, form_errors.composition_for_value(span, word))


def _form(expression: ast.Tuple | ast.Brackets | ast.Braces | ast.Range | ast.Text) -> Form:
    match expression:
        case ast.Tuple():
            return Form.TUPLE
        case ast.Brackets():
            return Form.LIST
        case ast.Braces():
            return Form.SET
        case ast.Range():
            return Form.RANGE
        case ast.Text():
            return Form.STRING


def _unary(state: Checking, env: Env, expression: ast.Unary) -> Expression:
    if expression.operator == "not":
        condition = negation(check_condition(state, env, expression.operand))
        return replace(condition, span=expression.span)
    operand = check_scalar(state, env, expression.operand)
    return negate(state, expression.span, operand)


def _binary(state: Checking, env: Env, expression: ast.Binary) -> Expression:
    span, operator = expression.span, expression.operator
    if operator in ("and", "or"):
        first, *rest = _operands(expression, operator)
        # A later operand is asked for only where the earlier ones leave it open.
        asked = [(env, first), *((guarded(env), e) for e in rest)]
        operands = each(lambda one: check_condition(state, *one), asked)
        return all_of(span, operands) if operator == "and" else any_of(span, operands)
    if operator == "in":
        return matching.check_in(state, env, expression)
    if operator == "&":
        fail(state, form_errors.type_mismatch(span, Form.VALUE, Form.COMPOSITION))
    sides = each(lambda e: check(state, env, e), (expression.left, expression.right))
    if operator in ("+", "-"):
        place = places.moved(state, span, operator, *sides)
        if place is not None:
            return place
    left, right = each(lambda side: need_scalar(state, side), sides)
    is_zero = operator in ("/", "//", "%") and isinstance(right, Constant) and right.value == 0
    # What a def is given may be guarded in its body, so that only grounding can tell.
    if is_zero and not env.is_guarded and span.start <= right.span.start <= span.end:
        fail(state, errors.division_by_zero(span))
    return arithmetic(state, span, operator, left, right)


def _operands(expression: ast.Expression, operator: str) -> list[ast.Expression]:
    """Return the operands of a chain of one operator, without recursion: chains may be long."""
    operands: list[ast.Expression] = []
    while isinstance(expression, ast.Binary) and expression.operator == operator:
        operands.append(expression.right)
        expression = expression.left
    operands.append(expression)
    return operands[::-1]


def _compare(state: Checking, env: Env, expression: ast.Compare) -> Expression:
    operands = expression.operands
    if len(operands) == 2:
        left, right = check_pair(state, env, operands[0], operands[1])
        return _compared(state, expression.span, expression.operators[0], left, right)
    # From the third on, an operand is asked for only where the comparisons before it hold.
    asked = [(env if k < 2 else guarded(env), e) for k, e in enumerate(operands)]
    checked = each(lambda one: check_scalar(state, *one), asked)
    links = zip(expression.operators, checked[:-1], checked[1:], strict=True)
    return all_of(
        expression.span,
        each(lambda link: _compared(state, expression.span, *link), links),
    )


def _compared(
    state: Checking, span: Span, operator: str, left: Expression, right: Expression
) -> Expression:
    if is_place(type_of(left)) or is_place(type_of(right)):
        return places.compared(state, span, operator, left, right)
    return comparison(state, span, operator, left, right)


def _conditional(
    state: Checking, env: Env, expression: ast.Conditional, expected: Type | None
) -> Expression:
    condition = attempt(lambda: check_condition(state, env, expression.condition))
    env = guarded(env)
    then = check_scalar(state, env, expression.then, expected)
    if expected is None and isinstance(type_of(then), Enum):
        expected = type_of(then)
    otherwise = check_scalar(state, env, expression.otherwise, expected)
    if condition is None:
        raise PoisonedError
    type_ = join(state, then, otherwise)
    return Apply(expression.span, "if", (condition, then, otherwise), type_)


def check_call(state: Checking, env: Env, call: ast.Call, expected: Type | None) -> Expression:
    """Check a call that is a value: of a model, a def, a function or, in an assert, a query."""
    function = call.function
    if isinstance(function, ast.Juxtaposition):
        activations = models.check_juxtaposed(state, env, call, function)
        return all_of(call.span, activations)
    meaning = references.find_dotted(state, env, function)
    if isinstance(meaning, ModelMeaning):
        if members.names_holder(state, env, call):
            return members.check_holder(state, env, call, meaning)
        return models.check_activation(state, env, call, meaning)
    if isinstance(meaning, DefMeaning) and functions.calls_itself(state, meaning):
        return functions.check_call(state, env, call, meaning, expected)
    if isinstance(meaning, DefMeaning):
        body, surroundings = inline(state, env, call, meaning)
        value = checked_once(
            state,
            surroundings,
            (body, *surroundings.names.values()),
            expected,
            call.span,
            lambda: check(state, surroundings, body, expected),
        )
        return used_at(state, value, call.span)
    if isinstance(meaning, LearnedDefMeaning):
        return learned_functions.check_call(state, env, call, meaning)
    if processes.asks_step(env, call):
        return processes.check_step(state, env, call)
    if models.asks_existence(env, call):
        return models.check_exists(state, env, call)
    text = function.span.text
    if not isinstance(function, ast.Name):
        fail(state, errors.not_a_model(function.span, text))
    if env.in_assert and is_query(state, call):
        # A value of this name, a size `P` say, is not called: the word asks, as it does in a query.
        return asserts.check_query_value(state, env, call)
    if meaning is not None or text in env.names:
        needed = Form.FUNCTION
        fail(state, name_errors.wrong_kind(function.span, text, Form.NO_FUNCTION, needed))
    if text in aggregates.OPERATORS:
        return aggregates.check_aggregate(state, env, call, text)
    if text in places.FUNCTIONS:
        return places.check_function(state, env, call, text)
    if text in FUNCTIONS:
        return _function(state, env, call, text)
    if text == models.COMPOSITE:
        fail(state, declaration_errors.composite_for_value(call.span, call.span.text))
    _not_a_function(state, env, function)


def _not_a_function(state: Checking, env: Env, function: ast.Name) -> NoReturn:
    text = function.text
    if text == DO:
        fail(state, doing_errors.not_behind_bar(function.span))
    if text in CALLED:
        fail(state, form_errors.family_for_value(function.span, text))
    if text in LATER_FAMILIES or text in DENSITIES:
        fail(state, later.continuous_family(function.span, text))
    if text in state.query_forms:
        fail(state, form_errors.query_for_value(function.span))
    known = {
        *FUNCTIONS,
        *OF_THINGS,
        *places.FUNCTIONS,
        *aggregates.OPERATORS,
        *state.query_forms,
        *env.module.entries,
    }
    fail(state, name_errors.unknown_function(function.span, text, known))


def _function(state: Checking, env: Env, call: ast.Call, name: str) -> Expression:
    arguments = plain_arguments(state, call)
    if len(arguments) != 1:
        one, count = errors.Takes.ONE, len(arguments)
        fail(state, errors.wrong_number_of_arguments(call.span, name, one, count))
    operand = need_number(state, check_scalar(state, env, arguments[0]), name)
    is_whole = name in _WHOLE or (name == "abs" and is_integer(type_of(operand)))
    type_ = Integer() if is_whole else Real()
    return Apply(call.span, name, (operand,), type_)
