"""The types of params that can be learned, their priors, and tables of cases."""

from gmlang.core.ast import Expression
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import is_number, need_known
from gmlang.core.names.modules import outside_names
from gmlang.core.names.scope import Entry, Env, RowsMeaning
from gmlang.core.parameters import (
    PARAMETER_WORDS,
    PRIORS,
    ROWS_WORD,
    Parameter,
    ParameterKind,
    Prior,
    RowsSymbol,
)
from gmlang.core.print import describe
from gmlang.core.walk import type_of
from gmlang.errors import forms
from gmlang.errors import types as type_errors
from gmlang.errors.forms import Form
from gmlang.errors.learning import written as errors
from gmlang.syntax import ast


def _word(env: Env, type_: ast.Expression | None) -> str:
    """Return the word that a type is, unless the module declares something of that name."""
    if not isinstance(type_, ast.Name) or type_.text in env.module.entries:
        return ""
    return type_.text


def kind_of(
    state: Checking, env: Env, declaration: ast.DataDeclaration | ast.ParamDeclaration
) -> ParameterKind | None:
    """Return what a param may be, as its type says; None for data and constants."""
    word = _word(env, declaration.type)
    is_param = isinstance(declaration, ast.ParamDeclaration)
    if word in PARAMETER_WORDS:
        span = declaration.span
        if not is_param:
            name = declaration.name.text
            fail(state, errors.data_of_a_param_type(span, word, name))
        return ParameterKind(word)
    if word == ROWS_WORD and is_param:
        fail(state, errors.param_of_rows(declaration.span, declaration.name.text))
    return ParameterKind.REAL if word in ("real", "float") and is_param else None


def check_parameter(
    state: Checking, env: Env, declaration: ast.ParamDeclaration, kind: ParameterKind | None
) -> Parameter | None:
    """Check a param's prior; None where the param is a constant."""
    written = declaration.prior
    if kind is None:
        if written is not None:
            fail(state, errors.a_constant(declaration.span, declaration.name.text))
        return None
    if kind is ParameterKind.SIMPLEX and not declaration.shape and declaration.value is None:
        fail(state, errors.simplex_without_axis(declaration.span, declaration.name.text))
    return Parameter(kind, None if written is None else _prior(state, env, written, kind))


def _prior(state: Checking, env: Env, written: ast.Expression, kind: ParameterKind) -> Prior:
    family = next(name for name, (fits, _) in PRIORS.items() if fits is kind)
    parameters = PRIORS[family][1]
    form = f"{family}({', '.join(parameters)})"
    if not isinstance(written, ast.Call) or written.function.span.text != family:
        fail(state, errors.bad_prior(written.span, written.span.text, kind.value, form))
    given = scalars.plain_arguments(state, written)
    if len(given) != len(parameters):
        fail(state, type_errors.wrong_arguments(written.span, family, parameters, len(given)))
    is_row = kind is ParameterKind.SIMPLEX

    def argument(one: ast.Expression) -> Expression | tuple[Expression, ...]:
        if is_row and isinstance(one, ast.Brackets):
            return each(lambda item: _number(state, env, item), one.items)
        return _number(state, env, one)

    return Prior(written.span, family, each(argument, given))


def _number(state: Checking, env: Env, written: ast.Expression | ast.Comprehension) -> Expression:
    if isinstance(written, ast.Comprehension):
        fail(state, forms.type_mismatch(written.span, Form.NUMBER, Form.COMPREHENSION))
    checked = scalars.check_scalar(state, env, written)
    if not is_number(type_of(checked)):
        fail(state, forms.type_mismatch(written.span, Form.NUMBER, describe(type_of(checked))))
    return need_known(state, checked, "a number of a prior")


def is_rows(env: Env, declaration: ast.DataDeclaration) -> bool:
    """Say whether data is a table of cases."""
    return _word(env, declaration.type) == ROWS_WORD


def check_rows(state: Checking, entry: Entry, declaration: ast.DataDeclaration) -> RowsMeaning:
    """Check `data patients : rows`: it has neither axes nor a value of its own."""
    if declaration.shape:
        fail(state, errors.rows_with_axes(declaration.span, entry.name))
    if declaration.value is not None:
        fail(state, errors.rows_with_value(declaration.span, entry.name))
    symbol = RowsSymbol(declaration.span, entry.core_name, outside_names(state, entry))
    state.rows.append(symbol)
    return RowsMeaning(symbol)
