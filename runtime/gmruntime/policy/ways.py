"""What each way of answering does, and what can be foreseen of it.

A way answers, leaves a smaller question, or passes. What it will do is foreseen by the same look at
the question; where only trying shows it, it is said to be tried first.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    Best,
    ExpectedUtility,
    LogPartition,
    Map,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    Quality,
    Query,
    Solutions,
    Status,
    Way,
    at_seconds,
    with_note,
)
from gmruntime.budget import QUICK_SHARE
from gmruntime.graph import GraphError
from gmruntime.policy.case import Case, Rest
from gmruntime.policy.counted import by_count, count, is_counted
from gmruntime.questions.enumerate import (
    NUM_ASSIGNMENTS_MAX,
    enumerate_assignments,
    num_assignments,
)
from gmruntime.simplify.apart import METHOD, set_apart
from gmruntime.simplify.idle import without_idle

_BYTES_OF_STATE = 12
"""Of each variable, where an assignment is written out and scored."""

_REFUTED_FACTORS_MAX = 5000
_REFUTATION_SHARE = 0.03
"""Of the budget of a count goes into proving that there is nothing to count, among so many."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What a way of answering does.

    Attributes:
        answer: the answer, a smaller question, or None where this passes.
        foresee: who will answer, in words; None where this passes or only trying shows it.
        is_tried: whether it is worth trying, where only that shows it.
    """

    answer: Callable[[Case], AnyAnswer | Rest | None]
    foresee: Callable[[Case], str | Rest | None] = lambda _: None
    is_tried: Callable[[Case], bool] = lambda _: False


# --- Smaller questions -------------------------------------------------------------------


def _leave_out_idle(case: Case) -> Rest | None:
    left = without_idle(case.task)
    if left is None:
        return None
    query = case.task.query
    # Of its own: what is drawn here must not change what engines draw.
    rng = np.random.default_rng((case.effort.seed, 1))
    return Rest(left.task, lambda found: query.with_idle(found, left.idle, rng))


def _read_memories(case: Case) -> Rest | None:
    from gmruntime.simplify.memories.apart import completed, set_memories_apart

    asked = case.task
    try:
        apart = set_memories_apart(asked, case.effort.budget)
    except TimeoutError:
        return None
    if apart is None:
        return None
    # Of its own, as for idle variables.
    rng = np.random.default_rng((case.effort.seed, 3))
    return Rest(apart.task, lambda found: completed(asked, apart.stars, found, rng))


def _take_apart(case: Case) -> AnyAnswer | Rest | None:
    query = case.task.query
    if not isinstance(query, Solutions | LogPartition):
        return None
    apart = set_apart(case.task.asking(query))
    if apart is None:
        return None
    if not apart.count:
        return query.impossible(Quality(Status.IMPOSSIBLE, METHOD, case.effort.budget.spent_s()))
    log_count = math.log(apart.count)
    rest = case.task.about(apart.graph, apart.evidence)
    return Rest(rest, lambda found: _times(query, found, apart.count, log_count))


def _times(
    query: Solutions | LogPartition, found: AnyAnswer, count: int, log_count: float
) -> AnyAnswer:
    return query.times(found, count, log_count)  # pyright: ignore[reportArgumentType]


def _foresee_apart(case: Case) -> str | Rest | None:
    found = _take_apart(case)
    return Way.CLOSED_FORM.value if isinstance(found, AnyAnswer) else found


# --- Forests -----------------------------------------------------------------------------


def _along_forest(case: Case) -> AnyAnswer | None:
    from gmruntime.forests.answer import answer

    query = case.task.query
    return answer(case.task.asking(query), case.effort) if isinstance(query, Query) else None


def _foresee_forest(case: Case) -> str | None:
    from gmruntime.forests.answer import is_answered
    from gmruntime.forests.rooted import forest_of

    query, budget = case.task.query, case.effort.budget
    if not isinstance(query, Query) or not is_answered(case.task.asking(query), budget):
        return None
    try:
        forest = forest_of(case.task.asking(query), budget)
    except TimeoutError:
        return None
    return None if forest is None else Way.FOREST.value


# --- Proofs ------------------------------------------------------------------------------


def _propagate(case: Case) -> AnyAnswer | None:
    from gmruntime.policy.constrained import by_constraints

    query = case.task.query
    if isinstance(query, Map):
        return by_constraints(case.task.asking(query), case.effort)
    if isinstance(query, Solutions) and _is_constrained(case):
        return _refute(case, query)
    return None


def _refute(case: Case, query: Solutions) -> AnyAnswer | None:
    """Count none where that is quickly proved: tables of pigeonholes take elimination long."""
    from gmruntime.constraints.feasible import METHOD as REFUTATION
    from gmruntime.constraints.feasible import is_possible

    graph, budget = case.task.graph, case.effort.budget
    if graph.num_factors > _REFUTED_FACTORS_MAX:
        return None
    rng = np.random.default_rng((case.effort.seed, 2))
    if is_possible(graph, case.task.evidence, budget.share(_REFUTATION_SHARE), rng) is not False:
        return None
    return query.impossible(Quality(Status.IMPOSSIBLE, REFUTATION, budget.spent_s()))


def _is_constrained(case: Case) -> bool:
    from gmruntime.policy.constrained import is_constrained

    return is_constrained(case.task.graph)


def _remember_layers(case: Case) -> AnyAnswer | None:
    query = case.task.query
    if not isinstance(query, Map | Best) or not _has_layers(case):
        return None
    from gmruntime.layered.answer import layered_answer

    return layered_answer(case.task.asking(query), case.effort.share(QUICK_SHARE))


def _has_layers(case: Case) -> bool:
    from gmruntime.layered.worth import is_layered

    query = case.task.query
    return isinstance(query, Map | Best) and is_layered(case.task.asking(query), is_quick=True)


def _through_windows(case: Case) -> AnyAnswer | Rest | None:
    from gmruntime.windows.answer import WithoutPlaces, has_windows, without_places

    if not has_windows(case.task.graph):
        return None
    found = without_places(case.task, case.effort)
    return Rest(found.task, found.complete) if isinstance(found, WithoutPlaces) else found


def _has_windows(case: Case) -> bool:
    from gmruntime.windows.answer import has_windows

    return has_windows(case.task.graph)


def _send_quickly(case: Case) -> AnyAnswer | None:
    from gmruntime.estimates.quick import quick_by_messages

    query = case.task.query
    if not isinstance(query, Query):
        return None
    return quick_by_messages(case.task.asking(query), case.effort)


def _foresee_quick(case: Case) -> str | None:
    from gmruntime.estimates.quick import is_quick

    query = case.task.query
    if not isinstance(query, Query) or not is_quick(case.task.asking(query), case.effort):
        return None
    return Way.QUICK_MESSAGES.value


def _eliminate(case: Case) -> AnyAnswer | None:
    from gmruntime.elimination.answer import answer_planned

    query = case.task.query
    if not isinstance(query, Query):
        return None
    if isinstance(query, Marginals):
        from gmruntime.elimination.passes.leaves import marginals_around

        around = marginals_around(case.task.asking(query), case.effort)
        if around is not None:
            return around
    planned, part = case.elimination()
    found = answer_planned(case.task.asking(query), planned, part)
    if found is not None and case.is_searched() and found.quality.status is Status.BOUNDED:
        case.known = at_seconds(found, 0.0)
        return None
    return found


def _foresee_elimination(case: Case) -> str | None:
    planned, _ = case.elimination()
    if planned.fits:
        return Way.ELIMINATION.value
    slicing, is_certain = case.slicing()
    if slicing is None or not is_certain:
        return None
    return f"{Way.ELIMINATION.value}, in {slicing.num_slices:.0f} slices,"


def _may_slice(case: Case) -> bool:
    # Only when a better order has been looked for is it known whether the time suffices.
    slicing, is_certain = case.slicing()
    return slicing is not None and not is_certain


# --- Decisions ---------------------------------------------------------------------------


def _decide(case: Case) -> AnyAnswer | None:
    from gmruntime.decisions.answer import decide

    query = case.task.query
    if not isinstance(query, ExpectedUtility):
        return None
    return decide(case.task.asking(query), case.effort)


# --- What always answers -----------------------------------------------------------------


def _search(case: Case) -> AnyAnswer | None:
    from gmruntime.driver.maximise import searched

    query = case.task.query
    if isinstance(query, MarginalMap):
        *_, last = improving_marginal(case)
        return last
    if not isinstance(query, Map | Best):
        return None
    return searched(case.task.asking(query), case.effort.share(case.how.estimate_share))


def improving_marginal(case: Case) -> Iterator[MarginalMapAnswer]:
    """Yield ever better answers to a question for the best states of some; one at least."""
    from gmruntime.marginal_map.answer import improving

    query = case.task.query
    assert isinstance(query, MarginalMap)
    network = None if case.planned is None else case.planned[0].network
    part = case.effort.share(case.how.estimate_share)
    yield from improving(case.task.asking(query), network, part)


def _estimate(case: Case) -> AnyAnswer | None:
    from gmruntime.elimination.plan import needs
    from gmruntime.estimates.answer import estimate

    query = case.task.query
    if not isinstance(query, Query):
        return None
    planned, _ = case.elimination()
    part = case.effort.share(case.how.estimate_share)
    found = estimate(case.task.asking(query), planned, part)
    return with_note(by_count(found, case.known), needs(planned))


def _foresee_estimate(case: Case) -> str:
    is_sum = isinstance(case.task.query, LogPartition | Solutions)
    bounds = ", with bounds by mini-buckets," if is_sum else ""
    return f"{Way.MESSAGES.value}{bounds}"


def _send_messages(case: Case) -> AnyAnswer | None:
    from gmruntime.estimates.answer import by_messages

    query = case.task.query
    if not isinstance(query, Query):
        return None
    part = case.effort.share(case.how.estimate_share)
    return by_messages(case.task.asking(query), part, case.how.options)


def _write_out(case: Case) -> AnyAnswer:
    refusal = _too_many(case)
    if refusal:
        raise GraphError(refusal)
    every = enumerate_assignments(case.task.graph, case.task.evidence)
    return case.task.query.enumerated(every, case.effort.rng)


def _too_many(case: Case) -> str:
    """Say why assignments are not written out; nothing where they are."""
    task, number = case.task, num_assignments(case.task.graph, case.task.evidence)
    room = case.effort.budget.memory_bytes / (_BYTES_OF_STATE * (task.graph.num_variables + 2))
    most = min(float(NUM_ASSIGNMENTS_MAX), room)
    if number <= most:
        return ""
    name = type(task.query).__name__
    there = f"{number:.4g}" if math.isfinite(number) else "more than 1e308"
    return (
        f"{name} is answered by writing out every assignment: there are {there}, "
        f"and at most {most:.4g} are written out"
    )


def _foresee_enumeration(case: Case) -> str:
    refusal = _too_many(case)
    if refusal:
        return f"nothing ({refusal})"
    number = num_assignments(case.task.graph, case.task.evidence)
    return f"{Way.ENUMERATION.value} of {number:,.0f} assignments"


RULES: dict[Way, Rule] = {
    Way.IDLE: Rule(_leave_out_idle, _leave_out_idle),
    Way.MEMORIES: Rule(_read_memories, _read_memories),
    Way.CLOSED_FORM: Rule(_take_apart, _foresee_apart),
    Way.FOREST: Rule(_along_forest, _foresee_forest),
    Way.CONSTRAINTS: Rule(_propagate, is_tried=_is_constrained),
    Way.LAYERS: Rule(_remember_layers, is_tried=_has_layers),
    Way.WINDOWS: Rule(_through_windows, is_tried=_has_windows),
    Way.QUICK_MESSAGES: Rule(_send_quickly, _foresee_quick),
    Way.COUNTING: Rule(count, is_tried=is_counted),
    Way.ELIMINATION: Rule(_eliminate, _foresee_elimination, _may_slice),
    Way.DECISIONS: Rule(_decide, lambda _: Way.DECISIONS.value),
    Way.SEARCH: Rule(_search, lambda case: _as_asked(Way.SEARCH, case)),
    Way.ESTIMATE: Rule(_estimate, _foresee_estimate),
    Way.MESSAGES: Rule(_send_messages, lambda case: _as_asked(Way.MESSAGES, case)),
    Way.ENUMERATION: Rule(_write_out, _foresee_enumeration),
}


def _as_asked(way: Way, case: Case) -> str:
    is_asked = case.how.method in ("bp", "search")
    return f"{way.value}, as asked," if is_asked else way.value
