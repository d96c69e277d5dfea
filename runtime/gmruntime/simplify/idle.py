"""Variables that no factor mentions: they cost nothing, however many states they have.

Engines lay out the states of every variable. What no factor mentions is uniform and independent of
all else, so the question is answered with one state for each of them, and the answer completed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import (
    Answer,
    AssignmentsAnswer,
    Best,
    Joint,
    JointAnswer,
    LogPartitionAnswer,
    MarginalMap,
    MarginalMapAnswer,
    Marginals,
    MarginalsAnswer,
    Query,
    Samples,
    SolutionsAnswer,
    Status,
)
from gmruntime.arrays import Bool, Int64
from gmruntime.door.answer_size import asked_blocks
from gmruntime.graph import Assignment, FactorGraph, VariableBlock, block_starts, num_states
from gmruntime.task import Task

STATES_MIN = 1 << 16
"""Fewer states than this are laid out in no time."""

Again = Callable[[Task[Query]], Answer]
"""Answer the same question about another graph."""


@dataclass(frozen=True, slots=True, eq=False)
class _Idle:
    """The graph that was asked, and which of its variables are idle.

    Attributes:
        states: of every variable of that graph.
    """

    graph: FactorGraph
    evidence: Assignment
    states: Int64[np.ndarray, " variables"]
    is_idle: Bool[np.ndarray, " variables"]

    def log_ways(self, among: np.ndarray | None = None) -> float:
        """Return the log of how many states the idle variables have together, or some of them."""
        free = self.is_idle & (self.evidence < 0)
        if among is not None:
            free &= among
        return float(np.log(self.states[free].astype(np.float64)).sum())


def answer_without_idle(task: Task[Query], rng: np.random.Generator, again: Again) -> Answer | None:
    """Answer without the idle variables; None where they have few states.

    Several best assignments are left to the engines: idle variables make ties of them.
    """
    graph, query, evidence = task.graph, task.query, task.evidence
    is_idle = np.ones(graph.num_variables, np.bool_)
    for block in graph.factors:
        is_idle[block.scopes.reshape(-1)] = False
    states = num_states(graph).astype(np.int64)
    # The last state of each remains: without it a graph is as small as it can be.
    if isinstance(query, Best) or int((states[is_idle] - 1).sum()) < STATES_MIN:
        return None
    idle = _Idle(graph, evidence, states, is_idle)
    held = np.where(is_idle & (evidence >= 0), 0, evidence).astype(np.int32)
    found = again(task.about(_without_states(graph, np.where(is_idle, 1, states)), held))
    match found:
        case LogPartitionAnswer():
            more = idle.log_ways()
            return replace(
                found,
                log_value=found.log_value + more,
                log_lower=found.log_lower + more,
                log_upper=found.log_upper + more,
            )
        case SolutionsAnswer():
            return _solutions(idle, found)
        case MarginalsAnswer():
            assert isinstance(query, Marginals)
            return _marginals(idle, query, found)
        case JointAnswer():
            assert isinstance(query, Joint)
            return _joint(idle, query.variables, found)
        case MarginalMapAnswer():
            assert isinstance(query, MarginalMap)
            return _marginal_map(idle, query, found)
        case AssignmentsAnswer():
            return _assignments(idle, query, found, rng)


def _without_states(graph: FactorGraph, states: np.ndarray) -> FactorGraph:
    """Return the graph with other numbers of states, in blocks of variables that are alike."""
    firsts = np.flatnonzero(np.diff(states, prepend=-1))
    stops = np.append(firsts[1:], len(states))
    blocks = tuple(
        VariableBlock(f"#{first}", (int(stop - first),), int(states[first]))
        for first, stop in zip(firsts, stops, strict=True)
    )
    return FactorGraph(blocks, graph.factors)


def _solutions(idle: _Idle, found: SolutionsAnswer) -> SolutionsAnswer:
    count, more = found.count, idle.log_ways()
    if count is not None:
        sizes, times = np.unique(
            idle.states[idle.is_idle & (idle.evidence < 0)], return_counts=True
        )
        for size, number in zip(sizes.tolist(), times.tolist(), strict=True):
            count *= size**number
    return replace(
        found,
        count=count,
        log_count=found.log_count + more,
        log_lower=found.log_lower + more,
        log_upper=found.log_upper + more,
    )


def _marginals(idle: _Idle, query: Marginals, found: MarginalsAnswer) -> MarginalsAnswer:
    asked = np.zeros(len(idle.states), np.bool_)
    asked[slice(None) if query.variables is None else query.variables] = True
    if found.quality.status is Status.IMPOSSIBLE:
        asked[:] = False

    def spread(blocks: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...]:
        assert blocks is not None
        return _spread(idle, query, asked, blocks)

    return replace(
        found,
        probabilities=spread(found.probabilities),
        lower=None if found.lower is None else spread(found.lower),
        upper=None if found.upper is None else spread(found.upper),
        log_partition=found.log_partition + idle.log_ways(),
    )


def _spread(
    idle: _Idle, query: Marginals, asked: np.ndarray, blocks: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, ...]:
    """Arrange rows as the blocks of the graph that was asked, and fill in the idle ones."""
    entries = np.concatenate([np.zeros(0), *(block.reshape(-1) for block in blocks)])
    kept = np.where(idle.is_idle, 1, idle.states)
    places = np.cumsum(kept) - kept
    starts = block_starts(idle.graph)
    result: list[np.ndarray] = []
    pairs = zip(idle.graph.variables, asked_blocks(idle.graph, query), strict=True)
    for number, (block, is_asked) in enumerate(pairs):
        shape = (*block.shape, block.num_states)
        if not is_asked:
            # A block that nobody asked about takes no room.
            result.append(np.broadcast_to(np.nan, shape))
            continue
        rows = np.full((block.size, block.num_states), np.nan)
        for k in np.flatnonzero(asked[starts[number] : starts[number + 1]]):
            v = int(starts[number] + k)
            if not idle.is_idle[v]:
                rows[k] = entries[places[v] : places[v] + kept[v]]
            elif idle.evidence[v] < 0:
                rows[k] = 1.0 / block.num_states
            else:
                rows[k] = 0.0
                rows[k, idle.evidence[v]] = 1.0
        result.append(rows.reshape(shape))
    return tuple(result)


def _joint(idle: _Idle, variables: np.ndarray, found: JointAnswer) -> JointAnswer:
    shape = tuple(int(n) for n in idle.states[variables])
    result = np.zeros(shape)
    first: dict[int, int] = {}
    places: list[np.ndarray | slice | int] = []
    ways = 1.0
    for axis, v in enumerate(variables.tolist()):
        if not idle.is_idle[v] or idle.evidence[v] >= 0:
            places.append(int(idle.evidence[v]) if idle.is_idle[v] else slice(None))
            continue
        if v not in first:
            ways *= shape[axis]
        first.setdefault(v, axis)
        places.append(slice(None))
    inner = found.probabilities / ways
    kept = tuple(
        0 if idle.is_idle[v] and idle.evidence[v] >= 0 else slice(None) for v in variables.tolist()
    )
    result[tuple(places)] = inner[kept]
    # A variable that is asked for twice has one state in both places.
    for axis, v in enumerate(variables.tolist()):
        if v in first and first[v] != axis:
            sizes = [1] * len(shape)
            sizes[axis] = sizes[first[v]] = shape[axis]
            result *= np.eye(shape[axis]).reshape(sizes)
    return replace(found, probabilities=result)


def _marginal_map(idle: _Idle, query: MarginalMap, found: MarginalMapAnswer) -> MarginalMapAnswer:
    among = np.ones(len(idle.states), np.bool_)
    among[query.variables] = False
    more = idle.log_ways(among)
    seen = np.maximum(idle.evidence[query.variables], 0)
    states = found.states
    if len(states):
        states = np.where(idle.is_idle[query.variables], seen, states).astype(np.int32)
    return replace(
        found,
        states=states,
        log_value=found.log_value + more,
        log_lower=found.log_lower + more,
        log_upper=found.log_upper + more,
    )


def _assignments(
    idle: _Idle, query: Query, found: AssignmentsAnswer, rng: np.random.Generator
) -> AssignmentsAnswer:
    rows = found.assignments.copy()
    places = np.flatnonzero(idle.is_idle)
    rows[:, places] = np.maximum(idle.evidence[places], 0)
    if isinstance(query, Samples):
        for v in places[idle.evidence[places] < 0]:
            rows[:, v] = rng.integers(0, int(idle.states[v]), len(rows))
    return replace(found, assignments=rows)
