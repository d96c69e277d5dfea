"""Hill climbing on a graph with factors too large for tables; it needs only their values."""

from collections.abc import Iterator

import numpy as np

from gmruntime.answer import Improvement, Map
from gmruntime.arrays import Float64
from gmruntime.budget import Budget
from gmruntime.graph import FactorGraph, log_score, num_states, table_indices
from gmruntime.task import Effort, Task

# Of forbidden factors while climbing: enough to matter more than any soft preference.
_PENALTY = -1e6

# So many states are scored before the clock is asked again.
_NUM_STATES_AT_ONCE = 1 << 20


def climb(
    task: Task[Map], effort: Effort, num_steps_max: int | None, best: float = float("-inf")
) -> Iterator[Improvement]:
    """Change one variable at a time for the better, from random starts; proves nothing.

    Args:
        task: about a graph of any factor kinds.
        effort: ends the search; starts and the order are drawn.
        num_steps_max: cap on the variables visited; None for no cap.
        best: only what scores higher is yielded.
    """
    graph, evidence = task.graph, task.evidence
    budget, rng = effort.budget, effort.rng
    states = num_states(graph)
    free = np.flatnonzero(evidence < 0)
    steps = 0
    while budget.left_s() > 0.0 and (num_steps_max is None or steps < num_steps_max):
        drawn = rng.integers(0, states, dtype=np.int32)
        assignment = np.where(evidence >= 0, evidence, drawn).astype(np.int32)
        current, moved = _penalised(graph, assignment[None, :], budget)[0], True
        while moved and budget.left_s() > 0.0:
            moved = False
            for variable in rng.permutation(free):
                steps += 1
                at_once = max(1, _NUM_STATES_AT_ONCE // max(1, len(states)))
                for first in range(0, int(states[variable]), at_once):
                    tried = np.arange(first, min(first + at_once, int(states[variable])))
                    rows = np.repeat(assignment[None, :], len(tried), axis=0)
                    rows[:, variable] = tried
                    scores = _penalised(graph, rows, budget)
                    chosen = int(np.argmax(scores))
                    if scores[chosen] > current:
                        assignment, current, moved = rows[chosen], scores[chosen], True
                    if budget.is_spent():
                        break
                if budget.left_s() <= 0.0:
                    break
        found = float(log_score(graph, assignment))
        if found > best:
            best = found
            yield Improvement(
                budget.spent_s(), assignment.copy(), found, float("inf"), "hill climbing"
            )


def _penalised(
    graph: FactorGraph, rows: np.ndarray, budget: Budget
) -> Float64[np.ndarray, " rows"]:
    """Score rows side by side; those there was no time for have -inf."""
    totals = np.zeros(len(rows))
    for block in graph.factors:
        index = table_indices(block)
        at_once = max(1, _NUM_STATES_AT_ONCE // max(1, block.scopes.size))
        for first in range(0, len(rows), at_once):
            if budget.is_spent() and first > 0:
                totals[first:] = -np.inf
                return totals
            part = rows[first : first + at_once]
            num_factors, arity = block.scopes.shape
            states = part[:, block.scopes].reshape(len(part) * num_factors, arity)
            values = block.kind.log_values(np.tile(index, len(part)), states)
            totals[first : first + at_once] += (
                np.maximum(values, _PENALTY).reshape(len(part), -1).sum(axis=1)
            )
    return totals
