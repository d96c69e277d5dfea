"""Copies of variables, for scopes that would name one variable twice."""

import numpy as np

from gmlang.diagnostics import Source, Span
from gmlang.graph.builder import Builder, Origin, first_places
from gmlang.graph.world.states import BOOL
from gmruntime.factors.kinds import Table


def copy_repeated(builder: Builder, variables: np.ndarray) -> np.ndarray:
    """Return the scopes with every repetition of a boolean variable replaced by an equal copy."""
    repeated: np.ndarray = first_places(variables) != np.arange(variables.shape[1])[None, :]
    originals = variables[repeated]
    start = builder.add_variables("#copy", (len(originals),), BOOL)
    copies: np.ndarray = np.arange(start, start + len(originals), dtype=np.int64)
    equal = np.where(np.eye(2, dtype=np.bool_), 0.0, -np.inf)[None]
    nowhere = Span(Source("", ""), 0, 0)
    scopes = np.column_stack([originals, copies])
    builder.add_factors(Table(equal), scopes, Origin("auxiliary", nowhere))
    result = variables.copy()
    result[repeated] = copies
    return result
