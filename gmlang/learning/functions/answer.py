"""The `learn def`s of a program as an answer beside those to its questions."""

from dataclasses import dataclass
from typing import Any, ClassVar

from gmlang.learning.functions.result import LearnedDefs
from gmlang.queries.answers import Answer


@dataclass(frozen=True, slots=True, eq=False)
class FunctionsAnswer(Answer):
    """What functions were found to be; `value` has them as a program writes them.

    Attributes:
        learned: all that is known of them.
    """

    kind: ClassVar[str] = "learn"
    learned: LearnedDefs[Any] | None = None

    @property
    def details(self) -> dict[str, object]:
        """All that was found but for what every answer has."""
        if self.learned is None:
            return {}
        common = ("query", "kind", "status", "seconds")
        return {key: v for key, v in self.learned.to_dict().items() if key not in common}

    def lines(self) -> list[str] | None:
        """Write the rules and what would tell them apart."""
        return None if self.learned is None else self.learned.lines()

    def remarks(self) -> list[str]:
        """Write the notes."""
        return [] if self.learned is None else [f"note: {note}" for note in self.learned.notes]


def functions_answer(learned: LearnedDefs[Any]) -> FunctionsAnswer:
    """Return learned functions as an answer."""
    return FunctionsAnswer(
        learned.whats.text,
        learned.status,
        learned.source(),
        learned.seconds,
        method=learned.searched(),
        name=learned.whats.name,
        learned=learned,
    )
