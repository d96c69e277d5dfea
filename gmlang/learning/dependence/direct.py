"""Where an entry of a table is a learned number itself, or one minus it.

Such entries have a maximum in closed form: (times it was used + imaginary cases) / their sum.
"""

from collections.abc import Callable

import numpy as np

from gmlang.core.ast import Apply, Cases, Constant, DataRef, Distribution, Expression, Whole
from gmlang.core.parameters import ParameterKind
from gmlang.families import family_named
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.categorical import CATEGORICAL
from gmlang.families.family import Gives, Pairs
from gmlang.graph.values import terms
from gmlang.graph.values.distributions import law_of, log_probabilities
from gmlang.graph.values.environment import Env
from gmlang.graph.values.evaluate import conditions, rows_of
from gmlang.learning.dependence.occurrences import Deriver, number_of

Codes = np.ndarray
"""For each instance and state: k + 1 where the entry is number k of the vector times a constant,
-(k + 1) where it is one minus that, 0 where it depends on nothing that is learned."""


def codes_of(deriver: Deriver, term: terms.Term, env: Env) -> Codes | None:
    """Return the codes of a term's table; None where an entry is anything else."""
    if not isinstance(term, terms.Drawn):
        return None
    axis = env.slots.of[(id(term.target), env.path)]
    assert axis is not None
    if term.confidence is None or not deriver.concerns(term.confidence):
        if term.confidence is not None and deriver.concerns(term.distribution):
            return None
        return _distribution(deriver, term.distribution, env, axis)
    if deriver.concerns(term.distribution) or not terms.is_point(term.distribution):
        return None
    code = _number(deriver, term.confidence, env)
    if code is None or term.log_base is None:
        return None
    named = log_probabilities(term.distribution, env, axis) > -np.inf
    states = env.slots.items[axis].states
    base = np.exp(term.log_base).reshape(env.shape(axis, states.count))
    others = np.where(named, 0.0, base).sum(axis=1 + axis, keepdims=True)
    return np.where(others > 0, np.where(named, code, -code), 0)


def _number(deriver: Deriver, expression: Expression, env: Env) -> Codes | None:
    """Return the codes of a probability that is a param, or one minus it."""
    if not deriver.concerns(expression):
        return np.zeros((), np.int64)
    match expression:
        case DataRef() if _kind(deriver, expression) is ParameterKind.PROBABILITY:
            return number_of(deriver, expression, env) + 1
        case Apply(operator="-", arguments=(Constant(value=1), DataRef() as inner)) if (
            _kind(deriver, inner) is ParameterKind.PROBABILITY
        ):
            return -(number_of(deriver, inner, env) + 1)
        case Apply(operator="if", arguments=(written, then, otherwise)):
            condition = conditions(written, env)
            on = _number(deriver, then, env.guarded(condition, wanted=True))
            off = _number(deriver, otherwise, env.guarded(condition, wanted=False))
            return None if on is None or off is None else np.where(condition, on, off)
        case Cases():
            return _of_rows(expression, env, lambda value, inner: _number(deriver, value, inner))
        case _:
            return None


def _kind(deriver: Deriver, reference: DataRef) -> ParameterKind | None:
    if all(array.name != reference.name for array in deriver.layout.arrays):
        return None
    return deriver.layout.array(reference.name).kind


def _distribution(deriver: Deriver, expression: Expression, env: Env, axis: int) -> Codes | None:
    if not deriver.concerns(expression):
        return np.zeros((), np.int64)
    match expression:
        case Apply(operator="if"):
            condition = conditions(expression.arguments[0], env)
            then, otherwise = (
                _distribution(deriver, branch, env.guarded(condition, wanted), axis)
                for branch, wanted in zip(expression.arguments[1:], (True, False), strict=True)
            )
            if then is None or otherwise is None:
                return None
            return np.where(condition, then, otherwise)
        case Cases():
            return _of_rows(
                expression, env, lambda e, inner: _distribution(deriver, e, inner, axis)
            )
        case Distribution():
            return _family(deriver, expression, env, axis)
        case _:
            return None


def _of_rows(
    expression: Cases, env: Env, codes: Callable[[Expression, Env], Codes | None]
) -> Codes | None:
    """Return the codes of a match: of each row where it is the first that holds."""
    found: Codes = np.zeros((), np.int64)
    left = np.ones(1, np.bool_)
    for holds, value, inner in rows_of(expression, env):
        code = codes(value, inner)
        if code is None:
            return None
        found = np.where(left & holds, code, found)
        left = left & ~holds
    return found


def _family(deriver: Deriver, expression: Distribution, env: Env, axis: int) -> Codes | None:
    family = family_named(expression.family)
    states = env.slots.items[axis].states
    match expression.arguments:
        case (argument,) if family is BERNOULLI:
            code = _number(deriver, argument, env)
            values = states.values().reshape(env.shape(axis, states.count))
            return None if code is None else np.where(values > 0, code, -code)
        case (DataRef() as row,) if family is CATEGORICAL:
            last = isinstance(row.indices[-1], Whole) if row.indices else False
            if not last or _kind(deriver, row) is not ParameterKind.SIMPLEX:
                return None
            return number_of(deriver, row, env, axis) + 1
        case _ if family.pairs is Pairs.VALUES and family.gives is Gives.WRITTEN:
            return _pairs(deriver, expression, env, axis)
        case _:
            return None


def _pairs(deriver: Deriver, expression: Distribution, env: Env, axis: int) -> Codes | None:
    """Return the codes of `{v: p, w: 1 - p}`, or of all entries of a simplex by name."""
    law = law_of(expression, env, axis)
    found: Codes = np.zeros((), np.int64)
    for (here, _), (value, inner) in zip(law.pairs, law.numbers, strict=True):
        if here is None:
            return None
        code = _number(deriver, value, inner)
        is_ref = isinstance(value, DataRef)
        if code is None and is_ref and _kind(deriver, value) is ParameterKind.SIMPLEX:
            code = number_of(deriver, value, inner) + 1
        if code is None:
            return None
        found = np.where(here, code, found)
    return found
