"""best(k, composite(it)): what holds of a thing, as the most probable conjunctions of models.

A composite need not be declared: it is the models that are active together, and no others.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np

from gmlang.core.asking.arguments import how_many, need_count, plain
from gmlang.core.ast import Thing
from gmlang.core.check.models import COMPOSITE as WORD
from gmlang.core.checking import Checking
from gmlang.core.expressions.references import check_thing, need_one_thing
from gmlang.core.names.scope import Env
from gmlang.core.print import show_thing
from gmlang.core.records.covering import is_existence
from gmlang.digits import Precision
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.society.activations import is_conjunction
from gmlang.graph.world.names import instance_name
from gmlang.graph.world.places import thing_numbers
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, with_quality
from gmlang.queries.question import Part, Several
from gmlang.queries.reading import Numbered, flat_rows, number_asked
from gmlang.queries.session import Prepared, Session, ask, prepare
from gmlang.queries.settings import Settings
from gmlang.syntax import ast
from gmruntime.answer import (
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.quality import worst

_TOGETHER_MAX = 14
"""Of so many models all conjunctions are looked at; of others those that are surest are kept."""

NOTHING = "nothing"
"""Where no model is active."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestComposites(Numbered):
    """The most probable conjunctions of models about a thing.

    Attributes:
        thing: a single one.
    """

    kind = "composite"

    thing: Thing

    def things(self) -> tuple[Thing, ...]:
        """List it."""
        return (self.thing,)

    def about(self) -> str:
        """Name it."""
        return show_thing(self.thing)


class _CompositesAnswer(Answer):
    """Conjunctions by name, each with its models and its probability, the most probable first."""

    __slots__ = ()
    kind = "composite"

    def lines(self) -> list[str] | None:
        """Write a line for each."""
        if not isinstance(self.value, list):
            return None
        listed = cast("list[dict[str, object]]", self.value)
        shown = [Precision(self.status).chance(float(str(one["probability"]))) for one in listed]
        width = max(map(len, shown), default=0)
        return [f"{p:<{width}}  {one['composite']}" for p, one in zip(shown, listed, strict=True)]


def is_composite(call: ast.Call) -> bool:
    """Say whether the best composites are asked for: `best(5, composite(it))`."""
    match call.arguments:
        case (_, ast.Call(function=ast.Name(text=text))):
            return text == WORD
        case _:
            return False


def check_composite(state: Checking, env: Env, call: ast.Call) -> BestComposites:
    """Check `best(5, composite(it))`."""
    number = how_many(state, env, call)
    inner = plain(state, call.arguments[1])
    assert isinstance(inner, ast.Call)
    need_count(state, inner, 1, "one thing")
    thing = need_one_thing(state, check_thing(state, env, plain(state, inner.arguments[0])))
    return BestComposites(call.span, call.span.text, number=number, thing=thing)


def _answer(session: Session, query: BestComposites, settings: Settings) -> Answer:
    """List the conjunctions of models about a thing by probability.

    All conjunctions of a few models are compared. Of more models, those that are least sure are;
    the others are held as they most probably are, and what is left of the probability bounds every
    conjunction that is not listed.
    """
    prepared = prepare(session, query, settings.running())
    evidence, clash = prepared.evidence()
    count = number_asked(prepared, query)
    if clash:
        return _CompositesAnswer(query.text, "impossible")
    models = _models_of(prepared, query.thing)
    if not models:
        note = "no model is considered for it"
        return _CompositesAnswer(query.text, "exact", [], note=note)
    open_ = np.array([v for v in sorted(models) if evidence[v] < 0], np.int32)
    statuses: list[Status] = []
    share = 1.0
    if len(open_) > _TOGETHER_MAX:
        open_, evidence, share, statuses = _hold(prepared, query, settings, open_, evidence)
        if Status.IMPOSSIBLE in statuses:
            return _CompositesAnswer(query.text, "impossible")
    chances, method, notes = np.ones(1), "", list[str]()
    if len(open_):
        found = ask(prepared, Joint(open_), evidence, settings, query)
        assert isinstance(found, JointAnswer)
        statuses.append(found.quality.status)
        if found.quality.status is Status.IMPOSSIBLE:
            return with_quality(_CompositesAnswer(query.text), found.quality)
        chances, method = found.probabilities.reshape(-1), found.quality.method
        notes.append(found.quality.note)
    listed = _listed(models, open_, evidence, share * chances, count)
    status = worst(statuses or [Status.EXACT])
    last = float(str(listed[-1]["probability"])) if len(listed) == count else 0.0
    if 1.0 - share > last:
        left = f"{1.0 - share:.2g}"
        notes.append(f"what is not listed has {left} together; some of it may be more probable")
        status = worst([status, Status.ESTIMATE])
    note = "; ".join(filter(None, notes))
    return _CompositesAnswer(query.text, status.value, listed, method=method, note=note)


