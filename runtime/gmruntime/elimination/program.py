"""Elimination as a program of contractions: every table in one array, for the compiled kernel.

The same cliques and messages as in `tree`, in linear space for sums and in logs for maxima.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

from gmruntime.budget import Budget
from gmruntime.elimination.orders import Order
from gmruntime.simplify.network import Network

# A message whose largest entry is smaller has lost digits; the logs of `tree` do not.
_FLOOR = 1e-200


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Multiply the operands and reduce to the scope of the result."""

    axes: tuple[int, ...]
    operands: tuple[int, ...]
    result: int


@dataclass(slots=True, eq=False)
class Sheet:
    """The tables and steps of a program while it is being written.

    Attributes:
        place: of each variable in the order; scopes are sorted by it.
        num_states: of each variable.
        scopes: of each table.
        given: the log tables that are there from the start, by table.
        steps: in order.
    """

    place: dict[int, int]
    num_states: np.ndarray
    scopes: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    given: dict[int, np.ndarray] = field(default_factory=dict[int, np.ndarray])
    steps: list[Step] = field(default_factory=list[Step])

    def entries(self, scope: tuple[int, ...]) -> int:
        """Count the entries of a table."""
        count = 1
        for v in scope:
            count *= int(self.num_states[v])
        return count


def new_table(sheet: Sheet, scope: tuple[int, ...], log_table: np.ndarray | None = None) -> int:
    """Add a table and return its number."""
    sheet.scopes.append(scope)
    if log_table is not None:
        sheet.given[len(sheet.scopes) - 1] = log_table
    return len(sheet.scopes) - 1


def contract(sheet: Sheet, operands: Sequence[int], scope: tuple[int, ...]) -> int:
    """Write the step that multiplies tables and reduces them to `scope`; return the result."""
    axes = {v for table in operands for v in sheet.scopes[table]} | set(scope)
    result = new_table(sheet, scope)
    ordered = tuple(sorted(axes, key=sheet.place.__getitem__))
    sheet.steps.append(Step(ordered, tuple(operands), result))
    return result


@dataclass(frozen=True, slots=True, eq=False)
class Cliques:
    """An elimination tree on a sheet.

    Attributes:
        sheet: of its tables.
        scopes: of each clique, sorted by place; its own variable is the first.
        parents: the clique each sends to, -1 for a root.
        children: the cliques that send to each.
        own: the tables given to each clique.
        upward: the message each clique sends.
    """

    sheet: Sheet
    scopes: tuple[tuple[int, ...], ...]
    parents: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]
    own: list[list[int]]
    upward: list[int]


def write_upward(network: Network, order: Order) -> Cliques:
    """Write the pass towards the roots: step k eliminates the k-th variable."""
    place = {v: k for k, v in enumerate(order.variables)}
    sheet = Sheet(place, network.num_states)
    scopes = tuple(
        (v, *sorted(c, key=place.__getitem__))
        for v, c in zip(order.variables, order.cliques, strict=True)
    )
    gathered: list[list[tuple[tuple[int, ...], np.ndarray]]] = [[] for _ in scopes]
    for factor in network.factors:
        axes = sorted(range(len(factor.scope)), key=lambda k: place[factor.scope[k]])
        scope = tuple(factor.scope[k] for k in axes)
        gathered[place[scope[0]]].append((scope, factor.table.transpose(axes)))
    own = [[new_table(sheet, *part) for part in _merged(parts)] for parts in gathered]
    parents = tuple(place[scope[1]] if len(scope) > 1 else -1 for scope in scopes)
    children: list[list[int]] = [[] for _ in scopes]
    for k, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(k)
    upward: list[int] = []
    for k, scope in enumerate(scopes):
        operands = [*own[k], *(upward[c] for c in children[k])]
        result = new_table(sheet, scope[1:])
        sheet.steps.append(Step(scope, tuple(operands), result))
        upward.append(result)
    return Cliques(sheet, scopes, parents, tuple(map(tuple, children)), own, upward)


