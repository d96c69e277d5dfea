"""Runs a program of contractions: every table in one array, large steps on all cores."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np

from gmruntime.arrays import Float64, Int64, row_starts
from gmruntime.budget import Budget, num_cores, within
from gmruntime.elimination.passes.losses import NOTHING_LOST, Losses, is_lost, log_least, losses_of
from gmruntime.elimination.passes.program import Sheet
from gmruntime.elimination.passes.program_kernel import Program, run_part
from gmruntime.elimination.passes.steps import run_steps

T = TypeVar("T")
R = TypeVar("R")

# A message whose largest entry is smaller has lost digits; the logs of `tree` do not.
FLOOR = 1e-200

PARALLEL_ENTRIES = 1 << 21
"""A step of so many entries is shared between the cores."""

REUSED_ENTRIES_MIN = 1 << 20
"""With fewer entries in all, finding room in what is free takes longer than it saves."""

_PARTS_PER_CORE = 4


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


@dataclass(slots=True, eq=False)
class Arena:
    """Memory that one run after another may use; fresh memory is slow to touch.

    Attributes:
        device: "cpu" or "cuda".
        values: of the latest run.
    """

    device: str = "cpu"
    values: Float64[np.ndarray, " entries"] = field(default_factory=lambda: np.empty(0))

    def take(self, size: int) -> Float64[np.ndarray, " entries"]:
        """Return memory for so many numbers; what was taken before is lost."""
        if len(self.values) < size:
            self.values = np.empty(0)
            self.values = np.empty(size)
        return self.values[:size]


def run(
    sheet: Sheet,
    is_max: np.ndarray,
    budget: Budget | None = None,
    *,
    alternates: bool = False,
    reuse: bool = False,
    arena: Arena | None = None,
) -> Run:
    """Run all steps; those that serve a clique are the ones whose rescaling is part of the value.

    Args:
        sheet: a program whose steps that serve cliques come first.
        is_max: for each clique whether it is maximised; sums must come before maxima.
        budget: asked between batches of steps.
        alternates: sums and maxima in any order, all in plain numbers; not on a GPU.
        reuse: whether a table's place is given to another once no step reads it any more; tables
            that no step reads are kept.
        arena: memory to use.
    """
    sizes = np.array([sheet.entries(scope) for scope in sheet.scopes], np.int64)
    try:
        table_start, total = allocate(sheet, sizes, reuse=reuse)
    except TimeoutError:
        return Run(np.empty(0), np.zeros_like(sizes), sizes, 0.0, False)
    values = np.empty(total) if arena is None else arena.take(total)
    log_constant = 0.0
    num_counted = sum(step.clique >= 0 for step in sheet.steps)
    least = np.zeros(len(sheet.scopes))
    all_max = bool(is_max.all()) and len(is_max) > 0 and not alternates
    for table, log_table in sheet.given.items():
        largest = float(log_table.max())
        if largest == -np.inf:
            return Run(values, table_start, sizes, -np.inf, False)
        log_constant += largest
        shifted = log_table.reshape(-1) - largest
        piece = values[table_start[table] : table_start[table] + sizes[table]]
        if all_max:
            piece[:] = shifted
        else:
            piece[:] = np.exp(shifted)
            least[table] = log_least(shifted)
    flags = np.array([s.clique >= 0 and is_max[s.clique] for s in sheet.steps], np.bool_)
    plain = flags & alternates
    flags &= not alternates
    switch = int(np.argmax(flags)) if flags.any() and not all_max else -1
    try:
        program = program_of(sheet, table_start, sizes, flags, plain)
    except TimeoutError:
        return Run(values, table_start, sizes, 0.0, False)
    # Where all is in logs nothing is too small.
    losses = NOTHING_LOST if all_max else losses_of(sheet, least)
    if arena is not None and arena.device == "cuda":
        read = {t for step in sheet.steps for t in step.operands} if reuse else set[int]()
        wanted = [step.result for step in sheet.steps if step.result not in read]
        taken, done = _run_on_gpu(
            sheet, program, values, switch, num_counted, wanted, budget, losses
        )
        return Run(values, table_start, sizes, log_constant + taken, done)
    cores = num_cores() if budget is None else budget.num_cores()
    with ThreadPoolExecutor(cores) as pool:
        for first, last in _batches(sheet, num_counted, switch):
            if budget is not None and budget.left_s() <= 0:
                return Run(values, table_start, sizes, log_constant, False)
            if first == switch:
                written = _written(sheet, table_start, sizes, first, total)
                with np.errstate(divide="ignore"):
                    np.log(values, out=values, where=written)
            if last == first + 1 and sheet.entries(sheet.steps[first].axes) >= PARALLEL_ENTRIES:
                taken, done = _run_large(values, program, first, pool, cores, budget, losses)
            else:
                taken, done = run_steps(values, program, first, last, FLOOR, losses)
            if done < last - first:
                return Run(values, table_start, sizes, -np.inf, False)
            if last <= num_counted:
                log_constant += taken
    return Run(values, table_start, sizes, log_constant, True)


def _run_on_gpu(
    sheet: Sheet,
    program: Program,
    values: np.ndarray,
    switch: int,
    num_counted: int,
    wanted: list[int],
    budget: Budget | None,
    losses: Losses,
) -> tuple[float, bool]:
    """Run all steps on the GPU and fetch the tables wanted."""
    from gmruntime.elimination.passes.gpu import gpu, run_steps_on

    device = gpu()
    held = device.arrays.empty(len(values))
    begins, sizes = program.table_start, program.table_size
    for table in sheet.given:
        piece = slice(int(begins[table]), int(begins[table] + sizes[table]))
        held[piece] = device.arrays.asarray(values[piece])
    taken, done = run_steps_on(device, held, program, switch, num_counted, FLOOR, budget, losses)
    for table in wanted if done else ():
        piece = slice(int(begins[table]), int(begins[table] + sizes[table]))
        values[piece] = device.arrays.asnumpy(held[piece])
    return taken, done


def _run_large(
    values: np.ndarray,
    program: Program,
    step: int,
    pool: ThreadPoolExecutor,
    cores: int,
    budget: Budget | None,
    losses: Losses,
) -> tuple[float, int]:
    """Run one step on all cores; returns what `run_steps` does, nothing done if time ran out."""

    def is_over() -> bool:
        return budget is not None and budget.left_s() <= 0.0

    def do(part: int) -> None:
        if not is_over():
            run_part(values, program, step, part, parts)

    table = int(program.results[step])
    start = int(program.table_start[table])
    out = values[start : start + int(program.table_size[table])]
    is_max = bool(program.is_max[step])
    shares = np.array_split(out, cores)
    _all(pool, lambda share: share.fill(-np.inf if is_max else 0.0), shares)
    parts = _PARTS_PER_CORE * cores
    _all(pool, do, range(parts))
    if is_over():
        return 0.0, 0
    largest = max(_all(pool, lambda share: float(share.max(initial=-np.inf)), shares))
    if largest <= (-np.inf if is_max else FLOOR):
        return 0.0, 0
    rescale = np.subtract if is_max else np.divide
    _all(pool, lambda share: rescale(share, largest, out=share), shares)
    taken = largest if is_max else float(np.log(largest))
    return (0.0, 0) if is_lost(values, program, step, taken, losses) else (taken, 1)


def _all(pool: ThreadPoolExecutor, task: Callable[[T], R], items: Iterable[T]) -> list[R]:
    return list(pool.map(task, items))


def program_of(
    sheet: Sheet,
    table_start: np.ndarray,
    table_size: np.ndarray,
    is_max: np.ndarray,
    is_plain_max: np.ndarray,
) -> Program:
    """Write the steps of a sheet as arrays; say how axes that lie within others are read.

    Args:
        sheet: a program.
        table_start: where each of its tables begins.
        table_size: the entries of each.
        is_max: of each step.
        is_plain_max: likewise.

    Raises:
        TimeoutError: when the sheet's budget ended first.
    """
    axes = sheet.axes
    num_axes = len(axes.num_states) + len(axes.groups)
    links: list[list[tuple[int, int, int]]] = []
    projections: list[np.ndarray] = []
    starts: dict[tuple[int, int], int] = {}
    filled = 0
    for step in within(sheet.steps if axes.groups else (), sheet.budget, every=16):
        found: list[tuple[int, int, int]] = []
        inner = {a for t in (*step.operands, step.result) for a in sheet.scopes[t]}
        for axis in sorted(inner - set(step.axes)):
            v = axes.variables(axis)[0]
            position = next(k for k, a in enumerate(step.axes) if v in axes.variables(a))
            pair = step.axes[position], axis
            if pair not in starts:
                starts[pair] = filled
                projections.append(axes.projection(*pair))
                filled += len(projections[-1])
            found.append((axis, position, starts[pair]))
        links.append(found)
    flat = [link for found in links for link in found]
    scope_start, scope_axes = _rows(sheet.scopes)
    axes_start, step_axes = _rows([step.axes for step in sheet.steps])
    operand_start, operands = _rows([step.operands for step in sheet.steps])
    return Program(
        np.array([axes.size(a) for a in range(num_axes)], np.int64),
        table_start,
        table_size,
        scope_start,
        scope_axes,
        axes_start,
        step_axes,
        operand_start,
        operands,
        np.array([step.result for step in sheet.steps], np.int64),
        is_max,
        is_plain_max,
        np.cumsum([0, *map(len, links)], dtype=np.int64)
        if links
        else np.zeros(len(sheet.steps) + 1, np.int64),
        np.array(flat, np.int64).reshape(-1, 3),
        np.concatenate(projections) if projections else np.zeros(0, np.int64),
    )


def allocate(
    sheet: Sheet, sizes: np.ndarray, *, reuse: bool
) -> tuple[Int64[np.ndarray, " tables"], int]:
    """Place every table; return where each begins, and the entries needed.

    Raises:
        TimeoutError: when the sheet's budget ended first.
    """
    if not reuse or sizes.sum() < REUSED_ENTRIES_MIN:
        ends = np.cumsum(sizes)
        return ends - sizes, int(ends[-1]) if len(ends) else 0
    starts = np.zeros(len(sizes), np.int64)
    end = 0
    for table in sheet.given:
        starts[table] = end
        end += int(sizes[table])
    last_read: dict[int, int] = {}
    for k, step in enumerate(sheet.steps):
        last_read.update((table, k) for table in step.operands)
    holes: list[tuple[int, int]] = []
    for k, step in enumerate(within(sheet.steps, sheet.budget)):
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
        over = [t for t in set(step.operands) if last_read[t] == k and t not in sheet.given]
        holes = _joined_holes(holes, [(int(starts[t]), int(sizes[t])) for t in over])
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
    """Cut the steps where the count ends, where maxima begin, and around every large one."""
    cuts = {0, num_counted, len(sheet.steps)} | ({switch} if switch >= 0 else set())
    load = 0
    for k, step in enumerate(sheet.steps):
        entries = sheet.entries(step.axes)
        load += entries
        if entries >= PARALLEL_ENTRIES:
            cuts |= {k, k + 1}
        if load > 1 << 26:
            cuts.add(k + 1)
            load = 0
    marks = sorted(cuts)
    return list(pairwise(marks))


def _rows(rows: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(row) for row in rows], np.int64)
    flat = [v for row in rows for v in row]
    return row_starts(lengths), np.array(flat, np.int64)
