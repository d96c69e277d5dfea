"""Polynomials of degree two in reals: a form, and products of two forms."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Aggregate, Apply, Cases, Constant, Expression
from gmlang.graph.rows.forms import Form, depends_on_joint, form_of
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import conditions, evaluate, inside, item_frames, rows_of


@dataclass(frozen=True, slots=True, eq=False)
class Quadratic:
    """form + sum of products of pairs."""

    form: Form
    products: tuple[tuple[Form, Form], ...] = ()


def quadratic_of(expression: Expression, env: Env) -> Quadratic:
    """Write an expression as a polynomial of degree two; all slots are collected.

    Raises:
        GmError: where it is none.
    """
    if not depends_on_joint(expression, env):
        return Quadratic(form_of(expression, env))
    match expression:
        case Apply(operator="+" | "-" as operator, arguments=(left, right)):
            one, other = quadratic_of(left, env), quadratic_of(right, env)
            return _sum(one, other if operator == "+" else _times(other, np.asarray(-1.0)))
        case Apply(operator="neg", arguments=(inner,)):
            return _times(quadratic_of(inner, env), np.asarray(-1.0))
        case Apply(operator="*", arguments=(left, right)):
            if depends_on_joint(left, env) and depends_on_joint(right, env):
                nothing = Form(np.zeros(1))
                return Quadratic(nothing, ((form_of(left, env), form_of(right, env)),))
            one, other = (left, right) if depends_on_joint(left, env) else (right, left)
            return _times(quadratic_of(one, env), np.asarray(evaluate(other, env), np.float64))
        case Apply(operator="**", arguments=(base, Constant(value=2))):
            form = form_of(base, env)
            return Quadratic(Form(np.zeros(1)), ((form, form),))
        case Apply(operator="/", arguments=(left, right)) if not depends_on_joint(right, env):
            one = Constant(right.span, 1.0, expression.type)
            by = Apply(expression.span, "/", (one, right), expression.type)
            return _times(quadratic_of(left, env), np.asarray(evaluate(by, env), np.float64))
        case Apply(operator="if", arguments=(condition, then, otherwise)):
            holds = conditions(condition, env)
            one = quadratic_of(then, env.guarded(holds, wanted=True))
            return _either(holds, one, quadratic_of(otherwise, env.guarded(holds, wanted=False)))
        case Cases():
            rows = [(c, quadratic_of(value, inner)) for c, value, inner in rows_of(expression, env)]
            result = rows[-1][1]
            for holds, found in rows[-2::-1]:
                result = _either(holds, found, result)
            return result
        case Aggregate(operator="sum"):
            total = Quadratic(Form(np.zeros(1)))
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                inner = inside(env, frame, number)
                total = _sum(total, quadratic_of(expression.items[position].value, inner))
            return total
        case _:
            return Quadratic(form_of(expression, env))


def _sum(one: Quadratic, other: Quadratic) -> Quadratic:
    return Quadratic(one.form.plus(other.form), one.products + other.products)


def _times(found: Quadratic, by: np.ndarray) -> Quadratic:
    products = tuple((left.times(by), right) for left, right in found.products)
    return Quadratic(found.form.times(by), products)


def _either(holds: np.ndarray, then: Quadratic, otherwise: Quadratic) -> Quadratic:
    on, off = np.asarray(holds, np.float64), np.asarray(~holds, np.float64)
    return _sum(_times(then, on), _times(otherwise, off))
