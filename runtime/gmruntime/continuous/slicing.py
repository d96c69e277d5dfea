"""Rows with what is observed sliced out: pieces of rows that look alike."""

import math
from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64, Int32, Int64
from gmruntime.continuous.mixed import MixedGraph, RealFactorBlock
from gmruntime.continuous.sites.families import Site
from gmruntime.factors.kinds.table import Table
from gmruntime.graph import Assignment, FactorBlock, num_states


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Rows of one block in which the same selectors are free.

    `states` are the joint states of the free selectors, in C order. An array that is one row long
    stands for all rows.

    Attributes:
        reals: of each row; -1 where one is observed, and then part of the offsets.
        coefficients: those of observed reals are not read.
        offsets, weights, log_scales: as in `Rows`.
        selectors: the free ones of each row.
        sizes: their numbers of states.
        site: what the rows are where they are not Gaussian.
    """

    reals: Int32[np.ndarray, "rows reals"]
    coefficients: Float64[np.ndarray, "#rows states reals"]
    offsets: Float64[np.ndarray, "#rows states"]
    weights: Float64[np.ndarray, "#rows states"]
    log_scales: Float64[np.ndarray, "#rows states"]
    selectors: Int32[np.ndarray, "rows selectors"]
    sizes: tuple[int, ...]
    site: Site | None = None

    @property
    def num_rows(self) -> int:
        """The number of rows."""
        return len(self.reals)

    def some(self, rows: Int64[np.ndarray, " some"]) -> "Piece":
        """Return some of the rows."""
        return Piece(
            self.reals[rows],
            _some(self.coefficients, rows),
            _some(self.offsets, rows),
            _some(self.weights, rows),
            _some(self.log_scales, rows),
            self.selectors[rows],
            self.sizes,
            None if self.site is None else self.site.some(rows),
        )


def _some(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return array if len(array) == 1 else array[rows]


@dataclass(frozen=True, slots=True, eq=False)
class Sliced:
    """What is left of the rows of a graph.

    Attributes:
        pieces: rows with a real that is not observed.
        factors: what the others say of finite variables.
    """

    pieces: tuple[Piece, ...]
    factors: tuple[FactorBlock, ...]


def sliced(
    mixed: MixedGraph, evidence: Assignment, real_evidence: Float64[np.ndarray, " reals"]
) -> Sliced:
    """Slice what is observed out of all rows.

    Args:
        mixed: validated.
        evidence: -1 where a finite variable is not observed.
        real_evidence: NaN where a real is not observed.
    """
    states = num_states(mixed.finite)
    pieces: list[Piece] = []
    factors: list[FactorBlock] = []
    for block in mixed.real_factors:
        if not len(block.scopes):
            continue
        for piece in _pieces(block, evidence, states):
            piece = _with_known_reals(piece, real_evidence)
            is_told = np.asarray((piece.reals < 0).all(axis=1))
            if is_told.any():
                factors.append(_told(piece.some(np.flatnonzero(is_told)), block.label))
                piece = piece.some(np.flatnonzero(~is_told))
            if piece.num_rows:
                pieces.append(piece)
    return Sliced(tuple(pieces), tuple(factors))


def _pieces(
    block: RealFactorBlock, evidence: Assignment, states: Int32[np.ndarray, " variables"]
) -> list[Piece]:
    """Cut a block by which of its selectors are observed."""
    arity, kind = block.scopes.shape[1], block.kind
    if not arity:
        return [
            Piece(
                block.real_scopes,
                kind.coefficients[:, None],
                kind.offsets[:, None],
                kind.weights[:, None],
                kind.log_scales[:, None],
                block.scopes,
                (),
                block.site,
            )
        ]
    seen = evidence[block.scopes]
    patterns = (seen >= 0) @ (1 << np.arange(arity))
    found: list[Piece] = []
    for pattern in np.unique(patterns).tolist():
        rows = np.flatnonzero(patterns == pattern)
        free = [k for k in range(arity) if not pattern >> k & 1]
        sizes = tuple(int(states[block.scopes[rows[0], k]]) for k in free)
        at = {k: seen[rows, k] for k in range(arity) if pattern >> k & 1}
        num_own, width = math.prod(sizes), kind.coefficients.shape[-1]
        coefficients = _taken(kind.coefficients, rows, at, (*sizes, width))
        found.append(
            Piece(
                block.real_scopes[rows],
                coefficients.reshape(len(coefficients), num_own, width),
                _taken(kind.offsets, rows, at, sizes).reshape(-1, num_own),
                _taken(kind.weights, rows, at, sizes).reshape(-1, num_own),
                _taken(kind.log_scales, rows, at, sizes).reshape(-1, num_own),
                block.scopes[rows][:, free],
                sizes,
                None if block.site is None else block.site.some(rows),
            )
        )
    return found


def _taken(
    array: np.ndarray, rows: np.ndarray, at: dict[int, np.ndarray], sizes: tuple[int, ...]
) -> np.ndarray:
    """Return the entries of some rows at the states of selectors that are observed."""
    index: list[np.ndarray] = [rows if len(array) > 1 else np.zeros(1, np.int64)]
    index += [at[k] if array.shape[1 + k] > 1 else np.zeros(1, np.int64) for k in at]
    front = np.moveaxis(array, [1 + k for k in at], range(1, 1 + len(at)))
    taken = front[tuple(np.broadcast_arrays(*index))]
    return np.ascontiguousarray(np.broadcast_to(taken, (len(taken), *sizes)))


def _with_known_reals(piece: Piece, real_evidence: Float64[np.ndarray, " reals"]) -> Piece:
    """Put reals that are observed into the offsets."""
    values = real_evidence[piece.reals]
    is_known = ~np.isnan(values)
    if not is_known.any():
        return piece
    known = np.where(is_known, values, 0.0)
    if len(piece.coefficients) == 1:
        moved = known @ piece.coefficients[0].T
    else:
        moved = (piece.coefficients @ known[:, :, None])[:, :, 0]
    return Piece(
        np.where(is_known, np.int32(-1), piece.reals),
        piece.coefficients,
        piece.offsets - moved,
        piece.weights,
        piece.log_scales,
        piece.selectors,
        piece.sizes,
        piece.site,
    )


def _told(piece: Piece, label: str) -> FactorBlock:
    """Return what rows all of whose reals are observed say of their selectors."""
    if piece.site is None:
        logs = piece.log_scales - 0.5 * piece.weights * piece.offsets**2
    else:
        # Sites differ from row to row, if in nothing else then in what was seen.
        each = piece.site.log_density(
            np.broadcast_to(-piece.offsets.T, (piece.offsets.shape[1], piece.num_rows))
        ).T
        counted = np.where(piece.weights > 0.0, piece.weights * each, 0.0)
        logs = piece.log_scales + counted
    if piece.sizes:
        return FactorBlock(Table(logs.reshape(-1, *piece.sizes)), piece.selectors, label)
    total = float(logs.sum()) * (piece.num_rows if len(logs) == 1 else 1)
    return FactorBlock(Table(np.array([total])), np.zeros((1, 0), np.int32), label)
