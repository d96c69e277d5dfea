"""Sums what rows of evidence say: log Z of each, and the counts of all that are possible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Bool, Float64, Int64
from gmruntime.budget import Budget
from gmruntime.elimination.passes.loading import is_loaded
from gmruntime.rows.batches import Batch, Group
from gmruntime.rows.cutting.components import Pool
from gmruntime.rows.kernels.records import Found, Steps
from gmruntime.rows.kernels.reference import run_row
from gmruntime.rows.running import Asked, Ran, run_batches

Runner = Callable[[Sequence[Asked], np.ndarray], Ran]
"""Runs batches with a pool of tables: here, on a GPU, or with the help of workers."""

_LOSS_MAX = 1e-13
"""Less of Z is lost below the range of floats than rounding takes."""

_FAINT = -690.0
"""Entries of a table so far below its largest, nats, are too small for floats."""

NUMPY_PRODUCTS_MAX = 30_000
"""So many products of tables take NumPy 0.2 s, a part of what loading compiled loops does."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """The tables of a graph, one after another.

    Attributes:
        logs: natural logs.
        values: the tables, each divided by its largest entry.
        shift: natural log of that entry, for each table, and last 0 for none.
    """

    logs: Float64[np.ndarray, " entries"]
    values: Float64[np.ndarray, " entries"]
    shift: Float64[np.ndarray, " tables"]


def pooled(pool: Pool, tables: list[Float64[np.ndarray, "_tables ..."]]) -> Tables:
    """Lay the log potentials of all blocks one after another."""
    logs = np.concatenate([np.zeros(0), *(table.reshape(-1) for table in tables)])
    shifts: list[np.ndarray] = [np.zeros(0)]
    values = np.empty(len(logs))
    for start, table in zip(pool.block_start, tables, strict=False):
        flat = table.reshape(len(table), -1)
        most = flat.max(axis=1, initial=-np.inf)
        most[np.isneginf(most)] = 0.0
        shifts.append(most)
        values[start : start + table.size] = np.exp(flat - most[:, None]).reshape(-1)
    return Tables(logs, values, np.concatenate([*shifts, np.zeros(1)]))


@dataclass(slots=True, eq=False)
class Sums:
    """What rows say.

    Attributes:
        log_z: of each row; NaN where there was no time.
        counts: weighted, of each entry of the pool.
        blamed: of each row that is impossible, an entry of the table at which that showed; else -1.
        is_whole: whether there was time for everything.
        found: for the instances of each batch, group by group.
    """

    log_z: Float64[np.ndarray, " rows"]
    counts: Float64[np.ndarray, " entries"]
    blamed: Int64[np.ndarray, " rows"]
    is_whole: bool
    found: tuple[Found, ...]


def summed(
    groups: tuple[Group, ...],
    tables: Tables,
    log_idle: Float64[np.ndarray, " rows"],
    weights: Float64[np.ndarray, " rows"],
    budget: Budget,
    run: Runner,
) -> Sums:
    """Sum what all rows say; of rows that turn out to be impossible nothing is counted.

    Args:
        groups: of the rows.
        tables: that their instances point at.
        log_idle: what variables that no factor mentions contribute to log Z of each row.
        weights: of each row.
        budget: of time, memory and cores.
        run: runs batches.
    """
    seen = _observed(groups, tables, log_idle)
    log_z, blamed = seen
    while True:
        counted = np.where(log_z > -np.inf, weights, 0.0)
        parts = _run_all(groups, tables, counted, budget, run)
        found, blames = seen[0].copy(), seen[1].copy()
        for group, batches in zip(groups, parts.batches, strict=True):
            for batch, (log_zs, own) in zip(group.batches, batches, strict=True):
                _add(batch, group.rows, log_zs, own, found, blames)
        gone = (log_z > -np.inf) & np.isneginf(found)
        log_z, blamed = found, blames
        # Other parts of a row have been counted before one of them turned out to be impossible.
        if not parts.is_whole or not (gone & (weights != 0.0) & _has_parts(groups, gone)).any():
            break
    counts = parts.counts
    counted = np.where(log_z > -np.inf, weights, 0.0)
    for group in groups:
        each = counted[group.rows[group.observed.rows]]
        counts += np.bincount(group.observed.entries, weights=each, minlength=len(counts))
    return Sums(log_z, counts, blamed, parts.is_whole, parts.found)


def _observed(
    groups: tuple[Group, ...], tables: Tables, log_idle: Float64[np.ndarray, " rows"]
) -> tuple[Float64[np.ndarray, " rows"], Int64[np.ndarray, " rows"]]:
    """Add up the factors that rows observe whole, and name an entry that forbids each row."""
    log_z, blamed = log_idle.copy(), np.full(len(log_idle), -1, np.int64)
    for group in groups:
        own, entries = group.observed.rows, group.observed.entries
        logs = tables.logs[entries]
        log_z[group.rows] += np.bincount(own, weights=logs, minlength=len(group.rows))
        never = np.flatnonzero(np.isneginf(logs))
        blamed[group.rows[own[never]]] = entries[never]
    return log_z, blamed


def _add(
    batch: Batch,
    rows: Int64[np.ndarray, " rows"],
    log_zs: Float64[np.ndarray, " instances"],
    blames: Int64[np.ndarray, " instances"],
    log_z: Float64[np.ndarray, " all_rows"],
    blamed: Int64[np.ndarray, " all_rows"],
) -> None:
    """Add what instances say to their rows."""
    own, which = batch.instances.rows, batch.instances.which
    log_z[rows] += np.bincount(own, weights=log_zs[which], minlength=len(rows))
    never = np.flatnonzero(blames[which] >= 0)
    blamed[rows[own[never]]] = blames[which[never]]


def _has_parts(groups: tuple[Group, ...], like: np.ndarray) -> Bool[np.ndarray, " rows"]:
    """Say which rows are sums of several instances."""
    count = np.zeros(len(like), np.int64)
    for group in groups:
        for batch in group.batches:
            count[group.rows] += np.bincount(batch.instances.rows, minlength=len(group.rows))
    return count > 1


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What was found for the instances of all batches of all groups: log Z, and who is blamed."""

    batches: tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]
    counts: Float64[np.ndarray, " entries"]
    is_whole: bool
    found: tuple[Found, ...]


