"""Compiled: what is left of a branch and bound, solved by elimination where it is narrow.

In every node the undecided variables with few neighbours are set aside, one after another, as if
they were eliminated. What cannot be set aside is the core; only the core is branched on. Once it is
empty the rest is solved exactly, by elimination.

Source: Larrosa and Dechter (2003), "Boosting search with variable elimination in constraint
optimization and constraint satisfaction problems".
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Int32, Int64
from gmruntime.branching.network import (
    COSTS,
    FINITE_MAX,
    NUM_SPLITS_MAX,
    SCOPE,
    SCOPE_END,
    TOP,
    Network,
    State,
    size_of,
)
from gmruntime.compiling import loop

# Undecided variables looked at, at most; and the neighbours, and joint states with them, of one
# that can be set aside.
_NUM_LEFT_MAX, _NUM_NEAR_MAX, _NUM_JOINT_MAX = 1024, 3, 512

# Entries of all tables of one elimination.
NUM_ENTRIES_MAX = 1 << 17

# Where hardly anything can be set aside, one in so many, only every eighth node is looked at.
_SHARE_LEAST, NODES_BETWEEN = 16, 8

# A set of places is words of so many bits; few enough for signed arithmetic.
_BITS = 32

# The row of `Tree.found` for what an elimination has found.
LEAF = NUM_SPLITS_MAX + 1

# Places in `Rest.counts`: variables left, those set aside, and nodes until the next look.
_NUM_LEFT, _NUM_ASIDE, _WAIT = range(3)


class Rest(NamedTuple):
    """The undecided variables of a node, each at a place, and the order of their elimination.

    Attributes:
        counts: see the places above.
        left: the variables.
        place: of each undecided variable.
        near: of each place, the set of places that are neighbours and not yet set aside.
        order: the places set aside, first to last.
        rank: of each place, when it was set aside; -1 in the core.
        around: of each place, its neighbours when it was set aside.
        num_around: how many.
        queue: places to look at; each at most once.
        queued: whether a place waits.
        table_start: of each place, where what its elimination left begins.
        tables: what eliminations left, over the neighbours' remaining states, C order.
        heard: of each place, the last place set aside whose table it must add, or -1.
        next: of each place, another one whose table the same one must add, or -1.
        own: factors to be added by one place.
        digit: of each variable, which of its remaining states is looked at.
    """

    counts: Int64[np.ndarray, " counts"]
    left: Int32[np.ndarray, " places"]
    place: Int32[np.ndarray, " variables"]
    near: Int64[np.ndarray, "places words"]
    order: Int32[np.ndarray, " places"]
    rank: Int32[np.ndarray, " places"]
    around: Int32[np.ndarray, "places near"]
    num_around: Int32[np.ndarray, " places"]
    queue: Int32[np.ndarray, " places"]
    queued: Int32[np.ndarray, " places"]
    table_start: Int64[np.ndarray, " places"]
    tables: Int64[np.ndarray, " entries"]
    heard: Int32[np.ndarray, " places"]
    next: Int32[np.ndarray, " places"]
    own: Int32[np.ndarray, " factors"]
    digit: Int32[np.ndarray, " variables"]


def no_rest(num_variables: int, num_factors: int) -> Rest:
    """Return room for a network's nodes."""
    n = min(num_variables, _NUM_LEFT_MAX)
    return Rest(
        np.zeros(3, np.int64),
        np.zeros(n, np.int32),
        np.zeros(num_variables, np.int32),
        np.zeros((n, -(-n // _BITS)), np.int64),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros((n, _NUM_NEAR_MAX), np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n, np.int64),
        np.zeros(NUM_ENTRIES_MAX, np.int64),
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(num_factors, np.int32),
        np.zeros(num_variables, np.int32),
    )


@loop
def _count(word: int) -> int:
    """Count the bits of a word."""
    word = word - ((word >> 1) & 0x55555555)
    word = (word & 0x33333333) + ((word >> 2) & 0x33333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F
    return int(((word * 0x01010101) & 0xFFFFFFFF) >> 24)


@loop
def _list_left(network: Network, state: State, rest: Rest) -> bool:
    """Give every undecided variable a place, and find its neighbours; False if there are many."""
    num_left = 0
    for at in range(state.marks[SCOPE], state.marks[SCOPE_END]):
        variable = int(state.scope[at])
        if size_of(network, state, variable) < 2:
            continue
        if num_left == len(rest.left):
            return False
        rest.left[num_left] = variable
        rest.place[variable] = num_left
        num_left += 1
    rest.counts[_NUM_LEFT] = num_left
    num_words = (num_left + _BITS - 1) // _BITS
    for place in range(num_left):
        variable = int(rest.left[place])
        own = rest.near[place]
        for word in range(num_words):
            own[word] = 0
        for at in range(network.variable_start[variable], network.variable_start[variable + 1]):
            factor = network.edge_factor[network.variable_edges[at]]
            for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
                other = int(network.edge_variable[edge])
                if other != variable and size_of(network, state, other) > 1:
                    there = rest.place[other]
                    own[there // _BITS] |= 1 << (there % _BITS)
        rest.rank[place] = -1
        rest.queue[place] = place
        rest.queued[place] = 1
    return True


@loop
def _can_go(network: Network, state: State, rest: Rest, place: int, num_words: int) -> int:
    """List the neighbours of a place; return the entries its elimination leaves, 0 if too many."""
    own = rest.near[place]
    count = 0
    for word in range(num_words):
        count += _count(own[word])
    if count > _NUM_NEAR_MAX:
        return 0
    entries, at = 1, 0
    for word in range(num_words):
        bits = own[word]
        while bits:
            low = bits & -bits
            there = word * _BITS + _count(low - 1)
            bits ^= low
            rest.around[place, at] = there
            at += 1
            entries *= size_of(network, state, int(rest.left[there]))
            if entries > _NUM_JOINT_MAX:
                return 0
    rest.num_around[place] = count
    joint = entries * size_of(network, state, int(rest.left[place]))
    return entries if joint <= _NUM_JOINT_MAX else 0


@loop
def set_aside(network: Network, state: State, rest: Rest) -> int:
    """Set aside what has few neighbours; return the size of the core, -1 where nobody looked."""
    counts = rest.counts
    if counts[_WAIT] > 0:
        counts[_WAIT] -= 1
        return -1
    if not _list_left(network, state, rest):
        counts[_WAIT] = NODES_BETWEEN
        return -1
    num_left = int(counts[_NUM_LEFT])
    num_words = (num_left + _BITS - 1) // _BITS
    num_aside, num_entries, first, waiting = 0, 0, 0, num_left
    while waiting:
        place = int(rest.queue[first])
        first = (first + 1) % num_left
        waiting -= 1
        rest.queued[place] = 0
        if rest.rank[place] >= 0:
            continue
        entries = _can_go(network, state, rest, place, num_words)
        if entries == 0 or num_entries + entries > NUM_ENTRIES_MAX:
            continue
        rest.table_start[place] = num_entries
        num_entries += entries
        rest.rank[place] = num_aside
        rest.order[num_aside] = place
        num_aside += 1
        gone_word, gone_bit = place // _BITS, 1 << (place % _BITS)
        for k in range(rest.num_around[place]):
            there = int(rest.around[place, k])
            near = rest.near[there]
            for word in range(num_words):
                near[word] |= rest.near[place, word]
            near[there // _BITS] ^= 1 << (there % _BITS)
            near[gone_word] &= ~gone_bit
            if rest.queued[there] == 0:
                rest.queued[there] = 1
                rest.queue[(first + waiting) % num_left] = there
                waiting += 1
    counts[_NUM_ASIDE] = num_aside
    if _SHARE_LEAST * num_aside < num_left:
        counts[_WAIT] = NODES_BETWEEN
    return num_left - num_aside


@loop
def _own_factors(network: Network, state: State, rest: Rest, place: int) -> int:
    """List the factors whose first variable to go is at a place; return how many."""
    variable = int(rest.left[place])
    count = 0
    for at in range(network.variable_start[variable], network.variable_start[variable + 1]):
        factor = network.edge_factor[network.variable_edges[at]]
        is_first = True
        for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
            other = int(network.edge_variable[edge])
            if size_of(network, state, other) > 1:
                is_first &= rest.rank[rest.place[other]] >= rest.rank[place]
        if is_first:
            rest.own[count] = factor
            count += 1
    return count


@loop
def _cost_here(network: Network, state: State, rest: Rest, place: int, num_own: int) -> int:
    """Add up what a variable's state costs, given its neighbours': all by their digits."""
    cells = state.cells
    variable = int(rest.left[place])
    start = network.state_start[variable]
    total = cells[COSTS + start + state.states[start + rest.digit[variable]]]
    for k in range(num_own):
        factor = rest.own[k]
        entry, moved = network.table_start[factor], np.int64(0)
        for edge in range(network.factor_start[factor], network.factor_start[factor + 1]):
            other = int(network.edge_variable[edge])
            which = rest.digit[other] if size_of(network, state, other) > 1 else 0
            value = state.states[network.state_start[other] + which]
            entry += network.strides[edge] * value
            moved += cells[network.moved_start[edge] + value]
        cost = network.costs[entry]
        total = min(TOP, total + (cost - moved if cost < FINITE_MAX else TOP))
    there = int(rest.heard[place])
    while there >= 0:
        entry = rest.table_start[there]
        offset = np.int64(0)
        for k in range(rest.num_around[there]):
            other = int(rest.left[rest.around[there, k]])
            offset = offset * size_of(network, state, other) + rest.digit[other]
        total = min(TOP, total + rest.tables[entry + offset])
        there = int(rest.next[there])
    return int(total)


@loop
def _best_here(network: Network, state: State, rest: Rest, place: int, num_own: int) -> int:
    """Choose a variable's best state, given its neighbours'; return what it costs."""
    variable = int(rest.left[place])
    least, best = TOP + 1, 0
    for which in range(size_of(network, state, variable)):
        rest.digit[variable] = which
        cost = _cost_here(network, state, rest, place, num_own)
        if cost < least:
            least, best = cost, which
    rest.digit[variable] = best
    return int(least)


@loop
def solve_rest(
    network: Network, state: State, rest: Rest, found: Int32[np.ndarray, " variables"]
) -> int:
    """Eliminate what was set aside, which must be everything.

    Args:
        network: the factors.
        state: the node.
        rest: as `set_aside` left it.
        found: the best states of the undecided variables are written here.

    Returns:
        what they add to the constant; TOP where nothing is possible.
    """
    num_left = int(rest.counts[_NUM_LEFT])
    for place in range(num_left):
        rest.heard[place] = -1
    total = 0
    for turn in range(num_left):
        place = int(rest.order[turn])
        num_own = _own_factors(network, state, rest, place)
        num_around = int(rest.num_around[place])
        num_joint, target = 1, -1
        for k in range(num_around):
            there = int(rest.around[place, k])
            num_joint *= size_of(network, state, int(rest.left[there]))
            rest.digit[rest.left[there]] = 0
            if target < 0 or rest.rank[there] < rest.rank[target]:
                target = there
        for joint in range(num_joint):
            least = _best_here(network, state, rest, place, num_own)
            rest.tables[rest.table_start[place] + joint] = least
            for k in range(num_around - 1, -1, -1):
                other = int(rest.left[rest.around[place, k]])
                rest.digit[other] += 1
                if rest.digit[other] < size_of(network, state, other):
                    break
                rest.digit[other] = 0
        if target < 0:
            total = min(TOP, total + rest.tables[rest.table_start[place]])
        else:
            rest.next[place] = rest.heard[target]
            rest.heard[target] = place
    for turn in range(num_left - 1, -1, -1):
        place = int(rest.order[turn])
        num_own = _own_factors(network, state, rest, place)
        _best_here(network, state, rest, place, num_own)
        variable = int(rest.left[place])
        which = state.states[network.state_start[variable] + rest.digit[variable]]
        found[variable] = which
    return int(total)