def _models_of(prepared: Prepared, thing: Thing) -> dict[int, str]:
    """Name the models whose first parameter is a thing, by their activations.

    Those that are made of others are left out, and whether the thing exists.
    """
    world = prepared.grounding.world
    env = environment(prepared.grounder, ONE_INSTANCE)
    number = int(thing_numbers(thing, env).reshape(-1)[0])
    found: dict[int, str] = {}
    for table in world.models.values():
        symbol = table.symbol
        if is_conjunction(symbol) or is_existence(symbol.name) or not symbol.parameters:
            continue
        first = symbol.parameters[0]
        if first.domain is not None or first.entity != thing.entity:
            continue
        for row in np.flatnonzero(table.rows[:, 0] == number).tolist():
            name, _, rest = instance_name(world, table, row).partition("(")
            _, _, rest = rest.rstrip(")").partition(", ")
            found[table.start + row] = name + (f"({rest})" if rest else "")
    return found


def _hold(
    prepared: Prepared,
    query: BestComposites,
    settings: Settings,
    open_: np.ndarray,
    evidence: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float, list[Status]]:
    """Hold the surest of many models as they most probably are.

    Returns:
        The others, the evidence with what is held, how probable that is, and how good the answers
        are by which it was found.
    """
    told = ask(prepared, Marginals(open_), evidence, settings, query, 1 / 4)
    assert isinstance(told, MarginalsAnswer)
    if told.quality.status is Status.IMPOSSIBLE:
        return open_, evidence, 0.0, [Status.IMPOSSIBLE]
    rows = flat_rows(prepared, told.probabilities)
    active = np.array([float(rows[int(v)][1]) for v in open_])
    order = np.argsort(-np.minimum(active, 1.0 - active), kind="stable")
    held = order[_TOGETHER_MAX:]
    more = evidence.copy()
    more[open_[held]] = active[held] > 0.5
    both = [ask(prepared, LogPartition(), e, settings, query, 1 / 3) for e in (evidence, more)]
    logs: list[float] = []
    for found in both:
        assert isinstance(found, LogPartitionAnswer)
        logs.append(found.log_value)
    statuses = [told.quality.status, *(found.quality.status for found in both[:1])]
    kept = np.sort(open_[order[:_TOGETHER_MAX]])
    if both[1].quality.status is Status.IMPOSSIBLE:
        # Each is likely, and yet they exclude each other: nothing can be listed.
        return kept, evidence, 0.0, [*statuses, Status.ESTIMATE]
    statuses.append(both[1].quality.status)
    return kept, more, float(np.exp(min(0.0, logs[1] - logs[0]))), statuses


def _listed(
    models: dict[int, str],
    open_: np.ndarray,
    evidence: np.ndarray,
    chances: np.ndarray,
    count: int,
) -> list[dict[str, object]]:
    best = np.argsort(-chances, kind="stable")[:count]
    states = evidence.copy()
    listed: list[dict[str, object]] = []
    for place in best.tolist():
        if not chances[place] > 0.0:
            break
        states[open_] = np.unravel_index(place, (2,) * len(open_)) if len(open_) else 0
        active = [name for variable, name in sorted(models.items()) if states[variable] > 0]
        entry: dict[str, object] = {"composite": " ".join(active) or NOTHING}
        listed.append(entry | {"models": active, "probability": float(chances[place])})
    return listed


COMPOSITE = Part(kinds=((BestComposites, _CompositesAnswer),), answered=Several(_answer))
