"""Exact maxima: the best assignment, the k best, and the best states of some variables."""

import heapq

import numpy as np

from gmruntime.answer import (
    AssignmentsAnswer,
    Best,
    MarginalMap,
    MarginalMapAnswer,
    Query,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.elimination.k_best import k_best, lists_cost
from gmruntime.elimination.passes.reference import Tree, pass_upward, traceback
from gmruntime.elimination.plan import Plan
from gmruntime.elimination.results import everywhere, quality, run_upward
from gmruntime.graph import log_score
from gmruntime.questions.marginal_map import no_states
from gmruntime.simplify.states import label_states
from gmruntime.task import Task


def blank(task: Task[Query], tree: Tree) -> np.ndarray:
    """Return an assignment of all variables with only the evidence filled in."""
    graph, evidence = task.graph, task.evidence
    size = max([graph.num_variables, *(s[0] + 1 for s in tree.scopes)])
    assignment = np.zeros(size, np.int64)
    assignment[: graph.num_variables] = np.maximum(evidence, 0)
    return assignment


def best_assignment(
    task: Task[Query], found: Plan, tree: Tree, budget: Budget
) -> AssignmentsAnswer:
    """Answer `Map`."""
    graph = task.graph
    is_max = everywhere(tree, True)
    upward = run_upward(found, tree, is_max, budget, in_logs=True)
    assignment = None
    if np.isfinite(upward.log_constant):
        full = traceback(tree, upward, is_max, blank(task, tree))
        assignment = full[: graph.num_variables].astype(np.int32)
        assert found.network is not None
        label_states(found.network, assignment)
    score = -np.inf if assignment is None else float(log_score(graph, assignment))
    if assignment is None or not np.isfinite(score):
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(
            quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0), float("-inf")
        )
    return AssignmentsAnswer(
        quality(Status.EXACT, budget), assignment[None], np.array([score]), score
    )


def best(task: Task[Best], tree: Tree, budget: Budget) -> AssignmentsAnswer:
    """Find the k best: all in one pass where lists of them fit, else one after another."""
    found = _in_lists(task, tree, budget)
    return found or _by_splitting(task, tree, budget)


def _in_lists(task: Task[Best], tree: Tree, budget: Budget) -> AssignmentsAnswer | None:
    """Find the k best of all variables, and of those the first with each state of what is asked.

    None where lists do not fit, or where too many assignments agree on what is asked.
    """
    graph, query = task.graph, task.query
    asked = np.arange(graph.num_variables) if query.variables is None else query.variables
    start = blank(task, tree)
    count = query.count
    while True:
        seconds, held = lists_cost(tree.scopes, tree.num_states, count)
        if seconds > budget.left_s() or held > budget.memory_bytes:
            return None
        rows, _ = k_best(tree, count, start, budget)
        whole = rows[:, : graph.num_variables].astype(np.int32)
        _, first = np.unique(whole[:, asked], axis=0, return_index=True)
        if len(first) >= query.count or len(rows) < count:
            break
        count *= 4
    whole = whole[np.sort(first)]
    scores = np.zeros(0) if not len(whole) else log_score(graph, whole)
    whole, scores = whole[np.isfinite(scores)], scores[np.isfinite(scores)]
    order = np.argsort(-scores, kind="stable")[: query.count]
    if not len(order):
        nothing = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(
            quality(Status.IMPOSSIBLE, budget), nothing, np.zeros(0), float("-inf")
        )
    note = "" if len(order) == query.count else f"there are {len(order)}"
    found = quality(Status.EXACT, budget, note)
    return AssignmentsAnswer(found, whole[order], scores[order], float(scores[order[0]]))


