"""`predict` and `use`."""

from gmlang.core.ast import (
    Activation,
    Apply,
    Array,
    AttributeRef,
    Bool,
    Constant,
    Dist,
    Distribution,
    Expression,
    VariableRef,
)
from gmlang.core.check import evidence, models, reals
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import loops, scalars
from gmlang.core.expressions.distributions import check_distribution
from gmlang.core.expressions.operators import fit, need_known
from gmlang.core.expressions.weights import leaves
from gmlang.core.names.scope import Env
from gmlang.core.print import show_element
from gmlang.core.program import Predict, PredictActive, Statement, Use
from gmlang.core.records.processes import is_step
from gmlang.core.tolerances import is_probability
from gmlang.diagnostics import Span
from gmlang.errors import forms
from gmlang.errors import shapes as shape_errors
from gmlang.errors import types as errors
from gmlang.errors.acting import processes as process_errors
from gmlang.families.point import POINT
from gmlang.syntax import ast

Target = VariableRef | AttributeRef | Activation


def check_predict(state: Checking, env: Env, statement: ast.Predict) -> list[Statement]:
    """Check `predict x.a = v @ c`, `predict x.a ~ D @ c`, `predict m(x) @ c`."""
    span = statement.span
    label = statement.label.text if statement.label is not None else ""
    confidence = attempt(lambda: (check_confidence(state, env, statement.confidence),))
    written, is_positive = statement.target, True
    while isinstance(written, ast.Unary) and written.operator == "not":
        written, is_positive = written.operand, not is_positive
    real = attempt(lambda: (reals.real_target(state, env, written),))
    if real is None or confidence is None:
        raise PoisonedError
    (checked,) = confidence
    if real[0] is not None:
        return [reals.check_predict_real(state, env, statement, real[0], checked)]
    if statement.operator == "" and (
        within := reals.check_predict_within(state, env, statement, checked)
    ):
        return [within]
    target = _target(state, env, written)
    if statement.operator == "" and isinstance(target, Activation):
        return [PredictActive(span, (), target, is_positive, checked, label)]
    if isinstance(target, Activation):
        return [_active_by_value(state, env, statement, target, is_positive, checked, label)]
    distribution = _predicted(state, env, statement, target, is_positive)
    return [Predict(span, (), target, distribution, checked, label)]


def check_confidence(
    state: Checking, env: Env, written: ast.Expression | None
) -> Expression | None:
    """Check what stands behind `@`: a probability known before inference."""
    if written is None:
        return None
    checked = scalars.check_number(state, env, written)
    for leaf in leaves(checked):
        if isinstance(leaf, Constant) and not is_probability(leaf.value):
            fail(state, errors.not_a_confidence(leaf.span, leaf.value))
    return need_known(state, checked, "a confidence")


def _target(state: Checking, env: Env, written: ast.Expression) -> Target:
    activations = models.try_activations(state, env, written)
    if activations is not None:
        if len(activations) != 1:
            fail(state, forms.several_predicted(written.span))
        return activations[0]
    target = scalars.check(state, env, written)
    text = written.span.text
    if not isinstance(target, VariableRef | AttributeRef):
        fail(state, errors.not_predicted(written.span, text))
    if is_step(target):
        fail(state, process_errors.not_predicted(written.span, text))
    if isinstance(target.type, Array):
        rank, element = target.type.rank, show_element(target)
        fail(state, shape_errors.array_predicted(written.span, text, rank, element, "predict"))
    return target


def _active_by_value(
    state: Checking,
    env: Env,
    statement: ast.Predict,
    target: Activation,
    is_positive: bool,
    confidence: Expression | None,
    label: str,
) -> Statement:
    """Check `predict flying(x) = false`."""
    if statement.operator == "=" and statement.value is not None:
        value = scalars.check_scalar(state, env, statement.value, Bool())
        fit(state, value, Bool())
        if isinstance(value, Constant):
            sign = bool(value.value) == is_positive
            return PredictActive(statement.span, (), target, sign, confidence, label)
    fail(state, forms.activation_drawn(statement.span))


def _predicted(
    state: Checking,
    env: Env,
    statement: ast.Predict,
    target: VariableRef | AttributeRef,
    is_positive: bool,
) -> Expression:
    domain = evidence.domain_of(target)
    span = statement.span
    if statement.operator == "~" and statement.value is not None:
        return check_distribution(state, env, statement.value, domain)
    if statement.value is None:
        if not isinstance(domain, Bool):
            target_span = statement.target.span
            fail(state, forms.no_value_predicted(target_span, target_span.text))
        return point(span, Constant(span, is_positive, Bool()))
    value = scalars.check_scalar(state, env, statement.value, domain)
    value = scalars.fit_here(state, env, value, domain)
    if not is_positive:
        value = Apply(value.span, "not", (value,), Bool())
    return point(value.span, value)


def point(span: Span, value: Expression) -> Distribution:
    """Return the distribution that is certain of a value."""
    return Distribution(span, POINT.name, (value,), (), Dist())


def check_use(state: Checking, env: Env, statement: ast.Use) -> list[Statement]:
    """Check `use bird(x) except flying(x)`."""
    written, context = statement.model, ()
    if isinstance(written, ast.Comprehension):
        what = "which models are used"
        env, context = loops.comprehension(state, env, written.loops, written.condition, what)
        if isinstance(written.body, ast.Pair | ast.Equation):
            fail(state, errors.not_a_model(written.body.span, written.body.span.text))
        written = written.body
    activations = models.try_activations(state, env, written)
    if activations is None:
        scalars.check(state, env, written)
        fail(state, errors.not_a_model(written.span, written.span.text))
    exceptions = each(lambda e: _exception(state, env, e), statement.exceptions)
    return [Use(statement.span, context, activation, exceptions) for activation in activations]


def _exception(state: Checking, env: Env, written: ast.Expression) -> Target:
    """Check what `except` silences; `not flying(x)` names the same prediction as `flying(x)`."""
    while isinstance(written, ast.Unary) and written.operator == "not":
        written = written.operand
    checked = scalars.check(state, env, written)
    if not isinstance(checked, VariableRef | AttributeRef | Activation):
        fail(state, errors.bad_exception(written.span, written.span.text))
    return checked
