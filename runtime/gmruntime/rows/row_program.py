"""A graph and rows of evidence compiled once, and evaluated again and again with other tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.door.questions import check_device, checked_budget, checked_seed
from gmruntime.graph import FactorGraph, num_states, validate
from gmruntime.quality import Quality, Status
from gmruntime.rows.answer import ExpectationsAnswer
from gmruntime.rows.batches import Group, Programs, Writer, grouped
from gmruntime.rows.checked import checked_rows, checked_tables, checked_weights
from gmruntime.rows.cutting.components import Pool, pool_of
from gmruntime.rows.cutting.distinct import distinct
from gmruntime.rows.cutting.tables import TableGraph, as_tables, log_potentials
from gmruntime.rows.running import Asked, Ran, run_batches
from gmruntime.rows.running_gpu import run_batches_on_gpu
from gmruntime.rows.sharing import Team, is_worth_sharing, run_shared, team_of, with_team
from gmruntime.rows.summing import Runner, Sums, pooled, summed
from gmruntime.workers.workers import Workers, workers_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

METHOD = "one program for all rows"

_ROUNDING_MAX = 1e-9
"""What sums of strong weights may be off by, nats, and still be called exact."""


@dataclass(frozen=True, slots=True, eq=False)
class RowProgram:
    """Rows of evidence against a graph, ready to be evaluated with any tables.

    Compiling looks at scopes, sizes and rows, never at what stands in the tables: so it is done
    once, and `evaluate` again after every change of them.

        program = compile_rows(graph, rows, weights)
        tables = [block.kind.log_potentials for block in program.tables.graph.factors]
        answer = program.evaluate(tables)          # the E-step
        ...                                        # new tables from answer.counts

    Attributes:
        tables: the graph as tables, whose blocks `evaluate` takes and gives counts for, and which
            block of the graph that was handed in each of them comes from.
        num_rows: that were handed in.
        pool: where each table lies among all.
        groups: what is run: the distinct rows by what they observe.
        which: for each row that was handed in, the distinct one.
        weights: of each distinct row.
        log_idle: of each distinct row, what variables contribute that no factor mentions.
        teams: who was sent the rows, by executor: that of the last evaluation.
    """

    tables: TableGraph
    num_rows: int
    pool: Pool
    groups: tuple[Group, ...]
    which: Int64[np.ndarray, " rows"]
    weights: Float64[np.ndarray, " distinct"]
    log_idle: Float64[np.ndarray, " distinct"]
    teams: dict[tuple[int, int], Team] = field(default_factory=dict[tuple[int, int], Team])

    @property
    def num_products(self) -> int:
        """How many products of tables an evaluation takes."""
        return sum(batch.num_products for group in self.groups for batch in group.batches)

    def evaluate(
        self,
        tables: Sequence[object] | None = None,
        *,
        weights: Float64[np.ndarray, " rows"] | None = None,
        budget_s: float = 5.0,
        memory_bytes: int | None = None,
        budget: Budget | None = None,
        device: str = "auto",
        executor: "Executor | None" = None,
        num_workers: int | None = None,
    ) -> ExpectationsAnswer:
        """Find log Z of each row and the counts of all rows together.

        Args:
            tables: log potentials for each block of `self.tables.graph.factors`, shaped like its
                own; None in place of one keeps the graph's, and so does None for all.
            weights: in place of those that the program was compiled with: finite, may be negative.
            budget_s: wall-clock seconds, > 0.
            memory_bytes: cap on what threads work on; None takes half of what is free.
            budget: one that has begun, in place of seconds and bytes.
            device: "cuda" runs rows on a GPU; sums of counts then differ in their last bits from
                call to call. "auto" and "cpu" do not.
            executor: whose workers take some of the rows; the caller shuts it down. The numbers
                are the same to the last bit, where the machines are alike.
            num_workers: how many shares it runs at a time; None asks the executor.

        Raises:
            GraphError: when a table or the weights do not fit.
            ValueError: for a budget that is none, an unknown device, or what is no executor.
        """
        budget = checked_budget(budget, budget_s, memory_bytes)
        check_device(device)
        own = checked_tables(self.tables.graph, tables)
        mine = self.weights
        if weights is not None:
            mine = _merged_weights(checked_weights(weights, self.num_rows), self.which)
        team = self._team(workers_of(executor, num_workers))
        before = team.helped if team is not None else 0
        run = runner(device, team, budget)
        found = summed(self.groups, pooled(self.pool, own), self.log_idle, mine, budget, run)
        answer = _answer(self, own, found, budget)
        return replace(answer, quality=with_team(answer.quality, team, before))

    def _team(self, workers: Workers | None) -> Team | None:
        """Return who helps, the same for the same executor: it has been sent the rows before."""
        if workers is None:
            return None
        key = id(workers.executor), workers.count
        if key not in self.teams:
            self.teams.clear()
            batches = [batch for group in self.groups for batch in group.batches]
            self.teams[key] = team_of(workers, batches)
        return self.teams[key]


def runner(device: str, team: Team | None, budget: Budget) -> Runner:
    """Choose where batches are run."""

    def run(asked: Sequence[Asked], pool: np.ndarray) -> Ran:
        if device == "cuda":
            return run_batches_on_gpu(asked, pool, budget)
        if team is not None and is_worth_sharing(asked, budget.memory_bytes):
            return run_shared(team, asked, pool, budget)
        return run_batches(asked, pool, budget)

    return run


def compile_rows(
    graph: FactorGraph,
    rows: object,
    weights: object = None,
    *,
    budget_s: float = 5.0,
    memory_bytes: int | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    is_kept: bool = True,
    known: Programs | None = None,
) -> RowProgram:
    """Compile rows of evidence against a graph.

    Equal rows are merged. The graph is cut at what rows observe; what is left falls into
    components, and those that look alike share one program.

    Args:
        graph: validated here; kinds other than tables are written as tables.
        rows: int[rows, variables], a state for each observed variable, -1 for the others.
        weights: of each row; None for 1. They may be negative.
        budget_s: wall-clock seconds, > 0, for the search for elimination orders.
        memory_bytes: cap on rows and tables; None takes half of what the machine has free.
        budget: one that has begun, in place of seconds and bytes.
        seed: of the search for orders.
        is_kept: whether it is evaluated often: then equal parts of rows are looked for as well.
        known: programs that were written for other rows, of any graph; it grows. None begins with
            none.

    Raises:
        GraphError: when the graph, the rows or the weights contradict themselves.
        TooWideError: a GraphError; rows or cliques take more memory than is allowed.
        TimeoutError: when the budget ended before there was a program.
    """
    budget = checked_budget(budget, budget_s, memory_bytes)
    graph = validate(graph)
    given = checked_rows(graph, rows)
    own_weights = checked_weights(weights, len(given))
    rng = np.random.default_rng(checked_seed(seed))
    tables = as_tables(graph, budget=budget)
    nothing_asked = np.zeros(tables.graph.num_variables, bool)
    pool = pool_of(tables.graph)
    known = {} if known is None else known
    writer = Writer(tables.graph, pool, rng, budget, is_kept, nothing_asked, known)
    return compiled(tables, given, own_weights, writer)


def compiled(
    tables: TableGraph,
    rows: Int32[np.ndarray, "rows variables"],
    weights: Float64[np.ndarray, " rows"],
    writer: Writer,
) -> RowProgram:
    """Compile checked rows against a graph written as tables.

    Args:
        tables: the graph.
        rows: of the variables that are no auxiliary ones.
        weights: of each row.
        writer: of programs for this graph.

    Raises:
        TooWideError: rows or cliques take more memory than is allowed.
        TimeoutError: when the budget ended first.
    """
    first, which = distinct(rows) if len(rows) else (np.zeros(0, np.int64),) * 2
    own = np.full((len(first), tables.graph.num_variables), -1, np.int32)
    own[:, : rows.shape[1]] = rows[first]
    groups = tuple(grouped(writer, own)) if len(own) else ()
    return RowProgram(
        tables,
        len(rows),
        writer.pool,
        groups,
        which,
        _merged_weights(weights, which),
        _log_idle(tables.graph, own),
    )


def nothing_found(graph: FactorGraph, rows: object, budget: Budget) -> ExpectationsAnswer:
    """Return what is known when the budget ended before there was a program."""
    tables = as_tables(validate(graph))
    num_rows = len(checked_rows(graph, rows))
    return ExpectationsAnswer(
        Quality(
            Status.ESTIMATE,
            METHOD,
            budget.spent_s(),
            np.nan,
            "",
            "the budget ended before there was a program for the rows",
        ),
        np.full(num_rows, np.nan),
        tuple(np.zeros(log_potentials(block).shape) for block in tables.graph.factors),
        np.zeros(num_rows, bool),
        tables.sources,
        np.full(num_rows, -1),
    )


def _merged_weights(
    weights: Float64[np.ndarray, " rows"], which: Int64[np.ndarray, " rows"]
) -> Float64[np.ndarray, " distinct"]:
    """Add up the weights of equal rows."""
    num_distinct = int(which.max(initial=-1)) + 1
    return np.bincount(which, weights=weights, minlength=num_distinct).astype(np.float64)


def _log_idle(graph: FactorGraph, rows: np.ndarray) -> Float64[np.ndarray, " rows"]:
    """Return what variables that no factor mentions contribute to log Z: all their states."""
    is_idle = np.ones(graph.num_variables, bool)
    for block in graph.factors:
        is_idle[block.scopes] = False
    return (rows[:, is_idle] < 0) @ np.log(num_states(graph)[is_idle].astype(np.float64))


def _answer(
    program: RowProgram, tables: list[np.ndarray], found: Sums, budget: Budget
) -> ExpectationsAnswer:
    pieces = np.split(found.counts, program.pool.block_start[1:-1]) if tables else []
    counts = tuple(piece.reshape(table.shape) for piece, table in zip(pieces, tables, strict=True))
    log_z = found.log_z[program.which]
    blocks = np.searchsorted(program.pool.block_start, found.blamed, side="right") - 1
    sources = np.array([*program.tables.sources, -1], np.int64)
    blamed = np.where(found.blamed >= 0, sources[blocks], -1)[program.which]
    return ExpectationsAnswer(
        quality_of(program, tables, found, log_z, budget),
        log_z,
        counts,
        np.isneginf(log_z),
        program.tables.sources,
        np.where(np.isneginf(log_z), blamed, -1),
    )


def quality_of(
    program: RowProgram,
    tables: list[np.ndarray],
    found: Sums,
    log_z: np.ndarray,
    budget: Budget,
    error: float = 0.0,
) -> Quality:
    """Say how good an answer is whose tables have an error, and name what it leaves out."""
    strongest = max(
        (
            np.abs(table, where=table > -np.inf, out=np.zeros_like(table)).max(initial=0.0)
            for table in tables
        ),
        default=0.0,
    )
    error += float(np.finfo(float).eps * strongest * program.tables.graph.num_factors)
    notes: list[str] = []
    num_impossible = int(np.isneginf(log_z).sum())
    if num_impossible:
        which = int(np.flatnonzero(np.isneginf(log_z))[0])
        notes.append(
            f"{num_impossible} of {len(log_z)} rows are impossible, the first is row {which}"
        )
    if not found.is_whole:
        num_done = int((~np.isnan(log_z)).sum())
        notes.append(f"the budget ended after {num_done} of {len(log_z)} rows")
    is_exact = found.is_whole and error <= _ROUNDING_MAX
    return Quality(
        Status.EXACT if is_exact else Status.ESTIMATE,
        METHOD,
        budget.spent_s(),
        0.0 if is_exact else (error if found.is_whole else np.nan),
        "" if is_exact or not found.is_whole else "rounding",
        "; ".join(notes),
    )
