"""Sets variables and draws the consequences: partial states, supports, learned clauses.

Source: Moskewicz, Madigan, Zhao, Zhang and Malik (2001), "Chaff", for clauses that are watched;
Sang, Bacchus, Beame, Kautz and Pitassi (2004), "Combining component caching and clause learning
for effective model counting", for what clauses may say where components are counted.
"""

import numpy as np

from gmruntime.compiling import loop, part
from gmruntime.counting.learning import learn
from gmruntime.counting.records import (
    ACTIVITY_STEP,
    FAILED_AT,
    FAILED_VARIABLE,
    IS_LEARNING,
    LATEST,
    LEVEL,
    LOG_WEIGHT,
    NARROWED,
    NO_CONFLICT,
    NUM_CONFLICTS,
    OPEN,
    QUEUED,
    TRAIL,
    Search,
)


@part
def lowest(bits: np.uint64) -> int:
    """Return the lowest bit that is set; one is."""
    x = 0
    while not (bits >> np.uint64(x)) & np.uint64(1):
        x += 1
    return x


@loop
def undo(search: Search, trail: int, narrowed: int) -> None:
    """Take back all that was set and narrowed since."""
    model, state = search.model, search.state
    for at in range(state.marks[TRAIL] - 1, trail - 1, -1):
        v = state.trail[at]
        digit = state.value[v] + 1
        state.value[v] = OPEN
        for e in range(model.near_start[v], model.near_start[v + 1]):
            state.partial[model.near[e, 0]] -= digit * model.near[e, 2]
    state.marks[TRAIL] = trail
    for at in range(state.marks[NARROWED] - 1, narrowed - 1, -1):
        state.domain[state.narrowed[at]] = state.before[at]
    state.marks[NARROWED] = narrowed


@loop
def _narrow(search: Search, v: int, domain: np.uint64) -> None:
    state = search.state
    at = state.marks[NARROWED]
    state.narrowed[at] = v
    state.before[at] = state.domain[v]
    state.marks[NARROWED] = at + 1
    state.domain[v] = domain


@loop
def _enqueue(search: Search, v: int, base: int, length: int, reason: int) -> int:
    """Let a variable with one state left wait; return how many wait now."""
    state, clauses = search.state, search.clauses
    state.value[v] = QUEUED
    state.queue[length] = v
    clauses.reason[v] = reason
    clauses.since[v] = state.marks[TRAIL]
    clauses.place[v] = base + length
    clauses.level[v] = state.marks[LEVEL]
    return length + 1


@loop
def assign(search: Search, v: int, x: int) -> bool:
    """Set a variable and draw the consequences; say whether they are free of contradiction.

    LOG_WEIGHT grows by the log of what every factor lost. At a contradiction nothing waits any
    more, and what was set is still to be undone.
    """
    state = search.state
    base = int(state.marks[TRAIL])
    _narrow(search, v, np.uint64(1) << np.uint64(x))
    state.marks[FAILED_AT], state.marks[FAILED_VARIABLE] = NO_CONFLICT, -1
    length = _enqueue(search, v, base, 0, -1)
    is_learning = state.marks[IS_LEARNING] == 1
    alive = True
    if is_learning:
        length = _apply_latest(search, base, length)
        alive = length >= 0
        length = max(length, 1)
    head = 0
    while alive and head < length:
        u = state.queue[head]
        head += 1
        length = _settle(search, u, base, length)
        alive = length > 0
        if alive and is_learning:
            length = _watch(search, u, base, length)
            alive = length > 0
        length = abs(length)
    if alive:
        return True
    state.marks[LATEST] = -1
    if is_learning and state.marks[FAILED_AT] != NO_CONFLICT and state.marks[LEVEL] >= 0:
        learn(search, base, length)
    for at in range(head, length):
        state.value[state.queue[at]] = OPEN
    state.marks[NUM_CONFLICTS] += 1
    if not is_learning:
        state.activity[v] += state.numbers[ACTIVITY_STEP]
    return False


