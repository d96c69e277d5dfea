"""The compiled search: decide, split, look up, add up; in steps, so that others may look on.

    Z(component) = sum over states x of its variable of  weight(x) * prod over parts of Z(part)

Source: Sang, Bacchus, Beame, Kautz and Pitassi (2004), "Combining component caching and clause
learning for effective model counting"; Darwiche (2001), "Decomposable negation normal form", for
the trace.
"""

import numpy as np

from gmruntime.compiling import loop
from gmruntime.counting.components import forget_since, is_idle, lookup, split, store
from gmruntime.counting.propagation import assign, lowest, undo
from gmruntime.counting.records import (
    ACTIVITY_STEP,
    ADDED,
    AT_LISTED,
    AT_NARROWED,
    AT_PART,
    AT_STORED,
    AT_TRAIL,
    BEGIN,
    BRANCH,
    END,
    END_PART,
    FIRST_PART,
    IS_BRANCH,
    IS_LEARNING,
    IS_TRACED,
    LAST_RECORD,
    LATEST,
    LEVEL,
    LOG_WEIGHT,
    NARROWED,
    NEXT_PART,
    NEXT_STATE,
    NUM_FRAMES,
    NUM_HITS,
    NUM_LINKS,
    NUM_LISTED,
    NUM_NODES,
    NUM_PARTS,
    NUM_RECORDS,
    NUM_STORED,
    OF_DECISION,
    OPEN,
    TRAIL,
    VARIABLE,
    Search,
)

_GO_ON, COMPLETE, NEEDS_ROOM = 0, 1, 2


@loop
def log_sum(a: float, b: float) -> float:
    """Add two numbers that are given by their logs."""
    high, low = max(a, b), min(a, b)
    return high if low == -np.inf else high + np.log1p(np.exp(low - high))


@loop
def open_root(search: Search, begin: int, log_weight: float) -> float:
    """Begin with a frame whose only branch is what is set now; return its open states' log.

    Args:
        search: nothing is being solved; variables are listed from `begin`.
        begin: of the variables to split.
        log_weight: of what is set.
    """
    state, frames = search.state, search.frames
    cells = frames.cells[0]
    cells[:] = 0
    cells[BEGIN], cells[END] = begin, state.marks[NUM_LISTED]
    cells[VARIABLE], cells[LAST_RECORD] = -1, -1
    cells[AT_TRAIL], cells[AT_NARROWED] = state.marks[TRAIL], state.marks[NARROWED]
    cells[AT_LISTED], cells[AT_PART] = state.marks[NUM_LISTED], state.marks[NUM_PARTS]
    cells[AT_STORED] = state.marks[NUM_STORED]
    search.clauses.owner[:] = 0
    state.marks[LATEST] = -1
    state.marks[NUM_FRAMES] = 1
    frames.sums[0, ADDED] = -np.inf
    return _open_branch(search, 0, log_weight)


@loop
def _open_branch(search: Search, t: int, log_weight: float) -> float:
    state, frames = search.state, search.frames
    cells = frames.cells[t]
    first = state.marks[NUM_PARTS]
    log_free = split(search, cells[BEGIN], cells[END])
    cells[FIRST_PART], cells[NEXT_PART], cells[END_PART] = first, first, state.marks[NUM_PARTS]
    cells[IS_BRANCH] = 1
    frames.sums[t, BRANCH] = log_weight + log_free
    frames.sums[t, OF_DECISION] = log_weight
    _sort_parts(search, first, state.marks[NUM_PARTS])
    return log_free


@loop
def _sort_parts(search: Search, first: int, end: int) -> None:
    """Put small components first: where one is zero the others need not be looked at."""
    bounds, keys = search.parts.bounds, search.parts.keys
    for i in range(first + 1, end):
        j = i
        while j > first and bounds[j, 1] - bounds[j, 0] < bounds[j - 1, 1] - bounds[j - 1, 0]:
            for k in range(2):
                bound, key = bounds[j, k], keys[j, k]
                bounds[j, k], keys[j, k] = bounds[j - 1, k], keys[j - 1, k]
                bounds[j - 1, k], keys[j - 1, k] = bound, key
            j -= 1


