"""Levels of a graph: every factor speaks of one of them, or of two that follow each other.

Source: Cuthill and McKee (1969), "Reducing the bandwidth of sparse symmetric matrices": levels of a
breadth-first search from a node far out.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int64
from gmruntime.continuous.mixed import MixedGraph, RealFactorBlock, Rows
from gmruntime.continuous.slicing import Piece, sliced
from gmruntime.factors.decompose import to_tables
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import FactorGraph, num_states

_STATES_MAX = 64
_REALS_MAX = 12
"""Of a level that is followed."""

_CHAINS_MAX = 64
"""Independent chains that are followed."""


class NoChainError(Exception):
    """A graph is no chain of narrow levels."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Levels that follow each other, and what is said of each and the one before.

    Attributes:
        num_states, num_reals, num_rows: of each level.
        rows: of all levels; for each level (rows, states before, states, numbers), where numbers
            are coefficients of the reals before and of its own, the offset, the weight and the log
            scale; `row_start` says where a level's begin.
        logs: of all levels (states before, states), nats; `log_start` likewise.
        reals, real_level, real_place: the reals, and where each is.
        variables, variable_level, strides, sizes: the finite ones; in state s of its level one is
            in state s // stride % size.
    """

    num_states: Int64[np.ndarray, " levels"]
    num_reals: Int64[np.ndarray, " levels"]
    num_rows: Int64[np.ndarray, " levels"]
    rows: Float64[np.ndarray, " numbers"]
    row_start: Int64[np.ndarray, " levels_and_end"]
    logs: Float64[np.ndarray, " entries"]
    log_start: Int64[np.ndarray, " levels_and_end"]
    reals: Int64[np.ndarray, " reals"]
    real_level: Int64[np.ndarray, " reals"]
    real_place: Int64[np.ndarray, " reals"]
    variables: Int64[np.ndarray, " variables"]
    variable_level: Int64[np.ndarray, " variables"]
    strides: Int64[np.ndarray, " variables"]
    sizes: Int64[np.ndarray, " variables"]


@dataclass(frozen=True, slots=True, eq=False)
class Sliced:
    """What is left of a graph once what is observed is taken out.

    Attributes:
        pieces: rows, and tables as rows without reals.
        num_finite: finite variables, auxiliary ones included; reals are numbered behind them.
        states: of these.
        log_constant: nats.
    """

    pieces: tuple[Piece, ...]
    num_finite: int
    states: Int64[np.ndarray, " finite"]
    log_constant: float


def sliced_graph(mixed: MixedGraph, evidence: np.ndarray, real_evidence: np.ndarray) -> Sliced:
    """Take out what is observed, and write all factors as rows.

    Raises:
        NoChainError: where a factor is no table.
    """
    tables = to_tables(mixed.finite)
    if tables is None:
        raise NoChainError
    blocks: list[RealFactorBlock] = list(mixed.real_factors)
    count = sum(block.size for block in tables.variables)
    wide = np.full(count, -1, np.int32)
    wide[: len(evidence)] = evidence
    finite = FactorGraph(tables.variables, ())
    told: list[tuple[np.ndarray, np.ndarray]] = []
    for block in tables.factors:
        assert isinstance(block.kind, Table)
        told.append((block.kind.log_potentials, block.scopes))
    for logs, scopes in told:
        nothing = np.zeros((1,) * logs.ndim)
        kind = Rows(np.zeros((*(1,) * logs.ndim, 0)), nothing, nothing, logs)
        blocks.append(RealFactorBlock(kind, scopes, np.zeros((len(scopes), 0), np.int32)))
    found = sliced(MixedGraph(finite, mixed.reals, tuple(blocks)), wide, real_evidence)
    constant, pieces = 0.0, list(found.pieces)
    for block in found.factors:
        assert isinstance(block.kind, Table)
        logs = block.kind.log_potentials
        if not block.scopes.shape[1]:
            constant += float(logs.sum()) * (len(block.scopes) if len(logs) == 1 else 1)
            continue
        flat = logs.reshape(len(logs), -1)
        zeros = np.zeros((1, flat.shape[1]))
        none = np.zeros((len(block.scopes), 0), np.int32)
        wideless = np.zeros((1, flat.shape[1], 0))
        sizes = logs.shape[1:]
        pieces.append(Piece(none, wideless, zeros, zeros, flat, block.scopes, sizes))
    states = num_states(finite).astype(np.int64)
    return Sliced(tuple(pieces), count, states, constant)


def chains_of(
    parts: Sliced, evidence: np.ndarray, real_evidence: np.ndarray, memory: int
) -> Iterator[tuple[Chain, Chain]]:
    """Give each chain of a graph from its two ends.

    Raises:
        NoChainError: where it is none, or too wide.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = parts.num_finite + len(real_evidence)
    is_node = np.ones(count, np.bool_)
    is_node[: len(evidence)] = evidence < 0
    is_node[parts.num_finite :] = np.isnan(real_evidence)
    heads, tails = _links(parts)
    links = coo_array((np.ones(len(heads), np.int8), (heads, tails)), shape=(count, count)).tocsr()
    _, component = connected_components(links, directed=False)
    names = np.unique(component[is_node])
    if len(names) > _CHAINS_MAX:
        raise NoChainError
    for name in names.tolist():
        nodes = np.flatnonzero((component == name) & is_node)
        inner = links[nodes][:, nodes]
        first = int(_far(inner, 0))
        last = int(_far(inner, first))
        yield (
            _laid_out(parts, nodes, _levels(inner, first), memory),
            _laid_out(parts, nodes, _levels(inner, last), memory),
        )


