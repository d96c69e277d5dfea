"""What `gmlang run` does for one question, on a thread that it may have to leave alone."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.core.concepts import LearnModel
    from gmlang.core.parameters import Learn
    from gmlang.core.program import Assert, Query
    from gmlang.queries.settings import Settings
    from gmlang.queries.spread import Spread


class Job(Protocol):
    """Finds the answer to one question."""

    def __call__(self, settings: "Settings") -> "Answer":
        """Find it."""
        ...

    def so_far(self) -> "Answer | None":
        """Return what has been found while the work goes on; None when that is nothing."""
        ...


class Plain:
    """A question answered as usual, all at once."""

    def __init__(self, model: "Model", question: "Query | Assert") -> None:
        """Remember what is asked of which model."""
        self.model, self.question = model, question

    def __call__(self, settings: "Settings") -> "Answer":
        """Find the answer."""
        return next(self.model.answer_all([self.question], settings))

    def so_far(self) -> "Answer | None":
        """Return nothing: the engines alone know."""
        return None


class Course:
    """A program's `learn`s and questions, in order: what was learned is known to what follows."""

    def __init__(self, model: "Model") -> None:
        """Begin with nothing learned."""
        self.model = model


class Learning:
    """One `learn`; the model of its course is another one afterwards."""

    def __init__(self, course: Course, what: "Learn | LearnModel") -> None:
        """Remember what is learned."""
        self.course, self.what = course, what

    def __call__(self, settings: "Settings") -> "Answer":
        """Learn it."""
        from gmlang.learning.turns import learned_by

        answer, self.course.model = learned_by(self.course.model, self.what, settings)
        return answer

    def so_far(self) -> "Answer | None":
        """Return nothing: what a round has found ends with the budget."""
        return None


class Shared:
    """One of several questions that are spread over workers."""

    def __init__(self, spread: "Spread", number: int) -> None:
        """Remember which one."""
        self.spread, self.number = spread, number

    def __call__(self, settings: "Settings") -> "Answer":
        """Find the answer; meanwhile others are found as well, so that no budget here is its."""
        return self.spread.answer(self.number, settings.watch.ended if settings.watch else None)

    def so_far(self) -> "Answer | None":
        """Return nothing: the engines alone know."""
        return None


def spread_jobs(
    model: "Model", asked: "Sequence[Query | Assert]", settings: "Settings"
) -> Iterator[Job]:
    """Send questions to workers, and prepare to take their answers in order."""
    spread = model.spread(asked, settings)
    try:
        for number in range(len(asked)):
            yield Shared(spread, number)
    finally:
        spread.dismiss()
