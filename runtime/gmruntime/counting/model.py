"""Lays a network out for the counting search: partial states of its tables, and an order.

Tables of one odd entry, such as clauses, are cut into smaller ones by auxiliary variables that
follow from the others; any other table that has too many partial states is not for this engine.
"""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import row_starts
from gmruntime.budget import Budget, within
from gmruntime.counting.records import Model, Rests
from gmruntime.elimination.orders.best import SEARCHABLE
from gmruntime.elimination.orders.restarts import adjacency
from gmruntime.simplify.network import Factor, Network

STATES_MAX = 64
"""Domains are words of bits."""

_PARTIAL_MAX = 60_000
"""Partial states of one table: ten booleans."""

_ALL_PARTIAL_MAX = 6_000_000
_WORK_MAX = 3e8
"""Entries looked at while rests are filled: a second or two."""

_CUT_AT = 4
"""Literals of a clause that one auxiliary variable stands for."""

_WIDE_BITS = 45.0
"""From cliques so wide on, the elimination tree says little: conflicts lead."""

_WIDE_WEIGHT = 100.0

_STEPS_PER_SECOND = 1e8
"""Of the search for an order, on a busy core."""

_FILL_SHARE, _WEIGHT_SHARE = 0.05, 0.1
"""Of the time left, for an order by fill, and for one by weight where that takes too long."""


@dataclass(frozen=True, slots=True, eq=False)
class LaidOut:
    """A network as the search reads it.

    Attributes:
        model: variables are those that factors mention, numbered apart.
        variables: each one's number in the network; auxiliary ones stand behind all.
        log_constant: what stands outside of all factors, idle variables included.
        idle_states: of the free variables of the network that no factor mentions.
        clique_bits: of the largest clique of its order.
        zero_share: of the entries of all tables.
    """

    model: Model
    variables: np.ndarray
    log_constant: float
    idle_states: tuple[int, ...]
    clique_bits: float
    zero_share: float


def lay_out(network: Network, budget: Budget, rng: np.random.Generator) -> LaidOut | None:
    """Lay a network out; None where this engine is not for it.

    Args:
        network: reduced for sums, not contradictory.
        budget: asked on the way.
        rng: of the order.

    Raises:
        TimeoutError: when the budget ended first.
    """
    sizes: list[int] = [int(n) for n in network.num_states]
    given, log_constant = _varying(network)
    factors = _narrow(given, sizes)
    if factors is None or not factors:
        return None
    mentioned = sorted({v for factor in factors for v in factor.scope})
    if max(sizes[v] for v in mentioned) > STATES_MAX or len(mentioned) > SEARCHABLE:
        return None
    local = {v: k for k, v in enumerate(mentioned)}
    scopes = [[local[v] for v in factor.scope] for factor in factors]
    filled = _fill(factors, budget)
    if filled is None:
        return None
    rests, first_state, first_place = filled
    own = Network(
        tuple(range(len(mentioned))),
        np.array([sizes[v] for v in mentioned]),
        [Factor(tuple(s), f.table) for s, f in zip(scopes, factors, strict=True)],
        0.0,
    )
    prior, bits = _prior(own, budget, rng)
    weight = _WIDE_WEIGHT if bits >= _WIDE_BITS else 0.0
    model = _model(own, scopes, rests, first_state, first_place, prior, weight)
    idle = tuple(sizes[v] for v in network.free if v not in local)
    log_idle = sum(math.log(size) for size in idle)
    entries = sum(factor.table.size for factor in factors)
    zeros = sum(int(np.count_nonzero(factor.table == -np.inf)) for factor in factors)
    return LaidOut(
        model,
        np.array(mentioned, np.int64),
        log_constant + log_idle,
        idle,
        bits,
        zeros / entries,
    )


# --- Tables ------------------------------------------------------------------------------


def _varying(network: Network) -> tuple[list[Factor], float]:
    """Return the tables that depend on anything, and the log of what the others contribute."""
    varying: list[Factor] = []
    log_constant = network.log_constant
    for factor in network.factors:
        least, most = float(factor.table.min()), float(factor.table.max())
        if least == most and least > -np.inf:
            log_constant += most
        else:
            varying.append(factor)
    return varying, log_constant


def _narrow(factors: list[Factor], sizes: list[int]) -> list[Factor] | None:
    """Cut clauses that are too wide; None where another table is. `sizes` grows."""
    found: list[Factor] = []
    for factor in factors:
        if not factor.scope:
            continue
        if _num_partial(factor.table.shape) <= _PARTIAL_MAX:
            found.append(factor)
            continue
        parts = _cut_clause(factor, sizes)
        if parts is None:
            return None
        found.extend(parts)
    return found


def _num_partial(shape: tuple[int, ...]) -> float:
    return math.prod(float(size + 1) for size in shape)


def _cut_clause(factor: Factor, sizes: list[int]) -> list[Factor] | None:
    """Write a table of one odd entry as a chain; None where it has more of them."""
    table = factor.table
    common, odd = _common(table)
    if common is None:
        return None
    at = np.unravel_index(odd, table.shape)
    literals = [(v, int(x)) for v, x in zip(factor.scope, at, strict=True)]
    parts: list[Factor] = []
    while len(literals) > _CUT_AT + 1:
        some, literals = literals[:_CUT_AT], literals[_CUT_AT:]
        auxiliary = len(sizes)
        sizes.append(2)
        # It is 1 where all of these are at the odd entry, and else 0.
        holds = np.full([sizes[v] for v, _ in some] + [2], -np.inf)
        holds[..., 0] = 0.0
        there = tuple(x for _, x in some)
        holds[(*there, 0)], holds[(*there, 1)] = -np.inf, 0.0
        parts.append(_sorted([v for v, _ in some] + [auxiliary], holds))
        literals.append((auxiliary, 1))
    last = np.full([sizes[v] for v, _ in literals], common)
    last[tuple(x for _, x in literals)] = table.reshape(-1)[odd]
    parts.append(_sorted([v for v, _ in literals], last))
    if any(_num_partial(part.table.shape) > _PARTIAL_MAX for part in parts):
        return None
    return parts


