"""What every question and every answer has; a question that says no more is enumerated.

    answer(graph, evidence) = what the question asks of  p(x | e)  =  exp(score(x)) / Z,
    over the assignments x that agree with the evidence e

Every answer carries a `Quality`: exact, bounded (proven), or an estimate with its error.
A bound is a theorem; a number that is not proven is never called one.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from gmruntime.graph import FactorGraph, GraphError
from gmruntime.quality import ORDER, Quality, Status
from gmruntime.questions.enumerate import Enumeration
from gmruntime.questions.idle import Idle
from gmruntime.questions.rounding import Lost
from gmruntime.workspace import digest_of


class Way(StrEnum):
    """A way of answering, as `plan` says it; what each does stands in `gmruntime.policy`."""

    IDLE = "leaving out what no factor mentions"
    MEMORIES = "one product for all remembered patterns"
    CLOSED_FORM = "a closed form"
    FOREST = "elimination along a forest"
    CONSTRAINTS = "constraint propagation"
    LAYERS = "layered search"
    WINDOWS = "messages through windows"
    QUICK_MESSAGES = "message passing, exact here,"
    COUNTING = "counting search"
    ELIMINATION = "exact elimination"
    DECISIONS = "alternating elimination"
    SEARCH = "search"
    ESTIMATE = "an estimate"
    MESSAGES = "message passing"
    ENUMERATION = "enumeration"


@dataclass(frozen=True, slots=True, repr=False)
class AnyAnswer:
    """What all answers have in common."""

    quality: Quality

    def log_whole(self) -> float:
        """Return the log value of what this is about; NaN when it does not say."""
        return float("nan")

    def rounded(self, log_constant: float, lost: Lost) -> Self:
        """Put a constant factor back, and say what adding strong weights may have lost."""
        del log_constant
        return replace(self, quality=lost.said(self.quality, Status.ESTIMATE))

    def rank(self) -> tuple[int, float, str, str, float]:
        """Say how good this is beside another answer to the same question; less is better."""
        quality = self.quality
        # A proof that nothing is possible settles the question: nothing else is as good.
        is_refuted = quality.status is Status.IMPOSSIBLE
        error = float("inf") if np.isnan(quality.error) else quality.error
        return (
            -1 if is_refuted else ORDER.index(quality.status),
            error,
            quality.method,
            quality.note,
            quality.seconds,
        )


_A = TypeVar("_A", bound=AnyAnswer, covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Question(ABC, Generic[_A]):
    """What may be asked, and all that is known of it without any engine.

    Methods that take answers take those to this question.
    """

    WAYS: ClassVar[tuple[Way, ...]] = (Way.ENUMERATION,)
    """Tried in this order until one answers; the last always does, or refuses."""

    READS_SCORES: ClassVar[bool] = True
    """Whether the answer depends on scores, not only on which are above zero."""

    def checked(self, graph: FactorGraph) -> Self:
        """Return the question with its numbers and variables as the graph has them.

        Raises:
            GraphError: naming what is wrong with it.
        """
        del graph
        return self

    def answer_bytes(self, graph: FactorGraph) -> int:
        """Count the bytes of the arrays of an answer."""
        del graph
        return 0

    def described(self) -> str:
        """Say what the answer is, where it is too large."""
        return "the answer"

    def without_single_states(self, graph: FactorGraph) -> Self:
        """Return the question without variables of one state, where they cost something."""
        del graph
        return self

    def with_single_states(self, graph: FactorGraph, found: Any) -> _A:  # noqa: ANN401
        """Put back into an answer what `without_single_states` left out."""
        del graph
        return found

    def with_idle(self, found: Any, idle: Idle, rng: np.random.Generator) -> _A:  # noqa: ANN401
        """Complete an answer by the variables that no factor mentions.

        Called only where `WAYS` has `Way.IDLE`, which a question may list once it says this.

        Raises:
            GraphError: where a question lists it all the same.
        """
        del found, idle, rng
        name = type(self).__name__
        raise GraphError(f"{name} does not say what variables that no factor mentions do to it")

    @abstractmethod
    def enumerated(self, every: Enumeration, rng: np.random.Generator) -> _A:
        """Answer from every assignment and its score: the oracle of the engines."""

    def merged(self, one: Any, other: Any) -> _A:  # noqa: ANN401
        """Join two answers to the question: the better stands, and what either proved.

        Of answers alike, or joined in another order or grouping, this makes the same.
        """

        def rank(found: AnyAnswer) -> tuple[object, bytes]:
            return found.rank(), digest_of(found)

        return min(one, other, key=rank)
