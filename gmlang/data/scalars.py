"""One value from outside, a word or a Python object, read by the type that is declared."""

import math
import numbers
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from gmlang.core.ast import Bool, Domain, Enum, Integer, IntRange, Real
from gmlang.core.expressions.literals import INT_LAST
from gmlang.core.places.grids import Grid
from gmlang.errors import data as errors

if TYPE_CHECKING:
    from decimal import Decimal

DataType = Domain | Integer | Real
"""What an element of data may be declared as."""

EXACT_LAST = 2**53
"""Up to here every whole number is a float64 of its own."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_PLACE = re.compile(r"\(?\s*([+-]?\d{1,9})\s*,\s*([+-]?\d{1,9})\s*\)?", re.ASCII)
_USUAL_REAL = re.compile(r"[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?", re.ASCII)
# Words of these signs only are read by `float` and `int` as they are here, or not at all.
_SIGNS_OF_REALS = re.compile(r"[\d.eE+\- ,]*", re.ASCII)
_SIGNS_OF_INTEGERS = re.compile(r"[\d+\- ,]*", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_NUM_DIGITS_MAX = 400
"""More digits than any float64 has before its point."""

_BOOLS = {"true": 1, "yes": 1, "false": 0, "no": 0}
_MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"))
_MISSING_SIGNS = frozenset(("_", "?", "-"))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why something is no value of the declared type.

    Attributes:
        shown: the value, as it may stand in a message.
        hint: a way out, or "".
    """

    shown: str
    hint: str = ""


Read = int | float | Unreadable
"""A value as the program has it: NaN is missing, an enum's value is its position."""


def read_all(
    type_: DataType, items: Sequence[object]
) -> list[int | float] | tuple[int, Unreadable]:
    """Read many values; each distinct word is looked at once.

    Returns:
        Their numbers, or the index of the first that cannot be read, with the reason.
    """
    if all(type(item) is str for item in items):
        texts = cast("Sequence[str]", items)
        usual = _usual_numbers(type_, texts)
        if usual is not None:
            return usual
        found = _by_text(type_, texts)
    else:
        found = [_from_object(type_, item) for item in items]
    for index, value in enumerate(found):
        if isinstance(value, Unreadable):
            return index, value
    return cast("list[int | float]", found)


def _usual_numbers(type_: DataType, texts: Sequence[str]) -> list[int | float] | None:
    """Read numbers in their usual form all at once; None where any is in another form."""
    match type_:
        case Real():
            signs, convert = _SIGNS_OF_REALS, float
        case Integer():
            signs, convert = _SIGNS_OF_INTEGERS, int
        case _:
            # Of these there are few, so that each is looked up sooner than read.
            return None
    if not signs.fullmatch(",".join(texts)):
        return None
    try:
        values: list[int | float] = list(map(convert, texts))
        is_usual = np.isfinite(np.array(values, np.float64 if convert is float else np.int64)).all()
    except (ValueError, OverflowError):
        return None
    return values if is_usual else None


def _by_text(type_: DataType, texts: Sequence[str]) -> list[Read]:
    """Read words; each distinct one is looked at once, numbers of reals each on their own."""
    if not isinstance(type_, Real):
        table = {text: from_text(type_, text) for text in set(texts)}
        return [table[text] for text in texts]
    others = {text for text in texts if not _USUAL_REAL.fullmatch(text)}
    table = {text: from_text(type_, text) for text in others}
    found: list[Read] = [table[text] if text in others else float(text) for text in texts]
    if math.inf in found or -math.inf in found:
        # Written as it is, or too large: only looking at each word tells.
        found = [from_text(type_, text) for text in texts]
    return found


def stored(
    type_: DataType, values: Sequence[int | float], shape: tuple[int, ...]
) -> np.ndarray | tuple[int, Unreadable]:
    """Make an array of numbers that were read: of int64, or of float64 where NaN or reals are."""
    is_real = isinstance(type_, Real) and (len(shape) > 0 or not isinstance(values[0], int))
    floats = np.array(values, np.float64)
    if is_real:
        return floats.reshape(shape)
    if not np.isnan(floats).any():
        return np.array(values, np.int64).reshape(shape)
    large = np.abs(floats) >= EXACT_LAST
    if large.any():
        index = int(np.flatnonzero(large)[0])
        return index, Unreadable(str(values[index]), errors.TOO_LARGE_BESIDE_MISSING)
    return floats.reshape(shape)


# --- Words -------------------------------------------------------------------------------


def unquoted(text: str) -> str:
    """Return a cell's text without the quotes and spaces around it."""
    text = text.strip(" \t")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"').strip(" \t")
    return text


def is_number(text: str) -> bool:
    """Say whether a word is a number, of whatever size."""
    return _NUMBER.fullmatch(text) is not None


