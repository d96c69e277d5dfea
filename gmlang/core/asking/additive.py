"""Expressions as sums of parts: `2 * x + sum(w[i] * y[i] for i in 0..<n) - 1`."""

from dataclasses import dataclass

from gmlang.core.ast import Aggregate, Apply, Clauses, Constant, Expression, Integer, Real
from gmlang.core.walk import is_random, type_of
from gmlang.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sum, repeated over its context: coefficient * value.

    Attributes:
        value: mentions variables; None where the part is the coefficient alone.
        coefficient: known before inference.
    """

    value: Expression | None
    coefficient: Expression
    context: Clauses = ()


def additive_parts(expression: Expression) -> list[Part]:
    """Take an expression apart so that its parts, with their coefficients, add up to it."""
    one = Constant(expression.span, 1, Integer())
    return _parts(expression, one, ())


def _parts(e: Expression, coefficient: Expression, context: Clauses) -> list[Part]:
    if not is_random(e):
        return [Part(None, _times(e.span, coefficient, e), context)]
    match e:
        case Apply(operator="+", arguments=arguments):
            return [p for part in arguments for p in _parts(part, coefficient, context)]
        case Apply(operator="-", arguments=(left, right)):
            minus = _minus(coefficient)
            return _parts(left, coefficient, context) + _parts(right, minus, context)
        case Apply(operator="neg", arguments=(inner,)):
            return _parts(inner, _minus(coefficient), context)
        case Apply(operator="*", arguments=(by, inner)) if not is_random(by):
            return _parts(inner, _times(e.span, coefficient, by), context)
        case Apply(operator="*", arguments=(inner, by)) if not is_random(by):
            return _parts(inner, _times(e.span, coefficient, by), context)
        case Apply(operator="/", arguments=(inner, by)) if not is_random(by):
            return _parts(inner, Apply(e.span, "/", (coefficient, by), Real()), context)
        case Aggregate(operator="sum", items=items):
            return [
                p for item in items for p in _parts(item.value, coefficient, context + item.context)
            ]
        case Aggregate(operator="count", items=items):
            return [Part(item.value, coefficient, context + item.context) for item in items]
        case _:
            return [Part(e, coefficient, context)]


def _minus(coefficient: Expression) -> Expression:
    return Apply(coefficient.span, "neg", (coefficient,), type_of(coefficient))


def _times(span: Span, left: Expression, right: Expression) -> Expression:
    if left == Constant(left.span, 1, Integer()):
        return right
    is_real = Real() in (type_of(left), type_of(right))
    return Apply(span, "*", (left, right), Real() if is_real else Integer())
