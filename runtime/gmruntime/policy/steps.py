"""The answers of a search for the best states of some variables, as its steps."""

from collections.abc import Callable, Iterator

import numpy as np

from gmruntime.answer import Improvement, MarginalMap, MarginalMapAnswer
from gmruntime.arrays import Int32
from gmruntime.door.rounding import weigh, weighed_answer
from gmruntime.policy.case import begun, checked_how
from gmruntime.policy.trying import answers
from gmruntime.task import Effort, Task


def marginal_steps(
    task: Task[MarginalMap],
    effort: Effort,
    told: Callable[[MarginalMapAnswer], MarginalMapAnswer],
) -> Iterator[Improvement]:
    """Yield ever better states, and ever tighter bounds.

    Args:
        task: about a graph that is checked.
        effort: ends it.
        told: makes an answer about the graph one about the graph that was asked.
    """
    weighed = weigh(task.graph)
    about = task if weighed is None else task.about(weighed.graph, task.evidence)
    for found in answers(begun(about, effort, checked_how("", None))):
        if weighed is not None:
            found = weighed_answer(found, weighed, found.log_whole())
        assert isinstance(found, MarginalMapAnswer)
        found = told(found)
        yield Improvement(
            effort.budget.spent_s(),
            _assignment(task, found),
            found.log_lower,
            found.log_upper,
            found.quality.method,
            note=found.quality.note,
        )


def _assignment(
    task: Task[MarginalMap], found: MarginalMapAnswer
) -> Int32[np.ndarray, " variables"]:
    """Return the states asked for and observed, -1 for others; nothing where none are known."""
    asked = task.query.variables
    if len(found.states) != len(asked) or found.log_lower == -np.inf:
        return np.zeros(0, np.int32)
    assignment = np.where(task.evidence >= 0, task.evidence, -1).astype(np.int32)
    assignment[asked] = found.states
    return assignment