def _common(table: np.ndarray) -> tuple[float | None, int]:
    """Return the value of all entries but one, and where that one is; None where there is none."""
    flat = table.reshape(-1)
    common = flat[1] if flat[0] != flat[1] and flat[1] == flat[2] else flat[0]
    others = np.flatnonzero(flat != common)
    return (float(common), int(others[0])) if len(others) == 1 else (None, 0)


def _sorted(scope: list[int], table: np.ndarray) -> Factor:
    order = np.argsort(scope)
    return Factor(tuple(scope[k] for k in order), np.ascontiguousarray(table.transpose(order)))


def _fill(factors: list[Factor], budget: Budget) -> tuple[Rests, np.ndarray, np.ndarray] | None:
    """Fill in what is left of every distinct table; None where that is too much."""
    numbers: dict[tuple[object, ...], int] = {}
    distinct: list[np.ndarray] = []
    which: list[int] = []
    for factor in within(factors, budget):
        key = (factor.table.shape, np.ascontiguousarray(factor.table).tobytes())
        if key not in numbers:
            numbers[key] = len(distinct)
            distinct.append(factor.table)
        which.append(numbers[key])
    num_states = np.array([int(_num_partial(table.shape)) for table in distinct], np.int64)
    work = sum(math.prod(2.0 * n for n in t.shape) * max(1, t.ndim) for t in distinct)
    if num_states.sum() > _ALL_PARTIAL_MAX or work > _WORK_MAX:
        return None
    arity = np.array([table.ndim for table in distinct], np.int64)
    first_state, first_place = row_starts(num_states), row_starts(num_states * arity)
    rests = Rests(
        np.zeros(first_state[-1]),
        np.zeros(first_state[-1], np.int64),
        np.zeros(first_state[-1], np.bool_),
        np.zeros((first_state[-1], 2), np.uint64),
        np.zeros(first_place[-1], np.uint64),
        np.zeros(first_place[-1], np.uint64),
    )
    from gmruntime.counting.partial import fill_rests

    for number, table in within(list(enumerate(distinct)), budget):
        flat = np.ascontiguousarray(table, np.float64).reshape(-1)
        scratch = np.zeros((6, max(1, table.ndim)), np.int64)
        sizes = np.array(table.shape, np.int64)
        fill_rests(flat, sizes, rests, int(first_state[number]), int(first_place[number]), scratch)
    return rests, first_state[which], first_place[which]


# --- Order -------------------------------------------------------------------------------


def _prior(network: Network, budget: Budget, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return the depth of each variable in an elimination tree, negated, and its clique bits."""
    from gmruntime.elimination.orders.compiled import Limits, eliminate_greedily

    budget.check()
    size = len(network.free)
    rows = adjacency(network, np.arange(size))
    bits = np.log2(np.maximum(network.num_states, 2).astype(np.float64))
    order, late = np.zeros(size, np.int64), np.zeros(size, np.int16)
    seed = np.uint64(rng.integers(1, 1 << 62))
    steps = budget.left_s() * _STEPS_PER_SECOND
    for by_fill, share in ((True, _FILL_SHARE), (False, _WEIGHT_SHARE)):
        cliques = rows.copy()
        # What is given up leaves places open.
        order[:] = -1
        limits = Limits(math.inf, math.inf, share * steps)
        _, largest, _ = eliminate_greedily(cliques, bits, late, by_fill, 0.0, seed, limits, order)
        if order.min() >= 0:
            return _depths(order, cliques), float(largest)
    raise TimeoutError


def _depths(order: np.ndarray, cliques: np.ndarray) -> np.ndarray:
    size = len(order)
    place = np.zeros(size, np.int64)
    place[order] = np.arange(size)
    depth = np.zeros(size)
    joined = np.unpackbits(cliques.view(np.uint8), axis=1, bitorder="little")
    for v in order[::-1]:
        near = np.flatnonzero(joined[v, :size])
        later = near[place[near] > place[v]]
        if len(later):
            depth[v] = depth[later[np.argmin(place[later])]] + 1
    return -depth + 1e-3 * place / size


def _model(
    network: Network,
    scopes: list[list[int]],
    rests: Rests,
    first_state: np.ndarray,
    first_place: np.ndarray,
    prior: np.ndarray,
    weight: float,
) -> Model:
    arity = np.array([len(scope) for scope in scopes], np.int64)
    variables = np.array([v for scope in scopes for v in scope], np.int32)
    factor = np.repeat(np.arange(len(scopes)), arity)
    starts = row_starts(arity)
    position = np.arange(len(variables)) - starts[factor]
    strides = np.concatenate(
        [np.cumprod([1, *(n + 1 for n in f.table.shape[:0:-1])])[::-1] for f in network.factors]
    ).astype(np.int64)
    order = np.argsort(variables, kind="stable")
    near = np.stack([factor, position, strides], axis=1)[order]
    near_start = row_starts(np.bincount(variables, minlength=len(network.free)))
    sizes = network.num_states.astype(np.int64)
    return Model(
        sizes,
        starts,
        variables,
        first_state,
        first_place,
        near_start,
        np.ascontiguousarray(near, np.int64),
        np.log(sizes),
        prior,
        float(weight),
        rests,
    )
