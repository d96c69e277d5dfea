"""Rows of evidence scored by products of matrices: what they say of single variables, as numbers.

A factor of which all rows observe every variable but one says a number for each state of that one.
Added up over all such factors, these are its scores in a row; they become one table, whose states
are those of the variable and the rows themselves, and the row observes which it is.

    score[r, v, x] = sum over factors f about v of log f(x, what row r observes)

With the observed states as rows of zeros and ones this is a product with the tables as a matrix.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from scipy.sparse import csr_matrix

from gmruntime.arrays import Bool, Float64, Int32, Int64
from gmruntime.budget import Budget
from gmruntime.factors.kind import NUM_ENTRIES_MAX, FactorKind
from gmruntime.factors.kinds import Gated, Table
from gmruntime.graph import FactorBlock, FactorGraph, VariableBlock, num_states
from gmruntime.rows.scoring.families import Family, families, substituted

_FACTORS_MIN = 8
"""A variable of which fewer factors become numbers gains nothing by a table of its own."""

_OBSERVED_STATES_MAX = 64
"""Products are made for each joint state of what a factor observes; beyond so many it stays."""

_DENSE = 1 / 8
"""From this part of all pairs on, a full matrix is quicker than a list of its entries."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A graph and rows with the same answers, where much has become one table for a variable.

    Attributes:
        graph: the other's variables, in their places, and last one for each family and one that
            says which row it is. What is about the members of a family is about its own instead.
        rows: the same, with columns for these; members are observed to be false.
        log_scale: of each row, what its log Z and scores are more than those of the graph.
        error: what the scores may be off by together, nats.
        families: whose variables follow the other's.
    """

    graph: FactorGraph
    rows: Int32[np.ndarray, "rows variables_and_more"]
    log_scale: Float64[np.ndarray, " rows"]
    error: float = 0.0
    families: tuple[Family, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Factors of a block that rows leave the variable at one position of, or none.

    Attributes:
        which: of the block's factors.
        opened: the variable that each leaves open; zeros where it leaves none.
        seen: the variables that each observes.
        tables: log values by the open variable's state and the joint one of what is observed.
    """

    which: Bool[np.ndarray, " factors"]
    opened: Int64[np.ndarray, " own"]
    seen: Int64[np.ndarray, "own observed"]
    tables: Float64[np.ndarray, "own states joint"]

    @property
    def is_open(self) -> bool:
        """Whether they leave a variable open."""
        return self.tables.shape[1] > 1


def scored(graph: FactorGraph, rows: Int32[np.ndarray, "rows variables"], budget: Budget) -> Scored:
    """Score rows as far as all of them observe what factors are about.

    Args:
        graph: validated.
        rows: a state for each observed variable, -1 for the others.
        budget: whose bytes the scores are to fit.

    Returns:
        The graph with what is left; the same one, and no column, where too little could be scored.

    Raises:
        TimeoutError: when the budget ended first.
    """
    is_seen, is_open = np.asarray((rows >= 0).all(axis=0)), np.asarray((rows < 0).all(axis=0))
    sizes = num_states(graph)
    sides = [
        (k, side) for k, block in enumerate(graph.factors) for side in _sides(block, is_seen, sizes)
    ]
    count = np.zeros(graph.num_variables, np.int64)
    for _, side in sides:
        if side.is_open:
            count += np.bincount(side.opened, minlength=graph.num_variables)
    for own in (families(graph, is_open), []):
        is_scored = count >= _FACTORS_MIN
        if not is_scored.any():
            break
        for family in own:
            is_scored[family.members] = True
        needed = 4 * 8 * len(rows) * int(sizes[is_scored].sum())
        if needed > budget.memory_bytes // 4:
            break
        found = _put_together(graph, rows, sides, is_scored, own, budget)
        if found is not None:
            return found
    return Scored(graph, rows, np.zeros(len(rows)))


def _put_together(
    graph: FactorGraph,
    rows: Int32[np.ndarray, "rows variables"],
    sides: list[tuple[int, _Side]],
    is_scored: Bool[np.ndarray, " variables"],
    own: list[Family],
    budget: Budget,
) -> Scored | None:
    """Score some variables, and members of families together; None where these are too large."""
    count, sizes = len(rows), num_states(graph)
    place = np.zeros(graph.num_variables, np.int64)
    scores: dict[int, np.ndarray] = {}
    for size in np.unique(sizes[is_scored]).tolist():
        of_size = is_scored & (sizes == size)
        place[of_size] = np.arange(int(of_size.sum()))
        scores[size] = np.zeros((int(of_size.sum()), size, count))
    log_scale, strength = np.zeros((1, 1, count)), np.zeros(count)
    gone = [np.zeros(len(block.scopes), bool) for block in graph.factors]
    for k, side in sides:
        budget.check()
        mine = is_scored[side.opened] if side.is_open else np.ones(len(side.opened), bool)
        if mine.any():
            gone[k][np.flatnonzero(side.which)[mine]] = True
            into = scores[side.tables.shape[1]] if side.is_open else log_scale
            at = place[side.opened[mine]] if side.is_open else np.zeros(len(mine), np.int64)
            strength += _add(into, at, side.seen[mine], side.tables[mine], rows, sizes)
    for family in own:
        gone[family.block][family.factor] = True
    left = tuple(
        block.some(~done) for block, done in zip(graph.factors, gone, strict=True) if not done.all()
    )
    first, factors = graph.num_variables, left
    row = first + len(own)
    if own:
        factors = substituted(FactorGraph(graph.variables, left), own, first, budget)
        if factors is None:
            return None
    blocks: list[FactorBlock] = [*factors]
    wide = np.hstack([rows, np.full((count, len(own) + 1), -1, np.int32)])
    wide[:, row] = np.arange(count)
    for number, family in enumerate(own):
        log_scale += family.log_value
        table = _of_family(scores[2][place[family.members]])
        block, most = _scores(table[None], np.array([first + number]), row)
        blocks.append(block)
        log_scale += most
        is_scored[family.members] = False
        wide[:, family.members] = 0
    for size, table in scores.items():
        variables = np.flatnonzero(is_scored & (sizes == size))
        if len(variables):
            block, most = _scores(table[place[variables]], variables, row)
            blocks.append(block)
            log_scale += most
    new = [VariableBlock("family", (), len(family.members)) for family in own]
    variables = (*graph.variables, *new, VariableBlock("row", (), count))
    error = float(np.finfo(float).eps * strength.max(initial=0.0))
    scale = log_scale.reshape(count)
    return Scored(FactorGraph(variables, tuple(blocks)), wide, scale, error, tuple(own))


