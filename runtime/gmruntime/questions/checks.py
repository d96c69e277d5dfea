"""What comes with a question, checked and made plain: indices of variables, and numbers."""

import operator

import numpy as np

from gmruntime.arrays import Int32
from gmruntime.factors.parameters import ParameterError, unmasked
from gmruntime.graph import FactorGraph, GraphError


def asked_variables(
    graph: FactorGraph, name: str, variables: object
) -> Int32[np.ndarray, " asked"]:
    """Return the variables that a question names.

    Raises:
        GraphError: naming the first one that the graph does not have.
    """
    found = integers(f"{name}.variables", variables)
    if found.ndim != 1:
        raise GraphError(f"{name}.variables has shape {found.shape}; list indices on one axis")
    wrong = found[(found < 0) | (found >= graph.num_variables)]
    if wrong.size:
        known = f"0..{graph.num_variables - 1}" if graph.num_variables else "none at all"
        raise GraphError(f"{name}.variables names variable {wrong[0]}; the graph has {known}")
    return found.astype(np.int32)


def integers(name: str, values: object) -> np.ndarray:
    """Return an array of integers.

    Raises:
        GraphError: when it holds anything else.
    """
    try:
        found = unmasked(name, values)
    except ParameterError as error:
        raise GraphError(str(error)) from None
    if not found.size:
        return found.astype(np.int32)
    if found.dtype.kind not in "iu":
        raise GraphError(f"{name} holds {found.dtype}, not integers")
    return found


def count(name: str, value: object, *, lowest: int) -> int:
    """Return a number of things, at least `lowest`.

    Raises:
        GraphError: when it is less, or no integer.
    """
    found = integer(name, value)
    if found < lowest:
        raise GraphError(f"{name} is {found}; it must be at least {lowest}")
    return found


def integer(name: str, value: object) -> int:
    """Return an integer, whatever it was written as.

    Raises:
        GraphError: when it is none.
    """
    try:
        return operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:
        raise GraphError(f"{name} is {value!r}, not an integer") from None
