"""Memories whose positions nothing else joins: what they say of their index has a closed form.

A memory is a star: once its index m is known its positions are independent. Those that no other
factor joins to anything are summed or maximised out of each pattern on its own, those that are
observed are read off it, and what is left of the memory is a table over m:

    L[m] = sum over observed i of g[m, i, x_i]
         + sum over free i of log sum over x of exp(g[m, i, x] + u_i[x])

with max in place of log sum exp where the question maximises. Whoever answers for the rest of the
graph finds m; the positions follow from it,

    p(x_i | e) = sum over m of p(m | e) softmax(g[m, i, .] + u_i)[x_i],

one product of a vector and a matrix for all of them together (Ramsauer et al. 2020).
"""

from dataclasses import dataclass, replace

import numpy as np

from gmruntime.answer import (
    AnyAnswer,
    AssignmentsAnswer,
    Joint,
    LogPartition,
    Map,
    MarginalMap,
    Marginals,
    MarginalsAnswer,
    Question,
    Samples,
    Status,
)
from gmruntime.arrays import Bool, Float64, Int32, Int64, Integer
from gmruntime.budget import UNLIMITED, Budget
from gmruntime.factors.kinds import Memory, Table
from gmruntime.factors.semiring import reduce
from gmruntime.graph import (
    Assignment,
    FactorBlock,
    FactorGraph,
    block_starts,
    log_score,
    num_states,
    table_indices,
)
from gmruntime.questions.marginals import Blocks
from gmruntime.simplify.memories.attention import sums_of_patterns, weights_of_symbols
from gmruntime.task import Task

Asked = Task[Question[AnyAnswer]]


_PAIR_ENTRIES_MAX = 1 << 24
"""So many entries the tables may have that join an index to positions which stay."""

