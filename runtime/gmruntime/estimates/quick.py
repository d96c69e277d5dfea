"""Messages that answer at once: exact where they come to rest, and narrow where tables are wide."""

from gmruntime.answer import Answer, LogPartition, Marginals, Query, Status
from gmruntime.factors.kinds import AllDifferent
from gmruntime.factors.kinds.all_different import NUM_EXACT_VALUES_MAX
from gmruntime.graph import num_states
from gmruntime.task import Effort, Task

NUM_FACTORS_QUICK = 10_000
"""What goes through all factors in Python is quick up to here."""


def quick_by_messages(task: Task[Query], effort: Effort) -> Answer | None:
    """Answer at once where messages are exact and tables are wide; None anywhere else.

    An all-different factor has short messages and, written as tables, joins all its variables.
    """
    if not is_quick(task, effort):
        return None
    from gmruntime.messages.answer import answer

    found = answer(task, effort)
    return found if found.quality.status is Status.EXACT else None


def is_quick(task: Task[Query], effort: Effort) -> bool:
    """Say whether messages that come to rest are exact, and tables would be wide."""
    if not isinstance(task.query, LogPartition | Marginals):
        return False
    graph = task.graph
    kinds = [block for block in graph.factors if isinstance(block.kind, AllDifferent)]
    if not kinds:
        return False
    states = num_states(graph)
    wide = [
        block
        for block in kinds
        if block.scopes.shape[1] > 2
        and len(block.scopes)
        and states[block.scopes[0, 0]] > NUM_EXACT_VALUES_MAX
    ]
    if not wide or graph.num_factors > NUM_FACTORS_QUICK:
        return False
    from gmruntime.messages.answer import layout_for

    return layout_for(graph, 1.0, effort).is_exact
