"""A piece of a graph as a cost network in whole numbers, made smaller without changing its best.

Costs are what a table's entry lacks to the table's best, in units so small that rounding them down
changes no answer; every statement about them is then exact, and rounding down can only make the
bound weaker than it is, never wrong.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from gmruntime.arrays import Int32, Int64, row_starts, rows_by
from gmruntime.branching.network import COSTS, NUM_SPLITS_MAX, SCOPE_END, TOP, Network, State
from gmruntime.flat import FlatGraph
from gmruntime.graph import Assignment

# The sum of all that is not forbidden stays below this.
_FINITE_BITS = 57

# Variables are eliminated when that makes a factor over at most so many others, and no larger than
# so many entries, or than what it replaces. A bound from one factor over three is much tighter than
# one from the several it replaces (Larrosa and Dechter 2003).
_NUM_OTHERS_MAX, NUM_ENTRIES_MAX = 3, 512

# Rounding of sums of float64, relative to the magnitude of what is added.
MARGIN = 1e-13

Scope: TypeAlias = tuple[int, ...]
Costs: TypeAlias = Int64[np.ndarray, "..."]


@dataclass(frozen=True, slots=True, eq=False)
class Eliminated:
    """A variable that is decided last: its costs given the others, its own axis first."""

    variable: int
    others: Scope
    costs: Costs


@dataclass(frozen=True, slots=True, eq=False)
class CostModel:
    """A cost network and how it relates to the piece it was made of.

    Attributes:
        network: over the variables that were not eliminated.
        variables: the piece's index of each of them.
        eliminated: the others, in the order in which they went.
        constant: cost of every assignment, units.
        ceiling: the score of an assignment of cost 0, nats, rounded up.
        unit: nats a unit of cost.
        finite_max: every assignment that is possible costs less than this, units.
        costs: of each state of the variables, units.
    """

    network: Network
    variables: Int32[np.ndarray, " left"]
    eliminated: tuple[Eliminated, ...]
    constant: int
    ceiling: float
    unit: float
    finite_max: int
    costs: Int64[np.ndarray, " states"]


def cost_model(flat: FlatGraph) -> CostModel | None:
    """Make the cost network of a piece; None when nothing is possible.

    Args:
        flat: with tables of their own for each factor, in C order (`compact`).
    """
    sizes = _table_sizes(flat)
    order = np.argsort(flat.table_start)
    starts = flat.table_start[order]
    potentials = flat.log_potentials
    best = np.maximum.reduceat(potentials, starts) if len(starts) else np.zeros(0)
    if not np.isfinite(best).all():
        return None
    ceiling = math.fsum([flat.log_constant, *best.tolist()])
    ceiling += MARGIN * (abs(flat.log_constant) + float(np.abs(best).sum()))
    lacking = np.repeat(best, sizes[order]) - potentials
    finite = np.where(np.isfinite(lacking), lacking, 0.0)
    spread = 1e-9 + (float(np.maximum.reduceat(finite, starts).sum()) if len(starts) else 0.0)
    scale = 2.0 ** min(_FINITE_BITS - math.ceil(math.log2(spread)), 52)
    units = np.minimum(np.floor(lacking * scale), TOP).astype(np.int64)
    functions: dict[Scope, Costs] = {}
    for scope, start, size, shape in _scopes(flat, sizes):
        _add(functions, scope, units[start : start + size].reshape(shape))
    _absorb(functions)
    constant, eliminated = _eliminate(functions, flat.num_states)
    if constant >= TOP:
        return None
    gone = {one.variable for one in eliminated}
    kept = [v for v in range(len(flat.num_states)) if v not in gone]
    variables = np.array(kept, np.int32)
    network, costs = _network(functions, variables, flat.num_states)
    finite_max = int(spread * scale) + 1
    return CostModel(
        network, variables, eliminated, constant, ceiling, 1.0 / scale, finite_max, costs
    )


def log_bound_of(model: CostModel, cost: int) -> float:
    """Turn a lower bound on the network's cost into an upper bound on the score, nats."""
    lost = (cost + model.constant) * model.unit
    return model.ceiling - lost + MARGIN * (abs(model.ceiling) + lost)