def _of_family(
    scores: Float64[np.ndarray, "members 2 rows"],
) -> Float64[np.ndarray, "members rows"]:
    """Return the score of each member being the one: its own, and of all others being false."""
    false, true = scores[:, 0], scores[:, 1]
    must = np.isneginf(false)
    nats = np.where(must, 0.0, false)
    others = nats.sum(axis=0) - nats
    return np.where(must.sum(axis=0) - must > 0, -np.inf, true + others)


def _scores(
    table: Float64[np.ndarray, "variables states rows"],
    variables: Int64[np.ndarray, " variables"],
    row: int,
) -> tuple[FactorBlock, Float64[np.ndarray, " rows"]]:
    """Make a factor of each variable's scores, the largest of each row 0; return what it was."""
    most = table.max(axis=1, keepdims=True)
    most[np.isneginf(most)] = 0.0
    scopes = np.stack([np.full(len(variables), row), variables], axis=1).astype(np.int32)
    kind = Table(np.ascontiguousarray((table - most).transpose(0, 2, 1)))
    return FactorBlock(kind, scopes, "scores"), most.sum(axis=(0, 1))


def _sides(block: FactorBlock, is_seen: np.ndarray, sizes: np.ndarray) -> list[_Side]:
    """Find the factors of a block that rows leave one variable of, or none, as tables."""
    count, arity = block.scopes.shape
    if not count or not isinstance(block.kind, Table | Gated):
        return []
    shape = tuple(sizes[block.scopes[0]].tolist())
    if count * prod(shape) > NUM_ENTRIES_MAX:
        return []
    is_open = ~is_seen[block.scopes]
    num_open = is_open.sum(axis=1)
    found: list[_Side] = []
    for position in [None, *range(arity)]:
        which = num_open == 0 if position is None else (num_open == 1) & is_open[:, position]
        others = [k for k in range(arity) if k != position]
        joint = prod(shape[k] for k in others)
        if not which.any() or joint > _OBSERVED_STATES_MAX:
            continue
        kind: FactorKind = block.kind.some(which) if not which.all() else block.kind
        own = int(which.sum())
        axes = [0, *(k + 1 for k in ([] if position is None else [position]) + others)]
        tables = kind.log_tables(shape).transpose(axes).reshape(kind.num_tables, -1, joint)
        if position is None:
            opened = np.zeros(own, np.int64)
        else:
            opened = block.scopes[which, position].astype(np.int64)
        seen = block.scopes[which][:, others].astype(np.int64)
        found.append(_Side(which, opened, seen, np.broadcast_to(tables, (own, *tables.shape[1:]))))
    return found


def _add(
    into: Float64[np.ndarray, "places states rows"],
    at: Int64[np.ndarray, " own"],
    seen: Int64[np.ndarray, "own observed"],
    tables: Float64[np.ndarray, "own states joint"],
    rows: Int32[np.ndarray, "rows variables"],
    sizes: Int32[np.ndarray, " variables"],
) -> Float64[np.ndarray, " rows"]:
    """Add what factors say in each row to the scores; return the most that is added up, by row."""
    tuples, which = np.unique(seen, axis=0, return_inverse=True)
    which = which.reshape(-1)
    states = np.zeros((len(tuples), len(rows)), np.int64)
    for column in range(seen.shape[1]):
        states = states * sizes[tuples[:, column]][:, None] + rows[:, tuples[:, column]].T
    shape = len(into), len(tuples)
    is_dense = len(at) > _DENSE * shape[0] * shape[1]
    strength = np.zeros(len(rows))
    for joint in range(tables.shape[2]):
        holds = (states == joint).astype(np.float64)
        for state in range(tables.shape[1]):
            said = tables[:, state, joint]
            if not said.any():
                continue
            never = np.isneginf(said)
            nats = np.where(never, 0.0, said)
            own = csr_matrix((nats, (at, which)), shape)
            into[:, state] += (own.toarray() if is_dense else own) @ holds
            size = csr_matrix((np.abs(nats), (at, which)), shape)
            strength += np.asarray(size.sum(axis=0)).reshape(-1) @ holds
            if never.any():
                ruled_out = csr_matrix((never.astype(np.float64), (at, which)), shape) @ holds > 0
                into[:, state][ruled_out] = -np.inf
    return strength
