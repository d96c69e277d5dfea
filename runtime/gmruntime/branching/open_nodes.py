"""Compiled: the open nodes of a branch and bound, and the path from one of them.

Source: Allouche, de Givry, Katsirelos, Schiex and Zytnicki (2015), "Anytime hybrid best-first
search with tree decomposition for weighted CSP".
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Int32, Int64
from gmruntime.branching.network import CONSTANT, State
from gmruntime.compiling import loop

# Places in `Tree.counts`.
(
    DEPTH,
    NUM_LINKS,
    NUM_OPEN,
    NUM_NODES,
    NUM_REPLAYED,
    FAILURES_ALLOWED,
    FAILURES,
    IS_DOWN,
    BASE_LINK,
    BASE_BOUND,
    CONFLICT,
    ROOT_MARK,
    NODES_BEFORE,
    NUM_SPLITS,
    STAMP,
    LOOK_FROM,
    SPLIT_FAILURES,
    SPLIT_FAILURES_ALLOWED,
    SPLIT_SINCE,
    NUM_SPLITS_DONE,
) = range(20)


class Tree(NamedTuple):
    """The open nodes, and the path that is being searched.

    Attributes:
        path: (variable, value, is chosen, trail before, bound before, link or -1) of each decision
            below the open node.
        links: (link before, variable, value, is chosen) of decisions that lead to open nodes.
        heap: (bound, link) of the open nodes, the lowest bound first.
        counts: see the places above.
        best: the best assignment found.
        wanted: the value to try first for each variable.
        splits: see the places in `components_kernel.py`; one row for each split on the path.
        ends: where each independent part ends among the scope of its split.
        found: the best states of the variables of each split's parts.
        seen: when each variable, and each factor, was last seen.
    """

    path: Int64[np.ndarray, "depth six"]
    links: Int64[np.ndarray, "links four"]
    heap: Int64[np.ndarray, "open two"]
    counts: Int64[np.ndarray, " counts"]
    best: Int32[np.ndarray, " variables"]
    wanted: Int32[np.ndarray, " variables"]
    splits: Int64[np.ndarray, "splits eight"]
    ends: Int32[np.ndarray, "splits variables"]
    found: Int32[np.ndarray, "splits variables"]
    seen: Int64[np.ndarray, " variables_and_factors"]


@loop
def push(tree: Tree, bound: int, link: int) -> None:
    """Add an open node."""
    heap, counts = tree.heap, tree.counts
    place = counts[NUM_OPEN]
    counts[NUM_OPEN] = place + 1
    while place > 0:
        above = (place - 1) >> 1
        if heap[above, 0] <= bound:
            break
        heap[place, 0], heap[place, 1] = heap[above, 0], heap[above, 1]
        place = above
    heap[place, 0], heap[place, 1] = bound, link


@loop
def pop(tree: Tree) -> tuple[int, int]:
    """Take the open node of the lowest bound."""
    heap, counts = tree.heap, tree.counts
    bound, link = heap[0, 0], heap[0, 1]
    last = counts[NUM_OPEN] - 1
    counts[NUM_OPEN] = last
    moved_bound, moved_link = heap[last, 0], heap[last, 1]
    place = 0
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last and heap[below + 1, 0] < heap[below, 0]:
            below += 1
        if heap[below, 0] >= moved_bound:
            break
        heap[place, 0], heap[place, 1] = heap[below, 0], heap[below, 1]
        place = below
    heap[place, 0], heap[place, 1] = moved_bound, moved_link
    return int(bound), int(link)


@loop
def link(tree: Tree, before: int, variable: int, value: int, chosen: int) -> int:
    """Note a decision that leads to an open node."""
    place = tree.counts[NUM_LINKS]
    tree.counts[NUM_LINKS] = place + 1
    tree.links[place, 0] = before
    tree.links[place, 1] = variable
    tree.links[place, 2] = value
    tree.links[place, 3] = chosen
    return int(place)


@loop
def leave_open(tree: Tree, limit: int) -> None:
    """Turn what the path left undone into open nodes."""
    counts, path = tree.counts, tree.path
    before = counts[BASE_LINK]
    last = -1
    for depth in range(counts[DEPTH]):
        if path[depth, 2] == 1 and path[depth, 4] < limit:
            last = depth
    for depth in range(last + 1):
        variable, value = path[depth, 0], path[depth, 1]
        if path[depth, 2] == 1 and path[depth, 4] < limit:
            bound = max(path[depth, 4], counts[BASE_BOUND])
            push(tree, bound, link(tree, before, variable, value, 0))
        if depth < last:
            if path[depth, 5] < 0:
                path[depth, 5] = link(tree, before, variable, value, path[depth, 2])
            before = path[depth, 5]
    counts[IS_DOWN] = 0


@loop
def leave_here(state: State, tree: Tree) -> None:
    """Turn the present node into an open one."""
    counts, path = tree.counts, tree.path
    before = counts[BASE_LINK]
    for depth in range(counts[DEPTH]):
        if path[depth, 5] < 0:
            path[depth, 5] = link(tree, before, path[depth, 0], path[depth, 1], path[depth, 2])
        before = path[depth, 5]
    push(tree, max(state.cells[CONSTANT], counts[BASE_BOUND]), before)
