"""Functions over many arguments: sum, count, all, exactly, alldifferent and the like."""

from collections.abc import Sequence
from itertools import pairwise

from gmlang.core.ast import (
    Aggregate,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Clauses,
    Constant,
    DataRef,
    Enum,
    Expression,
    Integer,
    Item,
    Real,
    Type,
    VariableRef,
    Where,
)
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import loops, scalars
from gmlang.core.expressions.operators import (
    all_of,
    is_number,
    join,
    need_bool,
    need_known,
    need_number,
    negation,
)
from gmlang.core.expressions.references import find
from gmlang.core.names.scope import Env, guarded
from gmlang.core.print import describe, show_type
from gmlang.core.walk import is_random, type_of
from gmlang.diagnostics import Span
from gmlang.errors import asking, forms
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast

CONDITIONS = ("count", "all", "any", "xor", "exactly", "at_most", "at_least", "exactly_one")
"""Aggregates of conditions."""

OPERATORS = (*CONDITIONS, "sum", "min", "max", "alldifferent")

_NUMBERED = ("exactly", "at_most", "at_least")


def check_aggregate(state: Checking, env: Env, call: ast.Call, operator: str) -> Expression:
    """Check a call of an aggregate."""
    if call.given is not None or call.had is not None:
        fail(state, asking.takes_no_givens(call.span, operator))
    arguments = call.arguments
    parameter: Expression | None = None
    if operator in _NUMBERED:
        if not arguments or isinstance(arguments[0], ast.Comprehension | ast.Equation | ast.Pair):
            fail(state, forms.without_number(call.span, operator))
        parameter = _count_number(state, env, arguments[0], operator)
        arguments = arguments[1:]
    if operator == "exactly_one":
        operator, parameter = "exactly", Constant(call.span, 1, Integer())
    _refuse_loop_without_for(state, env, arguments)
    groups = each(lambda argument: _check_items(state, env, argument, operator), arguments)
    items = tuple(item for group in groups for item in group)
    if operator in ("min", "max"):
        return _extreme(state, call.span, operator, items)
    if parameter is not None and is_random(parameter):
        comparisons = {"exactly": "==", "at_most": "<=", "at_least": ">="}
        count = Aggregate(call.span, "count", items, None, Integer())
        return Apply(call.span, comparisons[operator], (count, parameter), Bool())
    type_ = _type_of(state, operator, items)
    return Aggregate(call.span, operator, items, parameter, type_)


def _refuse_loop_without_for(state: Checking, env: Env, arguments: Sequence[ast.Argument]) -> None:
    for first, second in pairwise(arguments):
        match first, second:
            case ast.Comprehension(), ast.Binary(operator="in", left=ast.Name() as name):
                if name.text not in env.names and find(state, env, name) is None:
                    loop = second.span.text
                    fail(state, name_errors.loop_without_for(name.span, name.text, loop))
            case _:
                pass


def _count_number(state: Checking, env: Env, argument: ast.Expression, operator: str) -> Expression:
    checked = scalars.check_scalar(state, env, argument)
    if not is_number(type_of(checked)) or isinstance(type_of(checked), Real | Bool):
        found = describe(type_of(checked))
        fail(state, forms.number_is_none(checked.span, operator, found))
    return checked


def _check_items(
    state: Checking, env: Env, argument: ast.Argument, operator: str
) -> tuple[Item, ...]:
    """Check one argument of an aggregate: an expression, a whole array or a comprehension."""
    match argument:
        case ast.Comprehension(span=span, body=body, loops=written, condition=condition):
            if isinstance(body, ast.Pair):
                fail(state, forms.type_mismatch(body.span, Form.VALUE, Form.PAIR))
            inner, clauses = loops.enter(state, env, written)
            place = inner if condition is None else guarded(inner)
            (item,) = each(lambda e: _plain_item(state, place, e, operator), (body,))
            item = Item(span, clauses + item.context, item.value)
            if condition is None:
                return (item,)
            checked = scalars.check_condition(state, inner, condition)
            return (_filtered(state, item, clauses, checked, operator),)
        case ast.Equation(left=left):
            fail(state, name_errors.unknown_argument(argument.span, operator, left.span.text, []))
        case ast.Pair():
            fail(state, forms.type_mismatch(argument.span, Form.VALUE, Form.PAIR))
        case ast.Brackets(items=items):
            groups = each(lambda item: _check_items(state, env, item, operator), items)
            return tuple(item for group in groups for item in group)
        case _:
            return (_plain_item(state, env, argument, operator),)


def _plain_item(state: Checking, env: Env, expression: ast.Expression, operator: str) -> Item:
    expected = Bool() if operator in CONDITIONS else None
    checked = scalars.check(state, env, expression, expected)
    if isinstance(checked, DataRef | VariableRef | AttributeRef) and isinstance(
        checked.type, Array
    ):
        element, clauses = loops.over_axes(state, checked)
        return Item(expression.span, clauses, _operand(state, element, operator))
    scalars.need_scalar(state, checked)
    return Item(expression.span, (), _operand(state, checked, operator))


def _operand(state: Checking, checked: Expression, operator: str) -> Expression:
    if operator in CONDITIONS:
        return need_bool(state, checked)
    if operator == "alldifferent" and isinstance(type_of(checked), Enum):
        return checked
    return need_number(state, checked, operator)


def _filtered(
    state: Checking, item: Item, clauses: Clauses, condition: Expression, operator: str
) -> Item:
    """Keep an item where a condition holds; a random condition goes into the item's value."""
    span = condition.span
    if not is_random(condition):
        rest = item.context[len(clauses) :]
        return Item(item.span, (*clauses, Where(span, condition), *rest), item.value)
    match operator:
        case "sum":
            zero = Constant(span, 0, Integer())
            type_ = join(state, item.value, zero)
            value: Expression = Apply(span, "if", (condition, item.value, zero), type_)
        case "all":
            value = Apply(span, "or", (negation(condition), item.value), Bool())
        case "min" | "max" | "alldifferent":
            what = f"which values `{operator}` takes"
            need_known(state, condition, what)
            raise AssertionError(operator)
        case _:
            value = all_of(span, (condition, item.value))
    return Item(item.span, item.context, value)


def _extreme(state: Checking, span: Span, operator: str, items: tuple[Item, ...]) -> Expression:
    if not items:
        fail(state, errors.wrong_number_of_arguments(span, operator, errors.Takes.ONE_OR_MORE, 0))
    type_ = _joined(items)
    if len(items) > 1 and not any(item.context for item in items):
        return Apply(span, operator, tuple(item.value for item in items), type_)
    return Aggregate(span, operator, items, None, type_)


def _type_of(state: Checking, operator: str, items: tuple[Item, ...]) -> Type:
    match operator:
        case "count":
            return Integer()
        case "sum":
            type_ = _joined(items)
            return Real() if isinstance(type_, Real) else Integer()
        case "alldifferent":
            if items:
                _same_kind(state, items)
            return Bool()
        case _:
            return Bool()


def _joined(items: tuple[Item, ...]) -> Type:
    type_: Type = Integer()
    for item in items:
        if isinstance(type_of(item.value), Real):
            type_ = Real()
    return type_


def _same_kind(state: Checking, items: tuple[Item, ...]) -> None:
    first = type_of(items[0].value)
    for item in items[1:]:
        type_ = type_of(item.value)
        is_same = first == type_ if isinstance(first, Enum) else not isinstance(type_, Enum)
        if not is_same:
            fail(
                state,
                errors.different_domains(item.span, show_type(first), show_type(type_)),
            )
