"""Variables that are functions of others, as tables say: states of chains, and what is defined.

Whoever searches for an assignment need not guess them: they follow. Changing a variable and
leaving its functions as they were breaks a rule; changing both keeps it.
"""

from dataclasses import dataclass

import numpy as np

from gmruntime.arrays import Int32, Int64, num_entries
from gmruntime.budget import UNLIMITED, Budget, within
from gmruntime.graph import Assignment, FactorBlock, FactorGraph, num_states

ENTRIES_MAX = 1 << 18
"""Of one table that is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One variable as a function of others.

    Attributes:
        variable: that follows.
        inputs: that it follows from, each of a lower index.
        states: of the variable, for each joint state of the inputs; 0 where none is allowed.
    """

    variable: int
    inputs: tuple[int, ...]
    states: Int64[np.ndarray, "*inputs"]


def definitions(graph: FactorGraph, budget: Budget = UNLIMITED) -> list[Definition]:
    """List the variables that follow from ones of lower index, in ascending order.

    What follows in two ways is listed once. Written parts of a program come after what they are
    functions of, so nothing is missed by looking at the last variable of each factor only.

    Raises:
        TimeoutError: when the budget ended first.

    >>> from gmruntime.factors.kinds import Table
    >>> from gmruntime.graph import VariableBlock
    >>> equal = Table(np.where(np.eye(2), 0.0, -np.inf)[None])
    >>> block = FactorBlock(equal, np.array([[0, 1]], np.int32))
    >>> [d.variable for d in definitions(FactorGraph((VariableBlock("x", (2,), 2),), (block,)))]
    [1]
    """
    sizes = num_states(graph)
    found: dict[int, Definition] = {}
    for block in graph.factors:
        if block.scopes.shape[0] and block.scopes.shape[1] > 1:
            budget.check()
            for definition in _of_block(block, sizes, budget):
                found.setdefault(definition.variable, definition)
    return [found[v] for v in sorted(found)]


def _of_block(
    block: FactorBlock, sizes: Int32[np.ndarray, " variables"], budget: Budget
) -> list[Definition]:
    shape = [int(n) for n in sizes[block.scopes[0]]]
    if num_entries(shape) > ENTRIES_MAX:
        return []
    allowed = block.kind.log_tables(shape) > -np.inf
    last = block.scopes.argmax(axis=1)
    found: list[Definition] = []
    for axis in np.unique(last).tolist():
        # One state at most wherever the others are.
        counts = allowed.sum(axis=1 + axis).reshape(len(allowed), -1)
        is_function = (counts <= 1).all(axis=1)
        if shape[axis] == 1 or not is_function.any():
            continue
        states = np.asarray(allowed.argmax(axis=1 + axis))
        for f in within(np.flatnonzero((last == axis) & is_function).tolist(), budget):
            scope = block.scopes[f].tolist()
            inputs = tuple(v for k, v in enumerate(scope) if k != axis)
            found.append(Definition(scope[axis], inputs, states[f if len(allowed) > 1 else 0]))
    return found


def follow(
    defined: list[Definition], assignments: Int32[np.ndarray, "rows variables"]
) -> Int32[np.ndarray, "rows variables"]:
    """Return the assignments with every defined variable as it follows from the others."""
    columns = np.ascontiguousarray(assignments.T)
    for definition in defined:
        columns[definition.variable] = definition.states[
            tuple(columns[v] for v in definition.inputs)
        ]
    return np.ascontiguousarray(columns.T)


def decisions(defined: list[Definition], assignment: Assignment) -> Int64[np.ndarray, " free"]:
    """List the variables that are free and follow from no others."""
    free = assignment < 0
    free[[definition.variable for definition in defined]] = False
    return np.flatnonzero(free)
