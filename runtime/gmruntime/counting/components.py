"""Splits what is open into components, and remembers what each was worth.

A component is known by what is left of its factors, not by how it was reached. Two that differ
have the same 128 bits with a chance of less than m^2 / 2^128 among m: 1e-24 among ten million.

Source: Thurley (2006), "sharpSAT: counting models with advanced component caching and implicit
BCP"; Soos and Meel (2019), "BIRD", for keys without proof.
"""

import numpy as np

from gmruntime.compiling import loop
from gmruntime.counting.partial import mix
from gmruntime.counting.records import (
    NUM_LISTED,
    NUM_PARTS,
    NUM_STORED,
    OPEN,
    STAMP,
    Cache,
    Search,
)

_NUM_PROBES = 8
_GONE = np.uint64(1)
_NOTHING = np.uint64(0)


@loop
def split(search: Search, begin: int, end: int) -> float:
    """Split the open variables listed from `begin` to `end`; list the components behind.

    Returns:
        the log of how many states those have that nothing depends on any more.
    """
    model, state, parts = search.model, search.state, search.parts
    state.marks[STAMP] += 1
    stamp = state.marks[STAMP]
    log_free = 0.0
    for at in range(begin, end):
        v = parts.variables[at]
        if state.value[v] != OPEN or state.seen[v] == stamp:
            continue
        if not _gather(search, v, stamp):
            log_free += float(model.log_states[v])
    return log_free


@loop
def is_idle(search: Search, v: int) -> bool:
    """Say whether nothing that is left depends on an open variable."""
    model, state, rests = search.model, search.state, search.model.rests
    for e in range(model.near_start[v], model.near_start[v + 1]):
        f = model.near[e, 0]
        s = model.first_state[f] + state.partial[f]
        if (rests.needs[s] >> model.near[e, 1]) & 1:
            return False
    return True


@loop
def _gather(search: Search, v: int, stamp: int) -> bool:
    """List the component of a variable with its key; False where it is idle."""
    state, parts = search.state, search.parts
    begin = state.marks[NUM_LISTED]
    parts.variables[begin] = v
    top = begin + 1
    state.seen[v] = stamp
    one, two = np.uint64(0), np.uint64(0)
    is_active = False
    at = begin
    while at < top:
        u = int(parts.variables[at])
        at += 1
        word = np.uint64(u)
        one += mix(word, np.uint64(77))
        two += mix(word, np.uint64(99))
        top, one, two, is_needed = _gather_near(search, u, stamp, top, one, two)
        is_active = is_active or is_needed
    if not is_active:
        return False
    number = state.marks[NUM_PARTS]
    parts.bounds[number, 0], parts.bounds[number, 1] = begin, top
    parts.keys[number, 0], parts.keys[number, 1] = one, two
    parts.node[number] = -1
    state.marks[NUM_PARTS] = number + 1
    state.marks[NUM_LISTED] = top
    return True


@loop
def _gather_near(
    search: Search, u: int, stamp: int, top: int, one: np.uint64, two: np.uint64
) -> tuple[int, np.uint64, np.uint64, bool]:
    """List the open variables that a factor joins to one, and take the factors into the key."""
    model, state, parts, rests = search.model, search.state, search.parts, search.model.rests
    is_active = False
    for e in range(model.near_start[u], model.near_start[u + 1]):
        f, position = model.near[e, 0], model.near[e, 1]
        s = model.first_state[f] + state.partial[f]
        if not (rests.needs[s] >> position) & 1:
            continue
        is_active = True
        begin, end = model.factor_start[f], model.factor_start[f + 1]
        if not rests.is_joint[s]:
            place = model.first_place[f] + state.partial[f] * (end - begin) + position
            word = mix(np.uint64(rests.unary[place]), np.uint64(u))
            one += mix(word, np.uint64(5))
            two += mix(word, np.uint64(6))
            continue
        if state.seen_factor[f] == stamp:
            continue
        state.seen_factor[f] = stamp
        one += mix(np.uint64(rests.hashes[s, 0]), np.uint64(f))
        two += mix(np.uint64(rests.hashes[s, 1]), np.uint64(f))
        for edge in range(begin, end):
            w = model.factor_variables[edge]
            if (rests.needs[s] >> (edge - begin)) & 1 and state.seen[w] != stamp:
                state.seen[w] = stamp
                parts.variables[top] = w
                top += 1
    return top, one, two, is_active


@loop
def lookup(cache: Cache, one: np.uint64, two: np.uint64) -> int:
    """Return where a component is remembered, -1 where it is not."""
    last = cache.values.size - 1
    at = np.int64(one & np.uint64(last))
    for _ in range(_NUM_PROBES):
        if cache.keys[at, 0] == one and cache.keys[at, 1] == two:
            return int(at)
        at = (at + 1) & last
    return -1


@loop
def store(search: Search, one: np.uint64, two: np.uint64, value: float, node: int) -> None:
    """Remember what a component is worth, in place of an old one where there is no room."""
    cache, marks = search.cache, search.state.marks
    last = cache.values.size - 1
    first = np.int64(one & np.uint64(last))
    at = (first + marks[NUM_STORED] % _NUM_PROBES) & last
    for probe in range(_NUM_PROBES):
        place = (first + probe) & last
        is_none = cache.keys[place, 0] == _NOTHING and cache.keys[place, 1] == _NOTHING
        if is_none or (cache.keys[place, 0] == _GONE and cache.keys[place, 1] == _GONE):
            at = place
            break
    cache.keys[at, 0], cache.keys[at, 1] = one, two
    cache.values[at], cache.node[at] = value, node
    cache.stored[marks[NUM_STORED] % cache.stored.size] = at
    marks[NUM_STORED] += 1


@loop
def forget_since(search: Search, num_stored: int) -> None:
    """Forget what was remembered since; everything, where it is not known any more what that was.

    Needed where clauses were learned and a component turned out to be zero: its siblings may have
    been cut by clauses that speak of it.
    """
    cache, marks = search.cache, search.state.marks
    if marks[NUM_STORED] - num_stored > cache.stored.size:
        cache.keys[:] = _NOTHING
    else:
        for number in range(num_stored, marks[NUM_STORED]):
            at = cache.stored[number % cache.stored.size]
            cache.keys[at, 0], cache.keys[at, 1] = _GONE, _GONE
    marks[NUM_STORED] = num_stored
