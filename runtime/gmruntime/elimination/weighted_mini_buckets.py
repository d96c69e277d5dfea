"""Upper bounds by weighted mini-buckets: elimination that splits what would be too large.

A bucket whose tables together exceed the limit is split into mini-buckets, each eliminated alone
with a share of the weight; Hölder's inequality makes the result an upper bound. With weight 0,
the maximum, it bounds the best score.

Source: Dechter and Rish (2003), "Mini-buckets"; Liu and Ihler (2011), "Bounding the partition
function using Hölder's inequality", with one pass of moment matching.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.simplify.network import Factor, Network

ENTRIES_PER_SECOND = 3e7
"""Of tables that are eliminated, as measured."""

_MARGIN = 4.0 * float(np.finfo(np.float64).eps)
"""What is called proven is rounded outwards: each number that is added may lose so much of the
largest there is (Higham 2002, section 4.2); the exponentials of a sum lose no more than that."""


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """What is left of a network after mini-buckets: nowhere too small.

    Attributes:
        factors: over the variables that were not eliminated.
        log_constant: to be added.
        log_margin: what rounding may have taken anywhere, which is part of `log_constant`.
        num_splits: how many mini-buckets there are beyond one for each variable; without any, what
            is left is exact.
    """

    factors: tuple[Factor, ...]
    log_constant: float
    log_margin: float = 0.0
    num_splits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class MiniBucket:
    """A part of a bucket as it was eliminated.

    Attributes:
        variable: that was eliminated.
        scope: the others.
        table: log; the eliminated variable's axis comes first.
        message: over `scope`, log.
        weight: the part's share.
    """

    variable: int
    scope: tuple[int, ...]
    table: np.ndarray
    message: np.ndarray
    weight: float


def relax(
    network: Network,
    order: Sequence[int],
    bits_max: float,
    *,
    is_max: Callable[[int], bool],
    kept: frozenset[int] = frozenset(),
    record: list[MiniBucket] | None = None,
    given_max: float = math.inf,
    is_over: Callable[[], bool] = lambda: False,
) -> Relaxation:
    """Eliminate in order, never building a table of more than `bits_max` bits.

    Args:
        network: what to bound.
        order: in which its variables are eliminated, all of them.
        bits_max: log2 of the entries of the largest table; a given factor may exceed it.
        is_max: whether a variable is maximised; those that are must come last in the order.
        kept: variables that are not eliminated; the order may leave them out.
        record: receives every mini-bucket, in the order they are eliminated.
        given_max: entries of a given factor; a larger one is replaced by what it is at most, over
            fewer variables, since going through it once may take seconds.
        is_over: asked now and then; once true, a TimeoutError is raised.
    """
    place = {v: k for k, v in enumerate(order)}
    bits_of: list[float] = np.log2(network.num_states).tolist()
    buckets: list[list[Factor]] = [[] for _ in order]
    left: list[Factor] = []
    log_constant = network.log_constant
    largest, num_added, num_splits = 0.0, len(network.factors) + len(order), 0

    def put(factor: Factor) -> None:
        nonlocal log_constant, largest
        largest = max(largest, _largest_size(factor.table))
        open_places = [place[v] for v in factor.scope if v not in kept]
        if not factor.scope:
            log_constant += float(factor.table)
            largest = max(largest, abs(log_constant) if log_constant > -np.inf else 0.0)
        elif open_places:
            buckets[min(open_places)].append(factor)
        else:
            left.append(factor)

    for factor in network.factors:
        put(_narrowed(factor, [place.get(v, -1) for v in factor.scope], given_max))
    for k, v in enumerate(order):
        if v in kept or not buckets[k]:
            if v not in kept and not is_max(v):
                log_constant += float(np.log(network.num_states[v]))
            continue
        if is_over():
            raise TimeoutError
        members = _split(buckets[k], bits_of, bits_max)
        num_splits += len(members) - 1
        num_added += 2 * len(members) + int(network.num_states[v])
        for part in _eliminate(members, v, network.num_states, is_max(v)):
            put(Factor(part.scope, part.message))
            if record is not None:
                record.append(part)
        buckets[k] = []
    margin = _MARGIN * num_added * (1.0 + largest)
    return Relaxation(tuple(left), log_constant + margin, margin, num_splits)


def _largest_size(table: np.ndarray) -> float:
    """Return the size of the largest finite entry."""
    low, high = float(table.min()), float(table.max())
    if low == -np.inf:
        low = float(table.min(where=table > -np.inf, initial=0.0))
    return max(high, -low, 0.0)


def _narrowed(factor: Factor, places: list[int], entries_max: float) -> Factor:
    """Maximise over the variables that are eliminated last until a table is small."""
    size, gone = float(factor.table.size), set[int]()
    for axis in sorted(range(len(places)), key=places.__getitem__, reverse=True):
        if size <= entries_max:
            break
        gone.add(axis)
        size /= factor.table.shape[axis]
    if not gone:
        return factor
    scope = tuple(v for axis, v in enumerate(factor.scope) if axis not in gone)
    return Factor(scope, factor.table.max(axis=tuple(gone)))


def _eliminate(
    parts: list[list[Factor]], v: int, num_states: np.ndarray, is_max: bool
) -> list[MiniBucket]:
    tables = [_combine(part, v, num_states) for part in parts]
    weight = 0.0 if is_max else 1.0 / len(tables)
    if len(tables) > 1:
        marginals = [_reduce(f.table, tuple(range(1, f.table.ndim)), weight) for f in tables]
        mean = np.mean(np.stack(marginals), axis=0)
        dead = ~np.isfinite(mean)
        for factor, own in zip(tables, marginals, strict=True):
            shift = np.where(dead, -np.inf, mean - np.where(dead, 0.0, own))
            factor.table[...] += shift.reshape(-1, *[1] * (factor.table.ndim - 1))
    return [
        MiniBucket(v, f.scope[1:], f.table, _reduce(f.table, (0,), weight), weight) for f in tables
    ]


def _reduce(table: np.ndarray, axes: tuple[int, ...], weight: float) -> np.ndarray:
    """Return w log sum exp(t / w), the maximum for w = 0."""
    if not axes:
        return table
    if weight == 0.0:
        return table.max(axis=axes)
    top = table.max(axis=axes, keepdims=True)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total = weight * np.log(np.exp((table - safe) / weight).sum(axis=axes))
    return total + safe.reshape(total.shape)


def _split(factors: list[Factor], bits_of: list[float], bits_max: float) -> list[list[Factor]]:
    """Put each factor, widest first, into the mini-bucket whose scope it widens least."""
    scopes: list[set[int]] = []
    bits: list[float] = []
    parts: list[list[Factor]] = []
    for factor in sorted(factors, key=lambda f: -len(f.scope)):
        best, cost = -1, np.inf
        for k, scope in enumerate(scopes):
            new = [v for v in factor.scope if v not in scope]
            grown = sum(bits_of[v] for v in new)
            if (not new or bits[k] + grown <= bits_max) and grown < cost:
                best, cost = k, grown
        if best < 0:
            scopes.append(set(factor.scope))
            bits.append(sum(bits_of[v] for v in factor.scope))
            parts.append([factor])
        else:
            scopes[best].update(factor.scope)
            bits[best] += cost
            parts[best].append(factor)
    return parts


def _combine(factors: list[Factor], v: int, num_states: np.ndarray) -> Factor:
    """Add factors up over all their variables, v first."""
    others = {u for factor in factors for u in factor.scope}
    scope = (v, *sorted(others - {v}))
    place = {u: k for k, u in enumerate(scope)}
    total = np.zeros(num_states[list(scope)])
    for factor in factors:
        places = [place[u] for u in factor.scope]
        shape = [1] * len(scope)
        for k, size in zip(places, factor.table.shape, strict=True):
            shape[k] = size
        axes = sorted(range(len(places)), key=places.__getitem__)
        total += factor.table.transpose(axes).reshape(shape)
    return Factor(scope, total)
