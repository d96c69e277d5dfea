"""Weights in braces: `{dry: 0.1, wet: 0.9}`, `{red: 2, _: 1}`, `{v: p[v] for v in 0..9}`."""

from collections.abc import Callable

from gmlang.core.ast import (
    Apply,
    Bool,
    Cases,
    Clauses,
    Constant,
    Dist,
    Distribution,
    Domain,
    Enum,
    Expression,
    Item,
    Real,
)
from gmlang.core.checking import Checking, each, fail
from gmlang.core.expressions import loops, scalars
from gmlang.core.expressions.operators import arithmetic, domain_values, fit, is_number, need_known
from gmlang.core.names.scope import Env
from gmlang.core.print import describe, show
from gmlang.core.tolerances import PROBABILITY_ROUNDING, SUM_DIGITS, SUM_ROUNDING, is_probability
from gmlang.core.walk import type_of
from gmlang.diagnostics import Span
from gmlang.errors import forms
from gmlang.errors import types as errors
from gmlang.errors.forms import Form
from gmlang.errors.probabilities import UnevenRow
from gmlang.families.family import Family
from gmlang.families.probabilities import PROBABILITIES
from gmlang.syntax import ast

NUM_VALUES_MAX = 100_000
REST = ("rest", "_")
"""Words for the values not named, or for the probability that is left."""


def check_weights(
    state: Checking,
    env: Env,
    braces: ast.Braces,
    domain: Domain,
    *,
    is_normalised: bool,
    family: Family = PROBABILITIES,
) -> Distribution:
    """Check `{value: weight, ...}`.

    Args:
        state: what the check gathers.
        env: the surroundings.
        braces: as written.
        domain: of the variable.
        is_normalised: the weights are probabilities and sum to one; otherwise likelihoods.
        family: of the distribution that is returned.
    """
    seen: dict[str, Span] = {}

    def pair(inner: Env, written: ast.Pair, clauses: Clauses) -> Item:
        # Likelihoods are factors of each value: these must be known.
        is_drawn = is_normalised or family is not PROBABILITIES
        key = _key(state, inner, written.key, domain, is_drawn=is_drawn)
        value: Expression = Constant(written.span, 0.0, Real())
        is_left = is_normalised and key is None and _is_rest(inner, written.value)
        if not _is_rest(inner, written.value):
            value = _weight(state, inner, written.value, is_normalised=is_normalised)
        if not clauses:
            text = "rest" if key is None else show(key)
            if text in seen:
                fail(state, errors.value_named_twice(written.key.span, text, seen[text]))
            seen[text] = written.key.span
        return Item(written.span, clauses, value, key, is_left)

    def item(written: ast.Expression | ast.Pair | ast.Comprehension) -> Item:
        match written:
            case ast.Pair() | ast.Comprehension(body=ast.Pair()):
                return check_pair_item(state, env, written, pair)
            case ast.Name() if _is_rest(env, written):
                nothing = Constant(written.span, 0.0, Real())
                return Item(written.span, (), nothing, None, is_normalised)
            case _:
                fail(state, errors.value_without_weight(written.span))

    items = each(item, braces.items)
    items = tuple(
        _left_over(state, env, one, items, written)
        for one, written in zip(items, braces.items, strict=True)
    )
    if is_normalised:
        check_sum(state, braces.span, _spelt_out(items, domain))
    else:
        items = _spelt_out(items, domain)
    return Distribution(braces.span, family.name, (), items, Dist())


def _is_rest(env: Env, written: ast.Expression) -> bool:
    return isinstance(written, ast.Name) and written.text in REST and written.text not in env.names


def _weight(
    state: Checking, env: Env, written: ast.Expression, *, is_normalised: bool
) -> Expression:
    value = scalars.check_number(state, env, written)
    if is_normalised:
        return check_probability(state, value)
    for leaf in leaves(value):
        if isinstance(leaf, Constant) and leaf.value < -PROBABILITY_ROUNDING:
            fail(state, errors.negative_weight(leaf.span, leaf.value))
    return value


