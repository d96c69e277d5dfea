"""Which domain an expression stands for."""

from gmlang.core.ast import Bool, Constant, Domain, Enum, Expression, IntRange
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import loops, references
from gmlang.core.names.modules import REAL_NAMES
from gmlang.core.names.scope import DomainMeaning, EntityMeaning, Env, visible_names
from gmlang.core.places import forms as places
from gmlang.errors import declarations as declaration_errors
from gmlang.errors import later
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast

INTEGER_NAMES = ("int", "integer")


def check_domain(state: Checking, env: Env, written: ast.Expression, name: str = "") -> Domain:
    """Check an expression that stands for a domain."""
    span = written.span
    match written:
        case ast.Name(text="bool"):
            return Bool()
        case ast.Name(text=text) if text in REAL_NAMES:
            fail(state, later.real_domain(span))
        case ast.Name(text=text) if text in INTEGER_NAMES:
            fail(state, declaration_errors.endless_domain(span, text))
        case ast.Call(function=ast.Name(text=text)) if text in REAL_NAMES:
            fail(state, later.real_domain(span))
        case ast.Range():
            first, last = loops.range_ends(state, env, written, "a domain's end")
            if _is_empty(first, last):
                fail(state, declaration_errors.empty_domain(span, span.text))
            return IntRange(first, last, name)
        case ast.Call() if places.is_grid(written):
            return places.check_grid(state, env, written, name)
        case ast.Braces():
            return _enum(state, written, name)
        case ast.Name() | ast.Attribute():
            return _named_domain(state, env, written)
        case _:
            fail(state, declaration_errors.not_a_domain(span, span.text))


def _is_empty(first: Expression, last: Expression) -> bool:
    match first, last:
        case Constant(value=low), Constant(value=high):
            return high < low
        case _:
            return False


def _enum(state: Checking, braces: ast.Braces, name: str) -> Enum:
    values: list[str] = []
    places: dict[str, ast.Name] = {}
    for item in braces.items:
        if not isinstance(item, ast.Name):
            is_pair = isinstance(item, ast.Pair)
            if is_pair:
                fail(state, declaration_errors.not_a_domain(item.span, item.span.text))
            told = declaration_errors.not_a_name(item.span, item.span.text, _whole_numbers(braces))
            fail(state, told)
        if item.text in places:
            first = places[item.text].span
            fail(state, errors.value_named_twice(item.span, item.text, first))
        places[item.text] = item
        values.append(item.text)
    return Enum(name, tuple(values))


def _whole_numbers(braces: ast.Braces) -> list[int]:
    """Return the numbers of a set of them; none where something else is among them."""
    values = [item.value for item in braces.items if isinstance(item, ast.Number)]
    whole = [value for value in values if isinstance(value, int)]
    return whole if len(whole) == len(braces.items) else []


def _named_domain(state: Checking, env: Env, written: ast.Name | ast.Attribute) -> Domain:
    text = written.span.text
    match references.find_dotted(state, env, written):
        case DomainMeaning(domain=domain):
            return domain
        case None if isinstance(written, ast.Name):
            known = {*visible_names(env), "bool", "real", "int"}
            fail(state, name_errors.unknown_name(written.span, text, known))
        case EntityMeaning():
            fail(state, name_errors.wrong_kind(written.span, text, Form.ENTITY, Form.DOMAIN))
        case _:
            fail(state, declaration_errors.not_a_domain(written.span, text))


# --- Shapes ------------------------------------------------------------------------------
