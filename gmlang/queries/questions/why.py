"""why: what each statement and observation adds to the log-odds of a variable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from textwrap import shorten

import numpy as np

from gmlang.core.asking.arguments import asked_of, need_count
from gmlang.core.ast import Array, Bool
from gmlang.core.checking import Checking
from gmlang.core.expressions import scalars
from gmlang.core.expressions.operators import element_of
from gmlang.core.names.scope import Env
from gmlang.core.program import Query
from gmlang.core.walk import type_of
from gmlang.diagnostics import GmError, Span
from gmlang.errors import asking as errors
from gmlang.graph.builder import Builder
from gmlang.queries.answers import Answer
from gmlang.queries.odds import event_log_odds
from gmlang.queries.question import Question, Several
from gmlang.queries.reading import flat_rows
from gmlang.queries.session import Prepared, Session, ask, prepare
from gmlang.queries.settings import Settings
from gmlang.queries.targets import Target
from gmlang.syntax import ast
from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.arrays import row_starts, rows_by
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Cover
from gmruntime.quality import worst

_LABEL_WIDTH = 64
"""A statement is shown as far as this many characters."""

REASONS_MAX = 60
"""`why` weighs at most this many statements and observations."""

_BEYOND = 50
"""What lies so many factors away or further is left out, and said to be."""

_FAR = 9999
"""The distance of what nothing connects."""

_WHOLE_SHARE = 0.3
"""Of the time, for an estimate of what `why` is about, before its reasons are weighed."""


class Why(Query):
    """What speaks for and against the state of a variable, or an event."""

    __slots__ = ()
    kind = "why"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WhyAnswer(Answer):
    """The log-odds, nats, and the reasons that were weighed, by their strength.

    How good it is, is said of these: one that was left out may be stronger than all of them.

    Attributes:
        left_out: so many statements and observations were not weighed.
    """

    kind = "why"

    left_out: int = 0

    @property
    def details(self) -> dict[str, object]:
        """How many were left out; nothing where all were weighed."""
        return {"left_out": self.left_out} if self.left_out else {}


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 1, "one variable or event")
    (asked,) = asked_of(state, env, call.arguments)[:1]
    value = asked.value
    if isinstance(element_of(type_of(value)), Bool) and isinstance(type_of(value), Array):
        scalars.need_scalar(state, value)
    return Why(call.span, call.span.text, (asked,))


def _answer(session: Session, query: Why, settings: Settings) -> Answer:
    """Weigh each reason: the change of the log-odds when it alone is taken away, nats."""
    prepared = prepare(session, query, settings.running())
    target, state = _supposed(prepared, query, settings)
    whole, first = float("nan"), Status.IMPOSSIBLE
    if state is not None:
        whole, first = event_log_odds(prepared, target, state, settings, query, _WHOLE_SHARE)
    statuses = [first]
    if state is None or np.isnan(whole):
        return WhyAnswer(query.text, "impossible")
    reasons: list[dict[str, object]] = []
    budget = settings.running()
    # Tables that were made for what is observed say nothing of what would be without it.
    left_out = sum(map(_is_folded(prepared.builder), range(len(prepared.builder.observed))))
    rows = [span for _, _, span in session.seen]
    possible = _reasons(prepared, target, budget)
    for number, reason in enumerate(possible):
        is_near = reason.distance < _BEYOND
        if not is_near or len(reasons) >= REASONS_MAX or budget.is_spent():
            left_out += 1
            continue
        share = 1.0 / min(REASONS_MAX, len(possible) - number)
        odds, inner = event_log_odds(reason.without(), target, state, settings, query, share)
        if inner is Status.ESTIMATE and budget.is_spent():
            # Cut short it says nothing of the reason.
            left_out += 1
            continue
        statuses.append(inner)
        with np.errstate(invalid="ignore"):
            nats = float(np.subtract(whole, odds))
        if not np.isnan(nats) and abs(nats) > 1e-12:
            reasons.append({"because": reason.label(rows), "nats": nats})
    reasons.sort(key=_strength)
    value = {"of": _described(query, target, state), "log_odds": whole, "reasons": reasons}
    many = "statement was" if left_out == 1 else "statements were"
    note = f"{left_out} further {many} not weighed" if left_out else ""
    status = worst(statuses).value
    return WhyAnswer(query.text, status, value, note=note, left_out=left_out)


def _strength(reason: dict[str, object]) -> float:
    nats = reason["nats"]
    assert isinstance(nats, float)
    # Reasons that weigh the same stay in order, whatever rounding makes of them.
    return -round(abs(nats), 9)


def _supposed(prepared: Prepared, query: Query, settings: Settings) -> tuple[Target, int | None]:
    """Return the variable and the state that is asked about: its most probable one.

    None for the state when no assignment agrees with the evidence.
    """
    target = prepared.targets[0]
    if target.variables.shape:
        raise GmError([errors.why_of_array(query.span)])
    if target.states.is_bool:
        return target, 1
    evidence, clash = prepared.evidence()
    if clash:
        return target, None
    variable = int(target.variables)
    question = Marginals(np.array([variable], np.int32))
    found = ask(prepared, question, evidence, settings, query, _WHOLE_SHARE)
    assert isinstance(found, MarginalsAnswer)
    if found.quality.status is Status.IMPOSSIBLE:
        return target, None
    return target, int(np.nanargmax(flat_rows(prepared, found.probabilities)[variable]))


def _described(query: Query, target: Target, state: int) -> str:
    text = " ".join(query.asked[0].value.span.text.split())
    return text if target.is_event else f"{text} = {target.states.label(state)}"


@dataclass(frozen=True, slots=True, eq=False)
class _Reason:
    """What may be taken away: made and named only where it is weighed, of thousands that may be.

    Attributes:
        distance: from the variable, in factors.
        span: of the statement or observation.
        prior_of: a model whose prior it is, or "".
        without: makes the graph without it.
    """

    distance: int
    span: Span
    prior_of: str
    without: Callable[[], Prepared]

    def label(self, rows: Sequence[Span]) -> str:
        """Name it as it is written, with its line, or as what a row of evidence has."""
        if self.prior_of:
            return f"prior of {self.prior_of}"
        return _label(self.span, self.span.source.name if self.span in rows else "")


def _reasons(prepared: Prepared, target: Target, budget: Budget) -> list[_Reason]:
    """List what may be taken away, the nearest first, equally near ones as they are written."""
    builder = prepared.builder
    near = _distances(prepared, int(target.variables), budget)
    found: list[_Reason] = []
    is_folded = _is_folded(builder)
    for number, (variables, _, span) in enumerate(builder.observed):
        if not variables.size or is_folded(number):
            continue
        distance = int(near[variables.reshape(-1)].min())
        without = partial(_without_observed, prepared, number)
        found.append(_Reason(distance, span, "", without))
    for key, mine in _by_statement(builder).items():
        distance = min(int(near[builder.factors[k].scopes].min(initial=_FAR)) for k, _ in mine)
        kind, span, model = key
        without = partial(_without_factors, prepared, frozenset(mine))
        found.append(_Reason(distance, span, model if kind == "prior" else "", without))
    reachable = (reason for reason in found if reason.distance < _FAR)
    return sorted(reachable, key=lambda reason: (reason.distance, reason.span.start))


def _is_folded(builder: Builder) -> Callable[[int], bool]:
    """Return what says of an observation, by its number, whether tables were made for it."""
    folded = np.array(sorted(builder.left_out()), np.int64)
    return lambda number: bool(np.isin(builder.observed[number][0], folded).any())


_Part = tuple[int, int | None]
"""The number of a block, and which of its coverers a statement is; None: it is all of it."""


def _by_statement(builder: Builder) -> dict[tuple[str, Span, str], list[_Part]]:
    """Gather the factor blocks, or parts of them, of each statement that may be a reason."""
    found: dict[tuple[str, Span, str], list[_Part]] = {}
    for number, origin in enumerate(builder.origins):
        if origin.kind in ("auxiliary", "define", "base"):
            continue
        is_cover = origin.coverers and isinstance(builder.factors[number].kind, Cover)
        for place, said in enumerate(origin.coverers if is_cover else (origin,)):
            part = number, place if is_cover else None
            found.setdefault((said.kind, said.span, said.model), []).append(part)
    return found


def _without_observed(prepared: Prepared, number: int) -> Prepared:
    changed = prepared.builder.copy()
    del changed.observed[number]
    return _with_builder(prepared, changed)


def _without_factors(prepared: Prepared, mine: frozenset[_Part]) -> Prepared:
    builder = prepared.builder
    changed = builder.copy()
    whole = {k for k, place in mine if place is None}
    coverers: dict[int, list[int]] = {}
    for k, place in mine:
        if place is not None:
            coverers.setdefault(k, []).append(place)
    for k, places in coverers.items():
        kind = builder.factors[k].kind
        assert isinstance(kind, Cover)
        changed.factors[k] = replace(builder.factors[k], kind=kind.without(places))
    changed.factors = [f for k, f in enumerate(changed.factors) if k not in whole]
    changed.origins = [o for k, o in enumerate(builder.origins) if k not in whole]
    return _with_builder(prepared, changed)


def _label(span: Span, row: str) -> str:
    place = row or f"line {span.line_column()[0]}"
    return f"{shorten(span.text, _LABEL_WIDTH, placeholder=' …')} ({place})"


def _with_builder(prepared: Prepared, builder: Builder) -> Prepared:
    grounder = replace(prepared.grounder, builder=builder)
    return replace(prepared, grounder=grounder)


def _distances(prepared: Prepared, start: int, budget: Budget) -> np.ndarray:
    """Count the factors between a variable and every other.

    _BEYOND where there are as many or more, or nobody looked any further; _FAR where nothing
    connects them.
    """
    distance = np.full(prepared.builder.num_variables, _FAR, np.int64)
    distance[start] = 0
    if budget.is_spent():
        return np.minimum(distance, _BEYOND)
    scopes = [f.scopes for f in prepared.builder.factors if f.scopes.shape[1] > 1]
    variables = np.concatenate([np.zeros(0, np.int32), *(s.reshape(-1) for s in scopes)])
    arities = np.repeat([s.shape[1] for s in scopes], [len(s) for s in scopes]).astype(np.int64)
    ends, factors = row_starts(arities), np.repeat(np.arange(len(arities)), arities)
    starts, edges = rows_by(variables, len(distance))
    frontier, step = np.array([start]), 0
    while len(frontier):
        step += 1
        if step == _BEYOND or budget.is_spent():
            return np.minimum(distance, _BEYOND)
        near = np.unique(factors[edges[_of_rows(starts, frontier)]])
        reached = np.unique(variables[_of_rows(ends, near)])
        frontier = reached[distance[reached] == _FAR]
        distance[frontier] = step
    return distance


def _of_rows(starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the items of some rows, which lie row by row."""
    sizes = starts[rows + 1] - starts[rows]
    return np.arange(int(sizes.sum())) + np.repeat(starts[rows] - row_starts(sizes)[:-1], sizes)


WHY = Question(
    word="why",
    help="what speaks for and against",
    shortest="why(x)",
    form="why(x | ...)",
    example="var rain : bool ~ Bernoulli(0.2)\n"
    "var wet : bool ~ Bernoulli(0.9 if rain else 0.1)\n"
    "query why(rain | wet = true)\n",
    check=_check,
    kinds=((Why, WhyAnswer),),
    answered=Several(_answer),
)
