"""Compiled sweeps over places whose windows go round in circles; importing this imports numba.

Whatever the messages are, what they leave of places and of windows adds up to the score of every
assignment; so the largest of each add up to a bound. Sweeps lower it.

Source: Kolmogorov (2006), "Convergent tree-reweighted message passing for energy minimization".
"""

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.compiling import loop
from gmruntime.windows.compiled import pair_value, send
from gmruntime.windows.records import SLOPED, Edges, Round

_ROUNDING = 1e-13


@loop
def prune(
    start: Int64[np.ndarray, " places_and_end"],
    unary: Float64[np.ndarray, " states"],
    edges: Edges,
    scratch: Float64[np.ndarray, "four scratch"],
    first: int,
    last: int,
) -> int:
    """Forbid states that no state of a neighbour allows, along the edges first..last - 1.

    Returns:
        1 where some state has been forbidden, so that others may follow; 0 where none has; -1 where
        some place has no state left.
    """
    changed = 0
    for e in range(first, last):
        if edges.code[e] == SLOPED:
            # A price forbids nothing.
            continue
        for way in range(2):
            one = int(edges.first[e] if way == 0 else edges.second[e])
            other = int(edges.second[e] if way == 0 else edges.first[e])
            said = scratch[1, : start[one + 1] - start[one]]
            out = scratch[2, : start[other + 1] - start[other]]
            for x in range(len(said)):
                said[x] = 0.0 if unary[start[one] + x] > -np.inf else -np.inf
            send(edges, e, way == 0, said, out, scratch[0], True)
            alive = 0
            for x in range(len(out)):
                here = start[other] + x
                if unary[here] == -np.inf:
                    continue
                if out[x] == -np.inf:
                    unary[here] = -np.inf
                    changed = 1
                else:
                    alive += 1
            if alive == 0:
                return -1
    return changed


@loop
def sweep(
    start: Int64[np.ndarray, " places_and_end"],
    unary: Float64[np.ndarray, " states"],
    edges: Edges,
    around: Round,
    scratch: Float64[np.ndarray, "four scratch"],
    is_forward: bool,
    first: int,
    last: int,
) -> None:
    """Let the places order[first..last - 1] tell those behind them their shares of what they know.

    In order, or backwards: then the last one first, and those before them.
    """
    for position in range(first, last):
        v = int(around.order[position if is_forward else first + last - 1 - position])
        size = start[v + 1] - start[v]
        total = scratch[3, :size]
        _gather(v, start, unary, edges, around, total)
        share = around.share[v]
        for k in range(around.near_start[v], around.near_start[v + 1]):
            e = int(around.near[k])
            other = int(edges.second[e] if edges.first[e] == v else edges.first[e])
            if (around.position[other] > around.position[v]) != is_forward:
                continue
            own, there = _sides(edges, e, v, around)
            said = scratch[1, :size]
            for x in range(size):
                said[x] = share * total[x] - around.messages[own + x]
            out = scratch[2, : start[other + 1] - start[other]]
            send(edges, e, edges.first[e] == v, said, out, scratch[0], True)
            high = -np.inf
            for x in range(len(out)):
                if unary[start[other] + x] > -np.inf:
                    high = max(high, out[x])
            for x in range(len(out)):
                # What a forbidden state hears does not count.
                is_alive = unary[start[other] + x] > -np.inf
                around.messages[there + x] = out[x] - high if is_alive else 0.0


@loop
def _sides(edges: Edges, e: int, v: int, around: Round) -> tuple[int, int]:
    """Return where the messages of an edge begin: to one end, and to the other."""
    if edges.first[e] == v:
        return int(around.to_first[e]), int(around.to_second[e])
    return int(around.to_second[e]), int(around.to_first[e])


@loop
def _gather(
    v: int,
    start: np.ndarray,
    unary: np.ndarray,
    edges: Edges,
    around: Round,
    total: np.ndarray,
) -> None:
    for x in range(len(total)):
        total[x] = unary[start[v] + x]
    for k in range(around.near_start[v], around.near_start[v + 1]):
        own = _sides(edges, int(around.near[k]), v, around)[0]
        for x in range(len(total)):
            total[x] += around.messages[own + x]