@loop
def run(search: Search, num_steps: int) -> int:
    """Take so many steps; return COMPLETE once the root is closed, NEEDS_ROOM where it is stuck."""
    frames, marks = search.frames, search.state.marks
    for _ in range(num_steps):
        t = marks[NUM_FRAMES] - 1
        if frames.cells[t, IS_BRANCH] == 0:
            if not _has_room(search, t):
                return NEEDS_ROOM
            if not _next_state(search, t):
                _close(search, t)
        elif (
            frames.cells[t, NEXT_PART] < frames.cells[t, END_PART]
            and frames.sums[t, BRANCH] > -np.inf
        ):
            _next_part(search, t)
        else:
            _close_branch(search, t)
            if t == 0:
                return COMPLETE
    return _GO_ON


@loop
def _has_room(search: Search, t: int) -> bool:
    """Say whether the components of one more branch have room."""
    cells, marks = search.frames.cells[t], search.state.marks
    size = cells[END] - cells[BEGIN]
    is_listed = marks[NUM_LISTED] + size <= search.parts.variables.size
    return is_listed and marks[NUM_PARTS] + size <= search.parts.node.size


@loop
def _next_state(search: Search, t: int) -> bool:
    """Decide the frame's variable for its next state; False once there is none."""
    state, frames = search.state, search.frames
    cells = frames.cells[t]
    v = cells[VARIABLE]
    left = np.uint64(0)
    if cells[NEXT_STATE] < 64:
        left = np.uint64(state.domain[v] >> np.uint64(cells[NEXT_STATE]))
    if left == np.uint64(0):
        return False
    x = cells[NEXT_STATE] + lowest(left)
    cells[NEXT_STATE] = x + 1
    cells[AT_STORED] = state.marks[NUM_STORED]
    state.numbers[LOG_WEIGHT] = 0.0
    state.marks[LEVEL] = t
    if assign(search, v, x):
        _open_branch(search, t, state.numbers[LOG_WEIGHT])
    else:
        undo(search, cells[AT_TRAIL], cells[AT_NARROWED])
    return True


@loop
def _next_part(search: Search, t: int) -> None:
    """Take in the next component of a branch: remembered, or a frame of its own."""
    state, frames, parts, cache = search.state, search.frames, search.parts, search.cache
    marks = state.marks
    number = frames.cells[t, NEXT_PART]
    frames.cells[t, NEXT_PART] += 1
    one, two = parts.keys[number, 0], parts.keys[number, 1]
    at = lookup(cache, one, two)
    if at >= 0:
        marks[NUM_HITS] += 1
        parts.node[number] = cache.node[at]
        frames.sums[t, BRANCH] += cache.values[at]
        if cache.values[at] == -np.inf and marks[IS_LEARNING] == 1:
            forget_since(search, frames.cells[t, AT_STORED])
        return
    n = marks[NUM_FRAMES]
    marks[NUM_FRAMES] = n + 1
    marks[NUM_NODES] += 1
    marks[LATEST] = -1
    cells = frames.cells[n]
    cells[:] = 0
    cells[BEGIN], cells[END] = parts.bounds[number, 0], parts.bounds[number, 1]
    for i in range(cells[BEGIN], cells[END]):
        search.clauses.owner[parts.variables[i]] = n
    cells[VARIABLE] = choose(search, cells[BEGIN], cells[END])
    cells[AT_TRAIL], cells[AT_NARROWED] = marks[TRAIL], marks[NARROWED]
    cells[AT_LISTED], cells[AT_PART] = marks[NUM_LISTED], marks[NUM_PARTS]
    cells[AT_STORED], cells[LAST_RECORD] = marks[NUM_STORED], -1
    frames.keys[n, 0], frames.keys[n, 1] = one, two
    frames.sums[n, ADDED] = -np.inf
    frames.sums[n, BRANCH] = -np.inf


