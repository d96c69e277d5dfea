"""Likelihood weighting: draws from a graph's mechanisms, weighed by all its other factors.

Rows of samples go through whole blocks of factors at once. A variable is drawn from the product of
the factors it owns, normalised; the sum it is divided by weighs the draw. Evidence on a child
weighs with the probability that its parents give it.

Source: Fung and Chang (1990), "Weighing and integrating evidence for stochastic simulation in
Bayesian networks".
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64, alike
from gmruntime.estimates.mechanisms import Owned
from gmruntime.factors.kinds import Table
from gmruntime.graph import Assignment, FactorGraph, num_states, table_indices

# Entries of a temporary array of one step.
_NUM_ENTRIES_MAX = 1 << 22
_NUM_ROWS_MAX = 1 << 14
# Variables drawn between two looks at the clock, where each takes microseconds.
_NUM_UNIFORM_AT_ONCE = 1024
# A child of more states weighs what its factors say only after it was drawn.
_NUM_STATES_MAX = 256


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Factors of one block that do the same to their children.

    Attributes:
        block: which factor block of the graph.
        position: of the child in the scope.
        rows: which factors of the block.
        children: by place in the step; -1 where the factor only weighs.
    """

    block: int
    position: int
    rows: Int64[np.ndarray, " factors"]
    children: Int64[np.ndarray, " factors"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Variables of as many states that are drawn at once.

    Attributes:
        variables: drawn.
        size: number of states.
        parts: the factors they own.
        table: the cumulated probabilities of the child, which comes last, where one part of tables
            is all there is and sums to a constant; else None.
    """

    variables: Int64[np.ndarray, " variables"]
    size: int
    parts: list[Part]
    table: Float64[np.ndarray, "tables *others states"] | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is drawn and weighed for one question.

    Attributes:
        graph: sampled.
        evidence: a state for each observed variable, -1 for the others.
        uniform: variables that no factor says how to draw.
        steps: parents first.
        weights: what only weighs.
        log_constant: of log Z, beside the mean weight.
    """

    graph: FactorGraph
    evidence: Assignment
    uniform: Int64[np.ndarray, " drawn"]
    steps: list[Step]
    weights: list[Part]
    log_constant: float


def plan_weighting(
    graph: FactorGraph,
    evidence: Assignment,
    owned: Owned,
    asked: Int64[np.ndarray, " asked"],
    is_over: Callable[[], bool],
) -> Plan:
    """Leave out what sums to a constant, and gather what is drawn at once.

    Raises:
        TimeoutError: when `is_over` says so on the way.
    """
    states = num_states(graph)
    block_of = np.repeat(np.arange(len(graph.factors)), np.diff(owned.starts))
    draws = (owned.owner >= 0) & (evidence[owned.owner] < 0)
    draws &= states[owned.owner] <= _NUM_STATES_MAX
    # Too many states to weigh, but a single mechanism may still draw them.
    count = np.bincount(owned.owner[owned.owner >= 0], minlength=graph.num_variables)
    single = ~np.isnan(owned.log_constant) & (count[owned.owner] == 1) & (owned.owner >= 0)
    draws |= single & (evidence[owned.owner] < 0)
    needed = _needed(graph, owned, block_of, draws, single, np.append(evidence >= 0, False), asked)
    dropped = draws & single & ~needed[owned.owner]
    # A product that is drawn from tells its own sum; cumulated tables and what is left out do not.
    is_table = np.array([isinstance(b.kind, Table) for b in graph.factors] or [False])
    silent = draws & single & (~needed[owned.owner] | is_table[block_of])
    constant = float(owned.log_constant[silent].sum())
    has_draw = np.zeros(graph.num_variables, np.bool_)
    has_draw[owned.owner[draws]] = True
    uniform = np.flatnonzero(~has_draw & (evidence < 0))
    constant += float(np.log(states[uniform].astype(np.float64)).sum())
    _check(is_over)
    steps = _steps(graph, owned, block_of, draws & ~dropped, single, states, is_over)
    empty = np.array([not b.scopes.shape[1] for b in graph.factors] or [False])[block_of]
    constant += _of_no_variables(graph)
    _check(is_over)
    weights = _parts(owned, block_of, np.flatnonzero(~draws & ~empty), None)
    return Plan(graph, evidence, uniform[needed[uniform]], steps, weights, constant)


def _check(is_over: Callable[[], bool]) -> None:
    if is_over():
        raise TimeoutError


def _of_no_variables(graph: FactorGraph) -> float:
    total = 0.0
    for block in graph.factors:
        count, arity = block.scopes.shape
        if not arity and count:
            values = block.kind.log_values(table_indices(block), np.zeros((count, 0), np.int64))
            total += float(values.sum())
    return total


def _needed(
    graph: FactorGraph,
    owned: Owned,
    block_of: np.ndarray,
    draws: np.ndarray,
    single: np.ndarray,
    needed: np.ndarray,
    asked: np.ndarray,
) -> np.ndarray:
    """Mark the variables that the question, or a weight, depends on; children before parents."""
    needed[asked] = True
    for index, block in enumerate(graph.factors):
        mine = slice(int(owned.starts[index]), int(owned.starts[index + 1]))
        needed[block.scopes[~(draws[mine] & single[mine])]] = True
    ranks = np.where(draws, owned.rank[owned.owner], 0)
    order = np.argsort(-ranks, kind="stable")
    order = order[draws[order]]
    cuts = np.flatnonzero(np.diff(ranks[order])) + 1
    for members in np.split(order, cuts):
        kept = members[needed[owned.owner[members]]]
        for index in np.unique(block_of[kept]):
            rows = kept[block_of[kept] == index] - owned.starts[index]
            needed[graph.factors[index].scopes[rows]] = True
    return needed


def _steps(
    graph: FactorGraph,
    owned: Owned,
    block_of: np.ndarray,
    draws: np.ndarray,
    single: np.ndarray,
    states: np.ndarray,
    is_over: Callable[[], bool],
) -> list[Step]:
    factors = np.flatnonzero(draws)
    if not len(factors):
        return []
    owner = owned.owner[factors]
    alone = np.where(single[factors], block_of[factors] + 1, 0)
    place = np.where(single[factors], owned.position[factors], 0)
    # What is drawn from one table each is drawn block by block; all others size by size.
    keys = np.stack([owned.rank[owner], states[owner], alone, place], axis=1)
    tables: dict[tuple[int, int], np.ndarray | None] = {}
    steps: list[Step] = []
    for key, members in alike(keys):
        _check(is_over)
        variables = np.unique(owner[members])
        children = np.searchsorted(variables, owner[members])
        parts = _parts(owned, block_of, factors[members], children)
        table = None
        if key[2]:
            name = (parts[0].block, parts[0].position)
            if name not in tables:
                tables[name] = _cumulated(graph, *name)
            table = tables[name]
        steps.append(Step(variables, int(key[1]), parts, table))
    return steps


def _parts(
    owned: Owned, block_of: np.ndarray, factors: np.ndarray, children: np.ndarray | None
) -> list[Part]:
    """Gather factors by block and position."""
    if children is None:
        children = np.full(len(factors), -1)
    place = np.maximum(owned.position[factors], 0)
    keys = np.stack([block_of[factors], place], axis=1)
    return [
        Part(block, position, factors[mine] - owned.starts[block], children[mine])
        for (block, position), mine in alike(keys)
    ]


def _cumulated(graph: FactorGraph, block: int, position: int) -> np.ndarray | None:
    kind = graph.factors[block].kind
    if not isinstance(kind, Table):
        return None
    logs = np.moveaxis(kind.log_potentials, 1 + position, -1)
    high = logs.max(axis=-1, keepdims=True)
    weights = np.exp(logs - np.where(np.isneginf(high), 0.0, high))
    sums = weights.cumsum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.ascontiguousarray(sums / sums[..., -1:])


# --- Drawing -----------------------------------------------------------------------------


def num_rows(plan: Plan, memory_bytes: int) -> int:
    """Return how many samples are drawn at once."""
    widest = 1
    for size, parts in [(s.size, s.parts) for s in plan.steps] + [(1, plan.weights)]:
        for part in parts:
            arity = plan.graph.factors[part.block].scopes.shape[1]
            widest = max(widest, len(part.rows) * (arity + size))
    by_step = _NUM_ENTRIES_MAX // widest
    by_memory = memory_bytes // (64 * (plan.graph.num_variables + widest))
    return int(np.clip(min(by_step, by_memory), 1, _NUM_ROWS_MAX))


def draw_rows(
    plan: Plan, count: int, rng: np.random.Generator, is_over: Callable[[], bool]
) -> tuple[Int32[np.ndarray, "variables rows"], Float64[np.ndarray, " rows"]]:
    """Draw assignments, and return the log of each one's weight.

    Raises:
        TimeoutError: when `is_over` says so between two steps.
    """
    states = np.zeros((plan.graph.num_variables, count), np.int32)
    observed = plan.evidence >= 0
    states[observed] = plan.evidence[observed][:, None]
    log_weights = np.zeros(count)
    sizes = num_states(plan.graph)
    for number, v in enumerate(plan.uniform):
        if number % _NUM_UNIFORM_AT_ONCE == 0:
            _check(is_over)
        states[v] = rng.integers(int(sizes[v]), size=count)
    for step in plan.steps:
        _check(is_over)
        if step.table is not None:
            _draw_from_table(plan.graph, step, step.table, states, rng)
        else:
            log_weights += _draw_from_product(plan.graph, step, states, rng)
    for part in plan.weights:
        _check(is_over)
        log_weights += _log_factors(plan.graph, part, states, None).sum(axis=0)
    return states, log_weights


def _index_rows(graph: FactorGraph, part: Part) -> Int64[np.ndarray, " factors"]:
    shared = graph.factors[part.block].kind.num_tables == 1
    return np.zeros(len(part.rows), np.int64) if shared else part.rows


def _log_factors(
    graph: FactorGraph, part: Part, states: np.ndarray, child: int | None
) -> Float64[np.ndarray, "factors rows"]:
    """Evaluate factors at every row of states, their children in the state `child` if given."""
    block = graph.factors[part.block]
    flat = states[block.scopes[part.rows].T].reshape(block.scopes.shape[1], -1).T
    if child is not None:
        flat[:, part.position] = child
    index = np.repeat(_index_rows(graph, part), states.shape[1])
    return block.kind.log_values(index, flat).reshape(len(part.rows), -1)


def _draw_from_table(
    graph: FactorGraph, step: Step, table: np.ndarray, states: np.ndarray, rng: np.random.Generator
) -> None:
    (part,) = step.parts
    scopes = graph.factors[part.block].scopes[part.rows]
    parents = np.delete(scopes, part.position, axis=1)
    place = np.repeat(_index_rows(graph, part)[:, None], states.shape[1], axis=1)
    for k in range(parents.shape[1]):
        place = place * table.shape[1 + k] + states[parents[:, k]]
    flat = table.reshape(-1, step.size)
    spins = rng.random(place.shape)
    chosen = np.zeros(place.shape, np.int32)
    for x in range(step.size - 1):
        chosen += spins >= flat[:, x][place]
    states[scopes[:, part.position]] = chosen


def _draw_from_product(
    graph: FactorGraph, step: Step, states: np.ndarray, rng: np.random.Generator
) -> Float64[np.ndarray, " rows"]:
    """Draw from the product of several factors, or of any kind; return the log of its sum.

    Where the product vanishes the row weighs nothing, whatever it is given.
    """
    shape = (len(step.variables), states.shape[1])
    logs = np.zeros((step.size, *shape))
    for part in step.parts:
        is_once = len(np.unique(part.children)) == len(part.children)
        for x in range(step.size):
            found = _log_factors(graph, part, states, x)
            if is_once:
                logs[x][part.children] += found
            else:
                np.add.at(logs[x], part.children, found)
    high = logs.max(axis=0)
    weights = np.exp(logs - np.where(np.isneginf(high), 0.0, high))
    sums = weights.cumsum(axis=0)
    spins = rng.random(shape) * sums[-1]
    chosen = (spins >= sums).sum(axis=0)
    states[step.variables] = np.minimum(chosen, step.size - 1)
    with np.errstate(divide="ignore"):
        return (np.log(sums[-1]) + high).sum(axis=0)
