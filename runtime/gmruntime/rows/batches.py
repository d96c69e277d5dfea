"""Which rows are run together, and by which program."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gmruntime.arrays import Bool, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.graph import FactorGraph
from gmruntime.rows.cutting.components import Instances, Likeness, Observed, Pool, cut
from gmruntime.rows.cutting.distinct import distinct
from gmruntime.rows.cutting.splitting import split
from gmruntime.rows.kernels.records import Steps
from gmruntime.rows.program import Program, TooWideError, flattened, write

PATTERN_ROWS_MIN = 8
"""So many rows that observe the same variables have a program of their own, without evidence."""

_NUM_PATTERNS_MAX = 64
"""So many patterns at most; the rows of all others share one program, and observe within it."""

_CHUNK_ROWS_MAX = 1024
CHUNK_PRODUCTS = 1 << 20
"""Rows are summed in chunks of so many rows and products at most, whoever runs them."""


_BYTES_PER_CELL = 100
"""Of a row and a factor or variable, while rows are cut and merged: as measured, at most."""

_S_PER_CELL = 1e-7
"""What cutting takes for each of them, as measured."""

LANES_MIN, _LANES_MAX = 8, 32
_LANES_ENTRIES = 1 << 16
"""Results of so many entries in all lanes stay in the second-level cache."""


_STEP_PRODUCTS = 16
"""As measured: 90 us for a step, 5.5 us for a product."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Instances that are alike, and their program.

    Attributes:
        instances: with their evidence and pointers.
        program: of the likeness.
        steps: the same as arrays.
        chunk: how many instances are summed at a time.
        num_lanes: how many instances are run side by side, 0 where they are run one by one.
        lowest: where in the pool their tables begin.
        highest: and end.
    """

    instances: Instances
    program: Program
    steps: Steps
    chunk: int
    num_lanes: int
    lowest: int
    highest: int

    @property
    def num_products(self) -> int:
        """How many products of tables there are: on the way back, of all others for each.

        A step takes NumPy as long as so many more, however few there are.
        """
        operands = np.diff(self.steps.operand_start)
        return self.instances.count * int((operands**2 + _STEP_PRODUCTS).sum())

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Yield the first of each chunk, and of what follows it."""
        for first in range(0, self.instances.count, self.chunk):
            yield first, min(first + self.chunk, self.instances.count)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Rows that the graph was cut for together.

    Attributes:
        rows: their places.
        observed: the factors that all of them observe whole.
        batches: of all other factors.
    """

    rows: Int64[np.ndarray, " rows"]
    observed: Observed
    batches: tuple[Batch, ...]


Programs = dict[tuple[object, ...], tuple[Program, Steps]]
"""Programs by likeness."""


@dataclass(frozen=True, slots=True, eq=False)
class Writer:
    """What programs are written with.

    Attributes:
        graph: of tables.
        pool: of its tables.
        rng: of the search for orders.
        budget: of time, memory and cores.
        is_kept: whether what is written is run many times, so that merging more is worth it.
        is_asked: whether the beliefs of each variable are asked for.
        known: what was written, for other rows as well.
    """

    graph: FactorGraph
    pool: Pool
    rng: np.random.Generator
    budget: Budget
    is_kept: bool
    is_asked: Bool[np.ndarray, " variables"]
    known: Programs

    def program(self, likeness: Likeness) -> tuple[Program, Steps]:
        """Return the program of a likeness, which is written once."""
        key = likeness.key()
        known = self.known.get(key)
        program = write(likeness, self.rng, self.budget) if known is None else known[0]
        entries = int(self.pool.block_start[-1])
        if work_bytes(program.message_entries, entries) > self.budget.memory_bytes:
            raise TooWideError(_too_wide(program, self.budget))
        if known is None:
            known = self.known[key] = program, flattened(likeness, program)
        return known


def grouped(writer: Writer, rows: Int32[np.ndarray, "rows variables"]) -> list[Group]:
    """Cut the graph for each frequent pattern of what is observed, and for all other rows.

    Raises:
        TooWideError: where even the program of a single pattern takes too much memory.
        TimeoutError: when the budget ended first.
    """
    groups: list[Group] = []
    often, rest = _by_pattern(rows, PATTERN_ROWS_MIN)
    for places in often:
        groups.append(_group(writer, rows, places))
    if not len(rest):
        return groups
    try:
        groups.append(_group(writer, rows, rest))
    except TooWideError:
        # Evidence makes cliques narrow: each pattern is ordered anew.
        patterns, rare = _by_pattern(rows[rest], 1)
        if len(patterns) == 1 or len(rare):
            raise
        groups.extend(_group(writer, rows, rest[places]) for places in patterns)
    return groups


def _by_pattern(
    rows: Int32[np.ndarray, "rows variables"], num_rows_min: int
) -> tuple[list[Int64[np.ndarray, " _places"]], Int64[np.ndarray, " _places"]]:
    """Return the places of the rows of each frequent pattern, and those of all other rows."""
    first, which = distinct(np.packbits(rows >= 0, axis=1).astype(np.int32))
    sizes = np.bincount(which, minlength=len(first))
    often = np.flatnonzero(sizes >= num_rows_min)
    often = np.sort(often[np.argsort(-sizes[often], kind="stable")[:_NUM_PATTERNS_MAX]])
    kept = [np.flatnonzero(which == number) for number in often]
    return kept, np.flatnonzero(~np.isin(which, often))


def _group(writer: Writer, rows: np.ndarray, places: Int64[np.ndarray, " places"]) -> Group:
    cells = len(places) * (writer.graph.num_factors + writer.graph.num_variables)
    whole_bytes = _BYTES_PER_CELL * cells
    if whole_bytes > writer.budget.memory_bytes:
        raise TooWideError(
            f"{len(places)} rows for {writer.graph.num_factors} factors take "
            f"{whole_bytes / 2**20:.4g} MiB, and {writer.budget.memory_bytes / 2**20:.4g} MiB are "
            "allowed; hand in fewer rows at a time"
        )
    if _S_PER_CELL * cells > writer.budget.left_s():
        # There would be no time for a program.
        raise TimeoutError
    own = rows[places]
    observed, instances = cut(writer.graph, writer.pool, own, writer.is_asked, writer.budget)
    batches: list[Batch] = []
    for some in instances:
        writer.budget.check()
        batches.append(_batch(writer, some))
    return Group(places, observed, tuple(batches))


def _batch(writer: Writer, instances: Instances) -> Batch:
    program, steps = writer.program(instances.likeness)
    if writer.is_kept:
        instances = split(instances, writer.budget)
    instances = _by_likeness_of_evidence(instances)
    lasts = [
        sum((int(instances.likeness.num_states[v]) - 1) * k for v, k in zip(*both, strict=True))
        for both in zip(instances.likeness.scopes, instances.likeness.strides, strict=True)
    ]
    lowest = int(instances.pointers.min())
    highest = int((instances.pointers.max(axis=0) + np.array(lasts)).max()) + 1
    return Batch(
        instances,
        program,
        steps,
        _chunk_of(program),
        _lanes_of(instances, program),
        lowest,
        highest,
    )


def _by_likeness_of_evidence(instances: Instances) -> Instances:
    """Sort instances so that those that observe the same variables follow each other."""
    patterns = np.packbits(instances.evidence >= 0, axis=1).astype(np.int32)
    _, which = distinct(patterns)
    order = np.argsort(which, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return replace(
        instances,
        evidence=instances.evidence[order],
        pointers=instances.pointers[order],
        tables=instances.tables[order],
        which=place[instances.which],
    )


def _chunk_of(program: Program) -> int:
    """Return how many instances are summed at a time: of the program alone."""
    return max(1, min(_CHUNK_ROWS_MAX, math.floor(CHUNK_PRODUCTS / max(1.0, program.entries))))


def _lanes_of(instances: Instances, program: Program) -> int:
    """Return how many instances are run side by side; 0 where that does not pay."""
    is_told = bool(instances.likeness.asked or (instances.evidence >= 0).any())
    if instances.count < LANES_MIN or is_told:
        return 0
    lanes = min(_LANES_MAX, int(_LANES_ENTRIES / max(1.0, program.message_entries)))
    return lanes if lanes >= LANES_MIN else 0


def work_bytes(message_entries: float, pool_entries: int) -> float:
    """Return what one thread works on: values and derivatives of results and of all tables."""
    return 16.0 * (message_entries + pool_entries)


def _too_wide(program: Program, budget: Budget) -> str:
    return (
        f"one row takes tables of {program.message_entries:.4g} entries together, "
        f"{work_bytes(program.message_entries, 0) / 2**20:.4g} MiB, and "
        f"{budget.memory_bytes / 2**20:.4g} MiB are allowed"
    )
