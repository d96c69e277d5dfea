"""Operations on numbers, and the places where they have no value.

Integers are exact: what does not fit 64 bits has no value, and nothing wraps around. Real numbers
may be infinite; what would be "not a number" has no value.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmlang.errors.grounding import Undefined
from gmlang.graph.values.functions import REAL_FUNCTIONS, ROUNDING_FUNCTIONS

INTEGER_MAX = 2**63 - 1
INTEGER_MIN = -(2**63)


_NEARNESS = 1e-9
"""What is this close to 2^63, relative, is worked out exactly; float64 errs by far less."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The values of an operation.

    Attributes:
        bad: where there is none; None when there is one everywhere.
        why: what is wrong there.
    """

    values: np.ndarray
    bad: np.ndarray | None = None
    why: Undefined = Undefined.NOWHERE


def nothing(why: Undefined) -> Outcome:
    """Return what has no value anywhere."""
    return Outcome(np.zeros(()), np.ones((), np.bool_), why)


def number(value: np.ndarray) -> np.ndarray:
    """Return truth values as 0 and 1, and numbers as they are."""
    return value.astype(np.int64) if value.dtype == np.bool_ else value


_Binary = Callable[[np.ndarray, np.ndarray], np.ndarray]

_EXACT: dict[str, _Binary] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "**": np.power,
}
_WHOLE: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "**": lambda a, b: a**b,
}


def quotient(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Divide by numbers that are not 0: the real number next to the exact quotient.

    NumPy rounds integers beyond 2^53 before it divides them.
    """
    whole = left.dtype.kind == right.dtype.kind == "i"
    if not whole or (_is_within(left, 2**53) and _is_within(right, 2**53)):
        return np.true_divide(left, right)
    one, other = np.broadcast_arrays(left, right)
    pairs = zip(one.reshape(-1).tolist(), other.reshape(-1).tolist(), strict=True)
    return np.array([a / b for a, b in pairs], np.float64).reshape(one.shape)


def _is_within(values: np.ndarray, most: int) -> bool:
    return not values.size or max(abs(int(values.min())), abs(int(values.max()))) <= most


_DIVISION: dict[str, _Binary] = {"/": quotient, "//": np.floor_divide, "%": np.mod}


def _exactly(compare: _Binary) -> _Binary:
    """Return a comparison that sees all digits of integers beside real numbers."""
    return lambda left, right: compare(*_comparable(left, right))