def _key(
    state: Checking, env: Env, key: ast.Expression, domain: Domain, *, is_drawn: bool
) -> Expression | None:
    """Check which value is named; None names the rest."""
    is_value = isinstance(domain, Enum) and key.span.text in domain.values
    if _is_rest(env, key) and not is_value:
        return None
    checked = scalars.check_scalar(state, env, key, domain)
    if not is_drawn:
        need_known(state, checked, "a value with a likelihood")
    return fit(state, checked, domain)


def _left_over(
    state: Checking,
    env: Env,
    item: Item,
    items: tuple[Item, ...],
    written: ast.Expression | ast.Pair | ast.Comprehension,
) -> Item:
    """Give `wet: rest` the probability that the others leave."""
    if item.key is None or not isinstance(written, ast.Pair) or not _is_rest(env, written.value):
        return item
    left: Expression = Constant(item.span, 1.0, Real())
    for other in items:
        if other.context or other.key is None:
            fail(state, forms.left_by_several(written.value.span))
        left = arithmetic(state, item.span, "-", left, other.value)
    return Item(item.span, item.context, check_probability(state, left), item.key)


def _spelt_out(items: tuple[Item, ...], domain: Domain) -> tuple[Item, ...]:
    """Give each value not named the weight of `_: weight`, where it is known which are named."""
    values = domain_values(domain, NUM_VALUES_MAX)
    keys = [item.key for item in items if item.key is not None]
    named = {key.value for key in keys if isinstance(key, Constant)}
    is_known = all(isinstance(key, Constant) for key in keys)
    if values is None or not is_known or any(item.context for item in items):
        return items
    found: list[Item] = []
    for item in items:
        if item.key is not None or item.is_left:
            found.append(item)
            continue
        for value in values:
            if value not in named:
                key = Constant(
                    item.span, bool(value) if isinstance(domain, Bool) else value, domain
                )
                found.append(Item(item.span, (), item.value, key))
    return tuple(found)


def check_pair_item(
    state: Checking,
    env: Env,
    written: ast.Pair | ast.Comprehension,
    check_pair: Callable[[Env, ast.Pair, Clauses], Item],
) -> Item:
    """Check a pair, or a comprehension of pairs."""
    if isinstance(written, ast.Pair):
        return check_pair(env, written, ())
    what = "which pairs there are"
    inner, context = loops.comprehension(state, env, written.loops, written.condition, what)
    assert isinstance(written.body, ast.Pair)
    return check_pair(inner, written.body, context)


def check_probability(state: Checking, checked: Expression) -> Expression:
    """Check the constants among the values of an expression that is a probability."""
    for leaf in leaves(checked):
        if not is_number(type_of(leaf)):
            found = describe(type_of(leaf))
            fail(state, forms.type_mismatch(leaf.span, Form.PROBABILITY, found))
        if isinstance(leaf, Constant) and not is_probability(leaf.value):
            fail(state, errors.not_a_probability(leaf.span, leaf.value))
    return checked


def leaves(expression: Expression) -> list[Expression]:
    """List what an expression of conditionals and cases may evaluate to."""
    match expression:
        case Apply(operator="if", arguments=(_, then, otherwise)):
            return leaves(then) + leaves(otherwise)
        case Cases(values=values):
            return [leaf for value in values for leaf in leaves(value)]
        case _:
            return [expression]


def check_sum(state: Checking, span: Span, items: tuple[Item, ...]) -> None:
    """Check that constant probabilities sum to one, or leave something for the rest."""
    total = 0.0
    for item in items:
        is_each = item.key is None and not item.is_left
        if not isinstance(item.value, Constant) or item.context or is_each:
            return
        total += 0 if item.is_left else item.value.value
    if any(item.is_left for item in items):
        if total > 1 + PROBABILITY_ROUNDING:
            fail(state, errors.wrong_sum(span, total))
    else:
        check_total(state, span, total)


def check_total(state: Checking, span: Span, total: float) -> None:
    """Check that the probabilities of all values sum to one; a little off is noted."""
    if not abs(total - 1) <= SUM_DIGITS:
        fail(state, errors.wrong_sum(span, total))
    if abs(total - 1) > SUM_ROUNDING:
        state.uneven[UnevenRow(span, "", total)] = None