def cost_of(model: CostModel, assignment: Assignment) -> int:
    """Add up the network's costs at an assignment of the piece; TOP or more where forbidden."""
    network = model.network
    states = assignment[model.variables].astype(np.int64)
    start = np.asarray(network.state_start[:-1])
    total = int(model.costs[start + states].sum())
    entry = network.table_start.copy()
    np.add.at(entry, network.edge_factor, network.strides * states[network.edge_variable])
    values = network.costs[entry]
    if len(values) and int(values.max()) >= TOP:
        return TOP
    return total + int(values.sum())


def whole_piece(model: CostModel, states: Int32[np.ndarray, " left"]) -> Assignment:
    """Extend an assignment of the network to the variables that were eliminated."""
    assignment = np.zeros(len(states) + len(model.eliminated), np.int32)
    assignment[model.variables] = states
    for one in reversed(model.eliminated):
        given = one.costs[(slice(None), *assignment[list(one.others)])]
        assignment[one.variable] = int(np.argmin(given))
    return assignment


def start_state(model: CostModel, num_changes: int) -> State:
    """Return the state of a search before anything has been moved or decided."""
    network = model.network
    n, num_states = len(network.num_states), int(network.state_start[-1])
    cells = np.zeros(network.size_start + n, np.int64)
    cells[COSTS : COSTS + num_states] = model.costs
    cells[network.size_start :] = network.num_states
    owner = np.repeat(network.state_start[:-1], network.num_states)
    states = (np.arange(num_states) - owner).astype(np.int32)
    widest = max(2, int(network.num_states.max(initial=1)))
    arity = max(1, int(np.diff(network.factor_start).max(initial=1)))
    marks = np.zeros(16, np.int64)
    marks[SCOPE_END] = n
    scope = np.zeros((NUM_SPLITS_MAX + 1) * n, np.int32)
    scope[:n] = np.arange(n)
    return State(
        cells,
        np.zeros(len(cells), np.int64),
        states,
        states.copy(),
        np.zeros((max(num_changes, 3 * len(cells)), 3), np.int64),
        marks,
        np.zeros((3, n), np.int32),
        np.zeros((3, n), np.uint8),
        np.ones(len(network.table_start), np.int64),
        np.zeros((4, widest), np.int64),
        np.zeros((2, arity), np.int64),
        scope,
    )


def _table_sizes(flat: FlatGraph) -> Int64[np.ndarray, " factors"]:
    """Count the entries of every table."""
    if not len(flat.table_start):
        return np.zeros(0, np.int64)
    states = flat.num_states[flat.edge_variable].astype(np.int64)
    return np.multiply.reduceat(states, flat.factor_start[:-1])


def _scopes(
    flat: FlatGraph, sizes: Int64[np.ndarray, " factors"]
) -> Iterator[tuple[Scope, int, int, tuple[int, ...]]]:
    """List each factor's variables, where its table starts, its size and its shape."""
    variables = flat.edge_variable.tolist()
    states = flat.num_states[flat.edge_variable].tolist()
    ends = flat.factor_start.tolist()
    rows = zip(flat.table_start.tolist(), sizes.tolist(), strict=True)
    for factor, (start, size) in enumerate(rows):
        edges = slice(ends[factor], ends[factor + 1])
        yield tuple(variables[edges]), start, size, tuple(states[edges])


def _add(functions: dict[Scope, Costs], scope: Scope, costs: Costs) -> None:
    """Add costs to the function of the same variables."""
    key = tuple(sorted(scope))
    if key != scope:
        costs = costs.transpose([scope.index(v) for v in key])
    known = functions.get(key)
    functions[key] = costs if known is None else np.minimum(known + costs, TOP)


def _absorb(functions: dict[Scope, Costs]) -> None:
    """Add each function of two variables or more to one that has all of them and more."""
    of: dict[int, list[Scope]] = {}
    for scope in functions:
        if len(scope) > 2:
            for variable in scope:
                of.setdefault(variable, []).append(scope)
    for scope in sorted(functions, key=len):
        if len(scope) < 2:
            continue
        fewest = min((of.get(v, []) for v in scope), key=len)
        own = set(scope)
        for wider in fewest:
            if len(wider) > len(scope) and own.issubset(wider):
                _merge_into(functions, wider, scope)
                break


