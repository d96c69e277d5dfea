"""Exact answers to every kind of question, when elimination fits the budget."""

import heapq

import numpy as np

from gmruntime.answer import (
    Answer,
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
    Query,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.elimination.network import Network
from gmruntime.elimination.plan import Plan, plan
from gmruntime.elimination.solutions import count_solutions
from gmruntime.elimination.tree import (
    Tree,
    Upward,
    build_tree,
    pass_downward,
    pass_upward,
    sample,
    traceback,
)
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states

METHOD = "elimination"


def answer(
    graph: FactorGraph,
    query: Query,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
) -> Answer | None:
    """Answer exactly; None when that does not fit the budget."""
    found = plan(graph, query, evidence, budget, rng)
    if not found.fits or found.network is None or found.order is None:
        return None
    tree = build_tree(found.network, found.order)
    if found.network.log_constant == -np.inf:
        # What is observed contradicts itself already: no potential may say otherwise.
        tree = _impossible(tree)
    match query:
        case LogPartition():
            return _log_partition(found.network, tree, budget)
        case Marginals():
            return _marginals(graph, query, evidence, found.network, tree, budget)
        case Joint():
            return _joint(graph, query, evidence, found.network, tree, budget)
        case Map():
            return _map(graph, evidence, tree, budget)
        case MarginalMap():
            return _marginal_map(query, evidence, found, tree, budget)
        case Best():
            return best(graph, query, evidence, tree, budget)
        case Samples():
            return _samples(graph, query, evidence, tree, budget, rng)
        case Solutions():
            return _solutions(found.network, tree, budget)


def _impossible(tree: Tree) -> Tree:
    if not tree.scopes:
        return tree
    nowhere = np.full((1,) * len(tree.scopes[0]), -np.inf)
    potentials = [[*tree.potentials[0], nowhere], *tree.potentials[1:]]
    return Tree(tree.scopes, potentials, tree.parents, tree.children, tree.num_states)


def quality(status: Status, budget: Budget, note: str = "") -> Quality:
    """Return the quality of an answer found now."""
    return Quality(status, METHOD, budget.spent_s(), note=note)


def _everywhere(tree: Tree, value: bool) -> np.ndarray:
    return np.full(len(tree.scopes), value)


def _log_partition(network: Network, tree: Tree, budget: Budget) -> LogPartitionAnswer:
    total = pass_upward(tree, _everywhere(tree, False)).log_constant + network.log_constant
    status = Status.EXACT if total > -np.inf else Status.IMPOSSIBLE
    return LogPartitionAnswer(quality(status, budget), total, total, total)


# --- Marginals ---------------------------------------------------------------------------


def _marginals(
    graph: FactorGraph,
    query: Marginals,
    evidence: Assignment,
    network: Network,
    tree: Tree,
    budget: Budget,
) -> MarginalsAnswer:
    upward = pass_upward(tree, _everywhere(tree, False))
    states = num_states(graph)
    rows: dict[int, np.ndarray] = {}
    asked = np.arange(graph.num_variables) if query.variables is None else query.variables
    possible = upward.log_constant + network.log_constant > -np.inf
    for v in asked:
        row = np.full(int(states[v]), np.nan)
        if evidence[v] >= 0 and possible:
            row = (np.arange(int(states[v])) == evidence[v]).astype(np.float64)
        rows[int(v)] = row
    if possible:
        wanted = {scope[0]: k for k, scope in enumerate(tree.scopes) if scope[0] in rows}
        owner = {clique: v for v, clique in wanted.items()}

        def read(clique: int, table: np.ndarray) -> None:
            rows[owner[clique]] = normalised(table, tuple(range(1, table.ndim)))

        pass_downward(tree, upward, frozenset(owner), read)
    status = Status.EXACT if possible else Status.IMPOSSIBLE
    total = upward.log_constant + network.log_constant
    return MarginalsAnswer(
        quality(status, budget), by_block(graph, rows), log_partition=float(total)
    )


def normalised(table: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Turn a log belief into probabilities, summed over `axes`."""
    weights = np.exp(table - table.max())
    row = weights.sum(axis=axes) if axes else weights
    return row / row.sum()


def by_block(graph: FactorGraph, rows: dict[int, np.ndarray]) -> tuple[np.ndarray, ...]:
    """Arrange the rows of single variables in arrays shaped like the graph's blocks."""
    found: list[np.ndarray] = []
    start = 0
    for block in graph.variables:
        values = np.full((block.size, block.num_states), np.nan)
        for k in range(block.size):
            if start + k in rows:
                values[k] = rows[start + k]
        found.append(values.reshape(*block.shape, block.num_states))
        start += block.size
    return tuple(found)


def _joint(
    graph: FactorGraph,
    query: Joint,
    evidence: Assignment,
    network: Network,
    tree: Tree,
    budget: Budget,
) -> JointAnswer | None:
    states = num_states(graph)
    shape = tuple(int(states[v]) for v in query.variables)
    free = sorted({int(v) for v in query.variables if evidence[v] < 0})
    upward = pass_upward(tree, _everywhere(tree, False))
    if upward.log_constant + network.log_constant == -np.inf:
        return JointAnswer(quality(Status.IMPOSSIBLE, budget), np.full(shape, np.nan))
    inner = np.ones(())
    if free:
        clique = next((k for k, s in enumerate(tree.scopes) if set(free) <= set(s)), None)
        if clique is None:
            return None
        tables: list[np.ndarray] = []
        pass_downward(tree, upward, frozenset([clique]), lambda _, t: tables.append(t))
        scope = tree.scopes[clique]
        axes = tuple(k for k, v in enumerate(scope) if v not in free)
        kept = [v for v in scope if v in free]
        inner = normalised(tables[0], axes).transpose([kept.index(v) for v in free])
    return JointAnswer(quality(Status.EXACT, budget), _spread(inner, free, query, evidence, shape))


def _spread(
    inner: np.ndarray, free: list[int], query: Joint, evidence: Assignment, shape: tuple[int, ...]
) -> np.ndarray:
    """Put a joint of distinct free variables where the question's axes want it."""
    result = np.zeros(shape)
    for place in np.ndindex(*inner.shape):
        states = dict(zip(free, place, strict=True))
        index = tuple(
            states[int(v)] if evidence[v] < 0 else int(evidence[v]) for v in query.variables
        )
        result[index] += inner[place]
    return result


# --- Maxima ------------------------------------------------------------------------------


def _blank(graph: FactorGraph, tree: Tree, evidence: Assignment) -> np.ndarray:
    size = max([graph.num_variables, *(s[0] + 1 for s in tree.scopes)])
    assignment = np.zeros(size, np.int64)
    assignment[: graph.num_variables] = np.maximum(evidence, 0)
    return assignment


def _map(graph: FactorGraph, evidence: Assignment, tree: Tree, budget: Budget) -> AssignmentsAnswer:
    is_max = _everywhere(tree, True)
    upward = pass_upward(tree, is_max)
    assignment = None
    if np.isfinite(upward.log_constant):
        full = traceback(tree, upward, is_max, _blank(graph, tree, evidence))
        assignment = full[: graph.num_variables].astype(np.int32)
    score = -np.inf if assignment is None else float(log_score(graph, assignment))
    if assignment is None or not np.isfinite(score):
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(
            quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0), float("-inf")
        )
    return AssignmentsAnswer(
        quality(Status.EXACT, budget), assignment[None], np.array([score]), score
    )


def best(
    graph: FactorGraph, query: Best, evidence: Assignment, tree: Tree, budget: Budget
) -> AssignmentsAnswer:
    """Find the k best by splitting the space around each one found.

    Source: Lawler (1972); Nilsson (1998).
    """
    asked = np.arange(graph.num_variables) if query.variables is None else query.variables
    free = [int(v) for v in asked if evidence[v] < 0]
    counter = 0
    first = _constrained(graph, tree, evidence, {}, {})
    if first is not None and first[0] == -np.inf:
        first = None
    heap: list[tuple[float, int, np.ndarray, dict[int, int], dict[int, frozenset[int]]]] = []
    if first is not None:
        heap.append((-first[0], counter, first[1], {}, {}))
    rows: list[np.ndarray] = []
    scores: list[float] = []
    while heap and len(rows) < query.count and (not rows or budget.left_s() > 0):
        negative, _, assignment, fixed, banned = heapq.heappop(heap)
        rows.append(assignment)
        scores.append(-negative)
        if len(rows) == query.count:
            break
        fixed = dict(fixed)
        for v in free:
            if v in fixed:
                continue
            value = int(assignment[v])
            without = {**banned, v: banned.get(v, frozenset()) | {value}}
            found = _constrained(graph, tree, evidence, fixed, without)
            if found is not None:
                counter += 1
                heapq.heappush(heap, (-found[0], counter, found[1], dict(fixed), without))
            fixed[v] = value
    complete = len(rows) == query.count or not heap
    status = Status.EXACT if complete else Status.ESTIMATE
    note = "" if len(rows) == query.count else f"there are {len(rows)}"
    if not complete:
        note = f"the budget ended after {len(rows)}"
    if not rows:
        status, note = Status.IMPOSSIBLE, ""
    stacked = np.array(rows, np.int32).reshape(-1, graph.num_variables)
    upper = scores[0] if scores else float("-inf")
    return AssignmentsAnswer(quality(status, budget, note), stacked, np.array(scores), upper)


def _constrained(
    graph: FactorGraph,
    tree: Tree,
    evidence: Assignment,
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
    is_max = _everywhere(tree, True)
    upward = pass_upward(narrowed, is_max)
    if not np.isfinite(upward.log_constant):
        return None
    full = traceback(narrowed, upward, is_max, _blank(graph, tree, evidence))
    assignment = full[: graph.num_variables].astype(np.int32)
    return float(log_score(graph, assignment)), assignment


def _marginal_map(
    query: MarginalMap, evidence: Assignment, found: Plan, tree: Tree, budget: Budget
) -> MarginalMapAnswer:
    assert found.network is not None
    asked = {int(v) for v in query.variables}
    is_max = np.array([scope[0] in asked for scope in tree.scopes], np.bool_)
    upward: Upward = pass_upward(tree, is_max)
    total = upward.log_constant + found.network.log_constant
    if not np.isfinite(total):
        empty = np.zeros(0, np.int32)
        return MarginalMapAnswer(quality(Status.IMPOSSIBLE, budget), empty, float("-inf"))
    assignment = np.zeros(max([len(evidence), *(s[0] + 1 for s in tree.scopes)]), np.int64)
    assignment[: len(evidence)] = np.maximum(evidence, 0)
    traceback(tree, upward, is_max, assignment)
    states = assignment[query.variables].astype(np.int32)
    return MarginalMapAnswer(quality(Status.EXACT, budget), states, total, total, total)


# --- Samples and counts ------------------------------------------------------------------


def _samples(
    graph: FactorGraph,
    query: Samples,
    evidence: Assignment,
    tree: Tree,
    budget: Budget,
    rng: np.random.Generator,
) -> AssignmentsAnswer:
    upward = pass_upward(tree, _everywhere(tree, False))
    if not np.isfinite(upward.log_constant):
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0))
    blank = np.tile(_blank(graph, tree, evidence), (query.count, 1))
    drawn = sample(tree, upward, blank, rng)[:, : graph.num_variables].astype(np.int32)
    scores = log_score(graph, drawn)
    if not np.isfinite(scores).all():
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0))
    return AssignmentsAnswer(quality(Status.EXACT, budget), drawn, scores)


def _solutions(network: Network, tree: Tree, budget: Budget) -> SolutionsAnswer:
    count = count_solutions(network, tree)
    if count == 0:
        return SolutionsAnswer(quality(Status.IMPOSSIBLE, budget), float("-inf"), 0)
    digits = len(str(count))
    shift = max(0, digits - 300)
    log_count = float(np.log(float(count // 10**shift)) + shift * np.log(10.0))
    return SolutionsAnswer(quality(Status.EXACT, budget), log_count, count)