def _merged(
    parts: list[tuple[tuple[int, ...], np.ndarray]],
) -> list[tuple[tuple[int, ...], np.ndarray]]:
    """Add tables into those whose scope contains theirs."""
    kept: list[tuple[tuple[int, ...], np.ndarray]] = []
    for scope, table in sorted(parts, key=lambda part: -len(part[0])):
        for k, (wide, sum_so_far) in enumerate(kept):
            if set(scope) <= set(wide):
                sizes = dict(zip(scope, table.shape, strict=True))
                kept[k] = wide, sum_so_far + table.reshape([sizes.get(v, 1) for v in wide])
                break
        else:
            kept.append((scope, table))
    return kept


def write_downward(cliques: Cliques, needed: set[int]) -> dict[int, int]:
    """Write the pass from the roots to the cliques in `needed`; return the message to each.

    `needed` must contain every parent of its members.
    """
    downward: dict[int, int] = {}
    for k in range(len(cliques.scopes) - 1, -1, -1):
        targets = [c for c in cliques.children[k] if c in needed]
        if not targets:
            continue
        others = [c for c in cliques.children[k] if c not in needed]
        base = [*cliques.own[k], *(cliques.upward[c] for c in others)]
        if k in downward:
            base.append(downward[k])
        _leave_one_out(cliques, base, targets, downward)
    return downward


def _leave_one_out(
    cliques: Cliques, base: list[int], targets: list[int], downward: dict[int, int]
) -> None:
    """Write the message to each target: all but its own, each half sharing the other's product."""
    if len(targets) == 1:
        sheet = cliques.sheet
        downward[targets[0]] = contract(sheet, base, cliques.scopes[targets[0]][1:])
        return
    half = len(targets) // 2
    for part, rest in ((targets[:half], targets[half:]), (targets[half:], targets[:half])):
        messages = [cliques.upward[c] for c in rest]
        if len(messages) > 2 and len(part) > 1:
            messages = [_product(cliques.sheet, messages)]
        _leave_one_out(cliques, [*base, *messages], part, downward)


def _product(sheet: Sheet, tables: list[int]) -> int:
    union = {v for table in tables for v in sheet.scopes[table]}
    return contract(sheet, tables, tuple(sorted(union, key=sheet.place.__getitem__)))


