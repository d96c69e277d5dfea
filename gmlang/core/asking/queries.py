"""Queries: the calls of a query statement, alone and in lists."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import NoReturn, cast

from gmlang.core.asking import doing, givens
from gmlang.core.asking.calculations import check_calculated, is_query
from gmlang.core.asking.options import check_options, with_options
from gmlang.core.ast import Activation, Bind, Expression
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.composed import Calculation, ListItem, QueryList
from gmlang.core.expressions import loops, references, scalars
from gmlang.core.names.aliases import spread_query
from gmlang.core.names.scope import DefMeaning, Env
from gmlang.core.program import DoGiven, Query
from gmlang.core.records.covering import existence_of
from gmlang.diagnostics import Span
from gmlang.errors import asking as errors
from gmlang.errors import names as name_errors
from gmlang.errors.acting import doing as doing_errors
from gmlang.syntax import ast


def check_questions(state: Checking, env: Env, query: ast.Query) -> tuple[Query, ...]:
    """Check a query statement: one query for each item."""
    query = spread_query(env.module, query)
    options = attempt(lambda: check_options(state, query.options))
    checked = each(lambda item: _item(state, env, item), query.items)
    if options is None:
        raise PoisonedError
    return tuple(with_options(one, options) for one in checked)


# --- One query ---------------------------------------------------------------------------


def _item(state: Checking, env: Env, item: ast.Expression) -> Query:
    if isinstance(item, ast.Brackets):
        return _bracketed(state, env, item)
    if isinstance(item, ast.Call) and not _calculates(state, env, item):
        return check_call(state, env, item)
    expression, queries = check_calculated(state, env, item)
    if not queries:
        _not_a_query(state, env, item)
    return Calculation(item.span, item.span.text, expression=expression, queries=queries)


def _calculates(state: Checking, env: Env, call: ast.Call) -> bool:
    """Say whether a call that does not ask itself is made of answers: `log(P(a))`, a def's."""
    if is_query(state, call):
        return False
    if isinstance(references.find_dotted(state, env, call.function), DefMeaning):
        return True
    return any(isinstance(e, ast.Call) and is_query(state, e) for e in _inside(call.arguments))


def _inside(node: object, hides: Callable[[object], bool] = lambda _: False) -> Iterator[object]:
    """Give what is written and everything inside it that nothing hides."""
    pending = [node]
    while pending:
        node = pending.pop()
        if hides(node):
            continue
        yield node
        if isinstance(node, tuple):
            pending.extend(cast("tuple[object, ...]", node))
        elif is_dataclass(node) and not isinstance(node, Span | type):
            pending.extend(getattr(node, field.name) for field in fields(node))


def _not_a_query(state: Checking, env: Env, item: ast.Expression) -> NoReturn:
    scalars.check(state, env, item)
    fail(state, errors.not_a_query(item.span, item.span.text))


def check_call(state: Checking, env: Env, call: ast.Call) -> Query:
    """Check one query, such as `P(rain | wet = true)`."""
    function = call.function
    if not isinstance(function, ast.Name) or function.text not in state.query_forms:
        _unknown_query(state, env, call)
    form = state.query_forms[function.text]
    given = attempt(
        lambda: givens.check_givens(state, env, call.given or (), leaves_open=form.leaves_open)
    )
    imagined = attempt(lambda: doing.check_had(state, env, call))
    query = form.check(state, env, call)
    if given is None or imagined is None:
        raise PoisonedError
    if imagined and not query.may_imagine:
        fail(state, doing_errors.only_p_imagines(call.span, function.text))
    if imagined and any(isinstance(one, DoGiven) for one in given):
        fail(state, doing_errors.done_and_imagined(call.span))
    return replace(query, given=given, imagined=imagined)


def _unknown_query(state: Checking, env: Env, call: ast.Call) -> NoReturn:
    function = call.function
    text = function.span.text
    is_new = isinstance(function, ast.Name) and function.text not in env.names
    if is_new and references.find_dotted(state, env, function) is None:
        fail(state, name_errors.unknown_query(function.span, text, [*state.query_forms]))
    _not_a_query(state, env, call)


# --- Lists of queries --------------------------------------------------------------------


def _bracketed(state: Checking, env: Env, brackets: ast.Brackets) -> Query:
    """Check `[P(digit(img, d)) for d in 0..9]`: many things asked at once, or queries in a row."""
    if not brackets.items:
        fail(state, errors.empty_list(brackets.span))
    items = each(lambda item: _listed(state, env, item), brackets.items)
    are_nested = any(isinstance(_body(written), ast.Brackets) for written in brackets.items)
    merged = None if are_nested else _as_one(items)
    span, text = brackets.span, brackets.span.text
    if merged is not None:
        return replace(merged, span=span, text=text)
    return QueryList(span, text, items=items)


def _body(written: ast.Argument) -> ast.Argument:
    return written.body if isinstance(written, ast.Comprehension) else written


def _listed(state: Checking, env: Env, written: ast.Expression | ast.Comprehension) -> ListItem:
    if not isinstance(written, ast.Comprehension):
        return ListItem(_item(state, env, written))
    what = "what is asked for"
    inner, context = loops.comprehension(state, env, written.loops, written.condition, what)
    if isinstance(written.body, ast.Pair):
        fail(state, errors.pair_in_list(written.body.span))
    query = _item(state, inner, written.body)
    names = {name.text for loop in written.loops for name in loop.names}
    places = [(name.span, _stands_for(state, inner, name)) for name in _named(written.body, names)]
    return ListItem(query, context, tuple(places))


def _stands_for(state: Checking, env: Env, name: ast.Name) -> Expression:
    """Return what a loop's variable is; a thing is told by the activation that it exists."""
    thing = references.try_thing(state, env, name)
    if thing is None:
        return references.check_name(state, env, name, None)
    return Activation(name.span, existence_of(thing.entity), (thing,))


def _named(body: ast.Expression, names: set[str]) -> Iterator[ast.Name]:
    """Give the places where loops' variables are named; loops further in hide them."""

    def hides(node: object) -> bool:
        return isinstance(node, ast.Comprehension) and any(
            name.text in names for loop in node.loops for name in loop.names
        )

    for node in _inside(body, hides):
        if isinstance(node, ast.Name) and node.text in names:
            yield node


def _as_one(items: tuple[ListItem, ...]) -> Query | None:
    """Return one query that asks for what all ask for, where all ask alike."""
    first = items[0].query
    for item in items:
        query = item.query
        is_alike = type(query) is type(first) and query.is_listed
        keys = {
            clause.key
            for context in (item.context, *(one.context for one in query.asked))
            for clause in context
            if isinstance(clause, Bind)
        }
        if (
            not is_alike
            or givens.conditions_text(query) != givens.conditions_text(first)
            or givens.mentions_loop(query, keys)
        ):
            return None
    asked = tuple(
        replace(one, context=item.context + one.context)
        for item in items
        for one in item.query.asked
    )
    return replace(first, asked=asked)
