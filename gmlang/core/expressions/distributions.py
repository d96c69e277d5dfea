"""Distributions: their families, `{value: probability}`, and cases of them."""

from dataclasses import replace
from typing import NoReturn

from gmlang.core.ast import (
    Apply,
    Array,
    Bind,
    Bool,
    Clauses,
    Constant,
    DataRef,
    Dist,
    Distribution,
    Domain,
    Enum,
    Expression,
    Integer,
    Item,
    Local,
    Real,
)
from gmlang.core.check import functions
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import loops, matching, references, scalars, weights
from gmlang.core.expressions.operators import arithmetic, domain_bounds, domain_values, need_bool
from gmlang.core.expressions.tabulated import check_table
from gmlang.core.names.scope import DefMeaning, Env, guarded
from gmlang.core.print import describe, show_type
from gmlang.core.walk import type_of
from gmlang.diagnostics import Span
from gmlang.errors import forms, later, recursion
from gmlang.errors import names as name_errors
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.families import CALLED, DENSITIES, LATER
from gmlang.families.bernoulli import BERNOULLI
from gmlang.families.categorical import CATEGORICAL
from gmlang.families.family import Domains, Family, Pairs, Parameter, Taken
from gmlang.families.listed import LISTED
from gmlang.families.probabilities import PROBABILITIES
from gmlang.syntax import ast


def check_distribution(
    state: Checking, env: Env, expression: ast.Expression, domain: Domain
) -> Expression:
    """Check an expression that is a distribution over a domain."""
    span = expression.span
    match expression:
        case ast.Conditional():
            condition = attempt(lambda: scalars.check_condition(state, env, expression.condition))
            branches, inner = (expression.then, expression.otherwise), guarded(env)
            then, otherwise = each(lambda e: check_distribution(state, inner, e, domain), branches)
            if condition is None:
                raise PoisonedError
            return Apply(span, "if", (condition, then, otherwise), Dist())
        case ast.MatchExpression():
            table = check_table(state, env, expression, domain)
            if table is not None:
                return table
            inner = guarded(env)
            return matching.check_rows(
                state, env, expression, lambda e: check_distribution(state, inner, e, domain)
            )
        case ast.Braces():
            return weights.check_weights(state, env, expression, domain, is_normalised=True)
        case ast.Call():
            return _call(state, env, expression, domain)
        case ast.Name(text=text) if text in CALLED and text not in env.module.entries:
            has_parameters = bool(CALLED[text].parameters)
            fail(state, errors.family_not_called(span, text, has_parameters=has_parameters))
        case ast.Brackets():
            fail(state, errors.list_for_distribution(span, span.text))
        case _:
            _not_one(state, env, expression, domain)


def _not_one(state: Checking, env: Env, expression: ast.Expression, domain: Domain) -> NoReturn:
    type_ = type_of(scalars.check(state, env, expression, domain))
    family: str | None = None
    if isinstance(type_, Array):
        family = CATEGORICAL.name
    elif isinstance(type_, Real) and isinstance(domain, Bool):
        family = BERNOULLI.name
    text, found = expression.span.text, describe(type_)
    fail(state, errors.value_for_distribution(expression.span, text, found, family))


def _call(state: Checking, env: Env, call: ast.Call, domain: Domain) -> Expression:
    meaning = references.find_dotted(state, env, call.function)
    if isinstance(meaning, DefMeaning) and functions.calls_itself(state, meaning):
        name = meaning.declaration.name.text
        fail(state, recursion.recursive_distribution(call.span, name))
    if isinstance(meaning, DefMeaning):
        body, surroundings = scalars.inline(state, env, call, meaning)
        checked = check_distribution(state, surroundings, body, domain)
        return replace(checked, span=call.span)
    name = call.function.span.text
    if name in LATER or name in DENSITIES:
        fail(state, later.continuous_family(call.span, name))
    if name not in CALLED:
        if meaning is None and name[:1].isupper():
            known = [*CALLED]
            fail(state, name_errors.unknown_distribution(call.function.span, name, known))
        _not_one(state, env, call, domain)
    family = CALLED[name]
    if family.pairs is Pairs.CAUSES:
        return _pairs(state, env, call, family, domain)
    if family.pairs is Pairs.VALUES:
        return _weighted(state, env, call, family, domain)
    given = _arguments(state, call, family)
    if [parameter.taken for parameter in family.parameters] == [Taken.ROW]:
        return _row(state, env, call.span, given[family.parameters[0].name], family, domain)
    _check_domain(state, call.span, family, domain)
    checked = each(lambda p: _parameter(state, env, call, p, given), family.parameters)
    return Distribution(call.span, name, checked, (), Dist())


