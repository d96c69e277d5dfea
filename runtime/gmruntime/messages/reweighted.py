"""A certified upper bound on log Z: each factor is summed with a weight, and Hölder adds up.

A variable that several factors share is summed out of each with a weight w_f, the weights of one
variable adding up to 1:

    sum_x prod_f f(x)  <=  prod_f (sum_x f(x)^(1 / w_f))^(w_f)

Done for one variable after another this bounds Z for any weights and any way of dividing the
potentials of single variables among factors; each pass divides them better. With tables of two
variables it is the bound of tree-reweighted belief propagation over the monotone trees of the
order.

Source: Liu and Ihler (2011), "Bounding the partition function using Hölder's inequality";
Wainwright, Jaakkola and Willsky (2005), "A new class of upper bounds on the log partition
function".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import num_entries
from gmruntime.budget import Budget
from gmruntime.factors.decompose import to_sum_tables
from gmruntime.factors.kinds import Table
from gmruntime.factors.semiring import reduce
from gmruntime.graph import Assignment, FactorGraph, num_states, table_indices
from gmruntime.messages.layout import build_layout, unary_with_evidence

# Entries of all tables together beyond which a pass would take many seconds.
_NUM_ENTRIES_MAX = 4_000_000
# What two passes take for a factor, roughly; measured on one core.
_SECONDS_PER_FACTOR = 5e-5
# Variables between two looks at the clock.
_AT_ONCE = 1024
# Rounding: each number goes through a few dozen operations, and sums of shifts are not quite 0.
_ROUNDING = 256 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A function of a few variables, summed over the first of them in the order.

    Attributes:
        scope: its variables.
        axis: which axis of its table is summed.
        factor: the index of the factor it is, or -1 when a sum made it.
        target: the index of the piece its sum becomes, or -1 when that has one variable.
    """

    scope: tuple[int, ...]
    axis: int
    factor: int
    target: int