def _by_splitting(task: Task[Best], tree: Tree, budget: Budget) -> AssignmentsAnswer:
    """Find the k best by splitting the space around each one found.

    Source: Lawler (1972); Nilsson (1998).
    """
    graph, query, evidence = task.graph, task.query, task.evidence
    asked = np.arange(graph.num_variables) if query.variables is None else query.variables
    free = [int(v) for v in asked if evidence[v] < 0]
    counter = 0
    first = _constrained(task, tree, {}, {})
    if first is not None and first[0] == -np.inf:
        first = None
    heap: list[tuple[float, int, np.ndarray, dict[int, int], dict[int, frozenset[int]]]] = []
    if first is not None:
        heap.append((-first[0], counter, first[1], {}, {}))
    rows: list[np.ndarray] = []
    scores: list[float] = []
    is_late = False
    while heap and len(rows) < query.count and not is_late:
        negative, _, assignment, fixed, banned = heapq.heappop(heap)
        rows.append(assignment)
        scores.append(-negative)
        if len(rows) == query.count:
            break
        fixed = dict(fixed)
        for v in free:
            if v in fixed:
                continue
            if budget.is_spent():
                # What is still in the heap may not be next: parts of the space are not there.
                is_late = True
                break
            value = int(assignment[v])
            without = {**banned, v: banned.get(v, frozenset()) | {value}}
            found = _constrained(task, tree, fixed, without)
            if found is not None:
                counter += 1
                heapq.heappush(heap, (-found[0], counter, found[1], dict(fixed), without))
            fixed[v] = value
    complete = len(rows) == query.count or not (heap or is_late)
    status = Status.EXACT if complete else Status.ESTIMATE
    note = "" if len(rows) == query.count else f"there are {len(rows)}"
    if not complete:
        note = f"the budget ended after {len(rows)}"
    if not rows:
        status, note = Status.IMPOSSIBLE, ""
    stacked = np.array(rows, np.int32).reshape(len(rows), graph.num_variables)
    upper = scores[0] if scores else float("-inf")
    return AssignmentsAnswer(quality(status, budget, note), stacked, np.array(scores), upper)


def _constrained(
    task: Task[Best],
    tree: Tree,
    fixed: dict[int, int],
    banned: dict[int, frozenset[int]],
) -> tuple[float, np.ndarray] | None:
    potentials = [list(parts) for parts in tree.potentials]
    place = {scope[0]: k for k, scope in enumerate(tree.scopes)}
    for v in {*fixed, *banned}:
        clique = place[v]
        row = np.zeros(int(tree.num_states[v]))
        if v in fixed:
            row[:] = -np.inf
            row[fixed[v]] = 0.0
        for state in banned.get(v, frozenset()):
            row[state] = -np.inf
        shape = [-1] + [1] * (len(tree.scopes[clique]) - 1)
        potentials[clique].append(row.reshape(shape))
    narrowed = Tree(tree.scopes, potentials, tree.parents, tree.children, tree.num_states)
    is_max = everywhere(tree, True)
    upward = pass_upward(narrowed, is_max)
    if not np.isfinite(upward.log_constant):
        return None
    full = traceback(narrowed, upward, is_max, blank(task, tree))
    assignment = full[: task.graph.num_variables].astype(np.int32)
    return float(log_score(task.graph, assignment)), assignment


def best_marginal(
    task: Task[MarginalMap], found: Plan, tree: Tree, budget: Budget
) -> MarginalMapAnswer:
    """Answer `MarginalMap`: maximise what is asked after summing the rest."""
    query, evidence = task.query, task.evidence
    assert found.network is not None
    asked = {int(v) for v in query.variables}
    is_max = np.array([scope[0] in asked for scope in tree.scopes], np.bool_)
    upward = run_upward(found, tree, is_max, budget, in_logs=True)
    total = upward.log_constant + found.network.log_constant
    if not np.isfinite(total):
        return no_states(quality(Status.IMPOSSIBLE, budget))
    assignment = np.zeros(max([len(evidence), *(s[0] + 1 for s in tree.scopes)]), np.int64)
    assignment[: len(evidence)] = np.maximum(evidence, 0)
    traceback(tree, upward, is_max, assignment)
    label_states(found.network, assignment)
    states = assignment[query.variables].astype(np.int32)
    return MarginalMapAnswer(quality(Status.EXACT, budget), states, total, total, total)