def _run_all(
    groups: tuple[Group, ...],
    tables: Tables,
    weights: np.ndarray,
    budget: Budget,
    run: Runner,
) -> _Parts:
    """Run all batches, and once more in logs what floats could not hold."""
    flat = [
        Asked(batch, _instance_weights(batch, weights[group.rows]))
        for group in groups
        for batch in group.batches
    ]
    num_products = sum(one.batch.num_products for one in flat)
    if not is_loaded() and num_products <= NUMPY_PRODUCTS_MAX:
        found = tuple(one.new_found() for one in flat)
        lost = [np.ones(one.batch.instances.count, bool) for one in flat]
        counts, is_whole = np.zeros(len(tables.values)), True
    else:
        found, lost, counts, is_whole = _run_linear(flat, tables, budget, run)
    for one, its, some in zip(flat, found, lost, strict=True):
        is_whole &= _run_in_logs(one, its, np.flatnonzero(some), tables, counts, budget)
    each = iter(
        (_log_z(one.batch, its, some, tables), _blames(one.batch, its))
        for one, its, some in zip(flat, found, lost, strict=True)
    )
    batches = tuple(tuple(next(each) for _ in group.batches) for group in groups)
    return _Parts(batches, counts, is_whole, found)


def _instance_weights(batch: Batch, weights: np.ndarray) -> Float64[np.ndarray, " instances"]:
    instances = batch.instances
    each = weights[instances.rows]
    return np.bincount(instances.which, weights=each, minlength=instances.count)


def _run_linear(
    asked: list[Asked], tables: Tables, budget: Budget, run: Runner
) -> tuple[tuple[Found, ...], list[Bool[np.ndarray, " instances"]], np.ndarray, bool]:
    """Run the loops; say which instances they had no floats for, and count the others."""
    ran = run(asked, tables.values)
    faint = (tables.logs > -np.inf) & (tables.values < np.exp(_FAINT))
    if faint.any() and _is_missed(ran.derivatives[faint], asked, ran.found):
        lost = [np.ones(one.batch.instances.count, bool) for one in asked]
        return ran.found, lost, np.zeros(len(tables.values)), ran.is_whole
    lost = [
        ~(its.loss <= _LOSS_MAX) | unreached
        for its, unreached in zip(
            ran.found, _underflown(asked, ran.found, tables, budget), strict=True
        )
    ]
    counted = ran
    if any((some & (one.weights != 0.0)).any() for one, some in zip(asked, lost, strict=True)):
        rest = [
            replace(one, weights=np.where(some, 0.0, one.weights))
            for one, some in zip(asked, lost, strict=True)
        ]
        counted = run(rest, tables.values)
    counts = np.zeros(len(tables.values))
    np.multiply(counted.derivatives, tables.values, out=counts, where=tables.values > 0.0)
    return ran.found, lost, counts, ran.is_whole and counted.is_whole


