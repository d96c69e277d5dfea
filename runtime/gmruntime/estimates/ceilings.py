"""A bound on the weight that any draw can have, drawn or not.

The draws seen cannot tell of a rare one that outweighs them all. A bound on every weight can: what
was never drawn adds hardly more to Z than a few of the largest weights there could be.
"""

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.estimates.weighting import Part, Plan
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorBlock, num_states, shape_of


def log_ceiling(plan: Plan) -> float:
    """Return a number that the log weight of no draw exceeds."""
    states = num_states(plan.graph)
    total = sum(float(_largest(plan, part, states).sum()) for part in plan.weights)
    for step in plan.steps:
        if step.table is not None:
            continue
        # Of the factors of a variable one is summed over its states; the others at their largest.
        high = np.zeros(len(step.variables))
        excess = np.full(len(step.variables), np.log(step.size))
        for part in step.parts:
            block = plan.graph.factors[part.block]
            entries = block.kind.largest_entries(shape_of(block, states))
            entry = np.broadcast_to(entries, _span(plan, part))[part.rows]
            np.add.at(high, part.children, entry)
            sums = _largest_sums(block, part, shape_of(block, states))
            summed = np.broadcast_to(sums, _span(plan, part))[part.rows]
            # A factor that is zero everywhere leaves nothing over.
            over = summed - np.where(np.isneginf(entry), 0.0, entry)
            np.minimum.at(excess, part.children, np.where(np.isneginf(entry), 0.0, over))
        total += float((high + excess).sum())
    return total


def _span(plan: Plan, part: Part) -> tuple[int]:
    return (len(plan.graph.factors[part.block].scopes),)


def _largest(
    plan: Plan, part: Part, states: Int32[np.ndarray, " variables"]
) -> Float64[np.ndarray, " factors"]:
    """Return the largest log value of factors that weigh, their owner in its observed state."""
    block = plan.graph.factors[part.block]
    if isinstance(block.kind, Table):
        seen = plan.evidence[block.scopes[part.rows, part.position]]
        tables = np.moveaxis(block.kind.log_potentials, 1 + part.position, -1)
        by_state = tables.reshape(len(tables), -1, tables.shape[-1]).max(axis=1)
        rows = by_state[part.rows if len(tables) > 1 else np.zeros(len(part.rows), np.int64)]
        return np.where(seen >= 0, rows[np.arange(len(seen)), seen], rows.max(axis=1))
    entries = block.kind.largest_entries(shape_of(block, states))
    return np.broadcast_to(entries, (len(block.scopes),))[part.rows]


def _largest_sums(
    block: FactorBlock, part: Part, shape: tuple[int, ...]
) -> Float64[np.ndarray, " tables"]:
    """Bound the log of each factor's sum over its child, whatever the others are."""
    kind = block.kind
    if isinstance(kind, Table):
        totals = np.logaddexp.reduce(kind.log_potentials, axis=1 + part.position)
        return totals.reshape(len(totals), -1).max(axis=1)
    bound = kind.largest_entries(shape) + np.log(shape[part.position])
    sums = kind.log_sums(shape)
    if sums is None:
        return bound
    constant = sums[:, part.position]
    return np.where(np.isnan(constant), bound, constant)
