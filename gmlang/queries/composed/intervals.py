"""What follows of a calculation from bounds on the numbers in it: interval arithmetic.

Every operation rounds its ends outwards, so that what is found holds for the numbers themselves.
"""

import math
from collections.abc import Callable, Mapping

from gmlang.core.ast import Aggregate, Apply, Expression, QueryValue
from gmlang.core.walk import walk

Interval = tuple[float, float]

_COMPARED: dict[str, Callable[[Interval, Interval], tuple[bool, bool]]] = {
    "<": lambda a, b: (a[1] < b[0], a[0] < b[1]),
    "<=": lambda a, b: (a[1] <= b[0], a[0] <= b[1]),
    ">": lambda a, b: (a[0] > b[1], a[1] > b[0]),
    ">=": lambda a, b: (a[0] >= b[1], a[1] >= b[0]),
    "==": lambda a, b: (a[0] == a[1] == b[0] == b[1], a[0] <= b[1] and b[0] <= a[1]),
    "!=": lambda a, b: (a[1] < b[0] or b[1] < a[0], not a[0] == a[1] == b[0] == b[1]),
}
"""For each comparison: whether it surely holds, and whether it may."""


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


_MONOTONE: dict[str, Callable[[float], float]] = {
    "exp": _exp,
    "log": lambda x: math.log(x) if x > 0 else -math.inf,
    "sqrt": math.sqrt,
    "floor": lambda x: float(math.floor(x)) if math.isfinite(x) else x,
    "ceil": lambda x: float(math.ceil(x)) if math.isfinite(x) else x,
}


def interval_of(
    expression: Expression,
    ends: Mapping[int, Interval],
    known: Callable[[Expression], float],
) -> Interval | None:
    """Bound the value of an expression; None where nothing follows.

    Args:
        expression: without loops around the answers in it.
        ends: what is certain of each answer, by its number.
        known: evaluates what has no answer in it.
    """
    if not any(isinstance(part, QueryValue) for part in walk(expression)):
        value = known(expression)
        return value, value
    match expression:
        case QueryValue(number=number):
            return ends.get(number)
        case Apply(operator=operator, arguments=arguments):
            found = [interval_of(argument, ends, known) for argument in arguments]
            if operator == "if":
                return _chosen(found)
            given = [one for one in found if one is not None]
            return _applied(operator, given) if len(given) == len(found) else None
        case Aggregate(operator=operator, items=items):
            if operator not in ("sum", "min", "max", "count", "all", "any"):
                return None
            found = [interval_of(item.value, ends, known) for item in items]
            given = [one for one in found if one is not None]
            return _aggregated(operator, given) if len(given) == len(found) else None
        case _:
            return None


def _chosen(found: list[Interval | None]) -> Interval | None:
    condition, then, otherwise = found
    if condition is None or then is None or otherwise is None:
        return None
    if condition[0] == condition[1]:
        return then if condition[0] else otherwise
    return min(then[0], otherwise[0]), max(then[1], otherwise[1])


def _aggregated(operator: str, given: list[Interval]) -> Interval | None:
    if operator in ("sum", "count"):
        total: Interval | None = (0.0, 0.0)
        for one in given:
            total = None if total is None else plus(total, one)
        return total
    names = {"all": "and", "any": "or"}
    return _applied(names.get(operator, operator), given) if given else None


def _applied(operator: str, given: list[Interval]) -> Interval | None:
    """Apply an operator to intervals.

    >>> _applied("neg", [(1.0, 2.0)])
    (-2.0, -1.0)
    """
    if operator in _COMPARED:
        surely, maybe = _COMPARED[operator](given[0], given[1])
        return float(surely), float(maybe)
    match operator:
        case "and" | "min":
            return min(low for low, _ in given), min(high for _, high in given)
        case "or" | "max":
            return max(low for low, _ in given), max(high for _, high in given)
        case "not":
            return 1.0 - given[0][1], 1.0 - given[0][0]
        case "neg":
            return -given[0][1], -given[0][0]
        case "abs":
            (low, high) = given[0]
            nearest = 0.0 if low <= 0.0 <= high else min(abs(low), abs(high))
            return nearest, max(abs(low), abs(high))
        case "in_range":
            value, first, last = given
            surely = value[0] >= first[1] and value[1] <= last[0]
            return float(surely), float(value[1] >= first[0] and value[0] <= last[1])
        case "+":
            return plus(given[0], given[1])
        case "-":
            return _outwards([given[0][0] - given[1][1]], [given[0][1] - given[1][0]])
        case "*":
            return times(given[0], given[1])
        case "/":
            low, high = given[1]
            # Where the divisor may be 0 there may be no value at all.
            if low <= 0.0 <= high:
                return None
            inverse = _outwards([1.0 / high], [1.0 / low])
            return None if inverse is None else times(given[0], inverse)
        case "log" | "sqrt" if given[0][0] < 0.0:
            return None
        case _ if operator in _MONOTONE:
            low, high = (_MONOTONE[operator](end) for end in given[0])
            found = _outwards([low], [high])
            return _not_negative(found) if operator in ("exp", "sqrt") else found
        case _:
            return None


def plus(left: Interval, right: Interval) -> Interval | None:
    """Add intervals; None where one end is not a number."""
    found = _outwards([left[0] + right[0]], [left[1] + right[1]])
    return _not_negative(found) if left[0] >= 0.0 and right[0] >= 0.0 else found


def times(left: Interval, right: Interval) -> Interval | None:
    """Multiply intervals; None where one end is not a number."""
    products = [a * b for a in left for b in right]
    found = _outwards(products, products)
    return _not_negative(found) if left[0] >= 0.0 and right[0] >= 0.0 else found


def _not_negative(found: Interval | None) -> Interval | None:
    """Keep the rounding of what cannot be negative from making it so."""
    return None if found is None else (max(0.0, found[0]), found[1])


def _outwards(lows: list[float], highs: list[float]) -> Interval | None:
    """Return the least and the most, rounded outwards; None where one is not a number."""
    if any(math.isnan(end) for end in (*lows, *highs)):
        return None
    low, high = min(lows), max(highs)
    # Libraries' exp and log may be off by one more unit in the last place than the basic ones.
    for _ in range(2):
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    return low, high
