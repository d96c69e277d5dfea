"""Messages from the newest: factor after factor, or the factor whose variables changed most.

On a forest one sweep towards the roots and one back are exact. Elsewhere, what changes most goes
first: that settles where all messages at once do not.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from gmruntime.arrays import Float64, Int64
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.messages.compiled.flat_factors import FlatFactors, flat_factors
from gmruntime.messages.kernels.compiled import schedules as kernels
from gmruntime.messages.layout import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """A layout as the schedules read it.

    Attributes:
        layout: its source.
        factors: of all groups.
        row_start: where each variable's edges begin in the rows below.
        row_messages: where the message of each edge begins, sorted by variable.
        row_factors: the factor of each edge, likewise.
        order: in which the factors are visited one after another; on a forest the leaves first.
    """

    layout: Layout
    factors: FlatFactors
    row_start: Int64[np.ndarray, " variables_and_end"]
    row_messages: Int64[np.ndarray, " edges"]
    row_factors: Int64[np.ndarray, " edges"]
    order: Int64[np.ndarray, " factors"]


def plan_visits(layout: Layout, budget: Budget = UNLIMITED) -> Visits:
    """Prepare a layout for visits of single factors; TimeoutError when the budget is spent."""
    factors = flat_factors(layout, layout.groups, budget)
    count, num_variables = len(factors.code), len(layout.num_states)
    owner = np.repeat(np.arange(count, dtype=np.int64), np.diff(factors.start))
    order = np.argsort(factors.variables, kind="stable")
    degree = np.bincount(factors.variables, minlength=num_variables)
    visited = np.arange(count, dtype=np.int64)
    if layout.is_forest and count:
        edges = (np.ones(len(owner)), (owner, count + factors.variables))
        both = coo_array(edges, shape=(count + num_variables,) * 2).tocsr()
        nodes = reverse_cuthill_mckee((both + both.T).tocsr(), symmetric_mode=True)
        visited = nodes[nodes < count].astype(np.int64)
    return Visits(
        layout,
        factors,
        np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
        factors.places[order],
        owner[order],
        visited,
    )


def visit(
    visits: Visits,
    unary: Float64[np.ndarray, " entries"],
    heard: Float64[np.ndarray, " message_entries"],
    schedule: Literal["sequential", "residual"],
    budget: Budget,
    tolerance: float,
    num_sweeps_max: int,
    damping: float = 0.0,
) -> tuple[float, int] | None:
    """Update messages in place until they settle; sums as probabilities, maxima as logs.

    Returns:
        the largest change of a last sweep over all factors divided by 1 - damping, and the number
        of sweeps, where as many visits as there are factors count as one; None when some message
        would rule out every state.
    """
    if schedule == "residual":
        found = _by_residual(visits, unary, heard, budget, tolerance, num_sweeps_max - 1)
        if found is None:
            return None
        # Pending changes are bounds on single visits: what a whole sweep changes is the measure.
        last = _sweep(visits, unary, heard, backward=False, damping=0.0)
        return None if last is None else (last, found + 1)
    sweep, residual = 0, 0.0
    while sweep < num_sweeps_max:
        change = _sweep(visits, unary, heard, backward=sweep % 2 == 1, damping=damping)
        if change is None:
            return None
        sweep += 1
        residual = change / (1.0 - damping)
        if residual <= tolerance or budget.left_s() <= 0.0:
            break
    return residual, sweep


def _sweep(
    visits: Visits, unary: np.ndarray, heard: np.ndarray, *, backward: bool, damping: float
) -> float | None:
    layout, factors = visits.layout, visits.factors
    change = kernels.sequential(
        *factors.arrays(),
        factors.num_scratch,
        unary,
        layout.variable_start,
        visits.row_start,
        visits.row_messages,
        heard,
        visits.order,
        backward,
        damping,
        layout.is_max,
        layout.is_max or layout.is_forest,
    )
    return None if change < 0.0 else float(change)


def _by_residual(
    visits: Visits,
    unary: np.ndarray,
    heard: np.ndarray,
    budget: Budget,
    tolerance: float,
    num_sweeps_max: int,
) -> int | None:
    """Visit by residual; return the number of sweeps, None when some message vanishes."""
    layout, factors = visits.layout, visits.factors
    count = len(factors.code)
    pending = np.full(count, np.inf)
    heap, where = np.arange(count), np.arange(count)
    for sweep in range(max(1, num_sweeps_max)):
        left = kernels.by_residual(
            *factors.arrays(),
            factors.num_scratch,
            unary,
            layout.variable_start,
            visits.row_start,
            visits.row_messages,
            visits.row_factors,
            heard,
            pending,
            heap,
            where,
            count,
            tolerance,
            layout.is_max,
            layout.is_max or layout.is_forest,
        )
        if left < 0.0:
            return None
        if left <= tolerance or budget.left_s() <= 0.0:
            return sweep + 1
    return max(1, num_sweeps_max)
