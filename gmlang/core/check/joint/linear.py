"""Is what stands in place of a mean linear in reals? Products of two and functions are not."""

from collections.abc import Iterator

from gmlang.core.ast import Aggregate, Apply, Cases, Distribution, Expression
from gmlang.core.walk import is_real_reference, mentions_real, parts
from gmlang.diagnostics import Diagnostic
from gmlang.errors import later


def bad_laws(law: Expression) -> Iterator[Diagnostic]:
    """Find what keeps a law, or cases of some, from being normal with means linear in reals."""
    match law:
        case Distribution(arguments=(mean, sd)):
            yield from not_linear(mean)
            if mentions_real(sd):
                yield later.unknown_scale(sd.span, sd.span.text)
        case Apply(operator="if", arguments=(condition, *branches)):
            yield from _without_reals(condition)
            for branch in branches:
                yield from bad_laws(branch)
        case Cases(conditions=conditions, values=values):
            for condition in conditions:
                yield from _without_reals(condition)
            for value in values:
                yield from bad_laws(value)
        case _:
            raise AssertionError("no law of a real")


def not_linear(expression: Expression, degree_max: int = 1) -> Iterator[Diagnostic]:
    """Find what keeps an expression from being a polynomial of reals, of a degree at most."""
    try:
        _degree(expression, degree_max, {})
    except _BentError as error:
        yield error.diagnostic


class _BentError(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic)
        self.diagnostic = diagnostic


def _without_reals(expression: Expression) -> Iterator[Diagnostic]:
    if mentions_real(expression):
        yield later.real_elsewhere(expression.span, expression.span.text)


def _degree(expression: Expression, most: int, known: dict[int, int]) -> int:
    """Return the degree; expressions that are shared are looked at once."""
    if id(expression) not in known:
        known[id(expression)] = _degree_of(expression, most, known)
    return known[id(expression)]


def _degree_of(expression: Expression, most: int, known: dict[int, int]) -> int:
    if not mentions_real(expression):
        return 0
    if is_real_reference(expression):
        for index in parts(expression):
            if mentions_real(index):
                raise _BentError(later.real_index(index.span, index.span.text))
        return 1
    match expression:
        case Apply(operator="+" | "-" | "neg", arguments=arguments):
            return max(_degree(part, most, known) for part in arguments)
        case Apply(operator="*", arguments=(left, right)):
            found = _degree(left, most, known) + _degree(right, most, known)
            if found > most:
                raise _BentError(later.product_of_reals(expression.span, expression.span.text))
            return found
        case Apply(operator="/", arguments=(left, right)) if not mentions_real(right):
            return _degree(left, most, known)
        case Apply(operator="**", arguments=(base, power)) if _is_two(power) and most > 1:
            found = 2 * _degree(base, most, known)
            if found <= most:
                return found
        case Apply(operator="if", arguments=(condition, *branches)) if not mentions_real(condition):
            return max(_degree(branch, most, known) for branch in branches)
        case Cases(conditions=conditions, values=values) if not any(map(mentions_real, conditions)):
            return max(_degree(value, most, known) for value in values)
        case Aggregate(operator="sum", items=items):
            return max(_degree(item.value, most, known) for item in items)
        case _:
            pass
    raise _BentError(later.bent(expression.span, expression.span.text))


def _is_two(power: Expression) -> bool:
    return getattr(power, "value", None) == 2
