"""Where messages lie: one flat array, a contiguous piece for each position of each factor block.

An entry is one number: one state of one edge (of a message) or of one variable (of a belief).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, component_of, row_starts
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kind import FactorKind
from gmruntime.factors.kinds import Gated, Table
from gmruntime.graph import FactorGraph, num_states, shape_of, table_indices
from gmruntime.messages.tempering import at_temperature


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Factors of one block, all of the same kind, arity and shape.

    Attributes:
        kind: with parameters already divided by the temperature.
        scopes: as in the graph.
        states: the number of states at each position.
        starts: where the messages of each position begin; they are [factors, states[k]], C order.
        block_index: which factor block of the graph this is.
    """

    kind: FactorKind
    scopes: Int32[np.ndarray, "factors arity"]
    states: tuple[int, ...]
    starts: tuple[int, ...]
    block_index: int

    def num_entries(self) -> float:
        """Count the entries of the factors' tables; none where a kind has its own rule."""
        if not isinstance(self.kind, Table | Gated):
            return 0.0
        return len(self.scopes) * math.prod(map(float, self.states))


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A graph made ready for messages at one temperature.

    Attributes:
        num_states: of each variable.
        variable_start: where each variable's entries begin, and their number last.
        unary: of each variable entry, the sum of the factors of that variable alone.
        groups: factors of two and more variables.
        entry: for each message entry, the variable entry it is about.
        order: message entries sorted by variable entry.
        row_entries: the variable entries that have messages at all, sorted.
        row_starts: where in `order` the messages of each of `row_entries` begin.
        temperature: 1 is sum-product, 0 is max-product.
        log_constant: sum of the factors of no variable.
        is_forest: no two paths join any two variables.
        is_exact: converged messages are exact: a forest, and no message rule that estimates.
        is_whole: all factors are in it; else only those of single variables, which send nothing.
    """

    num_states: Int32[np.ndarray, " variables"]
    variable_start: Int64[np.ndarray, " variables_and_end"]
    unary: Float64[np.ndarray, " entries"]
    groups: tuple[Group, ...]
    entry: Int64[np.ndarray, " message_entries"]
    order: Int64[np.ndarray, " message_entries"]
    row_entries: Int64[np.ndarray, " rows"]
    row_starts: Int64[np.ndarray, " rows"]
    temperature: float
    log_constant: float
    is_forest: bool
    is_exact: bool
    is_whole: bool = True

    @property
    def is_max(self) -> bool:
        """Whether messages maximise rather than sum."""
        return self.temperature == 0.0


def build_layout(graph: FactorGraph, temperature: float, budget: Budget = UNLIMITED) -> Layout:
    """Lay a graph out. Sum-product on f^(1/T) is belief propagation at temperature T.

    Raises:
        TimeoutError: when the budget is spent.
    """
    states = num_states(graph)
    starts = row_starts(states)
    unary = np.zeros(int(starts[-1]))
    groups: list[Group] = []
    entries: list[np.ndarray] = [np.zeros(0, np.int64)]
    constant, size = 0.0, 0
    scale = temperature if temperature > 0 else 1.0
    for index, block in enumerate(graph.factors):
        budget.check()
        count, arity = block.scopes.shape
        if count == 0:
            continue
        if arity == 0:
            values = block.kind.log_values(table_indices(block), np.zeros((count, 0), np.int64))
            constant += float(values.sum())
            continue
        shape = shape_of(block, states)
        if arity == 1:
            _add_unary(
                unary, starts, block.scopes[:, 0], _rows(block.kind, count, shape[0]) / scale
            )
            continue
        positions: list[int] = []
        for k in range(arity):
            positions.append(size)
            entries.append((starts[block.scopes[:, k]][:, None] + np.arange(shape[k])).reshape(-1))
            size += count * shape[k]
        kind = at_temperature(block.kind, shape, temperature)
        groups.append(Group(kind, block.scopes, shape, tuple(positions), index))
    entry = np.concatenate(entries)
    budget.check()
    order = np.argsort(entry, kind="stable")
    budget.check()
    ordered = entry[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    forest = _is_forest(graph)
    exact = forest and not any(
        graph.factors[g.block_index].kind.is_estimated(g.states, temperature) for g in groups
    )
    return Layout(
        num_states=states,
        variable_start=starts,
        unary=unary,
        groups=tuple(groups),
        entry=entry,
        order=order,
        row_entries=ordered[first],
        row_starts=first.astype(np.int64, copy=False),
        temperature=temperature,
        log_constant=constant,
        is_forest=forest,
        is_exact=exact,
    )


def without_messages(graph: FactorGraph, temperature: float) -> Layout:
    """Lay out the factors of single variables alone: for whom there is no time for the others."""
    alone = tuple(block for block in graph.factors if block.scopes.shape[1] < 2)
    layout = build_layout(replace(graph, factors=alone), temperature)
    return replace(layout, is_forest=False, is_exact=False, is_whole=False)


def unary_with_evidence(
    layout: Layout, evidence: Int32[np.ndarray, "rows variables"]
) -> Float64[np.ndarray, "rows entries"]:
    """Return the unary potentials of each row of evidence; -inf where it rules a state out."""
    rows, variables = np.nonzero(evidence >= 0)
    unary = np.repeat(layout.unary[None, :], len(evidence), axis=0)
    if len(rows) == 0:
        return unary
    seen = evidence[rows, variables]
    sizes = layout.num_states[variables].astype(np.int64)
    firsts = np.cumsum(sizes) - sizes
    states = np.arange(int(sizes.sum())) - np.repeat(firsts, sizes)
    places = np.repeat(layout.variable_start[variables], sizes) + states
    out = states != np.repeat(seen, sizes)
    unary[np.repeat(rows, sizes)[out], places[out]] = -np.inf
    return unary


def _rows(kind: FactorKind, count: int, size: int) -> Float64[np.ndarray, "factors states"]:
    """Evaluate factors of one variable at each of its states."""
    index = table_indices_of(kind, count)
    states = np.tile(np.arange(size, dtype=np.int64), count)[:, None]
    return kind.log_values(np.repeat(index, size), states).reshape(count, size)


def table_indices_of(kind: FactorKind, count: int) -> Int64[np.ndarray, " factors"]:
    """Say for each of `count` factors which of the kind's tables it uses."""
    shared = kind.num_tables == 1
    return np.zeros(count, np.int64) if shared else np.arange(count, dtype=np.int64)


def _add_unary(unary: np.ndarray, starts: np.ndarray, scope: np.ndarray, rows: np.ndarray) -> None:
    places = starts[scope][:, None] + np.arange(rows.shape[1])
    if np.bincount(scope).max(initial=0) <= 1:
        unary[places] += rows
    else:
        np.add.at(unary, places, rows)


def _is_forest(graph: FactorGraph) -> bool:
    """Count edges; a forest has as many as it has nodes but for one in each component."""
    scopes = [b.scopes for b in graph.factors if b.scopes.shape[1] > 1 and len(b.scopes)]
    num_nodes = graph.num_variables + sum(len(s) for s in scopes)
    num_edges = sum(s.size for s in scopes)
    if num_edges >= num_nodes or not scopes:
        return not scopes
    joined = [np.stack([s[:, 0], s[:, k]], axis=1) for s in scopes for k in range(1, s.shape[1])]
    name = component_of(np.concatenate(joined), graph.num_variables)
    return num_edges == num_nodes - len(np.unique(name))
