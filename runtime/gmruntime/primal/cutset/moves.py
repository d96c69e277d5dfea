"""Compiled moves of bounded-width search: freeze a random cutset, re-optimise all the rest exactly.

Variables are eliminated in a random cheap order. Where a clique would grow beyond the width, a
neighbour is frozen at its present state instead, and the elimination goes on without it.

Source: Bidyuk and Dechter (2007), "Cutset sampling for Bayesian networks"; elements as in
Amestoy, Davis and Duff (1996), "An approximate minimum degree ordering algorithm".
"""

from typing import NamedTuple

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, UInt8, UInt64
from gmruntime.compiling import loop
from gmruntime.primal.compiled import Arrays, next_uniform


class Plan(NamedTuple):
    """An elimination of the variables left free; memory is owned by the caller and reused.

    Functions are numbered factors first, then the messages in the order they are made.
    """

    order: Int32[np.ndarray, " free"]
    position: Int32[np.ndarray, " variables"]
    clique_start: Int64[np.ndarray, " free_and_end"]
    clique: Int32[np.ndarray, " clique_entries"]
    used_start: Int64[np.ndarray, " free_and_end"]
    used: Int32[np.ndarray, " functions"]
    message_start: Int64[np.ndarray, " free_and_end"]


class Scratch(NamedTuple):
    """What making a plan needs besides: reused from plan to plan.

    `rank` is -1 for variables that are maximised. Those that are summed are eliminated before all
    others, the lowest rank first, and never frozen; only the caller writes it.
    """

    rank: Float64[np.ndarray, " variables"]
    log2_states: Float64[np.ndarray, " variables"]
    alive: UInt8[np.ndarray, " functions"]
    heads: Int64[np.ndarray, " variables"]
    links: Int64[np.ndarray, "clique_entries two"]
    marks: Int64[np.ndarray, " variables"]
    found: Int32[np.ndarray, " variables"]
    offsets: Float64[np.ndarray, " variables"]
    key_of: Float64[np.ndarray, " variables"]
    keys: Float64[np.ndarray, " heap"]
    items: Int32[np.ndarray, " heap"]
    counters: Int64[np.ndarray, " three"]


# Positions of variables that are not eliminated, and the places of the counters.
_FREE, _FROZEN, OUTSIDE = -1, -2, -3

# Variables that are summed come by so much before all others.
_SOONER = float(1 << 40)
SIZE, STAMP, _MADE = 0, 1, 2


def empty_plan(arrays: Arrays, clique_entries: int) -> tuple[Plan, Scratch]:
    """Reserve the memory for plans of a piece.

    Args:
        arrays: the piece.
        clique_entries: room for the scopes of all messages together.
    """
    n, m = len(arrays.num_states), len(arrays.table_start)
    plan = Plan(
        np.zeros(n, np.int32),
        np.zeros(n, np.int32),
        np.zeros(n + 1, np.int64),
        np.zeros(clique_entries, np.int32),
        np.zeros(n + 1, np.int64),
        np.zeros(n + m, np.int32),
        np.zeros(n + 1, np.int64),
    )
    scratch = Scratch(
        np.full(n, -1.0),
        np.log2(arrays.num_states),
        np.zeros(n + m, np.uint8),
        np.zeros(n, np.int64),
        np.zeros((clique_entries, 2), np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int32),
        np.zeros(n),
        np.zeros(n),
        np.zeros(8 * n + 64),
        np.zeros(8 * n + 64, np.int32),
        np.zeros(3, np.int64),
    )
    return plan, scratch


@loop
def _clique_of(arrays: Arrays, plan: Plan, scratch: Scratch, variable: int) -> tuple[int, float]:
    """List in `scratch.found` the free variables that share a living function with the given one.

    Returns:
        how many they are, and the bits of the clique they form with it.
    """
    scratch.counters[STAMP] += 1
    stamp = scratch.counters[STAMP]
    num_factors = len(arrays.table_start)
    scratch.marks[variable] = stamp
    bits = scratch.log2_states[variable]
    count = 0
    for place in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
        factor = arrays.edge_factor[arrays.variable_edges[place]]
        if scratch.alive[factor] == 0:
            continue
        for edge in range(arrays.factor_start[factor], arrays.factor_start[factor + 1]):
            other = arrays.edge_variable[edge]
            if scratch.marks[other] != stamp and plan.position[other] == _FREE:
                scratch.marks[other] = stamp
                scratch.found[count] = other
                bits += scratch.log2_states[other]
                count += 1
    node = scratch.heads[variable]
    while node >= 0:
        made = scratch.links[node, 0]
        node = scratch.links[node, 1]
        if scratch.alive[num_factors + made] == 0:
            continue
        for place in range(plan.clique_start[made], plan.clique_start[made + 1]):
            other = plan.clique[place]
            if scratch.marks[other] != stamp and plan.position[other] == _FREE:
                scratch.marks[other] = stamp
                scratch.found[count] = other
                bits += scratch.log2_states[other]
                count += 1
    return count, bits


