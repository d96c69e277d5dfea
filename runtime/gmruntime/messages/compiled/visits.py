"""Messages from the newest: factor after factor, or the factor whose variables changed most.

On a forest one sweep towards the roots and one back are exact. Elsewhere, what changes most goes
first: that settles where all messages at once do not.
"""

from dataclasses import dataclass, replace
from itertools import cycle
from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from gmruntime.arrays import Float64, Int64, rows_by
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.messages.compiled.flat_factors import flat_factors
from gmruntime.messages.kernels.compiled import schedules as kernels
from gmruntime.messages.kernels.records import FlatFactors, Queue, Terms, Variables, room_for
from gmruntime.messages.layout import Layout
from gmruntime.messages.options import BpOptions
from gmruntime.messages.schedule import Settled, sweep_until_settled

# What the order for a forest takes for each edge, as measured for millions.
_ORDER_S_PER_EDGE = 5e-7

_NUM_VISITS_AT_ONCE = 1 << 16
"""Visits between two looks at the clock: some hundredths of a second for small tables."""


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """A layout as the schedules read it.

    Attributes:
        layout: its source.
        factors: of all groups.
        row_start: where each variable's edges begin in the rows below.
        row_messages: where the message of each edge begins, sorted by variable.
        row_factors: the factor of each edge, likewise.
        order: in which the factors are visited one after another; on a forest the leaves first,
            where there was time to find that order.
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
    row_start, order = rows_by(factors.variables, num_variables)
    visited = np.arange(count, dtype=np.int64)
    if layout.is_forest and count and _ORDER_S_PER_EDGE * len(owner) <= budget.left_s():
        edges = (np.ones(len(owner)), (owner, count + factors.variables))
        both = coo_array(edges, shape=(count + num_variables,) * 2).tocsr()
        nodes = reverse_cuthill_mckee((both + both.T).tocsr(), symmetric_mode=True)
        visited = nodes[nodes < count].astype(np.int64)
    return Visits(layout, factors, row_start, factors.places[order], owner[order], visited)


def visit(
    visits: Visits,
    unary: Float64[np.ndarray, " entries"],
    heard: Float64[np.ndarray, " message_entries"],
    schedule: Literal["sequential", "residual"],
    budget: Budget,
    options: BpOptions,
) -> Settled | None:
    """Update messages in place until they settle; sums as probabilities, maxima as logs.

    As many visits as there are factors count as one sweep. What a sweep has done when the budget
    ends is kept. None when some message would rule out every state.
    """
    layout, factors = visits.layout, visits.factors
    variables = Variables(unary, layout.variable_start, visits.row_start, visits.row_messages)
    room, terms = room_for(factors), Terms(0.0, layout.is_max, layout.is_max or layout.is_forest)
    if schedule == "residual":
        count = len(factors.code)
        heap, where = np.arange(count), np.arange(count)
        queue = Queue(visits.row_factors, np.full(count, np.inf), heap, where)
        done, left = 0, np.inf
        while done < max(1, options.num_sweeps_max - 1) and left > options.tolerance:
            for first in range(0, count, _NUM_VISITS_AT_ONCE):
                some = min(_NUM_VISITS_AT_ONCE, count - first)
                left = kernels.by_residual(
                    factors, variables, heard, queue, options.tolerance, some, room, terms
                )
                if left < 0.0:
                    return None
                if left > options.tolerance and budget.is_spent():
                    return left, done
            done += 1
        # Pending changes are bounds on single visits: what a whole sweep changes is the measure.
        options = replace(options, num_sweeps_max=1)
    else:
        done = 0
    orders = cycle((visits.order, visits.order[::-1].copy()))

    def sweep(damping: float) -> float:
        damped, order, change = terms._replace(damping=damping), next(orders), 0.0
        for first in range(0, len(order), _NUM_VISITS_AT_ONCE):
            if first:
                budget.check()
            some = order[first : first + _NUM_VISITS_AT_ONCE]
            found = kernels.sequential(factors, variables, heard, some, room, damped)
            if found < 0.0:
                return found
            change = max(change, found)
        return change

    found = sweep_until_settled(sweep, budget, options, may_damp=False)
    return None if found is None else (found[0], done + found[1])