def _merge_into(functions: dict[Scope, Costs], wider: Scope, scope: Scope) -> None:
    costs = functions.pop(scope)
    own = set(scope)
    table = functions[wider]
    shape = [count if v in own else 1 for v, count in zip(wider, table.shape, strict=True)]
    functions[wider] = np.minimum(table + costs.reshape(shape), TOP)


def _eliminate(
    functions: dict[Scope, Costs], num_states: Int32[np.ndarray, " variables"]
) -> tuple[int, tuple[Eliminated, ...]]:
    """Decide variables with few neighbours last; their factors become one over the neighbours."""
    states = num_states.tolist()
    of: dict[int, set[Scope]] = {v: set() for v in range(len(states))}
    for scope in functions:
        for variable in scope:
            of[variable].add(scope)
    waiting = list(range(len(states)))[::-1]
    eliminated: list[Eliminated] = []
    gone: set[int] = set()
    constant = 0
    while waiting:
        variable = waiting.pop()
        if variable in gone:
            continue
        scopes = of[variable]
        others = tuple(sorted({v for scope in scopes for v in scope} - {variable}))
        # More neighbours are no harm where one of the factors has them all already.
        if len(others) > max(_NUM_OTHERS_MAX, max(map(len, scopes), default=1) - 1):
            continue
        entries = math.prod(states[v] for v in others)
        if entries > max(NUM_ENTRIES_MAX, max((functions[s].size for s in scopes), default=1)):
            continue
        union = (variable, *others)
        total = np.zeros([states[v] for v in union], np.int64)
        for scope in list(scopes):
            costs = functions.pop(scope)
            order = [scope.index(v) for v in union if v in scope]
            own = set(scope)
            shape = [states[v] if v in own else 1 for v in union]
            total = np.minimum(total + costs.transpose(order).reshape(shape), TOP)
            for v in scope:
                of[v].discard(scope)
        eliminated.append(Eliminated(variable, others, total))
        gone.add(variable)
        left = total.min(axis=0)
        if not others:
            constant += int(left)
            continue
        _add(functions, others, left)
        for v in others:
            of[v].add(others)
            waiting.append(v)
    return constant, tuple(eliminated)


def _network(
    functions: dict[Scope, Costs],
    variables: Int32[np.ndarray, " left"],
    num_states: Int32[np.ndarray, " variables"],
) -> tuple[Network, Int64[np.ndarray, " states"]]:
    """Lay the functions out; those of one variable become the costs of its states."""
    states = num_states[variables]
    state_start = row_starts(states)
    place = {int(v): k for k, v in enumerate(variables)}
    own = np.zeros(int(state_start[-1]), np.int64)
    wide: list[tuple[Scope, Costs]] = []
    for scope, costs in functions.items():
        if len(scope) == 1:
            k = place[scope[0]]
            own[state_start[k] : state_start[k + 1]] = costs
        else:
            wide.append((tuple(place[v] for v in scope), costs))
    arity = np.array([len(scope) for scope, _ in wide], np.int64)
    edge_variable = np.array([v for scope, _ in wide for v in scope], np.int32)
    sizes = np.array([costs.size for _, costs in wide], np.int64)
    strides = [np.array(costs.strides, np.int64) // 8 for costs in map(_contiguous, wide)]
    tables = [costs.reshape(-1) for costs in map(_contiguous, wide)]
    variable_start, variable_edges = rows_by(edge_variable, len(states))
    moved = states[edge_variable].astype(np.int64)
    moved_start = COSTS + int(state_start[-1]) + np.cumsum(moved) - moved
    nothing = np.zeros(0, np.int64)
    network = Network(
        num_states=states.astype(np.int32),
        state_start=state_start,
        factor_start=row_starts(arity),
        edge_variable=edge_variable,
        edge_factor=np.repeat(np.arange(len(wide), dtype=np.int32), arity),
        strides=np.concatenate([nothing, *strides]),
        moved_start=moved_start.astype(np.int64),
        table_start=(np.cumsum(sizes) - sizes).astype(np.int64),
        costs=np.concatenate([nothing, *tables]),
        variable_start=variable_start,
        variable_edges=variable_edges,
        rank=np.arange(len(states), dtype=np.int32),
        size_start=COSTS + int(state_start[-1]) + int(moved.sum()),
    )
    return network, own


def _contiguous(function: tuple[Scope, Costs]) -> Costs:
    return np.ascontiguousarray(function[1])
