"""Draws from beliefs: fix a few variables by their beliefs, propagate, and go on with the rest.

Source: Mézard and Montanari (2009), "Information, physics, and computation", section 20.3.
"""

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.graph import Assignment
from gmruntime.messages.beliefs import marginals
from gmruntime.messages.bp import Messages
from gmruntime.messages.layout import Layout, unary_with_evidence
from gmruntime.messages.options import BpOptions
from gmruntime.messages.propagate import propagate

# Into how many parts the variables are divided; each part is fixed at once, as if independent.
_NUM_PARTS_MAX = 64


def draw(
    layout: Layout,
    evidence: Assignment,
    count: int,
    budget: Budget,
    rng: np.random.Generator,
    options: BpOptions,
) -> Int32[np.ndarray, "rows variables"] | None:
    """Draw assignments; None when messages rule everything out.

    Rows that run into a contradiction are left out.
    """
    rows = np.repeat(evidence[None, :], count, axis=0).astype(np.int32)
    free = rng.permutation(np.flatnonzero(evidence < 0))
    parts = np.array_split(free, min(max(1, len(free)), _NUM_PARTS_MAX))
    single = unary_with_evidence(layout, rows[:1])
    messages = propagate(layout, single, budget, options)
    # Before anything is drawn all rows hear the same.
    found = marginals(layout, single, messages)
    if found.contradictory[0]:
        return None
    values = messages.values
    possible = np.ones(count, np.bool_)
    for number, part in enumerate(parts):
        is_late = budget.is_spent()
        if is_late:
            # The last messages must serve for all the variables that remain.
            part = np.sort(np.concatenate(parts[number:]))
        if number:
            unary = unary_with_evidence(layout, rows)
            values = np.broadcast_to(values, (count, values.shape[1]))
            if is_late:
                messages = Messages(values, np.inf, 0, False, np.zeros(count, np.bool_))
            else:
                messages = propagate(layout, unary, budget, options, values.copy())
            values = messages.values
            found = marginals(layout, unary, messages)
            possible &= ~found.contradictory
        spins = rng.random((len(part), count)).T
        sizes = layout.num_states[part]
        for size in np.unique(sizes):
            is_mine = sizes == size
            mine = part[is_mine]
            places = layout.variable_start[mine][:, None] + np.arange(size)
            totals = np.nan_to_num(found.probabilities[:, places]).cumsum(axis=2)
            until = spins[:, is_mine] * totals[:, :, -1]
            chosen = (totals <= until[:, :, None]).sum(axis=2)
            rows[:, mine] = np.minimum(chosen, size - 1)
        if is_late:
            break
    return rows[possible]
