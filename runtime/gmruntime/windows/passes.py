"""Passes over forests of places: what is best or adds up below each root, and what all say of each.

Maxima and most sums run compiled. Sums whose terms are too far apart for exponentials are added up
in logs, by the rules of the kinds themselves.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64, row_starts
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import SoftWindow, Window
from gmruntime.factors.semiring import reduce
from gmruntime.windows.pairs import Pairs
from gmruntime.windows.records import OFFSETS, SLOPED, TABLE, WINDOW, Carried, Edges, Rooted, Values


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
    if not _compiled("climb", pairs, tree, values, carried, is_max):
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
    if not _compiled("descend", pairs, tree, values, carried, is_max):
        values.totals[:], values.heard[:] = before, 0.0
        _descend_in_logs(pairs, tree, values, carried, budget)


def decoded(pairs: Pairs, passed: Passed) -> Int64[np.ndarray, " places"]:
    """Return the best states, given what maxima have left."""
    from gmruntime.windows.compiled import decode

    states = np.zeros(len(pairs.start) - 1, np.int64)
    decode(passed.forest, pairs.start, passed.values.totals, pairs.edges, states)
    return states


def _compiled(
    name: str, pairs: Pairs, tree: Rooted, values: Values, carried: Carried, is_max: bool
) -> bool:
    from gmruntime.windows import compiled

    edges, scale = pairs.edges, np.zeros((len(pairs.edges.first), 2))
    if not is_max:
        edges, scale = _exponentials(pairs)
    scratch = np.empty((3, 2 * int(np.diff(pairs.start).max(initial=1))))
    run = compiled.climb if name == "climb" else compiled.descend
    return run(tree, values, edges, scale, carried, scratch, is_max)


def _exponentials(pairs: Pairs) -> tuple[Edges, Float64[np.ndarray, "edges two"]]:
    """Return edges with exponentials of their tables, the logs that were taken out, and ranges."""
    edges = pairs.edges
    scale = np.zeros((len(edges.first), 2))
    scale[:, 1] = np.where(edges.code == SLOPED, edges.reals[:, 1], 0.0)
    tables = edges.tables.copy()
    for e in np.flatnonzero(np.diff(edges.table_start)).tolist():
        piece = tables[edges.table_start[e] : edges.table_start[e + 1]]
        high = float(piece.max())
        if high == -np.inf:
            piece[:] = 0.0
            continue
        scale[e] = high, high - float(piece[piece > -np.inf].min())
        piece[:] = np.exp(piece - high)
    return edges._replace(tables=tables), scale


def _tops(pairs: Pairs, tree: Rooted, values: Values, is_max: bool) -> np.ndarray:
    top = np.zeros(len(tree.parent))
    for v in np.flatnonzero(tree.parent < 0).tolist():
        row = values.totals[pairs.start[v] : pairs.start[v + 1]]
        top[v] = float(reduce(row[None], (1,), is_max)[0])
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
