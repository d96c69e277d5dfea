"""Is what stands in place of a mean linear in reals? Products of two and functions are not."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from gmlang.core.ast import Aggregate, Apply, Cases, Distribution, Expression
from gmlang.core.check.joint.laws import NORMAL
from gmlang.core.check.joint.routes import Key, keys_outside_intervals
from gmlang.core.check.joint.sites import bad_site, centre_of
from gmlang.core.walk import is_real_reference, mentions_real, parts
from gmlang.diagnostics import Diagnostic
from gmlang.errors import later


def bad_laws(law: Expression, outer: AbstractSet[Key], *, of_data: bool) -> Iterator[Diagnostic]:
    """Find what keeps a law, or cases of some, from being of centres linear in reals.

    Args:
        law: or cases of some.
        outer: parameters, which count as numbers.
        of_data: which may have other laws than normal ones.
    """
    if of_data and not mentions_real(law):
        return
    match law:
        case Distribution():
            is_known = of_data or law.family == NORMAL
            found = [*bad_site(law)] if is_known else [later.law(law.span, law.family)]
            yield from found
            if not found:
                yield from not_linear(centre_of(law), outer)
        case Apply(operator="if", arguments=(condition, *branches)):
            yield from _without_reals(condition)
            for branch in branches:
                yield from bad_laws(branch, outer, of_data=of_data)
        case Cases(conditions=conditions, values=values):
            for condition in conditions:
                yield from _without_reals(condition)
            for value in values:
                yield from bad_laws(value, outer, of_data=of_data)
        case _:
            raise AssertionError("no law of a real")


def not_linear(
    expression: Expression, outer: AbstractSet[Key] = frozenset()
) -> Iterator[Diagnostic]:
    """Find what keeps an expression from being linear in reals that are no parameters."""
    try:
        _degree(expression, outer, {})
    except _BentError as error:
        yield error.diagnostic


class _BentError(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


def _without_reals(expression: Expression) -> Iterator[Diagnostic]:
    if mentions_real(expression):
        yield later.condition_on_joint(expression.span, expression.span.text)


def _degree(expression: Expression, outer: AbstractSet[Key], known: dict[int, int]) -> int:
    """Return the degree; expressions that are shared are looked at once."""
    if id(expression) not in known:
        known[id(expression)] = _degree_of(expression, outer, known)
    return known[id(expression)]


def _degree_of(expression: Expression, outer: AbstractSet[Key], known: dict[int, int]) -> int:
    if not _mentions(expression, outer):
        return 0
    if is_real_reference(expression):
        for index in parts(expression):
            if mentions_real(index):
                raise _BentError(later.real_index(index.span, index.span.text))
        return 1
    match expression:
        case Apply(operator="+" | "-" | "neg", arguments=arguments):
            return max(_degree(part, outer, known) for part in arguments)
        case Apply(operator="*", arguments=(left, right)):
            found = _degree(left, outer, known) + _degree(right, outer, known)
            if found > 1:
                raise _BentError(later.product_of_reals(expression.span, expression.span.text))
            return found
        case Apply(operator="/", arguments=(left, right)) if not _mentions(right, outer):
            return _degree(left, outer, known)
        case Apply(operator="if", arguments=(condition, *branches)) if not _mentions(
            condition, outer
        ):
            return max(_degree(branch, outer, known) for branch in branches)
        case Cases(conditions=conditions, values=values):
            if not any(_mentions(condition, outer) for condition in conditions):
                return max(_degree(value, outer, known) for value in values)
        case Aggregate(operator="sum", items=items):
            return max(_degree(item.value, outer, known) for item in items)
        case _:
            pass
    raise _BentError(later.bent(expression.span, expression.span.text))


def _mentions(expression: Expression, outer: AbstractSet[Key]) -> bool:
    """Say whether a value depends on reals that are no parameters."""
    if not outer or not mentions_real(expression):
        return mentions_real(expression)
    return any(key not in outer for key in keys_outside_intervals(expression))
