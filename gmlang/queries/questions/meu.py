"""MEU: the utility that the best policy can expect."""

from dataclasses import dataclass, field

from gmlang.core.asking.arguments import no_arguments
from gmlang.core.ast import Real, Type
from gmlang.core.checking import Checking
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.queries.answers import Answer, finite, with_quality
from gmlang.queries.decisions.rules import Rule, rules_of
from gmlang.queries.decisions.solving import Solved, solve
from gmlang.queries.question import Question, Several
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import Status


class MaximumUtility(Query):
    """The expected utility of the best policy."""

    __slots__ = ()
    kind = "meu"
    decides = True

    def as_number(self) -> tuple[Query, Type] | None:
        """Stand for the utility."""
        return self, Real()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MaximumUtilityAnswer(Answer):
    """The expected utility of the best policy, with what is proven of it.

    Attributes:
        lower: what the best policy reaches at least; None where nothing is proven.
        upper: what it reaches at most.
        policy: what each choice does, by its name.
    """

    kind = "meu"

    lower: float | None = None
    upper: float | None = None
    policy: dict[str, Rule] = field(default_factory=dict[str, Rule])

    @property
    def details(self) -> dict[str, object]:
        """The bounds."""
        return {} if self.lower is None else {"lower": self.lower, "upper": self.upper}


def _utility_answer(query: Query, solved: Solved) -> Answer:
    """Write what was found of the best policy."""
    found = solved.found
    if found is None:
        note = "two observations contradict each other"
        return MaximumUtilityAnswer(query.text, Status.IMPOSSIBLE.value, note=note)
    if not solved.is_possible:
        return with_quality(MaximumUtilityAnswer(query.text), found.quality)
    rules = rules_of(solved.prepared.grounding.world, found.policies)
    ends = [finite(end) for end in (found.lower, found.upper)]
    lower, upper = (None if end is None else end + solved.constant for end in ends)
    made = MaximumUtilityAnswer(
        query.text,
        value=found.value + solved.constant,
        lower=lower,
        upper=upper,
        policy={rule.choice: rule for rule in rules.values()},
    )
    return with_quality(made, found.quality)


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    del env
    no_arguments(state, call)
    return MaximumUtility(call.span, call.span.text)


def _answer(session: Session, query: MaximumUtility, settings: Settings) -> Answer:
    return _utility_answer(query, solve(session, query, settings))


MEU = Question(
    word="MEU",
    help="the utility that the best policy can expect",
    shortest="MEU()",
    form="MEU(| ...)",
    example="var rain : bool ~ Bernoulli(0.3)\n"
    "choose umbrella : bool\n"
    "maximize -1 if umbrella else (-5 if rain else 0)\n"
    "query MEU(), MEU(| rain = true)\n"
    "assert abs(MEU() + 1) < 1e-9\n",
    check=_check,
    kinds=((MaximumUtility, MaximumUtilityAnswer),),
    answered=Several(_answer),
)
