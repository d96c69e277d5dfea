"""Mechanisms must not clash or go in circles: one each, and no variable its own ancestor."""

from typing import Any

import numpy as np

from gmlang.diagnostics import GmError
from gmlang.errors import grounding as errors
from gmlang.graph.builder import Builder


def check_mechanisms(builder: Builder) -> None:
    """Check that every variable has one mechanism at most, and that they form no cycle.

    Raises:
        GmError: naming the variable and both places, or the circle.
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
    _check_cycles(builder)


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


def _check_cycles(builder: Builder) -> None:
    if not builder.edges:
        return
    parents = np.concatenate([parents for parents, _ in builder.edges])
    children = np.concatenate([children for _, children in builder.edges])
    # Almost every program declares causes before their effects, and then there is no cycle.
    if (parents < children).all():
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = builder.num_variables
    links = coo_array((np.ones(len(parents), np.int8), (parents, children)), shape=(count, count))
    found: Any = connected_components(links.tocsr(), connection="strong")
    labels: np.ndarray = found[1]
    itself = parents == children
    sizes = np.bincount(labels)
    if not itself.any() and sizes.max() == 1:
        return
    members = np.flatnonzero(sizes[labels] > 1) if not itself.any() else parents[itself][:1]
    first = labels[members[0]]
    names = [variable_name(builder, int(v)) for v in members[labels[members] == first][:6]]
    spans = [span for variables, span in builder.mechanisms if members[0] in variables]
    raise GmError([errors.directed_cycle(spans[0], [*names, names[0]])])
