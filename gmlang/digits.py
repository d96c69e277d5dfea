"""Numbers for people, with as many digits as is known of them."""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

_EXACT_DIGITS = 6
"""An exact number is written so long."""

ESTIMATE_DIGITS = 3
"""So is an estimated probability, where nobody knows its error."""

_ESTIMATED_NATS_DIGITS = 4
"""Likewise nats."""

_LEAST_COMPLEMENT = 0.95e-9
"""What is nearer to 1 is written as a difference."""

_DECIMALS_MAX = 15

_PLAIN_DECIMALS_MAX = 8

_WIDE = 100.0

_HUGE = 1e9
"""Ends that are further apart are written with an exponent."""

_ANY_FLOAT = 1500
"""So many digits hold every float."""

_ABSOLUTE = ("standard error", "error", "quadrature difference")
"""Kinds of errors that are as large as the number may be off."""


def size_text(num_bytes: float) -> str:
    """Write a size in the largest unit of which it has one, in KiB at least.

    >>> size_text(3 << 29), size_text(40 << 20), size_text(100)
    ('1.5 GiB', '40.0 MiB', '0.1 KiB')
    """
    for power, unit in ((3, "GiB"), (2, "MiB")):
        if num_bytes >= 1024**power:
            return f"{num_bytes / 1024**power:.1f} {unit}"
    return f"{num_bytes / 1024:.1f} KiB"


@dataclass(frozen=True, slots=True)
class Precision:
    """What an answer says of how good its numbers are.

    Attributes:
        status: "exact", "bounded", "estimate" or "impossible".
        error: None where none is known.
        kind: of the error, such as "standard error" or "residual".
    """

    status: str = "exact"
    error: float | None = None
    kind: str = ""

    def chance(self, p: float, complement: float | None = None, digits: int = _EXACT_DIGITS) -> str:
        """Write a probability.

        Args:
            p: the probability.
            complement: what is left to 1, where that is known better than 1 - p.
            digits: at most so many; fewer where fewer are known.

        >>> Precision().chance(0.25), Precision().chance(1 - 1e-9), Precision().chance(1.0)
        ('0.25', '0.999999999', '1')
        >>> Precision("estimate", 0.018, "standard error").chance(0.3137)
        '0.31 ± 0.02'
        """
        error = self._of_chance(p)
        if error is not None:
            return with_error(p, error)
        known = _EXACT_DIGITS if self.status in ("exact", "impossible") else ESTIMATE_DIGITS
        return _chance(p, complement, min(known, digits))

    def cell(self, p: float, digits: int) -> str:
        """Write a probability of many, whose common error stands beside them."""
        error = self._of_chance(p)
        if error is None:
            return self.chance(p, digits=digits)
        return with_error(p, error).split(" ± ")[0]

    def nats(self, value: float) -> str:
        """Write a log value.

        >>> Precision("estimate", 0.2, "standard error").nats(-1234.56)
        '-1234.6 ± 0.2'
        """
        if self.error is not None and self.kind in (*_ABSOLUTE, "rounding"):
            return with_error(value, self.error)
        if self.status == "exact" or not math.isfinite(value):
            return f"{value:.{_EXACT_DIGITS}g}"
        return significant(value, _ESTIMATED_NATS_DIGITS)

    def _of_chance(self, p: float) -> float | None:
        """Return how far off a probability may be; None where that is not known."""
        if self.error is None or not math.isfinite(p) or not 0.0 < self.error < math.inf:
            return None
        if self.kind in _ABSOLUTE:
            return self.error
        # Nats of a sum are a share of it.
        return p * self.error if self.kind == "rounding" and 0.0 < p < 1.0 else None


def _chance(p: float, complement: float | None, digits: int) -> str:
    text = f"{p:.{digits}g}"
    left = 1.0 - p if complement is None else complement
    if float(text) != 1.0 or not left > 0.0:
        return text
    if left < _LEAST_COMPLEMENT:
        return f"1 - {left:.{min(3, digits)}g}"
    # So many nines, and one digit that is none.
    decimals = max(0, -math.floor(math.log10(left)))
    return f"{1.0 - left:.{decimals}f}".rstrip("0")


def significant(value: float, digits: int) -> str:
    """Write a number with few digits, and without an exponent where it is of a common size.

    >>> significant(-1234.56, 2), significant(0.0123, 2)
    ('-1200', '0.012')
    """
    return f"{float(f'{value:.{digits - 1}e}'):.15g}"


def with_error(value: float, error: float) -> str:
    """Write a number with the digits that its error supports; the error is rounded up.

    >>> with_error(0.3137, 0.018), with_error(-8231.0, 35.0), with_error(0.5, 0.0)
    ('0.31 ± 0.02', '-8230 ± 40', '0.5')
    """
    if not (math.isfinite(value) and math.isfinite(error)) or error <= 0.0:
        return f"{value:.{_EXACT_DIGITS}g}"
    place = math.floor(math.log10(error))
    leading = math.ceil(error / 10.0**place - 1e-9)
    shown = float(f"{leading}e{place}")
    place = math.floor(math.log10(shown) + 1e-12)
    if place >= 0:
        return f"{round(value, -place):.0f} ± {shown:.0f}"
    if place < -_DECIMALS_MAX:
        return f"{value:.{_DECIMALS_MAX}g} ± {shown:.0e}"
    return f"{value:.{-place}f} ± {shown:g}"


def interval(lower: float, upper: float, decimals_min: int = 2) -> str:
    """Write what is proven of a number: ends rounded outwards, to the digits that they differ in.

    >>> interval(0.3012, 0.3488), interval(-1e-12, 2e-12), interval(0.5, 0.5)
    ('0.30..0.35', '-1e-12..2e-12', '0.5')
    """
    if lower == upper:
        return f"{lower:.{_EXACT_DIGITS}g}"
    width = upper - lower
    if _HUGE < width < math.inf:
        return f"{at_least(lower)}..{at_most(upper)}"
    decimals = decimals_min if width < _WIDE else 0
    if 0.0 < width < _WIDE:
        decimals = max(decimals_min, math.ceil(-math.log10(width) - 1e-9))
    return f"{_rounded(lower, decimals, ROUND_FLOOR)}..{_rounded(upper, decimals, ROUND_CEILING)}"


def at_least(lower: float) -> str:
    """Write what a number is not below, rounded down."""
    return _shortened(lower, ROUND_FLOOR, _EXACT_DIGITS)


def at_most(upper: float) -> str:
    """Write what a number is not above, rounded up.

    >>> at_most(394.3541), at_least(394.3549), at_most(float("inf"))
    ('394.355', '394.354', 'inf')
    """
    return _shortened(upper, ROUND_CEILING, _EXACT_DIGITS)


def _shortened(value: float, way: str, digits: int) -> str:
    found = Context(prec=digits, rounding=way).create_decimal(repr(float(value)))
    return f"{float(found):.{digits}g}"


def _rounded(value: float, decimals: int, way: str) -> str:
    value = float(value)
    if not math.isfinite(value):
        return f"{value}"
    place = Decimal(1).scaleb(-decimals)
    # A float stands for the shortest number that is read as it: 0.3, not a little less.
    found = Decimal(repr(value)).quantize(place, way, context=Context(prec=_ANY_FLOAT))
    if decimals <= _PLAIN_DECIMALS_MAX:
        return f"{found:f}"
    return str(found.normalize(Context(prec=_ANY_FLOAT))).lower()
