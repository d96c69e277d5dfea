"""Mini-buckets: elimination with its large tables split, an upper bound and a good first guess.

Weighted mini-buckets with weight 0 bound every score; assigning the variables backwards, each the
best for what its parts say, gives an assignment. Wider parts make both better.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.budget import Budget
from gmruntime.elimination.weighted_mini_buckets import MiniBucket, relax
from gmruntime.engine import Incumbent, Report
from gmruntime.flat import FlatGraph
from gmruntime.primal.cutset.order import greedy_order
from gmruntime.simplify.network import Factor, Network

# Widths tried in turn, bits.
WIDTHS = (6.0, 10.0, 13.0, 16.0, 18.0, 20.0, 22.0)

# More factors than this take too long, one by one.
NUM_FACTORS_MAX = 20_000


@dataclass(slots=True, eq=False)
class MiniBuckets:
    """The engine's state: the order, and the width it has come to."""

    flat: FlatGraph
    budget: Budget
    rng: np.random.Generator
    order: Int32[np.ndarray, " variables"] = field(default_factory=lambda: np.zeros(0, np.int32))
    width_index: int = 0
    last_s: float = 0.0

    @property
    def name(self) -> str:
        """The engine in words."""
        return "mini-buckets"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Bound with the next width."""
        del incumbent
        num_factors = len(self.flat.table_start)
        if self.width_index >= len(WIDTHS) or num_factors > NUM_FACTORS_MAX:
            return Report(finished=True)
        if not len(self.order):
            first, _ = greedy_order(self.flat, self.rng)
            rest = np.setdiff1d(np.arange(len(self.flat.num_states)), first)
            self.order = np.concatenate([first, rest]).astype(np.int32)
        bits = WIDTHS[self.width_index]
        entries = len(self.order) * 2.0**bits
        growth = 4.0 if self.width_index else 1.0
        if 8.0 * entries > 0.25 * self.budget.memory_bytes:
            return Report(finished=True)
        if seconds > 0.0 and growth * self.last_s > self.budget.left_s():
            return Report(finished=True)
        start = self.budget.clock()
        is_over = (lambda: self.budget.left_s() <= 0.0) if seconds > 0.0 else (lambda: False)
        found = bound_by_mini_buckets(self.flat, self.order, bits, is_over)
        self.last_s = self.budget.clock() - start
        self.width_index += 1
        if found is None:
            return Report(finished=True)
        log_bound, assignment = found
        return Report(assignment, log_bound)


def bound_by_mini_buckets(
    flat: FlatGraph,
    order: Int32[np.ndarray, " variables"],
    bits: float,
    is_over: Callable[[], bool],
) -> tuple[float, Int32[np.ndarray, " variables"]] | None:
    """Eliminate in the given order with tables of at most 2^bits entries.

    Tables that are larger to begin with are kept whole.

    Returns:
        a bound on every score, and an assignment; None when `is_over` said to stop.
    """
    record: list[MiniBucket] = []
    network, places = _network_of(flat), order.tolist()
    try:
        found = relax(network, places, bits, is_max=lambda _: True, record=record, is_over=is_over)
    except TimeoutError:
        return None
    assignment = np.zeros(len(order), np.int32)
    # The last first, by what its parts say to those that are decided.
    for variable, parts in groupby(reversed(record), key=lambda part: part.variable):
        wanted = np.zeros(flat.num_states[variable])
        for part in parts:
            wanted = wanted + part.table[(slice(None), *assignment[list(part.scope)])]
        assignment[variable] = np.argmax(wanted)
    return found.log_constant, assignment


def _network_of(flat: FlatGraph) -> Network:
    """See each factor as a table whose axes are its variables, ascending; nothing is copied."""
    starts, variables = flat.factor_start.tolist(), flat.edge_variable.tolist()
    strides, num_states = (8 * flat.strides).tolist(), flat.num_states.tolist()
    factors: list[Factor] = []
    for factor, start in enumerate(flat.table_start.tolist()):
        edges = range(starts[factor], starts[factor + 1])
        ascending = sorted((variables[edge], strides[edge]) for edge in edges)
        scope = tuple(variable for variable, _ in ascending)
        shape = tuple(num_states[variable] for variable in scope)
        steps = tuple(stride for _, stride in ascending)
        potentials = flat.log_potentials
        table = np.ndarray(shape, np.float64, potentials, 8 * start, steps)
        factors.append(Factor(scope, table))
    free = tuple(range(len(flat.num_states)))
    return Network(free, flat.num_states, factors, flat.log_constant)