# --- Running -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a program computed.

    Attributes:
        values: all tables; linear, or logs where a maximum was taken.
        table_start: where each table begins.
        table_size: the entries of each.
        log_constant: what rescaling the results of the counted steps took out; -inf when a
            result vanished.
        finished: whether every step ran.
    """

    values: Float64[np.ndarray, " entries"]
    table_start: Int64[np.ndarray, " tables"]
    table_size: Int64[np.ndarray, " tables"]
    log_constant: float
    finished: bool

    def table(self, number: int) -> Float64[np.ndarray, " entries"]:
        """Return a table, flat."""
        return self.values[
            self.table_start[number] : self.table_start[number] + self.table_size[number]
        ]


def num_entries(sheet: Sheet) -> int:
    """Count the entries of all tables of a sheet."""
    return sum(sheet.entries(scope) for scope in sheet.scopes)


def run(
    sheet: Sheet,
    num_counted: int,
    is_max: np.ndarray,
    budget: Budget | None = None,
    *,
    reuse: bool = False,
) -> Run:
    """Run all steps; the first `num_counted` are those whose rescaling is part of the value.

    Steps that sum must come before steps that maximise. With `reuse`, a table's place is given to
    another once it has been read; only for programs that read every result once.
    """
    from gmruntime.elimination.program_kernel import run_steps

    sizes = np.array([sheet.entries(scope) for scope in sheet.scopes], np.int64)
    table_start, total = _allocate(sheet, sizes, reuse=reuse)
    values = np.empty(total)
    log_constant = 0.0
    all_max = bool(is_max.all()) and len(is_max) > 0
    for table, log_table in sheet.given.items():
        largest = float(log_table.max())
        if largest == -np.inf:
            return Run(values, table_start, sizes, -np.inf, False)
        log_constant += largest
        shifted = log_table.reshape(-1) - largest
        piece = values[table_start[table] : table_start[table] + sizes[table]]
        piece[:] = shifted if all_max else np.exp(shifted)
    scope_start, scope_variables = _rows(sheet.scopes)
    axes_start, axes_variables = _rows([step.axes for step in sheet.steps])
    operand_start, operands = _rows([step.operands for step in sheet.steps])
    results = np.array([step.result for step in sheet.steps], np.int64)
    flags = np.zeros(len(results), np.bool_)
    flags[: len(is_max)] = is_max
    switch = int(np.argmax(flags)) if flags.any() and not all_max else -1
    for first, last in _batches(sheet, num_counted, switch):
        if budget is not None and budget.left_s() <= 0:
            return Run(values, table_start, sizes, log_constant, False)
        if first == switch:
            with np.errstate(divide="ignore"):
                np.log(values, out=values, where=_written(sheet, table_start, sizes, first, total))
        taken, done = run_steps(
            values,
            sheet.num_states.astype(np.int64),
            table_start,
            sizes,
            scope_start,
            scope_variables,
            axes_start,
            axes_variables,
            operand_start,
            operands,
            results,
            flags,
            first,
            last,
            _FLOOR,
        )
        if done < last - first:
            return Run(values, table_start, sizes, -np.inf, False)
        if last <= num_counted:
            log_constant += taken
    return Run(values, table_start, sizes, log_constant, True)


def _allocate(
    sheet: Sheet, sizes: np.ndarray, *, reuse: bool
) -> tuple[Int64[np.ndarray, " tables"], int]:
    """Place every table; return where each begins, and the entries needed."""
    if not reuse:
        ends = np.cumsum(sizes)
        return ends - sizes, int(ends[-1]) if len(ends) else 0
    starts = np.zeros(len(sizes), np.int64)
    end = 0
    for table in sheet.given:
        starts[table] = end
        end += int(sizes[table])
    holes: list[tuple[int, int]] = []
    for step in sheet.steps:
        wanted = int(sizes[step.result])
        fitting = [(size, at) for size, at in holes if size >= wanted]
        if fitting:
            size, at = min(fitting)
            holes.remove((size, at))
            if size > wanted:
                holes.append((size - wanted, at + wanted))
        else:
            at = end
            end += wanted
        starts[step.result] = at
        freed = [(int(starts[t]), int(sizes[t])) for t in step.operands if t not in sheet.given]
        holes = _joined_holes(holes, freed)
    return starts, end


def _joined_holes(
    holes: list[tuple[int, int]], freed: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    if not freed:
        return holes
    joined: list[tuple[int, int]] = []
    for at, size in sorted([*((at, size) for size, at in holes), *freed]):
        if joined and joined[-1][1] + joined[-1][0] == at:
            joined[-1] = (joined[-1][0] + size, joined[-1][1])
        else:
            joined.append((size, at))
    return joined


def _written(
    sheet: Sheet, table_start: np.ndarray, sizes: np.ndarray, num_done: int, total: int
) -> np.ndarray:
    """Mark the entries that are filled before step `num_done`."""
    mask = np.zeros(total, np.bool_)
    for table in (*sheet.given, *(step.result for step in sheet.steps[:num_done])):
        mask[table_start[table] : table_start[table] + sizes[table]] = True
    return mask


def _batches(sheet: Sheet, num_counted: int, switch: int) -> list[tuple[int, int]]:
    """Cut the steps where the count ends, where maxima begin, and about every 2^26 entries."""
    cuts = {0, num_counted, len(sheet.steps)} | ({switch} if switch >= 0 else set())
    load = 0
    for k, step in enumerate(sheet.steps):
        load += sheet.entries(step.axes)
        if load > 1 << 26:
            cuts.add(k + 1)
            load = 0
    marks = sorted(cuts)
    return list(pairwise(marks))


def _rows(rows: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(row) for row in rows], np.int64)
    flat = [v for row in rows for v in row]
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), np.array(flat, np.int64)
