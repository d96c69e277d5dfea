"""A forest found in a graph of pairs, in compiled loops: who is next to whom, and whose parent."""

import numpy as np

from gmruntime.arrays import Int32, Int64
from gmruntime.compiling import loop


@loop
def gather_ends(
    low: Int32[np.ndarray, " edges"],
    high: Int32[np.ndarray, " edges"],
    near_start: Int64[np.ndarray, " free_and_end"],
    near: Int32[np.ndarray, " ends"],
    edge: Int32[np.ndarray, " ends"],
) -> None:
    """List the edges of each variable.

    Args:
        low: one end of each edge.
        high: the other.
        near_start: zeros; filled: those of a variable are near_start[v]..near_start[v + 1] - 1.
        near: filled: the variable at the other end.
        edge: filled: the edge that leads there.
    """
    count = len(near_start) - 1
    for k in range(len(low)):
        near_start[low[k]] += 1
        near_start[high[k]] += 1
    total = 0
    for v in range(count):
        total += near_start[v]
        near_start[v] = total
    near_start[count] = total
    # Filled from behind, so that in the end each row's start stands where it should.
    for k in range(len(low) - 1, -1, -1):
        for end in range(2):
            here, there = (low[k], high[k]) if end == 0 else (high[k], low[k])
            near_start[here] -= 1
            near[near_start[here]] = there
            edge[near_start[here]] = k


@loop
def walk(
    near_start: Int64[np.ndarray, " free_and_end"],
    near: Int32[np.ndarray, " ends"],
    edge: Int32[np.ndarray, " ends"],
    order: Int32[np.ndarray, " free"],
    parent: Int32[np.ndarray, " free"],
    edge_up: Int32[np.ndarray, " free"],
) -> bool:
    """Walk from the first variable of each tree outwards, breadth first; False at a loop.

    Args:
        near_start: the ends of a variable are near_start[v]..near_start[v + 1] - 1.
        near: the variable at the other end.
        edge: the edge that leads there.
        order: filled with the variables as they are met.
        parent: -1 everywhere; set for all but the first of each tree.
        edge_up: -1 everywhere; set to the edge that leads to the parent.
    """
    count, done = 0, 0
    for root in range(len(parent)):
        if edge_up[root] >= 0 or parent[root] == root:
            continue
        order[count] = root
        # Marked by itself while the walk goes on, so that a loop is seen.
        parent[root] = root
        count += 1
        while done < count:
            here = int(order[done])
            done += 1
            for end in range(near_start[here], near_start[here + 1]):
                if edge[end] == edge_up[here]:
                    continue
                there = int(near[end])
                if parent[there] >= 0:
                    return False
                parent[there] = here
                edge_up[there] = edge[end]
                order[count] = there
                count += 1
    for v in range(len(parent)):
        if parent[v] == v:
            parent[v] = -1
    return True
