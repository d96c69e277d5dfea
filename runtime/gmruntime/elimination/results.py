"""What the answers share: the pass to the roots, the record of quality, rows in blocks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import Joint, Quality, Status
from gmruntime.budget import Budget
from gmruntime.elimination.layouts.order import Order
from gmruntime.elimination.passes.reference import Tree, Upward, pass_upward
from gmruntime.elimination.plan import NUMPY_ENTRIES_PER_SECOND, Plan
from gmruntime.graph import Assignment, FactorGraph, num_states
from gmruntime.simplify.network import Network

if TYPE_CHECKING:
    from gmruntime.elimination.passes.cores import Arena

METHOD = "elimination"


def quality(status: Status, budget: Budget, note: str = "") -> Quality:
    """Return the quality of an answer found now."""
    return Quality(status, METHOD, budget.spent_s(), note=note)


def everywhere(tree: Tree, value: bool) -> np.ndarray:
    """Return one flag for each clique of the tree."""
    return np.full(len(tree.scopes), value)


def run_upward(
    found: Plan, tree: Tree, is_max: np.ndarray, budget: Budget, *, in_logs: bool
) -> Upward:
    """Run the pass compiled when that was planned; in logs with NumPy when digits were lost.

    Raises:
        TimeoutError: when the budget ended first.
    """
    assert found.network is not None
    assert found.order is not None
    if found.compiled and found.network.log_constant > -np.inf:
        from gmruntime.elimination.passes.compiled import pass_upward_compiled

        quick = pass_upward_compiled(
            found.network, found.order, is_max, budget, in_logs=in_logs, arena=arena_for(found)
        )
        if quick is not None:
            return quick
        budget.check()
        check_dense(found.order, budget)
    return pass_upward(tree, is_max)


def check_dense(order: Order, budget: Budget) -> None:
    """Give up likewise where dense cliques in logs would take too much time or memory.

    They are what is left when the linear pass has lost its digits.
    """
    too_slow = 2.0**order.total_bits / NUMPY_ENTRIES_PER_SECOND > budget.left_s()
    if too_slow or 32.0 * 2.0**order.clique_bits > budget.memory_bytes:
        raise TimeoutError


def arena_for(found: Plan) -> "Arena":
    """Return memory on the device that was planned."""
    from gmruntime.elimination.passes.cores import Arena

    return Arena(found.device)


def observed_rows(
    graph: FactorGraph, listed: Iterable[int], evidence: Assignment
) -> dict[int, np.ndarray]:
    """Return the marginals of those of some variables that are observed."""
    sizes = num_states(graph)
    listed = np.fromiter(listed, np.int64)
    seen = listed[evidence[listed] >= 0]
    return {
        v: (np.arange(size) == state).astype(np.float64)
        for v, size, state in zip(
            seen.tolist(), sizes[seen].tolist(), evidence[seen].tolist(), strict=True
        )
    }


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


def spread_joint(
    network: Network,
    inner: np.ndarray,
    free: list[int],
    query: Joint,
    evidence: Assignment,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Put a joint of distinct free variables where the question's axes want it."""
    result = np.zeros(shape)
    states: dict[int, np.ndarray] = {}
    for axis, (v, size) in enumerate(zip(free, inner.shape, strict=True)):
        labels = np.asarray(network.labels[v])[:size] if v in network.labels else np.arange(size)
        states[v] = labels.reshape([size if k == axis else 1 for k in range(inner.ndim)])
    index = [states[int(v)] if evidence[v] < 0 else np.array(evidence[v]) for v in query.variables]
    np.add.at(result, tuple(np.broadcast_to(one, inner.shape) for one in index), inner)
    return result
