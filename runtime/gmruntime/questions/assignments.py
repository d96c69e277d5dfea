"""Assignments as answers, and as the steps of a search for the best one."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.quality import Quality, Status
from gmruntime.questions.question import AnyAnswer
from gmruntime.questions.rounding import Lost, loss_of_sum


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentsAnswer(AnyAnswer):
    """Answers `Map`, `Best` and `Samples`.

    Attributes:
        assignments: best first for `Map` (one row) and `Best`; no row when impossible.
        log_scores: of each row on the graph that was asked, float64.
        log_upper: certified: no assignment scores higher; +inf when nothing is proven.
    """

    assignments: Int32[np.ndarray, "rows variables"]
    log_scores: Float64[np.ndarray, " rows"]
    log_upper: float = float("inf")

    def log_whole(self) -> float:
        """Return the least score of a row."""
        return float(self.log_scores.min(initial=np.inf))

    def rounded(self, log_constant: float, lost: Lost) -> Self:
        """Put a constant factor back; what may be lost raises the bound."""
        # A score is a sum too, of two numbers: that alone takes nothing from which is best.
        largest = float(np.abs(self.log_scores).max(initial=0.0)) + abs(log_constant)
        spare = max(lost.if_lossy(), 2 * loss_of_sum(largest))
        status = Status.BOUNDED if len(self.assignments) == 1 else Status.ESTIMATE
        return replace(
            self,
            quality=lost.said(self.quality, status),
            log_scores=self.log_scores + log_constant,
            log_upper=self.log_upper + log_constant + spare,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Improvement:
    """One step of an anytime search: a better assignment, a tighter bound, or both.

    Attributes:
        seconds: since the search began.
        assignment: the incumbent; empty while there is none.
        log_score: its score on the graph that was asked, float64; -inf while there is none.
        log_bound: certified: no assignment scores higher; +inf while nothing is proven.
        engine: the engine that found it, in words.
        workers: how many have taken part so far, the process that was asked among them.
        note: what became of those who did not; may be empty.
    """

    seconds: float
    assignment: Int32[np.ndarray, " variables"]
    log_score: float
    log_bound: float
    engine: str
    workers: int = 1
    note: str = ""

    @property
    def is_found(self) -> bool:
        """Whether there is an incumbent; of a graph without variables it is empty."""
        return bool(self.assignment.size) or self.log_score > float("-inf")


def none_possible(quality: Quality, num_variables: int, log_upper: float) -> AssignmentsAnswer:
    """Return the answer without a row."""
    nothing = np.zeros((0, num_variables), np.int32)
    return AssignmentsAnswer(quality, nothing, np.zeros(0), log_upper)
