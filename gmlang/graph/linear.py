"""Expressions as weighted sums of variables, for all instances at once."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.ast import Activation, Aggregate, Apply, AttributeRef, Expression, VariableRef
from gmlang.core.walk import is_random
from gmlang.graph.evaluate import Env, Slot, evaluate, inside, item_frames
from gmlang.graph.places import locate
from gmlang.graph.states import States


@dataclass(frozen=True, slots=True, eq=False)
class LinearForm:
    """constant + sum of coefficient * state, one row for each instance.

    Attributes:
        terms: the variables, and their integer coefficients, of each term.
    """

    constant: np.ndarray
    terms: list[tuple[Slot, np.ndarray]]

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest value in each instance."""
        low = high = self.constant
        for slot, coefficients in self.terms:
            reach = coefficients * (slot.states.count - 1)
            low, high = low + np.minimum(reach, 0), high + np.maximum(reach, 0)
        return low, high


def linear_form(expression: Expression, env: Env) -> LinearForm | None:
    """Write an expression as an integer linear form; None when it is none."""
    count = env.frame.count
    if not is_random(expression):
        value = np.asarray(evaluate(expression, env))
        return _constant(value, count)
    match expression:
        case VariableRef() | AttributeRef() | Activation():
            slot = locate(expression, env)
            first = np.full(count, slot.states.first, np.int64)
            return LinearForm(first, [(slot, np.ones(count, np.int64))])
        case Apply():
            return _apply(expression, env)
        case Aggregate() if expression.operator in ("sum", "count"):
            total = LinearForm(np.zeros(count, np.int64), [])
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                item_env = inside(env, frame, number)
                form = linear_form(expression.items[position].value, item_env)
                if form is None:
                    return None
                total = _add(total, form, 1)
            return _merged(total)
        case _:
            return None


def _constant(value: np.ndarray, count: int) -> LinearForm | None:
    if value.dtype == np.bool_:
        value = value.astype(np.int64)
    rounded = np.round(value)
    if not np.isfinite(rounded).all() or (rounded != value).any():
        return None
    return LinearForm(np.broadcast_to(rounded.astype(np.int64).reshape(-1), (count,)), [])


def _apply(expression: Apply, env: Env) -> LinearForm | None:
    match expression.operator:
        case "+" | "-":
            left, right = (linear_form(part, env) for part in expression.arguments)
            if left is None or right is None:
                return None
            return _merged(_add(left, right, 1 if expression.operator == "+" else -1))
        case "neg":
            inner = linear_form(expression.arguments[0], env)
            zero = LinearForm(np.zeros(env.frame.count, np.int64), [])
            return None if inner is None else _add(zero, inner, -1)
        case "*":
            left, right = (linear_form(part, env) for part in expression.arguments)
            if left is None or right is None:
                return None
            if left.terms and right.terms:
                return None
            scale, form = (left.constant, right) if not left.terms else (right.constant, left)
            scaled = [(slot, coefficients * scale) for slot, coefficients in form.terms]
            return LinearForm(form.constant * scale, scaled)
        case "not":
            inner = linear_form(expression.arguments[0], env)
            one = LinearForm(np.ones(env.frame.count, np.int64), [])
            return None if inner is None else _add(one, inner, -1)
        case _:
            return None


def _add(left: LinearForm, right: LinearForm, sign: int) -> LinearForm:
    signed = [(slot, sign * coefficients) for slot, coefficients in right.terms]
    return LinearForm(left.constant + sign * right.constant, [*left.terms, *signed])


def _merged(form: LinearForm) -> LinearForm:
    merged: dict[bytes, tuple[Slot, np.ndarray]] = {}
    for slot, coefficients in form.terms:
        key = slot.variables.tobytes()
        before = merged.get(key)
        total = coefficients if before is None else before[1] + coefficients
        merged[key] = (slot, total)
    return LinearForm(form.constant, [(s, c) for s, c in merged.values() if c.any()])


def integer_states(low: int, high: int) -> States:
    """Return the states of the integers low..high."""
    return States(low, high - low + 1)
