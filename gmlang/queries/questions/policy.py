"""policy: what it is best to choose, in each state of what is known."""

from dataclasses import dataclass, field, replace

import numpy as np

from gmlang.core.asking.arguments import asked_of
from gmlang.core.ast import VariableRef
from gmlang.core.check.deciding.choices import is_choice
from gmlang.core.checking import Checking, fail
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import decisions as errors
from gmlang.queries.answers import Answer, with_quality
from gmlang.queries.decisions.rules import Rule, rules_of
from gmlang.queries.decisions.solving import Solved, solve
from gmlang.queries.question import Question, Several
from gmlang.queries.reading import asked_variables
from gmlang.queries.session import Session
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import ExpectedUtilityAnswer, Policy, Quality, Status

_UNPROVED = "the best policy found; `MEU` says between which bounds the best lies"


class BestPolicy(Query):
    """What some choices do under the best policy."""

    __slots__ = ()
    kind = "policy"
    decides = True


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolicyAnswer(Answer):
    """By the name of each choice asked for, what it does, by what is known.

    Attributes:
        policy: the same as arrays, by the name of each choice.
    """

    kind = "policy"

    policy: dict[str, Rule] = field(default_factory=dict[str, Rule])

    def lines(self) -> list[str] | None:
        """Write a line for each state of what is known."""
        if not self.policy:
            return None
        return [line for rule in self.policy.values() for line in rule.lines()]


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    if not call.arguments:
        fail(state, errors.no_choice(call.span, call.span.text))
    asked = asked_of(state, env, call.arguments)
    for one in asked:
        if not isinstance(one.value, VariableRef) or not is_choice(state, one.value.name):
            fail(state, errors.no_choice(one.span, one.span.text))
    return BestPolicy(call.span, call.span.text, asked)


def _answer(session: Session, query: BestPolicy, settings: Settings) -> Answer:
    solved = solve(session, query, settings)
    found = solved.found
    if found is None:
        note = "two observations contradict each other"
        return PolicyAnswer(query.text, Status.IMPOSSIBLE.value, note=note)
    if not solved.is_possible:
        return with_quality(PolicyAnswer(query.text), _told(found))
    return with_quality(_read(query, solved, found), _told(found))


def _told(found: ExpectedUtilityAnswer) -> Quality:
    """Return how good a policy is: one that is not proved best is an estimate."""
    if found.quality.status is not Status.BOUNDED:
        return found.quality
    return replace(found.quality, status=Status.ESTIMATE, error=float("nan"), note=_UNPROVED)


def _read(query: BestPolicy, solved: Solved, found: ExpectedUtilityAnswer) -> Answer:
    prepared = solved.prepared
    evidence, _ = prepared.evidence()
    asked = asked_variables(prepared).tolist()
    none = np.zeros(0, np.int32)
    is_set = [v for v in asked if evidence[v] >= 0]
    as_set = tuple(Policy(v, none, evidence[v : v + 1].reshape(())) for v in is_set)
    changed = prepared.grounding.world.changed
    if changed is not None and np.isin(np.setdiff1d(asked, is_set), changed).any():
        raise GmError([errors.decided_by_doing(query.span, query.text)])
    rules = rules_of(prepared.grounding.world, (*as_set, *found.policies))
    if any(v not in rules for v in asked):
        return PolicyAnswer(query.text)
    listed = {rules[v].choice: rules[v] for v in asked}
    value: dict[str, object] = {name: rule.plain() for name, rule in listed.items()}
    note = "set by a condition" if len(is_set) == len(asked) else ""
    array = next(iter(listed.values())).array if len(listed) == 1 else None
    labels = next(iter(listed.values())).labels if len(listed) == 1 else ()
    return PolicyAnswer(
        query.text, value=value, array=array, labels=labels, policy=listed, note=note
    )


POLICY = Question(
    word="policy",
    help="what it is best to choose, by what is known",
    shortest="policy(a)",
    form="policy(a | ...)",
    example="var rain : bool ~ Bernoulli(0.3)\n"
    "choose umbrella : bool\n"
    "umbrella knows rain\n"
    "maximize -1 if umbrella else (-5 if rain else 0)\n"
    "query policy(umbrella), policy(umbrella | rain = true)\n",
    check=_check,
    kinds=((BestPolicy, PolicyAnswer),),
    answered=Several(_answer),
)
