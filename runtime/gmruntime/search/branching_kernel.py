"""Compiled hybrid best-first branch and bound on a cost network.

Depth-first search with few failures allowed goes down from the open node of the lowest bound; what
it left open joins the other open nodes. So there are good assignments early, and the lowest bound
of all open nodes rises until it proves one of them best.

Source: Allouche, de Givry, Katsirelos, Schiex and Zytnicki (2015), "Anytime hybrid best-first
search with tree decomposition for weighted CSP"; Boussemart, Hemery, Lecoutre and Sais (2004),
"Boosting systematic search by weighting constraints"; Lecoutre, Sais, Tabary and Vidal (2009),
"Reasoning from last conflict(s) in constraint programming".
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Int32, Int64
from gmruntime.compiling import loop
from gmruntime.dual.arc_kernel import propagate
from gmruntime.dual.arc_network import (
    CONSTANT,
    COSTS,
    FAILED_AT,
    LEVEL,
    TRAIL,
    Network,
    State,
    enqueue,
    forget,
    keep_only,
    remove,
    size_of,
    undo,
)

# Failures allowed below one open node are doubled and halved to keep the share of nodes that are
# only come back to between these.
REPLAYED_LEAST, REPLAYED_MOST = 0.05, 0.10
FAILURES_MAX = 1 << 14
NUM_NODES_RECENT = 500

# Costs smaller than the room left divided by this are not passed on.
STEP_SHARE = 100000

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
    BEST_COST,
    ROOT_MARK,
    NODES_BEFORE,
) = range(14)

# What `branch` comes back with.
GO_ON, COMPLETE, NEEDS_ROOM = 0, 1, 2


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
    """

    path: Int64[np.ndarray, "depth six"]
    links: Int64[np.ndarray, "links four"]
    heap: Int64[np.ndarray, "open two"]
    counts: Int64[np.ndarray, " counts"]
    best: Int32[np.ndarray, " variables"]
    wanted: Int32[np.ndarray, " variables"]


@loop
def _push(tree: Tree, bound: int, link: int) -> None:
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
def _pop(tree: Tree) -> tuple[int, int]:
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
def _choose(network: Network, state: State, tree: Tree) -> int:
    """Choose an undecided variable: few states left, in factors where searches failed."""
    conflict = tree.counts[CONFLICT]
    if conflict >= 0 and size_of(network, state, conflict) > 1:
        return int(conflict)
    best, best_score = -1, np.inf
    for variable in range(len(network.num_states)):
        size = size_of(network, state, variable)
        if size < 2:
            continue
        weight = 1.0
        for near in range(network.variable_start[variable], network.variable_start[variable + 1]):
            factor = network.edge_factor[network.variable_edges[near]]
            for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
                other = network.edge_variable[edge]
                if other != variable and size_of(network, state, other) > 1:
                    weight += state.weights[factor]
                    break
        start = network.state_start[variable]
        dearest = np.int64(0)
        for i in range(size):
            dearest = max(dearest, state.cells[COSTS + start + state.states[start + i]])
        score = size / weight * (1.0 - 1e-6 * (dearest / (1.0 + dearest)))
        if score < best_score:
            best, best_score = variable, score
    return best


@loop
def _value(network: Network, state: State, tree: Tree, variable: int) -> int:
    """Choose the value of the incumbent, or else the cheapest."""
    start = network.state_start[variable]
    size = size_of(network, state, variable)
    wanted = tree.wanted[variable]
    if wanted >= 0 and state.place[start + wanted] < size:
        return int(wanted)
    best = state.states[start]
    for i in range(1, size):
        value = state.states[start + i]
        if state.cells[COSTS + start + value] < state.cells[COSTS + start + best]:
            best = value
    return int(best)


@loop
def _link(tree: Tree, before: int, variable: int, value: int, chosen: int) -> int:
    place = tree.counts[NUM_LINKS]
    tree.counts[NUM_LINKS] = place + 1
    tree.links[place, 0] = before
    tree.links[place, 1] = variable
    tree.links[place, 2] = value
    tree.links[place, 3] = chosen
    return int(place)


@loop
def _leave_open(tree: Tree, limit: int) -> None:
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
            _push(tree, bound, _link(tree, before, variable, value, 0))
        if depth < last:
            if path[depth, 5] < 0:
                path[depth, 5] = _link(tree, before, variable, value, path[depth, 2])
            before = path[depth, 5]
    counts[IS_DOWN] = 0


@loop
def _leave_here(state: State, tree: Tree) -> None:
    """Turn the present node into an open one."""
    counts, path = tree.counts, tree.path
    link = counts[BASE_LINK]
    for depth in range(counts[DEPTH]):
        if path[depth, 5] < 0:
            path[depth, 5] = _link(tree, link, path[depth, 0], path[depth, 1], path[depth, 2])
        link = path[depth, 5]
    _push(tree, max(state.cells[CONSTANT], counts[BASE_BOUND]), link)


