"""Asserts, and the queries whose answers they compare."""

from dataclasses import replace

from gmlang.core.ast import (
    Activation,
    Array,
    AttributeRef,
    Bool,
    Integer,
    QueryValue,
    Real,
    Type,
    VariableRef,
)
from gmlang.core.check.options import check_options
from gmlang.core.check.queries import KINDS, check_call
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import scalars
from gmlang.core.names.scope import Env
from gmlang.core.print import show
from gmlang.core.program import Assert, Query
from gmlang.core.walk import type_of, walk
from gmlang.errors import types as errors
from gmlang.syntax import ast

NUMBER_KINDS = ("event", "logz", "compat", "count", "indep", "map")
"""Kinds whose answer can be a number, and so stand in an assert."""


def check_assert(state: Checking, env: Env, statement: ast.Assert) -> Assert:
    """Check an assert: queries stand for their answers, and no variable stands outside one."""
    options = check_options(state, statement.options)
    surroundings = replace(env, in_assert=True)
    state.asked = []
    condition = scalars.check_condition(state, surroundings, statement.condition)
    for part in walk(condition):
        if isinstance(part, VariableRef | AttributeRef | Activation):
            text = show(part)
            reason = f"an assert compares answers; `{text}` is a variable"
            fail(state, errors.bad_query(part.span, reason, f"ask for it: `P({text} = ...)`"))
    queries = tuple(
        replace(
            query,
            within_s=options.within_s,
            method=options.method,
            method_options=options.method_options,
        )
        for query in state.asked
    )
    return Assert(statement.span, statement.condition.span.text, condition, queries)


def is_query(call: ast.Call) -> bool:
    """Say whether a call in an assert is a query; `count(...)` of conditions is not."""
    if not isinstance(call.function, ast.Name) or call.function.text not in KINDS:
        return False
    return call.function.text != "count" or not call.arguments


def check_query_value(state: Checking, env: Env, call: ast.Call) -> QueryValue:
    """Check a query that stands for its answer, a number."""
    query = check_call(state, replace(env, in_assert=False), call)
    is_lone = query.kind == "marginal" and len(query.asked) == 1
    if is_lone and isinstance(type_of(query.asked[0].value), Bool):
        query = replace(query, kind="event")
    is_single = query.kind != "map" or (
        len(query.asked) == 1 and not isinstance(type_of(query.asked[0].value), Array)
    )
    if query.kind not in NUMBER_KINDS or not is_single:
        text = call.span.text
        reason = f"the answer of `{text}` is not a single number"
        fail(state, errors.bad_query(call.span, reason, "ask for an event: `P(x = value)`"))
    state.asked.append(query)
    return QueryValue(call.span, len(state.asked) - 1, _answer_type(query))


def _answer_type(query: Query) -> Type:
    match query.kind:
        case "map":
            return type_of(query.asked[0].value)
        case "indep":
            return Bool()
        case "count":
            return Integer()
        case _:
            return Real()
