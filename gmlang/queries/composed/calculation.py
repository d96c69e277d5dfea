"""Calculations with the answers of queries: `1 - P(a)`, `log(P(a) / P(b))`, `E(x) > 3`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gmlang.core.composed import Calculation
from gmlang.graph.world.world import World
from gmlang.queries.answers import Answer, plain_json
from gmlang.queries.composed.calculate import calculate
from gmlang.queries.composed.writing_out import calculated
from gmlang.queries.question import Composed
from gmlang.queries.remembered.notes import is_remembered, without_remembered


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CalculationAnswer(Answer):
    """A number, or whether a comparison holds, with what is proven of it.

    Attributes:
        lower: what it is at least; None where nothing is proven.
        upper: what it is at most.
        answers: those that it is made of.
    """

    kind = "calculation"

    lower: float | None = None
    upper: float | None = None
    answers: tuple[Answer, ...] = ()

    @property
    def details(self) -> dict[str, object]:
        """The bounds, and what each part answered."""
        bounds = {} if self.lower is None else {"lower": self.lower, "upper": self.upper}
        return {**bounds, "parts": [brief(part) for part in self.answers]}


def brief(answer: Answer) -> dict[str, object]:
    """Return what JSON says of an answer that is part of another."""
    whole = answer.to_dict()
    left_out = ("log_lower", "log_upper", "seconds")
    return {k: plain_json(v) for k, v in whole.items() if k not in left_out or v is not None}


def quality_of(answers: Sequence[Answer]) -> dict[str, object]:
    """Return who found the answers, and what they note: the fields of an answer made of them."""
    methods = dict.fromkeys(answer.method for answer in answers if answer.method)
    notes = dict.fromkeys(answer.note for answer in answers if answer.note)
    if not all(is_remembered(answer.note) for answer in answers):
        # The whole was not found again where a part of it was.
        notes = dict.fromkeys(filter(None, map(without_remembered, notes)))
    return {
        "method": ", ".join(methods),
        "note": "; ".join(notes),
        "workers": max((answer.workers for answer in answers), default=1),
    }


def _compose(world: World, query: Calculation, answers: Sequence[Answer]) -> Answer:
    found = calculate(world, query.expression, answers)
    how = quality_of(answers)
    if found.note:
        how["note"] = "; ".join(filter(None, (found.note, str(how["note"]))))
    return CalculationAnswer(
        query.text,
        found.status.value,
        found.value,
        array=None if found.value is None else np.asarray(found.value),
        error=found.error,
        error_kind=found.error_kind,
        lower=found.lower,
        upper=found.upper,
        answers=tuple(answers),
        **how,  # pyright: ignore[reportArgumentType]
    )


CALCULATION = Composed(Calculation, CalculationAnswer, calculated, _compose)
