"""Is what is asked of reals as smooth as the rule is fine?

Panels are chosen by what a program says of a real, and end where it is compared. Polynomials times
that are integrated to all digits. Anything else may bend, jump or be steep inside a panel, or be
large where there is no node: rules of few nodes may then agree with each other, and be wrong.
"""

from gmlang.core.ast import Aggregate, Apply, Cases, Constant, Expression
from gmlang.core.mentions import expressions_of
from gmlang.core.program import Query
from gmlang.core.walk import is_real_reference, parts

_DEGREE_MAX = 10
"""Nodes reach about nine standard deviations out, where higher powers may still count."""


def may_bend(query: Query) -> bool:
    """Say whether a query asks about more than polynomials of reals, in pieces."""
    degrees = [_degree(expression) for _, expression in expressions_of(query)]
    return any(degree is None or degree > _DEGREE_MAX for degree in degrees)


def _degree(expression: Expression) -> int | None:
    """Return the degree of a polynomial of reals between what they are compared with; or None."""
    if is_real_reference(expression):
        return 1
    inner = [_degree(part) for part in parts(expression)]
    known = [degree for degree in inner if degree is not None]
    if len(known) < len(inner):
        return None
    if not any(known):
        return 0
    match expression:
        case Apply(operator="real_in"):
            return 0
        case Apply(operator="+" | "-" | "neg"):
            return max(known)
        case Apply(operator="*"):
            return sum(known)
        case Apply(operator="/") if known[1] == 0:
            return known[0]
        case Apply(operator="**", arguments=(_, Constant(value=int() as power))) if power >= 0:
            return known[0] * int(power)
        case Apply(operator="if") if known[0] == 0:
            return max(known)
        case Aggregate(operator="sum") | Cases():
            return max(known)
        case _:
            return None
