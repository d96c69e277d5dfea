"""Hill climbing on a graph with factors too large for tables; it needs only their values."""

from collections.abc import Iterator

import numpy as np

from gmruntime.answer import Improvement
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.factors.tables import log_values
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states, table_indices

# Of forbidden factors while climbing: enough to matter more than any soft preference.
PENALTY = -1e6


def climb(
    graph: FactorGraph,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    num_steps_max: int | None,
    best: float = float("-inf"),
) -> Iterator[Improvement]:
    """Change one variable at a time for the better, from random starts; proves nothing.

    Args:
        graph: of any factor kinds.
        evidence: a state for each observed variable, -1 for the others.
        budget: ends the search.
        rng: of the starts and the order.
        num_steps_max: cap on the variables visited; None for no cap.
        best: only what scores higher is yielded.
    """
    states = num_states(graph)
    free = np.flatnonzero(evidence < 0)
    steps = 0
    while budget.left_s() > 0.0 and (num_steps_max is None or steps < num_steps_max):
        drawn = rng.integers(0, states, dtype=np.int32)
        assignment = np.where(evidence >= 0, evidence, drawn).astype(np.int32)
        current, moved = _penalised(graph, assignment[None, :])[0], True
        while moved and budget.left_s() > 0.0:
            moved = False
            for variable in rng.permutation(free):
                steps += 1
                rows = np.repeat(assignment[None, :], states[variable], axis=0)
                rows[:, variable] = np.arange(int(states[variable]))
                scores = _penalised(graph, rows)
                chosen = int(np.argmax(scores))
                if scores[chosen] > current:
                    assignment, current, moved = rows[chosen], scores[chosen], True
                if budget.left_s() <= 0.0:
                    break
        found = float(log_score(graph, assignment))
        if found > best:
            best = found
            yield Improvement(
                budget.spent_s(), assignment.copy(), found, float("inf"), "hill climbing"
            )


def _penalised(graph: FactorGraph, rows: np.ndarray) -> Float64[np.ndarray, " rows"]:
    totals = np.zeros(len(rows))
    for block in graph.factors:
        index = table_indices(block)
        for row, assignment in enumerate(rows):
            values = log_values(block.kind, index, assignment[block.scopes])
            totals[row] += np.maximum(values, PENALTY).sum()
    return totals
