"""Joins states of a variable that nobody asks about and that all its factors but one treat alike.

    sum over v of f(v, ..) g(v, ..)  with  g(a, ..) = g(b, ..)  is that over one state for a and b
    whose f is f(a, ..) + f(b, ..)

Whether at least four of sixty things hold is asked of their number, which has 61 states; joined
from the end of its chain backwards, every partial count keeps five. Exact for every question that
sums over the variable.

Source: Kemeny and Snell (1960), "Finite Markov chains", section 6.3, of chains; here of any factor.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.simplify.network import Factor, Network, zero_counts

_NUM_VARIABLES_MAX = 5000
"""Variables that may be looked at; each takes some 0.1 ms."""

ENTRIES_MAX = 1 << 20
"""Of a table that is looked at."""


def lump_states(network: Network, asked: frozenset[int], budget: Budget = UNLIMITED) -> Network:
    """Join states until no two can be told apart, of all variables but those asked.

    Only variables of factors with zeros are tried: partial counts and sums, and what is defined.

    Raises:
        TimeoutError: when the budget ended first.
    """
    factors = list(network.factors)
    touching: dict[int, list[int]] = {}
    hard = zero_counts(factors)
    tried: set[int] = set()
    for k, factor in enumerate(factors):
        for v in factor.scope:
            touching.setdefault(v, []).append(k)
            if hard[k] and network.num_states[v] > 2 and v not in asked:
                tried.add(v)
    if not tried or len(tried) > _NUM_VARIABLES_MAX:
        return network
    num_states = network.num_states.copy()
    # What follows from the others has the higher number, and says what may be joined before it.
    waiting = sorted(tried)
    for _ in within(range(4 * len(tried)), budget, every=16):
        if not waiting:
            break
        v = waiting.pop()
        found = _classes([factors[k] for k in touching[v]], v)
        if found is None:
            continue
        free, classes = found
        num_states[v] = int(classes.max()) + 1
        for place, k in enumerate(touching[v]):
            join = _summed if place == free else _first
            factors[k] = Factor(factors[k].scope, join(factors[k], v, classes))
        near = {u for k in touching[v] for u in factors[k].scope} & tried
        waiting.extend(sorted(u for u in near - {v} if u not in waiting and num_states[u] > 1))
    if not (num_states != network.num_states).any():
        return network
    labels = {
        v: labels for v, labels in network.labels.items() if num_states[v] == network.num_states[v]
    }
    return replace(network, num_states=num_states, factors=factors, labels=labels)


def _classes(factors: list[Factor], v: int) -> tuple[int, np.ndarray] | None:
    """Say which states of v can be joined, and the factor that may tell them apart.

    Returns:
        The place of that factor, and the class of each state, in order of first occurrence; None
        where no two states can be joined.
    """
    alike: list[np.ndarray | None] = []
    distinct: list[int] = []
    for place, factor in enumerate(factors):
        alike.append(_alike(factor, v))
        distinct += [place] if alike[-1] is None else []
        # Nearly every variable that cannot lose a state is known by its first two factors.
        if len(distinct) > 1:
            return None
    best: tuple[int, np.ndarray] | None = None
    for free, joined in _without_each(alike, distinct):
        count = int(joined.max()) + 1
        if count < len(joined) and (best is None or count <= best[1].max()):
            best = free, joined
    return best


def _without_each(
    alike: list[np.ndarray | None], distinct: list[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield for each place the classes that all other factors tell apart.

    Args:
        alike: the classes of each factor; None where it tells all states apart.
        distinct: where that is None, one place at most; then only that one is left out.
    """
    told = [(place, classes) for place, classes in enumerate(alike) if classes is not None]
    if not told or len(alike) == 1:
        return
    before: list[np.ndarray] = [np.zeros_like(told[0][1])]
    for _, classes in told:
        before.append(_told_apart(before[-1], classes))
    if distinct:
        yield distinct[0], before[-1]
        return
    after = np.zeros_like(told[0][1])
    found: list[tuple[int, np.ndarray]] = []
    for number in range(len(told) - 1, -1, -1):
        place, classes = told[number]
        found.append((place, _told_apart(before[number], after)))
        after = _told_apart(after, classes)
    yield from reversed(found)


def _told_apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Number the pairs of two classes in order of first occurrence."""
    pairs = one * (int(other.max()) + 1) + other
    _, first, joined = np.unique(pairs, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[joined.reshape(-1)]


def _alike(factor: Factor, v: int) -> np.ndarray | None:
    """Number the different slices of a table along v; None where no two are equal."""
    axis = factor.scope.index(v)
    size = factor.table.shape[axis]
    if factor.table.size > ENTRIES_MAX:
        return None
    rows = np.ascontiguousarray(np.moveaxis(factor.table, axis, 0)).reshape(size, -1) + 0.0
    seen: dict[bytes, int] = {}
    classes = np.array([seen.setdefault(row.tobytes(), len(seen)) for row in rows])
    return classes if len(seen) < size else None


def _summed(factor: Factor, v: int, classes: np.ndarray) -> np.ndarray:
    moved = np.moveaxis(factor.table, factor.scope.index(v), 0)
    parts = [np.logaddexp.reduce(moved[classes == c], axis=0) for c in range(classes.max() + 1)]
    return np.moveaxis(np.stack(parts), 0, factor.scope.index(v))


def _first(factor: Factor, v: int, classes: np.ndarray) -> np.ndarray:
    _, first = np.unique(classes, return_index=True)
    return factor.table.take(first, axis=factor.scope.index(v))
