"""why: what each statement and observation adds to the log-odds of a variable."""

from dataclasses import replace
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
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Builder
from gmlang.queries.answers import Answer
from gmlang.queries.odds import event_log_odds
from gmlang.queries.question import Question, Several
from gmlang.queries.reading import flat_rows
from gmlang.queries.session import Prepared, Session, Settings, ask, prepare
from gmlang.queries.targets import Target
from gmlang.syntax import ast
from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.quality import worst

LABEL_WIDTH = 64
"""A statement is shown as far as this many characters."""

REASONS_MAX = 60
"""`why` weighs at most this many statements and observations."""

WHOLE_SHARE = 0.3
"""Of the time, for an estimate of what `why` is about, before its reasons are weighed."""


class Why(Query):
    """What speaks for and against the state of a variable, or an event."""

    __slots__ = ()
    kind = "why"


class WhyAnswer(Answer):
    """The log-odds, nats, and reasons by their strength."""

    __slots__ = ()
    kind = "why"


def _check(state: Checking, env: Env, call: ast.Call) -> Query:
    need_count(state, call, 1, "one variable or event")
    (asked,) = asked_of(state, env, call.arguments)[:1]
    value = asked.value
    if isinstance(element_of(type_of(value)), Bool) and isinstance(type_of(value), Array):
        scalars.need_scalar(state, value)
    return Why(call.span, call.span.text, (asked,))


def _answer(session: Session, query: Why, settings: Settings) -> Answer:
    """Weigh each reason: the change of the log-odds when it alone is taken away, nats."""
    prepared = prepare(session, query)
    target, state = _supposed(prepared, query, settings)
    whole, first = float("nan"), Status.IMPOSSIBLE
    if state is not None:
        whole, first = event_log_odds(prepared, target, state, settings, query, WHOLE_SHARE)
    statuses = [first]
    if state is None or np.isnan(whole):
        return WhyAnswer(query.text, "impossible")
    reasons: list[dict[str, object]] = []
    budget = settings.running()
    left_out = 0
    alternatives = _alternatives(prepared, target)
    for number, (label, without) in enumerate(alternatives):
        if len(reasons) >= REASONS_MAX or budget.is_spent():
            left_out += 1
            continue
        share = 1.0 / min(REASONS_MAX, len(alternatives) - number)
        odds, inner = event_log_odds(without, target, state, settings, query, share)
        statuses.append(inner)
        with np.errstate(invalid="ignore"):
            nats = float(np.subtract(whole, odds))
        if not np.isnan(nats) and abs(nats) > 1e-12:
            reasons.append({"because": label, "nats": nats})
    reasons.sort(key=_strength)
    value = {"of": _described(query, target, state), "log_odds": whole, "reasons": reasons}
    note = f"{left_out} further statements were not weighed" if left_out else ""
    status = worst(statuses).value
    return WhyAnswer(query.text, status, value, note=note)


def _strength(reason: dict[str, object]) -> float:
    nats = reason["nats"]
    assert isinstance(nats, float)
    return -abs(nats)


def _supposed(prepared: Prepared, query: Query, settings: Settings) -> tuple[Target, int | None]:
    """Return the variable and the state that is asked about: its most probable one.

    None for the state when no assignment agrees with the evidence.
    """
    target = prepared.targets[0]
    if target.variables.shape:
        message = "`why` needs one variable"
        raise GmError([errors.cannot_ask(query.span, message, "name an element: why(x[0])")])
    if target.states.is_bool:
        return target, 1
    evidence, clash = prepared.evidence()
    if clash:
        return target, None
    variable = int(target.variables)
    question = Marginals(np.array([variable], np.int32))
    found = ask(prepared, question, evidence, settings, query, WHOLE_SHARE)
    assert isinstance(found, MarginalsAnswer)
    if found.quality.status is Status.IMPOSSIBLE:
        return target, None
    return target, int(np.nanargmax(flat_rows(prepared, found.probabilities)[variable]))


def _described(query: Query, target: Target, state: int) -> str:
    text = " ".join(query.asked[0].value.span.text.split())
    return text if target.is_event else f"{text} = {target.states.label(state)}"


def _alternatives(prepared: Prepared, target: Target) -> list[tuple[str, Prepared]]:
    """List the same graph with one reason taken away, the nearest reasons first."""
    builder = prepared.builder
    near = _distances(prepared, int(target.variables))
    found: list[tuple[int, str, Prepared]] = []
    folded = np.concatenate([np.zeros(0, np.int64), *(f.reshape(-1) for f in builder.folded)])
    for number, (variables, _, span) in enumerate(builder.observed):
        # Tables that were made for what is observed say nothing of what would be without it.
        if not variables.size or np.isin(variables, folded).any():
            continue
        distance = int(near[variables.reshape(-1)].min())
        changed = builder.copy()
        changed.observed = [o for k, o in enumerate(builder.observed) if k != number]
        found.append((distance, _label(span), _with_builder(prepared, changed)))
    for key in dict.fromkeys((o.kind, o.span, o.model) for o in builder.origins):
        if key[0] in ("auxiliary", "define", "base"):
            continue
        mine = [k for k, o in enumerate(builder.origins) if (o.kind, o.span, o.model) == key]
        distance = min(int(near[builder.factors[k].scopes].min(initial=9999)) for k in mine)
        changed = builder.copy()
        changed.factors = [f for k, f in enumerate(builder.factors) if k not in mine]
        changed.origins = [o for k, o in enumerate(builder.origins) if k not in mine]
        label = f"prior of {key[2]}" if key[0] == "prior" else _label(key[1])
        found.append((distance, label, _with_builder(prepared, changed)))
    found.sort(key=lambda item: item[0])
    return [(label, alternative) for distance, label, alternative in found if distance < 9999]


def _label(span: Span) -> str:
    line, _ = span.line_column()
    return f"{shorten(span.text, LABEL_WIDTH, placeholder=' …')} (line {line})"


def _with_builder(prepared: Prepared, builder: Builder) -> Prepared:
    grounder = replace(prepared.grounder, builder=builder)
    return replace(prepared, grounder=grounder)


def _distances(prepared: Prepared, start: int) -> np.ndarray:
    """Count the factors between a variable and every other; 9999 where nothing connects them."""
    distance = np.full(prepared.builder.num_variables, 9999, np.int64)
    distance[start] = 0
    for step in range(1, 50):
        changed = False
        for block in prepared.builder.factors:
            if block.scopes.shape[1] < 2:
                continue
            touched = (distance[block.scopes] < step).any(axis=1)
            reached = np.unique(block.scopes[touched])
            fresh = reached[distance[reached] > step]
            distance[fresh] = step
            changed |= bool(len(fresh))
        if not changed:
            break
    return distance


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
