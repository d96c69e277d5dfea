"""Compiled AND/OR search: what has become independent is searched part by part.

Once some variables are decided, the others may fall into parts that share no factor. What each
adds to the lower bound is then found on its own, one part after another, and the parts may split
again. So the work for two parts adds up, where plain branching multiplies it.

A part's search is depth first and complete. Where it takes too many failures it is given up: the
node is branched on as if it had no parts, later splits may fail more often before they are given
up, and for ten times as many nodes as came to nothing there is no other split.

Source: Dechter and Mateescu (2007), "AND/OR search spaces for graphical models"; Marinescu and
Dechter (2009), "AND/OR branch-and-bound search for combinatorial optimization in graphical models".
"""

import numpy as np

from gmruntime.arrays import Int64
from gmruntime.branching.network import (
    CONSTANT,
    LEVEL,
    NUM_SPLITS_MAX,
    SCOPE,
    SCOPE_END,
    TRAIL,
    Network,
    State,
    forget,
    size_of,
    undo,
)
from gmruntime.branching.open_nodes import (
    CONFLICT,
    DEPTH,
    LOOK_FROM,
    NUM_NODES,
    NUM_SPLITS,
    NUM_SPLITS_DONE,
    SPLIT_FAILURES,
    SPLIT_FAILURES_ALLOWED,
    SPLIT_SINCE,
    STAMP,
    Tree,
)
from gmruntime.compiling import loop

# Failures allowed below the first split, at first; nodes without a split for each that came to
# nothing.
SPLIT_FAILURES_FIRST, NODES_BETWEEN = 16, 10

# Places in a row of `Tree.splits`: which part is being searched, and how many there are; the path,
# the trail and the constant where it split; the cost that all parts together must stay below; what
# the parts before this one add to the constant; and the least that was found for this one, or -1.
_PART, _NUM_PARTS, _SPLIT_DEPTH, _SPLIT_TRAIL, SPLIT_CONSTANT, _BELOW, ADDED, LEAST = range(8)


@loop
def limit_of(tree: Tree, limit: int) -> int:
    """Return the cost that the part being searched must stay below."""
    level = tree.counts[NUM_SPLITS]
    if level == 0:
        return limit
    split = tree.splits[level]
    below = split[_BELOW] - split[ADDED]
    if split[LEAST] >= 0:
        below = min(below, split[SPLIT_CONSTANT] + split[LEAST])
    return int(below)


@loop
def depth_of(tree: Tree) -> int:
    """Return where on the path the search of the present part began."""
    level = tree.counts[NUM_SPLITS]
    return int(tree.splits[level, _SPLIT_DEPTH]) if level else 0


@loop
def _search_part(network: Network, state: State, tree: Tree) -> None:
    """Make the present part of the innermost split the scope of the search."""
    n = len(network.num_states)
    level = tree.counts[NUM_SPLITS]
    part = tree.splits[level, _PART]
    state.marks[SCOPE] = level * n + (tree.ends[level, part - 1] if part else 0)
    state.marks[SCOPE_END] = level * n + (tree.ends[level, part] if level else n)
    tree.counts[CONFLICT] = -1


@loop
def _add_part(network: Network, state: State, tree: Tree, first: int, begin: int) -> int:
    """List the undecided variables connected with one of them; return where the list ends."""
    n, stamp, seen = len(network.num_states), tree.counts[STAMP], tree.seen
    state.scope[begin] = first
    seen[first] = stamp
    end = begin + 1
    at = begin
    while at < end:
        variable = int(state.scope[at])
        at += 1
        for near in range(network.variable_start[variable], network.variable_start[variable + 1]):
            factor = network.edge_factor[network.variable_edges[near]]
            if seen[n + factor] == stamp:
                continue
            seen[n + factor] = stamp
            for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
                other = int(network.edge_variable[edge])
                if seen[other] != stamp and size_of(network, state, other) > 1:
                    seen[other] = stamp
                    state.scope[end] = other
                    end += 1
    return end