@loop
def _queue(scratch: Scratch, variable: int, bits: float) -> None:
    """Put a variable into the heap, smallest clique first; older entries of it become void."""
    rank = scratch.rank[variable]
    key = rank - _SOONER if rank >= 0.0 else bits + scratch.offsets[variable]
    scratch.key_of[variable] = key
    place = scratch.counters[SIZE]
    scratch.counters[SIZE] += 1
    while place > 0:
        above = (place - 1) // 2
        if scratch.keys[above] <= key:
            break
        scratch.keys[place] = scratch.keys[above]
        scratch.items[place] = scratch.items[above]
        place = above
    scratch.keys[place] = key
    scratch.items[place] = variable


@loop
def _next(plan: Plan, scratch: Scratch) -> int:
    """Take the variable with the smallest clique out of the heap; -1 when none is left."""
    while scratch.counters[SIZE] > 0:
        least_key = scratch.keys[0]
        least = scratch.items[0]
        scratch.counters[SIZE] -= 1
        size = scratch.counters[SIZE]
        key = scratch.keys[size]
        place = 0
        while True:
            below = 2 * place + 1
            if below >= size:
                break
            if below + 1 < size and scratch.keys[below + 1] < scratch.keys[below]:
                below += 1
            if scratch.keys[below] >= key:
                break
            scratch.keys[place] = scratch.keys[below]
            scratch.items[place] = scratch.items[below]
            place = below
        scratch.keys[place] = key
        scratch.items[place] = scratch.items[size]
        if plan.position[least] == _FREE and scratch.key_of[least] == least_key:
            return least
    return -1


@loop
def _freeze(
    arrays: Arrays,
    plan: Plan,
    scratch: Scratch,
    count: int,
    excess: float,
    state: UInt64[np.ndarray, " one"],
) -> float:
    """Freeze neighbours with many factors until the clique fits; return the bits saved."""
    saved = 0.0
    while excess - saved > 1e-9:
        worst = -1.0
        chosen = 0
        for k in range(count):
            other = scratch.found[k]
            if scratch.rank[other] >= 0.0:
                continue
            degree = arrays.variable_start[other + 1] - arrays.variable_start[other]
            rank = degree + 2.0 * next_uniform(state)
            if rank > worst:
                worst = rank
                chosen = k
        if worst < 0.0:
            break
        other = scratch.found[chosen]
        plan.position[other] = _FROZEN
        saved += scratch.log2_states[other]
        count -= 1
        scratch.found[chosen] = scratch.found[count]
    return float(saved)


@loop
def _eliminate(arrays: Arrays, plan: Plan, scratch: Scratch, variable: int, count: int) -> None:
    """Absorb every living function of the variable into a message to the `count` found ones."""
    made = scratch.counters[_MADE]
    num_factors = len(arrays.table_start)
    plan.position[variable] = made
    plan.order[made] = variable
    num_used = plan.used_start[made]
    for place in range(arrays.variable_start[variable], arrays.variable_start[variable + 1]):
        factor = arrays.edge_factor[arrays.variable_edges[place]]
        if scratch.alive[factor] == 1:
            scratch.alive[factor] = 0
            plan.used[num_used] = factor
            num_used += 1
    node = scratch.heads[variable]
    while node >= 0:
        function = num_factors + scratch.links[node, 0]
        node = scratch.links[node, 1]
        if scratch.alive[function] == 1:
            scratch.alive[function] = 0
            plan.used[num_used] = function
            num_used += 1
    begin = plan.clique_start[made]
    entries = 1
    for k in range(count):
        other = scratch.found[k]
        plan.clique[begin + k] = other
        entries *= arrays.num_states[other]
        scratch.links[begin + k, 0] = made
        scratch.links[begin + k, 1] = scratch.heads[other]
        scratch.heads[other] = begin + k
    plan.clique_start[made + 1] = begin + count
    plan.used_start[made + 1] = num_used
    plan.message_start[made + 1] = plan.message_start[made] + entries
    scratch.counters[_MADE] = made + 1


