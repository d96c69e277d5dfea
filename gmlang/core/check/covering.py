"""`cover`, and the depths of models."""

from gmlang.core.ast import Array, AttributeRef, Bool, Enum, Expression, VariableRef
from gmlang.core.check import evidence, models
from gmlang.core.check.predictions import check_confidence, point
from gmlang.core.checking import Checking, PoisonedError, attempt, fail
from gmlang.core.covering import Cover
from gmlang.core.expressions import scalars
from gmlang.core.expressions.distributions import check_distribution
from gmlang.core.names.scope import Env
from gmlang.core.print import show_element
from gmlang.core.program import Statement
from gmlang.core.walk import type_of
from gmlang.errors import declarations as errors
from gmlang.errors import types as type_errors
from gmlang.syntax import ast


def check_cover(state: Checking, env: Env, statement: ast.Cover) -> list[Statement]:
    """Check `cover x.a = v @ c` and `cover x.a ~ D @ c`."""
    if not env.model:
        fail(state, errors.cover_outside_model(statement.span))
    label = statement.label.text if statement.label is not None else ""
    confidence = attempt(lambda: (check_confidence(state, env, statement.confidence),))
    target = _site(state, env, statement.target)
    domain = evidence.domain_of(target)
    if statement.operator == "~":
        distribution = check_distribution(state, env, statement.value, domain)
    else:
        value = scalars.check_scalar(state, env, statement.value, domain)
        distribution = point(value.span, scalars.fit_here(state, env, value, domain))
    if confidence is None:
        raise PoisonedError
    return [Cover(statement.span, (), target, distribution, confidence[0], label)]


def _site(state: Checking, env: Env, written: ast.Expression) -> VariableRef | AttributeRef:
    text = written.span.text
    if models.try_activations(state, env, written) is not None:
        fail(state, errors.not_coverable(written.span, text, is_activation=True))
    target = scalars.check(state, env, written)
    if not isinstance(target, VariableRef | AttributeRef):
        fail(state, errors.not_coverable(written.span, text, is_activation=False))
    if isinstance(target.type, Array):
        rank, element = target.type.rank, show_element(target)
        fail(state, type_errors.array_predicted(written.span, text, rank, element, "cover"))
    return target


def check_depth(state: Checking, env: Env, written: ast.Expression | None) -> Expression | None:
    """Check a depth: a number, which may depend on variables."""
    if written is None:
        return None
    checked = scalars.check_scalar(state, env, written)
    if isinstance(type_of(checked), Bool | Enum):
        fail(state, errors.depth_not_a_number(checked.span, checked.span.text))
    return scalars.check_number(state, env, written)
