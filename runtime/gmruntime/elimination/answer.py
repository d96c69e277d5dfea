"""Exact answers to every kind of question, when elimination fits the budget."""

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
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    Solutions,
    SolutionsAnswer,
    Status,
)
from gmruntime.budget import Budget
from gmruntime.elimination.maxima import best, best_assignment, best_marginal, blank
from gmruntime.elimination.passes.loading import may_load
from gmruntime.elimination.passes.reference import (
    Tree,
    build_tree,
    pass_downward,
    pass_upward,
    sample,
)
from gmruntime.elimination.plan import Plan, on_device, plan
from gmruntime.elimination.relevance import WORTH_S, marginals_by_relevance
from gmruntime.elimination.results import (
    arena_for,
    by_block,
    check_dense,
    everywhere,
    observed_rows,
    quality,
    run_upward,
    spread_joint,
)
from gmruntime.elimination.sliced import answer_in_slices, quicker_in_slices
from gmruntime.elimination.solutions import count_solutions, counted_by_sum
from gmruntime.graph import log_score, num_states
from gmruntime.simplify.states import label_states, spread_row
from gmruntime.task import Effort, Task

_NUM_DRAWN_AT_ONCE = 1 << 20
"""Numbers held while samples are drawn, between two looks at the clock."""


def answer(task: Task[Query], effort: Effort) -> Answer | None:
    """Answer exactly, or with certified bounds; None when neither fits the budget."""
    return attempt(task, effort)[0]


def attempt(task: Task[Query], effort: Effort) -> tuple[Answer | None, Plan]:
    """Answer as `answer` does, and say what was planned.

    The device "auto" takes a GPU for large tables where there is one.
    """
    found = on_device(plan(task, effort), effort.device)
    return answer_planned(task, found, effort), found


def answer_planned(task: Task[Query], found: Plan, effort: Effort) -> Answer | None:
    """Answer as was planned; None when that does not fit the budget after all."""
    query = task.query
    if found.network is None:
        return None
    try:
        if isinstance(query, Marginals) and (not found.fits or found.seconds > WORTH_S):
            relevant = _marginals_by_relevance(task.asking(query), found, effort)
            if relevant is not None:
                return relevant
        if found.order is None:
            return None
        if found.fits:
            slicing = quicker_in_slices(query, found, effort.budget)
            if slicing is not None:
                return answer_in_slices(task, found, effort, slicing)
            return _answer_whole(task, found, effort)
        if isinstance(query, Solutions):
            # Of tables of 0 and 1: the sum over all assignments is their number.
            sliced = answer_in_slices(task.asking(LogPartition()), found, effort)
            return counted_by_sum(sliced) if isinstance(sliced, LogPartitionAnswer) else None
        return answer_in_slices(task, found, effort)
    except TimeoutError:
        return None


def _answer_whole(task: Task[Query], found: Plan, effort: Effort) -> Answer | None:
    assert found.network is not None
    assert found.order is not None
    tree = build_tree(found.network, found.order)
    if found.network.log_constant == -np.inf:
        # What is observed contradicts itself already: no potential may say otherwise.
        tree = _impossible(tree)
    budget = effort.budget
    match task.query:
        case LogPartition():
            return _log_partition(found, tree, budget)
        case Marginals() as query:
            return _marginals(task.asking(query), found, tree, budget)
        case Joint() as query:
            return _joint(task.asking(query), found, tree, budget)
        case Map():
            return best_assignment(task, found, tree, budget)
        case MarginalMap() as query:
            return best_marginal(task.asking(query), found, tree, budget)
        case Best() as query:
            return best(task.asking(query), tree, budget)
        case Samples() as query:
            return _samples(task.asking(query), found, tree, effort)
        case Solutions():
            return _solutions(found, tree, budget)


def _impossible(tree: Tree) -> Tree:
    if not tree.scopes:
        return tree
    nowhere = np.full((1,) * len(tree.scopes[0]), -np.inf)
    potentials = [[*tree.potentials[0], nowhere], *tree.potentials[1:]]
    return Tree(tree.scopes, potentials, tree.parents, tree.children, tree.num_states)


def _log_partition(found: Plan, tree: Tree, budget: Budget) -> LogPartitionAnswer:
    assert found.network is not None
    upward = run_upward(found, tree, everywhere(tree, False), budget, in_logs=False)
    total = upward.log_constant + found.network.log_constant
    status = Status.EXACT if total > -np.inf else Status.IMPOSSIBLE
    return LogPartitionAnswer(quality(status, budget), total, total, total)


# --- Marginals ---------------------------------------------------------------------------


def _marginals_by_relevance(
    task: Task[Marginals], found: Plan, effort: Effort
) -> MarginalsAnswer | None:
    graph, query, evidence = task.graph, task.query, task.evidence
    network, budget = found.network, effort.budget
    assert network is not None
    if network.log_constant == -np.inf:
        return None
    listed = range(graph.num_variables) if query.variables is None else query.variables
    asked = frozenset(int(v) for v in listed if evidence[v] < 0)
    # Planning the small passes costs too: where one pass is possible they must save most of it.
    limit = 0.25 * found.seconds if found.fits else budget.left_s()
    steps_max = 4e6 if found.fits else 2e7
    if not may_load(budget):
        return None
    from gmruntime.elimination.passes.compiled import marginals_compiled

    def read(small: Plan, targets: set[int]) -> tuple[dict[int, np.ndarray], float]:
        assert small.network is not None
        assert small.order is not None
        quick = marginals_compiled(small.network, small.order, targets, budget)
        if quick is None:
            raise TimeoutError
        return quick[0], quick[1] + small.network.log_constant

    try:
        rows = marginals_by_relevance(network, asked, limit, steps_max, effort, read)
    except TimeoutError:
        return None
    if rows is None:
        return None
    sizes = num_states(graph)
    filled = observed_rows(graph, listed, evidence)
    spread = {v: spread_row(network, v, row, int(sizes[v])) for v, row in rows[0].items()}
    arrays = by_block(graph, filled | spread)
    return MarginalsAnswer(quality(Status.EXACT, budget), arrays, log_partition=rows[1])


