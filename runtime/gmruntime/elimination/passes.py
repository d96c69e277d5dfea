"""What the answers to all questions share: the pass to the roots, and the record of quality."""

import numpy as np

from gmruntime.answer import Quality, Status
from gmruntime.budget import Budget
from gmruntime.elimination.plan import Plan
from gmruntime.elimination.tree import Tree, Upward, pass_upward

METHOD = "elimination"


def quality(status: Status, budget: Budget, note: str = "") -> Quality:
    """Return the quality of an answer found now."""
    return Quality(status, METHOD, budget.spent_s(), note=note)


def everywhere(tree: Tree, value: bool) -> np.ndarray:
    """Return one flag for each clique of the tree."""
    return np.full(len(tree.scopes), value)


def run_upward(
    found: Plan, tree: Tree, is_max: np.ndarray, budget: Budget, *, in_logs: bool
) -> Upward:
    """Run the pass compiled when that was planned; in logs with NumPy when digits were lost.

    Raises:
        TimeoutError: when the budget ended first.
    """
    assert found.network is not None
    assert found.order is not None
    if found.compiled and found.network.log_constant > -np.inf:
        from gmruntime.elimination.compiled import pass_upward_compiled

        quick = pass_upward_compiled(found.network, found.order, is_max, budget, in_logs=in_logs)
        if quick is not None:
            return quick
        check_time(budget)
    return pass_upward(tree, is_max)


def check_time(budget: Budget) -> None:
    """Give up, with a TimeoutError for `answer` to catch, when the budget is spent."""
    if budget.left_s() <= 0:
        raise TimeoutError
