"""What states of all that is asked sum to: a number that is exact, or certified from below."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import LogPartition, LogPartitionAnswer, Status
from gmruntime.elimination.answer import attempt
from gmruntime.elimination.layouts.groups import ENTRIES_PER_SECOND
from gmruntime.elimination.passes.loading import may_load
from gmruntime.graph import FactorGraph
from gmruntime.marginal_map.components import Component, Worth, graph_of
from gmruntime.marginal_map.ordering import SumOrder, order_held
from gmruntime.task import Effort, Task

if TYPE_CHECKING:
    from gmruntime.marginal_map.conditional import Conditional

_MEMORY_SHARE = 0.25
"""Of the memory, for the tables of the program."""

_SHARE = 0.1
"""Of the time that is left, for working out one candidate."""

_NUM_KEPT = 1 << 16
"""So many candidates are known again."""

_ROUNDING = 1e-12
"""Relative, of what elimination says."""


@dataclass(slots=True, eq=False)
class Scorer:
    """Scores candidates of a component; those that were scored before are known again.

    Attributes:
        component: whose sums are wanted.
        graph: of all its variables.
        places: of each variable of the graph, the place among those of the component.
        order: of what is summed, with what is asked held; its width says what a sum costs.
        program: for many candidates; None where it would take too long or too much room.
    """

    component: Component
    graph: FactorGraph
    places: np.ndarray
    order: SumOrder
    program: "Conditional | None"
    known: dict[bytes, Worth] = field(default_factory=dict[bytes, Worth])

    def worth(self, states: np.ndarray, effort: Effort) -> Worth:
        """Return what states sum to, as near as there is time for; -inf where there is none."""
        key = states.tobytes()
        if key not in self.known:
            if len(self.known) >= _NUM_KEPT:
                self.known.clear()
            found = self._worth(states, effort)
            if found is None:
                return Worth(-math.inf)
            self.known[key] = found
        return self.known[key]

    def _worth(self, states: np.ndarray, effort: Effort) -> Worth | None:
        if self.program is not None:
            value = self.program.log_value(states)
            if not math.isnan(value):
                spare = self.program.margin()
                return Worth(value - spare, spare, is_exact=True)
        return self._eliminated(states, effort)

    def _eliminated(self, states: np.ndarray, effort: Effort) -> Worth | None:
        """Return the same by an elimination of its own; None where there is no time for it."""
        task = Task(self.graph, LogPartition(), self.evidence(states))
        found, _ = attempt(task, effort)
        if not isinstance(found, LogPartitionAnswer):
            return None
        if found.quality.status is Status.EXACT:
            spare = _ROUNDING * (1.0 + abs(found.log_value))
            return Worth(found.log_value - spare, spare, is_exact=True)
        return Worth(found.log_lower)

    def evidence(self, states: np.ndarray) -> np.ndarray:
        """Return what observes the states of what is asked in the graph."""
        network = self.component.network
        seen = np.full(len(network.num_states), -1, np.int32)
        seen[list(self.component.asked)] = states
        return seen[np.array(network.free, np.int64)[self.places]]


def scorer_of(component: Component, effort: Effort) -> Scorer:
    """Write the program for a component, where its sums are narrow enough.

    Raises:
        TimeoutError: when the budget ended first.
    """
    budget, network = effort.budget, component.network
    order = order_held(component, effort)
    program = None
    seconds = 2.0**order.total_bits / ENTRIES_PER_SECOND
    if order.is_whole and seconds <= _SHARE * budget.left_s() and may_load(budget):
        from gmruntime.marginal_map.conditional import conditional_of

        bytes_max = _MEMORY_SHARE * budget.memory_bytes
        program = conditional_of(component, order, bytes_max, budget)
    graph, places = graph_of(network.factors, network.free, network.num_states)
    return Scorer(component, graph, places, order, program)