@loop
def split(network: Network, state: State, tree: Tree, limit: int) -> bool:
    """Split the part being searched, if it has fallen apart; say whether it has.

    A single variable is a part, but no reason to split. All of `limit` is left to the new parts.
    """
    counts = tree.counts
    level = counts[NUM_SPLITS] + 1
    if counts[NUM_NODES] < counts[LOOK_FROM] or level > NUM_SPLITS_MAX:
        return False
    counts[STAMP] += 1
    n = len(network.num_states)
    begin = level * n
    end, num_parts, num_large = begin, 0, 0
    for at in range(state.marks[SCOPE], state.marks[SCOPE_END]):
        variable = int(state.scope[at])
        if tree.seen[variable] == counts[STAMP] or size_of(network, state, variable) < 2:
            continue
        before = end
        end = _add_part(network, state, tree, variable, end)
        tree.ends[level, num_parts] = end - begin
        num_parts += 1
        num_large += end - before > 1
    if num_large < 2:
        return False
    if level == 1:
        counts[SPLIT_FAILURES], counts[SPLIT_SINCE] = 0, counts[NUM_NODES]
    row = tree.splits[level]
    row[_PART], row[_NUM_PARTS], row[_SPLIT_DEPTH] = 0, num_parts, counts[DEPTH]
    row[_SPLIT_TRAIL], row[SPLIT_CONSTANT] = state.marks[TRAIL], state.cells[CONSTANT]
    row[_BELOW], row[ADDED], row[LEAST] = limit, 0, -1
    counts[NUM_SPLITS] = level
    state.marks[LEVEL] += 1
    _search_part(network, state, tree)
    return True


@loop
def note(network: Network, state: State, tree: Tree, cost: int, inner: int) -> None:
    """Note an assignment of the part being searched, all of whose variables are decided.

    Args:
        network: the factors.
        state: the node.
        tree: not at its top; there an assignment is one of everything.
        cost: of the assignment, with the constant where it split.
        inner: the row of `Tree.found` that has what is not decided.
    """
    level = tree.counts[NUM_SPLITS]
    tree.splits[level, LEAST] = cost - tree.splits[level, SPLIT_CONSTANT]
    for at in range(state.marks[SCOPE], state.marks[SCOPE_END]):
        variable = int(state.scope[at])
        if size_of(network, state, variable) > 1:
            tree.found[level, variable] = tree.found[inner, variable]
        else:
            tree.found[level, variable] = state.states[network.state_start[variable]]


@loop
def next_part(network: Network, state: State, tree: Tree) -> bool:
    """Leave a part that has been searched, and begin with the next; say whether there is one."""
    row = tree.splits[tree.counts[NUM_SPLITS]]
    row[ADDED] += row[LEAST]
    row[_PART] += 1
    row[LEAST] = -1
    _go_back(state, tree, row)
    if row[_PART] == row[_NUM_PARTS]:
        return False
    _search_part(network, state, tree)
    return True


@loop
def _go_back(state: State, tree: Tree, row: Int64[np.ndarray, " eight"]) -> None:
    undo(state, row[_SPLIT_TRAIL])
    forget(state)
    state.marks[LEVEL] += 1
    tree.counts[DEPTH] = row[_SPLIT_DEPTH]


@loop
def close(network: Network, state: State, tree: Tree) -> None:
    """Return from the innermost split, be it solved or impossible, to the part it was made in."""
    tree.counts[NUM_SPLITS] -= 1
    tree.counts[NUM_SPLITS_DONE] += 1
    _search_part(network, state, tree)


@loop
def give_up(network: Network, state: State, tree: Tree) -> None:
    """Return to where it split first, and do not split again for a while."""
    counts = tree.counts
    _go_back(state, tree, tree.splits[1])
    wasted = counts[NUM_NODES] - counts[SPLIT_SINCE]
    counts[LOOK_FROM] = counts[NUM_NODES] + 1 + NODES_BETWEEN * wasted
    counts[NUM_SPLITS] = 0
    counts[SPLIT_FAILURES_ALLOWED] *= 2
    _search_part(network, state, tree)
