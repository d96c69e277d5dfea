"""The best assignments that a search finds in its budget, and how good they are."""

from gmruntime.answer import AssignmentsAnswer, Best, Improvement, Map
from gmruntime.driver.anytime import search
from gmruntime.driver.best import best_answer
from gmruntime.driver.board import answer_of
from gmruntime.task import Effort, Task


def answer(task: Task[Map | Best], effort: Effort) -> AssignmentsAnswer:
    """Search until the budget ends and say how good the result is."""
    if isinstance(task.query, Best):
        return best_answer(task.asking(task.query), effort)
    last: Improvement | None = None
    for improvement in search(task, effort):
        last = improvement
    return answer_of(task.graph, last, effort.budget)
