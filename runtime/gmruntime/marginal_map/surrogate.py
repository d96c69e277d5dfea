"""A function of what is asked that is nowhere less than the sum over the rest.

The variables that are summed are eliminated by mini-buckets, those asked staying in the tables:

    R(x)  >=  log sum over z of exp score(x, z),      equal where no table had to be split.

So a search for the best of R bounds the marginal MAP, and proves it where R is exact.

Source: Dechter and Rish (2003), "Mini-buckets"; Liu and Ihler (2013), "Variational algorithms for
marginal MAP".
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.budget import Budget
from gmruntime.elimination.weighted_mini_buckets import relax
from gmruntime.graph import FactorGraph
from gmruntime.marginal_map.components import Component, graph_of
from gmruntime.marginal_map.ordering import SumOrder
from gmruntime.simplify.network import Factor

ENTRIES_MAX = 1 << 23
"""Of all tables of a surrogate: a search in larger ones takes too long to begin."""


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """What mini-buckets made of a component.

    Attributes:
        graph: over what is asked; every table's largest entry is 0.
        places: of each variable of the graph, the place among those asked.
        log_constant: to be added to its scores, nats; rounded up.
        log_margin: by how much at most.
        num_splits: 0 where the scores are exact.
        num_entries: of its tables.
    """

    graph: FactorGraph
    places: np.ndarray
    log_constant: float
    log_margin: float
    num_splits: int
    num_entries: int

    def states(self, assignment: np.ndarray) -> np.ndarray:
        """Return the states of what is asked in an assignment of the graph."""
        found = np.zeros(len(self.places), np.int64)
        found[self.places] = assignment
        return found

    def assignment(self, states: np.ndarray) -> np.ndarray:
        """Return what `states` turns into the same."""
        return states[self.places].astype(np.int32)


def surrogate_of(
    component: Component, order: SumOrder, bits: float, budget: Budget
) -> Surrogate | None:
    """Sum out what is not asked, in tables of at most so many bits; None where these contradict.

    Raises:
        TimeoutError: when the budget ended first.
    """
    relaxed = relax(
        component.network,
        order.variables,
        bits,
        is_max=lambda _: False,
        kept=frozenset(component.asked),
        is_over=budget.is_spent,
    )
    merged: dict[tuple[int, ...], np.ndarray] = {}
    for factor in relaxed.factors:
        # Messages list what they are of in the order of elimination.
        axes = sorted(range(len(factor.scope)), key=factor.scope.__getitem__)
        scope, table = tuple(factor.scope[k] for k in axes), factor.table.transpose(axes)
        merged[scope] = merged[scope] + table if scope in merged else table
    log_constant = relaxed.log_constant
    factors: list[Factor] = []
    for scope, table in merged.items():
        largest = float(table.max())
        if largest == -np.inf:
            return None
        log_constant += largest
        factors.append(Factor(scope, table - largest))
    if log_constant == -np.inf:
        return None
    # Adding up constants and tables loses no more than each of so many sums.
    size = relaxed.log_margin + 4.0 * float(np.spacing(1.0 + abs(log_constant))) * len(factors)
    graph, places = graph_of(factors, component.asked, component.network.num_states)
    entries = sum(f.table.size for f in factors)
    return Surrogate(
        graph, places, log_constant + size, size + relaxed.log_margin, relaxed.num_splits, entries
    )
