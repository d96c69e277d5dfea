"""Asserts, and the queries whose answers they compare."""

from dataclasses import replace

from gmlang.core.asking.calculations import check_compared
from gmlang.core.asking.options import check_options, with_options
from gmlang.core.asking.queries import check_call
from gmlang.core.ast import QueryValue
from gmlang.core.checking import Checking, fail
from gmlang.core.names.scope import Env
from gmlang.core.program import Assert
from gmlang.errors import asking as errors
from gmlang.syntax import ast


def check_assert(state: Checking, env: Env, statement: ast.Assert) -> Assert:
    """Check an assert: queries stand for their answers, and no variable stands outside one."""
    options = check_options(state, statement.options)
    condition, asked = check_compared(state, env, statement.condition)
    options = replace(options, name="")
    queries = tuple(with_options(query, options) for query in asked)
    return Assert(statement.span, statement.condition.span.text, condition, queries)


def check_query_value(state: Checking, env: Env, call: ast.Call) -> QueryValue:
    """Check a query that stands for its answer, a number."""
    found = check_call(state, replace(env, in_assert=False), call).as_number()
    if found is None:
        fail(state, errors.answer_is_no_number(call.span, call.span.text))
    query, type_ = found
    state.asked.append(query)
    return QueryValue(call.span, len(state.asked) - 1, type_)
