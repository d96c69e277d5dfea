"""Independent draws from p(x | e)."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.graph import FactorGraph
from gmruntime.quality import Status
from gmruntime.questions.assignments import AssignmentsAnswer, none_possible
from gmruntime.questions.best import better_rows
from gmruntime.questions.checks import count
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.idle import Idle
from gmruntime.questions.question import Question, Way


@dataclass(frozen=True, slots=True)
class Samples(Question[AssignmentsAnswer]):
    """`count` independent draws from the posterior."""

    count: int

    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.IDLE,
        Way.MEMORIES,
        Way.FOREST,
        Way.ELIMINATION,
        Way.ESTIMATE,
    )

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with a count of at least 0."""
        del graph
        return replace(self, count=count("Samples.count", self.count, lowest=0))

    def answer_bytes(self, graph: FactorGraph) -> int:
        """Count the bytes of an answer's arrays."""
        return self.count * (4 * graph.num_variables + 8)

    def described(self) -> str:
        """Say what the answer is, where it is too large."""
        return f"an answer of {self.count} assignments"

    def with_idle(
        self, found: AssignmentsAnswer, idle: Idle, rng: np.random.Generator
    ) -> AssignmentsAnswer:
        """Draw the states of idle variables."""
        rows = found.assignments.copy()
        places = np.flatnonzero(idle.is_idle)
        rows[:, places] = np.maximum(idle.evidence[places], 0)
        for v in places[idle.evidence[places] < 0]:
            rows[:, v] = rng.integers(0, int(idle.states[v]), len(rows))
        return replace(found, assignments=rows)

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> AssignmentsAnswer:
        """Draw from the list of all."""
        if every.quality().status is Status.IMPOSSIBLE:
            return none_possible(every.quality(), every.graph.num_variables, float("inf"))
        drawn = rng.choice(len(every.log_scores), self.count, p=every.probabilities())
        return AssignmentsAnswer(every.quality(), every.assignments[drawn], every.log_scores[drawn])

    def merged(self, one: AssignmentsAnswer, other: AssignmentsAnswer) -> AssignmentsAnswer:
        """Keep the draws that are better told: never by what they score."""
        return better_rows(one, other)
