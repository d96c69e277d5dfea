"""An assignment read off messages variable by variable, each given those chosen before.

The states that are best one by one may contradict each other where several are equally good, or
where messages have not settled. Chosen in order, from a variable to its neighbours, each obeys the
factors that it shares with those before it; on a forest at rest, that is the best assignment.
"""

from collections import deque

import numpy as np

from gmruntime.arrays import Float64, Int32, rows_by
from gmruntime.budget import Budget
from gmruntime.messages.layout import Group, Layout

_NUM_EDGES_MAX = 50_000
"""Every factor is asked by itself, in Python: a second or two."""


def decoded_in_order(
    layout: Layout,
    unary: Float64[np.ndarray, " entries"],
    messages: Float64[np.ndarray, " message_entries"],
    budget: Budget,
) -> Int32[np.ndarray, " variables"] | None:
    """Choose states from one variable to the next; None where that takes too long.

    Args:
        layout: of the graph.
        unary: of each variable's states, evidence included.
        messages: what factors say, of one row of evidence.
        budget: ends it.
    """
    count = len(layout.num_states)
    edges = [(g, f, k) for g in layout.groups for f, k in np.ndindex(g.scopes.shape)]
    if len(edges) > _NUM_EDGES_MAX:
        return None
    variables = np.array([g.scopes[f, k] for g, f, k in edges], np.int64)
    starts, order = rows_by(variables, count)
    near = [[edges[e] for e in order[starts[v] : starts[v + 1]]] for v in range(count)]
    states = np.full(count, -1, np.int32)
    for v in _from_neighbour_to_neighbour(near):
        if budget.is_spent():
            return None
        here = slice(layout.variable_start[v], layout.variable_start[v + 1])
        total = unary[here].copy()
        for group, f, k in near[v]:
            total += _said(layout, (unary, messages), (group, f, k), states, near)
        states[v] = int(total.argmax())
    return states


def _from_neighbour_to_neighbour(near: list[list[tuple[Group, int, int]]]) -> list[int]:
    seen = np.zeros(len(near), np.bool_)
    result: list[int] = []
    for root in range(len(near)):
        waiting = deque([] if seen[root] else [root])
        seen[root] = True
        while waiting:
            v = waiting.popleft()
            result.append(v)
            for group, f, _ in near[v]:
                for u in group.scopes[f].tolist():
                    if not seen[u]:
                        seen[u] = True
                        waiting.append(u)
    return result


def _said(
    layout: Layout,
    given: tuple[np.ndarray, np.ndarray],
    edge: tuple[Group, int, int],
    states: np.ndarray,
    near: list[list[tuple[Group, int, int]]],
) -> np.ndarray:
    """Return what a factor says to one of its variables once some of the others are chosen."""
    (unary, messages), (group, f, k) = given, edge
    others = [int(u) for j, u in enumerate(group.scopes[f]) if j != k]
    if all(states[u] < 0 for u in others):
        return messages[_entries((group, f, k))]
    told: list[np.ndarray] = []
    for j, u in enumerate(group.scopes[f].tolist()):
        if j == k:
            said = np.zeros(group.states[j])
        elif states[u] >= 0:
            said = np.where(np.arange(group.states[j]) == states[u], 0.0, -np.inf)
        else:
            said = unary[layout.variable_start[u] : layout.variable_start[u + 1]].copy()
            for other in near[u]:
                if other != (group, f, j):
                    said += messages[_entries(other)]
        told.append(said[None, None])
    kind = group.kind.some(np.arange(len(group.scopes)) == f)
    return kind.messages(told, layout.is_max)[k][0, 0]


def _entries(edge: tuple[Group, int, int]) -> slice:
    group, f, k = edge
    first = group.starts[k] + f * group.states[k]
    return slice(first, first + group.states[k])
