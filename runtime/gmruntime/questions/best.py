"""The k assignments with the highest scores."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.graph import FactorGraph, num_states
from gmruntime.questions.assignments import AssignmentsAnswer, none_possible
from gmruntime.questions.checks import asked_variables, count
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.question import Question, Way
from gmruntime.workspace import digest_of


@dataclass(frozen=True, slots=True, eq=False)
class Best(Question[AssignmentsAnswer]):
    """The `count` best assignments of `variables` (of everything when None), the rest maximised.

    Two answers differ in at least one of `variables`.
    """

    count: int
    variables: Int32[np.ndarray, " asked"] | None = None

    # Idle variables make ties, which engines know how to tell apart: they stay.
    WAYS: ClassVar[tuple[Way, ...]] = (
        Way.WINDOWS,
        Way.LAYERS,
        Way.ELIMINATION,
        Way.SEARCH,
    )

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with a count of at least 1, and variables as the graph has them."""
        number, variables = count("Best.count", self.count, lowest=1), self.variables
        if variables is not None:
            variables = asked_variables(graph, "Best", variables)
        return replace(self, count=number, variables=variables)

    def answer_bytes(self, graph: FactorGraph) -> int:
        """Count the bytes of an answer's arrays."""
        # There are no more answers than assignments.
        bits = float(np.log2(np.maximum(1, num_states(graph))).sum())
        number = min(self.count, 2 ** int(np.ceil(min(bits, 62.0))))
        return number * (4 * graph.num_variables + 8)

    def described(self) -> str:
        """Say what the answer is, where it is too large."""
        return f"an answer of {self.count} assignments"

    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> AssignmentsAnswer:
        """Take the best of each joint state of what is asked, the best first."""
        del rng
        order = np.argsort(-every.log_scores, kind="stable")
        order = order[every.log_scores[order] > -np.inf]
        if not len(order):
            return none_possible(every.quality(), every.graph.num_variables, float("-inf"))
        asked = slice(None) if self.variables is None else self.variables
        rows = every.assignments[order]
        _, first = np.unique(rows[:, asked], axis=0, return_index=True)
        chosen = order[np.sort(first)[: self.count]]
        scores = every.log_scores[chosen]
        note = "" if len(chosen) == self.count else f"there are {len(chosen)}"
        quality = replace(every.quality(), note=note)
        return AssignmentsAnswer(quality, every.assignments[chosen], scores, float(scores[0]))

    def merged(self, one: AssignmentsAnswer, other: AssignmentsAnswer) -> AssignmentsAnswer:
        """Keep the better list whole, and the lower bound."""
        return better_rows(one, other)


def better_rows(one: AssignmentsAnswer, other: AssignmentsAnswer) -> AssignmentsAnswer:
    """Keep the rows that are better told, then the more of them; and the lower bound."""

    def rank(found: AssignmentsAnswer) -> tuple[int, int, object, bytes]:
        told = found.rank()
        rows = digest_of((found.assignments, found.log_scores))
        return told[0], -len(found.assignments), told, rows

    best = min(one, other, key=rank)
    return replace(best, log_upper=min(one.log_upper, other.log_upper))
