"""Patterns: `match`, `x in {a, b}`, `x in 1..3`, and whether cases cover everything."""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from gmlang.core.ast import Apply, Bool, Cases, Constant, Dist, Enum, Expression, Real, Type
from gmlang.core.checking import Checking, PoisonedError, attempt, each, fail
from gmlang.core.expressions import references, scalars
from gmlang.core.expressions.operators import (
    all_of,
    comparison,
    domain_values,
    is_integer,
    is_number,
    join,
    minus_one,
    need_known,
    real_in,
)
from gmlang.core.names.scope import Env, enums_with, guarded
from gmlang.core.places.values import is_place
from gmlang.core.print import describe, show
from gmlang.core.walk import mentions_real, type_of
from gmlang.diagnostics import Span
from gmlang.errors import forms
from gmlang.errors import names as name_errors
from gmlang.errors import probabilities as reals
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.syntax import ast
from gmlang.syntax.rows import spelt_out

# Cases are counted one by one up to here; beyond, the grounding finds those not covered.
_NUM_CASES_MAX = 4096


def check_in(state: Checking, env: Env, expression: ast.Binary) -> Expression:
    """Check `x in {a, b}` or `x in 1..3`."""
    right = expression.right
    subject = scalars.check_scalar(state, env, expression.left)
    if not isinstance(right, ast.Range | ast.Braces | ast.Brackets | ast.Tuple):
        found = describe(type_of(scalars.check(state, env, right)))
        fail(state, forms.type_mismatch(right.span, Form.MEMBERS, found))
    return _pattern_condition(state, env, subject, right)


def _pattern_condition(
    state: Checking, env: Env, subject: Expression, pattern: ast.Expression
) -> Expression:
    """Return the condition under which a subject fits a pattern."""
    span = pattern.span
    match pattern:
        case ast.Name(text="_"):
            return Constant(span, True, Bool())
        case ast.Range():
            return _in_range(state, env, subject, pattern)
        case ast.Tuple() if is_place(type_of(subject)):
            place = scalars.check_scalar(state, env, pattern, type_of(subject))
            return comparison(state, span, "==", subject, place)
        case ast.Braces(items=items) | ast.Brackets(items=items) | ast.Tuple(items=items):
            if state.real_names and mentions_real(subject):
                fail(state, reals.never_exactly(span, subject.span.text))
            members = each(lambda item: _member(state, env, subject, item), items)
            return Apply(span, "in_set", (subject, *members), Bool())
        case _:
            if isinstance(pattern, ast.Name) and not _is_known(state, env, subject, pattern):
                fail(state, name_errors.named_in_a_row(span, pattern.text))
            value = scalars.check_scalar(state, env, pattern, type_of(subject))
            if isinstance(value, Constant) and value.type == Bool() == type_of(subject):
                return subject if value.value else Apply(span, "not", (subject,), Bool())
            return comparison(state, span, "==", subject, value)


def _is_known(state: Checking, env: Env, subject: Expression, name: ast.Name) -> bool:
    """Say whether a name in a pattern means anything; those of an enum are checked elsewhere."""
    return (
        isinstance(type_of(subject), Enum)
        or name.text in env.names
        or bool(enums_with(env.module, name.text))
        or references.find_dotted(state, env, name) is not None
    )


def _in_range(state: Checking, env: Env, subject: Expression, pattern: ast.Range) -> Expression:
    span = pattern.span
    ends = (pattern.first, pattern.last)
    first, last = each(lambda e: scalars.check_scalar(state, env, e), ends)
    for end in (subject, first, last):
        if not is_number(type_of(end)):
            fail(state, errors.no_arithmetic(end.span, "..", describe(type_of(end))))
    if state.real_names and mentions_real(subject):
        known = each(lambda e: need_known(state, e, "what a real is compared with"), (first, last))
        return real_in(span, subject, *known)
    if pattern.includes_last:
        return Apply(span, "in_range", (subject, first, last), Bool())
    if all(is_integer(type_of(end)) for end in (subject, first, last)):
        return Apply(span, "in_range", (subject, first, minus_one(state, last)), Bool())
    above = Apply(span, ">=", (subject, first), Bool())
    return all_of(span, (above, Apply(span, "<", (subject, last), Bool())))


def _member(
    state: Checking,
    env: Env,
    subject: Expression,
    item: ast.Expression | ast.Pair | ast.Comprehension,
) -> Expression:
    if isinstance(item, ast.Pair | ast.Comprehension):
        fail(state, forms.type_mismatch(item.span, Form.VALUE, Form.ANOTHER))
    member = scalars.check_scalar(state, env, item, type_of(subject))
    comparison(state, item.span, "==", subject, member)
    return member


def check_subjects(
    state: Checking, env: Env, subjects: tuple[ast.Expression, ...]
) -> tuple[Expression, ...]:
    """Check what a match looks at; a tuple is several subjects."""
    return each(lambda e: scalars.check_scalar(state, env, e), _flat(subjects))


def _flat(written: tuple[ast.Expression, ...]) -> tuple[ast.Expression, ...]:
    match written:
        case (ast.Tuple(items=items),):
            return items
        case _:
            return written


