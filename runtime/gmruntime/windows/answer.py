"""Questions about graphs with windows: what places add up to, or at best give, and all the rest.

A component of places is replaced by a table over its context, of what is best in it or what it
adds up to; whatever is asked of other variables is then asked of a graph without places.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
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
    Quality,
    Question,
    Status,
)
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.elimination.passes.loading import may_load
from gmruntime.factors.kinds.window import PlacePair
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states
from gmruntime.quality import is_proved
from gmruntime.questions.assignments import none_possible
from gmruntime.task import Effort, Task
from gmruntime.windows.maxima import best_around_circles
from gmruntime.windows.pairs import Pairs, TooLargeError, pairs_of
from gmruntime.windows.passes import Passed, decoded, downward, hung, upward
from gmruntime.windows.rest import METHOD, all_in_time, asked_of, configurations, rest_of
from gmruntime.windows.split import Split, split

NUM_ENTRIES_MIN = 1 << 16
"""Where the tables of all windows have fewer entries, tables answer without loading anything."""


_BYTES_PER_STATE = 100
"""Of memory, for each state of a place: what it is worth, and what is said to it and by it."""

_SHARE = 1 / 3
"""Of the time, for going up; going down again takes twice as long."""


@dataclass(frozen=True, slots=True, eq=False)
class WithoutPlaces:
    """What is left to ask, and what completes the answer."""

    task: Task[Question[AnyAnswer]]
    complete: Callable[[AnyAnswer], AnyAnswer]


def has_windows(graph: FactorGraph) -> bool:
    """Say whether windows would be large tables."""
    states = num_states(graph)
    total = 0
    for block in graph.factors:
        if isinstance(block.kind, PlacePair) and len(block.scopes):
            total += len(block.scopes) * int(states[block.scopes[0, -1]]) ** 2
    return total >= NUM_ENTRIES_MIN


def without_places(
    task: Task[Question[AnyAnswer]], effort: Effort
) -> WithoutPlaces | AnyAnswer | None:
    """Answer, or leave the places out of a question.

    None where sums go round in circles, or the question is none that forests answer. A maximum
    that goes round in circles may be bounded only.
    """
    if not isinstance(task.query, Map | Best | LogPartition | Marginals | MarginalMap | Joint):
        return None
    try:
        return _without_places(task, effort)
    except (TimeoutError, TooLargeError):
        return None


def _without_places(
    task: Task[Question[AnyAnswer]], effort: Effort
) -> WithoutPlaces | AnyAnswer | None:
    budget = effort.budget
    found = split(task.graph, task.evidence) if may_load(budget) else None
    if found is not None and not _fits(found, budget):
        return None
    if found is not None and _is_of_one(task.query, found):
        return _of_one(task, effort)
    if found is None or not _is_asked_apart(task.query, found):
        return None
    # What has been found so far is then finished, late or not: no more than twice as much.
    is_max = isinstance(task.query, Map | Best)
    part = budget if is_max else budget.share(_SHARE)
    below = _below(found, is_max, part)
    if below is None:
        if not isinstance(task.query, Map):
            return None
        return best_around_circles(task.asking(Map()), found, effort)
    known = np.where(num_states(task.graph) == 1, 0, task.evidence).astype(np.int32)
    known[found.places] = 0
    if (known >= 0).all():
        return _at_once(task, below, known, budget.spent_s())
    left = rest_of(task, found, below.tables)
    return WithoutPlaces(left, lambda answer: _complete(task, below, answer))


def _fits(found: Split, budget: Budget) -> bool:
    states = int(num_states(found.graph)[found.places].sum(dtype=np.int64))
    # The states of contexts, and what components are worth there.
    width = 3 + max(len(context) for context in found.contexts)
    numbers = max(found.num_configurations()) * found.num_components * width
    return _BYTES_PER_STATE * states + 8 * numbers <= budget.memory_bytes


def _is_of_one(query: Question[AnyAnswer], found: Split) -> bool:
    """Say whether a question is about one place alone: its marginal answers that."""
    if not isinstance(query, MarginalMap | Joint):
        return False
    return len(query.variables) == 1 and bool(np.isin(query.variables, found.places).all())


def _of_one(task: Task[Question[AnyAnswer]], effort: Effort) -> WithoutPlaces | AnyAnswer | None:
    query = task.query
    assert isinstance(query, MarginalMap | Joint)
    found = _without_places(task.asking(Marginals(query.variables)), effort)

    def read(answer: AnyAnswer) -> AnyAnswer:
        assert isinstance(answer, MarginalsAnswer)
        v = int(query.variables[0])
        rows = [row for block in answer.probabilities for row in _rows_of(block)]
        if isinstance(query, Joint):
            return JointAnswer(answer.quality, rows[v])
        if answer.quality.status is Status.IMPOSSIBLE:
            none = np.zeros(0, np.int32)
            return MarginalMapAnswer(answer.quality, none, -np.inf, -np.inf, -np.inf)
        best = int(rows[v].argmax())
        value = answer.log_partition + float(np.log(rows[v][best]))
        good = answer.quality
        if np.isnan(value):
            # Whoever answered for the rest did not say what it adds up to.
            good = replace(good, status=Status.ESTIMATE)
        bounds = (value, value) if good.status is Status.EXACT else (-np.inf, np.inf)
        return MarginalMapAnswer(good, np.array([best], np.int32), value, *bounds)

    if isinstance(found, WithoutPlaces):
        return WithoutPlaces(found.task, lambda answer: read(found.complete(answer)))
    return None if found is None else read(found)


def _is_asked_apart(query: Question[AnyAnswer], found: Split) -> bool:
    """Say whether what is asked of places is known once their contexts are."""
    match query:
        case Map() | LogPartition():
            return True
        case Marginals():
            asked = asked_of(query, found)
            of_asked = np.unique(found.component[asked[found.places]]).tolist()
            return all(len(found.contexts[k]) <= 1 for k in of_asked)
        case MarginalMap() | Joint():
            return not np.isin(query.variables, found.places).any()
        case Best(variables=variables):
            return variables is not None and not np.isin(variables, found.places).any()
        case _:
            return False


# --- Tables over contexts ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Below:
    """What the places of a graph amount to.

    Attributes:
        found: the graph in components.
        tables: for each component, its value in each state of its context.
        last: the states of contexts that were looked at last, and what was found then.
    """

    found: Split
    tables: list[Float64[np.ndarray, " _configurations"]]
    last: tuple[np.ndarray, Pairs, Passed]


def _below(found: Split, is_max: bool, budget: Budget) -> _Below | None:
    """Go through the states of all contexts; None where windows go round in circles."""
    values: list[np.ndarray] = []
    last: tuple[np.ndarray, Pairs, Passed] | None = None
    for _, states in all_in_time(found, budget):
        pairs = pairs_of(found, states, budget)
        forest = hung(pairs)
        if forest.num_left:
            return None
        last = states, pairs, upward(pairs, forest.tree, is_max, budget)
        top = last[2].top
        values.append(np.bincount(found.component, top, minlength=found.num_components))
    assert last is not None
    every = np.array(values)
    counts = found.num_configurations()
    return _Below(found, [every[:count, k] for k, count in enumerate(counts)], last)


# --- Answers -----------------------------------------------------------------------------


def _at_once(
    task: Task[Question[AnyAnswer]], below: _Below, known: Assignment, seconds: float
) -> AnyAnswer | None:
    """Answer where nothing but places is open."""
    rest = FactorGraph(task.graph.variables, below.found.rest)
    value = float(log_score(rest, known)) + sum(float(table[0]) for table in below.tables)
    good = Quality(Status.EXACT, METHOD, seconds)
    none = replace(good, status=Status.IMPOSSIBLE)
    match task.query:
        case LogPartition() as query:
            if value == -np.inf:
                return query.impossible(none)
            return LogPartitionAnswer(good, value, value, value)
        case Map():
            if value == -np.inf:
                return none_possible(none, task.graph.num_variables, -np.inf)
            only = AssignmentsAnswer(good, known[None], np.array([value]), value)
            return _complete(task, below, only)
        case Marginals():
            blocks = tuple(np.full((b.size, b.num_states), np.nan) for b in task.graph.variables)
            is_possible = value > -np.inf
            only = MarginalsAnswer(good if is_possible else none, blocks, log_partition=value)
            return _complete(task, below, only)
        case _:
            return None


def _complete(task: Task[Question[AnyAnswer]], below: _Below, answer: AnyAnswer) -> AnyAnswer:
    """Say what places are, given the answer about all else."""
    quality = answer.quality
    if quality.method != METHOD:
        quality = replace(quality, method=f"{METHOD} and {quality.method}")
    match answer:
        case AssignmentsAnswer() if isinstance(task.query, Map | Best):
            rows = np.array([_placed(below, row) for row in answer.assignments], np.int32).reshape(
                -1, task.graph.num_variables
            )
            scores = log_score(task.graph, rows)
            best = float(scores.max(initial=-np.inf))
            # The same number, added up in another order.
            upper = max(answer.log_upper, best)
            gap = upper - best
            is_one = isinstance(task.query, Map) and quality.status is Status.EXACT
            if is_one and not is_proved(best, upper):
                # Sums so large that they round apart prove nothing.
                bounded = {"status": Status.BOUNDED, "error": gap, "error_kind": "gap to the bound"}
                quality = replace(quality, **bounded)
            found = {"assignments": rows, "log_scores": scores, "log_upper": upper}
            return replace(answer, quality=quality, **found)
        case MarginalsAnswer() if isinstance(task.query, Marginals):
            blocks = _marginals(task, task.query, below, answer)
            return replace(answer, quality=quality, probabilities=blocks, lower=None, upper=None)
        case _:
            return replace(answer, quality=quality)


def _placed(below: _Below, row: np.ndarray) -> np.ndarray:
    """Put the best places into an assignment of all else."""
    found = below.found
    width = max(len(context) for context in found.contexts)
    states = np.zeros((found.num_components, width), np.int64)
    for k, context in enumerate(found.contexts):
        states[k, : len(context)] = row[context]
    pairs, passed = _passed(below, states, True)
    result = np.where(found.evidence >= 0, found.evidence, row).astype(np.int32)
    result[found.places] = decoded(pairs, passed)
    return result


def _passed(below: _Below, states: np.ndarray, is_max: bool) -> tuple[Pairs, Passed]:
    """Return what is found in states of the contexts; what was found last is not found again."""
    if np.array_equal(states, below.last[0]):
        return below.last[1], below.last[2]
    pairs = pairs_of(below.found, states)
    return pairs, upward(pairs, hung(pairs).tree, is_max)


def _marginals(
    task: Task[Question[AnyAnswer]],
    query: Marginals,
    below: _Below,
    answer: MarginalsAnswer,
) -> tuple[np.ndarray, ...]:
    """Mix the marginals of places over the states of their contexts."""
    graph, evidence, found = task.graph, task.evidence, below.found
    sizes = num_states(graph).astype(np.int64)
    asked = asked_of(query, found)
    if answer.quality.status is Status.IMPOSSIBLE:
        asked[:] = False
    rows: list[np.ndarray] = [row for block in answer.probabilities for row in _rows_of(block)]
    beliefs = {int(v): np.zeros(sizes[v]) for v in found.places[asked[found.places]]}
    if beliefs:
        counts = found.num_configurations()
        for c, states in enumerate(configurations(found)):
            pairs, passed = _passed(below, states, False)
            downward(pairs, passed, False)
            for number, v in enumerate(found.places.tolist()):
                # A component of few states has begun again meanwhile.
                if v not in beliefs or c >= counts[found.component[number]]:
                    continue
                context = found.contexts[found.component[number]]
                if len(context):
                    state = int(states[found.component[number], 0])
                    chance = float(rows[int(context[0])][state])
                else:
                    chance = 1.0
                belief = passed.values.totals[pairs.start[number] : pairs.start[number + 1]]
                high = belief.max()
                if chance > 0.0 and high > -np.inf:
                    weights = np.exp(belief - high)
                    beliefs[v] += chance * weights / weights.sum()
    blocks: list[np.ndarray] = []
    start = 0
    for block in graph.variables:
        values = np.full((block.size, block.num_states), np.nan)
        for k in range(block.size):
            v = start + k
            if not asked[v]:
                continue
            if v in beliefs:
                values[k] = beliefs[v] / beliefs[v].sum()
            elif evidence[v] >= 0:
                values[k] = np.arange(block.num_states) == evidence[v]
            else:
                values[k] = 1.0 if block.num_states == 1 else rows[v]
        blocks.append(values.reshape(*block.shape, block.num_states))
        start += block.size
    return tuple(blocks)


def _rows_of(block: np.ndarray) -> list[np.ndarray]:
    return list(block.reshape(-1, block.shape[-1]))