_ENTRIES_AT_ONCE = 1 << 20
"""Of what patterns say that are summed between two looks at the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class Star:
    """A memory, and what becomes of its positions.

    Attributes:
        index: the variable that says which pattern is meant.
        cells: the variables of the positions.
        seen: the states in which they are observed, -1 where they are not.
        is_leaf: which of them are summed, or maximised, out.
        logs: what each symbol says of each state in each position.
        unary: what single factors say of the positions that are summed out, 0 of others.
        symbols: which symbol each pattern has; None where each has its own.
    """

    index: int
    cells: Int64[np.ndarray, " positions"]
    seen: Int32[np.ndarray, " positions"]
    is_leaf: Bool[np.ndarray, " positions"]
    logs: Float64[np.ndarray, "symbols positions states"]
    unary: Float64[np.ndarray, "positions states"]
    symbols: Integer[np.ndarray, "patterns positions"] | None

    def sums(self, is_max: bool, budget: Budget) -> Float64[np.ndarray, " patterns"]:
        """Return what each pattern is worth: read off what is observed, summed over the rest."""
        told = np.zeros(self.logs.shape[:2])
        seen, leaves = np.flatnonzero(self.seen >= 0), np.flatnonzero(self.is_leaf)
        told[:, seen] = self.logs[:, seen, self.seen[seen]]
        step = max(1, _ENTRIES_AT_ONCE // max(1, self.logs[0].size))
        for first in range(0, len(told) if len(leaves) else 0, step):
            budget.check()
            some = self.logs[first : first + step, leaves] + self.unary[leaves]
            told[first : first + step, leaves] = reduce(some, (2,), is_max)
        return sums_of_patterns(told, self.symbols, budget)

    def beliefs(
        self, weights: Float64[np.ndarray, " patterns"]
    ) -> Float64[np.ndarray, "leaves states"]:
        """Return the probability of each state, where that of each pattern is given."""
        return self.all_beliefs(weights[None], UNLIMITED)[0]

    def all_beliefs(
        self, weights: Float64[np.ndarray, "rows patterns"], budget: Budget
    ) -> Float64[np.ndarray, "rows leaves states"]:
        """Return the same for many rows.

        Raises:
            TimeoutError: when the budget is spent.
        """
        leaves = np.flatnonzero(self.is_leaf)
        found = np.zeros((len(weights), len(leaves), self.logs.shape[2]))
        if self.symbols is not None:
            shares = weights_of_symbols(weights, self.symbols, len(self.logs), budget)
            chances = _chances(self.logs[:, leaves] + self.unary[leaves])
            return np.einsum("rsi,six->rix", shares[:, :, leaves], chances)
        some = np.flatnonzero(weights.any(axis=0))
        step = max(1, _ENTRIES_AT_ONCE // max(1, self.logs[0].size))
        for first in range(0, len(some), step):
            budget.check()
            piece = some[first : first + step]
            chances = _chances(self.logs[piece[:, None], leaves] + self.unary[leaves])
            flat = weights[:, piece] @ chances.reshape(len(piece), -1)
            found += flat.reshape(found.shape)
        return found

    def of_pattern(self, m: int) -> Float64[np.ndarray, "leaves states"]:
        """Return what one pattern and single factors say of the positions."""
        leaves = np.flatnonzero(self.is_leaf)
        own = m if self.symbols is None else self.symbols[m, leaves]
        return self.logs[own, leaves] + self.unary[leaves]

    def drawn(
        self, patterns: Int32[np.ndarray, " rows"], rng: np.random.Generator
    ) -> Int32[np.ndarray, "rows leaves"]:
        """Draw the states of the positions where the pattern is known, row by row."""
        found = np.zeros((len(patterns), int(self.is_leaf.sum())), np.int32)
        for row, m in enumerate(patterns.tolist()):
            steps = np.cumsum(_chances(self.of_pattern(m)), axis=1)
            found[row] = (rng.random((len(steps), 1)) * steps[:, -1:] >= steps).sum(axis=1)
        return np.minimum(found, self.logs.shape[2] - 1)


def _chances(logs: Float64[np.ndarray, "*rest states"]) -> Float64[np.ndarray, "*rest states"]:
    """Return the probability of each state; 0 where none is possible."""
    high = logs.max(axis=-1, keepdims=True, initial=-np.inf)
    weights = np.exp(logs - np.where(np.isneginf(high), 0.0, high))
    sums = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """What is left to ask once memories are tables over their indices, and what completes it.

    Attributes:
        task: with the positions that are summed out held in some state.
        stars: of which they are the leaves.
    """

    task: Asked
    stars: tuple[Star, ...]


def set_memories_apart(task: Asked, budget: Budget) -> Remembered | None:
    """Take positions that nothing else joins out of memories; None where there are none.

    Raises:
        TimeoutError: when the budget ended first.
    """
    graph, query = task.graph, task.query
    if not any(isinstance(block.kind, Memory) for block in graph.factors):
        return None
    if not isinstance(query, Map | LogPartition | Marginals | Joint | MarginalMap | Samples):
        return None
    is_leaf = (task.evidence < 0) & may_be_summed(graph)
    if isinstance(query, Joint | MarginalMap):
        # These are asked about together with others, which needs what joins them.
        is_leaf[query.variables] = False
    stars: list[Star] = []
    factors: list[FactorBlock] = []
    unary = unary_sums(graph, is_leaf)
    for block in graph.factors:
        own = stars_of(block, task.evidence, is_leaf, unary)
        if not own or not all(_is_simpler(star) for star in own):
            if own:
                # No memory has leaves that another one has, so the others are as they were.
                is_leaf[block.scopes[:, 1:].reshape(-1)] = False
            factors.append(block)
            continue
        stars += own
        for star in own:
            sums = star.sums(isinstance(query, Map), budget)
            index = np.array([[star.index]], np.int32)
            factors.append(FactorBlock(Table(sums[None]), index, block.label))
            factors += _pairs(star, block.label)
    if not stars:
        return None
    held = task.evidence.copy()
    held[is_leaf] = 0
    left = replace(graph, factors=tuple(_without(block, is_leaf) for block in factors))
    return Remembered(Task(left, _without_leaves(query, stars), held), tuple(stars))


def may_be_summed(graph: FactorGraph) -> Bool[np.ndarray, " variables"]:
    """Say of which variables the only factors are one position of a memory, and unary tables."""
    uses = np.zeros(graph.num_variables, np.int64)
    is_cell = np.zeros(graph.num_variables, np.bool_)
    for block in graph.factors:
        if isinstance(block.kind, Memory):
            np.add.at(uses, block.scopes.reshape(-1), 1)
            is_cell[block.scopes[:, 1:].reshape(-1)] = True
        elif not _is_unary(block):
            np.add.at(uses, block.scopes.reshape(-1), 2)
    return is_cell & (uses == 1)


def _is_unary(block: FactorBlock) -> bool:
    return block.scopes.shape[1] == 1 and isinstance(block.kind, Table)


def unary_sums(
    graph: FactorGraph, is_leaf: Bool[np.ndarray, " variables"]
) -> Float64[np.ndarray, "variables states"]:
    """Add up the unary tables of some variables; 0 of the others."""
    most = int(num_states(graph)[is_leaf].max(initial=1))
    found = np.zeros((graph.num_variables, most))
    for block in graph.factors:
        if not _is_unary(block):
            continue
        assert isinstance(block.kind, Table)
        rows = np.flatnonzero(is_leaf[block.scopes[:, 0]])
        if not len(rows):
            continue
        tables = block.kind.log_potentials[table_indices(block)[rows]]
        np.add.at(found[:, : tables.shape[1]], block.scopes[rows, 0], tables)
    return found


def _without(block: FactorBlock, is_leaf: Bool[np.ndarray, " variables"]) -> FactorBlock:
    return block.some(~is_leaf[block.scopes[:, 0]]) if _is_unary(block) else block


def stars_of(
    block: FactorBlock,
    evidence: Assignment,
    is_leaf: Bool[np.ndarray, " variables"],
    unary: Float64[np.ndarray, "variables states"],
) -> list[Star]:
    """Return a star for each memory of a block; none where it is of another kind."""
    kind, found = block.kind, list[Star]()
    if not isinstance(kind, Memory):
        return found
    for f, scope in enumerate(block.scopes.astype(np.int64)):
        cells = scope[1:]
        logs = kind.log_patterns[f if len(kind.log_patterns) > 1 else 0]
        symbols = kind.symbols
        if symbols is not None:
            symbols = symbols[f if len(symbols) > 1 else 0]
        own = unary[cells, : logs.shape[2]]
        if own.shape[1] < logs.shape[2]:
            own = np.zeros(logs.shape[1:])
        found.append(
            Star(int(scope[0]), cells, evidence[cells], is_leaf[cells], logs, own, symbols)
        )
    return found


def _is_simpler(star: Star) -> bool:
    """Say whether something is read off or summed out, and the rest makes no large tables."""
    stays = int((~star.is_leaf & (star.seen < 0)).sum())
    patterns = len(star.logs if star.symbols is None else star.symbols)
    return stays < len(star.cells) and stays * patterns * star.logs.shape[2] <= _PAIR_ENTRIES_MAX


def _pairs(star: Star, label: str) -> list[FactorBlock]:
    """Return tables that join the index to the positions that stay."""
    stays = np.flatnonzero(~star.is_leaf & (star.seen < 0))
    if not len(stays):
        return []
    logs = star.logs[:, stays]
    if star.symbols is not None:
        logs = logs[star.symbols[:, stays], np.arange(len(stays))]
    tables = np.ascontiguousarray(np.moveaxis(logs, 1, 0))
    scopes = np.stack([np.full(len(stays), star.index), star.cells[stays]], axis=1)
    return [FactorBlock(Table(tables), scopes.astype(np.int32), label)]


def _without_leaves(query: Question[AnyAnswer], stars: list[Star]) -> Question[AnyAnswer]:
    """Return the question with indices in place of the leaves that it asks about."""
    if not isinstance(query, Marginals) or query.variables is None:
        return query
    asked = query.variables
    for star in stars:
        leaves = star.cells[star.is_leaf]
        if np.isin(leaves, asked).any():
            asked = np.append(asked[~np.isin(asked, leaves)], star.index)
    return Marginals(np.unique(asked).astype(np.int32))


# --- Completing answers ------------------------------------------------------------------


def completed(
    asked: Asked, stars: tuple[Star, ...], found: AnyAnswer, rng: np.random.Generator
) -> AnyAnswer:
    """Complete an answer by the positions that were summed out.

    Args:
        asked: the question about the whole graph.
        stars: what was set apart of it.
        found: the answer to what was left.
        rng: of draws.
    """
    match asked.query:
        case Map() | Samples():
            assert isinstance(found, AssignmentsAnswer)
            rows = found.assignments.copy()
            for star in stars:
                leaves, patterns = star.cells[star.is_leaf], rows[:, star.index]
                if isinstance(asked.query, Samples):
                    rows[:, leaves] = star.drawn(patterns, rng)
                    continue
                for row, m in enumerate(patterns.tolist()):
                    rows[row, leaves] = star.of_pattern(m).argmax(axis=1)
            own = replace(found, assignments=rows)
            return _scored(asked, own) if isinstance(asked.query, Samples) else own
        case Marginals():
            assert isinstance(found, MarginalsAnswer)
            return _with_beliefs(asked, asked.query, stars, found)
        case _:
            return found


def owner_of(starts: np.ndarray, variables: np.ndarray | int) -> np.ndarray:
    """Say which block variables are in: an empty block begins where the next one does."""
    return np.searchsorted(starts, variables, side="right") - 1


def _scored(asked: Asked, found: AssignmentsAnswer) -> AssignmentsAnswer:
    """Score draws again: what is left of the graph has the sum over all that were set apart."""
    return replace(found, log_scores=log_score(asked.graph, found.assignments))


def _with_beliefs(
    asked: Asked,
    query: Marginals,
    stars: tuple[Star, ...],
    found: MarginalsAnswer,
) -> MarginalsAnswer:
    is_asked = np.zeros(asked.graph.num_variables, np.bool_)
    is_asked[slice(None) if query.variables is None else query.variables] = True
    chosen = [star for star in stars if is_asked[star.cells[star.is_leaf]].any()]
    starts = block_starts(asked.graph)
    sizes = [block.num_states for block in asked.graph.variables]

    def spread(blocks: Blocks) -> Blocks:
        flat = [
            np.array(block).reshape(-1, size) for block, size in zip(blocks, sizes, strict=True)
        ]
        for star in chosen:
            owner = int(owner_of(starts, star.index))
            weights = flat[owner][star.index - starts[owner]]
            rows = star.beliefs(weights)
            if found.quality.status is Status.IMPOSSIBLE:
                rows[:] = np.nan
            leaves = star.cells[star.is_leaf]
            for number in np.unique(owner_of(starts, leaves)).tolist():
                own = (leaves >= starts[number]) & (leaves < starts[number + 1])
                flat[number][leaves[own] - starts[number]] = np.minimum(rows[own], 1.0)
        for number in range(len(flat)):
            flat[number][~is_asked[starts[number] : starts[number + 1]]] = np.nan
        return tuple(rows.reshape(block.shape) for rows, block in zip(flat, blocks, strict=True))

    return replace(
        found,
        probabilities=spread(found.probabilities),
        lower=None if found.lower is None else spread(found.lower),
        upper=None if found.upper is None else spread(found.upper),
    )
