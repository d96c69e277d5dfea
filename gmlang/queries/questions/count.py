"""count: how many assignments are possible; the number may have thousands of digits."""

import math
import sys
from dataclasses import dataclass

from gmlang.core.asking.arguments import no_arguments
from gmlang.core.ast import Integer, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.digits import ESTIMATE_DIGITS, Precision, interval, significant
from gmlang.queries.answers import Answer, finite
from gmlang.queries.question import Question, Single
from gmlang.queries.session import Prepared
from gmlang.syntax import ast
from gmruntime import answer as runtime

_LOG_FLOAT_MAX = math.log(sys.float_info.max)
"""Above this a count is no float, and few readers of JSON can hold it as a number."""

_EXACT_FLOAT_MAX = 1 << 53
"""Above this a float does not hold every integer; the digits are given as text as well."""

_DIGITS_MAX = 1_000_000
"""Counts with more digits are given as their log only."""

_DIGITS_SHOWN_MAX = 2000
"""A count with more digits is shown by its log; JSON has them all."""

_ROUNDING = 1e-12
"""The exponential of a log below 709 is off by less, relatively."""


class Count(Query):
    """How many assignments nothing forbids."""

    __slots__ = ()
    kind = "count"
    names_states = True

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the number."""
        return self, Integer()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CountAnswer(Answer):
    """An integer of any size where it is exact; else a float, or its log where that is too large.

    Attributes:
        log_count: its natural log; None where it is 0, or nothing is known.
        is_log: whether the value is the log.
    """

    kind = "count"

    log_count: float | None = None
    is_log: bool = False

    def number(self, domain: Type) -> float | int | None:
        """Return the number; None where only its log is known."""
        return None if self.is_log else Answer.number(self, domain)

    def number_bounds(self) -> tuple[float, float] | None:
        """Return the proven numbers, a little apart for the rounding of exp."""
        if self.is_log or self.log_upper is None:
            return None
        low = 0.0 if self.log_lower is None else math.exp(self.log_lower) * (1 - _ROUNDING)
        is_float = self.log_upper < _LOG_FLOAT_MAX
        return low, math.exp(self.log_upper) * (1 + _ROUNDING) if is_float else math.inf

    @property
    def details(self) -> dict[str, object]:
        """The log, and all digits of what a float does not hold."""
        fields: dict[str, object] = {}
        if self.log_count is not None:
            fields["log_count"] = self.log_count
        if self.is_log:
            fields["answer_is"] = "log"
        return fields | (_fields_of(self.value) if isinstance(self.value, int) else {})

    def lines(self) -> list[str] | None:
        """Write all its digits, and its log where they are many."""
        if self.log_count is None:
            return [str(self.value)]
        if self.is_log and self.status == "exact":
            return [_power(self.log_count)]
        if self.is_log and self.log_lower is not None and self.log_upper is not None:
            return [f"exp({interval(self.log_lower, self.log_upper)})"]
        if self.is_log:
            return [
                f"exp({Precision(self.status, self.error, self.error_kind).nats(self.log_count)})"
            ]
        if isinstance(self.value, float):
            proven = self.number_bounds()
            if self.status == "bounded" and proven is not None:
                return [interval(*proven)]
            return [significant(self.value, self._known_digits())]
        assert isinstance(self.value, int)
        if self.value <= _EXACT_FLOAT_MAX:
            return [str(self.value)]
        if self.log_count > _DIGITS_SHOWN_MAX * math.log(10.0):
            return [_power(self.log_count)]
        return [_digits(self.value), _power(self.log_count)]

    def _known_digits(self) -> int:
        """Return how many digits of an estimate are worth writing; its error is of the log."""
        if not self.error:
            return ESTIMATE_DIGITS
        return min(ESTIMATE_DIGITS, max(1, -math.floor(math.log10(self.error))))


def _fields_of(count: int) -> dict[str, object]:
    """Return what JSON says of an exact count that a float does not hold.

    >>> _fields_of(2**60)
    {'count': '1152921504606846976'}
    """
    if count <= _EXACT_FLOAT_MAX:
        return {}
    log_count = math.log(count)
    fields: dict[str, object] = {}
    if log_count < math.log(10.0) * _DIGITS_MAX:
        fields["count"] = _digits(count)
    if log_count >= _LOG_FLOAT_MAX:
        fields |= {"answer": log_count, "answer_is": "log"}
    return fields


def _digits(count: int) -> str:
    """Write an integer out; Python itself refuses to write more than some thousand digits."""
    from decimal import Decimal

    return format(Decimal(count), "f")


def _power(log_count: float) -> str:
    """Write exp(log_count), which no float holds, as a power of e and of ten."""
    exponent, fraction = divmod(log_count / math.log(10.0), 1.0)
    return f"exp({log_count:.10g}), about {10.0**fraction:.4f}e{exponent:.0f}"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    del env
    no_arguments(state, call)
    return Count(call.span, call.span.text)


def _question(prepared: Prepared, query: Count) -> runtime.Solutions:
    del prepared, query
    return runtime.Solutions()


def _read(prepared: Prepared, query: Count, found: runtime.SolutionsAnswer) -> Answer:
    del prepared
    if found.count is not None:
        log_count = found.log_count if found.count else None
        return CountAnswer(query.text, value=found.count, log_count=log_count)
    lower, upper = finite(found.log_lower), finite(found.log_upper)
    if math.isnan(found.log_count):
        return CountAnswer(query.text, log_lower=lower, log_upper=upper)
    is_log = found.log_count >= _LOG_FLOAT_MAX
    return CountAnswer(
        query.text,
        value=found.log_count if is_log else math.exp(found.log_count),
        log_lower=lower,
        log_upper=upper,
        log_count=found.log_count,
        is_log=is_log,
    )


COUNT = Question(
    word="count",
    help="how many assignments are possible",
    shortest="count()",
    form="count()",
    example="var a[60] : bool\n"
    "constraint a[0] or a[1]\n"
    "query count(), count(| a[0] = false)\n"
    "assert count(| a[0] = false) == 2 ** 58 and count(| not a[0], not a[1]) == 0\n",
    check=_check,
    kinds=((Count, CountAnswer),),
    answered=Single(_question, _read, impossible=0, puts=(runtime.Solutions,)),
)
