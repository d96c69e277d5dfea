"""Queries: what is asked of what."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bind,
    Bool,
    Constant,
    Expression,
    VariableRef,
)
from gmlang.core.check import givens, models
from gmlang.core.check.options import check_options
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import loops, references, scalars
from gmlang.core.expressions.operators import all_of, element_of, need_integer, need_known
from gmlang.core.names.scope import Env
from gmlang.core.print import describe, show_type
from gmlang.core.program import Asked, ModelCall, Query
from gmlang.core.walk import type_of
from gmlang.errors import later
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.syntax import ast

KINDS = {
    "P": "marginal",
    "MAP": "map",
    "MMAP": "mmap",
    "best": "best",
    "sample": "sample",
    "count": "count",
    "logZ": "logz",
    "compat": "compat",
    "blame": "blame",
    "why": "why",
    "active": "active",
    "indep": "indep",
}
"""The kind of each query word; P may also be joint or event."""


def check_questions(state: Checking, env: Env, query: ast.Query) -> tuple[Query, ...]:
    """Check a query statement: one query for each item."""
    options = attempt(lambda: check_options(state, query.options))
    checked = each(lambda item: _item(state, env, item), query.items)
    if options is None:
        raise PoisonedError
    return tuple(
        replace(
            one,
            within_s=options.within_s,
            method=options.method,
            method_options=options.method_options,
            name=options.name,
        )
        for one in checked
    )


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
    if not isinstance(function, ast.Name) or function.text not in KINDS:
        _unknown_query(state, env, call)
    if call.had is not None:
        fail(state, later.not_yet(call.span, "counterfactuals, `had`"))
    kind = KINDS[function.text]
    given = attempt(lambda: givens.check_givens(state, env, call.given or (), kind))
    query = _asked(state, env, call, kind)
    if given is None:
        raise PoisonedError
    return replace(query, given=given)


def _unknown_query(state: Checking, env: Env, call: ast.Call) -> NoReturn:
    function = call.function
    text = function.span.text
    is_new = isinstance(function, ast.Name) and function.text not in env.names
    if is_new and references.find_dotted(state, env, function) is None:
        fail(state, name_errors.unknown_query(function.span, text, [*KINDS]))
    _not_a_query(state, env, call)


def _asked(state: Checking, env: Env, call: ast.Call, kind: str) -> Query:
    empty = Query(call.span, call.span.text, kind, (), ())
    arguments = call.arguments
    match kind:
        case "marginal":
            return _probability(state, env, empty, arguments)
        case "map":
            return replace(empty, asked=_references(state, env, arguments))
        case "mmap":
            _need_some(state, call, arguments)
            return replace(empty, asked=_references(state, env, arguments))
        case "best" | "sample":
            number = _number(state, env, call)
            return replace(empty, number=number, asked=_references(state, env, arguments[1:]))
        case "count" | "logz":
            if arguments:
                fail(
                    state,
                    errors.wrong_number_of_arguments(
                        call.span, call.function.span.text, "none", len(arguments)
                    ),
                )
            return empty
        case "compat" | "blame":
            _need_count(state, call, 2, "two models")
            calls = each(lambda a: _model_call(state, env, a), arguments)
            return replace(empty, models=calls)
        case "active":
            _need_count(state, call, 1, "one thing")
            thing = references.check_thing(state, env, _plain(state, arguments[0]))
            return replace(empty, thing=models.need_one_thing(state, thing))
        case "why":
            _need_count(state, call, 1, "one variable or event")
            return replace(empty, asked=(_why(state, env, arguments[0]),))
        case _:
            _need_count(state, call, 2, "two variables")
            return replace(empty, asked=_references(state, env, arguments))


def _plain(state: Checking, argument: ast.Argument) -> ast.Expression:
    if isinstance(argument, ast.Equation | ast.Pair | ast.Comprehension):
        fail(state, errors.bad_query(argument.span, "one expression is needed here"))
    return argument


def _need_count(state: Checking, call: ast.Call, count: int, takes: str) -> None:
    if len(call.arguments) != count:
        text = call.function.span.text
        fail(
            state,
            errors.wrong_number_of_arguments(call.span, text, takes, len(call.arguments)),
        )


def _need_some(state: Checking, call: ast.Call, arguments: Sequence[ast.Argument]) -> None:
    if not arguments:
        text = call.function.span.text
        hint = "name the variables to maximise over; `MAP()` is over all"
        fail(state, errors.bad_query(call.span, f"`{text}` needs variables", hint))


def _number(state: Checking, env: Env, call: ast.Call) -> Expression:
    name = call.function.span.text
    if not call.arguments:
        reason = f"`{name}` needs to know how many"
        fail(state, errors.bad_query(call.span, reason, f"write `{name}(5, ...)`"))
    written = _plain(state, call.arguments[0])
    checked = scalars.check_scalar(state, env, written)
    if isinstance(checked, VariableRef | AttributeRef | Activation):
        reason = f"`{name}` needs to know how many"
        text = written.span.text
        fail(state, errors.bad_query(written.span, reason, f"write `{name}(5, {text})`"))
    need_known(state, checked, "how many are asked for")
    need_integer(state, checked, "how many, an integer,")
    if isinstance(checked, Constant) and checked.value < 1:
        fail(state, errors.bad_query(written.span, f"`{name}` gives at least 1"))
    return checked


def _probability(
    state: Checking, env: Env, empty: Query, arguments: Sequence[ast.Argument]
) -> Query:
    """Check what `P` asks for: distributions, or the probability of an event."""
    if not arguments:
        fail(state, errors.bad_query(empty.span, "`P()` asks for nothing", "name a variable"))
    groups = each(lambda argument: _asked_argument(state, env, argument), arguments)
    asked = tuple(one for group in groups for one in group)
    are_events = [not givens.is_reference(one.value) for one in asked]
    if not any(are_events):
        is_joint = len(arguments) > 1
        return replace(empty, kind="joint" if is_joint else "marginal", asked=asked)
    if len(asked) == 1 or any(one.context for one in asked):
        return replace(empty, kind="event", asked=asked)
    for one, is_event in zip(asked, are_events, strict=True):
        if not is_event and not isinstance(type_of(one.value), Bool):
            reason = "this asks for an event and a distribution at once"
            fail(state, errors.bad_query(one.span, reason, "ask two queries"))
    whole = all_of(empty.span, tuple(one.value for one in asked))
    return replace(empty, kind="event", asked=(Asked(empty.span, whole),))


def _asked_argument(state: Checking, env: Env, argument: ast.Argument) -> tuple[Asked, ...]:
    match argument:
        case ast.Equation():
            return (Asked(argument.span, givens.equation(state, env, argument)),)
        case ast.Comprehension(loops=written, condition=condition, body=body):
            if isinstance(body, ast.Pair):
                fail(state, errors.bad_query(body.span, "one expression is needed here"))
            inner, context = loops.comprehension(
                state, env, written, condition, "what is asked for"
            )
            inside = _asked_argument(state, inner, body)
            return tuple(replace(one, context=context + one.context) for one in inside)
        case ast.Pair():
            fail(state, errors.bad_query(argument.span, "one expression is needed here"))
        case ast.Brackets(items=items):
            groups = each(lambda item: _asked_argument(state, env, item), items)
            return tuple(one for group in groups for one in group)
        case ast.Is():
            activations = models.check_is(state, env, argument)
            event = Apply(argument.span, "and", activations, Bool())
            return (Asked(argument.span, event),)
        case _:
            return (Asked(argument.span, _reference_or_event(state, env, argument)),)


def _reference_or_event(state: Checking, env: Env, written: ast.Expression) -> Expression:
    checked = scalars.check(state, env, written)
    if givens.is_reference(checked):
        return scalars.need_one_array(state, checked)
    if isinstance(type_of(checked), Bool):
        return checked
    if isinstance(checked, Constant) and isinstance(written, ast.Name):
        needed = "a variable or an event"
        found = f"a value of {show_type(checked.type)}"
        fail(state, errors.type_mismatch(written.span, needed, found, "write `x = value`"))
    found = describe(type_of(checked))
    hint = "compare it: `P(... == value)`"
    fail(state, errors.type_mismatch(written.span, "a variable or an event", found, hint))


def _references(state: Checking, env: Env, arguments: Sequence[ast.Argument]) -> tuple[Asked, ...]:
    def references_of(argument: ast.Argument) -> tuple[Asked, ...]:
        asked = _asked_argument(state, env, argument)
        for one in asked:
            if not givens.is_reference(one.value):
                hint = "an event is a condition: put it behind `|`"
                text = one.span.text
                fail(state, errors.not_a_variable(one.span, text, "this query needs", hint))
        return asked

    groups = each(references_of, arguments)
    return tuple(one for group in groups for one in group)


def _why(state: Checking, env: Env, argument: ast.Argument) -> Asked:
    (asked,) = _asked_argument(state, env, argument)[:1]
    value = asked.value
    if isinstance(element_of(type_of(value)), Bool) and isinstance(type_of(value), Array):
        scalars.need_scalar(state, value)
    return asked


def _model_call(state: Checking, env: Env, argument: ast.Argument) -> ModelCall:
    """Check a model named in compat or blame: `purple`, `digit(7)`, `purple jar`."""
    written = _plain(state, argument)
    parts = models.flat_parts((written,))

    def part(expression: ast.Expression) -> tuple[str, tuple[Expression, ...]]:
        function = expression.function if isinstance(expression, ast.Call) else expression
        model = models.find_model(state, env, function)
        _, bound = models.open_part(state, env, expression)
        values = tuple(value for value in bound if isinstance(value, Expression))
        if len(values) < len(bound):
            given = ", ".join(value.span.text for value in values)
            text = function.span.text
            hint = f"name the model alone: `{text}({given})`" if given else f"write `{text}`"
            reason = "models are compared on things of their own; only values are given here"
            fail(state, errors.bad_query(expression.span, reason, hint))
        return model.name, values

    checked = each(part, parts)
    return ModelCall(
        written.span, tuple(name for name, _ in checked), tuple(values for _, values in checked)
    )


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
        is_alike = query.kind == first.kind and query.kind in ("marginal", "event")
        if (
            not is_alike
            or givens.conditions_text(query) != givens.conditions_text(first)
            or givens.mentions_loop(query, keys)
        ):
            reason = "the items of a list ask for probabilities under the same conditions"
            fail(state, errors.bad_query(query.span, reason, "write them as queries of their own"))
    asked = tuple(one for query in queries for one in query.asked)
    text = brackets.span.text
    return replace(first, span=brackets.span, text=text, asked=asked, in_brackets=True)
