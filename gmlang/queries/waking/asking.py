"""Which models may sleep while a question is answered, and how it is asked then."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from gmlang.core.asking.options import COUPLING, WAKE
from gmlang.core.program import Consider, Program, Query
from gmlang.diagnostics import GmError
from gmlang.errors import asking as errors
from gmlang.graph.world.world import World
from gmlang.queries.settings import Settings
from gmlang.queries.waking.naming import rows_of
from gmruntime.answer import Answer as RuntimeAnswer
from gmruntime.answer import AnyAnswer, Question, Status, with_note
from gmruntime.answer import Query as RuntimeQuery
from gmruntime.budget import Budget
from gmruntime.graph import FactorGraph
from gmruntime.matches.looking import has_matches, looked_at
from gmruntime.waking.answer import Woken, infer_awake
from gmruntime.waking.society import Bounded, Waking

_PLAIN = Waking()


@dataclass(frozen=True, slots=True, eq=False)
class MayWake:
    """The activations that may sleep, and how they are woken."""

    activations: np.ndarray
    how: Waking


def may_wake(
    program: Program, world: World, query: Query | None, *, everyone: bool = False
) -> MayWake | None:
    """Say who may sleep while a question is answered; None where nobody may.

    Of a program that considers all about a thing, the models so considered; where a question is
    asked `using wake`, all models there are.

    Args:
        program: checked.
        world: of its graph.
        query: what is asked; None where no query asks.
        everyone: whether all models may, unless the query forbids it.

    Raises:
        GmError: when models are to be woken, and there are none.
    """
    if query is None or query.method not in ("", WAKE):
        return None
    options = dict(query.method_options)
    if options.get("off"):
        return None
    names = {s.target.model for s in program.statements if isinstance(s, Consider) and s.may_sleep}
    is_asked = query.method == WAKE
    tables = [
        table
        for name, table in world.models.items()
        if (is_asked or everyone or name in names) and len(table.keys)
    ]
    if not tables:
        if is_asked:
            raise GmError([errors.nobody_sleeps(query.span)])
        return None
    activations = np.concatenate([t.start + np.arange(len(t.keys)) for t in tables])
    at_most = options.get("at_most")
    how = Waking(
        float(options.get("eps", _PLAIN.eps)),
        None if at_most is None else int(at_most),
        spares_few=not is_asked,
    )
    return MayWake(activations.astype(np.int64), how)


AwakePart = tuple[FactorGraph, RuntimeQuery, np.ndarray]
"""A question to the runtime: a graph, what is asked of it, and evidence."""


def awake(
    may: MayWake,
    world: World,
    asked: AwakePart,
    settings: Settings,
    query: Query,
    ask: Callable[[AwakePart, Budget], RuntimeAnswer],
) -> Woken | None:
    """Put a question to the runtime while models may sleep; None where it is not bounded by that.

    Args:
        may: says who.
        world: of the graph.
        asked: the question about everything.
        settings: with a budget that has begun; who listens is told what happened.
        query: that is being answered.
        ask: answers about what is awake, within a budget.
    """
    graph, question, evidence = asked
    if not isinstance(question, Bounded):
        return None
    looked = None
    if has_matches(graph):
        looked = looked_at(graph, settings.running(), question, evidence)
        graph = looked.graph

    def answer(
        part: FactorGraph, inner: Question[AnyAnswer], fixed: np.ndarray, budget: Budget
    ) -> AnyAnswer:
        return ask((part, cast("RuntimeQuery", inner), fixed), budget)

    woken = infer_awake(
        graph,
        question,
        may.activations,
        may.how,
        evidence=evidence,
        budget=settings.running(),
        ask=answer,
    )
    if looked is not None:
        woken = replace(woken, answer=looked.told(question, woken.answer))
    if settings.heard is not None:
        settings.heard(query.text, rows_of(world, woken.events))
    return woken


def method_of(query: Query) -> tuple[str, dict[str, bool | int | float]]:
    """Return the method of a query as engines know it, with its options."""
    if query.method == WAKE or (query.method == COUPLING and query.imagined):
        return "", {}
    return query.method, dict(query.method_options)


def with_sleepers(woken: Woken) -> RuntimeAnswer:
    """Return the answer of who is awake, with a note of who is not."""
    asleep, answer = len(woken.asleep), cast("RuntimeAnswer", woken.answer)
    if not asleep:
        return answer
    count = asleep + len(woken.awake) + len(woken.decoupled)
    note = f"{len(woken.awake)} of {count} models awake"
    if woken.eps and answer.quality.status is Status.BOUNDED:
        note += f"; those asleep change no probability by more than {woken.eps:.1e}"
    return with_note(answer, note)