@loop
def _step(state: State, limit: int) -> int:
    """Return the least amount worth passing on."""
    return int(max(1, (limit - state.cells[CONSTANT]) // STEP_SHARE))


@loop
def _start_down(network: Network, state: State, tree: Tree, limit: int) -> bool:
    """Go to the open node of the lowest bound; say whether it is alive."""
    counts = tree.counts
    bound, link = _pop(tree)
    undo(state, counts[ROOT_MARK])
    forget(state)
    state.marks[LEVEL] += 1
    counts[DEPTH], counts[IS_DOWN], counts[FAILURES] = 0, 1, 0
    counts[BASE_LINK], counts[BASE_BOUND] = link, bound
    # Nothing is drawn from the decisions before all are made, so their order does not matter.
    while link >= 0:
        counts[NUM_REPLAYED] += 1
        variable, value = tree.links[link, 1], tree.links[link, 2]
        here = state.place[network.state_start[variable] + value]
        is_left = here < size_of(network, state, variable)
        if tree.links[link, 3] == 1:
            if not is_left:
                return False
            keep_only(network, state, variable, value)
        elif is_left and not remove(network, state, variable, value):
            return False
        link = tree.links[link, 0]
    return bool(propagate(network, state, limit, _step(state, limit)))


@loop
def _back(network: Network, state: State, tree: Tree, limit: int) -> bool:
    """Go back to the last choice that has not been refuted, and refute it.

    Returns:
        False when there is none left below the open node.
    """
    counts, path = tree.counts, tree.path
    while counts[DEPTH] > 0:
        depth = counts[DEPTH] - 1
        counts[DEPTH] = depth
        if path[depth, 2] == 0:
            continue
        undo(state, path[depth, 3])
        forget(state)
        state.marks[LEVEL] += 1
        variable, value = path[depth, 0], path[depth, 1]
        if path[depth, 4] >= limit:
            continue
        path[depth, 2], path[depth, 5] = 0, -1
        counts[DEPTH] = depth + 1
        counts[NUM_NODES] += 1
        if remove(network, state, variable, value) and propagate(
            network, state, limit, _step(state, limit)
        ):
            return True
        failed_at = state.marks[FAILED_AT]
        if failed_at >= 0:
            state.weights[failed_at] += 1
        forget(state)
    return False


@loop
def branch(
    network: Network, state: State, tree: Tree, limit: int, num_nodes_max: int
) -> tuple[int, int]:
    """Search for so many nodes.

    Returns:
        GO_ON, COMPLETE when nothing costs less than the limit returned, or NEEDS_ROOM when the
        open nodes have filled theirs; and the limit, which is the cost of the best assignment when
        one was found.
    """
    counts, path = tree.counts, tree.path
    stop_at = counts[NUM_NODES] + num_nodes_max
    room = len(state.trail) - 2 * len(state.cells)
    while counts[NUM_NODES] < stop_at:
        if counts[IS_DOWN] == 0:
            if counts[NUM_OPEN] == 0 or tree.heap[0, 0] >= limit:
                counts[NUM_OPEN] = 0
                return COMPLETE, limit
            if counts[NUM_LINKS] + 3 * len(path) > len(tree.links) or counts[NUM_OPEN] + len(
                path
            ) > len(tree.heap):
                return NEEDS_ROOM, limit
            counts[NUM_NODES] += 1
            if not _start_down(network, state, tree, limit):
                forget(state)
                counts[IS_DOWN] = 0
                continue
            since = counts[NUM_NODES] - counts[NODES_BEFORE]
            if since >= NUM_NODES_RECENT:
                share = counts[NUM_REPLAYED] / since
                counts[NUM_REPLAYED], counts[NODES_BEFORE] = 0, counts[NUM_NODES]
                if share > REPLAYED_MOST and counts[FAILURES_ALLOWED] < FAILURES_MAX:
                    counts[FAILURES_ALLOWED] *= 2
                elif share < REPLAYED_LEAST and counts[FAILURES_ALLOWED] > 1:
                    counts[FAILURES_ALLOWED] //= 2
        variable = _choose(network, state, tree)
        if variable < 0:
            limit = state.cells[CONSTANT]
            counts[BEST_COST] = limit
            for v in range(len(network.num_states)):
                tree.best[v] = state.states[network.state_start[v]]
                tree.wanted[v] = tree.best[v]
            alive = False
        else:
            if state.marks[TRAIL] > room:
                _leave_here(state, tree)
                _leave_open(tree, limit)
                continue
            depth = counts[DEPTH]
            value = _value(network, state, tree, variable)
            path[depth, 0], path[depth, 1], path[depth, 2] = variable, value, 1
            path[depth, 3], path[depth, 4] = state.marks[TRAIL], state.cells[CONSTANT]
            path[depth, 5] = -1
            counts[DEPTH] = depth + 1
            counts[NUM_NODES] += 1
            state.marks[LEVEL] += 1
            keep_only(network, state, variable, value)
            alive = propagate(network, state, limit, _step(state, limit))
            if not alive:
                counts[CONFLICT] = variable
                failed_at = state.marks[FAILED_AT]
                if failed_at >= 0:
                    state.weights[failed_at] += 1
        if alive:
            continue
        counts[FAILURES] += 1
        if counts[FAILURES] > counts[FAILURES_ALLOWED]:
            _leave_open(tree, limit)
        elif not _back(network, state, tree, limit):
            counts[IS_DOWN] = 0
    return GO_ON, limit


@loop
def open_root(network: Network, state: State, tree: Tree, limit: int) -> bool:
    """Make the root consistent and the first open node; say whether it is alive."""
    for variable in range(len(network.num_states)):
        for reason in range(3):
            enqueue(state, reason, variable)
    alive = propagate(network, state, limit, _step(state, limit))
    tree.counts[ROOT_MARK] = state.marks[TRAIL]
    if alive:
        _push(tree, state.cells[CONSTANT], -1)
    return bool(alive)
