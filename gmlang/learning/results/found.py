"""A model or functions that were found, as an answer beside those to a program's questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from gmlang.core.concepts import LearnModel
from gmlang.core.learned_defs import LearnDefs
from gmlang.queries.answers import Answer


class Found(Protocol):
    """What came of a search for what a program leaves open."""

    @property
    def status(self) -> str:
        """How good it is."""
        ...

    @property
    def seconds(self) -> float:
        """Taken."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is to be said."""
        ...

    def source(self) -> str:
        """Return it as a program writes it."""
        ...

    def searched(self) -> str:
        """Say what was looked at."""
        ...

    def lines(self) -> list[str]:
        """Write it, and what else it might be."""
        ...

    def to_dict(self) -> Mapping[str, object]:
        """Return it as plain data."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FoundAnswer(Answer):
    """What a model is made of, or what functions are; `value` has it as a program writes it.

    Attributes:
        learned: all that is known of it.
    """

    kind: ClassVar[str] = "learn"
    learned: Found | None = None

    @property
    def details(self) -> dict[str, object]:
        """All that was found but for what every answer has."""
        if self.learned is None:
            return {}
        common = ("query", "kind", "status", "seconds")
        return {key: v for key, v in self.learned.to_dict().items() if key not in common}

    def lines(self) -> list[str] | None:
        """Write what was found, and what else it might be."""
        return None if self.learned is None else self.learned.lines()

    def remarks(self) -> list[str]:
        """Write the notes."""
        return [] if self.learned is None else [f"note: {note}" for note in self.learned.notes]


def found_answer(what: LearnModel | LearnDefs, learned: Found) -> FoundAnswer:
    """Return what was found as an answer."""
    return FoundAnswer(
        what.text,
        learned.status,
        learned.source(),
        learned.seconds,
        method=learned.searched(),
        name=what.name,
        learned=learned,
    )