def from_text(type_: DataType, text: str) -> Read:
    """Read a word: what is a value of the declared type is never taken as missing."""
    text = unquoted(text)
    lowered = text.lower()
    match type_:
        case Enum(grid=Grid() as grid) if lowered not in _MISSING and text not in _MISSING_SIGNS:
            return _place(grid, text)
        case Enum(values=values):
            if text in values:
                return values.index(text)
            near = next((value for value in values if value.lower() == lowered), "")
            if near:
                return Unreadable(errors.quoted(text), errors.did_you_mean(near))
        case Bool() if lowered in _BOOLS:
            return _BOOLS[lowered]
        case _:
            pass
    if lowered in _MISSING or text in _MISSING_SIGNS:
        return math.nan
    if _NUMBER.fullmatch(text):
        return _number(type_, text)
    if _INFINITE.fullmatch(text) and isinstance(type_, Real):
        return float(text)
    return Unreadable(errors.quoted(text), errors.word_hint(text, _words(type_)))


def _place(grid: Grid, text: str) -> Read:
    """Read a place written as a pair: (3, -1)."""
    pair = _PLACE.fullmatch(text)
    if pair is None:
        return Unreadable(errors.quoted(text), errors.A_PLACE)
    value = grid.value_of(int(pair[1]), int(pair[2]))
    return Unreadable(text, f"it has {grid.extent()}") if value is None else value


def _words(type_: DataType) -> tuple[str, ...]:
    match type_:
        case Enum(values=values):
            return values
        case Bool():
            return ("true", "false")
        case IntRange() | Integer() | Real():
            return ()


def _number(type_: DataType, text: str) -> Read:
    if _WHOLE.fullmatch(text) and len(text) <= _NUM_DIGITS_MAX:
        return _integer(type_, int(text), text)
    if isinstance(type_, Real):
        value = float(text)
        return value if math.isfinite(value) else Unreadable(text, errors.TOO_LARGE)
    # As exact as the text: 0.99999999999999999999 is not whole, though the nearest float64 is.
    from decimal import Decimal, InvalidOperation

    try:
        exact = Decimal(text)
    except InvalidOperation:
        return Unreadable(errors.quoted(text), errors.TOO_LARGE)
    if exact and exact.adjusted() > len(str(INT_LAST)):
        return Unreadable(errors.quoted(text), errors.TOO_LARGE)
    if exact != exact.to_integral_value():
        return Unreadable(errors.quoted(text), errors.NOT_WHOLE)
    return _integer(type_, int(exact), text)


def _integer(type_: DataType, value: int, shown: str) -> Read:
    if abs(value) <= INT_LAST:
        return value
    if not isinstance(type_, Real):
        return Unreadable(errors.quoted(shown), errors.TOO_LARGE)
    try:
        return float(value)
    except OverflowError:
        return Unreadable(errors.quoted(shown), errors.TOO_LARGE)


# --- Python objects ----------------------------------------------------------------------


def _from_object(type_: DataType, value: object) -> Read:
    """Read a Python object: a number of any kind, a word, or one of the signs for missing."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "MaskedConstant"):
        return math.nan
    match value:
        case str():
            return from_text(type_, value)
        case bytes():
            return _from_bytes(type_, value)
        case np.timedelta64() | np.datetime64():
            return Unreadable(errors.object_text(value), errors.object_hint(value))
        case bool() | np.bool_():
            if isinstance(type_, Enum):
                return Unreadable(str(value).lower(), errors.word_hint("", type_.values))
            return int(value)
        case numbers.Integral():
            return _integer(type_, int(value), str(value)[:40])
        case numbers.Real():
            return _from_real(type_, value)
        case _:
            pass
    if isinstance(value, _decimals()):
        return math.nan if value.is_nan() else _from_real(type_, value)
    return Unreadable(errors.object_text(value), errors.object_hint(value))


def _decimals() -> "tuple[type[Decimal], ...]":
    """Return the class of decimals; none before it is imported, since no value can be one."""
    return (sys.modules["decimal"].Decimal,) if "decimal" in sys.modules else ()


def _from_bytes(type_: DataType, value: bytes) -> Read:
    try:
        return from_text(type_, value.decode("utf-8"))
    except UnicodeDecodeError:
        return Unreadable(repr(value)[:40], errors.BYTES_ARE_TEXT)


def _from_real(type_: DataType, value: Any) -> Read:  # noqa: ANN401 - any library's number
    """Read a float, a fraction or a decimal, as exactly as it is given."""
    shown = str(value)[:40]
    try:
        number = float(value)
    except OverflowError:
        return Unreadable(shown, errors.TOO_LARGE)
    if math.isnan(number):
        return number
    if isinstance(type_, Real):
        # A number of more range than float64 has is not infinite, only too large.
        is_infinite = math.isinf(number) and value != number
        return Unreadable(shown, errors.TOO_LARGE) if is_infinite else number
    if math.isinf(number):
        return Unreadable(shown)
    if isinstance(value, float | np.floating) and abs(number) >= EXACT_LAST:
        return Unreadable(shown, errors.TOO_LARGE_FOR_FLOAT)
    if int(value) != value:
        return Unreadable(shown, errors.NOT_WHOLE)
    return _integer(type_, int(value), shown)


def expected(type_: DataType) -> str:
    """Say in words what is expected."""
    match type_:
        case Bool():
            return "true or false"
        case Enum(grid=Grid() as grid):
            return f"a place of {grid.shown()}"
        case Enum(values=values):
            return errors.one_of(values)
        case IntRange():
            from gmlang.core.print import show_type

            return f"a whole number of {show_type(type_)}"
        case Integer():
            return "a whole number"
        case Real():
            return "a number"
