"""The assignment with the highest score: argmax over x of score(x), given e."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from gmruntime.quality import Quality, Status, is_proved
from gmruntime.questions.assignments import AssignmentsAnswer, none_possible
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import Question, Way
from gmruntime.workspace import digest_of


@dataclass(frozen=True, slots=True)
class Map(Question[AssignmentsAnswer]):
    """The assignment with the highest score (MPE)."""

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.MEMORIES,
        Way.WINDOWS,
        Way.FOREST,
        Way.CONSTRAINTS,
        Way.LAYERS,
        Way.ELIMINATION,
        Way.SEARCH,
    )

    def with_idle(
        self, found: AssignmentsAnswer, idle: Idle, rng: np.random.Generator
    ) -> AssignmentsAnswer:
        """Give idle variables the state that was observed, or their first."""
        del rng
        rows = found.assignments.copy()
        places = np.flatnonzero(idle.is_idle)
        rows[:, places] = np.maximum(idle.evidence[places], 0)
        return replace(found, assignments=rows)

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> AssignmentsAnswer:
        """Take the first of the best."""
        del rng
        if every.quality().status is Status.IMPOSSIBLE:
            return none_possible(every.quality(), every.graph.num_variables, float("-inf"))
        best = int(every.log_scores.argmax())
        rows, scores = every.assignments[best][None], every.log_scores[best][None]
        return AssignmentsAnswer(every.quality(), rows, scores, float(scores[0]))

    def merged(self, one: AssignmentsAnswer, other: AssignmentsAnswer) -> AssignmentsAnswer:
        """Keep the assignment that scores higher and the lower bound; of alike, the later."""

        def rank(found: AssignmentsAnswer) -> tuple[float, float, str, str, bytes]:
            quality, score = found.quality, found.log_scores.max(initial=-np.inf)
            rows = digest_of((found.assignments, found.log_scores))
            return -score, -quality.seconds, quality.method, quality.note, rows

        best = min(one, other, key=rank)
        upper = min(one.log_upper, other.log_upper)
        return replace(best, log_upper=upper, quality=_graded(best, upper))


def _graded(found: AssignmentsAnswer, log_upper: float) -> Quality:
    """Say how good an assignment is under a bound."""
    quality, score = found.quality, float(found.log_scores.max(initial=-np.inf))
    if log_upper == -np.inf:
        return replace(quality, status=Status.IMPOSSIBLE, error=0.0, error_kind="")
    if is_proved(score, log_upper):
        return replace(quality, status=Status.EXACT, error=0.0, error_kind="")
    if np.isfinite(log_upper) and np.isfinite(score):
        gap = log_upper - score
        return replace(quality, status=Status.BOUNDED, error=gap, error_kind="gap to the bound")
    return replace(quality, status=Status.ESTIMATE, error=float("nan"), error_kind="")