def _weighted(
    state: Checking, env: Env, call: ast.Call, family: Family, domain: Domain
) -> Distribution:
    """Check a call whose one argument gives values their weights in braces."""
    match call.arguments:
        case (ast.Braces() as braces,):
            return weights.check_weights(
                state, env, braces, domain, is_normalised=False, family=family
            )
        case (other, *_):
            fail(state, forms.other_arguments(other.span, family.form))
        case _:
            takes = errors.Takes.WEIGHTS
            fail(state, errors.wrong_number_of_arguments(call.span, family.name, takes, 0))


def _check_domain(state: Checking, span: Span, family: Family, domain: Domain) -> None:
    match family.domains:
        case Domains.ANY:
            pass
        case Domains.TWO_VALUES:
            _need_two_states(state, span, domain)
        case Domains.INTEGERS:
            if isinstance(domain, Enum | Bool):
                fail(state, forms.type_mismatch(span, Form.INTEGER_VARIABLE, describe(domain)))


def _need_two_states(state: Checking, span: Span, domain: Domain) -> None:
    values = domain_values(domain, weights.NUM_VALUES_MAX)
    if isinstance(domain, Enum) or (values is not None and values != (0, 1)):
        fail(state, forms.over_other_values(span, show_type(domain)))


def _arguments(state: Checking, call: ast.Call, family: Family) -> dict[str, ast.Expression]:
    """Return what each parameter of a family is given, by place or by name."""
    parameters = family.parameter_names()
    given: dict[str, ast.Expression] = {}
    for position, argument in enumerate(call.arguments):
        match argument:
            case ast.Equation(left=ast.Name(text=text), right=right):
                _give(state, family, given, argument.span, text, right)
            case ast.Pair() | ast.Comprehension() | ast.Equation():
                form = f"{family.name}({', '.join(parameters)})"
                fail(state, forms.other_arguments(argument.span, form))
            case _ if position < len(parameters):
                _give(state, family, given, argument.span, parameters[position], argument)
            case _:
                _wrong_count(state, call, family)
    _need_all(state, call, family, given)
    return given


def _give(
    state: Checking,
    family: Family,
    given: dict[str, ast.Expression],
    span: Span,
    name: str,
    value: ast.Expression,
) -> None:
    """Note what a parameter is, which is said once."""
    known = family.parameter_names()
    if name not in known:
        fail(state, name_errors.unknown_argument(span, family.name, name, known))
    if name in given:
        fail(state, name_errors.argument_twice(span, family.name, name, given[name].span))
    given[name] = value


def _need_all(
    state: Checking, call: ast.Call, family: Family, given: dict[str, ast.Expression]
) -> None:
    """Check that every parameter without a default is given."""
    if any(p.default is None and p.name not in given for p in family.parameters):
        _wrong_count(state, call, family)


def _wrong_count(state: Checking, call: ast.Call, family: Family) -> NoReturn:
    names, count = family.parameter_names(), len(call.arguments)
    fail(state, errors.wrong_parameters(call.span, family.name, names, count))


def _parameter(
    state: Checking,
    env: Env,
    call: ast.Call,
    parameter: Parameter,
    given: dict[str, ast.Expression],
) -> Expression:
    """Check what a parameter is given; its default, where it has one, stands in for nothing."""
    if parameter.name not in given:
        return Constant(call.span, parameter.default or 0.0, Real())
    checked = scalars.check_number(state, env, given[parameter.name])
    if parameter.taken is Taken.PROBABILITY:
        return weights.check_probability(state, checked)
    return checked


def _row(
    state: Checking,
    env: Env,
    span: Span,
    argument: ast.Expression,
    family: Family,
    domain: Domain,
) -> Expression:
    """Check a row of probabilities: a vector of data, or one for each value in order."""
    match argument:
        case ast.Brackets(items=(ast.Comprehension() as written,)):
            return _repeated(state, env, span, written, domain)
        case ast.Brackets(items=items):
            return _listed(state, env, span, items, domain)
        case ast.Conditional():
            condition = scalars.check_condition(state, env, argument.condition)
            branches, inner = (argument.then, argument.otherwise), guarded(env)
            chosen = each(lambda e: _row(state, inner, span, e, family, domain), branches)
            return Apply(span, "if", (condition, *chosen), Dist())
        case _:
            vector = scalars.check(state, env, argument)
            type_ = type_of(vector)
            if isinstance(vector, DataRef) and isinstance(type_, Array) and type_.rank == 1:
                return Distribution(span, family.name, (vector,), (), Dist())
            fail(state, forms.type_mismatch(argument.span, Form.PROBABILITIES, describe(type_)))


