"""Compiled passes over forests of places: up to the roots, down again, and the best assignment.

Maxima are in logs; sums are taken of exponentials, scaled by the largest, and given up where that
would lose what is small. Importing this file imports numba.
"""

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.compiling import loop
from gmruntime.messages.kernels.compiled.places import paid_by_distance, within_window
from gmruntime.windows.records import (
    OFFSETS,
    SLOPED,
    TABLE,
    WINDOW,
    Carried,
    Edges,
    Rooted,
    Told,
    Values,
)

_RANGE_MAX = 600.0
"""Nats between the largest and the least of what is added up: the exponential holds 700."""


@loop
def hang(
    count: int,
    edges: Edges,
    by_preference: Int64[np.ndarray, " edges"],
    tree: Rooted,
    near: Int64[np.ndarray, " twice_edges"],
    starts: Int64[np.ndarray, " places_and_end"],
) -> int:
    """Choose a forest of edges, those that come first, and hang it from its lowest places.

    Args:
        count: of the places.
        edges: all of them.
        by_preference: their numbers, in the order in which they are tried.
        tree: is filled.
        near: scratch.
        starts: scratch.

    Returns:
        how many edges would close a circle.
    """
    left = 0
    order, parent, edge, root, is_used = tree
    # Until the end `parent` leads to a place that stands for all that are joined.
    for v in range(count):
        parent[v] = v
        starts[v] = 0
    starts[count] = 0
    for k in range(len(by_preference)):
        e = by_preference[k]
        one = _standing(parent, int(edges.first[e]))
        other = _standing(parent, int(edges.second[e]))
        is_used[e] = 0
        if one == other:
            left += 1
            continue
        parent[max(one, other)] = min(one, other)
        is_used[e] = 1
        starts[edges.first[e] + 1] += 1
        starts[edges.second[e] + 1] += 1
    for v in range(count):
        root[v] = _standing(parent, v)
    for v in range(count):
        starts[v + 1] += starts[v]
        edge[v] = starts[v]
    for e in range(len(edges.first)):
        if is_used[e] == 1:
            for v in (edges.first[e], edges.second[e]):
                near[edge[v]] = e
                edge[v] += 1
    filled = 0
    for v in range(count):
        if root[v] == v:
            order[filled] = v
            filled += 1
            parent[v] = -1
            edge[v] = -1
    done = 0
    while done < filled:
        v = order[done]
        done += 1
        for k in range(starts[v], starts[v + 1]):
            e = near[k]
            other = edges.second[e] if edges.first[e] == v else edges.first[e]
            if e != edge[v]:
                order[filled] = other
                filled += 1
                parent[other] = v
                edge[other] = e
    return left


@loop
def join_all(leads: Int64[np.ndarray, " places"], pairs: Int64[np.ndarray, "pairs two"]) -> None:
    """Let each place lead to the lowest that pairs join it with; it begins leading to itself."""
    for k in range(len(pairs)):
        one, other = _standing(leads, int(pairs[k, 0])), _standing(leads, int(pairs[k, 1]))
        leads[max(one, other)] = min(one, other)
    for v in range(len(leads)):
        leads[v] = _standing(leads, v)


@loop
def _standing(leads: np.ndarray, v: int) -> int:
    while leads[v] != v:
        leads[v] = leads[leads[v]]
        v = leads[v]
    return v


