"""What reals are drawn from, and data from reals: laws whose numbers depend on variables."""

from gmlang.core.ast import (
    Apply,
    Array,
    AttributeRef,
    Bool,
    Constant,
    DataRef,
    Dist,
    Distribution,
    Expression,
    Real,
)
from gmlang.core.check.joint.sites import contest
from gmlang.core.check.reals import named_arguments, no_density, symbol_of
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import loops, matching, references, scalars
from gmlang.core.expressions.operators import arithmetic, is_number, need_known
from gmlang.core.names.scope import DefMeaning, Env, guarded
from gmlang.core.print import describe
from gmlang.core.records.reals import DefineReal, DrawReal, ObserveDrawn
from gmlang.core.walk import is_random, is_real_reference, mentions_real, type_of, walk
from gmlang.errors import later, types
from gmlang.errors import probabilities as errors
from gmlang.families import CALLED
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.likelihoods import LIKELIHOODS, is_positional
from gmlang.syntax import ast

NORMAL = "Normal"
"""The family of such laws."""


def _check_law(
    state: Checking, env: Env, written: ast.Expression, *, any_family: bool = True
) -> Expression:
    """Check a law, or cases of some; its numbers may depend on variables."""
    span = written.span
    match written:
        case ast.Conditional():
            condition = attempt(lambda: scalars.check_condition(state, env, written.condition))
            branches, inner = (written.then, written.otherwise), guarded(env)
            then, otherwise = each(
                lambda e: _check_law(state, inner, e, any_family=any_family), branches
            )
            if condition is None:
                raise PoisonedError
            return Apply(span, "if", (condition, then, otherwise), Dist())
        case ast.MatchExpression():
            inner = guarded(env)
            return matching.check_rows(
                state, env, written, lambda e: _check_law(state, inner, e, any_family=any_family)
            )
        case ast.Call():
            meaning = references.find_dotted(state, env, written.function)
            if isinstance(meaning, DefMeaning):
                body, surroundings = scalars.inline(state, env, written, meaning)
                return _check_law(state, surroundings, body, any_family=any_family)
            name = written.function.span.text
            if name in LIKELIHOODS and name != NORMAL and any_family:
                return _likelihood(state, env, written, name)
            if name != NORMAL and (name in CALLED or name in LIKELIHOODS):
                fail(state, later.law(written.span, name))
            if name != NORMAL:
                no_density(state, env, written)
            return _normal(state, env, written)
        case _:
            no_density(state, env, written)


def _normal(state: Checking, env: Env, call: ast.Call) -> Distribution:
    arguments = scalars.plain_arguments(state, call)
    if len(arguments) != 2:
        fail(state, errors.density_arguments(call.span, NORMAL))
    checked = each(lambda e: scalars.check_number(state, env, e), arguments)
    return Distribution(call.span, NORMAL, checked, (), Dist())


def _likelihood(state: Checking, env: Env, call: ast.Call, family: str) -> Distribution:
    """Check a law of another family; a mean that is given for a rate is made one."""
    names = LIKELIHOODS[family].parameters
    given = named_arguments(state, call, family, names, is_named=not is_positional(family))
    checked = {name: scalars.check_number(state, env, e) for name, e in given.items()}
    if "mean" in checked and "rate" in names:
        shape = checked.get("shape", Constant(call.span, 1.0, Real()))
        checked["rate"] = arithmetic(state, call.span, "/", shape, checked["mean"])
    return Distribution(call.span, family, tuple(checked[n] for n in names), (), Dist())


def is_base(law: Expression) -> bool:
    """Say whether a law is known before inference, so that it may be that of a whole array."""
    return isinstance(law, Distribution) and not any(map(is_random, law.arguments))


def check_mechanism_of_real(
    state: Checking, env: Env, mechanism: ast.Mechanism, target: AttributeRef
) -> DrawReal | DefineReal:
    """Check `x[t] ~ Normal(x[t-1], 1)` or `s := a + b`; whole arrays element by element."""
    element, clauses = loops.over_axes(state, target)
    assert isinstance(element, AttributeRef)
    symbol = symbol_of(state, element.thing, element.attribute)
    if symbol is not None and symbol.is_drawn:
        fail(state, types.two_mechanisms(mechanism.span, target.span.text, symbol.span))
    if mechanism.operator == "~":
        law = _check_law(state, env, mechanism.value)
        return DrawReal(mechanism.span, clauses, element, law)
    if isinstance(mechanism.value, ast.MatchExpression):
        value = matching.check_match_value(state, env, mechanism.value, Real())
    else:
        value = scalars.check_number(state, env, mechanism.value)
    return DefineReal(mechanism.span, clauses, element, value)


def check_observe_drawn(state: Checking, env: Env, statement: ast.Observe) -> ObserveDrawn:
    """Check `observe y[i] ~ Normal(a + b * x[i], 0.5)`, of data."""
    assert statement.value is not None
    span, text = statement.target.span, statement.target.span.text
    found = scalars.check(state, env, statement.target)
    if is_random(found):
        fail(state, errors.not_data(span, text, is_real=is_real_reference(found)))
    type_ = type_of(found)
    single = type_.element if isinstance(type_, Array) else type_
    if not is_number(single) and not isinstance(single, Bool):
        fail(state, errors.not_numbers(span, describe(type_)))
    element, clauses = found, ()
    if isinstance(type_, Array):
        if not isinstance(found, DataRef):
            fail(state, errors.not_numbers(span, describe(type_)))
        element, clauses = loops.over_axes(state, found)
    law = _check_law(state, env, statement.value)
    families = {part.family for part in walk(law) if isinstance(part, Distribution)}
    if isinstance(single, Bool) and families != {BERNOULLI.name}:
        fail(state, errors.not_numbers(span, describe(type_)))
    return ObserveDrawn(statement.span, clauses, element, law)


def check_contest(state: Checking, env: Env, statement: ast.Observe) -> ObserveDrawn | None:
    """Check `observe skill[a] + Normal(0, 6) > skill[b]`.

    Returns:
        None where no noise is written.
    """
    if statement.value is not None or not state.real_names:
        return None
    found = contest(state, env, statement.target)
    if found is None:
        return None
    return ObserveDrawn(statement.span, (), *found)


def check_look(state: Checking, env: Env, statement: ast.Observe) -> ObserveDrawn | None:
    """Check `observe a - b like Normal(0, 0.1)`: the mean, as if it had been drawn around a - b.

    Returns:
        None where something else is weighed.
    """
    written = statement.value
    if statement.operator != "like" or not isinstance(written, ast.Call) or not state.real_names:
        return None
    seen = attempt(lambda: scalars.check(state, env, statement.target))
    if seen is None:
        raise PoisonedError
    if not isinstance(type_of(seen), Real) or not mentions_real(seen):
        return None
    law = _check_law(state, env, written, any_family=False)
    if not isinstance(law, Distribution):
        fail(state, errors.density_arguments(law.span, NORMAL))
    mean, sd = (need_known(state, part, "what was seen") for part in law.arguments)
    turned = Distribution(law.span, NORMAL, (seen, sd), (), Dist())
    return ObserveDrawn(statement.span, (), mean, turned)