@loop
def make_plan(
    arrays: Arrays,
    free: Int32[np.ndarray, " candidates"],
    bits_max: float,
    num_entries_max: int,
    noise: float,
    state: UInt64[np.ndarray, " one"],
    plan: Plan,
    scratch: Scratch,
) -> int:
    """Choose what to freeze and in which order to eliminate the rest.

    Args:
        arrays: the piece.
        free: the variables that may move; all others stay.
        bits_max: log2 of the largest clique allowed.
        num_entries_max: cap on the entries of all messages together.
        noise: how far from greedy the order may be, bits.
        state: of the random numbers.
        plan: written.
        scratch: overwritten.

    Returns:
        how many variables are eliminated; 0 when one that is summed has too large a clique.
    """
    plan.position[:] = OUTSIDE
    scratch.alive[:] = 1
    scratch.heads[:] = -1
    scratch.marks[:] = 0
    scratch.counters[:] = 0
    plan.clique_start[0] = 0
    plan.used_start[0] = 0
    plan.message_start[0] = 0
    for variable in free:
        plan.position[variable] = _FREE
    for variable in free:
        scratch.offsets[variable] = noise * next_uniform(state)
        _queue(scratch, variable, _clique_of(arrays, plan, scratch, variable)[1])
    while True:
        variable = _next(plan, scratch)
        if variable < 0:
            break
        count, bits = _clique_of(arrays, plan, scratch, variable)
        made = scratch.counters[_MADE]
        room = num_entries_max - plan.message_start[made]
        most = min(bits_max, np.log2(max(1.0, float(room))))
        clique_room = len(plan.clique) - plan.clique_start[made]
        is_summed = scratch.rank[variable] >= 0.0
        if count > clique_room or (bits > most + 1e-9 and count == 0):
            if is_summed:
                return 0
            plan.position[variable] = _FROZEN
        elif bits > most + 1e-9:
            saved = _freeze(arrays, plan, scratch, count, bits - most, state)
            if bits - saved > most + 1e-9 and is_summed:
                return 0
            _queue(scratch, variable, bits - saved)
        elif not is_summed and bits + scratch.offsets[variable] > scratch.key_of[variable] + 1e-9:
            _queue(scratch, variable, bits)
        else:
            _eliminate(arrays, plan, scratch, variable, count)
            _refresh(arrays, plan, scratch)
    _sort_cliques(arrays, plan, scratch.counters[_MADE])
    return scratch.counters[_MADE]


@loop
def _refresh(arrays: Arrays, plan: Plan, scratch: Scratch) -> None:
    """Queue the variables whose clique the last elimination has made smaller."""
    made = scratch.counters[_MADE]
    for place in range(plan.clique_start[made - 1], plan.clique_start[made]):
        if scratch.counters[SIZE] + 1 >= len(scratch.keys) // 2:
            return
        other = plan.clique[place]
        if scratch.rank[other] >= 0.0:
            continue
        bits = _clique_of(arrays, plan, scratch, other)[1]
        if bits + scratch.offsets[other] < scratch.key_of[other] - 1e-9:
            _queue(scratch, other, bits)


@loop
def _sort_cliques(arrays: Arrays, plan: Plan, made: int) -> None:
    """Order each clique by elimination, the soonest last; what was frozen since then drops out."""
    kept = 0
    begin = 0
    for step in range(made):
        end = plan.clique_start[step + 1]
        first = kept
        entries = 1
        for place in range(begin, end):
            other = plan.clique[place]
            rank = plan.position[other]
            if rank < 0:
                continue
            entries *= arrays.num_states[other]
            k = kept
            while k > first and plan.position[plan.clique[k - 1]] < rank:
                plan.clique[k] = plan.clique[k - 1]
                k -= 1
            plan.clique[k] = other
            kept += 1
        plan.clique_start[step + 1] = kept
        plan.message_start[step + 1] = plan.message_start[step] + entries
        begin = end
