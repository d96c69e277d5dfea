"""Passes over forests of places: what is best or adds up below each root, and what all say of each.

Maxima and most sums run compiled. Sums whose terms are too far apart for exponentials are added up
in logs, by the rules of the kinds themselves.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64, cuts, row_starts
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.factors.kinds import SoftWindow, Window
from gmruntime.factors.semiring import reduce
from gmruntime.windows.pairs import Pairs
from gmruntime.windows.records import OFFSETS, SLOPED, TABLE, WINDOW, Carried, Rooted, Told, Values

WORK_AT_ONCE = 1 << 24
"""Pairs of states gone through between two looks at the clock, some hundredths of a second."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """A forest that was chosen, and how many edges are left that would close a circle."""

    tree: Rooted
    num_left: int


def hung(pairs: Pairs, by_preference: Int64[np.ndarray, " edges"] | None = None) -> Forest:
    """Hang a forest from its roots: all edges that close no circle, in an order of preference."""
    from gmruntime.windows.compiled import hang

    count, edges = len(pairs.start) - 1, pairs.edges
    order = np.arange(len(edges.first)) if by_preference is None else by_preference
    first, parent, edge, root = np.zeros((4, count), np.int64)
    tree = Rooted(first, parent, edge, root, np.zeros(len(order), np.int64))
    near, starts = np.zeros(2 * len(order) + 1, np.int64), np.zeros(count + 1, np.int64)
    return Forest(tree, hang(count, edges, order, tree, near, starts))


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """What messages up a forest have left.

    Attributes:
        forest: that they went up.
        values: its totals are, of each place, what it and all below it are worth.
        carried: the messages.
        top: of each root, the value of all that hangs from it; 0 of other places.
    """

    forest: Rooted
    values: Values
    carried: Carried
    top: Float64[np.ndarray, " places"]


def upward(pairs: Pairs, tree: Rooted, is_max: bool, budget: Budget = UNLIMITED) -> Passed:
    """Send messages to the roots.

    Raises:
        TimeoutError: when the budget is spent.
    """
    budget.check()
    values = Values(pairs.start, pairs.unary, pairs.unary.copy(), np.zeros(len(pairs.unary)))
    sizes = np.diff(pairs.start)
    lengths = np.where(tree.parent >= 0, sizes[np.maximum(tree.parent, 0)], 0)
    start = row_starts(lengths)
    carried = Carried(start, np.empty(start[-1]), np.empty(start[-1]))
    if not _climb(pairs, tree, values, carried, is_max, budget):
        values.totals[:] = pairs.unary
        _climb_in_logs(pairs, tree, values, carried, budget)
    return Passed(tree, values, carried, _tops(pairs, tree, values, is_max))


def downward(pairs: Pairs, passed: Passed, is_max: bool, budget: Budget = UNLIMITED) -> None:
    """Send messages down again; the totals then are what all say of each place.

    Raises:
        TimeoutError: when the budget is spent.
    """
    budget.check()
    tree, values, carried = passed.forest, passed.values, passed.carried
    before = values.totals.copy()
    if not _descend(pairs, tree, values, carried, is_max, budget):
        values.totals[:], values.heard[:] = before, 0.0
        _descend_in_logs(pairs, tree, values, carried, budget)


def decoded(pairs: Pairs, passed: Passed) -> Int64[np.ndarray, " places"]:
    """Return the best states, given what maxima have left."""
    from gmruntime.windows.compiled import decode

    states = np.zeros(len(pairs.start) - 1, np.int64)
    decode(passed.forest, pairs.start, passed.values.totals, pairs.edges, states)
    return states


# --- Compiled ----------------------------------------------------------------------------


def _climb(
    pairs: Pairs, tree: Rooted, values: Values, carried: Carried, is_max: bool, budget: Budget
) -> bool:
    from gmruntime.windows.compiled import climb

    told, scratch = _told(pairs, is_max), _scratch(pairs)
    for first, last in within(reversed(_parts(pairs, tree, is_max)), budget, every=1):
        if not climb(tree, values, told, carried, scratch, first, last):
            return False
    return True


def _descend(
    pairs: Pairs, tree: Rooted, values: Values, carried: Carried, is_max: bool, budget: Budget
) -> bool:
    from gmruntime.windows.compiled import descend

    told, scratch = _told(pairs, is_max), _scratch(pairs)
    for first, last in within(_parts(pairs, tree, is_max), budget, every=1):
        if not descend(tree, values, told, carried, scratch, first, last):
            return False
    return True


def _scratch(pairs: Pairs) -> Float64[np.ndarray, "three scratch"]:
    return np.empty((3, 2 * int(np.diff(pairs.start).max(initial=1))))


def work_of(pairs: Pairs, is_max: bool) -> Int64[np.ndarray, " edges"]:
    """Count the pairs of states that each edge goes through, or what takes as long."""
    edges, sizes = pairs.edges, np.diff(pairs.start)
    is_swept = (edges.code == WINDOW) | ((edges.code == SLOPED) & is_max)
    sides = np.where(is_swept, edges.ints[:, :2].sum(axis=1) + 8, sizes[edges.second])
    return sizes[edges.first] * sides


def _parts(pairs: Pairs, tree: Rooted, is_max: bool) -> list[tuple[int, int]]:
    """Cut the order where the clock is looked at."""
    return cuts(np.append(work_of(pairs, is_max), 0)[tree.edge[tree.order]] + 1, WORK_AT_ONCE)


def _told(pairs: Pairs, is_max: bool) -> Told:
    if is_max:
        return Told(pairs.edges, np.zeros((len(pairs.edges.first), 2)), True)
    return _exponentials(pairs)


def _exponentials(pairs: Pairs) -> Told:
    edges = pairs.edges
    scale = np.zeros((len(edges.first), 2))
    # Whatever the cap, nothing costs more than the way from one corner to the other.
    across = edges.reals[:, 0] * (edges.ints[:, :2].sum(axis=1) - 2)
    most = np.minimum(across, edges.reals[:, 1])
    scale[:, 1] = np.where(edges.code == SLOPED, most, 0.0)
    tables = edges.tables.copy()
    for e in np.flatnonzero(np.diff(edges.table_start)).tolist():
        piece = tables[edges.table_start[e] : edges.table_start[e + 1]]
        high = float(piece.max())
        if high == -np.inf:
            piece[:] = 0.0
            continue
        scale[e] = high, high - float(piece[piece > -np.inf].min())
        piece[:] = np.exp(piece - high)
    return Told(edges._replace(tables=tables), scale, False)


def _tops(pairs: Pairs, tree: Rooted, values: Values, is_max: bool) -> np.ndarray:
    is_root, sizes = tree.parent < 0, np.diff(pairs.start)
    totals, starts = values.totals[np.repeat(is_root, sizes)], row_starts(sizes[is_root])[:-1]
    found = np.maximum.reduceat(totals, starts)
    if not is_max:
        high = np.where(np.isneginf(found), 0.0, found)
        weights = np.exp(totals - np.repeat(high, sizes[is_root]))
        with np.errstate(divide="ignore"):
            found = np.log(np.add.reduceat(weights, starts)) + high
    top = np.zeros(len(is_root))
    top[is_root] = found
    return top


# --- In logs -----------------------------------------------------------------------------


def _climb_in_logs(
    pairs: Pairs, tree: Rooted, values: Values, carried: Carried, budget: Budget
) -> None:
    start = pairs.start
    for v in tree.order[::-1].tolist():
        e, p = int(tree.edge[v]), int(tree.parent[v])
        if e < 0:
            continue
        budget.check()
        said = values.totals[start[v] : start[v + 1]]
        out = _sent(pairs, e, bool(pairs.edges.first[e] == v), said, budget)
        carried.up[carried.start[v] : carried.start[v + 1]] = out
        values.totals[start[p] : start[p + 1]] += out


def _descend_in_logs(
    pairs: Pairs, tree: Rooted, values: Values, carried: Carried, budget: Budget
) -> None:
    start = pairs.start
    children: dict[int, list[int]] = {}
    for v in tree.order.tolist():
        children.setdefault(int(tree.parent[v]), []).append(v)
    for p in tree.order.tolist():
        here = slice(start[p], start[p + 1])
        own = children.get(p, [])
        ups = [carried.up[carried.start[v] : carried.start[v + 1]] for v in own]
        for k, v in enumerate(own):
            budget.check()
            others = [up for j, up in enumerate(ups) if j != k]
            said = values.unary[here] + values.heard[here] + sum(others)
            e = int(tree.edge[v])
            out = _sent(pairs, e, bool(pairs.edges.first[e] == p), said, budget)
            values.heard[start[v] : start[v + 1]] = out
            values.totals[start[v] : start[v + 1]] += out


def _sent(pairs: Pairs, e: int, is_forward: bool, said: np.ndarray, budget: Budget) -> np.ndarray:
    """Add up what one end of an edge says to the other, in logs."""
    edges = pairs.edges
    rows, columns, *reach = edges.ints[e].tolist()
    table = edges.tables[edges.table_start[e] : edges.table_start[e + 1]]
    code = int(edges.code[e])
    if code == WINDOW:
        up, aside = (np.array([r], np.int64) for r in reach)
        kind = Window(rows, columns, up, aside)
        return kind.one_way(said[None, None], False, budget)[0, 0]
    if code == SLOPED:
        slope, cap = (edges.reals[e, k : k + 1] for k in range(2))
        soft = SoftWindow(rows, columns, slope, cap)
        return soft.one_way(said[None, None], False, budget)[0, 0]
    size = int(pairs.start[edges.first[e] + 1] - pairs.start[edges.first[e]])
    if code == TABLE:
        full = table.reshape(size, -1)
    else:
        assert code == OFFSETS
        down, aside = np.divmod(np.arange(size), columns)
        apart = np.abs(down[:, None] - down), np.abs(aside[:, None] - aside)
        full = table[apart[0] * columns + apart[1]]
    full = full if is_forward else full.T
    return reduce(full + said[:, None], (0,), False)
