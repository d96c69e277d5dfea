"""An assignment that somebody proposes for a search to start from: made whole, never believed."""

import numpy as np

from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph, log_score, num_states
from gmruntime.primal.guess import first_guess
from gmruntime.simplify.definitions import Definition, decisions, definitions, follow

PROPOSED = "proposed start"

_DEFINED_SHARE = 0.02
"""Of the time that is left, for finding what follows from what."""

_CLIMB_SHARE = 0.1
"""Of the time that is left, for changing it."""

_NUM_STATES_MAX = 1 << 22
"""A graph in which all such changes take more states of factors is not climbed in."""


def better_start(
    graph: FactorGraph,
    evidence: Assignment,
    proposed: Assignment | None,
    known: Assignment | None,
    budget: Budget,
) -> Assignment | None:
    """Return the better of what is proposed and what is known already; None where neither is.

    What the evidence says stays, variables of which nothing is proposed are guessed alone, and what
    follows from others is worked out. Then one variable at a time is changed, while that is better.

    Args:
        graph: that is searched.
        evidence: a state for each observed variable, -1 for the others.
        proposed: a state for each variable, -1 where nothing is proposed; None for nothing. What
            is about another number of variables is passed over.
        known: an assignment of all variables.
        budget: tells the time.
    """
    if proposed is None or len(proposed) != graph.num_variables:
        return known
    guess = first_guess(graph, evidence, budget).assignment
    whole = np.where(evidence >= 0, evidence, np.where(proposed >= 0, proposed, guess))
    try:
        found = definitions(graph, budget.share(_DEFINED_SHARE))
        defined = [d for d in found if evidence[d.variable] < 0]
    except TimeoutError:
        # Of large tables: what is proposed then stands as it is.
        defined = []
    whole = follow(defined, whole[None].astype(np.int32))[0]
    whole = _climbed(graph, whole, evidence, defined, budget.share(_CLIMB_SHARE))
    if known is not None and log_score(graph, known) >= log_score(graph, whole):
        return known
    return whole


def _climbed(
    graph: FactorGraph,
    assignment: Assignment,
    evidence: Assignment,
    defined: list[Definition],
    budget: Budget,
) -> Assignment:
    """Change the variable that gains most, until none does or the time is over."""
    free = decisions(defined, evidence)
    sizes = num_states(graph)[free]
    variable = np.repeat(free, sizes)
    state = np.concatenate([np.arange(size) for size in sizes]) if len(free) else free
    if len(variable) * sum(block.scopes.size for block in graph.factors) > _NUM_STATES_MAX:
        return assignment
    best = float(log_score(graph, assignment))
    while len(variable) and not budget.is_spent():
        rows = np.repeat(assignment[None], len(variable), axis=0)
        rows[np.arange(len(variable)), variable] = state
        rows = follow(defined, rows)
        scores = log_score(graph, rows)
        chosen = int(np.argmax(scores))
        if not scores[chosen] > best:
            break
        assignment, best = rows[chosen], float(scores[chosen])
    return assignment
