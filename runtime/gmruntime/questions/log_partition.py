"""The log of the sum of all scores: log Z = log of the sum over x of exp(score(x))."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.quality import Quality, Status
from gmruntime.questions.enumerate import Enumeration, log_partition
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import AnyAnswer, Question, Way
from gmruntime.questions.rounding import Lost, loss_of_sum


@dataclass(frozen=True, slots=True)
class LogPartitionAnswer(AnyAnswer):
    """Answers `LogPartition`, nats; the bounds are certified, and infinite when there are none."""

    log_value: float
    log_lower: float = float("-inf")
    log_upper: float = float("inf")

    def log_whole(self) -> float:
        """Return log Z."""
        return self.log_value

    def plus(self, nats: float) -> Self:
        """Return the answer for all scores so much higher."""
        return replace(
            self,
            log_value=self.log_value + nats,
            log_lower=self.log_lower + nats,
            log_upper=self.log_upper + nats,
        )

    def rounded(self, log_constant: float, lost: Lost) -> Self:
        """Put a constant factor back; what may be lost widens the bounds."""
        value = self.log_value + log_constant
        lost = lost.at_least(loss_of_sum(value))
        return replace(
            self,
            quality=lost.said(self.quality, Status.BOUNDED),
            log_value=value,
            log_lower=self.log_lower + log_constant - lost.if_lossy(),
            log_upper=self.log_upper + log_constant + lost.if_lossy(),
        )


@dataclass(frozen=True, slots=True)
class LogPartition(Question[LogPartitionAnswer]):
    """log Z: the log of the sum of all scores that agree with the evidence."""

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.MEMORIES,
        Way.CLOSED_FORM,
        Way.WINDOWS,
        Way.FOREST,
        Way.QUICK_MESSAGES,
        Way.COUNTING,
        Way.ELIMINATION,
        Way.ESTIMATE,
    )

    def impossible(self, quality: Quality) -> LogPartitionAnswer:
        """Return the answer where no assignment is possible."""
        return LogPartitionAnswer(quality, -np.inf, -np.inf, -np.inf)

    def times(self, found: LogPartitionAnswer, count: int, log_count: float) -> LogPartitionAnswer:
        """Return the answer where each assignment stands for so many."""
        del count
        return found.plus(log_count)

    def with_idle(
        self, found: LogPartitionAnswer, idle: Idle, rng: np.random.Generator
    ) -> LogPartitionAnswer:
        """Count every assignment once for each way of the idle variables."""
        del rng
        return found.plus(idle.log_ways())

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> LogPartitionAnswer:
        """Add everything up."""
        del rng
        total = log_partition(every)
        return LogPartitionAnswer(every.quality(), total, total, total)

    def merged(self, one: LogPartitionAnswer, other: LogPartitionAnswer) -> LogPartitionAnswer:
        """Keep the better value, within the bounds that both proved."""
        best = min(one, other, key=lambda a: (a.rank(), -a.log_value))
        lower, upper = max(one.log_lower, other.log_lower), min(one.log_upper, other.log_upper)
        value = min(max(best.log_value, lower), upper)
        return replace(best, log_value=value, log_lower=lower, log_upper=upper)