@loop
def send(
    edges: Edges,
    e: int,
    is_forward: bool,
    said: Float64[np.ndarray, " states"],
    out: Float64[np.ndarray, " other_states"],
    work: Float64[np.ndarray, " scratch"],
    is_max: bool,
) -> None:
    """Write what one end of an edge says to the other.

    Args:
        edges: of which this is one; for sums its tables are exponentials.
        e: its number.
        is_forward: from the first to the second.
        said: what the one end says; logs for maxima, else their exponentials.
        out: what the other hears.
        work: scratch, twice the states.
        is_max: maxima instead of sums.
    """
    code, zero = edges.code[e], -np.inf if is_max else 0.0
    if code == WINDOW:
        within_window(said, out, work, edges.ints[e], is_max)
        return
    if code == SLOPED:
        paid_by_distance(said, out, edges.ints[e], edges.reals[e], is_max)
        return
    table = edges.tables[edges.table_start[e] : edges.table_start[e + 1]]
    for x in range(len(out)):
        out[x] = zero
    if code == OFFSETS:
        rows, columns = edges.ints[e, 0], edges.ints[e, 1]
        for down in range(rows):
            for aside in range(columns):
                value = float(table[down * columns + aside])
                if value != zero:
                    _apart(said, out, rows, columns, down, aside, value, is_max)
        return
    for x in range(len(said)):
        if said[x] == zero:
            continue
        for y in range(len(out)):
            value = table[x * len(out) + y] if is_forward else table[y * len(said) + x]
            if is_max:
                out[y] = max(out[y], value + said[x])
            else:
                out[y] += value * said[x]


@loop
def _apart(
    said: np.ndarray,
    out: np.ndarray,
    rows: int,
    columns: int,
    down: int,
    aside: int,
    value: float,
    is_max: bool,
) -> None:
    """Join what lies so far apart, in all four directions."""
    for way in range(4):
        if (down == 0 and way % 2 == 1) or (aside == 0 and way >= 2):
            continue
        by_rows = -down if way % 2 == 1 else down
        by_columns = -aside if way >= 2 else aside
        for row in range(max(0, -by_rows), min(rows, rows - by_rows)):
            for column in range(max(0, -by_columns), min(columns, columns - by_columns)):
                here = row * columns + column
                there = said[(row + by_rows) * columns + column + by_columns]
                if is_max:
                    out[here] = max(out[here], there + value)
                else:
                    out[here] += there * value


