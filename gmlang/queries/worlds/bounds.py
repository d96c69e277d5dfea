"""What would have been, whatever chance carries over: the least and the most over all couplings.

P(y' | e) = N / P(e). Variables and their copies whose mechanism leaves something to chance are
reduced in turn, children before parents: all that depends on them is summed out first, then the
best coupling of every context takes the place of the sum. Nature is told more there than it may
know, which only widens the bounds; with one such mechanism they are the sharpest there are.
"""

from dataclasses import dataclass

import numpy as np

from gmlang.graph.builder import Builder
from gmlang.queries.worlds.mechanisms import Mechanism
from gmlang.queries.worlds.tables import Table, TooWideError, product, sum_out, tables_of
from gmlang.queries.worlds.transport import best_couplings
from gmlang.queries.worlds.twin import Pair, Twin, world_states
from gmruntime.arrays import Float64
from gmruntime.budget import Budget

_ROUNDING = 1e-12
"""Sums of products of probabilities are off by less."""


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """Tables of both worlds without the couplings, and what they are about."""

    tables: list[Table]
    sizes: list[int]
    pairs: tuple[Pair, ...]


def coupling_bounds(
    builder: Builder, twin: Twin, evidence: np.ndarray, variable: int, budget: Budget
) -> tuple[Float64[np.ndarray, " states"], Float64[np.ndarray, " states"]] | None:
    """Return the least and the most probability of each state of a variable; None where too wide.

    Args:
        builder: of the graph of both worlds.
        twin: what was added for the imagined one.
        evidence: a state for each observed variable, -1 for the others.
        variable: of the imagined world, asked about.
        budget: of the question.

    Raises:
        TimeoutError: when the budget is over.
    """
    size = world_states(builder, variable)
    low, high = np.zeros(size), np.ones(size)
    try:
        world, total = _prepared(builder, twin, evidence, budget)
        if not total > 0.0:
            return None
        for state in range(size):
            seen = Table((variable,), np.eye(size)[state])
            if evidence[variable] >= 0:
                low[state] = high[state] = float(evidence[variable] == state)
                continue
            low[state] = _extreme(world, seen, -1, budget) / total - _ROUNDING
            high[state] = _extreme(world, seen, 1, budget) / total + _ROUNDING
    except TooWideError:
        return None
    low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    # All states together have probability 1.
    return np.maximum(low, 1.0 - (high.sum() - high)), np.minimum(high, 1.0 - (low.sum() - low))


def _prepared(
    builder: Builder, twin: Twin, evidence: np.ndarray, budget: Budget
) -> tuple[_World, float]:
    """Return the tables of both worlds, and the probability of what was seen, on one scale."""
    sizes = [block.num_states for block in builder.variables for _ in range(block.size)]
    coupled = {pair.block for pair in twin.pairs}
    chancy = sorted({v for pair in twin.pairs for v in _family(pair)})
    # What stands in a coupling keeps its axis, observed or not.
    open_evidence = evidence.copy()
    open_evidence[chancy] = -1
    actual: list[Table] = []
    imagined: list[Table] = []
    for number, block in enumerate(builder.factors):
        if number not in coupled:
            found = tables_of(block, sizes, open_evidence)
            (actual if number < twin.num_factors else imagined).extend(found)
    for v in chancy:
        if evidence[v] >= 0:
            seen = Table((v,), np.eye(sizes[v])[evidence[v]])
            (actual if v < twin.num_variables else imagined).append(seen)
    tops = [float(one.values.max(initial=0.0)) or 1.0 for one in actual]
    actual = [Table(one.scope, one.values / t) for one, t in zip(actual, tops, strict=True)]
    total = _number(sum_out(actual, (), sizes, budget))
    return _World([*actual, *imagined], sizes, twin.pairs), total


def _family(pair: Pair) -> set[int]:
    own = pair.mechanism
    return {own.child, pair.child, *own.parents, *pair.parents}


def _extreme(world: _World, seen: Table, sign: int, budget: Budget) -> float:
    """Return the least or the most of the sum over both worlds of what is seen in one."""
    tables = [*world.tables, seen]
    left = list(world.pairs)
    while left:
        kept = {v for pair in left for v in _family(pair)}
        tables = sum_out(tables, kept, world.sizes, budget)
        pair = left.pop()
        both = {pair.mechanism.child, pair.child}
        bucket = [one for one in tables if both & set(one.scope)]
        tables = [one for one in tables if not both & set(one.scope)]
        tables.append(_reduced(world, pair, bucket, sign, budget))
    return _number(sum_out(tables, (), world.sizes, budget))


def _reduced(world: _World, pair: Pair, bucket: list[Table], sign: int, budget: Budget) -> Table:
    """Put the best coupling of a variable and its copy in place of their sum."""
    own = pair.mechanism
    outer = {v for one in bucket for v in one.scope} | set(own.parents) | set(pair.parents)
    context = tuple(sorted(outer - {own.child, pair.child}))
    whole = product(bucket, (*context, own.child, pair.child), world.sizes)
    shape, count = whole.values.shape[:-2], own.table.shape[-1]
    values = whole.values.reshape(-1, count, count)
    places = np.indices(shape).reshape(len(shape), -1)
    p = _rows(own, own.parents, context, places)
    q = _rows(own, pair.parents, context, places)
    # The mechanism of what happened is among the tables: the gain is what else they say.
    gains = np.divide(values, p[:, :, None], out=np.zeros_like(values), where=p[:, :, None] > 0.0)
    same = _same(own.parents, pair.parents, context, places)
    found = np.empty(len(values))
    diagonal = np.einsum("rkk->rk", gains)
    found[same] = (p[same] * diagonal[same]).sum(axis=1)
    found[~same] = best_couplings(p[~same], q[~same], gains[~same], sign, budget)
    return Table(context, found.reshape(shape))


def _rows(
    own: Mechanism, parents: tuple[int, ...], context: tuple[int, ...], places: np.ndarray
) -> np.ndarray:
    index = tuple(places[context.index(p)] for p in parents)
    return own.table[index].reshape(places.shape[1], -1)


def _same(
    own: tuple[int, ...], others: tuple[int, ...], context: tuple[int, ...], places: np.ndarray
) -> np.ndarray:
    """Say in which contexts both worlds' parents are in the same states."""
    found = np.ones(places.shape[1], np.bool_)
    for a, b in zip(own, others, strict=True):
        found &= places[context.index(a)] == places[context.index(b)]
    return found


def _number(tables: list[Table]) -> float:
    return float(np.prod([float(one.values) for one in tables])) if tables else 1.0