def _links(parts: Sliced) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of nodes that a factor speaks of."""
    heads, tails = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for piece in parts.pieces:
        nodes = _nodes(parts, piece)
        for a in range(nodes.shape[1]):
            for b in range(a):
                both = (nodes[:, a] >= 0) & (nodes[:, b] >= 0) & (nodes[:, a] != nodes[:, b])
                heads.append(nodes[both, a])
                tails.append(nodes[both, b])
    return np.concatenate(heads), np.concatenate(tails)


def _nodes(parts: Sliced, piece: Piece) -> np.ndarray:
    reals = np.where(piece.reals >= 0, piece.reals.astype(np.int64) + parts.num_finite, -1)
    return np.concatenate([reals, piece.selectors.astype(np.int64)], axis=1)


def _levels(links: object, start: int) -> np.ndarray:
    from scipy.sparse.csgraph import dijkstra

    found = dijkstra(links, directed=False, indices=start, unweighted=True)
    return found.astype(np.int64)


def _far(links: object, start: int) -> int:
    return int(np.argmax(_levels(links, start)))


def _laid_out(parts: Sliced, nodes: np.ndarray, levels: np.ndarray, memory: int) -> Chain:
    """Write the factors of a chain level by level."""
    count = int(levels.max(initial=0)) + 1
    is_real = nodes >= parts.num_finite
    variables, variable_level = nodes[~is_real], levels[~is_real]
    reals, real_level = nodes[is_real] - parts.num_finite, levels[is_real]
    num_reals = np.bincount(real_level, minlength=count)
    sizes = parts.states[variables]
    bits = np.bincount(variable_level, np.log(sizes), minlength=count)
    if bits.max(initial=0.0) > math.log(_STATES_MAX) + 1e-9 or num_reals.max() > _REALS_MAX:
        raise NoChainError
    strides, num_level_states = _strides(variable_level, sizes, count)
    placed = _Placed(parts, nodes, levels, _ranks(real_level), strides)
    own = [(piece, level) for piece in parts.pieces if len(level := placed.of(piece)[1])]
    num_rows = np.zeros(count, np.int64)
    for piece, level in own:
        if piece.reals.shape[1]:
            num_rows += np.bincount(level, minlength=count)
    before = np.concatenate([[1], num_level_states[:-1]])
    reals_before = np.concatenate([[0], num_reals[:-1]])
    pairs = before * num_level_states
    width = reals_before + num_reals + 3
    log_start = np.concatenate([[0], np.cumsum(pairs)])
    row_start = np.concatenate([[0], np.cumsum(num_rows * pairs * width)])
    if 8 * (int(row_start[-1]) + int(log_start[-1])) > memory // 2:
        raise NoChainError
    chain = Chain(
        num_level_states,
        num_reals,
        num_rows,
        np.zeros(int(row_start[-1])),
        row_start,
        np.zeros(int(log_start[-1])),
        log_start,
        reals,
        real_level,
        placed.places,
        variables,
        variable_level,
        strides,
        sizes,
    )
    filled = np.zeros(count, np.int64)
    for piece, _ in own:
        _fill(chain, placed, piece, filled)
    return chain


def _strides(level: np.ndarray, sizes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the stride of each variable within its level, and the states of levels."""
    strides, total = np.ones(len(level), np.int64), np.ones(count, np.int64)
    ranks = _ranks(level)
    for rank in range(int(ranks.max(initial=-1)) + 1):
        which = np.flatnonzero(ranks == rank)
        strides[which] = total[level[which]]
        total[level[which]] *= sizes[which]
    return strides, total


