"""Minimum degree: whoever shares rows with the fewest others is eliminated next, compiled.

A real and those that it shares rows with become one element, a set of reals that all depend on
each other; at the beginning each row is one. Reals in the same elements are eliminated together.

Source: Amestoy, Davis and Duff (1996), "An approximate minimum degree ordering algorithm"; George
and Liu (1989), "The evolution of the minimum degree ordering algorithm", for elements.
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Bool, Int32, Int64
from gmruntime.compiling import loop, part

_FREE, _CREATED, _LEAST, _STAMP, _PLACED = range(5)
"""What `counters` hold: where the pool is free, elements made, a bound on the least degree, the
last stamp, and reals in the order."""


class Quotient(NamedTuple):
    """The reals and elements that are left.

    Elements are numbered in the order they are made, rows first.

    Attributes:
        list_start: where the elements of each real begin; there are never more later.
        list_length: how many it is in.
        list_elements: these.
        weight: how many reals each stands for; 0 where it is done, or another stands for it.
        degree: a bound on how many others each shares an element with.
        next_alike, last_alike: the reals that one stands for, as a chain.
        head: of each degree, a real; -1 where there is none.
        after, before: the others of the same degree.
        mark: stamps of reals.
        element_start, element_length: the members of each element, in the pool.
        element_weight: the reals that they stand for.
        outside: of those, how many are not in the newest element, where `seen` is its stamp.
        seen: stamps of elements.
        alive: whether it was joined into no other.
        pool: the members.
        bucket: of each hash, a real of the newest element; -1 where there is none.
        chain: the next one of the same hash.
        counters: as named above.
    """

    list_start: Int64[np.ndarray, " reals_and_end"]
    list_length: Int64[np.ndarray, " reals"]
    list_elements: Int32[np.ndarray, " entries"]
    weight: Int64[np.ndarray, " reals"]
    degree: Int64[np.ndarray, " reals"]
    next_alike: Int32[np.ndarray, " reals"]
    last_alike: Int32[np.ndarray, " reals"]
    head: Int32[np.ndarray, " reals_and_end"]
    after: Int32[np.ndarray, " reals"]
    before: Int32[np.ndarray, " reals"]
    mark: Int64[np.ndarray, " reals"]
    element_start: Int64[np.ndarray, " elements"]
    element_length: Int64[np.ndarray, " elements"]
    element_weight: Int64[np.ndarray, " elements"]
    outside: Int64[np.ndarray, " elements"]
    seen: Int64[np.ndarray, " elements"]
    alive: Bool[np.ndarray, " elements"]
    pool: Int32[np.ndarray, " pool"]
    bucket: Int32[np.ndarray, " reals"]
    chain: Int32[np.ndarray, " reals"]
    counters: Int64[np.ndarray, " counters"]


@part
def _take_out(q: Quotient, i: int) -> None:
    """Take a real out of those of its degree."""
    after, before = q.after[i], q.before[i]
    if before >= 0:
        q.after[before] = after
    else:
        q.head[q.degree[i]] = after
    if after >= 0:
        q.before[after] = before


@part
def _put_in(q: Quotient, i: int) -> None:
    """Put a real in front of the others of its degree."""
    degree = q.degree[i]
    first = q.head[degree]
    q.after[i] = first
    q.before[i] = -1
    if first >= 0:
        q.before[first] = i
    q.head[degree] = i
    q.counters[_LEAST] = min(q.counters[_LEAST], degree)


@loop
def begin(q: Quotient, num_rows: int, num_members: int) -> None:
    """Sort the reals by their degrees; lists, elements and weights are filled in.

    Args:
        q: rows are the elements.
        num_rows: how many there are.
        num_members: of all together, in the pool.
    """
    q.counters[_FREE], q.counters[_CREATED] = num_members, num_rows
    q.counters[_STAMP] = q.counters[_PLACED] = 0
    count = len(q.weight)
    for i in range(count + 1):
        q.head[i] = -1
    q.counters[_LEAST] = count
    for k in range(count):
        # The first of equals is to be taken first.
        i = count - 1 - k
        degree = 0
        for t in range(q.list_start[i], q.list_start[i + 1]):
            degree += q.element_length[q.list_elements[t]] - 1
        q.degree[i] = min(degree, count - 1)
        q.bucket[i] = -1
        _put_in(q, i)


@loop
def _compact(q: Quotient) -> None:
    """Move the members of elements that are left to the front of the pool."""
    free = np.int64(0)
    for e in range(q.counters[_CREATED]):
        if not q.alive[e]:
            continue
        begin = q.element_start[e]
        q.element_start[e] = free
        length = 0
        for p in range(begin, begin + q.element_length[e]):
            i = q.pool[p]
            if q.weight[i] > 0:
                q.pool[free] = i
                free += 1
                length += 1
        q.element_length[e] = length
    q.counters[_FREE] = free


@loop
def _join(q: Quotient, pivot: int) -> int:
    """Make the elements of a real one, without itself; return how many reals that stands for."""
    q.counters[_STAMP] += 1
    stamp = q.counters[_STAMP]
    q.mark[pivot] = stamp
    element = q.counters[_CREATED]
    q.counters[_CREATED] += 1
    free = q.counters[_FREE]
    q.element_start[element] = free
    total = 0
    for t in range(q.list_start[pivot], q.list_start[pivot] + q.list_length[pivot]):
        e = q.list_elements[t]
        if not q.alive[e]:
            continue
        q.alive[e] = False
        for p in range(q.element_start[e], q.element_start[e] + q.element_length[e]):
            i = q.pool[p]
            if q.weight[i] > 0 and q.mark[i] != stamp:
                q.mark[i] = stamp
                q.pool[free] = i
                free += 1
                total += int(q.weight[i])
    q.counters[_FREE] = free
    q.element_length[element] = free - q.element_start[element]
    q.element_weight[element] = total
    q.alive[element] = total > 0
    return total


@loop
def _look_outside(q: Quotient, element: int) -> None:
    """Count how many members of each other element are not in the newest."""
    stamp = q.counters[_STAMP]
    for p in range(q.element_start[element], q.counters[_FREE]):
        i = q.pool[p]
        _take_out(q, i)
        for t in range(q.list_start[i], q.list_start[i] + q.list_length[i]):
            e = q.list_elements[t]
            if not q.alive[e]:
                continue
            if q.seen[e] != stamp:
                q.seen[e] = stamp
                q.outside[e] = q.element_weight[e]
            q.outside[e] -= q.weight[i]


@loop
def _update(q: Quotient, element: int, total: int, left: int) -> None:
    """Put the newest element into its members' lists; find their degrees and hashes."""
    count = len(q.weight)
    for p in range(q.element_start[element], q.counters[_FREE]):
        i = q.pool[p]
        begin = q.list_start[i]
        write = begin
        others = np.int64(0)
        code = element
        for t in range(begin, begin + q.list_length[i]):
            e = q.list_elements[t]
            if not q.alive[e]:
                continue
            if q.outside[e] == 0:
                # All its members are in the newest, which says more.
                q.alive[e] = False
                continue
            q.list_elements[write] = e
            write += 1
            others += q.outside[e]
            code += e
        # The real was in an element that is gone, so that there is a place.
        q.list_elements[write] = element
        q.list_length[i] = write + 1 - begin
        inside = total - q.weight[i]
        q.degree[i] = max(0, min(left - q.weight[i], min(q.degree[i], others) + inside))
        code %= count
        q.chain[i] = q.bucket[code]
        q.bucket[code] = i
        # The hash is needed once more, to empty the bucket.
        q.before[i] = code