@dataclass(frozen=True, slots=True, eq=False)
class _Division:
    """How each variable's potential is divided, by piece; any such division bounds Z.

    Attributes:
        weights: positive; those of the pieces of one variable add up to 1.
        shifts: of each piece, by state; those of the pieces of one variable add up to 0.
    """

    weights: list[float]
    shifts: list[np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class _Pass:
    """One elimination of all variables.

    Attributes:
        bound: on log Z, before rounding is allowed for.
        conditionals: of each piece, the probability of the summed state given the others.
        ends: for variables without pieces, the probabilities of their states.
    """

    bound: float
    conditionals: list[np.ndarray]
    ends: dict[int, np.ndarray]


def log_partition_upper_bound(
    graph: FactorGraph, evidence: Assignment, budget: Budget, *, num_passes_max: int = 100
) -> float:
    """Return a number that log Z does not exceed; +inf when the graph is too large for it.

    Args:
        graph: any graph.
        evidence: a state for each observed variable, -1 for the others.
        budget: its deadline ends the passes; the bound holds after any of them.
        num_passes_max: passes over all variables.
    """
    if graph.num_factors * _SECONDS_PER_FACTOR > budget.left_s():
        return np.inf
    try:
        tables = to_sum_tables(graph, budget=budget)
    except TimeoutError:
        return np.inf
    if tables is None or not _is_affordable(tables, budget):
        return np.inf
    layout = build_layout(tables, 1.0)
    extra = np.full(tables.num_variables - graph.num_variables, -1, np.int32)
    observed = np.concatenate([np.asarray(evidence, np.int32), extra])
    unary = unary_with_evidence(layout, observed[None])[0]
    starts = layout.variable_start
    scopes, factors = _factors(tables)
    is_joined = np.zeros(tables.num_variables, np.bool_)
    is_joined[[v for scope in scopes for v in scope]] = True
    joined = np.flatnonzero(is_joined).tolist()
    singles = {v: unary[starts[v] : starts[v + 1]].copy() for v in joined}
    order = _elimination_order(scopes, joined)
    pieces, buckets = _pieces(order, scopes)
    # Every number that goes into the sum may be off by its own rounding.
    size = sum(_magnitude(t) for t in factors) + sum(_magnitude(s) for s in singles.values()) + 1.0
    log_alone, size_alone = _sums_alone(unary, starts, ~is_joined)
    if log_alone == -np.inf:
        return -np.inf
    division = _even_division(pieces, buckets, singles)
    kept, best, step = division, np.inf, 1.0
    try:
        for _ in range(num_passes_max):
            found = _eliminate(order, singles, factors, pieces, buckets, division, budget)
            if not found.bound < best:
                # The step was too long: go back to the best division and take a shorter one.
                division, step = kept, 0.5 * step
                found = _eliminate(order, singles, factors, pieces, buckets, division, budget)
                gain = np.inf
            else:
                gain = best - found.bound
            kept, best = division, found.bound
            if best == -np.inf or budget.is_spent() or gain < 1e-7 or step < 1e-3:
                break
            division = _improved(order, pieces, buckets, found, division, step, budget)
    except TimeoutError:
        # The best division so far bounds it all the same.
        pass
    best += log_alone
    size += size_alone + sum(float(np.abs(s).max(initial=0.0)) for s in kept.shifts)
    best += _ROUNDING * (size + abs(best)) if np.isfinite(best) else 0.0
    return best + layout.log_constant + _ROUNDING * abs(layout.log_constant)


def _sums_alone(unary: np.ndarray, starts: np.ndarray, is_alone: np.ndarray) -> tuple[float, float]:
    """Return the log of the sum over variables that no factor joins, and what may be rounded."""
    if not is_alone.any():
        return 0.0, 0.0
    log_sums = np.logaddexp.reduceat(unary, starts[:-1])[is_alone]
    own = unary[np.repeat(is_alone, np.diff(starts))]
    finite = own[np.isfinite(own)]
    return float(log_sums.sum()), float(np.abs(finite).sum()) + len(own)


def _is_affordable(graph: FactorGraph, budget: Budget) -> bool:
    if graph.num_factors * _SECONDS_PER_FACTOR > budget.left_s():
        return False
    states = num_states(graph)
    total = 0.0
    for block in graph.factors:
        if len(block.scopes):
            total += len(block.scopes) * num_entries(states[block.scopes[0]].tolist())
    return total <= _NUM_ENTRIES_MAX


def _magnitude(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max(initial=0.0)) + float(np.log(max(values.size, 1)))


def _factors(graph: FactorGraph) -> tuple[list[tuple[int, ...]], list[np.ndarray]]:
    scopes: list[tuple[int, ...]] = []
    tables: list[np.ndarray] = []
    for block in graph.factors:
        if block.scopes.shape[1] < 2 or not isinstance(block.kind, Table):
            continue
        index = table_indices(block)
        for f, scope in enumerate(block.scopes.tolist()):
            scopes.append(tuple(scope))
            tables.append(block.kind.log_potentials[index[f]].copy())
    return scopes, tables


def _elimination_order(scopes: list[tuple[int, ...]], variables: list[int]) -> list[int]:
    """Order variables along a walk through the graph, so that trees stay long."""
    neighbours: dict[int, list[int]] = {v: [] for v in variables}
    for scope in scopes:
        for v in scope:
            neighbours[v].extend(u for u in scope if u != v)
    order: list[int] = []
    seen: set[int] = set()
    for root in sorted(variables, key=lambda v: len(neighbours[v])):
        queue = [] if root in seen else [root]
        seen.add(root)
        for v in queue:
            order.append(v)
            for u in neighbours[v]:
                if u not in seen:
                    seen.add(u)
                    queue.append(u)
    return order


def _pieces(
    order: list[int], scopes: list[tuple[int, ...]]
) -> tuple[list[_Piece], dict[int, list[int]]]:
    """Plan the elimination: which pieces each variable is summed out of, and what they become."""
    rank = {v: k for k, v in enumerate(order)}
    pieces: list[_Piece] = []
    buckets: dict[int, list[int]] = {v: [] for v in order}

    def add(scope: tuple[int, ...], factor: int) -> None:
        first = min(scope, key=rank.__getitem__)
        index = len(pieces)
        rest = tuple(u for u in scope if u != first)
        target = -1 if len(rest) == 1 else index + 1
        pieces.append(_Piece(scope, scope.index(first), factor, target))
        buckets[first].append(index)
        if len(rest) > 1:
            add(rest, -1)

    for index, scope in enumerate(scopes):
        add(scope, index)
    return pieces, buckets


def _even_division(
    pieces: list[_Piece], buckets: dict[int, list[int]], singles: dict[int, np.ndarray]
) -> _Division:
    owners = [p.scope[p.axis] for p in pieces]
    weights = [1.0 / len(buckets[v]) for v in owners]
    return _Division(weights, [np.zeros(len(singles[v])) for v in owners])


def _eliminate(
    order: list[int],
    singles: dict[int, np.ndarray],
    factors: list[np.ndarray],
    pieces: list[_Piece],
    buckets: dict[int, list[int]],
    division: _Division,
    budget: Budget,
) -> _Pass:
    """Sum every variable out of its pieces; what each sum makes is heard by later variables.

    Raises:
        TimeoutError: when the budget is spent, in large graphs.
    """
    heard = {v: own.copy() for v, own in singles.items()}
    made: dict[int, np.ndarray] = {}
    conditionals: list[np.ndarray] = [np.zeros(0)] * len(pieces)
    ends: dict[int, np.ndarray] = {}
    bound = 0.0
    for v in _looking(order, budget):
        if not buckets[v]:
            total = float(reduce(heard[v], (0,), False))
            ends[v] = np.exp(heard[v] - total) if total > -np.inf else np.zeros(len(heard[v]))
            bound += total
        for k in buckets[v]:
            piece, weight = pieces[k], division.weights[k]
            table = factors[piece.factor] if piece.factor >= 0 else made.pop(k)
            given = _along(division.shifts[k] + weight * heard[v], piece)
            scaled = (table + given) / weight
            total = np.expand_dims(reduce(scaled, (piece.axis,), False), piece.axis)
            conditionals[k] = np.exp(scaled - np.where(np.isneginf(total), 0.0, total))
            result = weight * total.squeeze(piece.axis)
            if piece.target < 0:
                last = piece.scope[1 - piece.axis]
                heard[last] = heard[last] + result
            else:
                made[piece.target] = result
    return _Pass(bound, conditionals, ends)


def _looking(order: Iterable[int], budget: Budget) -> Iterator[int]:
    """Yield variables, and look at the clock now and then: of a few, all are gone through."""
    for number, v in enumerate(order):
        if number % _AT_ONCE == _AT_ONCE - 1:
            budget.check()
        yield v


def _along(values: np.ndarray, piece: _Piece) -> np.ndarray:
    shape = [1] * len(piece.scope)
    shape[piece.axis] = len(values)
    return values.reshape(shape)


def _improved(
    order: list[int],
    pieces: list[_Piece],
    buckets: dict[int, list[int]],
    found: _Pass,
    division: _Division,
    step: float,
    budget: Budget,
) -> _Division:
    """Let the pieces of each variable agree more about it, and weigh uncertain ones less.

    The gradient of the bound is made of the pieces' probabilities, found by going back.

    Raises:
        TimeoutError: when the budget is spent, in large graphs.
    """
    weights, shifts = list(division.weights), list(division.shifts)
    singles = dict(found.ends)
    joints: dict[int, np.ndarray] = {}
    for v in _looking(reversed(order), budget):
        bucket = buckets[v]
        if not bucket:
            continue
        own = np.array([weights[k] for k in bucket])
        beliefs: list[np.ndarray] = []
        entropies: list[float] = []
        for k in bucket:
            piece, conditional = pieces[k], found.conditionals[k]
            if piece.target < 0:
                rest = singles[piece.scope[1 - piece.axis]]
            else:
                rest = joints.pop(piece.target)
            joint = np.expand_dims(rest, piece.axis) * conditional
            if piece.factor < 0:
                joints[k] = joint
            axes = tuple(a for a in range(joint.ndim) if a != piece.axis)
            beliefs.append(joint.sum(axis=axes))
            entropies.append(float(-(joint * np.log(np.maximum(conditional, 1e-300))).sum()))
        singles[v] = own @ np.stack(beliefs)
        logs = np.log(np.maximum(np.stack(beliefs), 1e-200))
        change = step * own[:, None] * (own @ logs - logs)
        fresh = own * np.exp(-0.2 * step * (np.array(entropies) - own @ np.array(entropies)))
        fresh = np.maximum(fresh, 1e-4)
        fresh /= fresh.sum()
        moved = change + np.stack([shifts[k] for k in bucket])
        # What rounding adds to the sum of the shifts is taken back each time.
        moved -= moved.mean(axis=0)
        for row, k in enumerate(bucket):
            shifts[k] = moved[row]
            weights[k] = float(fresh[row])
    return _Division(weights, shifts)
