"""Each variable given all others, in rows that observe everything: the pseudo-likelihood.

    log PL(row) = sum over v of [score(row) - log sum_s exp score(row with v = s)]

Factors that do not mention v cancel, so a conditional is a sum of slices of tables, and two with
the same slices and the same state are one: a field whose weights repeat has a handful of them in
millions of rows. No sum runs over more than one variable's states, whatever the width of the graph.

Source: Besag (1975), "Statistical analysis of non-lattice data".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from gmruntime.arrays import Float64, Int32, Int64, UInt64, row_starts
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.flat import FlatGraph, flatten, sum_by_factor
from gmruntime.graph import FactorBlock, FactorGraph, GraphError, num_states
from gmruntime.rows.cutting.distinct import distinct, hashes

_EDGES_AT_ONCE = 1 << 20
"""Rows times edges that are worked on together."""

_EDGE_BYTES, _CELL_BYTES = 24, 96
"""What an edge of a row takes whose factor is no table, and what each variable of a row does."""


@dataclass(frozen=True, slots=True, eq=False)
class _Alike:
    """The distinct conditionals of variables with the same number of states.

    Attributes:
        numbers: of them among all.
        first: where the slices of each begin.
        entries: of each slice, in the pool, for each state.
        own: the state that each variable has.
        weights: of the rows and variables of each.
    """

    numbers: Int64[np.ndarray, " conditionals"]
    first: Int64[np.ndarray, " conditionals"]
    entries: Int64[np.ndarray, "slices states"]
    own: Int64[np.ndarray, " conditionals"]
    weights: Float64[np.ndarray, " conditionals"]


@dataclass(frozen=True, slots=True, eq=False)
class PseudoLikelihood:
    """The pseudo-likelihood under some tables.

    Attributes:
        total: weighted, of all rows, nats; -inf where some variable's state cannot be.
        counts: the derivative of `total` by each log table of the graph that is a table.
        log_conditionals: of each distinct conditional.
        residuals: one less its probability for the state that was seen, minus its probability for
            others: of each distinct conditional by each entry of the pool.
    """

    total: float
    counts: tuple[Float64[np.ndarray, "_tables ..."], ...]
    log_conditionals: Float64[np.ndarray, " conditionals"]
    residuals: csr_matrix


@dataclass(frozen=True, slots=True, eq=False)
class Conditionals:
    """Rows, ready to be evaluated with any tables.

    Attributes:
        graph: whose tables may change.
        parts: by numbers of states.
        which: the distinct conditional of each variable, in each row.
        constants: slices of factors that are no tables, behind all tables in the pool.
        num_distinct: conditionals.
        log_idle: what variables add to each row that no factor mentions, nats.
        weights: of the rows.
    """

    graph: FactorGraph
    parts: tuple[_Alike, ...]
    which: Int64[np.ndarray, "rows variables"]
    constants: Float64[np.ndarray, " entries"]
    num_distinct: int
    log_idle: float
    weights: Float64[np.ndarray, " rows"]

    def starts(self) -> Int64[np.ndarray, " blocks_and_end"]:
        """Return where the tables of each block begin in the pool, none of factors of nothing."""
        return row_starts([_size(block) for block in self.graph.factors])

    def evaluate(
        self, tables: Sequence[np.ndarray | None], budget: Budget, *, wants_residuals: bool = False
    ) -> PseudoLikelihood:
        """Evaluate it under some tables.

        Args:
            tables: log potentials for each block that is a table; None keeps the graph's.
            budget: that has begun.
            wants_residuals: else they are empty.

        Raises:
            TimeoutError: when the budget ended before.
        """
        own = [_table(b, t) for b, t in zip(self.graph.factors, tables, strict=True) if _size(b)]
        pool = np.concatenate([np.zeros(0), *(table.reshape(-1) for table in own), self.constants])
        counts = np.zeros(len(pool))
        logs = np.zeros(self.num_distinct)
        total = self.log_idle * float(self.weights.sum())
        rests: list[tuple[np.ndarray, ...]] = []
        for part in self.parts:
            budget.check()
            scores = np.add.reduceat(pool[part.entries], part.first, axis=0)
            largest = scores.max(axis=1, keepdims=True)
            scores -= np.where(np.isfinite(largest), largest, 0.0)
            chances = np.exp(scores)
            sums = chances.sum(axis=1, keepdims=True)
            rows = np.arange(len(part.own))
            seen = scores[rows, part.own]
            with np.errstate(divide="ignore", invalid="ignore"):
                chances = chances / sums
                # Not the log of a chance, which is 0 from some 745 nats on.
                logs[part.numbers] = np.where(seen > -np.inf, seen - np.log(sums[:, 0]), -np.inf)
            rest = -np.nan_to_num(chances)
            rest[rows, part.own] += 1.0
            lengths = np.diff(np.append(part.first, len(part.entries)))
            each = np.repeat(part.weights[:, None] * rest, lengths, axis=0)
            counts += np.bincount(part.entries.reshape(-1), each.reshape(-1), len(pool))
            held = part.weights > 0
            total += float((part.weights[held] * logs[part.numbers][held]).sum())
            if wants_residuals:
                plain = np.repeat(rest, lengths, axis=0)
                owner = np.repeat(part.numbers, lengths)[:, None]
                owner = np.broadcast_to(owner, part.entries.shape)
                rests.append((plain.reshape(-1), owner.reshape(-1), part.entries.reshape(-1)))
        starts, shaped = self.starts(), list[np.ndarray]()
        for block, first, last in zip(self.graph.factors, starts[:-1], starts[1:], strict=True):
            shape = block.kind.log_potentials.shape if isinstance(block.kind, Table) else (0,)
            flat = counts[first:last] if last > first else np.zeros(int(np.prod(shape)))
            shaped.append(flat.reshape(shape))
        shape = (self.num_distinct, len(pool))
        residuals = csr_matrix(shape)
        if rests:
            values, owners, entries = (np.concatenate(each) for each in zip(*rests, strict=True))
            residuals = csr_matrix((values, (owners, entries)), shape)
        return PseudoLikelihood(total, tuple(shaped), logs, residuals)


def compile_conditionals(
    graph: FactorGraph,
    rows: Int32[np.ndarray, "rows variables"],
    weights: Float64[np.ndarray, " rows"],
    asked: Int64[np.ndarray, " asked"],
    budget: Budget,
) -> Conditionals:
    """Find the distinct conditionals of some variables given all others.

    Args:
        graph: any graph.
        rows: a state for every variable that shares a factor with one asked about.
        weights: of each row.
        asked: the variables.
        budget: that has begun.

    Raises:
        GraphError: when they take more memory than is allowed.
        TimeoutError: when the budget ended before they were found.
    """
    other_edges = sum(b.scopes.size for b in graph.factors if not isinstance(b.kind, Table))
    needed = len(rows) * (_CELL_BYTES * len(asked) + _EDGE_BYTES * other_edges)
    if needed > budget.memory_bytes:
        raise GraphError(f"the neighbours of all variables in all rows take {needed} bytes")
    tables = tuple(block for block in graph.factors if _size(block))
    flat = flatten(FactorGraph(graph.variables, tables))
    others = _other_edges(graph, rows, asked, len(flat.log_potentials), budget)
    variables = np.concatenate([flat.edge_variable, others.variables])
    order = np.argsort(variables, kind="stable")
    start = np.searchsorted(variables[order], np.arange(graph.num_variables + 1))
    sizes = num_states(graph).astype(np.int64)
    is_idle = start[asked + 1] == start[asked]
    log_idle = -float(np.log(sizes[asked[is_idle]]).sum())
    asked = asked[~is_idle]
    keys = _keys(flat, others, rows, order, start, asked, budget)
    own = rows[:, asked].astype(np.int64)
    told = (keys.reshape(-1, 2).view(np.int64), own.reshape(-1, 1))
    states = np.broadcast_to(sizes[asked], own.shape).reshape(-1, 1)
    first, which = distinct(*told, states) if own.size else (np.zeros(0, np.int64),) * 2
    each = np.broadcast_to(weights[:, None], own.shape).reshape(-1)
    total = np.bincount(which, each, len(first)) if own.size else np.zeros(0)
    row, variable = np.divmod(first, max(1, len(asked)))
    variable = asked[variable]
    parts: list[_Alike] = []
    for size in np.unique(sizes[variable]).tolist():
        budget.check()
        its = np.flatnonzero(sizes[variable] == size)
        lengths = start[variable[its] + 1] - start[variable[its]]
        starts = row_starts(lengths)
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        edges = order[np.repeat(start[variable[its]], lengths) + within]
        bases, steps = _bases(flat, others, rows, np.repeat(row[its], lengths), edges)
        entries = bases[:, None] + steps[:, None] * np.arange(size)
        states_own = rows[row[its], variable[its]].astype(np.int64)
        parts.append(_Alike(its, starts[:-1], entries, states_own, total[its]))
    found = which.reshape(own.shape)
    return Conditionals(graph, tuple(parts), found, others.constants, len(first), log_idle, weights)


def _size(block: FactorBlock) -> int:
    """Return how many entries a block has in the pool: none where it is no table of anything."""
    if not isinstance(block.kind, Table) or not block.scopes.shape[1]:
        return 0
    return int(block.kind.log_potentials.size)


def _table(block: FactorBlock, table: np.ndarray | None) -> np.ndarray:
    assert isinstance(block.kind, Table)
    return block.kind.log_potentials if table is None else table


# --- Factors that are no tables ----------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Others:
    """The edges of factors that are no tables: a slice of constants for each row.

    Attributes:
        variables: of each edge.
        bases: where its slice begins in the pool.
        constants: the slices.
    """

    variables: Int64[np.ndarray, " edges"]
    bases: Int64[np.ndarray, "rows edges"]
    constants: Float64[np.ndarray, " entries"]


def _other_edges(
    graph: FactorGraph, rows: np.ndarray, asked: np.ndarray, num_entries: int, budget: Budget
) -> _Others:
    is_asked = np.zeros(graph.num_variables, np.bool_)
    is_asked[asked] = True
    sizes = num_states(graph).astype(np.int64)
    variables, bases = [np.zeros(0, np.int64)], [np.zeros((len(rows), 0), np.int64)]
    constants: list[np.ndarray] = [np.zeros(0)]
    others = [b for b in graph.factors if not isinstance(b.kind, Table) and b.scopes.shape[1]]
    for block in others:
        for k in range(block.scopes.shape[1]):
            its = np.flatnonzero(is_asked[block.scopes[:, k]])
            if not len(its):
                continue
            budget.check()
            scopes, own = block.scopes[its], block.scopes[its, k]
            size = int(sizes[own[0]])
            index = np.tile(its if block.kind.num_tables > 1 else np.zeros_like(its), len(rows))
            states = rows[:, scopes].reshape(-1, scopes.shape[1])
            values = np.empty((len(states), size))
            for x in range(size):
                states[:, k] = x
                values[:, x] = block.kind.log_values(index, states)
            slices, which = np.unique(values, axis=0, return_inverse=True)
            variables.append(own.astype(np.int64))
            bases.append(num_entries + size * which.reshape(len(rows), len(its)))
            constants.append(slices.reshape(-1))
            num_entries += slices.size
    return _Others(np.concatenate(variables), np.hstack(bases), np.concatenate(constants))


# --- Which conditionals are equal --------------------------------------------------------


def _keys(
    flat: FlatGraph,
    others: _Others,
    rows: np.ndarray,
    order: np.ndarray,
    start: np.ndarray,
    asked: np.ndarray,
    budget: Budget,
) -> UInt64[np.ndarray, "rows asked 2"]:
    """Hash the slices around each variable in each row, whatever their order: in 128 bits."""
    keys = np.zeros((len(rows), len(asked), 2), np.uint64)
    if not keys.size:
        return keys
    step = max(1, _EDGES_AT_ONCE // max(1, len(order)))
    filled = np.flatnonzero(np.diff(start) > 0)
    place = np.searchsorted(filled, asked)
    strides = np.concatenate([flat.strides, np.ones(len(others.variables), np.int64)])
    for at in range(0, len(rows), step):
        budget.check()
        some = rows[at : at + step]
        own = some[:, flat.edge_variable] * flat.strides
        slices = (flat.table_start + sum_by_factor(flat, own))[:, flat.edge_factor] - own
        bases = np.hstack([slices, others.bases[at : at + step]])
        items = np.stack([bases, np.broadcast_to(strides, bases.shape)], axis=2).reshape(-1, 2)
        for k, one in enumerate((items, items[:, ::-1])):
            hashed = hashes(one).reshape(bases.shape)[:, order]
            sums = np.add.reduceat(hashed, start[filled], axis=1)
            keys[at : at + step, :, k] = sums[:, place]
    return keys


def _bases(
    flat: FlatGraph, others: _Others, rows: np.ndarray, row: np.ndarray, edges: np.ndarray
) -> tuple[Int64[np.ndarray, " slices"], Int64[np.ndarray, " slices"]]:
    """Return where slices begin, and how far apart their entries are."""
    num_tables = len(flat.edge_variable)
    bases, steps = np.zeros(len(edges), np.int64), np.ones(len(edges), np.int64)
    is_table = edges < num_tables
    own, its = edges[is_table], row[is_table]
    factor = flat.edge_factor[own]
    found = flat.table_start[factor].copy() if len(own) else np.zeros(0, np.int64)
    arity = np.diff(flat.factor_start)[factor] if len(own) else np.zeros(0, np.int64)
    for k in range(int(arity.max(initial=0))):
        edge = flat.factor_start[factor] + np.minimum(k, arity - 1)
        moved = flat.strides[edge] * rows[its, flat.edge_variable[edge]]
        found += np.where((k < arity) & (edge != own), moved, 0)
    bases[is_table] = found
    steps[is_table] = flat.strides[own] if len(own) else 0
    left = ~is_table
    bases[left] = others.bases[row[left], edges[left] - num_tables]
    return bases, steps
