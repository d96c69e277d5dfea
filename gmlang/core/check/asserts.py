"""Asserts, and the queries whose answers they compare."""

from dataclasses import replace

from gmlang.core.ast import Activation, AttributeRef, QueryValue, VariableRef
from gmlang.core.check.options import check_options, with_options
from gmlang.core.check.queries import check_call
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import scalars
from gmlang.core.expressions.aggregates import OPERATORS
from gmlang.core.names.scope import Env
from gmlang.core.print import show
from gmlang.core.program import Assert
from gmlang.core.walk import walk
from gmlang.errors import types as errors
from gmlang.syntax import ast


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
    options = replace(options, name="")
    queries = tuple(with_options(query, options) for query in state.asked)
    return Assert(statement.span, statement.condition.span.text, condition, queries)


def is_query(state: Checking, call: ast.Call) -> bool:
    """Say whether a call in an assert is a query; `count(...)` of conditions is not."""
    if not isinstance(call.function, ast.Name) or call.function.text not in state.query_forms:
        return False
    return call.function.text not in OPERATORS or not call.arguments


def check_query_value(state: Checking, env: Env, call: ast.Call) -> QueryValue:
    """Check a query that stands for its answer, a number."""
    found = check_call(state, replace(env, in_assert=False), call).as_number()
    if found is None:
        text = call.span.text
        reason = f"the answer of `{text}` is not a single number"
        fail(state, errors.bad_query(call.span, reason, "ask for an event: `P(x = value)`"))
    query, type_ = found
    state.asked.append(query)
    return QueryValue(call.span, len(state.asked) - 1, type_)
