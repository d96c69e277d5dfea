"""The operations of a step: variables are summed out one by one, where that is cheapest.

Source: Zhang and Poole (1994), "A simple approach to Bayesian network computations".
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import numpy as np

from gmruntime.filtering.records import Operations, Tables
from gmruntime.filtering.step import NUM_ENTRIES_MAX, Potential, Step, TooWideError, Wanted

SPREAD_MAX = 300.0
"""Numbers that span more, in nats, are kept as logs: a product of two must not underflow."""

_ROUNDING = 1e-12
"""Logs of sums of probabilities are off from 0 by less."""


@dataclass(slots=True, eq=False)
class _Plan:
    """The tables and operations of one step, while they are planned."""

    num_states: tuple[int, ...]
    scopes: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    logs: list[np.ndarray | None] = field(default_factory=list["np.ndarray | None"])
    rows: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    left: list[np.ndarray] = field(default_factory=list[np.ndarray])
    right: list[np.ndarray] = field(default_factory=list[np.ndarray])

    def table(self, scope: tuple[int, ...], logs: np.ndarray | None = None) -> int:
        """Add a table, and return its number; `logs` of one that is always the same."""
        self.scopes.append(scope)
        self.logs.append(logs)
        return len(self.scopes) - 1

    def size(self, scope: Iterable[int]) -> int:
        """Return the number of joint states."""
        return math.prod(self.num_states[v] for v in scope)

    def multiply(self, left: int, right: int, out: tuple[int, ...]) -> int:
        """Multiply two tables, summing out all but some variables; return the number of theirs."""
        inner = tuple(dict.fromkeys((*self.scopes[left], *self.scopes[right])))
        joint = (*out, *(v for v in inner if v not in out))
        num_entries = self.size(joint)
        if num_entries > NUM_ENTRIES_MAX:
            raise TooWideError(num_entries)
        number = self.table(out)
        self.rows.append((left, right, number, self.size(out), num_entries // self.size(out)))
        self.left.append(self._places(self.scopes[left], joint))
        self.right.append(self._places(self.scopes[right], joint))
        return number

    def _places(self, scope: tuple[int, ...], joint: tuple[int, ...]) -> np.ndarray:
        """Say where each joint state is found in a table."""
        places = np.zeros([self.num_states[v] for v in joint], np.int32)
        stride = 1
        for v in reversed(scope):
            axis = joint.index(v)
            along = stride * np.arange(self.num_states[v], dtype=np.int32)
            places += along.reshape([-1 if k == axis else 1 for k in range(len(joint))])
            stride *= self.num_states[v]
        return places.reshape(-1)

    def summed(self, tables: list[int], keep: tuple[int, ...], one: int) -> int:
        """Multiply tables, sum all but some variables out, and return the number of the result."""
        tables = list(tables)
        while True:
            open_ = {v for table in tables for v in self.scopes[table]} - set(keep)
            if not open_:
                break
            costs = {v: self.size(self._around(tables, v)) for v in open_}
            chosen = min(sorted(open_), key=lambda v: costs[v])
            near = [t for t in tables if chosen in self.scopes[t]]
            tables = [t for t in tables if chosen not in self.scopes[t]]
            tables.append(self._product(near, tables, keep, one))
        return self._product(tables, [], keep, one, exactly=True)

    def _around(self, tables: list[int], variable: int) -> set[int]:
        near = (set(self.scopes[t]) for t in tables if variable in self.scopes[t])
        return set[int]().union(*near)

    def _product(
        self,
        near: list[int],
        others: list[int],
        keep: tuple[int, ...],
        one: int,
        *,
        exactly: bool = False,
    ) -> int:
        """Multiply some tables, the smallest first, and sum out what no other table mentions."""
        near = sorted(near, key=lambda t: self.size(self.scopes[t])) or [one]
        if len(near) == 1:
            near.append(one)
        product = near[0]
        for k, table in enumerate(near[1:], 1):
            rest = {v for t in (*others, *near[k + 1 :]) for v in self.scopes[t]}
            both = tuple(dict.fromkeys((*self.scopes[product], *self.scopes[table])))
            is_last = exactly and k == len(near) - 1
            out = keep if is_last else tuple(v for v in both if v in keep or v in rest)
            product = self.multiply(product, table, out)
        return product


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """The operations of one step, its tables numbered from 0.

    Attributes:
        operations: with places and tables of this step alone.
        tables: with what is always the same filled in.
    """

    operations: Operations
    tables: Tables


def planned(step: Step) -> Planned:
    """Plan the operations of a step.

    Raises:
        TooWideError: when a table would be too large.
    """
    step = _complete(step)
    plan = _Plan(step.num_states)
    ends, own, seen, wanted = _planned(plan, step)
    sizes = [plan.size(one.scope) if one is not None else 0 for one in step.wanted]
    operations = Operations(
        _rows(plan),
        *_places(plan),
        np.array([0, *ends], np.int64),
        np.array([[*own, len(step.shown) > 0]], np.int64),
        np.array(seen, np.int64).reshape(1, -1),
        np.array(wanted, np.int64).reshape(1, -1),
        np.array([_starts(sizes)[:-1]], np.int64).reshape(1, -1),
        np.array([step.log_constant]),
    )
    return Planned(operations, _tables(plan))


def laid_out(steps: Sequence[Planned]) -> tuple[Operations, Tables]:
    """Lay the operations and tables of steps out one after another; there is at least one."""
    num_tables = _starts(len(one.tables.shift) for one in steps)
    num_entries = _starts(len(one.tables.plain) for one in steps)
    num_places = _starts(len(one.operations.left_places) for one in steps)
    num_rows = _starts(len(one.operations.rows) for one in steps)
    many = [one.operations for one in steps]
    rows = [
        one.rows + np.array([table, table, table, place, 0, 0])
        for one, table, place in zip(many, num_tables, num_places, strict=False)
    ]
    operations = Operations(
        np.concatenate(rows),
        np.concatenate([one.left_places for one in many]),
        np.concatenate([one.right_places for one in many]),
        np.array(
            [0, *(k + e for one, k in zip(many, num_rows, strict=False) for e in one.start[1:])]
        ),
        np.concatenate([_tables_moved(o, k) for o, k in zip(many, num_tables, strict=False)]),
        _padded([_moved(one.seen, k) for one, k in zip(many, num_tables, strict=False)]),
        _padded([_moved(one.wanted, k) for one, k in zip(many, num_tables, strict=False)]),
        _padded([one.places for one in many]),
        np.concatenate([one.log_constant for one in many]),
    )
    all_of = [one.tables for one in steps]
    starts = [one.start[:-1] + k for one, k in zip(all_of, num_entries, strict=False)]
    tables = Tables(
        np.concatenate([*starts, num_entries[-1:]]).astype(np.int64),
        *(np.concatenate([one[k] for one in all_of]) for k in range(1, 6)),
    )
    return operations, tables


def _starts(sizes: Iterable[int]) -> list[int]:
    return [0, *accumulate(sizes)]


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Stack rows of which later ones may be longer; -1 where there is nothing."""
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1])), constant_values=-1) for row in rows]
    return np.concatenate(padded)


