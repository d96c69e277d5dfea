"""Numbers that are known before anything is bound, up to the step that is spoken of."""

from collections.abc import Mapping
from dataclasses import dataclass

from gmlang.core.ast import Apply, Constant, DataRef, Expression, Local, Size


@dataclass(frozen=True, slots=True)
class Offsets:
    """A number, or the step and a number: between two ends, both included."""

    is_step: bool
    low: int
    high: int


def size_name(part: object) -> str:
    """Return the name of a size, or of data that is a single value; "" for anything else."""
    if isinstance(part, str):
        return part
    if isinstance(part, Size):
        return part.name
    return part.name if isinstance(part, DataRef) and not part.indices else ""


def offsets(
    expression: Expression,
    known: Mapping[str, Offsets],
    numbers: Mapping[str, int],
    size: str,
    *,
    is_end: bool = False,
) -> Offsets | None:
    """Return what number an expression is; None where that is not known beforehand.

    Args:
        expression: a sum of numbers, names of numbers, and at most one step.
        known: loop variables.
        numbers: data that is a single number.
        size: the name of the time's size.
        is_end: whether it, the number of steps, counts as the step.
    """
    match expression:
        case Constant(value=value) if isinstance(value, int):
            return Offsets(False, int(value), int(value))
        case Local(key=key):
            return known.get(key)
        case Size() | DataRef(indices=()):
            if size_name(expression) == size:
                return Offsets(True, 0, 0) if is_end else None
            value = numbers.get(size_name(expression))
            return None if value is None else Offsets(False, value, value)
        case Apply(operator="+" | "-" | "neg" as operator, arguments=arguments):
            inner = [offsets(part, known, numbers, size, is_end=is_end) for part in arguments]
            return _combined(operator, [one for one in inner if one is not None], len(inner))
        case _:
            return None


def _combined(operator: str, inner: list[Offsets], count: int) -> Offsets | None:
    """Add, subtract or negate numbers, of which at most one may depend on the step."""
    if len(inner) < count:
        return None
    if operator == "neg" or (operator == "-" and count == 2):
        last = inner[-1]
        if last.is_step:
            return None
        inner = [*inner[:-1], Offsets(False, -last.high, -last.low)]
    if sum(one.is_step for one in inner) > 1:
        return None
    low, high = sum(one.low for one in inner), sum(one.high for one in inner)
    return Offsets(any(one.is_step for one in inner), low, high)
