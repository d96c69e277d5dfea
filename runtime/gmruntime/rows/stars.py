"""Rows of evidence against memories alone: one product of matrices for all that the rows observe.

Where nothing but memories and single factors is in a graph, what each pattern is worth in each row

    L[row, m] = sum over i of told[row, symbols[m, i], i]

is a product of what the row says of each symbol and of which symbols a pattern has; the beliefs of
the positions are another. `gmruntime.simplify.memories.apart` says why this is exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    LogPartition,
    LogPartitionAnswer,
    Map,
    Marginals,
    MarginalsAnswer,
    Question,
)
from gmruntime.arrays import Float64, Int32
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Memory, Table
from gmruntime.factors.semiring import reduce
from gmruntime.graph import FactorGraph, block_starts, log_score, no_evidence, num_states
from gmruntime.quality import Quality, Status
from gmruntime.simplify.memories.apart import (
    Star,
    may_be_summed,
    owner_of,
    stars_of,
    unary_sums,
)
from gmruntime.simplify.memories.attention import sums_by_products

METHOD = "one product for all remembered patterns"

_ROWS_AT_ONCE = 64
_ALONE_MAX = 64
"""More variables that are no position are gone through by other ways."""


@dataclass(frozen=True, slots=True, eq=False)
class Stars:
    """A graph of memories and single factors alone.

    Attributes:
        graph: validated.
        stars: of which every position is a leaf.
        alone: what single factors say of each variable that is no position of any memory.
    """

    graph: FactorGraph
    stars: tuple[Star, ...]
    alone: Mapping[int, Float64[np.ndarray, " _states"]]


def stars_alone(graph: FactorGraph) -> Stars | None:
    """Return a graph as memories and single factors; None where there is anything else."""
    is_leaf = may_be_summed(graph)
    others = np.flatnonzero(~is_leaf)
    if not is_leaf.any() or len(others) > _ALONE_MAX:
        return None
    stars: list[Star] = []
    unary = unary_sums(graph, is_leaf)
    for block in graph.factors:
        own = stars_of(block, no_evidence(graph), is_leaf, unary)
        is_unary = block.scopes.shape[1] == 1 and isinstance(block.kind, Table)
        if not is_unary and not isinstance(block.kind, Memory):
            return None
        stars += own
    if not all(star.is_leaf.all() for star in stars):
        return None
    alone: dict[int, np.ndarray] = {}
    for v, size in zip(others.tolist(), num_states(graph)[others].tolist(), strict=True):
        alone[v] = unary_sums(graph, np.arange(graph.num_variables) == v)[v, :size]
    return Stars(graph, tuple(stars), alone)


def answers_of_stars(
    graph: FactorGraph,
    query: Question[AnyAnswer],
    rows: Int32[np.ndarray, "rows variables"],
    budget: Budget,
) -> Callable[[int], AnyAnswer | None] | None:
    """Answer a question for rows of evidence, some at a time; None where this has no rule for it.

    A row is None for which there is no time.
    """
    if not isinstance(query, LogPartition | Map | Marginals):
        return None
    whole = stars_alone(graph)
    if whole is None:
        return None
    known: dict[int, list[AnyAnswer]] = {}

    def of(r: int) -> AnyAnswer | None:
        first = r - r % _ROWS_AT_ONCE
        if first not in known:
            known.clear()
            some = rows[first : first + _ROWS_AT_ONCE]
            try:
                known[first] = _some(whole, query, some, budget)
            except TimeoutError:
                return None
        return known[first][r - first]

    return of


def _some(
    whole: Stars, query: LogPartition | Map | Marginals, rows: np.ndarray, budget: Budget
) -> list[AnyAnswer]:
    is_max = isinstance(query, Map)
    worth = _worth_of_alone(whole, rows)
    for star in whole.stars:
        worth[star.index] = worth[star.index] + _worth(star, rows, is_max, budget)
    quality = Quality(Status.EXACT, METHOD, budget.spent_s())
    totals = sum((reduce(own, (1,), is_max) for own in worth.values()), np.zeros(len(rows)))
    qualities = [
        replace(quality, status=Status.IMPOSSIBLE) if total == -np.inf else quality
        for total in totals
    ]
    match query:
        case LogPartition():
            return [
                LogPartitionAnswer(quality, total, total, total)
                for quality, total in zip(qualities, totals.tolist(), strict=True)
            ]
        case Map():
            return _maxima(whole, rows, worth, qualities)
        case Marginals():
            return _marginals(whole, query, rows, worth, totals, qualities, budget)


def _worth_of_alone(whole: Stars, rows: np.ndarray) -> dict[int, np.ndarray]:
    """Return what single factors say of the states of variables that are no position."""
    found: dict[int, np.ndarray] = {}
    for v, said in whole.alone.items():
        seen = rows[:, v : v + 1]
        is_other = (seen >= 0) & (np.arange(len(said)) != seen)
        found[v] = np.where(is_other, -np.inf, said)
    return found


def _worth(
    star: Star, rows: np.ndarray, is_max: bool, budget: Budget
) -> Float64[np.ndarray, "rows patterns"]:
    """Return what each pattern is worth in each row."""
    seen = rows[:, star.cells]
    free = reduce(star.logs + star.unary, (2,), is_max)
    said = star.logs + star.unary
    places = np.arange(len(star.cells))
    if star.symbols is None:
        found = np.empty((len(rows), len(free)))
        for r, own in enumerate(seen):
            budget.check()
            is_seen = own >= 0
            found[r] = free[:, ~is_seen].sum(axis=1)
            found[r] += said[:, places[is_seen], own[is_seen]].sum(axis=1)
        return found
    picked = said[:, places, np.maximum(seen, 0)]
    told = np.where(seen >= 0, picked, free[:, None])
    return sums_by_products(told, star.symbols, budget)


def _maxima(
    whole: Stars, rows: np.ndarray, worth: dict[int, np.ndarray], qualities: list[Quality]
) -> list[AnyAnswer]:
    states = np.maximum(rows, 0)
    for v, own in worth.items():
        states[:, v] = own.argmax(axis=1)
    for star in whole.stars:
        for r, m in enumerate(states[:, star.index].tolist()):
            best = star.of_pattern(m).argmax(axis=1)
            states[r, star.cells] = np.where(rows[r, star.cells] >= 0, rows[r, star.cells], best)
    scores = log_score(whole.graph, states)
    found: list[AnyAnswer] = []
    for r, quality in enumerate(qualities):
        few = slice(r, r if quality.status is Status.IMPOSSIBLE else r + 1)
        upper = -np.inf if quality.status is Status.IMPOSSIBLE else float(scores[r])
        found.append(AssignmentsAnswer(quality, states[few], scores[few], upper))
    return found


def _marginals(
    whole: Stars,
    query: Marginals,
    rows: np.ndarray,
    worth: dict[int, np.ndarray],
    totals: np.ndarray,
    qualities: list[Quality],
    budget: Budget,
) -> list[AnyAnswer]:
    graph = whole.graph
    is_asked = np.zeros(graph.num_variables, np.bool_)
    is_asked[slice(None) if query.variables is None else query.variables] = True
    starts = block_starts(graph)
    blocks = [
        np.full((len(rows), block.size, block.num_states), np.nan)
        if is_asked[start : start + block.size].any()
        else np.broadcast_to(np.nan, (len(rows), block.size, block.num_states))
        for block, start in zip(graph.variables, starts, strict=False)
    ]

    def write(variables: np.ndarray, beliefs: np.ndarray) -> None:
        """Fill in the columns of variables that are asked about."""
        for number in np.unique(owner_of(starts, variables[is_asked[variables]])).tolist():
            own = (variables >= starts[number]) & (variables < starts[number + 1])
            own &= is_asked[variables]
            blocks[number][:, variables[own] - starts[number]] = beliefs[:, own]

    possible = ~np.isneginf(totals)
    for v, own in worth.items():
        high = own.max(axis=1, keepdims=True)
        own[...] = np.exp(own - np.where(np.isneginf(high), 0.0, high))
        own /= np.where(possible, own.sum(axis=1), 1.0)[:, None]
        write(np.array([v]), own[:, None])
    for star in whole.stars:
        if not is_asked[star.cells].any():
            continue
        own = star.all_beliefs(worth[star.index], budget)
        seen = rows[:, star.cells]
        held = np.arange(own.shape[2]) == seen[..., None]
        own = np.where((seen >= 0)[..., None], held.astype(np.float64), np.minimum(own, 1.0))
        write(star.cells, own)
    for block in blocks:
        if block.flags.writeable:
            block[~possible] = np.nan
    shapes = [(*block.shape, block.num_states) for block in graph.variables]
    return [
        MarginalsAnswer(
            quality,
            tuple(block[r].reshape(shape) for block, shape in zip(blocks, shapes, strict=True)),
            log_partition=total,
        )
        for r, (quality, total) in enumerate(zip(qualities, totals.tolist(), strict=True))
    ]
