"""A first answer before anything has been prepared: what each variable's own factors like best."""

import numpy as np

from gmruntime.answer import Improvement
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
    ends = np.cumsum(states, dtype=np.int64)
    start = ends - states
    scores = np.zeros(int(ends[-1]) if len(ends) else 0)
    for block in graph.factors:
        if isinstance(block.kind, Table) and block.scopes.shape[1] == 1:
            table = block.kind.log_potentials
            entries = start[block.scopes[:, 0], None] + np.arange(table.shape[1])
            np.add.at(scores, entries, table)
    assignment = np.zeros(len(states), np.int32)
    if len(states):
        best = np.repeat(np.maximum.reduceat(scores, start), states)
        places = np.flatnonzero(scores == best)[::-1]
        owner = np.repeat(np.arange(len(states)), states)[places]
        assignment[owner] = places - start[owner]
    assignment = np.where(evidence >= 0, evidence, assignment).astype(np.int32)
    score = float(log_score(graph, assignment))
    return Improvement(budget.spent_s(), assignment, score, float("inf"), "local states")
