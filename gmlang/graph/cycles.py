"""Mechanisms must not clash or go in circles: one each, and no variable its own ancestor."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Builder


def check_mechanisms(builder: Builder) -> None:
    """Check that every variable has one mechanism at most.

    Raises:
        GmError: naming the variable and both places.
    """
    owner = np.full(builder.num_variables, -1, np.int64)
    for number, (variables, span) in enumerate(builder.mechanisms):
        values, counts = np.unique(variables, return_counts=True)
        clash = values[(owner[values] >= 0) | (counts > 1)]
        if len(clash):
            first = int(owner[clash[0]])
            earlier = builder.mechanisms[first][1] if first >= 0 else span
            raise GmError(
                [errors.two_mechanisms(span, variable_name(builder, int(clash[0])), earlier)]
            )
        owner[values] = number


def variable_name(builder: Builder, variable: int) -> str:
    """Name a variable as the author would: `x[3, 7]`."""
    start = 0
    for block in builder.variables:
        if variable < start + block.size:
            if not block.shape:
                return block.name
            place = np.unravel_index(variable - start, block.shape)
            return f"{block.name}[{', '.join(str(int(k)) for k in place)}]"
        start += block.size
    raise AssertionError(variable)


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Variables whose mechanisms need each other.

    Attributes:
        labels: of all variables: those of one label need each other.
        members: which need another or themselves, ascending.
    """

    labels: np.ndarray
    members: np.ndarray


def find_round(builder: Builder) -> Round | None:
    """Find the variables whose mechanisms go round; None where none does."""
    if not builder.edges:
        return None
    parents = np.concatenate([parents for parents, _ in builder.edges])
    children = np.concatenate([children for _, children in builder.edges])
    # Almost every program declares causes before their effects, and then there is no cycle.
    if (parents < children).all():
        return None
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = builder.num_variables
    links = coo_array((np.ones(len(parents), np.int8), (parents, children)), shape=(count, count))
    found: Any = connected_components(links.tocsr(), connection="strong")
    labels: np.ndarray = found[1]
    sizes = np.bincount(labels)
    members = np.union1d(np.flatnonzero(sizes[labels] > 1), parents[parents == children])
    return Round(labels, members) if len(members) else None
