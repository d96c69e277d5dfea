"""A first elimination order for a piece, found in milliseconds."""

import math

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.flat import FlatGraph

# A greedy order stops before a clique with more bits.
_BITS_MAX = 60.0


def greedy_order(
    flat: FlatGraph, rng: np.random.Generator
) -> tuple[Int32[np.ndarray, " eliminated"], float]:
    """Order the variables by the greedy width of their cliques, as long as that is at all narrow.

    Returns:
        the order, of fewer than all variables when it becomes too wide, and log2 of the entries
        of all its messages.
    """
    from gmruntime.primal.compiled import arrays_of, random_state
    from gmruntime.primal.cutset.moves import empty_plan, make_plan

    arrays = arrays_of(flat, flat.log_potentials)
    n = len(flat.num_states)
    plan, scratch = empty_plan(arrays, 100 * n + 64)
    free = np.arange(n, dtype=np.int32)
    state = random_state(rng)
    made = make_plan(arrays, free, _BITS_MAX, 1 << 61, 0.0, state, plan, scratch)
    return plan.order[:made].copy(), math.log2(max(1, int(plan.message_start[made])))
