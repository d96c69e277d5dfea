"""Expressions over the answers of queries: what an assert compares, what a query calculates."""

from collections.abc import Callable
from dataclasses import replace

from gmlang.core.ast import Activation, AttributeRef, Expression, QueryValue, VariableRef
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.aggregates import OPERATORS
from gmlang.core.expressions.operators import is_number
from gmlang.core.names.scope import Env
from gmlang.core.print import describe, show
from gmlang.core.program import Query
from gmlang.core.walk import type_of, walk
from gmlang.diagnostics import Diagnostic, Span
from gmlang.errors import asking as errors
from gmlang.errors import forms
from gmlang.errors.forms import Form
from gmlang.syntax import ast


def is_query(state: Checking, call: ast.Call) -> bool:
    """Say whether a call asks; `count(...)` of conditions does not."""
    if not isinstance(call.function, ast.Name) or call.function.text not in state.query_forms:
        return False
    return call.function.text not in OPERATORS or not call.arguments


def check_compared(
    state: Checking, env: Env, written: ast.Expression
) -> tuple[Expression, tuple[Query, ...]]:
    """Check an assert's condition: queries stand for their answers, no variable outside one."""
    state.asked = []
    condition = scalars.check_condition(state, replace(env, in_assert=True), written)
    _need_answers(state, condition, errors.variable_in_assert)
    return condition, tuple(state.asked)


def check_calculated(
    state: Checking, env: Env, written: ast.Expression
) -> tuple[Expression, tuple[Query, ...]]:
    """Check a calculation with answers, of which there is at least one; it is a number, or true.

    Returns:
        The expression, and the queries in it; none where it asks for nothing.
    """
    state.asked = []
    value = scalars.check_scalar(state, replace(env, in_assert=True), written)
    if not any(isinstance(part, QueryValue) for part in walk(value)):
        return value, ()
    _need_answers(state, value, errors.variable_in_calculation)
    if not is_number(type_of(value)):
        found = describe(type_of(value))
        fail(state, forms.type_mismatch(written.span, Form.NUMBER_OF_ANSWERS, found))
    return value, tuple(state.asked)


def _need_answers(
    state: Checking, value: Expression, mistake: Callable[[Span, str], Diagnostic]
) -> None:
    for part in walk(value):
        if isinstance(part, VariableRef | AttributeRef | Activation):
            fail(state, mistake(part.span, show(part)))
