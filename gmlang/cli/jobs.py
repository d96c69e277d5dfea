"""What `gmlang run` does for one question, on a thread that it may have to leave alone."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gmlang.api import Answer, Model
    from gmlang.core.program import Assert, Query
    from gmlang.queries.session import Settings


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
