"""Maxima over places whose windows go round in circles: bounds, assignments, and a search.

A forest of the tightest windows bounds the maximum from above, since what is left out only forbids
or costs; sweeps over all windows lower that, and suggest an assignment. With the places fixed that
all left out windows share, what remains is a forest, solved exactly: so every suggestion becomes
the best that agrees with it there. The rest is branch and bound on these places, by halves of
their grids, until the bound is met.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64, cuts, row_starts, rows_by
from gmruntime.budget import Budget, within
from gmruntime.quality import is_proved, tolerance
from gmruntime.windows.pairs import Pairs
from gmruntime.windows.passes import WORK_AT_ONCE, decoded, hung, upward, work_of
from gmruntime.windows.records import TABLE, WINDOW, Rooted, Round

_NUM_SWEEPS_FIRST, _NUM_SWEEPS_BELOW = 30, 3
"""Sweeps there and back before anything is branched on, and after."""

Box = tuple[int, Int64[np.ndarray, " _states"]]
"""A place and the states that it may have."""


@dataclass(slots=True, eq=False)
class Circles:
    """The search for the best places of one component.

    Attributes:
        pairs: what is searched.
        tree: a forest of its windows, the tightest.
        cut: places that between them have an end of each window left out.
        around: messages along all windows, in the order of the tree.
        edge_runs: the windows, cut where the clock is looked at.
        place_runs: likewise the order of the places.
        upper: no assignment is worth more.
        lower: what the best one found is worth; -inf while none is.
        states: that assignment.
        open: what is still to be looked at, the most promising first.
    """

    pairs: Pairs
    tree: Rooted
    cut: list[int]
    around: Round
    edge_runs: list[tuple[int, int]]
    place_runs: list[tuple[int, int]]
    upper: float = np.inf
    lower: float = -np.inf
    states: Int64[np.ndarray, " places"] = field(default_factory=lambda: np.zeros(0, np.int64))
    open: list[tuple[float, int, tuple[Box, ...]]] = field(
        default_factory=list[tuple[float, int, tuple[Box, ...]]]
    )
    num_seen: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether nothing better is left to be found."""
        return self.upper == -np.inf or is_proved(self.lower, self.upper)


def by_tightness(pairs: Pairs) -> Int64[np.ndarray, " edges"]:
    """Order edges so that those that forbid most come first."""
    edges = pairs.edges
    reach = (2 * edges.ints[:, 2] + 1) * (2 * edges.ints[:, 3] + 1)
    order = np.where(edges.code == WINDOW, reach, np.where(edges.code == TABLE, -1, 1 << 20))
    return np.argsort(order, kind="stable")


def left_out(pairs: Pairs, tree: Rooted) -> Float64[np.ndarray, " edges"]:
    """Return the most that each edge adds that a forest leaves out; 0 of all others."""
    edges, result = pairs.edges, np.zeros(len(pairs.edges.first))
    for e in np.flatnonzero(tree.is_used == 0).tolist():
        table = edges.tables[edges.table_start[e] : edges.table_start[e + 1]]
        result[e] = float(table.max()) if len(table) else 0.0
    return result