@loop
def pair_value(edges: Edges, e: int, one: int, other: int, num_second: int) -> float:
    """Return the log value of an edge in a state of its first and its second end."""
    code = edges.code[e]
    if code == TABLE:
        return float(edges.tables[edges.table_start[e] + one * num_second + other])
    columns = edges.ints[e, 1]
    down = abs(one // columns - other // columns)
    aside = abs(one % columns - other % columns)
    if code == WINDOW:
        return 0.0 if down <= edges.ints[e, 2] and aside <= edges.ints[e, 3] else -np.inf
    if code == SLOPED:
        return -min(float(edges.reals[e, 0]) * (down + aside), float(edges.reals[e, 1]))
    return float(edges.tables[edges.table_start[e] + down * columns + aside])


@loop
def climb(
    tree: Rooted,
    values: Values,
    told: Told,
    carried: Carried,
    scratch: Float64[np.ndarray, "three scratch"],
    first: int,
    last: int,
) -> bool:
    """Send messages of some places up: `values.totals` hears all children.

    Args:
        tree: whose edges are used.
        values: whose totals begin as the unary values.
        told: the edges.
        carried: `up` is filled.
        scratch: three rows of twice the most states.
        first: the places order[first..last - 1] send, the last one first.
        last: likewise.

    Returns:
        whether no digit that counts may have been lost.
    """
    start, totals = values.start, values.totals
    for k in range(last - 1, first - 1, -1):
        v = tree.order[k]
        e, p = int(tree.edge[v]), tree.parent[v]
        if e < 0:
            continue
        said = totals[start[v] : start[v + 1]]
        out = carried.up[carried.start[v] : carried.start[v + 1]]
        if not _say(told, e, told.edges.first[e] == v, said, out, scratch):
            return False
        for x in range(len(out)):
            totals[start[p] + x] += out[x]
    return True


@loop
def _say(
    told: Told,
    e: int,
    is_forward: bool,
    said: np.ndarray,
    out: np.ndarray,
    scratch: np.ndarray,
) -> bool:
    """Send logs through an edge, maxima or sums; say whether all digits were kept."""
    edges, scale = told.edges, told.scale
    if told.is_max:
        send(edges, e, is_forward, said, out, scratch[0], True)
        return True
    high, low = -np.inf, np.inf
    for x in range(len(said)):
        high = max(high, said[x])
        if said[x] > -np.inf:
            low = min(low, said[x])
    if high == -np.inf:
        for x in range(len(out)):
            out[x] = -np.inf
        return True
    if high - low + scale[e, 1] > _RANGE_MAX:
        return False
    weights = scratch[1, : len(said)]
    for x in range(len(said)):
        weights[x] = np.exp(said[x] - high)
    send(edges, e, is_forward, weights, out, scratch[0], False)
    for x in range(len(out)):
        out[x] = np.log(out[x]) + high + scale[e, 0] if out[x] > 0.0 else -np.inf
    return True


@loop
def decode(
    tree: Rooted,
    start: Int64[np.ndarray, " places_and_end"],
    totals: Float64[np.ndarray, " states"],
    edges: Edges,
    states: Int64[np.ndarray, " places"],
) -> None:
    """Choose the best state of each root, then of each place given its parent's; first of equals.

    Args:
        tree: whose edges are used.
        start: of the states of each place.
        totals: what `climb` with maxima has left.
        edges: with log values.
        states: is filled.
    """
    for k in range(len(tree.order)):
        v = tree.order[k]
        e, size, best = int(tree.edge[v]), int(start[v + 1] - start[v]), -np.inf
        states[v] = 0
        for x in range(size):
            value = totals[start[v] + x]
            if value > -np.inf and e >= 0:
                p = tree.parent[v]
                if edges.first[e] == v:
                    width = int(start[p + 1] - start[p])
                    value += pair_value(edges, e, x, int(states[p]), width)
                else:
                    value += pair_value(edges, e, int(states[p]), x, size)
            if value > best:
                best = value
                states[v] = x


@loop
def descend(
    tree: Rooted,
    values: Values,
    told: Told,
    carried: Carried,
    scratch: Float64[np.ndarray, "three scratch"],
    first: int,
    last: int,
) -> bool:
    """Send messages down to some places, after which `values.totals` is what all say of each place.

    Args:
        tree: whose edges are used.
        values: what `climb` has left.
        told: the edges.
        carried: `up` is read, `down` is filled.
        scratch: three rows of twice the most states.
        first: the places order[first..last - 1] are told, in this order.
        last: likewise.

    Returns:
        whether no digit that counts may have been lost.
    """
    start, unary, totals, heard = values
    for k in range(first, last):
        v = tree.order[k]
        e, p = int(tree.edge[v]), tree.parent[v]
        if e < 0:
            continue
        size = start[p + 1] - start[p]
        if tree.parent[tree.order[k - 1]] != p:
            _leave_one_out(tree, k, unary, heard, start, carried, scratch[2, :size])
        said = carried.down[carried.start[v] : carried.start[v] + size]
        out = heard[start[v] : start[v + 1]]
        if not _say(told, e, told.edges.first[e] == p, said, out, scratch):
            return False
        for x in range(len(out)):
            totals[start[v] + x] += out[x]
    return True


@loop
def _leave_one_out(
    tree: Rooted,
    first: int,
    unary: np.ndarray,
    heard: np.ndarray,
    start: np.ndarray,
    carried: Carried,
    so_far: np.ndarray,
) -> None:
    """Write what a parent knows but from each of its children, of which order[first] is the first.

    Those before it, then those behind it: nothing is subtracted.
    """
    p = tree.parent[tree.order[first]]
    for x in range(len(so_far)):
        so_far[x] = unary[start[p] + x] + heard[start[p] + x]
    last = first
    while last < len(tree.order) and tree.parent[tree.order[last]] == p:
        there = carried.start[tree.order[last]]
        for x in range(len(so_far)):
            carried.down[there + x] = so_far[x]
            so_far[x] += carried.up[there + x]
        last += 1
    for x in range(len(so_far)):
        so_far[x] = 0.0
    for c in range(last - 1, first - 1, -1):
        there = carried.start[tree.order[c]]
        for x in range(len(so_far)):
            carried.down[there + x] += so_far[x]
            so_far[x] += carried.up[there + x]
