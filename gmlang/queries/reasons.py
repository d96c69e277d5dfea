"""Questions about the answer itself: why, active, indep."""

from dataclasses import replace
from textwrap import shorten

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import GmError, Span
from gmlang.errors import grounding as errors
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.world.names import instance_name
from gmlang.graph.world.places import thing_numbers
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import Answer, quality_fields
from gmlang.queries.basic import event_log_odds, flat_rows
from gmlang.queries.odds import log_odds
from gmlang.queries.session import Prepared, Session, Settings, Target, ask, ask_graph, prepare
from gmruntime.answer import (
    AssignmentsAnswer,
    Joint,
    JointAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Status,
)
from gmruntime.constraints.feasible import is_possible
from gmruntime.elimination.separation import are_separated
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.quality import worst

# A statement is shown as far as this many characters.
LABEL_WIDTH = 64

REASONS_MAX = 60
"""`why` weighs at most this many statements and observations."""

WHOLE_SHARE = 0.3
"""Of the time, for an estimate of what `why` is about, before its reasons are weighed."""

INDEPENDENT_BELOW = 1e-9
"""Two variables are called independent when no probability differs by more than this, relatively.

Relatively, because events may be as rare as they like and still depend on each other.
"""

SEPARATED_SHARE = 0.2
"""Of the time, for finding out whether evidence is possible that separates two variables."""


def answer_why(session: Session, query: Query, settings: Settings) -> Answer:
    """Answer why(x): what each statement and observation adds to the log-odds of x, nats.

    The weight of a reason is the change of the log-odds when it alone is taken away.
    """
    prepared = prepare(session, query)
    target, state = _supposed(prepared, query, settings)
    whole, first = float("nan"), Status.IMPOSSIBLE
    if state is not None:
        whole, first = event_log_odds(prepared, target, state, settings, query, WHOLE_SHARE)
    statuses = [first]
    if state is None or np.isnan(whole):
        return Answer(query.text, "why", "impossible", None)
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
    return Answer(query.text, "why", status, value, note=note)


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


def _with_builder(prepared: Prepared, builder: object) -> Prepared:
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


# --- Active ------------------------------------------------------------------------------


def answer_active(session: Session, query: Query, settings: Settings) -> Answer:
    """Answer active(it): the models about a thing by probability, and what they leave unexplained.

    A model's evidence is its posterior log-odds less its prior ones. An observed attribute is
    unexplained when the most probable society, not told of it, gives it less than its base does.
    """
    prepared = prepare(session, query)
    evidence, clash = prepared.evidence()
    if clash:
        return Answer(query.text, "active", "impossible", None)
    assert query.thing is not None
    env = environment(prepared.grounder, ONE_INSTANCE)
    number = int(thing_numbers(query.thing, env).reshape(-1)[0])
    instances = _instances_about(prepared, query.thing.entity, number)
    if not instances:
        note = "no model is considered for it"
        return Answer(query.text, "active", "exact", {"models": [], "unexplained": []}, note=note)
    variables = np.array(sorted(instances), np.int32)
    found = ask(prepared, Marginals(variables), evidence, settings, query, 1 / 4)
    assert isinstance(found, MarginalsAnswer)
    fields = quality_fields(found.quality)
    base = Answer(query.text, "active", "", None)
    if found.quality.status is Status.IMPOSSIBLE:
        return replace(base, **fields)
    rows = flat_rows(prepared, found.probabilities)
    nothing = np.full_like(evidence, -1)
    prior = ask(prepared, Marginals(variables), nothing, settings, query, 1 / 3)
    assert isinstance(prior, MarginalsAnswer)
    prior_rows = flat_rows(prepared, prior.probabilities)
    models: list[dict[str, object]] = []
    parts: list[Status] = []
    for v in map(int, variables):
        after, first = log_odds(prepared, evidence, v, 1, rows[v], settings, query)
        before, second = log_odds(prepared, nothing, v, 1, prior_rows[v], settings, query)
        nats = 0.0 if after == before else after - before
        chance = float(rows[v][1])
        entry: dict[str, object] = {"model": instances[v], "probability": chance}
        entry["evidence_nats"] = nats
        models.append(entry)
        parts += [first, second]
    models.sort(key=lambda entry: -float(str(entry["probability"])))
    unexplained, inner = _unexplained(prepared, query, evidence, instances, number, settings)
    value = {"models": models, "unexplained": unexplained}
    status = worst((found.quality.status, prior.quality.status, *parts, *inner))
    base = replace(base, **fields, value=value)
    return replace(base, status=status.value)