def circles_of(pairs: Pairs, upper: float) -> Circles:
    """Begin a search with what is known to bound it."""
    tree = hung(pairs, by_tightness(pairs)).tree
    count, edges = len(pairs.start) - 1, pairs.edges
    position = np.empty(count, np.int64)
    position[tree.order] = np.arange(count)
    ends = np.stack([edges.first, edges.second], axis=1)
    near_start, order = rows_by(ends.reshape(-1), count)
    ahead, behind = np.zeros(count), np.zeros(count)
    first_is_later = position[edges.first] > position[edges.second]
    np.add.at(behind, np.where(first_is_later, edges.first, edges.second), 1.0)
    np.add.at(ahead, np.where(first_is_later, edges.second, edges.first), 1.0)
    share = 1.0 / np.maximum(np.maximum(ahead, behind), 1.0)
    sizes = np.diff(pairs.start)
    starts = row_starts(np.concatenate([sizes[edges.first], sizes[edges.second]]))
    around = Round(
        *(tree.order, position, share, near_start.astype(np.int64), order.astype(np.int64) // 2),
        *(starts[: len(ends)], starts[len(ends) : 2 * len(ends)], np.zeros(starts[-1])),
    )
    work = work_of(pairs, True)
    of_places = np.bincount(ends.reshape(-1), np.repeat(work, 2), minlength=count)[tree.order]
    runs = cuts(work, WORK_AT_ONCE), cuts(of_places, WORK_AT_ONCE)
    found = Circles(pairs, tree, _cover(ends[tree.is_used == 0]), around, *runs, upper)
    found.open.append((-upper, 0, ()))
    return found


def _cover(ends: Int64[np.ndarray, "edges two"]) -> list[int]:
    """Choose places so that each edge has one: always that of most edges."""
    chosen: list[int] = []
    while len(ends):
        places, counts = np.unique(ends, return_counts=True)
        best = int(places[counts.argmax()])
        chosen.append(best)
        ends = ends[(ends != best).all(axis=1)]
    return chosen


def improve(found: Circles, budget: Budget) -> None:
    """Look at the most promising part, and cut it in two.

    Raises:
        TimeoutError: when the budget is spent; the search may go on all the same.
    """
    budget.check()
    if not found.open or found.is_settled:
        return
    first = heapq.heappop(found.open)
    negative, _, boxes = first
    try:
        high, unary = _look(found, -negative, boxes, budget)
    except TimeoutError:
        heapq.heappush(found.open, first)
        raise
    if high > found.lower + tolerance(found.lower):
        for box in _halves(found, unary):
            found.num_seen += 1
            heapq.heappush(found.open, (-high, found.num_seen, (*boxes, box)))
    upper = -found.open[0][0] if found.open else -np.inf
    found.upper = max(min(upper, found.upper), found.lower)


def _look(
    found: Circles, upper: float, boxes: tuple[Box, ...], budget: Budget
) -> tuple[float, Float64[np.ndarray, " states"]]:
    """Bound what some states of places allow, and find an assignment; -inf where there is none."""
    from gmruntime.windows import swept

    pairs = found.pairs
    start, edges, unary = pairs.start, pairs.edges, pairs.unary.copy()
    for v, states in boxes:
        allowed = np.full(int(start[v + 1] - start[v]), -np.inf)
        allowed[states] = 0.0
        unary[start[v] : start[v + 1]] += allowed
    scratch = np.empty((4, 2 * int(np.diff(start).max(initial=1))))
    if not _pruned(found, unary, scratch, budget):
        return -np.inf, unary
    around = found.around
    if boxes:
        around = around._replace(messages=around.messages.copy())
    states = np.zeros(len(start) - 1, np.int64)
    for _ in range(_NUM_SWEEPS_BELOW if boxes else _NUM_SWEEPS_FIRST):
        for is_forward in (True, False):
            runs = found.place_runs if is_forward else found.place_runs[::-1]
            for first, last in within(runs, budget, every=1):
                swept.sweep(start, unary, edges, around, scratch, is_forward, first, last)
        upper = min(upper, swept.bound(start, unary, edges, around, scratch))
        swept.choose(start, unary, edges, around, states, scratch)
        _keep(found, swept.score(start, unary, edges, states), states)
        if is_proved(found.lower, upper) or upper <= found.lower:
            return upper, unary
        budget.check()
    value = _given_cut(found, unary, states, budget)
    if _is_fixed(found, unary):
        # With all of them fixed, what remains is a forest.
        return min(upper, value), unary
    return upper, unary


def _pruned(
    found: Circles,
    unary: Float64[np.ndarray, " states"],
    scratch: Float64[np.ndarray, "four scratch"],
    budget: Budget,
) -> bool:
    """Forbid states that no state of a neighbour allows, and so on; False where none is left."""
    from gmruntime.windows.swept import prune

    start, edges = found.pairs.start, found.pairs.edges
    is_changed = True
    while is_changed:
        is_changed = False
        for first, last in within(found.edge_runs, budget, every=1):
            change = prune(start, unary, edges, scratch, first, last)
            if change < 0:
                return False
            is_changed |= change > 0
    return True


def _keep(found: Circles, value: float, states: Int64[np.ndarray, " places"]) -> None:
    if value > found.lower:
        found.lower, found.states = value, states.copy()


def _given_cut(
    found: Circles,
    unary: Float64[np.ndarray, " states"],
    states: Int64[np.ndarray, " places"],
    budget: Budget,
) -> float:
    """Find the best assignment that agrees with one on the cut; return what it is worth."""
    from gmruntime.windows.swept import hold, score

    start, edges = found.pairs.start, found.pairs.edges
    held, is_cut = unary.copy(), np.zeros(len(states), np.bool_)
    is_cut[found.cut] = True
    hold(start, held, edges, found.tree.is_used, is_cut, states)
    given = Pairs(start, held, edges)
    passed = upward(given, found.tree, True, budget)
    if not np.isfinite(passed.top.sum()):
        return -np.inf
    best = decoded(given, passed)
    value = score(start, unary, edges, best)
    _keep(found, value, best)
    return value


def _is_fixed(found: Circles, unary: Float64[np.ndarray, " states"]) -> bool:
    return all(int(_alive(found, unary, v).sum()) <= 1 for v in found.cut)


def _alive(
    found: Circles, unary: Float64[np.ndarray, " states"], v: int
) -> Bool[np.ndarray, " states"]:
    start = found.pairs.start
    return unary[start[v] : start[v + 1]] > -np.inf


def _halves(found: Circles, unary: Float64[np.ndarray, " states"]) -> list[Box]:
    """Halve the place of the cut that has the most states left, across its longer side."""
    v = max(found.cut, key=lambda v: int(_alive(found, unary, v).sum()))
    states = np.flatnonzero(_alive(found, unary, v))
    if len(states) < 2:
        return []
    edges = found.pairs.edges
    of_place = np.flatnonzero(((edges.first == v) | (edges.second == v)) & (edges.code != TABLE))
    columns = int(edges.ints[of_place[0], 1]) if len(of_place) else len(unary)
    sides = np.divmod(states, columns)
    longer = max(sides, key=lambda side: int(side.max() - side.min()))
    low = longer <= (longer.min() + longer.max()) // 2
    return [(v, states[low]), (v, states[~low])]
