"""Mechanisms, evidence and candidates: what may stand neither in a model nor under a gate."""

from dataclasses import replace

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Constant,
    Dist,
    Domain,
    Expression,
    Real,
    VariableRef,
)
from gmlang.core.check import reals
from gmlang.core.check.considered import check_all_about
from gmlang.core.check.listed_arrays import check_listed
from gmlang.core.check.members import names_holder
from gmlang.core.check.models import try_activations
from gmlang.core.checking import Checking, fail
from gmlang.core.expressions import loops, matching
from gmlang.core.expressions.distributions import check_distribution
from gmlang.core.expressions.operators import comparison, element_of, fit, need_known
from gmlang.core.expressions.scalars import (
    check,
    check_condition,
    check_scalar,
    fit_here,
    need_one_array,
)
from gmlang.core.expressions.weights import check_weights
from gmlang.core.members import is_held
from gmlang.core.names.scope import Env, visible_names
from gmlang.core.print import describe, show
from gmlang.core.program import (
    Consider,
    Define,
    Draw,
    ObserveLike,
    ObserveValue,
    Require,
    Statement,
)
from gmlang.core.walk import is_random, type_of
from gmlang.errors import forms
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast

# --- Mechanisms --------------------------------------------------------------------------


def check_target(
    state: Checking, env: Env, written: ast.Expression, word: str
) -> VariableRef | AttributeRef:
    """Check what a mechanism, prediction or observation is about: a variable or an attribute."""
    target = check(state, env, written)
    if not isinstance(target, VariableRef | AttributeRef):
        fail(state, errors.not_a_variable(written.span, written.span.text, word))
    if word != "observe" and isinstance(target, AttributeRef) and is_held(target.attribute):
        fail(state, errors.holder_for_target(written.span, written.span.text, word))
    return target


def domain_of(target: VariableRef | AttributeRef) -> Domain:
    """Return the domain of a variable, or of an array's elements."""
    domain = element_of(target.type)
    assert isinstance(domain, Domain)
    return domain


def check_mechanism(state: Checking, env: Env, mechanism: ast.Mechanism) -> Statement:
    """Check `target ~ D` or `target := e`; a whole array is drawn element by element."""
    _need_declared(state, env, mechanism)
    target = check_target(state, env, mechanism.target, mechanism.operator)
    domain = domain_of(target)
    element, clauses = loops.over_axes(state, target)
    assert isinstance(element, VariableRef | AttributeRef)
    if mechanism.operator == "~":
        distribution = check_distribution(state, env, mechanism.value, domain)
        return Draw(mechanism.span, clauses, element, distribution)
    if isinstance(mechanism.value, ast.MatchExpression):
        value = matching.check_match_value(state, env, mechanism.value, domain)
    else:
        value = check_scalar(state, env, mechanism.value, domain)
    return Define(mechanism.span, clauses, element, fit(state, value, domain))


def _need_declared(state: Checking, env: Env, mechanism: ast.Mechanism) -> None:
    name = mechanism.target
    if not isinstance(name, ast.Name) or name.text in env.module.entries or name.text in env.names:
        return
    written = f"{mechanism.operator} {mechanism.value.span.text}"
    fail(state, name_errors.never_declared(name.span, name.text, visible_names(env), written))


# --- Evidence ----------------------------------------------------------------------------


def check_observe(state: Checking, env: Env, statement: ast.Observe) -> list[Statement]:
    """Check evidence: a value, a likelihood or an event."""
    span = statement.span
    real = reals.real_target(state, env, statement.target)
    if real is not None:
        return [reals.check_observe_real(state, env, statement, real)]
    if statement.value is None:
        return [_event(state, env, statement)]
    held = names_holder(state, env, statement.target)
    activations = None if held else try_activations(state, env, statement.target)
    if activations is not None and len(activations) == 1:
        target: VariableRef | AttributeRef | Activation = activations[0]
        domain: Domain = Bool()
    else:
        target = check_target(state, env, statement.target, "observe")
        domain = domain_of(target)
    if statement.operator == "like":
        return [_like(state, env, statement, target, domain)]
    value = observed_value(state, env, statement.value, target)
    if isinstance(target, Activation) or isinstance(type_of(value), Array):
        element, clauses = target, ()
    else:
        element, clauses = loops.over_axes(state, target)
        assert isinstance(element, VariableRef | AttributeRef)
    if is_random(value):
        # Evidence is known before inference; that two variables are equal is an event.
        same = comparison(state, span, "==", element, value)
        return [Require(span, clauses, same, "", is_observation=True)]
    return [ObserveValue(span, clauses, element, value)]