def _comparable(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers that compare as two do, by whatever NumPy makes of an integer and a real."""
    if left.dtype == right.dtype or left.dtype.kind + right.dtype.kind not in ("if", "fi"):
        return left, right
    integers, reals = (left, right) if left.dtype.kind == "i" else (right, left)
    if _is_within(integers, 2**53):
        return left, right
    # Rounding keeps the order: only where the rounded integer is the real number may it hide one.
    rounded = integers.astype(np.float64)
    order = np.sign(rounded - reals)
    is_beyond = reals >= 2.0**63
    held = np.where((np.abs(reals) < 2.0**63) | (reals == -(2.0**63)), reals, 0.0).astype(np.int64)
    hidden = np.where(is_beyond, -1, np.where(integers < held, -1, np.where(integers > held, 1, 0)))
    order = np.where(rounded == reals, hidden, order)
    return (order, np.zeros(1)) if integers is left else (np.zeros(1), order)


COMPARISONS: dict[str, _Binary] = {
    "==": _exactly(np.equal),
    "!=": _exactly(np.not_equal),
    "<": _exactly(np.less),
    "<=": _exactly(np.less_equal),
    ">": _exactly(np.greater),
    ">=": _exactly(np.greater_equal),
}
"""What each comparison means."""


def compute(operator: str, given: list[np.ndarray]) -> Outcome:
    """Apply an operator that is neither logical nor conditional."""
    # Beside a real number a truth value counts as 0 or 1 without a copy.
    numbers = given
    if not any(value.dtype == np.float64 for value in given):
        numbers = [number(value) for value in given]
    with np.errstate(all="ignore"):
        if operator in COMPARISONS:
            return Outcome(np.asarray(COMPARISONS[operator](numbers[0], numbers[1])))
        if operator in _EXACT:
            return _exact(operator, numbers[0], numbers[1])
        if operator in _DIVISION:
            return _divide(operator, numbers[0], numbers[1])
        if operator in ("neg", "abs"):
            return _negated(operator, numbers[0])
        if operator == "sign":
            return Outcome(np.sign(numbers[0]).astype(np.int64))
        if operator in ("within", "far"):
            return Outcome(_of_places(operator, numbers))
        if operator in REAL_FUNCTIONS:
            return _real(REAL_FUNCTIONS[operator](numbers[0].astype(np.float64, copy=False)))
        if operator in ROUNDING_FUNCTIONS:
            return _rounded(operator, number(numbers[0]))
        return Outcome(_choice(operator, numbers))


def _of_places(operator: str, numbers: list[np.ndarray]) -> np.ndarray:
    """Compare two places of a grid, the number of whose columns comes last."""
    one, other, *reach, columns = numbers
    down = np.abs(one // columns - other // columns)
    aside = np.abs(one % columns - other % columns)
    if operator == "far":
        return np.asarray(down + aside)
    return (down <= reach[0]) & (aside <= reach[0])


def compare_count(
    operator: str, total: np.ndarray, num_items: np.ndarray | int, parameter: np.ndarray | int
) -> np.ndarray:
    """Turn the sum of an aggregate's items into the aggregate's value."""
    match operator:
        case "sum" | "count":
            return total
        case "all":
            return np.asarray(total == num_items)
        case "any":
            return np.asarray(total > 0)
        case "xor":
            return np.asarray(total % 2 == 1)
        case "exactly" | "exactly_one":
            return np.asarray(total == parameter)
        case "at_most":
            return np.asarray(total <= parameter)
        case "at_least":
            return np.asarray(total >= parameter)
        case _:
            raise AssertionError(operator)


def whole_numbers(values: np.ndarray) -> Outcome:
    """Turn numbers into integers; those that are none have no value."""
    if values.dtype == np.int64:
        return Outcome(values)
    if values.dtype == np.bool_:
        return Outcome(values.astype(np.int64))
    result = _rounded("round", values)
    broken = values != np.round(values)
    if not broken.any():
        return result
    bad = broken if result.bad is None else result.bad | broken
    return Outcome(np.where(bad, 0, result.values), bad, Undefined.NOT_WHOLE)


def _choice(operator: str, numbers: list[np.ndarray]) -> np.ndarray:
    match operator:
        case "min" | "max":
            choose = np.minimum if operator == "min" else np.maximum
            result = numbers[0]
            for other in numbers[1:]:
                result = choose(result, other)
            return result
        case "in_range" | "real_in":
            value, low, high = numbers
            return COMPARISONS[">="](value, low) & COMPARISONS["<="](value, high)
        case "in_set":
            result = np.zeros(1, np.bool_)
            for member in numbers[1:]:
                result = result | COMPARISONS["=="](numbers[0], member)
            return result
        case _:
            raise AssertionError(operator)


def _is_real(*numbers: np.ndarray) -> bool:
    return any(value.dtype == np.float64 for value in numbers)


def _exact(operator: str, left: np.ndarray, right: np.ndarray) -> Outcome:
    apply = _EXACT[operator]
    if operator == "**":
        if _is_real(left, right) or (right.size and right.min() < 0):
            return _real_power(left.astype(np.float64), right.astype(np.float64))
    elif _is_real(left, right):
        return _real(np.asarray(apply(left, right)))
    if not left.size or not right.size or _surely_fits(operator, left, right):
        return Outcome(np.asarray(apply(left, right)))
    sizes = np.abs(apply(left.astype(np.float64), right.astype(np.float64)))
    bad = np.asarray(sizes > 2.0**63 * (1 + _NEARNESS))
    near = ~bad & (sizes > 2.0**63 * (1 - _NEARNESS))
    values = np.array(apply(left, right))
    if near.any():
        lefts, rights = np.broadcast_arrays(left, right)
        exact = [_WHOLE[operator](int(a), int(b)) for a, b in zip(lefts[near], rights[near])]  # noqa: B905
        bad[near] = [not INTEGER_MIN <= value <= INTEGER_MAX for value in exact]
    if not bad.any():
        return Outcome(values)
    return Outcome(np.where(bad, 0, values), bad, Undefined.BEYOND)


def _surely_fits(operator: str, left: np.ndarray, right: np.ndarray) -> bool:
    a, b = _bounds(left), _bounds(right)
    match operator:
        case "+":
            low, high = a[0] + b[0], a[1] + b[1]
        case "-":
            low, high = a[0] - b[1], a[1] - b[0]
        case "*":
            products = [x * y for x in a for y in b]
            low, high = min(products), max(products)
        case _:
            base = max(abs(a[0]), abs(a[1]))
            return base < 2 or base.bit_length() * b[1] <= 62
    return low >= INTEGER_MIN and high <= INTEGER_MAX


def _bounds(values: np.ndarray) -> tuple[int, int]:
    return int(values.min()), int(values.max())


def _real_power(left: np.ndarray, right: np.ndarray) -> Outcome:
    zero = (left == 0) & (right < 0)
    if zero.any():
        return Outcome(np.power(np.where(zero, 1.0, left), right), zero, Undefined.BY_ZERO)
    return _real(np.asarray(np.power(left, right)))


def _divide(operator: str, left: np.ndarray, right: np.ndarray) -> Outcome:
    zero = np.asarray(right == 0)
    divisor = np.where(zero, np.ones_like(right), right) if zero.any() else right
    if _is_real(left, right) or operator == "/":
        result = _real(np.asarray(_DIVISION[operator](left, divisor)))
    else:
        result = Outcome(np.asarray(_DIVISION[operator](left, divisor)))
        if operator == "//" and left.size and left.min() == INTEGER_MIN:
            result = Outcome(
                result.values, (left == INTEGER_MIN) & (divisor == -1), Undefined.BEYOND
            )
    if not zero.any():
        return result
    if result.bad is None or not (result.bad & ~zero).any():
        return Outcome(np.where(zero, 0, result.values), zero, Undefined.BY_ZERO)
    # Of other places something else is wrong; one reason speaks for all.
    bad = zero | result.bad
    is_number = result.why is Undefined.BEYOND
    why = Undefined.BY_ZERO_OR_BEYOND if is_number else Undefined.BY_ZERO_OR_NO_NUMBER
    return Outcome(np.where(bad, 0, result.values), bad, why)


def _negated(operator: str, operand: np.ndarray) -> Outcome:
    values = np.asarray(np.negative(operand) if operator == "neg" else np.abs(operand))
    if _is_real(operand) or not operand.size or operand.min() != INTEGER_MIN:
        return Outcome(values)
    return Outcome(values, operand == INTEGER_MIN, Undefined.BEYOND)


def _real(values: np.ndarray) -> Outcome:
    # The smallest entry is "not a number" if any is: one quick pass where nothing is wrong.
    if not values.size or not np.isnan(values.min()):
        return Outcome(values)
    bad = np.isnan(values)
    return Outcome(np.where(bad, 0.0, values), bad, Undefined.NO_NUMBER)


def _rounded(operator: str, values: np.ndarray) -> Outcome:
    # Integers beyond 2^53 would lose digits as real numbers.
    if values.dtype == np.int64:
        return Outcome(values)
    values = ROUNDING_FUNCTIONS[operator](values)
    fits = np.abs(values) < 2.0**63
    if fits.all():
        return Outcome(values.astype(np.int64))
    bad = ~fits
    why = Undefined.NO_NUMBER if np.isnan(values[bad]).any() else Undefined.BEYOND
    return Outcome(np.where(bad, 0.0, values).astype(np.int64), bad, why)
