"""Learns a clause from a contradiction among booleans: the first unique implication point.

A clause follows from all factors together, whatever component was being counted. It only ever says
that something is impossible; it belongs to no component and enters no key.

Source: Marques-Silva and Sakallah (1999), "GRASP"; Zhang, Madigan, Moskewicz and Malik (2001),
"Efficient conflict driven learning in a Boolean satisfiability solver".
"""

import numpy as np

from gmruntime.compiling import loop
from gmruntime.counting.records import (
    ACTIVITY_STEP,
    FAILED_AT,
    FAILED_VARIABLE,
    LATEST,
    LEVEL,
    NUM_CLAUSES,
    NUM_LITERALS,
    OPEN,
    TRAIL,
    Search,
)

_LENGTH_MAX = 60
"""Longer clauses are not kept: they hardly ever say anything."""

_GROWTH, _STEP_MAX = 1.02, 1e100


@loop
def _explain(search: Search, v: int) -> int:
    """List into `first` the variables that forced v; return how many, -1 for a decision."""
    state, clauses = search.state, search.clauses
    reason, count = clauses.reason[v], 0
    if reason == -1:
        return -1
    if reason >= 0:
        model = search.model
        for edge in range(model.factor_start[reason], model.factor_start[reason + 1]):
            w = model.factor_variables[edge]
            if w != v and state.value[w] != OPEN and clauses.place[w] < clauses.since[v]:
                clauses.first[count] = w
                count += 1
        return count
    return _list_clause(search, -2 - reason, v)


@loop
def _list_clause(search: Search, c: int, without: int) -> int:
    clauses, count = search.clauses, 0
    for at in range(clauses.start[c], clauses.start[c] + clauses.length[c]):
        w = clauses.literals[at] >> 1
        if w != without:
            clauses.first[count] = w
            count += 1
    return count


@loop
def _list_conflict(search: Search) -> int:
    """List into `first` the variables of the contradiction; return how many."""
    state, clauses, model = search.state, search.clauses, search.model
    f, u = state.marks[FAILED_AT], state.marks[FAILED_VARIABLE]
    if f < 0:
        return _list_clause(search, -2 - f, -1)
    count = 0
    for edge in range(model.factor_start[f], model.factor_start[f + 1]):
        w = model.factor_variables[edge]
        if state.value[w] != OPEN and (clauses.place[w] < state.marks[TRAIL] or w == u):
            clauses.first[count] = w
            count += 1
    return count


@loop
def learn(search: Search, base: int, num_waiting: int) -> None:
    """Learn a clause from the contradiction of the decision that began at `base` of the trail."""
    state, clauses = search.state, search.clauses
    current = state.marks[LEVEL]
    count = _list_conflict(search)
    length, num_here, v = 0, 0, -1
    at = base + num_waiting
    while True:
        for i in range(count):
            w = clauses.first[i]
            if clauses.is_marked[w] or clauses.level[w] < 0:
                continue
            clauses.is_marked[w] = True
            if clauses.level[w] == current:
                num_here += 1
            else:
                clauses.second[length] = w
                length += 1
        v = -1
        if num_here == 0:
            break
        while v < 0:
            at -= 1
            v = state.trail[at] if at < state.marks[TRAIL] else state.queue[at - base]
            if not clauses.is_marked[v] or clauses.level[v] != current:
                v = -1
        clauses.is_marked[v] = False
        num_here -= 1
        if num_here == 0:
            break
        count = _explain(search, v)
        if count < 0:
            v = -1
            break
    for i in range(length):
        clauses.is_marked[clauses.second[i]] = False
    if v >= 0:
        _keep(search, v, length)


@loop
def _bump(search: Search, v: int) -> None:
    """Remember that a variable was in a conflict; late ones count more."""
    state = search.state
    state.activity[v] += state.numbers[ACTIVITY_STEP]
    if state.numbers[ACTIVITY_STEP] > _STEP_MAX:
        for u in range(state.activity.size):
            state.activity[u] /= _STEP_MAX
        state.numbers[ACTIVITY_STEP] /= _STEP_MAX


@loop
def _keep(search: Search, v: int, length: int) -> None:
    """Keep the clause that forbids what v and the `length` variables in `second` are."""
    state, clauses = search.state, search.clauses
    c, top = state.marks[NUM_CLAUSES], state.marks[NUM_LITERALS]
    is_full = c >= clauses.start.size or top + length + 1 > clauses.literals.size
    if is_full or length >= _LENGTH_MAX:
        return
    latest = 0
    for i in range(1, length):
        if clauses.place[clauses.second[i]] > clauses.place[clauses.second[latest]]:
            latest = i
    if length > 1:
        swapped = clauses.second[0]
        clauses.second[0] = clauses.second[latest]
        clauses.second[latest] = swapped
    clauses.start[c], clauses.length[c] = top, length + 1
    for i in range(length + 1):
        w = v if i == 0 else clauses.second[i - 1]
        is_one = (state.domain[w] >> np.uint64(1)) & np.uint64(1)
        literal = 2 * w + (0 if is_one else 1)
        clauses.literals[top + i] = literal
        if i < 2:
            clauses.link[2 * c + i] = clauses.head[literal]
            clauses.head[literal] = 2 * c + i
        _bump(search, w)
    state.marks[NUM_CLAUSES] = c + 1
    state.marks[NUM_LITERALS] = top + length + 1
    state.marks[LATEST] = c
    state.numbers[ACTIVITY_STEP] *= _GROWTH
