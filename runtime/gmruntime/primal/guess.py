"""A first answer before anything has been prepared: what each variable's own factors like best."""

import numpy as np

from gmruntime.answer import Improvement
from gmruntime.arrays import first_largest, row_starts
from gmruntime.budget import Budget
from gmruntime.factors.kinds import Table
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states


def first_guess(graph: FactorGraph, evidence: Assignment, budget: Budget) -> Improvement:
    """Choose every state alone, by the tables of one variable; nothing is proved.

    Args:
        graph: of any factor kinds.
        evidence: a state for each observed variable, -1 for the others.
        budget: tells the time.
    """
    states = num_states(graph)
    start = row_starts(states)
    scores = np.zeros(int(start[-1]))
    for block in graph.factors:
        if isinstance(block.kind, Table) and block.scopes.shape[1] == 1:
            table = block.kind.log_potentials
            entries = start[block.scopes[:, 0], None] + np.arange(table.shape[1])
            np.add.at(scores, entries, table)
    best = first_largest(scores, start)
    assignment = np.where(evidence >= 0, evidence, best).astype(np.int32)
    score = float(log_score(graph, assignment))
    return Improvement(budget.spent_s(), assignment, score, float("inf"), "local states")
