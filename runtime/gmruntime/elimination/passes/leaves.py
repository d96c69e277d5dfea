"""Beliefs of many leaves around the same few variables.

    p(x_i | e) = sum over y of p(y | e) f_i(x_i, y) / sum over x of f_i(x, y)

The leaves are summed out at once, what is left is eliminated as ever, and of each group of leaves
the joint belief of what they are around is read. A thousand models that predict the same three
hidden attributes take one clique and an array, where an order has a thousand cliques.
"""

import numpy as np

from gmruntime.answer import Marginals, MarginalsAnswer, Status
from gmruntime.budget import Budget
from gmruntime.elimination.orders.best import best_order
from gmruntime.elimination.passes.reference import Tree, build_tree, pass_downward, pass_upward
from gmruntime.elimination.results import by_block, everywhere, observed_rows, quality
from gmruntime.graph import num_states
from gmruntime.simplify.barren import leaf_logs, separate_leaves
from gmruntime.simplify.network import Network
from gmruntime.simplify.simplified import simplified
from gmruntime.simplify.states import spread_row
from gmruntime.task import Effort, Task

_LEAVES_MIN = 64
"""Fewer are eliminated as quickly."""

_CORE_MAX = 200
_BITS_MAX = 18.0
"""How many variables may be left, and log2 of the entries of all their cliques."""


def marginals_around(task: Task[Marginals], effort: Effort) -> MarginalsAnswer | None:
    """Answer where nearly all that is asked are leaves; None elsewhere, or when time was out."""
    graph, query, evidence, budget = task.graph, task.query, task.evidence, effort.budget
    listed = np.arange(graph.num_variables) if query.variables is None else query.variables
    if int((evidence[listed] < 0).sum()) < _LEAVES_MIN:
        return None
    try:
        network = simplified(task, effort)
        if network is None or network.log_constant == -np.inf:
            return None
        core, groups = separate_leaves(network, frozenset(), budget)
        is_small = len(core.free) <= _CORE_MAX
        if not is_small or sum(map(len, groups.values())) < _LEAVES_MIN:
            return None
        asked = set(listed[evidence[listed] < 0].tolist())
        # Of its own: what is drawn here must not change what engines draw.
        rng = np.random.default_rng((effort.seed, 4))
        order = best_order(core, rng, bits_max=_BITS_MAX, budget=budget)
        if order is None or order.total_bits > _BITS_MAX:
            return None
        tree = build_tree(core, order)
        upward = pass_upward(tree, everywhere(tree, False))
        total = float(upward.log_constant + core.log_constant)
        if not np.isfinite(total):
            return None
        clique_of = {around: _holder(tree, around) for around in groups}
        own = {scope[0]: k for k, scope in enumerate(tree.scopes) if scope[0] in asked}
        tables: dict[int, np.ndarray] = {}
        wanted = frozenset((*clique_of.values(), *own.values())) - {-1}
        pass_downward(tree, upward, wanted, tables.__setitem__)
        rows = {v: _belief(tree, k, tables[k], (v,)) for v, k in own.items()}
        for around, leaves in groups.items():
            clique = clique_of[around]
            belief = _belief(tree, clique, tables[clique], around) if around else np.ones(())
            mine = [v for v in leaves if v in asked]
            rows |= _of_leaves(network, around, mine, belief, budget)
    except TimeoutError:
        return None
    sizes = num_states(graph)
    spread = {v: spread_row(network, v, row, int(sizes[v])) for v, row in rows.items()}
    seen = observed_rows(graph, listed, evidence)
    arrays = by_block(graph, seen | spread)
    return MarginalsAnswer(quality(Status.EXACT, budget), arrays, log_partition=total)


def _holder(tree: Tree, around: tuple[int, ...]) -> int:
    """Return the smallest clique that holds some variables, -1 for none of them."""
    if not around:
        return -1
    holders = (k for k, scope in enumerate(tree.scopes) if set(around) <= set(scope))
    return min(holders, key=lambda k: len(tree.scopes[k]))


def _belief(tree: Tree, clique: int, table: np.ndarray, variables: tuple[int, ...]) -> np.ndarray:
    """Return the joint probabilities of variables of a clique, from its unnormalised log belief."""
    scope = tree.scopes[clique]
    weights = np.exp(table - table.max())
    others = tuple(axis for axis, v in enumerate(scope) if v not in variables)
    kept = [v for v in scope if v in variables]
    found = weights.sum(axis=others).transpose([kept.index(v) for v in variables])
    return found / found.sum()


def _of_leaves(
    network: Network,
    around: tuple[int, ...],
    leaves: list[int],
    belief: np.ndarray,
    budget: Budget,
) -> dict[int, np.ndarray]:
    """Return the probabilities of leaves, from those of what they are around."""
    found: dict[int, np.ndarray] = {}
    for some, logs in leaf_logs(network, around, leaves, budget):
        # Where the leaves allow nothing, what they are around has no chance.
        largest = np.maximum(logs.max(axis=1, keepdims=True), -np.finfo(np.float64).max)
        weights = np.exp(logs - largest)
        sums = weights.sum(axis=1, keepdims=True)
        shares = weights * (belief / np.where(sums > 0, sums, 1.0))
        rows = shares.sum(axis=tuple(range(2, shares.ndim)))
        rows /= rows.sum(axis=1, keepdims=True)
        found.update(zip(some, rows, strict=True))
    return found
