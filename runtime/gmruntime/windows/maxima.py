"""The best assignment where some component of places closes circles, in some state of its context.

Every component has a bound in each state of its context. The rest of the graph, with these bounds
as tables, says which states would be best if the bounds were met; there they are lowered, or met by
assignments, until the states that are best are the same and all is met. So a component that cannot
win is never searched.
"""

from dataclasses import dataclass, field

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Map, Quality, Status
from gmruntime.arrays import Bool, Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.graph import log_score, num_states
from gmruntime.quality import is_proved
from gmruntime.questions.assignments import none_possible
from gmruntime.task import Effort, Task
from gmruntime.windows.loops import Circles, by_tightness, circles_of, improve, left_out
from gmruntime.windows.pairs import Pairs, pairs_of, some_of
from gmruntime.windows.passes import decoded, hung, upward
from gmruntime.windows.rest import METHOD, all_in_time, configurations, rest_of
from gmruntime.windows.split import Split

_TURN_S = 0.1
"""A component is worked on for so long before it is asked again which states would be best."""

_FINISH_S = 0.2
"""For putting together what was found when the budget ended."""


@dataclass(slots=True, eq=False)
class _Race:
    """What is known of all components.

    Attributes:
        found: the graph in components.
        states: of all contexts, by configuration.
        upper: for each component, what it is worth at most in each state of its context.
        is_open: whether that may be less.
        circles: the searches that were begun, by component and configuration.
        best: the best assignment found, and its score.
        log_upper: no assignment scores higher.
    """

    found: Split
    states: Int64[np.ndarray, "configurations components _digits"]
    upper: list[Float64[np.ndarray, " _configurations"]]
    is_open: list[Bool[np.ndarray, " _configurations"]]
    circles: dict[tuple[int, int], Circles] = field(default_factory=dict[tuple[int, int], Circles])
    best: Int32[np.ndarray, " variables"] | None = None
    log_score: float = -np.inf
    log_upper: float = np.inf


def best_around_circles(task: Task[Map], found: Split, effort: Effort) -> AssignmentsAnswer | None:
    """Search until the best assignment is proved, or the budget ends; None where none is found."""
    budget, race = effort.budget, None
    try:
        race = _begun(found, budget)
        while not is_proved(race.log_score, race.log_upper):
            row = _promising(task, race, effort)
            if row is None:
                break
            if race.log_upper == -np.inf:
                none = Quality(Status.IMPOSSIBLE, METHOD, budget.spent_s())
                return none_possible(none, task.graph.num_variables, -np.inf)
            _turn(race, row, budget)
    except TimeoutError:
        pass
    return None if race is None or race.best is None else _answer(race, race.best, budget)


def _answer(
    race: _Race, best: Int32[np.ndarray, " variables"], budget: Budget
) -> AssignmentsAnswer:
    score, upper = race.log_score, max(race.log_upper, race.log_score)
    good = Quality(Status.EXACT, METHOD, budget.spent_s())
    if not is_proved(score, upper):
        gap = upper - score
        good = Quality(Status.BOUNDED, METHOD, budget.spent_s(), gap, "gap to the bound")
    return AssignmentsAnswer(good, best[None], np.array([score]), upper)


def _begun(found: Split, budget: Budget) -> _Race:
    """Bound every component by a forest, in every state of its context."""
    every = configurations(found)
    counts = found.num_configurations()
    upper, is_open = np.zeros((2, len(every), found.num_components))
    for c, states in all_in_time(found, budget):
        pairs = pairs_of(found, states, budget)
        tree = hung(pairs, by_tightness(pairs)).tree
        top = upward(pairs, tree, True, budget).top
        upper[c] = np.bincount(found.component, top, minlength=found.num_components)
        owner = found.component[pairs.edges.first]
        extra = left_out(pairs, tree)
        upper[c] += np.bincount(owner, extra, minlength=found.num_components)
        is_open[c] = np.bincount(owner[tree.is_used == 0], minlength=found.num_components)
    return _Race(
        found,
        every,
        [upper[:count, k].copy() for k, count in enumerate(counts)],
        [is_open[:count, k] > 0 for k, count in enumerate(counts)],
    )


def _promising(task: Task[Map], race: _Race, effort: Effort) -> np.ndarray | None:
    """Return what else would be best if all bounds were met; None where elimination cannot tell."""
    from gmruntime.elimination.answer import answer as eliminate

    left = rest_of(task, race.found, race.upper)
    if (left.evidence >= 0).all():
        race.log_upper = float(log_score(left.graph, left.evidence[None])[0])
        return left.evidence
    answer = eliminate(left.asking(Map()), effort)
    if not isinstance(answer, AssignmentsAnswer):
        return None
    race.log_upper = min(race.log_upper, answer.log_upper)
    if answer.quality.status is Status.IMPOSSIBLE:
        race.log_upper = -np.inf
        return left.evidence
    return answer.assignments[0] if len(answer.assignments) else None


def _turn(race: _Race, row: np.ndarray, budget: Budget) -> None:
    """Work on the components where they stand, and keep the assignment that comes of it."""
    found = race.found
    at = [_configuration(found, k, row) for k in range(found.num_components)]
    states = np.stack([race.states[c, k] for k, c in enumerate(at)])
    pairs = pairs_of(found, states, budget)
    turn = budget.until(_TURN_S)
    try:
        for k in [k for k, c in enumerate(at) if race.is_open[k][c]]:
            circles = race.circles.get((k, at[k]))
            if circles is None:
                own = some_of(pairs, found.component == k)
                circles = circles_of(own, float(race.upper[k][at[k]]))
                race.circles[k, at[k]] = circles
            improve(circles, budget)
            while not circles.is_settled and not turn.is_spent():
                improve(circles, budget)
            race.upper[k][at[k]] = circles.upper
    finally:
        # Also what was found when the budget ended.
        _keep(race, row, at, pairs, budget.at_least(_FINISH_S))


def _configuration(found: Split, k: int, row: np.ndarray) -> int:
    """Return which state of its context a component is in."""
    context = found.contexts[k]
    if not len(context):
        return 0
    return int(np.ravel_multi_index(tuple(row[context]), _shape(found, k)))


def _shape(found: Split, k: int) -> tuple[int, ...]:
    return tuple(num_states(found.graph)[found.contexts[k]].tolist())


def _keep(race: _Race, row: np.ndarray, at: list[int], pairs: Pairs, budget: Budget) -> None:
    """Put the best places found into an assignment of all else, and keep it if it is better."""
    found, is_closed = race.found, np.zeros(len(at), np.bool_)
    states = np.zeros(len(found.places), np.int64)
    for k, c in enumerate(at):
        is_closed[k] = not race.is_open[k][c]
        if is_closed[k]:
            continue
        circles = race.circles.get((k, c))
        if circles is None or not len(circles.states):
            return
        states[found.component == k] = circles.states
    if is_closed.any():
        keep = is_closed[found.component]
        own = some_of(pairs, keep)
        states[keep] = decoded(own, upward(own, hung(own).tree, True, budget))
    whole = np.where(found.evidence >= 0, found.evidence, row).astype(np.int32)
    whole[found.places] = states
    score = float(log_score(found.graph, whole[None])[0])
    if score > race.log_score:
        race.best, race.log_score = whole, score