@loop
def _close_branch(search: Search, t: int) -> None:
    """Add a branch whose components are all known, or one of which is zero; take it back."""
    state, frames = search.state, search.frames
    cells, value = frames.cells[t], frames.sums[t, BRANCH]
    if value > -np.inf and state.marks[IS_TRACED] == 1:
        _record(search, t)
    frames.sums[t, ADDED] = log_sum(frames.sums[t, ADDED], value)
    cells[IS_BRANCH] = 0
    undo(search, cells[AT_TRAIL], cells[AT_NARROWED])
    state.marks[NUM_LISTED], state.marks[NUM_PARTS] = cells[AT_LISTED], cells[AT_PART]


@loop
def _close(search: Search, t: int) -> None:
    """Remember what a component is worth, and take it into its parent's branch."""
    frames, parts, marks = search.frames, search.parts, search.state.marks
    cells, value = frames.cells[t], frames.sums[t, ADDED]
    store(search, frames.keys[t, 0], frames.keys[t, 1], value, cells[LAST_RECORD])
    marks[NUM_FRAMES] = t
    for i in range(cells[BEGIN], cells[END]):
        search.clauses.owner[parts.variables[i]] = t - 1
    marks[LATEST] = -1
    above = frames.cells[t - 1]
    parts.node[above[NEXT_PART] - 1] = cells[LAST_RECORD]
    frames.sums[t - 1, BRANCH] += value
    if value == -np.inf and marks[IS_LEARNING] == 1 and above[END_PART] - above[FIRST_PART] > 1:
        forget_since(search, above[AT_STORED])


@loop
def choose(search: Search, begin: int, end: int) -> int:
    """Choose the variable to decide: high in the elimination tree, and busy of late."""
    model, state, parts, rests = search.model, search.state, search.parts, search.model.rests
    best, best_score = -1, -np.inf
    for at in range(begin, end):
        v = parts.variables[at]
        score = model.prior[v]
        if model.activity_weight > 0.0:
            count = 0
            for e in range(model.near_start[v], model.near_start[v + 1]):
                f = model.near[e, 0]
                s = model.first_state[f] + state.partial[f]
                count += (rests.needs[s] >> model.near[e, 1]) & 1
            busy = count + state.activity[v] / state.numbers[ACTIVITY_STEP]
            score += model.activity_weight * busy
        if score > best_score:
            best, best_score = v, score
    return int(best)


@loop
def _record(search: Search, t: int) -> None:
    """Write a branch into the trace; where there is no room the trace ends for good."""
    state, parts, trace, marks = search.state, search.parts, search.trace, search.state.marks
    cells = search.frames.cells[t]
    number, top = marks[NUM_RECORDS], marks[NUM_LINKS]
    room = marks[TRAIL] - cells[AT_TRAIL] + cells[END] - cells[BEGIN]
    room += cells[END_PART] - cells[FIRST_PART]
    if number >= trace.start.size or top + room > trace.links.size:
        marks[IS_TRACED] = 0
        return
    trace.start[number] = top
    for at in range(cells[AT_TRAIL], marks[TRAIL]):
        v = state.trail[at]
        trace.links[top] = 64 * v + state.value[v]
        top += 1
    trace.counts[number, 0] = top - trace.start[number]
    num_idle = 0
    for at in range(cells[BEGIN], cells[END]):
        v = parts.variables[at]
        if state.value[v] == OPEN and is_idle(search, v):
            trace.links[top] = v
            top, num_idle = top + 1, num_idle + 1
    trace.counts[number, 1] = num_idle
    trace.counts[number, 2] = cells[END_PART] - cells[FIRST_PART]
    for part_number in range(cells[FIRST_PART], cells[END_PART]):
        trace.links[top] = parts.node[part_number]
        top += 1
    trace.previous[number] = cells[LAST_RECORD]
    trace.log_weight[number] = search.frames.sums[t, OF_DECISION]
    cells[LAST_RECORD] = number
    marks[NUM_RECORDS], marks[NUM_LINKS] = number + 1, top
