"""Moves of what is free to choose, with everything that follows from it: a tabu search.

Where a rule is written over auxiliary variables, the states of a chain or conditions with names,
a change of one variable alone always breaks it. Here what follows is changed along, so the search
goes through assignments that keep every definition.

Source: Glover (1989), "Tabu search"; shift and swap moves as for generalised assignment, Yagiura,
Ibaraki and Glover (2004).
"""

from collections.abc import Iterator

import numpy as np

from gmruntime.answer import Improvement, Map
from gmruntime.arrays import Int32, Int64
from gmruntime.graph import Assignment, log_score, num_states
from gmruntime.simplify.definitions import decisions, definitions, follow
from gmruntime.task import Effort, Task

METHOD = "moves through definitions"

SHARE = 0.15
"""Of the time left, for these moves; other engines go on from where they end."""

PATIENCE = 150
"""Steps without a better assignment after which it is left to the others."""

_NUM_ROWS_MAX, NUM_STATES_MAX = 400, 1 << 18
"""Neighbours that are looked at in a step, half of them exchanges; and states of all of them."""


def improved_by_definitions(
    task: Task[Map], effort: Effort, first: Improvement
) -> Iterator[Improvement]:
    """Yield better and better assignments; nothing without one to start from, or definitions.

    Args:
        task: about a graph of any factor kinds.
        effort: of the whole search; the neighbours looked at are drawn.
        first: what is known.
    """
    if not np.isfinite(first.log_score):
        return
    graph, evidence, budget = task.graph, task.evidence, effort.budget
    try:
        defined = [d for d in definitions(graph, budget) if evidence[d.variable] < 0]
    except TimeoutError:
        return
    free = decisions(defined, evidence)
    sizes = num_states(graph)
    free = free[sizes[free] > 1]
    if not defined or not len(free):
        return
    part = budget.share(SHARE)
    here, visited = first.assignment, {first.assignment[free].tobytes()}
    waited = 0
    while waited < PATIENCE and not part.is_spent():
        rows = follow(defined, _neighbours(here, free, sizes, effort.rng))
        scores = log_score(graph, rows)
        step = _best_new(rows[:, free], scores, visited)
        if step is None:
            return
        here = rows[step]
        visited.add(here[free].tobytes())
        waited += 1
        if scores[step] > first.log_score:
            score, waited = float(scores[step]), 0
            first = Improvement(budget.spent_s(), here, score, first.log_bound, METHOD)
            yield first


def _best_new(
    choices: Int32[np.ndarray, "rows free"], scores: np.ndarray, visited: set[bytes]
) -> int | None:
    """Return the best row that was not visited; None when no other is possible."""
    for row in np.argsort(-scores, kind="stable").tolist():
        if scores[row] == -np.inf:
            return None
        if choices[row].tobytes() not in visited:
            return row
    return None


def _neighbours(
    here: Assignment,
    free: Int64[np.ndarray, " free"],
    sizes: Int32[np.ndarray, " variables"],
    rng: np.random.Generator,
) -> Int32[np.ndarray, "rows variables"]:
    """Change one variable, or exchange the states of two, in every way or in some."""
    most = max(2, min(_NUM_ROWS_MAX, NUM_STATES_MAX // len(here)))
    start = np.cumsum(sizes[free] - 1) - (sizes[free] - 1)
    ways = np.arange(int((sizes[free] - 1).sum()))
    if len(ways) > most // 2:
        ways = rng.choice(ways, most // 2, replace=False)
    place = np.searchsorted(start, ways, side="right") - 1
    variable, shift = free[place], ways - start[place] + 1
    changed = np.tile(here, (len(ways), 1))
    changed[np.arange(len(ways)), variable] = (here[variable] + shift) % sizes[variable]
    one, other = rng.choice(free, (2, most // 2))
    useful = (sizes[one] == sizes[other]) & (here[one] != here[other])
    one, other = one[useful], other[useful]
    exchanged = np.tile(here, (len(one), 1))
    rows = np.arange(len(one))
    exchanged[rows, one], exchanged[rows, other] = here[other], here[one]
    return np.concatenate([changed, exchanged])
