"""The number of assignments whose score is above zero."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.quality import Quality, Status
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import AnyAnswer, Question, Way
from gmruntime.questions.rounding import Lost

_LOG_TEN = math.log(10.0)

_DIGITS_SHOWN_MAX = 1000
"""A count with more digits than this is not written out."""


@dataclass(frozen=True, slots=True, repr=False)
class SolutionsAnswer(AnyAnswer):
    """Answers `Solutions`; `log_count` is its natural log, `count` the integer when it is exact.

    The bounds are of `log_count`: certified, and infinite when there are none.
    """

    log_count: float
    count: int | None
    log_lower: float = float("-inf")
    log_upper: float = float("inf")

    def __repr__(self) -> str:
        """Write out the count, or how many digits it has: Python refuses to write thousands."""
        digits = self.log_count / _LOG_TEN
        is_long = self.count is not None and digits > _DIGITS_SHOWN_MAX
        count = f"<{math.floor(digits) + 1:,} digits>" if is_long else repr(self.count)
        bounds = f"log_lower={self.log_lower!r}, log_upper={self.log_upper!r}"
        logs = f"log_count={self.log_count!r}, {bounds}"
        return f"SolutionsAnswer({self.quality!r}, count={count}, {logs})"

    def rounded(self, log_constant: float, lost: Lost) -> Self:
        """Return the same: it is not about scores."""
        del log_constant, lost
        return self

    def times(self, count: int, log_count: float) -> Self:
        """Return the answer where each assignment stands for so many."""
        return replace(
            self,
            log_count=self.log_count + log_count,
            count=None if self.count is None else self.count * count,
            log_lower=self.log_lower + log_count,
            log_upper=self.log_upper + log_count,
        )


@dataclass(frozen=True, slots=True)
class Solutions(Question[SolutionsAnswer]):
    """The number of assignments with a score above zero."""

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.CLOSED_FORM,
        Way.CONSTRAINTS,
        Way.COUNTING,
        Way.ELIMINATION,
        Way.ESTIMATE,
    )
    READS_SCORES: ClassVar[bool] = False

    def impossible(self, quality: Quality) -> SolutionsAnswer:
        """Return the answer where no assignment is possible."""
        return SolutionsAnswer(quality, -math.inf, 0)

    def times(self, found: SolutionsAnswer, count: int, log_count: float) -> SolutionsAnswer:
        """Return the answer where each assignment stands for so many."""
        return found.times(count, log_count)

    def with_idle(
        self, found: SolutionsAnswer, idle: Idle, rng: np.random.Generator
    ) -> SolutionsAnswer:
        """Count every assignment once for each way of the idle variables."""
        del rng
        ways, free = 1, idle.states[idle.is_idle & (idle.evidence < 0)]
        if found.count is not None:
            sizes, times = np.unique(free, return_counts=True)
            for size, number in zip(sizes.tolist(), times.tolist(), strict=True):
                ways *= size**number
        return found.times(ways, idle.log_ways())

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> SolutionsAnswer:
        """Count."""
        del rng
        count = int((every.log_scores > -np.inf).sum())
        if not count:
            return self.impossible(every.quality())
        log_count = math.log(count)
        return SolutionsAnswer(every.quality(), log_count, count, log_count, log_count)

    def merged(self, one: SolutionsAnswer, other: SolutionsAnswer) -> SolutionsAnswer:
        """Keep the better number, within the bounds that both proved."""
        impossible = Status.IMPOSSIBLE in (one.quality.status, other.quality.status)
        best = min(
            one, other, key=lambda a: (a.rank(), -a.log_count, -1 if a.count is None else a.count)
        )
        lower, upper = max(one.log_lower, other.log_lower), min(one.log_upper, other.log_upper)
        value = best.log_count if impossible else min(max(best.log_count, lower), upper)
        return replace(best, log_count=value, log_lower=lower, log_upper=upper)
