"""active: the models that apply to a thing, and what they leave unexplained."""

from dataclasses import dataclass, replace

import numpy as np

from gmlang.core.asking.arguments import need_count, plain
from gmlang.core.ast import Thing
from gmlang.core.checking import Checking
from gmlang.core.expressions.references import check_thing, need_one_thing
from gmlang.core.names.scope import Env
from gmlang.core.print import show_thing
from gmlang.core.program import Query
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.world.places import thing_numbers
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, with_quality
from gmlang.queries.explained.about import Instance, instances_about
from gmlang.queries.odds import log_odds
from gmlang.queries.question import Question, Several
from gmlang.queries.reading import flat_rows
from gmlang.queries.session import Prepared, Session, ask, ask_awake, prepare
from gmlang.queries.settings import Settings
from gmlang.queries.waking.asking import with_sleepers
from gmlang.syntax import ast
from gmruntime.answer import (
    AssignmentsAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.quality import worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Active(Query):
    """The models about a thing.

    Attributes:
        thing: a single one.
    """

    kind = "active"

    thing: Thing

    def things(self) -> tuple[Thing, ...]:
        """List it."""
        return (self.thing,)

    def about(self) -> str:
        """Name it."""
        return show_thing(self.thing)


class ActiveAnswer(Answer):
    """Models by probability, each with its evidence in nats, and unexplained attributes."""

    __slots__ = ()
    kind = "active"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 1, "one thing")
    thing = need_one_thing(state, check_thing(state, env, plain(state, call.arguments[0])))
    return Active(call.span, call.span.text, thing=thing)


def _answer(session: Session, query: Active, settings: Settings) -> Answer:
    """List the models about a thing by probability, and what they leave unexplained.

    A model's evidence is its posterior log-odds less those of its prior: what is observed, and what
    other models say, has moved it by so much; of what is only called it is not known. Models that
    sleep are left out. A conjunction's prior is the product of its parts'; a model without one has
    even odds; about things that may not exist, it holds only if they do. An observed attribute is
    unexplained when the most probable society, not told of it, gives it less than its base does.
    """
    prepared = prepare(session, query, settings.running())
    evidence, clash = prepared.evidence()
    if clash:
        return ActiveAnswer(query.text, "impossible")
    env = environment(prepared.grounder, ONE_INSTANCE)
    number = int(thing_numbers(query.thing, env).reshape(-1)[0])
    instances = instances_about(prepared.grounding.world, query.thing.entity, number)
    if not instances:
        note = "no model is considered for it"
        return ActiveAnswer(query.text, "exact", {"models": [], "unexplained": []}, note=note)
    variables = np.array(sorted(instances), np.int32)
    question = Marginals(variables)
    woken = ask_awake(prepared, question, evidence, settings, query, 1 / 4)
    known: dict[int, float] = {}
    if woken is None:
        found = ask(prepared, question, evidence, settings, query, 1 / 4)
    else:
        found = with_sleepers(woken)
        variables = np.setdiff1d(variables, woken.asleep)
        odds = zip(woken.decoupled.tolist(), woken.decoupled_log_odds.tolist(), strict=True)
        known = dict(odds)
    assert isinstance(found, MarginalsAnswer)
    if found.quality.status is Status.IMPOSSIBLE:
        return with_quality(ActiveAnswer(query.text), found.quality)
    rows = flat_rows(prepared, found.probabilities)
    models: list[dict[str, object]] = []
    parts: list[Status] = []
    for v in map(int, variables):
        after, how_good = known.get(v), Status.EXACT
        if after is None:
            after, how_good = log_odds(prepared, evidence, v, 1, rows[v], settings, query)
        before = instances[v].prior_log_odds
        nats = 0.0 if after == before else after - before
        entry: dict[str, object] = {"model": instances[v].name, "probability": float(rows[v][1])}
        entry["evidence_nats"] = None if np.isnan(before) else nats
        models.append(entry)
        parts.append(how_good)
    models.sort(key=lambda entry: -float(str(entry["probability"])))
    unexplained, inner = _unexplained(prepared, query, evidence, instances, number, settings)
    value = {"models": models, "unexplained": unexplained}
    status = worst((found.quality.status, *parts, *inner))
    whole = with_quality(ActiveAnswer(query.text, value=value), found.quality)
    return replace(whole, status=status.value)


def _unexplained(
    prepared: Prepared,
    query: Active,
    evidence: np.ndarray,
    instances: dict[int, Instance],
    number: int,
    settings: Settings,
) -> tuple[list[dict[str, object]], list[Status]]:
    """List the attributes, and how good the answers are that they were found by."""
    fixed = np.full_like(evidence, -1)
    chosen = np.array(sorted(instances), np.int32)
    if prepared.grounding.world.hidden_reals:
        # A density has no most probable node: reals are summed out.
        best = ask(prepared, MarginalMap(chosen), evidence, settings, query, 1 / 2)
        assert isinstance(best, MarginalMapAnswer)
        states = best.states
    else:
        best = ask(prepared, Map(), evidence, settings, query, 1 / 2)
        assert isinstance(best, AssignmentsAnswer)
        states = best.assignments[0][chosen] if len(best.assignments) else np.zeros(0, np.int32)
    if not len(states):
        return [], [best.quality.status]
    attributes = prepared.grounding.world.attributes[query.thing.entity]
    fixed[chosen] = states
    found: list[dict[str, object]] = []
    asked: list[tuple[str, int]] = []
    folded = prepared.builder.left_out()
    for attribute in attributes.values():
        start = int(attribute.starts[number])
        for place in np.ndindex(*attribute.shape):
            offset = int(np.ravel_multi_index(place, attribute.shape)) if place else 0
            if start + offset in folded:
                # What models say of it was made for what it is: nothing says what else it might be.
                continue
            if evidence[start + offset] >= 0:
                index = f"[{', '.join(map(str, place))}]" if place else ""
                asked.append((attribute.name + index, start + offset))
    if not asked:
        return [], [best.quality.status]
    question = Marginals(np.array([v for _, v in asked], np.int32))
    answer = ask(prepared, question, fixed, settings, query)
    assert isinstance(answer, MarginalsAnswer)
    rows = flat_rows(prepared, answer.probabilities)
    for name, variable in asked:
        attribute = attributes[name.split("[")[0]]
        state = int(evidence[variable])
        p = float(rows[variable][state])
        base = 1.0 / attribute.states.count
        if attribute.log_base is not None:
            base = float(np.exp(attribute.log_base[state]))
        if not p > base * (1 + 1e-9):
            found.append(
                {"attribute": name, "value": attribute.states.label(state), "probability": p}
            )
    found.sort(key=lambda entry: float(str(entry["probability"])))
    return found, [best.quality.status, answer.quality.status]


ACTIVE = Question(
    word="active",
    help="the models that apply to a thing",
    shortest="active(it)",
    form="active(it)",
    example="entity Thing:\n"
    "    big : bool\n"
    "model house(x: Thing) prior 0.3:\n"
    "    predict x.big = true @ 0.9\n"
    "var it : Thing\n"
    "consider house(it)\n"
    "observe it.big\n"
    "query active(it)\n",
    check=_check,
    kinds=((Active, ActiveAnswer),),
    answered=Several(_answer),
)
