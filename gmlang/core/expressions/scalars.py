"""What all checks of expressions share: a single value, a condition, a number, known or not.

How an expression of any form is checked is `gmlang.core.expressions.forms`, which imports
everything that checks a form; forms reach it through the state of the check.
"""

from gmlang.core.ast import (
    Array,
    AttributeRef,
    Bool,
    Constant,
    Dist,
    Domain,
    Expression,
    Integer,
    IntRange,
    Real,
    Type,
)
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions.operators import fit, is_number, need_bool, need_integer, need_known
from gmlang.core.expressions.sharing import argument_of
from gmlang.core.names.scope import DefMeaning, Env, enums_with
from gmlang.core.print import describe, show_element
from gmlang.core.walk import is_random, parts, type_of
from gmlang.errors import asking, forms
from gmlang.errors import names as name_errors
from gmlang.errors import shapes as shape_errors
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast


def check(
    state: Checking, env: Env, expression: ast.Argument, expected: Type | None = None
) -> Expression:
    """Check an expression of any form; see `gmlang.core.expressions.forms.check`."""
    return state.check(state, env, expression, expected)


def check_scalar(
    state: Checking, env: Env, expression: ast.Expression, expected: Type | None = None
) -> Expression:
    """Check an expression that is a single value."""
    return need_scalar(state, check(state, env, expression, expected))


def need_scalar(state: Checking, checked: Expression) -> Expression:
    """Check that an expression is one value, neither an array nor a distribution."""
    type_ = type_of(checked)
    if isinstance(type_, Array):
        element = show_element(checked) if isinstance(checked, AttributeRef) else ""
        fail(
            state,
            shape_errors.array_for_element(checked.span, checked.span.text, type_.rank, element),
        )
    if isinstance(type_, Dist):
        fail(state, forms.type_mismatch(checked.span, Form.VALUE, Form.DISTRIBUTION))
    return checked


def need_random(state: Checking, checked: Expression) -> Expression:
    """Check that an expression depends on a variable: nothing else has a distribution."""
    if not is_random(checked):
        fail(state, asking.depends_on_nothing(checked.span, checked.span.text))
    return checked


def need_one_array(state: Checking, checked: Expression) -> Expression:
    """Check that an array asked about or observed is the same one in every state."""
    if isinstance(type_of(checked), Array) and any(is_random(part) for part in parts(checked)):
        need_scalar(state, checked)
    return checked


def fit_here(
    state: Checking, env: Env, value: Expression, domain: Domain | Integer | Real
) -> Expression:
    """Check that a value can belong to a domain; behind a guard, grounding judges constants."""
    if env.is_guarded and isinstance(value, Constant) and isinstance(domain, IntRange):
        return need_integer(state, value, describe(domain))
    return fit(state, value, domain)


def check_condition(state: Checking, env: Env, expression: ast.Expression) -> Expression:
    """Check an expression that is true or false."""
    return need_bool(state, check_scalar(state, env, expression, Bool()))


def check_known(
    state: Checking, env: Env, expression: ast.Expression, what: str, expected: Type | None = None
) -> Expression:
    """Check a single value that mentions no random variable."""
    checked = check_scalar(state, env, expression, expected)
    return need_known(state, checked, what)


def check_number(state: Checking, env: Env, expression: ast.Expression) -> Expression:
    """Check an expression that is a single number."""
    checked = check_scalar(state, env, expression)
    if not is_number(type_of(checked)):
        found = describe(type_of(checked))
        fail(state, forms.type_mismatch(checked.span, Form.NUMBER, found))
    return checked


def check_pair(
    state: Checking, env: Env, left: ast.Expression, right: ast.Expression
) -> tuple[Expression, Expression]:
    """Check the two sides of a comparison; the type of one decides what names mean in the other."""
    if _may_be_value(env, left) and not _may_be_value(env, right):
        second = check_scalar(state, env, right)
        return check_scalar(state, env, left, type_of(second)), second
    first = check_scalar(state, env, left)
    return first, check_scalar(state, env, right, type_of(first))


def _may_be_value(env: Env, expression: ast.Expression) -> bool:
    match expression:
        case ast.Name(text=text):
            return text not in env.names and bool(enums_with(env.module, text))
        case ast.Conditional(then=then, otherwise=otherwise):
            return _may_be_value(env, then) and _may_be_value(env, otherwise)
        case _:
            return False


def plain_arguments(state: Checking, call: ast.Call) -> tuple[ast.Expression, ...]:
    """Return the arguments of a call that takes only plain ones."""

    def plain(argument: ast.Argument) -> ast.Expression:
        match argument:
            case ast.Equation(left=left):
                name = left.span.text
                function = call.function.span.text
                fail(state, name_errors.unknown_argument(argument.span, function, name, []))
            case ast.Pair() | ast.Comprehension():
                found = Form.PAIR if isinstance(argument, ast.Pair) else Form.COMPREHENSION
                fail(state, forms.type_mismatch(argument.span, Form.ONE_ARGUMENT, found))
            case _:
                return argument

    if call.given is not None or call.had is not None:
        fail(state, asking.takes_no_givens(call.span, call.function.span.text))
    return each(plain, call.arguments)


def inline(
    state: Checking, env: Env, call: ast.Call, meaning: DefMeaning
) -> tuple[ast.Expression, Env]:
    """Return a def's body and the surroundings in which it means its value at this call."""
    declaration = meaning.declaration
    pairs = arguments_of(state, call, meaning)
    names = {parameter: argument_of(env, argument) for parameter, argument in pairs}
    inner = Env(meaning.module, names, env.in_assert, None, env.model, env.is_guarded)
    return declaration.body, inner


def arguments_of(
    state: Checking, call: ast.Call, meaning: DefMeaning
) -> list[tuple[str, ast.Expression]]:
    """Pair the names of a def's parameters with the arguments of a call."""
    arguments, parameters = plain_arguments(state, call), meaning.declaration.parameters
    if len(arguments) != len(parameters):
        name = meaning.declaration.name.text
        names = [parameter.text for parameter in parameters]
        fail(state, errors.wrong_arguments(call.span, name, names, len(arguments)))
    return [(p.text, argument) for p, argument in zip(parameters, arguments, strict=True)]
