"""Queries: the calls of a query statement, alone and in lists."""

from dataclasses import replace
from typing import NoReturn

from gmlang.core.ast import Bind
from gmlang.core.check import givens
from gmlang.core.check.options import check_options, with_options
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import loops, references, scalars
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.errors import later
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.syntax import ast


def check_questions(state: Checking, env: Env, query: ast.Query) -> tuple[Query, ...]:
    """Check a query statement: one query for each item."""
    options = attempt(lambda: check_options(state, query.options))
    checked = each(lambda item: _item(state, env, item), query.items)
    if options is None:
        raise PoisonedError
    return tuple(with_options(one, options) for one in checked)


# --- One query ---------------------------------------------------------------------------


def _item(state: Checking, env: Env, item: ast.Expression) -> Query:
    match item:
        case ast.Call():
            return check_call(state, env, item)
        case ast.Brackets():
            return _bracketed(state, env, item)
        case _:
            _not_a_query(state, env, item)


def _not_a_query(state: Checking, env: Env, item: ast.Expression) -> NoReturn:
    scalars.check(state, env, item)
    text = item.span.text
    fail(state, errors.bad_query(item.span, f"`{text}` is not a query", f"ask `P({text})`"))


def check_call(state: Checking, env: Env, call: ast.Call) -> Query:
    """Check one query, such as `P(rain | wet = true)`."""
    function = call.function
    if not isinstance(function, ast.Name) or function.text not in state.query_forms:
        _unknown_query(state, env, call)
    if call.had is not None:
        fail(state, later.not_yet(call.span, "counterfactuals, `had`"))
    form = state.query_forms[function.text]
    given = attempt(
        lambda: givens.check_givens(state, env, call.given or (), leaves_open=form.leaves_open)
    )
    query = form.check(state, env, call)
    if given is None:
        raise PoisonedError
    return replace(query, given=given)


def _unknown_query(state: Checking, env: Env, call: ast.Call) -> NoReturn:
    function = call.function
    text = function.span.text
    is_new = isinstance(function, ast.Name) and function.text not in env.names
    if is_new and references.find_dotted(state, env, function) is None:
        fail(state, name_errors.unknown_query(function.span, text, [*state.query_forms]))
    _not_a_query(state, env, call)


# --- Lists of queries --------------------------------------------------------------------


def _bracketed(state: Checking, env: Env, brackets: ast.Brackets) -> Query:
    """Check `[P(digit(img, d)) for d in 0..9]`: one query with many things asked."""

    def item(written: ast.Expression | ast.Comprehension) -> Query:
        if not isinstance(written, ast.Comprehension):
            return _item(state, env, written)
        inner, context = loops.comprehension(
            state, env, written.loops, written.condition, "what is asked for"
        )
        if isinstance(written.body, ast.Pair):
            fail(state, errors.bad_query(written.body.span, "a list holds queries"))
        query = _item(state, inner, written.body)
        asked = tuple(replace(one, context=context + one.context) for one in query.asked)
        return replace(query, asked=asked)

    queries = each(item, brackets.items)
    if not queries:
        fail(state, errors.bad_query(brackets.span, "an empty list asks for nothing"))
    first = queries[0]
    keys = {
        binding.key
        for q in queries
        for one in q.asked
        for binding in one.context
        if isinstance(binding, Bind)
    }
    for query in queries:
        is_alike = type(query) is type(first) and query.is_listed
        if (
            not is_alike
            or givens.conditions_text(query) != givens.conditions_text(first)
            or givens.mentions_loop(query, keys)
        ):
            reason = "the items of a list ask for probabilities under the same conditions"
            fail(state, errors.bad_query(query.span, reason, "write them as queries of their own"))
    asked = tuple(one for query in queries for one in query.asked)
    text = brackets.span.text
    return replace(first, span=brackets.span, text=text, asked=asked)