def _tables_moved(operations: Operations, by: int) -> np.ndarray:
    moved = _moved(operations.tables, by)
    moved[:, 4] = operations.tables[:, 4]
    return moved


def _moved(numbers: np.ndarray, by: int) -> np.ndarray:
    """Number tables that others stand before; -1 stays."""
    return np.where(numbers < 0, -1, numbers + by)


def _complete(step: Step) -> Step:
    """Let potentials mention whatever is new, left or seen: all its states weigh the same."""
    known = {*step.before, *(v for potential in step.potentials for v in potential.scope)}
    new = {*step.after, *step.seen, *(v for potential in step.shown for v in potential.scope)}
    alone = sorted(v for v in new - known if v >= 0)
    more = (Potential((v,), np.zeros(step.num_states[v])) for v in alone)
    return replace(step, potentials=(*step.potentials, *more))


def _planned(plan: _Plan, step: Step) -> tuple[list[int], list[int], list[int], list[int]]:
    """Plan one step: where its three parts end, and the numbers of its tables."""
    one = plan.table((), np.zeros(1))
    before = plan.table(step.before)
    new = [plan.table(p.scope, p.log_values.reshape(-1)) for p in step.potentials]
    seen = [plan.table((v,)) if v >= 0 else -1 for v in step.seen]
    shown = [table for table in seen if table >= 0]
    shown += [plan.table(p.scope, p.log_values.reshape(-1)) for p in step.shown]
    after = plan.summed([before, *new, *shown], step.after, one)
    total = plan.summed([after], (), one)
    ends = [len(plan.rows)]
    wanted: list[int] = []
    for asked in step.wanted:
        if asked is None:
            wanted.append(-1)
            continue
        own = [plan.table(p.scope, p.log_values.reshape(-1)) for p in asked.potentials]
        given = [after] if _is_left(step, asked) else [before, *new, *shown]
        wanted.append(plan.summed([*given, *own], asked.scope, one))
    ends.append(len(plan.rows))
    blind = plan.summed([before, *new], (), one) if shown and not _is_proper(step) else -1
    ends.append(len(plan.rows))
    if not shown:
        blind = total
    return ends, [before, after, total, blind], seen, wanted


