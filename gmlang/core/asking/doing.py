"""Interventions: `do(x = v)` behind the bar of a question."""

from dataclasses import replace

from gmlang.core.ast import (
    Activation,
    Apply,
    AttributeRef,
    Bool,
    Constant,
    Expression,
    Thing,
    VariableRef,
)
from gmlang.core.check import models, reals
from gmlang.core.check.evidence import check_mechanism, observed_value
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import loops, references, scalars
from gmlang.core.expressions.distributions import check_distribution
from gmlang.core.expressions.operators import fit, need_bool
from gmlang.core.names.scope import Env
from gmlang.core.program import Define, DoGiven, Draw
from gmlang.core.records.doing import DO, Intervention
from gmlang.core.records.members import is_held
from gmlang.core.walk import is_random, is_real_reference
from gmlang.diagnostics import Span
from gmlang.errors import later
from gmlang.errors.acting import doing as errors
from gmlang.syntax import ast


def is_do(state: Checking, env: Env, written: object) -> bool:
    """Say whether `do(...)` is written, and no name of the program's own is called so."""
    if not isinstance(written, ast.Call) or not isinstance(written.function, ast.Name):
        return False
    name = written.function
    if name.text != DO or DO in env.names:
        return False
    return references.find_dotted(state, env, name) is None


def check_do(state: Checking, env: Env, call: ast.Call) -> tuple[DoGiven, ...]:
    """Check `do(...)`: one intervention for each variable or array that it changes."""
    if not call.arguments or call.given is not None or call.had is not None:
        fail(state, errors.nothing_done(call.span, DO))
    groups = each(lambda one: check_changes(state, env, one), call.arguments)
    return tuple(DoGiven(change.span, change) for group in groups for change in group)


def check_had(state: Checking, env: Env, call: ast.Call) -> tuple[Intervention, ...]:
    """Check what stands behind `had`: what would have been done."""
    if call.had is None:
        return ()
    groups = each(lambda one: check_changes(state, env, one), call.had)
    return tuple(one for group in groups for one in group)


def check_changes(state: Checking, env: Env, item: ast.Argument) -> tuple[Intervention, ...]:
    """Check one item of `do(...)`, or behind `had`: alone, or repeated over loops."""
    match item:
        case ast.Comprehension(body=body, loops=written, condition=condition):
            what = "which variables are changed"
            inner, context = loops.comprehension(state, env, written, condition, what)
            found = check_changes(state, inner, body)
            return tuple(replace(one, context=(*context, *one.context)) for one in found)
        case ast.Equation(span=span, left=left, right=right):
            return (_fixed(state, env, span, left, right),)
        case ast.Change():
            return (_replaced(state, env, item),)
        case ast.Pair():
            fail(state, errors.no_change(item.span, item.span.text))
        case _:
            return _made_true(state, env, item)


def _made_true(state: Checking, env: Env, item: ast.Expression) -> tuple[Intervention, ...]:
    """Check `bird(it)`, `not rain`, `it is red jar`: booleans that are made true or false."""
    condition = need_bool(state, scalars.check(state, env, item))
    found: list[Intervention] = []
    for operand in _operands(condition):
        match operand:
            case Apply(operator="not", arguments=(inner,)):
                target, is_made = inner, False
            case _:
                target, is_made = operand, True
        value = Constant(item.span, is_made, Bool())
        one = Intervention(item.span, (), _named(state, target), "=", value)
        found.append(_checked(state, one))
    return tuple(found)


def _operands(condition: Expression) -> tuple[Expression, ...]:
    match condition:
        case Apply(operator="and", arguments=arguments):
            return arguments
        case _:
            return (condition,)


def _named(state: Checking, target: Expression) -> VariableRef | AttributeRef | Activation:
    if not isinstance(target, VariableRef | AttributeRef | Activation):
        fail(state, errors.no_change(target.span, target.span.text))
    return target


def _fixed(
    state: Checking, env: Env, span: Span, left: ast.Expression, right: ast.Expression
) -> Intervention:
    """Check `x = v`; the value is known before inference."""
    target = _named(state, _target(state, env, left))
    if isinstance(target, AttributeRef) and is_real_reference(target):
        value = reals.check_seen(state, env, right, target)
    elif isinstance(target, AttributeRef) and is_held(target.attribute):
        fail(state, errors.holder_changed(left.span, left.span.text))
    else:
        value = observed_value(state, env, right, target)
    if is_random(value):
        fail(state, errors.value_not_known(right.span, left.span.text, right.span.text))
    return _checked(state, Intervention(span, (), target, "=", value))


def _target(state: Checking, env: Env, written: ast.Expression) -> Expression:
    activations = models.try_activations(state, env, written)
    if activations is not None and len(activations) == 1:
        return activations[0]
    return scalars.check(state, env, written)


def _replaced(state: Checking, env: Env, change: ast.Change) -> Intervention:
    """Check `x ~ D` and `x := e`; a whole array is changed element by element."""
    span = change.span
    target = _named(state, _target(state, env, change.target))
    if isinstance(target, AttributeRef) and is_real_reference(target):
        fail(state, later.replaced_law(span, change.target.span.text))
    if isinstance(target, Activation):
        if change.operator == "~":
            value = check_distribution(state, env, change.value, Bool())
        else:
            value = fit(state, scalars.check_scalar(state, env, change.value, Bool()), Bool())
        return _checked(state, Intervention(span, (), target, change.operator, value))
    written = ast.Mechanism(span, change.target, change.operator, change.value)
    made = check_mechanism(state, env, written, of_choice=True)
    assert isinstance(made, Draw | Define)
    value = made.distribution if isinstance(made, Draw) else made.value
    made_of = Intervention(span, made.context, made.target, change.operator, value)
    return _checked(state, made_of)


def _checked(state: Checking, change: Intervention) -> Intervention:
    """Return an intervention whose targets are known before inference."""
    target = change.target
    if any(is_random(index) for index in _indices(target)):
        fail(state, errors.picked_at_random(target.span, target.span.text))
    return change


def _indices(target: VariableRef | AttributeRef | Activation) -> list[Expression]:
    found: list[object] = []
    if isinstance(target, Activation):
        for argument in target.arguments:
            found += argument.indices if isinstance(argument, Thing) else (argument,)
    else:
        found += target.indices
        found += target.thing.indices if isinstance(target, AttributeRef) else ()
    return [one for one in found if isinstance(one, Expression)]
