"""Numbers as the language has them: integers of 64 bits, exact, and reals that are numbers."""

import math
from collections.abc import Callable

Value = bool | int | float | str

INTEGERS = range(-(2**63), 2**63)
"""What an integer may be."""


class Undefined(Exception):
    """An expression has no value."""


def known(value: Value) -> Value:
    """Return a number that is one: integers of 64 bits, and reals that are not NaN."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int) and value not in INTEGERS:
        raise Undefined
    if isinstance(value, float) and math.isnan(value):
        raise Undefined
    return value


def total(values: list[Value]) -> Value:
    """Add up numbers from left to right."""
    result: Value = 0
    for value in values:
        result = arithmetic("+", result, value)
    return result


def number(value: Value) -> int | float:
    """Return truth values as 0 and 1, and numbers as they are."""
    assert not isinstance(value, str)
    return int(value) if isinstance(value, bool) else value


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """Apply an operator to two numbers."""
    a, b = number(left), number(right)
    if operator in ("/", "//", "%") and b == 0:
        raise Undefined
    match operator:
        case "+":
            return known(a + b)
        case "-":
            return known(a - b)
        case "*":
            return known(a * b)
        case "/":
            return known(a / b)
        case "//":
            return known(a // b)
        case "%":
            return known(a % b)
        case "**":
            return known(_power(a, b))
        case _:
            raise AssertionError(operator)


def _power(a: float, b: float) -> float:
    if a == 0 and b < 0:
        raise Undefined
    if isinstance(a, int) and isinstance(b, int):
        # Beyond 64 bits, how far beyond does not matter.
        return a ** min(b, 200) if b >= 0 else float(a) ** b
    result = a**b
    return math.nan if isinstance(result, complex) else result


def extreme(choose: Callable[..., float], values: list[Value]) -> Value:
    """Return the smallest or largest of some numbers."""
    if not values:
        raise Undefined
    return choose(number(v) for v in values)