@loop
def bound(
    start: Int64[np.ndarray, " places_and_end"],
    unary: Float64[np.ndarray, " states"],
    edges: Edges,
    around: Round,
    scratch: Float64[np.ndarray, "four scratch"],
) -> float:
    """Add up the largest of what messages leave of each place and of each edge.

    What rounding may take from so many numbers is added.
    """
    result, size = 0.0, 0.0
    for v in range(len(start) - 1):
        total = scratch[3, : start[v + 1] - start[v]]
        _gather(v, start, unary, edges, around, total)
        high = -np.inf
        for x in range(len(total)):
            high = max(high, total[x])
        result += high
        size += abs(high)
    for e in range(len(edges.first)):
        one, other = int(edges.first[e]), int(edges.second[e])
        said = scratch[1, : start[other + 1] - start[other]]
        out = scratch[2, : start[one + 1] - start[one]]
        for x in range(len(said)):
            is_alive = unary[start[other] + x] > -np.inf
            said[x] = -around.messages[around.to_second[e] + x] if is_alive else -np.inf
        send(edges, e, False, said, out, scratch[0], True)
        high = -np.inf
        for x in range(len(out)):
            if unary[start[one] + x] > -np.inf:
                high = max(high, out[x] - around.messages[around.to_first[e] + x])
        result += high
        size += abs(high)
    return float(result + _ROUNDING * size)


@loop
def choose(
    start: Int64[np.ndarray, " places_and_end"],
    unary: Float64[np.ndarray, " states"],
    edges: Edges,
    around: Round,
    states: Int64[np.ndarray, " places"],
    scratch: Float64[np.ndarray, "four scratch"],
) -> None:
    """Choose states in order: what is best given those chosen, and what messages say of others."""
    for k in range(len(around.order)):
        v = int(around.order[k])
        size = int(start[v + 1] - start[v])
        total = scratch[3, :size]
        for x in range(size):
            total[x] = unary[start[v] + x]
        for j in range(around.near_start[v], around.near_start[v + 1]):
            e = int(around.near[j])
            is_first = edges.first[e] == v
            other = int(edges.second[e] if is_first else edges.first[e])
            if around.position[other] > around.position[v]:
                own = _sides(edges, e, v, around)[0]
                for x in range(size):
                    total[x] += around.messages[own + x]
                continue
            for x in range(size):
                if total[x] == -np.inf:
                    continue
                if is_first:
                    width = int(start[other + 1] - start[other])
                    total[x] += pair_value(edges, e, x, int(states[other]), width)
                else:
                    total[x] += pair_value(edges, e, int(states[other]), x, size)
        best = -np.inf
        states[v] = 0
        for x in range(size):
            if total[x] > best:
                best = total[x]
                states[v] = x


@loop
def hold(
    start: Int64[np.ndarray, " places_and_end"],
    unary: Float64[np.ndarray, " states"],
    edges: Edges,
    is_used: Int64[np.ndarray, " edges"],
    is_cut: Bool[np.ndarray, " places"],
    states: Int64[np.ndarray, " places"],
) -> None:
    """Fix places of a cut, and let those at the other ends hear what edges that are not used say.

    Args:
        start: of the states of each place.
        unary: changed.
        edges: of those that are not used, one end or both are of the cut.
        is_used: which edges are.
        is_cut: which places are fixed.
        states: of these, and of no other that counts.
    """
    for v in range(len(states)):
        for x in range(start[v + 1] - start[v]):
            if is_cut[v] and x != states[v]:
                unary[start[v] + x] = -np.inf
    for e in range(len(edges.first)):
        if is_used[e] == 1:
            continue
        one, other = int(edges.first[e]), int(edges.second[e])
        width = int(start[other + 1] - start[other])
        if is_cut[one]:
            for y in range(width):
                unary[start[other] + y] += pair_value(edges, e, int(states[one]), y, width)
            continue
        for x in range(start[one + 1] - start[one]):
            unary[start[one] + x] += pair_value(edges, e, x, int(states[other]), width)


@loop
def score(
    start: Int64[np.ndarray, " places_and_end"],
    unary: Float64[np.ndarray, " states"],
    edges: Edges,
    states: Int64[np.ndarray, " places"],
) -> float:
    """Add up what an assignment is worth."""
    result = 0.0
    for v in range(len(states)):
        result += float(unary[start[v] + states[v]])
    for e in range(len(edges.first)):
        one, other = int(edges.first[e]), int(edges.second[e])
        width = int(start[other + 1] - start[other])
        result += pair_value(edges, e, int(states[one]), int(states[other]), width)
    return result