@loop
def _settle(search: Search, v: int, base: int, length: int) -> int:
    """Take a variable's state into all its factors; return how many wait, negated if it fails."""
    model, state, rests = search.model, search.state, search.model.rests
    x = lowest(state.domain[v])
    state.value[v] = x
    state.trail[state.marks[TRAIL]] = v
    state.marks[TRAIL] += 1
    alive = True
    for e in range(model.near_start[v], model.near_start[v + 1]):
        f = model.near[e, 0]
        old = state.partial[f]
        new = old + (x + 1) * model.near[e, 2]
        state.partial[f] = new
        if not alive:
            continue
        scale = rests.scale[model.first_state[f] + new]
        if scale == -np.inf:
            state.marks[FAILED_AT] = f
            alive = False
            continue
        state.numbers[LOG_WEIGHT] += scale - rests.scale[model.first_state[f] + old]
        begin, end = model.factor_start[f], model.factor_start[f + 1]
        place = model.first_place[f] + new * (end - begin)
        for edge in range(begin, end):
            u = model.factor_variables[edge]
            if state.value[u] >= 0:
                continue
            left = state.domain[u] & rests.allowed[place + edge - begin]
            if state.value[u] == QUEUED:
                if left == np.uint64(0):
                    state.marks[FAILED_AT], state.marks[FAILED_VARIABLE] = f, u
                    alive = False
                    break
                continue
            if left == state.domain[u]:
                continue
            _narrow(search, int(u), np.uint64(left))
            if left == np.uint64(0):
                state.marks[FAILED_AT] = f
                alive = False
                break
            if left & (left - np.uint64(1)) == np.uint64(0):
                length = _enqueue(search, u, base, length, f)
    return length if alive else -length


@loop
def _apply_latest(search: Search, base: int, length: int) -> int:
    """Set what the clause that was just learned says now; return how many wait, -1 if it fails."""
    state, clauses = search.state, search.clauses
    c = int(state.marks[LATEST])
    state.marks[LATEST] = -1
    if c < 0:
        return length
    unit, num_open = -1, 0
    for at in range(clauses.start[c], clauses.start[c] + clauses.length[c]):
        literal = clauses.literals[at]
        w = literal >> 1
        if state.value[w] == OPEN:
            num_open += 1
            unit = int(literal)
        elif (state.domain[w] >> np.uint64(literal & 1)) & np.uint64(1):
            return length
    if num_open != 1 or clauses.owner[unit >> 1] != state.marks[LEVEL]:
        return length
    return _follow(search, unit, base, length, c)


@loop
def _follow(search: Search, literal: int, base: int, length: int, c: int) -> int:
    """Set an open variable because of a clause; return how many wait, -1 if it fails."""
    state, w = search.state, literal >> 1
    left = state.domain[w] & (np.uint64(1) << np.uint64(literal & 1))
    if left == np.uint64(0):
        state.marks[FAILED_AT] = NO_CONFLICT
        return -1
    _narrow(search, w, left)
    return _enqueue(search, w, base, length, -2 - c)


@loop
def _watch(search: Search, v: int, base: int, length: int) -> int:
    """Look at the clauses of which a watched literal is now false; as `_settle` returns."""
    state, clauses = search.state, search.clauses
    false = 2 * v + 1 - state.value[v]
    watch = int(clauses.head[false])
    clauses.head[false] = -1
    alive = True
    while watch >= 0:
        after = int(clauses.link[watch])
        c = watch >> 1
        begin = int(clauses.start[c])
        other_at = begin + 1 - (watch & 1) if clauses.length[c] > 1 else begin
        other = int(clauses.literals[other_at])
        w = other >> 1
        is_other = clauses.length[c] > 1
        is_true = (
            is_other
            and state.value[w] != OPEN
            and (state.domain[w] >> np.uint64(other & 1)) & np.uint64(1)
        )
        if not alive or is_true or not _watch_another(search, watch, begin + (watch & 1)):
            clauses.link[watch] = clauses.head[false]
            clauses.head[false] = watch
            if alive and not is_true:
                if not is_other or state.value[w] != OPEN:
                    state.marks[FAILED_AT] = -2 - c
                    alive = False
                elif clauses.owner[w] == state.marks[LEVEL]:
                    followed = _follow(search, other, base, length, c)
                    alive = followed > 0
                    length = followed if alive else length
        watch = after
    return length if alive else -length


@loop
def _watch_another(search: Search, watch: int, at: int) -> bool:
    """Watch a literal that is not false in place of the one at `at`; False where all are."""
    state, clauses = search.state, search.clauses
    c = watch >> 1
    begin = clauses.start[c]
    for k in range(begin + 2, begin + clauses.length[c]):
        literal = clauses.literals[k]
        w = literal >> 1
        is_false = state.value[w] != OPEN and not (
            (state.domain[w] >> np.uint64(literal & 1)) & np.uint64(1)
        )
        if not is_false:
            clauses.literals[k] = clauses.literals[at]
            clauses.literals[at] = literal
            clauses.link[watch] = clauses.head[literal]
            clauses.head[literal] = watch
            return True
    return False
