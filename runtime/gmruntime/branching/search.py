"""Compiled hybrid best-first branch and bound on a cost network.

Depth-first search with few failures allowed goes down from the open node of the lowest bound; what
it left open joins the other open nodes. So there are good assignments early, and the lowest bound
of all open nodes rises until it proves one of them best.

Source: Allouche, de Givry, Katsirelos, Schiex and Zytnicki (2015), "Anytime hybrid best-first
search with tree decomposition for weighted CSP"; Boussemart, Hemery, Lecoutre and Sais (2004),
"Boosting systematic search by weighting constraints"; Lecoutre, Sais, Tabary and Vidal (2009),
"Reasoning from last conflict(s) in constraint programming".
"""

import numpy as np

from gmruntime.branching.components import (
    ADDED,
    LEAST,
    SPLIT_CONSTANT,
    close,
    depth_of,
    give_up,
    limit_of,
    next_part,
    note,
    split,
)
from gmruntime.branching.consistency import propagate
from gmruntime.branching.leaves import LEAF, Rest, set_aside, solve_rest
from gmruntime.branching.network import (
    CONSTANT,
    COSTS,
    FAILED_AT,
    LEVEL,
    SCOPE,
    SCOPE_END,
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
from gmruntime.branching.open_nodes import (
    BASE_BOUND,
    BASE_LINK,
    CONFLICT,
    DEPTH,
    FAILURES,
    FAILURES_ALLOWED,
    IS_DOWN,
    NODES_BEFORE,
    NUM_LINKS,
    NUM_NODES,
    NUM_OPEN,
    NUM_REPLAYED,
    NUM_SPLITS,
    ROOT_MARK,
    SPLIT_FAILURES,
    SPLIT_FAILURES_ALLOWED,
    Tree,
    leave_here,
    leave_open,
    pop,
    push,
)
from gmruntime.compiling import loop

# Failures allowed below one open node are doubled and halved to keep the share of nodes that are
# only come back to between these.
_REPLAYED_LEAST, _REPLAYED_MOST = 0.05, 0.10
_FAILURES_MAX = 1 << 14
_NUM_NODES_RECENT = 500

# Costs smaller than the room left divided by this are not passed on.
_STEP_SHARE = 100000

# What `branch` comes back with.
_GO_ON, COMPLETE, NEEDS_ROOM = 0, 1, 2


@loop
def _choose(network: Network, state: State, tree: Tree, rest: Rest, core: int) -> int:
    """Choose an undecided variable: few states left, in factors where searches failed.

    Args:
        network: the factors.
        state: the node.
        tree: says where it failed last.
        rest: where there is a core, what is set aside is not chosen.
        core: the size of the core, or -1.
    """
    conflict = tree.counts[CONFLICT]
    is_open = conflict >= 0 and size_of(network, state, conflict) > 1
    if is_open and (core < 0 or rest.rank[rest.place[conflict]] < 0):
        return int(conflict)
    best, best_score = -1, np.inf
    for at in range(state.marks[SCOPE], state.marks[SCOPE_END]):
        variable = int(state.scope[at])
        size = size_of(network, state, variable)
        if size < 2 or (core > 0 and rest.rank[rest.place[variable]] >= 0):
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
def _step(state: State, limit: int) -> int:
    """Return the least amount worth passing on."""
    return int(max(1, (limit - state.cells[CONSTANT]) // _STEP_SHARE))


@loop
def _start_down(network: Network, state: State, tree: Tree, limit: int) -> bool:
    """Go to the open node of the lowest bound; say whether it is alive."""
    counts = tree.counts
    bound, link = pop(tree)
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
    """Go back to the last choice in the present part that has not been refuted, and refute it.

    Returns:
        False when there is none left.
    """
    counts, path = tree.counts, tree.path
    top = depth_of(tree)
    while counts[DEPTH] > top:
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
    network: Network, state: State, tree: Tree, rest: Rest, limit: int, num_nodes_max: int
) -> tuple[int, int]:
    """Search for so many nodes.

    Returns:
        _GO_ON, COMPLETE when nothing costs less than the limit returned, or NEEDS_ROOM when the
        open nodes have filled theirs; and the limit, which is the cost of the best assignment when
        one was found.
    """
    counts = tree.counts
    stop_at = counts[NUM_NODES] + num_nodes_max
    room = len(state.trail) - 2 * len(state.cells)
    while counts[NUM_NODES] < stop_at:
        if counts[IS_DOWN] == 0:
            if counts[NUM_OPEN] == 0 or tree.heap[0, 0] >= limit:
                counts[NUM_OPEN] = 0
                return COMPLETE, limit
            if counts[NUM_LINKS] + 3 * len(tree.path) > len(tree.links) or counts[NUM_OPEN] + len(
                tree.path
            ) > len(tree.heap):
                return NEEDS_ROOM, limit
            counts[NUM_NODES] += 1
            if not _start_down(network, state, tree, limit):
                forget(state)
                counts[IS_DOWN] = 0
                continue
            since = counts[NUM_NODES] - counts[NODES_BEFORE]
            if since >= _NUM_NODES_RECENT:
                share = counts[NUM_REPLAYED] / since
                counts[NUM_REPLAYED], counts[NODES_BEFORE] = 0, counts[NUM_NODES]
                if share > _REPLAYED_MOST and counts[FAILURES_ALLOWED] < _FAILURES_MAX:
                    counts[FAILURES_ALLOWED] *= 2
                elif share < _REPLAYED_LEAST and counts[FAILURES_ALLOWED] > 1:
                    counts[FAILURES_ALLOWED] //= 2
        below = limit_of(tree, limit)
        if state.marks[TRAIL] > room:
            if counts[NUM_SPLITS]:
                give_up(network, state, tree)
            leave_here(state, tree)
            leave_open(tree, limit)
            continue
        core = set_aside(network, state, rest)
        if core == 0:
            found = solve_rest(network, state, rest, tree.found[LEAF])
            cost = state.cells[CONSTANT] + found
            if cost < below and counts[NUM_SPLITS]:
                note(network, state, tree, cost, LEAF)
            elif cost < below:
                limit = _keep(network, state, tree, cost, LEAF)
        elif split(network, state, tree, below):
            continue
        else:
            variable = _choose(network, state, tree, rest, core)
            if variable >= 0:
                if _decide(network, state, tree, variable, below):
                    continue
            elif counts[NUM_SPLITS]:
                note(network, state, tree, state.cells[CONSTANT], 0)
            elif state.cells[CONSTANT] < limit:
                limit = _keep(network, state, tree, state.cells[CONSTANT], 0)
        limit = _after_failure(network, state, tree, limit)
    return _GO_ON, limit


@loop
def _decide(network: Network, state: State, tree: Tree, variable: int, limit: int) -> bool:
    """Try a variable's most promising value; say whether that is possible."""
    counts, path = tree.counts, tree.path
    depth = counts[DEPTH]
    value = _value(network, state, tree, variable)
    path[depth, 0], path[depth, 1], path[depth, 2] = variable, value, 1
    path[depth, 3], path[depth, 4] = state.marks[TRAIL], state.cells[CONSTANT]
    path[depth, 5] = -1
    counts[DEPTH] = depth + 1
    counts[NUM_NODES] += 1
    state.marks[LEVEL] += 1
    keep_only(network, state, variable, value)
    if propagate(network, state, limit, _step(state, limit)):
        return True
    counts[CONFLICT] = variable
    failed_at = state.marks[FAILED_AT]
    if failed_at >= 0:
        state.weights[failed_at] += 1
    return False


@loop
def _keep(network: Network, state: State, tree: Tree, cost: int, found: int) -> int:
    """Keep an assignment of everything; a row of `Tree.found` has what is not decided."""
    for variable in range(len(network.num_states)):
        if size_of(network, state, variable) > 1:
            tree.best[variable] = tree.found[found, variable]
        else:
            tree.best[variable] = state.states[network.state_start[variable]]
        tree.wanted[variable] = tree.best[variable]
    return cost


@loop
def _after_failure(network: Network, state: State, tree: Tree, limit: int) -> int:
    """Go back to where another choice is left, out of parts that have none; return the limit."""
    counts = tree.counts
    counts[FAILURES] += 1
    counts[SPLIT_FAILURES] += 1
    while counts[NUM_SPLITS]:
        level = counts[NUM_SPLITS]
        if counts[SPLIT_FAILURES] > counts[SPLIT_FAILURES_ALLOWED]:
            give_up(network, state, tree)
            return limit
        if _back(network, state, tree, limit_of(tree, limit)):
            return limit
        row = tree.splits[level]
        if row[LEAST] >= 0:
            if next_part(network, state, tree):
                return limit
            cost = row[SPLIT_CONSTANT] + row[ADDED]
            close(network, state, tree)
            if level > 1:
                note(network, state, tree, cost, level)
            elif cost < limit:
                limit = _keep(network, state, tree, cost, level)
        else:
            close(network, state, tree)
    if counts[FAILURES] > counts[FAILURES_ALLOWED]:
        leave_open(tree, limit)
    elif not _back(network, state, tree, limit):
        counts[IS_DOWN] = 0
    return limit


@loop
def open_root(network: Network, state: State, tree: Tree, limit: int) -> bool:
    """Make the root consistent and the first open node; say whether it is alive."""
    for variable in range(len(network.num_states)):
        for reason in range(3):
            enqueue(state, reason, variable)
    alive = propagate(network, state, limit, _step(state, limit))
    tree.counts[ROOT_MARK] = state.marks[TRAIL]
    if alive:
        push(tree, state.cells[CONSTANT], -1)
    return bool(alive)
