"""Log Z of one piece for many rules side by side: variables eliminated in logs, a row a rule.

Most rules are impossible in most places; in logs that costs no more than anything else.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from gmruntime.arrays import Float64, Int
from gmruntime.graph import FactorGraph
from gmruntime.rows.cutting.tables import log_potentials

ENTRIES_MAX = 1 << 20
"""A piece whose tables need more entries in one step is left to the runtime."""

_TOGETHER = 1 << 21
"""So many entries are worked on together."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a piece is worked out.

    Attributes:
        sizes: the states of its own variables.
        fixed: tables that no rule changes, by scope.
        linked: tables that a value of a rule picks from: the scope, which value, and the tables,
            that value's axis first.
        steps: the variables in the order in which they are eliminated.
        num_entries: the largest table on the way.
    """

    sizes: tuple[int, ...]
    fixed: tuple[tuple[tuple[int, ...], np.ndarray], ...]
    linked: tuple[tuple[tuple[int, ...], int, np.ndarray], ...]
    steps: tuple[int, ...]
    num_entries: int


def plan_of(graph: FactorGraph, num_own: int) -> Plan:
    """Order the variables of a piece: always the one that makes the smallest table.

    Args:
        graph: its own variables, each a block, and then the values that rules fix.
        num_own: how many its own are.
    """
    sizes = [int(block.num_states) for block in graph.variables[:num_own]]
    fixed: dict[tuple[int, ...], np.ndarray] = {}
    linked: list[tuple[tuple[int, ...], int, np.ndarray]] = []
    for block in graph.factors:
        scope = tuple(block.scopes[0].tolist())
        table = log_potentials(block)[0]
        if scope and scope[-1] >= num_own:
            picked = np.ascontiguousarray(np.moveaxis(table, -1, 0))
            linked.append((scope[:-1], scope[-1] - num_own, picked))
            continue
        before = fixed.get(scope)
        fixed[scope] = table if before is None else before + table
    scopes = {frozenset(scope) for scope in fixed} | {frozenset(scope) for scope, _, _ in linked}
    scopes.discard(frozenset())
    steps: list[int] = []
    most = max((prod(sizes[v] for v in scope) for scope in scopes), default=1)
    left = set(range(num_own))
    while left:
        united = {v: frozenset({v}.union(*(s for s in scopes if v in s))) for v in left}
        first = min(left, key=lambda v: (prod(sizes[u] for u in united[v]), v))
        most = max(most, prod(sizes[u] for u in united[first]))
        scopes = {s for s in scopes if first not in s} | {united[first] - {first}}
        scopes.discard(frozenset())
        left.discard(first)
        steps.append(first)
    return Plan(tuple(sizes), tuple(fixed.items()), tuple(linked), tuple(steps), most)


def eliminated(
    plan: Plan, patterns: Int[np.ndarray, "rows combinations"]
) -> Float64[np.ndarray, " rows"]:
    """Find log Z for each row of values."""
    step = max(1, _TOGETHER // max(1, plan.num_entries))
    parts = [
        _eliminated(plan, patterns[first : first + step]) for first in range(0, len(patterns), step)
    ]
    return np.concatenate([np.zeros(0), *parts])


_Tables = dict[tuple[int, ...], np.ndarray]


def _eliminated(plan: Plan, patterns: np.ndarray) -> np.ndarray:
    tables: _Tables = {scope: table[None] for scope, table in plan.fixed}
    for scope, column, table in plan.linked:
        _multiply(tables, scope, table[patterns[:, column]])
    total = np.zeros(len(patterns))
    for variable in plan.steps:
        mine = [scope for scope in tables if variable in scope]
        together = (*sorted({v for scope in mine for v in scope} - {variable}), variable)
        found: np.ndarray | None = None
        for scope in mine:
            own = _aligned(tables.pop(scope), scope, together)
            found = own if found is None else found + own
        if found is None:
            total += np.log(float(plan.sizes[variable]))
            continue
        _multiply(tables, together[:-1], _log_sum(found))
    for table in tables.values():
        total = total + table
    return np.broadcast_to(total, (len(patterns),))


def _multiply(tables: _Tables, scope: tuple[int, ...], table: np.ndarray) -> None:
    before = tables.get(scope)
    tables[scope] = table if before is None else before + table


def _aligned(table: np.ndarray, scope: tuple[int, ...], together: tuple[int, ...]) -> np.ndarray:
    """Return a table with the axes of a larger scope, those that it lacks of length 1."""
    order = sorted(range(len(scope)), key=lambda k: together.index(scope[k]))
    moved = np.transpose(table, (0, *(1 + k for k in order)))
    sizes = iter(moved.shape[1:])
    return moved.reshape(len(moved), *(next(sizes) if v in scope else 1 for v in together))


def _log_sum(table: np.ndarray) -> np.ndarray:
    """Add up along the last axis, in logs."""
    most = table.max(axis=-1)
    shift = np.where(most > -np.inf, most, 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.exp(table - shift[..., None]).sum(axis=-1)) + shift
