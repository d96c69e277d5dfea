"""Decisions about a network: what is free of them, what each knows, and what there is to gain."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gmruntime.answer import ExpectedUtility, LogPartition
from gmruntime.budget import Budget, within
from gmruntime.graph import Assignment, FactorBlock
from gmruntime.simplify.barren import drop_barren
from gmruntime.simplify.network import Network, sliced_out, whole
from gmruntime.task import Task

_MERGED_ENTRIES_MAX = 1 << 16
"""Smaller utilities are added into wider ones of at most so many entries."""


@dataclass(frozen=True, slots=True, eq=False)
class Gain:
    """A utility less its least value.

    Attributes:
        scope: ascending.
        table: one axis for each variable of the scope, >= 0.
    """

    scope: tuple[int, ...]
    table: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is asked, without what is observed.

    Attributes:
        network: log tables of all that is no utility; decisions are free in it.
        decisions: that are free, in their order.
        known: what each of them knows that is not observed.
        gains: that are added up.
        shift: what is added to their expectation: the least that utilities can be.
        spread: what they can be at most, less that.
    """

    network: Network
    decisions: tuple[int, ...]
    known: tuple[frozenset[int], ...]
    gains: tuple[Gain, ...]
    shift: float
    spread: float


def problem_of(task: Task[ExpectedUtility], budget: Budget) -> Problem | None:
    """Take what is observed out of a question; None where some factor has no table.

    Raises:
        TimeoutError: when the budget ended first.
    """
    query, evidence = task.query, task.evidence
    part = whole(task.graph, LogPartition(), budget)
    if part is None:
        return None
    network = sliced_out(part, evidence, budget)
    gains, shift = _gains(query.utilities, evidence, budget)
    free = [k for k, d in enumerate(query.decisions.tolist()) if evidence[d] < 0]
    decisions = tuple(int(query.decisions[k]) for k in free)
    known = tuple(
        frozenset(v for v in query.information[k].tolist() if evidence[v] < 0) for k in free
    )
    asked = frozenset(decisions).union(*known, *(gain.scope for gain in gains))
    network = drop_barren(network, asked, budget)
    spread = float(sum(gain.table.max() for gain in gains))
    return Problem(network, decisions, known, gains, shift, spread)


def _gains(
    utilities: tuple[FactorBlock, ...], evidence: Assignment, budget: Budget
) -> tuple[tuple[Gain, ...], float]:
    """Slice the evidence out of all utilities; add up those of one scope, or of part of it."""
    merged: dict[tuple[int, ...], np.ndarray] = {}
    shift = 0.0
    for scope, table in within(_sliced(utilities, evidence), budget):
        if not scope:
            shift += float(table)
        else:
            merged[scope] = merged[scope] + table if scope in merged else table
    gains: list[Gain] = []
    for scope, table in _absorbed(merged).items():
        least = float(table.min())
        shift += least
        if float(table.max()) > least:
            gains.append(Gain(scope, table - least))
    return tuple(gains), shift


def _sliced(
    utilities: tuple[FactorBlock, ...], evidence: Assignment
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    for block in utilities:
        tables = block.kind.log_potentials  # pyright: ignore[reportAttributeAccessIssue]
        for f, scope in enumerate(block.scopes):
            seen = evidence[scope]
            table = tables[0 if len(tables) == 1 else f]
            table = table[tuple(int(s) if s >= 0 else slice(None) for s in seen)]
            order = np.argsort(scope[seen < 0])
            yield tuple(scope[seen < 0][order].tolist()), np.asarray(table).transpose(order)


def _absorbed(tables: dict[tuple[int, ...], np.ndarray]) -> dict[tuple[int, ...], np.ndarray]:
    """Add each table into one whose scope holds its own."""
    holders: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    kept: dict[tuple[int, ...], np.ndarray] = {}
    for scope in sorted(tables, key=len, reverse=True):
        wide = next((w for w in holders[scope[0]] if set(scope) <= set(w)), None)
        if wide is not None and kept[wide].size <= _MERGED_ENTRIES_MAX:
            sizes = dict(zip(scope, tables[scope].shape, strict=True))
            kept[wide] = kept[wide] + tables[scope].reshape([sizes.get(v, 1) for v in wide])
            continue
        kept[scope] = tables[scope]
        for v in scope:
            holders[v].append(scope)
    # In the order in which they were stated, which is how programs run through time.
    return {scope: kept[scope] for scope in tables if scope in kept}
