"""Exact elimination as an engine: where a piece is narrow enough, it ends the search with a proof.

First a quick look for an order says whether there is any hope; a thorough one says how long it
will take. What does not fit is eliminated in slices, none that cannot beat the incumbent.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Map
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.engine import Incumbent, Report
from gmruntime.factors.kinds import Table
from gmruntime.flat import FlatGraph
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, no_evidence
from gmruntime.primal.cutset.order import greedy_order
from gmruntime.simplify.propagation import num_entries
from gmruntime.task import Effort, Task

if TYPE_CHECKING:
    from gmruntime.elimination.plan import Plan
    from gmruntime.elimination.slices import Slicing

# Of the memory: the other engines have the rest.
MEMORY_SHARE = 0.5

# Orders are first sought as if the budget were so long, seconds.
QUICK_S = 1.0

# A thorough search, known zeros and slices can together save so many bits, hardly more: of the
# first greedy order, and of a quick search's.
_GREEDY_SAVED_BITS_MAX, _SAVED_BITS_MAX = 12.0, 8.0

# Tables with more entries are not copied.
ENTRIES_MAX = 1 << 26


class _Stage(Enum):
    LOOK = auto()
    PLAN = auto()
    RUN = auto()


@dataclass(slots=True, eq=False)
class ExactElimination:
    """The engine's state: how far it has planned."""

    flat: FlatGraph
    budget: Budget
    rng: np.random.Generator
    device: str = "cpu"
    stage: _Stage = _Stage.LOOK
    graph: FactorGraph | None = None
    found: "Plan | None" = None
    slicing: "Slicing | None" = None

    @property
    def name(self) -> str:
        """The engine in words."""
        return "elimination"

    def step(self, incumbent: Incumbent, seconds: float) -> Report:
        """Look, plan, or eliminate; the last takes as long as it said that it would."""
        budget = self.budget.with_memory(MEMORY_SHARE)
        if seconds <= 0.0:
            # By steps: how far this goes must not depend on the clock.
            budget = budget.standing()
        match self.stage:
            case _Stage.LOOK:
                return self._look(budget)
            case _Stage.PLAN:
                return self._plan(budget)
            case _Stage.RUN:
                return self._run(budget, incumbent)

    def _look(self, budget: Budget) -> Report:
        from gmruntime.elimination.layouts.groups import ENTRIES_PER_SECOND
        from gmruntime.elimination.plan import VARIABLES_MAX, costed, plan

        if len(self.flat.num_states) > VARIABLES_MAX or num_entries(self.flat) > ENTRIES_MAX:
            return Report(finished=True)
        bits_max = np.log2(max(1.0, ENTRIES_PER_SECOND * budget.left_s()))
        order, bits = greedy_order(self.flat, self.rng)
        is_wide = len(order) < len(self.flat.num_states)
        if is_wide or bits > bits_max + _GREEDY_SAVED_BITS_MAX:
            return Report(finished=True)
        self.graph = as_graph(self.flat)
        quick = budget.until(QUICK_S)
        found = plan(_task(self.graph), Effort(quick, self.rng, device=self.device))
        if found.network is None or found.order is None:
            return Report(finished=True)
        self.found = costed(Map(), budget, found.network, found.order)
        if self.found.fits and self.found.seconds < QUICK_S:
            self.stage = _Stage.RUN
            return Report(expected_s=self.found.seconds)
        self.stage = _Stage.PLAN
        return Report(finished=self.found.total_bits > bits_max + _SAVED_BITS_MAX)

    def _plan(self, budget: Budget) -> Report:
        from gmruntime.elimination.plan import plan
        from gmruntime.elimination.sliced import promising_cut

        assert self.graph is not None
        self.found = plan(_task(self.graph), Effort(budget, self.rng, device=self.device))
        self.stage = _Stage.RUN
        if self.found.fits:
            return Report(expected_s=self.found.seconds)
        self.slicing = promising_cut(Map(), self.found, budget)
        if self.slicing is None:
            return Report(finished=True)
        return Report(expected_s=self.slicing.seconds)

    def _run(self, budget: Budget, incumbent: Incumbent) -> Report:
        from gmruntime.elimination.answer import answer_planned
        from gmruntime.elimination.sliced import answer_in_slices

        assert self.graph is not None
        assert self.found is not None
        task, effort = _task(self.graph), Effort(budget, self.rng, device=self.device)
        if self.slicing is None:
            found = answer_planned(task, self.found, effort)
        else:
            found = answer_in_slices(task, self.found, effort, self.slicing, incumbent.log_score)
        self.graph = self.found = self.slicing = None
        if not isinstance(found, AssignmentsAnswer):
            return Report(finished=True)
        assignment = found.assignments[0] if len(found.assignments) else None
        return Report(assignment, found.log_upper, finished=True)


def _task(graph: FactorGraph) -> Task[Map]:
    return Task(graph, Map(), no_evidence(graph))


def as_graph(flat: FlatGraph) -> FactorGraph:
    """Write a flat graph as blocks of tables, one block for each shape."""
    cuts = np.flatnonzero(np.diff(flat.num_states)) + 1
    variables = tuple(
        VariableBlock(f"x{k}", (len(part),), int(part[0]))
        for k, part in enumerate(np.split(flat.num_states, cuts))
        if len(part)
    )
    groups: dict[tuple[int, ...], list[tuple[np.ndarray, Float64[np.ndarray, "*states"]]]] = {}
    for f, start in enumerate(flat.table_start):
        edges = slice(flat.factor_start[f], flat.factor_start[f + 1])
        scope = flat.edge_variable[edges]
        shape = tuple(int(states) for states in flat.num_states[scope])
        strides = tuple(8 * int(stride) for stride in flat.strides[edges])
        table = np.lib.stride_tricks.as_strided(flat.log_potentials[start:], shape, strides)
        groups.setdefault(shape, []).append((scope, table))
    factors = tuple(
        FactorBlock(
            Table(np.stack([table for _, table in members])),
            np.stack([scope for scope, _ in members]),
        )
        for members in groups.values()
    )
    constant = FactorBlock(Table(np.array([flat.log_constant])), np.zeros((1, 0), np.int32))
    return FactorGraph(variables, (*factors, constant))
