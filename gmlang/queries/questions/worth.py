"""worth: what it would be worth to know something before choosing."""

from dataclasses import dataclass

import numpy as np

from gmlang.core.asking.arguments import need_count, plain
from gmlang.core.ast import Real, Type, VariableRef
from gmlang.core.check.deciding.choices import check_choice, check_known
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.core.records.decisions import Known
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.world.places import locate_array
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, with_quality
from gmlang.queries.decisions.said import Knowledge, known_in
from gmlang.queries.decisions.solving import solve
from gmlang.queries.question import Question, Several
from gmlang.queries.session import Prepared, Session
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import Status
from gmruntime.quality import worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth(Query):
    """What is gained where choices know more.

    Attributes:
        known: what they would know.
        choice: who would.
    """

    kind = "worth"
    decides = True

    known: Known
    choice: VariableRef

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the utility gained."""
        return self, Real()

    def about(self) -> str:
        """Name both as they were written."""
        return f"{self.known.span.text}, {self.choice.span.text}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WorthAnswer(Answer):
    """The utility gained, never below 0, with what is proven of it.

    Attributes:
        lower: what it is at least; None where nothing is proven.
        upper: what it is at most.
    """

    kind = "worth"
    limits = (0.0, float("inf"))

    lower: float | None = None
    upper: float | None = None

    @property
    def details(self) -> dict[str, object]:
        """The bounds."""
        return {} if self.lower is None else {"lower": self.lower, "upper": self.upper}


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 2, "what is known, and a choice")
    known = check_known(state, env, call.arguments[0])
    choice = check_choice(state, env, plain(state, call.arguments[1]))
    return Worth(call.span, call.span.text, known=known, choice=choice)


def _answer(session: Session, query: Worth, settings: Settings) -> Answer:
    def knowing(prepared: Prepared, knowledge: Knowledge) -> Knowledge:
        grounder = prepared.grounder
        _, more = known_in(grounder, ONE_INSTANCE, query.known)
        choices, _ = locate_array(query.choice, environment(grounder, ONE_INSTANCE))
        further = tuple(np.unique(more).tolist())
        return knowledge | {v: (*knowledge.get(v, ()), *further) for v in choices.ravel().tolist()}

    plain_one = solve(session, query, settings).found
    knows = solve(session, query, settings, knowing).found
    if plain_one is None or knows is None:
        note = "two observations contradict each other"
        return WorthAnswer(query.text, Status.IMPOSSIBLE.value, note=note)
    status = worst((plain_one.quality.status, knows.quality.status))
    quality = plain_one.quality if plain_one.quality.status is status else knows.quality
    if status is Status.IMPOSSIBLE:
        return with_quality(WorthAnswer(query.text), quality)
    # Whoever knows more may do as if they did not.
    gain = max(0.0, knows.value - plain_one.value)
    lower = max(0.0, knows.lower - plain_one.upper)
    upper = max(gain, knows.upper - plain_one.lower)
    made = WorthAnswer(query.text, value=gain, lower=lower, upper=upper)
    return with_quality(made, quality)


WORTH = Question(
    word="worth",
    help="what knowing something before choosing is worth",
    shortest="worth(z, a)",
    form="worth(z, a | ...)",
    example="var rain : bool ~ Bernoulli(0.3)\n"
    "choose umbrella : bool\n"
    "maximize -1 if umbrella else (-5 if rain else 0)\n"
    "query worth(rain, umbrella)\n"
    "assert abs(worth(rain, umbrella) - 0.7) < 1e-9\n",
    check=_check,
    kinds=((Worth, WorthAnswer),),
    answered=Several(_answer),
)