def _instances_about(prepared: Prepared, entity: str, number: int) -> dict[int, str]:
    world = prepared.grounding.world
    found: dict[int, str] = {}
    for table in world.models.values():
        columns = [
            k
            for k, parameter in enumerate(table.symbol.parameters)
            if parameter.domain is None and parameter.entity == entity
        ]
        for row in range(len(table.keys)):
            if any(int(table.rows[row, k]) == number for k in columns):
                found[table.start + row] = instance_name(world, table, row)
    return found


def _unexplained(
    prepared: Prepared,
    query: Query,
    evidence: np.ndarray,
    instances: dict[int, str],
    number: int,
    settings: Settings,
) -> tuple[list[dict[str, object]], list[Status]]:
    """List the attributes, and how good the answers are that they were found by."""
    assert query.thing is not None
    best = ask(prepared, Map(), evidence, settings, query, 1 / 2)
    assert isinstance(best, AssignmentsAnswer)
    if not len(best.assignments):
        return [], [best.quality.status]
    attributes = prepared.grounding.world.attributes[query.thing.entity]
    fixed = np.full_like(evidence, -1)
    chosen = np.array(sorted(instances))
    fixed[chosen] = best.assignments[0][chosen]
    found: list[dict[str, object]] = []
    asked: list[tuple[str, int]] = []
    for attribute in attributes.values():
        start = int(attribute.starts[number])
        for place in np.ndindex(*attribute.shape):
            offset = int(np.ravel_multi_index(place, attribute.shape)) if place else 0
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


# --- Independence ------------------------------------------------------------------------


def answer_indep(session: Session, query: Query, settings: Settings) -> Answer:
    """Answer indep(a, b | c): whether P(a, b | c) = P(a | c) P(b | c) for all values.

    Only exact probabilities and the graph itself may say so; an estimate leaves it open.
    """
    prepared = prepare(session, query)
    evidence, clash = prepared.evidence()
    if clash:
        return Answer(query.text, "indep", "impossible", None)
    if len(prepared.targets) != 2 or any(t.variables.shape for t in prepared.targets):
        message = "`indep` compares two single variables"
        raise GmError([errors.cannot_ask(query.span, message, "indep(a, b | c)")])
    first, second = (int(t.variables) for t in prepared.targets)
    if first == second:
        message = "a variable is never independent of itself"
        raise GmError([errors.cannot_ask(query.span, message)])
    variables = np.array([first, second, *prepared.conditioned], np.int32)
    graph = prepared.graph()
    apart = are_separated(graph, evidence, first, second, frozenset(prepared.conditioned))
    share = SEPARATED_SHARE if apart else 1.0
    found = ask_graph(graph, Joint(variables), evidence, settings, query, share)
    assert isinstance(found, JointAnswer)
    fields = quality_fields(found.quality)
    base = Answer(query.text, "indep", "", None)
    match found.quality.status:
        case Status.IMPOSSIBLE:
            return replace(base, **fields)
        case Status.EXACT:
            value, largest = _independence(found.probabilities)
            # What the graph says holds for numbers of any size.
            value = value or apart
            return replace(base, **fields, value=value, details={"largest_difference": largest})
        case _ if apart:
            return _separated(base, graph, evidence, settings)
        case _:
            note = "not known: the graph joins them, and their joint distribution is an estimate"
            return replace(base, status="estimate", method=found.quality.method, note=note)


def _separated(
    base: Answer, graph: FactorGraph, evidence: Assignment, settings: Settings
) -> Answer:
    """Answer from the graph alone about two variables that nothing joins.

    They are independent only where what is given is possible.
    """
    base = replace(base, method="separation")
    rng = np.random.default_rng(settings.seed)
    match is_possible(graph, evidence, settings.running(), rng):
        case True:
            note = "nothing joins them once what is given is known"
            return replace(base, status="exact", value=True, note=note)
        case False:
            return replace(base, status="impossible")
        case None:
            note = "not known: nothing joins them, but what is given may be impossible"
            return replace(base, status="estimate", note=note)


def _independence(joint: np.ndarray) -> tuple[bool, float]:
    """Say whether the first two axes are independent given the others, and how much they differ.

    The difference is of conditional probabilities.
    """
    p = joint.reshape(*joint.shape[:2], -1)
    p = p[:, :, p.sum(axis=(0, 1)) > 0.0]
    p = p / p.sum(axis=(0, 1), keepdims=True)
    product = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    difference = np.abs(p - product)
    larger = np.maximum(p, product)
    # Numbers below the normal ones have lost their digits.
    is_close = (difference <= INDEPENDENT_BELOW * larger) | (larger < np.finfo(p.dtype).tiny)
    value = bool(is_close.all())
    return value, float(difference.max(initial=0.0))