def _is_missed(derivatives: np.ndarray, asked: list[Asked], found: tuple[Found, ...]) -> bool:
    """Say whether entries too small for floats may matter."""
    # Where beliefs are watched, each row is run with a weight of 1.
    weights = np.concatenate(
        [
            np.ones(len(one.weights)) if its.beliefs.shape[1] else one.weights
            for one, its in zip(asked, found, strict=True)
        ]
    )
    most = np.exp(_FAINT) * np.abs(derivatives).max()
    return bool((weights < 0).any() or not most <= _LOSS_MAX * weights.max(initial=0.0))


def _underflown(
    asked: list[Asked], found: tuple[Found, ...], tables: Tables, budget: Budget
) -> list[Bool[np.ndarray, " instances"]]:
    """Say which instances came out as impossible and are not."""
    doubted = [np.flatnonzero(its.failed >= 0) for its in found]
    again = [
        Asked(_some(one.batch, some), np.zeros(len(some)))
        for one, some in zip(asked, doubted, strict=True)
        if len(some)
    ]
    wrong = [np.zeros(len(its.failed), bool) for its in found]
    if not again:
        return wrong
    support = (tables.logs > -np.inf).astype(np.float64)
    shown = iter(run_batches(again, support, budget, is_support=True).found)
    for mine, some in zip(wrong, doubted, strict=True):
        if len(some):
            mine[some] = next(shown).failed < 0
    return wrong


def _some(batch: Batch, some: Int64[np.ndarray, " some"]) -> Batch:
    """Return a batch of some of its instances."""
    given = batch.instances
    kept = replace(
        given,
        evidence=given.evidence[some],
        pointers=given.pointers[some],
        tables=given.tables[some],
    )
    return replace(batch, instances=kept, num_lanes=0)


def _run_in_logs(
    asked: Asked,
    found: Found,
    some: Int64[np.ndarray, " some"],
    tables: Tables,
    counts: np.ndarray,
    budget: Budget,
) -> bool:
    """Run some instances one by one in logs; return whether there was time for all."""
    instances = asked.batch.instances
    found.log_z[some] = np.nan
    for i in some:
        if budget.is_spent():
            return False
        row = run_row(asked.batch.steps, tables.logs, instances.evidence[i], instances.pointers[i])
        found.log_z[i] = row.log_z
        found.failed[i] = row.failed
        found.beliefs[i] = row.beliefs
        if asked.weights[i] != 0.0 and row.failed < 0:
            np.add(counts, asked.weights[i] * np.exp(row.log_counts), out=counts)
    return True


def _log_z(batch: Batch, found: Found, lost: np.ndarray, tables: Tables) -> np.ndarray:
    """Put back what was taken out of the tables, where it was."""
    shift = tables.shift[batch.instances.tables].sum(axis=1)
    return found.log_z + np.where(lost, 0.0, shift)


def _blames(batch: Batch, found: Found) -> Int64[np.ndarray, " instances"]:
    """Point at the table at which each instance turned out to be impossible, -1 elsewhere."""
    blamed = np.full(len(found.failed), -1, np.int64)
    for step in np.unique(found.failed[found.failed >= 0]):
        given = last_given(batch.steps, int(step))
        failed = np.flatnonzero(found.failed == step)
        blamed[failed] = batch.instances.pointers[failed, given]
    return blamed


def last_given(steps: Steps, step: int) -> int:
    """Return the last table that went into a step's result."""
    while True:
        operands = slice(int(steps.operand_start[step]), int(steps.operand_start[step + 1]))
        given = steps.given[operands]
        if (given >= 0).any():
            return int(given[given >= 0][-1])
        step = int(steps.made_by[operands].max())
