"""Branch and bound as an engine of the anytime search: it proves, and finds as it goes.

The piece becomes a cost network in whole numbers; sequential reweighted messages bring its bound
as high as they can; then hybrid best-first search goes on from there, keeping the costs arc
consistent in every node.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph

if TYPE_CHECKING:
    from gmruntime.branching.costs import CostModel
    from gmruntime.branching.leaves import Rest
    from gmruntime.branching.network import State
    from gmruntime.branching.open_nodes import Tree

# Pieces larger than this are another engine's work.
NUM_FACTORS_MAX, NUM_ENTRIES_MAX = 60_000, 1 << 25

# Sweeps end when one brings less than the first share of what is left between bound and incumbent,
# or when half of the time left would not bring the second.
GAIN_LEAST, _CLOSED_LEAST, _NUM_AT_ONCE_MAX = 1e-4, 0.1, 64

# Nodes searched between two looks at the clock, first and at most.
_NUM_NODES_FIRST, _NUM_NODES_MAX = 16, 1 << 14

# Nodes of the first look for any assignment at all; each further one takes twice as many.
_NUM_DIVED_FIRST = 1000

# Room for open nodes: at first, and as a share of the memory at most.
_NUM_OPEN_FIRST, MEMORY_SHARE = 1 << 16, 0.2


@dataclass(slots=True, eq=False)
class _Search:
    """A started search."""

    model: "CostModel"
    state: "State"
    tree: "Tree"
    rest: "Rest"
    num_nodes: int = _NUM_NODES_FIRST
    num_sweeps: int = 0
    swept_s: float = 0.0
    num_at_once: int = 1
    num_dived: int = _NUM_DIVED_FIRST
    is_swept: bool = False
    is_complete: bool = False


@dataclass(slots=True, eq=False)
class Branching:
    """Hybrid best-first branch and bound with soft arc consistency."""

    flat: FlatGraph
    budget: Budget
    search: _Search | None = None

    @property
    def name(self) -> str:
        """The engine in words."""
        return "branch and bound"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Sweep, then search, until the time is over."""
        turn = self.budget.until(seconds)
        if self.search is None:
            if len(self.flat.table_start) > NUM_FACTORS_MAX:
                return Report(finished=True)
            found = _start(self.flat)
            if found is None:
                return Report(log_bound=float("-inf"), finished=True)
            self.search = found
        search = self.search
        limit = _limit(search, incumbent)
        while not search.is_swept:
            found = None
            if limit >= search.model.finite_max:
                found, limit = _dive(search, limit)
            _sweep(search, limit, self.budget, by_clock=seconds > 0.0)
            if found is not None or turn.is_spent():
                return _report(search, limit, found)
        return self._go_on(search, incumbent, limit, turn, by_clock=seconds > 0.0)

    def _go_on(
        self, search: _Search, incumbent: Incumbent, limit: int, turn: Budget, *, by_clock: bool
    ) -> Report:
        from gmruntime.branching.search import COMPLETE, NEEDS_ROOM, branch

        if len(incumbent.assignment):
            search.tree.wanted[:] = incumbent.assignment[search.model.variables]
        found = None
        while not search.is_complete:
            begin = turn.clock()
            status, lower = branch(
                search.model.network,
                search.state,
                search.tree,
                search.rest,
                limit,
                search.num_nodes,
            )
            if lower < limit:
                found, limit = search.tree.best.copy(), lower
            search.is_complete = status == COMPLETE
            if status == NEEDS_ROOM and not _make_room(search, self.budget):
                return _report(search, limit, found, finished=True)
            faster = by_clock and turn.clock() - begin < 0.01
            search.num_nodes = (
                min(_NUM_NODES_MAX, search.num_nodes * 2) if faster else search.num_nodes
            )
            if turn.is_spent():
                break
        return _report(search, limit, found, finished=search.is_complete)


def _start(flat: FlatGraph) -> _Search | None:
    from gmruntime.branching.costs import cost_model, start_state
    from gmruntime.branching.leaves import no_rest

    model = cost_model(flat)
    if model is None:
        return None
    network = model.network
    rest = no_rest(len(network.num_states), len(network.table_start))
    return _Search(model, start_state(model, 1 << 20), _no_tree(model), rest)


def _no_tree(model: "CostModel") -> "Tree":
    """Return a tree without nodes."""
    from gmruntime.branching.components import SPLIT_FAILURES_FIRST
    from gmruntime.branching.network import NUM_SPLITS_MAX
    from gmruntime.branching.open_nodes import (
        CONFLICT,
        FAILURES_ALLOWED,
        SPLIT_FAILURES_ALLOWED,
        Tree,
    )

    depth = int(model.network.state_start[-1]) + 2
    n, num_splits = len(model.variables), NUM_SPLITS_MAX + 1
    counts = np.zeros(32, np.int64)
    counts[FAILURES_ALLOWED], counts[CONFLICT] = 1, -1
    counts[SPLIT_FAILURES_ALLOWED] = SPLIT_FAILURES_FIRST
    return Tree(
        np.zeros((depth, 6), np.int64),
        np.zeros((_NUM_OPEN_FIRST + 6 * depth, 4), np.int64),
        np.zeros((_NUM_OPEN_FIRST + 2 * depth, 2), np.int64),
        counts,
        np.zeros(n, np.int32),
        np.full(n, -1, np.int32),
        np.zeros((num_splits, 8), np.int64),
        np.zeros((num_splits, n), np.int32),
        np.zeros((num_splits + 1, n), np.int32),
        np.zeros(n + len(model.network.table_start), np.int64),
    )


