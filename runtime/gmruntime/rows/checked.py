"""Rows, weights and tables as whoever asks hands them in: made plain, or refused by name."""

from collections.abc import Sequence

import numpy as np

from gmruntime.arrays import Float64, Int32
from gmruntime.factors.parameters import ParameterError, floats
from gmruntime.graph import FactorGraph, GraphError, num_states
from gmruntime.questions.checks import integers
from gmruntime.rows.cutting.tables import log_potentials


def checked_rows(graph: FactorGraph, rows: object) -> Int32[np.ndarray, "rows variables"]:
    """Return rows of evidence, -1 where nothing is observed.

    Raises:
        GraphError: naming the first row and variable whose state does not exist.
    """
    found = integers("rows", rows)
    count = graph.num_variables
    if found.ndim != 2 or found.shape[1] != count:
        raise GraphError(f"rows has shape {found.shape}, not (rows, {count})")
    wrong = (found < -1) | (found >= num_states(graph))
    if wrong.any():
        r, v = (int(place[0]) for place in np.nonzero(wrong))
        raise GraphError(
            f"row {r} names a state that its variable does not have: {found[r, v]} for variable "
            f"{v}, whose states are 0..{num_states(graph)[v] - 1}; -1 stands for not observed"
        )
    return np.ascontiguousarray(found, np.int32)


def checked_weights(weights: object, num_rows: int) -> Float64[np.ndarray, " rows"]:
    """Return a finite weight for each row: 1 where None is handed in; it may be negative.

    Raises:
        GraphError: where they are no numbers, not finite, or not one for each row.
    """
    if weights is None:
        return np.ones(num_rows)
    try:
        found = floats("weights", np.asarray(weights), 1)
    except ParameterError as error:
        raise GraphError(str(error)) from None
    if found.shape != (num_rows,):
        raise GraphError(f"weights has shape {found.shape}, not ({num_rows},): one for each row")
    if not np.isfinite(found).all():
        raise GraphError(f"weights holds {found[~np.isfinite(found)][0]}; they must be finite")
    return found


def checked_tables(
    graph: FactorGraph, tables: Sequence[object] | None
) -> list[Float64[np.ndarray, "_tables ..."]]:
    """Return the log potentials of each block of a graph of tables, or those in their place.

    Args:
        graph: of tables.
        tables: one for each block, shaped like its own; None keeps a block's own, or all.

    Raises:
        GraphError: naming the block whose table does not fit.
    """
    own = [log_potentials(block) for block in graph.factors]
    if tables is None:
        return own
    if len(tables) != len(own):
        raise GraphError(f"tables holds {len(tables)} arrays for {len(own)} blocks of tables")
    found: list[np.ndarray] = []
    for position, (given, mine) in enumerate(zip(tables, own, strict=True)):
        if given is None:
            found.append(mine)
            continue
        try:
            table = floats(f"tables[{position}]", np.asarray(given), mine.ndim)
        except ParameterError as error:
            raise GraphError(str(error)) from None
        if table.shape != mine.shape:
            raise GraphError(
                f"tables[{position}] has shape {table.shape}, its block of tables {mine.shape}"
            )
        found.append(table)
    return found