def row_conditions(
    state: Checking,
    env: Env,
    span: Span,
    subjects: tuple[Expression, ...],
    patterns: tuple[ast.Expression, ...],
) -> tuple[Expression, ...]:
    """Return one condition for each subject; a lone `_` fits them all."""
    match patterns:
        case (ast.Name(text="_"),):
            return tuple(Constant(span, True, Bool()) for _ in subjects)
        case (ast.Tuple(items=items),) if len(subjects) > 1:
            patterns = items
        case _:
            pass
    if len(patterns) != len(subjects):
        fail(state, errors.wrong_number_of_patterns(span, len(subjects), len(patterns)))
    pairs = zip(subjects, patterns, strict=True)
    return each(lambda pair: _pattern_condition(state, env, *pair), pairs)


def check_match_value(
    state: Checking, env: Env, match_: ast.MatchExpression, expected: Type | None
) -> Expression:
    """Check a match whose rows are values."""

    def value(expression: ast.Expression) -> Expression:
        return scalars.check_scalar(state, guarded(env), expression, expected)

    checked = check_rows(state, env, match_, value)
    first = checked.values[0]
    type_ = type_of(first)
    for other in checked.values[1:]:
        joined = join(state, first, other)
        if isinstance(joined, Real) or not isinstance(type_, Real):
            type_ = joined
    return Cases(match_.span, checked.conditions, checked.values, type_)


def check_rows(
    state: Checking,
    env: Env,
    match_: ast.MatchExpression,
    check_value: Callable[[ast.Expression], Expression],
) -> Cases:
    """Check the rows of a match, whatever its values are, and that they cover everything."""
    subjects = attempt(lambda: check_subjects(state, env, match_.subjects))

    def fitting(matched: tuple[Expression, ...], case: ast.ValueCase) -> tuple[Expression, ...]:
        return row_conditions(state, env, case.span, matched, case.patterns)

    def row(case: ast.ValueCase) -> tuple[tuple[Expression, ...], Expression]:
        conditions = None
        if subjects is not None:
            conditions = attempt(partial(fitting, subjects, case))
        written = case.value
        value = check_value(spelt_out(written) if isinstance(written, ast.Row) else written)
        if conditions is None:
            raise PoisonedError
        return conditions, value

    rows = each(row, match_.cases)
    assert subjects is not None
    _check_coverage(state, match_.span, subjects, [conditions for conditions, _ in rows])
    conditions = tuple(all_of(case.span, r[0]) for case, r in zip(match_.cases, rows, strict=True))
    return Cases(match_.span, conditions, tuple(value for _, value in rows), Dist())


def _check_coverage(
    state: Checking,
    span: Span,
    subjects: tuple[Expression, ...],
    rows: list[tuple[Expression, ...]],
) -> None:
    """Report a combination of the subjects' values that no row fits, where that can be told."""
    domains = [domain_values(type_of(subject), _NUM_CASES_MAX) for subject in subjects]
    known = [domain for domain in domains if domain is not None]
    num_cases = 1
    for domain in known:
        num_cases *= len(domain)
    if len(known) < len(domains) or num_cases > _NUM_CASES_MAX:
        return
    open_ = np.ones([len(domain) for domain in known], np.bool_)
    for conditions in rows:
        fitting: list[list[int]] = []
        for subject, domain, condition in zip(subjects, known, conditions, strict=True):
            fitted = _fitted(condition, subject, domain)
            if fitted is None:
                return
            fitting.append(fitted)
        open_[np.ix_(*(np.array(places, np.int64) for places in fitting))] = False
    missing = np.argwhere(open_)
    if not len(missing):
        return
    values = zip(subjects, known, missing[0], strict=True)
    text = ", ".join(f"{show(s)} = {_shown(type_of(s), domain[k])}" for s, domain, k in values)
    fail(state, errors.not_covered(span, text, num_cases - len(missing), num_cases))


def _shown(type_: Type, value: int) -> str:
    if isinstance(type_, Enum):
        return type_.values[value]
    return ("false", "true")[value] if isinstance(type_, Bool) else str(value)


def _fitted(
    condition: Expression, subject: Expression, domain: tuple[int, ...]
) -> list[int] | None:
    """List which of a domain's values fit a pattern's condition; None when it is not constant.

    Takes as long as the pattern is, not as the domain: rows have one value each, mostly.
    """
    everything = range(len(domain))
    if condition is subject:
        return [k for k in everything if domain[k]]
    match condition:
        case Constant(value=holds):
            return [*everything] if holds else []
        case Apply(operator="not", arguments=(inner,)) if inner is subject:
            return [k for k in everything if not domain[k]]
        case Apply(operator="==", arguments=(_, Constant(value=value))):
            return _places(domain, (value,))
        case Apply(operator="in_range", arguments=(_, Constant() as first, Constant() as last)):
            return [k for k in everything if first.value <= domain[k] <= last.value]
        case Apply(operator="in_set", arguments=(_, *members)):
            known = [member.value for member in members if isinstance(member, Constant)]
            fitted = _places(domain, known)
            return fitted if len(known) == len(members) or len(fitted) == len(domain) else None
        case _:
            return None


def _places(domain: tuple[int, ...], values: Iterable[float]) -> list[int]:
    """Return where values are in a domain, which has no gaps."""
    inside = {v for v in values if domain and domain[0] <= v <= domain[-1] and v == int(v)}
    return sorted(int(v) - domain[0] for v in inside)