def observed_value(
    state: Checking,
    env: Env,
    written: ast.Expression,
    target: VariableRef | AttributeRef | Activation,
) -> Expression:
    """Check the value of an observation: one for all elements, or an array of the same shape."""
    if isinstance(written, ast.Brackets):
        need_one_array(state, target)
        return check_listed(state, env, written, target)
    domain = Bool() if isinstance(target, Activation) else domain_of(target)
    value = check(state, env, written, domain)
    _need_same_shape(state, value, target)
    if not isinstance(type_of(value), Array):
        return fit_here(state, env, value, domain)
    _fit_elements(state, value, domain)
    return need_known(state, value, "what an array was observed to be", is_array=True)


def _event(state: Checking, env: Env, statement: ast.Observe) -> Statement:
    condition = check_condition(state, env, statement.target)
    positive, value = condition, True
    if isinstance(condition, Apply) and condition.operator == "not":
        positive, value = condition.arguments[0], False
    if isinstance(positive, VariableRef | AttributeRef | Activation):
        constant = Constant(statement.span, value, Bool())
        return ObserveValue(statement.span, (), positive, constant)
    return Require(statement.span, (), condition, "", is_observation=True)


def _like(
    state: Checking,
    env: Env,
    statement: ast.Observe,
    target: VariableRef | AttributeRef | Activation,
    domain: Domain,
) -> Statement:
    value = statement.value
    if not isinstance(value, ast.Braces):
        assert value is not None
        fail(state, errors.no_likelihoods(value.span))
    weights = check_weights(state, env, value, domain, is_normalised=False)
    if isinstance(target, Activation):
        return ObserveLike(statement.span, (), target, weights)
    element, clauses = loops.over_axes(state, target)
    assert isinstance(element, VariableRef | AttributeRef)
    return ObserveLike(statement.span, clauses, element, weights)


def _need_same_shape(
    state: Checking, value: Expression, target: VariableRef | AttributeRef | Activation
) -> None:
    value_type, target_type = type_of(value), type_of(target)
    if isinstance(value_type, Dist):
        fail(state, forms.type_mismatch(value.span, Form.VALUE, Form.DISTRIBUTION))
    if not isinstance(value_type, Array):
        return
    rank = target_type.rank if isinstance(target_type, Array) else 0
    if value_type.rank != rank:
        if rank == 0:
            fail(state, errors.array_for_element(value.span, value.span.text, value_type.rank))
        fail(state, forms.wrong_rank(value.span, rank, show(target), describe(value_type)))


def _fit_elements(state: Checking, value: Expression, domain: Domain) -> None:
    element = element_of(type_of(value))
    probe = Apply(value.span, "element", (value,), element)
    if isinstance(element, Real) and isinstance(domain, Bool):
        # Images come as floats of 0 and 1; the grounding checks that they are nothing else.
        return
    fit(state, probe, domain)


def check_consider(
    state: Checking, env: Env, item: ast.Expression | ast.Comprehension | ast.AllAbout
) -> list[Statement]:
    """Check one item of `consider`: `m(args)`, alone or repeated, or `all about it`."""
    if isinstance(item, ast.AllAbout):
        return check_all_about(state, env, item)
    if not isinstance(item, ast.Comprehension):
        activations = try_activations(state, env, item)
        if activations is None:
            check(state, env, item)
            fail(state, errors.not_a_model(item.span, item.span.text))
        return [Consider(item.span, (), activation) for activation in activations]
    what = "which models are considered"
    inner, context = loops.comprehension(state, env, item.loops, item.condition, what)
    if isinstance(item.body, ast.Pair):
        fail(state, errors.not_a_model(item.body.span, item.body.span.text))
    made = check_consider(state, inner, item.body)
    return [replace(one, context=context) for one in made]
