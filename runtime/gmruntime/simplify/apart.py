"""Parts of a graph whose sum has a closed form, however many variables they have.

A variable without factors has as many states as it has. Different values for variables whose
allowed values lie within each other, the fewest first, can be chosen in

    product over i of (number allowed to variable i  -  i),  i = 0, 1, 2, ...

ways: each of the i values taken before was allowed to variable i as well. Of n booleans k are
true in n! / (k! (n - k)!) ways.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import LogPartition, Solutions
from gmruntime.factors.kinds import AllDifferent, Count, FactorKind, Table
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states
from gmruntime.task import Task

METHOD = "closed form"

_WIDE = 6
"""Narrower factors are tables, which elimination counts as quickly."""

_STEPS_MAX = 1 << 22
"""Of the sum of binomial coefficients: a coefficient takes as many as there are booleans."""

_ENTRIES_MAX = 1 << 24
"""Variables times values that are looked at one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """A graph without the parts that have a closed form.

    Attributes:
        graph: of the other factors.
        evidence: with every variable of those parts held in some state.
        count: in how many ways they can be completed.
    """

    graph: FactorGraph
    evidence: Assignment
    count: int


def set_apart(task: Task[Solutions | LogPartition]) -> Apart | None:
    """Take out the parts with a closed form; None when there are none.

    For sums of scores only different values are taken out, where nothing weighs them; whether
    scores are zero is all that matters for a number of solutions.
    """
    graph, query, evidence = task.graph, task.query, task.evidence
    is_count = isinstance(query, Solutions)
    closed = any(_has_form(block, is_count=is_count) for block in graph.factors)
    if not is_count and not closed:
        return None
    held, count = evidence.copy(), 1
    factors = list(graph.factors)
    if closed:
        count, factors = _closed(graph, held, is_count=is_count)
    if is_count:
        states = num_states(graph)
        alone = held < 0
        for block in factors:
            alone[block.scopes.reshape(-1)] = False
        sizes, times = np.unique(states[alone], return_counts=True)
        for size, number in zip(sizes.tolist(), times.tolist(), strict=True):
            count *= size**number
        held[alone] = 0
    if (held == evidence).all() and len(factors) == len(graph.factors):
        return None
    return Apart(replace(graph, factors=tuple(factors)), held, count)


def _closed(
    graph: FactorGraph, held: Assignment, *, is_count: bool
) -> tuple[int, list[FactorBlock]]:
    """Take out the wide factors that no other meets; `held` is filled in."""
    states = num_states(graph)
    uses = np.zeros(len(states), np.int64)
    for block in graph.factors:
        if block.scopes.shape[1] > 1:
            np.add.at(uses, block.scopes.reshape(-1), 1)
    count = 1
    kept = list(graph.factors)
    for position, block in enumerate(graph.factors):
        if not _has_form(block, is_count=is_count):
            continue
        rows = np.ones(len(block.scopes), np.bool_)
        for row, scope in enumerate(block.scopes):
            if (uses[scope] != 1).any():
                continue
            allowed = _allowed(graph, scope, held, int(states[scope[0]]), is_count=is_count)
            ways = None if allowed is None else _ways(block.kind, row, allowed)
            if ways is None:
                continue
            rows[row], count = False, count * ways
            held[scope] = np.where(held[scope] >= 0, held[scope], 0)
            kept = [_without(other, scope) for other in kept]
        kept[position] = block.some(rows)
    return count, [block for block in kept if len(block.scopes)]


def _has_form(block: FactorBlock, *, is_count: bool) -> bool:
    """Say whether factors have a closed form, and are so wide that it is worth looking for."""
    if block.scopes.shape[1] < _WIDE:
        return False
    return isinstance(block.kind, AllDifferent) or (is_count and isinstance(block.kind, Count))


def _without(block: FactorBlock, variables: np.ndarray) -> FactorBlock:
    """Return a block of unary factors without those about some variables."""
    if block.scopes.shape[1] != 1:
        return block
    return block.some(~np.isin(block.scopes[:, 0], variables))


def _allowed(
    graph: FactorGraph, scope: np.ndarray, held: Assignment, size: int, *, is_count: bool
) -> np.ndarray | None:
    """Say which values each variable may take; None when something else speaks of them."""
    if len(scope) * size > _ENTRIES_MAX:
        return None
    allowed = np.ones((len(scope), size), np.bool_)
    place = {int(v): k for k, v in enumerate(scope)}
    for v, k in place.items():
        if held[v] >= 0:
            allowed[k] = np.arange(size) == held[v]
    for block in graph.factors:
        if block.scopes.shape[1] != 1:
            continue
        mine = np.flatnonzero(np.isin(block.scopes[:, 0], scope))
        if not len(mine):
            continue
        if not isinstance(block.kind, Table):
            return None
        potentials = block.kind.log_potentials
        for f in mine:
            row = potentials[f if len(potentials) > 1 else 0]
            if not is_count and not np.isin(row, (0.0, -np.inf)).all():
                return None
            allowed[place[int(block.scopes[f, 0])]] &= row > -np.inf
    return allowed


def _ways(kind: FactorKind, row: int, allowed: np.ndarray) -> int | None:
    """Count the allowed assignments of one factor's variables; None without a closed form."""
    match kind:
        case AllDifferent():
            return _different_ways(allowed)
        case Count():
            negated = kind.negated[row if len(kind.negated) > 1 else 0]
            potentials = kind.log_potentials[row if len(kind.log_potentials) > 1 else 0]
            return _counted_ways(np.flatnonzero(potentials > -np.inf), negated, allowed)
        case _:
            return None


def _counted_ways(totals: np.ndarray, negated: np.ndarray, allowed: np.ndarray) -> int | None:
    """Count choices of booleans with so many true literals: sums of binomial coefficients."""
    if not allowed.any(axis=1).all():
        return 0
    free = int(allowed.all(axis=1).sum())
    fixed = ~allowed.all(axis=1)
    true = int((allowed[fixed, 1] ^ negated[fixed]).sum())
    totals = totals[(totals >= true) & (totals <= true + free)] - true
    if len(totals) * free > _STEPS_MAX:
        return None
    return sum(math.comb(free, int(total)) for total in totals)


def _different_ways(allowed: np.ndarray) -> int | None:
    """Count choices of different values; None where what is allowed does not lie within."""
    order = np.argsort(allowed.sum(axis=1), kind="stable")
    allowed = allowed[order].copy()
    first = 0
    while first < len(allowed) and allowed[first].sum() == 1:
        # A value that is settled is allowed to no other variable.
        taken = int(allowed[first].argmax())
        allowed[first + 1 :, taken] = False
        first += 1
        rest: np.ndarray = np.argsort(allowed[first:].sum(axis=1), kind="stable")
        allowed[first:] = allowed[first:][rest]
    ways = 1
    for position, row in enumerate(allowed[first:]):
        if position and (allowed[first + position - 1] & ~row).any():
            return None
        ways *= max(0, int(row.sum()) - position)
    return ways
