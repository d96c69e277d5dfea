"""blame: which predictions take how much from the compatibility of two models."""

from dataclasses import dataclass

from gmlang.core.asking.arguments import two_models
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer
from gmlang.queries.composition.blame import split
from gmlang.queries.composition.compatibility import Comparison, Compatibility, rounded
from gmlang.queries.question import Question, Several
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmlang.syntax import ast


class Blame(Comparison):
    """The compatibility of two models, split by attribute and index."""

    __slots__ = ()
    kind = "blame"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlameAnswer(Answer):
    """Nats by what is predicted.

    Attributes:
        total: nats, their sum.
        explanation: a sentence for each.
    """

    kind = "blame"

    total: float | None = None
    explanation: tuple[str, ...] = ()

    @property
    def details(self) -> dict[str, object]:
        """The sum and the sentences; nothing without an answer."""
        if self.value is None:
            return {}
        return {"total": self.total, "explanation": list(self.explanation)}


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    return Blame(call.span, call.span.text, models=two_models(state, env, call))


def _answer(session: Session, query: Blame, settings: Settings) -> Answer:
    groups = query.groups(session.program)
    parts, total = split(Compatibility(session, groups, query.span, settings, query))
    return BlameAnswer(
        query.text,
        total.status.value,
        {name: rounded(nats) for name, nats, _ in parts},
        total=rounded(total.value),
        explanation=tuple(text for _, _, text in parts),
    )


BLAME = Question(
    word="blame",
    help="which attributes make models go together, or not",
    shortest="blame(a, b)",
    form="blame(a, b)",
    example="entity Thing:\n"
    "    big : bool\n"
    "    red : bool\n"
    "model house(x: Thing):\n"
    "    predict x.big = true @ 0.9\n"
    "    predict x.red = true @ 0.7\n"
    "model mouse(x: Thing):\n"
    "    predict x.big = false @ 0.8\n"
    "query blame(house, mouse)\n",
    check=_check,
    kinds=((Blame, BlameAnswer),),
    answered=Several(_answer, needs_graph=False),
)
