"""Expressions linear in reals, for all instances and all states of finite variables at once.

    constant + sum of coefficients * reals

The arrays have the axes of `gmlang.graph.values.evaluate`: instances, then the states of each slot.
So coefficients may depend on finite variables: `a if z else b`, `mu[z]`, `z * x`.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from gmlang.core.ast import (
    Activation,
    Aggregate,
    Apply,
    AttributeRef,
    Cases,
    Constant,
    Distribution,
    Expression,
    Integer,
    VariableRef,
)
from gmlang.core.check.joint.routes import key_of, keys_outside_intervals
from gmlang.core.check.joint.sites import centre_of, spread_of
from gmlang.core.walk import is_random, is_real_reference, mentions_real, parts, walk, with_parts
from gmlang.diagnostics import Diagnostic, GmError
from gmlang.errors import grounding as errors
from gmlang.errors import later
from gmlang.errors import probabilities as probability_errors
from gmlang.graph.values.chances import undefined_where
from gmlang.graph.values.environment import (
    TRIED,
    Env,
    Place,
    Slot,
    add_slot,
    no_value,
    value_at,
)
from gmlang.graph.values.evaluate import (
    conditions,
    evaluate,
    inside,
    integers,
    item_frames,
    random_indices,
    rows_of,
)
from gmlang.graph.world.places import collect, index_ranges, locate_reals
from gmlang.graph.world.states import States

_PICKED_MAX = 1 << 12
"""An index may pick one of so many reals."""


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """What is linear in reals.

    Attributes:
        constant: what is added.
        terms: the number of a real in each instance, and its coefficient.
    """

    constant: np.ndarray
    terms: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    def plus(self, other: "Form") -> "Form":
        """Return the sum of both."""
        return Form(self.constant + other.constant, self.terms + other.terms)

    def times(self, by: np.ndarray) -> "Form":
        """Return it times numbers."""
        return Form(self.constant * by, tuple((real, c * by) for real, c in self.terms))


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """A normal law: its mean, and its standard deviation, which may be 0; NaN where it has none."""

    mean: Form
    sd: np.ndarray


def collect_finite(expression: Expression, env: Env) -> None:
    """Give every reference in an expression a slot but those to joint reals.

    Random indices of these have theirs.
    """
    match expression:
        case AttributeRef() if _is_joint(expression, env):
            for index in random_indices(expression):
                collect(index, env)
        case AttributeRef() if is_real_reference(expression) and _is_outer(expression, env):
            _collect_outer(expression, env)
        case VariableRef() | AttributeRef() | Activation():
            collect(expression, env)
        case Aggregate():
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                collect_finite(expression.items[position].value, inside(env, frame, number))
            if expression.parameter is not None:
                collect(expression.parameter, env)
        case Apply(operator="real_in") if any(_is_joint(part, env) for part in walk(expression)):
            raise GmError([later.condition_on_joint(expression.span, expression.span.text)])
        case Apply(is_shared=True):
            env.once("finite", expression, lambda: _collect_parts(expression, env))
        case _:
            _collect_parts(expression, env)


def _collect_parts(expression: Expression, env: Env) -> None:
    for part in parts(expression):
        collect_finite(part, env)


def _is_joint(expression: Expression, env: Env) -> bool:
    return (
        isinstance(expression, AttributeRef)
        and is_real_reference(expression)
        and key_of(expression) in env.world.joint_reals
    )


def _is_outer(expression: AttributeRef, env: Env) -> bool:
    return key_of(expression) in env.world.outer_reals


def _collect_outer(reference: AttributeRef, env: Env) -> None:
    """Note the values that are tried of a parameter, and give the settings a slot."""
    if random_indices(reference):
        raise GmError([later.real_elsewhere(reference.span, reference.span.text)])
    count, values = env.frame.count, env.world.outer_values
    settings = Slot(np.full(count, TRIED), States(0, len(values)))
    add_slot(env.slots, settings)
    columns = env.world.outer_reals[key_of(reference)] + locate_reals(reference, env)
    columns = np.broadcast_to(columns, (count,))
    env.slots.tried[id(reference), env.path] = values.T[columns]


def depends_on_joint(expression: Expression, env: Env) -> bool:
    """Say whether a value depends on joint reals; parameters are numbers, which are tried."""
    outer = env.world.outer_reals
    if not outer or not mentions_real(expression):
        return mentions_real(expression)
    return any(key not in outer for key in keys_outside_intervals(expression))


def law_of(expression: Expression, env: Env) -> Law:
    """Evaluate a normal law, or cases of some; all slots are collected.

    Raises:
        NoValue: where a standard deviation is below 0, or a number is missing.
    """
    match expression:
        case Distribution(family=family):
            mean, sd = centre_of(expression), spread_of(expression)
            assert sd is not None
            spread = np.asarray(evaluate(sd, env), np.float64)
            bad = ~((spread >= 0.0) & (spread < np.inf))
            if env.slots.tried:
                # A setting without a meaning is none that anybody has.
                return Law(form_of(mean, env), np.where(bad, 0.0, spread))
            undefined_where(
                bad,
                spread,
                env,
                lambda value, where: probability_errors.bad_spread(sd.span, family, value, where),
            )
            return Law(form_of(mean, env), spread)
        case Apply(operator="if", arguments=(condition, then, otherwise)):
            holds = conditions(condition, env)
            one = law_of(then, env.guarded(holds, wanted=True))
            other = law_of(otherwise, env.guarded(holds, wanted=False))
            return Law(_either(holds, one.mean, other.mean), np.where(holds, one.sd, other.sd))
        case Cases():
            rows = [(c, law_of(value, inner)) for c, value, inner in rows_of(expression, env)]
            result = rows[-1][1]
            for holds, law in rows[-2::-1]:
                mean = _either(holds, law.mean, result.mean)
                result = Law(mean, np.where(holds, law.sd, result.sd))
            return result
        case _:
            raise AssertionError("no law of a real")


def form_of(expression: Expression, env: Env) -> Form:
    """Write an expression as a form; all slots are collected.

    Raises:
        NoValue: where it has none.
        GmError: where it is not linear in reals.
    """
    env.world.check_time()
    if not depends_on_joint(expression, env):
        return Form(_numbers(expression, env))
    if isinstance(expression, Apply) and expression.is_shared:
        return env.once("form", expression, lambda: _form_of(expression, env))
    return _form_of(expression, env)


def _numbers(expression: Expression, env: Env) -> np.ndarray:
    values = np.asarray(evaluate(expression, env), np.float64)
    undefined_where(
        ~np.isfinite(values),
        values,
        env,
        lambda value, where: errors.without_value(
            expression.span, errors.Undefined.NO_NUMBER, where
        ),
    )
    return values


def _form_of(expression: Expression, env: Env) -> Form:
    match expression:
        case AttributeRef():
            return _real(expression, env)
        case Apply(operator="+" | "-" as operator, arguments=(left, right)):
            one, other = form_of(left, env), form_of(right, env)
            return one.plus(other if operator == "+" else other.times(np.asarray(-1.0)))
        case Apply(operator="neg", arguments=(inner,)):
            return form_of(inner, env).times(np.asarray(-1.0))
        case Apply(operator="*", arguments=(left, right)):
            if depends_on_joint(left, env) and depends_on_joint(right, env):
                told = later.product_of_reals(expression.span, expression.span.text)
                raise GmError([told])
            one, other = (left, right) if depends_on_joint(left, env) else (right, left)
            return form_of(one, env).times(_numbers(other, env))
        case Apply(operator="/", arguments=(left, right)) if not depends_on_joint(right, env):
            one = Constant(right.span, 1.0, expression.type)
            by = Apply(expression.span, "/", (one, right), expression.type)
            return form_of(left, env).times(_numbers(by, env))
        case Apply(operator="if", arguments=(condition, then, otherwise)):
            holds = conditions(condition, env)
            one = form_of(then, env.guarded(holds, wanted=True))
            return _either(holds, one, form_of(otherwise, env.guarded(holds, wanted=False)))
        case Cases():
            rows = [(c, form_of(value, inner)) for c, value, inner in rows_of(expression, env)]
            result = rows[-1][1]
            for holds, form in rows[-2::-1]:
                result = _either(holds, form, result)
            return result
        case Aggregate(operator="sum"):
            total = Form(np.zeros(1))
            for number, (position, frame) in enumerate(item_frames(env, expression)):
                inner = inside(env, frame, number)
                total = total.plus(form_of(expression.items[position].value, inner))
            return total
        case _:
            raise GmError([later.bent(expression.span, expression.span.text)])


def only_where(holds: np.ndarray, form: Form) -> Form:
    """Return a form that is 0 where something does not hold, whatever stood there."""
    return form if holds.all() else _either(holds, form, Form(np.zeros(1)))


def _either(holds: np.ndarray, then: Form, otherwise: Form) -> Form:
    terms = [(real, np.where(holds, c, 0.0)) for real, c in then.terms]
    terms += [(real, np.where(holds, 0.0, c)) for real, c in otherwise.terms]
    return Form(np.where(holds, then.constant, otherwise.constant), tuple(terms))


def _real(reference: AttributeRef, env: Env) -> Form:
    """Return a form that is one real, or the one that random indices pick."""
    if not _is_joint(reference, env):
        raise GmError([later.real_elsewhere(reference.span, reference.span.text)])
    if not random_indices(reference):
        return Form(np.zeros(1), ((real_numbers(reference, env), np.ones(1)),))
    picked: list[tuple[Expression, np.ndarray, list[int]]] = []
    for index, first, size in index_ranges(env.world, reference):
        if not is_random(index):
            continue
        values = np.asarray(integers(index, env))
        outside = (values < first) | (values >= first + size)

        def tell(
            place: Place,
            where: str,
            index: Expression = index,
            values: np.ndarray = values,
            size: int = size,
        ) -> Diagnostic:
            found = int(value_at(values, place))
            return errors.index_outside(index.span, reference.attribute, found, size, where)

        no_value(env, outside, tell)
        possible = np.unique(values[~outside]).tolist()
        picked.append((index, values, possible))
    count = float(np.prod([float(len(possible)) for *_, possible in picked]))
    if count > _PICKED_MAX:
        told = errors.random_index(reference.span, reference.span.text, _PICKED_MAX)
        raise GmError([told])
    terms: list[tuple[np.ndarray, np.ndarray]] = []
    for chosen in product(*(possible for *_, possible in picked)):
        fixed = {
            id(index): Constant(index.span, value, Integer())
            for (index, *_), value in zip(picked, chosen, strict=True)
        }
        one = with_parts(reference, [fixed.get(id(p), p) for p in parts(reference)])
        assert isinstance(one, AttributeRef)
        here = np.ones(1, np.bool_)
        for (_, values, _), value in zip(picked, chosen, strict=True):
            here = here & (values == value)
        terms.append((real_numbers(one, env), here.astype(np.float64)))
    return Form(np.zeros(1), tuple(terms))


def real_numbers(reference: AttributeRef, env: Env) -> np.ndarray:
    """Return the number of the real that a reference names in each instance: (instances, ...)."""
    places = locate_reals(reference, env)
    start = env.world.joint_reals[key_of(reference)]
    return np.broadcast_to(places + start, (env.frame.count, *places.shape[1:]))
