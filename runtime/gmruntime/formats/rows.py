"""Rows of probabilities that sum to one but for the digits they were written with."""

import numpy as np

from gmruntime.arrays import Float64
from gmruntime.factors.kinds import Table
from gmruntime.graph import FactorBlock

LOG_ENTRY_MAX = 600.0
"""Larger entries of a table, in nats, are not written as floats: exp ends at 709."""

LOG_ENTRY_MIN = -700.0
"""Nor are smaller ones: below exp(-708) floats lose their digits, and at exp(-745) they are 0."""

SUM_ROUNDING = 1e-6
"""Rows this close to one are divided by their sum without a word: six digits, or rounding."""

SUM_DIGITS = 1e-3
"""Rows this close to one were written with few digits, or as float16; further off is a mistake."""


def row_sums(table: Float64[np.ndarray, "*rows states"]) -> Float64[np.ndarray, "*rows"]:
    """Add up every row, whose states run along the last axis."""
    return table.sum(axis=-1)


def normalised_rows(
    table: Float64[np.ndarray, "*rows states"],
) -> Float64[np.ndarray, "*rows states"]:
    """Divide every row by its sum; rows without mass stay as they are.

    >>> normalised_rows(np.array([[0.5, 0.4], [1.0, 0.0]])).tolist()
    [[0.5555555555555556, 0.4444444444444445], [1.0, 0.0]]
    """
    totals = row_sums(table)[..., None]
    with np.errstate(over="ignore"):
        return table / np.where((totals > 0) & np.isfinite(totals), totals, 1.0)


def uneven_rows(totals: Float64[np.ndarray, "*rows"]) -> np.ndarray:
    """Say which rows are far enough from one that their author should hear of it."""
    return np.abs(totals - 1.0) > SUM_ROUNDING


def num_strange_rows(block: FactorBlock) -> int:
    """Count the rows of conditional distributions that are none, not even of few digits."""
    kind = block.kind
    if not isinstance(kind, Table) or kind.log_potentials.ndim < 2:
        return 0
    with np.errstate(over="ignore"):
        totals = row_sums(np.exp(kind.log_potentials))
    copies = len(block.scopes) if len(kind.log_potentials) == 1 else 1
    return int((np.abs(totals - 1.0) > SUM_DIGITS).sum()) * copies


def normalised_block(block: FactorBlock) -> tuple[FactorBlock, int]:
    """Divide the rows of conditional distributions by their sums, the child last in scope.

    A table with a row that is no distribution, not even one of few digits, is left as it is.

    Returns:
        The block, and how many rows were further from one than rounding puts them.
    """
    kind = block.kind
    if not isinstance(kind, Table) or kind.log_potentials.ndim < 2:
        return block, 0
    totals = row_sums(np.exp(kind.log_potentials))
    near = np.abs(totals - 1.0) <= SUM_DIGITS
    axes = tuple(range(1, totals.ndim))
    near &= near.all(axis=axes, keepdims=True)
    if not (near & (totals != 1.0)).any():
        return block, 0
    logs = kind.log_potentials - np.log(np.where(near, totals, 1.0))[..., None]
    copies = len(block.scopes) if len(logs) == 1 else 1
    count = int((near & uneven_rows(totals)).sum()) * copies
    return FactorBlock(Table(logs), block.scopes, block.label), count
