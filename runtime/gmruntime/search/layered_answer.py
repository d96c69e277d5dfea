"""What a layered search answers, in the words of the other engines."""

from collections.abc import Iterator

import numpy as np

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map, Quality, Status
from gmruntime.budget import Budget
from gmruntime.graph import Assignment, FactorGraph
from gmruntime.search.layered import METHOD, Found, has_wide_sums, layered_search


def layered_answer(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    *,
    is_quick: bool,
) -> AssignmentsAnswer | None:
    """Answer exactly where wide sums allow that; None where not, or where there are none.

    Args:
        graph: of any factor kinds.
        query: what is asked.
        evidence: a state for each observed variable, -1 for the others.
        budget: ends the search.
        rng: of the marks that tell answers apart.
        is_quick: give up where not everything can be remembered.
    """
    last = last_found(graph, query, evidence, budget, rng, is_quick=is_quick)
    return None if last is None or not last.is_final else answer_of_found(last, query, budget)


def last_found(
    graph: FactorGraph,
    query: Map | Best,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    *,
    is_quick: bool,
) -> Found | None:
    """Return what the last pass of a search knew; None where there was none."""
    count, asked = (query.count, query.variables) if isinstance(query, Best) else (1, None)
    last: Found | None = None
    if has_wide_sums(graph):
        for last in layered_search(  # noqa: B007
            graph, evidence, budget, rng, count=count, asked=asked, is_quick=is_quick
        ):
            pass
    return last


def answer_of_found(found: Found, query: Map | Best, budget: Budget) -> AssignmentsAnswer:
    """Say what a final finding amounts to."""
    assert found.is_final
    status = Status.EXACT if len(found.log_scores) else Status.IMPOSSIBLE
    num_found = len(found.log_scores)
    wanting = isinstance(query, Best) and 0 < num_found < query.count
    note = f"there are {num_found}" if wanting else ""
    quality = Quality(status, METHOD, budget.spent_s(), note=note)
    return AssignmentsAnswer(quality, found.assignments, found.log_scores, found.log_bound)


def layered_improvements(
    graph: FactorGraph,
    evidence: Assignment,
    budget: Budget,
    rng: np.random.Generator,
    share: float,
    num_passes_max: int | None,
) -> Iterator[Improvement]:
    """Yield the best of each pass; nothing where there are no wide sums.

    Args:
        graph: of any factor kinds.
        evidence: a state for each observed variable, -1 for the others.
        budget: of the whole search.
        rng: of the search.
        share: of the time left, what this may take.
        num_passes_max: when given, passes are counted, and the clock is not asked.
    """
    if not has_wide_sums(graph):
        return
    part = budget.share(share)
    if num_passes_max is not None:
        part = budget.standing()
    nothing = np.zeros(0, np.int32)
    # A generator of its own: where there are no sums, nothing is drawn.
    passes = layered_search(graph, evidence, part, rng.spawn(1)[0])
    for num_passes, found in enumerate(passes):
        row = found.assignments[0] if len(found.log_scores) else nothing
        score = float(found.log_scores[0]) if len(found.log_scores) else float("-inf")
        yield Improvement(budget.spent_s(), row, score, found.log_bound, METHOD)
        if num_passes_max is not None and num_passes >= num_passes_max:
            return
