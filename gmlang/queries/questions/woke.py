"""woke: which models about a thing were woken, when, by whom, and why some went to sleep again."""

from dataclasses import dataclass
from typing import Any, cast

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
from gmlang.queries.explained.about import instances_about
from gmlang.queries.question import Question, Several
from gmlang.queries.session import Session, ask_awake, prepare
from gmlang.queries.settings import Settings
from gmlang.queries.waking.asking import with_sleepers
from gmlang.queries.waking.naming import Row, rows_of
from gmlang.syntax import ast
from gmruntime.answer import Marginals, Status
from gmruntime.waking.log import awake_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Woke(Query):
    """What became of the models about a thing.

    Attributes:
        thing: a single one.
    """

    kind = "woke"
    names_states = True

    thing: Thing

    def things(self) -> tuple[Thing, ...]:
        """List it."""
        return (self.thing,)

    def about(self) -> str:
        """Name it."""
        return show_thing(self.thing)


class WokeAnswer(Answer):
    """What happened, in order, and how many are awake, asleep and decoupled at the end."""

    __slots__ = ()
    kind = "woke"
    needs_ends = False
    """Its value says ε."""

    def lines(self) -> list[str] | None:
        """Write a row for each thing that happened, and how it stands at the end."""
        if not isinstance(self.value, dict):
            return None
        whole = cast("dict[str, Any]", self.value)
        rows = [list(Row._fields)] + [
            [_cell(row[column]) for column in Row._fields] for row in whole["log"]
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        counts = ", ".join(f"{whole[state]} {state}" for state in ("awake", "asleep", "decoupled"))
        return [*(lines if len(rows) > 1 else []), f"{counts}; eps {_cell(whole['eps'])}"]


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 1, "one thing")
    thing = need_one_thing(state, check_thing(state, env, plain(state, call.arguments[0])))
    return Woke(call.span, call.span.text, thing=thing)


def _answer(session: Session, query: Woke, settings: Settings) -> Answer:
    """List what happened to the models about a thing while all of them were asked about."""
    prepared = prepare(session, query, settings.running())
    evidence, clash = prepared.evidence()
    if clash:
        return WokeAnswer(query.text, "impossible")
    env = environment(prepared.grounder, ONE_INSTANCE)
    number = int(thing_numbers(query.thing, env).reshape(-1)[0])
    instances = instances_about(prepared.grounding.world, query.thing.entity, number)
    variables = np.array(sorted(instances), np.int32)
    question = Marginals(variables)
    woken = ask_awake(prepared, question, evidence, settings, query, everyone=True)
    if woken is None or not len(variables):
        value = {"log": [], "awake": 0, "asleep": 0, "decoupled": 0, "eps": 0.0}
        return WokeAnswer(query.text, "exact", value, note="no model of it may sleep")
    if woken.answer.quality.status is Status.IMPOSSIBLE:
        return with_quality(WokeAnswer(query.text), woken.answer.quality)
    about = set(variables.tolist())
    events = tuple(event for event in woken.events if event.variable in about)
    value = {
        "log": rows_of(prepared.grounding.world, events),
        "awake": len(awake_after(events)),
        "asleep": int(np.isin(woken.asleep, variables).sum()),
        "decoupled": int(np.isin(woken.decoupled, variables).sum()),
        "eps": woken.eps,
    }
    return with_quality(WokeAnswer(query.text, value=value), with_sleepers(woken).quality)


WOKE = Question(
    word="woke",
    help="which models of a thing were woken, and why",
    shortest="woke(it)",
    form="woke(it)",
    example="entity Thing:\n"
    "    big : bool\n"
    "    red : bool\n"
    "model house(x: Thing) prior 0.3:\n"
    "    predict x.big = true @ 0.9\n"
    "    predict x.red = true @ 0.6\n"
    "var it : Thing\n"
    "consider all about it\n"
    "observe it.big\n"
    "query woke(it)\n",
    check=_check,
    kinds=((Woke, WokeAnswer),),
    answered=Several(_answer),
)