def _dive(search: _Search, limit: int) -> tuple["np.ndarray | None", int]:
    """Look for any assignment that breaks no rule, on a copy, before the root is swept for long.

    Returns:
        the assignment or None, and its cost or else `limit`.
    """
    from gmruntime.branching.search import branch, open_root

    network, tree = search.model.network, _no_tree(search.model)
    state = type(search.state)(*(array.copy() for array in search.state))
    if not open_root(network, state, tree, limit):
        return None, limit
    _, lower = branch(network, state, tree, search.rest, limit, search.num_dived)
    search.num_dived *= 2
    return (tree.best.copy(), int(lower)) if lower < limit else (None, limit)


def _limit(search: _Search, incumbent: Incumbent) -> int:
    """Return the cost that must be beaten, units."""
    from gmruntime.branching.costs import cost_of

    best = search.model.finite_max
    if len(incumbent.assignment):
        best = min(best, cost_of(search.model, incumbent.assignment))
    return best


def _sweep(search: _Search, limit: int, budget: Budget, *, by_clock: bool) -> None:
    """Sweep forward and backward; when that no longer pays, make the root consistent.

    Args:
        search: its root, before anything is decided.
        limit: the cost to beat, units.
        budget: of the whole search.
        by_clock: whether time counts; otherwise only gains do, and the clock is not asked.
    """
    from gmruntime.branching.consistency import directions, sweep_both
    from gmruntime.branching.network import CONSTANT
    from gmruntime.branching.search import open_root

    network, state = search.model.network, search.state
    before = int(state.cells[CONSTANT])
    gap = min(limit, 2 * before) - before
    start = budget.clock() if by_clock else 0.0
    ahead = directions(network, state)
    least = max(1, int(GAIN_LEAST * gap))
    done = sweep_both(network, state, ahead, limit, search.num_at_once, least)
    seconds = budget.clock() - start if by_clock else 0.0
    search.num_sweeps += max(done, 1)
    search.swept_s += seconds
    gained = int(state.cells[CONSTANT]) - before
    if done == search.num_at_once and _is_worth(
        search, gained, gap, seconds, budget if by_clock else None
    ):
        faster = by_clock and seconds < 0.005
        search.num_at_once = min(_NUM_AT_ONCE_MAX, search.num_at_once * (1 + faster))
        return
    search.is_swept = True
    alive = done >= 0 and open_root(network, state, search.tree, limit)
    search.is_complete = not alive


def _is_worth(
    search: _Search, gained: int, gap: int, seconds: float, budget: Budget | None
) -> bool:
    """Say whether sweeping on would close a good part of the gap in half of the time left."""
    if budget is None:
        return gained > _CLOSED_LEAST * gap
    half_s = 0.5 * budget.left_s()
    return search.swept_s < half_s and gained * half_s > _CLOSED_LEAST * gap * seconds


def _make_room(search: _Search, budget: Budget) -> bool:
    tree = search.tree
    if 2 * (tree.links.nbytes + tree.heap.nbytes) > MEMORY_SHARE * budget.memory_bytes:
        return False
    search.tree = tree._replace(
        links=np.concatenate([tree.links, np.zeros_like(tree.links)]),
        heap=np.concatenate([tree.heap, np.zeros_like(tree.heap)]),
    )
    return True


def _report(
    search: _Search,
    limit: int,
    found: np.ndarray | None,
    *,
    finished: bool = False,
) -> Report:
    from gmruntime.branching.costs import log_bound_of, whole_piece
    from gmruntime.branching.network import CONSTANT
    from gmruntime.branching.open_nodes import BASE_BOUND, IS_DOWN, NUM_OPEN

    counts = search.tree.counts
    if search.is_complete:
        bound = limit
    elif not search.is_swept:
        bound = int(search.state.cells[CONSTANT])
    else:
        bounds = [int(counts[BASE_BOUND])] if counts[IS_DOWN] else []
        bounds += [int(search.tree.heap[0, 0])] if counts[NUM_OPEN] else []
        bound = min([limit, *bounds])
    log_bound = log_bound_of(search.model, bound)
    if search.is_complete and limit >= search.model.finite_max:
        log_bound = float("-inf")
    assignment = None if found is None else whole_piece(search.model, found)
    return Report(assignment, log_bound, finished or search.is_complete)
