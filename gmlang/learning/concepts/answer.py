"""A `learn model` of a program as an answer beside those to its questions."""

from dataclasses import dataclass
from typing import Any, ClassVar

from gmlang.learning.concepts.result import LearnedModel
from gmlang.queries.answers import Answer


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelAnswer(Answer):
    """What a model was found to be made of; `value` has it as a program writes it.

    Attributes:
        learned: all that is known of it.
    """

    kind: ClassVar[str] = "learn"
    learned: LearnedModel[Any] | None = None

    @property
    def details(self) -> dict[str, object]:
        """All that was found but for what every answer has."""
        if self.learned is None:
            return {}
        common = ("query", "kind", "status", "seconds")
        return {key: v for key, v in self.learned.to_dict().items() if key not in common}

    def lines(self) -> list[str] | None:
        """Write the choices and what speaks against the best."""
        return None if self.learned is None else self.learned.lines()

    def remarks(self) -> list[str]:
        """Write the notes."""
        return [] if self.learned is None else [f"note: {note}" for note in self.learned.notes]


def model_answer(learned: LearnedModel[Any]) -> ModelAnswer:
    """Return a learned model as an answer."""
    return ModelAnswer(
        learned.what.text,
        learned.status,
        learned.source(),
        learned.seconds,
        method=learned.searched(),
        name=learned.what.name,
        learned=learned,
    )
