"""Marginals, joints, events, MAP, marginal MAP, k best, samples, log Z and counts."""

from dataclasses import replace

import numpy as np

from gmlang.core.program import Query
from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.lowering.grounder import environment
from gmlang.graph.values.evaluate import evaluate
from gmlang.graph.world.names import Named, named_in
from gmlang.graph.world.world import ONE_INSTANCE
from gmlang.queries.answers import (
    Answer,
    distribution_map,
    finite,
    nested_labels,
    nested_maps,
    nested_values,
    quality_fields,
)
from gmlang.queries.counts import count_value
from gmlang.queries.odds import log_odds
from gmlang.queries.session import Prepared, Session, Settings, Target, ask, prepare
from gmruntime.answer import (
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.graph import num_states
from gmruntime.quality import worst

SAMPLED_STATES_MAX = 1 << 23
"""Samples, or best assignments, with more states in all are refused: by name they take 1 GiB."""

JOINT_VARIABLES_MAX = 32
"""A joint distribution has an axis for each variable, and NumPy's arrays have few."""

JOINT_ENTRIES_MAX = 1 << 20
"""A joint distribution with more entries than this is refused."""


def answer_basic(session: Session, query: Query, settings: Settings) -> Answer:
    """Answer one of the basic kinds of query.

    Raises:
        GmError: when the query does not fit the program.
    """
    prepared = prepare(session, query)
    evidence, clash = prepared.evidence()
    if clash:
        note = "two observations contradict each other"
        value = 0 if query.kind == "count" else None
        return Answer(query.text, query.kind, "impossible", value, note=note)
    match query.kind:
        case "marginal" | "event":
            result = _marginals(prepared, query, evidence, settings)
        case "joint":
            result = _joint(prepared, query, evidence, settings)
        case "map" | "best" | "sample":
            result = _assignments(prepared, query, evidence, settings)
        case "mmap":
            result = _marginal_map(prepared, query, evidence, settings)
        case "logz":
            result = _log_partition(prepared, query, evidence, settings)
        case "count":
            result = _count(prepared, query, evidence, settings)
        case _:
            raise AssertionError(query.kind)
    return result


def _marginals(
    prepared: Prepared, query: Query, evidence: np.ndarray, settings: Settings
) -> Answer:
    asked = np.concatenate([t.variables.reshape(-1) for t in prepared.targets])
    question = Marginals(np.unique(asked).astype(np.int32))
    found = ask(prepared, question, evidence, settings, query)
    assert isinstance(found, MarginalsAnswer)
    fields = quality_fields(found.quality)
    base = Answer(query.text, query.kind, "", None, 0.0)
    if found.quality.status is Status.IMPOSSIBLE:
        return replace(base, **fields)
    flat = flat_rows(prepared, found.probabilities)
    values: list[object] = []
    arrays: list[np.ndarray] = []
    for target in prepared.targets:
        rows = np.array([flat[int(v)] for v in target.variables.reshape(-1)])
        shaped = rows.reshape(*target.variables.shape, target.states.count)
        arrays.append(shaped[..., 1] if target.is_event else shaped)
        values.append(
            _event_values(shaped) if target.is_event else nested_maps(shaped, target.states)
        )
    single = len(values) == 1
    labels = tuple(prepared.targets[0].states.all_labels())
    bounds = _bounds(prepared, found) if single else {}
    return replace(
        base,
        **fields,
        value=values[0] if single else values,
        array=arrays[0] if single else None,
        labels=labels if single and not prepared.targets[0].is_event else (),
        details=bounds,
    )


def _bounds(prepared: Prepared, found: MarginalsAnswer) -> dict[str, object]:
    target = prepared.targets[0]
    if found.lower is None or found.upper is None or target.variables.shape:
        return {}
    variable = int(target.variables)
    lower = flat_rows(prepared, found.lower)[variable]
    upper = flat_rows(prepared, found.upper)[variable]
    if target.is_event:
        return {"lower": float(lower[1]), "upper": float(upper[1])}
    return {
        "lower": distribution_map(lower, target.states),
        "upper": distribution_map(upper, target.states),
    }


def _event_values(shaped: np.ndarray) -> object:
    return shaped[..., 1].tolist()


def flat_rows(prepared: Prepared, blocks: tuple[np.ndarray, ...]) -> dict[int, np.ndarray]:
    """Return each variable's row of a blockwise result, by index."""
    rows: dict[int, np.ndarray] = {}
    start = 0
    for block, values in zip(prepared.builder.variables, blocks, strict=True):
        flat = values.reshape(block.size, block.num_states)
        rows.update({start + k: flat[k] for k in range(block.size)})
        start += block.size
    return rows


def _joint(prepared: Prepared, query: Query, evidence: np.ndarray, settings: Settings) -> Answer:
    for target, asked in zip(prepared.targets, query.asked, strict=True):
        if target.variables.shape:
            message = f"`{asked.span.text}` is an array; a joint needs single variables"
            raise GmError([errors.cannot_ask(asked.span, message, "ask P(x) for its marginals")])
    variables = np.array([int(t.variables) for t in prepared.targets], np.int32)
    sizes = [t.states.count for t in prepared.targets]
    if len(sizes) > JOINT_VARIABLES_MAX:
        message = f"this joint is of {len(sizes)} variables; {JOINT_VARIABLES_MAX} are the most"
        raise GmError([errors.cannot_ask(query.span, message, "ask for fewer variables")])
    if np.prod(np.array(sizes, np.float64)) > JOINT_ENTRIES_MAX:
        message = f"this joint has {' x '.join(map(str, sizes))} entries"
        raise GmError([errors.cannot_ask(query.span, message, "ask for fewer variables")])
    found = ask(prepared, Joint(variables), evidence, settings, query)
    assert isinstance(found, JointAnswer)
    base = Answer(query.text, query.kind, "", None, 0.0)
    fields = quality_fields(found.quality)
    if found.quality.status is Status.IMPOSSIBLE:
        return replace(base, **fields)
    table: dict[str, float] = {}
    for place in np.ndindex(*sizes):
        names = [t.states.label(k) for t, k in zip(prepared.targets, place, strict=True)]
        table[", ".join(names)] = float(found.probabilities[place])
    return replace(base, **fields, value=table, array=found.probabilities)


# --- Assignments -------------------------------------------------------------------------


def asked_names(prepared: Prepared, query: Query) -> list[Named]:
    """List what an assignment is reported for: what was asked, or everything with a name."""
    if not query.asked:
        return named_in(prepared.grounding.world)
    return [
        Named(_name(asked.value.span.text), target.variables, target.states)
        for asked, target in zip(query.asked, prepared.targets, strict=True)
    ]


def _name(text: str) -> str:
    return " ".join(text.split())


def assignment_map(names: list[Named], assignment: np.ndarray) -> dict[str, object]:
    """Write an assignment by the names of variables and states."""
    return {n.name: nested_labels(assignment[n.variables], n.states) for n in names}


def _assignment_maps(names: list[Named], rows: np.ndarray) -> list[dict[str, object]]:
    """Write many assignments, each state that a single variable takes only once."""
    if not names:
        return [{} for _ in rows]
    columns: list[list[object]] = []
    for named in names:
        if named.variables.shape:
            columns.append([nested_labels(row[named.variables], named.states) for row in rows])
            continue
        taken, place = np.unique(rows[:, int(named.variables)], return_inverse=True)
        labels = [nested_labels(state, named.states) for state in taken]
        columns.append([labels[k] for k in place.reshape(-1).tolist()])
    keys = [named.name for named in names]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def _assignments(
    prepared: Prepared, query: Query, evidence: np.ndarray, settings: Settings
) -> Answer:
    names = asked_names(prepared, query)
    found = ask(prepared, assignment_question(prepared, query, names), evidence, settings, query)
    assert isinstance(found, AssignmentsAnswer)
    base = Answer(query.text, query.kind, "", None, 0.0)
    fields = quality_fields(found.quality)
    if found.quality.status is Status.IMPOSSIBLE or not len(found.assignments):
        return replace(base, **fields, log_upper=finite(found.log_upper))
    maps = _assignment_maps(names, found.assignments)
    best = float(found.log_scores[0])
    if query.kind == "map":
        return replace(
            base,
            **fields,
            value=maps[0],
            array=lone_values(names, found.assignments[0]),
            log_score=best,
            log_lower=best,
            log_upper=finite(found.log_upper),
        )
    if query.kind == "sample":
        return replace(base, **fields, value=maps, array=_sampled(names, found.assignments))
    listed: list[object] = [
        {"assignment": m, "log_score": float(s)}
        for m, s in zip(maps, found.log_scores, strict=True)
    ]
    return replace(base, **fields, value=listed, log_score=best, log_upper=finite(found.log_upper))


def lone_values(names: list[Named], assignment: np.ndarray) -> np.ndarray | None:
    """Return the values of the only name that an assignment is reported for; None for several."""
    if len(names) != 1:
        return None
    return nested_values(assignment[names[0].variables], names[0].states)


def _sampled(names: list[Named], assignments: np.ndarray) -> np.ndarray:
    """Return samples of one name as its values, of several as a column of states for each."""
    if len(names) == 1:
        return nested_values(assignments[:, names[0].variables], names[0].states)
    return assignments[:, flat_variables(names)]


def flat_variables(names: list[Named]) -> np.ndarray:
    """List the variables of all names, one after another."""
    return np.concatenate([np.zeros(0, np.int64), *(n.variables.reshape(-1) for n in names)])


def assignment_question(
    prepared: Prepared, query: Query, names: list[Named]
) -> Map | Best | Samples:
    """Return what a query for whole assignments asks the runtime.

    Raises:
        GmError: when it asks for none, or for too many.
    """
    if query.kind == "map":
        return Map()
    assert query.number is not None
    number = np.asarray(evaluate(query.number, environment(prepared.grounder, ONE_INSTANCE)))
    span, count = query.number.span, int(number)
    if count < 1:
        raise GmError([errors.cannot_ask(span, "how many must be at least 1")])
    if count * max(1, prepared.builder.num_variables) > SAMPLED_STATES_MAX:
        most = SAMPLED_STATES_MAX // max(1, prepared.builder.num_variables)
        message = f"`{query.kind}` of this program gives at most {most}, not {count}"
        raise GmError([errors.cannot_ask(span, message)])
    if query.kind == "sample":
        return Samples(count)
    variables = np.unique(flat_variables(names))
    sizes = num_states(prepared.graph())[variables]
    # There are no more answers than assignments; who asks for more is told.
    count = int(min(count, np.prod(sizes, dtype=np.float64) + 1))
    return Best(count, variables.astype(np.int32))


def _marginal_map(
    prepared: Prepared, query: Query, evidence: np.ndarray, settings: Settings
) -> Answer:
    names = asked_names(prepared, query)
    flat = np.unique(flat_variables(names)).astype(np.int32)
    found = ask(prepared, MarginalMap(flat), evidence, settings, query)
    assert isinstance(found, MarginalMapAnswer)
    base = Answer(query.text, query.kind, "", None, 0.0)
    fields = quality_fields(found.quality)
    if found.quality.status is Status.IMPOSSIBLE or len(found.states) < len(flat):
        return replace(base, **fields)
    assignment = np.zeros(prepared.builder.num_variables, np.int64)
    assignment[flat] = found.states
    return replace(
        base,
        **fields,
        value=assignment_map(names, assignment),
        log_score=float(found.log_value),
        log_lower=finite(found.log_lower),
        log_upper=finite(found.log_upper),
    )


def _log_partition(
    prepared: Prepared, query: Query, evidence: np.ndarray, settings: Settings
) -> Answer:
    found = ask(prepared, LogPartition(), evidence, settings, query)
    assert isinstance(found, LogPartitionAnswer)
    base = Answer(query.text, query.kind, "", None, 0.0)
    return replace(
        base,
        **quality_fields(found.quality),
        value=finite(found.log_value),
        log_lower=finite(found.log_lower),
        log_upper=finite(found.log_upper),
    )


def _count(prepared: Prepared, query: Query, evidence: np.ndarray, settings: Settings) -> Answer:
    found = ask(prepared, Solutions(), evidence, settings, query)
    assert isinstance(found, SolutionsAnswer)
    base = Answer(query.text, query.kind, "", None, 0.0)
    value, details = count_value(found.count, found.log_count)
    base = replace(base, **quality_fields(found.quality), value=value, details=details)
    if found.count is not None:
        return base
    return replace(base, log_lower=finite(found.log_lower), log_upper=finite(found.log_upper))


def event_log_odds(
    prepared: Prepared,
    target: Target,
    state: int,
    settings: Settings,
    query: Query,
    estimate_share: float,
) -> tuple[float, Status]:
    """Return log P(target = state) - log P(target != state), nats, and how good it is.

    NaN when no assignment agrees with the evidence.
    """
    evidence, clash = prepared.evidence()
    if clash:
        return float("nan"), Status.IMPOSSIBLE
    variable = int(target.variables)
    question = Marginals(np.array([variable], np.int32))
    found = ask(prepared, question, evidence, settings, query, estimate_share)
    assert isinstance(found, MarginalsAnswer)
    status = found.quality.status
    if status is Status.IMPOSSIBLE:
        return float("nan"), status
    row = flat_rows(prepared, found.probabilities)[variable]
    odds, quality = log_odds(prepared, evidence, variable, state, row, settings, query)
    return odds, worst((status, quality))
