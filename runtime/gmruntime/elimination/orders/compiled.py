"""Greedy elimination on bit rows: one restart of the search for an order, compiled."""

from typing import NamedTuple

import numba
import numpy as np

_ONE = np.uint64(1)

# Above the fill of any clique that is narrower.
_LAST = 1e9

_WIDE_BITS = 60.0
"""Nobody wants a clique of so many bits: what it has and fills in beyond that is not counted."""


class Limits(NamedTuple):
    """When an order is given up: bits of a clique, entries of all together, and steps taken."""

    clique_bits: float
    total: float
    steps: float


@numba.njit(cache=True)
def _lowest_bit(word: np.uint64) -> int:
    """Return the position of the lowest set bit of a non-zero word."""
    position = 0
    if word & np.uint64(0xFFFFFFFF) == 0:
        position += 32
        word >>= np.uint64(32)
    if word & np.uint64(0xFFFF) == 0:
        position += 16
        word >>= np.uint64(16)
    if word & np.uint64(0xFF) == 0:
        position += 8
        word >>= np.uint64(8)
    if word & np.uint64(0xF) == 0:
        position += 4
        word >>= np.uint64(4)
    if word & np.uint64(0x3) == 0:
        position += 2
        word >>= np.uint64(2)
    if word & _ONE == 0:
        position += 1
    return position


@numba.njit(cache=True)
def _members(row: np.ndarray, found: np.ndarray) -> int:
    """Write the set bits of a row to `found` and return how many there are."""
    count = 0
    for w in range(row.size):
        word = row[w]
        while word != 0:
            found[count] = 64 * w + _lowest_bit(word)
            count += 1
            word &= word - _ONE
    return count


@numba.njit(cache=True)
def _score(
    adjacency: np.ndarray, bits: np.ndarray, v: int, by_fill: bool, near: np.ndarray
) -> tuple[float, int]:
    # The hub of a star is scored again after each of its leaves; it is chosen last either way.
    row = adjacency[v]
    count, weight = 0, bits[v]
    for w in range(row.size):
        word = row[w]
        while word != 0 and (not by_fill or weight <= _WIDE_BITS):
            near[count] = 64 * w + _lowest_bit(word)
            weight += bits[near[count]]
            count += 1
            word &= word - _ONE
    if not by_fill or weight > _WIDE_BITS:
        return weight * (_LAST if by_fill else 1.0), count + row.size
    fill = 0.0
    for k in range(count):
        u = near[k]
        missing = 0.0
        for w in range(row.size):
            word = row[w] & ~adjacency[u, w]
            while word != 0:
                missing += bits[64 * w + _lowest_bit(word)]
                word &= word - _ONE
        fill += bits[u] * (missing - bits[u])
    return 0.5 * fill + 0.01 * weight, count * row.size


@numba.njit(cache=True)
def _uniform(state: np.ndarray) -> float:
    """Advance a xorshift generator and return a number in [0, 1)."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return (x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True, nogil=True)
def eliminate_greedily(
    adjacency: np.ndarray,
    bits: np.ndarray,
    stages: np.ndarray,
    by_fill: bool,
    noise: float,
    seed: np.uint64,
    limits: Limits,
    order: np.ndarray,
) -> tuple[float, float, int]:
    """Eliminate the cheapest variable next; `adjacency` becomes the cliques' rows.

    Args:
        adjacency: bit u of row v says that u and v share a factor; changed in place.
        bits: log2 of each variable's number of states.
        stages: int16, of each variable: those of a smaller number all come before it.
        by_fill: by weighted fill, else by the bits of the clique.
        noise: scores are multiplied by 1 + noise * u.
        seed: of the noise, not 0.
        limits: beyond which it gives up.
        order: receives the variables in the order they are eliminated.

    Returns:
        Entries of all cliques together (inf when given up), bits of the largest, and the steps
        this took.
    """
    clique_bits_max, total_max, steps_max = limits
    n = bits.size
    state = np.array([seed], np.uint64)
    near = np.empty(n, np.int64)
    scratch = np.empty(n, np.int64)
    scores = np.empty(n)
    alive = np.ones(n, np.bool_)
    stale = np.zeros(n, np.bool_)
    last = 0
    for v in range(n):
        last = max(last, stages[v])
    waiting = np.zeros(last + 1, np.int64)
    stage = 0
    steps = 0
    for v in range(n):
        scores[v], cost = _score(adjacency, bits, v, by_fill, scratch)
        scores[v] *= 1.0 + noise * _uniform(state)
        steps += cost
        waiting[stages[v]] += 1
    total, largest = 0.0, 0.0
    for place in range(n):
        while waiting[stage] == 0:
            stage += 1
        best = -1
        for v in range(n):
            if alive[v] and stages[v] == stage and (best < 0 or scores[v] < scores[best]):
                best = v
        steps += n
        count = _members(adjacency[best], near)
        clique_bits = bits[best]
        for k in range(count):
            clique_bits += bits[near[k]]
        total += 2.0**clique_bits
        largest = max(largest, clique_bits)
        if clique_bits > clique_bits_max or total > total_max or steps > steps_max:
            return np.inf, largest, steps
        order[place] = best
        alive[best] = False
        waiting[stage] -= 1
        _connect(adjacency, best, near, count, by_fill, stale)
        for v in range(n):
            if stale[v]:
                stale[v] = False
                if alive[v]:
                    scores[v], cost = _score(adjacency, bits, v, by_fill, scratch)
                    scores[v] *= 1.0 + noise * _uniform(state)
                    steps += cost
                    if steps > steps_max:
                        return np.inf, largest, steps
    return total, largest, steps


@numba.njit(cache=True)
def _connect(
    adjacency: np.ndarray, v: int, near: np.ndarray, count: int, by_fill: bool, stale: np.ndarray
) -> None:
    """Join the neighbours of v, take v out, and mark whose scores have changed."""
    words = adjacency.shape[1]
    for k in range(count):
        u = near[k]
        stale[u] = True
        added = False
        for w in range(words):
            if adjacency[v, w] & ~adjacency[u, w] != 0:
                word = adjacency[v, w] & ~adjacency[u, w]
                if w == u >> 6:
                    word &= ~(_ONE << np.uint64(u & 63))
                if word != 0:
                    added = True
                    adjacency[u, w] |= word
        adjacency[u, v >> 6] &= ~(_ONE << np.uint64(v & 63))
        if added and by_fill:
            for w in range(words):
                word = adjacency[u, w]
                while word != 0:
                    stale[64 * w + _lowest_bit(word)] = True
                    word &= word - _ONE