def _listed(
    state: Checking,
    env: Env,
    span: Span,
    items: tuple[ast.Expression | ast.Comprehension, ...],
    domain: Domain,
) -> Distribution:
    values = domain_values(domain, weights.NUM_VALUES_MAX)
    if values is not None and len(values) != len(items):
        fail(state, forms.other_length(span, len(values), len(items)))

    def item(k: int) -> Item:
        written = items[k]
        if isinstance(written, ast.Comprehension):
            fail(state, forms.type_mismatch(written.span, Form.NUMBER, Form.COMPREHENSION))
        probability = weights.check_probability(state, scalars.check_number(state, env, written))
        return Item(written.span, (), probability, _value_at(state, written.span, domain, k))

    checked = each(item, range(len(items)))
    weights.check_sum(state, span, checked)
    return Distribution(span, PROBABILITIES.name, (), checked, Dist())


def _repeated(
    state: Checking, env: Env, span: Span, written: ast.Comprehension, domain: Domain
) -> Distribution:
    """Check a row that a comprehension lists; the loops count through the values in order."""
    body = written.body
    if written.condition is not None or isinstance(body, ast.Pair):
        fail(state, forms.chosen_probabilities(written.span))
    inner, clauses = loops.enter(state, env, written.loops)
    probability = attempt(lambda: scalars.check_number(state, inner, body))
    if probability is None or len(clauses) < len(written.loops):
        raise PoisonedError
    position: Expression = Constant(span, 0, Integer())
    length: Expression = Constant(span, 1, Integer())
    for clause in clauses:
        assert isinstance(clause, Bind)
        size = arithmetic(state, span, "-", clause.last, clause.first)
        size = arithmetic(state, span, "+", size, Constant(span, 1, Integer()))
        here = Local(clause.span, clause.key, Integer())
        step = arithmetic(state, span, "-", here, clause.first)
        position = arithmetic(state, span, "*", position, size)
        position = arithmetic(state, span, "+", position, step)
        length = arithmetic(state, span, "*", length, size)
    first, _ = domain_bounds(span, domain)
    key = arithmetic(state, span, "+", first, position)
    item = Item(written.span, clauses, weights.check_probability(state, probability), key)
    return Distribution(span, LISTED.name, (length,), (item,), Dist())


def _value_at(state: Checking, span: Span, domain: Domain, k: int) -> Expression:
    """Return the k-th value of a domain."""
    if isinstance(domain, Enum | Bool):
        return Constant(span, bool(k) if isinstance(domain, Bool) else k, domain)
    first, _ = domain_bounds(span, domain)
    return arithmetic(state, span, "+", first, Constant(span, k, Integer()))


def _pairs(
    state: Checking, env: Env, call: ast.Call, family: Family, domain: Domain
) -> Distribution:
    """Check a call with pairs `cause: probability`; the parameters are given by name."""
    _check_domain(state, call.span, family, domain)
    given: dict[str, ast.Expression] = {}
    pairs: list[ast.Pair | ast.Comprehension] = []
    for argument in call.arguments:
        match argument:
            case ast.Equation(left=left, right=right):
                _give(state, family, given, argument.span, left.span.text, right)
            case ast.Pair() | ast.Comprehension(body=ast.Pair()):
                pairs.append(argument)
            case _:
                fail(state, forms.cause_alone(argument.span))
    _need_all(state, call, family, given)

    def cause(inner: Env, pair: ast.Pair, clauses: Clauses) -> Item:
        key = need_bool(state, scalars.check_scalar(state, inner, pair.key, Bool()))
        value = weights.check_probability(state, scalars.check_number(state, inner, pair.value))
        return Item(pair.span, clauses, value, key)

    items = each(lambda pair: weights.check_pair_item(state, env, pair, cause), pairs)
    arguments = each(lambda p: _parameter(state, env, call, p, given), family.parameters)
    return Distribution(call.span, family.name, arguments, items, Dist())
