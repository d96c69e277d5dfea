"""A `learn` of a program as an answer beside those to its questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gmlang.core.parameters import Learn
from gmlang.learning.results.result import Learned, number_lines, score_line
from gmlang.queries.answers import Answer


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LearnAnswer(Answer):
    """What was learned; `value` has the params by name.

    Attributes:
        learned: all that is known of it.
    """

    kind: ClassVar[str] = "learn"
    learned: Learned[Any] | None = None

    @property
    def details(self) -> dict[str, object]:
        """All that was found but for what every answer has."""
        if self.learned is None:
            return {}
        plain = self.learned.to_dict()
        common = ("query", "kind", "status", "method", "seconds", "values")
        return {key: value for key, value in plain.items() if key not in common}

    def lines(self) -> list[str] | None:
        """Write the numbers and how well they tell the cases."""
        if self.learned is None:
            return None
        return [*number_lines(self.learned), score_line(self.learned)]

    def remarks(self) -> list[str]:
        """Write the notes."""
        return [] if self.learned is None else [f"note: {note}" for note in self.learned.notes]


def learn_answer(what: Learn, learned: Learned[Any]) -> LearnAnswer:
    """Return what was learned as an answer."""
    values: Mapping[str, object] = {k: v.tolist() for k, v in learned.values.items()}
    return LearnAnswer(
        what.text,
        learned.status,
        dict(values),
        learned.seconds,
        method=f"{learned.method}, {learned.rounds} rounds",
        name=what.name,
        learned=learned,
    )