@loop
def _merge(q: Quotient, element: int) -> None:
    """Let one real stand for all that are in the same elements; put the rest in by degree."""
    for p in range(q.element_start[element], q.counters[_FREE]):
        code = q.before[q.pool[p]]
        i = q.bucket[code]
        q.bucket[code] = -1
        while i >= 0:
            if q.weight[i] > 0 and q.chain[i] >= 0:
                q.counters[_STAMP] += 1
                stamp = q.counters[_STAMP]
                for t in range(q.list_start[i], q.list_start[i] + q.list_length[i]):
                    q.seen[q.list_elements[t]] = stamp
                j = q.chain[i]
                while j >= 0:
                    alike = q.weight[j] > 0 and q.list_length[j] == q.list_length[i]
                    if alike:
                        for t in range(q.list_start[j], q.list_start[j] + q.list_length[j]):
                            if q.seen[q.list_elements[t]] != stamp:
                                alike = False
                                break
                    if alike:
                        q.weight[i] += q.weight[j]
                        q.degree[i] = max(0, q.degree[i] - q.weight[j])
                        q.weight[j] = 0
                        q.next_alike[q.last_alike[i]] = j
                        q.last_alike[i] = q.last_alike[j]
                    j = q.chain[j]
            i = q.chain[i]
    write = q.element_start[element]
    for p in range(write, q.counters[_FREE]):
        i = q.pool[p]
        if q.weight[i] > 0:
            q.pool[write] = i
            write += 1
            _put_in(q, i)
    q.counters[_FREE] = write
    q.element_length[element] = write - q.element_start[element]


@loop
def eliminate(q: Quotient, order: Int32[np.ndarray, " reals"], steps_max: int) -> bool:
    """Eliminate reals, one after another, until so many members were looked at.

    Returns:
        whether some are left.
    """
    count, steps = len(order), 0
    while q.counters[_PLACED] < count:
        if steps > steps_max:
            return True
        while q.head[q.counters[_LEAST]] < 0:
            q.counters[_LEAST] += 1
        pivot = int(q.head[q.counters[_LEAST]])
        if q.counters[_FREE] + q.degree[pivot] + 1 > len(q.pool):
            _compact(q)
        _take_out(q, pivot)
        total = _join(q, pivot)
        element = q.counters[_CREATED] - 1
        _look_outside(q, element)
        i = pivot
        while i >= 0:
            order[q.counters[_PLACED]] = i
            q.counters[_PLACED] += 1
            i = q.next_alike[i]
        q.weight[pivot] = 0
        _update(q, element, total, count - q.counters[_PLACED])
        steps += 1 + q.counters[_FREE] - q.element_start[element]
        _merge(q, element)
    return False
