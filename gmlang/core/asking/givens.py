"""What stands behind the bar of a query: observations and events."""

from collections.abc import Sequence
from dataclasses import replace

from gmlang.core.asking import doing
from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Constant,
    Domain,
    Expression,
    Local,
    VariableRef,
)
from gmlang.core.check import members, models
from gmlang.core.check.evidence import observed_value
from gmlang.core.check.listed_arrays import check_listed, listed_event
from gmlang.core.check.reals import check_seen
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import aggregates, references, scalars
from gmlang.core.expressions.operators import all_of, comparison, fit, need_bool, need_known
from gmlang.core.names.scope import Env
from gmlang.core.print import show
from gmlang.core.program import (
    DoGiven,
    EventGiven,
    FollowGiven,
    Given,
    ObservedGiven,
    Query,
    VariableGiven,
)
from gmlang.core.records.decisions import FOLLOW
from gmlang.core.walk import is_random, is_real_reference, walk
from gmlang.errors import asking
from gmlang.errors import probabilities as reals
from gmlang.syntax import ast


def check_givens(
    state: Checking,
    env: Env,
    written: Sequence[ast.Expression | ast.Equation | ast.Comprehension],
    *,
    leaves_open: bool,
) -> tuple[Given, ...]:
    """Check the conditions of a query; a bare variable may be left open."""
    groups = each(lambda item: _given(state, env, item, leaves_open=leaves_open), written)
    return tuple(given for group in groups for given in group)


def _given(
    state: Checking,
    env: Env,
    item: ast.Expression | ast.Equation | ast.Comprehension,
    *,
    leaves_open: bool,
) -> tuple[Given, ...]:
    span = item.span
    if doing.is_do(state, env, item):
        assert isinstance(item, ast.Call)
        return doing.check_do(state, env, item)
    if follows(state, env, item):
        return (FollowGiven(span),)
    if isinstance(item, ast.Comprehension):
        whole = aggregates.check_aggregate(state, env, _all_of_loop(item), "all")
        return (EventGiven(span, whole),)
    if isinstance(item, ast.Equation):
        return (_given_equation(state, env, item),)
    checked = scalars.check(state, env, item)
    if leaves_open and isinstance(checked, VariableRef | AttributeRef | Activation):
        scalars.need_one_array(state, checked)
        return (VariableGiven(span, checked),)
    if isinstance(checked, VariableRef | AttributeRef) and not isinstance(checked.type, Bool):
        fail(state, asking.not_a_given(span, show(checked)))
    condition = need_bool(state, checked)
    operands = (
        condition.arguments
        if isinstance(condition, Apply) and condition.operator == "and"
        else (condition,)
    )
    # What is known guards what follows: only the grounding can tell whether that is asked for.
    split = next((k for k, part in enumerate(operands) if not is_random(part)), len(operands))
    guarded = (all_of(span, operands[split:]),) if operands[split:] else ()
    return tuple(_given_condition(part) for part in (*operands[:split], *guarded))


def follows(state: Checking, env: Env, item: ast.Argument) -> bool:
    """Say whether a condition is `follow()`, where nothing of the program is called so."""
    match item:
        case ast.Call(function=ast.Name(text=word) as name, arguments=()) if (
            word == FOLLOW and item.given is None
        ):
            return references.find_dotted(state, env, name) is None
        case _:
            return False


def _all_of_loop(written: ast.Comprehension) -> ast.Call:
    """Write `x[i] = v for i in ...` behind the bar as `all(x[i] == v for i in ...)`."""
    body = written.body
    if isinstance(body, ast.Equation):
        body = ast.Compare(body.span, ("==",), (body.left, body.right))
    name = ast.Name(written.span, "all")
    return ast.Call(written.span, name, (replace(written, body=body),))


def _given_condition(condition: Expression) -> Given:
    match condition:
        case VariableRef() | AttributeRef() | Activation():
            return ObservedGiven(condition.span, condition, Constant(condition.span, True, Bool()))
        case Apply(
            operator="not", arguments=(VariableRef() | AttributeRef() | Activation() as target,)
        ):
            return ObservedGiven(condition.span, target, Constant(condition.span, False, Bool()))
        case _:
            return EventGiven(condition.span, condition)


def _given_equation(state: Checking, env: Env, item: ast.Equation) -> Given:
    """Check `x = v` behind the bar: an observation when the left is a variable."""
    held = members.names_holder(state, env, item.left)
    if held or models.try_activations(state, env, item.left) is None:
        left = scalars.check(state, env, item.left)
        if isinstance(left, AttributeRef) and is_real_reference(left):
            return ObservedGiven(item.span, left, check_seen(state, env, item.right, left))
        if isinstance(left, VariableRef | AttributeRef) and isinstance(left.type, Array):
            scalars.need_one_array(state, left)
            value = observed_value(state, env, item.right, left)
            need_known(state, value, "what an array was observed to be", is_array=True)
            return ObservedGiven(item.span, left, value)
    event = equation(state, env, item)
    match event:
        case Apply(
            operator="==",
            arguments=(VariableRef() | AttributeRef() | Activation() as target, value),
        ) if not any(is_reference(part) for part in walk(value)):
            return ObservedGiven(item.span, target, value)
        case _:
            return EventGiven(item.span, event)


def equation(state: Checking, env: Env, written: ast.Equation) -> Expression:
    """Check `a = b` as an event; `b` may be a list of what each element of an array is."""
    if isinstance(written.right, ast.Brackets):
        target = scalars.check(state, env, written.left)
        if is_real_reference(target):
            fail(state, reals.never_exactly(written.span, written.left.span.text))
        if isinstance(target, VariableRef | AttributeRef):
            scalars.need_one_array(state, target)
            listed = check_listed(state, env, written.right, target)
            return listed_event(state, written.span, target, listed)
    left, right = scalars.check_pair(state, env, written.left, written.right)
    if isinstance(left, VariableRef | AttributeRef):
        domain = left.type
        if isinstance(domain, Domain):
            right = fit(state, right, domain)
    return comparison(state, written.span, "==", left, right)


def is_reference(expression: Expression) -> bool:
    """Say whether an expression is a random variable, or an array of them."""
    return isinstance(expression, VariableRef | AttributeRef | Activation)


def conditions_text(query: Query) -> tuple[str, ...]:
    """Return the conditions of a query as written."""
    return tuple(given.span.text for given in query.given)


def mentions_loop(query: Query, keys: set[str]) -> bool:
    """Say whether a condition depends on a loop of the list."""
    changes = [e for one in query.imagined for e in (one.target, one.value)]
    if any(isinstance(p, Local) and p.key in keys for e in changes for p in walk(e)):
        return True
    for given in query.given:
        expressions_: list[Expression] = []
        match given:
            case ObservedGiven(target=target, value=value):
                expressions_ += [target, value]
            case EventGiven(condition=condition):
                expressions_.append(condition)
            case VariableGiven(target=target):
                expressions_.append(target)
            case DoGiven(change=change):
                expressions_ += [change.target, change.value]
            case FollowGiven():
                pass
        for expression in expressions_:
            if any(isinstance(p, Local) and p.key in keys for p in walk(expression)):
                return True
    return False
