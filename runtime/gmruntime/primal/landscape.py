"""The landscape engines walk on: a piece with forbidden entries made finite, and its scale."""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.flat import FlatGraph


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """A piece as engines see it.

    Attributes:
        flat: the piece.
        log_potentials: its tables with a penalty for -inf.
        scale: a typical difference between two states of a variable, nats; where annealing starts.
        has_zeros: some entry is forbidden.
    """

    flat: FlatGraph
    log_potentials: Float64[np.ndarray, " entries"]
    scale: float
    has_zeros: bool


def landscape_of(flat: FlatGraph) -> Landscape:
    """Measure a piece and make its tables finite.

    Breaking one rule costs more than all other factors together could gain, so that the best
    assignment of the landscape breaks a rule only when every assignment does.
    """
    from gmruntime.primal.compiled import arrays_of, factor_spreads

    tables = flat.log_potentials
    finite = np.isfinite(tables)
    spread = factor_spreads(arrays_of(flat, tables))
    squares = np.zeros(len(flat.num_states))
    np.add.at(squares, flat.edge_variable, spread[flat.edge_factor] ** 2)
    # A factor's entries lie about a third of their spread around the middle.
    scale = float(np.sqrt(np.median(squares[squares > 0]))) / 3.0 if squares.any() else 1.0
    penalty = 1.0 + 1.01 * float(spread.sum())
    floor = float(tables[finite].min(initial=0.0))
    softened = np.where(finite, tables, floor - penalty)
    return Landscape(flat, softened, max(scale, 1e-9), not bool(finite.all()))
