"""Numbers as the language has them: integers of 64 bits, exact, and reals that are numbers."""

import math
from collections.abc import Callable

import numpy as np

Value = bool | int | float | str

INTEGERS = range(-(2**63), 2**63)
"""What an integer may be."""


class Undefined(Exception):
    """An expression has no value."""


class Random(Exception):
    """A random variable was needed where none is known."""


def attempt(evaluate: Callable[[], Value]) -> Value:
    """Return a value, or why there is none."""
    try:
        return evaluate()
    except (Undefined, Random) as error:
        return error  # type: ignore[return-value]


def given(value: Value) -> Value:
    """Return what was attempted, if it has a value."""
    if isinstance(value, Exception):
        raise value
    return value


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


def _logarithm(log: Callable[[float], float], x: float) -> float:
    if x < 0:
        raise Undefined
    return log(x) if x else -math.inf


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except ValueError:
        raise Undefined from None


def _square_root(x: float) -> float:
    if x < 0:
        raise Undefined
    return math.sqrt(x)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


FUNCTIONS: dict[str, Callable[[list[Value]], Value]] = {
    "abs": lambda v: known(abs(number(v[0]))),
    "sign": lambda v: (number(v[0]) > 0) - (number(v[0]) < 0),
    "floor": lambda v: known(math.floor(number(v[0]))),
    "ceil": lambda v: known(math.ceil(number(v[0]))),
    "round": lambda v: known(round(number(v[0]))),
    "exp": lambda v: math.exp(number(v[0])),
    "log": lambda v: _logarithm(math.log, number(v[0])),
    "log10": lambda v: _logarithm(math.log10, number(v[0])),
    "sqrt": lambda v: _square_root(number(v[0])),
    "logistic": lambda v: _logistic(number(v[0])),
    "erf": lambda v: math.erf(number(v[0])),
    "normal_cdf": lambda v: math.erfc(-number(v[0]) / math.sqrt(2)) / 2,
    "lgamma": lambda v: _lgamma(number(v[0])),
}
"""Functions of one number."""

AGGREGATES: dict[str, Callable[[list[Value]], Value]] = {
    "sum": total,
    "count": lambda v: sum(bool(x) for x in v),
    "all": all,
    "any": any,
    "xor": lambda v: sum(bool(x) for x in v) % 2 == 1,
    "exactly": lambda v: sum(map(bool, v[1:])) == number(v[0]),
    "at_most": lambda v: sum(map(bool, v[1:])) <= number(v[0]),
    "at_least": lambda v: sum(map(bool, v[1:])) >= number(v[0]),
    "exactly_one": lambda v: sum(bool(x) for x in v) == 1,
    "alldifferent": lambda v: len(set(v)) == len(v),
    "min": lambda v: extreme(min, v),
    "max": lambda v: extreme(max, v),
    **FUNCTIONS,
}
"""Of several values, and the functions of one."""


def log_sum(scores: np.ndarray) -> float:
    """Return the log of a sum of exponentials; -inf of nothing."""
    top = float(scores.max(initial=-np.inf))
    if top == -np.inf:
        return top
    return top + math.log(float(np.exp(scores - top).sum()))