def _is_left(step: Step, asked: Wanted) -> bool:
    """Say whether what is wanted follows from the belief that the step leaves."""
    own = {v for potential in step.potentials for v in potential.scope}
    own |= {v for v in (*step.before, *step.after, *step.seen) if v >= 0}
    needed = {*asked.scope, *(v for p in asked.potentials for v in p.scope)}
    return (needed & own) <= set(step.after)


def _is_proper(step: Step) -> bool:
    """Say whether what is new, were nothing of it seen, sums to one whatever was before."""
    from gmruntime.filtering.reference import run

    if step.log_constant:
        return False
    blind = Step(step.num_states, (), step.before, step.potentials)
    plan = _Plan(step.num_states)
    ends, own, *_ = _planned(plan, blind)
    # What is new may leave a variable of before alone, whose states all weigh the same.
    tables = _tables(plan)
    run(_rows(plan)[: ends[0]], *_places(plan), tables)
    first, last = tables.start[own[1]], tables.start[own[1] + 1]
    return bool(np.abs(tables.logs[first:last] + tables.shift[own[1]]).max() < _ROUNDING)


def _rows(plan: _Plan) -> np.ndarray:
    places = _starts(num_out * num_inner for *_, num_out, num_inner in plan.rows)
    rows = [
        (left, right, out, place, num_out, num_inner)
        for (left, right, out, num_out, num_inner), place in zip(plan.rows, places, strict=False)
    ]
    return np.array(rows, np.int64).reshape(-1, 6)


def _places(plan: _Plan) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate(plan.left), np.concatenate(plan.right)


def _tables(plan: _Plan) -> Tables:
    sizes = [plan.size(scope) for scope in plan.scopes]
    start = np.array(_starts(sizes), np.int64)
    plain, logs = np.ones(start[-1]), np.zeros(start[-1])
    has_plain, shift = np.ones(len(sizes), np.bool_), np.zeros(len(sizes))
    for number, values in enumerate(plan.logs):
        if values is None:
            continue
        top = float(values.max())
        shift[number] = top if np.isfinite(top) else 0.0
        part = slice(start[number], start[number + 1])
        logs[part] = values - shift[number]
        plain[part] = np.exp(logs[part])
        finite = logs[part][np.isfinite(logs[part])]
        has_plain[number] = not len(finite) or float(finite.min()) >= -SPREAD_MAX
    return Tables(start, plain, logs, has_plain, np.ones(len(sizes), np.bool_), shift)


def joined_potentials(potentials: Iterable[Potential]) -> tuple[Potential, ...]:
    """Add up potentials of one scope, so that there are as few as there may be."""
    found: dict[tuple[int, ...], np.ndarray] = {}
    for potential in potentials:
        order = sorted(range(len(potential.scope)), key=potential.scope.__getitem__)
        scope = tuple(potential.scope[k] for k in order)
        values = potential.log_values.transpose(order)
        found[scope] = found[scope] + values if scope in found else values
    return tuple(Potential(scope, np.ascontiguousarray(v)) for scope, v in found.items())
