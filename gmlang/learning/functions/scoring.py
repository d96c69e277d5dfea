"""Log Z of many rules at once: each piece once for each way in which the rules differ there."""

from collections.abc import Sequence

import numpy as np

from gmlang.diagnostics import GmError, Span
from gmlang.errors.learning import functions as errors
from gmlang.learning.functions.eliminating import ENTRIES_MAX, eliminated
from gmlang.learning.functions.pieces import Piece
from gmruntime.arrays import Float64, Int
from gmruntime.budget import Budget
from gmruntime.graph import GraphError
from gmruntime.rows.row_program import compile_rows

Codes = Sequence[Int[np.ndarray, "candidates cells"]]
"""For each function the state that each of its candidates gives everywhere."""

_ROWS = 1 << 12
"""So many rows are compiled together: the time is looked at in between."""


def scored(
    pieces: Sequence[Piece],
    codes: Codes,
    combos: Int[np.ndarray, "combos functions"],
    budget: Budget,
    seed: int,
    span: Span,
    failing: np.ndarray | None = None,
) -> Float64[np.ndarray, " combos"]:
    """Find log Z of what depends on the rules, for combinations of candidates.

    Args:
        pieces: of a graph in which the functions are linked that they mention.
        codes: of all functions.
        combos: for each combination, which candidate each function is; those of functions that
            no piece mentions are not looked at.
        budget: that has begun.
        seed: of the search for elimination orders.
        span: of the `learn def`.
        failing: counts for each combination the places that it makes impossible, where given.

    Raises:
        TimeoutError: when the budget ended before all were known.
        GmError: when log Z is out of reach.
    """
    total = np.zeros(len(combos))
    for piece in pieces:
        for place in range(len(piece.cells)):
            found = place_values(piece, place, codes, combos, budget, span, seed)
            # Nothing is impossible a little.
            total += piece.weights[place] * found
            if failing is not None:
                failing += np.isneginf(found)
    return total


def place_values(
    piece: Piece,
    place: int,
    codes: Codes,
    combos: Int[np.ndarray, "combos functions"],
    budget: Budget,
    span: Span,
    seed: int = 0,
) -> Float64[np.ndarray, " combos"]:
    """Find log Z of a piece at one place; the arguments and errors are those of `scored`."""
    budget.check()
    distinct, which = _distinct(_patterns(piece, place, codes, combos))
    return values(piece, distinct, budget, seed, span)[which]


def _patterns(piece: Piece, place: int, codes: Codes, combos: np.ndarray) -> np.ndarray:
    """Return the state of each combination of arguments at a place, for each combination."""
    found = np.empty((len(combos), len(piece.functions)), np.int16)
    for column, (function, cell) in enumerate(
        zip(piece.functions.tolist(), piece.cells[place].tolist(), strict=True)
    ):
        found[:, column] = codes[function][combos[:, function], cell]
    return found


