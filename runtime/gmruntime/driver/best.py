"""The k best assignments by search: each is found with those before it forbidden.

Forbidding one assignment of many variables takes a chain of booleans that say whether everything
so far has been as it was, and a last one that must be false.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map, Quality, Status
from gmruntime.arrays import Int32, alike
from gmruntime.budget import QUICK_SHARE, Budget
from gmruntime.driver.anytime import search
from gmruntime.driver.board import answer_of
from gmruntime.factors.kinds import Table
from gmruntime.graph import (
    Assignment,
    FactorBlock,
    FactorGraph,
    VariableBlock,
    log_score,
    num_states,
)
from gmruntime.layered.answer import SUMS_SHARE, answer_of_found, last_found
from gmruntime.task import Effort, Task

# Of the time left, for an answer whose share was too little.
_MORE_SHARE = 0.5

# Changes of one variable of a known answer that are scored to start the search for the next.
NUM_NEIGHBOURS_MAX = 2000

# The same when time is out: an answer is wanted at once.
_NUM_LATE = 20

# Each neighbour is a whole assignment, and scored whole: on large graphs fewer of them.
_NUM_STATES_COPIED_MAX = 1_000_000


def best_answer(task: Task[Best], effort: Effort) -> AssignmentsAnswer:
    """Find up to `query.count` answers, best first; exact only when each one is proved."""
    graph, query, budget = task.graph, task.query, effort.budget
    sums = None
    for is_quick, share in ((True, QUICK_SHARE), (False, SUMS_SHARE)):
        sums = last_found(task, effort.share(share), is_quick=is_quick)
        if sums is not None and sums.is_final:
            return answer_of_found(sums, query, budget)
    states = num_states(graph)
    listed = np.arange(graph.num_variables) if query.variables is None else query.variables
    asked = listed[(task.evidence[listed] < 0) & (states[listed] > 1)].astype(np.int32)
    found = _one_by_one(task, asked, effort)
    if sums is not None and not found.is_proved:
        known = {row[asked].tobytes() for row in found.rows}
        found.rows.extend(row for row in sums.assignments if row[asked].tobytes() not in known)
    if not found.rows:
        return found.first
    return _assemble(graph, found, query.count, budget)


@dataclass(slots=True, eq=False)
class _Ranked:
    """The answers found one by one.

    Attributes:
        first: the answer to the question for the best alone.
        rows: the assignments, in the order in which they were found.
        is_proved: each is the best of what the ones before left, and if there are fewer than were
            wanted, there are no more.
    """

    first: AssignmentsAnswer
    rows: list[Assignment]
    is_proved: bool


def _one_by_one(task: Task[Best], asked: Int32[np.ndarray, " asked"], effort: Effort) -> _Ranked:
    """Search for the best, forbid it, and so on."""
    graph, count = task.graph, task.query.count
    budget, rng = effort.budget, effort.rng
    rows: list[Assignment] = []
    constrained, first = graph, None
    start: Assignment | None = None
    proved = True
    for rank in range(count):
        if rows and budget.is_spent():
            proved = False
            rows.extend(_neighbours_of_all(graph, asked, rows, count - rank))
            break
        share = 0.5 if rank == 0 and count > 1 else 1.0 / (count - rank)
        extra = constrained.num_variables - graph.num_variables
        padded = np.concatenate([task.evidence, np.full(extra, -1, np.int32)])
        followed = None if start is None else _follow_chains(start, asked, rows)
        last = None
        if start is None or not budget.is_spent():
            last = _searched(Task(constrained, Map(), padded), effort, followed, share)
        first = first or answer_of(graph, last, budget)
        if last is not None and last.log_score > float("-inf"):
            proved = proved and last.log_bound == last.log_score
            rows.append(last.assignment[: graph.num_variables].copy())
        elif last is not None and last.log_bound == float("-inf"):
            break
        elif start is not None:
            # There was no time even for what is known already.
            proved = False
            rows.append(start)
        else:
            proved = False
            break
        if not len(asked) or len(rows) == count:
            break
        is_late = budget.is_spent()
        start = _next_start(graph, asked, rows, rng, _NUM_LATE if is_late else NUM_NEIGHBOURS_MAX)
        if not is_late:
            constrained = forbid(constrained, asked, rows[-1][asked])
        elif start is None:
            proved = False
            break
    assert first is not None
    return _Ranked(first, rows, proved)


def _searched(
    task: Task[Map], effort: Effort, start: Assignment | None, share: float
) -> Improvement | None:
    """Search for a share of the time left; for more where that was too little for any answer."""
    last: Improvement | None = None
    for part in (share, _MORE_SHARE):
        for last in search(task, effort.share(part), start=start):  # noqa: B007
            pass
        if last is not None and (last.log_score > -np.inf or last.log_bound == -np.inf):
            break
    return last


def _assemble(graph: FactorGraph, found: _Ranked, count: int, budget: Budget) -> AssignmentsAnswer:
    scores = np.array([float(log_score(graph, row)) for row in found.rows])
    order = np.argsort(-scores, kind="stable")[:count]
    status = Status.EXACT if found.is_proved else Status.ESTIMATE
    error = 0.0 if found.is_proved else float("nan")
    if found.is_proved:
        note = "" if len(order) == count else f"there are {len(order)}"
    else:
        note = "later answers may not be the next best"
        if len(order) < count:
            note += f", and only {len(order)} were found; there may be more"
    quality = Quality(status, found.first.quality.method, budget.spent_s(), error, "", note)
    upper = found.first.log_upper
    return AssignmentsAnswer(quality, np.stack(found.rows)[order], scores[order], upper)


def forbid(
    graph: FactorGraph, asked: Int32[np.ndarray, " asked"], found: Int32[np.ndarray, " asked"]
) -> FactorGraph:
    """Return the graph with one joint state of some variables forbidden, over new booleans."""
    states = num_states(graph)
    first = graph.num_variables
    count = len(asked)
    name = f"#same {len(graph.variables)}"
    blocks = [*graph.factors]
    same = first + np.arange(count)
    scopes = np.stack([same - 1, asked, same], axis=1).astype(np.int32)
    is_first = same == first
    for (starts, size, state), links in alike(np.stack([is_first, states[asked], found], axis=1)):
        table = np.full((1, 2, size, 2), -np.inf)
        table[0, :, :, 0] = 0.0
        table[0, 1, state] = [-np.inf, 0.0]
        own = scopes[links]
        if starts:
            table, own = table[:, 1], own[:, 1:]
        blocks.append(FactorBlock(Table(table), own, name))
    never = Table(np.array([[0.0, -np.inf]]))
    blocks.append(FactorBlock(never, np.array([[first + count - 1]], np.int32), name))
    return FactorGraph((*graph.variables, VariableBlock(name, (count,), 2)), tuple(blocks))


def _follow_chains(
    start: Assignment, asked: Int32[np.ndarray, " asked"], rows: list[Assignment]
) -> Int32[np.ndarray, " with_booleans"]:
    """Extend an assignment by the booleans that `forbid` added for each row."""
    same = [np.cumprod(start[asked] == row[asked]).astype(np.int32) for row in rows]
    return np.concatenate([start, *same])


def _neighbours_of_all(
    graph: FactorGraph, asked: Int32[np.ndarray, " asked"], rows: list[Assignment], count: int
) -> list[Assignment]:
    """Find new answers that differ from a known one in a single variable, scored all at once."""
    states = num_states(graph)
    known = {row[asked].tobytes() for row in rows}
    found: list[Assignment] = []
    num_max = min(NUM_NEIGHBOURS_MAX, _NUM_STATES_COPIED_MAX // len(states))
    for row, variable in product(rows, asked):
        if len(found) >= num_max:
            break
        for state in range(min(int(states[variable]), num_max)):
            changed = row.copy()
            changed[variable] = state
            name = changed[asked].tobytes()
            if name not in known:
                known.add(name)
                found.append(changed)
    if not found:
        return []
    scores = log_score(graph, np.stack(found))
    order = np.argsort(-scores, kind="stable")[:count]
    return [found[k] for k in order if np.isfinite(scores[k])]


def _next_start(
    graph: FactorGraph,
    asked: Int32[np.ndarray, " asked"],
    rows: list[Assignment],
    rng: np.random.Generator,
    num_max: int,
) -> Assignment | None:
    """Find the best of some new answers that differ from the last one in a single variable."""
    states = num_states(graph)
    known = {row[asked].tobytes() for row in rows}
    neighbours: list[Assignment] = []
    for variable in rng.permutation(asked):
        for state in range(int(states[variable])):
            changed = rows[-1].copy()
            changed[variable] = state
            if changed[asked].tobytes() not in known:
                neighbours.append(changed)
        if len(neighbours) > min(num_max, _NUM_STATES_COPIED_MAX // len(states)):
            break
    if not neighbours:
        return None
    scores = log_score(graph, np.stack(neighbours))
    best = int(np.argmax(scores))
    return neighbours[best] if np.isfinite(scores[best]) else None