def _marginals(task: Task[Marginals], found: Plan, tree: Tree, budget: Budget) -> MarginalsAnswer:
    graph, query, evidence = task.graph, task.query, task.evidence
    network = found.network
    assert network is not None
    assert found.order is not None
    if found.compiled and network.log_constant > -np.inf:
        from gmruntime.elimination.passes.compiled import marginals_compiled

        listed = range(graph.num_variables) if query.variables is None else query.variables
        free = {int(v) for v in listed if evidence[v] < 0}
        quick = marginals_compiled(network, found.order, free, budget, arena_for(found))
        budget.check()
        if quick is not None:
            filled = observed_rows(graph, listed, evidence)
            sizes = num_states(graph)
            spread = {v: spread_row(network, v, row, int(sizes[v])) for v, row in quick[0].items()}
            arrays = by_block(graph, filled | spread)
            total = quick[1] + network.log_constant
            return MarginalsAnswer(quality(Status.EXACT, budget), arrays, log_partition=total)
        check_dense(found.order, budget)
    upward = pass_upward(tree, everywhere(tree, False))
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
            v = owner[clique]
            row = normalised(table, tuple(range(1, table.ndim)))
            rows[v] = spread_row(network, v, row, int(states[v]))

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


def _joint(task: Task[Joint], found: Plan, tree: Tree, budget: Budget) -> JointAnswer | None:
    graph, query, evidence = task.graph, task.query, task.evidence
    network = found.network
    assert network is not None
    assert found.order is not None
    states = num_states(graph)
    shape = tuple(int(states[v]) for v in query.variables)
    free = sorted({int(v) for v in query.variables if evidence[v] < 0})
    if found.compiled and free and network.log_constant > -np.inf:
        from gmruntime.elimination.passes.compiled import joint_compiled

        quick = joint_compiled(network, found.order, tuple(free), budget, arena_for(found))
        if quick is not None:
            spread = spread_joint(network, quick, free, query, evidence, shape)
            return JointAnswer(quality(Status.EXACT, budget), spread)
        check_dense(found.order, budget)
    upward = pass_upward(tree, everywhere(tree, False))
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
    return JointAnswer(
        quality(Status.EXACT, budget), spread_joint(network, inner, free, query, evidence, shape)
    )


# --- Samples and counts ------------------------------------------------------------------


def _samples(task: Task[Samples], found: Plan, tree: Tree, effort: Effort) -> AssignmentsAnswer:
    graph, query, budget = task.graph, task.query, effort.budget
    upward = run_upward(found, tree, everywhere(tree, False), budget, in_logs=True)
    if not np.isfinite(upward.log_constant):
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0))
    assert found.network is not None
    start = blank(task, tree)
    drawn = np.empty((query.count, graph.num_variables), np.int32)
    scores = np.empty(query.count)
    # Of each draw the weights of the widest variable are held, thrice, and its states.
    step = max(1, _NUM_DRAWN_AT_ONCE // (3 * int(tree.num_states.max(initial=1)) + len(start)))
    num_drawn = 0
    for first in range(0, query.count, step):
        if first and budget.is_spent():
            break
        rows = drawn[first : first + step]
        rows[:] = sample(tree, upward, np.tile(start, (len(rows), 1)), effort.rng)[
            :, : rows.shape[1]
        ]
        label_states(found.network, rows)
        scores[first : first + step] = log_score(graph, rows)
        num_drawn = first + len(rows)
    drawn, scores = drawn[:num_drawn], scores[:num_drawn]
    note = "" if num_drawn == query.count else f"the budget ended after {num_drawn}"
    if not np.isfinite(scores).all():
        empty = np.zeros((0, graph.num_variables), np.int32)
        return AssignmentsAnswer(quality(Status.IMPOSSIBLE, budget), empty, np.zeros(0))
    return AssignmentsAnswer(quality(Status.EXACT, budget, note), drawn, scores)


def _solutions(found: Plan, tree: Tree, budget: Budget) -> SolutionsAnswer | None:
    network = found.network
    assert network is not None
    assert found.order is not None
    if not found.compiled or network.log_constant == -np.inf:
        counted = count_solutions(network, tree)
    else:
        from gmruntime.elimination.counting import count_compiled

        attempted = count_compiled(network, found.order, budget)
        if attempted is None:
            return None
        counted = attempted
    if counted.count == 0:
        return SolutionsAnswer(quality(Status.IMPOSSIBLE, budget), float("-inf"), 0)
    log_count = counted.log_count
    exact = quality(Status.EXACT, budget)
    if counted.count is None:
        return counted_by_sum(LogPartitionAnswer(exact, log_count, log_count, log_count))
    return SolutionsAnswer(exact, log_count, counted.count, log_count, log_count)