def _distinct(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rows, and which of them each row is."""
    if not patterns.shape[1]:
        return patterns[:1], np.zeros(len(patterns), np.int64)
    rows = np.ascontiguousarray(patterns)
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    if rows.shape[1] <= 4:
        # Four states of 16 bits are one number.
        wide = np.zeros((len(rows), 4), np.int16)
        wide[:, : rows.shape[1]] = rows
        keys = wide.view(np.int64).reshape(-1)
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], which.reshape(-1)


def values(
    piece: Piece,
    patterns: Int[np.ndarray, "rows combinations"],
    budget: Budget,
    seed: int,
    span: Span,
) -> Float64[np.ndarray, " rows"]:
    """Find log Z of a piece for the states of its combinations; what is known is not done again.

    Raises:
        TimeoutError: when the budget ended before all were known.
        GmError: when log Z is out of reach.
    """
    patterns = np.ascontiguousarray(patterns, np.int16)
    keys = [row.tobytes() for row in patterns]
    known = piece.known
    new = [number for number, key in enumerate(keys) if key not in known]
    for first in range(0, len(new), _ROWS):
        some = new[first : first + _ROWS]
        budget.check()
        found = _worked_out(piece, patterns[some], budget, seed, span)
        for number, value in zip(some, found.tolist(), strict=True):
            known[keys[number]] = value
    return np.array([known[key] for key in keys], np.float64)


def _worked_out(
    piece: Piece, patterns: np.ndarray, budget: Budget, seed: int, span: Span
) -> np.ndarray:
    if piece.plan.num_entries <= ENTRIES_MAX:
        return eliminated(piece.plan, patterns)
    rows = np.full((len(patterns), piece.num_own + len(piece.functions)), -1, np.int32)
    rows[:, piece.num_own :] = patterns
    try:
        # Weights of 0 spare the way back: no counts are asked for.
        program = compile_rows(
            piece.graph, rows, np.zeros(len(rows)), budget=budget, seed=seed, is_kept=False
        )
        found = program.evaluate(budget=budget).log_partition
    except (GraphError, OverflowError) as error:
        raise GmError([errors.beyond_the_runtime(span, str(error))]) from error
    if np.isnan(found).any():
        raise TimeoutError
    return found


# --- What each value alone would allow -----------------------------------------------------


def allowed_apart(
    pieces: Sequence[Piece],
    codes: Codes,
    function: int,
    fixed: Int[np.ndarray, "nodes functions"],
    num_fixed: Sequence[int],
    budget: Budget,
    seed: int,
    span: Span,
) -> tuple[list["Apart"], Float64[np.ndarray, " nodes"]]:
    """Bound log Z by one value of a function at a time, all its others left open.

        log Z(rule) <= min over the arguments that a place can meet of log Z(the rule's value there)

    Returns:
        That for each place which the function has to do with; and log Z of all others together.

    Args:
        pieces: of a graph in which the function and all fixed ones are linked.
        codes: of all functions.
        function: that is looked for.
        fixed: combinations of candidates of the functions that are fixed.
        num_fixed: which these are.
        budget: that has begun.
        seed: of the search for elimination orders.
        span: of the `learn def`.

    Raises:
        TimeoutError: when the budget ended before all were known.
    """
    found: list[Apart] = []
    beside = np.zeros(len(fixed))
    for piece in pieces:
        mine = np.flatnonzero(piece.functions == function)
        if not len(mine):
            beside += scored((piece,), codes, fixed, budget, seed, span)
            continue
        others = np.isin(piece.functions, list(num_fixed))
        count = int(piece.free[mine[0]])
        for place in range(len(piece.cells)):
            budget.check()
            base = np.tile(piece.free.astype(np.int16), (len(fixed), 1))
            for column in np.flatnonzero(others).tolist():
                own, cell = int(piece.functions[column]), int(piece.cells[place, column])
                base[:, column] = codes[own][fixed[:, own], cell]
            distinct, which = _distinct(base)
            rows = np.repeat(distinct, len(mine) * count, axis=0)
            rows = rows.reshape(len(distinct), len(mine), count, -1)
            for position, column in enumerate(mine.tolist()):
                rows[:, position, :, column] = np.arange(count)
            flat = values(piece, rows.reshape(-1, rows.shape[3]), budget, seed, span)
            bounds = flat.reshape(len(distinct), len(mine), count)
            found.append(
                Apart(piece.cells[place, mine], float(piece.weights[place]), bounds, which)
            )
    return found, beside


class Apart:
    """What one value at a time allows at a place.

    Attributes:
        cells: the combinations of arguments that it can meet.
        weight: how often it is there.
        bounds: log Z for each pattern of what is fixed, combination and value.
        which: the pattern of each node.
    """

    __slots__ = ("bounds", "cells", "weight", "which")

    def __init__(
        self, cells: np.ndarray, weight: float, bounds: np.ndarray, which: np.ndarray
    ) -> None:
        """Remember them."""
        self.cells, self.weight, self.bounds, self.which = cells, weight, bounds, which

    @property
    def is_flat(self) -> bool:
        """Whether no value is better than another."""
        first = self.bounds[:, :1, :1]
        with np.errstate(invalid="ignore"):
            return bool((np.isclose(self.bounds, first, atol=1e-12) | (self.bounds == first)).all())


def possible_candidates(
    apart: Sequence[Apart], node: int, codes: Int[np.ndarray, "candidates cells"]
) -> Int[np.ndarray, " candidates"]:
    """List the candidates of a function whose every value is allowed somewhere at every place."""
    cells: dict[int, np.ndarray] = {}
    for one in apart:
        allowed = one.bounds[one.which[node]] > -np.inf
        for cell, row in zip(one.cells.tolist(), allowed, strict=True):
            before = cells.get(cell)
            cells[cell] = row if before is None else before & row
    found = np.arange(len(codes))
    strict = [(cell, row) for cell, row in cells.items() if not row.all()]
    for cell, row in sorted(strict, key=lambda pair: int(pair[1].sum())):
        found = found[row[codes[found, cell]]]
    return found


def bounded(
    apart: Sequence[Apart],
    node: int,
    codes: Int[np.ndarray, "candidates cells"],
    chosen: np.ndarray,
) -> Float64[np.ndarray, " chosen"]:
    """Bound log Z of some candidates of a function."""
    total = np.zeros(len(chosen))
    for one in apart:
        bounds = one.bounds[one.which[node]]
        own = codes[np.ix_(chosen, one.cells)]
        total += one.weight * bounds[np.arange(len(one.cells)), own].min(axis=1)
    return total
