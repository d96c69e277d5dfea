"""Choices, what they may depend on, and what they are for."""

from dataclasses import replace

from gmlang.core.asking.additive import additive_parts
from gmlang.core.ast import (
    Apply,
    AttributeRef,
    Bool,
    Constant,
    Expression,
    Integer,
    VariableRef,
)
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import loops, scalars
from gmlang.core.expressions.operators import join, need_number
from gmlang.core.names.scope import Env
from gmlang.core.records.decisions import Known, Knows, Maximize
from gmlang.core.walk import is_real_reference, type_of
from gmlang.errors import decisions as errors
from gmlang.syntax import ast


def is_choice(state: Checking, name: str) -> bool:
    """Say whether a variable of the core program is chosen."""
    return any(one.name == name and one.is_choice for one in state.variables)


def check_choice(state: Checking, env: Env, written: ast.Expression) -> VariableRef:
    """Check what names a choice, an element of one, or all of them."""
    checked = scalars.check(state, env, written)
    if not isinstance(checked, VariableRef) or not is_choice(state, checked.name):
        fail(state, errors.no_choice(written.span, written.span.text))
    return checked


def check_knows(state: Checking, env: Env, statement: ast.Knows) -> Knows:
    """Check `a knows x, y`; all elements of an array of choices know the same."""
    target = check_choice(state, env, statement.target)
    element, clauses = loops.over_axes(state, target)
    assert isinstance(element, VariableRef)
    known = each(lambda item: check_known(state, env, item), statement.known)
    return Knows(statement.span, clauses, element, known)


def check_known(state: Checking, env: Env, item: ast.Argument) -> Known:
    """Check one thing that a choice may depend on."""
    if isinstance(item, ast.Comprehension):
        what = "what is known"
        inner, context = loops.comprehension(state, env, item.loops, item.condition, what)
        found = check_known(state, inner, item.body)
        return replace(found, context=context + found.context)
    if isinstance(item, ast.Equation | ast.Pair):
        fail(state, errors.not_knowable(item.span, item.span.text))
    checked = scalars.check(state, env, item)
    is_variable = isinstance(checked, VariableRef | AttributeRef)
    if not is_variable or is_real_reference(checked):
        fail(state, errors.not_knowable(item.span, item.span.text))
    scalars.need_one_array(state, checked)
    return Known(item.span, (), checked)


def check_maximize(state: Checking, env: Env, statement: ast.Maximize) -> list[Maximize]:
    """Check `maximize e`, and take it apart into what adds up; a condition counts 0 or 1."""
    checked = scalars.check_scalar(state, env, statement.value)
    if not isinstance(type_of(checked), Bool):
        need_number(state, checked, "maximize")
    name = "" if statement.label is None else statement.label.text
    return [
        Maximize(
            statement.span, part.context, _as_number(state, part.value), part.coefficient, name
        )
        for part in additive_parts(checked)
    ]


def _as_number(state: Checking, value: Expression | None) -> Expression | None:
    if value is None or not isinstance(type_of(value), Bool):
        return value
    one, zero = Constant(value.span, 1, Integer()), Constant(value.span, 0, Integer())
    return Apply(value.span, "if", (value, one, zero), join(state, one, zero))


def product(part: Maximize) -> Expression:
    """Return what a part adds to the utility."""
    if part.value is None:
        return part.coefficient
    if part.coefficient == Constant(part.coefficient.span, 1, Integer()):
        return part.value
    type_ = type_of(part.coefficient)
    type_ = type_of(part.value) if isinstance(type_, Integer) else type_
    return Apply(part.span, "*", (part.coefficient, part.value), type_)
