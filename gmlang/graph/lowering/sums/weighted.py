"""Weighted sums as factors; a variable that one of them adds twice is added once, twice as much."""

import numpy as np

from gmlang.graph.builder import Builder, Origin, first_places
from gmruntime.factors.kinds import LinearSum
from gmruntime.graph import repeats_variable


def add_weighted(builder: Builder, kind: LinearSum, variables: np.ndarray, origin: Origin) -> None:
    """Add weighted sums, one for each row of variables, which may name a variable twice."""
    twice = repeats_variable(variables)
    if not twice.any():
        builder.add_factors(kind, variables, origin)
        return
    rows = np.flatnonzero(~twice)
    if len(rows):
        builder.add_factors(_rows_of(kind, rows), variables[rows], origin)
    places = np.flatnonzero(twice)
    firsts = first_places(variables[places])
    for pattern in np.unique(firsts, axis=0):
        rows = places[(firsts == pattern).all(axis=1)]
        chosen = _rows_of(kind, rows)
        kept, column = np.unique(pattern, return_inverse=True)
        coefficients = np.zeros((len(rows), len(kept)), np.int64)
        for position, place in enumerate(column.reshape(-1)):
            coefficients[:, place] += chosen.coefficients[:, position]
        merged = LinearSum(coefficients, chosen.lowest, chosen.log_potentials)
        builder.add_factors(merged, variables[rows][:, kept], origin)


def _rows_of(kind: LinearSum, rows: np.ndarray) -> LinearSum:
    return LinearSum(kind.coefficients[rows], kind.lowest[rows], kind.log_potentials[rows])
