"""Numbers of assignments, which may have thousands of digits."""

import math
import sys

LOG_FLOAT_MAX = math.log(sys.float_info.max)
"""Above this a count is no float, and few readers of JSON can hold it as a number."""

EXACT_FLOAT_MAX = 1 << 53
"""Above this a float does not hold every integer; the digits are given as text as well."""

DIGITS_MAX = 1_000_000
"""Counts with more digits are given as their log only."""


def count_value(count: int | None, log_count: float) -> tuple[object, dict[str, object]]:
    """Return a count as the value of an answer, and the details beside it.

    An exact count is an integer of any size. An estimate is a float, or, beyond floats, its
    natural log, which the details say; None when nothing is known.
    """
    if count is not None:
        return count, {"log_count": log_count} if count else {}
    if math.isnan(log_count):
        return None, {}
    if log_count < LOG_FLOAT_MAX:
        return math.exp(log_count), {"log_count": log_count}
    return log_count, {"log_count": log_count, "answer_is": "log"}


def count_fields(count: int) -> dict[str, object]:
    """Return what JSON says of an exact count that a float does not hold.

    >>> count_fields(2**60)
    {'count': '1152921504606846976'}
    """
    if count <= EXACT_FLOAT_MAX:
        return {}
    log_count = math.log(count)
    fields: dict[str, object] = {}
    if log_count < math.log(10.0) * DIGITS_MAX:
        fields["count"] = digits(count)
    if log_count >= LOG_FLOAT_MAX:
        fields |= {"answer": log_count, "answer_is": "log"}
    return fields


def digits(count: int) -> str:
    """Write an integer out; Python itself refuses to write more than some thousand digits."""
    from decimal import Decimal

    return format(Decimal(count), "f")