def _ranks(level: np.ndarray) -> np.ndarray:
    """Number what is on a level."""
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], level[order])
    found = np.zeros(len(level), np.int64)
    found[order] = np.arange(len(level)) - starts
    return found


@dataclass(slots=True, eq=False)
class _Placed:
    """Where nodes are.

    Attributes:
        places: of the reals among those of their level.
        strides: of the finite variables.
    """

    parts: Sliced
    nodes: np.ndarray
    levels: np.ndarray
    places: np.ndarray
    strides: np.ndarray

    def of(self, piece: Piece) -> tuple[np.ndarray, np.ndarray]:
        """Return which rows of a piece are the chain's, and the last level of each."""
        nodes = _nodes(self.parts, piece)
        found = np.searchsorted(self.nodes, nodes).clip(max=len(self.nodes) - 1)
        inside = (self.nodes[found] == nodes) & (nodes >= 0)
        rows = np.flatnonzero(inside.any(axis=1))
        level = np.where(inside, self.levels[found], -1)[rows].max(axis=1, initial=-1)
        return rows, level


def _fill(chain: Chain, placed: _Placed, piece: Piece, filled: np.ndarray) -> None:
    """Add a piece to the levels it speaks of; `filled` counts the rows that levels have."""
    rows, level = placed.of(piece)
    is_table = not piece.reals.shape[1]
    slots = np.zeros(len(rows), np.int64)
    if not is_table:
        slots = filled[level] + _ranks(level)
        filled += np.bincount(level, minlength=len(filled))
    before = np.maximum(level - 1, 0)
    shape = np.stack(
        [
            np.where(level > 0, chain.num_states[before], 1),
            chain.num_states[level],
            np.where(level > 0, chain.num_reals[before], 0),
            chain.num_reals[level],
        ],
        axis=1,
    )
    for own_shape in np.unique(shape, axis=0):
        which = np.flatnonzero((shape == own_shape).all(axis=1))
        _fill_alike(
            chain, placed, piece, (rows[which], level[which], slots[which]), own_shape.tolist()
        )


def _fill_alike(
    chain: Chain,
    placed: _Placed,
    piece: Piece,
    own: tuple[np.ndarray, np.ndarray, np.ndarray],
    shape: Sequence[int],
) -> None:
    """Do so for rows whose levels have as many states and reals."""
    rows, level, slots = own
    states_before, states, reals_before, reals = shape
    num_pairs = states_before * states
    first, second = np.divmod(np.arange(num_pairs), states)
    index = np.zeros((len(rows), num_pairs), np.int64)
    stride = 1
    variable_at = np.searchsorted(placed.nodes, piece.selectors[rows])
    for k in range(len(piece.sizes) - 1, -1, -1):
        at = variable_at[:, k]
        by = placed.strides[at][:, None]
        is_last = (placed.levels[at] == level)[:, None]
        index += np.where(is_last, second, first) // by % piece.sizes[k] * stride
        stride *= piece.sizes[k]

    def taken(array: np.ndarray) -> np.ndarray:
        one = rows[:, None] if len(array) > 1 else np.zeros((1, 1), np.int64)
        state = index if array.shape[1] > 1 else np.zeros((1, 1), np.int64)
        return np.broadcast_to(array[one, state], (*index.shape, *array.shape[2:]))

    if not piece.reals.shape[1]:
        places = chain.log_start[level][:, None] + np.arange(num_pairs)
        np.add.at(chain.logs, places, taken(piece.log_scales))
        return
    width = reals_before + reals + 3
    begin = chain.row_start[level] + slots * num_pairs * width
    places = begin[:, None] + np.arange(num_pairs) * width
    coefficients = taken(piece.coefficients)
    for k in range(piece.reals.shape[1]):
        real = piece.reals[rows, k].astype(np.int64)
        is_free = real >= 0
        at = np.searchsorted(placed.nodes, real[is_free] + placed.parts.num_finite)
        num_variables = len(placed.strides)
        own_place = placed.places[at - num_variables]
        is_last = placed.levels[at] == level[is_free]
        column = own_place + np.where(is_last, reals_before, 0)
        np.add.at(chain.rows, places[is_free] + column[:, None], coefficients[is_free][:, :, k])
    chain.rows[places + width - 3] = taken(piece.offsets)
    chain.rows[places + width - 2] = taken(piece.weights)
    chain.rows[places + width - 1] = taken(piece.log_scales)
